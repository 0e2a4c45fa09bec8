"""The catalogue: all claims, checked against the texts and against what protocols can estimate."""

from __future__ import annotations

import json
import re
import tomllib
from importlib.resources import files
from typing import get_args

import pytest

from assaykit.errors import EvidenceError, Faults
from assaykit.evidence import claims_schema, read_catalogues, read_claims
from assaykit.evidence.claims import Family
from assaykit.treatment import read_drugs
from assaykit.vocabulary import CONTEXTS

CLAIMS = read_claims()
BY_ID = {claim.id: claim for claim in CLAIMS}
TESTABLE = [claim for claim in CLAIMS if claim.testable]

OWN = """
assaykit = 1
[[claim]]
id = "LAB-1"
review = "EN"
statement = "Plerixafor lowers the CXCR4 stain."
kind = "empirical"
family = "cxcr4"
sign = -1
printed = -1
papers = ["jin2008"]
[[claim.test]]
endpoints = ["cxcr4_dmfi"]
kind = "treatment"
treatment = ["plerixafor"]
"""


def written(tmp_path, text):
    path = tmp_path / "my.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_catalogue_holds_the_81_claims_of_both_reviews_in_order():
    assert [claim.id for claim in CLAIMS] == [f"EN-{i:02}" for i in range(1, 41)] + [f"ES-{i:02}" for i in range(1, 42)]


def test_every_claim_is_testable_or_says_in_one_sentence_why_not():
    for claim in CLAIMS:
        assert bool(claim.tests) != bool(claim.untestable), claim.id
        if claim.untestable:
            assert claim.untestable.endswith("."), claim.id
            assert ". " not in claim.untestable, claim.id
    assert len(TESTABLE) == 42


def test_no_claim_is_said_to_be_proved():
    for claim in CLAIMS:
        assert not re.search(r"\bprove[sdn]?\b", claim.statement), claim.id


def test_every_line_number_lies_within_its_review(corpus):
    lengths = {
        "EN": len((corpus / "reviews" / "000_9b4141e59488b9eb.txt").read_text(encoding="utf-8").splitlines()),
        "ES": len((corpus / "reviews" / "001_bd5de012352aaf4b.txt").read_text(encoding="utf-8").splitlines()),
    }
    for claim in CLAIMS:
        numbers = [int(number) for number in re.findall(r"\d+", claim.lines.replace("figure 1", ""))]
        assert numbers, claim.id
        assert max(numbers) <= lengths[claim.review], claim.id


def test_statements_are_our_own_words_and_no_sentence_of_a_review(corpus):
    texts = " ".join(path.read_text(encoding="utf-8") for path in sorted((corpus / "reviews").glob("*.txt")))
    plain = re.sub(r"\W+", " ", texts).lower()
    for claim in CLAIMS:
        words = re.sub(r"\W+", " ", claim.statement).lower().split()
        runs = [" ".join(words[i : i + 7]) for i in range(len(words) - 6)]
        assert not [run for run in runs if run in plain], claim.id


def test_the_catalogue_covers_the_working_list_and_its_signs(corpus):
    """Signs of the working list are of its contrasts; where ours differ, the claim's own test turns the sign."""
    listed = json.loads((corpus / "evidence" / "claims.json").read_text(encoding="utf-8"))["claims"]
    assert {claim["id"] for claim in listed} == set(BY_ID)
    for entry in listed:
        if entry["contrast"] and BY_ID[entry["id"]].tests:
            ours = BY_ID[entry["id"]]
            assert entry["contrast"]["sign"] == ours.expected(ours.tests[0]), entry["id"]


def test_the_claim_whose_print_is_reversed_keeps_both_signs():
    claim = BY_ID["ES-35"]
    assert (claim.expected(claim.tests[0]), claim.printed_for(claim.tests[0])) == (-1, 1)
    assert claim.standing == "mis-stated"


@pytest.mark.parametrize("name", ["EN-05", "ES-30", "EN-03", "ES-35", "EN-29", "EN-31", "ES-17", "ES-34"])
def test_every_known_conflict_is_told_beside_the_claim(name):
    assert BY_ID[name].conflict


def test_the_two_reviews_share_a_paper_and_it_is_named_as_one_source():
    assert BY_ID["EN-10"].source == BY_ID["ES-32"].source == "Jin et al. 2008, Mol Cancer Ther 7:48-58"


def test_dasatinib_is_compared_with_imatinib_for_migration_and_with_vehicle_for_cxcr4():
    assert BY_ID["EN-28"].tests[0].comparator == ("imatinib",)
    assert BY_ID["EN-31"].tests[0].comparator == ()


def test_every_context_and_drug_a_test_names_is_one_the_study_knows():
    drugs = read_drugs()
    for claim in TESTABLE:
        for test in claim.tests:
            assert set(test.contexts) <= set(CONTEXTS), claim.id
            assert test.kind in get_args(Family)
            for slot in (*test.treatment, *test.comparator, *test.prefer):
                assert slot.startswith("class:") or drugs.find(slot), f"{claim.id}: {slot}"


def test_claims_that_need_companion_arms_name_them():
    needs = {need.key for need in BY_ID["EN-17"].tests[0].needs}
    assert needs == {"tki_kills_alone", "stroma_protects", "antagonist_alone_mono", "antagonist_alone_stroma"}


def test_a_lab_reads_a_catalogue_of_its_own_beside_ours(tmp_path):
    claims = read_catalogues([written(tmp_path, OWN)])
    assert len(claims) == 82
    assert claims[-1].source.startswith("Jin")


def test_an_id_used_twice_is_refused(tmp_path):
    with pytest.raises(EvidenceError, match="id of its own; found EN-01 twice"):
        read_catalogues([written(tmp_path, OWN.replace("LAB-1", "EN-01"))])


@pytest.mark.parametrize(
    ("wrong", "right", "message"),
    [
        ("statment =", "statement =", "'statment'. Try: 'statement', the nearest known"),
        ("endpoint = [", "endpoints = [", "'endpoint'. Try: 'endpoints', the nearest known"),
        ('kind = "empircal"', 'kind = "empirical"', "'empircal'"),
        ('papers = ["jin2009"]', 'papers = ["jin2008"]', "'jin2009'. Try: 'jin2008', the nearest known"),
        ("sign = 2", "sign = -1", "claim LAB-1, sign"),
        ('cells = "leukaemia"', 'kind = "empirical"', "claim LAB-1, cells"),
        ("assaykit = 2", "assaykit = 1", "assaykit = 1; found 2"),
        ('review = "FR"', 'review = "EN"', "must be declared in [reviews]; found 'FR'"),
        ('family = ""', 'family = "cxcr4"', "must name the `family`"),
        ('kind = "interaction"', 'kind = "treatment"', "`against`"),
        ('kind = "custom"', 'kind = "treatment"', "must name its `contrast`"),
    ],
)  # fmt: skip
def test_a_slip_in_a_catalogue_is_refused_with_its_place(tmp_path, wrong, right, message):
    with pytest.raises((EvidenceError, Faults)) as caught:
        read_claims(written(tmp_path, OWN.replace(right, wrong)))
    assert message in str(caught.value)


def test_two_slips_are_told_in_one_pass(tmp_path):
    text = OWN.replace("statement =", "statment =").replace("endpoints =", "endpoint =")
    with pytest.raises(Faults) as caught:
        read_claims(written(tmp_path, text))
    assert len(caught.value.errors) == 4  # two unknown keys, two keys missing


def test_a_claim_with_neither_test_nor_reason_is_refused(tmp_path):
    text = OWN[: OWN.index("[[claim.test]]")]
    with pytest.raises(EvidenceError, match="either a `test` or a sentence"):
        read_claims(written(tmp_path, text))


def test_a_catalogue_that_is_not_there_or_not_toml_is_refused(tmp_path):
    with pytest.raises(EvidenceError, match="must exist"):
        read_claims(tmp_path / "none.toml")
    with pytest.raises(EvidenceError, match="must follow TOML"):
        read_claims(written(tmp_path, "id = = 1"))
    with pytest.raises(EvidenceError, match=r"at least one \[\[claim\]\]"):
        read_claims(written(tmp_path, "assaykit = 1"))


def test_the_schema_knows_every_key_of_the_catalogue_and_no_other():
    schema = claims_schema()
    document = tomllib.loads(files("assaykit.evidence").joinpath("claims.toml").read_text(encoding="utf-8"))
    definitions = schema["$defs"]
    assert set(document) <= set(schema["properties"])
    used = {"Claim": document["claim"], "Paper": document["papers"].values(), "Need": document["needs"].values()}
    used["Test"] = [test for claim in document["claim"] for test in claim.get("test", ())]
    for name, entries in used.items():
        known, required = definitions[name]["properties"], definitions[name]["required"]
        assert definitions[name]["additionalProperties"] is False
        for entry in entries:
            assert set(entry) <= set(known), (name, entry)
            assert set(required) <= set(entry), (name, entry)
    assert definitions["Claim"]["properties"]["papers"]["items"] == {"type": "string"}

"""Comparison: every claim gets a row; the contrast read is chosen by design, never by result."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from evidence.evidence_worlds import (
    ANALYSES,
    DA,
    DRUGS,
    IM,
    NI,
    SIM,
    P,
    World,
    additive,
    apoptosis,
    at,
    cxcr4,
    estimates,
    measurements,
    migration,
    reversal,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from assaykit.errors import EvidenceError
from assaykit.evidence import VERDICTS, compare, count_papers, papers, read_catalogues, read_claims
from assaykit.evidence.estimates import lab_estimates
from assaykit.evidence.matching import _in_range as in_range
from assaykit.line import LineCatalogue
from assaykit.pipeline import run
from assaykit.protocol import Analysis, protocol_names, read_protocol
from assaykit.stats import estimate
from assaykit.study import Reference, read_study
from assaykit.tables import COMPARISONS, ESTIMATES, MEASUREMENTS, check, frame_from_rows
from assaykit.treatment import Catalogue, Dose, read_drugs

CLAIMS = read_claims()


def compared(world: World, *, claims=CLAIMS, seed: int = 1, drop=None, **words):
    frame = measurements(world, seed)
    table = estimates(frame)
    if drop is not None:
        table = table[~drop(table)]
    return compare(table, claims, measurements=frame, **words).set_index("claim")


def world(truth, **words) -> World:
    return World("test", truth, (), "", **words)


WHOLE = world({**cxcr4(1.0, 0.9), **reversal(40.0), **migration(10.0, 4.0, 1.0, 4.0)})
FRAME_OF_WHOLE = measurements(WHOLE, 1)
ESTIMATES_OF_WHOLE = estimates(FRAME_OF_WHOLE)
SAMPLE = Path(__file__).parents[2] / "sample_data" / "cml_niche" / "study.toml"


def test_every_claim_has_a_row_and_an_empty_study_says_what_is_missing():
    table = compare(frame_from_rows([], ESTIMATES), CLAIMS, measurements=frame_from_rows([], MEASUREMENTS))
    check(table, COMPARISONS)
    assert len(table) == 81
    assert set(table["verdict"]) == {"not testable"}
    assert (table["reason"].str.len() > 10).all()
    reasons = table.set_index("claim")["reason"]
    assert reasons["EN-10"] == "Surface CXCR4 (cxcr4_dmfi or cxcr4_receptors) was not measured here."
    assert reasons["EN-29"] == "A trial result in patients."


def test_the_whole_example_gives_the_verdicts_its_truth_deserves():
    table = compared(WHOLE)
    for claim in ("EN-04", "EN-07", "EN-08", "EN-10", "EN-17", "EN-28", "EN-31", "ES-32", "ES-34"):
        assert table.loc[claim, "verdict"] == "consistent", claim
    assert tuple(table.loc["ES-35", ["verdict", "printed_verdict"]]) == ("consistent", "contradicts")
    assert tuple(table.loc["ES-35", ["expected_sign", "printed_sign"]]) == (-1, 1)


def test_a_claim_on_co_culture_is_not_tested_without_msc():
    table = compared(world(at("cxcr4_dmfi", {"vehicle": 300, IM: 600})))
    assert table.loc["ES-32", "verdict"] == "consistent"
    assert table.loc["EN-10", "verdict"] == "not testable"
    assert table.loc["EN-10", "reason"] == (
        "Imatinib was not measured in contact with MSC or co-culture with MSC across a membrane."
    )


def test_a_second_choice_of_context_is_said():
    truth = {**at("apoptosis", {"vehicle": 5, IM: 40}), **at("apoptosis", {"vehicle": 5, IM: 12}, "msc_transwell")}
    reason = compared(world(truth)).loc["EN-08", "reason"]
    assert "read in co-culture with MSC across a membrane, as there is none in contact with MSC" in reason


def test_a_contrast_the_protocol_asks_the_other_way_round_is_turned():
    """Stats asks imatinib - dasatinib, in order of name; EN-28 claims dasatinib - imatinib."""
    row = compared(WHOLE).loc["EN-28"]
    assert row["contrast"] == f"{DA} - {IM}"
    assert row["effect"] < 1
    assert row["effect_low"] < row["effect"] < row["effect_high"]


def test_the_highest_dose_within_the_drugs_range_is_read_whatever_it_shows():
    doses = {"vehicle": 300, "imatinib 0.1 uM": 300, "imatinib 3 uM": 250, "imatinib 50 uM": 900}
    row = compared(world(at("cxcr4_dmfi", doses), noise=0.05)).loc["ES-32"]
    assert row["contrast"] == "imatinib 3 uM - vehicle"
    assert row["verdict"] in {"contradicts", "inconclusive", "no effect"}
    assert "at other doses, drugs, contexts or assays: 1 consistent and 1" in row["reason"]


def test_a_dose_with_more_units_goes_before_a_higher_one():
    frame = measurements(world(at("cxcr4_dmfi", {"vehicle": 300, "imatinib 1 uM": 600, "imatinib 3 uM": 600})), 1)
    few = (frame["treatment"] == "imatinib 3 uM") & ~frame["unit_id"].isin(["e0", "e1", "e2"])
    frame = frame[~few].reset_index(drop=True)
    row = compare(estimates(frame), CLAIMS, measurements=frame).set_index("claim").loc["ES-32"]
    assert row["contrast"] == "imatinib 1 uM - vehicle"


def test_a_class_of_drugs_is_read_in_the_claims_order_of_preference():
    truth = apoptosis({"vehicle": 5, DA: 50, NI: 40}, {"vehicle": 5, DA: 12, NI: 12})
    assert compared(world(truth)).loc["ES-07", "contrast"] == f"{NI} - vehicle"


def test_doses_must_match_on_both_sides_of_a_combination():
    arms = {"vehicle": 5.0, IM: 40.0, "imatinib 3 uM + plerixafor 10 uM": 40.0, P: 5.0}
    row = compared(world(apoptosis(arms, arms))).loc["EN-17"]
    assert row["verdict"] == "not testable"


@pytest.mark.parametrize(
    ("missing", "context", "said"),
    [
        (P, "mono", "the CXCR4 antagonist alone, without stroma"),
        (P, "msc_contact", "the CXCR4 antagonist alone, with stroma"),
    ],
)
def test_reversal_without_the_antagonist_alone_is_not_testable_and_names_the_arm(missing, context, said):
    truth = {key: value for key, value in reversal(40.0).items() if key[1:] != (missing, context)}
    row = compared(world(truth)).loc["EN-17"]
    assert row["verdict"] == "not testable"
    assert said in row["reason"]


def test_reversal_where_stroma_does_not_protect_is_not_interpretable():
    row = compared(world(reversal(40.0, imatinib_on_msc=40.0), units=12, noise=0.05)).loc["EN-17"]
    assert row["verdict"] == "not interpretable"
    assert (
        "It asks that stroma protects from the TKI, and imatinib 1 uM in contact with MSC shows that" in row["reason"]
    )


def test_a_condition_that_is_not_significant_is_told_and_refuses_nothing():
    """Reading a claim only where protection is significant in the same arms would select for chance."""
    row = compared(world(reversal(30.0, imatinib_on_msc=25.0), units=3, noise=0.5)).loc["EN-17"]
    assert row["verdict"] in {"consistent", "inconclusive"}
    assert (
        "it presupposes that stroma protects from the TKI, which imatinib 1 uM does not clearly show" in row["reason"]
    )


def test_killing_by_the_antagonist_itself_is_no_sensitisation():
    """18 % die of plerixafor alone on stroma: 31 % under both are additive, whatever the TKI's own interaction says."""
    row = compared(world(additive(), units=5, noise=0.1)).loc["EN-17"]
    assert row["verdict"] in {"contradicts", "inconclusive"}
    assert row["contrast"] == "imatinib 1 uM + plerixafor 10 uM beyond each alone"
    odds = {"mono": 0.0}
    for context, (vehicle, alone, drug, both) in {"mono": (5, 5, 40, 40), "msc_contact": (5, 18, 20, 31)}.items():
        logit = {p: np.log(p / (100 - p)) for p in (vehicle, alone, drug, both)}
        odds[context] = logit[both] - logit[drug] - logit[alone] + logit[vehicle]
    assert row["effect"] == pytest.approx(np.exp(odds["msc_contact"] - odds["mono"]), rel=0.35)  # noise of 5 units


def test_claims_mean_vehicle_by_vehicle_whatever_the_studys_reference_is():
    frame = measurements(world(migration(9.0, 3.0, 3.0, 9.0), units=6, noise=0.05), 1)
    tables = [estimate(frame, "assay", one, reference=Reference(IM), seed=1)[0] for one in ANALYSES["migration_cxcl12"]]
    study = SimpleNamespace(
        reference=Reference(IM), catalogue=DRUGS, unit="experiment", primary_claims=(), lines=LineCatalogue()
    )
    table = compare(pd.concat(tables), CLAIMS, measurements=frame, study=study).set_index("claim")
    assert (table.loc["EN-07", "verdict"], table.loc["EN-07", "contrast"]) == ("consistent", f"{IM} - vehicle")
    assert (table.loc["ES-35", "verdict"], table.loc["ES-35", "contrast"]) == ("no effect", f"{P} - vehicle")


def test_untreated_wells_stand_for_vehicle_only_where_there_is_none():
    frame = measurements(world(cxcr4(1.0, 0.9)), 1).replace({"treatment": {"vehicle": "untreated"}})
    tables = [
        estimate(frame, "assay", one, reference=Reference("untreated"), seed=1)[0] for one in ANALYSES["cxcr4_dmfi"]
    ]
    study = SimpleNamespace(
        reference=Reference("untreated"), catalogue=DRUGS, unit="experiment", primary_claims=(), lines=LineCatalogue()
    )
    table = compare(pd.concat(tables), CLAIMS, measurements=frame, study=study).set_index("claim")
    assert (table.loc["ES-32", "verdict"], table.loc["ES-32", "contrast"]) == ("consistent", f"{IM} - untreated")


def test_conditioned_medium_is_held_against_medium_as_old_where_that_was_measured():
    contexts = {"mono": 40.0, "msc_medium": 20.0, "plain_medium": 20.0}
    truth = {("apoptosis", t, c): v for c, kill in contexts.items() for t, v in (("vehicle", 5.0), (IM, kill))}
    row = compared(world(truth, units=12, noise=0.02)).loc["EN-08"]
    assert row["verdict"] != "consistent"
    assert (row["context"], row["comparator_context"]) == ("msc_medium", "plain_medium")


@pytest.mark.parametrize(
    ("base", "drug", "verdict"),
    [
        (3.0, 4.5, "inconclusive"),  # odds x1.52, but 1.5 points
        (50.0, 56.0, "inconclusive"),  # 6 points may matter, odds x1.27 do not
        (50.0, 51.0, "no effect"),  # small in both
        (5.0, 40.0, "consistent"),
    ],
)
def test_an_effect_matters_where_it_is_large_in_points_and_in_odds(base, drug, verdict):
    row = compared(world(apoptosis({"vehicle": base, IM: drug}, {}), units=12, noise=0.005)).loc["EN-04"]
    assert row["verdict"] == verdict, row["reason"]


def test_two_units_carry_their_caution_in_the_sentence():
    row = compared(world(cxcr4(1.0, 0.9), units=2, noise=0.02)).loc["ES-32"]
    assert "with two units the interval rests on one degree of freedom: take it as a hint" in row["reason"]


def test_a_measurement_in_doubt_makes_its_contrast_not_interpretable(tmp_path):
    path = tmp_path / "my.toml"
    path.write_text(
        'assaykit = 1\n[[claim]]\nid = "LAB-1"\nreview = "EN"\nstatement = "Plerixafor lowers CXCR4."\n'
        'kind = "empirical"\nfamily = "cxcr4"\nsign = -1\nprinted = -1\n'
        '[[claim.test]]\nendpoints = ["cxcr4_dmfi"]\nkind = "treatment"\ntreatment = ["plerixafor"]\n',
        encoding="utf-8",
    )
    doubt = "plerixafor and clone 12G5 compete for one region of CXCR4"
    truth = at("cxcr4_dmfi", {"vehicle": 300, P: 100, IM: 600})
    one = world(truth, doubts={("cxcr4_dmfi", P, "mono"): doubt})
    table = compared(one, claims=read_catalogues([path]))
    assert table.loc["LAB-1", "verdict"] == "not interpretable"
    assert table.loc["LAB-1", "reason"] == "Plerixafor and clone 12G5 compete for one region of CXCR4."
    assert table.loc["LAB-1", "effect"] < 1  # the number is shown, and not judged
    assert table.loc["ES-32", "verdict"] == "consistent"


def test_doubt_in_measurements_is_seen_even_where_estimates_keep_silent():
    frame = measurements(world(cxcr4(1.0, 0.9)), 1)
    silent = estimates(frame)
    frame.loc[frame["treatment"] == IM, ["qc", "reason"]] = ["not_interpretable", "gate on debris"]
    row = compare(silent, CLAIMS, measurements=frame).set_index("claim").loc["ES-32"]
    assert (row["verdict"], row["reason"]) == ("not interpretable", "Gate on debris.")


@pytest.mark.parametrize(
    ("lines", "claim", "verdict"),
    [
        (["K562"], "ES-32", "consistent"),
        (["our own CML line"], "ES-32", "not testable"),
        (["Jurkat"], "ES-32", "not testable"),
        (["KG1a"], "ES-32", "not testable"),
        (["HL-60"], "ES-32", "not testable"),
        (["KBM5-STI"], "ES-32", "not testable"),
        (["K562", "HL60"], "ES-32", "not testable"),
        (["SUP-B15"], "ES-32", "not testable"),
        (["SUP-B15"], "EN-32", "consistent"),
        (["K562"], "EN-32", "not testable"),
    ],
)
def test_a_claim_is_judged_in_the_cells_it_is_about(lines, claim, verdict):
    frame = measurements(world(cxcr4(1.0, 0.9)), 1)
    frame["line"] = np.resize(lines, len(frame))
    row = compare(estimates(frame), CLAIMS, measurements=frame).set_index("claim").loc[claim]
    assert row["verdict"] == verdict, row["reason"]


def test_claims_on_one_contrast_count_once_in_holms_adjustment():
    """EN-13, EN-17, EN-18 and ES-34 ask one contrast: their family has one hypothesis, so p is not multiplied."""
    table = compared(WHOLE)
    for claim in ("EN-13", "EN-17", "EN-18", "ES-34"):
        assert table.loc[claim, "p_adjusted"] == table.loc[claim, "p_value"]


def test_primary_claims_form_a_family_of_their_own_and_must_hold_after_adjustment():
    truth = at("cxcr4_dmfi", {"vehicle": 300, IM: 300 * 2**0.45, DA: 300 * 2**0.45})
    found = None
    for seed in range(200):  # a seed whose raw p is below, and adjusted p above, 5 %
        table = compared(world(truth), seed=seed, primary=("ES-32", "EN-31"))
        row = table.loc["ES-32"]
        if row["p_value"] < 0.05 < row["p_adjusted"]:
            found = row
            break
    assert found is not None
    assert found["verdict"] == "inconclusive"
    assert "not after adjustment among the primary claims" in found["reason"]
    assert bool(found["primary"])


def test_an_unknown_primary_claim_is_refused():
    with pytest.raises(EvidenceError, match="must be in a catalogue; found EN-99"):
        compared(WHOLE, primary=("EN-99",))


def test_a_custom_contrast_is_found_by_its_name():
    frame = measurements(world(migration(10.0, 4.0, 1.0, 4.0)), 1)
    contrast = {"name": "bcr_abl_positive - bcr_abl_negative", "treatment": P, "comparator": "vehicle"}
    analysis = Analysis(name="x", endpoint="migration_cxcl12", scale="log", families=(), contrasts=(contrast,))
    table = estimate(frame, "assay", analysis, reference=Reference(), seed=1)[0]
    assert compare(table, CLAIMS, measurements=frame).set_index("claim").loc["EN-05", "verdict"] == "consistent"


def test_arms_without_the_contrast_say_that_the_protocol_does_not_ask_for_it():
    row = compared(WHOLE, drop=lambda table: table["kind"] == "pairwise").loc["EN-28"]
    assert row["reason"] == (
        "The arms are there, but the protocol asks for no pairwise contrast of migration_cxcl12 between them."
    )


def test_one_unit_is_too_few_and_the_reason_says_so():
    row = compared(world(cxcr4(1.0, 0.9), units=1)).loc["ES-32"]
    assert row["verdict"] == "not testable"
    assert "an interval needs at least 2" in row["reason"]


def test_the_first_test_of_a_claim_goes_before_its_second():
    truth = apoptosis({"vehicle": 5, IM: 40, DA: 42}, {"vehicle": 5, IM: 12, DA: 14})
    assert compared(world(truth)).loc["EN-27", "endpoint"] == "spi"
    row = compared(world(truth), drop=lambda table: table["endpoint"] == "spi").loc["EN-27"]
    assert row["endpoint"] == "apoptosis"
    assert row["expected_sign"] == 1  # more of dasatinib's killing survives, on this scale
    assert "another contrast than the claim's first choice" in row["reason"]


def test_papers_are_counted_and_not_reviews():
    table = compared(WHOLE).reset_index()
    found = papers(table).set_index("source")
    jin = found.loc["Jin et al. 2008, Mol Cancer Ther 7:48-58"]
    assert jin["reviews"] == "EN, ES"
    assert {"EN-10", "ES-32"} <= set(jin["claims"].split(", "))
    assert sum(count_papers(table).values()) == len(found)
    assert len(found) < table["verdict"].isin(["consistent", "contradicts", "no effect", "inconclusive"]).sum()


def test_companions_of_a_claim_are_told_beside_its_verdict():
    rescued = f"{IM} + mevalonate 100 uM + {SIM}"
    truth = at("migration_cxcl12", {"vehicle": 3, IM: 9, f"{IM} + {SIM}": 4, rescued: 9})
    kills = at("apoptosis", {"vehicle": 5, IM: 40, f"{IM} + {SIM}": 41})
    row = compared(world({**truth, **kills}, noise=0.1)).loc["EN-36"]
    assert row["verdict"] == "consistent"
    assert "shows that mevalonate restores migration" in row["reason"]
    assert "does not show that the statin kills cells" in row["reason"]
    reason = compared(WHOLE).loc["EN-13", "reason"]
    assert "shows that imatinib raises surface CXCR4" in reason
    assert "shows that imatinib raises migration" in reason


def test_a_second_assay_that_says_otherwise_is_told_beside_the_first():
    up, down = (measurements(world(at("cxcr4_dmfi", {"vehicle": 300, IM: v}), noise=0.1), 1) for v in (600, 150))
    tables = [estimates(up), estimates(down).assign(assay="second")]
    frame = pd.concat([up, down.assign(assay="second")], ignore_index=True)
    row = compare(pd.concat(tables, ignore_index=True), CLAIMS, measurements=frame).set_index("claim").loc["ES-32"]
    assert row["verdict"] == "consistent"
    assert row["reason"].endswith("at other doses, drugs, contexts or assays: 1 contradicts.")


def test_conflicts_stand_beside_the_verdicts():
    table = compared(WHOLE)
    assert "Fei 2010" in table.loc["EN-31", "conflict"]
    assert "mobilisation" in table.loc["ES-35", "conflict"]


def test_the_order_of_rows_in_estimates_does_not_matter():
    frame = measurements(WHOLE, 1)
    table = estimates(frame)
    shuffled = table.sample(frac=1, random_state=3).reset_index(drop=True)
    one, other = (compare(each, CLAIMS, measurements=frame) for each in (table, shuffled))
    assert one.equals(other)


@settings(max_examples=25, deadline=None)
@given(st.randoms(use_true_random=False), st.floats(0, 1))
def test_whatever_part_of_a_study_is_there_every_claim_gets_a_verdict_and_a_reason(chance, share):
    table = ESTIMATES_OF_WHOLE[[chance.random() < share for _ in range(len(ESTIMATES_OF_WHOLE))]]
    frame = FRAME_OF_WHOLE[[chance.random() < share for _ in range(len(FRAME_OF_WHOLE))]]
    found = compare(table, CLAIMS, measurements=frame)
    assert list(found["claim"]) == [claim.id for claim in CLAIMS]
    assert set(found["verdict"]) <= set(VERDICTS)
    assert found["reason"].str.endswith(".").all()
    read = found[found["verdict"].isin(["consistent", "contradicts", "no effect", "inconclusive"])]
    assert read["effect"].notna().all()
    assert (read["effect_low"] <= read["effect"]).all()


def test_every_testable_claim_maps_onto_a_contrast_a_shipped_protocol_estimates():
    """Adhesion is an endpoint any protocol may declare; custom contrasts are named in a lab's own protocol."""
    asked = {
        (analysis.endpoint, family)
        for name in protocol_names()
        for analysis in read_protocol(name).analyses
        for family in (*analysis.families, "custom")
    }
    for claim in CLAIMS:
        for test in claim.tests:
            wanted = {(endpoint, test.kind) for endpoint in test.endpoints}
            assert wanted & asked, claim.id


def test_the_sample_study_gives_the_verdicts_its_truth_was_built_for():
    """Evidence notes, end of section D; EN-17 and EN-31 are weak by design there and only must not contradict."""
    found = run(read_study(SAMPLE)).tables["comparisons"].set_index("claim")
    for claim in ("EN-01", "EN-04", "EN-07", "EN-08", "EN-10", "EN-11", "EN-28", "ES-32", "ES-33"):
        assert found.loc[claim, "verdict"] == "consistent", claim
    assert tuple(found.loc["ES-35", ["verdict", "printed_verdict"]]) == ("consistent", "contradicts")
    assert set(found.loc[["EN-17", "EN-31"], "verdict"]) <= {"consistent", "inconclusive"}
    assert found.loc["EN-27", "verdict"] in {"inconclusive", "no effect"}
    assert set(found.loc[["EN-29", "EN-32", "EN-33", "ES-03"], "verdict"]) == {"not testable"}


@pytest.mark.parametrize(
    ("drug", "amount", "unit", "inside"),
    [
        ("imatinib", 100.0, "nM", True),  # the catalogue's range of imatinib is 0.1 uM to 5 uM, both included
        ("imatinib", 5.0, "uM", True),
        ("imatinib", 99.0, "nM", False),
        ("imatinib", 5.1, "uM", False),
        ("a drug of a lab's own", 1.0, "M", True),
        ("rangeless", 1.0, "M", True),
    ],
)
def test_a_dose_is_in_range_up_to_the_ends_and_where_no_range_is_known(drug, amount, unit, inside):
    known = read_drugs()
    drugs = Catalogue((*known.drugs, known["imatinib"].model_copy(update={"name": "rangeless", "range": None})))
    assert in_range(Dose(drug, amount, unit), drugs) == inside


def test_an_estimate_without_units_needed_has_none():
    row = {"endpoint": "y", "contrast": "a - b", "context": "mono", "scale": "identity", "kind": "treatment"}
    table = frame_from_rows([row | {"units_needed": None}, row | {"units_needed": 7}], ESTIMATES)
    assert [each.units_needed for each in lab_estimates(table, drugs=read_drugs()).estimates] == [None, 7]

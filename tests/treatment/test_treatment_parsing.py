"""Treatments as people write them, and the one text each has."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assaykit.errors import TreatmentError
from assaykit.treatment import Dose, Treatment, implausible_doses, parse_treatment, read_drugs
from assaykit.treatment.units import UNITS

DRUGS = read_drugs()
DOSED = [drug for drug in DRUGS.drugs if drug.dosed]


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("imatinib 1 uM + plerixafor 10 uM", "imatinib 1 uM + plerixafor 10 uM"),
        ("plerixafor 10 uM + imatinib 1 uM", "imatinib 1 uM + plerixafor 10 uM"),
        ("STI571 1000nM+AMD3100 10µM", "imatinib 1 uM + plerixafor 10 uM"),
        ("1 μM imatinib and 0.01 mmol/L plerixafor", "imatinib 1 uM + plerixafor 10 uM"),
        ("BMS-354825 1e-8 M", "dasatinib 10 nM"),
        ("Imatinib (0,5 µM)", "imatinib 500 nM"),
        ("imatinib 0.4936 ug/mL", "imatinib 1 uM"),  # 493.6 g/mol
        ("imatinib mesylate 0.58971 mg/L", "imatinib 1 uM"),  # 589.71 g/mol: the salt weighs more
        ("CXCL12 7.9590 nM", "CXCL12 63.3457 ng/mL"),  # proteins are counted by mass: 7959 g/mol
        ("IFN-α 1 kIU/ml", "interferon alfa-2b 1000 U/mL"),
        ("imatinib 1,5 uM", "imatinib 1.5 uM"),
        ("imatinib 5,0 uM", "imatinib 5 uM"),
        ("imatinib 0,125 uM", "imatinib 125 nM"),
        ("imatinib 1 000 nM", "imatinib 1 uM"),
        ("imatinib 1\u2009000 nM + plerixafor 10\u202f000 nM", "imatinib 1 uM + plerixafor 10 uM"),
        ("imatinib 1'000 nM", "imatinib 1 uM"),
        ("1’000 nM imatinib", "imatinib 1 uM"),
        ("imatinib 1,000,000 pM", "imatinib 1 uM"),
        ("imatinib 1,234.5 nM", "imatinib 1.2345 uM"),
        ("imatinib 1.2340 uM", "imatinib 1.2340 uM"),  # never three decimals: 1.234 could be 1234
        ("SDF 1 100 ng/mL", "CXCL12 100 ng/mL"),  # a number of the name is no thousand
        ("AMD 3100 10 uM", "plerixafor 10 uM"),
        ("vehicle", "vehicle"),
        ("DMSO 0.1 %", "vehicle"),
        ("vehicle + plerixafor 10 uM", "plerixafor 10 uM"),
        ("imatinib 0 uM", "vehicle"),
        ("untreated", "untreated"),
    ],
)
def test_what_people_write_has_one_canonical_text(written, canonical):
    assert str(parse_treatment(written, DRUGS)) == canonical


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("imatinib 1,000 nM", "which is 1000 nM or 1 nM. Try: write 1000 nM, or 1.0000 nM if it is a decimal."),
        ("nilotinib 1.000 nM", "which is 1000 nM or 1 nM"),
        ("plerixafor 10,000 nM", "which is 10000 nM or 10 nM"),
        ("imatinib 3.125 uM", "which is 3125 uM or 3.125 uM"),
        ("vehicle + imatinib (1,000nM)", "which is 1000 nM or 1 nM"),
        ("1.000 nM imatinib", "which is 1000 nM or 1 nM"),
    ],
)
def test_a_dose_that_is_a_thousandfold_another_is_refused_with_both(written, said):
    with pytest.raises(TreatmentError, match="a dose must be a number read one way") as refused:
        parse_treatment(written, DRUGS)
    assert said in str(refused.value)


def test_a_decimal_sign_that_other_doses_show_settles_a_dilution_series_but_no_round_number():
    assert str(parse_treatment("imatinib 3.125 uM", DRUGS, decimal=".")) == "imatinib 3.1250 uM"
    for written, sign in (("imatinib 3,125 uM", "."), ("imatinib 1.000 uM", ".")):
        with pytest.raises(TreatmentError, match="read one way"):
            parse_treatment(written, DRUGS, decimal=sign)


def test_a_thousand_nanomolar_is_one_micromolar():
    assert parse_treatment("imatinib 1000 nM", DRUGS) == parse_treatment("imatinib 1 uM", DRUGS)


amounts = st.decimals(min_value="0.001", max_value="999999", places=3).filter(lambda amount: amount > 0)


@given(
    st.lists(
        st.tuples(st.sampled_from(DOSED), amounts, st.sampled_from(sorted(set(UNITS) - {"%"}))),
        min_size=1,
        max_size=3,
        unique_by=lambda part: part[0].name,
    )
)
def test_the_canonical_text_of_a_treatment_is_read_back_as_the_same_treatment(parts):
    text = " + ".join(f"{drug.name} {amount}0 {unit}" for drug, amount, unit in parts)  # four decimals: read one way
    treatment = parse_treatment(text, DRUGS)
    assert parse_treatment(str(treatment), DRUGS) == treatment
    assert str(parse_treatment(str(treatment), DRUGS)) == str(treatment)


@given(st.sampled_from(DOSED), st.data())
def test_every_name_of_a_drug_means_it_in_any_case_and_order(drug, data):
    name = data.draw(st.sampled_from(drug.names))
    shown = data.draw(st.sampled_from([name, name.upper(), name.lower(), name.replace("-", " ")]))
    low = drug.range[0]
    assert parse_treatment(f"{shown} {low}", DRUGS).drugs == (drug.name,)
    assert parse_treatment(f"{low} {shown}", DRUGS).drugs == (drug.name,)


@given(st.text(max_size=40))
def test_any_text_is_a_treatment_that_reads_back_or_a_plain_refusal(text):
    try:
        treatment = parse_treatment(text, DRUGS)
    except TreatmentError:
        return  # refused, and by no other error
    assert parse_treatment(str(treatment), DRUGS) == treatment


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("1000 uM imatinib", ("1000 uM imatinib: nM meant? 0.1 uM to 5 uM are used in culture.",)),
        ("imatinib 501 uM", ("501 uM imatinib: nM meant? 0.1 uM to 5 uM are used in culture.",)),
        ("imatinib 500 uM", ()),  # a hundred times the highest dose, and not beyond
        ("imatinib 0.9 nM", ("0.9 nM imatinib: uM meant? 0.1 uM to 5 uM are used in culture.",)),
        ("dasatinib 100 uM", ("100 uM dasatinib: nM meant? 1 nM to 150 nM are used in culture.",)),
        ("imatinib 1 uM + dasatinib 10 mM", ("10 mM dasatinib: nM meant? 1 nM to 150 nM are used in culture.",)),
        ("vehicle", ()),
        ("untreated", ()),
    ],
)
def test_a_dose_a_hundredfold_outside_its_range_is_doubted(written, said):
    assert implausible_doses(written, DRUGS) == said


def test_a_treatment_shows_its_doses():
    assert str(Treatment((Dose("imatinib", 1.0, "uM"),))) == "imatinib 1 uM"
    assert str(Treatment()) == "vehicle"

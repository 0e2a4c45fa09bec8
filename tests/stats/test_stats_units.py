"""Contrasts of any number of arms, from means per unit: within units, between units, and what stops them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from assaykit.protocol.model import Analysis, ContrastSpec
from assaykit.stats.units import Contrast, ContrastResult, place_text
from assaykit.stats.units.confounding import confounding, confounding_findings
from assaykit.stats.units.families import contrasts_of
from assaykit.stats.units.findings import unusual_units
from assaykit.stats.units.unit_level import UnitMeans, contrast_of_units
from assaykit.study import Reference

NAN = math.nan
VEHICLE, TKI, PLERIXAFOR, BOTH = "vehicle", "imatinib 1 uM", "plerixafor 10 uM", "imatinib 1 uM + plerixafor 10 uM"
IMATINIB = Contrast.between(TKI, VEHICLE, "mono", kind="treatment")
REVERSAL = Contrast.between(BOTH, TKI, "msc_contact", "mono", kind="interaction")


def means(**cells):
    """Return unit means by `treatment_context` keyword, e.g. V_mono=[1, 2]."""
    names = {"V": VEHICLE, "I": TKI, "P": PLERIXAFOR, "IP": BOTH}
    contexts = {"mono": "mono", "msc": "msc_contact", "medium": "msc_medium"}
    values = {}
    for key, numbers in cells.items():
        treatment, context = key.split("_")
        values[names[treatment], contexts[context]] = np.array(numbers, float)
    units = tuple(f"E{i + 1}" for i in range(len(next(iter(values.values())))))
    wells = {cell: np.isfinite(each).astype(int) * 3 for cell, each in values.items()}
    return UnitMeans(units, values, wells, dict.fromkeys(values, ""))


def test_a_treatment_is_the_paired_difference_of_unit_means():
    found = contrast_of_units(IMATINIB, means(V_mono=[1, 2, 4], I_mono=[3, 3, 7]))
    # differences 2, 1, 3: mean 2, SD 1
    assert (found.estimate, found.std_error, found.df) == pytest.approx((2.0, 1 / math.sqrt(3), 2.0))
    assert (found.n_units, found.units) == (3, ("E1", "E2", "E3"))
    assert (found.residual_sd, found.unit_sd) == pytest.approx((1 / math.sqrt(2), math.sqrt(10 / 3)))


def test_two_units_are_enough_for_a_paired_t_and_one_is_not():
    contrast = IMATINIB
    two = contrast_of_units(contrast, means(V_mono=[1, 2, NAN], I_mono=[2, 5, 9]))
    assert (two.estimate, two.df, two.n_units) == (2.0, 1.0, 2)  # differences 1 and 3
    one = contrast_of_units(contrast, means(V_mono=[1, NAN, NAN], I_mono=[2, 5, 9]))
    assert not one.estimated
    assert one.reason == "not estimable: 1 unit with every arm; an interval needs at least 2"


def test_a_three_way_difference_of_differences_takes_off_what_the_antagonist_does_alone():
    """(BOTH - TKI - PLERIXAFOR + VEHICLE) with MSC less the same without: eight arms, one number per unit."""
    arms = ((BOTH, 1.0), (TKI, -1.0), (PLERIXAFOR, -1.0), (VEHICLE, 1.0))
    weights = tuple(((t, c), w * s) for c, s in (("msc_contact", 1.0), ("mono", -1.0)) for t, w in arms)
    three_way = Contrast("reversal beyond plerixafor", "custom", weights, context="msc_contact")
    table = means(
        IP_msc=[30, 34, 33], I_msc=[10, 12, 11], P_msc=[18, 20, 19], V_msc=[5, 6, 5],
        IP_mono=[40, 41, 45], I_mono=[38, 39, 40], P_mono=[6, 7, 6], V_mono=[5, 5, 4],
    )  # fmt: skip
    found = contrast_of_units(three_way, table)
    # with MSC 7, 8, 8; without 1, 0, 3; so 6, 8, 5
    assert (found.estimate, found.n_units, found.df) == (pytest.approx(19 / 3), 3, 2.0)
    assert found.std_error == pytest.approx(np.std([6, 8, 5], ddof=1) / math.sqrt(3))
    assert [len(side) for side in three_way.sides] == [4, 4]


def test_an_interaction_without_a_unit_in_both_contexts_compares_the_differences_between_units():
    table = means(
        IP_msc=[30, 34, 35, NAN, NAN, NAN], I_msc=[10, 12, 11, NAN, NAN, NAN],
        IP_mono=[NAN, NAN, NAN, 40, 42, 43], I_mono=[NAN, NAN, NAN, 38, 39, 41],
    )  # fmt: skip
    found = contrast_of_units(REVERSAL, table)
    expected = stats.ttest_ind([20, 22, 24], [2, 3, 2], equal_var=False)
    assert (found.statistic, found.df, found.p_value) == pytest.approx(
        (expected.statistic, expected.df, expected.pvalue)
    )
    assert (found.n_units, found.method) == (6, "unpaired unit means (Welch t): no unit has both arms")


def test_an_interaction_is_asked_only_of_drugs_measured_in_both_contexts():
    analysis = Analysis(name="a", endpoint="y", families=("interaction",))
    cells = [(VEHICLE, "mono"), (VEHICLE, "msc_contact"), (TKI, "mono"), (TKI, "msc_contact"), (BOTH, "msc_contact")]
    assert [c.name for c in contrasts_of(cells, analysis, Reference())] == [f"{TKI} - {VEHICLE}"]


def test_an_interaction_without_its_base_arm_says_which_is_missing():
    found = contrast_of_units(REVERSAL, means(IP_msc=[30, 34], I_msc=[10, 12], IP_mono=[40, 42]))
    assert found.reason == f"not estimable: no values for {TKI} in mono"


def test_units_that_do_not_differ_have_an_estimate_and_no_test():
    found = contrast_of_units(IMATINIB, means(V_mono=[1, 2, 4], I_mono=[2, 3, 5]))
    assert (found.estimate, found.reason) == (1.0, "no test: the units do not differ at all")
    assert math.isnan(found.p_value)


def test_a_level_is_one_arm_against_zero():
    found = contrast_of_units(Contrast.between(VEHICLE, "", "mono", kind="level"), means(V_mono=[1, 2, 3]))
    assert (found.estimate, found.unit_sd, found.method) == (2.0, 1.0, "unit means (one-sample t, df = units - 1)")


@given(st.lists(st.floats(-5, 5).map(lambda x: round(x, 2)), min_size=12, max_size=12))
@settings(max_examples=50, deadline=None)
def test_the_interaction_is_the_difference_of_its_two_simple_contrasts(numbers):
    a, b, c, d = np.array(numbers).reshape(4, 3)
    table = means(IP_msc=a, I_msc=b, IP_mono=c, I_mono=d)
    here, base = (
        contrast_of_units(Contrast.between(BOTH, TKI, context, kind="pairwise"), table).estimate
        for context in ("msc_contact", "mono")
    )
    # sums of numbers below 10 with two decimals
    assert contrast_of_units(REVERSAL, table).estimate == pytest.approx(here - base, abs=1e-12)


def test_an_arm_is_held_against_those_of_the_other_sign_in_its_own_context():
    table = means(IP_msc=[1, NAN], I_msc=[NAN, 2], IP_mono=[1, 2], I_mono=[2, 4])
    (mixed,) = confounding(REVERSAL, table, {})
    assert mixed.why.startswith(f"no unit holds both {BOTH} in msc_contact and {TKI} in msc_contact")
    assert confounding(Contrast.between(VEHICLE, "", "mono", kind="level"), means(V_mono=[1, 2]), {}) == []


@pytest.mark.parametrize(
    ("plates", "check"),  # plate of the drug, then of vehicle, in E1 and E2
    [
        ((("P1", "P1"), ("P2", "P2")), ""),
        ((("P1", "P9"), ("P2", "P2")), "arms_partly_apart"),
        ((("P1", "P9"), ("P2", "P8")), "arms_apart"),
    ],
)
def test_arms_on_plates_of_their_own_are_confounded_in_every_unit_and_in_doubt_in_some(plates, check):
    levels = {
        (f"E{unit}", (treatment, "mono")): {plate}
        for unit, pair in enumerate(plates, start=1)
        for treatment, plate in zip((TKI, VEHICLE), pair, strict=True)
    }
    mixed = confounding(IMATINIB, means(I_mono=[1, 2], V_mono=[1, 3]), {"plate": levels})
    assert [each.check for each in mixed] == ([check] if check else [])
    assert [bool(each.doubt) for each in mixed] == ([check == "arms_partly_apart"] if check else [])
    if check == "arms_apart":
        assert "were never on the same plate (2 of 2 units)" in mixed[0].why
        (finding,) = confounding_findings([REVERSAL, IMATINIB], [[], mixed], "dead cells")
        assert finding.message.startswith(f"analysis dead cells: {IMATINIB.name} (mono): {TKI} in mono and vehicle in")


@pytest.mark.parametrize(("apart", "check"), [(2, ["arms_partly_apart"]), (1, [])])
def test_contexts_on_plates_of_their_own_are_a_doubt_only_where_every_unit_has_them_so(apart, check):
    contrast = Contrast.between(TKI, TKI, "msc_contact", "mono", kind="context")
    levels = {
        (f"E{unit}", (TKI, context)): {f"P{unit}" + ("b" if unit <= apart and context == "mono" else "a")}
        for unit in (1, 2)
        for context in ("msc_contact", "mono")
    }
    mixed = confounding(contrast, means(I_msc=[1, 2], I_mono=[1, 3]), {"plate": levels})
    assert [each.check for each in mixed] == check


def test_medium_is_compared_with_the_reference_context_and_with_its_own_control():
    cells = [(VEHICLE, context) for context in ("mono", "msc_medium", "plain_medium")]
    analysis = Analysis(name="a", endpoint="y", families=("context",))
    pairs = [(c.context, c.comparator_context) for c in contrasts_of(cells, analysis, Reference())]
    assert pairs == [("msc_medium", "mono"), ("plain_medium", "mono"), ("msc_medium", "plain_medium")]


def test_medium_has_its_own_control_also_where_nothing_else_was_measured():
    cells = [(VEHICLE, "msc_medium"), (VEHICLE, "plain_medium")]
    analysis = Analysis(name="a", endpoint="y", families=("context",))
    pairs = [(c.context, c.comparator_context) for c in contrasts_of(cells, analysis, Reference())]
    assert ("msc_medium", "plain_medium") in pairs


def test_the_mean_of_two_drugs_against_vehicle_has_two_sides():
    mean_of_drugs = (((TKI, "mono"), 0.5), ((PLERIXAFOR, "mono"), 0.5), ((VEHICLE, "mono"), -1.0))
    contrast = Contrast("either drug - vehicle", "custom", mean_of_drugs, context="mono")
    assert [len(side) for side in contrast.sides] == [2, 1]
    found = contrast_of_units(contrast, means(I_mono=[4, 6, 8], P_mono=[2, 2, 3], V_mono=[1, 2, 2]))
    # units 2, 2, 3.5
    assert (found.estimate, found.method[:6]) == (2.5, "linear")


def test_three_contexts_have_no_one_variance_within_units():
    weights = (((TKI, "msc_contact"), 1.0), ((TKI, "msc_medium"), -0.5), ((TKI, "mono"), -0.5))
    contrast = Contrast("contact beyond the others", "custom", weights)
    found = contrast_of_units(contrast, means(I_msc=[4, 6, 9], I_medium=[2, 2, 2], I_mono=[2, 4, 4]))
    assert (found.estimate, found.df) == (pytest.approx(11 / 3), 2.0)  # units 2, 3, 6
    assert math.isnan(found.residual_sd)


def test_a_combination_is_compared_with_its_parts_and_never_the_other_way_round():
    analysis = Analysis(name="a", endpoint="y", families=("pairwise",))
    cells = [(treatment, "mono") for treatment in (BOTH, PLERIXAFOR, TKI, VEHICLE)]
    found = [contrast.name for contrast in contrasts_of(cells, analysis, Reference())]
    assert found == [f"{PLERIXAFOR} - {TKI}", f"{BOTH} - {TKI}", f"{BOTH} - {PLERIXAFOR}"]


def test_a_sensitisation_weighs_eight_arms_of_drugs_that_were_all_given_in_both_contexts():
    analysis = Analysis(name="a", endpoint="y", families=("sensitisation",))
    arms = (VEHICLE, TKI, PLERIXAFOR, BOTH)
    cells = [(treatment, context) for treatment in arms for context in ("mono", "msc_contact")]
    (contrast,) = contrasts_of(cells, analysis, Reference())
    signs = dict(zip(arms, (1.0, -1.0, -1.0, 1.0), strict=True))
    assert dict(contrast.weights) == {
        (treatment, context): sign * (1.0 if context == "msc_contact" else -1.0)
        for treatment, sign in signs.items()
        for context in ("mono", "msc_contact")
    }
    for arm in arms:  # without any of them in the base context there is nothing to take off
        assert contrasts_of([cell for cell in cells if cell != (arm, "mono")], analysis, Reference()) == ()


def test_a_named_contrast_keeps_its_name_and_needs_no_family():
    places = {"context": "msc_contact", "comparator_context": "mono"}
    spec = ContrastSpec(name="reversal", treatment=BOTH, comparator=TKI, **places)
    analysis = Analysis(name="a", endpoint="y", families=(), contrasts=(spec,))
    (contrast,) = contrasts_of([(VEHICLE, "mono")], analysis, Reference())
    assert (contrast.name, contrast.kind, contrast.weights) == ("reversal", "custom", REVERSAL.weights)


@pytest.mark.parametrize(
    ("contrast", "place"),
    [
        (Contrast.between(TKI, VEHICLE, "mono", kind="treatment"), "mono"),
        (Contrast.between(TKI, VEHICLE, "msc_contact", "mono", kind="interaction"), "msc_contact - mono"),
        (Contrast.between(TKI, TKI, "msc_contact", "mono", kind="context"), "msc_contact"),
    ],
)
def test_both_contexts_are_named_only_where_the_name_does_not_say_them(contrast, place):
    assert contrast.place == place
    row = {"treatment": contrast.treatment, "comparator": contrast.comparator, "context": contrast.context}
    assert place_text(row | {"comparator_context": contrast.comparator_context}) == place


def test_one_unit_far_from_the_others_is_named_with_its_number():
    contrast = IMATINIB
    table = means(V_mono=[0, 0, 0, 0, 0], I_mono=[1.0, 1.1, 0.9, 1.05, 4.0])
    (finding,) = unusual_units(table, [contrast], unit="unit_id")
    assert "unit E5 gives 4, the other 4 lie between 0.9 and 1.1" in finding.message
    assert unusual_units(means(V_mono=[0] * 5, I_mono=[1.0, 1.1, 0.9, 1.05, 1.2]), [contrast], unit="unit_id") == []


@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_limits_reach_as_far_as_the_level_asks(level):
    found = ContrastResult.by_t(1.0, 0.5, 4.0, n_units=5, method="t", level=level)
    expected = stats.t.interval(level, 4, loc=1.0, scale=0.5)
    assert (found.conf_low, found.conf_high) == pytest.approx(expected)
    assert found.contrast_sd == pytest.approx(0.5 * math.sqrt(5))

"""Tests of one or two arms against R (12_basic), exact enumeration and their own laws."""

from __future__ import annotations

import json
from itertools import permutations, product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaykit.errors import DesignError
from assaykit.stats.units import (
    ContrastResult,
    equivalence_p,
    hedges_g,
    hedges_g_paired,
    one_sample_t,
    paired_t,
    student_t,
    tost,
    welch_t,
)
from assaykit.stats.units.ranks import friedman, midranks, wilcoxon_signed_rank
from assaykit.stats.units.repeated_measures import greenhouse_geisser, rm_anova

REFERENCE = Path(__file__).parents[1] / "reference"
R = json.loads((REFERENCE / "12_basic.json").read_text())["models"]
TIGHT = 1e-8  # what the reference asks for; R printed 12 digits

values = st.lists(st.floats(-50, 50).map(lambda x: round(x, 3)), min_size=3, max_size=8, unique=True)


@pytest.fixture(scope="module")
def sleep():
    frame = pd.read_csv(REFERENCE / "12_sleep.csv")
    return tuple(frame.extra[frame.drug == drug].to_numpy() for drug in (2, 1))


@pytest.mark.parametrize(
    ("test", "name"), [(welch_t, "sleep_welch"), (student_t, "sleep_student"), (paired_t, "sleep_paired")]
)
def test_t_tests_agree_with_r(sleep, test, name):
    found, truth = test(*sleep), R[name]
    for ours, theirs in (("estimate", "estimate"), ("statistic", "statistic"), ("df", "df"), ("p_value", "p")):
        assert getattr(found, ours) == pytest.approx(truth[theirs], rel=TIGHT)
    assert (found.conf_low, found.conf_high) == pytest.approx((truth["lo"], truth["hi"]), rel=TIGHT)


@pytest.mark.parametrize(("test", "name"), [(paired_t, "tost_paired"), (welch_t, "tost_welch")])
def test_equivalence_agrees_with_r(sleep, test, name):
    truth = R[name]
    found = tost(test(*sleep), *truth["bounds"])
    assert (found.p_lower, found.p_upper) == pytest.approx((truth["p_lower"], truth["p_upper"]), rel=TIGHT)
    assert (found.conf_low, found.conf_high) == pytest.approx(truth["ci90"], rel=TIGHT)
    assert found.p_value == pytest.approx(truth["p"], rel=TIGHT)


def test_equivalence_needs_a_bound_and_an_error_however_small():
    found = ContrastResult.by_t(0.0, 0.1, 4.0, n_units=5, method="t")
    assert equivalence_p(found, 0.2776) == pytest.approx(0.025, abs=1e-4)  # 2.776 errors: t(4) at 97.5 %
    assert np.isnan(equivalence_p(found, None))
    assert np.isnan(equivalence_p(ContrastResult.by_t(0.0, 0.0, 4.0, n_units=5, method="t"), 0.3))


def test_equivalence_holds_exactly_when_the_interval_lies_inside_the_bounds(sleep):
    found = tost(paired_t(*sleep), 0.0, 2.3)
    assert found.equivalent == (found.conf_low > 0.0 and found.conf_high < 2.3)


def test_hedges_g_has_the_exact_correction_and_a_noncentral_t_interval(sleep):
    found, truth = hedges_g(*sleep), R["smd"]
    assert found.g == pytest.approx(truth["hedges_g"], rel=TIGHT)
    assert found.correction == pytest.approx(truth["J_exact"], rel=TIGHT)
    assert (found.conf_low, found.conf_high) == pytest.approx(truth["g_ci_noncentral_t"], rel=TIGHT)
    assert hedges_g_paired(*sleep).d == pytest.approx(truth["cohen_dz"], rel=TIGHT)


def test_the_exact_signed_rank_test_counts_every_sign_pattern_also_with_ties():
    differences = np.array([1.0, -1.0, 2.0, 2.0, 3.5, -0.5])
    ranks = midranks(np.abs(differences))
    seen = ranks[differences > 0].sum()
    sums = [sum(r for r, s in zip(ranks, signs, strict=True) if s) for signs in product((0, 1), repeat=6)]
    extreme = min(seen, ranks.sum() - seen)
    brute = 2 * np.mean([total <= extreme for total in sums])
    assert wilcoxon_signed_rank(differences).p_value == pytest.approx(brute)


def test_an_effect_far_beyond_the_spread_still_has_an_interval():
    found = hedges_g_paired([2.1, 2.2, 2.3], [1.0, 1.2, 0.9])
    assert found.d == pytest.approx(7 / 6 / np.std([1.1, 1.0, 1.4], ddof=1))
    assert 0 < found.d_low < found.d < found.d_high


def test_five_units_cannot_reach_five_percent_by_signed_ranks_and_the_result_says_so():
    found = wilcoxon_signed_rank([1.0, 2.0, 3.0, 4.0, 5.0])
    assert found.smallest_p == found.p_value == 0.0625


def test_exact_friedman_counts_every_arrangement():
    table = np.array([[1.0, 2.0, 4.0], [0.5, 3.0, 2.0], [1.0, 5.0, 6.0]])
    ranks = np.array([midranks(row) for row in table])
    spread = np.sum((ranks.sum(axis=0) - 6) ** 2)
    rows = list(permutations((1, 2, 3)))
    spreads = [np.sum((np.sum(rows_of, axis=0) - 6) ** 2) for rows_of in product(rows, repeat=3)]
    found = friedman(table)
    assert found.p_value == pytest.approx(np.mean(np.array(spreads) >= spread))
    assert found.method == "Friedman, exact"


def test_friedman_with_many_units_uses_the_chi_square():
    assert friedman(np.random.default_rng(1).normal(size=(40, 7))).method == "Friedman, chi-square"


def test_two_conditions_make_the_rm_anova_a_paired_t():
    rng = np.random.default_rng(3)
    table = rng.normal(size=(5, 2))
    anova, t = rm_anova(table), paired_t(table[:, 0], table[:, 1])
    assert anova.statistic == pytest.approx(t.statistic**2)
    assert (anova.p_value, anova.epsilon_gg) == pytest.approx((t.p_value, 1.0))


def test_the_rm_anova_is_the_two_way_decomposition():
    table = np.array([[3.0, 5.0, 6.0], [2.0, 4.0, 7.0], [4.0, 4.0, 8.0], [1.0, 5.0, 5.0]])
    found = rm_anova(table)
    # by hand: sums of squares 43 in all, 32 between conditions, 13/3 between units, so 20/3 left on 6 df
    assert found.statistic == pytest.approx((32 / 2) / ((20 / 3) / 6), rel=1e-12)
    assert 0.5 <= found.epsilon_gg <= found.epsilon_hf <= 1
    assert found.p_value <= found.p_hf <= found.p_gg


def test_equal_variances_of_all_differences_have_epsilon_one():
    # columns orthogonal and of equal length after centring: every difference has the same variance
    table = np.array([[1.0, 1.0, 1.0], [1.0, -1.0, -1.0], [-1.0, 1.0, -1.0], [-1.0, -1.0, 1.0]])
    assert greenhouse_geisser(table) == pytest.approx(1.0)


@pytest.mark.parametrize(
    "call",
    [
        lambda: paired_t([1.0, 2.0], [1.0, 2.0, 3.0]),
        lambda: paired_t([1.0, 2.0], [0.0, 1.0]),
        lambda: welch_t([1.0], [1.0, 2.0]),
        lambda: one_sample_t([1.0, float("nan"), 2.0]),
        lambda: rm_anova([[1.0, 2.0], [np.nan, 3.0]]),
        lambda: wilcoxon_signed_rank([0.0, 0.0]),
        lambda: tost(paired_t([1.0, 2.0, 4.0], [0.0, 0.0, 0.0]), 1.0, -1.0),
    ],
)
def test_what_a_test_cannot_use_is_refused_with_a_sentence(call):
    with pytest.raises(DesignError, match="must"):
        call()


@given(values)
@settings(deadline=None, max_examples=50)
def test_swapping_the_arms_turns_the_difference_around(units):
    other = [unit / 2 + index for index, unit in enumerate(units)]
    there, back = paired_t(units, other), paired_t(other, units)
    assert there.estimate == pytest.approx(-back.estimate)
    assert (there.p_value, there.conf_low) == pytest.approx((back.p_value, -back.conf_high))


@given(values, st.floats(-100, 100), st.floats(0.1, 10))
@settings(deadline=None, max_examples=50)
def test_adding_a_constant_changes_nothing_and_a_factor_scales_the_estimate(units, shift, factor):
    other = [unit / 2 + index for index, unit in enumerate(units)]
    plain = paired_t(units, other)
    moved = paired_t([factor * (u + shift) for u in units], [factor * (o + shift) for o in other])
    assert moved.estimate == pytest.approx(factor * plain.estimate, rel=1e-6, abs=1e-6)
    assert moved.p_value == pytest.approx(plain.p_value, rel=1e-6, abs=1e-9)


@given(st.permutations(range(6)))
@settings(deadline=None, max_examples=30)
def test_the_order_of_units_does_not_matter(order):
    one, two = np.array([1.0, 4.0, 2.0, 8.0, 5.0, 7.0]), np.array([0.5, 3.0, 2.5, 6.0, 5.5, 4.0])
    shuffled = paired_t(one[order], two[order])
    assert shuffled.p_value == pytest.approx(paired_t(one, two).p_value)
    assert wilcoxon_signed_rank(one[order], two[order]) == wilcoxon_signed_rank(one, two)

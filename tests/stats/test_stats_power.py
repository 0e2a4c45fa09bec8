"""Power by formula against R and against simulation."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from assaykit.errors import DesignError
from assaykit.stats.units import equivalence_power, paired_power, units_needed

R = json.loads((Path(__file__).parents[1] / "reference" / "12_basic.json").read_text())["models"]["power"]
LOOSE = 1e-4  # R's power.t.test stops its root search there, and counts one tail


def test_paired_power_agrees_with_r():
    truth = R["t_paired_power"]
    assert paired_power(truth["n"], truth["delta"], truth["sd_diff"]) == pytest.approx(truth["power"], rel=LOOSE)


@pytest.mark.parametrize(("n", "effect"), [(3, 1.0), (5, 0.8), (8, 0.5), (4, 0.0)])
def test_formula_and_simulated_experiments_agree_within_monte_carlo_error(n, effect):
    differences = np.random.default_rng(n).normal(effect, 0.6, size=(20_000, n))
    share = np.mean(stats.ttest_1samp(differences, 0.0, axis=1).pvalue < 0.05)
    # four standard errors of a share of 20,000: a seed in 16,000 lies beyond
    assert abs(share - paired_power(n, effect, 0.6)) < 4 * np.sqrt(0.25 / 20_000)


@pytest.mark.parametrize(("n", "bound"), [(6, 1.5), (13, 1.0), (20, 0.7)])
def test_the_power_to_show_no_effect_agrees_with_simulated_experiments(n, bound):
    differences = np.random.default_rng(n).normal(0.0, 1.0, size=(20_000, n))
    above = stats.ttest_1samp(differences, -bound, axis=1, alternative="greater").pvalue
    below = stats.ttest_1samp(differences, bound, axis=1, alternative="less").pvalue
    share = np.mean(np.maximum(above, below) < 0.05)
    assert abs(share - equivalence_power(n, bound, 1.0)) < 4 * np.sqrt(0.25 / 20_000)


@pytest.mark.parametrize(("n", "d"), [(2, 0.0), (3, 1.0), (5, 0.8), (8, 2.0), (100, 0.3)])
def test_power_is_that_of_statsmodels_where_it_gives_a_number(n, d):
    from statsmodels.stats.power import TTestPower

    assert paired_power(n, d, 1.0) == pytest.approx(TTestPower().power(d, n, 0.05), rel=1e-12)


def test_where_power_is_near_one_statsmodels_gives_no_number_and_we_do():
    """The reason power is by hand; where this goes red, statsmodels can take over."""
    from statsmodels.stats.power import TTestPower

    assert np.isnan(TTestPower().power(10.0, 3, 0.05))
    assert paired_power(3, 10.0, 1.0) == pytest.approx(1.0, abs=1e-6)
    with pytest.warns(Warning, match="Failed to converge"):
        assert np.isnan(TTestPower().solve_power(effect_size=30.0, power=0.8, alpha=0.05))
    assert units_needed(30.0, 1.0) == 2


def test_without_an_effect_power_is_alpha():
    assert paired_power(4, 0.0, 1.0) == pytest.approx(0.05)


@given(st.floats(0.2, 5.0), st.floats(0.1, 2.0))
@settings(deadline=None, max_examples=40)
def test_the_units_needed_reach_the_power_and_one_fewer_does_not(effect, sd):
    n = units_needed(effect, sd)
    assert paired_power(n, effect, sd) >= 0.8 - 1e-9
    assert n == 2 or paired_power(n - 1, effect, sd) < 0.8


@given(st.floats(0.2, 5.0), st.floats(0.1, 2.0), st.sampled_from([0.25, 8.0]))
@settings(deadline=None, max_examples=40)
def test_the_units_needed_do_not_depend_on_the_scale_nor_on_the_sign(effect, sd, factor):
    assert units_needed(-factor * effect, factor * sd) == units_needed(effect, sd)  # powers of 2 lose no digit


def test_the_units_needed_are_those_a_reader_finds_in_a_table_of_paired_t():
    """n for 80 % power at 5 %, two-sided: G*Power 3.1 gives 34, 15, 10, 6 and 5 for d = 0.5, 0.8, 1, 1.5 and 2."""
    assert [units_needed(d, 1.0) for d in (0.5, 0.8, 1.0, 1.5, 2.0)] == [34, 15, 10, 6, 5]


def test_power_depends_on_effect_and_sd_by_their_ratio_alone():
    assert equivalence_power(11, 0.5, 0.5) == pytest.approx(equivalence_power(11, 1.0, 1.0), rel=1e-12)
    assert paired_power(5, 0.6, 0.35) == pytest.approx(paired_power(5, 1.2, 0.7), rel=1e-12)


def test_a_bound_larger_than_the_effect_asks_for_units_that_could_show_there_is_none():
    # at d = 1: 10 units find it, 11 show its absence; an effect of 1.5 is found by 6 whatever the smaller bound
    assert (units_needed(0.1, 1.0, bound=1.0), units_needed(1.0, 1.0, bound=1.0)) == (11, 11)
    assert units_needed(1.5, 1.0, bound=1.0) == 6
    assert equivalence_power(11, 1.0, 1.0) >= 0.8 > equivalence_power(10, 1.0, 1.0)


@pytest.mark.parametrize(("effect", "sd"), [(0.0, 1.0), (1.0, 0.0), (1.0, np.nan), (np.nan, 1.0), (0.01, 1.0)])
def test_where_no_number_of_units_answers_none_is_named(effect, sd):
    assert units_needed(effect, sd) is None


def test_the_most_units_named_are_twenty_thousand():
    assert units_needed(0.0199, 1.0) == 19_822
    assert units_needed(0.0198, 1.0) is None


def test_an_sd_of_zero_has_no_power():
    with pytest.raises(DesignError, match="positive number"):
        paired_power(4, 1.0, 0.0)

"""Power by formula against R and against simulation."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaykit.errors import DesignError
from assaykit.stats.units.power import (
    anova_power,
    contrast_sd,
    exact_units,
    paired_power,
    power_table,
    simulated_power,
    two_sample_units,
    units_needed,
)
from assaykit.tables import ESTIMATES, frame_from_rows

R = json.loads((Path(__file__).parents[1] / "reference" / "12_basic.json").read_text())["models"]["power"]
LOOSE = 1e-4  # R's power.t.test stops its root search there, and counts one tail


def test_paired_power_agrees_with_r():
    truth = R["t_paired_power"]
    assert paired_power(truth["n"], truth["delta"], truth["sd_diff"]) == pytest.approx(truth["power"], rel=LOOSE)


def test_units_per_group_agree_with_r():
    truth = R["t_two_sample_n"]
    assert two_sample_units(truth["delta"], truth["sd"]) == pytest.approx(truth["n_per_group"], rel=LOOSE)


def test_anova_units_agree_with_r():
    truth = R["anova_n"]
    found = exact_units(lambda n: anova_power(n, 4, between_var=0.5, within_var=1), effect=1, power=truth["power"])
    assert found == pytest.approx(truth["n_per_group"], rel=LOOSE)


@pytest.mark.parametrize(("n", "effect"), [(3, 1.0), (5, 0.8), (8, 0.5), (4, 0.0)])
def test_formula_and_simulation_agree_within_monte_carlo_error(n, effect):
    simulated = simulated_power(n, effect, 0.6, rng=np.random.default_rng(n), simulations=20_000)
    assert abs(simulated.power - paired_power(n, effect, 0.6)) < 4 * simulated.std_error


def test_without_an_effect_power_is_alpha():
    assert paired_power(4, 0.0, 1.0) == pytest.approx(0.05)


@given(st.floats(0.2, 5.0), st.floats(0.1, 2.0))
@settings(deadline=None, max_examples=40)
def test_the_units_needed_reach_the_power_and_one_fewer_does_not(effect, sd):
    n = units_needed(effect, sd)
    assert paired_power(n, effect, sd) >= 0.8 - 1e-9
    assert n == 2 or paired_power(n - 1, effect, sd) < 0.8


@given(st.floats(0.2, 5.0), st.floats(0.1, 2.0), st.floats(0.1, 10.0))
@settings(deadline=None, max_examples=40)
def test_the_units_needed_do_not_depend_on_the_scale_nor_on_the_sign(effect, sd, factor):
    exact = [exact_units(lambda n, e=e, s=s: paired_power(n, e, s), effect=e) for e, s in _scaled(effect, sd, factor)]
    assert exact == pytest.approx([exact[0]] * 2, rel=1e-6)


def _scaled(effect, sd, factor):
    return (effect, sd), (-factor * effect, factor * sd)


def test_the_sd_of_a_contrast_follows_from_the_variance_components():
    rng = np.random.default_rng(6)
    arms = rng.normal(0, 0.3, (20_000, 4, 1)) + rng.normal(0, 0.2, (20_000, 4, 3))
    means = arms.mean(axis=2)
    interaction = means @ [1, -1, -1, 1]
    # 20,000 units: the SD of an SD is 0.5 %
    assert contrast_sd(0.3, 0.2, 3, weights=(1, -1, -1, 1)) == pytest.approx(interaction.std(), rel=0.02)


def test_wells_without_end_do_not_replace_units():
    assert contrast_sd(0.3, 0.2, 10**6) == pytest.approx(0.3 * np.sqrt(2), rel=1e-6)


def test_no_number_of_units_finds_an_effect_of_zero():
    with pytest.raises(DesignError, match="other than zero"):
        units_needed(0.0, 1.0)


def test_the_table_plans_on_the_smallest_effect_of_interest_and_leaves_out_what_cannot_be_planned():
    rows = [
        {"contrast": "imatinib 1 uM - vehicle", "scale": "log2", "estimate": 0.9, "contrast_sd": 0.5, "n_units": 4},
        {"contrast": "nilotinib 1 uM - vehicle", "scale": "log2", "reason": "arm missing"},
    ]
    table = power_table(frame_from_rows(rows, ESTIMATES), smallest={"log2": 0.3})
    assert table["contrast"].tolist() == ["imatinib 1 uM - vehicle"]
    row = table.iloc[0]
    assert row["units_smallest"] == units_needed(0.3, 0.5)
    assert row["units_observed"] == units_needed(0.9, 0.5)
    assert row["power_smallest"] == pytest.approx(paired_power(4, 0.3, 0.5))

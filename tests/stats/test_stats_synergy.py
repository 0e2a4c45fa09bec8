"""Synergy models by their laws: what each calls independent gives zero excess."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaykit.errors import DesignError
from assaykit.stats.dose.synergy import (
    bliss_excess,
    hsa_excess,
    loewe_effect,
    surface_synergy,
    surface_table,
)

IMATINIB, PLERIXAFOR = [0, 0.1, 0.3, 1, 3, 10], [0, 0.5, 1, 2, 5]
fraction = st.floats(0, 1)


def hill(dose, middle, steepness, most):
    return most * dose**steepness / (middle**steepness + dose**steepness)


def matrix(effect, units="ABC"):
    rows = [
        {"unit": unit, "a": a, "b": b, "effect": effect(a, b, k)}
        for k, unit in enumerate(units)
        for a in IMATINIB
        for b in PLERIXAFOR
    ]
    return pd.DataFrame(rows)


def independent(a, b, k=0):
    one, two = hill(a, 0.5 + 0.1 * k, 1.2, 0.9), hill(b, 1.5, 1.0, 0.7)
    return one + two - one * two


def table(frame, model):
    return surface_table(frame, doses=("a", "b"), effect="effect", unit="unit", model=model)


@given(fraction, fraction)
def test_independent_drugs_have_no_bliss_excess(a, b):
    assert bliss_excess(a, b, a + b - a * b) == pytest.approx(0.0, abs=1e-12)


@given(st.lists(st.tuples(fraction, fraction), min_size=2, max_size=6))
@settings(deadline=None)
def test_naming_the_drugs_the_other_way_round_changes_nothing(rows):
    a, b = np.array(rows).T
    both = np.maximum(a, b)
    assert bliss_excess(a, b, both) == pytest.approx(bliss_excess(b, a, both))


@given(st.lists(fraction, min_size=2, max_size=6))
def test_an_inert_partner_adds_nothing_to_the_better_drug(a):
    assert hsa_excess(a, [0.0] * len(a), a) == pytest.approx(0.0)


@pytest.mark.parametrize("model", ["bliss", "zip"])
def test_independent_dose_curves_have_no_excess(model):
    assert table(matrix(independent), model).excess.to_numpy() == pytest.approx(0.0, abs=1e-6)


def test_a_drug_combined_with_itself_has_no_loewe_excess():
    sham = matrix(lambda a, b, _: hill(a + b, 0.8, 1.3, 0.95))
    assert table(sham, "loewe").excess.to_numpy() == pytest.approx(0.0, abs=1e-6)


def test_a_drug_combined_with_itself_is_not_bliss_independent():
    sham = matrix(lambda a, b, _: hill(a + b, 0.8, 1.3, 0.95))
    assert np.abs(table(sham, "bliss").excess).max() > 0.05


@pytest.mark.parametrize("model", ["bliss", "hsa", "loewe", "zip"])
def test_a_planted_synergy_is_found_over_units_with_a_t_interval(model):
    rng = np.random.default_rng(1)

    def more(a, b, k):
        boost = 0.0 if a == 0 or b == 0 else 0.4 * (1 - independent(a, b, k))
        return float(np.clip(independent(a, b, k) + boost + rng.normal(0, 0.01), -0.1, 1.0))

    found = surface_synergy(table(matrix(more, "ABCD"), model), unit="unit", model=model)
    assert found.test.conf_low > 0
    assert found.test.n_units == 4
    assert set(found.by_unit) == set("ABCD")


def test_the_stronger_drug_is_the_one_stronger_on_the_mean_over_units():
    imatinib, plerixafor, both = [0.4, 0.5, 0.0], [0.1, 0.0, 0.3], [0.7, 0.72, 0.5]
    # unit by unit the larger of two noisy numbers would be .4, .5 and .3
    assert hsa_excess(imatinib, plerixafor, both) == pytest.approx([0.3, 0.22, 0.5])


def test_the_loewe_effect_of_one_drug_alone_is_its_own_curve():
    curve = {"bottom": 0.9, "log_ic50": np.log(0.5), "hill": 1.2}
    other = {"bottom": 0.5, "log_ic50": 0.0, "hill": 1.0}
    assert loewe_effect(2.0, 0.0, curve, other) == pytest.approx(hill(2.0, 0.5, 1.2, 0.9))
    assert loewe_effect(0.0, 3.0, curve, other) == pytest.approx(hill(3.0, 1.0, 1.0, 0.5))


@pytest.mark.parametrize(
    "call",
    [
        lambda: bliss_excess(40.0, 30.0, 60.0),
        lambda: bliss_excess(0.4, float("nan"), 0.6),
        lambda: surface_synergy(table(matrix(independent, "A"), "bliss"), unit="unit", model="bliss"),
        lambda: table(matrix(independent).query("not (a == 0.3 and b == 0)"), "bliss"),
    ],
)
def test_what_is_no_combination_is_refused_with_a_sentence(call):
    with pytest.raises(DesignError, match="must"):
        call()

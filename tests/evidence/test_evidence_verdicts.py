"""Verdicts: an interval and a claimed sign give one word and one plain sentence."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import nct, t

from assaykit.endpoints import equivalence_bound
from assaykit.evidence.multiplicity import holm
from assaykit.evidence.numbers import Numbers, reversed_numbers
from assaykit.evidence.settling import units_to_settle
from assaykit.evidence.verdicts import equivalence_shown, judge, sentence, units_needed


def numbers(estimate: float, std_error: float, *, df: float = 4, scale: str = "log2", **changes) -> Numbers:
    half = float(t.ppf(0.975, df)) * std_error
    to_effect = (lambda y: y) if scale == "identity" else (lambda y: 2.0**y if scale == "log2" else math.exp(y))
    made = Numbers(
        endpoint="cxcr4_dmfi", contrast="imatinib 1 uM - vehicle", context="mono", scale=scale, estimate=estimate,
        std_error=std_error, df=df, low=estimate - half, high=estimate + half,
        p_value=2 * float(t.sf(abs(estimate / std_error), df)), effect=to_effect(estimate),
        effect_low=to_effect(estimate - half), effect_high=to_effect(estimate + half), effect_name="fold change",
        n_units=int(df) + 1, contrast_sd=std_error * math.sqrt(df + 1), p_equivalence=math.nan, reason="",
    )  # fmt: skip
    return replace(made, **changes)


@pytest.mark.parametrize(
    ("estimate", "std_error", "sign", "verdict"),
    [
        (0.8, 0.1, 1, "consistent"),
        (0.8, 0.1, -1, "contradicts"),
        (-0.8, 0.1, 1, "contradicts"),
        (0.02, 0.1, 1, "no effect"),
        (0.2, 0.15, 1, "inconclusive"),
        (0.02, 0.1, 0, "consistent"),
        (0.8, 0.1, 0, "contradicts"),
        (0.2, 0.15, 0, "inconclusive"),
    ],
)
def test_the_interval_decides(estimate, std_error, sign, verdict):
    assert judge(numbers(estimate, std_error), sign) == verdict


def test_a_primary_claim_must_hold_after_adjustment():
    one = numbers(0.8, 0.1)
    assert judge(one, 1, adjusted=0.04) == "consistent"
    assert judge(one, 1, adjusted=0.06) == "inconclusive"


def test_a_reason_makes_it_not_interpretable_and_missing_numbers_not_testable():
    assert judge(numbers(0.8, 0.1, reason="not interpretable: 12G5"), 1) == "not interpretable"
    assert judge(replace(numbers(0.8, 0.1), estimate=math.nan), 1) == "not testable"
    assert judge(numbers(0.8, 0.1, low=math.nan, high=math.nan), 1) == "not interpretable"


def test_the_protocols_own_equivalence_goes_before_the_default():
    wide = numbers(0.02, 0.1)
    assert equivalence_shown(wide)
    assert not equivalence_shown(replace(wide, p_equivalence=0.2))
    assert equivalence_bound("spi", "identity") == 0.1
    assert equivalence_bound("other", "identity") is None


def test_sentences_say_what_was_found_and_never_that_it_is_proved():
    one, none, dim = numbers(0.8, 0.1), numbers(0.02, 0.1), numbers(0.2, 0.15)
    said = sentence(one, "consistent", sign=1, unit="experiment")
    assert said == "fold change 1.74 (95 % interval 1.44 to 2.11), 5 experiments, lies wholly above 1, as claimed"
    assert sentence(one, "contradicts", sign=-1).endswith("lies wholly above 1, the side opposite to the claim")
    assert "includes 1, and any effect is within the bounds" in sentence(none, "no effect", sign=1)
    assert sentence(dim, "inconclusive", sign=1).endswith(
        "includes 1; about 13 units would settle it (80 % power for the smallest effect that counts)"
    )
    assert "not after adjustment" in sentence(one, "inconclusive", sign=1, adjusted=0.06)
    assert "prove" not in said


def test_an_effect_beyond_zero_but_too_small_to_count_says_so():
    small = numbers(0.1, 0.02)
    assert judge(small, 1) == "consistent"
    assert sentence(small, "consistent", sign=1).endswith(
        "as claimed, though it is within the bounds that count as none"
    )


@given(st.floats(-3, 3), st.floats(0.01, 2), st.integers(2, 20))
def test_turning_a_contrast_round_turns_the_claim_round(estimate, std_error, df):
    one = numbers(estimate, std_error, df=df)
    other = reversed_numbers(one, "vehicle - imatinib 1 uM")
    assert judge(one, 1) == judge(other, -1)
    assert other.effect == pytest.approx(1 / one.effect)
    back = reversed_numbers(other, one.contrast)
    assert (back.estimate, back.low, back.high) == (one.estimate, one.low, one.high)
    assert back.effect_low == pytest.approx(one.effect_low)


@given(st.floats(-3, 3), st.floats(0.01, 2), st.integers(2, 20), st.sampled_from([-1, 0, 1]))
def test_a_claim_and_its_opposite_are_never_both_consistent(estimate, std_error, df, sign):
    one = numbers(estimate, std_error, df=df)
    if sign and judge(one, sign) == "consistent":
        assert judge(one, -sign) == "contradicts"


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_is_monotone_and_never_below_the_raw_p_value(p_values):
    adjusted = holm(dict(enumerate(p_values)))
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    assert all(adjusted[i] >= p_values[i] for i in order)
    assert all(adjusted[i] <= adjusted[j] for i, j in itertools.pairwise(order))
    assert adjusted[order[0]] == pytest.approx(min(1.0, p_values[order[0]] * len(p_values)))


def test_holm_leaves_missing_p_values_missing_and_uncounted():
    adjusted = holm({"a": 0.02, "b": math.nan})
    assert adjusted["a"] == 0.02
    assert math.isnan(adjusted["b"])


@pytest.mark.parametrize(("d", "power_at"), [(2.0, {3: 0.47, 4: 0.76, 5: 0.91}), (1.5, {5: 0.71, 6: 0.84})])
def test_units_agree_with_the_power_of_the_evidence_notes(d, power_at):
    """Powers of the notes, two decimals, and the least n of 80 % by scipy's noncentral t."""
    for n, power in power_at.items():
        found = nct.sf(t.ppf(0.975, n - 1), n - 1, d * math.sqrt(n))
        assert found == pytest.approx(power, abs=0.01)  # the notes give two decimals, simulated
    least = next(n for n in range(2, 99) if nct.sf(t.ppf(0.975, n - 1), n - 1, d * math.sqrt(n)) >= 0.8)
    assert units_to_settle(1.0, d) == least


def test_units_for_equivalence_give_80_percent_power_in_simulation():
    """20,000 experiments; 0.8 is held to three Monte-Carlo standard errors, 0.0085, and one unit less falls short."""
    n = units_to_settle(1.0, 0.5, bound=0.5)
    assert n is not None
    assert _equivalence_power(n, 0.5) >= 0.8 - 0.0085
    assert _equivalence_power(n - 1, 0.5) < 0.8 + 0.0085


def _equivalence_power(n: int, bound: float) -> float:
    draws = np.random.default_rng(7).normal(size=(20_000, n))
    mean, half = draws.mean(axis=1), t.ppf(0.95, n - 1) * draws.std(axis=1, ddof=1) / math.sqrt(n)
    return float(np.mean((mean + half < bound) & (mean - half > -bound)))


def test_no_spread_or_no_effect_has_no_number_of_units():
    assert units_to_settle(0.0, 1.0) is None
    assert units_to_settle(1.0, 0.0) is None
    assert units_to_settle(1.0, 1e-6) is None
    assert units_needed(numbers(0.0, 0.1, scale="identity")) is None

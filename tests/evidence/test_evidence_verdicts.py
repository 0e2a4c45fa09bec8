"""Verdicts: an interval and a claimed sign give one word and one plain sentence."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import nct, t

from assaykit.endpoints import equivalence_bound
from assaykit.evidence.estimates import Estimate, turned_round
from assaykit.evidence.verdicts import counted, equivalence_shown, judge, units_to_settle, verdict_sentence
from assaykit.stats.units import ContrastResult, effect_from_contrast, units_needed


def found(estimate: float, std_error: float, *, df: float = 4, scale: str = "log2", reason: str = "") -> Estimate:
    """Return imatinib against vehicle with a t interval, from df + 1 units."""
    result = ContrastResult.by_t(estimate, std_error, df, n_units=int(df) + 1, method="paired t")
    effect, low, high = effect_from_contrast([estimate, result.conf_low, result.conf_high], scale).tolist()
    return Estimate(
        "cxcr4_dmfi", "imatinib 1 uM - vehicle", "mono", scale, replace(result, reason=reason), effect, low, high,
        "fold change", treatment="imatinib 1 uM", comparator="vehicle",
    )  # fmt: skip


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
    assert judge(found(estimate, std_error), sign) == verdict


def test_a_primary_claim_must_hold_after_adjustment():
    one = found(0.8, 0.1)
    assert judge(one, 1, adjusted=0.04) == "consistent"
    assert judge(one, 1, adjusted=0.06) == "inconclusive"


def test_a_reason_makes_it_not_interpretable_and_missing_numbers_not_testable():
    assert judge(found(0.8, 0.1, reason="not interpretable: 12G5"), 1) == "not interpretable"
    nothing = ContrastResult.missing("not estimable: no values for vehicle in mono")
    assert judge(replace(found(0.8, 0.1), result=nothing), 1) == "not testable"
    assert judge(found(0.8, 0.0), 1) == "not interpretable"  # units that do not differ have no interval


def test_the_protocols_own_equivalence_goes_before_the_default():
    wide = found(0.02, 0.1)
    assert equivalence_shown(wide)
    assert not equivalence_shown(replace(wide, p_equivalence=0.2))
    assert equivalence_bound("spi", "identity") == 0.1
    assert equivalence_bound("other", "identity") is None


def test_sentences_say_what_was_found_and_never_that_it_is_proved():
    one, none, dim = found(0.8, 0.1), found(0.02, 0.1), found(0.2, 0.15)
    said = verdict_sentence(one, "consistent", sign=1, unit="experiment")
    assert said == "fold change 1.74 (95 % interval 1.44 to 2.11), 5 experiments, lies wholly above 1, as claimed"
    assert verdict_sentence(one, "contradicts", sign=-1).endswith("lies wholly above 1, the side opposite to the claim")
    assert "includes 1, and any effect is within the bounds" in verdict_sentence(none, "no effect", sign=1)
    assert verdict_sentence(dim, "inconclusive", sign=1).endswith(
        "includes 1; about 13 units would settle it (80 % power for the smallest effect that counts)"
    )
    assert "not after adjustment" in verdict_sentence(one, "inconclusive", sign=1, adjusted=0.06)
    assert "prove" not in said


def test_one_unit_is_not_called_units_and_no_interval_is_said_to_be_none():
    assert (counted(1, "donor"), counted(2, "donor")) == ("1 donor", "2 donors")
    nothing = replace(found(0.8, 0.1), result=ContrastResult.missing(""))
    assert verdict_sentence(nothing, "not testable", sign=1) == "it has no interval"


def test_an_effect_beyond_zero_but_too_small_to_count_is_no_effect_and_says_so():
    small = found(0.1, 0.02)
    assert judge(small, 1) == judge(small, -1) == "no effect"
    assert verdict_sentence(small, "no effect", sign=1).endswith(
        "excludes 1, and any effect is within the bounds that count as none, in fold change"
    )


def test_a_share_that_is_small_in_points_and_large_in_odds_is_inconclusive_and_says_so():
    share = replace(found(0.5, 0.05, scale="logit"), endpoint="apoptosis", effect_name="odds ratio", p_in_points=0.001)
    assert judge(share, 1) == "inconclusive"
    sentence = verdict_sentence(share, "inconclusive", sign=1)
    assert "excludes 1, as claimed, but the effect is small" in sentence
    assert sentence.endswith("within the bounds that count as none, in percentage points")
    assert judge(replace(share, p_in_points=0.5), 1) == "consistent"
    assert judge(replace(found(0.0, 0.05, scale="logit"), p_in_points=0.5), 1) == "inconclusive"


@given(st.floats(-3, 3), st.floats(0.01, 2), st.integers(2, 20))
def test_turning_a_contrast_round_turns_the_claim_round(estimate, std_error, df):
    one = found(estimate, std_error, df=df)
    other = turned_round(one)
    assert judge(one, 1) == judge(other, -1)
    assert other.effect == pytest.approx(1 / one.effect)
    assert other.result.statistic == -one.result.statistic
    back = turned_round(other)
    assert back.result == one.result
    assert (back.contrast, other.contrast) == ("imatinib 1 uM - vehicle", "vehicle - imatinib 1 uM")
    assert back.effect_low == pytest.approx(one.effect_low)


@given(st.floats(-3, 3), st.floats(0.01, 2), st.integers(2, 20), st.sampled_from([-1, 0, 1]))
def test_a_claim_and_its_opposite_are_never_both_consistent(estimate, std_error, df, sign):
    one = found(estimate, std_error, df=df)
    if sign and judge(one, sign) == "consistent":
        assert judge(one, -sign) == "contradicts"


@pytest.mark.parametrize(("d", "power_at"), [(2.0, {3: 0.47, 4: 0.76, 5: 0.91}), (1.5, {5: 0.71, 6: 0.84})])
def test_units_agree_with_the_power_of_the_evidence_notes(d, power_at):
    """Powers of the notes, two decimals, and the least n of 80 % by scipy's noncentral t."""
    for n, power in power_at.items():
        found = nct.sf(t.ppf(0.975, n - 1), n - 1, d * math.sqrt(n))
        assert found == pytest.approx(power, abs=0.01)  # the notes give two decimals, simulated
    least = next(n for n in range(2, 99) if nct.sf(t.ppf(0.975, n - 1), n - 1, d * math.sqrt(n)) >= 0.8)
    assert units_needed(d, 1.0) == least


def test_the_units_that_would_settle_a_claim_are_those_of_the_estimates_where_the_protocol_declares_a_bound():
    seen = replace(found(0.2, 0.15), units_needed=31, p_equivalence=0.3)
    assert units_to_settle(seen) == 31
    assert units_to_settle(found(0.2, 0.15)) == 13


def test_without_a_bound_or_an_effect_no_number_of_units_settles_a_claim():
    assert units_to_settle(found(0.0, 0.1, scale="identity")) is None

"""Verdicts: what a lab's interval says about a claimed direction, in one word and one plain sentence.

    verdict = judge(estimate, sign, ...)

The rule, for a claim of a direction:
    consistent     the 95 % interval lies wholly beyond no effect on the claimed side, and the effect may matter
    contradicts    it lies wholly beyond on the other side, and the effect may matter
    no effect      two one-sided tests at 5 % place the effect within the bounds of no effect
    inconclusive   neither
For a claim of no effect (sign 0): consistent where equivalence is shown; contradicts where the interval excludes no
effect and the effect may matter; else inconclusive.

A share is measured in points and in odds, for at a low base 5 points allow a doubling, and at a high one doubled odds
are few points. An effect is none where it lies within the bounds in both; it may matter where it is not shown to lie
within them in either. A direction that is certain and too small in one of the two is inconclusive, and said so.

Where there is no effect, "consistent" is said in 2.5 % of experiments: one tail of a two-sided 95 % interval. Claims
named primary before the run must hold after Holm's adjustment among them as well, which bounds by 5 % the chance of
any false direction among all primary claims together. For the others the adjusted p value stands beside the verdict.
A verdict never says that anything is proved.
"""

from __future__ import annotations

import math
from typing import Literal

from assaykit.endpoints import equivalence_bound
from assaykit.evidence.estimates import Estimate
from assaykit.stats.units import equivalence_p, units_needed

Verdict = Literal["consistent", "contradicts", "no effect", "inconclusive", "not interpretable", "not testable"]
VERDICTS: tuple[Verdict, ...] = (
    "consistent",
    "contradicts",
    "no effect",
    "inconclusive",
    "not interpretable",
    "not testable",
)
LEVEL = 0.05


def within_bounds(estimate: Estimate) -> dict[str, bool]:
    """Return, by measure, whether two one-sided tests place the effect within its bounds (Schuirmann 1987).

    The measure of the analysis scale, and percentage points where the study estimates them too. The p value of the
    protocol's own bounds is taken where ESTIMATES has it, else that of our default bounds; a measure without is left
    out. 10.1007/BF01068419.
    """
    own = estimate.p_equivalence
    if not math.isfinite(own):
        own = equivalence_p(estimate.result, _default_bound(estimate))
    p_values = {estimate.effect_name: own, "percentage points": estimate.p_in_points}
    return {measure: p < LEVEL for measure, p in p_values.items() if math.isfinite(p)}


def equivalence_shown(estimate: Estimate) -> bool:
    """Return whether the effect is shown to be none in every measure there is."""
    within = within_bounds(estimate)
    return bool(within) and all(within.values())


def judge(estimate: Estimate, sign: int, *, adjusted: float = math.nan) -> Verdict:
    """Return the verdict on a claim that the contrast has `sign`.

    `adjusted` is the p value adjusted among the primary claims; NaN for a claim that is not primary.
    """
    result = estimate.result
    if not result.estimated:
        return "not testable"
    if result.reason or not (math.isfinite(result.conf_low) and math.isfinite(result.conf_high)):
        return "not interpretable"
    side = 1 if result.conf_low > 0 else -1 if result.conf_high < 0 else 0
    if side and adjusted > LEVEL:  # NaN is not: no adjustment is asked
        side = 0
    matters = not any(within_bounds(estimate).values())
    if sign == 0:
        return "consistent" if equivalence_shown(estimate) else "contradicts" if side and matters else "inconclusive"
    if side and matters:
        return "consistent" if side == sign else "contradicts"
    return "no effect" if equivalence_shown(estimate) else "inconclusive"


def _default_bound(estimate: Estimate) -> float | None:
    in_points = math.isfinite(estimate.p_in_points)
    return equivalence_bound(estimate.endpoint, estimate.scale, beside_points=in_points)


def units_to_settle(estimate: Estimate) -> int | None:
    """Return the units that would settle an inconclusive contrast: `units_needed` of ESTIMATES, by the bound it used.

    Where the protocol declares no bound on the contrast's scale, our default bound serves as it does for the verdict.
    """
    if math.isfinite(estimate.p_equivalence):
        return estimate.units_needed
    return units_needed(estimate.result.estimate, estimate.result.contrast_sd, bound=_default_bound(estimate))


def verdict_sentence(
    estimate: Estimate, verdict: Verdict, *, sign: int, unit: str = "unit", adjusted: float = math.nan
) -> str:
    """Return the verdict in one plain sentence, without a full stop."""
    result = estimate.result
    neutral = "0" if estimate.scale == "identity" else "1"
    found = f"{interval_in_words(estimate)}, {counted(result.n_units, unit)},"
    excludes = result.conf_low > 0 or result.conf_high < 0
    small = [measure for measure, within in within_bounds(estimate).items() if within]
    within = f"is within the bounds that count as none, in {' and in '.join(small)}"
    match verdict:
        case "consistent" if sign == 0:
            return f"{found} stays within the bounds of no effect, as claimed"
        case "consistent" | "contradicts" if sign != 0:
            above = "above" if result.conf_low > 0 else "below"
            role = "as claimed" if verdict == "consistent" else "the side opposite to the claim"
            return f"{found} lies wholly {above} {neutral}, {role}"
        case "contradicts":
            return f"{found} excludes no effect, which was claimed"
        case "no effect":
            return f"{found} {'excludes' if excludes else 'includes'} {neutral}, and any effect {within}"
        case "inconclusive" if excludes and adjusted > LEVEL:
            return f"{found} excludes {neutral}, but not after adjustment among the primary claims (p = {adjusted:.2g})"
        case "inconclusive" if excludes:
            side = "as claimed" if sign * result.estimate > 0 else "against the claim"
            return f"{found} excludes {neutral}, {side}, but the effect is small: it {within}"
        case "inconclusive":
            return f"{found} includes {neutral}; {_settled_by(estimate, unit)}"
        case _:
            return result.reason or "it has no interval"


def interval_in_words(estimate: Estimate) -> str:
    """Return e.g. 'fold change 1.74 (95 % interval 1.40 to 2.16)'."""
    effect, low, high = (
        f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"
        for value in (estimate.effect, estimate.effect_low, estimate.effect_high)
    )
    return f"{estimate.effect_name} {effect} (95 % interval {low} to {high})"


def counted(n: int, unit: str) -> str:
    """Return e.g. '5 experiments'.

    >>> counted(1, "donor")
    '1 donor'
    """
    return f"{n} {unit}" if n == 1 else f"{n} {unit}s"


def _settled_by(estimate: Estimate, unit: str) -> str:
    n = units_to_settle(estimate)
    if n is None:
        return "no practicable number would settle it"
    bound = _default_bound(estimate) or 0.0
    large = abs(estimate.result.estimate) >= bound
    what = "an effect as large as seen" if large else "the smallest effect that counts"
    return f"about {counted(n, unit)} would settle it (80 % power for {what})"

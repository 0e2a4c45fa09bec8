"""Verdicts: what a lab's interval says about a claimed direction, in one word and one plain sentence.

    verdict, sentence = judge(numbers, sign, ...)

The rule, for a claim of a direction:
    consistent     the 95 % interval lies wholly beyond no effect on the claimed side
    contradicts    it lies wholly beyond on the other side
    no effect      not so, and two one-sided tests at 5 % place the effect within the equivalence bounds
    inconclusive   neither
For a claim of no effect (sign 0): consistent where equivalence is shown; contradicts where the interval excludes no
effect and equivalence is not shown; else inconclusive.

Where there is no effect, "consistent" is said in 2.5 % of experiments: one tail of a two-sided 95 % interval. Claims
named primary before the run must hold after Holm's adjustment among them as well, which bounds by 5 % the chance of
any false direction among all primary claims together. For the others the adjusted p value stands beside the verdict.
A verdict never says that anything is proved.
"""

from __future__ import annotations

import math
from typing import Literal

from scipy.special import stdtr

from assaykit.endpoints import equivalence_bound
from assaykit.evidence.numbers import Numbers
from assaykit.evidence.settling import units_to_settle

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


def equivalence_shown(numbers: Numbers) -> bool:
    """Return whether two one-sided tests place the effect within its bounds (Schuirmann 1987, 10.1007/BF01068419).

    The p value of the protocol's own bounds is taken where ESTIMATES has it, else that of our default bounds.
    """
    p = numbers.p_equivalence
    bound = equivalence_bound(numbers.endpoint, numbers.scale)
    if not math.isfinite(p) and bound is not None and numbers.std_error > 0:
        above = stdtr(numbers.df, (numbers.estimate - bound) / numbers.std_error)
        below = stdtr(numbers.df, -(numbers.estimate + bound) / numbers.std_error)
        p = float(max(above, below))
    return bool(p < LEVEL)


def judge(numbers: Numbers, sign: int, *, adjusted: float = math.nan) -> Verdict:
    """Return the verdict on a claim that the contrast has `sign`.

    `adjusted` is the p value adjusted among the primary claims; NaN for a claim that is not primary.
    """
    if not numbers.estimated:
        return "not testable"
    if numbers.reason or not (math.isfinite(numbers.low) and math.isfinite(numbers.high)):
        return "not interpretable"
    side = 1 if numbers.low > 0 else -1 if numbers.high < 0 else 0
    if side and adjusted > LEVEL:  # NaN is not: no adjustment is asked
        side = 0
    equivalent = equivalence_shown(numbers)
    if sign == 0:
        return "consistent" if equivalent else "contradicts" if side else "inconclusive"
    if side:
        return "consistent" if side == sign else "contradicts"
    return "no effect" if equivalent else "inconclusive"


def units_needed(numbers: Numbers) -> int | None:
    """Return the units that would settle an inconclusive contrast: 80 % power for the effect seen or the bound.

    The larger of the two is taken; where it is the bound, its absence could be shown as well.
    """
    bound = equivalence_bound(numbers.endpoint, numbers.scale) or 0.0
    return units_to_settle(numbers.contrast_sd, max(abs(numbers.estimate), bound), bound=bound or None)


def sentence(numbers: Numbers, verdict: Verdict, *, sign: int, unit: str = "unit", adjusted: float = math.nan) -> str:
    """Return the verdict in one plain sentence, without a full stop."""
    neutral = "0" if numbers.scale == "identity" else "1"
    shown = f"{interval_in_words(numbers)}, {counted(numbers.n_units, unit)},"
    excludes = numbers.low > 0 or numbers.high < 0
    match verdict:
        case "consistent" if sign == 0:
            return f"{shown} stays within the bounds of no effect, as claimed"
        case "consistent" | "contradicts" if sign != 0:
            above = "above" if numbers.low > 0 else "below"
            role = "as claimed" if verdict == "consistent" else "the side opposite to the claim"
            small = f", though it {_within(numbers)}" if equivalence_shown(numbers) else ""
            return f"{shown} lies wholly {above} {neutral}, {role}{small}"
        case "contradicts":
            return f"{shown} excludes no effect, which was claimed"
        case "no effect":
            return f"{shown} includes {neutral}, and any effect {_within(numbers)}"
        case "inconclusive" if excludes and adjusted > LEVEL:
            return f"{shown} excludes {neutral}, but not after adjustment among the primary claims (p = {adjusted:.2g})"
        case "inconclusive":
            return f"{shown} includes {neutral}; {_settled(numbers, unit)}"
        case _:
            return numbers.reason or "it has no interval"


def interval_in_words(numbers: Numbers) -> str:
    """Return e.g. 'fold change 1.74 (95 % interval 1.40 to 2.16)'."""
    low, high = _short(numbers.effect_low), _short(numbers.effect_high)
    return f"{numbers.effect_name} {_short(numbers.effect)} (95 % interval {low} to {high})"


def counted(n: int, unit: str) -> str:
    """Return e.g. '5 experiments'.

    >>> counted(1, "donor")
    '1 donor'
    """
    return f"{n} {unit}" if n == 1 else f"{n} {unit}s"


def _within(numbers: Numbers) -> str:
    return f"is within the bounds that count as none{' in percentage points' * numbers.points}"


def _settled(numbers: Numbers, unit: str) -> str:
    n = units_needed(numbers)
    if n is None:
        return "no practicable number would settle it"
    bound = equivalence_bound(numbers.endpoint, numbers.scale) or 0.0
    what = "an effect as large as seen" if abs(numbers.estimate) >= bound else "the smallest effect that counts"
    return f"about {counted(n, unit)} would settle it (80 % power for {what})"


def _short(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"

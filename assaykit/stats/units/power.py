"""How many independent units a contrast needs, by the noncentral t.

The SD is that of the contrast between units (`contrast_sd` of ESTIMATES): the number that more wells per unit cannot
shrink to zero. By hand, because `TTestPower` of statsmodels gives NaN where the power is near 1, and its
`solve_power` NaN with a warning where two units are enough: tests/stats shows both, and that the two agree elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from scipy.special import nctdtr, stdtrit

from assaykit.errors import DesignError

POWER = 0.8
"""The power that plans ask for."""
MOST_UNITS = 20_000
"""Beyond it no number of units is named: no lab has them."""


def paired_power(n: float, effect: float, sd: float, *, alpha: float = 0.05) -> float:
    """Return the power of a two-sided paired t test of `n` units for a mean difference `effect`.

    `sd` is the SD of the difference between units. Noncentral t with n - 1 df and ncp = effect * sqrt(n) / sd
    (Cohen 1988, Statistical Power Analysis, chapter 2), both tails: at no effect it equals alpha. Raises DesignError
    for an SD that is not a positive number.

    >>> round(paired_power(5, 1.2, 0.7), 4)
    0.8138
    """
    if not (math.isfinite(sd) and sd > 0):
        raise DesignError("the SD between units must be a positive number", repr(sd))
    df, ncp = n - 1, abs(effect) * math.sqrt(n) / sd
    critical = stdtrit(df, 1 - alpha / 2)
    missed, opposite = (float(nctdtr(df, ncp, edge)) for edge in (critical, -critical))
    # Far out scipy's noncentral t is NaN where its value is 0 to double precision.
    return 1.0 - (missed if math.isfinite(missed) else 0.0) + (opposite if math.isfinite(opposite) else 0.0)


def equivalence_power(n: float, bound: float, sd: float, *, alpha: float = 0.05) -> float:
    """Return the power of two one-sided tests within -bound and bound, at a true difference of zero.

    Phillips 1990, 10.1007/BF01063556, by Bonferroni's bound over the two tests, which is exact to many digits where
    the power is above one half.

    >>> round(equivalence_power(13, 1.0, 1.0), 3)
    0.919
    """
    df, ncp = n - 1, bound * math.sqrt(n) / sd
    missed = float(nctdtr(df, ncp, stdtrit(df, 1 - alpha)))
    return max(0.0, 1.0 - 2.0 * (missed if math.isfinite(missed) else 0.0))


def units_needed(
    effect: float, sd: float, *, bound: float | None = None, power: float = POWER, alpha: float = 0.05
) -> int | None:
    """Return the least number of units, at least 2, that would settle a contrast; None where 20,000 would not.

    A paired t test finds the effect with the power asked for. Where `bound`, the half-width of what counts as no
    effect, is larger than the effect, the units serve for an effect as large as the bound, and for showing by two
    one-sided tests that there is none: either answer is one. None as well where nothing is to be found (an effect of
    zero and no bound) or the SD is not a positive number.

    >>> units_needed(1.0, 0.8), units_needed(0.2, 0.8, bound=1.0), units_needed(0.0, 0.8)
    (8, 8, None)
    """
    sought = max(abs(effect), bound or 0.0)
    if not (sd > 0 and math.isfinite(sd) and sought > 0 and math.isfinite(sought)):
        return None
    found = _least_units(lambda n: paired_power(n, sought, sd, alpha=alpha), power)
    if found is None or bound is None or bound < abs(effect):
        return found
    absent = _least_units(lambda n: equivalence_power(n, bound, sd, alpha=alpha), power)
    return None if absent is None else max(found, absent)


def _least_units(power_at: Callable[[int], float], power: float) -> int | None:
    """Return the least n from 2 on whose power reaches `power`: doubled until it does, then halved in between."""
    if power_at(2) >= power:
        return 2
    low, high = 2, 4
    while power_at(high) < power:
        low, high = high, high * 2
        if low >= MOST_UNITS:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power_at(middle) >= power else (middle, high)
    return high if high <= MOST_UNITS else None

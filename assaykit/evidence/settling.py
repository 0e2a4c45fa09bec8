"""How many units would settle a question: power of the paired t test and of two one-sided tests."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.special import nctdtr, stdtrit

POWER = 0.8
MOST_UNITS = 100_000


def units_to_settle(contrast_sd: float, effect: float, *, bound: float | None = None) -> int | None:
    """Return the least number of units with 80 % power for `effect`, given the SD of the contrast between units.

    Where `bound` is given and is the effect asked for, 80 % power to show equivalence at no effect is asked as well.
    Paired t test, two-sided 5 %, noncentral t (Cohen 1988); equivalence as Phillips 1990, 10.1007/BF01063556, at a
    true difference of 0. None where the SD or the effect is not positive, or no number below 100,000 would do.

    >>> units_to_settle(1.0, 1.0)
    10
    """
    if not (contrast_sd > 0 and effect > 0 and math.isfinite(contrast_sd) and math.isfinite(effect)):
        return None
    units = _least(effect / contrast_sd, _power_t)
    if bound is not None and bound >= effect and units is not None:
        other = _least(bound / contrast_sd, _power_equivalence)
        units = None if other is None else max(units, other)
    return units


def _least(d: float, power: Callable[[int, float], float]) -> int | None:
    low, high = 2, 4
    while power(high, d) < POWER:
        low, high = high, high * 2
        if high > MOST_UNITS:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power(middle, d) >= POWER else (middle, high)
    return low if power(low, d) >= POWER else high


def _power_t(n: int, d: float) -> float:
    missed = nctdtr(n - 1, d * math.sqrt(n), stdtrit(n - 1, 0.975))
    return 1.0 - float(np.nan_to_num(missed, nan=0.0))  # scipy gives NaN where the power is 1


def _power_equivalence(n: int, d: float) -> float:
    missed = nctdtr(n - 1, d * math.sqrt(n), stdtrit(n - 1, 0.95))
    return max(0.0, 1.0 - 2.0 * float(np.nan_to_num(missed, nan=0.0)))

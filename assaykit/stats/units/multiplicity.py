"""Adjustment of p values for several contrasts: Holm, Benjamini-Hochberg, Bonferroni.

Adjusted p values are monotone in the raw ones and never below them; missing ones stay missing and do not count.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def holm(p_values: ArrayLike) -> Floats:
    """Return Holm's step-down adjusted p values (Holm 1979, https://www.jstor.org/stable/4615733).

    >>> holm([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    return _stepwise(p_values, _holm_sorted)


def benjamini_hochberg(p_values: ArrayLike) -> Floats:
    """Return step-up adjusted p values that bound the false discovery rate (10.1111/j.2517-6161.1995.tb02031.x).

    >>> benjamini_hochberg([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.04, 0.04]
    """
    return _stepwise(p_values, _bh_sorted)


def bonferroni(p_values: ArrayLike) -> Floats:
    """Return the p values times their number, at most 1.

    >>> bonferroni([0.01, 0.6]).tolist()
    [0.02, 1.0]
    """
    return _stepwise(p_values, lambda p: np.minimum(p * len(p), 1.0))


def _holm_sorted(p: Floats) -> Floats:
    return np.minimum(np.maximum.accumulate(p * np.arange(len(p), 0, -1)), 1.0)


def _bh_sorted(p: Floats) -> Floats:
    scaled = p * len(p) / np.arange(1, len(p) + 1)
    return np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)


def _stepwise(p_values: ArrayLike, adjust_sorted: Callable[[Floats], Floats]) -> Floats:
    p = np.asarray(p_values, np.float64)
    adjusted = np.full(p.shape, np.nan)
    present = np.flatnonzero(np.isfinite(p))
    order = present[np.argsort(p[present], kind="stable")]
    adjusted[order] = adjust_sorted(p[order])
    return adjusted

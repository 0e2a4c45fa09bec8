"""Adjustment of p values for several contrasts, by statsmodels' `multipletests`; Holm's by hand.

Its "holm" collects garbage on every call, which takes longer than the contrasts; tests hold ours to R's.

Adjusted p values are monotone in the raw ones and never below them; missing ones stay missing and do not count.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Adjustment = Literal["holm", "bh", "bonferroni", "none"]
"""Holm (1979, https://www.jstor.org/stable/4615733) and Bonferroni bound the chance of any false positive,
Benjamini & Hochberg (1995, 10.1111/j.2517-6161.1995.tb02031.x) the share of false ones among the positives."""

_STATSMODELS: dict[Adjustment, str] = {"bh": "fdr_bh", "bonferroni": "bonferroni"}


def adjusted_p_values(p_values: ArrayLike, method: Adjustment = "holm") -> Floats:
    """Return the p values of one family adjusted for their number, in their order; missing ones stay missing.

    >>> adjusted_p_values([0.01, 0.04, float("nan"), 0.03]).round(3).tolist()
    [0.03, 0.06, nan, 0.06]
    >>> adjusted_p_values([0.01, 0.04, 0.03], "bh").round(3).tolist()
    [0.03, 0.04, 0.04]
    """
    p = np.asarray(p_values, np.float64)
    known = np.isfinite(p)
    if method == "none" or not known.any():
        return np.where(known, p, np.nan)
    adjusted = np.full(p.shape, np.nan)
    if method == "holm":
        order = np.flatnonzero(known)[np.argsort(p[known], kind="stable")]
        steps = p[order] * np.arange(len(order), 0, -1)  # the smallest times all, the next times one less ...
        adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)  # ... and none below the one before it
        return adjusted
    from statsmodels.stats.multitest import multipletests

    adjusted[known] = multipletests(p[known], method=_STATSMODELS[method])[1]  # it makes every p missing if one is
    return adjusted

"""Equivalence: two one-sided tests that a contrast lies within the bounds that count as no effect.

By hand, because statsmodels' `ttost_paired`, `ttost_ind` and `DescrStatsW.ttost_mean` take the samples themselves,
and a contrast of a model or of pooled runs has an estimate, an error and df only. tests/stats holds the two together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.special import stdtr, stdtrit

from assaykit.errors import DesignError
from assaykit.stats.units.contrast import ContrastResult


@dataclass(frozen=True, slots=True)
class Equivalence:
    """Two one-sided tests: equivalent where `p_value` < alpha, and then the 1 - 2 alpha interval lies in the bounds."""

    estimate: float
    low: float
    high: float
    df: float
    t_lower: float
    p_lower: float
    t_upper: float
    p_upper: float
    conf_low: float
    conf_high: float
    equivalent: bool
    method: str

    @property
    def p_value(self) -> float:
        """The larger of the two one-sided p values."""
        return max(self.p_lower, self.p_upper)


def tost(result: ContrastResult, low: float, high: float, *, alpha: float = 0.05) -> Equivalence:
    """Return the two one-sided tests that a contrast lies within `low` and `high`, on its own scale.

    Schuirmann 1987, 10.1007/BF01068419. The interval has level 1 - 2 alpha. Raises DesignError for bounds that are
    not ordered.

    >>> tost(ContrastResult.by_t(0.1, 0.05, 4.0, n_units=5, method="paired t"), -0.3, 0.3).equivalent
    True
    """
    if not low < high:
        raise DesignError("equivalence bounds must be ordered, the lower first", f"{low:g} and {high:g}")
    t_lower, t_upper = ((result.estimate - bound) / result.std_error for bound in (low, high))
    p_lower, p_upper = (float(stdtr(result.df, statistic)) for statistic in (-t_lower, t_upper))
    half = float(stdtrit(result.df, 1 - alpha)) * result.std_error
    return Equivalence(
        estimate=result.estimate,
        low=low,
        high=high,
        df=result.df,
        t_lower=t_lower,
        p_lower=p_lower,
        t_upper=t_upper,
        p_upper=p_upper,
        conf_low=result.estimate - half,
        conf_high=result.estimate + half,
        equivalent=max(p_lower, p_upper) < alpha,
        method=f"TOST, {result.method}",
    )


def equivalence_p(result: ContrastResult, bound: float | None) -> float:
    """Return the p value of two one-sided tests against -bound and bound; NaN without a bound, or without a test.

    >>> round(equivalence_p(ContrastResult.by_t(0.0, 1.0, 10.0, n_units=11, method="t"), 2.0), 4)
    0.0367
    """
    if bound is None or not result.std_error > 0:
        return math.nan
    return tost(result, -bound, bound).p_value

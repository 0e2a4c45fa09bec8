"""Tests of one or two arms over independent units: `result = test(values, ...)`, values one per unit.

Paired functions take two arrays in the same order of units, and drop no unit silently: a missing value is an error.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from assaykit.errors import DesignError

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TTest:
    """A difference of means with its t interval; two-sided."""

    estimate: float
    std_error: float
    df: float
    statistic: float
    p_value: float
    conf_low: float
    conf_high: float
    units: int
    method: str


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


@dataclass(frozen=True, slots=True)
class EffectSize:
    """A standardised difference, uncorrected (`d`) and corrected for small samples (`g`), with its interval."""

    d: float
    g: float
    correction: float
    conf_low: float
    conf_high: float
    d_low: float
    d_high: float
    method: str


def paired_t(values: ArrayLike, reference: ArrayLike, *, level: float = 0.95) -> TTest:
    """Return the t test of the mean of `values - reference` over units, n - 1 df (Student 1908).

    >>> round(paired_t([2.0, 3.0, 5.0], [1.0, 1.0, 2.0]).estimate, 3)
    2.0
    """
    one, two = _paired(values, reference)
    return _t_interval(one - two, level=level, method="paired t")


def one_sample_t(values: ArrayLike, *, mean: float = 0.0, level: float = 0.95) -> TTest:
    """Return the t test of the mean of `values` against `mean`; the estimate is the difference from it."""
    return _t_interval(_sample(values) - mean, level=level, method="one-sample t")


def welch_t(values: ArrayLike, reference: ArrayLike, *, level: float = 0.95) -> TTest:
    """Return the t test of two independent groups without equal variances (Welch 1947, 10.1093/biomet/34.1-2.28)."""
    one, two = _sample(values), _sample(reference)
    parts = np.array([one.var(ddof=1) / one.size, two.var(ddof=1) / two.size])
    _require_spread(float(parts.sum()))
    df = parts.sum() ** 2 / float(np.sum(parts**2 / (np.array([one.size, two.size]) - 1)))
    return _t_test(one.mean() - two.mean(), math.sqrt(parts.sum()), df, units=one.size + two.size, level=level)


def student_t(values: ArrayLike, reference: ArrayLike, *, level: float = 0.95) -> TTest:
    """Return the t test of two independent groups with one common variance."""
    one, two = _sample(values), _sample(reference)
    sd, df = _pooled_sd(one, two)
    se = sd * math.sqrt(1 / one.size + 1 / two.size)
    return _t_test(one.mean() - two.mean(), se, df, units=one.size + two.size, level=level, method="Student t")


def tost(test: TTest, low: float, high: float, *, alpha: float = 0.05) -> Equivalence:
    """Return the two one-sided tests that a t test's difference lies within `low` and `high`.

    Schuirmann 1987, 10.1007/BF01068419. The interval has level 1 - 2 alpha.

    >>> tost(paired_t([1.0, 1.2, 0.9, 1.1], [1.0, 1.1, 1.0, 1.1]), -0.3, 0.3).equivalent
    True
    """
    if not low < high:
        raise DesignError("equivalence bounds must be ordered, the lower first", f"{low:g} and {high:g}")
    t_lower, t_upper = ((test.estimate - bound) / test.std_error for bound in (low, high))
    p_lower, p_upper = (float(special.stdtr(test.df, statistic)) for statistic in (-t_lower, t_upper))
    reach = float(special.stdtrit(test.df, 1 - alpha)) * test.std_error
    return Equivalence(
        estimate=test.estimate,
        low=low,
        high=high,
        df=test.df,
        t_lower=t_lower,
        p_lower=p_lower,
        t_upper=t_upper,
        p_upper=p_upper,
        conf_low=test.estimate - reach,
        conf_high=test.estimate + reach,
        equivalent=max(p_lower, p_upper) < alpha,
        method=f"TOST, {test.method}",
    )


def hedges_g(values: ArrayLike, reference: ArrayLike, *, level: float = 0.95) -> EffectSize:
    """Return the difference of two independent groups in pooled SDs, with exact J and a noncentral-t interval.

    Hedges 1981, 10.3102/10769986006002107; the interval is Steiger & Fouladi's (1997) pivot on d, times J for g.
    """
    one, two = _sample(values), _sample(reference)
    sd, df = _pooled_sd(one, two)
    scale = math.sqrt(1 / one.size + 1 / two.size)
    return _effect_size(float(one.mean() - two.mean()) / sd, df, scale, level=level, method="Hedges g, independent")


def hedges_g_paired(values: ArrayLike, reference: ArrayLike, *, level: float = 0.95) -> EffectSize:
    """Return the mean paired difference in SDs of the differences (d_z), with exact J and a noncentral-t interval."""
    one, two = _paired(values, reference)
    difference = one - two
    _require_spread(float(difference.std(ddof=1)))
    d = float(difference.mean() / difference.std(ddof=1))
    return _effect_size(
        d, difference.size - 1, 1 / math.sqrt(difference.size), level=level, method="Hedges g_z, paired"
    )


def small_sample_correction(df: float) -> float:
    """Return Hedges' exact J = gamma(df/2) / (sqrt(df/2) gamma((df - 1)/2)).

    >>> round(small_sample_correction(18), 6)
    0.957646
    """
    return math.exp(math.lgamma(df / 2) - math.lgamma((df - 1) / 2) - 0.5 * math.log(df / 2))


def _effect_size(d: float, df: float, scale: float, *, level: float, method: str) -> EffectSize:
    J = small_sample_correction(df)
    tail = (1 - level) / 2
    low, high = (_noncentrality(d / scale, df, share) * scale for share in (1 - tail, tail))
    return EffectSize(d, d * J, J, low * J, high * J, low, high, method)


def _noncentrality(statistic: float, df: float, share: float) -> float:
    """Return the noncentrality at which the noncentral t lies below `statistic` with probability `share`."""
    from scipy.optimize import brentq

    def excess(ncp: float) -> float:
        return float(special.nctdtr(df, ncp, statistic)) - share

    low, high = statistic - 5.0, statistic + 5.0
    while excess(low) < 0:
        low -= 5.0 + abs(statistic)
    while excess(high) > 0:
        high += 5.0 + abs(statistic)
    return float(brentq(excess, low, high, xtol=1e-13, rtol=1e-14))


def _t_interval(differences: Array, *, level: float, method: str) -> TTest:
    n = differences.size
    sd = float(differences.std(ddof=1))
    _require_spread(sd)
    return _t_test(float(differences.mean()), sd / math.sqrt(n), n - 1, units=n, level=level, method=method)


def _t_test(
    estimate: float, std_error: float, df: float, *, units: int, level: float, method: str = "Welch t"
) -> TTest:
    statistic = float(estimate) / std_error
    reach = float(special.stdtrit(df, 0.5 + level / 2)) * std_error
    p_value = min(1.0, 2 * float(special.stdtr(df, -abs(statistic))))
    low, high = float(estimate) - reach, float(estimate) + reach
    return TTest(float(estimate), std_error, float(df), statistic, p_value, low, high, units, method)


def _pooled_sd(one: Array, two: Array) -> tuple[float, int]:
    df = one.size + two.size - 2
    variance = ((one.size - 1) * one.var(ddof=1) + (two.size - 1) * two.var(ddof=1)) / df
    _require_spread(float(variance))
    return math.sqrt(variance), df


def _paired(values: ArrayLike, reference: ArrayLike) -> tuple[Array, Array]:
    one, two = _sample(values), _sample(reference)
    if one.size != two.size:
        raise DesignError(
            "a paired test must have both values of every unit",
            f"{one.size} values and {two.size} references",
            remedy="use welch_t where the arms come from different units",
        )
    return one, two


def _sample(values: ArrayLike) -> Array:
    sample = np.asarray(values, dtype=float).ravel()
    if sample.size < 2 or not np.isfinite(sample).all():
        raise DesignError(
            "a test must have a number from each of at least two units",
            f"{sample.size} units, {int(np.sum(~np.isfinite(sample)))} without a number",
        )
    return sample


def _require_spread(spread: float) -> None:
    if not spread > 0:
        raise DesignError("units must differ for a t test", "the same value in every unit")

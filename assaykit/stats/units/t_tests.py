"""t tests of one or two arms over independent units: `result = test(values, ...)`, values one per unit.

Paired functions take two arrays in the same order of units, and drop no unit silently: a missing value is an error.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from assaykit.errors import DesignError
from assaykit.stats.units.contrast import ContrastResult

Floats = NDArray[np.float64]


def paired_t(values: ArrayLike, reference: ArrayLike, *, level: float = 0.95) -> ContrastResult:
    """Return the t test of the mean of `values - reference` over units, n - 1 df (Student 1908).

    >>> round(paired_t([2.0, 3.0, 5.0], [1.0, 1.0, 2.0]).estimate, 3)
    2.0
    """
    one, two = paired_samples(values, reference)
    return _one_sample(one - two, level=level, method="paired t")


def one_sample_t(values: ArrayLike, *, mean: float = 0.0, level: float = 0.95) -> ContrastResult:
    """Return the t test of the mean of `values` against `mean`; the estimate is the difference from it."""
    return _one_sample(sample(values) - mean, level=level, method="one-sample t")


def welch_t(values: ArrayLike, reference: ArrayLike, *, level: float = 0.95) -> ContrastResult:
    """Return the t test of two independent groups without equal variances (Welch 1947, 10.1093/biomet/34.1-2.28)."""
    one, two = sample(values), sample(reference)
    parts = np.array([one.var(ddof=1) / one.size, two.var(ddof=1) / two.size])
    require_spread(float(parts.sum()))
    df = parts.sum() ** 2 / float(np.sum(parts**2 / (np.array([one.size, two.size]) - 1)))
    difference, error = float(one.mean() - two.mean()), math.sqrt(parts.sum())
    return ContrastResult.by_t(difference, error, df, n_units=one.size + two.size, level=level, method="Welch t")


def student_t(values: ArrayLike, reference: ArrayLike, *, level: float = 0.95) -> ContrastResult:
    """Return the t test of two independent groups with one common variance."""
    one, two = sample(values), sample(reference)
    sd, df = pooled_sd(one, two)
    difference, error = float(one.mean() - two.mean()), sd * math.sqrt(1 / one.size + 1 / two.size)
    return ContrastResult.by_t(difference, error, df, n_units=one.size + two.size, level=level, method="Student t")


def pooled_sd(one: Floats, two: Floats) -> tuple[float, int]:
    """Return the SD common to two groups and its df; DesignError where no unit differs from its group."""
    df = one.size + two.size - 2
    variance = ((one.size - 1) * one.var(ddof=1) + (two.size - 1) * two.var(ddof=1)) / df
    require_spread(float(variance))
    return math.sqrt(variance), df


def paired_samples(values: ArrayLike, reference: ArrayLike) -> tuple[Floats, Floats]:
    """Return both as samples of the same units; DesignError where their numbers differ."""
    one, two = sample(values), sample(reference)
    if one.size != two.size:
        raise DesignError(
            "a paired test must have both values of every unit",
            f"{one.size} values and {two.size} references",
            remedy="use welch_t where the arms come from different units",
        )
    return one, two


def sample(values: ArrayLike) -> Floats:
    """Return one value per unit as an array; DesignError for fewer than two units, or a unit without a number."""
    array = np.asarray(values, dtype=float).ravel()
    if array.size < 2 or not np.isfinite(array).all():
        raise DesignError(
            "a test must have a number from each of at least two units",
            f"{array.size} units, {int(np.sum(~np.isfinite(array)))} without a number",
        )
    return array


def require_spread(spread: float) -> None:
    """Raise DesignError where units do not differ at all, so that there is no error to test against."""
    if not spread > 0:
        raise DesignError("units must differ for a t test", "the same value in every unit")


def _one_sample(differences: Floats, *, level: float, method: str) -> ContrastResult:
    n, sd = differences.size, float(differences.std(ddof=1))
    require_spread(sd)
    return ContrastResult.by_t(
        float(differences.mean()), sd / math.sqrt(n), n - 1, n_units=n, level=level, method=method
    )

"""Rank tests with exact null distributions, which at lab n the usual approximations do not give.

A rank test counts arrangements, so few units bound how small its p can be: `smallest_p` says how small.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from assaykit.errors import DesignError

Array = NDArray[np.float64]
_MOST_ARRANGEMENTS = 400_000
_MOST_SIGNS = 5_000


@dataclass(frozen=True, slots=True)
class RankTest:
    """A rank statistic with its two-sided p, and the smallest p that this many units can give."""

    statistic: float
    p_value: float
    smallest_p: float
    estimate: float
    units: int
    method: str


def wilcoxon_signed_rank(values: ArrayLike, reference: ArrayLike | None = None) -> RankTest:
    """Return the exact signed rank test of paired differences, ties as midranks and zeros dropped (Wilcoxon 1945).

    The null distribution is that of the midranks seen, every sign pattern counted. `estimate` is the Hodges-Lehmann
    median of the pairwise means; `statistic` the sum of the ranks of positive differences.

    >>> wilcoxon_signed_rank([1.0, 2.0, 3.0, 4.0, 5.0]).p_value
    0.0625
    """
    differences = _differences(values, reference)
    kept = differences[differences != 0]
    if kept.size == 0:
        raise DesignError("units must differ for a signed rank test", "no difference in any unit")
    ranks = midranks(np.abs(kept))
    positive = float(ranks[kept > 0].sum())
    p_value = _signed_rank_p(ranks, positive)
    return RankTest(
        statistic=positive,
        p_value=p_value,
        smallest_p=2.0 ** (1 - kept.size),
        estimate=hodges_lehmann(differences),
        units=kept.size,
        method="Wilcoxon signed rank, exact",
    )


def friedman(table: ArrayLike) -> RankTest:
    """Return Friedman's test of (units, conditions): exact where the arrangements can be counted, else chi-square.

    Friedman 1937, 10.1080/01621459.1937.10503522, with the tie correction. `estimate` is Kendall's W.
    """
    values = np.asarray(table, dtype=float)
    if values.ndim != 2 or min(values.shape) < 2 or not np.isfinite(values).all():
        raise DesignError("Friedman's test must have every condition in every unit", f"a table of shape {values.shape}")
    units, conditions = values.shape
    ranks = np.array([midranks(row) for row in values])
    spread = float(np.sum((ranks - (conditions + 1) / 2) ** 2))
    if spread == 0:
        raise DesignError("conditions must differ within a unit for Friedman's test", "ties everywhere")
    totals = ranks.sum(axis=0) - units * (conditions + 1) / 2
    statistic = (conditions - 1) * float(np.sum(totals**2)) / spread
    exact = _friedman_p(ranks, float(np.sum(totals**2)))
    return RankTest(
        statistic=statistic,
        p_value=float(special.chdtrc(conditions - 1, statistic)) if exact is None else exact,
        smallest_p=math.factorial(conditions) ** (1.0 - units),
        estimate=statistic / (units * (conditions - 1)),
        units=units,
        method="Friedman, chi-square" if exact is None else "Friedman, exact",
    )


def hodges_lehmann(differences: ArrayLike) -> float:
    """Return the median of the means of all pairs of differences, each with itself included."""
    values = np.asarray(differences, dtype=float)
    first, second = np.triu_indices(values.size)
    return float(np.median((values[first] + values[second]) / 2))


def midranks(values: Array) -> Array:
    """Return ranks from 1, ties sharing their mean rank.

    >>> midranks(np.array([3.0, 1.0, 3.0])).tolist()
    [2.5, 1.0, 2.5]
    """
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[inverse], dtype=np.float64)


def _differences(values: ArrayLike, reference: ArrayLike | None) -> Array:
    first = np.asarray(values, dtype=float).ravel()
    differences = first if reference is None else first - np.asarray(reference, dtype=float).ravel()
    if not np.isfinite(differences).all():
        raise DesignError("a rank test must have a number from every unit", "a missing value")
    return differences


def _signed_rank_p(ranks: Array, positive: float) -> float:
    """Return the two-sided p by counting sign patterns: one convolution a unit, over doubled (whole) ranks."""
    if ranks.size > _MOST_SIGNS:
        raise DesignError("an exact signed rank test must have at most 5,000 units", str(ranks.size))
    doubled = np.rint(2 * ranks).astype(int)
    shares = np.zeros(int(doubled.sum()) + 1)
    shares[0] = 1.0
    for rank in doubled:
        shares[rank:] = 0.5 * (shares[rank:] + shares[: shares.size - rank].copy())
        shares[:rank] *= 0.5
    below = round(2 * min(positive, float(ranks.sum()) - positive))
    return min(1.0, 2 * float(shares[: below + 1].sum()))


def _friedman_p(ranks: Array, squares: float) -> float | None:
    """Return the share of arrangements whose rank totals spread at least this far; None where too many to count."""
    conditions = ranks.shape[1]
    if conditions > 6:
        return None
    states: dict[tuple[int, ...], float] = {(0,) * conditions: 1.0}
    for row in np.rint(2 * (ranks - (conditions + 1) / 2)).astype(int).tolist():
        steps = Counter(permutations(row))
        if len(states) * len(steps) > _MOST_ARRANGEMENTS:
            return None
        states = _after_unit(states, steps)
    needed = 4 * squares * (1 - 1e-12)
    return min(1.0, sum(share for total, share in states.items() if sum(t * t for t in total) >= needed))


def _after_unit(states: dict[tuple[int, ...], float], steps: Counter[tuple[int, ...]]) -> dict[tuple[int, ...], float]:
    whole = steps.total()
    after: dict[tuple[int, ...], float] = {}
    for total, share in states.items():
        for step, ways in steps.items():
            key = tuple(sorted(t + s for t, s in zip(total, step, strict=True)))
            after[key] = after.get(key, 0.0) + share * ways / whole
    return after

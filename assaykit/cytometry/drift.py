"""Signal over a run: whether it moved while a well was acquired, where, and by how much.

    values in order of acquisition -> bins of equal counts -> Trace: per bin a rank test and a shift

A bin is said to have moved where both hold. *More than chance*: its mean rank differs from that of all events, among
all of them, the brighter half or the brightest tenth (Wilcoxon 1945, the variance without replacement and with ties, a
normal limit, Bonferroni over bins, sets and channels). The test asks nothing of the shape, so that a bimodal marker
whose median jumps across its valley is not named; and bright cells that fall stay above dim ones, which only the
brighter sets see. *Enough to matter*: a quarter of the quantiles of that set moved by more than the limit, so that a
few per cent more of one of two populations is not enough either.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from assaykit.cytometry.channels import is_fluorescence
from assaykit.cytometry.columns import WellColumns

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
EVENTS_PER_BIN = 50
DRIFT_BINS, SIGNAL_BINS = 20, 100
FEWEST_BINS = 4
MOST_CELLS = 5_000
BY_CHANCE = 0.003
"""The share of steady wells in which a move may be named at all, over every bin and channel of the well."""
LEVELS = np.linspace(10, 90, 17)
"""Percentiles held against those of the run; a quarter of them must have moved."""
SETS = (0, 50, 90)
"""The sets a bin is compared in: the events above these percentiles of the run."""
FEWEST_PER_SET = 10
LEANING = 2.0
"""A bin beside one that moved has moved in part where its rank test says so, with one neighbour to account for."""
ISLAND = 0.05
"""A stretch of at most this share of the run between two that moved is left out with them [PeacoQC: 5 bins]."""


@dataclass(frozen=True, slots=True, eq=False)
class BinnedSet:
    """One set of a run in order of acquisition: its values, where each bin begins and ends, and the rank test of each.

    A bin with fewer than ten events of the set is not `enough` and has z = 0.
    """

    values: Array
    edges: NDArray[np.int64]
    testable: Mask
    z: Array


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """The bins of a run: `edges` (event numbers) and the sets they are compared in."""

    edges: NDArray[np.int64]
    sets: tuple[BinnedSet, ...]

    @property
    def z(self) -> Array:
        """The rank tests, sets x bins."""
        return np.array([each.z for each in self.sets])

    def shifts(self, limit: float, chance: float) -> Array:
        """Return, per bin, the largest shift beyond `limit` and beyond chance; 0 where there is none.

        In a steady run any bin has one with a probability below `chance`; shifts are measured where a rank test asks.
        """
        from scipy.stats import norm

        least = norm.isf(chance / (2 * self.z.size))
        beyond = np.abs(self.z) > least
        pairs = zip(self.sets, beyond, strict=True)
        shift = np.array([quantile_shifts(each) if asked.any() else np.zeros(asked.size) for each, asked in pairs])
        shift = np.where(beyond & (np.abs(shift) > limit), shift, 0.0)
        largest = np.abs(shift).argmax(axis=0)
        return np.asarray(shift[largest, np.arange(shift.shape[1])])


def trace(values: NDArray[np.floating], most_bins: int) -> Trace | None:
    """Return the trace of values in order of acquisition; None where fewer than four bins of 50 events can be made."""
    from scipy.stats import rankdata

    count = min(most_bins, values.size // EVENTS_PER_BIN)
    if count < FEWEST_BINS or not np.isfinite(values).all():
        return None
    edges = np.linspace(0, values.size, count + 1).astype(np.int64)
    ranks = rankdata(values)
    limits = np.percentile(values, SETS)
    sets = []
    for percent, limit in zip(SETS, limits, strict=True):
        part = np.flatnonzero(values > limit if percent else values >= limit)
        # Above a limit lie the highest ranks of the run, so that within the set they begin again at 1.
        own = ranks[part] - (values.size - part.size)
        sets.append(_rank_tests(values[part].astype(np.float64), own, np.searchsorted(part, edges)))
    return Trace(edges, tuple(sets))


def _rank_tests(values: Array, ranks: Array, edges: NDArray[np.int64]) -> BinnedSet:
    """Return a set with the rank test of each bin."""
    starts, sizes = edges[:-1], np.diff(edges)
    enough = (sizes >= FEWEST_PER_SET) & (sizes < values.size)
    z = np.zeros(sizes.size)
    if enough.sum() >= FEWEST_BINS:
        # Mean rank of each bin, standardised: the variance of the ranks over m, times (N - m)/(N - 1) for sampling
        # without replacement; ranks of ties are their means, so that the variance itself holds the correction.
        totals = np.concatenate([[0.0], np.cumsum(ranks)])
        means = (totals[edges[1:]] - totals[starts])[enough] / sizes[enough]
        error = np.sqrt(ranks.var() * (values.size - sizes[enough]) / (sizes[enough] * (values.size - 1)))
        z[enough] = (means - ranks.mean()) / error if ranks.var() > 0 else 0.0
    return BinnedSet(values, edges, enough, z)


def quantile_shifts(binned: BinnedSet) -> Array:
    """Return, per bin, by what share of their size a quarter of a set's quantiles moved, with the rank test's sign.

    Quantiles are held against the median bin's; near zero, their size is the spread of the denser half (the shortest
    that holds half of the values: Rousseeuw & Leroy 1987), which a second population leaves be.
    """
    shift = np.zeros(binned.z.size)
    bins = [bounds for bounds, held in zip(pairwise(binned.edges), binned.testable, strict=True) if held]
    quantiles = np.array([np.percentile(binned.values[first:last], LEVELS) for first, last in bins])
    usual = np.median(quantiles, axis=0)
    scale = np.maximum(np.abs(usual), max(shortest_half(binned.values) / 1.349, np.finfo(float).tiny))
    moved = np.percentile(np.abs((quantiles - usual) / scale), 75, axis=1)
    shift[binned.testable] = moved * np.sign(binned.z[binned.testable])
    return shift


def shortest_half(values: NDArray[np.floating]) -> float:
    """Return the width of the shortest interval that holds half of the values."""
    ordered = np.sort(values)
    half = (ordered.size + 1) // 2
    return float((ordered[half - 1 :] - ordered[: ordered.size - half + 1]).min())


@dataclass(frozen=True, slots=True)
class Drift:
    """How far the signal moved, from lowest to highest, over which share of the run, and where that begins (0 to 1)."""

    extent: float
    share: float
    begin: float


def drift(values: NDArray[np.floating], limit: float, *, channels: int = 1) -> Drift | None:
    """Return how the signal of one of `channels` channels moved beyond chance, by more than `limit`; None if not.

    `values` are in order of acquisition; up to 5,000 are taken, evenly.
    """
    run = trace(values[:: max(1, values.size // MOST_CELLS)], DRIFT_BINS)
    if run is None:
        return None
    moved = run.shifts(0.0, BY_CHANCE / channels)
    extent = float(max(moved.max(), 0.0) - min(moved.min(), 0.0))
    where = np.flatnonzero(moved)
    return Drift(extent, where.size / moved.size, float(where[0]) / moved.size) if extent > limit else None


def signal_shifts(columns: WellColumns, limit: float) -> dict[str, Mask]:
    """Return, per fluorescence role whose signal moved, which events came while it had.

    Steps as in PeacoQC (Emmaneel 2022, 10.1002/cyto.a.24501), with rank tests and quantiles for its density peaks:
    """
    roles = fluorescence_roles(columns)
    found = {}
    for role in roles:
        # 1. Bins of equal counts, and what moved among them.
        run = trace(columns.column(role), SIGNAL_BINS)
        if run is None:
            continue
        shift = run.shifts(limit, BY_CHANCE / len(roles))
        moved = shift != 0
        if not moved.any():
            continue
        # 2. A stretch goes on into neighbours that lean the same way: its ends lie within bins.
        leaning = run.z[np.abs(run.z).argmax(axis=0), np.arange(moved.size)]
        for beside in (np.r_[0.0, shift[:-1]], np.r_[shift[1:], 0.0]):
            moved = moved | ((leaning * beside > 0) & (np.abs(leaning) > LEANING))
        # 3. No short island of kept bins between two that moved.
        found[role] = np.repeat(_without_islands(moved), np.diff(run.edges))
    return found


def fluorescence_roles(columns: WellColumns) -> list[str]:
    """Return the roles of a well that show a dye."""
    channels = {channel.name: channel for channel in columns.events.channels}
    return [role for role, name in columns.names.items() if is_fluorescence(channels[name])]


def _without_islands(moved: Mask) -> Mask:
    """Return the bins with every kept stretch of at most a twentieth of the run, between two moved ones, moved too."""
    filled = moved.copy()
    gone = np.flatnonzero(moved)
    for left, right in pairwise(gone):
        if right - left - 1 <= ISLAND * moved.size:
            filled[left:right] = True
    return filled

"""The density of one channel: values -> histogram -> smooth curve -> its peaks and the valleys between them.

A dent is a valley only where it is deep and beyond counting noise; peaks parted by less are one. The interval of a
place comes from the histogram redrawn many times (a multinomial bootstrap, seeded).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
BINS = 256
REDRAWS = 200
SHALLOW = 0.7
"""A dent above this share of its lower peak parts nothing (our convention)."""
SURE_ERRORS = 4.0
"""A dent must lie this many standard errors below its lower peak (our convention)."""
UNDECIDED = 0.03
"""More cells than this inside the interval of a cut make it doubtful (our convention)."""
LEAST_SIDE = 0.003
"""A peak holding a smaller share of the cells than this is stray events, not a population (our convention)."""
FLOOR = 0.05
FEWEST = 100
"""Cells below which no density is drawn."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A place that parts two populations, on the raw scale, with its 95 % interval.

    `sure` says that it is clear; otherwise `why` says what is doubtful. Not `trusted`: no number may rest on it.
    """

    value: float
    low: float
    high: float
    sure: bool
    doubt: str = ""
    usable: bool = True


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts in equal bins of a shown scale; `centres` are on that scale, shape (BINS,)."""

    counts: Array
    centres: Array
    bandwidth: float  # SD of the kernel, in bins


def histogram_of(shown: NDArray[np.floating], *, central: tuple[float, float] = (0.05, 99.95)) -> Histogram:
    """Return the histogram between two percentiles, with a kernel of 0.7 of Silverman's rule (1986, eq. 3.31)."""
    low, high = np.percentile(shown, central)
    if high <= low:
        low, high = low - 0.5, high + 0.5
    margin = 0.02 * (high - low)
    counts, edges = np.histogram(shown, bins=BINS, range=(low - margin, high + margin))
    quartiles = np.percentile(shown, [25, 75])
    spread = min(float(shown.std()), float(quartiles[1] - quartiles[0]) / 1.349) or float(shown.std())
    width = float(edges[1] - edges[0])
    bandwidth = 0.7 * 0.9 * spread * shown.size**-0.2 / width
    return Histogram(counts.astype(np.float64), (edges[1:] + edges[:-1]) / 2, max(bandwidth, 1.5))


def smoothed(histogram: Histogram, counts: Array | None = None) -> Array:
    """Return the counts smoothed by a Gaussian kernel; `counts` may hold many histograms, shape (..., BINS)."""
    offsets = np.arange(histogram.centres.size)
    kernel = np.exp(-0.5 * ((offsets[:, None] - offsets) / histogram.bandwidth) ** 2)
    kernel /= np.sqrt(2 * np.pi) * histogram.bandwidth
    return np.asarray((histogram.counts if counts is None else counts) @ kernel)


def redrawn_counts(histogram: Histogram, seed: int) -> Array:
    """Return the histograms of REDRAWS samples of as many cells, shape (REDRAWS, BINS)."""
    total = int(histogram.counts.sum())
    draws = np.random.default_rng(seed).multinomial(total, histogram.counts / total, size=REDRAWS)
    return draws.astype(np.float64)


def redrawn(histogram: Histogram, seed: int) -> Array:
    """Return the smooth curves of those samples, shape (REDRAWS, BINS)."""
    return smoothed(histogram, redrawn_counts(histogram, seed))


def mode_of(histogram: Histogram) -> float:
    """Return the mode of the smoothed histogram."""
    return float(histogram.centres[int(smoothed(histogram).argmax())])


def peaks_of(histogram: Histogram) -> tuple[int, ...]:
    """Return the bins of the peaks that are populations, from the left.

    Every local maximum is a peak at first; while the shallowest dent parts nothing, its lower peak joins the other.
    """
    # 1. Every local maximum of the smooth curve; of a plateau its right end.
    density = smoothed(histogram)
    before, after = np.r_[-np.inf, density[:-1]], np.r_[density[1:], -np.inf]
    peaks = np.flatnonzero((density >= before) & (density > after) & (density > 0)).tolist()
    # 2. The weakest dent goes first, since what it joins may make a neighbour's dent deep enough.
    while len(peaks) > 1:
        weakest = min(pairwise(peaks), key=lambda pair: _strength(histogram, density, peaks, pair))
        if _strength(histogram, density, peaks, weakest) >= 1.0:
            break
        peaks.remove(min(weakest, key=lambda peak: density[peak]))
    return tuple(peaks)


def lowest_between(density: Array, first: int, second: int) -> int:
    """Return the bin of the lowest density between two peaks."""
    return first + int(density[first : second + 1].argmin())


def _strength(histogram: Histogram, density: Array, peaks: list[int], pair: tuple[int, int]) -> float:
    """Return how far the dent between two neighbouring peaks passes all bars; below 1 it parts nothing."""
    # Three bars, each 1 where it is just met: depth beside the lower peak, standard errors, cells on the smaller side.
    dents = [0, *(lowest_between(density, *other) for other in pairwise(peaks)), density.size]
    place = peaks.index(pair[0])
    smaller = min(histogram.counts[dents[i] : dents[i + 1]].sum() for i in (place, place + 1))
    least = max(LEAST_SIDE * histogram.counts.sum(), 20.0)
    floor = density[dents[place + 1]]
    depth = (1.0 - floor / min(density[pair[0]], density[pair[1]])) / (1.0 - SHALLOW)
    return float(min(depth, errors_deep(histogram, *pair, density=density) / SURE_ERRORS, smaller / least))


def errors_deep(histogram: Histogram, first: int, second: int, *, density: Array | None = None) -> float:
    """Return how far the valley between two peaks lies below the lower one, in standard errors of that difference.

    An empty gap before a small peak is clearer than a dent between two large ones. A kernel density is surer than one
    bin's count: its variance is density / (2 sqrt(pi) bandwidth) (Silverman 1986, eq. 3.20 in bins).
    """
    curve = smoothed(histogram) if density is None else density
    floor, lower = curve[lowest_between(curve, first, second)], min(curve[first], curve[second])
    variance = max(floor + lower, 1.0) / (2 * np.sqrt(np.pi) * histogram.bandwidth)
    return float((lower - floor) / np.sqrt(variance))


def valley_floor(density: Array, first: int, second: int) -> Any:
    """Return the bin in the middle of the floor between two peaks, for a curve or for each of many, shape (..., BINS).

    The floor is what rises by less than FLOOR of the lowest density and a hundredth of the lower peak.
    """
    between = density[..., first : second + 1]
    lower = np.minimum(between[..., :1], between[..., -1:])
    low = between <= (1 + FLOOR) * between.min(axis=-1, keepdims=True) + 0.01 * lower
    middle = (low * np.arange(first, second + 1)).sum(axis=-1) / low.sum(axis=-1)
    return np.rint(middle).astype(np.intp)


def share_between(histogram: Histogram, low: float, high: float) -> float:
    """Return the share of cells between two places of the shown scale."""
    between = (histogram.centres >= low) & (histogram.centres <= high)
    return float(histogram.counts[between].sum() / histogram.counts.sum())

"""Where one population ends and the next begins, in one channel, and how sure that is.

values -> histogram on a scale that shows them -> smooth density -> the most prominent valley. The valley of a
histogram redrawn many times (a multinomial bootstrap, seeded) gives the interval. No clear valley is said, never
guessed silently: then the cut stands 3 spreads from the mode and `sure` is False.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Side = Literal["above", "below"]
BINS = 256
REDRAWS = 200
SHALLOW = 0.7
"""A valley above this share of its lower peak is ambiguous (our convention)."""
UNDECIDED = 0.03
"""More cells than this inside a valley's interval make it ambiguous (our convention)."""
LEAST_SIDE = 0.003
"""A side holding a smaller share of the cells than this is stray events, not a population (our convention)."""
FEWEST = 100


@dataclass(frozen=True, slots=True)
class Cut:
    """A place between two populations on the raw scale, its 95 % interval, and whether it is clear."""

    value: float
    low: float
    high: float
    sure: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts in equal bins of a shown scale; `centres` are on that scale."""

    counts: Array
    centres: Array
    bandwidth: float  # of the kernel, in bins


Estimator = Callable[[Histogram], float]


def cut_by_valley(values: NDArray[np.floating], *, keep: Side, seed: int, positive: bool = False) -> Cut:
    """Return the cut at the density valley; `keep` says on which side the cells wanted lie.

    Intensities are shown on an arcsinh scale fitted to them, and cut at the clearest valley. `positive` channels
    (scatter) are shown on a log scale and cut at the lowest clear valley: debris is smallest, and larger cells may
    part again.
    """
    return _cut(values, _first_valley if positive else _valley, keep=keep, seed=seed, positive=positive)


def cut_by_mixture(values: NDArray[np.floating], *, keep: Side, seed: int, positive: bool = False) -> Cut:
    """Return the cut where two fitted normal populations are equally likely (EM on the shown scale)."""
    return _cut(values, _mixture_cut, keep=keep, seed=seed, positive=positive)


def _cut(values: NDArray[np.floating], estimator: Estimator, *, keep: Side, seed: int, positive: bool) -> Cut:
    usable = values[np.isfinite(values) & ((values > 0) | (not positive))].astype(np.float64)
    if usable.size < FEWEST:
        edge = -np.inf if keep == "above" else np.inf
        return Cut(
            edge, edge, edge, sure=False, why=f"only {usable.size} cells to estimate it from; every cell is kept"
        )
    shown, back = _shown(usable, positive=positive)
    histogram = histogram_of(shown)
    place = estimator(histogram)
    rng = np.random.default_rng(seed)
    redrawn = [estimator(again) for again in _redraw(histogram, rng)]
    low, high = np.percentile(redrawn, [2.5, 97.5])
    doubt = _doubt(histogram, place, _share(histogram, low, high), single=not positive)
    if doubt:
        place = low = high = _beside_mode(shown, histogram, keep)
    ends = back(np.array([place, low, high]))
    return Cut(float(ends[0]), float(ends[1]), float(ends[2]), sure=not doubt, why=doubt)


def cut_above_mode(values: NDArray[np.floating], spreads: float, *, seed: int) -> Cut:
    """Return the mode + `spreads` SD of the negative peak, whose SD is taken from its lower half, with its interval.

    The upper half may hold positives; the lower cannot.
    """
    shown, back = _shown(values[np.isfinite(values)].astype(np.float64), positive=False)
    histogram = histogram_of(shown)

    def place(again: Histogram) -> float:
        mode = mode_of(again)
        lower = np.where(again.centres <= mode, again.counts, 0.0)
        return mode + spreads * float(np.sqrt((lower * (again.centres - mode) ** 2).sum() / max(lower.sum(), 1.0)))

    redrawn = [place(again) for again in _redraw(histogram, np.random.default_rng(seed))]
    low, high = np.percentile(redrawn, [2.5, 97.5])
    ends = back(np.array([place(histogram), low, high]))
    return Cut(float(ends[0]), float(ends[1]), float(ends[2]), sure=True)


def _shown(values: Array, *, positive: bool) -> tuple[Array, Callable[[Array], Array]]:
    if positive:
        return np.log10(values), lambda shown: np.asarray(10.0**shown)
    faint = _faint(values)
    return np.arcsinh(values / faint), lambda shown: np.asarray(np.sinh(shown) * faint)


def _faint(values: Array) -> float:
    """Return the intensity below which the scale is nearly linear: about the dimmest population's level and width.

    A scale that bends within a peak would split or stretch it.
    """
    p1, p5, p10 = np.percentile(values, [1, 5, 10])
    return max(abs(float(p5)), float(p10 - p1), 1e-6)


def histogram_of(shown: Array) -> Histogram:
    """Return the histogram of the central 99.9 %, with a kernel of 0.7 of Silverman's rule (1986, eq. 3.31)."""
    low, high = np.percentile(shown, [0.05, 99.95])
    if high <= low:
        low, high = low - 0.5, high + 0.5
    margin = 0.02 * (high - low)
    counts, edges = np.histogram(shown, bins=BINS, range=(low - margin, high + margin))
    quartiles = np.percentile(shown, [25, 75])
    spread = min(float(shown.std()), float(quartiles[1] - quartiles[0]) / 1.349) or float(shown.std())
    width = float(edges[1] - edges[0])
    bandwidth = 0.7 * 0.9 * spread * shown.size**-0.2 / width
    return Histogram(counts.astype(np.float64), (edges[1:] + edges[:-1]) / 2, max(bandwidth, 1.5))


def smoothed(histogram: Histogram) -> Array:
    """Return the counts smoothed by a Gaussian kernel, same shape."""
    reach = int(np.ceil(4 * histogram.bandwidth))
    offsets = np.arange(-reach, reach + 1)
    kernel = np.exp(-0.5 * (offsets / histogram.bandwidth) ** 2)
    return np.convolve(np.pad(histogram.counts, reach, mode="constant"), kernel / kernel.sum(), mode="valid")


def _clearness(density: Array) -> tuple[Array, Array]:
    """Return, bin by bin, how far the density lies below the lower of the peaks either side, and that peak.

    How far is told in standard errors of a difference of two counts, (peak - density) / sqrt(peak + density): so an
    empty gap before a small peak is clearer than a dent between two large ones.
    """
    left = np.maximum.accumulate(density)
    right = np.maximum.accumulate(density[::-1])[::-1]
    peak = np.minimum(left, right)
    return (peak - density) / np.sqrt(np.maximum(peak + density, 1.0)), peak


def _valley(histogram: Histogram) -> float:
    """Return the middle of the clearest valley, on the shown scale."""
    return float(histogram.centres[_valley_bin(smoothed(histogram))])


def _first_valley(histogram: Histogram) -> float:
    """Return the middle of the lowest valley that is clear, else of the clearest one."""
    density = smoothed(histogram)
    clear = _clear_valleys(density, histogram.bandwidth)
    return float(histogram.centres[clear[0] if clear else _valley_bin(density)])


def _valley_bin(density: Array) -> int:
    clearness, _ = _clearness(density)
    clearest = int(clearness.argmax())
    floor = clearness >= clearness[clearest] * 0.99
    start, stop = clearest, clearest
    while start > 0 and floor[start - 1]:
        start -= 1
    while stop < len(floor) - 1 and floor[stop + 1]:
        stop += 1
    return (start + stop) // 2


def _clear_valleys(density: Array, bandwidth: float) -> list[int]:
    """Return the bins of every valley that is deep and beyond counting noise, from the left."""
    if density.size < 3:
        return []
    at = _valley_bin(density)
    if _shallow(density, at, bandwidth):
        return []
    right = [at + 1 + place for place in _clear_valleys(density[at + 1 :], bandwidth)]
    return [*_clear_valleys(density[:at], bandwidth), at, *right]


def _shallow(density: Array, at: int, bandwidth: float) -> str:
    """Return why a valley is none, or "".

    Each side must hold its share of the cells, and the valley lie 4 standard errors and 30 % below its lower peak.
    """
    clearness, peak = _clearness(density)
    smaller = min(density[:at].sum(), density[at:].sum())
    kernel = np.sqrt(2 * np.sqrt(np.pi) * bandwidth)  # a kernel density is that much surer than a single bin
    if clearness[at] * kernel < 4 or smaller < max(LEAST_SIDE * density.sum(), 20):
        return "one population is seen, not two"
    share = density[at] / peak[at]
    return f"the valley holds {share:.0%} of its lower peak" if share > SHALLOW else ""


def _share(histogram: Histogram, low: float, high: float) -> float:
    """Return the share of cells between two places: those whose side the interval leaves open."""
    between = (histogram.centres >= low) & (histogram.centres <= high)
    return float(histogram.counts[between].sum() / histogram.counts.sum())


def _doubt(histogram: Histogram, place: float, share: float, *, single: bool) -> str:
    """Return why the cut is not clear, or "": the valley must be deep, fixed and, where asked, the only one."""
    density = smoothed(histogram)
    at = int(np.abs(histogram.centres - place).argmin())
    shallow = _shallow(density, at, histogram.bandwidth)
    if shallow:
        return shallow
    if share > UNDECIDED:
        return f"{share:.1%} of the cells lie within its interval"
    clearness, _ = _clearness(density)
    near = 3 * histogram.bandwidth
    valleys = [valley for valley in _clear_valleys(density, histogram.bandwidth) if abs(valley - at) > near]
    rivals = [valley for valley in valleys if clearness[valley] > 0.8 * clearness[at]]
    return "a second valley is as clear" if single and rivals else ""


def _redraw(histogram: Histogram, rng: np.random.Generator) -> list[Histogram]:
    total = int(histogram.counts.sum())
    draws = rng.multinomial(total, histogram.counts / total, size=REDRAWS).astype(np.float64)
    return [Histogram(counts, histogram.centres, histogram.bandwidth) for counts in draws]


def mode_of(histogram: Histogram) -> float:
    """Return the mode of the smoothed histogram."""
    return float(histogram.centres[int(smoothed(histogram).argmax())])


def _beside_mode(shown: Array, histogram: Histogram, keep: Side) -> float:
    """Return mode - 3 spreads (cells wanted above) or mode + 3 spreads, the spread taken from the half kept."""
    mode = mode_of(histogram)
    half = shown[shown >= mode] - mode if keep == "above" else mode - shown[shown <= mode]
    spread = 1.4826 * float(np.median(half))
    return mode - 3 * spread if keep == "above" else mode + 3 * spread


def _mixture_cut(histogram: Histogram) -> float:
    """Return where two normals fitted by EM to the binned values cross, between their means."""
    x, n = histogram.centres, histogram.counts
    weight, mean, spread = _started(histogram)
    for _ in range(60):
        # E step: each bin's share in each component; M step: weighted moments.
        each = weight[:, None] * _normal(x, mean[:, None], spread[:, None]) + 1e-300
        share = each / each.sum(axis=0) * n
        total = share.sum(axis=1) + 1e-12
        mean = (share @ x) / total
        variance = (share * (x - mean[:, None]) ** 2).sum(axis=1) / total
        spread = np.sqrt(np.maximum(variance, (x[1] - x[0]) ** 2))
        weight = total / total.sum()
    order = mean.argsort()
    each = weight[order, None] * _normal(x, mean[order, None], spread[order, None])
    between = (x > mean[order[0]]) & (x < mean[order[1]])
    crossing = np.flatnonzero(between & (each[1] >= each[0]))
    return float(x[crossing[0]]) if crossing.size else float(mean.mean())


def _started(histogram: Histogram) -> tuple[Array, Array, Array]:
    """Start EM either side of the valley."""
    x, n = histogram.centres, histogram.counts
    split = max(1, min(len(x) - 1, _valley_bin(smoothed(histogram))))
    parts = [slice(0, split), slice(split, None)]
    weight = np.array([n[part].sum() + 1.0 for part in parts])
    mean = np.array([np.average(x[part], weights=n[part] + 1e-9) for part in parts])
    spread = np.array(
        [np.sqrt(np.average((x[part] - m) ** 2, weights=n[part] + 1e-9)) for part, m in zip(parts, mean, strict=True)]
    )
    return weight / weight.sum(), mean, np.maximum(spread, x[1] - x[0])


def _normal(x: Array, mean: Array, spread: Array) -> Array:
    return np.asarray(np.exp(-0.5 * ((x - mean) / spread) ** 2) / spread)

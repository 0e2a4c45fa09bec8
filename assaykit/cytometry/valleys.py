"""Where the negative cells end and the positive ones begin, in one channel, and how sure that is.

values -> histogram on a scale that shows them -> populations -> the right valley, or what the control says where
there is one population only. One peak is not "the negative one": it is held against cells that lack the stain, and
against the scale of the instrument. What is doubtful is said (`sure`), what no number may rest on as well (`trusted`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from assaykit.cytometry.debris import Scatter, cut_debris
from assaykit.cytometry.density import (
    FEWEST,
    UNDECIDED,
    Array,
    Cut,
    Histogram,
    errors_deep,
    histogram_of,
    mode_of,
    peaks_of,
    redrawn,
    redrawn_counts,
    share_between,
    smoothed,
    valley_floor,
)

__all__ = ["FEWEST", "Cut", "Side", "cut_above_mode", "cut_by_mixture", "cut_by_valley"]

Side = Literal["above", "below"]
RIVAL = 0.8
"""A further valley this clear, in multiples of the one taken, makes the choice doubtful (our convention)."""
DECADES = 4.5
"""Decades below the top of the range that a display of intensities shows (the usual M of a logicle scale)."""
BRIGHT = 0.7
"""A population above this share of the displayed decades is not taken for a negative one (our convention)."""
POSITIVE, DIM = 0.6, 0.4
"""The only population, without a control, is positive above the one and not to be called so below the other share."""
AS_DIM = 2.0
"""A population within this many spreads of the control's median is as dim as the control (our convention)."""
GLOW = 5.0
"""Unstained cells of one plate differ by up to this factor: stroma and leukaemia cells (our convention)."""
WIDER = 3.0
"""A population about zero is symmetric: the scale that shows it alone bends this many times further out."""
SPREADS = 3.0
"""Where one population is all there is, the cut stands this many of its spreads from its mode (our convention)."""


@dataclass(frozen=True, slots=True)
class Arcsinh:
    """A scale that is linear below `faint` and logarithmic above it."""

    faint: float

    @classmethod
    def from_values(cls, values: Array) -> Arcsinh:
        """Return the scale that bends at the dimmest population's level and width; elsewhere it would split a peak."""
        p1, p5, p10 = np.percentile(values, [1, 5, 10])
        return cls(max(abs(float(p5)), float(p10 - p1), 1e-6))

    @classmethod
    def from_one_population(cls, values: Array) -> Arcsinh:
        """Return the scale for a single population: linear over its whole width where noise takes it below zero."""
        return cls(cls.from_values(values).faint * (WIDER if np.percentile(values, 1) < 0 else 1.0))

    def transform(self, values: NDArray[np.floating]) -> Array:
        """Return values as shown."""
        return np.arcsinh(values.astype(np.float64) / self.faint)

    def raw_cut(self, cut: Cut) -> Cut:
        """Return a cut of the shown scale on the raw one."""
        value, low, high = (float(np.sinh(end) * self.faint) for end in (cut.value, cut.low, cut.high))
        return replace(cut, value=value, low=low, high=high)


@dataclass(frozen=True, slots=True)
class NegativeCells:
    """Cells that lack the stain, on the shown scale: their median, robust SD, 99th percentile, and GLOW times that."""

    median: float
    spread: float
    top: float
    glow: float


def cut_by_valley(
    values: NDArray[np.floating],
    *,
    keep: Side,
    seed: int,
    positive: bool = False,
    control: NDArray[np.floating] | None = None,
    top: float = np.inf,
) -> Cut:
    """Return the cut between negative and positive cells; `keep` says on which side the cells wanted lie.

    `values` (cells,) come from stained wells, `control` from wells that lack the stain, where there are any, and
    `top` is the largest value the channel can hold. Of several valleys the clearest is taken, among those that the
    control's cells allow. `positive` channels hold scatter: see `cut_debris`.
    """
    if positive:
        return cut_debris(Scatter(values, top=top), seed=seed)
    usable = values[np.isfinite(values)].astype(np.float64)
    if usable.size < FEWEST:
        return _every_cell(usable, keep, f"only {usable.size} cells to estimate it from; every cell is kept")
    # 1. The density on a scale that is linear in the noise and logarithmic in the light, and its populations.
    scale = Arcsinh.from_values(usable)
    histogram = histogram_of(scale.transform(usable))
    peaks = peaks_of(histogram)
    # 2. The valleys that may part negative from positive cells, as the control's cells allow.
    negative = _negative(control, scale)
    serving = _valleys_that_serve(histogram, peaks, negative)
    # 3. Of several, the clearest; with a control the highest: stroma glows more than the leukaemia cells beside it.
    clearest = max(serving, key=lambda i: errors_deep(histogram, peaks[i], peaks[i + 1]), default=None)
    place = clearest if negative is None or not serving else serving[-1]
    doubted = negative is not None and place != clearest
    # 4. The cut stands on that valley's floor; where none serves, beside the only population or above the control's.
    if place is None:
        dimmest, cut = mode_of(histogram), _beside_one_population(usable, keep, control)
    else:
        dimmest = float(histogram.centres[peaks[place]])
        cut = scale.raw_cut(_at_valley(histogram, peaks, place, seed, known=negative is not None, doubted=doubted))
    bright = _share_of_decades(float(np.sinh(dimmest) * scale.faint), top)
    # 5. What the instrument's scale says against it: one population and no control has nothing else to be held to,
    if keep == "above" and place is None and negative is None and np.isfinite(top):
        if bright > POSITIVE:
            return replace(cut, sure=True, doubt="")
        if bright < DIM:
            why = f"the only population lies at {bright:.0%} of the displayed decades, too dim to be called positive"
            return replace(cut, sure=False, usable=False, doubt=why)
    #    and the cells called negative, or the control's that lie no lower, must not be bright.
    known = negative is not None and negative.top < dimmest
    if keep == "below" and bright > BRIGHT and not known:
        what = "the dimmest population" if place is not None else "the only population"
        why = f"{what} lies at {bright:.0%} of the displayed decades, too bright to be called negative"
        return replace(cut, sure=False, usable=False, doubt=why)
    return cut


def _every_cell(usable: Array, keep: Side, why: str) -> Cut:
    if not usable.size:
        return Cut(0.0, 0.0, 0.0, sure=False, doubt=why)
    edge = float(usable.min() if keep == "above" else np.nextafter(usable.max(), np.inf))
    return Cut(edge, edge, edge, sure=False, doubt=why)


def _negative(control: NDArray[np.floating] | None, scale: Arcsinh) -> NegativeCells | None:
    if control is None or np.isfinite(control).sum() < FEWEST:
        return None
    p16, p50, p84, p99 = np.percentile(scale.transform(control[np.isfinite(control)]), [15.87, 50, 84.13, 99])
    glow = float(np.arcsinh(GLOW * np.sinh(max(p99, 0.0))))
    return NegativeCells(float(p50), max(float(p84 - p16) / 2, 1e-9), float(p99), glow)


def _valleys_that_serve(histogram: Histogram, peaks: tuple[int, ...], negative: NegativeCells | None) -> list[int]:
    """Return the peaks left of a valley that may part negative from positive cells; without a control, all but one.

    With a control the valley must lie above its cells, and the population left of it be dim: nearer to the control's
    cells than to the population right of it, and not far brighter than they are.
    """
    if negative is None:
        return list(range(len(peaks) - 1))
    centres = histogram.centres[list(peaks)]
    return [
        i
        for i in range(len(peaks) - 1)
        if _valley(histogram, peaks, i) > negative.median + 0.8 * (negative.top - negative.median)
        and centres[i] - negative.median < centres[i + 1] - centres[i]
        and centres[i] < negative.glow
    ]


def _valley(histogram: Histogram, peaks: tuple[int, ...], place: int) -> float:
    return float(histogram.centres[valley_floor(smoothed(histogram), peaks[place], peaks[place + 1])])


def _at_valley(
    histogram: Histogram, peaks: tuple[int, ...], place: int, seed: int, *, known: bool, doubted: bool
) -> Cut:
    """Return the cut at one valley, on the shown scale, with what makes it doubtful."""
    pair = peaks[place], peaks[place + 1]
    value = _valley(histogram, peaks, place)
    low, high = np.percentile(histogram.centres[valley_floor(redrawn(histogram, seed), *pair)], [2.5, 97.5])
    why = ""
    undecided = share_between(histogram, low, high)
    depth = errors_deep(histogram, *pair)
    rivals = [pair for pair in pairwise(peaks) if errors_deep(histogram, *pair) > RIVAL * depth]
    if undecided > UNDECIDED:
        why = f"{undecided:.1%} of the cells lie within its interval"
    elif not known and len(rivals) > 1:
        why = f"there are {len(peaks)} populations and no control says which is negative"
    elif doubted:
        why = "cells somewhat brighter than the control are taken for negative; add a control of every kind of cell"
    return Cut(value, float(low), float(high), sure=not why, doubt=why)


def _beside_one_population(usable: Array, keep: Side, negative: NDArray[np.floating] | None) -> Cut:
    """Return the cut where no valley serves: beside the mode, or where the control's cells end."""
    scale = Arcsinh.from_one_population(usable)
    shown = scale.transform(usable)
    mode = mode_of(histogram_of(shown))
    half = shown[shown >= mode] - mode if keep == "above" else mode - shown[shown <= mode]
    reach = SPREADS * 1.4826 * float(np.median(half))
    beside = float(np.clip(mode - reach if keep == "above" else mode + reach, shown.min(), shown.max()))
    control = _negative(negative, scale)
    if control is None:
        return scale.raw_cut(
            Cut(beside, beside, beside, sure=False, doubt="one population is seen, and no control says which")
        )
    if mode <= control.median + AS_DIM * control.spread:
        # All are as dim as the control: whichever of the two reaches higher parts off the rare positive cells.
        high = max(mode + reach, control.top)
        why = "" if keep == "below" else "all cells are as dim as those that lack the stain"
        return scale.raw_cut(Cut(high, min(mode + reach, control.top), high, sure=not why, doubt=why))
    dim = float((shown < control.top).mean())
    if dim > UNDECIDED:
        why = "one population is seen, brighter than the control and not parted from it"
        low, high = sorted((control.top, beside))
        return scale.raw_cut(Cut(beside if keep == "below" else control.top, low, high, sure=False, doubt=why))
    return scale.raw_cut(Cut(control.top, control.top, max(control.top, min(beside, mode)), sure=True))


def _share_of_decades(value: float, top: float) -> float:
    """Return where a value lies among the decades a display shows, 0 to 1; 0 where the range is not known."""
    if not (np.isfinite(top) and value > 0):
        return 0.0
    return float(1.0 - np.log10(top / min(value, top)) / DECADES)


def cut_by_mixture(values: NDArray[np.floating], *, keep: Side, seed: int, positive: bool = False) -> Cut:
    """Return the cut where two normal populations, fitted by EM, are equally likely.

    On a linear scale for scatter (`positive`), else on an arcsinh scale. Not sure where the density of the values shows
    no two populations: EM always finds two.
    """
    usable = values[np.isfinite(values) & ((values > 0) | (not positive))].astype(np.float64)
    if usable.size < FEWEST:
        return _every_cell(usable, keep, f"only {usable.size} cells to estimate it from; every cell is kept")
    scale = Arcsinh.from_values(usable)
    histogram = histogram_of(usable if positive else scale.transform(usable))
    peaks = peaks_of(histogram)
    place = _mixture_cut(histogram, histogram.counts)
    low, high = np.percentile(
        [_mixture_cut(histogram, counts) for counts in redrawn_counts(histogram, seed)], [2.5, 97.5]
    )
    undecided = share_between(histogram, low, high)
    why = "one population is seen, not two" if len(peaks) < 2 else ""
    why = why or (f"{undecided:.1%} of the cells lie within its interval" if undecided > UNDECIDED else "")
    cut = Cut(place, float(low), float(high), sure=not why, doubt=why)
    return cut if positive else scale.raw_cut(cut)


def _mixture_cut(histogram: Histogram, counts: Array) -> float:
    """Return where two normals fitted by EM to the binned values cross, between their means."""
    x = histogram.centres
    # Start: the dimmer and the brighter half of the cells.
    split = int(np.searchsorted(counts.cumsum(), counts.sum() / 2))
    parts = [slice(0, max(split, 1)), slice(max(split, 1), None)]
    weight = np.array([counts[part].sum() + 1.0 for part in parts])
    mean = np.array([np.average(x[part], weights=counts[part] + 1e-9) for part in parts])
    spread = np.full(2, max(float(np.sqrt(np.cov(x, aweights=counts + 1e-9))) / 2, x[1] - x[0]))
    for _ in range(100):
        # E step: each bin's share in each component.
        each = weight[:, None] / spread[:, None] * np.exp(-0.5 * ((x - mean[:, None]) / spread[:, None]) ** 2) + 1e-300
        share = each / each.sum(axis=0) * counts
        # M step: weighted moments.
        total = share.sum(axis=1) + 1e-12
        mean = (share @ x) / total
        variance = (share * (x - mean[:, None]) ** 2).sum(axis=1) / total
        spread = np.sqrt(np.maximum(variance, (x[1] - x[0]) ** 2))
        weight = total / total.sum()
    # The crossing: the first bin between the means in which the brighter component is as likely.
    order = mean.argsort()
    between = (x > mean[order[0]]) & (x < mean[order[1]])
    crossing = np.flatnonzero(between & (each[order[1]] >= each[order[0]]))
    return float(x[crossing[0]]) if crossing.size else float(mean.mean())


def cut_above_mode(values: NDArray[np.floating], spreads: float, *, seed: int) -> Cut:
    """Return the mode + `spreads` SD of the negative peak, whose SD is taken from its lower half, with its interval.

    The upper half may hold positives; the lower cannot.
    """
    usable = values[np.isfinite(values)].astype(np.float64)
    scale = Arcsinh.from_one_population(usable)
    histogram = histogram_of(scale.transform(usable))

    def place(counts: Array, density: Array) -> float:
        # The peak, the second moment of its lower side about it (that of the whole peak, if it is symmetric), the cut.
        mode = histogram.centres[int(density.argmax())]
        lower = np.where(histogram.centres <= mode, counts, 0.0)
        variance = (lower * (histogram.centres - mode) ** 2).sum() / max(lower.sum(), 1.0)
        return float(mode + spreads * np.sqrt(variance))

    draws = redrawn_counts(histogram, seed)
    again = [place(*pair) for pair in zip(draws, smoothed(histogram, draws), strict=True)]
    low, high = np.percentile(again, [2.5, 97.5])
    return scale.raw_cut(Cut(place(histogram.counts, smoothed(histogram)), float(low), float(high), sure=True))

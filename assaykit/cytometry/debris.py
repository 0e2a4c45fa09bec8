"""Where debris ends on forward scatter: what is cut must look like debris, or nothing is cut.

Scatter is a linear measure, so its density is drawn on a linear scale, saturated events left out. The lowest peak is
debris only where it is small beside the main population of larger events and no more granular than that: lymphocytes
beside monocytes, dying cells at half their size and doublets part on forward scatter as well, and stay. Where dyes
show dying cells, give only the events that carry none: dying cells may be of any size (`DebrisGate.spares`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from assaykit.cytometry.density import (
    FEWEST,
    Cut,
    Histogram,
    histogram_of,
    lowest_between,
    peaks_of,
    redrawn,
    share_between,
    smoothed,
    valley_floor,
)

SMALL = 1 / 3
"""Debris peaks below this share of the main population's forward scatter: 0.09 to 0.23 in the real files looked at,
where lymphocytes beside monocytes lie at 0.5 to 0.7 and apoptotic cells at half of living ones (our convention)."""
DOUBTFUL_SIZE = 1 / 2
"""A peak between SMALL and this share may be large debris or small cells: it stays, and a warning says so."""
GRANULAR = 1.2
"""Debris has at most this multiple of the larger events' median side scatter (our convention)."""
UNSETTLED = 0.1
"""More events than this inside the interval of the cut make it doubtful (our convention)."""
STRAY = 0.05
"""A larger share of events that no valley parts, and that may be debris, makes the gate doubtful (our convention)."""


@dataclass(frozen=True, slots=True, eq=False)
class Scatter:
    """Events of wells by forward and, where known, side scatter, shape (events,).

    `top` is the value at which forward scatter saturates.
    """

    forward: NDArray[np.floating]
    side: NDArray[np.floating] | None = None
    top: float = np.inf

    def in_range(self) -> Scatter:
        """Return the events with forward scatter above zero and below saturation."""
        kept = np.isfinite(self.forward) & (self.forward > 0) & (self.forward < self.top)
        return replace(
            self,
            forward=self.forward[kept].astype(np.float64),
            side=None if self.side is None else self.side[kept],
        )


def cut_debris(scatter: Scatter, *, seed: int) -> Cut:
    """Return where debris ends on forward scatter; the smallest value seen where there is none to cut."""
    events = scatter.in_range()
    if events.forward.size < FEWEST:
        return _all_kept(events, f"only {events.forward.size} events to estimate it from; every event is kept")
    # 1. Populations on a linear scale; the largest half per cent, which may trail far, is not drawn.
    histogram = histogram_of(events.forward, central=(0.05, 99.5))
    peaks = peaks_of(histogram)
    density = smoothed(histogram)
    dents = [lowest_between(density, *pair) for pair in pairwise(peaks)]
    # 2. Of the populations from the left, those that look like debris beside the main one right of them.
    last, kept_for = -1, ""
    for place in range(len(dents)):
        kept_for = _unlike_debris(events, histogram, peaks, place=place, dents=dents)
        if kept_for:
            break
        last = place
    if last < 0:
        return _all_kept(events, kept_for or _hidden_debris(events, scatter, histogram, max(peaks, key=density.item)))
    # 3. The cut stands in the middle of the valley's floor.
    pair = peaks[last], peaks[last + 1]
    low, high = np.percentile(histogram.centres[valley_floor(redrawn(histogram, seed), *pair)], [2.5, 97.5])
    undecided = share_between(histogram, low, high)
    why = f"{undecided:.1%} of the events lie within its interval" if undecided > UNSETTLED else ""
    return Cut(float(histogram.centres[valley_floor(density, *pair)]), float(low), float(high), sure=not why, doubt=why)


def _unlike_debris(
    events: Scatter, histogram: Histogram, peaks: tuple[int, ...], *, place: int, dents: list[int]
) -> str:
    """Return why the population left of a dent is kept, or "" where it looks like debris in every way.

    A reason in KNOWN_CELLS is certain; another one leaves a doubt.
    """
    ends = [0, *dents, histogram.centres.size]
    held = [histogram.counts[start:stop].sum() for start, stop in pairwise(ends)]
    main = peaks[place + 1 + int(np.argmax(held[place + 1 :]))]
    ratio = float(histogram.centres[peaks[place]] / histogram.centres[main])
    begin = histogram.centres[dents[place - 1]] if place else -np.inf
    end = histogram.centres[dents[place]]
    inside = (events.forward >= begin) & (events.forward < end)
    if ratio > DOUBTFUL_SIZE:
        return CELLS
    if ratio > SMALL:
        return f"small events at {ratio:.2f} of the main population's size may be cells"
    if events.side is not None:
        small, large = np.median(events.side[inside]), np.median(events.side[events.forward >= end])
        if small > GRANULAR * large:
            return f"small events with {small / large:.1f} times the side scatter of larger ones may be dying cells"
    return ""


CELLS = "cells"
"""The reason to keep a small population that leaves no doubt."""


def _hidden_debris(events: Scatter, scatter: Scatter, histogram: Histogram, main: int) -> str:
    """Return what makes it doubtful that no debris is seen, or "" where there is none."""
    if main < AT_THRESHOLD * histogram.centres.size:
        return "most events lie at the acquisition threshold, and no valley parts cells from them"
    stray = float((events.forward < SMALL * float(histogram.centres[main])).mean())
    if stray > STRAY:
        return f"{stray:.0%} of the events are as small as debris, but no valley parts them"
    dark = float((scatter.forward <= 0).mean())
    return f"{dark:.0%} of the events have no forward scatter" if dark > STRAY else ""


AT_THRESHOLD = 0.06
"""A main peak within this share of the range from the lowest event stands at the acquisition threshold."""


def _all_kept(events: Scatter, why: str) -> Cut:
    edge = float(events.forward.min()) if events.forward.size else 0.0
    doubt = "" if why == CELLS else why
    return Cut(edge, edge, edge, sure=not doubt, doubt=doubt)

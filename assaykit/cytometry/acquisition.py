"""The flow of a run: the time of each event, spans in which the flow stopped or surged, and time that runs backwards.

Counts in equal spans of time are held against the median span, and a span is named only where a steady flow of that
rate (Poisson) gives such a count in fewer than 1 of 1,000 runs, all spans together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assaykit.cytometry.columns import WellColumns
from assaykit.cytometry.wells import time_column
from assaykit.tables import Finding

Mask = NDArray[np.bool_]
FEWEST_EVENTS = 300
FLOW_BINS = 50
EVENTS_PER_BIN = 20
TICKS_PER_BIN = 10
FEWEST_BINS = 5
"""A span holds 20 events and 10 ticks of the clock at least, or the clock alone makes it look empty; below 5 spans
nothing can be told."""
SLOW, FAST = 0.25, 4.0
"""A span of time with fewer (more) events than this multiple of the median span is a clog (a surge)."""
BY_CHANCE = 0.001
"""The share of steady runs in which one check may speak (Poisson or binomial, over all its spans or channels)."""
JITTER = 0.01
"""Steps back of at most this share of the run are the instrument's: boards that report out of turn."""


@dataclass(frozen=True, slots=True, eq=False)
class Flow:
    """Events in equal spans of time: `edges` in seconds (one more than spans), and which are too slow or too fast."""

    edges: NDArray[np.float64]
    counts: NDArray[np.int64]
    slow: Mask
    fast: Mask

    @property
    def usual(self) -> float:
        """The median count of a span."""
        return float(np.median(self.counts))


def seconds(columns: WellColumns) -> NDArray[np.floating] | None:
    """Return the time of each event, or None where the file has no Time channel or a constant one."""
    name = time_column(columns.events.channels)
    if name is None or name not in columns.events.names or len(columns) == 0:
        return None
    values = np.ascontiguousarray(columns.events.values[:, columns.events.names.index(name)])
    return values if np.isfinite(values).all() and values.max() > values.min() else None


def flow(time: NDArray[np.floating]) -> Flow | None:
    """Return the flow over ascending times; None where the clock or the number of events is too coarse to tell."""
    from scipy.stats import poisson

    # 1. Equal spans, of enough events and enough ticks of the clock each.
    steps = np.diff(time.astype(np.float64))
    ticks = float(np.ptp(time)) / float(steps[steps > 0].min())
    spans = int(min(FLOW_BINS, time.size // EVENTS_PER_BIN, ticks // TICKS_PER_BIN))
    if spans < FEWEST_BINS:
        return None
    edges = np.linspace(float(time[0]), float(time[-1]), spans + 1)
    counts = np.diff(np.searchsorted(time, edges[1:-1]), prepend=0, append=time.size)
    # 2. Far from the median span, and further than a steady flow (Poisson) comes by chance; half of it at either end.
    usual = max(float(np.median(counts)), 1.0)
    rare = BY_CHANCE / (2 * spans)
    slow = (counts < SLOW * usual) & (poisson.cdf(counts, usual) < rare)
    fast = (counts > FAST * usual) & (poisson.sf(counts - 1, usual) < rare)
    return Flow(edges, counts, slow, fast)


def flow_findings(columns: WellColumns) -> list[Finding]:
    """Name spans in which the flow stopped or surged, time that runs backwards, and time that tells nothing."""
    time = seconds(columns)
    if time is None and len(columns) >= FEWEST_EVENTS and time_column(columns.events.channels):
        return [Finding("warn", "time_unusable", "Time never moves or holds no number: the flow cannot be judged")]
    if time is None or time.size < FEWEST_EVENTS:
        return []
    if (back := _steps_back(time)) > 0:
        words = "once" if back == 1 else f"{back} times"
        return [Finding("warn", "time_backwards", f"Time runs backwards {words}: runs may have been joined")]
    run = flow(_in_order(time))
    if run is None:
        return []
    if np.median(run.counts) == 0:
        return [Finding("warn", "clog", "more than half of the run passed without events: the flow was blocked")]
    findings = []
    if run.slow.any():
        begin = run.edges[np.flatnonzero(run.slow)[0]] - run.edges[0]
        message = f"the flow nearly stopped for {run.slow.mean():.0%} of the run (from {begin:.3g} s on): a clog"
        findings.append(Finding("warn", "clog", message))
    if run.fast.any():
        begin = run.edges[np.flatnonzero(run.fast)[0]] - run.edges[0]
        message = f"the flow surged to {run.counts.max() / run.usual:.1f} times its rate (at {begin:.3g} s)"
        findings.append(Finding("warn", "flow_rate", message))
    return findings


def _in_order(time: NDArray[np.floating]) -> NDArray[np.floating]:
    return time if (time[1:] >= time[:-1]).all() else np.sort(time)


def _steps_back(time: NDArray[np.floating]) -> int:
    """Return how often time steps back by more than jitter; all steps count where one in ten goes back."""
    if (time[1:] >= time[:-1]).all():
        return 0
    steps = np.diff(time.astype(np.float64))
    far = int(np.count_nonzero(steps < -JITTER * float(np.ptp(time))))
    every = int(np.count_nonzero(steps < 0))
    return every if every > 0.1 * steps.size else far


def irregular_flow(columns: WellColumns) -> Mask:
    """Return which events were acquired while the flow was blocked or surging."""
    time = seconds(columns)
    if time is None or time.size < FEWEST_EVENTS:
        return np.zeros(len(columns), dtype=bool)
    run = flow(_in_order(time))
    if run is None:
        return np.zeros(len(columns), dtype=bool)
    return np.asarray((run.slow | run.fast)[np.searchsorted(run.edges[1:-1], time, side="right")])

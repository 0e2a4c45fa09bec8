"""Quality of one well, cell by cell: flow, drift, margins, doublets. Findings always; exclusion only if asked for.

Time is read from the Time channel; where a file has none, drift is judged in the order of the events and the flow
rate not at all. Limits are those of the protocol's `quality`; what they do not say is our convention.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assaykit.cytometry.columns import Columns
from assaykit.cytometry.hierarchy import ALL
from assaykit.cytometry.readouts import median, quantile, robust_sd
from assaykit.cytometry.wells import is_fluorescence, time_column
from assaykit.protocol.gates import SingletGate
from assaykit.protocol.model import Protocol
from assaykit.tables import Finding

Mask = NDArray[np.bool_]
FEWEST_EVENTS = 300
FLOW_BINS = 50
EVENTS_PER_BIN = 100
MOST_BINS = 20
MOST_CELLS = 5_000
SLOW, FAST = 0.25, 4.0
"""A bin of time with fewer (more) events than this multiple of the median bin is a clog (a surge)."""


@dataclass(frozen=True, slots=True, eq=False)
class Exclusion:
    """Which events stay, and the findings that say, check by check, how many were left out."""

    kept: Mask
    findings: tuple[Finding, ...]


def exclusions(protocol: Protocol, columns: Columns) -> Exclusion:
    """Return the events that the checks named in `quality.exclude` leave in; all of them where none is named."""
    kept = np.ones(len(columns), dtype=bool)
    findings = []
    for check in protocol.quality.exclude:
        outside = _odd_times(columns) if check == "time" else _at_margin(columns)
        kept &= ~outside
        message = f"{int(outside.sum())} of {len(columns)} events were left out: {_REASONS[check]}"
        findings.append(Finding("note", f"excluded_{check}", message))
    return Exclusion(kept, tuple(findings))


_REASONS = {
    "time": "acquired while the flow was blocked or surging",
    "margin": "at the limit of a detector's range",
}


def well_quality(protocol: Protocol, columns: Columns, masks: Mapping[str, Mask]) -> list[Finding]:
    """Return what the well's events say against its numbers."""
    return [
        *_flow(columns),
        *_drifts(protocol, columns, masks),
        *_margins(protocol, columns),
        *_doublets(protocol, masks),
    ]


def seconds(columns: Columns) -> NDArray[np.floating] | None:
    """Return the time of each event, or None where the file has no Time channel or a constant one."""
    name = time_column(columns.events.channels)
    if name is None or name not in columns.events.names or len(columns) == 0:
        return None
    values = np.ascontiguousarray(columns.events.values[:, columns.events.names.index(name)])
    return values if values.max() > values.min() else None


def _bins_of_time(time: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the edges of equal spans of ascending time and the events in each; at least 20 are expected per span."""
    edges = np.linspace(float(time[0]), float(time[-1]), int(min(FLOW_BINS, time.size // 20)) + 1)
    return edges, np.diff(np.searchsorted(time, edges[1:-1]), prepend=0, append=time.size)


def _flow(columns: Columns) -> list[Finding]:
    """Name spans in which the flow stopped or surged, and time that runs backwards."""
    time = seconds(columns)
    if time is None or time.size < FEWEST_EVENTS:
        return []
    back = int(np.count_nonzero(time[1:] < time[:-1]))
    if back:
        words = "once" if back == 1 else f"{back} times"
        return [Finding("warn", "time_backwards", f"Time runs backwards {words}: runs may have been joined")]
    edges, counts = _bins_of_time(time)
    usual = float(np.median(counts))
    if usual == 0:
        return [Finding("warn", "clog", "more than half of the run passed without events: the flow was blocked")]
    slow, fast = counts < SLOW * usual, counts > FAST * usual
    findings = []
    if slow.any():
        begin = edges[np.flatnonzero(slow)[0]] - edges[0]
        message = f"the flow nearly stopped for {slow.mean():.0%} of the run (from {begin:.3g} s on): a clog"
        findings.append(Finding("warn", "clog", message))
    if fast.any():
        begin = edges[np.flatnonzero(fast)[0]] - edges[0]
        message = f"the flow surged to {counts.max() / usual:.1f} times its rate (at {begin:.3g} s)"
        findings.append(Finding("warn", "flow_rate", message))
    return findings


def _odd_times(columns: Columns) -> Mask:
    time = seconds(columns)
    if time is None or time.size < FEWEST_EVENTS:
        return np.zeros(len(columns), dtype=bool)
    edges, counts = _bins_of_time(np.sort(time))
    usual = max(float(np.median(counts)), 1.0)
    odd = (counts < SLOW * usual) | (counts > FAST * usual)
    return np.asarray(odd[np.searchsorted(edges[1:-1], time, side="right")])


def _drifts(protocol: Protocol, columns: Columns, masks: Mapping[str, Mask]) -> list[Finding]:
    used = dict.fromkeys((r.channel, r.population) for r in protocol.readouts if r.channel)
    findings = []
    for channel in dict.fromkeys(channel for channel, _ in used):
        population = next(p for c, p in used if c == channel)
        if population in masks and channel in columns.names:
            held = np.flatnonzero(masks[population])
            shift = drift(columns.column(channel)[held[:: max(1, held.size // MOST_CELLS)]])
            if shift > protocol.quality.max_drift:
                message = f"the median of {channel} in {population} moved by {shift:.0%} of its size during the run"
                findings.append(Finding("warn", "drift", message))
    return findings


def drift(values: NDArray[np.floating]) -> float:
    """Return how far the median moves over the run, beyond counting noise, as a share of its size.

    Equal-count bins in order of acquisition; the range of their medians, less the range that 95 % of steady runs stay
    within, over max(|median|, robust SD). 0 where too few cells can tell.
    """
    bins = min(MOST_BINS, values.size // EVENTS_PER_BIN)
    if bins < 4:
        return 0.0
    size = values.size // bins
    medians = np.partition(values[: bins * size].reshape(bins, size), size // 2, axis=1)[:, size // 2]
    ordered = np.sort(values)
    spread, centre = robust_sd(ordered, ordered=True), median(ordered, ordered=True)
    scale = max(abs(centre), spread)
    if not scale > 0:
        return 0.0
    # A median's error without assuming a shape: the quantiles half a standard error of the rank either side of it.
    reach = 50.0 / np.sqrt(size)
    low, high = (quantile(ordered, percent, ordered=True) for percent in (50 - reach, 50 + reach))
    error = (high - low) / 2
    noise = error * STEADY_RANGE[bins]
    return float(max(0.0, np.ptp(medians) - noise) / scale)


STEADY_RANGE = dict(enumerate(np.interp(np.arange(21), [2, 5, 10, 15, 20], [2.77, 3.86, 4.47, 4.80, 5.01]).tolist()))
"""95th percentile of the range of k standard normals (studentized range, infinite df)."""


def _at_margin(columns: Columns) -> Mask:
    outside = np.zeros(len(columns), dtype=bool)
    for values, top in _ranges(columns).values():
        outside |= values >= top
    return outside


def _ranges(columns: Columns) -> dict[str, tuple[NDArray[np.floating], float]]:
    """Return role -> its uncompensated values and the top of its range ($PnR), for scatter and dyes in use."""
    found = {}
    for role, name in columns.names.items():
        position = columns.events.names.index(name)
        channel = columns.events.channels[position]
        if is_fluorescence(channel) or name.casefold().startswith(("fsc", "ssc")):
            top = _top(channel.range, channel.gain, channel.log_decades, channel.log_offset)
            found[role] = (columns.events.values[:, position], top)
    return found


def _top(limit: float, gain: float, decades: float, offset: float) -> float:
    """Return the largest value a channel can hold: one step below $PnR, amplified as the values are."""
    if decades:
        return float(offset * 10 ** (decades * (limit - 1) / limit)) * 0.9999
    return (limit - 1) / (gain or 1.0) * 0.9999


def _margins(protocol: Protocol, columns: Columns) -> list[Finding]:
    """Name saturated detectors, judged on up to 10,000 events taken evenly: a share is then sure to half a point."""
    step = max(1, len(columns) // 10_000)
    shares = {
        role: float((values[::step] >= top).mean()) for role, (values, top) in _ranges(columns).items() if values.size
    }
    return [
        Finding(
            "warn", "margin", f"{share:.0%} of events are at the top of the range of {role}: the detector is saturated"
        )
        for role, share in shares.items()
        if share > protocol.quality.max_margin_fraction
    ]


def _doublets(protocol: Protocol, masks: Mapping[str, Mask]) -> list[Finding]:
    findings = []
    for gate in protocol.gates:
        if not isinstance(gate, SingletGate) or gate.name not in masks or gate.parent not in (*masks, ALL):
            continue
        parent = int(np.count_nonzero(masks[gate.parent]))
        share = 1 - int(np.count_nonzero(masks[gate.name])) / parent if parent else 0.0
        if share > protocol.quality.max_doublet_fraction:
            most = protocol.quality.max_doublet_fraction
            message = f"{share:.0%} of {gate.parent} are doublets; at most {most:.0%} are expected"
            findings.append(Finding("warn", "doublets", message))
    return findings

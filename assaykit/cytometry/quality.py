"""Quality of one well, cell by cell: flow, drift, margins, doublets. Findings always; exclusion only if asked for.

Time is read from the Time channel; where a file has none, drift is judged in the order of the events and the flow
rate not at all. Limits are those of the protocol's `quality`; what they do not say is our convention. Each check
allows for its own sampling error: all together speak of fewer than 1 in 100 wells in which nothing is wrong
(benchmarks/quality.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assaykit.cytometry.acquisition import BY_CHANCE, flow_findings, irregular_flow
from assaykit.cytometry.channels import is_fluorescence
from assaykit.cytometry.columns import WellColumns
from assaykit.cytometry.drift import drift, signal_shifts
from assaykit.cytometry.hierarchy import ALL
from assaykit.protocol import Protocol, SingletGate
from assaykit.tables import Finding, Level

Mask = NDArray[np.bool_]
MOST_SIGNAL = 0.5
"""Where more of a run than this moved, no part of it is the usual one, and none is to be trusted more."""


@dataclass(frozen=True, slots=True, eq=False)
class Exclusion:
    """Which events stay, and the findings that say, check by check, how many were left out."""

    kept: Mask
    findings: tuple[Finding, ...]


def exclusions(protocol: Protocol, columns: WellColumns) -> Exclusion:
    """Return the events that the checks named in `quality.exclude` leave in; all of them where none is named."""
    kept = np.ones(len(columns), dtype=bool)
    findings = []
    for check in protocol.quality.exclude:
        outside, words = np.zeros(len(columns), dtype=bool), _REASONS[check]
        match check:
            case "time":
                outside = irregular_flow(columns)
            case "margin":
                outside = np.logical_or.reduce([outside, *(values >= top for values, top in _ranges(columns).values())])
            case "signal":
                odd = signal_shifts(columns, protocol.quality.max_drift)
                outside = np.logical_or.reduce([outside, *odd.values()])
                words += f" ({', '.join(odd)})" if odd else ""
        if not outside.any():
            continue
        kept &= ~outside
        share = float(outside.mean())
        level: Level = "warn" if check == "signal" and share > MOST_SIGNAL else "note"
        message = f"{int(outside.sum())} of {len(columns)} events ({share:.1%}) were left out: {words}"
        findings.append(Finding(level, f"excluded_{check}", message))
    return Exclusion(kept, tuple(findings))


_REASONS = {
    "time": "acquired while the flow was blocked or surging",
    "margin": "at the limit of a detector's range",
    "signal": "acquired while the signal had moved",
}


def well_quality(protocol: Protocol, columns: WellColumns, masks: Mapping[str, Mask]) -> list[Finding]:
    """Return what the well's events say against its numbers."""
    return [
        *flow_findings(columns),
        *_drift_findings(protocol, columns, masks),
        *_margin_findings(protocol, columns),
        *_doublet_findings(protocol, masks),
    ]


def _drift_findings(protocol: Protocol, columns: WellColumns, masks: Mapping[str, Mask]) -> list[Finding]:
    """Name each channel whose signal moved in the first population it is read from; else the plate's gated channels."""
    used: dict[str, str] = {}
    for readout in protocol.readouts:
        if readout.channel in columns.names and readout.population in masks:
            used.setdefault(readout.channel, readout.population)
    findings = []
    for channel, population in used.items():
        found = drift(columns.column(channel)[masks[population]], protocol.quality.max_drift, channels=len(used))
        if found is not None:
            message = (
                f"the signal of {channel} in {population} moved by {found.extent:.0%} of its size "
                f"(in {found.share:.0%} of the run, from {found.begin:.0%} of it on)"
            )
            findings.append(Finding("warn", "drift", message, channel=channel, population=population))
    return findings


def _ranges(columns: WellColumns) -> dict[str, tuple[NDArray[np.floating], float]]:
    """Return role -> its uncompensated values and the top of its range ($PnR), for scatter and dyes in use."""
    found = {}
    for role, name in columns.names.items():
        position = columns.events.names.index(name)
        channel = columns.events.channels[position]
        if is_fluorescence(channel) or name.casefold().startswith(("fsc", "ssc")):
            found[role] = (columns.events.values[:, position], columns.saturation(role))
    return found


def _margin_findings(protocol: Protocol, columns: WellColumns) -> list[Finding]:
    """Name saturated detectors: more events at the top than a well at the limit shows by chance."""
    ranges = {role: held for role, held in _ranges(columns).items() if held[0].size}
    limit, findings = protocol.quality.max_margin_fraction, []
    for role, (values, top) in ranges.items():
        above = int(np.count_nonzero(values >= top))
        if _exceeds(above, values.size, limit, chance=BY_CHANCE / len(ranges)):
            share = above / values.size
            message = f"{share:.0%} of events are at the top of the range of {role}: the detector is saturated"
            findings.append(Finding("warn", "margin", message, channel=role))
    return findings


def _exceeds(count: int, total: int, share: float, *, chance: float) -> bool:
    """Whether a true share of at most `share` gives `count` of `total` or more with less than `chance` (binomial)."""
    from scipy.stats import binom

    return count > share * total and float(binom.sf(count - 1, total, share)) < chance


def _doublet_findings(protocol: Protocol, masks: Mapping[str, Mask]) -> list[Finding]:
    findings = []
    for gate in protocol.gates:
        if not isinstance(gate, SingletGate) or gate.name not in masks or gate.parent not in (*masks, ALL):
            continue
        parent, single = (int(np.count_nonzero(masks[name])) for name in (gate.parent, gate.name))
        most = protocol.quality.max_doublet_fraction
        if _exceeds(parent - single, parent, most, chance=BY_CHANCE):
            message = f"{1 - single / parent:.0%} of {gate.parent} are doublets; at most {most:.0%} are expected"
            findings.append(Finding("warn", "doublets", message))
    return findings

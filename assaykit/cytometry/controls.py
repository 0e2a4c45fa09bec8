"""The control that serves each well, channel by channel, and its cells in the populations that readouts use."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from assaykit.cytometry.bench import Bench, usable_controls
from assaykit.cytometry.columns import Columns
from assaykit.cytometry.estimated import finding, listed
from assaykit.cytometry.hierarchy import ALL
from assaykit.cytometry.matching import Match, aliases, marker_of, match_control, plain_name
from assaykit.cytometry.readouts import READOUTS, median, robust_sd
from assaykit.plate.model import Plate, Well
from assaykit.protocol.gates import FmoGate
from assaykit.protocol.model import Protocol
from assaykit.study.model import ControlCells
from assaykit.tables import Finding, Level

PROBABILITIES = np.linspace(0.0, 1.0, 401)
"""Grid of the control's quantiles: a share read off it is at most a quarter of a point away."""

AGAINST = frozenset({"dmfi", "log2fc", "rmfi", "percent_positive", "overton", "receptors", "stain_index"})
"""Endpoints that cannot be formed without a control."""


def control_key(channel: str, wells: Sequence[Well]) -> str:
    """Return a control's name: the channel and the wells."""
    return f"{channel}: {', '.join(well.name for well in wells)}"


def referenced_channels(protocol: Protocol) -> dict[str, tuple[str, ...]]:
    """Return channel -> populations for the readouts that are measured against a control."""
    found: dict[str, dict[str, None]] = {}
    for readout in protocol.readouts:
        statistic = READOUTS.get(readout.statistic)
        if statistic is not None and statistic.control and readout.channel:
            found.setdefault(readout.channel, {})[readout.population] = None
    for gate in protocol.gates:
        if isinstance(gate, FmoGate):
            found.setdefault(gate.channel, {})
    return {channel: tuple(names) for channel, names in found.items()}


def serving(bench: Bench) -> tuple[dict[str, dict[str, str]], dict[str, ControlCells], list[Finding]]:
    """Return channel -> well -> control, the controls by name, and what a reader must know about them."""
    serves: dict[str, dict[str, str]] = {}
    cells: dict[str, ControlCells] = {}
    findings = _unknown_markers(bench)
    for channel, used in referenced_channels(bench.assay.protocol).items():
        role, controls, poor = usable_controls(bench, channel, next(iter(used), ALL))
        samples = _measured(bench.plate)
        if poor:
            empty = not all(bench.values([well], next(iter(used), ALL), channel).size for well in poor)
            message = f"{channel}: the controls {listed(poor)} hold too few cells, so they serve no well"
            findings.append(finding(bench, "fail" if empty else "warn", "control_poor", message))
        if role is None:
            findings.append(_no_control(bench, channel, samples))
            continue
        if role != "fmo":
            message = f"no FMO well for {channel}: the {role} wells {listed(controls)} serve as its control"
            findings.append(finding(bench, "warn", "control_substituted", message))
        matches = [(well, match_control(well, controls)) for well in samples]
        serves[channel] = {well.name: control_key(channel, match.wells) for well, match in matches}
        for match in {match.key: match for _, match in matches}.values():
            cells[control_key(channel, match.wells)] = _control_cells(bench, channel, match, used)
        findings += _closeness(bench, channel, matches)
    return serves, cells, findings


def _unknown_markers(bench: Bench) -> list[Finding]:
    """Name the controls whose marker is no stain of the protocol: they would serve nobody, and silently."""
    known = frozenset[str]().union(*(aliases(bench.assay, role) for role in bench.assay.protocol.channels))
    stains = frozenset(name for held in bench.held.values() if held is not None for name in _stains(held.columns))
    lost = [
        well
        for well in bench.plate.wells
        if well.role in {"fmo", "single_stain"} and marker_of(well) and marker_of(well) not in known | stains
    ]
    written = ", ".join(dict.fromkeys(str(well.factors["marker"]) for well in lost))
    message = (
        f"the marker of {listed(lost)} ({written}) is no stain of the protocol, so they serve no channel; "
        f"it has {', '.join(bench.assay.protocol.channels)}"
    )
    return [finding(bench, "warn", "marker_unknown", message)] if lost else []


def _stains(columns: Columns) -> set[str]:
    return {plain_name(name) for channel in columns.events.channels for name in (channel.name, channel.stain)}


def _measured(plate: Plate) -> list[Well]:
    return [well for well in plate.wells if well.file is not None and well.role not in {"beads", "blank"}]


def _control_cells(bench: Bench, channel: str, match: Match, used: Sequence[str]) -> ControlCells:
    values = {name: bench.values(match.wells, name, channel) for name in used}
    filled = {name: v[np.isfinite(v)].astype(np.float64) for name, v in values.items() if v.size}
    return ControlCells(
        channel=channel,
        wells=tuple(well.name for well in match.wells),
        treatment=_common(match.wells, "treatment"),
        context=_common(match.wells, "context"),
        cells={name: int(v.size) for name, v in filled.items()},
        medians={name: median(v) for name, v in filled.items()},
        robust_sds={name: robust_sd(v) for name, v in filled.items()},
        quantiles={name: tuple(float(f"{q:.6g}") for q in np.quantile(v, PROBABILITIES)) for name, v in filled.items()},
    )


def _common(wells: Sequence[Well], factor: str) -> str:
    return ", ".join(dict.fromkeys(str(well.factors.get(factor, "")) for well in wells))


def _no_control(bench: Bench, channel: str, samples: Sequence[Well]) -> Finding:
    needed = any(
        not e.optional for e in bench.assay.protocol.endpoints if e.channel == channel and e.endpoint in AGAINST
    )
    gated = any(isinstance(gate, FmoGate) and gate.channel == channel for gate in bench.assay.protocol.gates)
    return finding(
        bench,
        "fail" if needed or gated else "note",
        "no_control",
        f"no FMO, isotype or unstained well for {channel}: the {len(samples)} wells have no "
        f"{channel}_control_median. Mark the control wells in the layout: role = fmo, marker = {channel}",
    )


def _closeness(bench: Bench, channel: str, matches: Sequence[tuple[Well, Match]]) -> list[Finding]:
    """Say which sample wells are served by a control of another treatment, or of another context."""
    wider: tuple[tuple[str, Level, str], ...] = (
        ("context", "note", "no control of their own treatment: one of the same context serves"),
        ("plate", "warn", "no control of their own context: the plate's controls serve"),
    )
    found = []
    for closeness, level, words in wider:
        wells = [well for well, match in matches if match.closeness == closeness and well.role == "sample"]
        if wells:
            message = (
                f"{channel}: {len(wells)} wells ({listed(wells)}) have {words}; drugs and MSC change autofluorescence"
            )
            found.append(finding(bench, level, "control_not_matched", message))
    return found

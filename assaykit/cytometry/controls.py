"""The control that serves each well, channel by channel, and its cells in the populations that readouts use."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from assaykit.cytometry.assignment import Assignment, assignment, control_population, wells_of_cells
from assaykit.cytometry.bench import Bench
from assaykit.cytometry.gate_estimate import well_names
from assaykit.cytometry.hierarchy import ALL
from assaykit.cytometry.matching import ControlMatch
from assaykit.cytometry.percentiles import fewest_cells
from assaykit.cytometry.readouts import READOUTS, median_value, robust_sd
from assaykit.cytometry.valleys import FEWEST
from assaykit.endpoints import ENDPOINTS
from assaykit.plate import Well
from assaykit.protocol import FmoGate, Protocol
from assaykit.study import ControlCells
from assaykit.tables import Finding, Level

PROBABILITIES = np.linspace(0.0, 1.0, 401)
"""Grid of the control's quantiles: a share read off it is at most a quarter of a point away."""


def control_key(channel: str, wells: Sequence[Well]) -> str:
    """Return a control's name: the channel and the wells."""
    return f"{channel}: {', '.join(well.name for well in wells)}"


def referenced_channels(protocol: Protocol) -> dict[str, tuple[str, ...]]:
    """Return channel -> populations for the readouts that are measured against a control; else its gate's parent."""
    found: dict[str, dict[str, None]] = {}
    for readout in protocol.readouts:
        statistic = READOUTS.get(readout.statistic)
        if statistic is not None and statistic.control and readout.channel:
            found.setdefault(readout.channel, {})[readout.population] = None
    for gate in protocol.gates:
        if isinstance(gate, FmoGate):
            found.setdefault(gate.channel, {gate.parent: None})
    return {channel: tuple(names) for channel, names in found.items()}


def serving(bench: Bench) -> tuple[dict[str, dict[str, str]], dict[str, ControlCells], list[Finding]]:
    """Return channel -> well -> control, the controls by name, and what a reader must know about them."""
    serves: dict[str, dict[str, str]] = {}
    cells: dict[str, ControlCells] = {}
    findings: list[Finding] = []
    for channel, used in referenced_channels(bench.assay.protocol).items():
        served = assignment(bench, channel, used[0])
        findings += _role_findings(bench, channel, served, population=used[0])
        if not served.matches:
            findings.append(_no_control(bench, channel, served))
            continue
        serves[channel] = {well: control_key(channel, match.wells) for well, match in served.matches.items()}
        different = {match.key: match for match in served.matches.values()}
        for match in different.values():
            cells[control_key(channel, match.wells)] = _control_cells(bench, channel, match, used)
        findings += [
            *_ancestor_findings(bench, channel, tuple(different.values()), used),
            *_closeness_findings(bench, channel, served),
        ]
        findings += _few_cells_findings(bench, channel, tuple(different.values()))
    return serves, cells, findings


def _role_findings(bench: Bench, channel: str, served: Assignment, *, population: str) -> list[Finding]:
    """Say which controls are no FMO, and which hold too few cells to serve."""
    findings = []
    poor = {well.name: well for part in (served.default, *served.by_name) for well in part.sparse}
    if poor and served.matches:
        empty = not all(bench.values([well], population, channel).size for well in poor.values())
        message = (
            f"{channel}: the controls {well_names(tuple(poor.values()))} hold too few cells, so they serve no well"
        )
        findings.append(_finding(bench, "fail" if empty else "warn", "control_poor", channel, message))
    if served.short_of_cells:
        message = (
            f"{channel}: the controls that {well_names(served.short_of_cells)} name hold too few cells; others serve"
        )
        findings.append(_finding(bench, "warn", "control_not_matched", channel, message))
    serve = {well.name: well for match in served.matches.values() for well in match.wells}
    substitutes: dict[str, list[Well]] = {}
    for well in serve.values():
        if well.role != "fmo":
            substitutes.setdefault(well.role, []).append(well)
    for role, wells in substitutes.items():
        message = f"no FMO well for {channel}: the {role} wells {well_names(wells)} serve as its control"
        findings.append(_finding(bench, "warn", "control_substituted", channel, message))
    return findings


def _ancestor_findings(
    bench: Bench, channel: str, matches: Sequence[ControlMatch], used: Sequence[str]
) -> list[Finding]:
    """Say which controls have no cells in a population, so that those of one above it serve."""
    wells: dict[tuple[str, str], list[Well]] = {}
    for match in matches:
        for name in used:
            served = control_population(bench, match.wells, name, channel)
            if served != name:
                wells.setdefault((name, served), []).extend(match.wells)
    found = []
    for (name, served), controls in wells.items():
        level: Level = "warn" if any(well.role == "fmo" for well in controls) else "note"
        message = (
            f"{channel}: the controls {well_names(controls)} hold no {FEWEST} cells of {name}, since they lack the "
            f"dyes it is gated by; their cells of {served} serve instead"
        )
        found.append(Finding(level, "control_ancestor", message, bench.plate.name, channel=channel, population=name))
    return found


def _few_cells_findings(bench: Bench, channel: str, matches: Sequence[ControlMatch]) -> list[Finding]:
    """Say which controls hold fewer cells than close the interval of the percentile that makes a cell positive."""
    gates = [gate for gate in bench.assay.protocol.gates if isinstance(gate, FmoGate) and gate.channel == channel]
    asked = {gate.parent: gate.percentile for gate in gates} or {
        readout.population: 99.0
        for readout in bench.assay.protocol.readouts
        if readout.channel == channel and readout.statistic == "percent_positive"
    }
    found = []
    for population, percent in asked.items():
        few = {}
        for match in matches:
            served = control_population(bench, match.wells, population, channel)
            cells = int(np.isfinite(bench.values(match.wells, served, channel)).sum())
            if cells < fewest_cells(percent):
                few[match.key] = cells
        if few:
            each = ", ".join(f"{cells} in {wells}" for wells, cells in few.items())
            message = (
                f"{channel}: too few control cells of {population} ({each}) for a {percent:g}th percentile whose 95 % "
                f"interval is closed, so percent positive is doubtful; {fewest_cells(percent)} are needed"
            )
            found.append(_finding(bench, "warn", "control_few", channel, message))
    return found


def _finding(bench: Bench, level: Level, check: str, channel: str, message: str) -> Finding:
    return Finding(level, check, message, bench.plate.name, channel=channel)


def _control_cells(bench: Bench, channel: str, match: ControlMatch, used: Sequence[str]) -> ControlCells:
    served = {name: control_population(bench, match.wells, name, channel) for name in used}
    values = {name: bench.values(match.wells, population, channel) for name, population in served.items()}
    filled = {name: v[np.isfinite(v)].astype(np.float64) for name, v in values.items() if v.size}
    return ControlCells(
        channel=channel,
        wells=tuple(well.name for well in match.wells),
        treatment=_common(match.wells, "treatment"),
        context=_common(match.wells, "context"),
        cells={name: int(v.size) for name, v in filled.items()},
        medians={name: median_value(v) for name, v in filled.items()},
        robust_sds={name: robust_sd(v) for name, v in filled.items()},
        quantiles={name: tuple(float(f"{q:.6g}") for q in np.quantile(v, PROBABILITIES)) for name, v in filled.items()},
    )


def _common(wells: Sequence[Well], factor: str) -> str:
    return ", ".join(dict.fromkeys(str(well.factors.get(factor, "")) for well in wells))


def _no_control(bench: Bench, channel: str, served: Assignment) -> Finding:
    needed = any(
        ENDPOINTS[spec.endpoint].control and not spec.optional
        for spec in bench.assay.protocol.endpoints
        if spec.channel == channel
    )
    gated = any(isinstance(gate, FmoGate) and gate.channel == channel for gate in bench.assay.protocol.gates)
    wells = len(wells_of_cells(bench))
    gated_on = {gate.name for gate, _ in bench.gates} | {ALL}
    if served.default.population not in gated_on:
        message = f"{served.default.population} could not be gated, so no control of {channel} has cells of it"
    elif served.default.sparse:
        message = (
            f"the controls {well_names(served.default.sparse)} hold too few cells for {channel}: look at their files"
        )
    else:
        message = (
            f"no FMO, isotype or unstained well for {channel}. Mark the control wells in the layout: role = fmo, "
            f"marker = {channel}"
        )
    message += f". The {wells} wells have no {channel}_control_median"
    return _finding(bench, "fail" if needed or gated else "note", "no_control", channel, message)


def _closeness_findings(bench: Bench, channel: str, served: Assignment) -> list[Finding]:
    """Say which sample wells are served by a control of another treatment, or of another context."""
    wider: tuple[tuple[str, Level, str], ...] = (
        ("context", "note", "no control of their own treatment: one of the same context serves"),
        ("plate", "warn", "no control of their own context: the plate's controls serve"),
    )
    samples = [well for well in bench.plate.wells if well.role == "sample"]
    found = []
    for closeness, level, words in wider:
        wells = [w for w in samples if w.name in served.matches and served.matches[w.name].closeness == closeness]
        if wells:
            message = (
                f"{channel}: {len(wells)} wells ({well_names(wells)}) have {words}; drugs and MSC change "
                "autofluorescence"
            )
            found.append(_finding(bench, level, "control_not_matched", channel, message))
    return found

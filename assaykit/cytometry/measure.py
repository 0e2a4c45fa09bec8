"""`measure_well`: one well from file to rows, a pure function of its arguments that never raises for bad data.

    well -> columns (compensated when asked for) -> masks of the plate's gates -> rows of POPULATIONS and READOUTS

It uses of its arguments only the protocol, the channels, what was resolved for the plate, the plate's name and the
well: `worker_assay` and `worker_plate` leave out the rest before they travel to another process.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assaykit.cytometry.calibration import RECEPTORS, beyond_beads
from assaykit.cytometry.carry_over import RunStart, run_start
from assaykit.cytometry.columns import WellColumns
from assaykit.cytometry.contamination import contamination
from assaykit.cytometry.hierarchy import ALL, populations
from assaykit.cytometry.quality import exclusions, well_quality
from assaykit.cytometry.readouts import NAN, READOUTS, CellSet, ControlPart
from assaykit.cytometry.statistics import statistics_rows
from assaykit.cytometry.wells import DATA_ERRORS, computation_error, read_well_columns, well_file
from assaykit.errors import FcsError, InputError
from assaykit.fcs import Events, read_fcs_header
from assaykit.plate import Plate, Well
from assaykit.protocol import FixedGate, FmoGate, Readout, ThresholdGate
from assaykit.sources import is_absent
from assaykit.study import Assay, ResolvedPlate, on_plate
from assaykit.tables import Finding, Level

Row = dict[str, Any]
Masks = Mapping[str, NDArray[np.bool_]]
NOTHING = ResolvedPlate()
BEADS = "beads"
UNGATED: frozenset[str] = frozenset({"beads", "blank"})
"""Roles of wells that hold no cells: no gate is drawn on them, and their events are only counted."""


@dataclass(frozen=True, slots=True)
class WellMeasurement:
    """What one well gave: rows of POPULATIONS, rows of READOUTS, and findings."""

    populations: list[Row]
    readouts: list[Row]
    findings: list[Finding]
    start: RunStart | None = None  # how its run began, where that is known


@dataclass(frozen=True, slots=True, eq=False)
class GatedEvents:
    """One well for a gating figure: its events, its channels by role (compensated on demand), gates and masks."""

    events: Events
    columns: WellColumns
    gates: tuple[FixedGate, ...]
    masks: Masks
    findings: tuple[Finding, ...] = ()


def worker_assay(assay: Assay, plate: Plate) -> Assay:
    """Return the assay with only what measuring this plate's wells needs, to travel cheaply to another process."""
    resolved = {plate.name: assay.resolved.get(plate.name, NOTHING)}
    return replace(assay, plates=(), counts=(), resolved=resolved)


def worker_plate(plate: Plate) -> Plate:
    """Return the plate without its wells, which measuring one well does not need."""
    return replace(plate, wells=())


def measure_well(assay: Assay, plate: Plate, well: Well) -> WellMeasurement:
    """Return the well's rows and findings; a file that cannot be read or does not fit is a `fail` finding."""
    if well.readouts or assay.statistics:  # a well whose sample is in no table was said where the study was read
        return WellMeasurement([], statistics_rows(assay, plate, well), [])
    if well.file is None and well.counts:
        return WellMeasurement([], _count_rows(assay, plate, well), [])
    try:
        return _measure_ungated(assay, plate, well) if well.role in UNGATED else _measure_gated(assay, plate, well)
    except InputError as error:
        return WellMeasurement([], [], [_well_finding(error, plate, well)])
    except DATA_ERRORS as error:
        return WellMeasurement([], [], [_well_finding(computation_error(error, well), plate, well)])


def _measure_gated(assay: Assay, plate: Plate, well: Well) -> WellMeasurement:
    gated = gate_events(assay, plate, well)
    resolved = assay.resolved.get(plate.name, NOTHING)
    place = {"assay": assay.name, "plate": plate.name, "well": well.name}
    rows = _population_rows(gated, place)
    readouts, findings = _readout_rows(assay, resolved, well, gated, place)
    source = gated.events.source.name if gated.events.source else "the file"
    repairs = [
        Finding(r.level, f"repair_{r.name}", f"{source}: {r.found}; {r.action} ({r.where})")
        for r in gated.events.repairs
    ]
    findings = [*repairs, *gated.findings, *findings]
    findings += well_quality(assay.protocol, gated.columns, gated.masks)
    findings += contamination(assay.protocol, resolved, well, gated.columns, gated.masks)
    located = [replace(f, plate=plate.name, well=well.name) for f in findings]
    return WellMeasurement(rows, readouts, located, run_start(well.name, gated.columns))


def _measure_ungated(assay: Assay, plate: Plate, well: Well) -> WellMeasurement:
    """Return the events of a well of beads or of nothing; a blank without a file has none."""
    if well.file is None:
        return WellMeasurement([], [], [])
    header = read_fcs_header(well_file(well))
    row = {"assay": assay.name, "plate": plate.name, "well": well.name, "population": ALL, "parent": ""}
    return WellMeasurement([{**row, "events": header.events, "fraction": 1.0 if header.events else NAN}], [], [])


def gate_events(assay: Assay, plate: Plate, well: Well) -> GatedEvents:
    """Return a well's events with the plate's gates applied; raises InputError where it cannot be read or gated."""
    resolved = assay.resolved.get(plate.name, NOTHING)
    columns = read_well_columns(on_plate(assay, plate), well, resolved)
    gates = gates_for(resolved, well)
    excluded = exclusions(assay.protocol, columns)
    finite, told = finite_events(columns.events)
    masks = populations(gates, columns, kept=excluded.kept & finite)
    return GatedEvents(columns.events, columns, gates, masks, (*told, *excluded.findings))


def finite_events(events: Events) -> tuple[NDArray[np.bool_], tuple[Finding, ...]]:
    """Return which events hold a number in every channel read, and a finding that names how many do not, and where.

    One channel without a number leaves a gate and, once compensated, every other channel without one.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(events.values.sum()):  # one pass: whatever is no number makes the sum none
            return np.ones(len(events), dtype=bool), ()
    good = np.isfinite(events.values)
    kept = np.asarray(good.all(axis=1))
    if kept.all():
        return kept, ()
    lost = {name: int(n) for name, n in zip(events.names, (~good).sum(axis=0), strict=True) if n}
    where = ", ".join(f"{n} in {name}" for name, n in lost.items())
    message = f"{int((~kept).sum())} of {len(events)} events hold no number ({where}) and were left out"
    return kept, (Finding("warn", "events_not_finite", message),)


def gates_for(resolved: ResolvedPlate, well: Well) -> tuple[FixedGate, ...]:
    """Return the plate's gates in the form they take for a well: set by hand for it, or its own control's."""
    own = {
        gate.name: gate
        for serves in resolved.serves.values()
        for gate in resolved.by_treatment.get(serves.get(well.name, ""), ())
    } | {gate.name: gate for gate in resolved.by_well.get(well.name, ())}
    return tuple(own.get(gate.name, gate) for gate in resolved.gates)


def _count_rows(assay: Assay, plate: Plate, well: Well) -> list[Row]:
    place = {"assay": assay.name, "plate": plate.name, "well": well.name}
    return [
        {**place, "readout": name, "value": float(value), "unit": "cells", "cells": round(value)}
        for name, value in well.counts.items()
    ]


def _well_finding(error: InputError, plate: Plate, well: Well) -> Finding:
    check = "file_unreadable" if isinstance(error, FcsError) else "well_unusable"
    if well.file is None or is_absent(well.file):
        check = "file_missing"
    named = well.file is not None and well.file.name not in str(error)
    prefix = f"{well.file.name}: " if named and well.file is not None else ""
    return Finding("fail", check, f"{prefix}{error}", plate.name, well.name)


def _population_rows(gated: GatedEvents, place: Row) -> list[Row]:
    counts = {name: int(np.count_nonzero(mask)) for name, mask in gated.masks.items()}
    parents = {ALL: ALL} | {gate.name: gate.parent for gate in gated.gates}
    return [
        {
            **place,
            "population": name,
            "parent": "" if name == ALL else parents[name],
            "events": cells,
            "fraction": cells / counts[parents[name]] if counts[parents[name]] else NAN,
        }
        for name, cells in counts.items()
    ]


def _readout_rows(
    assay: Assay, resolved: ResolvedPlate, well: Well, gated: GatedEvents, place: Row
) -> tuple[list[Row], list[Finding]]:
    """Return a row per readout of the protocol (and those given beside it), and what is doubtful about them."""
    rows: dict[str, Row] = {}
    sets: dict[tuple[str, str], CellSet] = {}
    findings: list[Finding] = []
    for readout in assay.protocol.readouts:
        statistic = READOUTS.get(readout.statistic)
        if statistic is None:
            message = f"no statistic is called {readout.statistic}; there are {', '.join(READOUTS)}"
            findings.append(Finding("fail", "unknown_statistic", message))
            continue
        if readout.population not in gated.masks or (statistic.control and well.role != "sample"):
            continue
        key = (readout.population, readout.channel)
        cells = sets.setdefault(key, sets.get(key) or cell_set(assay, resolved, well, gated, readout))
        if statistic.control and cells.control is None and cells.threshold is None:
            continue  # the plate's findings say that no control serves
        if readout.statistic == RECEPTORS and cells.beads is None:
            continue  # there are no beads, or the plate's findings say why they give no line
        stem = readout.channel or readout.population
        labels = {readout.statistic: readout.name or f"{stem}_{readout.statistic}"}
        labels |= {companion: f"{stem}_{companion}" for companion in statistic.companions}
        for name, label in labels.items():
            value = READOUTS[name].compute(cells)
            row = {**place, "readout": label, "value": value, "unit": READOUTS[name].unit, "cells": cells.cells}
            rows.setdefault(label, row)
        if readout.statistic == RECEPTORS:
            findings += _beyond_beads_findings(readout, cells)
    return list(rows.values()), [*findings, *_few_cells_findings(assay, well, gated)]


def _beyond_beads_findings(readout: Readout, cells: CellSet) -> list[Finding]:
    if cells.control is None or cells.beads is None:
        return []
    above = READOUTS["median"].compute(cells) - cells.control.median
    if not beyond_beads(cells.beads, above):
        return []
    ends = f"{cells.beads.peaks[0][0]:.4g} to {cells.beads.peaks[-1][0]:.4g}"
    message = f"{readout.channel}: {above:.4g} lies outside the beads ({ends}), so receptors per cell are not told"
    return [Finding("warn", "beyond_beads", message)]


def _few_cells_findings(assay: Assay, well: Well, gated: GatedEvents) -> list[Finding]:
    """Say where the population that the well's numbers rest on holds too few cells, or too few beads.

    Below `least_cells` it is noise: a count of n cells has a CV of 100 / sqrt(n) % (Poisson; Shapiro, Practical Flow
    Cytometry, 4th ed., 2003), which at 20, the default, is 22 %; a median is then off by 1.25 / sqrt(20) = 0.28 of the
    cells' spread, and a share of 30 % by 10 points. That 20 is the limit is our convention. Controls that hold too few
    cells serve nobody, which is said of them apart.
    """
    limits = assay.protocol.quality
    if well.role not in {"sample", "fmo", "isotype"}:
        return []
    parents = {gate.name: gate.parent for gate in gated.gates}
    used = {readout.population for readout in assay.protocol.readouts} & gated.masks.keys()
    resting = [name for name in gated.masks if name in used and parents.get(name) not in used]
    findings = []
    for name in resting:
        events = int(np.count_nonzero(gated.masks[name]))
        check, asked = ("few_beads", limits.min_beads) if name == BEADS else ("few_cells", limits.min_cells)
        noise = well.role == "sample" and events < limits.least_cells
        if noise or events < asked:
            least = f"at least {max(asked, limits.least_cells) if noise else asked} are asked for"
            level: Level = "fail" if noise else "warn"
            findings.append(Finding(level, check, f"{name} holds {events} events; {least}", population=name))
    return findings


def cell_set(assay: Assay, resolved: ResolvedPlate, well: Well, gated: GatedEvents, readout: Readout) -> CellSet:
    """Return what a statistic may read of one population and channel of a well."""
    mask = gated.masks[readout.population]
    above = {gate.name: gate.parent for gate in gated.gates}
    parent = above.get(readout.population, ALL)
    lineage = (readout.population, parent, above.get(parent, ALL), ALL)
    cells, parents, grandparents, total = (int(np.count_nonzero(gated.masks[name])) for name in lineage)
    counted = CellSet(cells, parents, volume=_volume(gated.events), grandparent_cells=grandparents, total_cells=total)
    if not readout.channel:
        return counted
    values = np.compress(mask, gated.columns.column(readout.channel))
    alike = [r for r in assay.protocol.readouts if (r.population, r.channel) == (readout.population, readout.channel)]
    several = len(alike) > 2
    control = _control(resolved, well, readout)
    return replace(
        counted,
        values=np.sort(values) if several else values,
        ordered=several,
        control=control,
        threshold=_threshold(assay, gated, readout, control),
        beads=resolved.bead_lines.get(readout.channel),
    )


def _control(resolved: ResolvedPlate, well: Well, readout: Readout) -> ControlPart | None:
    """Return the cells of the control that serves this well, in the same population."""
    key = resolved.serves.get(readout.channel, {}).get(well.name, "")
    control = resolved.controls.get(key)
    if control is None or readout.population not in control.medians:
        return None
    name = readout.population
    quantiles = np.asarray(control.quantiles[name])
    return ControlPart(control.medians[name], control.robust_sds[name], control.cells[name], quantiles)


def _threshold(assay: Assay, gated: GatedEvents, readout: Readout, control: ControlPart | None) -> float | None:
    """Return where the channel's positive cells begin: its FMO gate, else a fixed one, else the control's P99.

    Of several gates the one drawn on the readout's population comes first.
    """
    channel = readout.channel
    estimated = {gate.name for gate in assay.protocol.gates if isinstance(gate, FmoGate) and gate.channel == channel}
    for gate in sorted(gated.gates, key=lambda gate: gate.parent != readout.population):
        wanted = gate.name in estimated if estimated else True
        if isinstance(gate, ThresholdGate) and gate.channel == channel and gate.side == "above" and wanted:
            return gate.value
    return None if control is None else float(np.quantile(control.quantiles, 0.99))


def _volume(events: Events) -> float | None:
    """Return the volume acquired in microlitres: $VOL is in nanolitres (FCS 3.1)."""
    try:
        nanolitres = float(events.keywords.get("$VOL", ""))
    except ValueError:
        return None
    return nanolitres / 1000.0 if nanolitres > 0 else None

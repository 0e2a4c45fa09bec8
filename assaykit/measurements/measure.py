"""READOUTS of one assay -> MEASUREMENTS: each endpoint of its protocol, each doubt a row's reason and a finding."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from assaykit.checks import joined
from assaykit.endpoints import (
    ENDPOINTS,
    GRAVITY,
    INTERFERENCE,
    AssayConditions,
    EndpointTask,
    Measurement,
    WellReadings,
    target_of,
    text,
    treatments_by_text,
)
from assaykit.errors import raise_all
from assaykit.measurements.consequences import NO_FLAGS, Flags, flags_from_findings
from assaykit.measurements.faults import unknown_name_faults
from assaykit.measurements.flags import flagged_measurements, flags_of_lone_reference, merge_flags, spare_last_values
from assaykit.measurements.wells import readings_of_wells
from assaykit.plate import Factor
from assaykit.study import Assay, Reference
from assaykit.tables import MEASUREMENTS, Finding, Level, frame_from_rows
from assaykit.treatment import read_drugs
from assaykit.vocabulary import TARGETS

_LEVELS: dict[str, Level] = {"warn": "warn", "fail": "fail", "not_interpretable": "warn"}
_NOTED = {"no_kill", "little_kill", "no_protection"}  # answers of the experiment, not faults of it
_MIXED = ("line", "time", "clone")
_UNREAD = {"no_readouts", "not_read", "no_control", "no_input", "scored_cells"}  # nothing to form a value from


def measure_endpoints(
    assay: Assay, readouts: pd.DataFrame, *, unit: str, reference: Reference, flags: Flags = NO_FLAGS
) -> tuple[pd.DataFrame, list[Finding]]:
    """Return the MEASUREMENTS of one assay, and what a reader must know about them.

    `readouts` is the assay's READOUTS; counts come with the wells. `unit` is the factor whose levels are
    independent. A value that cannot be formed is a row without a value and with its reason, never left out unseen.
    `flags` (see `flags_from_findings`) say what findings make of the values: what they exclude keeps its row and its
    own value, and is no part of any other.
    Raises EndpointError, or Faults, where the protocol names an endpoint or criterion that does not exist.
    """
    raise_all(unknown_name_faults(assay.protocol))
    wells = readings_of_wells(assay, readouts, unit=unit, reference=reference)
    catalogue = assay.catalogue if assay.catalogue.drugs else read_drugs()
    conditions = AssayConditions(
        reference_treatment=reference.treatment,
        reference_context=reference.context,
        channels=assay.protocol.channels,
        catalogue=catalogue,
        treatments=treatments_by_text(wells, catalogue),
    )
    rows: list[Measurement] = []
    unformed: set[str] = set()
    findings = _target_findings(assay, wells)
    mixed = _mixed(wells)
    flags = merge_flags(flags, flags_from_findings(assay, mixed))
    for spec in assay.protocol.endpoints:
        task = EndpointTask(spec, ENDPOINTS[spec.endpoint], conditions)
        lone, found = flags_of_lone_reference(task, wells)
        findings += found
        own = spare_last_values(task, wells, merge_flags(flags, {spec.measured_as: lone})[spec.measured_as])
        formed = flagged_measurements(task, wells, own)
        # An optional value that could not be read anyway is no loss, whatever disturbed it
        unread = _UNREAD | ({INTERFERENCE} if spec.optional else set())
        if formed and all(math.isnan(row.value) and row.doubt and row.doubt.check in unread for row in formed):
            reasons = dict.fromkeys(row.doubt.reason for row in formed if row.doubt)
            message = f"{spec.measured_as} could not be formed in any well: {'; '.join(reasons)}"
            findings.append(Finding("note" if spec.optional else "fail", "endpoint_not_formed", message))
            unformed.add(spec.measured_as)
            formed = [] if spec.optional else formed
        rows += formed
    findings += [*_doubts(row for row in rows if row.endpoint not in unformed), *mixed]
    return measurements_frame(assay.name, rows), findings


def measurements_frame(assay: str, rows: Sequence[Measurement]) -> pd.DataFrame:
    """Return the values as a checked MEASUREMENTS frame; each factor of the wells is a further column."""
    factors = dict.fromkeys(name for row in rows for name in row.factors)
    names = [name for name in factors if name not in MEASUREMENTS.names]  # a lab's factor "cells" is not our column
    frame = frame_from_rows((_record(assay, row, names) for row in rows), MEASUREMENTS)
    for name in names:
        frame[name] = _factor_column([row.factors.get(name, "") for row in rows])
    return frame


def _record(assay: str, row: Measurement, factors: Iterable[str]) -> dict[str, Any]:
    why = row.doubt.reason if row.doubt else ""
    return dict.fromkeys(factors, "") | {
        "assay": assay,
        "plate": row.plate,
        "well": row.well,
        "unit_id": row.unit_id,
        "treatment": row.treatment,
        "context": row.context,
        "endpoint": row.endpoint,
        "value": row.value,
        "unit": row.unit,
        "cells": row.cells,
        "count": row.count,
        "total": row.total,
        "qc": max((row.doubt.qc if row.doubt else "pass", *(flag.qc for flag in row.flags)), key=GRAVITY.index),
        "reason": "; ".join(dict.fromkeys(filter(None, (why, *(flag.reason for flag in row.flags))))),
        "checks": joined((row.doubt.check if row.doubt else "", *(flag.check for flag in row.flags))),
        "excluded": row.excluded,
    }


def _factor_column(values: Sequence[Factor]) -> pd.Series:
    """Return numbers where every value given is one, else text; missing is NaN or ""."""
    given = [value for value in values if not (isinstance(value, str) and value == "")]
    if given and all(isinstance(value, (int, float)) for value in given):
        return pd.Series([math.nan if isinstance(value, str) else float(value) for value in values], dtype="float64")
    return pd.Series([text(value) for value in values], dtype="object")


def _doubts(rows: Iterable[Measurement]) -> list[Finding]:
    """Return one finding per doubt and reason, naming its plates, wells and endpoints."""
    groups: dict[tuple[str, str, str], list[Measurement]] = defaultdict(list)
    for row in rows:
        if row.doubt and row.doubt.check != "no_readouts":  # an unreadable well has its own finding already
            groups[row.doubt.check, row.doubt.qc, row.doubt.reason].append(row)
    return [_doubt(members, *key) for key, members in groups.items()]


def _doubt(members: Sequence[Measurement], check: str, qc: str, reason: str) -> Finding:
    plates = list(dict.fromkeys(row.plate for row in members if row.plate))
    wells = list(dict.fromkeys((row.plate, row.well) for row in members if row.well))
    arms = list(dict.fromkeys(f"{row.treatment} in {row.context}" for row in members))
    endpoints = list(dict.fromkeys(row.endpoint for row in members))
    level = "note" if check in _NOTED else _LEVELS[qc]
    message = f"{reason}: {', '.join(endpoints)} of {', '.join(arms)}"
    if len(wells) > 1:
        message += f" ({len(wells)} wells of {', '.join(plates)})"
    plate, well = wells[0] if len(wells) == 1 else (plates[0] if len(plates) == 1 else "", "")
    return Finding(level, check, message, plate, well)


def _target_findings(assay: Assay, wells: Sequence[WellReadings]) -> list[Finding]:
    """Return one finding per plate for inserts whose target is missing or unknown, where the protocol needs one."""
    known = [ENDPOINTS[spec.endpoint] for spec in assay.protocol.endpoints]
    if not any(endpoint.target for endpoint in known):
        return []
    lost: dict[tuple[str, str], list[str]] = defaultdict(list)
    for well in wells:
        if not target_of(well) and "cxcl12_top" not in well.factors:
            lost[well.plate, text(well.factors.get("target", ""))].append(well.well)
    return [
        Finding(
            "warn",
            "target_unknown",
            f"the target must be one of {', '.join(TARGETS)}; found {written!r} in {', '.join(names)}, "
            "which are left out",
            plate,
        )
        for (plate, written), names in lost.items()
    ]


def _mixed(wells: Sequence[WellReadings]) -> list[Finding]:
    """Return one finding per factor that means another experiment and has several levels within this assay."""
    levels = {name: list(dict.fromkeys(text(w.factors[name]) for w in wells if name in w.factors)) for name in _MIXED}
    return [
        Finding(
            "warn",
            "levels_mixed",
            f"this assay holds several levels of {name} ({', '.join(found)}), which its analyses average over; "
            f'write by = ["{name}"] below its [[assay]] in the study file, and each is analysed by itself',
        )
        for name, found in levels.items()
        if len(found) > 1
    ]

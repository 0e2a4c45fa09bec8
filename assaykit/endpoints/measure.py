"""READOUTS of one assay -> MEASUREMENTS: each endpoint of its protocol, each doubt a row's reason and a finding."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import pandas as pd

from assaykit.checks import joined
from assaykit.endpoints.arms import form_combination, form_contexts, form_reversal, form_targets
from assaykit.endpoints.catalogue import ENDPOINTS
from assaykit.endpoints.consequences import NO_MARKS, Marks, marks_of
from assaykit.endpoints.faults import endpoint_faults
from assaykit.endpoints.forming import (
    Setting,
    form_from_input,
    form_from_partner,
    form_from_reference,
    form_gradient,
    form_own,
)
from assaykit.endpoints.interference import CHECK as INTERFERENCE
from assaykit.endpoints.interference import treatments_of
from assaykit.endpoints.marking import marked_rows, merged, reference_elsewhere, settled
from assaykit.endpoints.model import GRAVITY, Endpoint, Measured, MeasuredWell
from assaykit.endpoints.wells import measured_wells, target_of, text
from assaykit.errors import raise_all
from assaykit.plate.model import Factor
from assaykit.protocol.model import EndpointSpec
from assaykit.study.model import Assay, Reference
from assaykit.tables import MEASUREMENTS, Finding, Level, frame_from_rows
from assaykit.treatment import read_drugs
from assaykit.vocabulary import TARGETS

_LEVELS: dict[str, Level] = {"warn": "warn", "fail": "fail", "not_interpretable": "warn"}
_NOTED = {"no_kill", "little_kill", "no_protection"}  # answers of the experiment, not faults of it
_MIXED = ("line", "time", "clone")
_UNREAD = {"no_readouts", "not_read", "no_control", "no_input", "scored_cells"}  # nothing to form a value from


def measure_endpoints(
    assay: Assay, readouts: pd.DataFrame, *, unit: str, reference: Reference, marks: Marks = NO_MARKS
) -> tuple[pd.DataFrame, list[Finding]]:
    """Return the MEASUREMENTS of one assay, and what a reader must know about them.

    `readouts` is the assay's READOUTS; counts come with the wells. `unit` is the factor whose levels are
    independent. A value that cannot be formed is a row without a value and with its reason, never left out unseen.
    `marks` (see `marks_of`) say what findings make of the values: what they exclude keeps its row and its own value,
    and is no part of any other.
    Raises EndpointError, or Faults, where the protocol names an endpoint or criterion that does not exist.
    """
    raise_all(endpoint_faults(assay.protocol))
    wells = measured_wells(assay, readouts, unit=unit, reference=reference)
    catalogue = assay.catalogue if assay.catalogue.drugs else read_drugs()
    setting = Setting(reference, dict(assay.protocol.channels), catalogue, treatments_of(wells, catalogue))
    rows: list[Measured] = []
    unformed: set[str] = set()
    findings = _target_findings(assay, wells)
    mixed = _mixed(wells)
    marks = merged(marks, marks_of(assay, mixed))
    for spec in assay.protocol.endpoints:
        elsewhere, told = reference_elsewhere(spec, wells, setting)
        findings += told
        own = settled(spec, wells, merged(marks, {spec.measured_as: elsewhere})[spec.measured_as])
        form = partial(_form, spec, ENDPOINTS[spec.endpoint], setting=setting)
        formed = marked_rows(spec, own, form, wells=wells, setting=setting)
        if formed and all(math.isnan(row.value) and _unread(row, optional=spec.optional) for row in formed):
            findings.append(_nothing_formed(spec, formed))
            unformed.add(spec.measured_as)
            formed = [] if spec.optional else formed
        rows += formed
    findings += [*_doubts(row for row in rows if row.endpoint not in unformed), *mixed]
    return measurements_frame(assay.name, rows), findings


def _unread(row: Measured, *, optional: bool) -> bool:
    """Whether nothing was read to form it from; an optional value that could not be read anyway is no loss either."""
    return row.doubt is not None and (row.doubt.check in _UNREAD or (optional and row.doubt.check == INTERFERENCE))


def _form(spec: EndpointSpec, endpoint: Endpoint, wells: Sequence[MeasuredWell], *, setting: Setting) -> list[Measured]:
    match endpoint.formed:
        case "own":
            return form_own(spec, endpoint, wells, setting=setting)
        case "input":
            return form_from_input(spec, endpoint, wells, setting=setting)
        case "reference":
            return form_from_reference(spec, endpoint, wells, setting=setting)
        case "partner":
            return form_from_partner(spec, endpoint, wells, setting=setting)
        case "gradient":
            return form_gradient(spec, endpoint, wells, setting=setting)
        case "targets":
            return form_targets(spec, endpoint, wells)
        case "contexts":
            return form_contexts(spec, endpoint, wells, setting=setting)
        case "combination":
            return form_combination(spec, endpoint, wells, setting=setting)
        case "reversal":
            return form_reversal(spec, endpoint, wells, setting=setting)


def measurements_frame(assay: str, rows: Sequence[Measured]) -> pd.DataFrame:
    """Return the values as a checked MEASUREMENTS frame; each factor of the wells is a further column."""
    factors = dict.fromkeys(name for row in rows for name in row.factors)
    names = [name for name in factors if name not in MEASUREMENTS.names]  # a lab's factor "cells" is not our column
    frame = frame_from_rows((_record(assay, row, names) for row in rows), MEASUREMENTS)
    for name in names:
        frame[name] = _factor_column([row.factors.get(name, "") for row in rows])
    return frame


def _record(assay: str, row: Measured, factors: Iterable[str]) -> dict[str, Any]:
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
        "qc": max((row.doubt.qc if row.doubt else "pass", *(mark.qc for mark in row.marks)), key=GRAVITY.index),
        "reason": "; ".join(dict.fromkeys(filter(None, (_why(row), *(mark.reason for mark in row.marks))))),
        "checks": joined((row.doubt.check if row.doubt else "", *(mark.check for mark in row.marks))),
        "excluded": row.excluded,
    }


def _why(row: Measured) -> str:
    return row.doubt.reason if row.doubt else ""


def _factor_column(values: Sequence[Factor]) -> pd.Series:
    """Return numbers where every value given is one, else text; missing is NaN or ""."""
    given = [value for value in values if not (isinstance(value, str) and value == "")]
    if given and all(isinstance(value, (int, float)) for value in given):
        return pd.Series([math.nan if isinstance(value, str) else float(value) for value in values], dtype="float64")
    return pd.Series([text(value) for value in values], dtype="object")


def _doubts(rows: Iterable[Measured]) -> list[Finding]:
    """Return one finding per doubt and reason, naming its plates, wells and endpoints."""
    groups: dict[tuple[str, str, str], list[Measured]] = defaultdict(list)
    for row in rows:
        if row.doubt and row.doubt.check != "no_readouts":  # an unreadable well has its own finding already
            groups[row.doubt.check, row.doubt.qc, row.doubt.reason].append(row)
    return [_doubt(members, *key) for key, members in groups.items()]


def _doubt(members: Sequence[Measured], check: str, qc: str, reason: str) -> Finding:
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


def _nothing_formed(spec: EndpointSpec, rows: Sequence[Measured]) -> Finding:
    reasons = list(dict.fromkeys(row.doubt.reason for row in rows if row.doubt))
    message = f"{spec.measured_as} could not be formed in any well: {'; '.join(reasons)}"
    return Finding("note" if spec.optional else "fail", "endpoint_not_formed", message)


def _target_findings(assay: Assay, wells: Sequence[MeasuredWell]) -> list[Finding]:
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


def _mixed(wells: Sequence[MeasuredWell]) -> list[Finding]:
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

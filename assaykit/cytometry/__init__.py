"""Cytometry: compensation, scales, gates, controls and quality; a plate's controls resolved, each well measured."""

from assaykit.cytometry.carry_over import RunStart, carried_over
from assaykit.cytometry.control_chart import control_points, plates_apart
from assaykit.cytometry.copies import copied_files
from assaykit.cytometry.gatingml import GatingDocument
from assaykit.cytometry.hierarchy import ALL, COMPLEMENT
from assaykit.cytometry.importing import protocol_from_gates
from assaykit.cytometry.measure import (
    UNGATED,
    GatedEvents,
    WellMeasurement,
    events_gated,
    gates_for,
    light_assay,
    light_plate,
    measure_well,
)
from assaykit.cytometry.overrides import exclusion_findings, gate_words
from assaykit.cytometry.plate_checks import check_plate
from assaykit.cytometry.plausibility import check_shares, check_sister_plates, check_sister_shares
from assaykit.cytometry.readouts import READOUTS
from assaykit.cytometry.resolve import resolve_plate
from assaykit.cytometry.sisters import odd_files

__all__ = [
    "ALL",
    "COMPLEMENT",
    "READOUTS",
    "UNGATED",
    "GatedEvents",
    "GatingDocument",
    "RunStart",
    "WellMeasurement",
    "carried_over",
    "check_plate",
    "check_shares",
    "check_sister_plates",
    "check_sister_shares",
    "control_points",
    "copied_files",
    "events_gated",
    "exclusion_findings",
    "gate_words",
    "gates_for",
    "light_assay",
    "light_plate",
    "measure_well",
    "odd_files",
    "plates_apart",
    "protocol_from_gates",
    "resolve_plate",
]

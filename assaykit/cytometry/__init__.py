"""Cytometry: compensation, scales, gates, controls and quality; a plate's controls resolved, each well measured."""

from assaykit.cytometry.carry_over import RunStart, carry_over_findings
from assaykit.cytometry.control_chart import control_points, levey_jennings_findings
from assaykit.cytometry.copies import copy_findings
from assaykit.cytometry.exporting import ExportedGates, exported_gates, gates_of_study, write_gates
from assaykit.cytometry.measure import (
    GatedEvents,
    WellMeasurement,
    gate_events,
    gates_for,
    measure_well,
    worker_assay,
    worker_plate,
)
from assaykit.cytometry.overrides import exclusion_findings, gate_words
from assaykit.cytometry.plate_checks import check_plate
from assaykit.cytometry.plausibility import check_shares, check_sister_plates, check_sister_shares
from assaykit.cytometry.readouts import READOUTS
from assaykit.cytometry.resolve import resolve_plate
from assaykit.cytometry.sisters import sister_findings

__all__ = [
    "READOUTS",
    "ExportedGates",
    "GatedEvents",
    "RunStart",
    "WellMeasurement",
    "carry_over_findings",
    "check_plate",
    "check_shares",
    "check_sister_plates",
    "check_sister_shares",
    "control_points",
    "copy_findings",
    "exclusion_findings",
    "exported_gates",
    "gate_events",
    "gate_words",
    "gates_for",
    "gates_of_study",
    "levey_jennings_findings",
    "measure_well",
    "resolve_plate",
    "sister_findings",
    "worker_assay",
    "worker_plate",
    "write_gates",
]

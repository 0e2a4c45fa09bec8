"""Cytometry: compensation, scales, gates, controls and quality; a plate's controls resolved, each well measured."""

from assaykit.cytometry.copies import copied_files
from assaykit.cytometry.measure import (
    GatedEvents,
    WellMeasurement,
    events_gated,
    gates_for,
    light_assay,
    light_plate,
    measure_well,
)
from assaykit.cytometry.plate_checks import check_plate
from assaykit.cytometry.readouts import READOUTS
from assaykit.cytometry.resolve import resolve_plate
from assaykit.cytometry.sisters import odd_files

__all__ = [
    "READOUTS",
    "GatedEvents",
    "WellMeasurement",
    "check_plate",
    "copied_files",
    "events_gated",
    "gates_for",
    "light_assay",
    "light_plate",
    "measure_well",
    "odd_files",
    "resolve_plate",
]

"""Plates: wells, what was done to them, and the layouts and tables of counts they are read from."""

from __future__ import annotations

from assaykit.plate.draft import column_name
from assaykit.plate.model import Factor, Plate, Well
from assaykit.plate.positions import SIZES, position_from_well, row_letters, well_from_position
from assaykit.plate.reading import Reading, read_counts, read_plates, reading_from_counts, reading_from_layout
from assaykit.plate.schema import KNOWN_FACTORS, STRUCTURE, Columns
from assaykit.plate.serving import control_faults, controls_named, reserved_controls

__all__ = [
    "KNOWN_FACTORS",
    "SIZES",
    "STRUCTURE",
    "Columns",
    "Factor",
    "Plate",
    "Reading",
    "Well",
    "column_name",
    "control_faults",
    "controls_named",
    "position_from_well",
    "read_counts",
    "read_plates",
    "reading_from_counts",
    "reading_from_layout",
    "reserved_controls",
    "row_letters",
    "well_from_position",
]

"""Plates: wells, what was done to them, and the layouts and tables of counts they are read from."""

from __future__ import annotations

from assaykit.plate.counts import CHAMBER, is_count
from assaykit.plate.draft import column_name, nearest
from assaykit.plate.model import ROLES, Factor, Plate, Role, Well
from assaykit.plate.positions import SIZES, position_from_well, row_letters, well_from_position
from assaykit.plate.reading import Reading, read_counts, read_plates, reading_from_counts, reading_from_layout
from assaykit.plate.schema import KNOWN_FACTORS, STRUCTURE, Columns
from assaykit.plate.serving import control_faults, controls_named, reserved_controls

__all__ = [
    "CHAMBER",
    "KNOWN_FACTORS",
    "ROLES",
    "SIZES",
    "STRUCTURE",
    "Columns",
    "Factor",
    "Plate",
    "Reading",
    "Role",
    "Well",
    "column_name",
    "control_faults",
    "controls_named",
    "is_count",
    "nearest",
    "position_from_well",
    "read_counts",
    "read_plates",
    "reading_from_counts",
    "reading_from_layout",
    "reserved_controls",
    "row_letters",
    "well_from_position",
]

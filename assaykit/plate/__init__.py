"""Plates: wells, what was done to them, and the layouts and tables of counts they are read from."""

from __future__ import annotations

from assaykit.plate.model import ROLES, Factor, Plate, Role, Well
from assaykit.plate.positions import SIZES, position_from_well, row_letters
from assaykit.plate.reading import read_counts, read_plates
from assaykit.plate.schema import Columns
from assaykit.plate.serving import control_faults, controls_named, reserved_controls

__all__ = [
    "ROLES",
    "SIZES",
    "Columns",
    "Factor",
    "Plate",
    "Role",
    "Well",
    "control_faults",
    "controls_named",
    "position_from_well",
    "read_counts",
    "read_plates",
    "reserved_controls",
    "row_letters",
]

"""Plates: wells, what was done to them, and the layouts and tables of counts they are read from."""

from __future__ import annotations

from assaykit.plate.model import Factor, Plate, Well
from assaykit.plate.reading import read_counts, read_plates
from assaykit.plate.schema import Columns
from assaykit.plate.serving import control_faults, controls_named, reserved_controls

__all__ = [
    "Columns",
    "Factor",
    "Plate",
    "Well",
    "control_faults",
    "controls_named",
    "read_counts",
    "read_plates",
    "reserved_controls",
]

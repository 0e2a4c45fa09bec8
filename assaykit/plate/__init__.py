"""Plates: wells, what was done to them, and the layouts and tables of counts they are read from."""

from __future__ import annotations

from assaykit.plate.model import ROLES, Factor, Plate, Role, Well
from assaykit.plate.reading import read_counts, read_plates
from assaykit.plate.schema import Columns

__all__ = ["ROLES", "Columns", "Factor", "Plate", "Role", "Well", "read_counts", "read_plates"]

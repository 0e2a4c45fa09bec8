"""Plates: wells, what was done to them, and the layouts and tables of counts they are read from."""

from __future__ import annotations

from assaykit.plate.draft import DraftWell, column_name, text_from_value
from assaykit.plate.headings import SHARES, Heading
from assaykit.plate.model import Factor, Plate, Well
from assaykit.plate.positions import (
    DEFAULT_SIZE,
    SIZES,
    Position,
    position_from_well,
    row_letters,
    smallest_size,
    well_from_position,
)
from assaykit.plate.reading import Reading, read_counts, read_plates, reading_from_counts, reading_from_layout
from assaykit.plate.schema import KNOWN_FACTORS, STRUCTURE, Columns, once, well_from_draft
from assaykit.plate.serving import control_faults, controls_named, reserved_controls
from assaykit.plate.sheets import sheets_from_file
from assaykit.plate.statistics import Number, Sample, StatisticsTable, read_statistics, statistic_from_entry

__all__ = [
    "DEFAULT_SIZE",
    "KNOWN_FACTORS",
    "SHARES",
    "SIZES",
    "STRUCTURE",
    "Columns",
    "DraftWell",
    "Factor",
    "Heading",
    "Number",
    "Plate",
    "Position",
    "Reading",
    "Sample",
    "StatisticsTable",
    "Well",
    "column_name",
    "control_faults",
    "controls_named",
    "once",
    "position_from_well",
    "read_counts",
    "read_plates",
    "read_statistics",
    "reading_from_counts",
    "reading_from_layout",
    "reserved_controls",
    "row_letters",
    "sheets_from_file",
    "smallest_size",
    "statistic_from_entry",
    "text_from_value",
    "well_from_draft",
    "well_from_position",
]

"""Measurements: READOUTS and counts of an assay -> its endpoints' values, and what these are worth.

wells -> values formed, flagged by findings -> MEASUREMENTS -> acceptance of plates and units
"""

from __future__ import annotations

from assaykit.measurements.acceptance import accept, kept_measurements
from assaykit.measurements.analyses import analyses_with_values
from assaykit.measurements.consequences import NO_FLAGS, Flags, flags_from_findings
from assaykit.measurements.copies import alike_experiments, copied_counts
from assaykit.measurements.criteria import CRITERIA, CriterionDefinition
from assaykit.measurements.faults import unknown_name_faults
from assaykit.measurements.flags import without_exclusions
from assaykit.measurements.measure import measure_endpoints

__all__ = [
    "CRITERIA",
    "NO_FLAGS",
    "CriterionDefinition",
    "Flags",
    "accept",
    "alike_experiments",
    "analyses_with_values",
    "copied_counts",
    "flags_from_findings",
    "kept_measurements",
    "measure_endpoints",
    "unknown_name_faults",
    "without_exclusions",
]

"""Endpoints: `value = endpoint(readouts, reference)`, and what the values of one assay are worth."""

from __future__ import annotations

from assaykit.endpoints.acceptance import accept, dropped
from assaykit.endpoints.catalogue import ENDPOINTS
from assaykit.endpoints.consequences import NO_MARKS, Marks, marks_of
from assaykit.endpoints.copies import alike_experiments, copied_counts
from assaykit.endpoints.criteria import CRITERIA, Check
from assaykit.endpoints.faults import asked_analyses, endpoint_by_name, endpoint_faults
from assaykit.endpoints.marking import without_exclusions
from assaykit.endpoints.measure import measure_endpoints
from assaykit.endpoints.model import Doubt, Endpoint, Measured, MeasuredWell
from assaykit.endpoints.quantities import BRINGERS

__all__ = [
    "BRINGERS",
    "CRITERIA",
    "ENDPOINTS",
    "NO_MARKS",
    "Check",
    "Doubt",
    "Endpoint",
    "Marks",
    "Measured",
    "MeasuredWell",
    "accept",
    "alike_experiments",
    "asked_analyses",
    "copied_counts",
    "dropped",
    "endpoint_by_name",
    "endpoint_faults",
    "marks_of",
    "measure_endpoints",
    "without_exclusions",
]

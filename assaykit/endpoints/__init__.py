"""Endpoints: `value = endpoint(readouts, reference)`, and what the values of one assay are worth."""

from __future__ import annotations

from assaykit.endpoints.acceptance import accept, dropped
from assaykit.endpoints.catalogue import ENDPOINTS
from assaykit.endpoints.consequences import NO_MARKS, Located, Marks, marks_of
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
    "Located",
    "Marks",
    "Measured",
    "MeasuredWell",
    "accept",
    "asked_analyses",
    "dropped",
    "endpoint_by_name",
    "endpoint_faults",
    "marks_of",
    "measure_endpoints",
    "without_exclusions",
]

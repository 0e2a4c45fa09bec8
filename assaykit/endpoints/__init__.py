"""Endpoints: each one declaration beside its formula, `value = endpoint(quantity, reference)`, formed of wells.

To add one: its formula and its `Endpoint(...)` in the module of its family, and its name in that family's tuple.
"""

from __future__ import annotations

from assaykit.endpoints.catalogue import ENDPOINTS, endpoint_measured_as, equivalence_bound
from assaykit.endpoints.cell_counts import fraction
from assaykit.endpoints.faults import endpoint_by_name, endpoint_faults, unknown_names
from assaykit.endpoints.interference import INTERFERENCE, treatments_by_text
from assaykit.endpoints.model import (
    BOUNDS,
    GRAVITY,
    AssayConditions,
    Doubt,
    Endpoint,
    EndpointTask,
    Formation,
    Measurement,
    QcFlag,
    Quantity,
    ReferenceValues,
    WellReadings,
    Wells,
)
from assaykit.endpoints.quantities import BLANK, SCORED
from assaykit.endpoints.wells import is_yes, matched_factors, target_of, text

__all__ = [
    "BLANK",
    "BOUNDS",
    "ENDPOINTS",
    "GRAVITY",
    "INTERFERENCE",
    "SCORED",
    "AssayConditions",
    "Doubt",
    "Endpoint",
    "EndpointTask",
    "Formation",
    "Measurement",
    "QcFlag",
    "Quantity",
    "ReferenceValues",
    "WellReadings",
    "Wells",
    "endpoint_by_name",
    "endpoint_faults",
    "endpoint_measured_as",
    "equivalence_bound",
    "fraction",
    "is_yes",
    "matched_factors",
    "target_of",
    "text",
    "treatments_by_text",
    "unknown_names",
]

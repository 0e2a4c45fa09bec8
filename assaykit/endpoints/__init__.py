"""Endpoints: each one declaration beside its formula, `value = endpoint(quantity, reference)`, formed of wells.

To add one: its formula and its `Endpoint(...)` in the module of its family, and its name in that family's tuple.
"""

from __future__ import annotations

from assaykit.endpoints.arms import BETWEEN_TARGETS, COMBINATION, REVERSAL, WITH_AND_WITHOUT_STROMA
from assaykit.endpoints.catalogue import ENDPOINTS, endpoint_measured_as, equivalence_bound
from assaykit.endpoints.cell_counts import fraction
from assaykit.endpoints.faults import endpoint_by_name, endpoint_faults, unknown_names
from assaykit.endpoints.formation import FROM_GRADIENT, FROM_INPUT, FROM_PARTNER, FROM_REFERENCE, OWN
from assaykit.endpoints.intensity import channel_statistics
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
    as_read,
    percent,
)
from assaykit.endpoints.quantities import BLANK, SCORED, cells_counted
from assaykit.endpoints.wells import is_yes, matched_factors, target_of, text

__all__ = [
    "BETWEEN_TARGETS",
    "BLANK",
    "BOUNDS",
    "COMBINATION",
    "ENDPOINTS",
    "FROM_GRADIENT",
    "FROM_INPUT",
    "FROM_PARTNER",
    "FROM_REFERENCE",
    "GRAVITY",
    "INTERFERENCE",
    "OWN",
    "REVERSAL",
    "SCORED",
    "WITH_AND_WITHOUT_STROMA",
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
    "as_read",
    "cells_counted",
    "channel_statistics",
    "endpoint_by_name",
    "endpoint_faults",
    "endpoint_measured_as",
    "equivalence_bound",
    "fraction",
    "is_yes",
    "matched_factors",
    "percent",
    "target_of",
    "text",
    "treatments_by_text",
    "unknown_names",
]

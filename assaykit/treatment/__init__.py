"""Treatments and the drug catalogue they are written in."""

from __future__ import annotations

from assaykit.treatment.catalogue import (
    Catalogue,
    Drug,
    Interference,
    drugs_schema,
    extend_catalogue,
    plain,
    read_drugs,
)
from assaykit.treatment.independence import independent_effect, stronger_effect
from assaykit.treatment.model import Dose, Treatment, treatment_from_canonical
from assaykit.treatment.parsing import parse_treatment
from assaykit.treatment.plausibility import implausible_doses
from assaykit.treatment.units import UNITS, Unit, dose_from_text

__all__ = [
    "UNITS",
    "Catalogue",
    "Dose",
    "Drug",
    "Interference",
    "Treatment",
    "Unit",
    "dose_from_text",
    "drugs_schema",
    "extend_catalogue",
    "implausible_doses",
    "independent_effect",
    "parse_treatment",
    "plain",
    "read_drugs",
    "stronger_effect",
    "treatment_from_canonical",
]

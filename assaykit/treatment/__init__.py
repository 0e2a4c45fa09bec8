"""Treatments and the drug catalogue they are written in."""

from __future__ import annotations

from assaykit.treatment.catalogue import Catalogue, Drug, Interference, drugs_schema, extend_catalogue, read_drugs
from assaykit.treatment.model import Dose, Treatment
from assaykit.treatment.parsing import parse_treatment
from assaykit.treatment.plausibility import implausible_doses
from assaykit.treatment.units import UNITS, Unit

__all__ = [
    "UNITS",
    "Catalogue",
    "Dose",
    "Drug",
    "Interference",
    "Treatment",
    "Unit",
    "drugs_schema",
    "extend_catalogue",
    "implausible_doses",
    "parse_treatment",
    "read_drugs",
]

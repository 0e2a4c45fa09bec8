"""Canonical treatments as numbers: drug by drug, every dose in one unit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

import pandas as pd

from assaykit.treatment import UNITS, Catalogue, Dose, Treatment, Unit, parse_treatment


@dataclass(frozen=True, slots=True)
class DoseSeries:
    """One drug given alone at several doses: its treatments and their doses, all in one unit."""

    drug: str
    unit: str
    doses: Mapping[str, float]


def dosed_treatments(measurements: pd.DataFrame, catalogue: Catalogue) -> dict[str, Treatment]:
    """Return every canonical treatment of the table as drugs at doses, arms without a dose left out."""
    found = {text: parse_treatment(text, catalogue) for text in dict.fromkeys(measurements["treatment"]) if text}
    return {text: one for text, one in found.items() if all(dose.unit for dose in one.doses)}


def series_of(treatments: Mapping[str, Treatment]) -> tuple[DoseSeries, ...]:
    """Return the drugs given alone, each with its doses in the unit of the middle one, lowest first.

    Doses of one drug in units that cannot be converted, such as uM and ng/mL, are two series.
    """
    alone: dict[tuple[str, str], dict[str, Dose]] = {}
    for text, treatment in treatments.items():
        if len(treatment.doses) == 1:
            dose = treatment.doses[0]
            alone.setdefault((dose.drug, UNITS[dose.unit].dimension), {})[text] = dose
    found = []
    for (drug, _), doses in alone.items():
        unit = middle_unit(doses.values())
        amounts = {text: amount_in(dose, unit) for text, dose in doses.items()}
        found.append(DoseSeries(drug, unit.name, dict(sorted(amounts.items(), key=lambda item: item[1]))))
    return tuple(found)


def middle_unit(doses: Iterable[Dose]) -> Unit:
    """Return the unit of the middle dose, which is the one people name the range in."""
    rising = sorted(doses, key=lambda dose: Decimal(str(dose.amount)) * UNITS[dose.unit].factor)
    return UNITS[rising[len(rising) // 2].unit]


def amount_in(dose: Dose, unit: Unit) -> float:
    """Return the dose in that unit, of the same dimension.

    >>> amount_in(Dose("imatinib", 300.0, "nM"), UNITS["uM"])
    0.3
    """
    return float(Decimal(str(dose.amount)) * UNITS[dose.unit].factor / unit.factor)

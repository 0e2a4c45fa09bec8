"""Doses far outside what is used in culture: a slip of nM for uM is a thousandfold."""

from __future__ import annotations

from decimal import Decimal

from assaykit.treatment.catalogue import Catalogue
from assaykit.treatment.parsing import WrittenDose, written_doses
from assaykit.treatment.units import UNITS, Unit, dose_from_text

BEYOND = 100  # stated convention: a slip of one unit prefix is 1000x, of a dilution step 10x


def implausible_doses(text: str, catalogue: Catalogue, *, decimal: str = "") -> tuple[str, ...]:
    """Return one sentence per dose beyond its drug's range in culture by more than a factor of 100.

    Raises TreatmentError where the text is no treatment.
    """
    return tuple(sentence for dose in written_doses(text, catalogue, decimal=decimal) if (sentence := _doubt(dose)))


def _doubt(dose: WrittenDose) -> str:
    if dose.drug.range is None or dose.unit is None:
        return ""
    (lowest, unit), (highest, above) = (dose_from_text(text) for text in dose.drug.range)
    low, high = lowest * unit.factor, highest * above.factor
    if unit.dimension != dose.unit.dimension:
        return ""
    absolute = dose.amount * dose.unit.factor
    if low / BEYOND <= absolute <= high * BEYOND:
        return ""
    written = f"{dose.amount.normalize():f} {dose.unit.name} {dose.drug.name}"
    known = f"{dose.drug.range[0]} to {dose.drug.range[1]} are used in culture"
    return f"{written}: {_meant(dose, dose.unit, low, high=high)}{known}."


def _meant(dose: WrittenDose, unit: Unit, low: Decimal, *, high: Decimal) -> str:
    """Return the nearest unit with which the same number would be in range, as a question."""
    fitting = [
        other
        for other in UNITS.values()
        if other.dimension == unit.dimension and low <= dose.amount * other.factor <= high
    ]
    nearest = min(fitting, key=lambda other: abs((other.factor / unit.factor).ln()), default=None)
    return f"{nearest.name} meant? " if nearest else ""

"""Text to `Treatment`: 'STI571 1000 nM + AMD3100 10 µM' becomes 'imatinib 1 uM + plerixafor 10 uM'."""

from __future__ import annotations

import re
from decimal import Decimal

from assaykit.errors import TreatmentError
from assaykit.treatment.catalogue import Catalogue, Drug, plain
from assaykit.treatment.model import Dose, Treatment
from assaykit.treatment.units import UNITS, Unit, canonical, unit_from_text

VEHICLES = ("vehicle", "vehicle control", "dmso", "solvent")
_NUMBER = r"[+-]?\d+(?:[.,]\d+)?(?:[eE][+-]?\d+)?"
_UNIT = r"[A-Za-zµμ%][A-Za-zµμ%/() ]*"
_DRUG_FIRST = re.compile(rf"(?P<drug>.*[^\s\d(@].*?|.*?[A-Za-z)\]].*?)[\s(@:]+(?P<amount>{_NUMBER})\s*(?P<unit>{_UNIT})?\)?")
_DOSE_FIRST = re.compile(rf"(?P<amount>{_NUMBER})\s*(?P<unit>%|[A-Za-zµμ]+(?:/[A-Za-zµμ]+)?)\s+(?P<drug>\S.*)")
_JOINTS = re.compile(r"\s+\+\s*|\s*\+\s+|(?<=[A-Za-z%])\+(?=[A-Za-z])|\s*&\s*|\s+and\s+|\s+plus\s+")


def parse_treatment(text: str, catalogue: Catalogue) -> Treatment:
    """Return the treatment a text names; drugs sorted, doses in canonical units, vehicle and zero doses left out.

    Raises TreatmentError where a drug is unknown or named twice, or a dose lacks its amount or unit.
    """
    parts = [part.strip() for part in _JOINTS.split(text.strip())]
    if not all(parts):
        raise TreatmentError("a treatment must name drugs joined by +", f"'{text}'", "", "write 'vehicle' for none")
    doses = [dose for part in parts if (dose := _dose(part, catalogue)) is not None]
    drugs = [dose.drug for dose in doses]
    for drug in drugs:
        if drugs.count(drug) > 1:
            raise TreatmentError("a treatment must name each drug once", f"{drug} twice in '{text}'", "", "add the doses up")
    return Treatment(tuple(sorted(doses)))


def _dose(part: str, catalogue: Catalogue) -> Dose | None:
    """Return one drug at its dose; None for vehicle and for a dose of zero."""
    if plain(part) in map(plain, VEHICLES):
        return None
    undosed = catalogue.find(part)
    if undosed and not undosed.dosed:
        return Dose(undosed.name, 0.0, "")
    match = _DRUG_FIRST.fullmatch(part) if undosed is None else None
    if match is None or catalogue.find(match["drug"]) is None:
        match = _DOSE_FIRST.fullmatch(part) or match
    name = match["drug"].strip() if match else part
    if plain(name) in map(plain, VEHICLES):
        return None
    drug = _drug(name, catalogue)
    if match is None:
        raise TreatmentError("a drug must have a dose", f"'{part}'", "", f"write '{drug.name} {_example(drug)}'")
    if not (match["unit"] or "").strip():
        raise TreatmentError("a dose must have a unit", f"'{part}'", "", f"write '{drug.name} {_amount_with_unit(match['amount'], drug)}'")
    amount = Decimal(match["amount"].replace(",", "."))
    if amount < 0:
        raise TreatmentError("a dose must not be negative", f"'{part}'", "", "delete the minus sign")
    unit = unit_from_text(match["unit"].strip(" ()"))
    return None if amount == 0 else Dose(drug.name, *_in_own_dimension(amount, unit, drug, name))


def _in_own_dimension(amount: Decimal, unit: Unit, drug: Drug, name: str) -> tuple[float, str]:
    """Return the canonical dose, turned from mass to molar or back where the catalogue knows the molar mass."""
    mass = next((value for salt, value in drug.salts.items() if plain(salt) == plain(name)), drug.molar_mass)
    wanted = unit_from_text(range_unit(drug)).dimension if drug.range else unit.dimension
    if mass and {wanted, unit.dimension} == {"molar", "mass"}:
        grams_per_litre = amount * unit.factor  # mg/mL is g/L
        if wanted == "molar":
            return canonical(grams_per_litre / Decimal(str(mass)), UNITS["M"])
        return canonical(amount * unit.factor * Decimal(str(mass)), UNITS["mg/mL"])
    return canonical(amount, unit)


def range_unit(drug: Drug) -> str:
    """Return the unit of a drug's lowest dose in culture; uM where the catalogue gives no range."""
    return drug.range[0].split(maxsplit=1)[1] if drug.range else "uM"


def _drug(name: str, catalogue: Catalogue) -> Drug:
    drug = catalogue.find(name)
    if drug is None:
        near = catalogue.nearest(name)
        remedy = f"write '{near}', or add" if near else "mend the name, or add"
        raise TreatmentError("a drug must be in the catalogue", f"'{name}'", "", f"{remedy} it to a catalogue of yours: drugs = \"drugs.toml\"")
    return drug


def _example(drug: Drug) -> str:
    return drug.range[0] if drug.range else "1 uM"


def _amount_with_unit(amount: str, drug: Drug) -> str:
    return f"{amount} {range_unit(drug)}"

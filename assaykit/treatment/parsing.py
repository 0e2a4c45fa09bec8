"""Text to `Treatment`: 'STI571 1000 nM + AMD3100 10 µM' becomes 'imatinib 1 uM + plerixafor 10 uM'.

text -> parts -> WrittenDose (drug, amount and unit as written) -> Dose (canonical) -> Treatment
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from assaykit.errors import TreatmentError
from assaykit.treatment.catalogue import Catalogue, Drug, plain
from assaykit.treatment.model import Dose, Treatment
from assaykit.treatment.units import DIMENSIONS, UNITS, Unit, canonical, unit_from_text

VEHICLES = ("vehicle", "vehicle control", "dmso", "solvent")
_NUMBER = r"[+-]?(?:\d+(?:[.,]\d+)?|[.,]\d+)(?:[eE][+-]?\d+)?"
_UNIT = r"[A-Za-zµμ%][A-Za-zµμ%/() ]*"
_DRUG_FIRST = re.compile(rf"(?P<drug>.*?[A-Za-z)\]].*?)[\s(@:]+(?P<amount>{_NUMBER})\s*(?P<unit>{_UNIT})?\)?")
_DOSE_FIRST = re.compile(rf"(?P<amount>{_NUMBER})\s*(?P<unit>%|[A-Za-zµμ]+(?:/[A-Za-zµμ]+)?)\s+(?P<drug>\S.*)")
_DOSE_ALONE = re.compile(rf"{_NUMBER}\s*(?:[fpnum]?M|[pnum]?g/m?[Ll])?")
_JOINTS = re.compile(r"\s+\+\s*|\s*\+\s+|(?<=[A-Za-z%])\+(?=[A-Za-z])|\s*&\s*|\s+and\s+|\s+plus\s+")


@dataclass(frozen=True, slots=True)
class WrittenDose:
    """One drug at one dose as somebody wrote it; no unit and no amount for an arm without a dose."""

    drug: Drug
    name: str
    amount: Decimal
    unit: Unit | None


def parse_treatment(text: str, catalogue: Catalogue) -> Treatment:
    """Return the treatment a text names; drugs sorted, doses in canonical units, vehicle and zero doses left out.

    Raises TreatmentError where a drug is unknown or named twice, or a dose lacks its amount or unit.
    """
    written = written_doses(text, catalogue)
    drugs = [dose.drug.name for dose in written]
    for drug in drugs:
        if drugs.count(drug) > 1:
            remedy = "write one dose of it"
            raise TreatmentError("a treatment must name each drug once", f"{drug} twice in '{text}'", "", remedy)
    alone = [dose.drug.name for dose in written if not dose.drug.dosed]
    if alone and len(written) > 1:
        raise TreatmentError(f"an arm '{alone[0]}' must stand alone", f"'{text}'", "", "name the drugs only")
    return Treatment(tuple(sorted(_canonical_dose(dose) for dose in written)))


def written_doses(text: str, catalogue: Catalogue) -> tuple[WrittenDose, ...]:
    """Return the doses of a treatment as written, vehicle and zero doses left out; raises as parse_treatment."""
    parts = [part.strip() for part in _JOINTS.split(text.strip())]
    if not all(parts):
        raise TreatmentError("a treatment must name drugs joined by +", f"'{text}'", "", "write 'vehicle' for none")
    doses = (_written_dose(part, catalogue) for part in parts)
    return tuple(dose for dose in doses if dose is not None)


def _written_dose(part: str, catalogue: Catalogue) -> WrittenDose | None:
    """Return one drug at its dose; None for vehicle and for a dose of zero."""
    whole = catalogue.find(part)
    if whole is not None and not whole.dosed:
        return WrittenDose(whole, part, Decimal(0), None)
    match = None if whole else _matched(part, catalogue)
    name = match["drug"].strip() if match else part
    if plain(name) in map(plain, VEHICLES):
        return None
    if _DOSE_ALONE.fullmatch(name):
        raise TreatmentError(
            "a treatment must name its drug", f"'{part}'", "", f"write 'imatinib {name}', if that is the drug"
        )
    drug = _drug(name, catalogue)
    if match is None:
        raise TreatmentError("a drug must have a dose", f"'{part}'", "", f"write '{drug.name} {_example(drug)}'")
    written = (match["unit"] or "").strip(" ()")
    if not written:
        remedy = f"write '{drug.name} {match['amount']} {_example(drug).split()[1]}', if that is the unit"
        raise TreatmentError("a dose must have a unit", f"'{part}'", "", remedy)
    amount = Decimal(match["amount"].replace(",", "."))
    if amount < 0:
        raise TreatmentError("a dose must not be negative", f"'{part}'", "", "delete the minus sign")
    unit = _unit(written, part)
    return None if amount == 0 else WrittenDose(drug, name, amount, unit)


def _matched(part: str, catalogue: Catalogue) -> re.Match[str] | None:
    """Return drug, amount and unit of `imatinib 1 uM` or `1 uM imatinib`: the reading whose drug is known."""
    readings = [match for pattern in (_DRUG_FIRST, _DOSE_FIRST) if (match := pattern.fullmatch(part))]
    return next((match for match in readings if catalogue.find(match["drug"])), next(iter(readings), None))


def _unit(written: str, part: str) -> Unit:
    try:
        unit = unit_from_text(written)
        if unit.dimension == "percent":
            raise TreatmentError(DIMENSIONS, f"'{written}'", "", "write nM, uM, mM, ng/mL, ug/mL or U/mL")
        return unit
    except TreatmentError as error:
        raise TreatmentError(error.must, f"{error.found} in '{part}'", "", error.remedy) from error


def _canonical_dose(dose: WrittenDose) -> Dose:
    """Return the canonical dose, turned from mass to molar or back where the catalogue knows the molar mass."""
    if dose.unit is None:
        return Dose(dose.drug.name, 0.0, "")
    salts = {plain(salt): mass for salt, mass in dose.drug.salts.items()}
    mass = salts.get(plain(dose.name), dose.drug.molar_mass)
    wanted = unit_from_text(_example(dose.drug).split(maxsplit=1)[1]).dimension if dose.drug.range else None
    amount, unit = dose.amount, dose.unit
    if mass and {wanted, unit.dimension} == {"molar", "mass"}:
        grams_per_litre_of_one_molar = Decimal(str(mass))  # and mg/mL is g/L
        if wanted == "molar":
            amount, unit = amount * unit.factor / grams_per_litre_of_one_molar, UNITS["M"]
        else:
            amount, unit = amount * unit.factor * grams_per_litre_of_one_molar, UNITS["mg/mL"]
    return Dose(dose.drug.name, *canonical(amount, unit))


def _drug(name: str, catalogue: Catalogue) -> Drug:
    drug = catalogue.find(name)
    if drug is None:
        raise TreatmentError("a drug must be in the catalogue", f"'{name}'", "", _drug_remedy(name, catalogue))
    return drug


_MEANT = {
    "control": "write 'vehicle' for wells with solvent, 'untreated' for wells without",
    "ctrl": "write 'vehicle' for wells with solvent, 'untreated' for wells without",
    "none": "write 'vehicle' for wells with solvent, 'untreated' for wells without",
    "medium": "write 'vehicle' for wells with solvent, 'untreated' for wells without",
    "msc": "name stroma in the column 'context': msc_contact, msc_transwell or msc_medium",
    "stroma": "name stroma in the column 'context': msc_contact, msc_transwell or msc_medium",
    "fmo": "write what a control is in the column 'role', and what it was treated with here",
    "isotype": "write what a control is in the column 'role', and what it was treated with here",
    "unstained": "write what a control is in the column 'role', and what it was treated with here",
    "blank": "write what a control is in the column 'role', and leave its treatment empty",
    "beads": "write what a control is in the column 'role', and leave its treatment empty",
}


def _drug_remedy(name: str, catalogue: Catalogue) -> str:
    """Return what to write instead of a name no drug has."""
    if plain(name) in _MEANT:
        return _MEANT[plain(name)]
    if re.search(r"[,;/|]", name):
        return "write + between drugs: imatinib 1 uM + plerixafor 10 uM"
    near = catalogue.nearest(name)
    first = f"write '{near}', or add" if near else "mend the name, or add"
    return f'{first} the drug to a catalogue of yours and name that in the study: drugs = "drugs.toml"'


def _example(drug: Drug) -> str:
    return drug.range[0] if drug.range else "1 uM"

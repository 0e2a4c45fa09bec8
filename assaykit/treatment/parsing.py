"""Text to `Treatment`: 'STI571 1000 nM + AMD3100 10 µM' becomes 'imatinib 1 uM + plerixafor 10 uM'.

text -> parts -> WrittenDose (drug, amount and unit as written) -> Dose (canonical) -> Treatment
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from assaykit.errors import TreatmentError
from assaykit.numerals import NUMBER, UNSPACED, both_ways, readings
from assaykit.treatment.catalogue import Catalogue, Drug, plain
from assaykit.treatment.model import Dose, Treatment
from assaykit.treatment.units import DIMENSIONS, UNITS, Unit, canonical, unit_from_text

VEHICLES = ("vehicle", "vehicle control", "dmso", "solvent")
_UNIT = r"[A-Za-zµμ%][A-Za-zµμ%/() ]*"
_DOSES = tuple(  # the reading whose drug is known is taken, and of two the first: `SDF 1 100 ng/mL` is SDF 1
    re.compile(pattern)
    for number in (UNSPACED, NUMBER)
    for pattern in (
        rf"(?P<drug>.*?[A-Za-z)\]].*?)[\s(@:]+(?P<amount>{number})\s*(?P<unit>{_UNIT})?\)?",
        rf"(?P<amount>{number})\s*(?P<unit>%|[A-Za-zµμ]+(?:/[A-Za-zµμ]+)?)\s+(?P<drug>\S.*)",
    )
)
_DOSE_ALONE = re.compile(rf"{NUMBER}\s*(?:[fpnum]?M|[pnum]?g/m?[Ll])?")
_JOINTS = re.compile(r"\s+\+\s*|\s*\+\s+|(?<=[A-Za-z%])\+(?=[A-Za-z])|\s*&\s*|\s+and\s+|\s+plus\s+")


@dataclass(frozen=True, slots=True)
class WrittenDose:
    """One drug at one dose as somebody wrote it; no unit and no amount for an arm without a dose."""

    drug: Drug
    name: str
    amount: Decimal
    unit: Unit | None


def parse_treatment(text: str, catalogue: Catalogue, *, decimal: str = "") -> Treatment:
    """Return the treatment a text names; drugs sorted, doses in canonical units, vehicle and zero doses left out.

    `decimal` is the decimal sign other doses of the layouts show (numerals.decimal_sign).
    Raises TreatmentError where a drug is unknown or named twice, a dose lacks its amount or unit, or its number can be
    read two ways.
    """
    written = written_doses(text, catalogue, decimal=decimal)
    drugs = [dose.drug.name for dose in written]
    for drug in drugs:
        if drugs.count(drug) > 1:
            remedy = "write one dose of it"
            raise TreatmentError("a treatment must name each drug once", f"{drug} twice in '{text}'", "", remedy)
    alone = [dose.drug.name for dose in written if not dose.drug.dosed]
    if alone and len(written) > 1:
        raise TreatmentError(f"an arm '{alone[0]}' must stand alone", f"'{text}'", "", "name the drugs only")
    return Treatment(tuple(sorted(_canonical_dose(dose) for dose in written)))


def written_doses(text: str, catalogue: Catalogue, *, decimal: str = "") -> tuple[WrittenDose, ...]:
    """Return the doses of a treatment as written, vehicle and zero doses left out; raises as parse_treatment."""
    parts = [part.strip() for part in _JOINTS.split(text.strip())]
    if not all(parts):
        raise TreatmentError("a treatment must name drugs joined by +", f"'{text}'", "", "write 'vehicle' for none")
    doses = (_written_dose(part, catalogue, decimal) for part in parts)
    return tuple(dose for dose in doses if dose is not None)


def _written_dose(part: str, catalogue: Catalogue, decimal: str) -> WrittenDose | None:
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
    amount = _amount(match["amount"], written, part, decimal)
    if amount < 0:
        raise TreatmentError("a dose must not be negative", f"'{part}'", "", "delete the minus sign")
    unit = _unit(written, part)
    return None if amount == 0 else WrittenDose(drug, name, amount, unit)


def _matched(part: str, catalogue: Catalogue) -> re.Match[str] | None:
    """Return drug, amount and unit of `imatinib 1 uM` or `1 uM imatinib`: the reading whose drug is known."""
    found = [match for pattern in _DOSES if (match := pattern.fullmatch(part))]
    return next((match for match in found if catalogue.find(match["drug"])), next(iter(found), None))


def _amount(number: str, unit: str, part: str, decimal: str) -> Decimal:
    """Return the amount; TreatmentError where its sign may part thousands or decimals, or it is no number."""
    values = readings(number, decimal=decimal)
    if not values:
        raise TreatmentError("a dose must be a number", f"'{number}' in '{part}'", "", "write it without separators")
    if len(values) > 1:
        small, large = values
        remedy = f"write {large:f} {unit}, or {small:f}0 {unit} if it is a decimal"
        found = f"'{number} {unit}' in '{part}', which is {both_ways(values, unit)}"
        raise TreatmentError("a dose must be a number read one way", found, "", remedy)
    return values[0]


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

"""Text to `Treatment`: 'STI571 1000 nM + AMD3100 10 µM' becomes 'imatinib 1 uM + plerixafor 10 uM'.

text -> steps -> parts -> WrittenDose (drug, amount and unit as written) -> Dose (canonical) -> Treatment
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from assaykit.errors import TreatmentError
from assaykit.numerals import NUMBER, UNSPACED, both_ways, readings
from assaykit.treatment.catalogue import Catalogue, Drug, plain
from assaykit.treatment.model import Dose, Step, Treatment, treatment_from_steps
from assaykit.treatment.spelling import is_vehicle, respell
from assaykit.treatment.units import DIMENSIONS, UNITS, Unit, canonical, unit_from_text

_UNIT = r"[A-Za-zµμ%][A-Za-zµμ%/() ]*"
_MEASURE = r"(?:[fpnumµμ]?M|[fpnumµμ]?mol/[num]?[Ll]|[pnumkµμ]?g/[mudcn]?[Ll]|[mk]?I?U/[mudcn]?[Ll]|%)"
# A dose stands behind its drug, apart from it by blanks or one of `: = @ , ( [`, or joined to it by a dash or nothing
# (`imatinib-1uM`); a dash behind a blank is a minus. Or the dose stands first: `1 uM of imatinib`.
_APART = r"(?:\s*[,:=@(\[]\s*|\s+-\s+|\s+)"
_DOSE_BEHIND = tuple(
    re.compile(rf"{before}(?P<amount>{number})\s*(?P<unit>{_UNIT})?[)\]]*\s*")
    for before in (_APART, r"[-_]?(?=[0-9.])")
    for number in (UNSPACED, NUMBER)  # `SDF 1 100 ng/mL` is SDF 1 before it is a thousand and one hundred
)
_DOSE_FIRST = re.compile(rf"(?P<amount>{NUMBER})\s*(?P<unit>{_MEASURE}|[A-Za-zµμ]+)[\s_-]+(?:of\s+)?(?P<drug>\S.*)")
_DOSE_ALONE = re.compile(rf"{NUMBER}\s*(?:{_MEASURE})?")
_WORDS = r"and|plus|with|w/|und|mit|y|con|et|avec"
_JOINTS = re.compile(
    r"\s+\+\s*|\s*\+\s+|(?<=[A-Za-z%)\]])\+(?=[A-Za-z])|\s*[&;|]\s*|,\s+|(?<=[A-Za-z%)\]]),(?=[A-Za-z])|\s+/\s+"
    rf"|(?<=[A-Za-z)\]])/(?=[A-Za-z][\w-]*[\s(:=@-]*{NUMBER})|\s+(?:{_WORDS})\s+"
)
_SIDE_BY_SIDE = re.compile(rf"({NUMBER}\s*{_MEASURE})\s+(?=[A-Za-z][\w-]*[\s(]+{NUMBER}\s*{_MEASURE})")
_ORDER = re.compile(
    r"[\s,;]+(?:and\s+)?(?:then|followed by|dann|danach|luego|después)\s+|\s*(?:->|→|=>)\s*", re.IGNORECASE
)
_WASHOUT = re.compile(
    r"(?:[\s,;(]*\b(?:then|and|after)\b)*[\s,;(]*\b(?:wash(?:ed)?[- ]?out|auswaschen|lavado)\b\)?", re.IGNORECASE
)
_TIME = re.compile(
    rf"[\s,(]*\b(?:for|für|durante|during)?\s*(?<![\w.,])({NUMBER})\s*"
    r"(min(?:ute)?s?|minuten|minutos?|h(?:rs?)?|hours?|std|stunden?|horas?|d|days?|tage?|días?)\b\.?\)?",
    re.IGNORECASE,
)
_HOURS = {"m": 1 / 60, "h": 1.0, "s": 1.0, "d": 24.0, "t": 24.0}  # by the first letter: min, h, Stunde, day, Tag
_LONGEST = 300  # characters of a treatment


@dataclass(frozen=True, slots=True)
class WrittenDose:
    """One drug at one dose as somebody wrote it; no unit and no amount for an arm without a dose."""

    drug: Drug
    name: str
    amount: Decimal
    unit: Unit | None


def parse_treatment(text: str, catalogue: Catalogue, *, decimal: str = "") -> Treatment:
    """Return the treatment a text names; drugs sorted, doses in canonical units, vehicle and zero doses left out.

    Steps joined by `then` or an arrow, and a washout, are one arm of their own. `decimal` is the decimal sign other
    doses of the layouts show (numerals.decimal_sign).
    Raises TreatmentError where a drug is unknown or named twice, a dose lacks its amount or unit, its number can be
    read two ways, or a time stands where a column of the layout must tell it.
    """
    steps = _steps(text, catalogue, decimal)
    if len(steps) > 1:
        return treatment_from_steps(tuple(Step(_doses(written, text), hours) for written, hours in steps))
    (written, hours), *_ = steps
    if hours is not None:
        remedy = "write the time in a column of the layout, such as time, for every well, vehicle included"
        raise TreatmentError("a treatment must hold its time in a column", f"'{text}'", "", remedy)
    return Treatment(_doses(written, text))


def written_doses(text: str, catalogue: Catalogue, *, decimal: str = "") -> tuple[WrittenDose, ...]:
    """Return the doses of a treatment as written, vehicle and zero doses left out; raises as parse_treatment."""
    return tuple(dose for written, _ in _steps(text, catalogue, decimal) for dose in written)


def _steps(text: str, catalogue: Catalogue, decimal: str) -> list[tuple[list[WrittenDose], float | None]]:
    """Return what was given one after another, with the hours of each where they are written."""
    if len(text) > _LONGEST:
        raise TreatmentError(f"a treatment must be shorter than {_LONGEST} characters", f"{len(text)}")
    steps = []
    for part in _ORDER.split(_WASHOUT.sub(" then washout", respell(text))):
        times = _TIME.findall(part)
        hours = (
            sum(float(readings(number)[0]) * _HOURS[unit[0].casefold()] for number, unit in times) if times else None
        )
        steps.append((_step(_TIME.sub(" ", part).strip(), catalogue, decimal), hours))
    return steps


def _step(text: str, catalogue: Catalogue, decimal: str) -> list[WrittenDose]:
    """Return the doses given at once."""
    if text == "washout" or is_vehicle(text):
        return []
    parts: list[str] = []
    for part in _JOINTS.split(_SIDE_BY_SIDE.sub(r"\1 + ", text.replace("_", " "))):
        if parts and catalogue.find(parts[-1]) and _DOSE_ALONE.fullmatch(part.strip()):
            parts[-1] += f" {part.strip()}"  # `imatinib, 1 uM`
        else:
            parts.append(part.strip())
    if not all(parts):
        raise TreatmentError("a treatment must name drugs joined by +", f"'{text}'", "", "write 'vehicle' for none")
    return [dose for part in parts if (dose := _written_dose(part, catalogue, decimal)) is not None]


def _doses(written: Sequence[WrittenDose], text: str) -> tuple[Dose, ...]:
    """Return doses given at once in canonical units, sorted; TreatmentError where a drug is named twice."""
    drugs = [dose.drug.name for dose in written]
    if twice := next((drug for drug in drugs if drugs.count(drug) > 1), ""):
        raise TreatmentError(
            "a treatment must name each drug once", f"{twice} twice in '{text}'", "", "write one dose of it"
        )
    alone = next((dose.drug.name for dose in written if not dose.drug.dosed), "")
    if alone and len(written) > 1:
        raise TreatmentError(f"an arm '{alone}' must stand alone", f"'{text}'", "", "name the drugs only")
    return tuple(sorted(_canonical_dose(dose) for dose in written))


def _written_dose(part: str, catalogue: Catalogue, decimal: str) -> WrittenDose | None:
    """Return one drug at its dose; None for vehicle and for a dose of zero."""
    whole = catalogue.find(part)
    if whole is not None and not whole.dosed:
        return WrittenDose(whole, part, Decimal(0), None)
    if is_vehicle(part):
        return None
    name, number, unit = _dose_of(part, catalogue) if whole is None else (part, "", "")
    if _DOSE_ALONE.fullmatch(name):
        raise TreatmentError(
            "a treatment must name its drug", f"'{part}'", "", f"write 'imatinib {name}', if that is the drug"
        )
    drug = catalogue.find(name)
    if drug is None:
        raise TreatmentError("a drug must be in the catalogue", f"'{name}'", "", _drug_remedy(name, catalogue))
    if not number:
        raise TreatmentError("a drug must have a dose", f"'{part}'", "", f"write '{drug.name} {_example(drug)}'")
    if not unit:
        remedy = f"write '{drug.name} {number} {_example(drug).split()[1]}', if that is the unit"
        raise TreatmentError("a dose must have a unit", f"'{part}'", "", remedy)
    amount = _amount(number, unit, part, decimal)
    if amount < 0:
        raise TreatmentError("a dose must not be negative", f"'{part}'", "", "delete the minus sign")
    known = _unit(unit, part)
    return None if amount == 0 else WrittenDose(drug, name, amount, known)


def _dose_of(part: str, catalogue: Catalogue) -> tuple[str, str, str]:
    """Return drug, amount and unit as written: the first reading whose drug is known, else the first there is.

    A part without a dose is a drug's name alone.
    """
    found = [
        (part[:end], match)
        for pattern in _DOSE_BEHIND
        for end in range(1, len(part))
        if re.search(r"[^\W\d_]", part[:end]) and (match := pattern.fullmatch(part, end))
    ]
    if match := _DOSE_FIRST.fullmatch(part):
        found.append((match["drug"], match))
    known = [(name, match) for name, match in found if catalogue.find(name)]
    for name, match in known or found[:1]:
        return name.strip(), match["amount"], (match["unit"] or "").strip(" ()")
    return part, "", ""


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


_MEANT = {
    "control": "write 'vehicle' for wells with solvent, 'untreated' for wells without",
    "ctrl": "write 'vehicle' for wells with solvent, 'untreated' for wells without",
    "mock": "write 'vehicle' for wells with solvent, 'untreated' for wells without",
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

"""Every well's factors as the analysis needs them: canonical treatment, known context, the unit."""

from __future__ import annotations

from dataclasses import dataclass, replace

from assaykit.errors import InputError, LayoutError, TreatmentError
from assaykit.plate.draft import nearest
from assaykit.plate.model import Factor, Plate, Well
from assaykit.study.model import CONTEXTS, Reference
from assaykit.tables import Finding
from assaykit.treatment import Catalogue, implausible_doses, parse_treatment


@dataclass(frozen=True, slots=True)
class Rules:
    """What wells are held to."""

    unit: str
    reference: Reference
    catalogue: Catalogue


@dataclass(frozen=True, slots=True)
class Checked:
    """A plate whose wells hold, what is wrong, and what is worth saying."""

    plate: Plate
    faults: tuple[InputError, ...]
    findings: tuple[Finding, ...]


def checked_plate(plate: Plate, rules: Rules) -> Checked:
    """Return the plate with canonical factors; the same fault in many wells is told once, with all its places."""
    faults: dict[tuple[type[InputError], str, str, str], list[str]] = {}
    findings: dict[str, list[str]] = {}
    wells = []
    for well in plate.wells:
        factors: dict[str, Factor] = dict(well.factors)
        for column, step in (("treatment", _treatment), ("context", _context), (rules.unit, _unit)):
            try:
                factors[column] = step(well, plate, rules)
            except InputError as error:
                key = (type(error), error.must, error.found, error.remedy)
                faults.setdefault(key, []).append(well.place(column))
        for doubt in _doubts(str(well.factors.get("treatment", "")), rules):
            findings.setdefault(doubt, []).append(well.name)
        wells.append(replace(well, factors=factors))
    told = tuple(kind(must, found, _places(where), remedy) for (kind, must, found, remedy), where in faults.items())
    said = tuple(
        Finding("warn", "dose_implausible", f"{doubt} Wells: {', '.join(names)}.", plate.name, names[0])
        for doubt, names in findings.items()
    )
    return Checked(replace(plate, wells=tuple(wells)), told, said)


def _treatment(well: Well, _plate: Plate, rules: Rules) -> str:
    text = str(well.factors.get("treatment", "")).strip()
    if text:
        return str(parse_treatment(text, rules.catalogue))
    if well.role != "sample":
        return ""
    raise LayoutError(
        "a sample well must name its treatment",
        "none",
        "",
        "write 'vehicle' for wells with solvent alone, or give the well its role (blank, unstained, fmo ...)",
    )


def _context(well: Well, _plate: Plate, rules: Rules) -> str:
    text = str(well.factors.get("context", "")).strip()
    if not text:
        return rules.reference.context if well.role == "sample" or well.factors.get("treatment") else ""
    plain = text.lower().replace(" ", "_").replace("-", "_")
    if plain in CONTEXTS:
        return plain
    near = nearest(plain, CONTEXTS)
    raise LayoutError(
        f"a context must be one of {', '.join(CONTEXTS)}", f"'{text}'", "", f"write {near}" if near else ""
    )


def _unit(well: Well, plate: Plate, rules: Rules) -> str:
    if rules.unit == "plate":
        return plate.name
    text = str(well.factors.get(rules.unit, "")).strip()
    if text:
        return text
    if well.role != "sample":
        return _shared_unit(plate, rules.unit)
    raise LayoutError(
        f"a sample well must say which {rules.unit} it belongs to",
        "none",
        "",
        f"give it the column '{rules.unit}', or name the right column in the study: unit = \"...\"",
    )


def _shared_unit(plate: Plate, unit: str) -> str:
    """Return the unit all wells of a plate share, for its controls; "" where they differ."""
    units = {str(well.factors.get(unit, "")).strip() for well in plate.wells} - {""}
    return units.pop() if len(units) == 1 else ""


def _doubts(treatment: str, rules: Rules) -> tuple[str, ...]:
    try:
        return implausible_doses(treatment, rules.catalogue) if treatment else ()
    except TreatmentError:
        return ()  # told as a fault already


def _places(places: list[str]) -> str:
    """Return the first place, and how many more there are."""
    different = list(dict.fromkeys(places))
    more = len(different) - 1
    return different[0] + (f" and {more} more" if more else "")

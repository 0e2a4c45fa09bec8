"""Every well's factors as the analysis needs them: canonical treatment, known context, the unit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from assaykit.endpoints import ENDPOINTS
from assaykit.errors import InputError, LayoutError, TreatmentError
from assaykit.plate import KNOWN_FACTORS, STRUCTURE, Factor, Plate, Well
from assaykit.protocol import Protocol
from assaykit.study.model import Reference
from assaykit.tables import Finding
from assaykit.treatment import Catalogue, implausible_doses
from assaykit.vocabulary import CONTEXTS, TARGETS, is_count, nearest, nearest_target, target_from_text


@dataclass(frozen=True, slots=True)
class Rules:
    """What wells are held to."""

    unit: str
    reference: Reference
    catalogue: Catalogue
    canonical: Callable[[str], str]  # treatment as written -> canonical text, or TreatmentError
    decimal: str = ""  # the decimal sign the layouts' doses show
    targeted: bool = False  # whether every sample well must say what its cells migrate to


@dataclass(frozen=True, slots=True)
class CheckedPlate:
    """A plate whose wells hold, what is wrong, and what is worth saying."""

    plate: Plate
    faults: tuple[InputError, ...]
    findings: tuple[Finding, ...]


def check_plate_factors(plate: Plate, rules: Rules) -> CheckedPlate:
    """Return the plate with canonical factors; the same fault in many wells is told once, with all its places."""
    faults: dict[tuple[type[InputError], str, str, str], list[str]] = {}
    findings: dict[str, list[str]] = {}
    wells = []
    written: dict[str, list[str]] = {}
    absent = _unit_absent(plate, rules)
    for well in plate.wells:
        factors: dict[str, Factor] = dict(well.factors)
        for column, step in _steps(rules):
            try:
                factors[column] = step(well, plate, rules)
            except InputError as error:
                if absent and column == rules.unit:
                    continue
                key = (type(error), error.must, error.found, error.remedy)
                faults.setdefault(key, []).append(_place(well, column))
        written.setdefault(str(well.factors.get("treatment", "")), []).append(well.name)
        wells.append(replace(well, factors=factors))
    for text, names in written.items():
        for doubt in _doubts(text, rules):
            findings.setdefault(doubt, []).extend(names)
    told = tuple(kind(must, found, _places(where), remedy) for (kind, must, found, remedy), where in faults.items())
    said = tuple(
        Finding("warn", "dose_implausible", f"{doubt} Wells: {', '.join(names)}.", plate.name, names[0])
        for doubt, names in findings.items()
    )
    return CheckedPlate(replace(plate, wells=tuple(wells)), (*absent, *told), said)


Step = Callable[[Well, Plate, Rules], str]


def _steps(rules: Rules) -> tuple[tuple[str, Step], ...]:
    """Return the columns that are checked, each with what makes its canonical value."""
    steps: tuple[tuple[str, Step], ...] = (("treatment", _treatment), ("context", _context), (rules.unit, _unit))
    return (*steps, ("target", _target)) if rules.targeted else steps


def _unit_absent(plate: Plate, rules: Rules) -> tuple[InputError, ...]:
    """Return a fault where no well of a layout has the unit column."""
    names = list(dict.fromkeys(name for well in plate.wells for name in well.places if name != "well"))
    if rules.unit in ("plate", *names) or not any(well.role == "sample" for well in plate.wells):
        return ()
    where = plate.wells[0].where.split(", ")[0].rpartition(":")[0] or plate.wells[0].where.split(", ")[0]
    known = {*STRUCTURE, *KNOWN_FACTORS} - {"experiment", "donor"}
    other = next((name for name in names if name not in known and not is_count(name)), "")
    remedy = f"add the column '{rules.unit}', and fill it in"
    remedy += f', or write unit = "{other}" in the study if that is what is independent' if other else ""
    must = f"a layout must have the column '{rules.unit}', the study's unit"
    return (LayoutError(must, f"the columns {', '.join(names)}", where, remedy),)


def with_named_counts(plate: Plate, protocol: Protocol) -> Plate:
    """Return a table of counts whose column `count`, the only one it has, bears the name its protocol asks for."""
    counted = (ENDPOINTS[spec.endpoint].counted for spec in protocol.endpoints)
    meaning = next(filter(None, counted), "count")
    if any(meaning in well.counts for well in plate.wells):
        return plate
    wells = tuple(
        replace(well, counts={name.replace("count", meaning, 1) if name.startswith("count") else name: value
                              for name, value in well.counts.items()})
        for well in plate.wells
    )  # fmt: skip
    return replace(plate, wells=wells)


def _place(well: Well, column: str) -> str:
    """Return where a value stands, or which well lacks it."""
    return well.places.get(column) or (well.where if well.name in well.where else f"{well.where}, well {well.name}")


def _treatment(well: Well, _plate: Plate, rules: Rules) -> str:
    text = str(well.factors.get("treatment", "")).strip()
    if text:
        return rules.canonical(text)
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


def _target(well: Well, _plate: Plate, _rules: Rules) -> str:
    """Return the canonical transwell target; none is asked of controls, nor where both concentrations stand."""
    text = str(well.factors.get("target", "")).strip()
    target = target_from_text(text)
    if target:
        return target
    if not text and (well.role != "sample" or {"cxcl12_top", "cxcl12_bottom"} <= well.factors.keys()):
        return ""
    near = nearest_target(text)
    remedy = f"write {near}" if near else "write what stands below the membrane"
    found = f"'{text}'" if text else "none"
    raise LayoutError(f"a migration well's target must be one of {', '.join(TARGETS)}", found, "", remedy)


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
        return implausible_doses(treatment, rules.catalogue, decimal=rules.decimal) if treatment else ()
    except TreatmentError:
        return ()  # told as a fault already


def _places(places: list[str]) -> str:
    """Return the first place, and how many more there are."""
    different = list(dict.fromkeys(places))
    more = len(different) - 1
    return different[0] + (f" and {more} more" if more else "")

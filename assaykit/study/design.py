"""What a design can answer before anything is measured: reference arms, units per arm, arms seen in one unit only."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping

from assaykit.errors import InputError, StudyError
from assaykit.line import KINDS
from assaykit.plate import Plate, Well
from assaykit.study.model import Assay, Study
from assaykit.tables import Finding

Arm = tuple[str, str]  # treatment, context
FEW_UNITS = 3  # stated convention: an interval from two units has one degree of freedom
OFTEN_TECHNICAL = ("replicate", "rep", "repeat", "sample", "tube", "insert", "plate")


def sample_wells(assay: Assay) -> Iterator[tuple[Plate, Well]]:
    """Yield every sample well of an assay's plates and counts, with its plate."""
    for plate in (*assay.plates, *assay.counts):
        for well in plate.wells:
            if well.role == "sample":
                yield plate, well


def units_by_arm(assay: Assay, unit: str) -> dict[Arm, set[str]]:
    """Return the units in which each arm (treatment, context) has a sample well."""
    arms: dict[Arm, set[str]] = defaultdict(set)
    for _, well in sample_wells(assay):
        arm = str(well.factors.get("treatment", "")), str(well.factors.get("context", ""))
        arms[arm].add(str(well.factors.get(unit, "")))
    return dict(arms)


def design_faults(study: Study) -> list[InputError]:
    """Return a fault per assay that has no sample well, or none with the reference treatment."""
    label = study.source.name if study.source else "study"
    faults: list[InputError] = []
    for assay in study.assays:
        arms = units_by_arm(assay, study.unit)
        treatments = list(dict.fromkeys(treatment for treatment, _ in arms))
        if not arms:
            faults.append(
                StudyError(
                    "an assay must have sample wells", "none", f"{label}, {assay.name}", "give wells a treatment"
                )
            )
        elif study.reference.treatment not in treatments:
            faults.append(
                StudyError(
                    f"every assay must have wells of the reference treatment, {study.reference.treatment}",
                    f"none among {', '.join(treatments[:6])}" + (" ..." if len(treatments) > 6 else ""),
                    f"{label}, {assay.name}",
                    "add those wells to the layout, or name what you compare with: reference = { treatment = ... }",
                )
            )
    return faults


def design_findings(study: Study) -> tuple[Finding, ...]:
    """Return what limits the answers: contexts and units without their reference, and too few units."""
    findings = list(_technical_unit(study.unit))
    for assay in study.assays:
        arms = units_by_arm(assay, study.unit)
        units = set().union(*arms.values()) if arms else set()
        findings += _without_reference(assay, arms, study)
        findings += _few_units(assay, units, study.unit)
        findings += _alike_levels(assay, study.unit)
        findings += odd_levels(assay, study.unit)
    return tuple(findings)


def unknown_lines(study: Study) -> Iterator[Finding]:
    """Yield a finding per cell line that the catalogue of lines lacks: no claim about CML cells is read from it."""
    wells = (well for assay in study.assays for plate in (*assay.plates, *assay.counts) for well in plate.wells)
    names = dict.fromkeys(str(well.factors["line"]) for well in wells if well.factors.get("line"))
    for name in (each for each in names if study.lines.find(each) is None):
        near = study.lines.nearest(name)
        question = f"is {near} meant? If not, say" if near else "say"
        yield Finding(
            "warn",
            "line_unknown",
            f"the line '{name}' is not in the catalogue of cell lines, and is not taken for CML: {question} what it is "
            'in a file of your own, lines = ["lines.toml"], with [[line]] name and kind (one of '
            + ", ".join(KINDS)
            + ")",
        )


def _technical_unit(unit: str) -> Iterator[Finding]:
    """Yield a finding where the unit's name fits technical repeats as well as independent ones."""
    if unit.lower() in OFTEN_TECHNICAL:
        yield Finding(
            "warn",
            "unit_doubtful",
            f"the unit is {unit!r}: n counts its levels as independent. Where they are wells, tubes or readings of one "
            "day's cells, they are not: name the experiment or donor instead.",
        )


def _without_reference(assay: Assay, arms: Mapping[Arm, set[str]], study: Study) -> Iterator[Finding]:
    """Yield a finding per context where treated units lack the reference treatment."""
    reference = study.reference.treatment
    for context in dict.fromkeys(context for _, context in arms):
        treated = set().union(
            *(units for (drug, place), units in arms.items() if place == context and drug != reference)
        )
        missing = sorted(treated - arms.get((reference, context), set()))
        if missing:
            yield Finding(
                "warn",
                "reference_missing",
                f"{assay.name}: no {reference} well in context {context} for {study.unit} {', '.join(missing)}; "
                "treatments there have nothing to be compared with. Add the wells if they exist.",
            )


def _few_units(assay: Assay, units: set[str], unit: str) -> Iterator[Finding]:
    if len(units) < FEW_UNITS:
        yield Finding(
            "warn",
            "few_units",
            f"{assay.name}: {len(units)} independent {unit}{'' if len(units) == 1 else 's'} "
            f"({', '.join(sorted(units))}); an interval needs at least 2 and means little below {FEW_UNITS}.",
        )


def _alike_levels(assay: Assay, unit: str) -> Iterator[Finding]:
    """Yield a finding per pair of levels that differ by case, blanks or signs only: two spellings count as two."""
    for name in (unit, "line", "donor", "msc_donor", "target"):
        levels: dict[str, set[str]] = defaultdict(set)
        for _, well in sample_wells(assay):
            level = str(well.factors.get(name, ""))
            levels[re.sub(r"[\s_\-.]+", "", level.casefold())].add(level)
        for spellings in levels.values():
            if len(spellings) > 1:
                written = ", ".join(f"'{each}'" for each in sorted(spellings))
                message = f"{assay.name}: {name} {written} look like one level and are taken as {len(spellings)}."
                yield Finding("warn", "levels_alike", message)


def odd_levels(assay: Assay, unit: str) -> Iterator[Finding]:
    """Yield a finding per level that one unit, or one plate, has in place of the like level all others have.

    Of doses it is another dose of the same drugs, so that 1 nM for 1 uM is asked about; of contexts, clones, lines and
    times any other level. Units are asked first, then plates; what a unit has beside the usual level is its own design.
    """
    told: set[tuple[str, str]] = set()
    namers: dict[str, Callable[[Plate, Well], str]] = {
        unit: lambda _plate, well: str(well.factors.get(unit, "")),
        "plate": lambda plate, _well: plate.name,
    }
    for noun, name_of in namers.items():
        for factor in ("treatment", "context", "clone", "line", "time"):
            holders: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
            for plate, well in sample_wells(assay):
                level = str(well.factors.get(factor, ""))
                if level:
                    # What makes levels comparable: for treatments the drugs, whatever their doses.
                    kind = re.sub(r"\d[\d.,eE+-]*\s*\S+", "", level) if factor == "treatment" else ""
                    holders[kind][name_of(plate, well)].add(level)
            names = {name_of(plate, well) for plate, well in sample_wells(assay)}
            for held in holders.values():
                for odd, level, usual in _exchanges(held, len(names)):
                    if (factor, level) not in told:
                        told.add((factor, level))
                        message = (
                            f"{assay.name}: {factor} '{level}' is in {noun} {odd} alone, where every other {noun} has "
                            f"'{usual}'; mend the layout if it is a slip, as the two are analysed apart."
                        )
                        yield Finding("warn", "levels_alike", message, odd if noun == "plate" else "")


def _exchanges(held: Mapping[str, set[str]], holders: int) -> Iterator[tuple[str, str, str]]:
    """Yield (holder, level, usual level) where one of at least three holders has a level in place of the usual one."""
    if holders < FEW_UNITS or len(held) < holders:
        return
    for odd, levels in held.items():
        others = [found for name, found in held.items() if name != odd]
        usual = set.intersection(*others) - levels
        own = levels - set().union(*others)
        if len(usual) == 1 and len(own) == 1:
            yield odd, next(iter(own)), next(iter(usual))

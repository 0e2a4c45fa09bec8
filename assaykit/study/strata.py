"""One assay of several lines, times or clones as one assay per level: each with its own reference, gates and estimates.

Assay, by = ("line",) -> an Assay per level, named assay_level, whose `stratum` reads "line = K562"
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import pandas as pd

from assaykit.errors import InputError, StudyError
from assaykit.plate import Factor, Plate, Well
from assaykit.study.model import Assay, Study
from assaykit.vocabulary import nearest

Levels = Mapping[str, str]


def strata(
    assay: Assay, by: Sequence[str], *, unit: str, primary: str, where: str
) -> tuple[tuple[Assay, ...], tuple[InputError, ...]]:
    """Return one assay per level of the factors `by`, in the layouts' order, and why it cannot be divided.

    Wells that are no samples go to every level, unless they name another. `primary` is the level claims are compared
    with; the first where it is empty.
    """
    if not by:
        fault = StudyError("'primary_stratum' must stand with 'by'", "no 'by'", where, 'write by = ["line"]')
        return (assay,), (fault,) if primary else ()
    faults = tuple(_faults(assay, by, unit=unit, where=where))
    if faults:
        return (assay,), faults
    samples = [well for _, well in _wells(assay) if well.role == "sample"]
    strata_of_samples = [{name: _level(well, name) for name in by} for well in samples]
    levels = list({_name(found): found for found in strata_of_samples}.items())
    # A stratum may be named in full, or by its levels alone.
    known = {text.casefold(): name for name, found in levels for text in (", ".join(found.values()), name)}
    chosen = known.get(primary.strip().casefold(), "")
    if primary and not chosen:
        names = tuple(name for name, _ in levels)
        near = nearest(primary, names) or names[0]
        must = "'primary_stratum' must be a level of 'by'"
        return (assay,), (StudyError(must, f"'{primary}'", where, f"write '{near}'"),)
    first = chosen or levels[0][0]
    return tuple(_part(assay, name, found, primary=name == first) for name, found in levels), ()


def of_primary_strata(table: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Return the rows of a table with a column `assay` that claims are compared with: no further level of an assay."""
    further = [assay.name for assay in study.assays if not assay.primary_stratum]
    return table[~table["assay"].isin(further)].reset_index(drop=True) if further else table


def _faults(assay: Assay, by: Sequence[str], *, unit: str, where: str) -> Iterator[InputError]:
    """Yield a fault per factor that cannot divide the assay."""
    for name in by:
        if name in {unit, "treatment", "context", "well", "plate", "role"}:
            remedy = "name a factor that is analysed by level, such as line or time"
            yield StudyError(
                "'by' must name a factor other than unit, treatment and context", f"'{name}'", where, remedy
            )
            continue
        bare = [(plate, well) for plate, well in _wells(assay) if well.role == "sample" and not _level(well, name)]
        if bare:
            plate, well = bare[0]
            more = f" and {len(bare) - 1} more wells" if len(bare) > 1 else ""
            found = f"none in {plate.name} {well.name}{more}"
            yield StudyError(f"every sample well must name its {name}", found, where, f"add the column '{name}'")
        for analysis in assay.protocol.analyses:
            for contrast in analysis.contrasts:
                if contrast.factor == name:
                    yield StudyError(
                        f"'by' must leave together what a contrast compares: {contrast.name} compares levels of {name}",
                        f"by = ['{name}']",
                        where,
                        "list the assay twice under two names, once with 'by' and once without",
                    )


def _wells(assay: Assay) -> Iterator[tuple[Plate, Well]]:
    for plate in (*assay.plates, *assay.counts):
        for well in plate.wells:
            yield plate, well


def _level(well: Well, name: str) -> str:
    value: Factor = well.factors.get(name, "")
    return f"{value:g}" if isinstance(value, (int, float)) else str(value).strip()


def _name(levels: Levels) -> str:
    """Return a stratum's name.

    >>> _name({"line": "K562", "time": "24"})
    'line = K562, time = 24'
    """
    return ", ".join(f"{name} = {level}" for name, level in levels.items())


def _part(assay: Assay, name: str, levels: Levels, *, primary: bool) -> Assay:
    """Return the assay of one stratum: its samples, and every other well that does not name another level."""

    def kept(plate: Plate) -> Plate:
        return replace(plate, wells=tuple(well for well in plate.wells if _belongs(well, levels)))

    suffix = "_".join(re.sub(r"[^\w.-]+", "_", level) for level in levels.values())
    plates = tuple(plate for plate in map(kept, assay.plates) if _has_sample(plate))
    counts = tuple(plate for plate in map(kept, assay.counts) if _has_sample(plate))
    return replace(
        assay, name=f"{assay.name}_{suffix}", plates=plates, counts=counts, stratum=name, primary_stratum=primary
    )


def _belongs(well: Well, levels: Levels) -> bool:
    own = {name: _level(well, name) for name in levels}
    return own == levels or (well.role != "sample" and all(own[name] in ("", level) for name, level in levels.items()))


def _has_sample(plate: Plate) -> bool:
    return any(well.role == "sample" for well in plate.wells)

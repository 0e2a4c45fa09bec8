"""FCS files and wells found for each other: by the layout's `file`, by name, or by the well keyword in the file.

Plate + folders -> Plate whose wells name their files, findings for files without a well, faults
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from glob import escape, has_magic
from pathlib import Path

from assaykit.errors import FcsError, InputError, StudyError
from assaykit.plate.model import Plate, Well
from assaykit.plate.positions import position_from_well, row_letters, well_from_position
from assaykit.study.model import Study
from assaykit.tables import Finding

_SUFFIXES = (".fcs", ".lmd")
_TOKEN = re.compile(r"(?<![A-Za-z0-9])([A-Za-z]{1,2}0?[1-9][0-9]?|[A-Za-z]{1,2}0{0,2}[1-9])(?![A-Za-z0-9])")
_AFTER_WELL = re.compile(r"well[\s_\-]*([A-Za-z]{1,2}[0-9]{1,3})(?![A-Za-z0-9])", re.IGNORECASE)
_KEYWORDS = ("$WELLID", "WELLID", "WELL ID", "WELL_ID", "WELL")


@dataclass(frozen=True, slots=True)
class Matched:
    """A plate whose wells name their files."""

    plate: Plate
    findings: tuple[Finding, ...] = ()
    faults: tuple[InputError, ...] = ()


def match_files(plate: Plate, patterns: Sequence[str], folder: Path, *, where: str) -> Matched:
    """Return the plate with an FCS file for every well that needs one; a well whose file is missing keeps its path.

    `patterns` are relative to `folder`, `where` names the study's key in messages.
    """
    plate = _with_existing_files(plate, patterns, folder)
    open_wells = [well for well in plate.wells if well.file is None and well.role != "blank"]
    if not open_wells:
        return Matched(plate)
    if not patterns and all(well.counts for well in open_wells):
        return Matched(plate)  # counted by hand, and written into the layout
    if not patterns:
        return Matched(plate, (), (_nothing_named(plate, where),))
    if any("{well}" in pattern for pattern in patterns):
        return _by_pattern(plate, patterns, folder)
    return _by_folder(plate, patterns, folder, where=where)


def missing_files(study: Study) -> tuple[Finding, ...]:
    """Return a fail per well whose FCS file is not there; a run goes on without it, and says the same."""
    return tuple(
        Finding("fail", "file_missing", f"there is no FCS file {_shown(well.file, study)}.", plate.name, well.name)
        for assay in study.assays
        for plate in assay.plates
        for well in plate.wells
        if well.file is not None and not well.file.is_file()
    )


def _shown(file: Path, study: Study) -> str:
    folder = study.source.parent if study.source else Path()
    return Path(os.path.relpath(file, folder)).as_posix()


def shared_files(plates: Sequence[Plate], where: str) -> list[InputError]:
    """Return a fault per FCS file that two wells of an assay claim."""
    owners: dict[Path, list[str]] = defaultdict(list)
    for plate in plates:
        for well in plate.wells:
            if well.file is not None:
                owners[well.file].append(f"{well.name} of plate {plate.name}")
    return [
        StudyError(
            "an FCS file must belong to one well",
            f"{file.name} for {' and '.join(wells)}",
            where,
            "mend the file of one",
        )
        for file, wells in owners.items()
        if len(wells) > 1
    ]


def _with_existing_files(plate: Plate, patterns: Sequence[str], folder: Path) -> Plate:
    """Return the plate whose wells' files are looked for beside the layout, in the FCS folders, beside the study."""
    factors = {**_shared(plate), "plate": plate.name}
    homes = [
        home for pattern in patterns if "{well}" not in pattern for home in found_by(folder, filled(pattern, factors))
    ]

    def settled(well: Well) -> Well:
        if well.file is None or well.file.exists() or plate.source is None:
            return well
        name = (
            well.file.relative_to(plate.source.parent) if well.file.is_relative_to(plate.source.parent) else well.file
        )
        there = (home / name for home in (*homes, folder) if (home / name).exists())
        first = homes[0] / name if homes else well.file
        return replace(well, file=next(there, first))

    return replace(plate, wells=tuple(map(settled, plate.wells)))


def found_by(folder: Path, pattern: str) -> list[Path]:
    """Return the files and folders a pattern means, relative to a folder or absolute, sorted."""
    if not has_magic(pattern):
        named = folder / pattern
        return [named] if pattern and named.exists() else []
    path = Path(pattern)
    start, rest = (Path(path.anchor), str(path.relative_to(path.anchor))) if path.is_absolute() else (folder, pattern)
    try:
        return sorted(start.glob(rest))
    except ValueError:  # ** glued to a name
        return []


def filled(pattern: str, values: Mapping[str, object]) -> str:
    """Return a pattern with its braces filled; a name without a value stands for any text.

    >>> filled("fcs/{plate}/{donor}", {"plate": "p1"})
    'fcs/p1/*'
    """
    return re.sub(r"\{(\w+)\}", lambda match: escape(str(values[match[1]])) if match[1] in values else "*", pattern)


def well_in_name(name: str, plate: Plate) -> str:
    """Return the well a file's name tells: after the word "well", else the last that is on the plate; or ""."""
    marked = [match[1] for match in _AFTER_WELL.finditer(name)]
    tokens = [match[1] for match in _TOKEN.finditer(name)]
    for token in (*marked, *reversed(tokens)):
        row, column = position_from_well(token)
        if row < plate.rows and column < plate.columns:
            return well_from_position((row, column))
    return ""


def _by_pattern(plate: Plate, patterns: Sequence[str], folder: Path) -> Matched:
    wells = [
        well if well.file is not None else _with_pattern(well, plate, patterns, folder=folder) for well in plate.wells
    ]
    return Matched(replace(plate, wells=tuple(wells)))


def _with_pattern(well: Well, plate: Plate, patterns: Sequence[str], *, folder: Path) -> Well:
    if well.role == "blank":
        return well
    row, column = position_from_well(well.name)
    padded = f"{well_from_position((row, column)).rstrip('0123456789')}{column + 1:02d}"
    tried: list[str] = []
    for pattern in patterns:
        for name in (well.name, padded):
            tried.append(filled(pattern, {**well.factors, "plate": plate.name, "well": name}))
            found = found_by(folder, tried[-1])
            if len(found) == 1:
                return replace(well, file=found[0])
    return replace(well, file=folder / tried[0])


def _by_folder(plate: Plate, patterns: Sequence[str], folder: Path, *, where: str) -> Matched:
    factors = _shared(plate)
    names = [filled(pattern, {**factors, "plate": plate.name}) for pattern in patterns]
    files = [file for name in names for file in fcs_files(folder, name)]
    if not files:
        return Matched(plate, (), (_no_files(plate, names, folder, where=where),))
    files = [file for file in files if plate.name in file.name] or files  # one folder for several plates
    by_well, strangers = _sorted_by_well(files, plate)
    faults = [_two_files(plate, well, found, where=where) for well, found in by_well.items() if len(found) > 1]
    wells = tuple(
        replace(well, file=by_well[well.name][0] if well.name in by_well else expected_file(files[0], well.name, plate))
        if well.file is None and well.role != "blank"
        else well
        for well in plate.wells
    )
    known = {well.name for well in plate.wells}
    strangers += [(found[0], name) for name, found in by_well.items() if name not in known]
    if not known & set(by_well) and len(files) > 0:
        faults.append(_none_fits(plate, files, where))
    findings = tuple(_stranger(plate, file, name) for file, name in sorted(strangers)) if not faults else ()
    return Matched(replace(plate, wells=wells), findings, tuple(faults))


def expected_file(sibling: Path, well: str, plate: Plate) -> Path:
    """Return the file a well would have, named like a sibling's, so that a message shows what was looked for.

    >>> expected_file(Path("fcs/K562_A01.fcs"), "B3", Plate("p", 8, 12, ())).name
    'K562_B03.fcs'
    """
    for match in reversed(list(_TOKEN.finditer(sibling.name))):
        row, column = position_from_well(match[1])
        if row < plate.rows and column < plate.columns:
            there, across = position_from_well(well)
            padded = f"{across + 1:0{len(match[1]) - 1}d}" if "0" in match[1][1:2] else f"{across + 1}"
            name = f"{row_letters(there)}{padded}"
            return sibling.with_name(sibling.name[: match.start()] + name + sibling.name[match.end() :])
    return sibling.with_name(f"{well}.fcs")


def fcs_files(folder: Path, pattern: str) -> list[Path]:
    """Return the FCS files a pattern means: those it names, and those in the folders it names, sorted."""
    found: set[Path] = set()
    for path in found_by(folder, pattern):
        found |= {file for file in path.iterdir() if _looks_fcs(file)} if path.is_dir() else {path}
    return sorted(path for path in found if not path.name.startswith("."))


def _looks_fcs(file: Path) -> bool:
    suffix = file.suffix.lower()
    numbered = re.fullmatch(r"\.[0-9]{3}|\.[a-p][0-9]{2}", suffix) is not None
    return file.is_file() and not file.name.startswith(".") and (suffix in _SUFFIXES or numbered)


def _sorted_by_well(files: Iterable[Path], plate: Plate) -> tuple[dict[str, list[Path]], list[tuple[Path, str]]]:
    """Return the files by well, from their names, else from their keywords; and those that tell no well."""
    by_well: dict[str, list[Path]] = defaultdict(list)
    strangers = []
    for file in files:
        well = well_in_name(file.name, plate) or well_in_keywords(file, plate)
        if well:
            by_well[well].append(file)
        else:
            strangers.append((file, ""))
    return by_well, strangers


def well_in_keywords(file: Path, plate: Plate) -> str:
    """Return the well an FCS file's keywords tell, or ""."""
    from assaykit.fcs import read_fcs_header

    try:
        keywords = read_fcs_header(file).keywords
    except FcsError:
        return ""
    told = next((keywords[name] for name in _KEYWORDS if keywords.get(name, "").strip()), "")
    return well_in_name(told, plate)


def _shared(plate: Plate) -> dict[str, object]:
    """Return the factors that are one and the same in all wells of a plate."""
    names = {name for well in plate.wells for name in well.factors}
    values = {name: {well.factors[name] for well in plate.wells if well.factors.get(name, "") != ""} for name in names}
    return {name: next(iter(found)) for name, found in values.items() if len(found) == 1}


def _nothing_named(plate: Plate, where: str) -> StudyError:
    return StudyError(
        "a plate must have FCS files",
        f"none named for plate {plate.name}",
        where,
        "write fcs = \"fcs/{plate}\" for a folder per plate, or give the layout a column 'file'",
    )


def _no_files(plate: Plate, names: Sequence[str], folder: Path, *, where: str) -> StudyError:
    there = [name for name in names if found_by(folder, name)]
    found = f"no FCS file in {', '.join(there)}" if there else f"no folder or file {', '.join(names)}"
    return StudyError(
        "the FCS files of a plate must be found",
        f"{found} for plate {plate.name}",
        f"{where}, fcs",
        "mend the path; it is relative to the study file",
    )


def _two_files(plate: Plate, well: str, files: Sequence[Path], *, where: str) -> StudyError:
    return StudyError(
        "a well must have one FCS file",
        f"{', '.join(file.name for file in files)} for well {well} of plate {plate.name}",
        f"{where}, fcs",
        "move one away, or name each well's file in the layout's column 'file'",
    )


def _none_fits(plate: Plate, files: Sequence[Path], where: str) -> StudyError:
    return StudyError(
        "FCS files must tell their well, by name or by keyword",
        f"{len(files)} files such as {files[0].name}, and none for a well of plate {plate.name}",
        f"{where}, fcs",
        "name each well's file in the layout's column 'file', or write a pattern such as fcs/{plate}/*_{well}.fcs",
    )


def _stranger(plate: Plate, file: Path, well: str) -> Finding:
    why = f"well {well} is not in the layout" if well else "neither its name nor its keywords tell a well"
    remedy = "describe the well, or move the file away"
    return Finding("warn", "file_without_well", f"{file.name} is not used: {why}; {remedy}.", plate.name, well)

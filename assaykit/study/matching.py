"""FCS files and wells found for each other: by the layout's `file`, by name, or by the well keyword in the file.

Plate + folders -> Plate whose wells name their files, findings for files without a well, faults
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from glob import escape
from pathlib import Path

from assaykit.errors import FcsError, InputError, StudyError
from assaykit.plate import Plate, Well, position_from_well, row_letters, well_from_position
from assaykit.sources import is_absent, is_file, paths_from_pattern
from assaykit.study.model import Study
from assaykit.tables import Finding
from assaykit.vocabulary import nearest

_SUFFIXES = (".fcs", ".lmd")
_TOKEN = re.compile(r"(?<![A-Za-z0-9])([A-Za-z]{1,2}0?[1-9][0-9]?|[A-Za-z]{1,2}0{0,2}[1-9])(?![A-Za-z0-9])")
_AFTER_WELL = re.compile(r"well[\s_\-]*([A-Za-z]{1,2}[0-9]{1,3})(?![A-Za-z0-9])", re.IGNORECASE)
_KEYWORDS = ("$WELLID", "WELLID", "WELL ID", "WELL_ID", "WELL")


@dataclass(frozen=True, slots=True)
class MatchedPlate:
    """A plate whose wells name their files."""

    plate: Plate
    findings: tuple[Finding, ...] = ()
    faults: tuple[InputError, ...] = ()


def match_files(
    plate: Plate, patterns: Sequence[str], folder: Path, *, where: str, plates: Sequence[str] = ()
) -> MatchedPlate:
    """Return the plate with an FCS file for every well that needs one; a well whose file is missing keeps its path.

    `patterns` are relative to `folder`, `where` names the study's key in messages, `plates` are the names of all plates
    of the assay: a file that names another of them is not this one's.
    """
    plate = _with_existing_files(plate, patterns, folder)
    open_wells = [well for well in plate.wells if well.file is None and well.role != "blank"]
    if not open_wells:
        return MatchedPlate(plate)
    if not patterns and all(well.counts for well in open_wells):
        return MatchedPlate(plate)  # counted by hand, and written into the layout
    if not patterns:
        return MatchedPlate(plate, (), (_nothing_named(plate, where),))
    if any("{well}" in pattern for pattern in patterns):
        return _by_pattern(plate, patterns, folder, where=where)
    try:
        return _by_folder(plate, patterns, folder, where=where, plates=plates)
    except ClosedFolderError as closed:
        # The plate's wells are lost, each by name, and the other plates are not.
        home = Path(closed.where)
        named = tuple(
            replace(well, file=home / f"{well.name}.fcs") if well in open_wells else well for well in plate.wells
        )
        message = f"the folder {home.name} holds the plate's files and cannot be read: {closed.found}"
        return MatchedPlate(replace(plate, wells=named), (Finding("fail", "file_unreadable", message, plate.name),))


class ClosedFolderError(StudyError):
    """A folder of FCS files that may not be looked into; `where` is its path."""


def missing_files(study: Study) -> tuple[Finding, ...]:
    """Return a fail per well whose FCS file is not there; a run goes on without it, and says the same."""
    plates = [plate for assay in study.assays for plate in assay.plates]
    taken = {well.file for plate in plates for well in plate.wells if well.file is not None and is_file(well.file)}
    spare = cache(lambda folder: tuple(file.name for file in _files_in(folder) if file not in taken))
    return tuple(
        Finding("fail", "file_missing", _missing(well.file, study, spare(well.file.parent)), plate.name, well.name)
        if is_absent(well.file)
        else Finding(
            "fail", "file_unreadable", f"{_shown(well.file, study)} is no file that can be read.", plate.name, well.name
        )
        for plate in plates
        for well in plate.wells
        if well.file is not None and not is_file(well.file)
    )


def _missing(file: Path, study: Study, spare: tuple[str, ...]) -> str:
    """Return that a file is missing, and which one that no well has is named almost so."""
    near = nearest(file.name, spare)
    return f"there is no FCS file {_shown(file, study)}" + (f"; is it {near}, which no well has?" if near else ".")


def _files_in(folder: Path) -> list[Path]:
    try:
        return [path for path in paths_from_pattern(folder, "*") if _looks_fcs(path)]
    except InputError:
        return []  # a folder that may not be read: the file that is missing there is told


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
        if well.file is None or os.path.lexists(well.file) or plate.source is None:
            return well
        name = (
            well.file.relative_to(plate.source.parent) if well.file.is_relative_to(plate.source.parent) else well.file
        )
        there = (home / name for home in (*homes, folder) if os.path.lexists(home / name))
        first = homes[0] / name if homes else well.file
        return replace(well, file=next(there, first))

    return replace(plate, wells=tuple(map(settled, plate.wells)))


def found_by(folder: Path, pattern: str) -> list[Path]:
    """Return the files and folders a pattern means, in any case where none has its own; raises StudyError."""
    if not pattern:
        return []
    try:
        return paths_from_pattern(folder, pattern) or paths_from_pattern(folder, pattern, ignore_case=True)
    except InputError as error:
        raise StudyError(error.must, error.found, error.where, error.remedy) from error


def filled(pattern: str, values: Mapping[str, object]) -> str:
    """Return a pattern with its braces filled; a name without a value stands for any text.

    >>> filled("fcs/{plate}/{donor}", {"plate": "p1"})
    'fcs/p1/*'
    """
    return re.sub(r"\{(\w+)\}", lambda match: escape(str(values[match[1]])) if match[1] in values else "*", pattern)


def well_in_name(name: str, plate: Plate) -> str:
    """Return the well a file's name tells: after the word "well", else the last that is on the plate; or ""."""
    return next(iter(_wells_in_name(name, plate)), "")


def _wells_in_name(name: str, plate: Plate) -> list[str]:
    """Return the wells of the plate a file's name may mean, the likeliest first: after the word "well", else the last.

    The plate's own name, which may look like a well, is none where another is.
    """
    for rest in (plate_pattern(plate.name).sub(" ", name), name):
        for pattern in (_AFTER_WELL, _TOKEN):
            positions = [position_from_well(match[1]) for match in pattern.finditer(rest)]
            wells = [well_from_position(p) for p in reversed(positions) if p[0] < plate.rows and p[1] < plate.columns]
            if wells:
                return wells
    return []


def plate_pattern(plate: str) -> re.Pattern[str]:
    """Return what finds a plate's name in a file's name as a whole word: P1 is not in P10_A1.fcs, but in P1A1.fcs.

    Blanks, hyphens, points and underscores are alike: a sheet called "day 1" has the files day_1_A1.fcs.
    """
    name = r"[\s_.\-]+".join(map(re.escape, re.split(r"[\s_.\-]+", plate)))
    return re.compile(rf"(?<![A-Za-z0-9]){name}(?![0-9]|[A-Za-z](?![0-9]))", re.IGNORECASE)


def _of_plate(files: Sequence[Path], plate: Plate, plates: Sequence[str]) -> list[Path]:
    """Return the files that name the plate, and no longer name of another plate; where none does, those that name none.

    A folder of one plate need not name it in its files.
    """
    longest = sorted({plate.name, *plates}, key=len, reverse=True)
    owners = {file: next((name for name in longest if plate_pattern(name).search(file.name)), "") for file in files}
    own = [file for file in files if owners[file] == plate.name]
    return own or [file for file in files if not owners[file]]


def _by_pattern(plate: Plate, patterns: Sequence[str], folder: Path, *, where: str) -> MatchedPlate:
    faults: list[InputError] = []
    wells = []
    for well in plate.wells:
        if well.file is not None or well.role == "blank":
            wells.append(well)
            continue
        named, others = _with_pattern(well, plate, patterns, folder=folder)
        wells.append(named)
        faults += [_two_files(plate, well.name, others, where=where)] if others else []
    sought = [well.file for well, before in zip(wells, plate.wells, strict=True) if before.file is None and well.file]
    if sought and not faults and not any(map(is_file, sought)):
        faults.append(_no_pattern_fits(plate, sought[0], folder, where))
    return MatchedPlate(replace(plate, wells=tuple(wells)), (), tuple(faults))


def _no_pattern_fits(plate: Plate, sought: Path, folder: Path, where: str) -> StudyError:
    near = nearest(sought.name, tuple(file.name for file in _files_in(sought.parent)))
    shown = Path(os.path.relpath(sought, folder)).as_posix()
    there = f"{near} is there" if near else f"no such folder or no FCS file in {Path(shown).parent.as_posix()}"
    return StudyError(
        "a pattern of 'fcs' must find the files of a plate",
        f"none for plate {plate.name}: no {shown}, but {there}" if near else f"none for plate {plate.name}: {there}",
        f"{where}, fcs",
        "mend the pattern: {plate} and {well} stand for their names, * for any text",
    )


def _with_pattern(well: Well, plate: Plate, patterns: Sequence[str], *, folder: Path) -> tuple[Well, tuple[Path, ...]]:
    """Return the well with the file a pattern means, or with the first name tried; and the files, where several fit."""
    row, column = position_from_well(well.name)
    padded = f"{well_from_position((row, column)).rstrip('0123456789')}{column + 1:02d}"
    tried: list[str] = []
    for pattern in patterns:
        for name in (well.name, padded):
            tried.append(filled(pattern, {**well.factors, "plate": plate.name, "well": name}))
            found = found_by(folder, tried[-1])
            if len(found) > 1:  # *A1* means A10 as well
                found = [file for file in found if well_in_name(file.name, plate) == well.name] or found
            if found:
                return replace(well, file=found[0]), tuple(found) if len(found) > 1 else ()
    return replace(well, file=folder / tried[0]), ()


def _by_folder(
    plate: Plate, patterns: Sequence[str], folder: Path, *, where: str, plates: Sequence[str]
) -> MatchedPlate:
    factors = _shared(plate)
    names = [filled(pattern, {**factors, "plate": plate.name}) for pattern in patterns]
    files = [file for name in names for file in fcs_files(folder, name)]
    if not files:
        return MatchedPlate(plate, (), (_no_files(plate, names, folder, where=where),))
    others = files
    files = _of_plate(files, plate, plates)
    if not files and not any("{plate}" in pattern for pattern in patterns):
        return MatchedPlate(plate, (), (_named_otherwise(plate, others, where),))
    files = files or others  # a folder of this plate alone, whatever its files are called
    by_well, strangers, told = sorted_by_well(files, plate)
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
    findings = (*told, *(_stranger(plate, file, name) for file, name in sorted(strangers))) if not faults else ()
    return MatchedPlate(replace(plate, wells=wells), findings, tuple(faults))


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
        if not os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises where this says no
            found.add(path)
            continue
        try:
            found |= {file for file in paths_from_pattern(path, "*") if _looks_fcs(file)}
        except InputError as error:
            must = "a folder of FCS files must be one that can be read"
            raise ClosedFolderError(
                must, error.found, str(path), "mend its rights, or take it out of the study"
            ) from error
    return sorted(path for path in found if not path.name.startswith("."))


def _looks_fcs(file: Path) -> bool:
    suffix = file.suffix.lower()
    numbered = re.fullmatch(r"\.[0-9]{3}|\.[a-p][0-9]{2}", suffix) is not None
    return is_file(file) and not file.name.startswith(".") and (suffix in _SUFFIXES or numbered)


def sorted_by_well(
    files: Sequence[Path], plate: Plate
) -> tuple[dict[str, list[Path]], list[tuple[Path, str]], list[Finding]]:
    """Return the files by well, from their names, else from their keywords; those that tell no well; what was read.

    Of names that hold several wells (D1_A1.fcs of donor D1) the place that tells the most wells apart is read.
    """
    told = {file: list(dict.fromkeys(_wells_in_name(file.name, plate))) for file in files}
    several = [file for file in files if len(told[file]) > 1]
    places = range(min((len(wells) for wells in told.values() if wells), default=0))
    place = max(places, key=lambda i: (len({wells[i] for wells in told.values() if wells}), -i), default=0)
    by_well: dict[str, list[Path]] = defaultdict(list)
    strangers = []
    for file in files:
        well = told[file][place] if told[file] else well_in_keywords(file, plate)
        if well:
            by_well[well].append(file)
        else:
            strangers.append((file, ""))
    return by_well, strangers, [_several_wells(plate, several, told[several[0]], place)] if several else []


def _several_wells(plate: Plate, files: Sequence[Path], wells: Sequence[str], place: int) -> Finding:
    more = f" (so in {len(files) - 1} more)" if len(files) > 1 else ""
    message = (
        f"{files[0].name} names {' and '.join(sorted(wells))}, of which {wells[place]} was read as its well{more}; "
        'if that is not so, write the place of {well} in the study, such as fcs = "fcs/*_{well}.fcs".'
    )
    return Finding("note", "well_in_name", message, plate.name)


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


def _named_otherwise(plate: Plate, files: Sequence[Path], where: str) -> StudyError:
    return StudyError(
        "the FCS files of a plate must be found",
        f"{len(files)} files such as {files[0].name}, which name other plates, and none for plate {plate.name}",
        f"{where}, fcs",
        "name the layout like its files, or write a pattern such as fcs/{experiment}_{well}.fcs",
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

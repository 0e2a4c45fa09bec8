"""Data that stand in two places: files with the same events, plates with one identity, plates with one set of times.

files of an assay -> equal DATA segments -> the original stays, the copies do not count
                  -> equal $PLATEID on one day, or equal $DATE, $BTIM, $ETIM in half of the wells
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from assaykit.checks import Located, Place
from assaykit.cytometry.gate_estimate import well_names
from assaykit.cytometry.survey import well_from_keywords
from assaykit.cytometry.wells import DATA_ERRORS
from assaykit.errors import FcsError
from assaykit.fcs import Header, read_fcs_header
from assaykit.plate import Plate, Well
from assaykit.sources import is_file
from assaykit.study import Assay
from assaykit.tables import Finding, Level

PLATE_KEYWORDS = ("$PLATEID", "PLATE ID", "PLATEID", "$PLATENAME", "PLATE NAME")
COUNTED = frozenset({"sample"})
"""Roles whose wells are data of their unit; a control may be measured once and serve several plates."""
OF_THE_INSTRUMENT = frozenset({"beads", "blank", "single_stain"})
"""Controls of the day's instrument rather than of the plate's cells."""
FEWEST_TIMES = 4  # wells whose begin of acquisition must be told for two plates to be compared by it
_FIRST = 1 << 16  # bytes that are compared before whole segments are


@dataclass(frozen=True, slots=True)
class WellFile:
    """One well's file: where it belongs, and what it says of itself."""

    plate: Plate
    well: Well
    header: Header

    @property
    def place(self) -> Place:
        """Plate and well."""
        return self.plate.name, self.well.name

    @property
    def plate_id(self) -> str:
        """The plate the file says it is of; "" where it does not say."""
        keywords = self.header.keywords
        return next((keywords[key].strip() for key in PLATE_KEYWORDS if keywords.get(key, "").strip()), "")

    @property
    def times(self) -> tuple[str, str, str]:
        """$DATE, $BTIM and $ETIM as written; no time where the file does not say when acquisition began."""
        date, begin, end = (self.header.keywords.get(key, "").strip() for key in ("$DATE", "$BTIM", "$ETIM"))
        return (date, begin, end) if begin else ("", "", "")


def copy_findings(assay: Assay) -> list[Located]:
    """Return a finding per plate that holds what another holds, and per set of wells with the same events.

    Of equal files the one that says itself that it belongs where it stands is the original; else the first, where all
    stand for the same condition; else none, as nobody can say which condition the events belong to. Controls may serve
    several plates. Files that cannot be read are passed over: measuring them says so.
    """
    files = well_files(assay)
    copies = [pair for group in _equal(files) for pair in _copies(group, {plate.name for plate in assay.plates})]
    told = list(_copy_findings(copies))
    gone = {place for one in told for place in one.places}
    return [*told, *_identity_findings([file for file in files if file.place not in gone])]


def well_files(assay: Assay) -> list[WellFile]:
    """Return the files of an assay that can be read, with their headers."""
    return [file for plate in assay.plates for well in plate.wells if (file := _file(plate, well)) is not None]


def _file(plate: Plate, well: Well) -> WellFile | None:
    if well.file is None or not is_file(well.file):
        return None
    try:
        return WellFile(plate, well, read_fcs_header(well.file))
    except (FcsError, *DATA_ERRORS):
        return None


def _equal(files: Sequence[WellFile]) -> Iterator[list[WellFile]]:
    """Yield the files with the same DATA: by size, then by their first bytes, then by SHA-256."""
    groups: dict[tuple[object, ...], list[WellFile]] = defaultdict(list)
    for file in files:
        if file.header.events:
            groups[file.header.events, file.header.data_end - file.header.data_begin].append(file)
    for most in (_FIRST, None):
        finer: dict[tuple[object, ...], list[WellFile]] = defaultdict(list)
        for key, members in groups.items():
            for file in members if len(members) > 1 else ():
                finer[(*key, _digest(file.header, most))].append(file)
        groups = finer
    yield from (members for members in groups.values() if len(members) > 1)


def _digest(header: Header, most: int | None) -> str:
    """Return the SHA-256 of the DATA segment, or of its first bytes."""
    size = header.data_end - header.data_begin
    left = size if most is None else min(size, most)
    digest = hashlib.sha256()
    with Path(header.source).open("rb") as stream:
        stream.seek(header.data_begin)
        while left > 0 and (block := stream.read(min(left, 1 << 20))):
            digest.update(block)
            left -= len(block)
    return digest.hexdigest()


def _copies(group: Sequence[WellFile], plates: set[str]) -> Iterator[tuple[WellFile, WellFile]]:
    """Yield (copy, what it is a copy of) for files with equal events."""
    fits = [_belongs(file, plates) for file in group]
    best = max(fits)
    originals = [file for file, fit in zip(group, fits, strict=True) if fit == best]
    if len(originals) > 1 and len({_condition(file.well) for file in group}) > 1:
        originals = []
    original = originals[0] if originals else None
    for number, file in enumerate(group):
        if file is not original:
            yield file, original or group[number - 1]


def _belongs(file: WellFile, plates: set[str]) -> int:
    """Return how well a file says that it belongs where it stands: its plate counts before its well."""
    well = well_from_keywords(file.header.keywords)
    plate = (file.plate_id == file.plate.name) - (file.plate_id in plates and file.plate_id != file.plate.name)
    return 2 * plate + (well == file.well.name) - (bool(well) and well != file.well.name)


def _condition(well: Well) -> tuple[str, ...]:
    names = ("treatment", "context", "line", "marker", "target", "time", "ligand", "permeabilised")
    return (well.role, *(str(well.factors.get(name, "")) for name in names))


def _copy_findings(copies: Sequence[tuple[WellFile, WellFile]]) -> Iterator[Located]:
    """Yield one finding per plate that copies stand on, and plate they are copies of."""
    pairs: dict[tuple[str, str], list[tuple[WellFile, WellFile]]] = defaultdict(list)
    for copy, original in copies:
        pairs[copy.plate.name, original.plate.name].append((copy, original))
    for (plate, source), members in pairs.items():
        wells = [copy.well for copy, _ in members]
        if plate == source:
            words = ", ".join(
                f"{copy.well.name} holds the events of {original.well.name}" for copy, original in members
            )
            message = f"the same data stand in several wells: {words}"
        elif all(well.role not in COUNTED for well in wells):
            level: Level = "note" if all(well.role in OF_THE_INSTRUMENT for well in wells) else "warn"
            message = (
                f"{well_names(wells)} hold the events of controls of plate {source}: one control serves both plates"
            )
            yield Located(Finding(level, "control_shared", message, plate), tuple(copy.place for copy, _ in members))
            continue
        else:
            noun = "wells" if len(wells) > 1 else "well"
            message = (
                f"the very events of plate {source} stand in {len(wells)} {noun} of this one ({well_names(wells)})"
            )
        message += "; what was measured once counts once. Put the right files there, or leave the copy out"
        well = wells[0].name if len(wells) == 1 else ""
        yield Located(Finding("fail", "copied_data", message, plate, well), tuple(copy.place for copy, _ in members))


def _identity_findings(files: Sequence[WellFile]) -> Iterator[Located]:
    """Yield a finding per plate that bears the identity, or the times of acquisition, of one before it."""
    by_plate: dict[str, list[WellFile]] = defaultdict(list)
    for file in files:
        by_plate[file.plate.name].append(file)
    gone: set[str] = set()
    for (first, ones), (second, others) in combinations(by_plate.items(), 2):
        if first in gone or second in gone:
            continue
        message = _same_times(ones, others) or _same_identity(ones, others)
        if message:
            gone.add(second)
            text = f"{message} as plate {first}: one plate under two names counts once. Put the right files there"
            yield Located(Finding("fail", "copied_plate", text, second), tuple(file.place for file in others))
    yield from _mismatch_findings({name: by_plate[name] for name in by_plate if name not in gone})


def _same_times(ones: Sequence[WellFile], others: Sequence[WellFile]) -> str:
    """Say how many wells were acquired at the very times of another plate's, if most are and they tell wells apart."""
    first, second = (Counter(file.times for file in files if file.times[1]) for files in (ones, others))
    told = min(first.total(), second.total())
    shared = (first & second).total()
    apart = min(len(first), len(second)) > told / 2
    return (
        f"{shared} wells were acquired at the same times"
        if told >= FEWEST_TIMES and apart and 2 * shared >= told
        else ""
    )


def _same_identity(ones: Sequence[WellFile], others: Sequence[WellFile]) -> str:
    """Say that two plates bear one $PLATEID, unless their days or times tell them apart: IDs may be a template's."""
    first, second = ({file.plate_id for file in files} for files in (ones, others))
    if len(first) != 1 or first != second or not all(first):
        return ""
    days = [{file.header.keywords.get("$DATE", "").strip() for file in files} for files in (ones, others)]
    times = [{file.times for file in files} for files in (ones, others)]
    timed = any(begin for _, begin, _ in times[0] | times[1])
    if days[0] != days[1] or (timed and times[0].isdisjoint(times[1])):
        return ""
    return f"the files bear the same $PLATEID {next(iter(first))} and the same day"


def _mismatch_findings(plates: Mapping[str, Sequence[WellFile]]) -> Iterator[Located]:
    """Yield a finding per plate whose files say that they are of another plate of the study, or than most of them."""
    for name, files in plates.items():
        usual, held = Counter(file.plate_id for file in files).most_common(1)[0] if files else ("", 0)
        most = usual if usual and held > len(files) / 2 else ""
        other = [
            file
            for file in files
            if (file.plate_id in plates and file.plate_id != name) or (most and file.plate_id not in {"", most, name})
        ]
        if other:
            ids = ", ".join(dict.fromkeys(file.plate_id for file in other))
            message = (
                f"the files of {len(other)} wells ({well_names([f.well for f in other])}) say they are of plate {ids}"
            )
            finding = Finding("warn", "plate_mismatch", f"{message}: check whether folders were swapped", name)
            yield Located(finding, tuple(file.place for file in other))

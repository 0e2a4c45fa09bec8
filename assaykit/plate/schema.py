"""One strict schema for every layout: a draft goes in, a `Plate` comes out, and every fault is collected.

DraftPlate -> (Plate, faults)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, time
from pathlib import Path

from assaykit.errors import MOST_DETAILS, CountsError, InputError, LayoutError, looked_into
from assaykit.escaping import one_line
from assaykit.numerals import decimal_sign
from assaykit.plate.counts import in_whole_well, one_number, tally_of_column
from assaykit.plate.draft import DraftPlate, DraftWell, Entry, text_from_value, written
from assaykit.plate.model import Factor, Plate, Well
from assaykit.plate.positions import (
    DEFAULT_SIZE,
    SIZES,
    Position,
    is_on_plate,
    last_well,
    position_from_well,
    smallest_size,
    well_from_position,
)
from assaykit.plate.tally import BOUNDS, BROKEN, FINDINGS, Tally, unreadable_columns
from assaykit.tables import Finding
from assaykit.vocabulary import CHAMBER, COUNTED, MEASURED, ROLES, SIGNAL, Role, is_count, nearest

IDENTIFIERS = ("experiment", "donor", "msc_donor", "line", "control")  # names and dates, kept letter for letter
TEXT_FACTORS = ("treatment", "context", "marker", "clone", "target")  # words that are never dates
OTHER_FACTORS = ("time", "lot", "replicate", "insert", "ligand", "permeabilised", "washout", "detachment")
KNOWN_FACTORS = (*IDENTIFIERS, *TEXT_FACTORS, *OTHER_FACTORS)
STRUCTURE = ("well", "plate", "role", "file", "exclude", "note")
MEANT = {  # columns as labs call them -> the column that means it; a name that looks like it may mean another thing
    "date": "experiment", "day": "experiment", "exp": "experiment", "run": "experiment", "repeat": "experiment",
    "sample_name": "file", "sample_id": "file", "filename": "file", "file_name": "file", "fcs": "file",
    "drug": "treatment", "compound": "treatment", "condition": "treatment", "stimulus": "treatment",
    "cell_line": "line", "cells": "line", "patient": "donor", "culture": "context", "coculture": "context",
    "chemoattractant": "target", "comment": "note", "remarks": "note", "reason": "exclude", "well_id": "well",
}  # fmt: skip
REMARKS = ("exclude", "note")  # kept as notes of the well
_NUMBER = re.compile(r"[+-]?(0|[1-9][0-9]*)([., '\u2019][0-9]+)*")  # 007 and 1E5 are names


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns a layout may have.

    `identifiers` are kept as text, letter for letter (the experimental unit: donor 007 stays 007). `factors` are the
    further names a study declares; None, where no study is known, takes any name that is not a near miss of one
    that means something.
    """

    identifiers: tuple[str, ...] = ()
    factors: tuple[str, ...] | None = None

    @property
    def known(self) -> tuple[str, ...]:
        """Every name that means something, in a layout."""
        numbers = (*COUNTED, SIGNAL, *CHAMBER, *MEASURED)
        return tuple(dict.fromkeys((*STRUCTURE, *self.identifiers, *KNOWN_FACTORS, *(self.factors or ()), *numbers)))


@dataclass(frozen=True, slots=True)
class ReadPlate:
    """A plate of all wells that hold, every fault of those that do not, and what is said of odd counts."""

    plate: Plate
    faults: tuple[InputError, ...] = ()
    findings: tuple[Finding, ...] = ()


def plate_from_draft(draft: DraftPlate, columns: Columns, *, size: int | None = None) -> ReadPlate:
    """Return the plate a draft describes; one odd count is a finding of its well, a column of them a fault."""
    wells = size or draft.size or DEFAULT_SIZE
    faults: list[InputError] = [
        *_size_faults(draft, size),
        *column_faults(draft, columns),
        *([] if size and draft.size and size < draft.size else _absent_wells(draft, wells)),
    ]
    refused, decimal = refused_columns(draft, columns), decimal_of(draft)
    found: dict[str, Well] = {}
    tallies: list[Tally] = []
    findings: list[Finding] = []
    for drafted in draft.wells:
        try:
            name = _well_name(drafted)
            if not is_on_plate(position_from_well(name), wells):
                continue  # told once for all such wells
            if name in found:
                raise _twice(name, drafted, found[name])
        except LayoutError as error:
            faults.append(error)
            continue
        read = well_from_draft(drafted, name, columns, folder=draft.source.parent, skip=refused, decimal=decimal)
        found[name] = read.well
        faults += read.faults
        tallies += read.tallies
        findings += read.findings(one_line(draft.name))
    faults += unreadable_columns(tallies)
    name = one_line(draft.name)
    if not size:
        remedy = f"taken as a plate of {wells} wells; write wells = 24, or what it is, in the study"
        findings += [Finding("note", "plate_size", f"{note}: {remedy}.", name) for note in draft.notes]
    if draft.tubes and found:
        first, last = next(iter(found)), list(found)[-1]
        message = f"the rows of {draft.label} are tubes, and are called {first} to {last} in their order"
        findings.append(Finding("note", "tubes_numbered", f"{message}.", name))
    rows, width = SIZES[wells]
    ordered = tuple(sorted(found.values(), key=lambda well: position_from_well(well.name)))
    return ReadPlate(Plate(name, rows, width, ordered, draft.source), once(faults), tuple(findings))


def once(faults: Iterable[InputError]) -> tuple[InputError, ...]:
    """Return the faults without repeats: a value that holds for many wells is wrong once."""
    return tuple({str(fault): fault for fault in faults}.values())


@dataclass(frozen=True, slots=True)
class ReadWell:
    """One well as read: what was counted and is no plain number, and the faults of its values."""

    well: Well
    tallies: tuple[Tally, ...] = ()  # every number of a count or an amount
    faults: tuple[InputError, ...] = ()

    def findings(self, plate: str) -> Iterator[Finding]:
        """Yield what is said of its odd counts, of which the plate's name makes findings."""
        for tally in self.tallies:
            if tally.kind != "exact":
                level, check = FINDINGS[tally.kind]
                yield Finding(level, check, tally.message, plate, self.well.name)


def well_from_draft(
    drafted: DraftWell, name: str, columns: Columns, *, folder: Path, skip: Iterable[str] = (), decimal: str = ""
) -> ReadWell:
    """Return the well, its counts as they were written, and the faults of its values."""
    faults: list[InputError] = []
    chamber = chamber_entries(drafted)
    tallies = _tallies(drafted, (*chamber,), skip, decimal=decimal)
    numbers = {name: tally.value for name, tally in tallies.items() if tally.value is not None and name not in chamber}
    counts = {name: number for name, number in numbers.items() if is_count(name)}
    factors: dict[str, Factor] = {name: number for name, number in numbers.items() if name not in counts}
    role: Role = "sample"
    file: Path | None = None
    for column, entry in drafted.entries.items():
        if column in skip or column in {"well", "plate", *REMARKS} or column in tallies:
            continue
        try:
            match column:
                case "role":
                    role = _role(entry)
                case "file":
                    file = folder / _text(entry, column)
                case _:
                    factors[column] = factor_from_entry(column, entry, columns, decimal=decimal)
        except (LayoutError, CountsError) as error:
            faults.append(error)
    factors = {column: factors[column] for column in drafted.entries if column in factors}
    places = {column: entry.where for column, entry in drafted.entries.items()}
    notes = {column: tally.message for column, tally in tallies.items() if tally.kind != "exact"}
    notes |= {name: text_from_value(drafted.entries[name].value) for name in REMARKS if name in drafted.entries}
    as_written = Well(name, role, factors, file, counts, drafted.where, places, notes=notes, implied=drafted.implied)
    well, more = in_whole_well(as_written, {column: tallies[column] for column in chamber if column not in skip})
    return ReadWell(well, tuple(tallies.values()), (*faults, *more))


def _tallies(drafted: DraftWell, chamber: tuple[str, ...], skip: Iterable[str], *, decimal: str) -> dict[str, Tally]:
    """Return every count and amount of a well as written, by column; a bound of the cells put in is none."""
    tallies = {
        column: tally_of_column(column, entry, decimal=decimal)
        for column, entry in drafted.entries.items()
        if column not in skip and (is_count(column) or column in MEASURED or column in chamber)
    }
    target = drafted.entries.get("target")
    if target is None or text_from_value(target.value).casefold() != "input":
        return tallies
    reason = "a bound, of which no share can be taken"
    return {
        column: replace(tally, kind="missing", value=None, reason=reason) if tally.kind in BOUNDS else tally
        for column, tally in tallies.items()
    }


def chamber_entries(drafted: DraftWell) -> dict[str, Entry]:
    """Return how cells were counted in a chamber; a dilution alone says how an acquired sample was diluted."""
    found = {name: drafted.entries[name] for name in CHAMBER if name in drafted.entries}
    return found if "squares" in found or "volume" in found else {}


def decimal_of(draft: DraftPlate) -> str:
    """Return the decimal sign that the numbers of a table show beyond doubt; "" where they show none."""
    return decimal_sign({entry.value for well in draft.wells for entry in well.entries.values()
                         if isinstance(entry.value, str)})  # fmt: skip


def factor_from_entry(column: str, entry: Entry, columns: Columns, *, decimal: str = "") -> Factor:
    """Return a factor's value: text where the column is text, a number where the value is plainly one.

    `007` and `1E5` stay text; CountsError where a number can be read two ways, as 1,000.
    """
    if entry.value in BROKEN:
        remedy = "mend the formula, or type the value"
        raise LayoutError("a cell must hold a value", f"the error {entry.value}", entry.where, remedy)
    if column in columns.identifiers or column in IDENTIFIERS:
        return text_from_value(entry.value)
    if column in TEXT_FACTORS:
        return _text(entry, column)
    if isinstance(entry.value, (int, float)) and not isinstance(entry.value, bool):
        return float(entry.value)
    if column == "time" and isinstance(entry.value, time):  # h:mm of a spreadsheet
        return entry.value.hour + entry.value.minute / 60 + entry.value.second / 3600
    text = text_from_value(entry.value)
    number = one_number(column, entry, decimal=decimal) if _NUMBER.fullmatch(text) else None
    return text if number is None else number


def column_faults(draft: DraftPlate, columns: Columns) -> list[InputError]:
    """Return one fault per unknown column, with the nearest known name."""
    first = _first_places(draft)
    strange = [name for name in first if name not in columns.known and not is_count(name)]
    if len(strange) > MOST_DETAILS:
        return looked_into(strange, lambda name: _unknown(name, first[name], columns), LayoutError, draft.label)
    return [_unknown(name, first[name], columns) for name in strange if not _allowed(name, columns)]


def refused_columns(draft: DraftPlate, columns: Columns) -> frozenset[str]:
    """Return the columns no study knows: told once, and left out of every well."""
    strange = [name for name in _first_places(draft) if name not in columns.known and not is_count(name)]
    if len(strange) > MOST_DETAILS:
        return frozenset(strange)
    return frozenset(name for name in strange if not _allowed(name, columns))


def _allowed(name: str, columns: Columns) -> bool:
    if name in columns.known or is_count(name):
        return True
    return columns.factors is None and not nearest(name, columns.known)


def _unknown(name: str, where: str, columns: Columns) -> LayoutError:
    near = MEANT.get(name) or nearest(name, columns.known)
    declare = f'declare it in the study: factors = ["{name}"]'
    remedy = f"write '{near}', or, if '{name}' is a factor of yours, {declare}" if near else declare
    return LayoutError("a column must be one the study knows", f"'{name}'", where, remedy)


def _first_places(draft: DraftPlate) -> Mapping[str, str]:
    places: dict[str, str] = {}
    for well in draft.wells:
        for name, entry in well.entries.items():
            places.setdefault(name, entry.where)
    return places


def _size_faults(draft: DraftPlate, size: int | None) -> list[InputError]:
    if size and draft.size and size < draft.size:
        return [
            LayoutError(
                f"a plate must have the {size} wells the study gives it",
                f"a layout of {draft.size} wells",
                draft.label,
                f"write wells = {draft.size} in the study, or mend the layout",
            )
        ]
    return []


def _well_name(drafted: DraftWell) -> str:
    try:
        return well_from_position(position_from_well(drafted.name))
    except LayoutError as error:
        raise LayoutError(error.must, error.found, drafted.where, "mend the well's name") from error


def _absent_wells(draft: DraftPlate, size: int) -> list[InputError]:
    """Return a fault per place that names wells the plate does not have, naming the plate that has them."""
    absent: dict[str, list[Position]] = {}
    for drafted in draft.wells:
        try:
            position = position_from_well(drafted.name)
        except LayoutError:
            continue  # told well by well
        if not is_on_plate(position, size):
            absent.setdefault(drafted.where, []).append(position)
    return [_absent(positions, size, where) for where, positions in absent.items()]


def _absent(positions: list[Position], size: int, where: str) -> LayoutError:
    names = [well_from_position(position) for position in positions]
    larger = smallest_size((max(row for row, _ in positions), max(column for _, column in positions)))
    remedy = f"; if the plate has {larger} wells, write wells = {larger} in the study" if larger else ""
    return LayoutError(
        f"a well must be on the plate: A1 to {last_well(size)} of {size} wells",
        ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else ""),
        where,
        f"mend the well's name{remedy}",
    )


def _twice(name: str, drafted: DraftWell, earlier: Well) -> LayoutError:
    return LayoutError(
        "a well must be described once",
        f"{name} again, after {earlier.where}",
        drafted.where,
        "delete one of the two, or mend its name",
    )


def _role(entry: Entry) -> Role:
    text = text_from_value(entry.value).lower().replace(" ", "_").replace("-", "_")
    if text in ROLES:
        return text
    near = nearest(text, ROLES)
    remedy = f"write {near}" if near else "leave it out for a sample"
    raise LayoutError(f"a role must be one of {', '.join(ROLES)}", written(entry.value), entry.where, remedy)


def _text(entry: Entry, column: str) -> str:
    if isinstance(entry.value, (date, time)):
        raise LayoutError(
            f"a {column} must be text",
            f"{written(entry.value)}; spreadsheets turn some words into dates",
            entry.where,
            "format the cell as text and type it again",
        )
    return text_from_value(entry.value)

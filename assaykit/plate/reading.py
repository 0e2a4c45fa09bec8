"""Read layouts and tables of counts from disk, whichever of the formats they are in.

file -> document or sheets -> DraftPlate -> Plate
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from assaykit.errors import CountsError, InputError, LayoutError, raise_all
from assaykit.escaping import one_line
from assaykit.plate.draft import DraftPlate, DraftWell, Entry, text_from_value
from assaykit.plate.grammar import alerts_of, concatenated, document_from_toml
from assaykit.plate.model import Plate
from assaykit.plate.positions import position_from_well, well_from_position
from assaykit.plate.schema import (
    Columns,
    ReadPlate,
    ReadWell,
    column_faults,
    decimal_of,
    plate_from_draft,
    refused_columns,
    well_from_draft,
)
from assaykit.plate.shapes import drafts_from_sheet, is_plate_shaped, table_from_sheet
from assaykit.plate.sheets import Sheet, sheets_from_file
from assaykit.plate.tally import unreadable_columns
from assaykit.plate.wellmap import drafts_from_toml
from assaykit.tables import Finding
from assaykit.vocabulary import is_count

FORMATS = (".toml", ".csv", ".tsv", ".txt", ".xlsx", ".xlsm")


@dataclass(frozen=True, slots=True)
class Reading:
    """What one file gave: its plates, its faults, the files it drew on, what its author wants said, and findings."""

    plates: tuple[Plate, ...]
    faults: tuple[InputError, ...]
    inputs: tuple[Path, ...]
    alerts: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()  # odd counts, and what a workbook hides


def read_plates(
    path: str | Path, columns: Columns | None = None, *, size: int | None = None, label: str = ""
) -> tuple[Plate, ...]:
    """Return the plates of a layout: wellmap TOML, plate-shaped or tidy CSV, or XLSX with a plate per sheet.

    `columns` are the names the layout may use, `size` the wells of the plate (96 where neither it nor the layout
    says), `label` the file's name in messages. Raises LayoutError, or Faults with all of them.
    """
    reading = reading_from_layout(Path(path), columns or Columns(), size=size, label=label)
    raise_all(reading.faults)
    return reading.plates


def read_counts(path: str | Path, columns: Columns | None = None, *, label: str = "") -> Plate:
    """Return a table of counts as a plate whose wells are its rows. Raises CountsError, or Faults with all of them."""
    reading = reading_from_counts(Path(path), columns or Columns(), label=label)
    raise_all(reading.faults)
    if len(reading.plates) > 1:
        names = ", ".join(plate.name for plate in reading.plates)
        raise CountsError(
            "a workbook of counts must have one sheet", names, label or Path(path).name, "save one sheet per file"
        )
    return reading.plates[0]


def reading_from_layout(
    path: Path,
    columns: Columns,
    *,
    size: int | None = None,
    label: str = "",
    constants: Mapping[str, str] = MappingProxyType({}),
) -> Reading:
    """Return the plates that can be read, and every fault of the file; `constants` hold where a well says nothing."""
    label = label or path.name
    try:
        drafted = _drafted(path, label, columns.known)
    except LayoutError as error:
        return Reading((), (error,), (path,))
    read = []
    for draft in drafted.drafts:
        named = {name: Entry(value, f"{draft.label}, file name") for name, value in constants.items()}
        wells = tuple(replace(well, entries={**named, **well.entries}) for well in draft.wells)
        read.append(plate_from_draft(replace(draft, wells=wells), columns, size=size))
    return Reading(
        tuple(each.plate for each in read),
        (*drafted.faults, *(fault for each in read for fault in each.faults)),
        drafted.inputs,
        drafted.alerts,
        (*_hidden(drafted.notes), *(finding for each in read for finding in each.findings)),
    )


def reading_from_counts(path: Path, columns: Columns, *, label: str = "") -> Reading:
    """Return a plate per sheet of counts, whose wells are the rows, and every fault of the file."""
    label = label or path.name
    try:
        check_format(path, label)
        if path.suffix.lower() == ".toml":
            raise LayoutError("counts must be a table", "a TOML file", label, "save it as .xlsx or .csv")
        sheets, faults = sheets_from_file(path, label)
    except LayoutError as error:
        return Reading((), (_as_counts(error),), (path,))
    if not sheets:
        faults.append(LayoutError("a workbook must have a sheet of counts", "none that is filled", label))
    read = [_counts_plate(sheet, path, columns) for sheet in sheets]
    faults += [fault for each in read for fault in each.faults]
    notes = [note for sheet in sheets for note in sheet.notes]
    return Reading(
        tuple(each.plate for each in read),
        tuple(_as_counts(fault) for fault in faults),
        (path,),
        findings=(*_hidden(notes), *(finding for each in read for finding in each.findings)),
    )


def _hidden(notes: Iterable[str]) -> Iterator[Finding]:
    """Yield a finding per remark on what a workbook hides."""
    return (Finding("warn", "hidden_cells", f"{note}.") for note in notes)


def _as_counts(error: InputError) -> InputError:
    return CountsError(error.must, error.found, error.where, error.remedy) if isinstance(error, LayoutError) else error


def _counts_plate(sheet: Sheet, path: Path, columns: Columns) -> ReadPlate:
    name = one_line(f"{path.stem} {sheet.title}")
    if is_plate_shaped(sheet):
        drafts, faults = drafts_from_sheet(sheet, path)
        read = [plate_from_draft(replace(draft, name=name), columns) for draft in drafts]
        wells = tuple(
            replace(well, name=f"{draft.name} {well.name}") if len(drafts) > 1 else well
            for draft, each in zip(drafts, read, strict=True)
            for well in each.plate.wells
        )
        faults += [fault for each in read for fault in each.faults]
        findings = tuple(finding for each in read for finding in each.findings)
        return ReadPlate(Plate(name, len(wells), 1, wells, path), tuple(faults), findings)
    rows, faults = table_from_sheet(sheet)
    draft = DraftPlate(name, tuple(rows), path, sheet.label)
    faults += column_faults(draft, columns)
    skip, decimal = refused_columns(draft, columns), decimal_of(draft)
    seen: dict[str, DraftWell] = {}
    read_wells: list[ReadWell] = []
    for row in rows:
        well_name = _row_name(row)
        if well_name in seen:
            found = f"{well_name} again, after {seen[well_name].where}"
            faults.append(
                LayoutError("a well must be counted once", found, row.where, "delete one of the two, or mend its name")
            )
        seen.setdefault(well_name, row)
        read_well = well_from_draft(row, well_name, columns, folder=path.parent, skip=skip, decimal=decimal)
        if "plate" in row.entries:  # a table may hold the wells of several plates
            culture_plate = text_from_value(row.entries["plate"].value)
            well = read_well.well
            read_well = replace(read_well, well=replace(well, factors={**well.factors, "culture_plate": culture_plate}))
        read_wells.append(read_well)
        faults += read_well.faults
    faults += unreadable_columns(tally for each in read_wells for tally in each.tallies)
    if not faults and not any(is_count(tally.column) for each in read_wells for tally in each.tallies):
        faults.append(
            LayoutError(
                "a table of counts must have a column of counts",
                "none",
                sheet.label,
                "name it migrated, input, viable or total",
            )
        )
    plate = Plate(name, len(read_wells), 1, tuple(each.well for each in read_wells), path)
    return ReadPlate(plate, tuple(faults), tuple(finding for each in read_wells for finding in each.findings(name)))


def _row_name(row: DraftWell) -> str:
    """Return the row's well, with its plate where the table has several; the row itself where it names no well."""
    if "well" not in row.entries:
        return row.where.rpartition(", ")[2]
    well = text_from_value(row.entries["well"].value)
    with suppress(LayoutError):  # an insert may bear a name that is no well of a plate
        well = well_from_position(position_from_well(well))
    plate = text_from_value(row.entries["plate"].value) if "plate" in row.entries else ""
    return f"{plate} {well}".strip()


@dataclass(frozen=True, slots=True)
class _Drafted:
    """What one file holds before the schema: plates as written, faults, the files read, and what it wants said."""

    drafts: list[DraftPlate]
    faults: list[InputError]
    inputs: tuple[Path, ...]
    alerts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def _drafted(path: Path, label: str, known: tuple[str, ...], *, above: tuple[Path, ...] = ()) -> _Drafted:
    check_format(path, label)
    if _real(path) in above:
        raise LayoutError("a layout must not join itself", f"'{path.name}'", f"{label}, [meta] concat", "delete it")
    if path.suffix.lower() == ".toml":
        return _drafted_from_toml(path, label, known, above=above)
    sheets, faults = sheets_from_file(path, label)
    drafts: list[DraftPlate] = []
    for sheet in sheets:
        more, wrong = drafts_from_sheet(sheet, path)
        drafts += more
        faults += wrong
    if not sheets:
        faults.append(LayoutError("a workbook must have a sheet with a plate", "none that is filled", label))
    return _Drafted(drafts, faults, (path,), notes=tuple(note for sheet in sheets for note in sheet.notes))


def _drafted_from_toml(path: Path, label: str, known: tuple[str, ...], *, above: tuple[Path, ...]) -> _Drafted:
    """Return the plates of a wellmap document, and those of the layouts it joins to its own."""
    document, inputs = document_from_toml(path, label)
    further = concatenated(document, path, label)
    own = {key: value for key, value in document.items() if key != "meta"}
    drafts, faults = drafts_from_toml(own, path, label, known=known) if own or not further else ([], [])
    alerts = alerts_of(document, label)
    notes: tuple[str, ...] = ()
    for plate, other in further:
        joined = _drafted(other, f"{label} via {other.name}", known, above=(*above, _real(path)))
        drafts += [replace(draft, name=plate or draft.name) for draft in joined.drafts]
        faults += joined.faults
        inputs += joined.inputs
        alerts += joined.alerts
        notes += joined.notes
    return _Drafted(drafts, faults, inputs, alerts, notes)


def _real(path: Path) -> Path:
    """Return the path without links; one that leads to itself stays as it is, and cannot be read."""
    return Path(os.path.realpath(path))


def check_format(path: Path, label: str) -> None:
    """Raise LayoutError where the file is missing or of a format no layout has."""
    if not os.path.lexists(path):
        raise LayoutError(
            "a layout must exist", "no such file", label, "mend the path; it is relative to the study file"
        )
    if path.suffix.lower() not in FORMATS:
        raise LayoutError(
            f"a layout must be one of {', '.join(FORMATS)}", f"'{path.suffix}'", label, "save it as .xlsx or .csv"
        )

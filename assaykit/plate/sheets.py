"""Spreadsheets as plain cells: a CSV file is one sheet, an XLSX file as many as it has.

bytes -> text -> Sheet of Entry | None       (CSV: utf-8, utf-16 or Windows text; comma, semicolon or tab)
workbook -> Sheet of Entry | None            (XLSX: stored values, merged cells filled)
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, time
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from assaykit.errors import InputError, LayoutError
from assaykit.plate.draft import Entry
from assaykit.plate.positions import row_letters

Cell = Entry | None
_DEFAULT_TITLES = ("sheet", "tabelle", "feuil", "hoja", "foglio", "blad")
_NOTES = ("readme", "read me", "notes", "note", "how to", "#")
_EMPTY = ("", "NA", "N/A", "n/a", "NaN", "nan")  # what R and others write for nothing
_BROKEN = ("#N/A", "#REF!", "#DIV/0!", "#VALUE!", "#NAME?", "#NULL!", "#NUM!")


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet: rows of cells, None where a cell is empty, and the row numbers the user sees."""

    title: str  # "" where the file has only one and it bears no name of its own
    rows: tuple[tuple[Cell, ...], ...]
    numbers: tuple[int, ...]
    label: str
    first_column: int = 0  # columns that are empty all the way down are left out on the left

    def place(self, row: int, column: int) -> str:
        """Return where a cell is, as in plate2.xlsx!Sheet1:C7; row and column count from 0."""
        return f"{self.label}:{row_letters(self.first_column + column)}{self.numbers[row]}"


def sheets_from_file(path: Path, label: str) -> tuple[list[Sheet], list[InputError]]:
    """Return the sheets of a CSV or XLSX file, and the faults of single cells."""
    if path.suffix.lower() in {".xlsx", ".xlsm"}:
        sheets, faults = _sheets_from_workbook(path, label)
        return [_trimmed(sheet) for sheet in sheets], faults
    return [_trimmed(_sheet_from_text(_decoded(path.read_bytes()), label))], []


def _trimmed(sheet: Sheet) -> Sheet:
    """Return the sheet without the empty columns on its left."""
    firsts = [next(column for column, cell in enumerate(row) if cell) for row in sheet.rows if any(row)]
    first = min(firsts, default=0)
    return replace(sheet, rows=tuple(row[first:] for row in sheet.rows), first_column=first)


def _decoded(data: bytes) -> str:
    """Return text of the encodings spreadsheets write: UTF-8 with or without a mark, UTF-16, else Windows-1252."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def _sheet_from_text(text: str, label: str) -> Sheet:
    lines = text.splitlines()
    first = lines[0].strip().lower() if lines else ""
    delimiter = first[4:5] if first.startswith("sep=") else _delimiter(lines)
    skipped = int(first.startswith("sep="))
    rows, numbers = [], []
    reader = csv.reader(io.StringIO("\n".join(lines[skipped:])), delimiter=delimiter, skipinitialspace=True)
    for fields in reader:
        number = reader.line_num + skipped
        if fields and fields[0].lstrip().startswith("#"):
            continue
        rows.append(tuple(_entry(field, f"{label}:{row_letters(i)}{number}") for i, field in enumerate(fields)))
        numbers.append(number)
    return Sheet("", tuple(rows), tuple(numbers), label)


def _delimiter(lines: list[str]) -> str:
    """Return the sign that cuts the rows: a tab or semicolon in most of the first rows, else the comma."""
    head = [line for line in lines if line.strip() and not line.lstrip().startswith("#")][:20]
    usual = (sign for sign in "\t;" if 2 * sum(sign in line for line in head) > len(head))
    return next(usual, ",")


def _entry(value: Any, where: str) -> Cell:
    if isinstance(value, str):
        value = " ".join(value.split())  # hard spaces and line breaks within a cell are blanks
    return None if value is None or value in _EMPTY else Entry(value, where)


def _sheets_from_workbook(path: Path, label: str) -> tuple[list[Sheet], list[InputError]]:
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        values = load_workbook(path, data_only=True)
        formulas = load_workbook(path)
    except (BadZipFile, InvalidFileException, KeyError, OSError) as error:
        remedy = "open it in a spreadsheet program and save it as .xlsx, or as CSV"
        raise LayoutError("a workbook must be an XLSX file", "something else", label, remedy) from error
    faults: list[InputError] = []
    titles = [title for title in values.sheetnames if not title.strip().lower().startswith(_NOTES)]
    filled = [title for title in titles if values[title].max_row > 1 or values[title]["A1"].value is not None]
    sheets = []
    for title in filled:
        nameless = len(filled) == 1 and title.lower().startswith(_DEFAULT_TITLES)
        sheet_label = f"{label}!{title}"
        rows = list(_workbook_rows(values[title], formulas[title], sheet_label, faults=faults))
        numbers = tuple(range(1, len(rows) + 1))
        sheets.append(Sheet("" if nameless else title.strip(), tuple(rows), numbers, sheet_label))
    return sheets, faults


def _workbook_rows(values: Any, formulas: Any, label: str, *, faults: list[InputError]) -> Iterator[tuple[Cell, ...]]:
    merged = {
        (row, column): (area.min_row, area.min_col)
        for area in values.merged_cells.ranges
        for row in range(area.min_row, area.max_row + 1)
        for column in range(area.min_col, area.max_col + 1)
    }
    for row in range(1, values.max_row + 1):
        cells: list[Cell] = []
        for column in range(1, values.max_column + 1):
            source = merged.get((row, column), (row, column))
            where = f"{label}:{row_letters(column - 1)}{row}"
            value = values.cell(*source).value
            formula = formulas.cell(*source).value
            faults += _cell_faults(value, formula, where)
            usable = isinstance(value, (str, int, float, date, time)) and value not in _BROKEN
            cells.append(_entry(value, where) if usable else None)
        yield tuple(cells)


def _cell_faults(value: Any, formula: Any, where: str) -> list[InputError]:
    if value in _BROKEN:
        return [
            LayoutError("a cell must hold a value", f"the error {value}", where, "mend the formula, or type the value")
        ]
    if value is None and isinstance(formula, str) and formula.startswith("="):
        remedy = "open the file in a spreadsheet program, save it, and try again; or type the value"
        return [LayoutError("a formula must carry its stored result", formula, where, remedy)]
    return []

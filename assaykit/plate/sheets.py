"""Spreadsheets as plain cells: a CSV file is one sheet, an XLSX file as many as it has.

bytes -> text -> Sheet of Entry | None       (CSV: utf-8, utf-16 or Windows text; comma, semicolon or tab)
workbook -> Sheet of Entry | None            (XLSX: stored values, merged cells filled; hidden sheets left out and told)
"""

from __future__ import annotations

import csv
import io
import re
import warnings
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, time, timedelta
from itertools import product
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError
from zipfile import BadZipFile, ZipFile

from assaykit.errors import InputError, LayoutError
from assaykit.escaping import one_line
from assaykit.plate.draft import Entry
from assaykit.plate.positions import row_letters
from assaykit.sources import LARGEST_TABLE, bytes_from_file

Cell = Entry | None
_DEFAULT_TITLES = ("sheet", "tabelle", "feuil", "hoja", "foglio", "blad")
_NOTES = ("readme", "read me", "notes", "note", "how to", "#")
_EMPTY = ("", "NA", "N/A", "n/a", "NaN", "nan")  # what R and others write for nothing
MOST_COLUMNS = 2_000
MOST_CELLS = 500_000  # a hundred plates of 384 wells with a dozen columns
LARGEST_UNPACKED = 128_000_000  # bytes


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet: rows of cells, None where a cell is empty, and the row numbers the user sees."""

    title: str  # "" where the file has only one and it bears no name of its own
    rows: tuple[tuple[Cell, ...], ...]
    numbers: tuple[int, ...]
    label: str
    first_column: int = 0  # columns that are empty all the way down are left out on the left
    notes: tuple[str, ...] = ()  # what a person may not see in the file: sheets, rows and columns that are hidden

    def place(self, row: int, column: int) -> str:
        """Return where a cell is, as in plate2.xlsx!Sheet1:C7; row and column count from 0."""
        return f"{self.label}:{row_letters(self.first_column + column)}{self.numbers[row]}"


def sheets_from_file(path: Path, label: str) -> tuple[list[Sheet], list[InputError]]:
    """Return the sheets of a CSV or XLSX file, and the faults of single cells."""
    data = bytes_from_file(path, "a table", LayoutError, label=label, most=LARGEST_TABLE)
    if path.suffix.lower() in {".xlsx", ".xlsm"}:
        sheets, faults = _sheets_from_workbook(data, label)
        return [_trimmed(sheet) for sheet in sheets], faults
    return [_trimmed(_sheet_from_text(_decoded(data, label), label))], []


def _trimmed(sheet: Sheet) -> Sheet:
    """Return the sheet without the empty columns on its left."""
    firsts = [next(column for column, cell in enumerate(row) if cell) for row in sheet.rows if any(row)]
    first = min(firsts, default=0)
    return replace(sheet, rows=tuple(row[first:] for row in sheet.rows), first_column=first)


def _decoded(data: bytes, label: str) -> str:
    """Return text of the encodings spreadsheets write: UTF-8 with or without a mark, UTF-16, else Windows-1252.

    Raises LayoutError where the bytes are none of these throughout, naming the row.
    """
    utf16 = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}.get(data[:2]) or _unmarked_utf16(data)
    try:
        text = data.decode(utf16 or "utf-8-sig").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode(utf16 or "utf-8", errors="ignore")
        if utf16:
            odd = "an odd number of bytes, as of a file cut off" if len(data) % 2 else "bytes that are no letter"
            raise _not_text("text in one encoding", f"UTF-16 with {odd}", before, label) from error
        if _UTF8.search(data):  # letters of UTF-8 beside others: pieces of two files
            raise _not_text("text in one encoding", "UTF-8 mixed with another", before, label) from error
        try:
            text = data.decode("cp1252")
        except UnicodeDecodeError as other:
            before = data[: other.start].decode("cp1252", errors="ignore")
            raise _not_text("text in UTF-8", f"the byte 0x{data[other.start]:02X}", before, label) from other
    if "\0" in text:
        raise _not_text("text", "a NUL byte", text[: text.index("\0")], label)
    return text


_UTF8 = re.compile(rb"[\xc3-\xdf][\x80-\xbf]|\xc2[\xa0-\xbf]|[\xe1-\xef][\x80-\xbf]{2}")


def _unmarked_utf16(data: bytes) -> str:
    """Return which UTF-16 bytes without a mark are by the NUL beside every plain letter, or ""."""
    head = data[:4000]
    for first, name in ((1, "utf-16-le"), (0, "utf-16-be")):
        if len(head) >= 4 and head[first::2].count(0) > 0.8 * len(head[first::2]) and not head[1 - first :: 2].count(0):
            return name
    return ""


def _not_text(must: str, found: str, before: str, label: str) -> LayoutError:
    row = len((before + "x").splitlines())
    return LayoutError(f"a table must be {must}", f"{found} in row {row}", label, "save it again as CSV in UTF-8")


def _sheet_from_text(text: str, label: str) -> Sheet:
    lines = text.splitlines()
    first = lines[0].strip().lower() if lines else ""
    delimiter = first[4:5] if first.startswith("sep=") and len(first) > 4 else _delimiter(lines)
    skipped = int(first.startswith("sep="))
    _refuse_vast(lines, delimiter, label)
    _refuse_mixed(lines[skipped:], delimiter, skipped, label)
    rows: list[tuple[Cell, ...]] = []
    numbers = []
    body = io.StringIO("\n".join(lines[skipped:]))
    reader = csv.reader(body, delimiter=delimiter, skipinitialspace=True, strict=True)
    try:
        for fields in reader:
            number = reader.line_num + skipped
            if _is_comment(fields, below_header=any(len(row) > 1 for row in rows)):
                continue
            rows.append(tuple(_entry(field, f"{label}:{row_letters(i)}{number}") for i, field in enumerate(fields)))
            numbers.append(number)
    except csv.Error as error:
        found = (
            "a quote that is not closed"
            if "unexpected end" in str(error)
            else "a quote within a cell, or no end of one"
        )
        where = f"{label}, row {reader.line_num + skipped}"
        raise LayoutError("the cells of a table must be readable", found, where, "mend the quotes") from error
    return Sheet("", tuple(rows), tuple(numbers), label)


def _is_comment(fields: list[str], *, below_header: bool) -> bool:
    """Whether a row is a remark: it begins with # and holds nothing else, or stands above the table.

    A row of the table that begins with #, such as one of sample #1, is a row; so is a header whose first column is #.
    """
    first = fields[0].strip() if fields else ""
    if not first.startswith("#"):
        return False
    filled = [field for field in fields if field.strip()]
    return len(filled) == 1 or (not below_header and first != "#")


def _refuse_vast(lines: list[str], delimiter: str, label: str) -> None:
    """Raise where a text has more columns, or cells, than a table of wells ever has."""
    widths = [line.count(delimiter) + 1 for line in lines]
    widest = max(widths, default=0)
    if widest > MOST_COLUMNS:
        row = widths.index(widest) + 1
        raise LayoutError(f"a table must have at most {MOST_COLUMNS:,} columns", f"{widest:,}", f"{label}, row {row}")
    if sum(widths) > MOST_CELLS:
        raise LayoutError(f"a table must have at most {MOST_CELLS:,} cells", f"{sum(widths):,}", label, "divide it")


def _refuse_mixed(lines: list[str], delimiter: str, skipped: int, label: str) -> None:
    """Raise where rows are cut by another sign than the others: a header of `;` over rows of `,`, or one row.

    A row is one of another sign where it has none of the table's own, and just as many of the other.
    """
    filled = [
        (n, line) for n, line in enumerate(lines, 1 + skipped) if line.strip() and not line.lstrip().startswith("#")
    ]
    own = Counter(line.count(delimiter) for _, line in filled if delimiter in line and '"' not in line)
    if not own:
        return
    usual = own.most_common(1)[0][0]
    for number, line in filled:
        for sign in "\t;,":
            alike = line.count(sign) == usual and (usual > 1 or "well" in line.lower())
            if sign != delimiter and delimiter not in line and alike:
                there = next(n for n, other in filled if delimiter in other)
                found = f"{_sign_name(sign)} in row {number}, {_sign_name(delimiter)} in row {there}"
                raise LayoutError("the rows of a table must be cut by one sign", found, label, "use one in every row")


def _sign_name(sign: str) -> str:
    return "tabs" if sign == "\t" else f"'{sign}'"


def _delimiter(lines: list[str]) -> str:
    """Return the sign that cuts the rows: a tab or semicolon in most of the first rows, else the comma."""
    head = [line for line in lines if line.strip() and not line.lstrip().startswith("#")][:20]
    usual = (sign for sign in "\t;" if 2 * sum(sign in line for line in head) > len(head))
    return next(usual, ",")


def _entry(value: Any, where: str) -> Cell:
    if isinstance(value, str):
        value = one_line(value)  # hard spaces and line breaks within a cell are blanks
    return None if value is None or value in _EMPTY else Entry(value, where)


def _sheets_from_workbook(data: bytes, label: str) -> tuple[list[Sheet], list[InputError]]:
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    _refuse_vast_workbook(data, label)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what openpyxl does not keep when it saves; nothing is saved
            values = load_workbook(io.BytesIO(data), data_only=True)
            formulas = load_workbook(io.BytesIO(data))
    except (*_DAMAGED, InvalidFileException) as error:
        remedy = "open it in a spreadsheet program and save it as .xlsx, or as CSV"
        raise LayoutError("a workbook must be an XLSX file", "something else", label, remedy) from error
    faults: list[InputError] = []
    named = [sheet.title for sheet in values.worksheets if not sheet.title.strip().lower().startswith(_NOTES)]
    titles = [title for title in named if values[title].sheet_state == "visible"]
    hidden = [title for title in named if title not in titles and _filled(values[title], formulas[title], label)]
    unseen = tuple(f"the hidden sheet '{title}' of {label} was left out; show it if it is a plate" for title in hidden)
    filled = {title: rows for title in titles if (rows := _filled(values[title], formulas[title], label))}
    sheets: list[Sheet] = []
    for title, rows in filled.items():
        nameless = len(filled) == 1 and title.lower().startswith(_DEFAULT_TITLES)
        sheet_label = f"{label}!{title}"
        read = tuple(_workbook_row(row, sheet_label, number, faults=faults) for number, row in rows.items())
        notes = (*(unseen if not sheets else ()), *_hidden_lines(values[title], rows, sheet_label))
        sheets.append(Sheet("" if nameless else title.strip(), read, tuple(rows), sheet_label, notes=notes))
    return sheets, faults


def _hidden_lines(sheet: Any, rows: Mapping[int, list[tuple[Any, Any]]], label: str) -> Iterator[str]:
    """Yield what is said of filled rows and columns that are hidden, by a filter or by hand: all are read."""
    filled = {number: [value is not None for value, _ in cells] for number, cells in rows.items()}
    hidden = [f"{number}" for number, cells in filled.items() if any(cells) and sheet.row_dimensions[number].hidden]
    if hidden:
        yield f"hidden rows of {label} were read: {', '.join(hidden)}; delete them if they are not to count"
    width = max(map(len, filled.values()), default=0)
    columns = [
        letter
        for index, letter in enumerate(map(row_letters, range(width)))
        if _is_hidden(sheet, index + 1) and any(index < len(cells) and cells[index] for cells in filled.values())
    ]
    if columns:
        yield f"hidden columns of {label} were read: {', '.join(columns)}; delete them if they are not to count"


def _is_hidden(sheet: Any, column: int) -> bool:
    """Whether a column, counted from 1, is hidden; neighbours that are hidden together share one entry."""
    return any(each.hidden and each.min <= column <= each.max for each in sheet.column_dimensions.values())


_DAMAGED = (
    BadZipFile, zlib.error, EOFError, OSError, ParseError, RuntimeError, NotImplementedError,
    ArithmeticError, LookupError, ValueError, TypeError, AttributeError, SyntaxError,
)  # fmt: skip
"""What openpyxl and zipfile raise of a file that is damaged, encrypted, or no workbook; there is no common kind."""


def _refuse_vast_workbook(data: bytes, label: str) -> None:
    """Raise where a workbook unpacks to more than a table of wells ever holds, by passing over it once.

    Formats that stray over a million empty rows are common, and take 60 bytes a row.
    """
    try:
        with ZipFile(io.BytesIO(data)) as archive:
            members = [member for member in archive.infolist() if member.filename.endswith(".xml")]
            size = sum(member.file_size for member in members)
            if size > LARGEST_UNPACKED:
                found = f"{size / 1e6:,.0f} MB"
                raise LayoutError(f"a workbook must unpack to {LARGEST_UNPACKED / 1e6:.0f} MB or less", found, label)
            cells = 0
            for member in members:
                with archive.open(member) as stream:
                    tail = b""
                    while block := stream.read(1 << 20):
                        if b"<!DOCTYPE" in tail + block:
                            raise LayoutError("a workbook must hold no document type", "<!DOCTYPE>", label)
                        cells += block.count(b"<c ") + sum(map(_merged, _MERGED.findall(tail + block)))
                        tail = block[-80:]
            if cells > 2 * MOST_CELLS:
                must = f"a workbook must have at most {2 * MOST_CELLS:,} cells, formats of empty ones among them"
                raise LayoutError(must, f"{cells:,}", label, "copy what is filled to a new workbook")
    except _DAMAGED as error:
        remedy = "open it in a spreadsheet program and save it as .xlsx, or as CSV"
        raise LayoutError("a workbook must be an XLSX file", "something else", label, remedy) from error


_MERGED = re.compile(rb'<mergeCell ref="([A-Z]{1,3})([0-9]{1,7}):([A-Z]{1,3})([0-9]{1,7})"')


def _merged(area: tuple[bytes, bytes, bytes, bytes]) -> int:
    """Return how many cells a merged area has: openpyxl makes each of them."""
    left, top, right, bottom = area
    columns = (sum(26**i * (letter - 64) for i, letter in enumerate(reversed(ends))) for ends in (left, right))
    first, last = columns
    return int(max(0, last - first + 1) * max(0, int(bottom) - int(top) + 1))


def _filled(values: Any, formulas: Any, label: str) -> dict[int, list[tuple[Any, Any]]]:
    """Return (value, formula) of the cells of each row, 1 to the last row and to the last column that hold anything.

    Cells that have but a format are passed over, so that one in row 1,048,576 makes no million rows.
    """
    held = {place: cell.value for place, cell in values._cells.items() if cell.value is not None}  # noqa: SLF001 - every public way walks the whole rectangle
    written = {place: cell.value for place, cell in formulas._cells.items() if cell.value is not None}  # noqa: SLF001
    for area in values.merged_cells.ranges:
        first = area.min_row, area.min_col
        within = range(area.min_row, area.max_row + 1), range(area.min_col, area.max_col + 1)
        for cells in (held, written):
            if first in cells:
                cells.update(dict.fromkeys(product(*within), cells[first]))
    places = held.keys() | written.keys()
    rows: dict[int, set[int]] = {}
    for row, column in places:
        rows.setdefault(row, set()).add(column)
    ends = {row: max(columns) for row, columns in rows.items()}
    if sum(ends.values()) > 4 * MOST_CELLS:
        where = f"{label}!{values.title}"
        raise LayoutError(f"a table must have at most {MOST_COLUMNS:,} columns", f"{max(ends.values()):,}", where)
    spaced = {row: ends.get(row, 0) for row in {*ends, *(row + 1 for row in ends)} if row <= max(ends)}
    return {
        row: [(held.get((row, column)), written.get((row, column))) for column in range(1, end + 1)]
        for row, end in sorted(spaced.items())
    }


def _workbook_row(
    cells: list[tuple[Any, Any]], label: str, number: int, *, faults: list[InputError]
) -> tuple[Cell, ...]:
    """Return the row's entries; an empty row keeps one empty cell."""
    row: list[Cell] = []
    for column, (stored, formula) in enumerate(cells):
        place = f"{label}:{row_letters(column)}{number}"
        faults += _cell_faults(stored, formula, place)
        # [h]:mm as times are kept, in hours: 48:00 is 48
        value = stored.total_seconds() / 3600 if isinstance(stored, timedelta) else stored
        row.append(_entry(value, place) if isinstance(value, (str, int, float, date, time)) else None)
    return tuple(row) or (None,)


def _cell_faults(value: Any, formula: Any, where: str) -> list[InputError]:
    if value is None and isinstance(formula, str) and formula.startswith("="):
        remedy = "open the file in a spreadsheet program, save it, and try again; or type the value"
        return [LayoutError("a formula must carry its stored result", formula, where, remedy)]
    return []

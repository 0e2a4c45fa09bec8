"""Tables of statistics that cytometry programs export, of samples that were gated there.

file -> sheets -> rows under each header -> StatisticsTable: samples x headings, each number still as it was written

Two shapes are read: a row per sample with a column per number (FlowJo, BD FACSDiva, NovoExpress, a plain table), and a
row per sample and population (Attune, Kaluza, MACSQuantify), or a block of those below a line that names the sample
(CytExpert): such rows are spread, and the heading of each number is then `population | column`.
"""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from assaykit.errors import InputError, StatisticsError
from assaykit.escaping import one_line
from assaykit.numerals import both_ways, decimal_sign, readings
from assaykit.plate.draft import Entry, column_name, text_from_value, written
from assaykit.plate.headings import Heading, heading_from_text
from assaykit.plate.sheets import Cell, Sheet, sheets_from_file
from assaykit.plate.tally import BROKEN
from assaykit.sources import LARGEST_TABLE, bytes_from_file

FORMATS = (".csv", ".tsv", ".txt", ".xlsx", ".xlsm")
FOOT = frozenset(
    {"mean", "average", "median", "sd", "stdev", "std dev", "standard deviation", "sem", "cv", "min", "max"}
)
"""What programs write at the foot of a table in place of a sample's name."""
_SAMPLE = ("sample", "sample_name", "name", "file", "filename", "file_name", "fcs_file", "fcs_filename", "data_set",
           "tube", "tube_name", "sample_id", "sampleid")  # fmt: skip
_SPECIMEN = ("specimen", "specimen_name")
_WELL = ("well", "well_id", "well_name", "wid", "wellid", "$wellid", "well_position")
_PLATE = ("plate", "plate_name", "plate_id", "platename")
_POPULATION = ("population", "populations", "gate", "gate_name", "full_path", "path", "subset", "region")
_NOTHING = frozenset({"-", "--", "---"})  # MACSQuantify's rows between samples


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample: its name, well and plate as the table writes them, its numbers by heading, its other columns."""

    name: str
    where: str
    well: str = ""
    plate: str = ""
    numbers: Mapping[str, Entry] = field(default_factory=dict)
    columns: Mapping[str, Entry] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StatisticsTable:
    """One exported table. `decimal` is the decimal sign its numbers show; "" where they show none."""

    source: Path
    label: str
    headings: Mapping[str, Heading]
    samples: tuple[Sample, ...]
    decimal: str = ""

    @property
    def name(self) -> str:
        """The table's name: its file's, with the sheet's where the file has several."""
        return f"{self.source.stem} {self.label.partition('!')[2]}".strip()


@dataclass(frozen=True, slots=True)
class Number:
    """A cell as a number; `value` is None where it is none, and `problem` says why. `percent`: it bears that sign."""

    value: float | None
    percent: bool = False
    problem: str = ""


def read_statistics(path: Path, *, label: str = "", declared: Collection[str] = ()) -> list[StatisticsTable]:
    """Return the tables of a file, one per sheet; raises StatisticsError where it holds none.

    `declared` are headings that hold numbers because a study says so, whatever words they are.
    """
    label = label or path.name
    if path.suffix.lower() not in FORMATS:
        must = f"a table of statistics must be one of {', '.join(FORMATS)}"
        raise StatisticsError(must, f"'{path.suffix}'", label, "open it in a spreadsheet program and save it as .xlsx")
    try:
        sheets, faults = sheets_from_file(path, label)
    except InputError as error:
        raise StatisticsError(error.must, error.found, error.where, error.remedy) from error
    broken = {fault.where: Entry(fault.found, fault.where) for fault in faults}  # formulas without a result
    percents = _percent_cells(path, label)
    tables = [
        table for sheet in sheets if (table := _table(_with_cells(sheet, broken, percents), path, declared)) is not None
    ]
    if not tables:
        must = "a table of statistics must have a row per sample under headings such as 'Live | Median (PE-A)'"
        raise StatisticsError(must, "none", label, "export the statistics again, with the samples' names")
    return tables


def statistic_from_entry(entry: Entry, *, decimal: str = "") -> Number:
    """Return what a cell holds as a number: 12.3, 12,3, 1 234 or 12.3 %; ambiguous text is no number.

    >>> statistic_from_entry(Entry("12,3 %", "A2"))
    Number(value=12.3, percent=True, problem='')
    >>> statistic_from_entry(Entry("n.d.", "A2")).problem
    "'n.d.' is no number"
    """
    if isinstance(entry.value, bool) or not isinstance(entry.value, (str, int, float)):
        return Number(None, problem=f"{written(entry.value)} is no number")
    if not isinstance(entry.value, str):
        finite = abs(entry.value) < float("inf")
        return Number(float(entry.value)) if finite else Number(None, problem=f"{entry.value} is no number")
    text = entry.value.strip()
    percent = text.endswith("%")
    values = readings(text.removesuffix("%").rstrip(), decimal=decimal)
    if len(values) == 1:
        return Number(float(values[0]), percent)
    if values:
        return Number(None, problem=f"'{text}' is {both_ways(values)}")
    shown = f"the error {text}" if text in BROKEN else f"'{text}'"
    return Number(None, problem=f"{shown} is no number")


def _with_cells(sheet: Sheet, broken: Mapping[str, Entry], percents: Collection[str]) -> Sheet:
    """Return the sheet with formulas without a result as text, and numbers shown as percent with their sign."""

    def cell(row: int, column: int, entry: Cell) -> Cell:
        where = sheet.place(row, column)
        if entry is None or where not in percents or not isinstance(entry.value, (int, float)):
            return entry or broken.get(where)
        return replace(entry, value=f"{100 * entry.value!r}%")

    rows = tuple(tuple(cell(i, j, entry) for j, entry in enumerate(row)) for i, row in enumerate(sheet.rows))
    return replace(sheet, rows=rows)


def _percent_cells(path: Path, label: str) -> frozenset[str]:
    """Return the places of a workbook whose numbers are shown as percent: 0.123 stands there for 12.3 %."""
    if path.suffix.lower() not in {".xlsx", ".xlsm"}:
        return frozenset()
    from openpyxl import load_workbook

    data = bytes_from_file(path, "a table", StatisticsError, label=label, most=LARGEST_TABLE)
    book = load_workbook(io.BytesIO(data), data_only=True)  # sheets_from_file has read it once: it is a workbook
    return frozenset(
        f"{label}!{sheet.title}:{cell.coordinate}"
        for sheet in book.worksheets
        for row in sheet.iter_rows()
        for cell in row
        if isinstance(cell.value, (int, float)) and "%" in str(cell.number_format)
    )


def _table(sheet: Sheet, source: Path, declared: Collection[str]) -> StatisticsTable | None:
    """Return the samples of a sheet; None where no row of it looks like a header of statistics."""
    headers = [i for i in range(len(sheet.rows)) if _is_header(sheet.rows[i], declared)]
    found: dict[str, Sample] = {}
    headings: dict[str, Heading] = {}
    begins, ends = [0, *(header + 1 for header in headers)], [*headers[1:], len(sheet.rows)]
    for begin, header, end in zip(begins, headers, ends, strict=False):  # none where there is no header
        above = next(filter(None, map(_sample_named, reversed(sheet.rows[begin:header]))), "")
        for sample, each in _samples(sheet, header, end, above=above, declared=declared):
            headings |= {heading.text: heading for heading in each}
            key = f"{sample.plate}\t{sample.well}\t{sample.name}"
            found[key] = _joined(found[key], sample) if key in found else sample
    if not found:
        return None
    texts = {e.value for s in found.values() for e in s.numbers.values() if isinstance(e.value, str)}
    numbers = (text.strip().removesuffix("%").rstrip() for text in texts)
    return StatisticsTable(source, sheet.label, headings, tuple(found.values()), decimal_sign(numbers))


def _joined(one: Sample, other: Sample) -> Sample:
    """Return the numbers of two rows of one sample together; a number that differs between them is a fault."""
    for heading, entry in other.numbers.items():
        if heading in one.numbers and one.numbers[heading].value != entry.value:
            raise StatisticsError(
                "a sample must have one value under a heading",
                f"{written(one.numbers[heading].value)} and {written(entry.value)} for {one.name}, {heading}",
                entry.where,
                "delete the row that does not count, or name the samples apart",
            )
    return replace(one, numbers={**one.numbers, **other.numbers}, columns={**one.columns, **other.columns})


def _is_header(row: tuple[Cell, ...], declared: Collection[str]) -> bool:
    """Whether a row is a header: two texts or more, no number among them, and one of them the heading of numbers.

    FlowJo leaves the heading of its samples empty: one text with its bar is a header, too.
    """
    texts = [one_line(text_from_value(cell.value)) for cell in row if cell]
    numbers = [cell for cell in row if cell and statistic_from_entry(cell).value is not None]
    named = sum(text in declared or bool(heading_from_text(text).statistic) for text in texts)
    plain = {column_name(text).rstrip(":") for text in texts}
    table = len(texts) > 1 or bool(plain & {*_SAMPLE, *_WELL}) or any(" | " in text for text in texts)
    return table and named > 0 and not numbers


def _sample_named(row: tuple[Cell, ...]) -> str:
    """Return the sample a line by itself names, `Tube Name: K562_A1`, or with the name in its next cell; else ""."""
    texts = [one_line(text_from_value(cell.value)) for cell in row if cell]
    label, colon, rest = (texts[0] if texts else "").partition(":")
    alone = len(texts) == (1 if rest.strip() else 2)
    return (rest.strip() or texts[1]) if colon and alone and column_name(label) in (*_SAMPLE, *_WELL) else ""


def _samples(
    sheet: Sheet, header: int, end: int, *, above: str, declared: Collection[str]
) -> Iterator[tuple[Sample, list[Heading]]]:
    """Yield the sample of each row below a header, up to its foot, with the headings of its numbers."""
    texts = {column: one_line(text_from_value(cell.value)) for column, cell in enumerate(sheet.rows[header]) if cell}
    names = {column: column_name(text).rstrip(":").strip("_") for column, text in texts.items()}
    roles = {
        role: next((column for name in known for column in names if names[column] == name), None)
        for role, known in {"sample": _SAMPLE, "specimen": _SPECIMEN, "well": _WELL, "plate": _PLATE,
                            "population": _POPULATION}.items()
    }  # fmt: skip
    axes = {side: column for column, name in names.items() for side in "xy" if name == f"{side}_parameter"}
    taken = {column for column in (*roles.values(), *axes.values()) if column is not None}
    numbers = {
        column: heading_from_text(text)
        for column, text in texts.items()
        if column not in taken and (text in declared or heading_from_text(text).statistic)
    }
    if roles["sample"] is None and not above:  # FlowJo leaves the heading of its samples empty
        nameless = (c for c in range(min(numbers, default=0)) if c not in texts)
        roles["sample"] = next((c for c in nameless if any(_at(row, c) for row in sheet.rows[header + 1 : end])), None)
    named = bool(above) or any(roles[role] is not None for role in ("sample", "specimen", "well"))
    for index in range(header + 1, end):
        row = sheet.rows[index]
        cells = {role: _text(row, column) for role, column in roles.items()}
        name = above or "_".join(filter(None, (cells["specimen"], cells["sample"]))) or cells["well"]
        if _sample_named(row):
            return  # the next block of populations
        if cells["sample"].casefold().rstrip(":") in FOOT and not cells["well"]:
            continue
        if roles["population"] is not None and not cells["population"]:
            continue
        if not named:
            name = f"row {sheet.numbers[index]}" if any(row) else ""
        if not name or name in _NOTHING or cells["well"] in _NOTHING:
            continue
        population = cells["population"]
        found: dict[str, Entry] = {}
        headings = []
        for column, plain in numbers.items():
            entry = _at(row, column)
            heading = _spread(plain, population, row, axes) if roles["population"] is not None else plain
            headings.append(heading)
            if entry is not None:
                found[heading.text] = entry
        others = {names[c]: e for c in texts if c not in (*taken, *numbers) and (e := _at(row, c)) is not None}
        where = f"{sheet.label}, row {sheet.numbers[index]}"
        yield Sample(name, where, cells["well"], cells["plate"], found, others), headings


def _spread(plain: Heading, population: str, row: tuple[Cell, ...], axes: Mapping[str, int]) -> Heading:
    """Return the heading of a number whose population, and channel (`X Median`), stand in columns of their own."""
    side = re.match(r"([xy])[\s-]", plain.text, re.IGNORECASE)
    channel = _text(row, axes.get(side[1].lower())) if side else ""
    shown = plain.statistic.replace("_", " ").title() + f" ({channel})" if channel else plain.text
    return replace(
        heading_from_text(f"{population} | {shown}", population=population), channel=channel or plain.channel
    )


def _at(row: tuple[Cell, ...], column: int) -> Cell:
    return row[column] if column < len(row) else None


def _text(row: tuple[Cell, ...], column: int | None) -> str:
    cell = None if column is None else _at(row, column)
    return one_line(text_from_value(cell.value)) if cell else ""

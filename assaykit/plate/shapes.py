"""The two shapes of a layout in a sheet: one row per well (tidy), or one block per factor (plate-shaped).

A plate-shaped sheet follows plater (Hughes 2016, 10.21105/joss.00106): a block's corner (or, where that is empty, the
heading above it) names the factor, columns are numbered to its right, rows lettered below. A row of a name and one
value, outside any block, holds for every well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from assaykit.errors import InputError, LayoutError
from assaykit.plate.draft import DraftPlate, DraftWell, Entry, column_name, text_from_value, written
from assaykit.plate.positions import SIZES, Position, column_from_text, row_from_letters, well_from_position
from assaykit.plate.sheets import Cell, Sheet
from assaykit.vocabulary import nearest


@dataclass(frozen=True, slots=True)
class _Block:
    """One factor over the plate: entries by position, and the size its grid shows."""

    factor: str
    where: str
    entries: dict[Position, Entry]
    shape: Position


def drafts_from_sheet(sheet: Sheet, source: Path) -> tuple[list[DraftPlate], list[InputError]]:
    """Return the plates of a sheet in either shape, and its faults."""
    if not any(map(any, sheet.rows)):
        return [], [LayoutError("a layout must hold a table", "an empty one", sheet.label)]
    if is_plate_shaped(sheet):
        return _plate_shaped(sheet, source)
    return _tidy(sheet, source)


def is_plate_shaped(sheet: Sheet) -> bool:
    """Whether a sheet holds blocks of rows A, B .. by columns 1, 2 .., and no table with a column of wells."""
    header = sheet.rows[_header_row(sheet)] if sheet.rows else ()
    tidy = any(cell and column_name(text_from_value(cell.value)) == "well" for cell in header)
    return not tidy and any(_opens_block(sheet.rows, index) for index in range(len(sheet.rows)))


def table_from_sheet(sheet: Sheet) -> tuple[list[DraftWell], list[InputError]]:
    """Return the rows below the header as drafts without well names, and the header's faults."""
    if not any(map(any, sheet.rows)):
        return [], [LayoutError("a table must have a header and rows", "an empty one", sheet.label)]
    first = _header_row(sheet)
    header, faults = _header(sheet, first)
    rows = [index for index in range(first + 1, len(sheet.rows)) if any(sheet.rows[index])]
    faults += _nameless_columns(sheet, header, rows)
    drafts = []
    for index in rows:
        cells = sheet.rows[index]
        filled = {name: cell for column, name in header.items() if column < len(cells) and (cell := cells[column])}
        drafts.append(DraftWell("", f"{sheet.label}, row {sheet.numbers[index]}", filled))
    if not drafts and not faults:
        faults.append(
            LayoutError("a table must have rows below its header", "none", sheet.label, "write a row per well")
        )
    return drafts, faults


def _header_row(sheet: Sheet) -> int:
    """Return the first row with two filled cells: a heading above the table has one."""
    filled = [index for index, row in enumerate(sheet.rows) if any(row)]
    return next((index for index in filled if sum(map(bool, sheet.rows[index])) > 1), filled[0] if filled else 0)


def _nameless_columns(sheet: Sheet, header: dict[int, str], rows: list[int]) -> list[InputError]:
    """Return a fault per column of values without a name; a column that only numbers the rows is left out."""
    faults: list[InputError] = []
    for column in range(max((len(sheet.rows[index]) for index in rows), default=0)):
        cells = [sheet.rows[index][column] for index in rows if column < len(sheet.rows[index])]
        filled = [cell for cell in cells if cell]
        numbers = [_whole(cell) for cell in cells]
        if column in header or not filled or numbers in (list(range(len(rows))), list(range(1, len(rows) + 1))):
            continue
        found = written(filled[0].value)
        faults.append(LayoutError("a value must stand under a named column", found, filled[0].where, "name the column"))
    return faults


def _tidy(sheet: Sheet, source: Path) -> tuple[list[DraftPlate], list[InputError]]:
    first = _header_row(sheet)
    header, _ = _header(sheet, first)
    if "well" not in header.values():
        return [], [_no_shape(sheet, header, first)]
    drafts, faults = table_from_sheet(sheet)
    plates: dict[str, list[DraftWell]] = {}
    several = any("plate" in draft.entries for draft in drafts)
    for draft in drafts:
        well, plate = draft.entries.get("well"), draft.entries.get("plate")
        if well is None:
            faults.append(LayoutError("a row must name its well", "an empty cell", draft.where))
            continue
        if plate is None and several:
            remedy = "write the plate's name in every row, or join the cells of one plate"
            faults.append(LayoutError("a row must name its plate", "an empty cell", draft.where, remedy))
            continue
        name = text_from_value(plate.value) if plate else sheet.title or source.stem
        plates.setdefault(name, []).append(DraftWell(text_from_value(well.value), well.where, draft.entries))
    return [DraftPlate(name, tuple(wells), source, sheet.label) for name, wells in plates.items()], faults


def _no_shape(sheet: Sheet, header: dict[int, str], row: int) -> LayoutError:
    near = next((name for name in header.values() if nearest(name, ("well",)) or name.startswith("well")), "")
    found = f"'{near}'" if near else f"the columns {', '.join(header.values())}"
    remedy = (
        "name the column 'well'"
        if near
        else "write one row per well with a column 'well', or a block per factor: columns 1, 2, 3, rows A, B, C"
    )
    return LayoutError("a layout must say which well each value is for", found, sheet.place(row, 0), remedy)


def _header(sheet: Sheet, row: int) -> tuple[dict[int, str], list[InputError]]:
    header: dict[int, str] = {}
    faults: list[InputError] = []
    for column, cell in enumerate(sheet.rows[row]):
        if cell is None:
            continue
        name = column_name(text_from_value(cell.value))
        if name in header.values():
            faults.append(LayoutError("a column must be named once", f"'{name}' again", cell.where))
        header[column] = name
    return header, faults


def _opens_block(rows: tuple[tuple[Cell, ...], ...], index: int) -> bool:
    """Whether a row opens a block: column numbers counting up follow its first cell, and a row letter stands below."""
    numbers = [_whole(cell) for cell in rows[index][1:] if cell]
    counted = [number for number in numbers if number is not None]
    if len(counted) < 2 or counted != numbers or counted != list(range(counted[0], counted[0] + len(counted))):
        return False
    below = next((row[0] for row in rows[index + 1 :] if any(row)), None)
    return below is not None and re.fullmatch(r"[A-Za-z]{1,2}", text_from_value(below.value)) is not None


def _whole(cell: Cell) -> int | None:
    text = text_from_value(cell.value) if cell else ""
    return int(text) if text.isascii() and text.isdigit() else None


def _plate_shaped(sheet: Sheet, source: Path) -> tuple[list[DraftPlate], list[InputError]]:
    faults: list[InputError] = []
    blocks: list[_Block] = []
    constants: dict[str, Entry] = {}
    heading: Cell = None
    index = 0
    while index < len(sheet.rows):
        row = sheet.rows[index]
        if not any(row):
            index += 1
        elif _opens_block(sheet.rows, index):
            end = next((i for i in range(index + 1, len(sheet.rows)) if _ends(sheet.rows, i)), len(sheet.rows))
            blocks.append(_block(sheet, index, end, heading=heading, faults=faults))
            heading, index = None, end
        elif _heading(row):
            heading, index = _heading(row), index + 1
        else:
            constants |= _constant(sheet, index, faults)
            index += 1
    faults += _repeated(blocks)
    wells = tuple(_wells(blocks, constants))
    if not wells and not faults:
        faults.append(
            LayoutError(
                "a plate must have wells", "empty blocks", sheet.label, "write the treatment where each well is"
            )
        )
    size = next((size for size, shape in SIZES.items() if blocks and all(b.shape == shape for b in blocks)), None)
    return [DraftPlate(sheet.title or source.stem, wells, source, sheet.label, size)], faults


def _ends(rows: tuple[tuple[Cell, ...], ...], index: int) -> bool:
    return not any(rows[index]) or _opens_block(rows, index)


def _heading(row: tuple[Cell, ...]) -> Cell:
    """Return the one value of a row that has no other (over merged cells too): a heading, or a name left empty."""
    filled = [cell for cell in row if cell]
    return filled[0] if row[0] is filled[0] and len({cell.value for cell in filled}) == 1 else None


def _constant(sheet: Sheet, index: int, faults: list[InputError]) -> dict[str, Entry]:
    filled = [cell for cell in sheet.rows[index] if cell]
    if len(filled) == 2 and sheet.rows[index][0] is filled[0]:
        return {column_name(text_from_value(filled[0].value)): filled[1]}
    faults.append(
        LayoutError(
            "a row outside a block must be a name and one value",
            f"{len(filled)} filled cells",
            f"{sheet.label}, row {sheet.numbers[index]}",
            "leave an empty row only between blocks, and begin each block with the factor and the column numbers",
        )
    )
    return {}


def _block(sheet: Sheet, start: int, end: int, *, heading: Cell, faults: list[InputError]) -> _Block:
    corner = sheet.rows[start][0] or heading
    where = sheet.place(start, 0)
    if corner is None:
        faults.append(
            LayoutError("a block's corner must name its factor", "an empty cell", where, "write 'treatment' there")
        )
        return _Block("", where, {}, (0, 0))
    columns = _axis(sheet.rows[start][1:], faults)
    entries: dict[Position, Entry] = {}
    seen: dict[int, str] = {}
    for index in range(start + 1, end):
        head, *cells = sheet.rows[index]
        if head is None:
            faults.append(
                LayoutError("a row of a block must begin with its letter", "an empty cell", sheet.place(index, 0))
            )
            continue
        try:
            row = row_from_letters(text_from_value(head.value))
        except LayoutError as error:
            faults.append(LayoutError(error.must, error.found, head.where, "leave an empty row between blocks"))
            continue
        if row in seen:
            faults.append(
                LayoutError("a row must stand once in a block", f"{text_from_value(head.value)} again", head.where)
            )
            continue
        seen[row] = head.where
        entries |= _row_entries(row, cells, columns, faults=faults)
    factor = column_name(text_from_value(corner.value)) if corner else ""
    shape = max(seen, default=-1) + 1, max(columns.values(), default=-1) + 1
    return _Block(factor, where, entries, shape)


def _axis(cells: tuple[Cell, ...], faults: list[InputError]) -> dict[int, int]:
    """Return the plate's column of each column of the sheet."""
    columns: dict[int, int] = {}
    for offset, cell in enumerate(cells):
        if cell is None:
            continue
        try:
            column = column_from_text(text_from_value(cell.value))
        except LayoutError as error:
            faults.append(LayoutError(error.must, error.found, cell.where))
            continue
        if column in columns.values():
            faults.append(LayoutError("a column must stand once in a block", f"{column + 1} again", cell.where))
            continue
        columns[offset] = column
    return columns


def _row_entries(
    row: int, cells: list[Cell], columns: dict[int, int], *, faults: list[InputError]
) -> dict[Position, Entry]:
    entries = {}
    for offset, cell in enumerate(cells):
        if cell is None:
            continue
        if offset in columns:
            entries[row, columns[offset]] = cell
        else:
            faults.append(LayoutError("a value must stand under a column number", written(cell.value), cell.where))
    return entries


def _repeated(blocks: list[_Block]) -> list[InputError]:
    seen: dict[str, str] = {}
    faults: list[InputError] = []
    for block in blocks:
        if block.factor and block.factor in seen:
            found = f"'{block.factor}' again, after {seen[block.factor]}"
            faults.append(LayoutError("a factor must have one block", found, block.where))
        seen.setdefault(block.factor, block.where)
    return faults


def _wells(blocks: list[_Block], constants: dict[str, Entry]) -> Iterator[DraftWell]:
    for position in sorted({position for block in blocks for position in block.entries}):
        entries = {block.factor: block.entries[position] for block in blocks if position in block.entries}
        where = next(iter(entries.values())).where
        yield DraftWell(well_from_position(position), where, {**constants, **entries})

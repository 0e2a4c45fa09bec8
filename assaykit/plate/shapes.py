"""The two shapes of a layout in a sheet: one row per well (tidy), or one block per factor (plate-shaped).

A plate-shaped sheet follows plater (Hughes 2016, 10.21105/joss.00106): a block's corner (or, where that is empty, the
heading above it) names the factor, columns are numbered to its right, rows lettered below. A row of a name and one
value, outside any block, holds for every well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from assaykit.errors import InputError, LayoutError
from assaykit.plate.draft import DraftPlate, DraftWell, Entry, column_name, text_from_value, written
from assaykit.plate.positions import (
    DEFAULT_SIZE,
    SIZES,
    Position,
    column_from_text,
    quarter_row,
    quarter_well,
    row_from_letters,
    row_letters,
    well_from_position,
)
from assaykit.plate.sheets import Cell, Sheet
from assaykit.vocabulary import nearest


@dataclass(frozen=True, slots=True)
class _Block:
    """One factor over the plate: entries by position, the size its grid shows, and the title above it."""

    factor: str
    where: str
    entries: dict[Position, Entry]
    shape: Position = (0, 0)
    title: str = ""
    in_quarters: bool = False  # rows Aa to Hd of a plate of 1536 wells


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
    return not tidy and any(_block_starts(sheet.rows, index) for index in range(len(sheet.rows)))


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
    if "well" not in header.values() and "file" in header.values():
        return _tubes(sheet, source)
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
    tidy = []
    for name, wells in plates.items():
        quarters = [well for well in wells if quarter_well(well.name)]
        if quarters and len(quarters) < len(wells):
            other = next(well for well in wells if well not in quarters)
            found = f"'{quarters[0].name}' and '{other.name}'"
            remedy = "name the rows Aa, Ab, Ac, Ad, Ba ... Hd, or A, B ... Z, AA, AB ... AF, and not both"
            faults.append(LayoutError("the rows of a plate must be named in one way", found, other.where, remedy))
        elif quarters:
            named = tuple(replace(well, name=quarter_well(well.name)) for well in wells)
            tidy.append(DraftPlate(name, named, source, sheet.label, max(SIZES)))
        else:
            tidy.append(DraftPlate(name, tuple(wells), source, sheet.label))
    return tidy, faults


def _tubes(sheet: Sheet, source: Path) -> tuple[list[DraftPlate], list[InputError]]:
    """Return the tubes of a sample sheet, a row per file, as wells of a plate in the order of the rows."""
    drafts, faults = table_from_sheet(sheet)
    racks: dict[str, list[DraftWell]] = {}
    for draft in drafts:
        if "file" not in draft.entries:
            remedy = "write the FCS file of the tube, or delete the row"
            faults.append(LayoutError("a row must name its file", "an empty cell", draft.where, remedy))
            continue
        plate = draft.entries.get("plate")
        racks.setdefault(text_from_value(plate.value) if plate else sheet.title or source.stem, []).append(draft)
    plates = []
    for name, tubes in racks.items():
        size = next((size for size in SIZES if size >= max(len(tubes), DEFAULT_SIZE)), None)
        if size is None:
            found = f"{len(tubes):,} rows"
            faults.append(LayoutError(f"a sample sheet must name at most {max(SIZES):,} tubes", found, sheet.label))
            continue
        width = SIZES[size][1]
        named = tuple(replace(tube, name=well_from_position(divmod(i, width))) for i, tube in enumerate(tubes))
        plates.append(DraftPlate(name, named, source, sheet.label, size, tubes=True))
    return plates, faults


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


def _block_starts(rows: Sequence[tuple[Cell, ...]], index: int) -> list[int]:
    """Return the columns at which blocks begin in a row; several where they stand side by side, none outside them.

    A block's corner has column numbers counting up to its right, and a row letter below it.
    """
    numbers = [_whole(cell) for cell in rows[index]]
    below = next((row for row in rows[index + 1 :] if any(row)), ())
    filled = [number for number, cell in zip(numbers[1:], rows[index][1:], strict=True) if cell]
    if len(filled) > 1 and filled == list(range(filled[0] or 0, (filled[0] or 0) + len(filled))):
        return [0] if _is_row_letter(below, 0) else []
    starts: list[int] = []
    run = 0  # how many numbers have counted up so far
    for column, number in enumerate(numbers):
        before = numbers[column - 1] if column else None
        if number is not None and before is None and column:
            starts.append(column - 1)
            run = 1
        elif number is not None and before is not None and number == before + 1:
            run += 1
        elif number is not None or (before is not None and run < 2):
            return []  # a number that does not count up, or stands alone: a row of a table
    labels = {column for column, cell in enumerate(rows[index]) if cell and numbers[column] is None}
    sound = run > 1 and labels <= set(starts) and all(_is_row_letter(below, start) for start in starts)
    return starts if sound else []


def _is_row_letter(row: Sequence[Cell], column: int) -> bool:
    cell = row[column] if column < len(row) else None
    return cell is not None and re.fullmatch(r"[A-Za-z]{1,2}", text_from_value(cell.value)) is not None


def _whole(cell: Cell) -> int | None:
    text = text_from_value(cell.value) if cell else ""
    return int(text) if text.isascii() and text.isdigit() else None


def _plate_shaped(sheet: Sheet, source: Path) -> tuple[list[DraftPlate], list[InputError]]:
    """Return the plate of the blocks of a sheet; blocks of one factor side by side, under a title each, are plates."""
    faults: list[InputError] = []
    blocks: list[_Block] = []
    constants: dict[str, Entry] = {}
    above: tuple[Cell, ...] = ()  # a row of titles
    index = 0
    while index < len(sheet.rows):
        row = sheet.rows[index]
        starts = _block_starts(sheet.rows, index)
        if not any(row):
            index += 1
        elif starts:
            end = next((i for i in range(index + 1, len(sheet.rows)) if _ends(sheet.rows, i)), len(sheet.rows))
            for start, stop in zip(starts, [*starts[1:], None], strict=True):
                part = _part(sheet, (index, end), (start, stop))
                blocks.append(_block(part, 0, end - index, heading=_heading(above[start:stop]), faults=faults))
            above, index = (), end
        elif _heading(row) or _titles(sheet.rows, index):
            above, index = row, index + 1
        else:
            constants |= _constant(sheet, index, faults)
            index += 1
    name = sheet.title or source.stem
    plates = _plates(blocks, name)
    faults += [fault for own in plates.values() for fault in _repeated(own)]
    drafts = [_draft(own, constants, plate, sheet=sheet, source=source) for plate, own in plates.items()]
    if not any(draft.wells for draft in drafts) and not faults:
        faults.append(
            LayoutError(
                "a plate must have wells", "empty blocks", sheet.label, "write the treatment where each well is"
            )
        )
    return drafts, faults


def _part(sheet: Sheet, rows: tuple[int, int], columns: tuple[int, int | None]) -> Sheet:
    """Return some rows and columns of a sheet, whose cells keep their places."""
    (first, end), (start, stop) = rows, columns
    cells = tuple((*row[start:stop], *(() if len(row) > start else (None,))) for row in sheet.rows[first:end])
    return replace(sheet, rows=cells, numbers=sheet.numbers[first:end], first_column=sheet.first_column + start)


def _plates(blocks: list[_Block], name: str) -> dict[str, list[_Block]]:
    """Return the blocks by plate: those under titles of their own where a factor stands under several of them."""
    titles: dict[str, set[str]] = {}
    for block in blocks:
        titles.setdefault(block.factor, set()).add(block.title)
    if not any(len(found) > 1 and "" not in found for found in titles.values()):
        return {name: blocks}
    plates: dict[str, list[_Block]] = {}
    for block in blocks:
        plates.setdefault(block.title or name, []).append(block)
    return plates


def _draft(blocks: list[_Block], constants: dict[str, Entry], name: str, *, sheet: Sheet, source: Path) -> DraftPlate:
    """Return the plate of blocks, with the size they show, and a word where they show none."""
    shapes = {block.shape for block in blocks}
    size = next((size for size, shape in SIZES.items() if shapes == {shape}), None)
    if any(block.in_quarters for block in blocks):
        size = max(SIZES)
    notes: tuple[str, ...] = ()
    rows, columns = max((row for row, _ in shapes), default=0), max((column for _, column in shapes), default=0)
    full = any(len(block.entries) == rows * columns for block in blocks)  # a part of 96 wells has empty ones beside it
    if size is None and full and rows > 1 and 1 < columns < SIZES[DEFAULT_SIZE][1]:
        notes = (f"the blocks reach to row {row_letters(rows - 1)} and column {columns}, which is no plate's size",)
    return DraftPlate(name, tuple(_wells(blocks, constants)), source, sheet.label, size, notes=notes)


def _ends(rows: tuple[tuple[Cell, ...], ...], index: int) -> bool:
    return not any(rows[index]) or bool(_block_starts(rows, index))


def _heading(row: tuple[Cell, ...]) -> Cell:
    """Return the one value of a row that has no other (over merged cells too): a heading, or a name left empty.

    Several cells that hold it are joined ones, at the row's beginning or over the column numbers.
    """
    filled = [cell for cell in row if cell]
    return filled[0] if len({cell.value for cell in filled}) == 1 else None


def _titles(rows: Sequence[tuple[Cell, ...]], index: int) -> bool:
    """Whether a row holds a title over each of several blocks that begin below it."""
    below = next((i for i in range(index + 1, len(rows)) if any(rows[i])), index)
    starts = _block_starts(rows, below)
    stops = [*starts[1:], None] if starts else []
    parts = [rows[index][start:stop] for start, stop in zip(starts, stops, strict=True)]
    return len(starts) > 1 and all(_heading(part) for part in parts)


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
    title = text_from_value(heading.value) if heading and corner is not heading else ""
    where = sheet.place(start, 0)
    if corner is None:
        faults.append(
            LayoutError("a block's corner must name its factor", "an empty cell", where, "write 'treatment' there")
        )
        return _Block("", where, {})
    columns = _axis(sheet.rows[start][1:], faults)
    entries: dict[Position, Entry] = {}
    seen: dict[int, str] = {}
    in_quarters = False
    for index in range(start + 1, end):
        head, *cells = sheet.rows[index]
        if head is None:
            faults.append(
                LayoutError("a row of a block must begin with its letter", "an empty cell", sheet.place(index, 0))
            )
            continue
        letters = text_from_value(head.value)
        quarter = quarter_row(letters)
        try:
            row = row_from_letters(letters) if quarter is None else quarter
        except LayoutError as error:
            faults.append(LayoutError(error.must, error.found, head.where, "leave an empty row between blocks"))
            continue
        if row in seen:
            faults.append(
                LayoutError("a row must stand once in a block", f"{text_from_value(head.value)} again", head.where)
            )
            continue
        seen[row] = head.where
        in_quarters = in_quarters or quarter is not None
        entries |= _row_entries(row, cells, columns, faults=faults)
    factor = column_name(text_from_value(corner.value)) if corner else ""
    shape = max(seen, default=-1) + 1, max(columns.values(), default=-1) + 1
    return _Block(factor, where, entries, shape, title, in_quarters)


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

"""Layouts in wellmap's TOML format, read strictly: groups of wells become layers, and layers become wells.

    TOML -> groups ([expt], [row.A], [block.2x2.A1] ...) -> layers in order of precedence -> DraftPlate

The format and its order of precedence are those of wellmap's documentation (Kundert 2021,
10.1186/s13104-021-05573-0). Unlike that package, a misspelt group, a well written twice and a group that fills no
well are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from assaykit.errors import MOST_DETAILS, InputError, LayoutError, looked_into
from assaykit.plate.draft import DraftPlate, DraftWell, Entry, Value, column_name
from assaykit.plate.positions import (
    SIZES,
    Position,
    columns_in_pattern,
    rows_in_pattern,
    well_from_position,
    wells_in_pattern,
)
from assaykit.vocabulary import nearest

# Lowest precedence first; a group of one plate stands half a step above the same group of all plates.
_RANKS = {"expt": 0, "icol": 1, "irow": 2, "col": 3, "row": 4, "block": 5, "well": 6}
_TABLES = ("meta", "plate", *_RANKS)
_LOOSE = ("wells", "title", "name", "date", "notes", "author")


@dataclass(frozen=True, slots=True)
class _Layer:
    """One group of wells and what it says about them: wells by name, or the rows or columns it runs along."""

    kind: str
    wells: frozenset[Position]
    lines: frozenset[int]
    values: Mapping[str, Value]
    where: str
    order: tuple[int, int, int, int]  # rank, -area, of one plate, position in the file

    def covers(self, position: Position) -> bool:
        row, column = position
        match self.kind:
            case "row":
                return row in self.lines
            case "col":
                return column in self.lines
            case "irow":
                return _interleaved(row, column) in self.lines
            case "icol":
                return _interleaved(column, row) in self.lines
            case "expt":
                return True
        return position in self.wells


def drafts_from_toml(
    document: Mapping[str, Any], source: Path, label: str, *, known: tuple[str, ...] = ()
) -> tuple[list[DraftPlate], list[InputError]]:
    """Return the plates a parsed wellmap document describes, and its faults; `known` are the columns a layout has."""
    faults: list[InputError] = [*_table_faults(document, label), *_loose_faults(document, known, label)]
    document = {key: value for key, value in document.items() if key not in _TABLES or isinstance(value, Mapping)}
    size, more = _size(document, label)
    faults += more
    shared = list(_layers(document, label, "", faults=faults))
    plates = document.get("plate", {})
    drafts = []
    for name, table in (plates or {source.stem: {}}).items():
        if not isinstance(table, Mapping):
            faults.append(LayoutError("a value under [plate] must belong to a plate", f"'{name}'", label))
            continue
        prefix = f"plate.{name}."
        own = list(_layers(table, label, prefix, faults=faults)) if plates else []
        if plates:
            own += _plate_values(table, label, str(name), faults=faults)
        drafts.append(_draft([*shared, *own], str(name), source=source, label=label, size=size))
    faults += [_no_wells(draft) for draft in drafts if not draft.wells and not faults]
    return drafts, faults


def _draft(layers: list[_Layer], name: str, *, source: Path, label: str, size: int | None) -> DraftPlate:
    positions, implied = _positions(layers)
    entries: dict[Position, dict[str, Entry]] = {position: {} for position in sorted(positions)}
    places = dict.fromkeys(entries, label)
    for layer in sorted(layers, key=lambda layer: layer.order):
        held = {key: Entry(value, f"{label}, {layer.where}") for key, value in layer.values.items()}
        for position in layer.wells or [position for position in entries if layer.covers(position)]:
            entries[position] |= held
            places[position] = f"{label}, {layer.where}" if layer.kind != "expt" else places[position]
    wells = (
        DraftWell(well_from_position(position), places[position], held, position in implied)
        for position, held in entries.items()
    )
    return DraftPlate(name, tuple(wells), source, label, size)


def _positions(layers: list[_Layer]) -> tuple[set[Position], set[Position]]:
    """Return the wells the groups call into being, and those among them that only lie between others.

    As in wellmap 3.5, rows A and C with columns 1 and 2 make B1 and B2 as well: a column spans every row between the
    first and the last of the plate's wells, and a row every column.
    """
    lines: dict[str, set[int]] = {kind: set() for kind in _RANKS}
    named: set[Position] = set()
    for layer in layers:
        lines[layer.kind] |= layer.lines
        named |= layer.wells
    # 1. Every line crosses the lines of the other direction, and the rows or columns of wells that bear a name.
    rows, columns = lines["row"] | {row for row, _ in named}, lines["col"] | {column for _, column in named}
    crossed = named | _along(lines, rows, columns)
    # 2. The wells found so far show from where to where the plate reaches, and every line spans all of it.
    spanned = crossed | _along(lines, {row for row, _ in crossed}, {column for _, column in crossed})
    # What no group names and no row and column share is implied: a lab may have left it empty.
    shared = {*product(lines["row"], lines["col"])}
    shared |= {(_interleaved(row, column), column) for row, column in product(lines["irow"], lines["col"])}
    shared |= {(row, _interleaved(column, row)) for row, column in product(lines["row"], lines["icol"])}
    return spanned, spanned - named - shared


def _along(lines: Mapping[str, set[int]], rows: set[int], columns: set[int]) -> set[Position]:
    """Return the wells of all lines, interleaved ones too, from the first to the last of the rows or columns given."""
    down = range(min(rows), max(rows) + 1) if rows else range(0)
    across = range(min(columns), max(columns) + 1) if columns else range(0)
    wells = {*product(lines["row"], across), *product(down, lines["col"])}
    wells |= {(_interleaved(row, column), column) for row, column in product(lines["irow"], across)}
    return wells | {(row, _interleaved(column, row)) for row, column in product(down, lines["icol"])}


def _interleaved(this: int, other: int) -> int:
    """Return the neighbour of `this` in its pair on every second `other`: A1, B2, A3, B4."""
    return this if other % 2 == 0 else this + (1 if this % 2 == 0 else -1)


def _layers(table: Mapping[str, Any], label: str, prefix: str, *, faults: list[InputError]) -> Iterator[_Layer]:
    count = 0
    seen: dict[Position, str] = {}
    for kind, group, key, values in _groups(table, label, prefix, faults=faults):
        where = f"[{prefix}{group}]"
        try:
            wells, lines, area = _members(kind, key)
        except LayoutError as error:
            faults.append(LayoutError(error.must, error.found, f"{label}, {where}", error.remedy))
            continue
        if kind == "well":
            faults += _repeated(wells, seen, f"{label}, {where}")
        checked = _values(values, f"{label}, {where}", faults)
        count += 1
        yield _Layer(kind, wells, lines, checked, where, (_RANKS[kind], -area, int(bool(prefix)), count))


def _groups(
    table: Mapping[str, Any], label: str, prefix: str, *, faults: list[InputError]
) -> Iterator[tuple[str, str, str, Mapping[str, Any]]]:
    """Yield (kind, name in the file, key, values) of every group of wells."""
    for kind in _RANKS:
        groups = table.get(kind, {})
        if kind == "expt":
            if prefix and groups:
                faults.append(
                    LayoutError("[expt] must stand outside plates", f"[{prefix}expt]", label, f"use [{prefix[:-1]}]")
                )
            elif groups:
                yield kind, kind, "", groups
            continue
        nested = groups if isinstance(groups, Mapping) else {"": groups}
        pairs = (
            ((f"{size}.{key}", values) for size, blocks in nested.items() for key, values in _items(blocks))
            if kind == "block"
            else nested.items()
        )
        for key, values in pairs:
            if isinstance(values, Mapping):
                yield kind, f"{kind}.{key}", str(key), values
            else:
                faults.append(_not_a_group(kind, str(key), f"{label}, [{prefix}{kind}]"))


def _items(blocks: Any) -> Iterator[tuple[str, Any]]:
    yield from blocks.items() if isinstance(blocks, Mapping) else (("", blocks),)


def _not_a_group(kind: str, key: str, where: str) -> LayoutError:
    example = {"block": "block.2x3.A1", "row": "row.A", "irow": "irow.A", "well": "well.A1"}.get(kind, f"{kind}.1")
    return LayoutError(f"values must belong to a named group such as [{example}]", f"'{key}'", where)


def _members(kind: str, key: str) -> tuple[frozenset[Position], frozenset[int], int]:
    """Return the wells a group names, or the lines it runs along, and the area of its block."""
    match kind:
        case "expt":
            return frozenset(), frozenset(), 0
        case "row" | "irow":
            return frozenset(), frozenset(rows_in_pattern(key)), 0
        case "col" | "icol":
            return frozenset(), frozenset(columns_in_pattern(key)), 0
        case "block":
            cells, area = _block(key)
            return cells, frozenset(), area
    return frozenset(wells_in_pattern(key)), frozenset(), 0


def _block(key: str) -> tuple[frozenset[Position], int]:
    size, _, corners = key.partition(".")
    match = re.fullmatch(r"([1-9][0-9]*)x([1-9][0-9]*)", size)
    if match is None:
        raise LayoutError("a block's size must be columns x rows, such as 2x3", f"'{size}'")
    width, height = int(match[1]), int(match[2])
    rows, columns = SIZES[max(SIZES)]
    if width > columns or height > rows:
        raise LayoutError(
            f"a block must fit a plate of {max(SIZES)} wells, {columns} columns and {rows} rows", f"'{size}'"
        )
    cells = {
        (row + down, column + across)
        for row, column in wells_in_pattern(corners)
        for down, across in product(range(height), range(width))
    }
    return frozenset(cells), width * height


def _repeated(members: frozenset[Position], seen: dict[Position, str], where: str) -> list[InputError]:
    faults: list[InputError] = []
    for position in sorted(members):
        if position in seen:
            name = well_from_position(position)
            found = f"{name} again, after {seen[position].rpartition(', ')[2]}"
            faults.append(
                LayoutError("a well must be described once", found, where, "delete one of the two, or mend its name")
            )
        seen.setdefault(position, where)
    return faults


def _values(table: Mapping[str, Any], where: str, faults: list[InputError]) -> dict[str, Value]:
    values: dict[str, Value] = {}
    for key, value in table.items():
        name = column_name(key)
        if isinstance(value, (Mapping, list)):
            faults.append(LayoutError("a factor must have one value per well", f"several under '{key}'", where))
        elif value != "":
            values[name] = value
    return values


def _plate_values(table: Mapping[str, Any], label: str, name: str, *, faults: list[InputError]) -> list[_Layer]:
    where = f"[plate.{name}]"
    plain = {}
    for key, value in table.items():
        if isinstance(value, Mapping) and key not in _RANKS:
            faults.append(_unknown_table(key, f"{label}, {where}"))
        elif not isinstance(value, Mapping):
            plain[key] = value
    return [_Layer("expt", frozenset(), frozenset(), _values(plain, f"{label}, {where}", faults), where, (0, 0, 1, 0))]


def _table_faults(document: Mapping[str, Any], label: str) -> list[InputError]:
    """Return a fault per table that is no group, and per group that is no table."""
    faults: list[InputError] = []
    strange = [key for key, value in document.items() if key not in _TABLES and isinstance(value, Mapping)]
    faults += looked_into(strange, lambda key: _unknown_table(key, label), LayoutError, label)
    for key, value in document.items():
        if key in _TABLES and not isinstance(value, Mapping):
            faults.append(LayoutError(f"[{key}] must be a group of wells with values", f"'{key} = ...'", label))
    return faults


def _loose_faults(document: Mapping[str, Any], known: tuple[str, ...], label: str) -> list[InputError]:
    """Return a fault per value outside every group that reads like a factor; other ones are the lab's notes."""
    loose = [
        key for key, value in document.items() if not isinstance(value, Mapping) and key not in (*_LOOSE, *_TABLES)
    ]
    if len(loose) > MOST_DETAILS:
        found = f"{len(loose):,} keys outside every group: {', '.join(loose[:5])} ..."
        return [LayoutError("a layout must hold groups of wells", found, label, "is it another kind of file?")]
    faults: list[InputError] = []
    for key in loose:
        if column_name(key) in known:
            faults.append(
                LayoutError(
                    "a factor must belong to wells", f"'{key}' outside every group", label, "put it under [expt]"
                )
            )
        elif nearest(key, (*_LOOSE, *_TABLES)):
            near = nearest(key, (*_LOOSE, *_TABLES))
            faults.append(LayoutError("a key must be known", f"'{key}'", label, f"write '{near}'"))
    return faults


def _unknown_table(key: str, where: str) -> LayoutError:
    near = nearest(key, _TABLES)
    remedy = f"write [{near}]" if near else "delete it, or put its values under [expt]"
    return LayoutError(f"a group must be one of {', '.join(_TABLES)}", f"[{key}]", where, remedy)


def _size(document: Mapping[str, Any], label: str) -> tuple[int | None, list[InputError]]:
    wells = document.get("wells")
    if wells is None or (isinstance(wells, int) and wells in SIZES):
        return wells, []
    sizes = ", ".join(map(str, SIZES))
    found = f"'{wells}'" if isinstance(wells, (str, int, float)) else "something else"
    return None, [LayoutError(f"wells must be one of {sizes}", found, f"{label}, wells")]


def _no_wells(draft: DraftPlate) -> LayoutError:
    return LayoutError(
        "a layout must have wells",
        f"none on plate {draft.name}",
        draft.label,
        "name wells, blocks, or both rows and columns: [row.A] alone crosses no column",
    )

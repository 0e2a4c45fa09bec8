"""Well names and plate sizes: `A1`, `a01` and `AF48` become row and column, and patterns become lists of them.

A position is a pair (row, column), both from 0.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import product
from typing import Literal, TypeVar

from assaykit.errors import LayoutError

Position = tuple[int, int]
Index = TypeVar("Index", int, Position)

SIZES: dict[int, Position] = {
    6: (2, 3),
    12: (3, 4),
    24: (4, 6),
    48: (6, 8),
    96: (8, 12),
    384: (16, 24),
    1536: (32, 48),
}
DEFAULT_SIZE = 96
_WELL = re.compile(r"([A-Za-z]{1,2})0*([1-9][0-9]{0,2})")
_PATTERN_LENGTH = 4


def row_letters(row: int) -> str:
    """Return the letters of a row counted from 0.

    >>> row_letters(0), row_letters(25), row_letters(31)
    ('A', 'Z', 'AF')
    """
    return chr(65 + row) if row < 26 else chr(64 + row // 26) + chr(65 + row % 26)


def row_from_letters(text: str) -> int:
    """Return the row, from 0, of letters such as `A` or `af`; LayoutError where they are no row."""
    letters = text.strip().upper()
    if not re.fullmatch(r"[A-Z]{1,2}", letters):
        raise LayoutError("a row must be a letter, A to H on a 96-well plate", f"'{text}'")
    return ord(letters[-1]) - 65 + (26 * (ord(letters[0]) - 64) if len(letters) == 2 else 0)


def quarter_row(letters: str) -> int | None:
    """Return the row, from 0, of rows Aa, Ab, Ac, Ad, Ba ... Hd of 1536 wells; None for letters of another kind.

    The large letter is the row of 96 wells that became four; `AA` and `aa` are the 27th row.

    >>> quarter_row("Aa"), quarter_row("Hd"), quarter_row("AA")
    (0, 31, None)
    """
    match = re.fullmatch(r"([A-H])([a-d])", letters.strip())
    return 4 * (ord(match[1]) - ord("A")) + ord(match[2]) - ord("a") if match else None


def quarter_well(text: str) -> str:
    """Return the canonical name of a well whose row is named Aa to Hd, or "" where it is not.

    >>> quarter_well("Ba01"), quarter_well("A1")
    ('E1', '')
    """
    match = re.fullmatch(r"([A-H][a-d])0*([1-9][0-9]{0,2})", text.strip())
    row = quarter_row(match[1]) if match else None
    return f"{row_letters(row)}{match[2]}" if match and row is not None else ""


def column_from_text(text: str) -> int:
    """Return the column, from 0, of text such as `1` or `01`; LayoutError where it is no column."""
    if not re.fullmatch(r"0*[1-9][0-9]{0,2}", text.strip()):
        raise LayoutError("a column must be a whole number from 1", f"'{text}'")
    return int(text) - 1


def position_from_well(text: str) -> Position:
    """Return (row, column) of a well name, with or without leading zeros, in either case.

    >>> position_from_well("A1"), position_from_well("h012"), position_from_well("AF48")
    ((0, 0), (7, 11), (31, 47))
    """
    match = _WELL.fullmatch(text.strip())
    if match is None:
        raise LayoutError("a well must be a row letter and a column number, such as A1 or H12", f"'{text}'")
    return row_from_letters(match[1]), int(match[2]) - 1


def well_from_position(position: Position) -> str:
    """Return the canonical name of a position.

    >>> well_from_position((0, 0)), well_from_position((31, 47))
    ('A1', 'AF48')
    """
    return f"{row_letters(position[0])}{position[1] + 1}"


def last_well(size: int) -> str:
    """Return the last well of a plate of `size` wells: H12 of 96."""
    rows, columns = SIZES[size]
    return well_from_position((rows - 1, columns - 1))


def is_on_plate(position: Position, size: int) -> bool:
    """Whether a plate of `size` wells has the position."""
    rows, columns = SIZES[size]
    return position[0] < rows and position[1] < columns


def smallest_size(position: Position) -> int | None:
    """Return the smallest plate that has the position; None where none has."""
    return next((size for size in SIZES if is_on_plate(position, size)), None)


def rows_in_pattern(pattern: str) -> list[int]:
    """Return the rows of wellmap's pattern syntax: `A`, `A,C`, `A-C,F-H`, `A,B,...,H`.

    >>> rows_in_pattern("A,C,...,G"), rows_in_pattern("A-C,H")
    ([0, 2, 4, 6], [0, 1, 2, 7])
    """
    return _expanded(pattern, row_from_letters, _run)


def columns_in_pattern(pattern: str) -> list[int]:
    """Return the columns of wellmap's pattern syntax: `1`, `1,2`, `1-3,7-9`, `1,3,...,11`."""
    return _expanded(pattern, column_from_text, _run)


def wells_in_pattern(pattern: str) -> list[Position]:
    """Return the positions of wellmap's pattern syntax; a range or a step goes down and across.

    >>> [well_from_position(w) for w in wells_in_pattern("A1,C3,...,E5")]
    ['A1', 'A3', 'A5', 'C1', 'C3', 'C5', 'E1', 'E3', 'E5']
    >>> [well_from_position(w) for w in wells_in_pattern("A1-B2,D7")]
    ['A1', 'A2', 'B1', 'B2', 'D7']
    """

    def grid(first: Position, second: Position | None, last: Position) -> list[Position]:
        rows = _run(first[0], second[0] if second else None, last[0])
        return list(product(rows, _run(first[1], second[1] if second else None, last[1])))

    return _expanded(pattern, position_from_well, grid)


def _expanded(
    pattern: str, parse: Callable[[str], Index], run: Callable[[Index, Index | None, Index], list[Index]]
) -> list[Index]:
    """Return the members of a pattern; `run` lists those from a first to a last, in steps shown by a second."""
    parts = [part.strip() for part in pattern.split(",")]
    if "..." in parts:
        if len(parts) != _PATTERN_LENGTH or parts.index("...") != _PATTERN_LENGTH - 2:
            raise LayoutError(
                "a pattern must be the first, the second, '...' and the last", f"'{pattern}'", "", "write A,B,...,H"
            )
        return run(parse(parts[0]), parse(parts[1]), parse(parts[3]))
    members: list[Index] = []
    for part in parts:
        first, hyphen, last = part.partition("-")
        members += run(parse(first), None, parse(last)) if hyphen else [parse(part)]
    return members


def shifted_pattern(pattern: str, shift: Position, *, axis: Literal["row", "column", "well"]) -> str:
    """Return a pattern moved down and across by `shift`, each of its members in place.

    Raises LayoutError where a member would lie above row A or before column 1.

    >>> shifted_pattern("A1-B2,C7", (1, 2), axis="well"), shifted_pattern("A,C,...,G", (1, 2), axis="row")
    ('B3-C4,D9', 'B,D,...,H')
    """

    def moved(index: str) -> str:
        row = row_from_letters(index) if axis == "row" else 0
        column = column_from_text(index) if axis == "column" else 0
        row, column = position_from_well(index) if axis == "well" else (row, column)
        row, column = row + shift[0], column + shift[1]
        if (row < 0 and axis != "column") or (column < 0 and axis != "row"):
            raise LayoutError("a shift must keep every well on the plate", f"'{index}' moved off it")
        match axis:
            case "row":
                return row_letters(row)
            case "column":
                return str(column + 1)
        return well_from_position((row, column))

    return ",".join(
        part if part.strip() == "..." else "-".join(moved(index.strip()) for index in part.split("-"))
        for part in pattern.split(",")
    )


def _run(first: int, second: int | None, last: int) -> list[int]:
    """Return the rows or columns from a first to a last, in steps as far as the second is, else one by one."""
    step = 1 if second is None else second - first
    if step == 0 and first == last:
        return [first]
    if second is None and last < first:
        raise LayoutError("a range must run down or to the right", "one that runs back", "", "write A-C, 1-3 or A1-B2")
    if step <= 0 or last < first or (last - first) % step:
        raise LayoutError(
            "a pattern must reach its last member in whole steps",
            f"steps of {step} from {first + 1} to {last + 1}",
        )
    if (last - first) // step >= max(SIZES[max(SIZES)]):
        raise LayoutError(
            f"a pattern must stay on a plate of {max(SIZES)} wells", f"{(last - first) // step + 1} rows or columns"
        )
    return list(range(first, last + 1, step))

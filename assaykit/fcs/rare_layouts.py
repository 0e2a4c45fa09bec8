"""DATA of rare forms: bits packed without regard to bytes, and numbers written as delimited text.

Form: as columns.py, `bytes of DATA x Layout -> values, events x channels`; slower, and used only where columns.py
cannot be.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from assaykit.errors import FcsError
from assaykit.fcs.columns import ColumnRequest, Excess, exact_dtype, numbers_from_text
from assaykit.fcs.layouts import EventLayout
from assaykit.fcs.source import Source

_BITS_AT_ONCE = 1 << 20
_TEXT_AT_ONCE = 1 << 16
_LONGEST_NUMBER = 64
_BLANKED = bytes.maketrans(b",\t\r\n\0", b"     ")


def read_packed(
    source: Source, layout: EventLayout, wanted: Sequence[ColumnRequest], *, begin: int, events: int
) -> tuple[NDArray[np.floating], tuple[Excess, ...]]:
    """Return values and excess bits as `read_columns` does, from integers packed bit by bit (FCS 3.0, 3.3.1).

    With $BYTEORD 4,3,2,1 the stream runs from the most significant bit of each byte; with 1,2,3,4 from the least.
    """
    values: NDArray[np.floating] = np.empty((len(wanted), events), exact_dtype([column.field for column in wanted]))
    outside = [Excess(0, -1)] * len(wanted)
    big = layout.order[0] != 1
    rows = max(8, _BITS_AT_ONCE // layout.width // 8 * 8)  # so that a block begins on a byte
    for first in range(0, events, rows):
        count = min(rows, events - first)
        start = begin + first * layout.width // 8
        raw = np.frombuffer(source.read(start, start + -(-count * layout.width // 8)), np.uint8)
        bits = np.unpackbits(raw, bitorder="big" if big else "little")[: count * layout.width].reshape(count, -1)
        for row, column in enumerate(wanted):
            field = column.field
            powers = np.uint64(1) << np.arange(field.bits, dtype=np.uint64)
            digits = bits[:, field.offset : field.offset + field.bits].astype(np.uint64)
            stored = digits @ (powers[::-1] if big else powers)
            if field.mask is not None:
                found, always = (int(how.reduce(stored)) & ~field.mask for how in (np.bitwise_or, np.bitwise_and))
                outside[row] = Excess(outside[row].any | found, outside[row].every & always)
                stored &= np.uint64(field.mask)
            values[row, first : first + count] = stored if column.scale is None else column.scale(stored)
    return values.T, tuple(outside)


def read_delimited(
    source: Source, wanted: Sequence[tuple[int, ColumnRequest]], *, begin: int, end: int, parameters: int
) -> NDArray[np.floating]:
    """Return whole events x len(wanted) of ASCII numbers set apart by blanks, commas or line ends.

    Each of `wanted` is the place of the parameter in the event and what is wanted of it. Raises FcsError where a
    word is no number.
    """
    numbers = np.empty(max(0, end - begin) // 2 + 1)  # a number takes a digit and a separator at least
    found, rest = 0, b""
    for start in range(begin, end, _TEXT_AT_ONCE):
        piece = rest + source.read(start, min(end, start + _TEXT_AT_ONCE)).translate(_BLANKED)
        cut = len(piece) if start + _TEXT_AT_ONCE >= end else piece.rfind(b" ") + 1
        piece, rest = piece[:cut], piece[cut:]
        if len(rest) > _LONGEST_NUMBER:
            raise FcsError("ASCII DATA must hold numbers", f"{rest[:20]!r}...", str(source.path), "", start)
        words = piece.split()
        if words:
            numbers[found : found + len(words)] = numbers_from_text(np.array(words))
            found += len(words)
    table = numbers[: found // parameters * parameters].reshape(-1, parameters)
    for place, column in wanted:
        if column.scale is not None:
            table[:, place] = column.scale(table[:, place])
    places = [place for place, _ in wanted]
    return table if places == list(range(parameters)) else table[:, places]

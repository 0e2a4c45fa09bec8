"""DATA: bytes as columns, block by block through the processor's cache.

Form: `bytes of DATA x Layout -> values, events x channels`. A block of events is read into one small buffer and each
wanted column is copied out of it, so that memory is the wanted columns plus one block, and the strided reads hit the
cache. The result is Fortran-ordered: gates, transforms and statistics take one channel at a time, and a channel is one
contiguous run of memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assaykit.errors import FcsError
from assaykit.fcs.parameters import Field, Layout
from assaykit.fcs.source import Source

BLOCK = 1 << 19  # bytes: half a typical second-level cache
SLACK = 8  # bytes past a block, for reading odd widths as the next wider integer
Column = NDArray[Any]
Decode = Callable[[NDArray[np.uint8], int, int], Column]


def exact_dtype(fields: Sequence[Field]) -> type[np.float32] | type[np.float64]:
    """Return float32 where it holds every value these fields can store, else float64.

    float32 is exact for integers to 2**24, so wider integers (after their mask), doubles and text make it float64.
    """
    return np.float32 if all(map(_fits, fields)) else np.float64


def _fits(field: Field) -> bool:
    match field.kind:
        case "F":
            return True
        case "I":
            return (field.mask or (1 << field.bits) - 1) <= 1 << 24
        case _:
            return False


def read_columns(
    source: Source, layout: Layout, wanted: Sequence[int], *, begin: int, events: int
) -> tuple[NDArray[np.floating], tuple[int, ...]]:
    """Return events x len(wanted) stored values, and per column the integer bits found outside its mask (0 is none).

    `begin` is the first byte of DATA. Only layouts of whole bytes are read here.
    """
    fields = [layout.fields[index] for index in wanted]
    values = np.empty((len(wanted), events), dtype=exact_dtype(fields))
    width = layout.width // 8
    rows = max(1, BLOCK // width)
    block = np.zeros(min(rows, max(events, 1)) * width + SLACK, dtype=np.uint8)
    decoders = [decoder(field, layout.order) for field in fields]
    outside = [0] * len(fields)
    for first in range(0, events, rows):
        count = min(rows, events - first)
        got = source.fill(block[: count * width], begin + first * width)
        if got < count * width:
            raise FcsError(
                "DATA must hold every event",
                f"{got} of {count * width} bytes",
                str(source.path),
                "",
                begin + first * width + got,
            )
        for row, (field, decode) in enumerate(zip(fields, decoders, strict=True)):
            column = decode(block, width, count)
            if field.mask is not None:
                outside[row] |= int(np.bitwise_or.reduce(column)) & ~field.mask
                column = column & column.dtype.type(field.mask)
            values[row, first : first + count] = column
    return values.T, tuple(outside)


def decoder(field: Field, order: tuple[int, ...]) -> Decode:
    """Return the function `(block, event width in bytes, events) -> column` that reads one field of whole bytes."""
    begin, size = field.offset // 8, field.bits // 8
    direction = _direction(order, size)
    if direction == "":
        return _shuffled(begin, size, order, field.kind)
    if field.kind in "FD" or size in (1, 2, 4, 8):
        return _strided(begin, np.dtype(f"{direction}{'f' if field.kind in 'FD' else 'u'}{size}"))
    return _odd_width(begin, size, direction)


def _direction(order: tuple[int, ...], size: int) -> str:
    """Return "<" or ">" as numpy writes byte orders, "" where the bytes are shuffled."""
    head = order[:size]
    if size == 1 or list(head) == sorted(head):
        return "<"
    return ">" if list(head) == sorted(head, reverse=True) else ""


def _strided(begin: int, dtype: np.dtype[Any]) -> Decode:
    def decode(block: NDArray[np.uint8], width: int, count: int) -> Column:
        return np.ndarray((count,), dtype, block.data, begin, (width,))

    return decode


def _odd_width(begin: int, size: int, direction: str) -> Decode:
    wider = np.dtype(f"{direction}u{4 if size < 4 else 8}")
    spare = np.uint64(8 * (wider.itemsize - size)).astype(wider.newbyteorder("="))
    kept = wider.type((1 << 8 * size) - 1)

    def decode(block: NDArray[np.uint8], width: int, count: int) -> Column:
        column: Column = np.ndarray((count,), wider, block.data, begin, (width,))
        return column & kept if direction == "<" else column >> spare

    return decode


def _shuffled(begin: int, size: int, order: tuple[int, ...], kind: str) -> Decode:
    if size != len(order):
        raise FcsError("$BYTEORD must say the order of every byte of a value", f"{order} for {size} bytes")
    places = np.argsort(order)  # stored places, from the least significant byte
    dtype = np.dtype(f"<{'f' if kind in 'FD' else 'u'}{size}")

    def decode(block: NDArray[np.uint8], width: int, count: int) -> Column:
        stored = np.ndarray((count, size), np.uint8, block.data, begin, (width, 1))
        return np.ascontiguousarray(stored[:, places]).view(dtype)[:, 0]

    return decode

"""DATA: bytes as columns, block by block through the processor's cache.

Form: `bytes of DATA x Layout -> values, events x channels`. A block of events is read into one small buffer and each
wanted column is copied, and scaled, out of it, so that memory is the wanted columns plus one block and the strided
reads hit the cache. Chosen channels come Fortran-ordered: gates, transforms and statistics take one channel at a time,
and a channel is one contiguous run of memory. All channels of one width come C-ordered, as they lie in the file, which
is as fast as the disk gives them; one who then works by channel asks for the channels.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import and_
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from assaykit.errors import FcsError
from assaykit.fcs.layouts import EventLayout, Field, direction
from assaykit.fcs.source import Source

BLOCK = 1 << 19  # bytes: within a typical second-level cache
_NATIVE = "<" if sys.byteorder == "little" else ">"
SLACK = 8  # bytes past a block, for reading odd widths as the next wider integer
Column = NDArray[Any]
Decode = Callable[[NDArray[np.uint8], int, int], Column]
Scale = Callable[[Column], NDArray[np.floating]]


@dataclass(frozen=True, slots=True)
class ColumnRequest:
    """One column asked for: its field, and the scale from stored to scaled values (None leaves them stored)."""

    field: Field
    scale: Scale | None


class Excess(NamedTuple):
    """The integer bits found outside the mask of $PnR: in any event, and in every event."""

    any: int
    every: int


def exact_dtype(fields: Sequence[Field]) -> type[np.float32 | np.float64]:
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
    source: Source, layout: EventLayout, wanted: Sequence[ColumnRequest], *, begin: int, events: int
) -> tuple[NDArray[np.floating], tuple[Excess, ...]]:
    """Return events x len(wanted) values, and per column the integer bits found outside its mask.

    `begin` is the first byte of DATA. Raises FcsError where the file ends before the last event.
    """
    if _is_table(layout, wanted):
        return _read_table(source, layout, wanted, begin=begin, events=events)
    values: NDArray[np.floating] = np.empty((len(wanted), events), exact_dtype([column.field for column in wanted]))
    outside = [Excess(0, -1)] * len(wanted)
    decoders = [decoder(column.field, layout.order) for column in wanted]
    for first, count, block, width in blocks(source, layout, begin=begin, events=events):
        for row, (column, decode) in enumerate(zip(wanted, decoders, strict=True)):
            stored, excess = _apply_mask(decode(block, width, count), column.field.mask)
            outside[row] = Excess(outside[row].any | excess.any, outside[row].every & excess.every)
            values[row, first : first + count] = stored if column.scale is None else column.scale(stored)
    return values.T, tuple(outside)


def _is_table(layout: EventLayout, wanted: Sequence[ColumnRequest]) -> bool:
    """Whether every field is wanted, in file order, and all are of one kind and width."""
    forms = {(field.kind, field.bits) for field in layout.fields}
    return len(forms) == 1 and "A" not in forms.pop()[0] and [column.field for column in wanted] == list(layout.fields)


def _read_table(
    source: Source, layout: EventLayout, wanted: Sequence[ColumnRequest], *, begin: int, events: int
) -> tuple[NDArray[np.floating], tuple[Excess, ...]]:
    """Return what `read_columns` does for all channels of one width, which are decoded a block at a time."""
    first_field, channels = layout.fields[0], len(wanted)
    decode, size = decoder(first_field, layout.order), first_field.bits // 8
    values: NDArray[np.floating] = np.empty((events, channels), exact_dtype(layout.fields))
    masks = [column.field.mask for column in wanted]
    common = reduce(and_, filter(None, masks)) if any(masks) else None
    scaled = [(place, column.scale) for place, column in enumerate(wanted) if column.scale is not None]
    some, every = np.zeros(channels, np.uint64), np.full(channels, (1 << 64) - 1, np.uint64)
    if first_field.kind in "FD" and direction(layout.order, size) == _NATIVE and not scaled:
        fill_exactly(source, values.reshape(-1).view(np.uint8), begin)
        return values, (Excess(0, 0),) * channels
    for first, count, block, _ in blocks(source, layout, begin=begin, events=events):
        stored = decode(block, size, count * channels).reshape(count, channels)
        if common is not None:
            stored, (found, always) = _apply_masks(stored, masks, common)
            some, every = some | found, every & always
        part = values[first : first + count]
        part[...] = stored
        for place, scale in scaled:
            part[:, place] = scale(stored[:, place])
    return values, tuple(Excess(int(found), int(always)) for found, always in zip(some, every, strict=True))


def _apply_masks(
    stored: Column, masks: Sequence[int | None], common: int
) -> tuple[Column, tuple[NDArray[np.uint64], NDArray[np.uint64]]]:
    """Return the bits of a block of integers that $PnR keeps, and others found in any and in every event, per channel.

    `common` holds the bits every mask keeps: where no value has others, as is usual, one quick pass tells.
    """
    native = stored.astype(stored.dtype.newbyteorder("="), copy=False)
    if int(np.bitwise_or.reduce(native.reshape(-1), initial=0)) & ~common == 0:
        none = np.zeros(len(masks), np.uint64)
        return native, (none, none)
    full = (1 << 8 * native.dtype.itemsize) - 1
    kept = np.array([full if mask is None else mask for mask in masks], dtype=native.dtype)
    found, always = (how.reduce(native, axis=0) & ~kept for how in (np.bitwise_or, np.bitwise_and))
    return native & kept if found.any() else native, (found.astype(np.uint64), always.astype(np.uint64))


def fill_exactly(source: Source, block: NDArray[np.uint8], begin: int) -> None:
    """Fill `block` with the bytes from `begin`, or raise FcsError where the file ends before."""
    got = source.fill(block, begin)
    if got < len(block):
        raise FcsError(
            "DATA must hold every event", f"the file ends after {got} of {len(block)} bytes", str(source.path),
            "copy the file again", begin + got,
        )  # fmt: skip


def blocks(source: Source, layout: EventLayout, *, begin: int, events: int) -> Any:
    """Yield (first event, events, bytes, bytes per event) of DATA, some hundred kilobytes at a time."""
    width = layout.width // 8
    rows = min(max(1, BLOCK // width), max(events, 1))
    block = np.empty(rows * width + SLACK, dtype=np.uint8)
    for first in range(0, events, rows):
        count = min(rows, events - first)
        fill_exactly(source, block[: count * width], begin + first * width)
        yield first, count, block, width


def _apply_mask(column: Column, mask: int | None) -> tuple[Column, Excess]:
    """Return the bits of integers that $PnR keeps, and any others found."""
    if mask is None:
        return column, Excess(0, 0)
    column = column.astype(column.dtype.newbyteorder("="))  # contiguous, for the two passes to come
    excess = int(np.bitwise_or.reduce(column)) & ~mask
    if not excess:
        return column, Excess(0, 0)
    return column & column.dtype.type(mask), Excess(excess, int(np.bitwise_and.reduce(column)) & ~mask)


def decoder(field: Field, order: tuple[int, ...]) -> Decode:
    """Return the function `(block, event width in bytes, events) -> column` that reads one field of whole bytes."""
    begin, size = field.offset // 8, field.bits // 8
    if field.kind == "A":
        return _text(begin, size)
    way = direction(order, size)
    if not way:
        return _shuffled_decoder(begin, size, order=order, kind=field.kind)
    if field.kind in "FD" or size in (1, 2, 4, 8):
        return _strided(begin, np.dtype(f"{way}{'f' if field.kind in 'FD' else 'u'}{size}"))
    return _odd_width(begin, size, way)


def _strided(begin: int, dtype: np.dtype[Any]) -> Decode:
    def decode(block: NDArray[np.uint8], width: int, count: int) -> Column:
        return np.ndarray((count,), dtype, block.data, begin, (width,))

    return decode


def _odd_width(begin: int, size: int, way: str) -> Decode:
    """Read 3, 5, 6 or 7 bytes as the next wider integer, and drop the bytes that are not its own."""
    wider = np.dtype(f"{way}u{4 if size < 4 else 8}")
    spare = wider.type(8 * (wider.itemsize - size))
    kept = wider.type((1 << 8 * size) - 1)

    def decode(block: NDArray[np.uint8], width: int, count: int) -> Column:
        stored: Column = np.ndarray((count,), wider, block.data, begin, (width,))
        column: Column = stored & kept if way == "<" else stored >> spare
        return column

    return decode


def _shuffled_decoder(begin: int, size: int, *, order: tuple[int, ...], kind: str) -> Decode:
    places = np.argsort(order)  # where each byte is stored, the least significant first
    dtype = np.dtype(f"<{'f' if kind in 'FD' else 'u'}{size}")

    def decode(block: NDArray[np.uint8], width: int, count: int) -> Column:
        stored: Column = np.ndarray((count, size), np.uint8, block.data, begin, (width, 1))
        return np.ascontiguousarray(stored[:, places]).view(dtype)[:, 0]

    return decode


def _text(begin: int, size: int) -> Decode:
    """Read `size` characters as a number."""

    def decode(block: NDArray[np.uint8], width: int, count: int) -> Column:
        column: Column = np.ndarray((count,), f"S{size}", block.data, begin, (width,))
        return numbers_from_text(column)

    return decode


def numbers_from_text(words: NDArray[np.bytes_]) -> NDArray[np.float64]:
    """Return ASCII numbers as float64, or raise FcsError naming the first that is none."""
    try:
        return np.char.strip(words).astype(np.float64)
    except ValueError as error:
        odd = next((bytes(word) for word in words.tolist() if not _is_number(word)), b"")
        raise FcsError("ASCII DATA must hold numbers", repr(odd), "", "", None, "$DATATYPE", "A") from error


def _is_number(word: bytes) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True

"""Layouts: how the bytes of one event part into fields, and the other ways a declared width may be meant.

Form: `keywords, channels -> (Layout, ...)`, the declared one first. $PnB need not fill bytes: 10 bits are packed by the
standard and put into 16-bit words by most writers. Which is meant is decided by the length of DATA (locating.py).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from assaykit.errors import FcsError
from assaykit.fcs.events import Channel, Repair
from assaykit.fcs.keywords import Keywords
from assaykit.fcs.repairs import mended

Kind = Literal["I", "F", "D", "A"]
_BLANKS = " \0\t\r\n"
_USUAL_ORDERS = {"1,2,3,4": (1, 2, 3, 4), "4,3,2,1": (4, 3, 2, 1)}
_WIDEST = 8 * 64  # 64 characters
_WIDTHS = (8, 16, 24, 32, 64)


@dataclass(frozen=True, slots=True)
class Field:
    """How one parameter is stored: its kind, where it begins in the event and how wide it is, both in bits."""

    kind: Kind
    offset: int
    bits: int
    mask: int | None  # integers only: bits kept, from $PnR; None keeps all


@dataclass(frozen=True, slots=True)
class Layout:
    """How the bytes of one event part into fields; `width` is in bits and 0 where values are delimited text."""

    fields: tuple[Field, ...]
    width: int
    order: tuple[int, ...]  # $BYTEORD: the significance of each byte as stored, 1 the least


def layouts_from_keywords(
    words: Keywords, channels: Sequence[Channel], *, where: str
) -> tuple[Iterator[Layout], tuple[Repair, ...]]:
    """Return the ways one event may be stored, the declared one first, and what had to be mended to tell.

    Raises FcsError naming the keyword that does not say.
    """
    plain = words.folded
    default = plain.get("$DATATYPE", "").strip(_BLANKS).upper()
    kinds = [_kind(plain.get(f"$P{channel.index}DATATYPE") or default, where) for channel in channels]
    declared = [_bits(kind, channel) for kind, channel in zip(kinds, channels, strict=True)]
    order, notes = _byte_order(words, kinds, declared, where=where)
    if set(kinds) == {"A"} and not all(declared):
        return iter([Layout(tuple(Field("A", 0, 0, None) for _ in channels), 0, order)]), notes
    bits, repairs = _all_given(declared, order, where)
    return _ways(kinds, bits, channels, order=order), (*notes, *repairs)


def _ways(
    kinds: Sequence[Kind], bits: Sequence[int], channels: Sequence[Channel], *, order: tuple[int, ...]
) -> Iterator[Layout]:
    declared = tuple(zip(kinds, bits, strict=True))
    yield _layout(declared, channels, order)
    for way in dict.fromkeys(_alternatives(kinds, bits, channels)):
        if way != declared:
            yield _layout(way, channels, order)


def _layout(fields: Sequence[tuple[Kind, int]], channels: Sequence[Channel], order: tuple[int, ...]) -> Layout:
    placed, offset = [], 0
    for (kind, bits), channel in zip(fields, channels, strict=True):
        placed.append(Field(kind, offset, bits, _mask(channel, bits) if kind == "I" else None))
        offset += bits
    return Layout(tuple(placed), offset, order)


def _kind(written: str, where: str) -> Kind:
    """Return how a parameter is stored, as $PnDATATYPE (FCS 3.2) or else $DATATYPE says."""
    match written.strip(_BLANKS).upper():
        case "I" | "F" | "D" | "A" as kind:
            return kind
    raise FcsError("$DATATYPE must be I, F, D or A", repr(written), where, "", None, "$DATATYPE", written)


def _bits(kind: Kind, channel: Channel) -> int:
    match kind:
        case "F":
            return 32
        case "D":
            return 64
        case "A":
            return 8 * channel.bits  # $PnB counts characters
        case "I":
            return channel.bits if channel.bits <= 64 else _WIDEST + 1


def _all_given(bits: list[int], order: tuple[int, ...], where: str) -> tuple[list[int], tuple[Repair, ...]]:
    """Return the widths with missing ones taken from the other parameters, else from $BYTEORD."""
    for index, width in enumerate(bits, start=1):
        if width > _WIDEST:
            key, must = f"$P{index}B", "must be at most 64 bits, or 64 characters of ASCII data"
            raise FcsError(f"{key} {must}", str(width), where, "", None, key, str(width))
    missing = [index for index, width in enumerate(bits, start=1) if not width]
    if not missing:
        return bits, ()
    usual = max(sorted(set(bits) - {0}) or [8 * len(order)], key=bits.count)
    note = mended("width_missing", f"$P{missing[0]}B and {len(missing) - 1} more", done=f"{usual} bits", where="$PnB")
    return [width or usual for width in bits], (note,)


def _alternatives(
    kinds: Sequence[Kind], bits: Sequence[int], channels: Sequence[Channel]
) -> list[tuple[tuple[Kind, int], ...]]:
    """Return the other ways the widths may be meant, the likeliest first."""
    ways: list[tuple[tuple[Kind, int], ...]] = []
    if any(width % 8 for width in bits):
        whole_bytes = [8 * -(-width // 8) for width in bits]
        machine_words = [max(8, 1 << (width - 1).bit_length()) for width in bits]
        ways.extend(tuple(zip(kinds, widths, strict=True)) for widths in (whole_bytes, machine_words))
    if set(kinds) == {"F"} and {channel.bits for channel in channels} == {64}:
        ways.append(tuple(("D", 64) for _ in bits))
    if set(kinds) == {"D"} and {channel.bits for channel in channels} == {32}:
        ways.append(tuple(("F", 32) for _ in bits))
    if set(kinds) == {"I"}:
        ways.extend(tuple(("I", width) for _ in bits) for width in _WIDTHS)
    return ways


def _mask(channel: Channel, bits: int) -> int | None:
    """Return the mask of the next power of two at or above $PnR (FCS 3.1, 3.2.20); None where it keeps every bit."""
    if channel.range <= 0:
        return None
    kept = max(0, math.ceil(channel.range) - 1).bit_length()
    return (1 << kept) - 1 if 0 < kept < bits else None


def _byte_order(
    words: Keywords, kinds: Sequence[Kind], bits: Sequence[int], *, where: str
) -> tuple[tuple[int, ...], tuple[Repair, ...]]:
    """Return $BYTEORD as the significance of each byte in the order stored, 1 the least."""
    written = words.get("$BYTEORD", "")
    if written in _USUAL_ORDERS:
        return _USUAL_ORDERS[written], ()
    digits = [int(digit) for digit in re.findall(r"\d", written)]
    ordered = bool(digits) and sorted(digits) == list(range(1, len(digits) + 1))
    if ordered and (len(digits) > 1 or max(bits, default=8) <= 8):
        return tuple(digits), ()
    if set(kinds) <= {"A"}:
        return (1, 2, 3, 4), ()
    raise FcsError(
        "$BYTEORD must be an order of bytes such as 1,2,3,4 or 4,3,2,1",
        repr(written) if "$BYTEORD" in words else "no such keyword",
        where,
        "",
        None,
        "$BYTEORD",
        written,
    )

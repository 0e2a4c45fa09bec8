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
from assaykit.fcs.repairs import make_repair

Kind = Literal["I", "F", "D", "A"]
_BLANKS = " \0\t\r\n"
_USUAL_ORDERS = {"1,2,3,4": (1, 2, 3, 4), "4,3,2,1": (4, 3, 2, 1)}
_WIDEST = {"A": 8 * 64, "I": 64, "F": 32, "D": 64}  # bits of one value; text holds 64 characters at most
_WIDTHS = (8, 16, 24, 32, 64)


@dataclass(frozen=True, slots=True)
class Field:
    """How one parameter is stored: its kind, where it begins in the event and how wide it is, both in bits."""

    kind: Kind
    offset: int
    bits: int
    mask: int | None  # integers only: bits kept, from $PnR; None keeps all


@dataclass(frozen=True, slots=True)
class EventLayout:
    """How the bytes of one event part into fields; `width` is in bits and 0 where values are delimited text."""

    fields: tuple[Field, ...]
    width: int
    order: tuple[int, ...]  # $BYTEORD: the significance of each byte as stored, 1 the least


def layouts_from_keywords(
    words: Keywords, channels: Sequence[Channel], *, where: str
) -> tuple[Iterator[EventLayout], tuple[Repair, ...]]:
    """Return the ways one event may be stored, the declared one first, and what had to be mended to tell.

    Raises FcsError naming the keyword that does not say.
    """
    plain = words.folded
    default = plain.get("$DATATYPE", "").strip(_BLANKS).upper()
    kinds = [_kind(plain.get(f"$P{channel.index}DATATYPE") or default, where) for channel in channels]
    declared = [_bits(kind, channel) for kind, channel in zip(kinds, channels, strict=True)]
    order, notes = _byte_order(words, kinds, declared, where=where)
    if set(kinds) == {"A"} and not all(declared):
        return iter([EventLayout(tuple(Field("A", 0, 0, None) for _ in channels), 0, order)]), notes
    bits, repairs = _complete_widths(kinds, declared, order, where=where)
    _check_order(order, bits, where)
    return _ways(kinds, bits, channels, order=order), (*notes, *repairs)


def _ways(
    kinds: Sequence[Kind], bits: Sequence[int], channels: Sequence[Channel], *, order: tuple[int, ...]
) -> Iterator[EventLayout]:
    declared = tuple(zip(kinds, bits, strict=True))
    yield _layout(declared, channels, order)
    for way in dict.fromkeys(_alternatives(kinds, bits, channels)):
        if way != declared and all(_turns(order, width) for _, width in way):
            yield _layout(way, channels, order)


def _layout(fields: Sequence[tuple[Kind, int]], channels: Sequence[Channel], order: tuple[int, ...]) -> EventLayout:
    placed, offset = [], 0
    for (kind, bits), channel in zip(fields, channels, strict=True):
        placed.append(Field(kind, offset, bits, _mask(channel, bits) if kind == "I" else None))
        offset += bits
    return EventLayout(tuple(placed), offset, order)


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
            return channel.bits


def _complete_widths(
    kinds: Sequence[Kind], bits: Sequence[int], order: tuple[int, ...], *, where: str
) -> tuple[list[int], tuple[Repair, ...]]:
    """Return the widths with missing ones taken from the other parameters of that kind, else from $BYTEORD."""
    if all(bits) and all(width <= _WIDEST[kind] for kind, width in set(zip(kinds, bits, strict=True))):
        return list(bits), ()
    missing = []
    given = list(bits)
    for index, (kind, width) in enumerate(zip(kinds, bits, strict=True), start=1):
        alike = sorted(other for sort, other in zip(kinds, bits, strict=True) if sort == kind and other)
        if width > _WIDEST[kind] or (kind == "A" and not width and not alike):
            key, must = f"$P{index}B", "must be at most 64 bits, or 1 to 64 characters of ASCII data"
            raise FcsError(f"{key} {must}", str(width or "none"), where, "", None, key, str(width))
        if not width:
            missing.append(f"$P{index}B")
            given[index - 1] = max(alike, key=alike.count) if alike else min(8 * len(order), _WIDEST[kind])
    taken = ", ".join(map(str, sorted({given[int(key[2:-1]) - 1] for key in missing})))
    shown = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
    return given, (make_repair("width_missing", shown, action=f"{taken} bits", where="$PnB"),)


def direction(order: Sequence[int], size: int) -> str:
    """Return "<" or ">" as numpy writes the order of `size` bytes, "" where they are shuffled."""
    head = list(order[:size])
    if size == 1 or head == sorted(head):
        return "<"
    return ">" if head == sorted(head, reverse=True) else ""


def _turns(order: tuple[int, ...], bits: int) -> bool:
    """Whether $BYTEORD says how to read values of a width: shuffled bytes must be as many as it names."""
    return bits % 8 != 0 or bool(direction(order, bits // 8)) or bits // 8 == len(order)


def _check_order(order: tuple[int, ...], bits: Sequence[int], where: str) -> None:
    odd = [width for width in set(bits) if not _turns(order, width)]
    if odd:
        written = ",".join(map(str, order))
        raise FcsError(
            "$BYTEORD must say the order of every byte of a value", f"{written} for values of {odd[0] // 8} bytes",
            where, "", None, "$BYTEORD", written,
        )  # fmt: skip


def _alternatives(
    kinds: Sequence[Kind], bits: Sequence[int], channels: Sequence[Channel]
) -> list[tuple[tuple[Kind, int], ...]]:
    """Return the other ways the widths may be meant, the likeliest first."""
    ways: list[tuple[tuple[Kind, int], ...]] = []
    if any(width % 8 for width in bits):
        both = list(zip(kinds, bits, strict=True))
        whole_bytes = [8 * -(-width // 8) for width in bits]
        machine_words = [max(8, 1 << (width - 1).bit_length()) if kind == "I" else width for kind, width in both]
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
    digits = [int(digit) for digit in re.findall("[0-9]", written)]
    ordered = bool(digits) and sorted(digits) == list(range(1, len(digits) + 1))
    if ordered and (len(digits) > 1 or max(bits, default=8) <= 8):
        return tuple(digits), ()
    if set(kinds) <= {"A"}:
        return (1, 2, 3, 4), ()
    if digits == [1]:  # the first byte is the least: some writers stop there
        return (1, 2, 3, 4), (make_repair("byte_order_short", repr(written), where="$BYTEORD"),)
    raise FcsError(
        "$BYTEORD must be an order of bytes such as 1,2,3,4 or 4,3,2,1",
        repr(written) if "$BYTEORD" in words else "no such keyword", where, "", None, "$BYTEORD", written,
    )  # fmt: skip

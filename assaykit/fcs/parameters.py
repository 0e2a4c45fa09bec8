"""Parameters: the $Pn keywords as `Channel`s and as the fields an event is made of.

Form: `keywords -> (Channel, ...)` and `keywords -> Layout`. A `Layout` says how the bytes of one event part into
fields; it knows nothing of where DATA lies.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from assaykit.errors import FcsError
from assaykit.fcs.events import Channel, Repair
from assaykit.fcs.keywords import Keywords
from assaykit.fcs.repairs import mended

Kind = Literal["I", "F", "D", "A"]
_BLANKS = " \0\t\r\n"


@dataclass(frozen=True, slots=True)
class Field:
    """How one parameter is stored: its kind, where it begins in the event and how wide it is, both in bits."""

    kind: Kind
    offset: int
    bits: int
    mask: int | None  # integers only: bits kept, from $PnR; None keeps all


@dataclass(frozen=True, slots=True)
class Layout:
    """How the bytes of one event part into fields; `width` is in bits and 0 where values are free text."""

    fields: tuple[Field, ...]
    width: int
    order: tuple[int, ...]  # $BYTEORD: the significance of each byte as stored, 1 the least


def number_from_keyword(words: Keywords, key: str, *, where: str) -> int | None:
    """Return the whole number a keyword holds, None where it is absent or blank.

    Raises FcsError where it holds anything else.
    """
    written = words.get(key, "").strip(" \0\t\r\n")
    if not written:
        return None
    try:
        number = float(written)
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or number != int(number):
        raise FcsError(f"{key} must be a whole number", repr(written), where, "", None, key, written)
    return int(written) if written.isdigit() else int(number)


def channels_from_keywords(words: Keywords, count: int) -> tuple[tuple[Channel, ...], tuple[Repair, ...]]:
    """Return the `count` parameters of a data set in file order, and what had to be mended in their keywords."""
    repairs: list[Repair] = []
    channels = tuple(_channel(words, index, repairs) for index in range(1, count + 1))
    return channels, (*repairs, *_name_repairs(channels))


def _channel(words: Keywords, index: int, repairs: list[Repair]) -> Channel:
    prefix = f"$P{index}"
    decades, offset = _amplifier(words, f"{prefix}E", repairs)
    name = words.get(f"{prefix}N", "").strip(_BLANKS)
    stain = words.get(f"{prefix}S", "").strip(_BLANKS)
    if not name:
        name = stain or f"P{index}"
        repairs.append(mended("name_missing", "no $PnN", done=f"named {name}", where=f"{prefix}N"))
    gain = _positive(words, f"{prefix}G", repairs, absent=1.0)
    return Channel(
        index=index,
        name=name,
        stain=stain,
        range=_positive(words, f"{prefix}R", repairs, absent=0.0),
        bits=_bits(words, f"{prefix}B"),
        gain=gain,
        log_decades=decades,
        log_offset=offset,
        voltage=_number(words.get(f"{prefix}V", "")),
    )


def _number(written: str) -> float | None:
    try:
        number = float(written)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _positive(words: Keywords, key: str, repairs: list[Repair], *, absent: float) -> float:
    written = words.get(key, "").strip(_BLANKS)
    if not written:
        return absent
    number = _number(written)
    if number is None or number <= 0:
        if not (number == 0 and key.endswith("R")):
            repairs.append(mended("number_unusable", repr(written), done=f"read as {absent:g}", where=key))
        return absent
    return number


def _bits(words: Keywords, key: str) -> int:
    number = _number(words.get(key, "").strip(_BLANKS))
    return int(number) if number is not None and 0 < number < 1e6 else 0


def _amplifier(words: Keywords, key: str, repairs: list[Repair]) -> tuple[float, float]:
    """Return f1 and f2 of $PnE; f2 = 0 with f1 > 0 is read as 1 (FCS 3.1, 3.2.7)."""
    written = words.get(key, "").strip(_BLANKS)
    if written in {"", "0,0", "0.0,0.0"}:
        return 0.0, 0.0
    numbers = [_number(part) for part in written.replace(";", ",").split(",")]
    if len(numbers) == 4:  # a decimal comma: 4,0,1,0
        numbers = [_number(part) for part in re.sub(r"(\d),(\d+)", r"\1.\2", written).split(",")]
    if len(numbers) != 2 or numbers[0] is None or numbers[1] is None or min(numbers[0], numbers[1]) < 0:
        repairs.append(mended("amplifier_unreadable", repr(written), where=key))
        return 0.0, 0.0
    decades, offset = numbers[0], numbers[1]
    if decades > 0 and offset == 0:
        repairs.append(mended("log_offset_zero", repr(written), where=key))
        return decades, 1.0
    return decades, offset if decades > 0 else 0.0


def _name_repairs(channels: Sequence[Channel]) -> list[Repair]:
    counts = Counter(channel.name for channel in channels)
    twice = [name for name, count in counts.items() if count > 1]
    return [mended("names_repeated", ", ".join(twice), where="$PnN")] if twice else []


def layout_from_keywords(words: Keywords, channels: Sequence[Channel], *, where: str) -> Layout:
    """Return how one event is stored, or raise FcsError naming the keyword that does not say."""
    default = words.get("$DATATYPE", "").strip(_BLANKS).upper()
    fields, offset = [], 0
    for channel in channels:
        kind = _kind(words.get(f"$P{channel.index}DATATYPE", "").strip(_BLANKS).upper() or default, channel, where)
        bits = {"F": 32, "D": 64}.get(kind, channel.bits)
        if bits == 0 or (kind == "I" and bits > 64):
            key = f"$P{channel.index}B"
            raise FcsError(
                f"{key} must give the width of the parameter in bits, 1 to 64",
                repr(words.get(key, "")),
                where,
                "",
                None,
                key,
                words.get(key, ""),
            )
        fields.append(Field(kind, offset, bits, _mask(channel, bits) if kind == "I" else None))
        offset += bits * 8 if kind == "A" else bits
    return Layout(tuple(fields), offset, byte_order(words, where=where))


def _kind(written: str, channel: Channel, where: str) -> Kind:
    match written:
        case "I" | "F" | "D" | "A":
            return written
    key = f"$DATATYPE or $P{channel.index}DATATYPE"
    raise FcsError(f"{key} must be I, F, D or A", repr(written), where, "", None, "$DATATYPE", written)


def _mask(channel: Channel, bits: int) -> int | None:
    """Return the mask of the next power of two at or above $PnR; None where it keeps every bit stored."""
    if channel.range <= 0:
        return None
    kept = max(0, math.ceil(channel.range) - 1).bit_length()
    return (1 << kept) - 1 if 0 < kept < bits else None


def byte_order(words: Keywords, *, where: str) -> tuple[int, ...]:
    """Return $BYTEORD as the significance of each byte in the order stored, 1 the least.

    >>> byte_order(Keywords({"$BYTEORD": "4,3,2,1"}), where="a.fcs")
    (4, 3, 2, 1)
    """
    written = words.get("$BYTEORD", "")
    digits = [int(digit) for digit in re.findall(r"\d", written)]
    if sorted(digits) == list(range(1, len(digits) + 1)) and digits:
        return tuple(digits)
    raise FcsError(
        "$BYTEORD must be an order of bytes such as 1,2,3,4 or 4,3,2,1",
        repr(written),
        where,
        "",
        None,
        "$BYTEORD",
        written,
    )

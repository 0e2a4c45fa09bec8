"""Parameters: the $Pn keywords as `Channel`s.

Form: `keywords -> (Channel, ...)`. How the values of a channel are stored is the matter of layouts.py.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from assaykit.errors import FcsError
from assaykit.fcs.events import Channel, Level, Repair
from assaykit.fcs.keywords import Keywords
from assaykit.fcs.repairs import make_repair

_BLANKS = " \0\t\r\n"
_DESCRIBES = re.compile(r"\$P(\d{1,6})[NBR]", re.IGNORECASE)
_USUAL_BITS = {"8": 8, "16": 16, "24": 24, "32": 32, "64": 64}
_MOST_UNDESCRIBED = 10_000


def total_from_keywords(words: Keywords) -> tuple[int | None, tuple[Repair, ...]]:
    """Return $TOT, None where it is absent or no whole number (then the length of DATA tells)."""
    written = words.get("$TOT", "").strip(_BLANKS)
    number = _number(written)
    if number is None or number < 0 or number != int(number):
        return None, (
            make_repair("number_unusable", repr(written), action="read as absent", where="$TOT"),
        ) if written else ()
    return int(number), ()


def offset_from_keyword(words: Keywords, key: str) -> int | None:
    """Return the byte offset a keyword holds, None where it holds none or is absent."""
    written = words.get(key, "").strip(_BLANKS)
    return int(written) if written.isdigit() and len(written) < 20 and written.isascii() else None


def parameter_count(words: Keywords, spans: Sequence[int], *, where: str) -> tuple[int, tuple[Repair, ...]]:
    """Return how many parameters an event has: $PAR, or as many as are described where $PAR is wrong or missing.

    `spans` are the lengths of DATA claimed, in bytes. Where $PAR and the parameters described differ, the count
    whose events fill a span is taken, else the smaller.
    """
    number = _number(words.get("$PAR", "").strip(_BLANKS))
    said = int(number) if number is not None and 0 <= number < 1e6 and number == int(number) else None
    if said and f"$P{said}B" in words and f"$P{said + 1}B" not in words:
        return said, ()
    described = max((int(match[1]) for match in map(_DESCRIBES.fullmatch, words) if match), default=0)
    if said == described and said is not None:
        return said, ()
    if not described:
        raise FcsError(
            "$PAR must count the parameters of an event",
            repr(words.get("$PAR", "")) + ", and none is described",
            where,
            "",
            None,
            "$PAR",
            words.get("$PAR", ""),
        )
    found = f"$PAR {words.get('$PAR', 'missing')}, {described} described"
    taken = described if said is None else _count_that_fills(words, spans, sorted({said, described}))
    return taken, (
        make_repair("par_wrong", found, action=f"{taken} parameters read", where="$PAR"),
    ) if taken != said else ()


def _count_that_fills(words: Keywords, spans: Sequence[int], counts: Sequence[int]) -> int:
    total = total_from_keywords(words)[0] or 0
    default = {"F": 32, "D": 64}.get(words.get("$DATATYPE", "").strip(_BLANKS).upper(), 0)
    for count in counts:
        if count > len(words) and not default:
            continue
        width = count * default or sum(_bits(words, f"$P{index}B") for index in range(1, count + 1))
        if total and total * width // 8 in spans:
            return min(count, _MOST_UNDESCRIBED) if count > len(words) else count
    return counts[0]


def channels_from_keywords(words: Keywords, count: int) -> tuple[tuple[Channel, ...], tuple[Repair, ...]]:
    """Return the `count` parameters of a data set in file order, and what had to be mended in their keywords."""
    repairs: list[Repair] = []
    plain = words.folded
    channels = tuple(_channel(plain, index, repairs) for index in range(1, count + 1))
    return channels, (*_merged(repairs), *_name_repairs(channels))


def _merged(repairs: Sequence[Repair]) -> list[Repair]:
    """Return one repair for all parameters with the same fault and value."""
    places: dict[Repair, list[str]] = {}
    for repair in repairs:
        places.setdefault(replace(repair, where=""), []).append(repair.where)
    return [replace(what, where=", ".join(where)) for what, where in places.items()]


def _channel(words: dict[str, str], index: int, repairs: list[Repair]) -> Channel:
    prefix = f"$P{index}"
    amplifier = words.get(f"{prefix}E", "0,0")
    decades, offset = (0.0, 0.0) if amplifier == "0,0" else _amplifier(amplifier, f"{prefix}E", repairs)
    name = words.get(f"{prefix}N", "").strip(_BLANKS)
    stain = words.get(f"{prefix}S", "").strip(_BLANKS)
    if not name:
        name = stain or f"P{index}"
        repairs.append(make_repair("name_missing", "no $PnN", action=f"named {name}", where=f"{prefix}N"))
    voltage = words.get(f"{prefix}V")
    top = _positive_number(words, f"{prefix}R", repairs, absent=0.0)
    gain = _positive_number(words, f"{prefix}G", repairs, absent=1.0)
    volts = None if voltage is None else _number(voltage.strip(_BLANKS))
    return Channel(index, name, stain, top, _bits(words, f"{prefix}B"), gain, decades, offset, volts)


def _number(written: str) -> float | None:
    if not written.isascii() or "_" in written:  # Python reads 1_000 and the digits of other scripts
        return None
    try:
        number = float(written)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _positive_number(words: dict[str, str], key: str, repairs: list[Repair], *, absent: float) -> float:
    written = words.get(key)
    if written is None or not (written := written.strip(_BLANKS)):
        return absent
    number = _number(written)
    if number is None and not key.endswith("R") and re.fullmatch(r"\d*,\d+", written):
        number = _number(written.replace(",", "."))  # a decimal comma, as some computers' language asks
    if number and "," in written:
        repairs.append(make_repair("decimal_comma", repr(written), action=f"read as {number:g}", where=key))
    if number is None or number <= 0:
        if not (number == 0 and key.endswith("R")):  # a range of 0 is none, as range_missing says
            level: Level | None = "note" if number == 0 else None  # no gain is 0: it was not said
            repairs.append(
                make_repair("number_unusable", repr(written), action=f"read as {absent:g}", where=key, level=level)
            )
        return absent
    return number


def timestep_from_keywords(words: Keywords) -> tuple[float, tuple[Repair, ...]]:
    """Return the seconds one unit of Time lasts, 1.0 where $TIMESTEP does not say, and what was mended to tell."""
    repairs: list[Repair] = []
    step = _positive_number(words.folded, "$TIMESTEP", repairs, absent=1.0)
    return step, tuple(repairs)


def _bits(words: Mapping[str, str], key: str) -> int:
    written = words.get(key, "")
    if written in _USUAL_BITS:
        return _USUAL_BITS[written]
    number = _number(written.strip(_BLANKS))
    return int(number) if number is not None and 0 < number < 1e6 else 0


def _amplifier(written: str, key: str, repairs: list[Repair]) -> tuple[float, float]:
    """Return f1 and f2 of $PnE; f2 = 0 with f1 > 0 is read as 1 (FCS 3.1, 3.2.7)."""
    written = written.strip(_BLANKS)
    if written in {"", "0,0", "0.0,0.0"}:
        return 0.0, 0.0
    numbers = [_number(part) for part in written.replace(";", ",").split(",")]
    if len(numbers) == 4:  # a decimal comma: 4,0,1,0
        numbers = [_number(part) for part in re.sub(r"(\d),(\d+)", r"\1.\2", written).split(",")]
    if len(numbers) != 2 or numbers[0] is None or numbers[1] is None or min(numbers[0], numbers[1]) < 0:
        repairs.append(make_repair("amplifier_unreadable", repr(written), where=key))
        return 0.0, 0.0
    decades, offset = numbers[0], numbers[1]
    if decades > 0 and offset == 0:
        repairs.append(make_repair("log_offset_zero", repr(written), where=key))
        return decades, 1.0
    return decades, offset if decades > 0 else 0.0


def _name_repairs(channels: Sequence[Channel]) -> list[Repair]:
    if len({channel.name for channel in channels}) == len(channels):
        return []
    counts = Counter(channel.name for channel in channels)
    twice = [name for name, count in counts.items() if count > 1]
    return [make_repair("names_repeated", ", ".join(twice), where="$PnN")]

"""Writing: `Events` as one FCS 3.1 or 3.2 data set, and plain arrays as `Events`.

Scaled events are written as floats (doubles where the values are float64) with linear amplifiers, gain 1, Time in
seconds and $PnR on that scale, so that reading gives the same values back bit for bit and no reader clips them. Stored
events keep $PnR, $PnE, $PnG and $TIMESTEP; they are written as integers where a log amplifier needs integers to be
undone.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from assaykit.errors import FcsError
from assaykit.fcs.events import Channel, Events
from assaykit.fcs.keywords import Keywords
from assaykit.fcs.preamble import LENGTH
from assaykit.fcs.scale import is_time, scaled_range

LARGEST_HEADER_OFFSET = 99_999_999
_LARGEST_EXPONENT = 1023  # of a double
_STRUCTURE = (
    "$BEGINANALYSIS", "$ENDANALYSIS", "$BEGINSTEXT", "$ENDSTEXT", "$BEGINDATA", "$ENDDATA", "$NEXTDATA", "$MODE",
    "$DATATYPE", "$BYTEORD", "$PAR", "$TOT", "$TIMESTEP", "$UNICODE",
)  # fmt: skip
_PARAMETER = re.compile(r"\$P\d+(N|S|B|E|R|G|V|DATATYPE)", re.IGNORECASE)


def events_from_array(
    values: ArrayLike,
    names: Sequence[str],
    *,
    stains: Sequence[str] = (),
    keywords: Mapping[str, str] | None = None,
) -> Events:
    """Return an array, events x channels, as `Events` with linear channels of gain 1.

    $PnR is taken from `keywords` where given, else the next power of two above the largest value, at least 262144.
    Raises FcsError where names, stains and columns differ in number, or a name is empty or repeated.
    """
    given = np.asarray(values)
    array: NDArray[np.floating] = np.array(given, dtype=_float_type(given), order="F", ndmin=2)
    array.setflags(write=False)
    _check_names(array, names, stains)
    words = Keywords(keywords or {})
    markers = [*stains, *[""] * (len(names) - len(stains))]
    channels = tuple(
        Channel(n, name, stain, _range(words, n, array[:, n - 1]), 8 * array.itemsize, 1.0, 0.0, 0.0, None)
        for n, (name, stain) in enumerate(zip(names, markers, strict=True), start=1)
    )
    return Events(array, channels, words, version="FCS3.1")


def _float_type(values: NDArray[np.generic]) -> type[np.float32 | np.float64]:
    """Return float64 for doubles and for integers float32 cannot hold, else float32."""
    if values.dtype == np.float64 or (values.dtype.kind in "iu" and values.size and np.abs(values).max() > 1 << 24):
        return np.float64
    return np.float32


def _check_names(array: NDArray[np.floating], names: Sequence[str], stains: Sequence[str]) -> None:
    if array.ndim != 2 or array.shape[1] != len(names) or len(stains) not in (0, len(names)):
        raise FcsError(
            "values must have one column per name, and stains one text per name or none",
            f"{array.shape} values, {len(names)} names, {len(stains)} stains",
        )
    if len(set(names)) < len(names) or not all(name.strip() for name in names):
        raise FcsError("channel names must be unique and not empty", repr(list(names)))


def _range(words: Keywords, index: int, column: NDArray[np.floating]) -> float:
    with contextlib.suppress(ValueError):
        return float(words.get(f"$P{index}R", ""))
    top = float(np.max(column, initial=0.0, where=np.isfinite(column)))
    return max(262144.0, _power_above(top))


def write_fcs(events: Events, path: str | Path, *, version: Literal["3.1", "3.2"] = "3.1") -> None:
    """Write one data set that reads back to the same values, channels and keywords, bit for bit.

    The file is complete or absent: it is written beside `path` and renamed. Raises FcsError where it cannot be
    written, or stored values with a log amplifier are not integers of 0 to 2**32 - 1.
    """
    target = Path(path)
    kind, data = _data(events)
    words = _words(events, kind)
    if version == "3.2":
        words.setdefault("$CYT", "not said")  # required from FCS 3.2 on
    text, begin = _text(words, len(data))
    head = _preamble(version, text_bytes=len(text), begin=begin, data_bytes=len(data))
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as stream:
            stream.writelines((head, text, data, b"00000000"))
        partial.replace(target)
    except OSError as error:
        raise FcsError("the folder must exist and be writable", error.strerror or str(error), str(target)) from error
    finally:
        partial.unlink(missing_ok=True)


def _data(events: Events) -> tuple[str, bytes]:
    values = events.values
    if not events.scaled and any(channel.log_decades > 0 for channel in events.channels):
        if values.size and (values.min() < 0 or values.max() >= 1 << 32 or (values != np.floor(values)).any()):
            raise FcsError(
                "stored values with a log amplifier must be whole numbers from 0 to 4294967295",
                f"{values.min():g} to {values.max():g}",
            )
        return "I", np.ascontiguousarray(values, dtype="<u4").tobytes()
    kind = "F" if values.dtype == np.float32 else "D"
    return kind, np.ascontiguousarray(values, dtype=f"<f{4 if kind == 'F' else 8}").tobytes()


def _words(events: Events, kind: str) -> dict[str, str]:
    """Return every keyword but the offsets: the structure first, the channels next, the file's own words last."""
    bits = "64" if kind == "D" else "32"
    words = {
        "$BEGINANALYSIS": "0", "$ENDANALYSIS": "0", "$BEGINSTEXT": "0", "$ENDSTEXT": "0", "$NEXTDATA": "0",
        "$MODE": "L", "$DATATYPE": kind, "$BYTEORD": "1,2,3,4", "$PAR": str(len(events.channels)),
        "$TOT": str(len(events)),
    }  # fmt: skip
    if "$TIMESTEP" in events.keywords:
        words["$TIMESTEP"] = "1" if events.scaled else events.keywords["$TIMESTEP"]
    for n, channel in enumerate(events.channels, start=1):
        words |= _channel_words(channel, n, bits, top=_written_range(events, n - 1), scaled=events.scaled)
    place = {channel.index: n for n, channel in enumerate(events.channels, start=1)}
    for key, value in events.keywords.items():
        own = _renumbered(key, place)
        if own and own.upper() not in words and own.upper() not in _STRUCTURE:
            words[own] = value
    return words


def _written_range(events: Events, place: int) -> float:
    """Return $PnR for the values as written: the range of the file on the scale of the values.

    Where the file has none, or its range is of stored values that are not these (a log amplifier on floats, Time beyond
    its range), the next power of two above the largest value.
    """
    channel, column, words = events.channels[place], events.values[:, place], Keywords(events.keywords)
    if not events.scaled and (channel.range > 0 or channel.log_decades > 0):
        return channel.range
    top = scaled_range(channel, words) if events.scaled else 0.0
    if top > 0 and channel.log_decades == 0 and not is_time(channel, words):
        return top
    largest = _power_above(float(np.max(column, initial=0.0, where=np.isfinite(column))))
    return max(262144.0, largest) if top <= 0 else top if (column <= top).all() else max(top, largest)


def _power_above(value: float) -> float:
    return 2.0 ** min(math.ceil(math.log2(max(0.0, value) + 1)), _LARGEST_EXPONENT)


def _channel_words(channel: Channel, n: int, bits: str, *, top: float, scaled: bool) -> dict[str, str]:
    linear = scaled or channel.log_decades == 0
    words = {
        f"$P{n}N": channel.name,
        f"$P{n}B": bits,
        f"$P{n}R": f"{top:.17g}",
        f"$P{n}E": "0,0" if linear else f"{channel.log_decades:.17g},{channel.log_offset:.17g}",
        f"$P{n}G": "1" if scaled else f"{channel.gain:.17g}",
    }
    if channel.stain:
        words[f"$P{n}S"] = channel.stain
    if channel.voltage is not None:
        words[f"$P{n}V"] = f"{channel.voltage:.17g}"
    return words


def _renumbered(key: str, place: Mapping[int, int]) -> str:
    """Return a $Pn or Pn keyword under the channel's new number, "" where its channel is not written."""
    match = re.fullmatch(r"(\$?P)(\d+)([A-Z]\w*)", key, re.IGNORECASE)
    if match is None:
        return key
    new = place.get(int(match[2]))
    if new is None or _PARAMETER.fullmatch(key):
        return ""
    return f"{match[1]}{new}{match[3]}"


def _text(words: Mapping[str, str], data_bytes: int) -> tuple[bytes, int]:
    """Return the TEXT segment and the byte where DATA begins, which TEXT itself must say."""
    letters = "".join((*words, *words.values()))
    delimiter = next((mark for mark in "/|\\!^~\x0c\x1e\x1f" if mark not in letters), "/")
    begin = 0
    while True:
        offsets = {"$BEGINDATA": str(begin), "$ENDDATA": str(begin + data_bytes - 1)}
        parts = [
            part.replace(delimiter, delimiter * 2) or " " for pair in (offsets | dict(words)).items() for part in pair
        ]
        text = (delimiter + delimiter.join(parts) + delimiter).encode()
        if begin == LENGTH + len(text):
            return text, begin
        begin = LENGTH + len(text)


def _preamble(version: str, *, text_bytes: int, begin: int, data_bytes: int) -> bytes:
    last = begin + data_bytes - 1
    fits = last <= LARGEST_HEADER_OFFSET  # of no event the last byte lies before the first, as in TEXT
    offsets = (LENGTH, LENGTH + text_bytes - 1, begin if fits else 0, last if fits else 0, 0, 0)
    return (f"FCS{version}    " + "".join(f"{offset:>8}" for offset in offsets)).encode("ascii")

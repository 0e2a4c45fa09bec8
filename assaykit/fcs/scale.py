"""Scale: stored values as the amplifier's input.

| stored as | amplifier | scaled value | source |
| --- | --- | --- | --- |
| integer | log, $PnE f1 > 0 | f2 * 10**(f1 * x / $PnR) | FCS 3.1, 3.2.7 |
| integer, float, double | linear, gain g = $PnG | x / g | FCS 3.1, 3.2.20 |
| float, double | log, $PnE f1 > 0 | x / g: linear already, as only 0,0 is allowed; a repair says so | 3.2.7 |
| any | Time | x * $TIMESTEP, seconds; never a gain | FCS 3.1, 3.2.20 |
"""

from __future__ import annotations

import numpy as np

from assaykit.fcs.columns import Column, Scale
from assaykit.fcs.events import Channel
from assaykit.fcs.keywords import Keywords
from assaykit.fcs.layouts import Field
from assaykit.fcs.parameters import timestep_from_keywords

_LONGEST_TABLE = 1 << 16


def channel_scale(channel: Channel, field: Field, keywords: Keywords, *, events: int) -> Scale | None:
    """Return the function from stored to scaled values of one channel, None where they are the same."""
    if is_time(channel, keywords):
        step, _ = timestep_from_keywords(keywords)
        return None if step == 1.0 else lambda stored: np.multiply(stored, step, dtype=np.float64)
    if field.kind in "IA" and channel.log_decades > 0 and channel.range > 0:
        return _logarithmic(channel, field, events)
    gain = channel.gain
    return None if gain == 1.0 else lambda stored: np.divide(stored, gain, dtype=np.float64)


def _logarithmic(channel: Channel, field: Field, events: int) -> Scale:
    """Return f2 * 10**(f1 * x / $PnR): looked up where there are fewer values than events, else computed."""
    rate, offset = channel.log_decades / channel.range, channel.log_offset

    def compute(stored: Column) -> Column:
        with np.errstate(over="ignore"):
            return np.multiply(offset, 10.0 ** np.multiply(stored, rate, dtype=np.float64))

    largest = field.mask or (1 << field.bits) - 1
    if field.kind == "A" or largest >= min(events, _LONGEST_TABLE):
        return compute
    table = compute(np.arange(largest + 1))
    return lambda stored: table[stored]


def is_time(channel: Channel, keywords: Keywords) -> bool:
    """Whether the channel counts time: named Time and nothing else, or $PnTYPE says so (FCS 3.2)."""
    if len(channel.name) == 4 and channel.name.casefold() == "time":
        return True
    return bool(keywords.get(f"$P{channel.index}TYPE", "").strip().lower() == "time")


def scaled_range(channel: Channel, keywords: Keywords) -> float:
    """Return $PnR on the scale of the scaled values: where the largest stored value would lie, 0 where $PnR is absent.

    >>> scaled_range(Channel(1, "FL1", "", 1024.0, 16, 1.0, 4.0, 1.0, None), Keywords({}))
    10000.0
    """
    if is_time(channel, keywords):
        return channel.range * timestep_from_keywords(keywords)[0]
    return channel.top

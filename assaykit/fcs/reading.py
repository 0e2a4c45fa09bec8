"""Reading: a path as `Header` or `Events`, through ever simpler forms.

bytes -> Preamble (58 bytes) -> Keywords (TEXT) -> channels and Layout -> where DATA lies -> stored values -> scaled
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from assaykit.errors import FcsError
from assaykit.fcs.columns import read_columns
from assaykit.fcs.events import Channel, Events, Repair
from assaykit.fcs.keywords import Keywords
from assaykit.fcs.parameters import Layout, channels_from_keywords, layout_from_keywords, number_from_keyword
from assaykit.fcs.preamble import LENGTH, Preamble, preamble_from_bytes
from assaykit.fcs.repairs import mended
from assaykit.fcs.scale import scale_of
from assaykit.fcs.source import Source, open_source
from assaykit.fcs.text import keywords_from_text


@dataclass(frozen=True, slots=True)
class Header:
    """Everything one data set says of itself: its keywords, channels and where its events lie; no event is read."""

    source: Path
    dataset: int
    version: str
    keywords: Keywords
    channels: tuple[Channel, ...]
    layout: Layout
    events: int
    data_begin: int  # byte of the file where DATA begins
    repairs: tuple[Repair, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The $PnN of every channel, in file order."""
        return tuple(channel.name for channel in self.channels)


def read_fcs_header(path: str | Path, dataset: int = 0) -> Header:
    """Return what a data set says of itself; reads HEADER and TEXT only, whatever the size of the file.

    Raises FcsError as `read_fcs` does.
    """
    with open_source(Path(path)) as source:
        return _header(source, dataset)


def read_fcs(
    path: str | Path, channels: Sequence[str] | None = None, dataset: int = 0, *, scale: bool = True
) -> Events:
    """Return the events of one data set: the `channels` asked for by $PnN or $PnS in that order, or all.

    `dataset` counts from 0. `scale=False` gives the values as stored (after the masks of $PnR). Raises FcsError
    where the file cannot be understood or holds no such channel or data set.
    """
    with open_source(Path(path)) as source:
        header = _header(source, dataset)
        wanted = _wanted(header, channels)
        stored, outside = read_columns(source, header.layout, wanted, begin=header.data_begin, events=header.events)
    values = _scaled(stored, header, wanted) if scale else stored
    values.setflags(write=False)
    return Events(
        values=values,
        channels=tuple(header.channels[index] for index in wanted),
        keywords=header.keywords,
        source=header.source,
        version=header.version,
        repairs=header.repairs,
        scaled=scale,
    )


def _scaled(values: NDArray[np.floating], header: Header, wanted: Sequence[int]) -> NDArray[np.floating]:
    for column, index in enumerate(wanted):
        apply = scale_of(header.channels[index], header.layout.fields[index].kind, header.keywords)
        if apply is not None:
            values[:, column] = apply(values[:, column])
    return values


def _wanted(header: Header, names: Sequence[str] | None) -> list[int]:
    if names is None:
        return list(range(len(header.channels)))
    places: dict[str, int] = {}
    for channel in reversed(header.channels):
        places[channel.stain] = channel.index - 1
    for channel in reversed(header.channels):
        places[channel.name] = channel.index - 1
    wanted = []
    for name in names:
        place = places.get(name, places.get(name.strip()))
        if place is None or not name.strip():
            near = difflib.get_close_matches(name, [*places], n=1, cutoff=0.0)
            raise FcsError(
                "a channel must be a $PnN or $PnS of the file",
                repr(name),
                str(header.source),
                f"the nearest name is {near[0]!r}" if near else "",
            )
        wanted.append(place)
    return wanted


def _header(source: Source, dataset: int) -> Header:
    where = str(source.path)
    preamble = preamble_from_bytes(source.read(0, LENGTH), base=0, where=where)
    begin, end = preamble.text
    if begin is None or end is None:
        raise FcsError("HEADER must say where TEXT lies", "blanks", where, "", 10)
    words, _, notes = keywords_from_text(source.read(begin, end + 1), begin=begin, where=where)
    keywords = Keywords(words)
    count = number_from_keyword(keywords, "$PAR", where=where) or 0
    channels, faults = channels_from_keywords(keywords, count)
    layout = layout_from_keywords(keywords, channels, where=where)
    first, last = preamble.data
    if not first:
        first, last = (number_from_keyword(keywords, key, where=where) for key in ("$BEGINDATA", "$ENDDATA"))
    assert first is not None
    assert last is not None
    events = (last + 1 - first) * 8 // layout.width
    events = min(events, (source.size - first) * 8 // layout.width)
    return Header(
        source.path,
        dataset,
        preamble.version,
        keywords,
        channels,
        layout,
        events,
        first,
        (*preamble.repairs, *notes, *faults),
    )

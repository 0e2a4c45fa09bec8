"""Reading: a path as `Header` or `Events`, through ever simpler forms.

bytes -> Preamble (58 bytes) -> Words (TEXT) -> channels and layouts -> Extent (where DATA lies) -> stored -> scaled
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from assaykit.errors import FcsError
from assaykit.fcs.checksum import crc_repairs
from assaykit.fcs.columns import ColumnRequest, Excess, exact_dtype, read_columns
from assaykit.fcs.events import Channel, Events, Repair
from assaykit.fcs.keywords import Keywords
from assaykit.fcs.layouts import EventLayout, layouts_from_keywords
from assaykit.fcs.locating import DataExtent, DataOffsets, SearchSpace, locate_data
from assaykit.fcs.parameters import (
    channels_from_keywords,
    offset_from_keyword,
    parameter_count,
    timestep_from_keywords,
    total_from_keywords,
)
from assaykit.fcs.plausibility import all_plausible, bytes_look_swapped, is_all_zeros, plausible_share
from assaykit.fcs.preamble import LENGTH, Preamble, preamble_from_bytes
from assaykit.fcs.rare_layouts import read_delimited, read_packed
from assaykit.fcs.repairs import make_repair
from assaykit.fcs.scale import channel_scale, is_time
from assaykit.fcs.segments import TextSegment, read_text_segment
from assaykit.fcs.source import Source, open_source
from assaykit.vocabulary import nearest

_DATA_SET = re.compile(rb"FCS[1-9]\.[0-9] {4}[ 0-9]{8}[ 0-9]{8}")
_PIECE = 1 << 18
MOST_SEARCHED = 1 << 26  # bytes behind a data set searched for the next
MOST_DATA_SETS = 10_000
MOST_ZEROS = 1 << 26  # bytes of zeros alone that are still taken for events
_ENOUGH = 10  # events
MOST_GROWTH, MOST_SPARE = 4, 1 << 24  # memory: so many times the file, and so many bytes


@dataclass(frozen=True, slots=True)
class Header:
    """Everything one data set says of itself: its keywords, channels and where its events lie; no event is read."""

    source: Path
    dataset: int
    version: str
    keywords: Keywords
    channels: tuple[Channel, ...]
    layout: EventLayout
    events: int
    data_begin: int  # byte of the file where DATA begins
    data_end: int  # the byte after DATA
    text_end: int  # the byte after TEXT
    begin: int  # byte of the file where the data set begins
    repairs: tuple[Repair, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The $PnN of every channel, in file order."""
        return tuple(channel.name for channel in self.channels)


def read_fcs_header(path: str | Path, dataset: int = 0) -> Header:
    """Return what a data set says of itself; reads HEADER and TEXT only, whatever the size of the file.

    Raises FcsError as `read_fcs` does, but for a file that holds no event where $TOT promises some: its `events` is 0.
    """
    with open_source(Path(path)) as source:
        return _header_of(source, dataset)


def datasets(path: str | Path) -> tuple[Header, ...]:
    """Return the header of every data set in a file, in order; one for most files.

    Raises FcsError as `read_fcs` does.
    """
    with open_source(Path(path)) as source:
        return tuple(_headers(source))


def read_fcs(
    path: str | Path, channels: Sequence[str] | None = None, dataset: int = 0, *, scale: bool = True
) -> Events:
    """Return the events of one data set: the `channels` asked for by $PnN or $PnS in that order, or all.

    `dataset` counts from 0. `scale=False` gives the values as stored (after the masks of $PnR). Raises FcsError
    where the file cannot be understood or holds no such channel or data set.
    """
    names = _names_asked(channels, path)
    with open_source(Path(path)) as source:
        header = _header_of(source, dataset)
        if header.events == 0 and any(repair.name in _NO_EVENTS for repair in header.repairs):
            raise _no_events(header)
        wanted = _channel_places(header, names)
        with np.errstate(all="ignore"):  # a file may hold NaN, or floats that overflow: they are read as they are
            try:
                values, notes = _values(source, header, wanted, scale=scale)
            except FcsError as error:
                if error.where:
                    raise
                must, found, _, *rest = error.args  # a piece of DATA does not know its file
                raise FcsError(must, found, str(source.path), *rest) from error
        further = _further(source, header) if dataset == 0 else ()
        crc = crc_repairs(source, begin=header.begin, end=header.data_end)
        repairs = (*header.repairs, *notes, *further, *crc)
    values.setflags(write=False)
    return Events(
        values=values,
        channels=tuple(header.channels[index] for index in wanted),
        keywords=header.keywords,
        source=header.source,
        version=header.version,
        repairs=repairs,
        scaled=scale,
        stamp=source.stamp,
    )


def _names_asked(channels: object, path: str | Path) -> tuple[str, ...] | None:
    """Return the channels asked for, None for all.

    Raises FcsError where they are no sequence of names; one text would be read letter by letter.
    """
    if channels is None:
        return None
    remedy = "ask for channels by $PnN or $PnS in a list, such as ['FSC-A', 'PE-A']"
    if isinstance(channels, (str, bytes)) or not isinstance(channels, Iterable):
        raise FcsError("channels must be a list of names", repr(channels), str(path), remedy)
    names = tuple(channels)
    odd = [name for name in names if not isinstance(name, str)]
    if odd:
        raise FcsError("a channel must be asked for by its name", f"{odd[0]!r}", str(path), remedy)
    return names


_NO_EVENTS = frozenset({"truncated", "data_outside", "tot_too_large"})


def _no_events(header: Header) -> FcsError:
    return FcsError(
        "DATA must hold at least one whole event of those $TOT promises",
        f"$TOT {header.keywords.get('$TOT')}, and the file ends before the first event does",
        f"{header.source}, DATA from byte {header.data_begin}",
        "copy or download the file again",
        header.data_begin,
        "$TOT",
        header.keywords.get("$TOT"),
    )


def _values(
    source: Source, header: Header, wanted: Sequence[int], *, scale: bool
) -> tuple[NDArray[np.floating], tuple[Repair, ...]]:
    layout, words = header.layout, header.keywords
    fields = [layout.fields[index] for index in wanted]
    scales = [
        channel_scale(header.channels[index], field, words, events=header.events) if scale else None
        for index, field in zip(wanted, fields, strict=True)
    ]
    if header.events * layout.width > 8 * MOST_ZEROS and any(note.name == "zeros_alone" for note in header.repairs):
        raise FcsError(
            "DATA must hold events", f"zeros alone in {header.data_end - header.data_begin} bytes", str(source.path),
            "the copy or download broke off: fetch the file again", header.data_begin,
        )  # fmt: skip
    columns = [ColumnRequest(field, how) for field, how in zip(fields, scales, strict=True)]
    _check_memory(source, header, dtype=exact_dtype(fields), columns=len(fields))
    if layout.width == 0:
        placed = list(zip(wanted, columns, strict=True))
        values = read_delimited(
            source, placed, begin=header.data_begin, end=header.data_end, parameters=len(header.channels)
        )
        return values, _delimited_repairs(header, len(values))
    whole_bytes = all(field.bits % 8 == 0 for field in layout.fields)
    if not whole_bytes and any(field.kind != "I" for field in layout.fields):
        raise FcsError(
            "$PnB of data that are not integers alone must be whole bytes",
            f"{layout.width} bits an event, of kinds {', '.join(sorted({field.kind for field in layout.fields}))}",
            str(source.path), "export the file again from the cytometer's software", None, "$PnB",
        )  # fmt: skip
    read = read_columns if whole_bytes else read_packed
    values, outside = read(source, layout, columns, begin=header.data_begin, events=header.events)
    return values, _mask_repairs(header, wanted, outside)


def _check_memory(source: Source, header: Header, *, dtype: type[np.floating], columns: int) -> None:
    """Raise FcsError where the values would take far more memory than the file, as packed bits of a broken one can."""
    needed = header.events * columns * np.dtype(dtype).itemsize
    if header.layout.width and needed > MOST_GROWTH * source.size + MOST_SPARE:
        raise FcsError(
            f"the values must not take more than {MOST_GROWTH} times the memory of the file",
            f"{needed / 1e6:.0f} MB for {source.size / 1e6:.0f} MB, from {header.layout.width} bits an event",
            str(source.path),
            "ask for fewer channels at a time",
            None,
            "$PnB",
        )


def _delimited_repairs(header: Header, events: int) -> tuple[Repair, ...]:
    said = header.keywords.get("$TOT", "").strip()
    if said == str(events):
        return ()
    return (make_repair("tot_missing", f"$TOT {said!r}", action=f"{events} events read", where="ASCII DATA"),)


def _mask_repairs(header: Header, wanted: Sequence[int], outside: Sequence[Excess]) -> tuple[Repair, ...]:
    """Return which integers had bits above $PnR: a mark of the channel where all events have it, else an overflow."""
    found = [(header.channels[index].name, excess) for index, excess in zip(wanted, outside, strict=True) if excess.any]
    marked = [name for name, excess in found if excess.any == excess.every]
    overflown = [name for name, excess in found if excess.any != excess.every]
    notes = []
    if overflown:
        said = f"{', '.join(overflown)}: in some events, which $PnR has no room for"
        notes.append(make_repair("bits_beyond_range", said, where="DATA"))
    if marked:
        said = f"{', '.join(marked)}: the same in every event, such as a number of the channel"
        notes.append(make_repair("bits_beyond_range", said, where="DATA", level="note"))
    return tuple(notes)


def _channel_places(header: Header, names: Sequence[str] | None) -> list[int]:
    """Return the places of the channels asked for: $PnN first, then $PnS, exact first, then stripped."""
    if names is None:
        return list(range(len(header.channels)))
    places: dict[str, int] = {}
    for channel in header.channels:
        places.setdefault(channel.name, channel.index - 1)
    for channel in header.channels:
        if channel.stain:
            places.setdefault(channel.stain, channel.index - 1)
    return [places[_known(name, places, header)] for name in names]


def _known(name: str, places: dict[str, int], header: Header) -> str:
    for way in (name, name.strip()):
        if way in places:
            return way
    near = nearest(name.strip(), places)
    have = f"the file has {', '.join(header.names)}"
    raise FcsError(
        "a channel must be a $PnN or $PnS of the file",
        repr(name),
        str(header.source),
        f"the nearest name is {near!r}; {have}" if near else have,
        None,
        "$PnN",
        name,
    )


def _header_of(source: Source, dataset: int) -> Header:
    if dataset == 0:
        return _header(source, base=0, dataset=0)
    count = 0
    for header in _headers(source):
        if header.dataset == dataset:
            return header
        count += 1
    raise FcsError(
        "a file must hold the data set asked for", f"data set {dataset} of {count}, counted from 0", str(source.path)
    )


def _headers(source: Source) -> Iterator[Header]:
    base: int | None = 0
    for dataset in range(MOST_DATA_SETS):
        if base is None:
            return
        header = _header(source, base=base, dataset=dataset)
        yield header
        base = _next_begin(source, header)


def _next_begin(source: Source, header: Header) -> int | None:
    """Return the byte where the next data set begins: where $NEXTDATA says, else the first behind this one.

    Writers that string data sets together forget $NEXTDATA (Guava, Muse), and some set it where nothing follows.
    """
    said = offset_from_keyword(header.keywords, "$NEXTDATA") or 0
    for place in (header.begin + said, said):
        if header.begin < place < source.size and _DATA_SET.match(source.read(place, place + 32)):
            return place
    behind = max(header.data_end, header.text_end)
    for first in range(behind, min(source.size, behind + MOST_SEARCHED), _PIECE):
        match = _DATA_SET.search(source.read(first, first + _PIECE + 32))
        if match:
            return first + match.start()
    return None


def _further(source: Source, header: Header) -> tuple[Repair, ...]:
    """Return the note that a file holds more than the data set read."""
    place = _next_begin(source, header)
    return (
        ()
        if place is None
        else (make_repair("data_sets_further", f"the next begins at byte {place}", where="$NEXTDATA"),)
    )


def _header(source: Source, *, base: int, dataset: int) -> Header:
    preamble = preamble_from_bytes(source.read(base, base + LENGTH), base=base, where=str(source.path))
    words = read_text_segment(source, preamble, base)
    claims = _offsets_of_data(preamble, words.keywords, base=base, size=source.size)
    unread = _unread_offsets(words.keywords)
    extent, channels, notes = _describe_events(source, words, claims, base=base)
    bits = extent.events * extent.layout.width
    end = (
        extent.begin + (bits + 7) // 8
        if extent.layout.width
        else max([c.last + 1 for c in claims], default=extent.begin)
    )
    return Header(
        source.path, dataset, preamble.version, words.keywords, channels, extent.layout, extent.events, extent.begin,
        min(end, source.size), words.end, base, (*preamble.repairs, *words.repairs, *unread, *notes, *extent.repairs),
    )  # fmt: skip


def _describe_events(
    source: Source, words: TextSegment, claims: Sequence[DataOffsets], *, base: int
) -> tuple[DataExtent, tuple[Channel, ...], tuple[Repair, ...]]:
    where, keywords = str(source.path), words.keywords
    _check_mode(keywords, where)
    total, doubts = total_from_keywords(keywords)
    count, odd = parameter_count(keywords, [claim.span for claim in claims], where=where)
    channels, faults = channels_from_keywords(keywords, count)
    if not channels:
        raise FcsError("an event must have at least one parameter", "$PAR 0", where, "", None, "$PAR", "0")
    layouts, notes = layouts_from_keywords(keywords, channels, where=where)
    room = SearchSpace(source, base, (words.begin, words.end), total, tuple(channel.range for channel in channels))
    extent, remarks = _check_plausibility(room, locate_data(room, layouts, claims), channels)
    scales = _scale_repairs(channels, extent.layout, keywords)
    return extent, channels, (*doubts, *odd, *faults, *notes, *remarks, *scales)


def _check_plausibility(
    room: SearchSpace, extent: DataExtent, channels: Sequence[Channel]
) -> tuple[DataExtent, tuple[Repair, ...]]:
    """Return the extent with the order of bytes in which its floats make sense, and a warning where they make none."""
    layout = extent.layout
    end = extent.begin + (extent.events * layout.width + 7) // 8
    where = f"DATA from byte {extent.begin}"
    if extent.events >= _ENOUGH and layout.width and is_all_zeros(room.source, begin=extent.begin, end=end):
        return extent, (make_repair("zeros_alone", f"{end - extent.begin} bytes, 0 wherever looked at", where=where),)
    if extent.events >= _ENOUGH and bytes_look_swapped(room.source, layout, begin=extent.begin):
        said = f"$BYTEORD {','.join(map(str, layout.order))}"
        return extent, (make_repair("byte_order_doubtful", said, where=where),)
    if extent.plausible or extent.events < _ENOUGH or all_plausible(room.source, layout, begin=extent.begin):
        return extent, ()
    look = partial(plausible_share, room.source, layout, begin=extent.begin, ranges=room.ranges)
    shares = look()
    odd = [] if shares is None else [at for at, share in enumerate(shares) if share < 0.5]
    if not odd or shares is None:
        return extent, ()
    if np.nanmean(shares) < 0.5:
        turned = look(reverse=True)
        if turned is not None and not np.isnan(turned).all() and np.nanmin(turned) > 0.95:
            other = replace(layout, order=tuple(reversed(layout.order)))
            said, read = (",".join(map(str, order)) for order in (layout.order, other.order))
            note = make_repair("byte_order_wrong", f"$BYTEORD {said}", action=f"read as {read}", where=where)
            return replace(extent, layout=other), (note,)
    names = ", ".join(channels[at].name for at in odd[:5]) + (f" and {len(odd) - 5} more" if len(odd) > 5 else "")
    return extent, (make_repair("values_implausible", names, where=where),)


def _scale_repairs(channels: Sequence[Channel], layout: EventLayout, keywords: Keywords) -> list[Repair]:
    """Return what the kind of data makes odd: log amplifiers on floats, integers without a range, an odd $TIMESTEP."""
    both = list(zip(channels, layout.fields, strict=True))
    logs = [channel.name for channel, field in both if channel.log_decades > 0 and field.kind in "FD"]
    bare = [channel.name for channel, field in both if channel.range == 0 and field.kind == "I"]
    lost = [channel.name for channel, _ in both if channel.name in bare and channel.log_decades > 0]
    named = {"log_on_float": (logs, "$PnE"), "range_missing": (bare, "$PnR"), "log_without_range": (lost, "$PnR")}
    notes = [make_repair(name, ", ".join(at), where=key) for name, (at, key) in named.items() if at]
    odd = timestep_from_keywords(keywords)[1]
    clocks = odd and any(is_time(channel, keywords) for channel in channels)
    return [*notes, *(odd if clocks else ())]


def _check_mode(keywords: Keywords, where: str) -> None:
    mode = keywords.get("$MODE", "L").strip().upper()
    if mode in {"C", "U"}:
        raise FcsError(
            "$MODE must be L, a list of events", f"{mode}, a histogram without single events", where,
            "export the list-mode data", None, "$MODE", mode,
        )  # fmt: skip


def _unread_offsets(keywords: Keywords) -> tuple[Repair, ...]:
    """Return a repair for each offset of DATA in TEXT that is no number."""
    written = {key: keywords.get(key, "").strip() for key in ("$BEGINDATA", "$ENDDATA")}
    odd = [(key, value) for key, value in written.items() if value and offset_from_keyword(keywords, key) is None]
    return tuple(make_repair("offset_unreadable", repr(value), where=key) for key, value in odd)


def _offsets_of_data(preamble: Preamble, keywords: Keywords, *, base: int, size: int) -> list[DataOffsets]:
    """Return where HEADER and TEXT say DATA lies; in a later data set also as if counted from the file's start."""
    header = preamble.data
    text = (offset_from_keyword(keywords, "$BEGINDATA"), offset_from_keyword(keywords, "$ENDDATA"))
    claims = []
    for start in (base, 0) if base else (0,):
        note = " counted from the start of the file" if base and not start else ""
        for segment, (begin, last) in (("TEXT", text), ("HEADER", header)):
            if begin and begin + start < 10 * size and start + begin > base:
                claims.append(DataOffsets(segment + note, start + begin, start + (last or begin)))
    return claims

"""Finding DATA: which bytes hold the events, when HEADER, TEXT, $TOT and the size of the file do not agree.

Form: `claims x layouts -> DataExtent`. A claim (`DataOffsets`) is a first and a last byte, with the segment that says
so. Neither HEADER nor TEXT is always right (Accuri, CyAn: HEADER; S1400EXi: TEXT), so each claim is judged, in this
order: it must lie in the file and clear of TEXT; its values must be plausible against $PnR, where claims begin at
different bytes; its length must be $TOT events; TEXT before HEADER. What was taken, and why, is a repair.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from types import MappingProxyType
from typing import NamedTuple

from assaykit.errors import FcsError
from assaykit.fcs.events import Repair
from assaykit.fcs.layouts import EventLayout
from assaykit.fcs.plausibility import all_plausible, mostly_implausible, plausibility
from assaykit.fcs.repairs import make_repair
from assaykit.fcs.source import Source

CRC_BYTES = 8
_MOST_PADDING = 1 << 12
_ZEROS_TELL = 4  # bytes


class DataOffsets(NamedTuple):
    """The first and last byte of DATA in the file, as HEADER or TEXT says."""

    segment: str
    begin: int
    last: int

    @property
    def span(self) -> int:
        """The bytes claimed."""
        return self.last + 1 - self.begin


@dataclass(frozen=True, slots=True)
class DataExtent:
    """Where DATA begins, how many whole events it holds, and how one event is stored."""

    begin: int
    events: int
    layout: EventLayout
    repairs: tuple[Repair, ...]
    plausible: bool = False  # whether the first values were seen to be measurements, as far as they tell


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """What is known before claims are judged: the file, the bytes [begin, end) of TEXT, $TOT and the ranges."""

    source: Source
    base: int
    text: tuple[int, int]
    total: int | None
    ranges: tuple[float, ...]


def locate_data(room: SearchSpace, layouts: Iterator[EventLayout], claims: Sequence[DataOffsets]) -> DataExtent:
    """Return where the events lie, under the first layout whose event width fits a claim, else the declared one.

    Raises FcsError where no claim lies in the file.
    """
    declared = next(layouts)
    if room.total == 0 and all(claim.span <= 1 for claim in claims):
        return DataExtent(min((claim.begin for claim in claims), default=room.text[1]), 0, declared, ())
    ways = (way for way in chain([declared], layouts) if any(_fits(claim, way, room) for claim in claims))
    layout = next(ways, declared)
    notes = () if layout is declared else (_layout_note(declared, layout),)
    if not claims:
        return _data_after_text(room, layout)
    plausible = all_plausible(room.source, layout, begin=claims[0].begin)
    claim, reasons = _best(room, layout, claims, plausible=plausible)
    events, doubts = _whole_events(room, layout, claim)
    plausible = plausible and claim == claims[0]
    return DataExtent(claim.begin, events, layout, (*notes, *reasons, *doubts), plausible)


def _needed(layout: EventLayout, total: int | None) -> int | None:
    """Return the bytes $TOT events take, None where $TOT or the width does not say."""
    return None if total is None or layout.width == 0 else (total * layout.width + 7) // 8


def _fits(claim: DataOffsets, layout: EventLayout, room: SearchSpace) -> bool:
    """Whether the claim's length is $TOT events to the byte, give or take the usual slips."""
    if layout.width == 0:
        return True
    needed = _needed(layout, room.total)
    if needed is None:
        return claim.span * 8 % layout.width == 0
    return _length_agreement(claim, needed) > 0


def _length_agreement(claim: DataOffsets, needed: int | None) -> int:
    if needed is None or claim.span == needed:
        return 2
    return int(abs(claim.span - needed) == 1 or claim.span == needed + CRC_BYTES)


def _lies_clear(claim: DataOffsets, room: SearchSpace, needed: int | None) -> bool:
    """Whether DATA would begin inside the file, after HEADER, and clear of TEXT."""
    first, stop = room.text
    clear = claim.begin >= stop or claim.begin + max(1, needed or 1) <= first
    return clear and room.base <= claim.begin <= room.source.size


def _best(
    room: SearchSpace, layout: EventLayout, claims: Sequence[DataOffsets], *, plausible: bool
) -> tuple[DataOffsets, tuple[Repair, ...]]:
    """Return the likeliest claim and why; `plausible` says that the first values of the first are measurements all."""
    needed = _needed(layout, room.total)
    agreed = len({claim[1:] for claim in claims}) == 1 and claims[0].span == needed
    suspect = False
    if agreed and not plausible:
        suspect = mostly_implausible(room.source, layout, begin=claims[0].begin, ranges=room.ranges)
    candidates = {claim: _move_past_padding(claim, claims, room, layout, suspect=suspect) for claim in claims}
    moved = {claim: further for claim, further in candidates.items() if further is not None}
    early = [claim for claim in claims if suspect and _skips_a_byte(claim, room)]
    if agreed and not moved and not early and _lies_clear(claims[0], room, needed):
        return claims[0], ()
    every = list(dict.fromkeys([*claims, *_offsets_moved(claims, needed, early=early), *moved.values()]))
    clear = [claim for claim in every if _lies_clear(claim, room, needed)] or [
        claim for claim in every if 0 <= claim.begin <= room.source.size
    ]
    if not clear:
        return claims[0], (
            make_repair("data_outside", f"byte {claims[0].begin} of {room.source.size}", where=claims[0].segment),
        )
    if len({claim.begin for claim in clear}) == 1:
        best = max(clear, key=lambda claim: _length_agreement(claim, needed))
        return best, _reason_repairs(best, claims, clear=clear, sense={})
    sense = {claim.begin: plausibility(room.source, layout, begin=claim.begin, ranges=room.ranges) for claim in clear}

    def rank(claim: DataOffsets) -> tuple[int, bool, bool, bool, int, float, bool]:
        likely = sense[claim.begin]
        leads = claim not in moved  # does not begin in the padding between TEXT and DATA
        said = claim in claims  # a byte beside is taken only where values there are likelier
        holds = claim.begin + (needed or 0) <= room.source.size
        return (
            1 if likely is None else round(4 * likely) - 2,  # coarse: a few wild values decide nothing
            leads,
            said,
            holds,
            _length_agreement(claim, needed),
            likely or 0.0,
            claim.begin == room.text[1],
        )

    best = max(clear, key=rank)
    return best, _reason_repairs(best, claims, clear=clear, sense=sense, padded=moved)


def _offsets_moved(
    claims: Sequence[DataOffsets], needed: int | None, *, early: Sequence[DataOffsets]
) -> list[DataOffsets]:
    """Return the claims one byte too long or too short begun one byte later or earlier, and `early` ones earlier."""
    if needed is None:
        return []
    steps = [(claim, claim.span - needed) for claim in claims if abs(claim.span - needed) == 1]
    steps += [(claim, -1) for claim in early]
    return [
        DataOffsets(f"{claim.segment}, moved one byte", claim.begin + step, claim.begin + step + needed - 1)
        for claim, step in steps
    ]


def _skips_a_byte(claim: DataOffsets, room: SearchSpace) -> bool:
    """Whether one byte that is no padding lies between TEXT and the claim: DATA may begin with it."""
    between = room.source.read(room.text[1], claim.begin) if claim.begin == room.text[1] + 1 else b""
    return bool(between.strip(b" \0\t\r\n"))


def _move_past_padding(
    claim: DataOffsets, claims: Sequence[DataOffsets], room: SearchSpace, layout: EventLayout, *, suspect: bool
) -> DataOffsets | None:
    """Return the claim moved behind padding it begins in, None where it begins in none.

    It does where blanks or NULs fill its first k bytes, and k bytes that are none lie behind its last: up to where
    another claim of that length ends, or up to the end of the file or the CRC there. A value may be zero, so without
    another claim, and unless the values are suspect, NULs count only from four on; text is no data.
    """
    if _needed(layout, room.total) != claim.span or layout.width == 0:
        return None
    left = room.source.size - claim.last - 1
    said = {other.begin - claim.begin for other in claims if other.span == claim.span} - {0}
    if not said and left == 0:
        return None
    behind = (left, left - CRC_BYTES) if claim.begin == room.text[1] else ()
    for k in sorted({*said, *behind}, reverse=True):
        if not 0 < k <= min(left, _MOST_PADDING):
            continue
        head = room.source.read(claim.begin, claim.begin + k)
        tail = room.source.read(claim.last + 1, claim.last + 1 + k)
        padding = b" \0" if suspect or k in said or k >= _ZEROS_TELL else b" "
        data = tail.strip(b" \0\t\r\n") and not (k > 3 and tail.isascii() and tail.decode("ascii").isprintable())
        if not head.strip(padding) and data:
            by = next((other.segment for other in claims if other.begin == claim.begin + k), f"{claim.segment}, moved")
            return DataOffsets(by, claim.begin + k, claim.last + k)
    return None


def _reason_repairs(
    best: DataOffsets,
    claims: Sequence[DataOffsets],
    *,
    clear: Sequence[DataOffsets],
    sense: dict[int, float | None],
    padded: Mapping[DataOffsets, DataOffsets] = MappingProxyType({}),
) -> tuple[Repair, ...]:
    said = "; ".join(f"{claim.segment}: {claim.begin}-{claim.last}" for claim in claims)
    if best not in claims:
        one = min(abs(best.begin - claim.begin) for claim in claims) == 1
        behind = ", behind the padding" if best in padded.values() else ""
        name = "data_begin_off_by_one" if one else "data_behind_padding"
        return (make_repair(name, said, action=f"read from byte {best.begin}{behind}", where=f"byte {best.begin}"),)
    if len({(claim.begin, claim.last) for claim in claims}) == 1:
        return ()
    rivals = [claim for claim in claims if claim not in clear]
    least = min((-1.0 if share is None else share for share in sense.values()), default=None)
    if rivals and len(clear) < len(claims):
        reason = f"{rivals[0].segment} lies outside the file or on TEXT"
    elif padded and best not in padded:
        reason = f"{next(iter(padded)).segment} begins in the padding behind TEXT and leaves out the last bytes"
    elif sense.get(best.begin) not in (None, least):
        reason = f"{100 * (sense[best.begin] or 0):.0f} % of values there are plausible"
    else:
        reason = "its length agrees better with $TOT"
    done = f"{best.segment} taken: {reason}"
    return (make_repair("offsets_differ", said, action=done, where=f"byte {best.begin}"),)


def _whole_events(room: SearchSpace, layout: EventLayout, claim: DataOffsets) -> tuple[int, tuple[Repair, ...]]:
    """Return how many whole events the claim holds, and what was wrong with its length."""
    left = max(0, room.source.size - claim.begin)
    where = f"DATA from byte {claim.begin}"
    if layout.width == 0:
        return room.total or 0, ()
    needed = _needed(layout, room.total)
    if needed is None or room.total is None:
        events = max(0, min(claim.span, left)) * 8 // layout.width
        return events, (make_repair("tot_missing", f"{claim.span} bytes", action=f"{events} events", where=where),)
    if needed > left:
        return _cut_short(room, layout, claim, left=left)
    if claim.span == needed:
        return room.total, ()
    if _length_agreement(claim, needed):
        note = f"{claim.span} bytes for {needed}"
        return room.total, (make_repair("data_end_off", note, where=f"byte {claim.last}"),)
    if claim.span > needed:
        return _surplus(room, layout, claim, needed=needed)
    note = f"{claim.span} bytes claimed, {needed} needed"
    return room.total, (make_repair("data_end_wrong", note, where=f"byte {claim.last}"),)


def _cut_short(
    room: SearchSpace, layout: EventLayout, claim: DataOffsets, *, left: int
) -> tuple[int, tuple[Repair, ...]]:
    """Return the whole events of a file that ends before $TOT of them."""
    held = claim.span if 0 < claim.span <= left else left
    events = held * 8 // layout.width
    name = "truncated" if claim.span > left else "tot_too_large"
    return events, (
        make_repair(
            name,
            f"$TOT {room.total}, {left} bytes left",
            action=f"{events} whole events read",
            where=f"byte {claim.begin}",
        ),
    )


def _surplus(
    room: SearchSpace, layout: EventLayout, claim: DataOffsets, *, needed: int
) -> tuple[int, tuple[Repair, ...]]:
    """Return the events of a DATA longer than $TOT: all of it where the rest are whole events, else $TOT."""
    assert room.total is not None
    span = min(claim.span, room.source.size - claim.begin)
    rest = room.source.read(claim.begin + needed, claim.begin + min(span, needed + (1 << 16)))
    whole, spare = divmod(span * 8, layout.width)
    if spare == 0 and rest.strip(b"\0 ") and span == claim.span:
        note = f"$TOT {room.total}, DATA holds {whole}"
        return whole, (make_repair("tot_too_small", note, action=f"{whole} events read", where=f"byte {claim.begin}"),)
    note = f"{span - needed} bytes after the last event"
    return room.total, (make_repair("data_longer", note, where=f"byte {claim.begin + needed}"),)


def _layout_note(declared: EventLayout, taken: EventLayout) -> Repair:
    found = f"declared {declared.width} bits an event"
    return make_repair(
        "width_from_length",
        found,
        action=f"read as {taken.width} bits an event, as the length of DATA asks",
        where="$PnB",
    )


def _data_after_text(room: SearchSpace, layout: EventLayout) -> DataExtent:
    """Return the events right after TEXT where nobody says where DATA lies, if they fill the file exactly."""
    needed = _needed(layout, room.total)
    begin = room.text[1]
    left = room.source.size - begin
    if needed is not None and needed <= left <= needed + CRC_BYTES:
        note = make_repair("data_after_text", "neither HEADER nor TEXT says where DATA lies", where=f"byte {begin}")
        return DataExtent(begin, room.total or 0, layout, (note,))
    raise FcsError(
        "HEADER or $BEGINDATA and $ENDDATA must say where DATA lies",
        "neither does",
        str(room.source.path),
        "export the file again from the cytometer's software",
        26,
        "$BEGINDATA",
    )

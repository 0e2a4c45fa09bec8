"""Finding TEXT: the bytes of a data set as its keywords, through wrong offsets, missing ends and supplements.

Form: `Source, Preamble -> Words`. HEADER says where TEXT lies; where the bytes there are no TEXT, the neighbourhood is
searched for a delimiter with a `$` keyword behind it. Supplemental TEXT adds keywords and never overrides the primary.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from assaykit.errors import FcsError
from assaykit.fcs.events import Level, Repair
from assaykit.fcs.grammar import grammar
from assaykit.fcs.keywords import Keywords
from assaykit.fcs.parameters import offset_from_keyword
from assaykit.fcs.preamble import LENGTH, Preamble
from assaykit.fcs.repairs import make_repair
from assaykit.fcs.source import Source
from assaykit.fcs.text import keywords_from_text

LONGEST_TEXT = 1 << 26  # bytes; the longest seen in real files is below 16 MB
_STRUCTURE = ("$PAR", "$DATATYPE", "$BYTEORD")
_SEARCHED = 1 << 18
_OPENING = re.compile(rb"([^\w\s$\x00])\s*\$[A-Za-z0-9]+\s*\1|([\t\r\n\x0b\x0c])\$[A-Za-z0-9]+\2")
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1b\x7f]")


@dataclass(frozen=True, slots=True)
class TextSegment:
    """The keywords of a data set and the bytes [begin, end) of the file its primary TEXT takes."""

    keywords: Keywords
    begin: int
    end: int
    repairs: tuple[Repair, ...]


def read_text_segment(source: Source, preamble: Preamble, base: int) -> TextSegment:
    """Return the keywords of the data set that begins at byte `base`, supplemental TEXT included.

    Raises FcsError where no TEXT can be found.
    """
    begin, end, repairs = _extent(source, preamble, base)
    raw = source.read(begin, end)
    words, delimiter, notes = keywords_from_text(raw, begin=begin, where=str(source.path))
    if not all(key in words for key in _STRUCTURE) and not _has_structure(words):
        longer = source.read(begin, min(_data_begin(preamble, base) or source.size, begin + LONGEST_TEXT))
        if len(longer) > len(raw):
            retried = keywords_from_text(longer, begin=begin, where=str(source.path))
            if _has_structure(retried[0]):
                words, delimiter, notes = retried
                repairs.append(make_repair("text_end_wrong", f"TEXT ends at byte {end - 1}", where=f"byte {end - 1}"))
                end = begin + len(longer)
    keywords = Keywords(words)
    extra, remarks = _supplement(source, keywords, base=base, primary=(begin, end), delimiter=delimiter)
    return TextSegment(Keywords(words | extra) if extra else keywords, begin, end, (*repairs, *notes, *remarks))


def _has_structure(words: dict[str, str]) -> bool:
    keywords = Keywords(words)
    return all(key in keywords for key in _STRUCTURE)


def _data_begin(preamble: Preamble, base: int) -> int | None:
    """Return the byte where HEADER says DATA begins, None where it does not or says it lies before TEXT."""
    first = preamble.data[0]
    return base + first if first and (preamble.text[0] or 0) < first else None


def _extent(source: Source, preamble: Preamble, base: int) -> tuple[int, int, list[Repair]]:
    """Return the bytes [begin, end) of primary TEXT and what had to be mended to find it."""
    begin, last = preamble.text
    if begin is not None and last is not None and begin >= LENGTH - base and last > begin:
        for start, note in ((base + begin, ""), (begin, "offsets count from the start of the file")):
            stop = min(start + last - begin + 1, start + LONGEST_TEXT)
            if start >= base + LENGTH and _opens_text(source.read(start, start + 512)):
                stop, repairs = _whole_end(source, start, stop, data=_data_begin(preamble, base))
                if note and base:
                    repairs.append(
                        make_repair("offsets_absolute", f"TEXT at {begin}-{last}", where=f"HEADER at byte {base}")
                    )
                return start, stop, repairs
    return _searched_extent(source, preamble, base)


def _opens_text(raw: bytes) -> bool:
    """Whether the bytes begin with a delimiter that also stands after the first word."""
    return len(raw) > 2 and not raw[:1].isalnum() and raw[:1] not in b"$ \0" and raw[:1] in raw[1:]


def _whole_end(source: Source, begin: int, end: int, *, data: int | None) -> tuple[int, list[Repair]]:
    """Return the end of TEXT: before DATA where HEADER runs into it, behind the last delimiter where it stops short."""
    delimiter = source.read(begin, begin + 1)
    if data is not None and begin < data < end and _runs_into(source, data, end, delimiter=delimiter):
        return data, [make_repair("text_end_wrong", f"TEXT ends at byte {end - 1}, inside DATA", where=f"byte {data}")]
    tail = source.read(max(begin, end - 64), end).rstrip(b" \0\t\r\n" if delimiter not in b"\t\r\n" else b" \0")
    if tail.endswith(delimiter):
        return end, []
    beyond = b"" if data is None else source.read(end, min(data, end + _SEARCHED))
    place = beyond.rfind(delimiter)
    if place >= 0 and not _BINARY.search(beyond[:place].replace(delimiter, b"")):
        found = f"TEXT ends at byte {end - 1}, before its last delimiter"
        return end + place + 1, [make_repair("text_end_wrong", found, where=f"byte {end - 1}")]
    return end, [make_repair("last_delimiter_missing", repr(tail[-12:])[1:], where=f"byte {end - 1}")]


def _runs_into(source: Source, data: int, end: int, *, delimiter: bytes) -> bool:
    """Whether TEXT up to `end` holds bytes of DATA: its last byte is one, or it turns binary where DATA begins."""
    if end - data == 1:
        return source.read(data, end) not in {delimiter, b" "}  # a delimiter: it is DATA that begins a byte early
    before, behind = source.read(data - 64, data), source.read(data, min(end, data + 512))
    texts = (part.replace(delimiter, b"") for part in (before, behind))
    return [bool(_BINARY.search(text)) for text in texts] == [False, True]


def _searched_extent(source: Source, preamble: Preamble, base: int) -> tuple[int, int, list[Repair]]:
    near = source.read(base + LENGTH, base + LENGTH + _SEARCHED)
    match = _OPENING.search(near)
    if match is None:
        first, last = preamble.text
        raise FcsError(
            "TEXT must lie where HEADER says and open with a delimiter and a keyword",
            f"TEXT at {first}-{last}, which holds {source.read(base + (first or 0), base + (first or 0) + 12)!r}",
            str(source.path),
            "export the file again from the cytometer's software",
            base + 10,
        )
    begin = base + LENGTH + match.start()
    end = min(_data_begin(preamble, base) or source.size, begin + LONGEST_TEXT)
    if end <= begin:
        end = min(source.size, begin + LONGEST_TEXT)
    found = f"HEADER says TEXT lies at {preamble.text[0]}-{preamble.text[1]}"
    return begin, end, [make_repair("text_searched", found, where=f"byte {begin}")]


def _supplement(
    source: Source, words: Keywords, *, base: int, primary: tuple[int, int], delimiter: str
) -> tuple[dict[str, str], tuple[Repair, ...]]:
    """Return the keywords only supplemental TEXT has, and what had to be mended to read it."""
    begin, last = offset_from_keyword(words, "$BEGINSTEXT"), offset_from_keyword(words, "$ENDSTEXT")
    if not begin or not last or last <= begin or base + begin >= source.size or primary[0] <= base + begin < primary[1]:
        return {}, ()
    begin, end = base + begin, min(base + last + 1, base + begin + LONGEST_TEXT, source.size)
    raw = source.read(begin, end)
    mark, notes = delimiter.encode(), []
    where = f"supplemental TEXT at byte {begin}"
    if not raw.startswith(mark) and _opens_text(raw[:512]) and raw.count(raw[:1]) > raw.count(mark):
        mark = raw[:1]
        notes.append(make_repair("supplement_other_delimiter", repr(mark)[1:], where=where))
    if _BINARY.search(raw[:512].replace(mark, b"")) or mark not in raw:
        return {}, (make_repair("supplement_not_text", repr(raw[:12])[1:], where=where),)
    if not raw.startswith(mark):
        raw = mark + raw
        notes.append(make_repair("supplement_without_delimiter", repr(raw[1:13])[1:], where=where))
    extra, _, remarks = keywords_from_text(raw, begin=begin, where=str(source.path))
    clashes = [key for key, value in extra.items() if key in words and words[key].strip() != value.strip()]
    if clashes:
        level: Level = "warn" if any(grammar(key) for key in clashes) else "note"  # numbers may rest on the other one
        notes.append(make_repair("supplement_differs", ", ".join(clashes[:5]), where=where, level=level))
    return {key: value for key, value in extra.items() if key not in words}, (*notes, *remarks)

"""The TEXT segment: bytes as keywords and values, whatever the delimiter, the encoding and the writer's faults.

Form: `bytes -> (pairs, repairs)`. The first byte is the delimiter; twice in a row it is a letter of a value (FCS 3.1,
3.2.7). Writers break this in two ways: they leave a value empty (`/$COM//$PAR/`), or they forget to double. Where the
strict reading shows a sign of it, the words are parted anew by the least faults (alignment.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from assaykit.errors import FcsError
from assaykit.fcs.alignment import Word, align_text
from assaykit.fcs.events import Level, Repair
from assaykit.fcs.grammar import MARKERS, REVEALING, grammar, is_standard
from assaykit.fcs.repairs import make_repair

_MOST_TOKENS = 100_000  # some ten times the largest seen; more would be memory lost on a broken file
_PADDING = " \0\t\r\n"
Pairs = list[tuple[str, str]]
_FAULTS = {
    "undoubled": "delimiter_not_doubled",
    "empty": "empty_values",
    "opens": "value_opens_with_delimiter",
    "stray": "delimiter_stray",
    "missing": "keyword_without_value",
}
_REVEALING = {key: whole for key in REVEALING if (whole := grammar(key)) is not None}


def keywords_from_text(raw: bytes, *, begin: int, where: str) -> tuple[dict[str, str], str, tuple[Repair, ...]]:
    """Return the keywords of one TEXT segment in file order, its delimiter, and what had to be mended.

    Keywords lose the blanks around them; values are kept verbatim. Raises FcsError where there can be no keyword.
    """
    text, repairs = _decode(raw, begin)
    if len(text) < 2:
        raise FcsError("a TEXT segment must hold keywords", f"{len(raw)} bytes", f"{where}, byte {begin}", "", begin)
    delimiter = text[0]
    if text.count(delimiter) > _MOST_TOKENS:
        found = f"{text.count(delimiter)} times the delimiter {delimiter!r}"
        raise FcsError(f"TEXT must hold fewer than {_MOST_TOKENS} words", found, f"{where}, byte {begin}", "", begin)
    pairs, notes = _pairs(text[1:], delimiter, f"TEXT from byte {begin}")
    words, clashes = _unique(pairs, f"TEXT from byte {begin}")
    return words, delimiter, (*repairs, *notes, *clashes)


def _decode(raw: bytes, begin: int) -> tuple[str, list[Repair]]:
    try:
        return raw.decode("utf-8"), []
    except UnicodeDecodeError as error:
        byte = begin + error.start
        note = make_repair("text_not_utf8", f"byte {raw[error.start]:#04x}", where=f"TEXT byte {byte}")
        return raw.decode("latin-1"), [note]


def _pairs(body: str, delimiter: str, where: str) -> tuple[Pairs, list[Repair]]:
    """Return keywords and values: as the standard reads them where that is sound, else by the least faults."""
    tokens = _unescape(body, delimiter)
    if not tokens[-1].strip(_PADDING):  # behind the last delimiter
        tokens = tokens[:-1]
    if len(tokens) % 2 == 0 and _is_in_step(tokens, delimiter, doubled=delimiter * 2 in body):
        return _strip_keywords(tokens[::2], tokens[1::2], where)
    words = align_text(body, delimiter)
    whole = [word for word in words if "missing" not in word.faults]
    pairs, notes = _strip_keywords([word.keyword for word in whole], [word.value for word in whole], where)
    return pairs, [*_fault_repairs(words, delimiter, where), *notes]


def _fault_repairs(words: Sequence[Word], delimiter: str, where: str) -> Iterator[Repair]:
    """Yield what the alignment had to mend, each kind once, naming the keywords."""
    for fault, name in _FAULTS.items():
        at = [place for place, word in enumerate(words) if fault in word.faults]
        if not at:
            continue
        keys = ", ".join(repr(words[place].keyword.strip(_PADDING)[:40]) for place in at[:5])
        level: Level | None = None
        if fault == "missing":  # a value was lost that numbers may rest on
            level = "warn" if any(grammar(words[place].keyword) for place in at) else "note"
        elif fault == "undoubled":
            level = "warn" if any(_could_matter(words, place) for place in at) else "note"
        shown = f"{len(at)} with delimiter {delimiter!r}: {keys}" if len(at) > 5 else f"{keys}, delimiter {delimiter!r}"
        yield make_repair(name, shown, where=where, level=level)


def _could_matter(words: Sequence[Word], place: int) -> bool:
    """Whether a fault could have changed the value of a standard keyword.

    It could where it lies in one, or among the words behind one of free text, whose value may reach further. It could
    not behind one whose value is whole by its grammar.
    """
    before = next((word for word in reversed(words[: place + 1]) if is_standard(word.keyword)), None)
    return words[place] is before or (before is not None and grammar(before.keyword) is None)


def _unescape(body: str, delimiter: str) -> list[str]:
    """Return the tokens with each doubled delimiter, from the left, read as one letter of its token."""
    if delimiter * 2 not in body:
        return body.split(delimiter)
    stand_in = next(letter for letter in "\uffff\ufffe\ufdd0\ufdd1" if letter not in body and letter != delimiter)
    tokens = body.replace(delimiter * 2, stand_in).split(delimiter)
    return [token.replace(stand_in, delimiter) for token in tokens]


def _is_in_step(tokens: Sequence[str], delimiter: str, *, doubled: bool) -> bool:
    """Whether the strict reading shows no sign that a word stands in the place of another.

    Signs are a standard keyword in or among the values, one that most writers use among them, a keyword that holds the
    delimiter, and a value cut short that says dates, times or numbers set apart by signs which may be the delimiter.
    """
    keys, values = tokens[::2], tokens[1::2]
    if "" in keys or not MARKERS.isdisjoint(values) or (doubled and any(delimiter in key for key in keys)):
        return False
    if any("$" in value and any(map(is_standard, value.split(delimiter))) for value in values):
        return False
    return all(whole(values[keys.index(key)]) for key, whole in _REVEALING.items() if key in keys)


def _strip_keywords(written: Sequence[str], values: Sequence[str], where: str) -> tuple[Pairs, list[Repair]]:
    """Return the pairs with blanks around keywords removed, and what was odd about the keywords."""
    keys = [key.strip(_PADDING) for key in written]
    pairs = list(zip(keys, values, strict=True))
    notes: list[Repair] = []
    if keys != written:
        padded = [key for key, other in zip(keys, written, strict=True) if key != other]
        notes.append(make_repair("keyword_padded", f"{len(padded)}, the first {padded[0]!r}", where=where))
    if "" in keys:
        notes.append(make_repair("value_without_keyword", f"{keys.count('')} of {len(pairs)}", where=where))
        pairs = [(key, value) for key, value in pairs if key]
    return pairs, notes


def _unique(pairs: Pairs, where: str) -> tuple[dict[str, str], list[Repair]]:
    words = dict(pairs)
    if len(words) == len(pairs):
        return words, []
    words, clashes = {}, []
    for key, value in pairs:
        if key in words and words[key] != value:
            clashes.append(f"{key}: {words[key]!r}, then {value!r}")
        words[key] = value
    if not clashes:
        return words, []
    return words, [make_repair("keyword_repeated", "; ".join(clashes[:3]), where=where)]

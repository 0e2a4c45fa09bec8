"""The TEXT segment: bytes as keywords and values, whatever the delimiter, the encoding and the writer's faults.

Form: `bytes -> (pairs, repairs)`. The first byte is the delimiter; twice in a row it is a letter of a value (FCS 3.1,
3.2.7). Writers break this in two ways: they leave a value empty (`/$COM//$PAR/`), or they forget to double. Where the
strict reading leaves a standard keyword inside a value, the segment is read again with empty values allowed, and the
reading that finds more standard keywords in their place is taken.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from assaykit.errors import FcsError
from assaykit.fcs.events import Repair
from assaykit.fcs.repairs import mended

_STANDARD = re.compile(  # the keywords of FCS 2.0 to 3.2
    r"\s*\$(P\d+[A-Z]+|[GR]\d+[A-Z]|PKN?\d+|DFC\d+TO\d+|CSV\dFLAG|(BEGIN|END)(ANALYSIS|DATA|STEXT|DATETIME)|ABRT|BTIM|"
    r"BYTEORD|CARRIER(ID|TYPE)|CELLS|COMP?|CSMODE|CSVBITS|CSTOT|CYT|CYTSN|DATATYPE|DATE|ETIM|EXP|FIL|FLOWRATE|GATE|GATING|"
    r"INST|LAST_MODIFI(ED|ER)|LOCATIONID|LOST|MODE|NEXTDATA|OP|ORIGINALITY|PAR|PLATE(ID|NAME)|PROJ|SMNO|SPILLOVER|SRC|"
    r"SYS|TIMESTEP|TOT|TR|UNICODE|UNSTAINED(CENTERS|INFO)|VOL|WELLID)\s*",
    re.IGNORECASE,
)
_MOST_TOKENS = 100_000  # some ten times the largest seen; more would be memory lost on a broken file
_PADDING = " \0\t\r\n"
Pairs = list[tuple[str, str]]


def keywords_from_text(raw: bytes, *, begin: int, where: str) -> tuple[dict[str, str], str, tuple[Repair, ...]]:
    """Return the keywords of one TEXT segment in file order, its delimiter, and what had to be mended.

    Keywords lose the blanks around them; values are kept verbatim. Raises FcsError where there can be no keyword.
    """
    text, repairs = _decoded(raw, begin)
    if len(text) < 2:
        raise FcsError("a TEXT segment must hold keywords", f"{len(raw)} bytes", f"{where}, byte {begin}", "", begin)
    delimiter = text[0]
    if text.count(delimiter) > _MOST_TOKENS:
        found = f"{text.count(delimiter)} times the delimiter {delimiter!r}"
        raise FcsError(f"TEXT must hold fewer than {_MOST_TOKENS} words", found, f"{where}, byte {begin}", "", begin)
    pairs, notes = _pairs(text[1:], delimiter, f"TEXT from byte {begin}")
    words, clashes = _unique(pairs, f"TEXT from byte {begin}")
    return words, delimiter, (*repairs, *notes, *clashes)


def _decoded(raw: bytes, begin: int) -> tuple[str, list[Repair]]:
    try:
        return raw.decode("utf-8"), []
    except UnicodeDecodeError as error:
        byte = begin + error.start
        note = mended("text_not_utf8", f"byte {raw[error.start]:#04x}", where=f"TEXT byte {byte}")
        return raw.decode("latin-1"), [note]


def _pairs(body: str, delimiter: str, where: str) -> tuple[Pairs, list[Repair]]:
    strict = _paired(_last_trimmed(_unescaped(body, delimiter)), where)
    if _sound(strict[0], delimiter):
        return strict
    tolerant = _paired(_last_trimmed(_with_empty_values(body, delimiter)), where)
    joined = _paired(_last_trimmed(_resynchronised(body.split(delimiter), delimiter)), where)
    best = max((strict, tolerant, joined), key=lambda reading: _score(reading[0], delimiter))
    if best is strict:
        return strict
    if best is joined:
        return best[0], [*best[1], mended("delimiter_not_doubled", f"delimiter {delimiter!r}", where=where)]
    empty = [key for key, value in best[0] if not value]
    if not empty:
        return best[0], [*best[1], mended("value_opens_with_delimiter", f"delimiter {delimiter!r}", where=where)]
    return best[0], [*best[1], mended("empty_values", f"{len(empty)}: {', '.join(empty[:5])}", where=where)]


def _unescaped(body: str, delimiter: str) -> list[str]:
    """Return the tokens with each doubled delimiter, from the left, read as one letter of its token."""
    if delimiter * 2 not in body:
        return body.split(delimiter)
    stand_in = next(letter for letter in "\uffff\ufffe\ufdd0\ufdd1" if letter not in body and letter != delimiter)
    tokens = body.replace(delimiter * 2, stand_in).split(delimiter)
    return [token.replace(stand_in, delimiter) for token in tokens]


def _with_empty_values(body: str, delimiter: str) -> list[str]:
    """Return the tokens where delimiters in a row after a keyword, or before a standard one, end an empty value."""
    pieces = re.split(f"({re.escape(delimiter)}+)", body)
    tokens: list[str] = []
    held = pieces[0]
    for run, following in zip(pieces[1::2], pieces[2::2], strict=True):
        count, standard = len(run), bool(_STANDARD.fullmatch(following))
        if len(tokens) % 2 == 0:  # `held` is a keyword
            tokens.append(held)
            held, count = "", count - 1
            if count and (standard or count % 2):
                tokens.append(delimiter * (count // 2))
            else:
                held = delimiter * (count // 2)
        elif standard or count % 2:
            tokens.append(held + delimiter * ((count - 1) // 2))
            held = ""
        else:
            held += delimiter * (count // 2)
        held += following
    return [*tokens, held]


def _resynchronised(tokens: Sequence[str], delimiter: str) -> list[str]:
    """Return the tokens with values that hold a bare delimiter joined, so that standard keywords keep their place."""
    starts = [index for index, token in enumerate(tokens) if _STANDARD.fullmatch(token)]
    if not starts:
        return list(tokens)
    whole = list(tokens[: starts[0] - starts[0] % 2])
    for start, stop in zip(starts, [*starts[1:], len(tokens)], strict=True):
        between = list(tokens[start + 1 : stop])
        if len(between) % 2 == 0 and stop < len(tokens):
            between[:2] = [delimiter.join(between[:2])]
        whole += [tokens[start], *between]
    return whole


def _last_trimmed(tokens: list[str]) -> list[str]:
    """Return the tokens without the padding after the last delimiter."""
    while len(tokens) % 2 and not tokens[-1].strip(_PADDING):
        tokens = tokens[:-1]
    return tokens


def _paired(tokens: Sequence[str], where: str) -> tuple[Pairs, list[Repair]]:
    """Return keywords and values in turn, with blanks around keywords removed, and what was out of step."""
    keys = [key.strip(_PADDING) for key in tokens[::2]]
    pairs = list(zip(keys, tokens[1::2], strict=False))
    notes: list[Repair] = []
    if len(tokens) % 2:
        notes.append(mended("keyword_without_value", tokens[-1][:40], where=where))
    if "" in keys[: len(pairs)]:
        notes.append(mended("value_without_keyword", f"{keys.count('')} of {len(pairs)}", where=where))
        pairs = [(key, value) for key, value in pairs if key]
    if keys != tokens[::2]:
        padded = [token for key, token in zip(keys, tokens[::2], strict=True) if key != token]
        notes.append(mended("keyword_padded", f"{len(padded)}, the first {padded[0]!r}", where=where))
    return pairs, notes


def _sound(pairs: Pairs, delimiter: str) -> bool:
    """Whether no standard keyword stands where a value should, nor inside one behind a delimiter."""
    if any(delimiter in key for key, _ in pairs):
        return False
    return not any("$" in value and any(map(_STANDARD.fullmatch, value.split(delimiter))) for _, value in pairs)


def _score(pairs: Pairs, delimiter: str) -> int:
    in_place = sum(bool(_STANDARD.fullmatch(key)) for key, _ in pairs)
    misplaced = sum(
        sum(bool(_STANDARD.fullmatch(part)) for part in value.split(delimiter)) for _, value in pairs if "$" in value
    )
    return in_place - 2 * misplaced - sum(delimiter in key for key, _ in pairs)


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
    return words, [mended("keyword_repeated", "; ".join(clashes[:3]), where=where)]

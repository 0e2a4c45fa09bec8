"""Hostile changes to FCS files, seeded: what disks, mail programs, scripts and ill will do to them."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

NUMBERS = [
    b"0", b"-1", b"1", b"2", b"7", b"58", b"255", b"4294967295", b"4294967296", b"18446744073709551616", b"99999999",
    b"100000000000", b"1e308", b"1e5", b"nan", b"inf", b"-inf", b"0.0", b"262144.0", b"1.5",
    b"", b" ", b"abc", b"*", b"\xff", b"9" * 400, b"0x10", b"1,2", b"0,1", b"1_0", b"\xc2\xb2", b"\xd9\xa3",
]  # fmt: skip
WORDS = {
    b"$BYTEORD": [
        b"1,2,3,4",
        b"4,3,2,1",
        b"3,4,1,2",
        b"2,1",
        b"1",
        b"",
        b"1,1,1,1",
        b"5,4,3,2,1",
        b"1,2,3,4,5,6,7,8",
        b"2,1,4,3",
    ],
    b"$DATATYPE": [b"I", b"F", b"D", b"A", b"", b"X", b"i", b"IF"],
    b"$MODE": [b"L", b"C", b"U", b"", b"l"],
    b"$NEXTDATA": [b"0", b"1", b"58", b"100", b"99999999", b"-5", b"x"],
}
_KEYWORD = re.compile(rb"([^\w\s$\x00]|[\t\r\n\x0b\x0c])(\$\w+)\1")


def mutated(seeds: Sequence[bytes], dice: random.Random) -> bytes:
    """Return one seed with one to four changes."""
    raw = dice.choice(seeds)
    for _ in range(dice.choice((1, 1, 1, 2, 2, 4))):
        raw = dice.choice(_CHANGES)(raw, dice) if dice.random() < 0.97 else _spliced(raw, dice.choice(seeds), dice)
    return raw


def _flipped(raw: bytes, dice: random.Random) -> bytes:
    copy = bytearray(raw)
    reach = dice.choice((58, 58, 4000, len(copy)))
    for _ in range(dice.choice((1, 1, 3, 20))):
        if copy:
            copy[dice.randrange(min(reach, len(copy)))] = dice.randrange(256)
    return bytes(copy)


def _header_number(raw: bytes, dice: random.Random) -> bytes:
    place = 10 + 8 * dice.randrange(6)
    number = dice.choice((dice.choice(NUMBERS), str(dice.randrange(max(1, 2 * len(raw)))).encode()))
    return raw[:place] + number[:8].rjust(8) + raw[place + 8 :]


def _keyword_value(raw: bytes, dice: random.Random) -> bytes:
    places = list(_KEYWORD.finditer(raw[:20000]))
    if not places:
        return _flipped(raw, dice)
    match = dice.choice(places)
    stop = raw.find(match[1], match.end())
    value = dice.choice(WORDS.get(match[2].upper(), NUMBERS) + NUMBERS[:6])
    return raw[: match.end()] + value + raw[stop:]


def _vital_value(raw: bytes, dice: random.Random) -> bytes:
    """Change a keyword the reader's sizes depend on."""
    pattern = (
        rb"(\$(?:TOT|PAR|P\d+[BRENG]|BEGIN\w+|END\w+|TIMESTEP|DATATYPE|BYTEORD|NEXTDATA))([^\w\s])([^\2]{0,30}?)\2"
    )
    places = list(re.finditer(pattern, raw[:20000]))
    if not places:
        return _flipped(raw, dice)
    match = dice.choice(places)
    value = dice.choice(WORDS.get(match[1].upper(), NUMBERS) + NUMBERS)
    return raw[: match.start(3)] + value + raw[match.end(3) :]


def _cut(raw: bytes, dice: random.Random) -> bytes:
    return raw[: dice.randrange(len(raw) + 1)]


def _deleted(raw: bytes, dice: random.Random) -> bytes:
    place = dice.randrange(len(raw) + 1)
    return raw[:place] + raw[place + dice.choice((1, 1, 2, 16, 1000)) :]


def _inserted(raw: bytes, dice: random.Random) -> bytes:
    place = dice.randrange(min(len(raw), dice.choice((100, 5000, 10**9))) + 1)
    return (
        raw[:place]
        + dice.choice((b"\0", b"/", b"\\", b"//", b"\r\n", b"$", dice.randbytes(16), b" " * 99))
        + raw[place:]
    )


def _redelimited(raw: bytes, dice: random.Random) -> bytes:
    mark = raw[58:59] or b"/"
    return raw[:58] + raw[58:8000].replace(mark, dice.choice((b"/", b"//", b"|", b"a", b"$", b" ", b"\0"))) + raw[8000:]


def _bare_delimiter(raw: bytes, dice: random.Random) -> bytes:
    """Put a delimiter in the place of a letter of TEXT, or a letter in the place of a delimiter."""
    mark, copy = raw[58:59] or b"/", bytearray(raw)
    for _ in range(dice.choice((1, 1, 2, 5))):
        if len(copy) > 60:
            place = 59 + dice.randrange(min(len(copy), 4000) - 59)
            copy[place] = ord("a") if copy[place : place + 1] == mark else mark[0]
    return bytes(copy)


def _comma(raw: bytes, _: random.Random) -> bytes:
    return raw[:58] + raw[58:4000].replace(b".", b",") + raw[4000:]


def _turned(raw: bytes, dice: random.Random) -> bytes:
    """Turn the bytes of every value of DATA round, as a program that misread $BYTEORD writes them."""
    begin, size = max(58, len(raw) // 2) if len(raw) < 8000 else 4000, dice.choice((2, 4, 8))
    body = raw[begin:]
    whole = body[: len(body) // size * size]
    return raw[:begin] + b"".join(whole[at : at + size][::-1] for at in range(0, len(whole), size)) + body[len(whole) :]


def _blanked(raw: bytes, dice: random.Random) -> bytes:
    place, length = dice.randrange(len(raw) + 1), dice.choice((1, 16, 400, 10**9))
    stop = min(len(raw), place + length)
    return raw[:place] + dice.choice((b"\0", b" ", b"\xff")) * (stop - place) + raw[stop:]


def _padded(raw: bytes, dice: random.Random) -> bytes:
    """Put padding behind TEXT, as HEADER says where that is, and move no offset."""
    end = raw[18:26].strip()
    place = int(end) + 1 if end.isdigit() and len(end) < 9 else 58
    return raw[:place] + dice.choice((b"\0", b" ")) * dice.choice((1, 2, 8, 16, 80)) + raw[place:]


def _noise(raw: bytes, dice: random.Random) -> bytes:
    return dice.choice((b"", b"FCS3.0    ", raw[:58])) + dice.randbytes(dice.randrange(3000))


def _spliced(raw: bytes, other: bytes, dice: random.Random) -> bytes:
    return raw[: dice.randrange(len(raw) + 1)] + other[dice.randrange(len(other) + 1) :]


_CHANGES = [
    _flipped, _header_number, _header_number, _keyword_value, _keyword_value, _vital_value, _vital_value, _vital_value,
    _cut, _deleted, _inserted, _redelimited, _noise,
    _bare_delimiter, _bare_delimiter, _comma, _turned, _blanked, _padded,
]  # fmt: skip

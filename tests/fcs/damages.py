"""Damage to FCS files whose right values are known: what writers, disks and scripts do to one part of the structure.

Form: `dice -> (bytes of a damaged file, its right values)`. Reading must give the right values, or say by a repair that
warns that it may not, or refuse in one sentence; anything else is a silently wrong number.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from fcs.encoder import Recipe

Values = list[list[float]]
Damage = Callable[[random.Random], tuple[bytes, Values]]
NAMES = ["FSC-A", "SSC-A", "PE-A", "Time"]
WORDS = {"$CYT": "LSR", "TUBE NAME": "T1", "$OP": "me", "OPERATOR NOTE": "x", "SPILL": "2,SSC-A,PE-A,1,0.1,0.02,1"}


def recipe(dice: random.Random, **faults: object) -> Recipe:
    """Return a small file of floats or integers, of either order, with every kind of scale stored plainly."""
    kind, bits = dice.choice([("F", 32), ("D", 64), ("I", 16), ("I", 32)])
    count = dice.randrange(12, 60)
    tops = [40000, 20000, 1000, 5000]
    rows: Values = [[float(dice.randrange(1, top)) for top in tops] for _ in range(count)]
    if kind != "I":
        rows = [[value + dice.choice((0.0, 0.25, 0.5)) for value in row] for row in rows]
    options = {
        "order": dice.choice([(1, 2, 3, 4), (4, 3, 2, 1)]),
        "extra": WORDS,
        "delimiter": dice.choice("/|\\^\x0c"),
    }
    return Recipe(rows, kind * 4, [bits] * 4, [65536] * 4, NAMES, **{**options, **faults})


def _known(made: Recipe) -> tuple[bytes, Values]:
    return made.bytes(), [list(row) for row in made.values]


def undoubled(dice: random.Random) -> tuple[bytes, Values]:
    """A vendor value holds the delimiter undoubled, anywhere and any number of times."""
    made = recipe(dice)
    value = made.delimiter.join(dice.choice(["CD4", "CD8", "a b", "7"]) for _ in range(dice.randrange(2, 6)))
    words = list(WORDS.items())
    words.insert(dice.randrange(len(words)), ("VENDOR NOTE", value.replace(made.delimiter, "\x02")))
    raw, rows = _known(Recipe(**{**vars(made), "extra": dict(words)}))
    end = int(raw[18:26])
    return raw[:end].replace(b"\x02", made.delimiter.encode()) + raw[end:], rows


def structural_behind_vendor(dice: random.Random) -> tuple[bytes, Values]:
    """As above, before and behind the keywords values rest on."""
    made = recipe(dice)
    key = dice.choice(["$DATATYPE", "$BYTEORD", "$P1B", "$P2R", "$P3E", "$TOT", "$PAR", "$BEGINDATA"])
    raw, rows = _known(made)
    mark = made.delimiter.encode()
    found = re.search(re.escape(mark + key.encode() + mark) + b"[^" + re.escape(mark) + b"]+" + re.escape(mark), raw)
    assert found is not None
    note = b"NOTE" + mark + b"a" + mark + b"b" + mark
    return _lengthened(raw, found.end(), note), rows


def _lengthened(raw: bytes, place: int, more: bytes) -> bytes:
    """Return a file with bytes put into TEXT and every offset behind them moved."""
    numbers = [int(raw[10 + 8 * n : 18 + 8 * n]) for n in range(6)]
    moved = [number + len(more) if number >= place else number for number in numbers]
    head = raw[:10] + b"".join(b"%8d" % number for number in moved)
    text = raw[58:place] + more + raw[place:]

    def shifted(match: re.Match[bytes]) -> bytes:
        number = b"%d" % (int(match[3]) + len(more))
        return match[1] + match[2] + number.rjust(len(match[3]))

    changed = re.sub(rb"(\$(?:BEGIN|END)DATA)(.)(\d+)", shifted, text)
    return head + changed if len(changed) == len(text) else raw


def empty_values(dice: random.Random) -> tuple[bytes, Values]:
    """Some values are empty."""
    words = {key: "" if dice.random() < 0.5 else value for key, value in WORDS.items() if key != "SPILL"}
    return _known(recipe(dice, extra={**words, "$P2S": ""}))


def odd_words(dice: random.Random) -> tuple[bytes, Values]:
    """The last keyword has no value."""
    made = recipe(dice)
    raw, rows = _known(made)
    mark = made.delimiter.encode()
    return _lengthened(raw, int(raw[18:26]) + 1, dice.choice([b"$COM", b"NOTE", b"GUID"]) + mark), rows


def padding(dice: random.Random) -> tuple[bytes, Values]:
    """Padding lies between TEXT and DATA, and HEADER, TEXT or both begin DATA in it."""
    gap = dice.randrange(1, 80)
    early = (-gap, -gap)
    which = dice.choice(["header", "text", "both"])
    made = recipe(
        dice, gap=gap, header_data=None if which == "text" else early, text_data=None if which == "header" else early,
        tail=dice.choice([b"", b"00000000"]),
    )  # fmt: skip
    raw, rows = _known(made)
    begin = int(raw[18:26]) + 1
    return raw[:begin] + dice.choice([b" ", b"\0"]) * gap + raw[begin + gap :], rows


def shifted_offsets(dice: random.Random) -> tuple[bytes, Values]:
    """HEADER or TEXT or both are off by some bytes."""
    by = dice.choice([-60, -4, -2, -1, 1, 2, 4, 60])
    which = dice.choice(["header", "text", "end"])
    if which == "end":
        return _known(recipe(dice, header_data=(0, by), text_data=(0, by)))
    return _known(recipe(dice, **{f"{which}_data": (by, by)}))


def wrong_order(dice: random.Random) -> tuple[bytes, Values]:
    """$BYTEORD says the other order, or stops after its first byte."""
    made = recipe(dice)
    said = dice.choice([",".join(map(str, reversed(made.order))), "1" if made.order[0] == 1 else "4"])
    return _known(Recipe(**{**vars(made), "declared": {"$BYTEORD": said}}))


def wrong_numbers(dice: random.Random) -> tuple[bytes, Values]:
    """A number is no number, of the wrong sign or size, or written with a comma."""
    key = dice.choice(["$TOT", "$PAR", "$P1B", "$P2B", "$P1R", "$P2E", "$P3G", "$TIMESTEP", "$NEXTDATA", "$BEGINDATA"])
    value = dice.choice(["", "x", "-1", "0", "1e12", "nan", "1,5", "0,1", "99", "16", "32", "*", "²", "1_0", "4,0"])
    return _known(recipe(dice, declared={key: value}))


def wrong_kind(dice: random.Random) -> tuple[bytes, Values]:
    """$DATATYPE, or that of one parameter, is another."""
    key = dice.choice(["$DATATYPE", "$P1DATATYPE", "$P2DATATYPE"])
    return _known(recipe(dice, declared={key: dice.choice("IFDA")}, version="FCS3.2"))


def cut(dice: random.Random) -> tuple[bytes, Values]:
    """The file ends early."""
    raw, rows = _known(recipe(dice))
    return raw[: dice.randrange(len(raw))], rows


def not_measurements(dice: random.Random) -> tuple[bytes, Values]:
    """Every value of a channel is not a number, infinite or wild, or all of DATA is zero."""
    made = recipe(dice)
    kind = dice.choice("FD")
    value = dice.choice([float("nan"), float("inf"), 1e38, 1e-40, 0.0])
    rows = [[value] * 4 if value == 0 else [row[0], value, *row[2:]] for row in made.values]
    return _known(Recipe(**{**vars(made), "kinds": kind * 4, "bits": [32 if kind == "F" else 64] * 4, "values": rows}))


def overflow(dice: random.Random) -> tuple[bytes, Values]:
    """Integers pass their $PnR in some events: the values stored are right, and the mask takes their upper bits."""
    made = recipe(dice)
    rows = [[float(int(value)) for value in row] for row in made.values]
    rows[0] = [40000.0, 15000.0, 999.0, 4999.0]
    rows[1] = [1.0, 1.0, 1.0, 1.0]
    return _known(Recipe(**{**vars(made), "kinds": "IIII", "bits": [16] * 4, "ranges": [1024] * 4, "values": rows}))


DAMAGES: dict[str, Damage] = {
    "delimiter undoubled in a vendor value": undoubled,
    "the same behind a structural keyword": structural_behind_vendor,
    "empty values": empty_values,
    "an odd number of words": odd_words,
    "padding behind TEXT counted as DATA": padding,
    "offsets off by some bytes": shifted_offsets,
    "$BYTEORD wrong or short": wrong_order,
    "numbers that are none, or of the wrong size": wrong_numbers,
    "$DATATYPE wrong": wrong_kind,
    "cut short": cut,
    "no measurements": not_measurements,
    "integers beyond $PnR": overflow,
}

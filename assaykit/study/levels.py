"""Levels that look alike: one day, one number or one name written twice would be counted as two.

text -> what it may mean: days, numbers, or letters without blanks, signs and case -> those that share one

A level counts: of the unit it is n, of a time or a dose it is an arm. So levels alike are asked about first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import date, timedelta

from assaykit.errors import StudyError
from assaykit.numerals import readings
from assaykit.plate import text_from_value
from assaykit.study.model import Assay
from assaykit.vocabulary import MEASURED

_NO_LEVELS = ("treatment", "context", *MEASURED)  # read into one form already, or amounts
_LABELS = ("replicate", "insert", "culture_plate", "control", "lot")  # tell wells apart, and make no arms or units
MOST_LEVELS = 400  # of one factor; every pair of them is looked at
_DAY = re.compile(r"([0-9]{1,4})([.\-/_ ])([0-9]{1,2})\2([0-9]{1,4})(?:[T ]+([0-9]{1,2}:[0-9]{2})(?::[0-9]{2})?)?")
_EARLIEST, _LATEST = date(1990, 1, 1), date(2079, 12, 31)
_FIRST_SERIAL = date(1899, 12, 30)  # day 0 of a spreadsheet


def level_faults(assay: Assay, where: str) -> list[StudyError]:
    """Return a fault per group of levels of one factor that look like one, naming each and where it is written."""
    places: dict[str, dict[str, str]] = {}
    for plate in (*assay.plates, *assay.counts):
        for well in plate.wells:
            for name, level in well.factors.items():
                if well.role == "sample" and name not in (*_NO_LEVELS, *_LABELS) and level != "":
                    places.setdefault(name, {}).setdefault(text_from_value(level), well.place(name))
    return [
        StudyError(
            f"levels of '{name}' must look different where they are",
            f"{' and '.join(f'{level!r} ({levels[level]})' for level in group)}, which look like one",
            where,
            "write one of them everywhere; if they are not one, give them names that differ in more than signs",
        )
        for name, levels in places.items()
        for group in alike(levels)
    ]


def alike(levels: Iterable[str]) -> list[tuple[str, ...]]:
    """Return the groups of different levels that may mean one thing.

    >>> alike(["20240301", "2024-03-02", "1.3.24", "1E4", "10000", "10 %", "10%", "K562", "k-562"])
    [('20240301', '1.3.24'), ('1E4', '10000'), ('10 %', '10%'), ('K562', 'k-562')]
    """
    groups: list[list[str]] = []
    for level in list(dict.fromkeys(levels))[:MOST_LEVELS]:
        near = next((group for group in groups if any(_look_alike(level, other) for other in group)), None)
        if near is None:
            groups.append([level])
        else:
            near.append(level)
    return [tuple(group) for group in groups if len(group) > 1]


def _look_alike(first: str, second: str) -> bool:
    if _letters(first) == _letters(second) != "":
        return True
    if _numbers(first) & _numbers(second):
        return True
    if first.isdigit() and second.isdigit() and len(first) == len(second):
        return False
    one, other = _DAY.fullmatch(first.strip()), _DAY.fullmatch(second.strip())
    if one and other and one[5] and other[5] and one[5] != other[5]:
        return False  # two times of a day are two things
    if one and other and (one[2], len(one[1]) == 4) == (other[2], len(other[1]) == 4):
        return _ordered_days(one) == _ordered_days(other)  # written in one manner, 3.1.24 is not 1.3.24
    return bool(_days(first) & _days(second))


def _letters(text: str) -> str:
    """Return a name without case, blanks, signs within and leading zeros; "" for a number or a day.

    A sign between digits parts them, and one at the end means something: D1.1 is not D11, CD34- not CD34.
    """
    if readings(text) or _DAY.fullmatch(text.strip()):
        return ""
    parted = re.sub(r"(?<=[0-9])[\s_\-.]+(?=[0-9])", ".", text.strip().casefold())
    joined = re.sub(r"(?<=\w)[\s_\-]+(?=\w)|(?<=[^\W0-9])\.(?=\w)|(?<=[0-9])\.(?=[^\W0-9])", "", parted)
    return re.sub(r"(?<![0-9.])0+(?=[0-9])", "", joined)


def _numbers(text: str) -> set[float]:
    """Return the numbers a level may be, `10 %` being 0.1."""
    plain, percent = re.subn(r"\s*%$", "", text.strip())
    return {float(value) / (100 if percent else 1) for value in readings(plain)}


def _ordered_days(match: re.Match[str]) -> tuple[int, int, int]:
    return int(match[1]), int(match[3]), int(match[4])


def _days(text: str) -> set[date]:
    """Return the days a level may be: 2024-03-01, 1.3.24, 3/1/2024, 20240301, 240301, or a spreadsheet's number."""
    plain = text.strip()
    candidates: list[tuple[int, int, int]] = []
    if match := _DAY.fullmatch(plain):
        first, middle, last = _ordered_days(match)
        candidates = [(first, middle, last)] if first > 31 else [(last, middle, first), (last, first, middle)]
    elif re.fullmatch(r"[0-9]{8}", plain):
        candidates = [
            (int(plain[:4]), int(plain[4:6]), int(plain[6:])),
            (int(plain[4:]), int(plain[2:4]), int(plain[:2])),
        ]
    elif re.fullmatch(r"[0-9]{6}", plain):
        candidates = [
            (int(plain[:2]), int(plain[2:4]), int(plain[4:])),
            (int(plain[4:]), int(plain[2:4]), int(plain[:2])),
        ]
    found: set[date] = set()
    for year, month, day in candidates:
        with suppress(ValueError):
            found.add(date(year + 2000 if year < 100 else year, month, day))
    if re.fullmatch(r"[0-9]{5}", plain):
        found.add(_FIRST_SERIAL + timedelta(days=int(plain)))
    return {day for day in found if _EARLIEST <= day <= _LATEST}

"""Numbers as people type them: `1.5`, `1,5`, `1 000`, `1'000`, and `1,000`, which can be read two ways.

text -> readings: none where it is no number, one where it is plain, two where a sign may part thousands or decimals

SI and ISO 80000-1 part thousands by a thin space and take point or comma as the decimal sign; both signs stand before
thousands in one country or another, so a single one before three digits settles nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal

_SPACES = " \u00a0\u2007\u2009\u202f"
_MARKS = "'\u2019\u02bc"
NUMBER = (
    rf"[+\-\u2212]?(?:[0-9]{{1,3}}(?:[.,{_SPACES}{_MARKS}][0-9]{{3}})+(?:[.,][0-9]+)?"
    r"|[0-9]+(?:[.,][0-9]+)*|[.,][0-9]+)(?:[eE][+-]?[0-9]{1,3})?"
)
"""A regular expression of every number that `readings` knows."""
UNSPACED = r"[+\-\u2212]?(?:[0-9]+(?:[.,][0-9]+)*|[.,][0-9]+)(?:[eE][+-]?[0-9]{1,3})?"
"""The same without blanks or marks between thousands."""
_TWO_WAYS = re.compile(r"[+-]?[1-9][0-9]{0,2}([.,])[0-9]{3}")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+([.,])[0-9]*|([.,])[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_ONE_SIGN = r"(?<![\w.,])[0-9]+([.,])[0-9]+(?![\w.,])"
_PARTED = re.compile(rf"([+-]?[0-9]{{1,3}}(?:([{_SPACES}{_MARKS}.,])[0-9]{{3}})(?:\2[0-9]{{3}})*)(?:([.,])([0-9]+))?")


def readings(text: str, *, decimal: str = "") -> tuple[Decimal, ...]:
    """Return what a text may mean as a number: nothing, one number, or two.

    `decimal` is the decimal sign that other numbers beside it show (see `decimal_sign`); with it `3.125` is one
    number, but `1.000` stays two: nobody writes a decimal that ends in 0 beside 0.5.

    >>> readings("1,5"), readings("1 000"), readings("1,000"), readings("1.234.567,8"), readings("ten")
    ((Decimal('1.5'),), (Decimal('1000'),), (Decimal('1.000'), Decimal('1000')), (Decimal('1234567.8'),), ())
    >>> readings("3.125", decimal="."), readings("1.000", decimal=".")
    ((Decimal('3.125'),), (Decimal('1.000'), Decimal('1000')))
    """
    plain = text.strip().replace("\u2212", "-")
    if match := _TWO_WAYS.fullmatch(plain):
        sign = match[1]
        as_decimal = Decimal(plain.replace(sign, "."))
        if sign == decimal and not plain.endswith("0"):
            return (as_decimal,)
        return as_decimal, Decimal(plain.replace(sign, ""))
    if match := _DECIMAL.fullmatch(plain):
        return (Decimal(plain.replace(",", ".")),)
    if re.fullmatch(r"[+-]?[0-9]+(?:[eE][+-]?[0-9]{1,3})?", plain):
        return (Decimal(plain),)
    match = _PARTED.fullmatch(plain)
    if match is None or match[2] == match[3] or (match[2] in ".," and not match[3] and plain.count(match[2]) < 2):
        return ()  # the last: `0,125` and the like are decimals above, `012,345` is nobody's number
    whole = match[1].replace(match[2], "")
    return (Decimal(f"{whole}.{match[4]}" if match[4] else whole),)


def decimal_sign(texts: Iterable[str]) -> str:
    """Return the decimal sign that numbers show beyond doubt, or "" where they show none, or both.

    >>> decimal_sign(["imatinib 6.25 uM", "imatinib 3.125 uM"]), decimal_sign(["0,5", "1.000"]), decimal_sign(["3.125"])
    ('.', ',', '')
    """
    numbers = (number for text in texts for number in re.finditer(_ONE_SIGN, text))
    found = {number[1] for number in numbers if not _TWO_WAYS.fullmatch(number[0])}
    return found.pop() if len(found) == 1 else ""


def both_ways(values: tuple[Decimal, ...], unit: str = "") -> str:
    """Return two readings as a message tells them.

    >>> both_ways(readings("8.300"), "nM")
    '8300 nM or 8.3 nM'
    """
    return " or ".join(f"{value.normalize():f} {unit}".strip() for value in reversed(values))

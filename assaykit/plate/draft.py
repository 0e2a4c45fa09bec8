"""A plate as somebody wrote it: text, numbers and dates with the place of each, before the schema has judged them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path

from assaykit.escaping import one_line

Value = str | float | bool | date | time


@dataclass(frozen=True, slots=True)
class Entry:
    """One value as written, and where: a file and a cell, or a file and a key."""

    value: Value
    where: str


@dataclass(frozen=True, slots=True)
class DraftWell:
    """One well, or one row of a counts table, as written; entries by column name."""

    name: str
    where: str
    entries: Mapping[str, Entry]
    implied: bool = False  # whether it only lies between wells that rows and columns name


@dataclass(frozen=True, slots=True)
class DraftPlate:
    """One plate as written; `size` is what the file itself says or shows."""

    name: str
    wells: tuple[DraftWell, ...]
    source: Path
    label: str  # the file as messages name it
    size: int | None = None
    tubes: bool = False  # whether its wells are tubes, numbered as wells in the order of the table
    notes: tuple[str, ...] = ()  # what is odd about it, to be told with what is made of it


def column_name(text: str) -> str:
    """Return a column's name as assaykit writes it: small letters, underscores for blanks and hyphens.

    >>> column_name(" MSC donor ")
    'msc_donor'
    """
    return re.sub(r"[\s\-]+", "_", one_line(text).lower())


def text_from_value(value: Value) -> str:
    """Return a value as text: whole numbers without a point, dates as 2024-03-01.

    >>> text_from_value(20240301.0), text_from_value(datetime(2024, 3, 1))
    ('20240301', '2024-03-01')
    """
    match value:
        case bool():
            return "yes" if value else "no"
        case str():
            return one_line(value)
        case int() | float():
            return str(int(value)) if float(value).is_integer() else repr(float(value))
        case datetime() if value.time() == time(0):
            return value.date().isoformat()
    return value.isoformat()


def written(value: Value) -> str:
    """Return a value as a message quotes it."""
    match value:
        case str():
            return f"'{value}'"
        case date():
            return f"the date {text_from_value(value)}"
    return text_from_value(value)

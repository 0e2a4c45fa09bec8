"""Counts as people write them: `600`, `~600`, `600*`, `>5000`, `TNTC`, `lost`, `8.300`, each with what it is worth.

    entry -> Tally: exact | approximate | at_least | at_most | missing | unreadable

A number is used, one with a mark of doubt is used and doubted, a bound stands in place of the count and is not
interpreted, and a word for nothing leaves the well without that count. What cannot be read is refused by itself: one
odd cell never costs the study its other wells; a column of which no cell can be read is a fault.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from assaykit.errors import CountsError
from assaykit.numerals import both_ways, readings
from assaykit.plate.draft import Entry, written
from assaykit.tables import Level
from assaykit.vocabulary import SIGNAL

Kind = Literal["exact", "approximate", "at_least", "at_most", "missing", "unreadable"]

FINDINGS: dict[Kind, tuple[Level, str]] = {
    "approximate": ("warn", "count_approximate"),
    "at_least": ("warn", "count_bound"),
    "at_most": ("warn", "count_bound"),
    "missing": ("warn", "count_missing"),
    "unreadable": ("fail", "count_unreadable"),
}
"""The level and the check of what is said about a count that is no plain number."""
BOUNDS: frozenset[Kind] = frozenset({"at_least", "at_most"})
BROKEN = ("#N/A", "#REF!", "#DIV/0!", "#VALUE!", "#NAME?", "#NULL!", "#NUM!")
"""What a spreadsheet shows in place of a value it could not compute."""
_WORDS = {  # without case, blanks, points and slashes
    "": "nothing was counted", "-": "nothing was counted", "--": "nothing was counted", "\u2013": "nothing was counted",
    "\u2014": "nothing was counted", "nd": "not determined", "nc": "not counted", "na": "not available",
    "notdone": "not done", "notdetermined": "not determined", "notcounted": "not counted", "lost": "lost",
    "welllost": "lost", "missing": "missing", "spilled": "spilled", "spilt": "spilled", "contaminated": "contaminated",
    "failed": "failed", "broken": "broken", "verloren": "lost", "fehlt": "missing", "perdu": "lost", "perdido": "lost",
    "tntc": "too many to count", "toomanytocount": "too many to count", "toonumeroustocount": "too many to count",
    "uncountable": "too many to count", "confluent": "too many to count",
}  # fmt: skip
_UNSURE_BEFORE = re.compile(r"(?:~|\u2248|\u223c|circa|ca\.?|c\.|approx\.?|about|est\.?)\s*(?=[0-9.,])", re.IGNORECASE)
_UNSURE_AFTER = re.compile(r"(?<=[0-9])\s*(?:\*+|\(?\?\)?)$")
_MORE_BEFORE = re.compile(r"(?:>\s*=?|\u2265|over|more than|at least|min\.?)\s*(?=[0-9.,])", re.IGNORECASE)
_MORE_AFTER = re.compile(r"(?<=[0-9])\s*\+$")
_LESS_BEFORE = re.compile(r"(?:<\s*=?|\u2264|under|less than|fewer than|at most|max\.?)\s*(?=[0-9.,])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Tally:
    """One count as written: what kind of number it is, its value where it has one, and why where that is not plain."""

    column: str
    text: str  # as a message quotes it
    where: str
    kind: Kind
    value: float | None = None
    reason: str = ""
    remedy: str = ""

    @property
    def message(self) -> str:
        """Return what is said of a count that is no plain number."""
        head = f"{self.column} is {self.text} ({self.where})"
        match self.kind:
            case "approximate":
                return f"{head}: taken as {self.value:g}, which is marked as uncertain."
            case "at_least" | "at_most":
                words = self.kind.replace("_", " ")
                return f"{head}: {words} {self.value:g}; the bound stands for the count, and is not interpreted."
            case "missing":
                return f"{head}: {self.reason}, so the well has no such count."
        return f"{head}, {self.reason}: this count alone is left out; {self.remedy}."

    @property
    def fault(self) -> CountsError:
        """Return the refusal of a count that cannot be read, for a column in which none can."""
        must, found = f"'{self.column}' must be a number", self.text
        if " or " in self.reason:
            must, found = f"'{self.column}' must be a number read one way", f"{self.text}, {self.reason}"
        elif self.reason == "which is below zero":
            must = f"'{self.column}' must be zero or more"
        elif self.reason == "which is below 1":
            must = "'dilution' must be how many times the sample was diluted"
        return CountsError(must, found, self.where, self.remedy)


def tally_from_entry(column: str, entry: Entry, *, decimal: str = "") -> Tally:
    """Return a count as written; `decimal` is the decimal sign other numbers of the table show.

    >>> [(t.kind, t.value) for t in (tally_from_entry("migrated", Entry(x, "")) for x in ("~600", ">5 000", "n.d."))]
    [('approximate', 600.0), ('at_least', 5000.0), ('missing', None)]
    """
    quoted, text = written(entry.value), entry.value.strip() if isinstance(entry.value, str) else ""
    kind: Kind = "exact"
    marks: tuple[tuple[re.Pattern[str], Kind], ...] = (
        (_MORE_BEFORE, "at_least"), (_MORE_AFTER, "at_least"), (_LESS_BEFORE, "at_most"),
        (_UNSURE_BEFORE, "approximate"), (_UNSURE_AFTER, "approximate"),
    )  # fmt: skip
    for mark, meaning in marks:
        match = mark.search(text)
        if match and (match.start() == 0 or match.end() == len(text)):
            text = (text[: match.start()] + text[match.end() :]).strip()
            kind = meaning if kind == "exact" else kind  # ~>5000 is a bound first
    # A plate reader writes a signal, and with a point.
    values = readings(text, decimal="." if column == SIGNAL else decimal)
    if isinstance(entry.value, (int, float)) and not isinstance(entry.value, bool):
        values = (Decimal(entry.value),) if abs(entry.value) < float("inf") else ()
    if len(values) > 1 and (column != SIGNAL or "," in text):
        remedy = f"write {values[1]:f}, or {values[0]:f}0 if it is a decimal"
        return Tally(column, quoted, entry.where, "unreadable", None, f"which is {both_ways(values)}", remedy)
    if values and values[0] < 0 and column != SIGNAL:
        found = f"{values[0]:f}"
        return Tally(column, found, entry.where, "unreadable", None, "which is below zero", "delete the minus sign")
    if values:
        return Tally(column, quoted, entry.where, kind, float(values[0]))
    reason = _WORDS.get(re.sub(r"[\s./\\()]+", "", text.casefold()), "") if isinstance(entry.value, str) else ""
    reason = "an error of the spreadsheet" if text in BROKEN else reason
    if reason:
        return Tally(column, quoted, entry.where, "missing", None, reason)
    remedy = "leave the cell empty where nothing was counted"
    return Tally(column, quoted, entry.where, "unreadable", None, "which is no number", remedy)


def unreadable_columns(tallies: Iterable[Tally]) -> Iterator[CountsError]:
    """Yield the refusals of each column in which no cell can be read: the column is wrong, and not a cell."""
    by_column: dict[str, list[Tally]] = {}
    for tally in tallies:
        by_column.setdefault(tally.column, []).append(tally)
    for column in by_column.values():
        if all(tally.kind == "unreadable" for tally in column):
            yield from (tally.fault for tally in column)

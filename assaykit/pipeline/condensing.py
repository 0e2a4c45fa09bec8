"""What was found, told once a plate: wells of one plate that share a check, its level and its channel become one row.

Consequences are drawn from the findings as they are, well by well, before; only what a person reads is condensed.
What failed keeps a row per well, for each such well has lost its number.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from itertools import groupby

from assaykit.tables import Finding

MOST_ROWS = 3
"""So many wells of a plate are told one by one."""
BY_WELL = frozenset({"excluded_time", "excluded_signal"})
"""What was left out of a run differs from well to well, and how much is what a reader asks; few wells lose any."""


def condense(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings, each once, in their order; notes and warnings that more than three wells share as one.

    >>> wells = [Finding("warn", "drift", "moved", "plate 1", well) for well in ("A1", "A2", "A3", "B7")]
    >>> [(one.well, one.message) for one in condense(wells)]
    [('', '4 wells (A1-A3, B7): moved')]
    """
    groups: dict[Finding, list[Finding]] = {}
    for finding in dict.fromkeys(findings):
        alone = finding.level == "fail" or not finding.well or finding.check in BY_WELL
        groups.setdefault(finding if alone else replace(finding, message="", well=""), []).append(finding)
    told: list[Finding] = []
    for shared, members in groups.items():
        wells = list(dict.fromkeys(member.well for member in members))
        if len(wells) <= MOST_ROWS:
            told += members
            continue
        alike = len({member.message for member in members}) == 1
        words = members[0].message if alike else f"the first, {members[0].well}: {members[0].message}"
        told.append(replace(shared, message=f"{len(wells)} wells ({_named(wells)}): {words}"))
    return told


def _named(wells: list[str]) -> str:
    """Return the wells, neighbours of a row as a range: A1-A3, B7."""
    places = [match.groups() if (match := re.fullmatch(r"(\D+)(\d+)", well)) else (well, "") for well in wells]
    numbered = [(row, int(column) if column else 0, well) for (row, column), well in zip(places, wells, strict=True)]
    parts = []
    for _, run in groupby(enumerate(numbered), key=lambda item: (item[1][0], item[1][1] - item[0])):
        names = [well for _, (_, _, well) in run]
        parts.append(names[0] if len(names) == 1 else f"{names[0]}{'-' if len(names) > 2 else ', '}{names[-1]}")
    return ", ".join(parts)

"""Doubts of values as estimates carry them: which checks speak against how many wells, in few words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd

from assaykit.checks import meaning

DOUBTED = ("warn", "fail")
"""What qc says of a value that stands, and is not above doubt."""


class Doubted(NamedTuple):
    """One value in doubt: the check that says so, and where it was measured; no well where it is a whole unit's."""

    check: str
    unit: str
    plate: str
    well: str


def doubted_values(rows: pd.DataFrame, unit: str = "unit_id") -> tuple[Doubted, ...]:
    """Return an entry per doubtful value of MEASUREMENTS rows and check behind it; none where no check is told."""
    if "checks" not in rows:
        return ()
    chosen = rows[np.isin(rows["qc"], DOUBTED) & rows["value"].notna() & (rows["checks"] != "")]
    columns = chosen[["checks", unit, "plate", "well"]].astype(str)
    return tuple(
        Doubted(check, *where) for checks, *where in columns.itertuples(index=False) for check in checks.split("; ")
    )


def doubts_in_words(doubted: Iterable[Doubted]) -> str:
    """Return what the checks mean and how many wells, or whole units, they speak of.

    >>> doubts_in_words([Doubted("few_cells", "E1", "P1", "A1"), Doubted("few_cells", "E1", "P1", "A2")])
    'the population holds few cells (2 wells)'
    """
    groups: dict[str, set[Doubted]] = defaultdict(set)
    for each in doubted:
        groups[each.check].add(each)
    return "; ".join(f"{meaning(check)} ({_extent(members)})" for check, members in groups.items())


def _extent(members: set[Doubted]) -> str:
    wells = {(each.plate, each.well) for each in members if each.well}
    if not wells:
        return _counted(len({each.unit for each in members}), "unit")
    plates = len({plate for plate, _ in wells})
    return _counted(len(wells), "well") + (f" of {plates} plates" if plates > 1 else "")


def _counted(n: int, noun: str) -> str:
    return f"{n} {noun}{'s' * (n != 1)}"

"""Doubts of values as estimates carry them: which checks speak against how many wells, in few words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd

from assaykit.checks import meaning

DOUBTFUL_QC = ("warn", "fail")
"""What qc says of a value that stands, and is not above doubt."""


class DoubtfulValue(NamedTuple):
    """One value in doubt: the check that says so, and where it was measured; no well where it is a whole unit's."""

    check: str
    unit: str
    plate: str
    well: str


def doubtful_values(rows: pd.DataFrame, unit: str = "unit_id") -> tuple[DoubtfulValue, ...]:
    """Return an entry per doubtful value of MEASUREMENTS rows and check behind it; none where no check is named."""
    if "checks" not in rows:
        return ()
    chosen = rows[np.isin(rows["qc"], DOUBTFUL_QC) & rows["value"].notna() & (rows["checks"] != "")]
    columns = chosen[["checks", unit, "plate", "well"]].astype(str)
    return tuple(
        DoubtfulValue(check, *where)
        for checks, *where in columns.itertuples(index=False)
        for check in checks.split("; ")
    )


def doubts_in_words(values: Iterable[DoubtfulValue]) -> str:
    """Return what the checks mean and how many wells, or whole units, they speak of.

    >>> doubts_in_words([DoubtfulValue("few_cells", "E1", "P1", "A1"), DoubtfulValue("few_cells", "E1", "P1", "A2")])
    'the population holds few cells (2 wells)'
    """
    groups: dict[str, set[DoubtfulValue]] = defaultdict(set)
    for each in values:
        groups[each.check].add(each)
    return "; ".join(f"{meaning(check)} ({_extent(members)})" for check, members in groups.items())


def _extent(values: set[DoubtfulValue]) -> str:
    wells = {(each.plate, each.well) for each in values if each.well}
    n, noun = (len(wells), "well") if wells else (len({each.unit for each in values}), "unit")
    plates = len({plate for plate, _ in wells})
    return f"{n} {noun}{'s' * (n != 1)}" + (f" of {plates} plates" if plates > 1 else "")

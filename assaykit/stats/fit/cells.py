"""Rows of a table -> one number per unit and cell: what unit-level contrasts are made of.

    value   mean of the cell's rows
    rate    log((count + 1/2) / exposure)                     counts and exposures summed over the cell's rows
    share   log((count + 1/2) / (total - count + 1/2))        likewise: each unit is pooled before the logarithm

The half keeps empty cells finite (Haldane 1956; Anscombe 1956, 10.1093/biomet/43.3-4.461) and pooling first keeps its
bias small: the mean of logs of wells at 1 against 4 counts a well is .19 too high, the log of the unit's sum is not.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assaykit.stats.glmm.marginal import CellCounts
from assaykit.stats.lmm.design import FixedDesign
from assaykit.stats.lmm.formula import evaluate
from assaykit.stats.lmm.grid import cell_rows, estimable
from assaykit.stats.units.cell_table import CellTable

Floats = NDArray[np.float64]


class CellIndex(NamedTuple):
    """Where each row of a table stands: its unit and its cell, as numbers, and what those are."""

    units: tuple[str, ...]
    cells: tuple[dict[str, str], ...]
    unit: NDArray[np.intp]
    cell: NDArray[np.intp]
    design: Floats  # cells x columns that the model kept

    def summed(self, values: Floats) -> Floats:
        """Return the sums of values, (units x cells), NaN where a unit has no row of the cell."""
        flat = self.unit * len(self.cells) + self.cell
        size = len(self.units) * len(self.cells)
        sums = np.bincount(flat, values, minlength=size)
        return np.asarray(np.where(np.bincount(flat, minlength=size) > 0, sums, np.nan).reshape(len(self.units), -1))


def cell_index(fixed: FixedDesign, frame: pd.DataFrame, unit: str) -> CellIndex:
    """Return unit and cell of every row of a frame without missing values; cells are those the data hold."""
    factors = tuple(fixed.levels)
    labels, rows = cell_rows(fixed, factors)
    keep = estimable(rows, fixed)
    cells = tuple(label for label, good in zip(labels, keep, strict=True) if good)
    position = {tuple(label.values()): i for i, label in enumerate(cells)}
    names = [evaluate(name, frame).astype(str) for name in factors]
    cell = np.array([position[key] for key in zip(*names, strict=True)], np.intp)
    units, codes = np.unique(frame[unit].astype(str).to_numpy(), return_inverse=True)
    return CellIndex(tuple(map(str, units)), cells, codes.astype(np.intp), cell, rows[np.ix_(keep, fixed.kept)])


def mean_cells(index: CellIndex, y: Floats) -> CellTable:
    """Return the mean of every unit and cell."""
    return CellTable(index.units, index.summed(y) / index.summed(np.ones_like(y)), index.design)


def count_cells(index: CellIndex, counts: Floats, wholes: Floats, *, logit: bool) -> tuple[CellTable, CellCounts]:
    """Return the log rate or logit of every unit and cell with its variance, and the pooled counts themselves.

    `wholes` are trials, or exposures. The variances are the delta method's for Poisson and binomial counts, with the
    same half added; `empty` marks cells without an event, or with nothing else, in any unit.
    """
    count, whole = index.summed(counts), index.summed(wholes)
    rest = whole - count
    values = np.log((count + 0.5) / (rest + 0.5 if logit else whole))
    variances = 1 / (count + 0.5) + (1 / (rest + 0.5) if logit else 0.0)
    empty = np.nansum(count, axis=0) == 0
    if logit:
        empty |= np.nansum(rest, axis=0) == 0
    return CellTable(index.units, values, index.design, variances, empty), CellCounts(count, whole, logit)

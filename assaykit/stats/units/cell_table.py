"""A contrast of a design's cells, unit by unit: one number per unit and cell, one answer per unit, then t.

    values (units x cells) -> each unit's own answer from the cells it has -> the mean of the answers, n - 1 df

Where no unit holds both sides, as with two kinds of donors, units are compared with units, by Welch's t. The error of
a contrast is its own: nothing is shared with other contrasts (see unit_level.py for why).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assaykit.stats.units.contrast import ContrastResult

Floats = NDArray[np.float64]

WITHIN, BETWEEN = "unit-level t", "unit-level Welch t, between units"
FLOORED = "{}, error at least that of counting"
_NONE = 1e-9  # a weight below this is rounding


@dataclass(frozen=True, slots=True, eq=False)
class CellTable:
    """One value per unit and cell, (units x cells), NaN where a unit lacks the cell.

    `design` (cells x columns) says which combination of the model's columns each cell's mean is. For counts,
    `variances` (units x cells) are those of counting alone, and `empty` (cells) marks cells that hold no event, or
    nothing else, in any unit: their values are all correction, so that their spread is none and cannot be an error.
    """

    units: tuple[str, ...]
    values: Floats
    design: Floats
    variances: Floats | None = None
    empty: NDArray[np.bool_] | None = None

    def without(self, unit: str) -> CellTable:
        """Return the table of the other units."""
        kept = np.array([name != unit for name in self.units])
        variances = None if self.variances is None else self.variances[kept]
        units = tuple(name for name in self.units if name != unit)
        return CellTable(units, self.values[kept], self.design, variances, self.empty)


def weights_of_cells(row: Floats, design: Floats) -> Floats:
    """Return the smallest weights of the cells that make up `row` (columns) of the design's means.

    >>> weights_of_cells(np.array([0.0, 1.0]), np.array([[1.0, 0.0], [1.0, 1.0]])).round(6).tolist()
    [-1.0, 1.0]
    """
    return np.asarray(np.linalg.lstsq(design.T, row, rcond=None)[0])


def contrast_of_cells(row: Floats, table: CellTable, *, name: str = "", level: float = 0.95) -> ContrastResult:
    """Return the contrast `row` (columns of the design) of a table of cells, with the unit as its n.

    A result without numbers says why: fewer than two units that can answer, or units that do not differ.
    """
    answers, errors = [], []
    for own, variances in zip(table.values, _variances(table), strict=True):
        has = np.isfinite(own)
        weights = weights_of_cells(row, table.design[has])
        if np.allclose(table.design[has].T @ weights, row, atol=1e-8):
            answers.append(float(weights @ own[has]))
            errors.append(float(weights**2 @ variances[has]))
    weights = weights_of_cells(row, table.design)
    floored = table.empty is not None and bool(table.empty[np.abs(weights) > _NONE].any())
    n = len(answers)
    if n >= 2:
        error = float(np.std(answers, ddof=1)) / math.sqrt(n)
        if floored:
            error = max(error, math.sqrt(math.fsum(errors)) / n)
        method = FLOORED.format(WITHIN) if floored else WITHIN
        spread = error if error > 1e-12 * max(1.0, float(np.abs(answers).max())) else 0.0  # rounding is no spread
        return ContrastResult.by_t(
            math.fsum(answers) / n, spread, n - 1, n_units=n, method=method, name=name, level=level
        )
    return _between(weights, table, floored=floored, name=name, level=level) or ContrastResult.missing(
        f"not estimable: {n} units have every arm of it; two are the least", n_units=n, method=WITHIN, name=name
    )


def _between(weights: Floats, table: CellTable, *, floored: bool, name: str, level: float) -> ContrastResult | None:
    """Return the contrast between units that hold its one side and units that hold the other (Welch 1947).

    None where a side has fewer than two units, or a unit holds both.
    """
    sides = (weights > _NONE, weights < -_NONE)
    holders = [np.isfinite(table.values[:, side]).all(axis=1) & side.any() for side in sides]
    sizes = [int(held.sum()) for held in holders]
    if min(sizes) < 2 or (holders[0] & holders[1]).any():
        return None
    sums = [table.values[np.ix_(held, side)] @ np.abs(weights[side]) for held, side in zip(holders, sides, strict=True)]
    parts = [float(np.var(side_sums, ddof=1)) / n for side_sums, n in zip(sums, sizes, strict=True)]
    if floored:
        counting = [
            float((_variances(table)[np.ix_(held, side)] @ weights[side] ** 2).sum()) / n**2
            for held, side, n in zip(holders, sides, sizes, strict=True)
        ]
        parts = [max(pair) for pair in zip(parts, counting, strict=True)]
    # Welch's df; by_t refuses a variance of zero
    df = sum(parts) ** 2 / sum(part**2 / (n - 1) for part, n in zip(parts, sizes, strict=True)) if sum(parts) else 1.0
    return ContrastResult.by_t(
        float(sums[0].mean() - sums[1].mean()),
        math.sqrt(sum(parts)),
        df,
        n_units=sum(sizes),
        method=FLOORED.format(BETWEEN) if floored else BETWEEN,
        name=name,
        level=level,
    )


def _variances(table: CellTable) -> Floats:
    return np.zeros_like(table.values) if table.variances is None else table.variances

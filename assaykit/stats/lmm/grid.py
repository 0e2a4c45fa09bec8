"""The reference grid of a model: which combination of its columns is a mean, a contrast, an interaction (emmeans).

    factors -> cells (every combination of levels, covariates at their mean) -> rows over the model's columns

Means over a factor weigh its levels equally. Rows run over all columns of the design, those that repeat others
included, so that a contrast which needs an empty cell is known to be inestimable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assaykit.errors import DesignError
from assaykit.stats.lmm.design import FixedDesign

Floats = NDArray[np.float64]
Kind = Literal["treatment", "pairwise"]
"""Each level against the first, or each against each other."""


@dataclass(frozen=True, slots=True, eq=False)
class GridRows:
    """Linear combinations of all columns of a design, (rows x columns), and what each is called.

    Rows of one `family` are adjusted together; `means` counts the means that a family compares, for Tukey.
    """

    labels: tuple[Mapping[str, str], ...]
    rows: Floats
    family: tuple[str, ...]
    means: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class FactorFamily:
    """The contrasts of one factor, in each level of `within` where it interacts with one; or an interaction's."""

    kind: Literal["contrasts", "interactions"]
    factor: str
    within: str
    grid: GridRows

    def label(self, index: int) -> dict[str, str]:
        """Return a row's place in a table: factor, contrast, within and level, empty where it has none."""
        own = self.grid.labels[index]
        place = {"factor": self.factor, "contrast": own["contrast"], "within": self.within}
        return place | {"level": own.get(self.within, "")}


def cell_rows(fixed: FixedDesign, factors: Sequence[str]) -> tuple[tuple[dict[str, str], ...], Floats]:
    """Return the cells of the factors, the first varying fastest, and their rows over all columns."""
    others = [name for name in fixed.levels if name not in factors]
    levels = [levels_of(fixed, name) for name in reversed(factors)]
    labels = tuple(dict(zip(factors, cell[::-1], strict=True)) for cell in product(*levels))
    rest = [dict(zip(others, cell, strict=True)) for cell in product(*(fixed.levels[name] for name in others))]
    grid = pd.DataFrame([{**fixed.means, **label, **other} for label in labels for other in rest])
    rows = fixed.rows(grid).reshape(len(labels), len(rest), -1)
    return labels, np.asarray(rows.mean(axis=1))


def mean_rows(fixed: FixedDesign, factors: Sequence[str]) -> GridRows:
    """Return the mean of every combination of the factors' levels."""
    labels, rows = cell_rows(fixed, factors)
    return GridRows(labels, rows, ("",) * len(labels))


def contrast_rows(fixed: FixedDesign, factor: str, *, kind: Kind = "treatment", within: str = "") -> GridRows:
    """Return the differences between levels of a factor, in each level of `within` where one is named."""
    places = levels_of(fixed, within) if within else ("",)
    labels, cells = cell_rows(fixed, (factor, within) if within else (factor,))
    row = {(label[factor], label.get(within, "")): cells[i] for i, label in enumerate(labels)}
    pairs = _pairs(levels_of(fixed, factor), kind)
    return GridRows(
        labels=tuple(
            {"contrast": f"{a} - {b}"} | ({within: place} if within else {}) for place in places for a, b in pairs
        ),
        rows=_stacked([row[a, place] - row[b, place] for place in places for a, b in pairs], cells.shape[1]),
        family=tuple(place for place in places for _ in pairs),
        means=len(levels_of(fixed, factor)),
    )


def interaction_rows(fixed: FixedDesign, factor: str, across: str, *, kind: Kind = "treatment") -> GridRows:
    """Return differences of differences: (level - other) in each level of `across` minus the same in its first."""
    base, *others = levels_of(fixed, across)
    labels, cells = cell_rows(fixed, (factor, across))
    row = {(label[factor], label[across]): cells[i] for i, label in enumerate(labels)}
    pairs = _pairs(levels_of(fixed, factor), kind)
    rows = [row[a, p] - row[b, p] - row[a, base] + row[b, base] for p in others for a, b in pairs]
    named = tuple({"contrast": f"{a} - {b}", across: f"{place} - {base}"} for place in others for a, b in pairs)
    return GridRows(named, _stacked(rows, cells.shape[1]), ("",) * len(rows))


def custom_rows(
    fixed: FixedDesign, weights: Mapping[str, Mapping[tuple[str, ...], float]], factors: Sequence[str]
) -> GridRows:
    """Return contrasts by name: `weights[name]` gives the weight of each cell, a tuple of levels of `factors`."""
    labels, cells = cell_rows(fixed, factors)
    row = {tuple(label[f] for f in factors): cells[i] for i, label in enumerate(labels)}
    unknown = sorted({str(cell) for cell_weights in weights.values() for cell in cell_weights if cell not in row})
    if unknown:
        raise DesignError("a contrast must weigh cells of the design", ", ".join(unknown), remedy=f"cells: {list(row)}")
    rows = [np.sum([w * row[cell] for cell, w in by_cell.items()], axis=0) for by_cell in weights.values()]
    return GridRows(tuple({"contrast": name} for name in weights), _stacked(rows, cells.shape[1]), ("",) * len(weights))


def factor_families(fixed: FixedDesign) -> tuple[FactorFamily, ...]:
    """Return every contrast a table of a model lists.

    Each factor's levels against its first, within each factor it interacts with; then the interactions of two.
    """
    crossed = crossed_factors(fixed)
    families = []
    for factor in fixed.levels:
        partners = [other for term in crossed if factor in term for other in term if other != factor]
        families += [
            FactorFamily("contrasts", factor, within, contrast_rows(fixed, factor, within=within))
            for within in partners or [""]
        ]
    families += [
        FactorFamily("interactions", factor, across, interaction_rows(fixed, factor, across))
        for factor, across in crossed
    ]
    return tuple(family for family in families if len(family.grid.labels))


def crossed_factors(fixed: FixedDesign) -> list[tuple[str, ...]]:
    """Return the pairs of factors that interact."""
    return [term for term in fixed.formula.fixed if len(term) == 2 and set(term) <= set(fixed.levels)]


def estimable(rows: Floats, fixed: FixedDesign) -> NDArray[np.bool_]:
    """Return which rows do not reach into what the data cannot tell apart."""
    return np.asarray((np.abs(rows @ fixed.null) < 1e-8).all(axis=1))


def levels_of(fixed: FixedDesign, factor: str) -> tuple[str, ...]:
    """Return a factor's levels, the control first; raises DesignError where the model has no such factor."""
    if factor not in fixed.levels:
        raise DesignError("a contrast must be of a factor of the model", repr(factor), fixed.formula.text)
    return fixed.levels[factor]


def _pairs(levels: Sequence[str], kind: Kind) -> list[tuple[str, str]]:
    return [(level, levels[0]) for level in levels[1:]] if kind == "treatment" else list(combinations(levels, 2))


def _stacked(rows: Sequence[Floats], columns: int) -> Floats:
    """Return the rows as one array, (0 x columns) where there are none: a factor of one level has no contrast."""
    return np.array(rows, np.float64).reshape(len(rows), columns)

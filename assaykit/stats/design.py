"""Model matrices: a tidy frame and a formula -> response, fixed-effect columns, random-effect terms.

Factors are coded against their first level (treatment coding); a factor whose margin is not in the model gets a
column per level, as in R. Columns that repeat others (empty cells) are dropped, and contrasts that would need
them are known to be inestimable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assaykit.errors import DesignError
from assaykit.stats.formula import Formula, Term, evaluate, parse_formula

Floats = NDArray[np.float64]
Levels = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True, eq=False)
class Random:
    """One random term: the group each row belongs to, and the columns whose effects vary between groups."""

    group: str
    names: tuple[str, ...]  # of the effects, e.g. ("(Intercept)", "Days")
    codes: NDArray[np.intp]  # n
    levels: tuple[str, ...]
    columns: Floats  # n x effects


@dataclass(frozen=True, slots=True, eq=False)
class FixedDesign:
    """How fixed columns are built, so that the same columns can be built for a reference grid."""

    formula: Formula
    levels: Mapping[str, tuple[str, ...]]  # of each factor, the control first
    means: Mapping[str, float]  # of each numeric variable
    names: tuple[str, ...]  # all columns
    owner: tuple[int, ...]  # the term each column belongs to
    kept: NDArray[np.intp]  # columns that are not repeats of earlier ones
    null: Floats = field(default_factory=lambda: np.zeros((0, 0)))  # columns x (repeats): X @ null = 0

    @property
    def kept_names(self) -> tuple[str, ...]:
        """Names of the columns in the model."""
        return tuple(self.names[i] for i in self.kept)

    def rows(self, grid: pd.DataFrame, *, sum_to_zero: bool = False) -> Floats:
        """Return the full model-matrix rows of a grid with one column per variable.

        With `sum_to_zero` factors are coded against the mean of their levels: what type III tests are about.
        """
        return _columns(self.formula.fixed, grid, self.levels, sum_to_zero=sum_to_zero)[0]


@dataclass(frozen=True, slots=True, eq=False)
class Design:
    """Everything a linear mixed model needs."""

    y: Floats
    X: Floats  # n x kept columns
    fixed: FixedDesign
    random: tuple[Random, ...]
    weights: Floats | None
    dropped_rows: int


def design_from_frame(
    frame: pd.DataFrame, formula: str | Formula, *, levels: Levels | None = None, weights: str | None = None
) -> Design:
    """Return the design of a formula on a tidy frame; rows with a missing variable are left out and counted.

    `levels` gives the order of a factor's levels, the control first; a factor not named there keeps the order of its
    categories, or is sorted. `weights` names a column of positive precision weights.
    """
    model = parse_formula(formula) if isinstance(formula, str) else formula
    variables = pd.DataFrame({name: evaluate(name, frame) for name in model.variables})
    if weights is not None:
        variables["(weights)"] = evaluate(weights, frame)
    complete = _finite(variables)
    variables, n_dropped = variables[complete], int((~complete).sum())
    if variables.empty:
        raise DesignError("a model must have rows without missing values", "none", model.text)
    y = _response(variables[model.response], model)
    used = {v for term in model.fixed for v in term} | {v for r in model.random for t in r.effects for v in t}
    factors = {v: _levels_of(variables[v], v, levels or {}) for v in used if not _numeric(variables[v])}
    means = {v: float(variables[v].mean()) for v in sorted(used - set(factors))}
    full, names, owner = _columns(model.fixed, variables, factors)
    kept, null = _independent(full)
    fixed = FixedDesign(model, factors, means, names, owner, kept, null)
    random = tuple(_random(part.effects, part.group, variables, factors) for part in model.random)
    w = _weights(variables["(weights)"], model) if weights is not None else None
    return Design(y, np.ascontiguousarray(full[:, kept]), fixed, random, w, n_dropped)


def _finite(variables: pd.DataFrame) -> NDArray[np.bool_]:
    good = np.ones(len(variables), bool)
    for name in variables:
        column = variables[name]
        good &= np.isfinite(column.to_numpy(np.float64)) if _numeric(column) else column.notna().to_numpy()
    return good


def _numeric(column: pd.Series) -> bool:
    kind = column.dtype
    return bool(pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind))


def _response(column: pd.Series, model: Formula) -> Floats:
    if not _numeric(column):
        raise DesignError("a response must be numbers", f"{model.response} holds {column.iloc[0]!r}", model.text)
    y: Floats = column.to_numpy(np.float64)
    return y


def _weights(column: pd.Series, model: Formula) -> Floats:
    w: Floats = column.to_numpy(np.float64)
    if (w <= 0).any():
        raise DesignError("weights must be above 0", f"{w.min():g}", model.text, "leave rows of no weight out")
    return w


def _levels_of(column: pd.Series, name: str, wanted: Levels) -> tuple[str, ...]:
    present = set(column.astype(str))
    if name in wanted:
        asked = [str(level) for level in wanted[name]]
        missing = sorted(present - set(asked))
        if missing:
            raise DesignError(f"the levels given for {name} must cover its values", f"also {missing}")
        return tuple(level for level in asked if level in present)
    if isinstance(column.dtype, pd.CategoricalDtype):
        return tuple(str(level) for level in column.cat.categories if str(level) in present)
    return tuple(sorted(present))


def _columns(
    terms: Sequence[Term],
    frame: pd.DataFrame,
    factors: Mapping[str, tuple[str, ...]],
    *,
    sum_to_zero: bool = False,
) -> tuple[Floats, tuple[str, ...], tuple[int, ...]]:
    blocks, names, owner = [], [], []
    present = {frozenset(term) for term in terms}
    for position, term in enumerate(terms):
        # R's rule: a factor is coded by contrasts where the term without it is in the model, else by indicators.
        parts = [
            _coded(v, frame, factors, full=frozenset(term) - {v} not in present, sum_to_zero=sum_to_zero) for v in term
        ]
        for combination in product(*(range(len(part_names)) for _, part_names in parts[::-1])):
            picked = combination[::-1]
            column = np.ones(len(frame))
            for (values, _), i in zip(parts, picked, strict=True):
                column = column * values[:, i]
            blocks.append(column)
            labels = [part_names[i] for (_, part_names), i in zip(parts, picked, strict=True)]
            names.append(":".join(labels) or "(Intercept)")
            owner.append(position)
    matrix = np.column_stack(blocks) if blocks else np.zeros((len(frame), 0))
    return matrix, tuple(names), tuple(owner)


def _coded(
    variable: str, frame: pd.DataFrame, factors: Mapping[str, tuple[str, ...]], *, full: bool, sum_to_zero: bool
) -> tuple[Floats, tuple[str, ...]]:
    if variable not in factors:
        return frame[variable].to_numpy(np.float64)[:, None], (variable,)
    levels = factors[variable]
    values = frame[variable].astype(str).to_numpy(dtype=object)
    indicators = (values[:, None] == np.array(levels, dtype=object)[None, :]).astype(np.float64)
    names = tuple(f"{variable}{level}" for level in levels)
    if full:
        return indicators, names
    return (indicators[:, 1:] - indicators[:, :1] if sum_to_zero else indicators[:, 1:]), names[1:]


def _independent(full: Floats, tolerance: float = 1e-7) -> tuple[NDArray[np.intp], Floats]:
    """Return the columns independent of those before them, and a basis of the columns' null space."""
    norms = np.linalg.norm(full, axis=0)
    basis, kept = np.zeros((len(full), 0)), []
    for i, column in enumerate(full.T):
        rest = column - basis @ (basis.T @ column)
        rest = rest - basis @ (basis.T @ rest)  # twice is enough for orthogonality (Giraud 2005)
        size = np.linalg.norm(rest)
        if size > tolerance * max(norms[i], 1e-300):
            basis = np.column_stack([basis, rest / size])
            kept.append(i)
    index = np.array(kept, np.intp)
    repeats = [i for i in range(full.shape[1]) if i not in kept]
    null = np.zeros((full.shape[1], len(repeats)))
    if repeats:
        null[index] = np.linalg.lstsq(full[:, index], full[:, repeats], rcond=None)[0]
        null[repeats, np.arange(len(repeats))] = -1.0
    return index, null


def _random(
    effects: tuple[Term, ...], group: Term, variables: pd.DataFrame, factors: Mapping[str, tuple[str, ...]]
) -> Random:
    columns, names, _ = _columns(effects, variables, factors)
    codes, levels = _grouped(group, variables)
    return Random(":".join(group), names, codes, levels, columns)


def _grouped(group: Term, variables: pd.DataFrame) -> tuple[NDArray[np.intp], tuple[str, ...]]:
    labels = variables[group[0]].astype(str)
    for name in group[1:]:
        labels = labels + ":" + variables[name].astype(str)
    codes, levels = pd.factorize(labels, sort=True)
    return np.asarray(codes, np.intp), tuple(levels)

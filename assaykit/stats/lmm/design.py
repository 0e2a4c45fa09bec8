"""Model matrices: a tidy frame and a formula -> response, fixed-effect columns, random-effect terms.

Factors are coded against their first level (treatment coding); a factor whose margin is not in the model gets a
column per level, as in R. Columns that repeat others (empty cells) are dropped, and contrasts that would need
them are known to be inestimable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assaykit.errors import DesignError
from assaykit.stats.lmm.formula import Formula, Term, evaluate, parse_formula

Floats = NDArray[np.float64]
Index = NDArray[np.intp]
Levels = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True, eq=False)
class RandomEffects:
    """One random term: the group each row belongs to, and the columns whose effects vary between groups."""

    group: str
    names: tuple[str, ...]  # of the effects, e.g. ("(Intercept)", "Days")
    codes: Index  # n
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
    kept: Index  # columns that are not repeats of earlier ones
    null: Floats = field(default_factory=lambda: np.zeros((0, 0)))  # columns x (repeats): X @ null = 0

    @property
    def kept_names(self) -> tuple[str, ...]:
        """Names of the columns in the model."""
        return tuple(self.names[i] for i in self.kept)

    def rows(self, grid: pd.DataFrame, *, sum_to_zero: bool = False) -> Floats:
        """Return the full model-matrix rows of a grid with one column per variable.

        With `sum_to_zero` factors are coded against the mean of their levels: what type III tests are about.
        """
        values = {
            v: grid[v].map({level: i for i, level in enumerate(self.levels[v])}).to_numpy(np.intp)
            if v in self.levels
            else grid[v].to_numpy(np.float64)
            for v in grid.columns
        }
        return _columns(self.formula.fixed, values, self.levels, rows=len(grid), sum_to_zero=sum_to_zero)[0]


@dataclass(frozen=True, slots=True, eq=False)
class ModelDesign:
    """Everything a linear mixed model needs."""

    y: Floats
    X: Floats  # n x kept columns
    fixed: FixedDesign
    random: tuple[RandomEffects, ...]
    weights: Floats | None
    complete: NDArray[np.bool_]  # which rows of the frame are used

    @property
    def dropped_rows(self) -> int:
        """Rows of the frame that lack a variable and are left out."""
        return int((~self.complete).sum())


def design_from_frame(
    frame: pd.DataFrame, formula: str | Formula, *, levels: Levels | None = None, weights: str | None = None
) -> ModelDesign:
    """Return the design of a formula on a tidy frame; rows with a missing variable are left out and counted.

    `levels` gives the order of a factor's levels, the control first; a factor not named there keeps the order of its
    categories, or is sorted. `weights` names a column of positive precision weights.
    """
    model = parse_formula(formula) if isinstance(formula, str) else formula
    variables = {name: evaluate(name, frame) for name in model.variables}
    if weights is not None:
        variables["(weights)"] = evaluate(weights, frame)
    complete = _complete(variables, len(frame))
    if not complete.any():
        raise DesignError("a model must have rows without missing values", "none", model.text)
    if not complete.all():
        variables = {name: column[complete] for name, column in variables.items()}
    response = variables[model.response]
    if not _numeric(response):
        raise DesignError("a response must be numbers", f"{model.response} holds {response.iloc[0]!r}", model.text)
    y: Floats = response.to_numpy(np.float64)
    named = {v for term in model.fixed for v in term} | {v for r in model.random for t in r.effects for v in t}
    groups = {v for r in model.random for v in r.group}
    used = [v for v in dict.fromkeys(model.variables) if v in named]
    coded = {v: _coded(variables[v], v, levels or {}) for v in groups | {v for v in used if not _numeric(variables[v])}}
    factors = {v: coded[v][1] for v in used if not _numeric(variables[v])}
    values = {v: coded[v][0] if v in factors else variables[v].to_numpy(np.float64) for v in used}
    full, names, owner = _columns(model.fixed, values, factors, rows=len(y))
    kept, null = _independent(full)
    means = {v: float(values[v].mean()) for v in used if v not in factors}
    fixed = FixedDesign(model, factors, means, names, owner, kept, null)
    random = []
    for part in model.random:
        columns, effects, _ = _columns(part.effects, values, factors, rows=len(y))
        random.append(RandomEffects(":".join(part.group), effects, *_grouped([coded[v] for v in part.group]), columns))
    w: Floats | None = variables["(weights)"].to_numpy(np.float64) if weights is not None else None
    if w is not None and (w <= 0).any():
        raise DesignError("weights must be above 0", f"{w.min():g}", model.text, "leave rows of no weight out")
    return ModelDesign(y, np.ascontiguousarray(full[:, kept]), fixed, tuple(random), w, complete)


def _complete(variables: Mapping[str, pd.Series], rows: int) -> NDArray[np.bool_]:
    good = np.ones(rows, bool)
    for column in variables.values():
        good &= np.isfinite(column.to_numpy(np.float64)) if _numeric(column) else column.notna().to_numpy()
    return good


def _numeric(column: pd.Series) -> bool:
    kind = column.dtype
    return bool(pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind))


def _coded(column: pd.Series, name: str, wanted: Levels) -> tuple[Index, tuple[str, ...]]:
    """Return each row's level as a number, and the levels in order."""
    codes, found = pd.factorize(column)
    texts = [str(level) for level in found]
    if name in wanted:
        asked = [str(level) for level in wanted[name]]
        missing = sorted(set(texts) - set(asked))
        if missing:
            raise DesignError(f"the levels given for {name} must cover its values", f"also {missing}")
        levels = tuple(level for level in asked if level in texts)
    elif isinstance(column.dtype, pd.CategoricalDtype):
        levels = tuple(str(level) for level in column.cat.categories if str(level) in texts)
    else:
        levels = tuple(sorted(set(texts)))
    position = {level: i for i, level in enumerate(levels)}
    return np.array([position[text] for text in texts], np.intp)[codes], levels


def _columns(
    terms: Sequence[Term],
    values: Mapping[str, NDArray[np.float64] | Index],
    factors: Mapping[str, tuple[str, ...]],
    *,
    rows: int,
    sum_to_zero: bool = False,
) -> tuple[Floats, tuple[str, ...], tuple[int, ...]]:
    """Return the columns of the terms; `values` holds numbers, and for factors the number of each row's level."""
    blocks, names, owner = [], [], []
    present = {frozenset(term) for term in terms}
    for position, term in enumerate(terms):
        block, labels = np.ones((rows, 1)), [""]
        for v in term:
            # R's rule: a factor is coded by contrasts where the term without it is in the model, else by indicators.
            full = frozenset(term) - {v} not in present
            part, part_names = _part(v, values[v], factors, full=full, sum_to_zero=sum_to_zero)
            block = (block[:, None, :] * part[:, :, None]).reshape(rows, -1)
            labels = [f"{left}:{right}" if left else right for right in part_names for left in labels]
        blocks.append(block)
        names += [label or "(Intercept)" for label in labels]
        owner += [position] * len(labels)
    return (np.hstack(blocks) if blocks else np.zeros((rows, 0))), tuple(names), tuple(owner)


def _part(
    variable: str,
    values: NDArray[np.float64] | Index,
    factors: Mapping[str, tuple[str, ...]],
    *,
    full: bool,
    sum_to_zero: bool,
) -> tuple[Floats, tuple[str, ...]]:
    if variable not in factors:
        return values.astype(np.float64)[:, None], (variable,)
    levels = factors[variable]
    indicators = np.eye(len(levels))[values.astype(np.intp)]
    names = tuple(f"{variable}{level}" for level in levels)
    if full:
        return indicators, names
    return (indicators[:, 1:] - indicators[:, :1] if sum_to_zero else indicators[:, 1:]), names[1:]


def _independent(full: Floats, tolerance: float = 1e-7) -> tuple[Index, Floats]:
    """Return the columns independent of those before them, and a basis of the columns' null space."""
    norms = np.linalg.norm(full, axis=0)
    if full.shape[1] <= len(full):
        rest_sizes = np.abs(np.diag(np.linalg.qr(full, mode="r")))
        if (rest_sizes > tolerance * np.maximum(norms, 1e-300)).all():
            return np.arange(full.shape[1], dtype=np.intp), np.zeros((full.shape[1], 0))
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


def _grouped(parts: Sequence[tuple[Index, tuple[str, ...]]]) -> tuple[Index, tuple[str, ...]]:
    """Return each row's group and the groups' names, for one variable or several crossed."""
    combined, sizes = parts[0][0], [len(levels) for _, levels in parts]
    for (codes, _), size in zip(parts[1:], sizes[1:], strict=True):
        combined = combined * size + codes
    found, codes = np.unique(combined, return_inverse=True)
    names = tuple(
        ":".join(levels[i] for i, (_, levels) in zip(group, parts, strict=True))
        for group in np.stack(np.unravel_index(found, sizes), axis=1).tolist()
    )
    return np.asarray(codes, np.intp), names

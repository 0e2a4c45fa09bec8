"""Count and proportion models from a tidy frame and a formula in the notation of lme4 and glmmTMB.

cbind(dead, alive) ~ drug * stroma + (1 | experiment / plate)
migrated ~ drug * stroma + offset(log(input)) + (1 | experiment)
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assaykit.errors import DesignError
from assaykit.stats.glmm.model import Glmm, fit_glmm
from assaykit.stats.lmm.contrasts import cell_rows
from assaykit.stats.lmm.design import Design, FixedDesign, design_from_frame
from assaykit.stats.lmm.formula import evaluate, parse_formula

Array = NDArray[np.float64]
Levels = Mapping[str, Sequence[str]]
Kind = Literal["treatment", "pairwise"]


@dataclass(frozen=True, slots=True, eq=False)
class GlmmOfFormula:
    """A fit with the design and the rows it came from, for means and contrasts of its factors."""

    glmm: Glmm
    fixed: FixedDesign
    frame: pd.DataFrame
    dropped_rows: int

    @property
    def factors(self) -> tuple[str, ...]:
        """The factors of the model, in the formula's order."""
        named = (variable for term in self.fixed.formula.fixed for variable in term)
        return tuple(dict.fromkeys(variable for variable in named if variable in self.fixed.levels))


class Parts(NamedTuple):
    """A count formula taken apart: the formula without offset, and expressions for failures and offset, or ''."""

    formula: str
    failures: str
    offset: str


class Asked(NamedTuple):
    """Named linear combinations of a fit's coefficients; `missing` names those that would need an empty arm."""

    names: tuple[str, ...]
    rows: Array
    missing: tuple[str, ...] = ()


def fit_glmm_formula(
    frame: pd.DataFrame,
    formula: str,
    *,
    family: str,
    trials: str = "",
    levels: Levels | None = None,
    nodes: int = 1,
) -> GlmmOfFormula:
    """Return the fit of a formula; rows with a missing value are left out and counted.

    Proportions are `cbind(successes, failures)`, or a count with `trials`, a column or expression. `levels` orders a
    factor's levels, the control first. Raises DesignError for random slopes: counts take random intercepts.
    """
    parts = parts_of(formula)
    expressions = [*parse_formula(parts.formula).variables, parts.failures, parts.offset, trials]
    complete = _complete(frame, [expression for expression in expressions if expression])
    kept = frame[complete]
    design = design_from_frame(kept, parts.formula, levels=levels)
    total = _total(kept, design, parts, trials)
    glmm = fit_glmm(
        design.y,
        design.X,
        _groups(design),
        family=family,
        trials=total,
        offset=evaluate(parts.offset, kept).to_numpy(dtype=float) if parts.offset else None,
        terms=design.fixed.kept_names,
        nodes=nodes,
    )
    return GlmmOfFormula(glmm, design.fixed, kept, int((~complete).sum()))


def parts_of(formula: str) -> Parts:
    """Return the formula with cbind and offset taken out.

    >>> parts_of("cbind(a, n - a) ~ x + offset(log(t)) + (1|g)")
    Parts(formula='a ~ x + (1|g)', failures='n - a', offset='log(t)')
    """
    left, tilde, right = formula.partition("~")
    offset, rest = _taken(right, "offset")
    rest = rest or "1"
    pair, outside = _taken(left, "cbind")
    if not pair:
        return Parts(f"{left.strip()} {tilde} {rest}", "", offset)
    split = [part.strip() for part in re.split(r",(?![^(]*\))", pair)]
    if len(split) != 2 or outside:
        raise DesignError("a pair of counts must read 'cbind(successes, failures)'", repr(left.strip()))
    return Parts(f"{split[0]} {tilde} {rest}", split[1], offset)


def factor_contrasts(fit: GlmmOfFormula, factor: str, *, kind: Kind = "treatment", within: str = "") -> Asked:
    """Return each level of a factor against its first, or every pair, in each level of `within` where one is named."""
    places = _levels(fit, within) if within else ("",)
    row = _cells(fit, (factor, within) if within else (factor,))
    rows = {
        f"{a} - {b}" + f" | {place}" * bool(within): _at(row, a, place) - _at(row, b, place)
        for place in places
        for a, b in _pairs(_levels(fit, factor), kind)
    }
    return _estimable(fit, rows)


def interaction_contrasts(fit: GlmmOfFormula, factor: str, across: str, *, kind: Kind = "treatment") -> Asked:
    """Return differences of differences: (level - other) in each level of `across` minus the same in its first."""
    first, *others = _levels(fit, across)
    row = _cells(fit, (factor, across))
    rows = {
        f"({a} - {b}) {place} - {first}": row[a, place] - row[b, place] - row[a, first] + row[b, first]
        for place in others
        for a, b in _pairs(_levels(fit, factor), kind)
    }
    return _estimable(fit, rows)


def cell_means(fit: GlmmOfFormula, factors: Sequence[str]) -> Asked:
    """Return the linear predictor's mean in each combination of levels, without the offset."""
    return _estimable(fit, {", ".join(cell): row for cell, row in _cells(fit, tuple(factors)).items()})


def _cells(fit: GlmmOfFormula, factors: tuple[str, ...]) -> dict[tuple[str, ...], Array]:
    for factor in factors:
        _levels(fit, factor)
    labels, rows = cell_rows(fit.fixed, factors)
    return {tuple(label[name] for name in factors): row for label, row in zip(labels, rows, strict=True)}


def _at(row: Mapping[tuple[str, ...], Array], level: str, place: str) -> Array:
    return row[level, place] if place else row[level,]


def _levels(fit: GlmmOfFormula, factor: str) -> tuple[str, ...]:
    if factor not in fit.fixed.levels:
        raise DesignError("a contrast must be of a factor of the model", repr(factor), fit.fixed.formula.text)
    return fit.fixed.levels[factor]


def _pairs(levels: Sequence[str], kind: Kind) -> list[tuple[str, str]]:
    if kind == "treatment":
        return [(level, levels[0]) for level in levels[1:]]
    return list(combinations(levels, 2))


def _estimable(fit: GlmmOfFormula, rows: Mapping[str, Array]) -> Asked:
    """Return the rows on the kept columns that do not reach into what the data cannot tell apart."""
    good = {name: row for name, row in rows.items() if np.all(np.abs(row @ fit.fixed.null) < 1e-8)}
    kept = np.array([row[fit.fixed.kept] for row in good.values()]).reshape(len(good), fit.fixed.kept.size)
    return Asked(tuple(good), kept, tuple(name for name in rows if name not in good))


def _complete(frame: pd.DataFrame, expressions: Sequence[str]) -> NDArray[np.bool_]:
    complete = np.ones(len(frame), dtype=bool)
    for expression in expressions:
        values = evaluate(expression, frame)
        complete &= values.notna().to_numpy()
        if pd.api.types.is_float_dtype(values.dtype):
            complete &= np.isfinite(values.to_numpy(dtype=float))
    return complete


def _total(frame: pd.DataFrame, design: Design, parts: Parts, trials: str) -> Array | None:
    if parts.failures:
        return np.asarray(design.y + evaluate(parts.failures, frame).to_numpy(dtype=float))
    return evaluate(trials, frame).to_numpy(dtype=float) if trials else None


def _groups(design: Design) -> dict[str, NDArray[np.str_]]:
    for term in design.random:
        if term.names != ("(Intercept)",):
            raise DesignError(
                "a model of counts or proportions must have random intercepts only",
                f"({' + '.join(term.names)} | {term.group})",
                remedy="nest an intercept instead, e.g. (1 | experiment / drug)",
            )
    return {term.group: np.array(term.levels)[term.codes] for term in design.random}


def _taken(text: str, function: str) -> tuple[str, str]:
    """Return what stands inside `function(...)` and the text without that term; '' where it does not occur.

    >>> _taken("x + offset(log(t)) + z", "offset")
    ('log(t)', 'x + z')
    """
    found = re.search(rf"\b{function}\s*\(", text)
    if not found:
        return "", text.strip()
    depth, end = 1, found.end()
    while depth and end < len(text):
        depth += (text[end] == "(") - (text[end] == ")")
        end += 1
    before, after = (
        text[: found.start()].rstrip().removesuffix("+").strip(),
        text[end:].strip().removeprefix("+").strip(),
    )
    return text[found.end() : end - 1].strip(), " + ".join(part for part in (before, after) if part)

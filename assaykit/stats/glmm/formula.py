"""Count and proportion models from a tidy frame and a formula in the notation of lme4 and glmmTMB.

cbind(dead, alive) ~ drug * stroma + (1 | experiment / plate)
migrated ~ drug * stroma + offset(log(input)) + (1 | experiment)
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assaykit.errors import DesignError
from assaykit.stats.glmm.model import fit_glmm
from assaykit.stats.glmm.result import Glmm
from assaykit.stats.lmm.design import FixedDesign, Levels, ModelDesign, design_from_frame
from assaykit.stats.lmm.formula import evaluate, parse_formula

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class GlmmOfFormula:
    """A fit with the design and the rows it came from; `complete` tells which rows of the table those are."""

    glmm: Glmm
    fixed: FixedDesign
    frame: pd.DataFrame
    complete: NDArray[np.bool_]

    @property
    def factors(self) -> tuple[str, ...]:
        """The factors of the model, in the formula's order."""
        named = (variable for term in self.fixed.formula.fixed for variable in term)
        return tuple(dict.fromkeys(variable for variable in named if variable in self.fixed.levels))


class FormulaParts(NamedTuple):
    """A count formula taken apart: the formula without offset, and expressions for failures and offset, or ''."""

    formula: str
    failures: str
    offset: str


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
    whole = parts.failures or trials
    total = evaluate(whole, kept).to_numpy(dtype=float) if whole else None
    if total is not None and parts.failures:
        total = total + design.y
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
    return GlmmOfFormula(glmm, design.fixed, kept, complete)


def parts_of(formula: str) -> FormulaParts:
    """Return the formula with cbind and offset taken out.

    >>> parts_of("cbind(a, n - a) ~ x + offset(log(t)) + (1|g)")
    FormulaParts(formula='a ~ x + (1|g)', failures='n - a', offset='log(t)')
    """
    left, tilde, right = formula.partition("~")
    offset, rest = _taken(right, "offset")
    rest = rest or "1"
    pair, outside = _taken(left, "cbind")
    if not pair:
        return FormulaParts(f"{left.strip()} {tilde} {rest}", "", offset)
    split = [part.strip() for part in re.split(r",(?![^(]*\))", pair)]
    if len(split) != 2 or outside:
        raise DesignError("a pair of counts must read 'cbind(successes, failures)'", repr(left.strip()))
    return FormulaParts(f"{split[0]} {tilde} {rest}", split[1], offset)


def _complete(frame: pd.DataFrame, expressions: Sequence[str]) -> NDArray[np.bool_]:
    complete = np.ones(len(frame), dtype=bool)
    for expression in expressions:
        values = evaluate(expression, frame)
        complete &= values.notna().to_numpy()
        if pd.api.types.is_float_dtype(values.dtype):
            complete &= np.isfinite(values.to_numpy(dtype=float))
    return complete


def _groups(design: ModelDesign) -> dict[str, NDArray[np.str_]]:
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

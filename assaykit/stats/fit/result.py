"""What fitting a table gives, and how contrasts become its tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assaykit.errors import DesignError
from assaykit.stats.lmm.contrasts import STEPWISE, Adjust, adjusted_columns
from assaykit.stats.lmm.ddf import TEST_COLUMNS
from assaykit.stats.lmm.design import FixedDesign
from assaykit.stats.lmm.formula import Formula, RandomTerm, evaluate
from assaykit.stats.lmm.grid import FactorFamily
from assaykit.stats.units import ContrastResult
from assaykit.tables import Finding

Floats = NDArray[np.float64]
PLACE = ("factor", "contrast", "within", "level")
"""Columns that say which contrast a row is: within which factor, in which of its levels it holds."""


@dataclass(frozen=True, slots=True, eq=False)
class TableFit:
    """A fitted table: the formula as fitted, tables by name in the order to read them, a summary and findings.

    `contrasts` and `interactions` are the answer. What else there is depends on the model and stands under its own
    name: `unit_...` and `wald_...` are the other road's contrasts, `robustness` the same contrasts otherwise.
    """

    formula: str
    tables: dict[str, pd.DataFrame]
    summary: dict[str, Any] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


def contrast_tables(
    families: Sequence[FactorFamily],
    results: Sequence[Sequence[ContrastResult]],
    *,
    adjust: Adjust = "none",
    covariances: Sequence[Floats] | None = None,
    prefix: str = "",
) -> dict[str, pd.DataFrame]:
    """Return the tables `contrasts` and `interactions` of results, one per row of each family.

    p values are adjusted within each level of the other factor; `dunnett` needs the covariance of each family's rows.
    """
    parts: dict[str, list[pd.DataFrame]] = {}
    for index, (family, tested) in enumerate(zip(families, results, strict=True)):
        table = pd.DataFrame(
            [
                family.label(i) | {name: getattr(one, name) for name in (*TEST_COLUMNS, "n_units", "method", "reason")}
                for i, one in enumerate(tested)
            ]
        )
        for place in dict.fromkeys(family.grid.family) if adjust != "none" else ():
            members = [i for i, name in enumerate(family.grid.family) if name == place]
            V = np.empty((0, 0)) if covariances is None else covariances[index][np.ix_(members, members)]
            for column, values in adjusted_columns(table.iloc[members], V, adjust).items():
                table.loc[members, column] = values
        parts.setdefault(prefix + family.kind, []).append(table)
    return {name: pd.concat(tables, ignore_index=True) for name, tables in parts.items()}


def require_stepwise(adjust: str, model: str) -> None:
    """Refuse an adjustment that presumes one error for all contrasts, where each has its own."""
    if adjust not in (*STEPWISE, "none"):
        raise DesignError(
            "an adjustment of unit-level contrasts must be holm, bh, bonferroni or none",
            repr(adjust),
            remedy=f"use holm, or --model {model}, whose contrasts share the one error that {adjust} presumes",
        )


def require_unit(frame: pd.DataFrame, unit: str) -> None:
    """Refuse a table without the column of its independent units."""
    if unit not in frame.columns:
        raise DesignError(
            "the unit must be a column of the table",
            repr(unit),
            remedy="name the column that tells independent experiments or donors apart; wells and cells are not "
            f"independent. Columns: {list(frame.columns)}",
        )


def require_factors(fixed: FixedDesign, unit: str, model: str) -> None:
    """Refuse a formula whose contrasts cannot be taken from cells: without a factor, or with a covariate."""
    if fixed.means:
        raise DesignError(
            "unit-level contrasts must rest on factors alone",
            f"numbers in {', '.join(fixed.means)}",
            fixed.formula.text,
            f"write factor({next(iter(fixed.means))}) where they are levels, or add --model {model}",
        )
    if not set(fixed.levels) - {unit}:
        raise DesignError(
            "unit-level contrasts must have a factor",
            "none in the formula",
            fixed.formula.text,
            f"write e.g. 'y ~ drug', or add --model {model}",
        )


def with_unit(formula: Formula, frame: pd.DataFrame, unit: str, *, each_factor: bool) -> Formula:
    """Return the formula with the random terms its design calls for, where it has none.

    They are the unit; with `each_factor` the unit by each factor that varies within it, where several do; and the unit
    by condition, where conditions have several rows. So no effect is judged against an error smaller than its own.
    """
    require_unit(frame, unit)
    if formula.random:
        return formula
    names = {v for term in formula.fixed for v in term}
    factors = sorted(v for v in names if not pd.api.types.is_numeric_dtype(evaluate(v, frame).dtype))
    labels = {v: evaluate(v, frame).astype(str) for v in factors}
    units = frame[unit].astype(str)
    inside = [v for v in factors if v != unit and labels[v].groupby(units).nunique().max() > 1]
    single = [(unit, v) for v in inside] if each_factor and len(inside) > 1 else []
    groups = [(unit,), *single, *([(unit, *inside)] if inside else [])]
    cells = [
        len(set(zip(*(units if name == unit else labels[name] for name in group), strict=True))) for group in groups
    ]
    kept = [group for i, group in enumerate(groups) if cells[i] < len(frame) and cells[i] not in cells[:i]]
    text = " + ".join([formula.text, *(f"(1 | {':'.join(group)})" for group in kept)])
    return Formula(formula.response, formula.fixed, tuple(RandomTerm(((),), group) for group in kept), text)


def table_findings(
    frame: pd.DataFrame, expressions: Sequence[str], complete: NDArray[np.bool_], *, unit: str
) -> list[Finding]:
    """Return what must be known of the rows before any model: rows left out, and why, and too few units."""
    found = []
    if not complete.all():
        lost = int((~complete).sum())
        message = f"{_rows(lost)} with missing values left out"
        undefined = [text for text in expressions if text not in frame and _undefined(text, frame).any()]
        if undefined:
            rows = np.flatnonzero(np.any([_undefined(text, frame) for text in undefined], axis=0)) + 1
            message = (
                f"{_rows(lost)} left out; in {len(rows)} of them {' and '.join(undefined)} is no number, as the "
                f"logarithm of zero is none (row {', '.join(map(str, rows[:8]))})"
            )
        found.append(Finding("warn", "rows_left_out", message))
    units = frame.loc[complete, unit].nunique()
    if units < 3:
        message = f"only {units} level{'s' * (units != 1)} of {unit}; 3 or more make an interval usable"
        found.append(Finding("warn", "few_units", message))
    return found


def _rows(count: int) -> str:
    return f"{count} row{'s' * (count != 1)}"


def _undefined(expression: str, frame: pd.DataFrame) -> NDArray[np.bool_]:
    """Return the rows in which an expression of numbers that are there is no number."""
    values = evaluate(expression, frame)
    columns = [name for name in frame.columns if name in expression]
    if not pd.api.types.is_numeric_dtype(values.dtype) or not columns:
        return np.zeros(len(frame), bool)
    there = frame[columns].notna().all(axis=1).to_numpy()
    return np.asarray(there & ~np.isfinite(values.to_numpy(np.float64)))


def summary_of(
    labels: Mapping[str, Any], frame: pd.DataFrame, complete: NDArray[np.bool_], unit: str
) -> dict[str, Any]:
    """Return the head of a fit: units, rows, rows left out, then what the model adds."""
    rows = {"units": int(frame.loc[complete, unit].nunique()), "rows": int(complete.sum())}
    return rows | {"rows left out": int((~complete).sum())} | dict(labels)

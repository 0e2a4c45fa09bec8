"""The unit-level answer to a count model's contrasts: pool each unit's wells per cell, one number a unit, then t.

    rate        log((count + 1/2) / exposure)          counts and exposures summed over the cell's wells
    proportion  log((count + 1/2) / (total - count + 1/2))

Its type I error is the nominal one at any number of units (benchmarks/operating_characteristics.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assaykit.errors import DesignError
from assaykit.stats.glmm.formula import Asked, GlmmOfFormula
from assaykit.stats.lmm.contrasts import cell_rows
from assaykit.stats.lmm.formula import evaluate
from assaykit.stats.units.simple import TTest, one_sample_t, welch_t

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class UnitContrast:
    """One contrast by unit-level t; missing numbers and a reason where fewer than two units inform it."""

    name: str
    estimate: float
    std_error: float
    df: float
    statistic: float
    p_value: float
    conf_low: float
    conf_high: float
    n_units: int
    method: str
    reason: str = ""


def unit_contrasts(fit: GlmmOfFormula, asked: Asked, *, unit: str) -> tuple[UnitContrast, ...]:
    """Return the contrasts of a fit's factors with the levels of `unit` as n.

    Covariates are left out of it: they are the model's business. Factors that do not vary within a unit are compared
    between units, by Welch's t.
    """
    factors = fit.factors
    labels, rows = cell_rows(fit.fixed, factors)
    told = np.abs(rows @ fit.fixed.null).max(axis=1, initial=0.0) < 1e-8  # cells the data hold
    cells = [tuple(label[name] for name in factors) for label, good in zip(labels, told, strict=True) if good]
    table, design = _unit_cells(fit, cells, factors, unit), rows[np.ix_(told, fit.fixed.kept)]
    return tuple(_by_units(name, table, design, row) for name, row in zip(asked.names, asked.rows, strict=True))


def _unit_cells(fit: GlmmOfFormula, cells: list[tuple[str, ...]], factors: tuple[str, ...], unit: str) -> Array:
    """Return the pooled log rate or logit of every unit (rows) and cell (columns), missing where it has none."""
    counts, trials, _ = fit.glmm.model.response
    logit = fit.glmm.model.family.link == "logit"
    wells = pd.DataFrame({name: evaluate(name, fit.frame).astype(str).to_numpy() for name in (unit, *factors)})
    wells = wells.assign(count=counts, whole=trials if logit else np.exp(fit.glmm.model.offset))
    units = sorted(set(wells[unit]))
    table = np.full((len(units), len(cells)), np.nan)
    for (name, *cell), sums in wells.groupby([unit, *factors])[["count", "whole"]].sum().iterrows():
        rest = sums["whole"] - sums["count"] + 0.5 if logit else sums["whole"]
        table[units.index(name), cells.index(tuple(cell))] = np.log((sums["count"] + 0.5) / rest)
    return table


def _by_units(name: str, table: Array, design: Array, row: Array) -> UnitContrast:
    """Return the contrast within units where two can answer it, else between units where they divide into two sides."""
    inside = [_own_answer(values, design, row) for values in table]
    answers = np.array([answer for answer in inside if answer is not None])
    if answers.size >= 2:
        return _row(name, one_sample_t, answers, method="unit-level t")
    weights = np.linalg.lstsq(design.T, row, rcond=None)[0]
    plus, minus = (np.isfinite(table[:, side]).all(axis=1) for side in (weights > 1e-9, weights < -1e-9))
    if plus.sum() >= 2 and minus.sum() >= 2 and not (plus & minus).any():
        first = table[plus][:, weights > 1e-9] @ weights[weights > 1e-9]
        second = table[minus][:, weights < -1e-9] @ -weights[weights < -1e-9]
        return _row(name, welch_t, first, second, method="unit-level Welch t, between units")
    return _missing(name, answers.size, "unit-level t", f"{answers.size} units have every arm of it; two are the least")


def _own_answer(values: Array, design: Array, row: Array) -> float | None:
    """Return the contrast of one unit's own cells, the smallest weights that give it, or None where they cannot."""
    has = np.isfinite(values)
    weights = np.linalg.lstsq(design[has].T, row, rcond=None)[0]
    return float(weights @ values[has]) if np.allclose(design[has].T @ weights, row, atol=1e-8) else None


def _row(name: str, test: Callable[..., TTest], *values: Array, method: str) -> UnitContrast:
    try:
        found = test(*values)
    except DesignError as error:
        return _missing(name, values[0].size, method, str(error))
    return UnitContrast(
        name=name,
        estimate=found.estimate,
        std_error=found.std_error,
        df=found.df,
        statistic=found.statistic,
        p_value=found.p_value,
        conf_low=found.conf_low,
        conf_high=found.conf_high,
        n_units=found.units,
        method=method,
    )


def _missing(name: str, units: int, method: str, reason: str) -> UnitContrast:
    return UnitContrast(
        name=name,
        estimate=math.nan,
        std_error=math.nan,
        df=math.nan,
        statistic=math.nan,
        p_value=math.nan,
        conf_low=math.nan,
        conf_high=math.nan,
        n_units=units,
        method=method,
        reason=reason,
    )

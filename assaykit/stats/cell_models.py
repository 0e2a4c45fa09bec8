"""Models of all cells at once: what the default is compared with, and what a protocol may ask for instead.

    rows or means, contrasts -> one result per contrast, and the covariance of the contrasts

Each gives every cell (treatment, context) its mean and shares one error over them: more power than a contrast's own
error where drugs are alike in spread, and wrong where they are not. `wells_as_n` is wrong always, and is kept to show
what pseudoreplication does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assaykit.errors import DesignError
from assaykit.stats.lmm.ddf import inference, t_tests
from assaykit.stats.lmm.design import RandomEffects
from assaykit.stats.lmm.model import Lmm, fit_arrays
from assaykit.stats.units.contrast import Cell, Contrast, ContrastResult
from assaykit.stats.units.unit_level import UnitMeans, missing_cells
from assaykit.tables import Finding

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class ModelResults:
    """One result per contrast, in their order; `covariance` of the contrasts is NaN where the model gives none."""

    results: tuple[ContrastResult, ...]
    covariance: Floats
    findings: tuple[Finding, ...] = ()


def pooled_lmm(means: UnitMeans, contrasts: Sequence[Contrast]) -> ModelResults:
    """Return contrasts of the mixed model `mean ~ cell + (1 | unit)` on unit means, Kenward-Roger df."""
    cells = _measured_cells(means)
    table = np.column_stack([means.mean[cell] for cell in cells])
    unit, column = np.nonzero(np.isfinite(table))
    fit = fit_arrays(table[unit, column], np.eye(len(cells))[column], [_intercepts("unit", unit)])
    return _from_lmm(fit, means, contrasts, method="pooled mixed model on unit means (Kenward-Roger df)")


def nested_lmm(rows: pd.DataFrame, means: UnitMeans, contrasts: Sequence[Contrast], *, unit: str) -> ModelResults:
    """Return contrasts of the mixed model `y ~ cell + (1 | unit / cell)` on wells, Kenward-Roger df.

    Where no cell has a second well the inner term is the residual, and the model is that on unit means.
    """
    cells, kept = _measured_cells(means), rows[rows["y"].notna()]
    units, column = _codes(kept, means, cells, unit)
    cell_of_unit = units * len(cells) + column
    if len(np.unique(cell_of_unit)) == len(kept):
        return pooled_lmm(means, contrasts)
    terms = [_intercepts("unit", units), _intercepts("unit:cell", cell_of_unit)]
    fit = fit_arrays(kept["y"].to_numpy(np.float64), np.eye(len(cells))[column], terms)
    return _from_lmm(fit, means, contrasts, method="nested mixed model on wells (Kenward-Roger df)")


def wells_as_n(rows: pd.DataFrame, means: UnitMeans, contrasts: Sequence[Contrast], *, unit: str) -> ModelResults:
    """Return the WRONG answer: every well counted as an independent experiment.

    Wells are set against their own day, as labs normalise them (units as blocks), and then each counts as one n.
    """
    cells, kept = _measured_cells(means), rows[rows["y"].notna()]
    units, column = _codes(kept, means, cells, unit)
    y = kept["y"].to_numpy(np.float64)
    weights, reasons = _weights(contrasts, means, cells)
    results = []
    for contrast, row, reason in zip(contrasts, weights, reasons, strict=True):
        test = None if reason else blocked_wells(y, units, column, weights=row)
        if test is None:
            why = reason or "not estimable: no wells to spare for an error"
            results.append(ContrastResult.missing(why, name=contrast.name))
            continue
        names = _units_with(contrast, means)
        method = "WRONG: wells counted as independent (pseudoreplication)"
        result = ContrastResult.by_t(*test, n_units=len(names), method=method, name=contrast.name)
        results.append(replace(result, units=names))
    return ModelResults(tuple(results), np.full((len(contrasts),) * 2, np.nan))


def blocked_wells(
    y: Floats, units: NDArray[np.intp], column: NDArray[np.intp], *, weights: Floats
) -> tuple[float, float, float] | None:
    """Return estimate, standard error and df of least squares `y ~ unit + cell` over a contrast's wells."""
    cells = np.flatnonzero(weights)
    kept = np.isin(column, cells)
    level = np.sum(weights) != 0  # the mean of a cell: there is nothing for blocks to take off
    blocks = [] if level else [units[kept][:, None] == np.unique(units[kept])[None, 1:]]
    X = np.column_stack([column[kept][:, None] == cells[None, :], *blocks]).astype(np.float64)
    beta, _, rank, _ = np.linalg.lstsq(X, y[kept], rcond=None)
    df = len(X) - int(rank)
    if df < 1:
        return None
    row = np.zeros(X.shape[1])
    row[: len(cells)] = weights[cells]
    variance = float(np.sum((y[kept] - X @ beta) ** 2)) / df
    return float(row @ beta), float(np.sqrt(variance * (row @ np.linalg.pinv(X.T @ X) @ row))), float(df)


def count_glmm(
    rows: pd.DataFrame,
    means: UnitMeans,
    contrasts: Sequence[Contrast],
    *,
    unit: str,
    family: str,
    seed: int = 1,
    draws: int = 0,
) -> ModelResults:
    """Return contrasts of a count model on wells, with random units and cells of units.

    `family` is nbinom2 (rate, log of the total as offset) or betabinomial (count of total). With `draws`, p values and
    limits are bootstrapped; without, the model's standard error meets t with units - 1 df, for comparison only.
    Raises DesignError where the measurements hold no counts.
    """
    from assaykit.stats.glmm.bootstrap import bootstrap_contrasts
    from assaykit.stats.glmm.model import fit_glmm

    cells = _measured_cells(means)
    kept = rows[rows["y"].notna() & rows["count"].notna() & (rows["total"] > 0)]
    if not set(zip(kept["treatment"], kept["context"], strict=True)).issuperset(cells):
        raise DesignError("a model of counts must have count and total for every cell", f"{len(kept)} wells with both")
    units, column = _codes(kept, means, cells, unit)
    groups = {"unit": units.astype(str), "unit:cell": (units * len(cells) + column).astype(str)}
    groups = {name: labels for name, labels in groups.items() if len(np.unique(labels)) < len(kept)}
    count, total = kept["count"].to_numpy(np.float64).round(), kept["total"].to_numpy(np.float64).round()
    noise = {"trials": total} if family == "betabinomial" else {"offset": np.log(total)}
    fit = fit_glmm(count, np.eye(len(cells))[column], groups, family=family, **noise)

    weights, reasons = _weights(contrasts, means, cells)
    estimable = [i for i, reason in enumerate(reasons) if not reason]
    results = [ContrastResult.missing(why, name=one.name) for one, why in zip(contrasts, reasons, strict=True)]
    names = {i: _units_with(contrasts[i], means) for i in estimable}
    if draws:
        rng = np.random.default_rng(seed)
        drawn = bootstrap_contrasts(fit, weights[estimable], rng=rng, simulations=draws)
        for i, each in zip(estimable, drawn, strict=True):
            results[i] = replace(each, name=contrasts[i].name, n_units=len(names[i]))
    else:
        estimates = weights @ fit.coefficients
        errors = np.sqrt(((weights @ fit.covariance) * weights).sum(axis=1))
        for i in estimable:
            n = len(names[i])
            results[i] = ContrastResult.by_t(
                float(estimates[i]),
                float(errors[i]),
                float(max(n - 1, 1)),
                n_units=n,
                method="model's standard error, t with units - 1 df",
                name=contrasts[i].name,
            )
    unit_sd = fit.sds[fit.groups.index("unit")]
    for i in estimable:
        method = f"{family} mixed model on wells ({results[i].method})"
        results[i] = replace(results[i], method=method, units=names[i], unit_sd=unit_sd)
    return ModelResults(tuple(results), weights @ fit.covariance @ weights.T, fit.findings)


def _measured_cells(means: UnitMeans) -> list[Cell]:
    cells = [cell for cell, values in means.mean.items() if np.isfinite(values).any()]
    if not cells:
        raise DesignError("a model must have values to be fitted to", "none on the analysis scale")
    return cells


def _weights(contrasts: Sequence[Contrast], means: UnitMeans, cells: Sequence[Cell]) -> tuple[Floats, list[str]]:
    """Return the weights (contrasts x cells), zero where cells of a contrast are missing, and why they are."""
    column = {cell: i for i, cell in enumerate(cells)}
    weights, reasons = np.zeros((len(contrasts), len(cells))), [missing_cells(one, means) for one in contrasts]
    for row, contrast, reason in zip(weights, contrasts, reasons, strict=True):
        for cell, weight in () if reason else contrast.weights:
            row[column[cell]] = weight
    return weights, reasons


def _units_with(contrast: Contrast, means: UnitMeans) -> tuple[str, ...]:
    """Return the units that hold any cell of the contrast: a model of all cells learns from each."""
    informing = np.any([np.isfinite(means.mean[cell]) for cell in contrast.cells], axis=0)
    return tuple(name for name, informs in zip(means.units, informing, strict=True) if informs)


def _codes(
    rows: pd.DataFrame, means: UnitMeans, cells: Sequence[Cell], unit: str
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    positions: Mapping[str, int] = {name: i for i, name in enumerate(means.units)}
    columns = {cell: i for i, cell in enumerate(cells)}
    units = np.array([positions[str(name)] for name in rows[unit]], np.intp)
    pairs = zip(rows["treatment"], rows["context"], strict=True)
    return units, np.array([columns[pair] for pair in pairs], np.intp)


def _intercepts(name: str, labels: NDArray[np.intp]) -> RandomEffects:
    levels, codes = np.unique(labels, return_inverse=True)
    if len(levels) < 2:
        raise DesignError("a mixed model must have at least 2 units", str(len(levels)))
    return RandomEffects(
        name, ("(Intercept)",), codes.astype(np.intp), tuple(map(str, levels)), np.ones((len(labels), 1))
    )


def _from_lmm(fit: Lmm, means: UnitMeans, contrasts: Sequence[Contrast], *, method: str) -> ModelResults:
    weights, reasons = _weights(contrasts, means, _measured_cells(means))
    model = inference(fit, "kenward_roger")
    tests = iter(t_tests(weights[[not reason for reason in reasons]], model))
    unit_sd = next(c.sd_or_correlation for c in fit.components if c.group == "unit")
    results = []
    for contrast, reason in zip(contrasts, reasons, strict=True):
        if reason:
            results.append(ContrastResult.missing(reason, name=contrast.name))
            continue
        test, names = next(tests), _units_with(contrast, means)
        result = ContrastResult.by_t(
            test.estimate, test.std_error, test.df, n_units=len(names), method=method, name=contrast.name
        )
        results.append(replace(result, units=names, residual_sd=fit.sigma, unit_sd=unit_sd))
    return ModelResults(tuple(results), weights @ model.vcov @ weights.T, fit.findings)

"""Models of all cells at once: what the default is compared with, and what a protocol may ask for instead.

    answers(rows or means, asked) -> one answer per contrast, and the covariance of the contrasts

Each gives every cell (treatment, context) its mean and shares one error over them: more power than a contrast's own
error where drugs are alike in spread, and wrong where they are not. `wells_as_n` is wrong always, and is kept to show
what pseudoreplication does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assaykit.errors import DesignError
from assaykit.stats.lmm.ddf import inference, t_tests
from assaykit.stats.lmm.design import Random
from assaykit.stats.lmm.model import Lmm, fit_arrays
from assaykit.stats.units.families import Asked, Cell
from assaykit.stats.units.unit_level import UnitContrast, UnitMeans, missing_cells
from assaykit.tables import Finding

if TYPE_CHECKING:
    from assaykit.stats.glmm.model import Glmm

Floats = NDArray[np.float64]


_Found = tuple[float, float, str, tuple[float, float, float] | None]  # estimate, error, method, p and limits


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """One answer per contrast asked, or the reason there is none; `covariance` is NaN where there is none."""

    contrasts: tuple[UnitContrast | str, ...]
    covariance: Floats
    findings: tuple[Finding, ...] = ()


def pooled_lmm(means: UnitMeans, asked: Sequence[Asked]) -> Answers:
    """Return contrasts of the mixed model `mean ~ cell + (1 | unit)` on unit means, Kenward-Roger df."""
    cells = _filled(means)
    unit, column = np.nonzero(np.isfinite(np.column_stack([means.mean[cell] for cell in cells])))
    y = np.column_stack([means.mean[cell] for cell in cells])[unit, column]
    fit = fit_arrays(y, np.eye(len(cells))[column], [_intercepts("unit", unit)])
    return _from_lmm(fit, means, asked, method="pooled mixed model on unit means (Kenward-Roger df)")


def nested_lmm(rows: pd.DataFrame, means: UnitMeans, asked: Sequence[Asked], *, unit: str) -> Answers:
    """Return contrasts of the mixed model `y ~ cell + (1 | unit / cell)` on wells, Kenward-Roger df.

    Where no cell has a second well the inner term is the residual, and the model is that on unit means.
    """
    cells, kept = _filled(means), rows[rows["y"].notna()]
    units, column = _codes(kept, means, cells, unit)
    cell_of_unit = units * len(cells) + column
    if len(np.unique(cell_of_unit)) == len(kept):
        return pooled_lmm(means, asked)
    terms = [_intercepts("unit", units), _intercepts("unit:cell", cell_of_unit)]
    fit = fit_arrays(kept["y"].to_numpy(np.float64), np.eye(len(cells))[column], terms)
    return _from_lmm(fit, means, asked, method="nested mixed model on wells (Kenward-Roger df)")


def wells_as_n(rows: pd.DataFrame, means: UnitMeans, asked: Sequence[Asked], *, unit: str) -> Answers:
    """Return the WRONG answer: every well counted as an independent experiment.

    Wells are set against their own day, as labs normalise them (units as blocks), and then each counts as one n.
    """
    cells, kept = _filled(means), rows[rows["y"].notna()]
    units, column = _codes(kept, means, cells, unit)
    y = kept["y"].to_numpy(np.float64)
    weights, reasons = _rows_asked(asked, means, cells)
    contrasts: list[UnitContrast | str] = []
    for one, weight, reason in zip(asked, weights, reasons, strict=True):
        test = None if reason else blocked_wells(y, units, column, weights=weight)
        if test is None:
            contrasts.append(reason or "not estimable: no wells to spare for an error")
            continue
        estimate, std_error, df = test
        used, nan = _units_with(one, means), float("nan")
        method = "WRONG: wells counted as independent (pseudoreplication)"
        contrasts.append(UnitContrast(estimate, std_error, df, used, nan, nan, method))
    return Answers(tuple(contrasts), np.full((len(asked),) * 2, np.nan))


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
    asked: Sequence[Asked],
    *,
    unit: str,
    family: str,
    seed: int = 1,
    draws: int = 0,
) -> Answers:
    """Return contrasts of a count model on wells, with random units and cells of units.

    `family` is nbinom2 (rate, log of the total as offset) or betabinomial (count of total). With `draws`, p values and
    limits are bootstrapped; without, the model's standard error meets t with units - 1 df, for comparison only.
    Raises DesignError where the measurements hold no counts.
    """
    from assaykit.stats.glmm.model import fit_glmm

    kept = rows[rows["y"].notna() & rows["count"].notna() & (rows["total"] > 0)]
    cells = [cell for cell in _filled(means) if ((kept["treatment"] == cell[0]) & (kept["context"] == cell[1])).any()]
    if kept.empty or len(cells) < len(_filled(means)):
        raise DesignError("a model of counts must have count and total for every cell", f"{len(kept)} wells with both")
    units, column = _codes(kept, means, cells, unit)
    groups = {"unit": units.astype(str), "unit:cell": (units * len(cells) + column).astype(str)}
    groups = {name: labels for name, labels in groups.items() if len(np.unique(labels)) < len(kept)}
    count, total = kept["count"].to_numpy(np.float64).round(), kept["total"].to_numpy(np.float64).round()
    noise = {"trials": total} if family == "betabinomial" else {"offset": np.log(total)}
    fit = fit_glmm(count, np.eye(len(cells))[column], groups, family=family, **noise)
    rows_asked, reasons = _rows_asked(asked, means, cells)
    found = _bootstrapped(fit, rows_asked, seed, draws) if draws else _with_t(fit, rows_asked)
    contrasts = tuple(
        reason or _counted(one, means, fit, family=family)
        for one, reason in zip(zip(asked, found, strict=True), reasons, strict=True)
    )
    return Answers(contrasts, rows_asked @ fit.covariance @ rows_asked.T, fit.findings)


def _counted(answer: tuple[Asked, _Found], means: UnitMeans, fit: Glmm, *, family: str) -> UnitContrast:
    asked, (estimate, std_error, method, simulated) = answer
    used, nan = _units_with(asked, means), float("nan")
    df = nan if simulated else float(max(used.sum() - 1, 1))
    unit_sd = fit.sds[fit.groups.index("unit")]
    said = f"{family} mixed model on wells ({method})"
    return UnitContrast(estimate, std_error, df, used, nan, unit_sd, said, simulated)


def _bootstrapped(fit: Glmm, rows: Floats, seed: int, draws: int) -> list[_Found]:
    from assaykit.stats.glmm.bootstrap import bootstrap_contrasts

    drawn = bootstrap_contrasts(fit, rows, rng=np.random.default_rng(seed), simulations=draws)
    return [(one.estimate, one.std_error, one.method, (one.p_value, one.conf_low, one.conf_high)) for one in drawn]


def _with_t(fit: Glmm, rows: Floats) -> list[_Found]:
    errors = np.sqrt(((rows @ fit.covariance) * rows).sum(axis=1))
    return [
        (float(estimate), float(error), "model's standard error, t with units - 1 df", None)
        for estimate, error in zip(rows @ fit.coefficients, errors, strict=True)
    ]


def cell_weights(asked: Asked, cells: Sequence[Cell]) -> Floats:
    """Return the weight of every cell in a contrast."""
    weights = np.zeros(len(cells))
    for arm, sign in zip(asked.arms, (1.0, -1.0), strict=False):
        for cell, inner in zip(arm, (1.0, -1.0), strict=False):
            weights[cells.index(cell)] += sign * inner
    return weights


def _filled(means: UnitMeans) -> list[Cell]:
    cells = [cell for cell, values in means.mean.items() if np.isfinite(values).any()]
    if not cells:
        raise DesignError("a model must have values to be fitted to", "none on the analysis scale")
    return cells


def _rows_asked(asked: Sequence[Asked], means: UnitMeans, cells: Sequence[Cell]) -> tuple[Floats, list[str]]:
    reasons = [missing_cells(one, means) for one in asked]
    rows = [
        np.zeros(len(cells)) if reason else cell_weights(one, cells) for one, reason in zip(asked, reasons, strict=True)
    ]
    return np.array(rows).reshape(len(asked), len(cells)), reasons


def _units_with(asked: Asked, means: UnitMeans) -> NDArray[np.bool_]:
    return np.asarray(np.any([np.isfinite(means.mean[cell]) for cell in asked.cells], axis=0), np.bool_)


def _codes(
    rows: pd.DataFrame, means: UnitMeans, cells: Sequence[Cell], unit: str
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    positions: Mapping[str, int] = {name: i for i, name in enumerate(means.units)}
    columns = {cell: i for i, cell in enumerate(cells)}
    units = np.array([positions[str(name)] for name in rows[unit]], np.intp)
    pairs = zip(rows["treatment"], rows["context"], strict=True)
    return units, np.array([columns[pair] for pair in pairs], np.intp)


def _intercepts(name: str, labels: NDArray[np.intp]) -> Random:
    levels, codes = np.unique(labels, return_inverse=True)
    if len(levels) < 2:
        raise DesignError("a mixed model must have at least 2 units", str(len(levels)))
    return Random(name, ("(Intercept)",), codes.astype(np.intp), tuple(map(str, levels)), np.ones((len(labels), 1)))


def _from_lmm(fit: Lmm, means: UnitMeans, asked: Sequence[Asked], *, method: str) -> Answers:
    rows, reasons = _rows_asked(asked, means, _filled(means))
    model = inference(fit, "kenward_roger")
    usable = np.array([not reason for reason in reasons], bool)
    tests = iter(t_tests(rows[usable], model))
    unit_sd = next(c.sd_or_correlation for c in fit.components if c.group == "unit")
    contrasts: list[UnitContrast | str] = []
    for one, reason in zip(asked, reasons, strict=True):
        if reason:
            contrasts.append(reason)
            continue
        test = next(tests)
        used = _units_with(one, means)
        contrasts.append(UnitContrast(test.estimate, test.std_error, test.df, used, fit.sigma, unit_sd, method))
    return Answers(tuple(contrasts), rows @ model.vcov @ rows.T, fit.findings)

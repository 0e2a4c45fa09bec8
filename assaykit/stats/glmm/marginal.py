"""Models of counts without random effects, by statsmodels: quasi-likelihood with units as blocks, and GEE.

    counts per unit and cell -> the cells of one contrast -> ContrastResult on the link scale

Both are fitted to the cells of their contrast alone, so that its error is its own and an empty arm elsewhere spoils
nothing. They stand in robustness tables. GEE takes the independence working correlation: statsmodels' exchangeable one
does not weigh residuals by their trials as geepack does, and one cell per unit leaves it little to gain.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from assaykit.stats.units import ContrastResult

Array = NDArray[np.float64]
QUASI = "quasi-likelihood, units as blocks, t"
GEE = "estimating equations (GEE), sandwich error, t"
_NONE = 1e-9  # a weight below this is rounding


class CellCounts(NamedTuple):
    """Events per unit and cell, (units x cells), out of `wholes`: trials, or exposure for rates; NaN where not held."""

    counts: Array
    wholes: Array
    logit: bool


class _Selection(NamedTuple):
    """The cells of one contrast as rows: proportions or rates, their weights or exposures, unit and cell of each."""

    counts: Array
    wholes: Array
    unit: NDArray[np.intp]
    indicators: Array
    weights: Array


def quasi_contrast(weights: Array, cells: CellCounts, *, name: str = "") -> ContrastResult:
    """Return a contrast, `weights` per cell, of the quasi-binomial or quasi-Poisson model `count ~ cell + unit`.

    Pearson's dispersion, t on the residual df (McCullagh & Nelder 1989, Generalized Linear Models, chapter 9). Units
    are blocks where they hold both sides of the contrast, else they are left out of the model.
    """
    import statsmodels.api as sm

    chosen = _selection(weights, cells)
    reason = _unusable(chosen, logit=cells.logit)
    if reason:
        return ContrastResult.missing(reason, method=QUASI, name=name)
    units = np.unique(chosen.unit)
    X = np.column_stack([chosen.indicators, chosen.unit[:, None] == units[None, 1:]])
    row = np.concatenate([chosen.weights, np.zeros(len(units) - 1)])
    if np.linalg.matrix_rank(np.vstack([X, row])) > np.linalg.matrix_rank(X) or np.linalg.matrix_rank(X) < X.shape[1]:
        X, row = chosen.indicators, chosen.weights
    if len(X) <= np.linalg.matrix_rank(X):
        return ContrastResult.missing("not estimable: no units to spare for an error", method=QUASI, name=name)
    # proportions with var_weights: of two columns statsmodels divides the dispersion by the trials twice
    if cells.logit:
        family, y, options = sm.families.Binomial(), chosen.counts / chosen.wholes, {"var_weights": chosen.wholes}
    else:
        family, y, options = sm.families.Poisson(), chosen.counts, {"offset": np.log(chosen.wholes)}
    fit = sm.GLM(y, X.astype(float), family=family, **options).fit(scale="X2", tol=1e-12, maxiter=200)
    error = float(np.sqrt(row @ fit.cov_params() @ row))
    df = float(fit.df_resid)
    return ContrastResult.by_t(float(row @ fit.params), error, df, n_units=len(units), method=QUASI, name=name)


def gee_contrast(weights: Array, cells: CellCounts, *, name: str = "") -> ContrastResult:
    """Return a contrast, `weights` per cell, of the population-averaged model `count ~ cell`, units as clusters.

    Liang & Zeger 1986, 10.1093/biomet/73.1.13, with the sandwich error, which is small where units are few.
    """
    import statsmodels.api as sm

    chosen = _selection(weights, cells)
    reason = _unusable(chosen, logit=cells.logit)
    units = len(np.unique(chosen.unit))
    if reason or units < 2:
        return ContrastResult.missing(reason or "not estimable: one unit", method=GEE, name=name)
    if cells.logit:
        family, y, options = sm.families.Binomial(), chosen.counts / chosen.wholes, {"weights": chosen.wholes}
    else:
        family, y, options = sm.families.Poisson(), chosen.counts, {"offset": np.log(chosen.wholes)}
    model = sm.GEE(
        y, chosen.indicators, groups=chosen.unit, family=family, cov_struct=sm.cov_struct.Independence(), **options
    )
    fit = model.fit(maxiter=200, ctol=1e-12)
    error = float(np.sqrt(chosen.weights @ fit.cov_params() @ chosen.weights))
    estimate = float(chosen.weights @ fit.params)
    return ContrastResult.by_t(estimate, error, units - 1, n_units=units, method=GEE, name=name)


def _selection(weights: Array, cells: CellCounts) -> _Selection:
    used = np.flatnonzero(np.abs(weights) > _NONE)
    unit, column = np.nonzero(np.isfinite(cells.counts[:, used]))
    return _Selection(
        cells.counts[:, used][unit, column],
        cells.wholes[:, used][unit, column],
        unit.astype(np.intp),
        np.eye(len(used))[column],
        weights[used],
    )


def _unusable(chosen: _Selection, *, logit: bool) -> str:
    """Return why neither model has an estimate; empty where both have."""
    if (chosen.indicators.sum(axis=0) == 0).any():
        return "not estimable: a cell was not measured"
    events, rest = chosen.indicators.T @ chosen.counts, chosen.indicators.T @ (chosen.wholes - chosen.counts)
    if (events == 0).any() or (logit and (rest == 0).any()):
        return "not estimable: an arm holds only zeros, or only ones"
    return ""

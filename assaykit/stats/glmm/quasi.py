"""Quasi-likelihood and generalised estimating equations for counts and proportions, without random effects.

Quasi-likelihood goes through statsmodels, as proportions with `var_weights`: given two columns and scale="X2" it
divides the dispersion by the trials once more. GEE is written out, because statsmodels' ignores the trials of two
columns; weights, scale and correlation are geepack's. Its `units` are the clusters, and its robust errors need dozens
of them: with few, the bias-corrected errors and t are the honest ones. Quasi-likelihood has no units at all, so it is
right for one count per unit and arm only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from assaykit.errors import DesignError
from assaykit.tables import Finding

Array = NDArray[np.float64]
Working = Literal["exchangeable", "independence"]
_ENOUGH_UNITS = 40


@dataclass(frozen=True, slots=True, eq=False)
class Quasi:
    """Coefficients on the link scale with t tests; `dispersion` multiplies the variance of the counts."""

    terms: tuple[str, ...]
    coefficients: Array
    std_errors: Array
    df: float
    p_values: Array
    dispersion: float
    deviance: float


@dataclass(frozen=True, slots=True, eq=False)
class Gee:
    """Coefficients with robust errors and Wald tests; `corrected_errors` are Mancl & DeRouen's, with t on `df`."""

    terms: tuple[str, ...]
    coefficients: Array
    std_errors: Array
    p_values: Array
    corrected_errors: Array
    corrected_p_values: Array
    df: int
    scale: float
    correlation: float
    units: int
    findings: tuple[Finding, ...]


class _Link(NamedTuple):
    mean: Array
    slope: Array  # of the mean in the linear predictor, which for these links is the variance


def quasi_likelihood(
    counts: ArrayLike,
    X: ArrayLike,
    *,
    trials: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    terms: Sequence[str] = (),
) -> Quasi:
    """Return the quasi-binomial fit (with `trials`) or quasi-Poisson fit, Pearson dispersion, t on n - p df.

    McCullagh & Nelder 1989, Generalized Linear Models, chapter 9.
    """
    import statsmodels.api as sm

    y, design, weights, added = _data(counts, X, trials, offset)
    family = sm.families.Poisson() if trials is None else sm.families.Binomial()
    # proportions with their trials as weights: see the module's docstring
    model = sm.GLM(y / weights, design, family=family, offset=added, var_weights=weights)
    fit = model.fit(scale="X2", use_t=True, tol=1e-14, maxiter=200)
    return Quasi(
        terms=_names(terms, design),
        coefficients=np.asarray(fit.params),
        std_errors=np.asarray(fit.bse),
        df=float(fit.df_resid),
        p_values=np.asarray(fit.pvalues),
        dispersion=float(fit.scale),
        deviance=float(fit.deviance),
    )


def gee(
    counts: ArrayLike,
    X: ArrayLike,
    units: ArrayLike,
    *,
    trials: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    working: Working = "exchangeable",
    terms: Sequence[str] = (),
) -> Gee:
    """Return the population-averaged fit with `units` as clusters (Liang & Zeger 1986, 10.1093/biomet/73.1.13).

    Log link for counts, logit with `trials`. Corrected errors: Mancl & DeRouen 2001,
    10.1111/j.0006-341X.2001.00126.x, with t on units - p df.
    """
    y, design, weights, added = _data(counts, X, trials, offset)
    y = y / weights
    members = _members(units, design)
    logit = trials is not None
    beta, scale, correlation = _start(y, design, weights, added, logit=logit), 1.0, 0.0
    for _ in range(500):
        link = _link(design @ beta + added, logit=logit)
        scale, correlation = _moments(y, link, weights, members)
        correlation *= working == "exchangeable"
        bread, scores, _ = _equations(y, design, link, weights, members, correlation)
        step = np.linalg.solve(bread, scores.sum(axis=0))
        beta = beta + step
        if float(np.abs(step).max()) < 1e-12 * (1 + float(np.abs(beta).max())):
            break
    else:
        raise DesignError("estimating equations must settle", f"a step of {float(np.abs(step).max()):.1e}")
    link = _link(design @ beta + added, logit=logit)
    bread, scores, corrected = _equations(y, design, link, weights, members, correlation)
    robust, mended = (np.sqrt(np.diag(_sandwich(bread, each))) for each in (scores, corrected))
    df = len(members) - design.shape[1]
    t = np.abs(beta / mended)
    return Gee(
        terms=_names(terms, design),
        coefficients=beta,
        std_errors=robust,
        p_values=2 * special.ndtr(-np.abs(beta / robust)),
        corrected_errors=mended,
        corrected_p_values=2 * special.stdtr(df, -t) if df > 0 else np.full_like(t, np.nan),
        df=df,
        scale=scale,
        correlation=correlation,
        units=len(members),
        findings=_few_units(len(members)),
    )


def _equations(
    y: Array, X: Array, link: _Link, weights: Array, members: list[NDArray[np.int64]], correlation: float
) -> tuple[Array, Array, Array]:
    """Return the bread, each unit's score, and its score with the residual freed of its own leverage."""
    parts = []
    for rows in members:
        D = X[rows] * link.slope[rows, None]
        sd = np.sqrt(link.slope[rows] / weights[rows])
        R = np.full((rows.size, rows.size), correlation) + (1 - correlation) * np.eye(rows.size)
        parts.append((D, np.linalg.solve(R * np.outer(sd, sd), D), y[rows] - link.mean[rows]))
    bread = np.sum([D.T @ VD for D, VD, _ in parts], axis=0)
    inverse = np.linalg.inv(bread)
    scores = np.array([VD.T @ residual for _, VD, residual in parts])
    freed = [np.linalg.lstsq(np.eye(len(r)) - D @ inverse @ VD.T, r, rcond=None)[0] for D, VD, r in parts]
    return bread, scores, np.array([VD.T @ r for (_, VD, _), r in zip(parts, freed, strict=True)])


def _moments(y: Array, link: _Link, weights: Array, members: list[NDArray[np.int64]]) -> tuple[float, float]:
    """Return geepack's scale and exchangeable correlation: weighted means of squares and of products."""
    residual = (y - link.mean) / np.sqrt(link.slope)
    scale = float(np.sum(weights * residual**2) / weights.sum())
    weighted = weights * residual
    products = sum(float(weighted[rows].sum() ** 2 - np.sum(weighted[rows] ** 2)) for rows in members)
    pairs = sum(float(weights[rows].sum() ** 2 - np.sum(weights[rows] ** 2)) for rows in members)
    return scale, products / pairs / scale if pairs > 0 else 0.0


def _sandwich(bread: Array, scores: Array) -> Array:
    inverse = np.linalg.inv(bread)
    return np.asarray(inverse @ (scores.T @ scores) @ inverse)


def _link(eta: Array, *, logit: bool) -> _Link:
    mean = special.expit(eta) if logit else np.exp(np.minimum(eta, 500.0))
    return _Link(mean, mean * (1 - mean) if logit else mean)


def _start(y: Array, X: Array, weights: Array, offset: Array, *, logit: bool) -> Array:
    counts = y * weights
    linear = np.log((counts + 0.5) / (weights - counts + 0.5)) if logit else np.log(counts + 0.5)
    return np.asarray(np.linalg.lstsq(X, linear - offset, rcond=None)[0])


def _members(units: ArrayLike, X: Array) -> list[NDArray[np.int64]]:
    labels, index = np.unique(np.asarray(units).astype(str), return_inverse=True)
    if index.size != X.shape[0] or labels.size < 2:
        raise DesignError("estimating equations must have two units or more, one named in every row", f"{labels.size}")
    return [np.flatnonzero(index == unit) for unit in range(labels.size)]


def _data(
    counts: ArrayLike, X: ArrayLike, trials: ArrayLike | None, offset: ArrayLike | None
) -> tuple[Array, Array, Array, Array]:
    y, design = np.asarray(counts, dtype=float).ravel(), np.atleast_2d(np.asarray(X, dtype=float))
    weights = np.ones_like(y) if trials is None else np.asarray(trials, dtype=float).ravel()
    added = np.zeros_like(y) if offset is None else np.broadcast_to(np.asarray(offset, dtype=float), y.shape)
    if not (
        np.isfinite(y).all() and (y >= 0).all() and (weights > 0).all() and (trials is None or (y <= weights).all())
    ):
        raise DesignError("counts must lie between zero and their trials, which must be positive", "others")
    if np.linalg.matrix_rank(design) < design.shape[1]:
        raise DesignError(
            "every fixed effect must be told apart from the others by the data", "a column that adds nothing"
        )
    return y, design, weights, added


def _names(terms: Sequence[str], X: Array) -> tuple[str, ...]:
    return tuple(terms) or tuple(f"x{index}" for index in range(X.shape[1]))


def _few_units(units: int) -> tuple[Finding, ...]:
    if units >= _ENOUGH_UNITS:
        return ()
    message = f"robust errors from {units} units are too small; report the corrected ones, or the unit-level t"
    return (Finding("note", "gee_few_units", message),)

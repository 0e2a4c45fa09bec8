"""Estimated marginal means and contrasts of a fitted mixed model, after emmeans.

    model -> reference grid -> rows -> tests, adjusted family by family

A combination the data do not hold is not estimable, and is a row of missing numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assaykit.errors import DesignError
from assaykit.stats.lmm.ddf import TEST_COLUMNS, Inference, Method, f_test, inference, t_tests
from assaykit.stats.lmm.design import FixedDesign
from assaykit.stats.lmm.grid import (
    GridRows,
    Kind,
    contrast_rows,
    custom_rows,
    estimable,
    interaction_rows,
    mean_rows,
)
from assaykit.stats.lmm.model import Lmm
from assaykit.stats.units import Adjustment, adjusted_p_values, max_abs_t_quantile, single_step, tukey

Floats = NDArray[np.float64]
Adjust = Literal["none", "holm", "bh", "bonferroni", "tukey", "dunnett"]

STEPWISE: dict[str, Adjustment] = {"holm": "holm", "bh": "bh", "bonferroni": "bonferroni"}
"""Adjustments that need nothing but the p values; Tukey's and Dunnett's presume one error for all contrasts."""


def marginal_means(
    fit: Lmm, factors: Sequence[str] | str, *, method: Method = "satterthwaite", level: float = 0.95
) -> pd.DataFrame:
    """Return the mean of every combination of the factors' levels, with its t interval: one row each.

    Columns: the factors, then estimate, std_error, df, statistic, p_value, conf_low, conf_high. Raises DesignError
    for a name that is no factor of the model.
    """
    names = (factors,) if isinstance(factors, str) else tuple(factors)
    return grid_tests(mean_rows(_fixed(fit), names), fit, inference(fit, method), level=level)


def factor_contrasts(
    fit: Lmm,
    factor: str,
    *,
    kind: Kind = "treatment",
    within: str | None = None,
    adjust: Adjust = "holm",
    method: Method = "satterthwaite",
) -> pd.DataFrame:
    """Return each level against the first (`treatment`), or against each other (`pairwise`), one row each.

    `within` repeats them inside each level of another factor; p values are adjusted within it. `dunnett` and `tukey`
    presume the model's one error for all contrasts; `dunnett` gives simultaneous limits beside the unadjusted ones.
    """
    rows = contrast_rows(_fixed(fit), factor, kind=kind, within=within or "")
    return grid_tests(rows, fit, inference(fit, method), adjust=adjust)


def interaction_contrasts(
    fit: Lmm,
    factor: str,
    across: str,
    *,
    kind: Kind = "treatment",
    adjust: Adjust = "holm",
    method: Method = "satterthwaite",
) -> pd.DataFrame:
    """Return differences of differences: (level - other) in each level of `across` minus the same in its first."""
    return grid_tests(
        interaction_rows(_fixed(fit), factor, across, kind=kind), fit, inference(fit, method), adjust=adjust
    )


def custom_contrasts(
    fit: Lmm,
    weights: Mapping[str, Mapping[tuple[str, ...], float]],
    factors: Sequence[str],
    *,
    adjust: Adjust = "none",
    method: Method = "satterthwaite",
) -> pd.DataFrame:
    """Return contrasts by name: `weights[name]` gives the weight of each cell, a tuple of levels of `factors`.

    Raises DesignError for a cell the design does not have.
    """
    return grid_tests(custom_rows(_fixed(fit), weights, factors), fit, inference(fit, method), adjust=adjust)


def coefficients(fit: Lmm, *, method: Method = "satterthwaite", level: float = 0.95) -> pd.DataFrame:
    """Return one row per fixed column: `term`, estimate, standard error, df, t, p and its interval."""
    tests = t_tests(np.eye(len(fit.beta)), inference(fit, method), level)
    return pd.DataFrame(
        [{"term": name, **_numbers(test)} for name, test in zip(fit.names, tests, strict=True)],
        columns=["term", *TEST_COLUMNS],
    )


def anova(fit: Lmm, *, kind: Literal[1, 3] = 3, method: Method = "satterthwaite") -> pd.DataFrame:
    """Return an F test per fixed term: `term`, `num_df`, `den_df`, `statistic`, `p_value`.

    Type 3 tests each term at the mean of the other factors' levels; type 1 each term after those before it.
    """
    fixed, model = _fixed(fit), inference(fit, method)
    hypotheses = _sequential(fit) if kind == 1 else _type_three(fixed)
    records = []
    for position, term in enumerate(fixed.formula.fixed):
        rows = hypotheses[[i for i in range(len(fixed.owner)) if fixed.owner[i] == position and term]]
        rows = _estimable_part(rows, fixed)[:, fixed.kept]
        if np.abs(rows).sum() > 0:
            test = f_test(rows, model)
            numbers = {name: getattr(test, name) for name in ("num_df", "den_df", "statistic", "p_value")}
            records.append({"term": ":".join(term)} | numbers)
    return pd.DataFrame(records, columns=["term", "num_df", "den_df", "statistic", "p_value"])


def grid_tests(
    grid: GridRows, fit: Lmm, model: Inference, *, adjust: Adjust = "none", level: float = 0.95
) -> pd.DataFrame:
    """Return the labelled rows with their tests; `p_adjusted` and simultaneous limits by family."""
    fixed = _fixed(fit)
    good, kept = estimable(grid.rows, fixed), grid.rows[:, fixed.kept]
    tests = iter(t_tests(kept[good], model, level))
    missing = dict.fromkeys(TEST_COLUMNS, np.nan)
    frame = pd.DataFrame(
        [
            {**label, **(_numbers(next(tests)) if fine else missing)}
            for label, fine in zip(grid.labels, good, strict=True)
        ]
    )
    for name in dict.fromkeys(grid.family) if adjust != "none" else ():
        members = [i for i, family in enumerate(grid.family) if family == name]
        covariance = kept[members] @ model.vcov @ kept[members].T
        for column, values in adjusted_columns(frame.iloc[members], covariance, adjust, means=grid.means).items():
            frame.loc[frame.index[members], column] = values
    return frame


def adjusted_columns(part: pd.DataFrame, covariance: Floats, adjust: Adjust, *, means: int = 0) -> dict[str, Floats]:
    """Return `p_adjusted` of one family of contrasts, and its simultaneous limits by Dunnett.

    `part` holds estimate, std_error, df, statistic and p_value; `covariance` is that of the family's estimates.
    """
    t, df = part["statistic"].to_numpy(np.float64), part["df"].to_numpy(np.float64)
    if adjust in STEPWISE:
        return {"p_adjusted": adjusted_p_values(part["p_value"], STEPWISE[adjust])}
    if adjust == "tukey":
        return {"p_adjusted": tukey(t, df, means)}
    sd = np.sqrt(np.diag(covariance))
    with np.errstate(invalid="ignore", divide="ignore"):
        R = np.where(np.eye(len(sd)) > 0, 1.0, covariance / np.outer(sd, sd))
    good = np.isfinite(t)
    quantiles = {nu: max_abs_t_quantile(nu, R[np.ix_(good, good)]) for nu in dict.fromkeys(df[good].round(9))}
    half = np.array([quantiles.get(nu, np.nan) for nu in df.round(9)]) * part["std_error"].to_numpy(np.float64)
    estimate = part["estimate"].to_numpy(np.float64)
    return {
        "p_adjusted": single_step(t, df, R),
        "simultaneous_low": estimate - half,
        "simultaneous_high": estimate + half,
    }


def _numbers(test: object) -> dict[str, Any]:
    return {name: getattr(test, name) for name in TEST_COLUMNS}


def _fixed(fit: Lmm) -> FixedDesign:
    if fit.fixed is None:
        raise DesignError("contrasts must rest on a model fitted from a formula", "a model of bare arrays")
    return fit.fixed


def _estimable_part(rows: Floats, fixed: FixedDesign) -> Floats:
    """Return the combinations of the rows that the data can tell apart; where cells are empty they are fewer."""
    if not fixed.null.size or not rows.size:
        return rows
    reach = rows @ fixed.null
    values, vectors = np.linalg.eigh(reach @ reach.T)
    return np.asarray(vectors[:, values < 1e-10 * max(1.0, values.max())].T @ rows)


def _type_three(fixed: FixedDesign) -> Floats:
    """Return rows over the treatment-coded columns that give the sum-to-zero coded coefficients."""
    levels = list(product(*fixed.levels.values()))
    draws = np.linspace(-1.0, 1.0, 7)[:, None] ** np.arange(1, len(fixed.means) + 1)  # covariates that do not align
    grid = pd.DataFrame(
        [
            dict(zip(fixed.levels, cell, strict=True)) | dict(zip(fixed.means, x, strict=True))
            for cell in levels
            for x in draws
        ]
    )
    summed = fixed.rows(grid, sum_to_zero=True)
    return np.asarray(np.linalg.lstsq(summed, fixed.rows(grid), rcond=None)[0])


def _sequential(fit: Lmm) -> Floats:
    """Return the rows of R in X = QR: each column's part that earlier ones do not explain."""
    fixed = _fixed(fit)
    rows = np.zeros((len(fixed.names), len(fixed.names)))
    rows[np.ix_(fixed.kept, fixed.kept)] = fit.optimum.R
    return rows

"""A count model's own tests and tables: Wald's z, as glmer, glmmTMB and emmeans give it; too sure with few units."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import special

from assaykit.stats.glmm.formula import GlmmOfFormula
from assaykit.stats.glmm.result import Glmm
from assaykit.stats.glmm.separation import unbounded_contrasts
from assaykit.stats.lmm.ddf import TEST_COLUMNS
from assaykit.stats.lmm.grid import crossed_factors, estimable, mean_rows
from assaykit.stats.units import ContrastResult

Array = NDArray[np.float64]
WALD, PENALISED = "Wald z of the mixed model", "Wald z of the mixed model, penalised"


def wald_contrasts(fit: Glmm, rows: ArrayLike, *, level: float = 0.95) -> tuple[ContrastResult, ...]:
    """Return `rows @ coefficients`, (rows x terms), with Wald z tests on the link scale.

    Rows that the likelihood does not bound rest on the penalised estimates of `separation`, and say so.
    """
    L = np.atleast_2d(np.asarray(rows, dtype=float))
    errors = np.sqrt(np.einsum("ij,jk,ik->i", L, fit.covariance, L))
    unbounded = unbounded_contrasts(fit.model, L)
    return tuple(
        ContrastResult.by_t(
            float(estimate),
            float(error),
            np.inf,
            n_units=min(fit.levels, default=0),
            method=PENALISED if loose else WALD,
            level=level,
        )
        for estimate, error, loose in zip(L @ fit.coefficients, errors, unbounded, strict=True)
    )


def wald_coefficients(fit: Glmm) -> pd.DataFrame:
    """Return one row per fixed effect on the link scale: term, estimate, standard error, z, p, limits, method."""
    columns = [*TEST_COLUMNS, "method"]
    tests = wald_contrasts(fit, np.eye(len(fit.terms)))
    return pd.DataFrame(
        [
            {"term": term, **{name: getattr(test, name) for name in columns}}
            for term, test in zip(fit.terms, tests, strict=True)
        ]
    )


def random_components(fit: Glmm) -> pd.DataFrame:
    """Return the variance and SD of each random intercept on the link scale, and the family's dispersion last."""
    rows = [(group, "(Intercept)", sd**2, sd) for group, sd in zip(fit.groups, fit.sds, strict=True)]
    if fit.model.family.dispersion:
        rows.append((fit.family, fit.model.family.dispersion, fit.dispersion, np.nan))
    return pd.DataFrame(rows, columns=["group", "effect", "variance", "sd"])


def model_means(fit: GlmmOfFormula) -> pd.DataFrame:
    """Return the mean of each cell on the link scale and as a rate or probability, with Wald limits, offset aside.

    Columns: cell, estimate, std_error, mean, mean_low, mean_high. Cells are those of the first two factors that
    interact, else of the first factor.
    """
    factors = (crossed_factors(fit.fixed) or [fit.factors[:1]])[0]
    grid = mean_rows(fit.fixed, factors)
    good = estimable(grid.rows, fit.fixed)
    tests = wald_contrasts(fit.glmm, grid.rows[good][:, fit.fixed.kept])
    back = special.expit if fit.glmm.model.family.link == "logit" else np.exp
    names = [", ".join(label.values()) for label, fine in zip(grid.labels, good, strict=True) if fine]
    return pd.DataFrame(
        [
            {"cell": name, "estimate": test.estimate, "std_error": test.std_error}
            | {"mean": back(test.estimate), "mean_low": back(test.conf_low), "mean_high": back(test.conf_high)}
            for name, test in zip(names, tests, strict=True)
        ]
    )

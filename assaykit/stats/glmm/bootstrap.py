"""p values and intervals of a mixed model's contrasts at lab n: the parametric bootstrap of t.

    1. draw new counts from the fitted model, random effects and all
    2. fit them, and form t* = (contrast* - contrast) / standard error*
    3. p = share of |t*| at or beyond |t|; interval = contrast -+ quantile of |t*| times the standard error

Wald's z takes step 3's quantile to be 1.96 whatever the number of units, which at 3 to 6 of them it is not
(Davison & Hinkley 1997, Bootstrap Methods and their Application, chapter 7). At 3 units the fitted variances, often
zero, are themselves too small to draw from: 120 simulated experiments gave 8 to 10 % false positives at a nominal 5 %
(Wald 18 %), 100 at 5 units 1 to 3 % (Wald 4 to 9 %). The unit-level t is the default of every command; this is asked
for by name. The generator is the caller's.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from assaykit.errors import DesignError
from assaykit.stats.glmm.family import FAMILIES, response
from assaykit.stats.glmm.laplace import CountModel, fixed_information, parameters_of
from assaykit.stats.glmm.model import objective
from assaykit.stats.glmm.random import effects_of, without
from assaykit.stats.glmm.result import Glmm
from assaykit.stats.glmm.search import Maximum, bfgs
from assaykit.stats.glmm.separation import unbounded_contrasts
from assaykit.stats.glmm.start import starting_values
from assaykit.stats.units import ContrastResult

Array = NDArray[np.float64]
_LEAST_DRAWS = 99
_EDGE = "no test: an arm holds only zeros, or only ones, and the model cannot be drawn from; use the unit-level t"


def bootstrap_contrasts(
    fit: Glmm, rows: ArrayLike, *, rng: np.random.Generator, simulations: int = 999, level: float = 0.95
) -> tuple[ContrastResult, ...]:
    """Return `rows @ coefficients`, (rows x terms), with p values and limits from refits of counts drawn from the fit.

    The same draws serve every row. A row that the likelihood does not bound (an arm of only zeros or ones) has no
    test, since its model is at an edge from which nothing can be drawn: the result says so. Raises DesignError for
    fewer than 99 simulations.
    """
    if simulations < _LEAST_DRAWS:
        raise DesignError(f"a bootstrap must have at least {_LEAST_DRAWS} simulations", str(simulations))
    L = np.atleast_2d(np.asarray(rows, dtype=float))
    estimates = L @ fit.coefficients
    errors = np.sqrt(np.einsum("ij,jk,ik->i", L, fit.information_covariance, L))
    t = estimates / errors
    unbounded = unbounded_contrasts(fit.model, L)
    # 1. and 2. the draws and their t*
    drawn = np.abs(bootstrap_t(fit, L, rng=rng, simulations=simulations))
    # 3. p and the quantile; one is added to both counts, so that p is never zero
    p_values = (1 + np.sum(drawn >= np.abs(t) * (1 - 1e-12), axis=0)) / (drawn.shape[0] + 1)
    reach = np.quantile(drawn, level, axis=0, method="higher") * errors
    method, units = f"parametric bootstrap of t, {drawn.shape[0]} draws", min(fit.levels, default=0)
    return tuple(
        replace(ContrastResult.missing(_EDGE, n_units=units, method=method), estimate=float(estimates[i]))
        if unbounded[i]
        else ContrastResult(
            name="",
            estimate=float(estimates[i]),
            std_error=float(errors[i]),
            df=float("nan"),
            statistic=float(t[i]),
            p_value=float(p_values[i]),
            conf_low=float(estimates[i] - reach[i]),
            conf_high=float(estimates[i] + reach[i]),
            n_units=units,
            method=method,
        )
        for i in range(len(L))
    )


def bootstrap_t(fit: Glmm, rows: Array, *, rng: np.random.Generator, simulations: int) -> Array:
    """Return t* of every simulation that could be fitted and every row, (simulations x rows)."""
    model, start = _fitted_model(fit)
    drawn = [_one_t(fit, model, rows, draw_counts(fit, rng), start) for _ in range(simulations)]
    return np.array([t for t in drawn if t is not None])


def draw_counts(fit: Glmm, rng: np.random.Generator) -> Array:
    """Return counts drawn from the fitted model, new random effects and all, one per row of the fit."""
    model = fit.model
    eta = model.X @ fit.coefficients + model.offset
    eta = eta + effects_of(model.random, np.array(fit.sds), rng.standard_normal(model.random.size))
    family, delta = _family_at(fit)
    return FAMILIES[family].draw(model.family.mean(eta, model.response.trials), model.response.trials, delta, rng)


def _family_at(fit: Glmm) -> tuple[str, float]:
    """Return the family drawn from, which is the limit where there is no overdispersion, and its log dispersion."""
    if not fit.model.family.dispersion:
        return fit.family, 0.0
    if np.isinf(fit.dispersion) or fit.dispersion == 0:
        return fit.model.family.limit, 0.0
    return fit.family, float(np.log(fit.dispersion))


def _fitted_model(fit: Glmm) -> tuple[CountModel, Array]:
    """Return the model less what had no variance, and where its search may start: the estimates."""
    zero = frozenset(group for group, sd in zip(fit.groups, fit.sds, strict=True) if sd == 0)
    family, delta = _family_at(fit)
    model = replace(fit.model, random=without(fit.model.random, zero), family=FAMILIES[family])
    dispersion = [delta] if model.family.dispersion else []
    return model, np.concatenate([fit.coefficients, [np.log(sd) for sd in fit.sds if sd > 0], dispersion])


def _one_t(fit: Glmm, model: CountModel, rows: Array, counts: Array, start: Array) -> Array | None:
    again = replace(model, response=response(counts, model.response.trials, model.family.link))
    # a draw that leaves an arm empty bounds nothing: it counts as beyond any t that was seen
    unbounded = unbounded_contrasts(again, rows)
    if unbounded.all():
        return np.full(len(rows), np.inf)
    again = replace(again, penalised=model.penalised or bool(unbounded.any()))
    search = objective(again, fit.nodes)
    value = search(start, np.zeros(again.random.size))
    psi, inverse = starting_values(again)
    if value is None:
        value = search(psi, np.zeros(again.random.size))
        start = psi
    if value is None:
        return None
    maximum = bfgs(search, Maximum(start, value, converged=False), inverse, decrement=1e-5)
    at = parameters_of(again, maximum.psi)
    covariance = np.linalg.pinv(fixed_information(again, at, maximum.value.mode), hermitian=True)
    errors = np.sqrt(np.einsum("ij,jk,ik->i", rows, covariance, rows))
    return np.where(unbounded, np.inf, rows @ (at.beta - fit.coefficients) / errors)

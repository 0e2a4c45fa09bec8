"""p values and intervals of a mixed model's contrasts at lab n: the parametric bootstrap of t.

    1. draw new counts from the fitted model, random effects and all
    2. fit them, and form t* = (contrast* - contrast) / standard error*
    3. p = share of |t*| at or beyond |t|; interval = contrast -+ quantile of |t*| times the standard error

Wald's z takes step 3's quantile to be 1.96 whatever the number of units, which at 3 to 6 of them it is not
(Davison & Hinkley 1997, Bootstrap Methods and their Application, chapter 7). At 3 units the fitted variances, often
zero, are themselves too small to draw from: 120 simulated experiments gave 8 to 10 % false positives at a nominal 5 %
(Wald 18 %), 100 at 5 units 1 to 3 % (Wald 4 to 9 %). The unit-level t of units.py is the
default. The generator is the caller's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from assaykit.errors import DesignError
from assaykit.stats.glmm.family import FAMILIES, response
from assaykit.stats.glmm.laplace import Model, fixed_information, point
from assaykit.stats.glmm.model import Glmm, objective
from assaykit.stats.glmm.random import spread, without
from assaykit.stats.glmm.search import Summit, climb
from assaykit.stats.glmm.start import first_guess

Array = NDArray[np.float64]
_LEAST_DRAWS = 99


@dataclass(frozen=True, slots=True)
class Contrast:
    """One contrast on the link scale; `method` says where its p and limits come from."""

    name: str
    estimate: float
    std_error: float
    df: float
    statistic: float
    p_value: float
    conf_low: float
    conf_high: float
    method: str


def wald_contrasts(
    fit: Glmm, rows: ArrayLike, names: tuple[str, ...] = (), *, level: float = 0.95
) -> tuple[Contrast, ...]:
    """Return `rows @ coefficients` with Wald z tests: the answer of glmer and glmmTMB, too sure with few units."""
    L = np.atleast_2d(np.asarray(rows, dtype=float))
    estimates, errors = L @ fit.coefficients, np.sqrt(np.einsum("ij,jk,ik->i", L, fit.covariance, L))
    z = estimates / errors
    reach = float(special.ndtri(0.5 + level / 2)) * errors
    return tuple(
        Contrast(
            name=name,
            estimate=float(estimates[i]),
            std_error=float(errors[i]),
            df=float("inf"),
            statistic=float(z[i]),
            p_value=2 * float(special.ndtr(-abs(z[i]))),
            conf_low=float(estimates[i] - reach[i]),
            conf_high=float(estimates[i] + reach[i]),
            method="Wald z; too small a p at few units",
        )
        for i, name in enumerate(_names(names, len(L)))
    )


def bootstrap_contrasts(
    fit: Glmm,
    rows: ArrayLike,
    names: tuple[str, ...] = (),
    *,
    rng: np.random.Generator,
    simulations: int = 999,
    level: float = 0.95,
) -> tuple[Contrast, ...]:
    """Return `rows @ coefficients` with p values and limits from `simulations` refits of counts drawn from the fit.

    The same draws serve every row. Raises DesignError for fewer than 99 simulations.
    """
    if simulations < _LEAST_DRAWS:
        raise DesignError(f"a bootstrap must have at least {_LEAST_DRAWS} simulations", str(simulations))
    L = np.atleast_2d(np.asarray(rows, dtype=float))
    estimates = L @ fit.coefficients
    errors = np.sqrt(np.einsum("ij,jk,ik->i", L, fit.information_covariance, L))
    t = estimates / errors
    drawn = np.abs(bootstrap_t(fit, L, rng=rng, simulations=simulations))
    p_values = (1 + np.sum(drawn >= np.abs(t) * (1 - 1e-12), axis=0)) / (drawn.shape[0] + 1)
    reach = np.quantile(drawn, level, axis=0, method="higher") * errors
    return tuple(
        Contrast(
            name=name,
            estimate=float(estimates[i]),
            std_error=float(errors[i]),
            df=float("nan"),
            statistic=float(t[i]),
            p_value=float(p_values[i]),
            conf_low=float(estimates[i] - reach[i]),
            conf_high=float(estimates[i] + reach[i]),
            method=f"parametric bootstrap of t, {drawn.shape[0]} draws",
        )
        for i, name in enumerate(_names(names, len(L)))
    )


def bootstrap_t(fit: Glmm, rows: Array, *, rng: np.random.Generator, simulations: int) -> Array:
    """Return t* of every simulation that could be fitted and every row, (simulations, rows)."""
    model, start = _fitted_model(fit)
    drawn = [_one_t(fit, model, rows, _draw(fit, rng), start) for _ in range(simulations)]
    return np.array([t for t in drawn if t is not None])


def simulate(fit: Glmm, rng: np.random.Generator) -> Array:
    """Return counts drawn from the fitted model, new random effects and all."""
    return _draw(fit, rng)


def _draw(fit: Glmm, rng: np.random.Generator) -> Array:
    model = fit.model
    eta = model.X @ fit.coefficients + model.offset
    eta = eta + spread(model.random, np.array(fit.sds), rng.standard_normal(model.random.size))
    family, delta = _family_at(fit)
    return FAMILIES[family].draw(model.family.mean(eta, model.response.trials), model.response.trials, delta, rng)


def _family_at(fit: Glmm) -> tuple[str, float]:
    """Return the family drawn from, which is the limit where there is no overdispersion, and its log dispersion."""
    if not fit.model.family.dispersion:
        return fit.family, 0.0
    if np.isinf(fit.dispersion) or fit.dispersion == 0:
        return fit.model.family.limit, 0.0
    return fit.family, float(np.log(fit.dispersion))


def _fitted_model(fit: Glmm) -> tuple[Model, Array]:
    """Return the model less what had no variance, and where its search may start: the estimates."""
    zero = frozenset(group for group, sd in zip(fit.groups, fit.sds, strict=True) if sd == 0)
    family, delta = _family_at(fit)
    model = replace(fit.model, random=without(fit.model.random, zero), family=FAMILIES[family])
    dispersion = [delta] if model.family.dispersion else []
    return model, np.concatenate([fit.coefficients, [np.log(sd) for sd in fit.sds if sd > 0], dispersion])


def _one_t(fit: Glmm, model: Model, rows: Array, counts: Array, start: Array) -> Array | None:
    again = replace(model, response=response(counts, model.response.trials, model.family.link))
    search = objective(again, fit.nodes)
    value = search(start, np.zeros(again.random.size))
    psi, inverse = first_guess(again)
    if value is None:
        value = search(psi, np.zeros(again.random.size))
        start = psi
    if value is None:
        return None
    summit = climb(search, Summit(start, value, converged=False), inverse, decrement=1e-5)
    at = point(again, summit.psi)
    covariance = np.linalg.pinv(fixed_information(again, at, summit.value.mode), hermitian=True)
    errors = np.sqrt(np.einsum("ij,jk,ik->i", rows, covariance, rows))
    return np.asarray(rows @ (at.beta - fit.coefficients) / errors)


def _names(names: tuple[str, ...], count: int) -> tuple[str, ...]:
    return names or tuple(f"contrast {index + 1}" for index in range(count))

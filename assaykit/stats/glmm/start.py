"""Where the search for a mixed model starts: the model without random effects, moments, and a rough curvature."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from assaykit.stats.glmm.family import FAMILIES
from assaykit.stats.glmm.laplace import CountModel, find_mode, fixed_information, parameters_of

Array = NDArray[np.float64]
_SD = 0.4  # experiments usually differ by this much on a log or logit scale


def starting_values(model: CountModel) -> tuple[Array, Array]:
    """Return a starting psi, and a guess at the inverse of minus the Hessian there."""
    beta = independent_fit(model)
    terms = len(model.random.terms)
    dispersed = bool(model.family.dispersion)
    delta = [_log_dispersion(model, beta)] if dispersed else []
    psi = np.concatenate([beta, np.full(terms, math.log(_SD)), delta])
    inverse = np.eye(psi.size)
    at = parameters_of(model, psi)
    mode = find_mode(model, at, np.zeros(model.random.size))
    if mode is not None:
        information = fixed_information(model, at, mode)
        if np.linalg.eigvalsh(information).min() > 1e-8:
            inverse[: model.fixed, : model.fixed] = np.linalg.inv(information)
    sizes = [len(term.levels) for term in model.random.terms]
    others = [1 / size for size in sizes] + [4 / model.response.counts.size] * dispersed
    inverse[range(model.fixed, psi.size), range(model.fixed, psi.size)] = others
    return psi, inverse


def independent_fit(model: CountModel) -> Array:
    """Return the fixed effects of the Poisson or binomial model without random effects, by Fisher scoring."""
    family = FAMILIES["poisson" if model.family.link == "log" else "binomial"]
    y, trials, _ = model.response
    # a half added to either side keeps empty and full cells finite
    linear = np.log((y + 0.5) / (trials - y + 0.5)) if family.link == "logit" else np.log(y + 0.5)
    beta = np.linalg.lstsq(model.X, linear - model.offset, rcond=None)[0]
    for _ in range(8):
        curve = family.curve(np.clip(model.X @ beta + model.offset, -30.0, 30.0), model.response, 0.0)
        weights = np.maximum(-curve.second, 1e-6)
        information = model.X.T @ (weights[:, None] * model.X) + 1e-6 * np.eye(model.fixed)
        step = np.linalg.solve(information, model.X.T @ curve.first)
        beta = beta + step * min(1.0, 3.0 / max(float(np.abs(step).max()), 1e-12))
    return np.asarray(beta)


def _log_dispersion(model: CountModel, beta: Array) -> float:
    """Return a moment estimate from the independent fit, half of its excess left to the random effects."""
    y, trials, _ = model.response
    mu = model.family.mean(np.clip(model.X @ beta + model.offset, -30.0, 30.0), trials)
    excess = (y - mu) ** 2
    match model.family.name:
        case "nbinom2":
            share = max(float(np.sum(excess - mu) / np.sum(mu**2)), 0.02) / 2
            return -math.log(share)
        case "nbinom1":
            return math.log(max(float(np.mean(excess / mu)) - 1, 0.1) / 2)
        case _:
            spread = float(np.mean(excess / np.maximum(mu * (1 - mu / trials), 1e-8)))
            return math.log(max(float(np.mean(trials)) - 1, 1.0) / min(max((spread - 1) / 2, 0.05), 1e3))

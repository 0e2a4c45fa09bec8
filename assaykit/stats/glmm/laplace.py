"""The marginal likelihood of a GLMM by Laplace's approximation, with its exact gradient.

    L(psi) = sum log f(y | eta) - u'u / 2 - log |H| / 2     at the mode u of the first two terms
    eta = X beta + A u + offset,   H = A' W A + I,   W = -d2 log f / d eta2  (observed, as glmmTMB takes it)

psi = (beta, log sd of each random intercept, delta = log dispersion). The random effects u are standardised. The
gradient follows Skaug & Fournier 2006 (10.1016/j.csda.2006.03.005), written out: the mode moves with psi, and only
log |H| feels it. For canonical links observed and expected W agree, and with them glmmTMB and lme4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from assaykit.stats.glmm.family import CountFamily, LogDensity, Response
from assaykit.stats.glmm.random import (
    Factor,
    RandomIntercepts,
    effects_of,
    factorise,
    leverages,
    solve_factored,
    sums_by_level,
)

Array = NDArray[np.float64]
LEAST_LOG_SD = -9.0
_MOST_STEPS = 200


@dataclass(frozen=True, slots=True, eq=False)
class CountModel:
    """What is fitted: response, design, offset, random part and family."""

    response: Response
    X: Array
    offset: Array
    random: RandomIntercepts
    family: CountFamily
    edge: float = np.inf  # beyond this log dispersion, in the direction of its limit, nothing changes but rounding
    penalised: bool = False  # by Jeffreys' prior of the fixed effects: see separation.py

    @property
    def fixed(self) -> int:
        """The number of fixed effects."""
        return int(self.X.shape[1])

    @property
    def parameters(self) -> int:
        """The number of all parameters: fixed effects, standard deviations, dispersion."""
        return self.fixed + len(self.random.terms) + bool(self.family.dispersion)


class CountParameters(NamedTuple):
    """psi taken apart."""

    beta: Array
    sds: Array
    delta: float


class Mode(NamedTuple):
    """The most likely random effects at a point, and what was computed there."""

    u: Array
    eta: Array
    curve: LogDensity
    H: Factor


class Likelihood(NamedTuple):
    """The log marginal likelihood at a point, its gradient, and the mode it rests on."""

    loglik: float
    gradient: Array
    mode: Mode


def parameters_of(model: CountModel, psi: Array) -> CountParameters:
    """Return psi taken apart into fixed effects, standard deviations and log dispersion."""
    last = model.fixed + len(model.random.terms)
    delta = float(psi[last]) if psi.size > last else 0.0
    if model.family.limit_sign * delta > model.edge:
        delta = model.family.limit_sign * model.edge
    return CountParameters(psi[: model.fixed], np.exp(np.maximum(psi[model.fixed : last], LEAST_LOG_SD)), delta)


def edge_of(family: CountFamily, response: Response) -> float:
    """Return the log dispersion, signed towards its limit, at which the family is its limit but for rounding."""
    match family.name:
        case "nbinom2":
            return float(np.log(1e4 * (1 + response.counts.max())))
        case "nbinom1":
            return float(np.log(1e5))
        case "betabinomial":
            return float(np.log(1e4 * response.trials.max()))
        case _:
            return np.inf


def laplace(model: CountModel, psi: Array, start: Array) -> Likelihood | None:
    """Return the log likelihood and gradient at psi, the mode sought from `start`; None where there is no mode."""
    # 1. the mode of the random effects at these parameters; 2. the curvature there stands for the integral
    at = parameters_of(model, psi)
    mode = find_mode(model, at, start)
    if mode is None:
        return None
    u, _, curve, H = mode
    loglik = float(curve.value.sum() - u @ u / 2 - H.log_det / 2)
    return (
        Likelihood(loglik, flat_beyond(model, psi, _gradient(model, at, mode)), mode) if np.isfinite(loglik) else None
    )


def flat_beyond(model: CountModel, psi: Array, gradient: Array) -> Array:
    """Return the gradient with zeros for parameters beyond the point where they still count."""
    last = model.fixed + len(model.random.terms)
    counts = np.ones(psi.size, dtype=bool)
    counts[model.fixed : last] = psi[model.fixed : last] > LEAST_LOG_SD
    counts[last:] = model.family.limit_sign * psi[last:] < model.edge
    return np.where(counts, gradient, 0.0)


def find_mode(model: CountModel, at: CountParameters, start: Array) -> Mode | None:
    """Return the mode by Newton's method with step halving, or None where H is not positive definite there."""
    base = model.X @ at.beta + model.offset
    u, step, previous, near = start, np.zeros_like(start), -np.inf, False
    for _ in range(_MOST_STEPS):
        # 1. the penalised log density at u; where it fell, half the step back
        eta = base + effects_of(model.random, at.sds, u)
        curve = model.family.curve(eta, model.response, at.delta)
        height = float(curve.value.sum() - u @ u / 2)
        if not height >= previous - 1e-9 * (1 + abs(previous)):  # also where the height is no number
            step = step / 2
            u = u - step
            continue
        # 2. Newton's step H step = A' (d log f / d eta) - u, with weights made positive where H is not
        H = factorise(model.random, at.sds, -curve.second)
        if near:
            return None if H is None else Mode(u, eta, curve, H)
        slope = sums_by_level(model.random, at.sds, curve.first) - u
        step = solve_factored(H or _safe(model, at, curve), slope)
        near = float(slope @ step) < 1e-10  # Newton doubles the digits: the next point is exact
        u, previous = u + step, height
    return None


def fixed_information(model: CountModel, at: CountParameters, mode: Mode) -> Array:
    """Return X' V^-1 X, the information on the fixed effects with the variance parameters held."""
    WX = -mode.curve.second[:, None] * model.X
    AWX = sums_by_level(model.random, at.sds, WX)
    return np.asarray(model.X.T @ WX - AWX.T @ solve_factored(mode.H, AWX))


def _safe(model: CountModel, at: CountParameters, curve: LogDensity) -> Factor:
    """Return H with negative weights set to zero, which always is positive definite."""
    safe = factorise(model.random, at.sds, np.maximum(-curve.second, 0.0))
    assert safe is not None
    return safe


def _gradient(model: CountModel, at: CountParameters, mode: Mode) -> Array:
    """Return dL/dpsi: the direct part at a fixed mode, and the part through the mode (`pull`)."""
    u, eta, curve, H = mode
    # 1. d log|H| / d eta: the third derivative times each row's leverage, diag(A H^-1 A')
    third, in_delta, first_delta, second_delta = model.family.slopes(eta, model.response, at.delta)
    leverage, inverse = leverages(model.random, at.sds, H)
    bent = third * leverage
    # 2. the mode moves with psi, d u / d psi = -H^-1 d2 / (du dpsi), and log|H| with it
    pull = solve_factored(H, sums_by_level(model.random, at.sds, -bent))  # H^-1 d log|H| / du
    pulled = effects_of(model.random, at.sds, pull)
    through = curve.first + 0.5 * bent - 0.5 * curve.second * pulled  # dL/d eta, the mode moving
    # 3. by fixed effects, by log SDs (through A = A(sd), and through its part of H), and by log dispersion
    parts = [model.X.T @ through]
    for k, (offset, term) in enumerate(zip(model.random.offsets, model.random.terms, strict=True)):
        here = slice(offset, offset + len(term.levels))
        own = float(np.sum(inverse[here] - 1 - 0.5 * pull[here] * u[here]))
        parts.append(np.array([at.sds[k] * float(through @ u[here][term.level]) + own]))
    if model.family.dispersion:
        parts.append(np.array([float(np.sum(in_delta + 0.5 * second_delta * leverage - 0.5 * first_delta * pulled))]))
    return np.concatenate(parts)

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

from assaykit.stats.glmm.family import Curve, Family, Response
from assaykit.stats.glmm.random import Factor, RandomPart, factor, gather, leverages, solve, spread

Array = NDArray[np.float64]
LEAST_LOG_SD = -9.0
_MOST_STEPS = 200


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """What is fitted: response, design, offset, random part and family."""

    response: Response
    X: Array
    offset: Array
    random: RandomPart
    family: Family
    edge: float = np.inf  # beyond this log dispersion, in the direction of its limit, nothing changes but rounding

    @property
    def fixed(self) -> int:
        """The number of fixed effects."""
        return int(self.X.shape[1])

    @property
    def parameters(self) -> int:
        """The number of all parameters: fixed effects, standard deviations, dispersion."""
        return self.fixed + len(self.random.terms) + bool(self.family.dispersion)


class Point(NamedTuple):
    """psi taken apart."""

    beta: Array
    sds: Array
    delta: float


class Mode(NamedTuple):
    """The most likely random effects at a point, and what was computed there."""

    u: Array
    eta: Array
    curve: Curve
    H: Factor


class Value(NamedTuple):
    """The log marginal likelihood at a point, its gradient, and the mode it rests on."""

    loglik: float
    gradient: Array
    mode: Mode


def point(model: Model, psi: Array) -> Point:
    """Return psi taken apart into fixed effects, standard deviations and log dispersion."""
    last = model.fixed + len(model.random.terms)
    delta = float(psi[last]) if psi.size > last else 0.0
    if model.family.limit_sign * delta > model.edge:
        delta = model.family.limit_sign * model.edge
    return Point(psi[: model.fixed], np.exp(np.maximum(psi[model.fixed : last], LEAST_LOG_SD)), delta)


def edge_of(family: Family, response: Response) -> float:
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


def laplace(model: Model, psi: Array, start: Array) -> Value | None:
    """Return the log likelihood and gradient at psi, the mode sought from `start`; None where there is no mode."""
    at = point(model, psi)
    mode = find_mode(model, at, start)
    if mode is None:
        return None
    u, _, curve, H = mode
    loglik = float(curve.value.sum() - u @ u / 2 - H.log_det / 2)
    return Value(loglik, flat_beyond(model, psi, _gradient(model, at, mode)), mode) if np.isfinite(loglik) else None


def flat_beyond(model: Model, psi: Array, gradient: Array) -> Array:
    """Return the gradient with zeros for parameters beyond the point where they still count."""
    last = model.fixed + len(model.random.terms)
    counts = np.ones(psi.size, dtype=bool)
    counts[model.fixed : last] = psi[model.fixed : last] > LEAST_LOG_SD
    counts[last:] = model.family.limit_sign * psi[last:] < model.edge
    return np.where(counts, gradient, 0.0)


def find_mode(model: Model, at: Point, start: Array) -> Mode | None:
    """Return the mode by Newton's method with step halving, or None where H is not positive definite there."""
    base = model.X @ at.beta + model.offset
    u, step, previous, near = start, np.zeros_like(start), -np.inf, False
    for _ in range(_MOST_STEPS):
        eta = base + spread(model.random, at.sds, u)
        curve = model.family.curve(eta, model.response, at.delta)
        height = float(curve.value.sum() - u @ u / 2)
        if not height >= previous - 1e-9 * (1 + abs(previous)):  # also where the height is no number
            step = step / 2
            u = u - step
            continue
        H = factor(model.random, at.sds, -curve.second)
        if near:
            return None if H is None else Mode(u, eta, curve, H)
        slope = gather(model.random, at.sds, curve.first) - u
        step = solve(H or _safe(model, at, curve), slope)
        near = float(slope @ step) < 1e-10  # Newton doubles the digits: the next point is exact
        u, previous = u + step, height
    return None


def fixed_information(model: Model, at: Point, mode: Mode) -> Array:
    """Return X' V^-1 X, the information on the fixed effects with the variance parameters held."""
    WX = -mode.curve.second[:, None] * model.X
    AWX = gather(model.random, at.sds, WX)
    return np.asarray(model.X.T @ WX - AWX.T @ solve(mode.H, AWX))


def _safe(model: Model, at: Point, curve: Curve) -> Factor:
    """Return H with negative weights set to zero, which always is positive definite."""
    safe = factor(model.random, at.sds, np.maximum(-curve.second, 0.0))
    assert safe is not None
    return safe


def _gradient(model: Model, at: Point, mode: Mode) -> Array:
    """Return dL/dpsi: the direct part at a fixed mode, and the part through the mode (`pull`)."""
    u, eta, curve, H = mode
    third, in_delta, first_delta, second_delta = model.family.slopes(eta, model.response, at.delta)
    leverage, inverse = leverages(model.random, at.sds, H)
    bent = third * leverage
    pull = solve(H, gather(model.random, at.sds, -bent))  # H^-1 d log|H| / du
    pulled = spread(model.random, at.sds, pull)
    through = curve.first + 0.5 * bent - 0.5 * curve.second * pulled  # dL/d eta, the mode moving
    parts = [model.X.T @ through]
    for k, (offset, term) in enumerate(zip(model.random.offsets, model.random.terms, strict=True)):
        here = slice(offset, offset + len(term.levels))
        own = float(np.sum(inverse[here] - 1 - 0.5 * pull[here] * u[here]))
        parts.append(np.array([at.sds[k] * float(through @ u[here][term.level]) + own]))
    if model.family.dispersion:
        parts.append(np.array([float(np.sum(in_delta + 0.5 * second_delta * leverage - 0.5 * first_delta * pulled))]))
    return np.concatenate(parts)

"""Log densities of counts and proportions as functions of the linear predictor, with their derivatives.

    density = family.curve(eta, response, delta)     log f and its first two derivatives in eta
    slopes  = family.slopes(eta, response, delta)    the third, and those in delta, the log of the dispersion

Poisson, negative binomial 1 and 2 have a log link; binomial and beta-binomial a logit link. Variances:
nbinom1 mu (1 + phi); nbinom2 mu + mu^2 / theta; betabinomial n p (1 - p) (phi + n) / (phi + 1) (as in glmmTMB).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special

Array = NDArray[np.float64]
_FAR = 100.0  # a linear predictor beyond this is no count's, and its cube must not overflow


class Response(NamedTuple):
    """Counts, the trials they were out of (ones for rates), and the part of log f without parameters."""

    counts: Array
    trials: Array
    constant: Array


class LogDensity(NamedTuple):
    """Log density per observation and its first two derivatives in eta."""

    value: Array
    first: Array
    second: Array


class DensitySlopes(NamedTuple):
    """Third derivative in eta; derivative in delta of the log density and of its first two derivatives in eta."""

    third: Array
    delta: Array
    first_delta: Array
    second_delta: Array


@dataclass(frozen=True, slots=True)
class CountFamily:
    """A family: its derivatives, its mean and variance, how to draw from it, and the family at no overdispersion."""

    name: str
    link: str
    dispersion: str
    curve: Callable[[Array, Response, float], LogDensity]
    slopes: Callable[[Array, Response, float], DensitySlopes]
    variance: Callable[[Array, Array, float], Array]
    draw: Callable[[Array, Array, float, np.random.Generator], Array]
    limit: str = ""
    limit_sign: int = 0

    def mean(self, eta: Array, trials: Array) -> Array:
        """Return the expected count at the linear predictor."""
        share = special.expit(eta) if self.link == "logit" else np.exp(np.minimum(eta, _FAR))
        return np.asarray(trials * share)


def response(counts: Array, trials: Array, link: str) -> Response:
    """Return the response with the parameter-free part of its log density, log of 1/y! or of the binomial choice."""
    if link == "log":
        return Response(counts, trials, -special.gammaln(counts + 1))
    rest = trials - counts
    choose = special.gammaln(trials + 1) - special.gammaln(counts + 1) - special.gammaln(rest + 1)
    return Response(counts, trials, choose)


def _polygamma(order: int, x: Array) -> Array:
    """Return the derivatives of log gamma: digamma, then by Hurwitz' zeta (Abramowitz & Stegun 6.4.10)."""
    if order == 0:
        return np.asarray(special.digamma(x))
    return np.asarray((-1) ** (order + 1) * math.factorial(order) * special.zeta(order + 1, x))


def _none(eta: Array) -> Array:
    return np.zeros_like(eta)


def _poisson(eta: Array, data: Response, _: float) -> LogDensity:
    mu = np.exp(np.minimum(eta, _FAR))
    return LogDensity(data.counts * eta - mu + data.constant, data.counts - mu, -mu)


def _poisson_slopes(eta: Array, _data: Response, _: float) -> DensitySlopes:
    nothing = _none(eta)
    return DensitySlopes(-np.exp(np.minimum(eta, _FAR)), nothing, nothing, nothing)


def _binomial(eta: Array, data: Response, _: float) -> LogDensity:
    p = special.expit(eta)
    value = data.counts * eta - data.trials * np.logaddexp(0.0, eta) + data.constant
    return LogDensity(value, data.counts - data.trials * p, -data.trials * p * (1 - p))


def _binomial_slopes(eta: Array, data: Response, _: float) -> DensitySlopes:
    p, nothing = special.expit(eta), _none(eta)
    return DensitySlopes(-data.trials * p * (1 - p) * (1 - 2 * p), nothing, nothing, nothing)


def _nbinom2(eta: Array, data: Response, delta: float) -> LogDensity:
    theta, y = np.exp(delta), data.counts
    p = special.expit(eta - delta)  # mu / (theta + mu)
    size = y + theta
    value = _rising(y, theta) + data.constant + y * (eta - delta) - size * np.logaddexp(0.0, eta - delta)
    return LogDensity(value, y - size * p, -size * p * (1 - p))


def _nbinom2_slopes(eta: Array, data: Response, delta: float) -> DensitySlopes:
    theta, y = np.exp(delta), data.counts
    p = special.expit(eta - delta)
    size, bend = y + theta, p * (1 - p)
    in_theta = special.digamma(size) - special.digamma(theta) - np.logaddexp(0.0, eta - delta)
    return DensitySlopes(
        third=-size * bend * (1 - 2 * p),
        delta=theta * in_theta - (y - size * p),
        first_delta=-theta * p + size * bend,
        second_delta=-theta * bend + size * bend * (1 - 2 * p),
    )


def _nbinom1(eta: Array, data: Response, delta: float) -> LogDensity:
    """A sum of gamma functions in r = mu / phi, whose derivative in eta is r itself."""
    r, y = np.exp(np.clip(eta - delta, -_FAR, _FAR)), data.counts
    log_spread = np.logaddexp(0.0, delta)
    in_r = special.digamma(y + r) - special.digamma(r) - log_spread
    in_r2 = _polygamma(1, y + r) - _polygamma(1, r)
    value = _rising(y, r) + data.constant - (r + y) * log_spread + y * delta
    return LogDensity(value, r * in_r, r * in_r + r**2 * in_r2)


def _nbinom1_slopes(eta: Array, data: Response, delta: float) -> DensitySlopes:
    r, y = np.exp(np.clip(eta - delta, -_FAR, _FAR)), data.counts
    _, first, second = _nbinom1(eta, data, delta)
    in_r2 = _polygamma(1, y + r) - _polygamma(1, r)
    in_r3 = _polygamma(2, y + r) - _polygamma(2, r)
    third = second + 2 * r**2 * in_r2 + r**3 * in_r3
    share = special.expit(delta)  # phi / (1 + phi)
    return DensitySlopes(third, y - (r + y) * share - first, -second - r * share, -third - r * share)


class _Shapes(NamedTuple):
    """Polygamma differences of the beta-binomial's two shapes, for successes (a) and failures (b)."""

    a: tuple[Array, ...]
    b: tuple[Array, ...]


def _shapes(p: Array, data: Response, phi: float, orders: int) -> _Shapes:
    a, b, y, rest = phi * p, phi * (1 - p), data.counts, data.trials - data.counts
    return _Shapes(
        tuple(_polygamma(order, y + a) - _polygamma(order, a) for order in range(orders)),
        tuple(_polygamma(order, rest + b) - _polygamma(order, b) for order in range(orders)),
    )


def _inside(eta: Array) -> Array:
    """Return the probability, held off 0 and 1 by more than rounding so that both shapes stay positive."""
    return np.asarray(np.clip(special.expit(eta), 1e-14, 1 - 1e-14))


def _betabinomial(eta: Array, data: Response, delta: float) -> LogDensity:
    p, phi = _inside(eta), float(np.exp(delta))
    (a0, a1), (b0, b1) = _shapes(p, data, phi, 2)
    bend = p * (1 - p)
    in_p, in_p2 = phi * (a0 - b0), phi**2 * (a1 + b1)
    rest = data.trials - data.counts
    value = _rising(data.counts, phi * p) + _rising(rest, phi * (1 - p)) - _rising(data.trials, phi) + data.constant
    return LogDensity(value, in_p * bend, in_p2 * bend**2 + in_p * bend * (1 - 2 * p))


def _betabinomial_slopes(eta: Array, data: Response, delta: float) -> DensitySlopes:
    p, phi = _inside(eta), float(np.exp(delta))
    (a0, a1, a2), (b0, b1, b2) = _shapes(p, data, phi, 3)
    bend, q = p * (1 - p), 1 - p
    curl = bend * (1 - 2 * p)
    in_p, in_p2, in_p3 = phi * (a0 - b0), phi**2 * (a1 + b1), phi**3 * (a2 - b2)
    in_p_delta = in_p + phi**2 * (p * a1 - q * b1)
    in_p2_delta = 2 * in_p2 + phi**3 * (p * a2 + q * b2)
    whole = special.digamma(data.trials + phi) - special.digamma(phi)
    return DensitySlopes(
        third=in_p3 * bend**3 + 3 * in_p2 * bend * curl + in_p * bend * (1 - 6 * bend),
        delta=phi * (p * a0 + q * b0 - whole),
        first_delta=in_p_delta * bend,
        second_delta=in_p2_delta * bend**2 + in_p_delta * curl,
    )


def _rising(y: Array, start: Array | float) -> Array:
    """Return log gamma(y + start) - log gamma(start)."""
    return np.asarray(special.gammaln(y + start) - special.gammaln(start))


def _draw_nbinom2(mu: Array, _trials: Array, delta: float, rng: np.random.Generator) -> Array:
    theta = np.exp(delta)
    return np.asarray(rng.poisson(rng.gamma(theta, mu / theta)), dtype=np.float64)


def _draw_nbinom1(mu: Array, _trials: Array, delta: float, rng: np.random.Generator) -> Array:
    phi = np.exp(delta)
    return np.asarray(rng.poisson(rng.gamma(mu / phi, phi)), dtype=np.float64)


def _draw_betabinomial(mu: Array, trials: Array, delta: float, rng: np.random.Generator) -> Array:
    phi, p = np.exp(delta), np.clip(mu / np.maximum(trials, 1), 1e-12, 1 - 1e-12)
    return rng.binomial(trials.astype(np.int64), rng.beta(phi * p, phi * (1 - p))).astype(np.float64)


FAMILIES: dict[str, CountFamily] = {
    family.name: family
    for family in (
        CountFamily(
            name="poisson",
            link="log",
            dispersion="",
            curve=_poisson,
            slopes=_poisson_slopes,
            variance=lambda mu, _trials, _delta: mu,
            draw=lambda mu, _trials, _delta, rng: rng.poisson(mu).astype(np.float64),
        ),
        CountFamily(
            name="binomial",
            link="logit",
            dispersion="",
            curve=_binomial,
            slopes=_binomial_slopes,
            variance=lambda mu, trials, _delta: mu * (1 - mu / trials),
            draw=lambda mu, trials, _delta, rng: rng.binomial(trials.astype(np.int64), mu / trials).astype(np.float64),
        ),
        CountFamily(
            name="nbinom2",
            link="log",
            dispersion="theta",
            curve=_nbinom2,
            slopes=_nbinom2_slopes,
            variance=lambda mu, _trials, delta: mu + mu**2 / np.exp(delta),
            draw=_draw_nbinom2,
            limit="poisson",
            limit_sign=1,
        ),
        CountFamily(
            name="nbinom1",
            link="log",
            dispersion="phi",
            curve=_nbinom1,
            slopes=_nbinom1_slopes,
            variance=lambda mu, _trials, delta: mu * (1 + np.exp(delta)),
            draw=_draw_nbinom1,
            limit="poisson",
            limit_sign=-1,
        ),
        CountFamily(
            name="betabinomial",
            link="logit",
            dispersion="phi",
            curve=_betabinomial,
            slopes=_betabinomial_slopes,
            variance=lambda mu, trials, delta: mu * (1 - mu / trials) * (np.exp(delta) + trials) / (np.exp(delta) + 1),
            draw=_draw_betabinomial,
            limit="binomial",
            limit_sign=1,
        ),
    )
}

"""Single-step adjustment: the distribution of the largest |t| of several contrasts, without random numbers.

`P(max |T_i| <= q)` for a multivariate t with real df and any correlation. Contrasts that share one control (Dunnett)
have a one-factor correlation, and the probability is a double integral by Gauss-Legendre; groups of contrasts that do
not correlate share only the error's df; any other correlation is integrated on a fixed lattice (Genz & Bretz 2009,
10.1007/978-3-642-01689-9). Tukey's test is the studentized range. The same input gives the same digits, always.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtri, gammaincinv, gammaln, ndtr, ndtri

Floats = NDArray[np.float64]

_NO_ERROR_DF = 1e7  # beyond it t is normal to double precision of any p
_LATTICE = 16_381  # points per shift, a prime
_SHIFTS = 12
_SAME = 1.0 - 1e-10  # contrasts correlated so far are one contrast


def max_abs_t_probability(q: float, df: float, correlation: ArrayLike) -> float:
    """Return P(max |T_i| <= q) for a multivariate t with `df` degrees of freedom.

    >>> round(max_abs_t_probability(2.0, 10.0, [[1.0]]), 6)
    0.926612
    """
    q, df = abs(q), float(df)
    # 1. contrasts that repeat another change nothing; those unrelated to the others share only the error's scale
    R = _distinct(np.asarray(correlation, np.float64))
    loadings = [_one_factor(R[np.ix_(members, members)]) for members in _unrelated(R)]
    # 2. where every group has one factor, as around one control, the probability is a double integral
    known = [one for one in loadings if one is not None]
    if len(known) == len(loadings):
        return _factor_probability(q, df, known)
    # 3. any other correlation is integrated on the lattice
    lattice = _lattice_probability(q, df, R)
    # 4. its error on the nearest correlation of one factor, whose answer step 2 gives, is taken off
    near = _nearest_factor(R)
    one_factor = np.outer(near, near)
    np.fill_diagonal(one_factor, 1.0)
    error = _lattice_probability(q, df, one_factor) - _factor_probability(q, df, [near])
    return float(np.clip(lattice - error, 0.0, 1.0))


def max_abs_t_quantile(df: float, correlation: ArrayLike, level: float = 0.95) -> float:
    """Return the q with P(max |T_i| <= q) = level: the critical value of simultaneous intervals."""
    from scipy.optimize import brentq
    from scipy.special import stdtrit

    R = np.asarray(correlation, np.float64)
    low = float(stdtrit(min(df, _NO_ERROR_DF), 0.5 + level / 2.0))
    high = float(stdtrit(min(df, _NO_ERROR_DF), 1.0 - (1.0 - level) / (2.0 * len(R)))) * (1.0 + 1e-9) + 1e-9
    if len(R) == 1:
        return low
    return float(brentq(lambda q: max_abs_t_probability(q, df, R) - level, low * 0.999, high, xtol=1e-10, rtol=1e-12))


def tukey_probability(q: float, df: float, means: int) -> float:
    """Return P(studentized range of `means` means <= q); for a t of two of them, q = sqrt(2) |t|.

    Tukey 1953; the range's distribution as in Abramowitz & Stegun 26.1, integrated over the error's scale.

    >>> round(1 - tukey_probability(3.877676, 10, 3), 3)
    0.05
    """
    # 1. nodes over the error's scale s, and over the smallest mean z (normal, cut at 9 SDs)
    scales, weights = _error_scales(float(df))
    x, w = _gauss_legendre(160)
    z, wz = 9.0 * x, 9.0 * w * np.exp(-0.5 * (9.0 * x) ** 2) / np.sqrt(2.0 * np.pi)
    # 2. given both, the other means lie within q s of z: k (Phi(z) - Phi(z - q s))^(k - 1), integrated
    inside = ndtr(z[None, :]) - ndtr(z[None, :] - abs(q) * scales[:, None])
    return float(np.clip(weights @ (means * inside ** (means - 1) @ wz), 0.0, 1.0))


def single_step(t: ArrayLike, df: ArrayLike, correlation: ArrayLike) -> Floats:
    """Return p values adjusted by the largest |t|: exact Dunnett where the contrasts share a control.

    Each contrast keeps its own df. Missing t's stay missing and do not count.
    """
    statistic, freedom = np.asarray(t, np.float64), np.asarray(df, np.float64)
    R = np.asarray(correlation, np.float64)
    kept = np.flatnonzero(np.isfinite(statistic))
    inner = R[np.ix_(kept, kept)]
    p = np.full(statistic.shape, np.nan)
    for i in kept:
        p[i] = 1.0 - max_abs_t_probability(float(statistic[i]), float(freedom[i]), inner)
    return _at_least_raw(p, statistic, freedom)


def tukey(t: ArrayLike, df: ArrayLike, means: int) -> Floats:
    """Return p values adjusted for all differences of `means` means (Tukey-Kramer)."""
    statistic, freedom = np.asarray(t, np.float64), np.asarray(df, np.float64)
    p = np.full(statistic.shape, np.nan)
    for i in np.flatnonzero(np.isfinite(statistic)):
        p[i] = 1.0 - tukey_probability(float(np.sqrt(2.0) * abs(statistic[i])), float(freedom[i]), means)
    return _at_least_raw(p, statistic, freedom)


def _at_least_raw(p: Floats, t: Floats, df: Floats) -> Floats:
    """Return p no smaller than unadjusted: 1 - P loses its digits below 1e-12."""
    from scipy.special import stdtr

    return np.asarray(np.clip(np.maximum(p, 2.0 * stdtr(np.minimum(df, _NO_ERROR_DF), -np.abs(t))), 0.0, 1.0))


def _distinct(R: Floats) -> Floats:
    """Return the correlations without contrasts that repeat an earlier one."""
    kept: list[int] = []
    for i in range(len(R)):
        if all(abs(R[i, j]) < _SAME for j in kept):
            kept.append(i)
    return R[np.ix_(kept, kept)]


def _unrelated(R: Floats, tolerance: float = 1e-9) -> list[list[int]]:
    """Return the contrasts in groups that do not correlate with each other."""
    groups: list[list[int]] = []
    for i in range(len(R)):
        touching = [g for g in groups if (np.abs(R[i, g]) > tolerance).any()]
        groups = [g for g in groups if g not in touching] + [sorted([i, *(m for g in touching for m in g)])]
    return groups


def _factor_probability(q: float, df: float, groups: list[Floats]) -> float:
    """Return P(max |T| <= q) where each group of contrasts has one factor and groups share the error's scale."""
    scales, weights = _error_scales(df)
    probability = np.ones_like(scales)
    for loadings in groups:
        probability = probability * _one_factor_probability(q * scales, loadings)
    return float(np.clip(weights @ probability, 0.0, 1.0))


def _one_factor(R: Floats, tolerance: float = 1e-7) -> Floats | None:
    """Return |l| with |R_ij| = |l_i l_j| and consistent signs, or None where there is none below 1."""
    if len(R) == 1:
        return np.zeros(1)
    # 1. |Z_i| does not see signs: turn every contrast so that it correlates positively with the first
    signs = np.sign(R[0])
    signs[signs == 0] = 1.0
    A = R * np.outer(signs, signs)
    if len(R) == 2:
        return np.full(2, np.sqrt(abs(A[0, 1])))
    if (A <= 0).any():
        return None
    # 2. of a triad l_i^2 = r_ij r_ik / r_jk (Spearman's tetrads)
    others = [[j for j in range(len(A)) if j != i][:2] for i in range(len(A))]
    loadings = np.array([np.sqrt(A[i, j] * A[i, k] / A[j, k]) for i, (j, k) in enumerate(others)])
    # 3. the loadings are one factor's only where they give every other correlation, too
    rest = A - np.outer(loadings, loadings)
    np.fill_diagonal(rest, 0.0)
    fits = (loadings < 1.0 - 1e-9).all() and np.abs(rest).max() < tolerance
    return loadings if fits else None


def _one_factor_probability(q: Floats, loadings: Floats) -> Floats:
    # Given the factor u the contrasts are independent: the product of P(|Z_i| <= q s | u), integrated over u
    x, w = _gauss_legendre(300)
    u, weights = 9.0 * x, 9.0 * w * np.exp(-0.5 * (9.0 * x) ** 2) / np.sqrt(2.0 * np.pi)
    inside = np.ones((len(q), len(u)))
    for loading in loadings:
        own = np.sqrt(1.0 - loading**2)
        at, edge = loading * u[None, :] / own, q[:, None] / own
        inside *= ndtr(edge - at) - ndtr(-edge - at)
    return np.asarray(inside @ weights)


def _nearest_factor(R: Floats) -> Floats:
    """Return the loadings of a one-factor correlation close to R, by iterated principal factors."""
    signs = np.sign(R[0])
    signs[signs == 0] = 1.0
    A, loadings = R * np.outer(signs, signs), np.full(len(R), 0.7)
    # Principal axis, again with the communalities it gave, until both agree (100 rounds: far beyond what is needed)
    for _ in range(100):
        values, vectors = np.linalg.eigh(A - np.diag(1.0 - loadings**2))
        loadings = np.clip(np.abs(vectors[:, -1]) * np.sqrt(max(values[-1], 0.0)), 0.0, 0.99)
    return np.asarray(loadings)


def _lattice_probability(q: float, df: float, R: Floats) -> float:
    """Return P(max |T| <= q), by sequential conditioning on a rank-1 lattice (Genz & Bretz 2002, 10.1198/106186002394).

    The first coordinate is the error's scale, the others the contrasts one after the other.
    """
    # 1. T = s^-1 L z with L the Cholesky factor: |T_i| <= q becomes bounds on z_1, z_2 ... one after the other
    L, points = _cholesky(R), _lattice(len(R))
    # 2. the lattice's first coordinate is the error's scale s
    edge = q * _scale_at(df)
    # 3. z_1 between its bounds: probability `width`, and a lattice point within
    low = ndtr(-edge / L[0, 0])
    width = 1.0 - 2.0 * low
    probability, z = width.copy(), np.empty((len(L) - 1, points.shape[1]))
    # 4. given z_1 ... z_i, the bounds of z_(i + 1); the product of the widths is the integrand
    for i in range(1, len(L)):
        z[i - 1] = ndtri(np.clip(low + points[i] * width, 1e-300, 1.0 - 1e-16))
        shift = L[i, :i] @ z[:i]
        low = ndtr((-edge - shift) / L[i, i])
        width = ndtr((edge - shift) / L[i, i]) - low
        probability *= width
    return float(probability.mean())


@lru_cache(maxsize=32)
def _scale_at(df: float) -> Floats:
    """Return sqrt(chi2_df / df) at the lattice's first coordinate."""
    if df >= _NO_ERROR_DF:
        return np.ones(_LATTICE * _SHIFTS)
    return np.asarray(np.sqrt(2.0 / df * gammaincinv(df / 2.0, _lattice(1)[0])))


def _cholesky(R: Floats) -> Floats:
    """Return the Cholesky factor; contrasts that others determine get a residual SD of 1e-6 to be conditioned on."""
    values, vectors = np.linalg.eigh(R)
    if values.min() > 1e-10:
        return np.asarray(np.linalg.cholesky(R))
    lifted = (vectors * np.maximum(values, 1e-12)) @ vectors.T
    return np.asarray(np.linalg.cholesky(lifted + 1e-12 * np.eye(len(R))))


@lru_cache(maxsize=32)
def _lattice(dimensions: int) -> Floats:
    """Return lattice points in the unit cube (dimensions x points): Richtmyer's, folded, at fixed shifts."""
    primes = [n for n in range(2, 2000) if all(n % d for d in range(2, int(n**0.5) + 1))][:dimensions]
    steps = np.sqrt(np.array(primes, np.float64))[:, None]
    index = np.arange(1, _LATTICE + 1)[None, :]
    golden = (np.sqrt(5.0) - 1.0) / 2.0
    shifts = [np.modf((s + 1) * golden * (np.arange(dimensions)[:, None] + 1))[0] for s in range(_SHIFTS)]
    points = np.concatenate([np.modf(index * steps + shift)[0] for shift in shifts], axis=1)
    return np.asarray(np.abs(2.0 * points - 1.0))


@lru_cache(maxsize=256)
def _error_scales(df: float) -> tuple[Floats, Floats]:
    """Return nodes and weights of the integral over s = sqrt(chi2_df / df)."""
    if df >= _NO_ERROR_DF:
        return np.ones(1), np.ones(1)
    low, high = np.sqrt(chdtri(df, 1.0 - 1e-12) / df), np.sqrt(chdtri(df, 1e-13) / df)
    x, w = _gauss_legendre(120)
    s = (high - low) / 2.0 * x + (high + low) / 2.0
    half = df / 2.0
    log_density = np.log(2.0 * s * df) + (half - 1.0) * np.log(df * s**2 / 2.0) - df * s**2 / 2.0 - gammaln(half)
    return s, w * np.exp(log_density - np.log(2.0)) * (high - low) / 2.0


@lru_cache(maxsize=8)
def _gauss_legendre(points: int) -> tuple[Floats, Floats]:
    x, w = np.polynomial.legendre.leggauss(points)
    return x, w

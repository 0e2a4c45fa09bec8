"""Denominator degrees of freedom of a mixed model: Satterthwaite and Kenward-Roger, for t and for F.

Both rest on how the covariance of beta moves with the variance parameters (`slopes`), and on how well those are known
(`parameter_covariance`): df = 2 v^2 / var(v) for one contrast with variance v.
Satterthwaite as in lmerTest (Kuznetsova et al. 2017, 10.18637/jss.v082.i13): observed information by theta and sigma.
Kenward & Roger 1997 (10.2307/2533558) as in pbkrtest (Halekoh & Hojsgaard 2014, 10.18637/jss.v059.i09): expected
information by the variances, and a covariance of beta enlarged for their uncertainty.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import fdtrc, stdtr, stdtrit

from assaykit.errors import DesignError
from assaykit.stats.lmm.model import Lmm, Optimum
from assaykit.stats.lmm.reml import by_theta, first_traces, pairs_of, quadratic, second_traces
from assaykit.stats.units import ContrastResult

Floats = NDArray[np.float64]
Method = Literal["satterthwaite", "kenward_roger"]
_NO_UNCERTAINTY = 1e10  # df of a contrast whose variance is known: its t is normal


@dataclass(frozen=True, slots=True, eq=False)
class Inference:
    """What tests of a fitted model need, on the columns of the model."""

    method: Method
    beta: Floats
    vcov: Floats  # the one standard errors come from
    unadjusted: Floats  # the model's own
    slopes: Floats  # parameters x p x p: d vcov / d parameter
    parameter_covariance: Floats


TEST_COLUMNS = ("estimate", "std_error", "df", "statistic", "p_value", "conf_low", "conf_high")
"""The fields of a `ContrastResult` that a mixed model's test fills."""


@dataclass(frozen=True, slots=True)
class FTest:
    """Several contrasts against zero together."""

    num_df: int
    den_df: float
    statistic: float
    p_value: float


def inference(fit: Lmm, method: Method = "satterthwaite") -> Inference:
    """Return the means of testing contrasts of a fitted model."""
    if method == "kenward_roger" and not fit.optimum.reml:
        raise DesignError("Kenward-Roger degrees of freedom must rest on a REML fit", "a maximum-likelihood fit")
    return _satterthwaite(fit) if method == "satterthwaite" else _kenward_roger(fit)


def t_tests(contrasts: Floats, model: Inference, level: float = 0.95) -> list[ContrastResult]:
    """Return the test of every row of `contrasts @ beta`; `contrasts` is (rows x columns of the model)."""
    estimate = contrasts @ model.beta
    std_error = np.sqrt(((contrasts @ model.vcov) * contrasts).sum(axis=-1))
    df = degrees_of_freedom(contrasts, model)
    t = estimate / std_error
    half = stdtrit(df, 0.5 + level / 2) * std_error
    p = 2.0 * stdtr(df, -np.abs(t))
    columns = (estimate, std_error, df, t, p, estimate - half, estimate + half)
    method = f"mixed model, t with {model.method.replace('_', '-').title()} df"
    rows = np.stack(columns, axis=1).tolist()
    return [
        ContrastResult("", estimate, error, nu, t, p, low, high, 0, method)
        for estimate, error, nu, t, p, low, high in rows
    ]


def degrees_of_freedom(contrasts: Floats, model: Inference) -> Floats:
    """Return the df of every row."""
    v = ((contrasts @ model.unadjusted) * contrasts).sum(axis=-1)
    slope = ((contrasts @ model.slopes) * contrasts).sum(axis=-1).T / v[:, None]
    certainty = ((slope @ model.parameter_covariance) * slope).sum(axis=-1)
    with np.errstate(divide="ignore"):  # for one contrast Kenward and Roger's formula comes to the same
        return np.asarray(np.where(certainty > 0, 2.0 / certainty, _NO_UNCERTAINTY))


def f_test(contrasts: ArrayLike, model: Inference) -> FTest:
    """Return the test that every row of `contrasts @ beta` is zero; rows that repeat others are left out."""
    L = np.atleast_2d(np.asarray(contrasts, np.float64))
    values, vectors = np.linalg.eigh(L @ L.T)
    kept = values > 1e-10 * max(values.max(), 1e-300)
    L = L if kept.all() else vectors[:, kept].T @ L
    return _f_satterthwaite(L, model) if model.method == "satterthwaite" else _f_kenward_roger(L, model)


def _satterthwaite(fit: Lmm) -> Inference:
    o = fit.optimum
    s = o.sums
    # 1. the Hessian of the deviance by theta, with the residual variance no longer profiled out
    freedom = o.data.n - len(fit.beta) if o.reml else o.data.n
    variance = o.solved.ypy / freedom  # of the residual; below in its units
    uu, PGP = s.uu / variance, quadratic(s, o.solved) / variance
    gradient = first_traces(s, o.solved, reml=o.reml) - uu
    by_psi = -second_traces(s, o.solved, reml=o.reml) + 2.0 * PGP
    hessian = by_theta(gradient, by_psi, o.solved.theta, o.parameters)[1]
    # 2. beside it the residual SD: second derivative 4 (n - p), cross derivatives 2 y'P (dV/d theta) P y
    J = o.parameters.jacobian(o.solved.theta)
    m = len(hessian)
    joint = np.full((m + 1, m + 1), 4.0 * freedom)
    joint[:m, :m] = hessian
    joint[m, :m] = joint[:m, m] = 2.0 * (J.T @ uu)
    # 3. how vcov = sigma^2 (X'V^-1 X)^-1 moves with theta and sigma; 4. twice the inverse Hessian is their covariance
    Phi = o.solved.Phi
    by_theta_slopes = np.tensordot(J.T, Phi @ s.A @ Phi, 1)
    slopes = np.concatenate([by_theta_slopes, 2.0 * Phi[None]])
    return Inference("satterthwaite", fit.beta, fit.vcov, fit.vcov, _on_columns(slopes, fit), 2.0 * _inverse(joint))


def _kenward_roger(fit: Lmm) -> Inference:
    o = fit.optimum
    # 1. P_r = -X'V^-1 G_r V^-1 X (here A_r = -P_r) and Q_rs = X'V^-1 G_r V^-1 G_s V^-1 X of their equation 3
    A, Q, traces = _information_parts(o)
    Phi = o.solved.Phi
    PhiA = Phi @ A
    # 2. W, the covariance of the variances: the inverse expected information, (tr V^-1 G V^-1 G - 2 tr Phi Q + ...) / 2
    information = traces - 2.0 * np.einsum("ij,rsji->rs", Phi, Q) + np.einsum("rij,sji->rs", PhiA, PhiA)
    W = 2.0 * _inverse(information)
    # 3. the adjusted covariance Phi + 2 Phi {sum W_rs (Q_rs - P_r Phi P_s)} Phi; G is linear in the variances, so R = 0
    U = np.einsum("rs,rsij->ij", W, Q - np.einsum("rij,sjk->rsik", A @ Phi, A))
    adjusted = Phi + 2.0 * Phi @ U @ Phi
    vcov, unadjusted = _on_columns(np.stack([(adjusted + adjusted.T) / 2.0, Phi]), fit)
    return Inference("kenward_roger", fit.beta, vcov, unadjusted, _on_columns(Phi @ A @ Phi, fit), W)


def _information_parts(o: Optimum) -> tuple[Floats, Floats, Floats]:
    """Return X'V^-1 G_r V^-1 X, X'V^-1 G_r V^-1 G_s V^-1 X and tr(V^-1 G_r V^-1 G_s), the residual's G = I last.

    I = V - sum_r psi_r G_r, so that whatever holds I follows from the rest.
    """
    s = o.sums
    psi = o.parameters.psi(o.solved.theta)
    m, p = len(psi), len(o.solved.beta)
    A = np.concatenate([s.A, (o.solved.D[:p, :p] - np.tensordot(psi, s.A, 1))[None]])
    Q = np.zeros((m + 1, m + 1, p, p))
    Q[:m, :m] = _sandwiches(o)
    Q[m, :m] = s.A - np.tensordot(psi, Q[:m, :m], 1)
    Q[:m, m] = np.swapaxes(Q[m, :m], 1, 2)
    Q[m, m] = A[m] - np.tensordot(psi, Q[:m, m], 1)
    traces = np.zeros((m + 1, m + 1))
    traces[:m, :m] = s.traces
    traces[m, :m] = traces[:m, m] = s.trace - psi @ s.traces
    traces[m, m] = o.data.n - psi @ s.trace - psi @ traces[:m, m]
    return A, Q, traces


def _sandwiches(o: Optimum) -> Floats:
    """Return X'V^-1 G_r V^-1 G_s V^-1 X for the random effects' parameters."""
    m, p = len(o.parameters.entries), len(o.solved.beta)
    Q = np.zeros((m, m, p, p))
    for block, S, W in zip(o.data.blocks, o.solved.S, o.solved.W, strict=True):
        T = W[:, :, :p]
        pairs = [pairs_of(block, o.parameters, r) for r in range(m)]
        for r, left in enumerate(pairs):
            for s, right in enumerate(pairs):
                for a, b in left:
                    for c, d in right:
                        middle = S[:, b[:, None], c] @ T[:, d]
                        Q[r, s] += np.tensordot(T[:, a], middle, axes=([0, 1], [0, 1]))
    return Q


def _on_columns(stack: Floats, fit: Lmm) -> Floats:
    """Return matrices over the orthonormal columns as matrices over the model's, in the response's units."""
    back = np.linalg.solve(fit.optimum.R, np.eye(len(fit.beta)))
    return np.asarray(fit.sigma**2 * (back @ stack @ back.T))


def _inverse(information: Floats) -> Floats:
    """Return the inverse over the directions the data inform; a zero variance informs none about itself."""
    scale = np.sqrt(np.maximum(np.abs(np.diag(information)), 1e-300))
    values, vectors = np.linalg.eigh(information / np.outer(scale, scale))
    kept = values > 1e-8 * values.max()
    return np.asarray((vectors[:, kept] / values[kept]) @ vectors[:, kept].T / np.outer(scale, scale))


def _f_satterthwaite(L: Floats, model: Inference) -> FTest:
    """Return F as in lmerTest: independent t tests along the contrasts' principal axes share one denominator."""
    values, vectors = np.linalg.eigh(L @ model.vcov @ L.T)
    axes = vectors.T @ L
    squares = (axes @ model.beta) ** 2 / values
    q, F = len(values), float(np.mean(squares))
    den = _pooled_df(degrees_of_freedom(axes, model))
    return FTest(q, den, F, float(fdtrc(q, den, F)))


def _pooled_df(df: Floats) -> float:
    if np.ptp(df) < 1e-8:
        return float(np.mean(df))
    if df.min() <= 2.0:
        return 2.0
    E = float(np.sum(df / (df - 2.0)))
    return 2.0 * E / (E - len(df))


def _f_kenward_roger(L: Floats, model: Inference) -> FTest:
    q, estimate = len(L), L @ model.beta
    # 4. A1 and A2: Theta = L'(L Phi L')^-1 L against how Phi moves, weighted by W
    inverse = np.linalg.inv(L @ model.unadjusted @ L.T)
    moved = np.einsum("ij,rjk->rik", inverse, L @ model.slopes @ L.T)
    trace = np.einsum("rii->r", moved)
    A1 = float(trace @ model.parameter_covariance @ trace)
    A2 = float(np.einsum("rs,rij,sji->", model.parameter_covariance, moved, moved))
    # 5. match the first two moments of F: denominator df and scale
    den, scale = _kenward_roger_scale(q, A1, A2)
    F = scale * float(estimate @ np.linalg.solve(L @ model.vcov @ L.T, estimate)) / q
    return FTest(q, den, F, float(fdtrc(q, den, F)))


def _kenward_roger_scale(q: int, A1: float, A2: float) -> tuple[float, float]:
    """Return the denominator df and the factor on F (Kenward & Roger 1997, section 3.3, in their letters)."""
    B = (A1 + 6.0 * A2) / (2.0 * q)
    g = ((q + 1) * A1 - (q + 4) * A2) / ((q + 2) * A2)
    base = 3.0 * q + 2.0 * (1.0 - g)
    c1, c2, c3 = g / base, (q - g) / base, (q + 2.0 - g) / base
    V0, V1, V2 = 1.0 + c1 * B, 1.0 - c2 * B, 1.0 - c3 * B
    V0 = 0.0 if abs(V0) < 1e-10 else V0
    ratio = (1.0 - A2 / q) / V1 if abs(V1) > 1e-10 else 1.0
    rho = ratio**2 * V0 / V2 / q
    den = 4.0 + (q + 2.0) / (q * rho - 1.0)
    return den, den * (1.0 - A2 / q) / (den - 2.0) if abs(den - 2.0) > 1e-2 else 1.0 - A2 / q

"""Separation: effects the likelihood does not bound, and the penalty that keeps their estimates finite.

An arm without any event, or with nothing else, sends its log rate or log odds to infinity: the likelihood rises for
ever along some direction of the fixed effects (Albert & Anderson 1984, 10.1093/biomet/71.1.1), and whatever number a
search stops at is its own patience. Such a direction d is one in which no observation loses:

    x'd <= 0 where the count is 0,   x'd >= 0 where it is all of its trials,   x'd = 0 elsewhere

which a linear program finds exactly (Konis 2007, Linear programming algorithms for detecting separated data). The
estimates of such a model are those of the likelihood times Jeffreys' prior of the fixed effects,

    log L + log |X'WX| / 2,   W the variances of the counts without random effects

(Firth 1993, 10.1093/biomet/80.1.27; Kosmidis & Firth 2021, 10.1093/biomet/asaa052, that it is finite; Sterzinger &
Kosmidis 2023, 10.1007/s11222-023-10217-3, for mixed models). Where arms are all there is, it adds half an event
and half a non-event to each: the correction that the unit-level answer makes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import special

from assaykit.stats.glmm.family import Response
from assaykit.stats.glmm.laplace import CountModel, Likelihood

Array = NDArray[np.float64]
_TOLERANCE = 1e-7  # of a linear program on columns of unit size


def is_separated(model: CountModel) -> bool:
    """Return whether some direction of the fixed effects is unbounded."""
    bounds = _bounds(model.X, model.response, logit=model.family.link == "logit")
    return bounds is not None and bool(_unbounded(bounds, _gain(bounds)))


def unbounded_contrasts(model: CountModel, rows: Array, response: Response | None = None) -> NDArray[np.bool_]:
    """Return which linear combinations of the fixed effects, (rows x columns), the likelihood does not bound.

    `response` stands in for the model's own counts, as in a bootstrap.
    """
    bounds = _bounds(model.X, response or model.response, logit=model.family.link == "logit")
    if bounds is None or not _unbounded(bounds, _gain(bounds)):
        return np.zeros(len(rows), bool)
    return np.array([_unbounded(bounds, row) or _unbounded(bounds, -row) for row in rows], bool)


def penalised(model: CountModel, value: Likelihood, beta: Array) -> Likelihood:
    """Return the likelihood and its gradient with Jeffreys' prior of the fixed effects added."""
    # 1. the variances of the counts without random effects, and their relative slopes in eta
    eta = np.clip(model.X @ beta + model.offset, -100.0, 100.0)
    if model.family.link == "logit":
        p = special.expit(eta)
        W, slope = model.response.trials * p * special.expit(-eta), 1 - 2 * p
    else:
        W, slope = np.exp(eta), np.ones_like(eta)
    # 2. log |X'WX| / 2 and the leverages h_i = W_i x_i' (X'WX)^-1 x_i, from the triangle of a QR
    WX = np.sqrt(W)[:, None] * model.X
    Q, R = np.linalg.qr(WX)
    leverage = np.einsum("ij,ij->i", Q, Q)
    # 3. its gradient: d log |X'WX| / d beta = sum of h_i d log W_i / d beta
    gradient = value.gradient.copy()
    gradient[: model.fixed] += 0.5 * model.X.T @ (leverage * slope)
    log_prior = float(np.log(np.maximum(np.abs(np.diag(R)), 1e-300)).sum())
    return value._replace(loglik=value.loglik + log_prior, gradient=gradient)


def _bounds(X: Array, response: Response, *, logit: bool) -> tuple[Array, Array] | None:
    """Return rows x with x'd <= 0 and rows with x'd = 0; None where no arm is all zero, or all of its trials.

    An arm here is a set of equal rows of the design. With one count between the extremes it is bound on both sides.
    """
    arms, index = np.unique(X, axis=0, return_inverse=True)
    arm = index.ravel()
    counts = np.bincount(arm, response.counts)
    full = np.bincount(arm, response.trials - response.counts) == 0 if logit else np.zeros(len(arms), bool)
    none = counts == 0
    if not (none | full).any():
        return None
    one_sided = np.concatenate([arms[none], -arms[full & ~none]])
    return one_sided, arms[~(none | full)]


def _gain(bounds: tuple[Array, Array]) -> Array:
    return np.asarray(-bounds[0].sum(axis=0))


def _unbounded(bounds: tuple[Array, Array], direction: Array) -> bool:
    """Return whether some d that loses nowhere has `direction` @ d > 0."""
    from scipy.optimize import linprog

    one_sided, inner = bounds
    found = linprog(
        -direction,
        A_ub=one_sided,
        b_ub=np.zeros(len(one_sided)),
        A_eq=inner if len(inner) else None,
        b_eq=np.zeros(len(inner)) if len(inner) else None,
        bounds=(-1, 1),
        method="highs",
    )
    return bool(found.status == 0 and -found.fun > _TOLERANCE * max(1.0, float(np.abs(direction).max())))

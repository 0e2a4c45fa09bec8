"""The marginal likelihood of a GLMM with one random intercept by adaptive Gauss-Hermite quadrature, with its gradient.

Each level's integral over its own effect u is centred at its mode and scaled by its curvature (Liu & Pierce 1994,
10.1093/biomet/81.3.624); one node is Laplace's approximation. The log likelihood is the whole one: lme4 prints it
for more than one node less that of the saturated model, which shifts every fit by the same constant.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from assaykit.stats.glmm.laplace import (
    CountModel,
    CountParameters,
    Likelihood,
    Mode,
    find_mode,
    flat_beyond,
    parameters_of,
)

Array = NDArray[np.float64]
Whole = NDArray[np.int64]


class NodeSlopes(NamedTuple):
    """How each level's mode and curvature move with psi, both (levels, parameters)."""

    mode: Array
    curvature: Array


def quadrature(model: CountModel, psi: Array, start: Array, *, nodes: int) -> Likelihood | None:
    """Return the log likelihood and gradient at psi by `nodes` points a level; None where a level has no mode."""
    at = parameters_of(model, psi)
    mode = find_mode(model, at, start)
    if mode is None:
        return None
    # 1. nodes of Gauss and Hermite, moved to each level's mode and scaled by its curvature
    x, weights = np.polynomial.hermite.hermgauss(nodes)
    level, levels = model.random.terms[0].level, mode.u.size
    scale = np.sqrt(2 / mode.H.D)
    u = mode.u[:, None] + scale[:, None] * x
    eta = (model.X @ at.beta + model.offset)[:, None] + at.sds[0] * u[level]
    # 2. the integrand at every node, exp(x^2) taking off the weight that Hermite's rule puts on
    curves = [model.family.curve(column, model.response, at.delta) for column in eta.T]
    heights = _by_level(np.stack([curve.value for curve in curves], axis=1), level, levels)
    heights += np.log(weights) + x**2 - u**2 / 2
    # 3. the sum over nodes, level by level, on the log scale
    top = heights.max(axis=1)
    mass = np.exp(heights - top[:, None])
    total = mass.sum(axis=1)
    loglik = float(np.sum(top + np.log(total) + np.log(scale)) - levels * np.log(2 * np.pi) / 2)
    if not np.isfinite(loglik):
        return None
    first = np.stack([curve.first for curve in curves], axis=1)
    gradient = _gradient(model, at, mode, first=first, u=u, x=x, share=mass / total[:, None], eta=eta)
    return Likelihood(loglik, flat_beyond(model, psi, gradient), mode)


def _gradient(
    model: CountModel, at: CountParameters, mode: Mode, *, first: Array, u: Array, x: Array, share: Array, eta: Array
) -> Array:
    """Return the exact gradient: each node's own slope, and the slope along the nodes as they move with psi."""
    level, levels, sd = model.random.terms[0].level, mode.u.size, at.sds[0]
    weighted = first * share[level]
    direct = [model.X.T @ weighted.sum(axis=1), np.array([sd * np.sum(weighted * u[level])])]
    if model.family.dispersion:
        slopes = [model.family.slopes(column, model.response, at.delta).delta for column in eta.T]
        direct.append(np.array([np.sum(np.stack(slopes, axis=1) * share[level])]))
    # nodes move with their level's mode and scale
    slopes_of_nodes = _node_slopes(model, at, mode)
    relative = -0.5 * slopes_of_nodes.curvature / mode.H.D[:, None]  # d log scale
    along = share * (sd * _by_level(first, level, levels) - u)
    scaled = np.sqrt(2 / mode.H.D) * (along @ x)
    indirect = along.sum(axis=1) @ slopes_of_nodes.mode + scaled @ relative + relative.sum(axis=0)
    return np.asarray(np.concatenate(direct) + indirect)


def _node_slopes(model: CountModel, at: CountParameters, mode: Mode) -> NodeSlopes:
    """Return the derivatives of mode and curvature, by the implicit function theorem at the mode."""
    level, levels, sd = model.random.terms[0].level, mode.u.size, at.sds[0]
    _, first, second = mode.curve
    third, _, first_delta, second_delta = model.family.slopes(mode.eta, model.response, at.delta)
    has_delta = bool(model.family.dispersion)
    nothing = np.zeros((level.size, int(has_delta)))
    in_eta = np.column_stack([model.X, sd * mode.u[level], nothing])  # d eta at a fixed mode
    pushed = second[:, None] * in_eta
    if has_delta:
        pushed[:, -1] += first_delta
    pushed[:, model.fixed] += first
    moved = sd * _by_level(pushed, level, levels) / mode.H.D[:, None]
    bent = third[:, None] * (in_eta + sd * moved[level])
    if has_delta:
        bent[:, -1] += second_delta
    curvature = -(sd**2) * _by_level(bent, level, levels)
    curvature[:, model.fixed] += 2 * (mode.H.D - 1)
    return NodeSlopes(moved, curvature)


def _by_level(values: Array, level: Whole, levels: int) -> Array:
    return np.stack([np.bincount(level, column, minlength=levels) for column in values.T], axis=1)

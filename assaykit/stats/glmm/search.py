"""The maximum of a smooth log likelihood: quasi-Newton steps, then Newton's to the last digits.

bfgs    BFGS with backtracking from a start, to a decrement of 1e-8
newton   Newton with the Hessian differenced from the exact gradient, to 1e-14; that Hessian gives standard errors
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from assaykit.stats.glmm.laplace import Likelihood

Array = NDArray[np.float64]
Objective = Callable[[Array, Array], Likelihood | None]
_LONGEST = 2.0  # the longest step in any one parameter: e^2 in a mean, an SD or a dispersion
_MOST_STEPS = 400
_DIFFERENCE = 1e-3


class Maximum(NamedTuple):
    """A point, its value, and whether the search ended because nothing was left to gain."""

    psi: Array
    value: Likelihood
    converged: bool


def bfgs(objective: Objective, start: Maximum, inverse: Array, *, decrement: float = 1e-8) -> Maximum:
    """Return the maximum best by BFGS (Nocedal & Wright 2006, chapter 6) from `start`.

    `inverse` is the first guess at the inverse of minus the Hessian.
    """
    psi, value, B = start.psi, start.value, inverse
    fresh = True
    for _ in range(_MOST_STEPS):
        direction = B @ value.gradient
        if float(value.gradient @ direction) < decrement:
            return Maximum(psi, value, converged=True)
        found = _along(objective, psi, value, _shortened(direction))
        if found is None:
            if fresh:
                return Maximum(psi, value, converged=False)
            B, fresh = inverse, True
            continue
        moved, new = found
        B = _updated(B, moved - psi, value.gradient - new.gradient)
        psi, value, fresh = moved, new, False
    return Maximum(psi, value, converged=False)


def newton(objective: Objective, maximum: Maximum, *, steps: int = 6) -> tuple[Maximum, Array]:
    """Return the maximum after Newton steps, and minus the Hessian there."""
    psi, value, converged = maximum
    for _ in range(steps):
        information = information_at(objective, psi, value)
        direction = _ascent(information, value.gradient)
        if float(value.gradient @ direction) < 1e-14 * (1 + abs(value.loglik)):
            return Maximum(psi, value, converged=True), information
        found = _along(objective, psi, value, _shortened(direction))
        if found is None:
            return Maximum(psi, value, converged), information
        gained = float(value.gradient @ direction)
        psi, value = found
        if gained < 1e-9:
            return Maximum(psi, value, converged=True), information
    return Maximum(psi, value, converged), information_at(objective, psi, value)


def information_at(objective: Objective, psi: Array, value: Likelihood) -> Array:
    """Return minus the Hessian by four-point central differences of the exact gradient (error of order 1e-12)."""
    columns = []
    for index in range(psi.size):
        shift = np.zeros_like(psi)
        shift[index] = _DIFFERENCE
        slopes = [_gradient(objective, psi + times * shift, value) for times in (1, -1, 2, -2)]
        columns.append((8 * (slopes[0] - slopes[1]) - (slopes[2] - slopes[3])) / (12 * _DIFFERENCE))
    hessian = np.stack(columns, axis=1)
    return np.asarray(-(hessian + hessian.T) / 2)


def _gradient(objective: Objective, psi: Array, near: Likelihood) -> Array:
    value = objective(psi, near.mode.u)
    return np.full_like(psi, np.nan) if value is None else value.gradient


def _along(objective: Objective, psi: Array, value: Likelihood, direction: Array) -> tuple[Array, Likelihood] | None:
    """Return the first of the halved steps that climbs (Armijo), or None where rounding hides every one."""
    promise = float(value.gradient @ direction)
    for halving in range(40):
        share = 0.5**halving
        moved = psi + share * direction
        found = objective(moved, value.mode.u)
        if found is not None and found.loglik >= value.loglik + 1e-4 * share * promise - 1e-13 * abs(value.loglik):
            return moved, found
    return None


def _shortened(direction: Array) -> Array:
    return direction * min(1.0, _LONGEST / float(np.abs(direction).max()))


def _updated(B: Array, moved: Array, fell: Array) -> Array:
    """Return the BFGS update of the inverse, or B itself where the function does not curve down along the step."""
    curvature = float(moved @ fell)
    if curvature <= 1e-10 * float(np.linalg.norm(moved) * np.linalg.norm(fell)):
        return B
    left = np.eye(moved.size) - np.outer(moved, fell) / curvature
    return np.asarray(left @ B @ left.T + np.outer(moved, moved) / curvature)


def _ascent(information: Array, gradient: Array) -> Array:
    """Return the Newton step, with the curvature's absolute value where the function does not curve down."""
    if not np.isfinite(information).all():
        return gradient / max(1.0, float(np.abs(gradient).max()))
    values, vectors = np.linalg.eigh(information)
    safe = np.maximum(np.abs(values), 1e-8 * max(1.0, float(np.abs(values).max())))
    return np.asarray(vectors @ ((vectors.T @ gradient) / safe))

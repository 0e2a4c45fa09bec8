"""The logistic curve, its slopes, and least squares fits of one or several of them.

share left to bottom = (1 + (2^(1/s) - 1) (dose / IC50)^hill)^-s,   s = exp(log_asymmetry)
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from assaykit.errors import DesignError

Array = NDArray[np.float64]
Whole = NDArray[np.int64]
PARAMETERS = ("bottom", "top", "log_ic50", "hill", "log_asymmetry")
_LONGEST = {"log_ic50": 2.0, "hill": 1.0, "log_asymmetry": 1.0}  # the longest step of a fit
_LEAST = dict.fromkeys(("bottom", "top", "log_ic50"), -math.inf) | {"hill": 0.01, "log_asymmetry": -4.0}
_MOST = {"hill": 50.0, "log_asymmetry": 4.0}


class Wells(NamedTuple):
    """Doses, responses and the arm of every well, arms counted from 0."""

    dose: Array
    response: Array
    arm: Whole


class ParameterLayout(NamedTuple):
    """Where each arm's parameters stand in the vector fitted; -1 where the value is fixed."""

    place: Whole
    value: Array
    names: tuple[str, ...]


class LeastSquaresFit(NamedTuple):
    """Free parameters at the least residual sum of squares, and the Jacobian of the curve there."""

    vector: Array
    rss: float
    jacobian: Array
    converged: bool


def least_squares(
    wells: Wells, layout: ParameterLayout, start: Array, *, held: tuple[int, float] | None = None, tight: float = 1e-18
) -> LeastSquaresFit:
    """Return the fit from `start` by Levenberg-Marquardt (Nocedal & Wright 2006, chapter 10), one parameter held.

    It ends where a Gauss-Newton step promises less than `tight` of the residual sum of squares (Bates & Watts 1981).
    """
    vector, longest = start.copy(), _limits(layout, _LONGEST)
    free = np.ones(vector.size, dtype=bool)
    if held is not None:
        free[held[0]], vector[held[0]] = False, held[1]
    residual, jacobian = curve_residuals(wells, layout, vector)
    rss, damping = float(residual @ residual), 1e-4
    nothing = 1e-26 * float(wells.response @ wells.response)  # a curve that meets every point
    for _ in range(300):
        # 1. the damped Gauss-Newton step: (J'J + damping diag(J'J)) step = J'r
        J = jacobian[:, free]
        slope = J.T @ residual
        direction = np.linalg.solve(_damped(J, damping), slope)
        # 2. stop where an all but undamped step promises nothing
        if damping < 1e-2 and float(slope @ direction) <= tight * rss + nothing:
            return LeastSquaresFit(vector, rss, jacobian, converged=True)
        # 3. try it, no longer than a parameter may move, with steepness positive and asymmetry within a factor of 50
        step = np.zeros_like(vector)
        step[free] = direction
        tried = np.clip(vector + np.clip(step, -longest, longest), _limits(layout, _LEAST), _limits(layout, _MOST))
        moved, bent = curve_residuals(wells, layout, tried)
        lower = float(moved @ moved)
        # 4. down: go there and damp less, towards Gauss-Newton; up: stay and damp more, towards steepest descent
        if lower <= rss:
            vector, residual, jacobian, rss, damping = tried, moved, bent, lower, max(damping / 10, 1e-14)
        elif damping > 1e10:
            break
        else:
            damping = max(10 * damping, 1e-8)
    J = jacobian[:, free]
    slope = J.T @ residual
    # where rounding hides every further step, what a whole step would promise decides
    promise = float(slope @ np.linalg.solve(_damped(J, 1e-10), slope))
    return LeastSquaresFit(vector, rss, jacobian, converged=promise <= 1e-12 * rss)


def _damped(J: Array, damping: float) -> Array:
    """Return J'J with its diagonal raised by a share of itself, which makes the step blind to units."""
    gram = J.T @ J
    scale = np.maximum(np.diag(gram), 1e-14 * np.diag(gram).max() + 1e-300)
    return np.asarray(gram + damping * np.diag(scale))


def _limits(layout: ParameterLayout, limits: Mapping[str, float]) -> Array:
    return np.array([limits.get(name.partition("[")[0], math.inf) for name in layout.names])


def curve_residuals(wells: Wells, layout: ParameterLayout, vector: Array) -> tuple[Array, Array]:
    """Return response - curve, and the Jacobian of the curve in the free parameters."""
    residual, jacobian = np.empty_like(wells.response), np.zeros((wells.response.size, vector.size))
    for index, places in enumerate(layout.place):
        here = wells.arm == index
        p = np.where(places >= 0, vector[places], layout.value[index])
        fraction, slopes = share_left(wells.dose[here], p)
        residual[here] = wells.response[here] - p[0] - (p[1] - p[0]) * fraction
        columns = np.stack([1 - fraction, fraction, *((p[1] - p[0]) * slope for slope in slopes)], axis=1)
        for column, place in zip(columns.T, places, strict=True):
            if place >= 0:
                jacobian[here, place] += column
    return residual, jacobian


def share_left(dose: Array, p: Array) -> tuple[Array, tuple[Array, Array, Array]]:
    """Return (1 + k z)^-s, the share of the way left to bottom, and its slopes in log_ic50, hill, log_asymmetry."""
    _, _, log_ic50, hill, log_s = p
    s = math.exp(log_s)
    k = 2 ** (1 / s) - 1
    log_dose = np.log(np.where(dose > 0, dose, 1.0)) - log_ic50
    z = np.where(dose > 0, np.exp(np.clip(hill * log_dose, -500.0, 500.0)), 0.0 if hill > 0 else np.inf)
    with np.errstate(over="ignore", invalid="ignore"):
        share = k * z / (1 + k * z)
    share = np.where(np.isfinite(share), share, 1.0)
    fraction = np.exp(-s * np.logaddexp(0.0, np.log(np.maximum(k * np.minimum(z, 1e300), 1e-300))))
    bend = -s * fraction * share
    in_s = -s * np.log1p(k * np.minimum(z, 1e300)) * fraction - 2 ** (1 / s) * math.log(2) / (s * k) * bend
    return fraction, (-hill * bend, np.where(dose > 0, log_dose * bend, 0.0), in_s)


def layout_of(arms: list[str], shared: Sequence[str], fixed: Mapping[str, float]) -> ParameterLayout:
    """Return where the free parameters of each arm stand: one place for a shared one, a place per arm else."""
    unknown = sorted({*shared, *fixed} - set(PARAMETERS))
    if unknown:
        raise DesignError(f"a curve's parameters must be among {', '.join(PARAMETERS)}", ", ".join(unknown))
    names: list[str] = []
    place = np.full((len(arms), len(PARAMETERS)), -1, dtype=np.int64)
    for column, parameter in enumerate(PARAMETERS):
        if parameter in fixed:
            continue
        together = parameter in shared or len(arms) == 1
        place[:, column] = len(names) + (0 if together else np.arange(len(arms)))
        names += [parameter] if together else [f"{parameter}[{arm}]" for arm in arms]
    value = np.array([[fixed.get(parameter, 0.0) for parameter in PARAMETERS]] * len(arms))
    return ParameterLayout(place, value, tuple(names))


def starting_points(wells: Wells) -> list[Array]:
    """Return parameter sets to start from: plateaus from the end doses, and several midpoints and steepnesses."""
    doses = np.unique(wells.dose)
    means = np.array([wells.response[wells.dose == dose].mean() for dose in doses])
    positive = doses[doses > 0]
    top, bottom = float(means[0]), float(means[-1])
    crossed = np.argmin(np.abs(means[doses > 0] - (top + bottom) / 2))
    middles = [float(np.log(positive[crossed])), *np.log(np.quantile(positive, [0.25, 0.75])).tolist()]
    return [np.array([bottom, top, middle, hill, 0.0]) for middle in middles for hill in (1.0, 3.0)]


def best_fit(wells: Wells, layout: ParameterLayout) -> LeastSquaresFit:
    """Return the best of the fits from several starting points."""
    columns = [PARAMETERS.index(name.partition("[")[0]) for name in layout.names]
    rough = [least_squares(wells, layout, start[columns], tight=1e-4) for start in starting_points(wells)]
    best = min(rough, key=lambda fit: fit.rss)
    return least_squares(wells, layout, best.vector)

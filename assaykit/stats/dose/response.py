"""Logistic dose-response curves by least squares, for one arm or several with parameters shared between them.

    response = bottom + (top - bottom) / (1 + (2^(1/s) - 1) (dose / IC50)^hill)^s

`top` is the response without drug and `bottom` the one at unlimited dose, whichever is larger; log_ic50 is the natural
log of the dose halfway between them, also in the five-parameter curve (s = exp(log_asymmetry)). 4PL: s = 1; 3PL: also
bottom = 0. Standard errors are those of R's nls. The wells of one experiment are not independent: `shift.py`
compares arms with the experiment as the unit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from assaykit.errors import DesignError
from assaykit.stats.dose.logistic import (
    PARAMETERS,
    LeastSquaresFit,
    ParameterLayout,
    Wells,
    best_fit,
    layout_of,
    least_squares,
    share_left,
)
from assaykit.tables import Finding

Array = NDArray[np.float64]
Shape = Literal["3PL", "4PL", "5PL"]
SHAPES: dict[Shape, dict[str, float]] = {
    "3PL": {"bottom": 0.0, "log_asymmetry": 0.0},
    "4PL": {"log_asymmetry": 0.0},
    "5PL": {},
}
PLATEAU = 0.8
"""The share of the way from top to bottom that the highest dose must reach for an IC50 to be reported."""


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """Fitted curves: the free parameters by name (`log_ic50[MSC]` where arms differ), and what is left over.

    `arms` maps each arm to its five parameters.
    """

    shape: str
    names: tuple[str, ...]
    estimates: Array
    covariance: Array
    arms: Mapping[str, Mapping[str, float]]
    rss: float
    df: int
    wells: Wells
    layout: ParameterLayout
    converged: bool

    @property
    def std_errors(self) -> Array:
        """Standard errors of the free parameters."""
        return np.asarray(np.sqrt(np.diag(self.covariance)))

    @property
    def sigma(self) -> float:
        """Residual standard deviation."""
        return math.sqrt(self.rss / self.df)

    @property
    def loglik(self) -> float:
        """Normal log likelihood at its maximum."""
        n = self.wells.dose.size
        return -n / 2 * (math.log(2 * math.pi * self.rss / n) + 1)

    @property
    def aic(self) -> float:
        """Akaike's criterion, sigma counted as a parameter."""
        return 2 * (len(self.names) + 1) - 2 * self.loglik


@dataclass(frozen=True, slots=True)
class Ic50:
    """The dose halfway between the plateaus, with Wald and profile limits; missing where the plateau is not reached."""

    arm: str
    estimate: float
    log_estimate: float
    log_std_error: float
    wald_low: float
    wald_high: float
    profile_low: float
    profile_high: float
    reached: float
    findings: tuple[Finding, ...]


def fit_curve(dose: ArrayLike, response: ArrayLike, *, shape: Shape = "4PL") -> Curves:
    """Return the curve of one arm. Doses are zero or more, in any one unit; see `fit_curves`."""
    return fit_curves(dose, response, [""] * np.asarray(dose).size, shape=shape)


def fit_curves(
    dose: ArrayLike,
    response: ArrayLike,
    arm: Sequence[str] | ArrayLike,
    *,
    shape: Shape = "4PL",
    shared: Sequence[str] = (),
    fixed: Mapping[str, float] | None = None,
) -> Curves:
    """Return the least squares curves of all arms with one residual SD, `shared` parameters common to all of them.

    `fixed` holds parameters at a value. Raises DesignError where there are fewer wells than parameters, fewer than
    three doses, or doses below zero.
    """
    arms, index = np.unique(np.asarray(arm).astype(str), return_inverse=True)
    wells = Wells(np.asarray(dose, dtype=float), np.asarray(response, dtype=float), index.astype(np.int64))
    layout = layout_of([str(name) for name in arms], shared, {**SHAPES[shape], **(fixed or {})})
    _require_enough(wells, layout)
    return _curves(shape, tuple(str(name) for name in arms), wells, layout, best_fit(wells, layout))


def predicted(curves: Curves, dose: ArrayLike, arm: str = "") -> Array:
    """Return the fitted response at each dose."""
    p = curves.arms[arm]
    at = np.asarray(dose, dtype=float)
    return p["bottom"] + (p["top"] - p["bottom"]) * share_left(at, np.array([p[name] for name in PARAMETERS]))[0]


def ic50(curves: Curves, arm: str = "", *, level: float = 0.95) -> Ic50:
    """Return the IC50 of an arm with its limits, or missing numbers and a finding where the data do not reach it."""
    p = curves.arms[arm]
    name = next(n for n in (f"log_ic50[{arm}]", "log_ic50") if n in curves.names)
    error = float(curves.std_errors[curves.names.index(name)])
    reach = float(special.stdtrit(curves.df, 0.5 + level / 2)) * error
    low, high = profile_interval(curves, name, level=level)
    doses = curves.wells.dose[curves.wells.arm == list(curves.arms).index(arm)]
    reached = 1 - float(share_left(np.array([doses.max()]), np.array([p[name] for name in PARAMETERS]))[0][0])
    findings = _plateau_findings(arm, p, doses, reached, (low, high))
    logs = (p["log_ic50"], p["log_ic50"] - reach, p["log_ic50"] + reach, low, high)
    middle, wald_low, wald_high, least, most = (math.nan if findings else _dose(value) for value in logs)
    return Ic50(
        arm=arm,
        estimate=middle,
        log_estimate=p["log_ic50"],
        log_std_error=error,
        wald_low=wald_low,
        wald_high=wald_high,
        profile_low=least,
        profile_high=most,
        reached=reached,
        findings=findings,
    )


def _dose(log_dose: float) -> float:
    """Return exp(log_dose), infinite where no float holds it: such a limit is not bounded by the doses."""
    return math.exp(log_dose) if log_dose < 700 else math.inf


def profile_interval(curves: Curves, name: str, *, level: float = 0.95) -> tuple[float, float]:
    """Return the limits at which the residual sum of squares, all else refitted, has risen by sigma^2 t^2.

    Bates & Watts 1988, chapter 6. A limit is infinite where the rise never comes.
    """
    critical = float(special.stdtrit(curves.df, 0.5 + level / 2))
    error = float(curves.std_errors[curves.names.index(name)])
    low, high = (_profile_limit(curves, name, side * critical, error) for side in (-1, 1))
    return low, high


def _profile_limit(curves: Curves, name: str, critical: float, error: float) -> float:
    from scipy.optimize import brentq

    index = curves.names.index(name)
    centre = float(curves.estimates[index])
    if not math.isfinite(error) or error == 0:
        return math.copysign(math.inf, critical)
    warm = {0.0: curves.estimates}
    roots: dict[float, float] = {}  # a refit from another start may end in another minimum: one answer per value

    def signed_root(value: float) -> float:
        if value in roots:
            return roots[value]
        near = warm[min(warm, key=lambda known: abs(known - (value - centre)))]
        found = least_squares(curves.wells, curves.layout, near, held=(index, value))
        warm[value - centre] = found.vector
        rise = max(0.0, found.rss - curves.rss) / curves.sigma**2
        roots[value] = math.copysign(math.sqrt(rise), value - centre) - critical
        return roots[value]

    roots[centre] = -critical
    step, edge = abs(critical) * error, centre
    for _ in range(12):
        inner, edge = edge, edge + math.copysign(step, critical)
        if signed_root(edge) * critical >= 0:
            return float(brentq(signed_root, *sorted((inner, edge)), xtol=1e-10, rtol=1e-12))
        step *= 1.5
    return math.copysign(math.inf, critical)


def _curves(shape: str, arms: tuple[str, ...], wells: Wells, layout: ParameterLayout, fit: LeastSquaresFit) -> Curves:
    df = wells.dose.size - fit.vector.size
    gram = fit.jacobian.T @ fit.jacobian
    scale = np.sqrt(np.maximum(np.diag(gram), 1e-300))
    flat = np.linalg.cond(gram / np.outer(scale, scale)) > 1e13
    units = np.outer(scale, scale)
    covariance = np.full_like(gram, np.inf) if flat else np.linalg.inv(gram / units) / units
    values = np.where(layout.place >= 0, fit.vector[layout.place], layout.value)
    rows = [dict(zip(PARAMETERS, map(float, row), strict=True)) for row in values]
    return Curves(
        shape=shape,
        names=layout.names,
        estimates=fit.vector,
        covariance=covariance * (fit.rss / df),
        arms=dict(zip(arms, rows, strict=True)),
        rss=fit.rss,
        df=df,
        wells=wells,
        layout=layout,
        converged=fit.converged and not flat,
    )


def _require_enough(wells: Wells, layout: ParameterLayout) -> None:
    if not (np.isfinite(wells.dose).all() and np.isfinite(wells.response).all() and (wells.dose >= 0).all()):
        raise DesignError("doses must be zero or more, and every well must have a response", "others")
    for index in range(layout.place.shape[0]):
        doses = np.unique(wells.dose[wells.arm == index])
        if doses.size < 3 or np.sum(doses > 0) < 2:
            raise DesignError("a curve must have at least three doses, two of them above zero", f"{doses.size} doses")
    if wells.dose.size <= len(layout.names):
        raise DesignError(
            "a curve must have more wells than parameters",
            f"{wells.dose.size} wells, {len(layout.names)} parameters",
            remedy="share parameters between arms, or use a 3PL",
        )


def _plateau_findings(
    arm: str, p: Mapping[str, float], doses: Array, reached: float, limits: tuple[float, float]
) -> tuple[Finding, ...]:
    """Return why no IC50 is reported: outside the doses, plateau not reached, or limits without end."""
    where = f" in {arm}" if arm else ""
    least, most = float(doses[doses > 0].min()), float(doses.max())
    middle = math.exp(min(max(p["log_ic50"], -700.0), 700.0))
    if middle > most:
        why = f"half of the effect lies beyond the highest dose: IC50 > {most:g}"
    elif middle < least:
        why = f"half of the effect lies below the lowest dose: IC50 < {least:g}"
    elif reached < PLATEAU:
        seen = f"{100 * reached:.0f} % of the fitted effect"
        why = f"the highest dose reaches only {seen}: the plateau at high dose is not seen"
    elif not all(math.isfinite(limit) for limit in limits):
        why = "the doses do not bound the IC50: its profile limits have no end"
    else:
        return ()
    return (Finding("warn", "plateau_not_reached", f"no IC50{where}: {why}; test further doses"),)

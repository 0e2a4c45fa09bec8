"""Does an arm, such as stroma, move the IC50? By experiment (the answer), and by pooled wells (the curve's F test).

The F test takes wells as independent. They are not: it is for reading the curve, and the unit-level t is for claims.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import special

from assaykit.errors import DesignError
from assaykit.stats.dose.curve import PARAMETERS
from assaykit.stats.dose.response import SHAPES, Curves, Shape, fit_curve, fit_curves, ic50
from assaykit.stats.units.simple import TTest, paired_t


@dataclass(frozen=True, slots=True)
class ExtraSumOfSquares:
    """The F test of a curve with shared parameters against one without."""

    statistic: float
    df1: int
    df2: int
    p_value: float
    method: str


@dataclass(frozen=True, slots=True)
class PooledShift:
    """ln(IC50 of one arm / IC50 of another) from one joint fit, wells taken as independent."""

    estimate: float
    std_error: float
    df: int
    p_value: float
    conf_low: float
    conf_high: float


@dataclass(frozen=True, slots=True)
class UnitShift:
    """ln(IC50 ratio) with the experiment as the unit; `left_out` names units whose IC50 was not reached."""

    test: TTest
    ratio: float
    ratio_low: float
    ratio_high: float
    left_out: tuple[str, ...]


def extra_sum_of_squares(
    dose: ArrayLike,
    response: ArrayLike,
    arm: Sequence[str] | ArrayLike,
    *,
    shared: Sequence[str] = ("log_ic50",),
    shape: Shape = "4PL",
) -> ExtraSumOfSquares:
    """Return the F test that arms share the parameters `shared` (all five names: one curve for all arms)."""
    full = fit_curves(dose, response, arm, shape=shape)
    reduced = fit_curves(dose, response, arm, shape=shape, shared=shared)
    df1 = reduced.df - full.df
    if df1 < 1:
        raise DesignError("shared parameters must be free in the curve", f"{', '.join(shared)} in a {shape}")
    F = max(0.0, (reduced.rss - full.rss) / df1 / (full.rss / full.df))
    p_value = float(special.fdtrc(df1, full.df, F))
    return ExtraSumOfSquares(F, df1, full.df, p_value, "extra sum of squares F; wells taken as independent")


def one_curve_for_all(dose: ArrayLike, response: ArrayLike, arm: Sequence[str] | ArrayLike) -> ExtraSumOfSquares:
    """Return the F test that one four-parameter curve serves all arms."""
    free = [name for name in PARAMETERS if name not in SHAPES["4PL"]]
    return extra_sum_of_squares(dose, response, arm, shared=free)


def pooled_shift(curves: Curves, arm: str, reference: str, *, level: float = 0.95) -> PooledShift:
    """Return ln(IC50 of `arm` / IC50 of `reference`) of a joint fit, by its covariance."""
    first, second = (curves.names.index(f"log_ic50[{name}]") for name in (arm, reference))
    estimate = float(curves.estimates[first] - curves.estimates[second])
    c = curves.covariance
    error = math.sqrt(c[first, first] + c[second, second] - 2 * c[first, second])
    reach = float(special.stdtrit(curves.df, 0.5 + level / 2)) * error
    p_value = 2 * float(special.stdtr(curves.df, -abs(estimate / error)))
    return PooledShift(estimate, error, curves.df, p_value, estimate - reach, estimate + reach)


def curve_table(
    frame: pd.DataFrame, *, dose: str, response: str, unit: str, arm: str, shape: Shape = "4PL"
) -> pd.DataFrame:
    """Return one row per unit and arm: the IC50 with its limits, the other parameters, and why an IC50 is missing."""
    rows = []
    for (unit_name, arm_name), wells in frame.groupby([unit, arm], sort=True):
        curves = fit_curve(wells[dose], wells[response], shape=shape)
        found = ic50(curves)
        rows.append(
            {
                unit: unit_name,
                arm: arm_name,
                "ic50": found.estimate,
                "ic50_low": found.profile_low,
                "ic50_high": found.profile_high,
                "log_ic50": found.log_estimate if math.isfinite(found.estimate) else math.nan,
                "log_ic50_se": found.log_std_error if math.isfinite(found.estimate) else math.nan,
                **{name: curves.arms[""][name] for name in ("bottom", "top", "hill")},
                "residual_sd": curves.sigma,
                "reason": "; ".join(finding.message for finding in found.findings),
            }
        )
    return pd.DataFrame(rows)


def unit_shift(table: pd.DataFrame, arm: str, reference: str, *, unit: str, by: str) -> UnitShift:
    """Return the paired t of log IC50 between two arms of a `curve_table`, over units that reached both.

    `by` names the arm column. Raises DesignError where fewer than two units have both.
    """
    wide = table.pivot_table(index=unit, columns=by, values="log_ic50", dropna=False).reindex(columns=[arm, reference])
    both = wide.dropna()
    left_out = tuple(str(name) for name in wide.index.difference(both.index))
    if len(both) < 2:
        raise DesignError(
            "a shift of the IC50 must rest on at least two units that reach it in both arms",
            f"{len(both)} do; left out: {', '.join(left_out) or 'none'}",
            remedy="test higher doses, or compare the response at one dose",
        )
    test = paired_t(both[arm].to_numpy(), both[reference].to_numpy())
    ratio, low, high = np.exp([test.estimate, test.conf_low, test.conf_high])
    return UnitShift(test, float(ratio), float(low), float(high), left_out)

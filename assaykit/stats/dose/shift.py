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
from assaykit.stats.dose.response import Shape, fit_curve, fit_curves, ic50
from assaykit.stats.units import ContrastResult, paired_t


@dataclass(frozen=True, slots=True)
class ExtraSumOfSquares:
    """The F test of a curve with shared parameters against one without."""

    statistic: float
    df1: int
    df2: int
    p_value: float
    method: str


@dataclass(frozen=True, slots=True)
class UnitShift:
    """ln(IC50 ratio) with the experiment as the unit; `left_out` names units whose IC50 was not reached."""

    test: ContrastResult
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

    `by` names the arm column. Where fewer than two units have both the result has no numbers, and a reason: no number
    is made from the units that happened to reach it.
    """
    wide = table.pivot_table(index=unit, columns=by, values="log_ic50", dropna=False).reindex(columns=[arm, reference])
    both = wide.dropna()
    left_out = tuple(str(name) for name in wide.index.difference(both.index))
    if len(both) < 2:
        reason = f"{len(both)} units reach the IC50 in both arms and it takes 2; test higher doses, or compare one dose"
        return UnitShift(ContrastResult.missing(reason, n_units=len(both)), math.nan, math.nan, math.nan, left_out)
    test = paired_t(both[arm].to_numpy(), both[reference].to_numpy())
    ratio, low, high = np.exp([test.estimate, test.conf_low, test.conf_high])
    return UnitShift(test, float(ratio), float(low), float(high), left_out)

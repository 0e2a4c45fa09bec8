"""One within-unit factor by the classical repeated-measures ANOVA, sphericity corrected."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from assaykit.errors import DesignError


@dataclass(frozen=True, slots=True)
class RepeatedMeasures:
    """F of the condition with its df, raw and Greenhouse-Geisser p, and the share of variation explained."""

    statistic: float
    df1: float
    df2: float
    p_value: float
    epsilon_gg: float
    epsilon_hf: float
    p_gg: float
    p_hf: float
    partial_eta2: float
    residual_sd: float
    unit_sd: float
    units: int


def rm_anova(table: ArrayLike) -> RepeatedMeasures:
    """Return the repeated-measures ANOVA of (units, conditions), one mean per cell.

    Epsilons of Greenhouse & Geisser (1959, 10.1007/BF02289823) and Huynh & Feldt (1976, 10.2307/1164736). Raises
    DesignError where a cell is missing: a mixed model answers then.
    """
    values = np.asarray(table, dtype=float)
    if values.ndim != 2 or min(values.shape) < 2 or not np.isfinite(values).all():
        raise DesignError(
            "a repeated-measures ANOVA must have every condition in every unit",
            f"a table of shape {values.shape} with {int(np.sum(~np.isfinite(values)))} empty cells",
            remedy="fit a mixed model, which uses incomplete units",
        )
    units, conditions = values.shape
    by_unit, by_condition = values.mean(axis=1, keepdims=True), values.mean(axis=0, keepdims=True)
    residual = values - by_unit - by_condition + values.mean()
    df1, df2 = conditions - 1, (conditions - 1) * (units - 1)
    ss_condition = units * float(np.sum((by_condition - values.mean()) ** 2))
    ss_error = float(np.sum(residual**2))
    if ss_error == 0:
        raise DesignError("units must differ in their response for an F test", "no residual variation")
    F = (ss_condition / df1) / (ss_error / df2)
    gg = greenhouse_geisser(values)
    hf = min(1.0, (units * df1 * gg - 2) / (df1 * (units - 1 - df1 * gg))) if units - 1 > df1 * gg else 1.0
    mean_square_units = conditions * float(by_unit.var(ddof=1))
    return RepeatedMeasures(
        statistic=F,
        df1=df1,
        df2=df2,
        p_value=float(special.fdtrc(df1, df2, F)),
        epsilon_gg=gg,
        epsilon_hf=hf,
        p_gg=float(special.fdtrc(gg * df1, gg * df2, F)),
        p_hf=float(special.fdtrc(hf * df1, hf * df2, F)),
        partial_eta2=ss_condition / (ss_condition + ss_error),
        residual_sd=float(np.sqrt(ss_error / df2)),
        unit_sd=float(np.sqrt(max(0.0, mean_square_units - ss_error / df2) / conditions)),
        units=units,
    )


def greenhouse_geisser(table: ArrayLike) -> float:
    """Return epsilon of (units, conditions), between 1 / (conditions - 1) and 1: 1 where sphericity holds."""
    values = np.asarray(table, dtype=float)
    covariance = np.cov(values, rowvar=False)
    conditions = values.shape[1]
    centre = np.eye(conditions) - 1 / conditions
    centred = centre @ covariance @ centre
    return float(np.trace(centred) ** 2 / ((conditions - 1) * np.sum(centred**2)))

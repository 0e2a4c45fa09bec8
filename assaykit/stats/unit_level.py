"""The default test: a contrast between the arms' unit means, with the independent unit as the only n.

    unit means of both arms -> differences within units -> estimate, standard error, df

Where every unit has both arms this is the mixed model `mean ~ arm + (1 | unit)` on the unit means of the two arms,
and its t is the paired t with n - 1 df. The error of a contrast is taken from that contrast alone, and is not pooled
over treatments: drugs differ in how much experiments disagree about them, and a pooled error is then too small for
one contrast and too large for another. benchmarks/operating_characteristics.py shows both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class UnitContrast:
    """One contrast from unit means: estimate, error and what it rests on."""

    estimate: float
    std_error: float
    df: float
    used: NDArray[np.bool_]  # the units that inform it
    residual_sd: float
    unit_sd: float
    method: str


def paired(first: Floats, second: Floats) -> UnitContrast:
    """Return first - second over the units that have both (Student 1908, 10.1093/biomet/6.1.1).

    `first` and `second` hold one mean per unit, NaN where the unit lacks the arm; at least two units need both.
    """
    used = np.isfinite(first) & np.isfinite(second)
    a, b = first[used], second[used]
    n, sd = len(a), float(np.std(a - b, ddof=1))
    between = float(np.cov(a, b)[0, 1])
    return UnitContrast(
        estimate=float(np.mean(a - b)),
        std_error=sd / np.sqrt(n),
        df=float(n - 1),
        used=used,
        residual_sd=sd / np.sqrt(2.0),
        unit_sd=float(np.sqrt(max(between, 0.0))),
        method="linear mixed model on unit means (paired t, df = units - 1)",
    )


def unpaired(first: Floats, second: Floats) -> UnitContrast:
    """Return first - second where no two units share arms: Welch's t (1947, 10.1093/biomet/34.1-2.28).

    Each arm needs at least two units.
    """
    a, b = first[np.isfinite(first)], second[np.isfinite(second)]
    va, vb = np.var(a, ddof=1) / len(a), np.var(b, ddof=1) / len(b)
    spread = va**2 / (len(a) - 1) + vb**2 / (len(b) - 1)
    pooled = ((len(a) - 1) * np.var(a, ddof=1) + (len(b) - 1) * np.var(b, ddof=1)) / (len(a) + len(b) - 2)
    return UnitContrast(
        estimate=float(np.mean(a) - np.mean(b)),
        std_error=float(np.sqrt(va + vb)),
        df=float((va + vb) ** 2 / spread) if spread > 0 else float(len(a) + len(b) - 2),
        used=np.isfinite(first) | np.isfinite(second),
        residual_sd=float(np.sqrt(pooled)),
        unit_sd=float("nan"),
        method="unpaired unit means (Welch t): no unit has both arms",
    )


def against_zero(values: Floats) -> UnitContrast:
    """Return the mean of one value per unit, against zero: the one-sample t."""
    used = np.isfinite(values)
    n, sd = int(used.sum()), float(np.std(values[used], ddof=1))
    return UnitContrast(
        estimate=float(np.mean(values[used])),
        std_error=sd / np.sqrt(n),
        df=float(n - 1),
        used=used,
        residual_sd=float("nan"),
        unit_sd=sd,
        method="unit means (one-sample t, df = units - 1)",
    )

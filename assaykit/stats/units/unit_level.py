"""The default test: a contrast between the arms' unit means, with the independent unit as the only n.

    wells -> mean per unit and cell -> both sides of the contrast, unit by unit -> differences -> t

Where every unit has both sides this is the mixed model `mean ~ arm + (1 | unit)` on the unit means of the two arms,
and its t is the paired t with n - 1 df. Three choices, made by simulation (benchmarks/default_choices.py and
operating_characteristics.py): the error of a contrast is taken from that contrast alone, because drugs differ in how
much experiments disagree about them, and an error pooled over treatments gave 10 % false positives for the most
variable drug and 1 % for the others; a unit that lacks a side is left out, because what a mixed model recovers from
it cost up to 10 % where arms differ in spread; and wells are averaged, whatever their number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assaykit.stats.units.doubts import Doubted, doubted_values
from assaykit.stats.units.families import Arm, Asked, Cell

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class UnitMeans:
    """Mean per unit and cell on the analysis scale, with the wells behind it; NaN where a unit lacks the cell."""

    units: tuple[str, ...]
    mean: Mapping[Cell, Floats]
    wells: Mapping[Cell, NDArray[np.int64]]
    reasons: Mapping[Cell, str]  # why a cell is not interpretable
    doubts: Mapping[Cell, tuple[Doubted, ...]] = field(default_factory=dict)  # the values in doubt

    def without(self, unit: str) -> UnitMeans:
        """Return the means of the other units."""
        kept = np.array([name != unit for name in self.units])
        return UnitMeans(
            tuple(name for name in self.units if name != unit),
            {cell: values[kept] for cell, values in self.mean.items()},
            {cell: values[kept] for cell, values in self.wells.items()},
            self.reasons,
            {cell: tuple(each for each in found if each.unit != unit) for cell, found in self.doubts.items()},
        )


@dataclass(frozen=True, slots=True, eq=False)
class UnitContrast:
    """One contrast: estimate, error and what it rests on.

    `simulated` holds p value and limits where a bootstrap gives them instead of t.
    """

    estimate: float
    std_error: float
    df: float
    used: NDArray[np.bool_]  # the units that inform it
    residual_sd: float
    unit_sd: float
    method: str
    simulated: tuple[float, float, float] | None = None


def unit_means(rows: pd.DataFrame, unit: str) -> UnitMeans:
    """Return the mean of `y` per unit and cell; rows without a value on the scale are left out."""
    units = tuple(sorted(rows[unit].astype(str).unique()))
    position = rows[unit].astype(str).map({name: i for i, name in enumerate(units)}).to_numpy()
    y, valid = rows["y"].to_numpy(np.float64), rows["y"].notna().to_numpy()
    bad = (rows["qc"] == "not_interpretable").to_numpy()
    mean, wells, reasons, doubts = {}, {}, {}, {}
    for cell, index in rows.groupby(["treatment", "context"], sort=True).indices.items():
        kept = index[valid[index]]
        n = np.bincount(position[kept], minlength=len(units))
        with np.errstate(invalid="ignore"):
            mean[cell] = np.bincount(position[kept], weights=y[kept], minlength=len(units)) / n
        wells[cell] = n
        # A value missing for what was found (no kill, so no index) counts too: the units that are left were chosen.
        doubted = rows["reason"].to_numpy()[index[bad[index]]]
        reasons[cell] = "; ".join(dict.fromkeys(str(reason) for reason in doubted)) if len(doubted) else ""
        doubts[cell] = doubted_values(rows.iloc[index], unit)
    return UnitMeans(units, mean, wells, reasons, doubts)


def contrast_of_units(asked: Asked, means: UnitMeans) -> UnitContrast | str:
    """Return the contrast from the unit means, or why it cannot be estimated."""
    missing = missing_cells(asked, means)
    if missing:
        return missing
    sides = [_side(arm, means) for arm in asked.arms]
    have = [np.isfinite(side) for side in sides]
    if len(sides) == 1:
        return against_zero(sides[0]) if have[0].sum() >= 2 else _too_few(int(have[0].sum()))
    both = int((have[0] & have[1]).sum())
    if both >= 2:
        return paired(sides[0], sides[1])
    if both == 0 and min(have[0].sum(), have[1].sum()) >= 2:
        return unpaired(sides[0], sides[1])
    return _too_few(both)


def missing_cells(asked: Asked, means: UnitMeans) -> str:
    """Return which cells of a contrast hold no value, as a reason; empty where all do."""
    missing = [cell for cell in asked.cells if cell not in means.mean or not np.isfinite(means.mean[cell]).any()]
    if not missing:
        return ""
    return "not estimable: no values for " + " or ".join(f"{t} in {c}" for t, c in dict.fromkeys(missing))


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


def _side(arm: Arm, means: UnitMeans) -> Floats:
    """Return one value per unit for a side of a contrast: a cell's mean, or a difference of two."""
    first, *rest = (means.mean[cell] for cell in arm)
    return first - rest[0] if rest else first


def _too_few(units: int) -> str:
    return f"not estimable: {units} unit{'s' * (units != 1)} with every arm; an interval needs at least 2"

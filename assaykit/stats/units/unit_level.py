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

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assaykit.stats.units.contrast import Cell, Contrast, ContrastResult
from assaykit.stats.units.doubts import DoubtfulValue, doubtful_values

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class UnitMeans:
    """Mean per unit and cell on the analysis scale, with the wells behind it; NaN where a unit lacks the cell."""

    units: tuple[str, ...]
    mean: Mapping[Cell, Floats]
    wells: Mapping[Cell, NDArray[np.int64]]
    reasons: Mapping[Cell, str]  # why a cell is not interpretable
    doubts: Mapping[Cell, tuple[DoubtfulValue, ...]] = field(default_factory=dict)

    def without(self, unit: str) -> UnitMeans:
        """Return the means of the other units."""
        kept = np.array([name != unit for name in self.units])
        return UnitMeans(
            tuple(name for name in self.units if name != unit),
            {cell: values[kept] for cell, values in self.mean.items()},
            {cell: values[kept] for cell, values in self.wells.items()},
            self.reasons,
            {cell: tuple(each for each in values if each.unit != unit) for cell, values in self.doubts.items()},
        )


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
        unreadable = rows["reason"].to_numpy()[index[bad[index]]]
        reasons[cell] = "; ".join(dict.fromkeys(map(str, unreadable)))
        doubts[cell] = doubtful_values(rows.iloc[index], unit)
    return UnitMeans(units, mean, wells, reasons, doubts)


def contrast_of_units(contrast: Contrast, means: UnitMeans) -> ContrastResult:
    """Return the t test of a contrast with the unit as n; without numbers, and why, where it cannot be estimated.

    Units that hold every cell answer by themselves: one value each, df = units - 1. Where none does, and at least two
    hold each side, the sides are compared between units by Welch's t, as for donors of two kinds.
    """
    lacking = missing_cells(contrast, means)
    if lacking:
        return ContrastResult.missing(lacking, name=contrast.name)
    sides = np.array([sum(weight * means.mean[cell] for cell, weight in side) for side in contrast.sides])
    present = np.isfinite(sides)
    complete = present.all(axis=0)
    if complete.sum() >= 2:
        informing = complete
        result = _within_units(sides[:, complete])
    elif not complete.any() and len(sides) > 1 and present.sum(axis=1).min() >= 2:
        informing = present.any(axis=0)
        result = _between_units([side[has] for side, has in zip(sides, present, strict=True)])
    else:
        n = int(complete.sum())
        few = f"not estimable: {n} unit{'s' * (n != 1)} with every arm; an interval needs at least 2"
        return ContrastResult.missing(few, name=contrast.name)
    units = tuple(name for name, informs in zip(means.units, informing, strict=True) if informs)
    return replace(result, name=contrast.name, units=units)


def missing_cells(contrast: Contrast, means: UnitMeans) -> str:
    """Return which cells of a contrast hold no value, as a reason; empty where all do."""
    missing = [cell for cell in contrast.cells if cell not in means.mean or not np.isfinite(means.mean[cell]).any()]
    if not missing:
        return ""
    return "not estimable: no values for " + " or ".join(f"{t} in {c}" for t, c in dict.fromkeys(missing))


def _within_units(sides: Floats) -> ContrastResult:
    """Return the one-sample t of the units' own contrasts; `sides` is sides x units, each with its sign.

    Of two sides it is the paired t (Student 1908, 10.1093/biomet/6.1.1).
    """
    values = sides.sum(axis=0)
    n, sd = len(values), float(np.std(values, ddof=1))
    one_sided = len(sides) == 1
    result = ContrastResult.by_t(
        float(np.mean(values)),
        sd / np.sqrt(n),
        float(n - 1),
        n_units=n,
        method="unit means (one-sample t, df = units - 1)"
        if one_sided
        else "linear mixed model on unit means (paired t, df = units - 1)",
    )
    if one_sided:
        return replace(result, unit_sd=sd)
    if len(sides) > 2:
        return result
    # The mixed model's variances: what the two sides share lies between units, half of the rest's variance within.
    shared = float(np.cov(sides[0], -sides[1])[0, 1])
    return replace(result, residual_sd=sd / np.sqrt(2.0), unit_sd=float(np.sqrt(max(shared, 0.0))))


def _between_units(sides: Sequence[Floats]) -> ContrastResult:
    """Return the sum of the sides' means, from units of their own: Welch's t (1947, 10.1093/biomet/34.1-2.28)."""
    df = [len(side) - 1 for side in sides]
    # 1. each side's mean has a variance of its own
    variances = [float(np.var(side, ddof=1)) / len(side) for side in sides]
    total = sum(variances)
    # 2. their sum is near a scaled chi-square whose df match its first two moments (Satterthwaite)
    spread = sum(variance**2 / freedom for variance, freedom in zip(variances, df, strict=True))
    result = ContrastResult.by_t(
        sum(float(np.mean(side)) for side in sides),
        float(np.sqrt(total)),
        total**2 / spread if spread > 0 else float(sum(df)),
        n_units=sum(map(len, sides)),
        method="unpaired unit means (Welch t): no unit has both arms",
    )
    pooled = sum(freedom * float(np.var(side, ddof=1)) for freedom, side in zip(df, sides, strict=True)) / sum(df)
    return replace(result, residual_sd=float(np.sqrt(pooled)))

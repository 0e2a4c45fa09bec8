"""Numbers per well, each named exactly: `value = statistic(cells)`.

Every statistic reads a `CellSet`: the cells of one population in one channel, beside the control that serves the
well. Four programs mean four things by "geometric MFI"; here a name means what its function's first line says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assaykit.cytometry.beads import molecules
from assaykit.study import BeadLine

NAN = float("nan")
ONE_SD_BELOW, ONE_SD_ABOVE = 15.87, 84.13  # percentiles one SD either side of a normal's median


@dataclass(frozen=True, slots=True, eq=False)
class ControlPart:
    """The control's cells of the same population and channel."""

    median: float
    robust_sd: float
    cells: int
    quantiles: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class CellSet:
    """What a statistic may read: the values in the channel, the counts, the control, the threshold, the volume."""

    cells: int
    parent_cells: int
    values: NDArray[np.floating] | None = None
    ordered: bool = False  # whether `values` ascend: worth it where several quantiles are asked for
    control: ControlPart | None = None
    threshold: float | None = None
    volume: float | None = None  # microlitres
    beads: BeadLine | None = None
    grandparent_cells: int = 0
    total_cells: int = 0  # every event, less those the protocol excludes


@dataclass(frozen=True, slots=True)
class Statistic:
    """One statistic: its function, its unit, what it needs, and the statistics always given beside it."""

    compute: Callable[[CellSet], float]
    unit: str
    meaning: str
    channel: bool = True  # whether it is read off a channel, rather than counted
    control: bool = False
    companions: tuple[str, ...] = ()


def quantile(values: NDArray[np.floating], percent: float, *, ordered: bool = False) -> float:
    """Return the percentile by linear interpolation between order statistics (type 7), as NumPy's default.

    nan of no values. `ordered` values ascend already.
    """
    if not values.size:
        return NAN
    position = percent / 100.0 * (values.size - 1)
    below = int(position)
    parted = values if ordered else np.partition(values, below)
    low = float(parted[below])
    if position == below:
        return low
    high = float(parted[below + 1]) if ordered else float(parted[below + 1 :].min())
    return low + (high - low) * (position - below)


def median_value(values: NDArray[np.floating], *, ordered: bool = False) -> float:
    """Return the median; nan of no values.

    >>> median_value(np.array([3.0, 1.0, 2.0, 10.0]))
    2.5
    """
    return quantile(values, 50.0, ordered=ordered)


def robust_sd(values: NDArray[np.floating], *, ordered: bool = False) -> float:
    """Return (P84.13 - P15.87) / 2; nan of no values."""
    low, high = (quantile(values, percent, ordered=ordered) for percent in (ONE_SD_BELOW, ONE_SD_ABOVE))
    return (high - low) / 2.0


def _values(cells: CellSet) -> NDArray[np.floating]:
    assert cells.values is not None
    return cells.values


def _median(cells: CellSet) -> float:
    return median_value(_values(cells), ordered=cells.ordered)


def _robust_sd(cells: CellSet) -> float:
    return robust_sd(_values(cells), ordered=cells.ordered)


def _mean(cells: CellSet) -> float:
    return float(_values(cells).mean(dtype=np.float64)) if cells.cells else NAN


def _control_median(cells: CellSet) -> float:
    return cells.control.median if cells.control else NAN


def _robust_cv(cells: CellSet) -> float:
    centre = _median(cells)
    return 100.0 * _robust_sd(cells) / centre if centre > 0 else NAN


def _geometric_mean(cells: CellSet) -> float:
    values = _values(cells)
    positive = values[values > 0]
    return float(np.exp(np.log(positive.astype(np.float64)).mean())) if positive.size else NAN


def _fraction_nonpositive(cells: CellSet) -> float:
    return float((_values(cells) <= 0).mean()) if cells.cells else NAN


def _percent_positive(cells: CellSet) -> float:
    if cells.threshold is None or not cells.cells:
        return NAN
    return 100.0 * float(np.count_nonzero(_values(cells) >= cells.threshold)) / cells.cells


def _positive_median(cells: CellSet) -> float:
    if cells.threshold is None:
        return NAN
    values = _values(cells)
    return median_value(values[values >= cells.threshold])


def _imfi(cells: CellSet) -> float:
    percent = _percent_positive(cells)
    return percent * _positive_median(cells) if percent > 0 else percent


def _share(cells: int, whole: int) -> float:
    return 100.0 * cells / whole if whole else NAN


def _differences(cells: CellSet) -> NDArray[np.float64]:
    """Return, at each of the control's quantiles, the share of cells above it minus the control's share."""
    if cells.control is None or not cells.cells:
        return np.array([NAN])
    # The control's cumulative share at its own quantiles is known: they are equally spaced. The sample's is counted.
    places = cells.control.quantiles
    values = _values(cells) if cells.ordered else np.sort(_values(cells))
    below = np.searchsorted(values, places, side="left") / cells.cells
    return np.asarray(np.linspace(0.0, 1.0, places.size) - below)


def _overton(cells: CellSet) -> float:
    return 100.0 * max(0.0, float(_differences(cells).max())) if cells.control and cells.cells else NAN


def _sed(cells: CellSet) -> float:
    """Scale the control to the sample's negative cells, then subtract it; what is left is positive.

    At the place of the largest difference D = C - T of the cumulative shares of control (C) and sample (T), the
    sample's cells below are negatives: T = f C, so the positive share is 1 - f = D / C. Where positives reach below
    that place it is too low, as every subtraction is; Overton's D takes no account of the control's own cells above.
    """
    if cells.control is None or not cells.cells:
        return NAN
    # 1. Where the cumulative shares differ most; at the control's lowest cell nothing can be scaled.
    differences = _differences(cells)
    at = int(differences.argmax())
    if at == 0:
        return 0.0
    # 2. The control's share C below that place, by which the sample's share T there is scaled: 1 - T / C = D / C.
    below = np.linspace(0.0, 1.0, differences.size)[at]
    return 100.0 * max(0.0, float(differences[at] / below))


def _ks_distance(cells: CellSet) -> float:
    return float(np.abs(_differences(cells)).max())


def _stain_index(cells: CellSet) -> float:
    if cells.control is None or not cells.control.robust_sd > 0:
        return NAN
    return (_median(cells) - cells.control.median) / (2.0 * cells.control.robust_sd)


def _receptors(cells: CellSet, *, limit: int = 0) -> float:
    if cells.beads is None or cells.control is None or not cells.cells:
        return NAN
    return molecules(cells.beads, _median(cells) - cells.control.median)[limit]


READOUTS: dict[str, Statistic] = {
    "count": Statistic(lambda c: float(c.cells), "cells", "cells in the population", channel=False),
    "percent_of_parent": Statistic(
        lambda c: _share(c.cells, c.parent_cells),
        "%",
        "100 * cells of the population / cells of its parent",
        channel=False,
    ),
    "percent_of_grandparent": Statistic(
        lambda c: _share(c.cells, c.grandparent_cells),
        "%",
        "100 * cells of the population / cells of its parent's parent",
        channel=False,
    ),
    "percent_of_total": Statistic(
        lambda c: _share(c.cells, c.total_cells),
        "%",
        "100 * cells of the population / every event, less those the protocol excludes",
        channel=False,
    ),
    "concentration": Statistic(
        lambda c: c.cells / c.volume if c.volume else NAN, "cells/uL", "cells / volume acquired ($VOL)", channel=False
    ),
    "median": Statistic(_median, "intensity", "median intensity of the population (MFI)"),
    "mean": Statistic(_mean, "intensity", "arithmetic mean intensity of the population"),
    "control_median": Statistic(
        _control_median, "intensity", "median intensity of the matched control's cells", control=True
    ),
    "robust_sd": Statistic(_robust_sd, "intensity", "(P84.13 - P15.87) / 2"),
    "robust_cv": Statistic(_robust_cv, "%", "100 * (P84.13 - P15.87) / (2 * median); missing where the median <= 0"),
    "geometric_mean": Statistic(
        _geometric_mean,
        "intensity",
        "geometric mean of the positive values only; read with fraction_nonpositive",
        companions=("fraction_nonpositive",),
    ),
    "fraction_nonpositive": Statistic(_fraction_nonpositive, "fraction", "fraction of values <= 0"),
    "percent_positive": Statistic(
        _percent_positive, "%", "100 * cells at or above the positivity threshold / cells", control=True
    ),
    "positive_median": Statistic(
        _positive_median, "intensity", "median intensity of the cells at or above the threshold", control=True
    ),
    "imfi": Statistic(
        _imfi,
        "% x intensity",
        "integrated MFI: percent_positive * positive_median (Darrah 2007, 10.1038/nm1592)",
        control=True,
    ),
    "sed": Statistic(
        _sed,
        "%",
        "positive cells by subtraction of the control, scaled to the sample's negatives: 100 * D / C where the"
        " cumulative shares differ most (enhanced normalised subtraction; Bagwell 1996, Clin Immunol Newsl 16:33)",
        control=True,
    ),
    "overton": Statistic(
        _overton,
        "%",
        "largest excess of cells over the control above any value (Overton 1988, 10.1002/cyto.990090617)",
        control=True,
    ),
    "ks_distance": Statistic(
        _ks_distance, "fraction", "Kolmogorov-Smirnov D: largest difference of the two distributions", control=True
    ),
    "stain_index": Statistic(
        _stain_index, "ratio", "(median - control median) / (2 * robust SD of the control)", control=True
    ),
    "receptors": Statistic(
        _receptors,
        "molecules/cell",
        "molecules at (median - control median) on the bead line; refused outside the beads",
        control=True,
        companions=("receptors_low", "receptors_high"),
    ),
    "receptors_low": Statistic(
        lambda c: _receptors(c, limit=1),
        "molecules/cell",
        "lower 95 % limit of receptors from the bead line",
        control=True,
    ),
    "receptors_high": Statistic(
        lambda c: _receptors(c, limit=2),
        "molecules/cell",
        "upper 95 % limit of receptors from the bead line",
        control=True,
    ),
}

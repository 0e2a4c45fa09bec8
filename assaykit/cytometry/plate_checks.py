"""Checks of a plate as a whole: `check_plate(assay, plate, readouts) -> findings`.

Each readout of interest is centred within its own condition (role, treatment, context and further factors), so that
what is left should not know where on the plate it was measured. Conditions with one well say nothing of place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtr

from assaykit.cytometry.gate_estimate import well_names
from assaykit.plate import Plate, Well
from assaykit.study import Assay
from assaykit.tables import Finding

Floats = NDArray[np.float64]
NOT_A_CONDITION = frozenset({"replicate", "repeat", "insert", "tube", "well", "control"})
STATISTICS = ("median", "percent_positive", "percent_of_parent", "count")
FEWEST_WELLS = 8
FEWEST_JUDGED = 4  # wells whose labels a swap changes, and whose labels lie apart
FEWEST_DF = 4  # of the spread between replicates
FALSE_ALARMS = 1 / 400
"""Chance of each plate-wide check on a clean plate, all lines and readouts together: two checks make one in 200."""


@dataclass(frozen=True, slots=True, eq=False)
class PlateReadout:
    """One readout over the wells of a plate, on a log2 scale where all values are positive.

    `counting_variance` is what counting alone gives each value: 1 / (n ln(2)^2) of the log2 of n cells. Counts among
    which there is a zero stand as 2 sqrt(n + 3/8), whose variance is 1 (Anscombe 1948, 10.2307/2332343).
    """

    name: str
    wells: tuple[Well, ...]
    places: NDArray[np.intp]  # wells x (row, column), from 0
    values: NDArray[np.float64]
    counting_variance: NDArray[np.float64]
    labels: NDArray[np.intp]  # the number of each well's condition


def check_plate(assay: Assay, plate: Plate, readouts: pd.DataFrame) -> list[Finding]:
    """Return what the plate's readouts say of the plate: bright controls, an edge pattern, lines that look swapped."""
    measured = [p for name in _names(assay, readouts) if (p := _plate_readout(plate, readouts, name)) is not None]
    findings = _bright_control_findings(assay, plate, readouts)
    for readout in measured:
        findings += _edge_findings(plate, readout, asked=len(measured))
    findings += _swap_findings(plate, measured)
    return findings


def _names(assay: Assay, readouts: pd.DataFrame) -> list[str]:
    wanted = {
        r.name or f"{r.channel or r.population}_{r.statistic}"
        for r in assay.protocol.readouts
        if r.statistic in STATISTICS
    }
    return [name for name in dict.fromkeys(readouts["readout"]) if name in wanted]


def position(well: Well) -> tuple[int, int] | None:
    """Return (row, column) from 0 of a well such as B7 or AA12; None for a name that is no place on a plate."""
    letters = well.name.rstrip("0123456789")
    digits = well.name[len(letters) :]
    if not letters.isalpha() or not letters.isascii() or not digits:
        return None
    row = 0
    for letter in letters.upper():
        row = row * 26 + ord(letter) - ord("A") + 1
    return row - 1, int(digits) - 1


def condition(well: Well) -> tuple[object, ...]:
    """Return what makes wells replicates of one another: the role and every factor but a replicate's number."""
    return (well.role, *sorted((k, str(v)) for k, v in well.factors.items() if k not in NOT_A_CONDITION))


def _by_well(readouts: pd.DataFrame, name: str) -> dict[str, float]:
    rows = readouts.loc[readouts["readout"] == name]
    return dict(zip(rows["well"], rows["value"].astype(float), strict=True))


def _plate_readout(plate: Plate, readouts: pd.DataFrame, name: str) -> PlateReadout | None:
    values = _by_well(readouts, name)
    roles = {"sample", "fmo"}
    wells = [w for w in plate.wells if w.role in roles and position(w) and np.isfinite(values.get(w.name, np.nan))]
    if len(wells) < FEWEST_WELLS:
        return None
    raw = np.array([values[w.name] for w in wells])
    logarithmic = bool(raw.min() > 0)
    scaled, counting_variance = np.log2(raw) if logarithmic else raw, np.zeros(raw.size)
    if name.endswith("_count"):
        scaled = scaled if logarithmic else 2.0 * np.sqrt(raw + 0.375)
        counting_variance = 1.0 / (raw * np.log(2.0) ** 2) if logarithmic else np.ones(raw.size)
    places = np.array([position(w) for w in wells])
    numbers: dict[tuple[object, ...], int] = {}
    labels = np.array([numbers.setdefault(condition(well), len(numbers)) for well in wells], dtype=np.intp)
    return PlateReadout(name, tuple(wells), places, scaled, counting_variance, labels)


def _centre_within(values: Floats, groups: NDArray[np.intp], weights: Floats) -> Floats:
    """Return values less the weighted mean of their group; a group of one leaves nothing."""
    sums = np.bincount(groups, weights=weights * values) / np.maximum(np.bincount(groups, weights=weights), 1e-300)
    return np.asarray(values - sums[groups])


def _replicate_variance(values: Floats, counting_variance: Floats, groups: NDArray[np.intp]) -> tuple[float, int]:
    """Return the variance between replicates beyond counting, and its degrees of freedom; groups are numbered."""
    sizes = np.bincount(groups)
    means = np.bincount(groups, weights=values) / np.maximum(sizes, 1)
    known = sizes[groups] > 1
    df = int(known.sum()) - int(np.count_nonzero(sizes > 1))
    if df <= 0:
        return 0.0, 0
    pooled = float(((values - means[groups])[known] ** 2).sum()) / df
    return max(pooled - float(counting_variance[known].mean()), 0.0), df


def _edge_findings(plate: Plate, readout: PlateReadout, *, asked: int) -> list[Finding]:
    """Name an edge that differs from the inside of the same conditions, beyond chance and by half a spread.

    1. Values and the indicator of the edge are centred within their condition (fixed effects of the conditions), each
       well weighed by the reciprocal of its variance: replicates beyond counting, and counting.
    2. The shift is the least-squares slope of the one on the other; its t has wells - conditions - 1 df.
    3. p below `FALSE_ALARMS`, shared among the readouts asked, is no chance; half a spread is our convention.
    """
    sample = np.array([well.role == "sample" for well in readout.wells])
    groups, counting_variance = readout.labels[sample], readout.counting_variance[sample]
    rows, columns = readout.places[sample].T
    edge = (np.isin(rows, (0, plate.rows - 1)) | np.isin(columns, (0, plate.columns - 1))).astype(np.float64)
    beyond, _ = _replicate_variance(readout.values[sample], counting_variance, groups)
    variance = beyond + counting_variance
    if not variance.size or not variance.max() > 0:
        return []
    weights = 1.0 / np.maximum(variance, 1e-9 * variance.max())
    y, x = (_centre_within(values, groups, weights) for values in (readout.values[sample], edge))
    sizes = np.bincount(groups)
    df = int(sizes[sizes > 1].sum()) - int(np.count_nonzero(sizes > 1)) - 1
    across = float((weights * x**2).sum())
    if df < FEWEST_DF or float((x**2).sum()) < 2:
        return []
    shift = float((weights * x * y).sum()) / across
    error = float(np.sqrt((weights * (y - shift * x) ** 2).sum() / df / across))
    spread = float(np.sqrt(np.median(variance)))
    if not error > 0:
        return []
    p = 2.0 * float(stdtr(df, -abs(shift) / error))
    if p * asked > FALSE_ALARMS or abs(shift) < 0.5 * spread:
        return []
    message = (
        f"{readout.name}: wells at the edge lie {shift:+.3g} from the wells inside of the same conditions "
        f"(spread between replicates {spread:.2g}); evaporation or temperature at the edge may be the cause"
    )
    return [Finding("warn", "plate_edge", message, plate.name)]


def _bright_control_findings(assay: Assay, plate: Plate, readouts: pd.DataFrame) -> list[Finding]:
    """Name FMO wells as bright as the stained wells they serve: stained and unstained wells were swapped."""
    findings = []
    resolved = assay.resolved.get(plate.name)
    for channel, serves in (resolved.serves if resolved else {}).items():
        medians = _by_well(readouts, f"{channel}_median")
        controls = {name: c for name, c in resolved.controls.items() if c.channel == channel} if resolved else {}
        stained = [
            well for well in plate.wells if well.role == "sample" and np.isfinite(medians.get(well.name, np.nan))
        ]
        dimmer = [
            well
            for well in stained
            for control in [controls.get(serves.get(well.name, ""))]
            if control is not None and any(medians.get(name, -np.inf) >= medians[well.name] for name in control.wells)
        ]
        if stained and len(dimmer) > max(1, len(stained) // 10):
            bright = dict.fromkeys(name for well in dimmer for name in controls[serves[well.name]].wells)
            message = (
                f"{channel}: {len(dimmer)} stained wells ({well_names(dimmer)}) are no brighter than the FMO wells "
                f"that serve them ({', '.join(bright)}); check whether columns or rows were swapped"
            )
            findings.append(Finding("warn", "control_bright", message, plate.name))
    return findings


def _swap_findings(plate: Plate, measured: Sequence[PlateReadout]) -> list[Finding]:
    """Name two rows or columns that agree with their replicates elsewhere only when their labels change places."""
    lines = [(axis, pair, readout) for readout in measured for axis in (0, 1) for pair in _pairs(readout, axis)]
    judged = [(one, p) for one in lines if (p := _swap_chance(one[2], one[0], one[1])) is not None]
    findings = []
    for axis, words, named in ((0, "rows", _row_name), (1, "columns", lambda index: str(index + 1))):
        mine = [(p, pair, readout.name) for (of, pair, readout), p in judged if of == axis]
        if not mine:
            continue
        p, (first, second), name = min(mine)
        if p * len(judged) <= FALSE_ALARMS:
            message = (
                f"{words} {named(first)} and {named(second)} look swapped: {name} agrees with the replicates elsewhere "
                "only when their labels change places; check the layout and the pipetting"
            )
            findings.append(Finding("warn", "swapped", message, plate.name))
    return findings


def _pairs(readout: PlateReadout, axis: int) -> list[tuple[int, int]]:
    return list(combinations(np.unique(readout.places[:, axis]).tolist(), 2))


def _swap_chance(readout: PlateReadout, axis: int, pair: tuple[int, int]) -> float | None:
    """Return the chance that two lines look this much swapped where they are not; None where nothing can be told.

    1. The wells of both lines that bear another label once swapped, both labels measured elsewhere, are judged:
       e is their distance from the mean of their own label elsewhere, d that of the other label's mean.
    2. Of wells as they are labelled, sum(w e d) / sqrt(sum(w d^2)) is a t, w being the reciprocal variance of e:
       replicates beyond counting, counting, and the error of the mean.
    3. A swap moves every well by all of d: the slope sum(w e d) / sum(w d^2) is near 1, and wells whose labels lie
       apart are nearer the other one, all but a tenth of them. Else the chance is 1: something else moved them.
    """
    along = readout.places[:, axis]
    involved = np.isin(along, pair)
    changed = _exchange_labels(readout, axis, pair)
    given, values = readout.labels, readout.values
    size = int(given.max()) + 1
    held = np.bincount(given[~involved], minlength=size)
    with np.errstate(invalid="ignore"):
        means = np.bincount(given[~involved], weights=values[~involved], minlength=size) / held
    judged = np.flatnonzero(involved & (given != changed) & (held[given] > 0) & (held[changed] > 0))
    if judged.size < FEWEST_JUDGED:
        return None
    beyond, df = _replicate_variance(values[~involved], readout.counting_variance[~involved], given[~involved])
    if df < FEWEST_DF:
        return None
    own = means[given[judged]]
    e, d = values[judged] - own, means[changed[judged]] - own
    variance = (beyond + readout.counting_variance[judged]) * (1.0 + 1.0 / held[given[judged]])
    weights = 1.0 / np.maximum(variance, 1e-18)
    across = float((weights * d**2).sum())
    if not across > 0:
        return None
    slope = float((weights * e * d).sum()) / across
    apart = d**2 > 9 * variance
    nearer = np.abs(e - d) < np.abs(e)
    if not 0.6 < slope < 1.4 or apart.sum() < FEWEST_JUDGED or (~nearer[apart]).sum() > apart.sum() / 10:
        return 1.0
    return float(stdtr(df, -slope * np.sqrt(across)))


def _exchange_labels(readout: PlateReadout, axis: int, pair: tuple[int, int]) -> NDArray[np.intp]:
    """Return each well's label with the labels of two lines exchanged; its own where no well lies opposite."""
    most = readout.places.max(axis=0) + 1
    at = np.full(tuple(most), -1)
    at[tuple(readout.places.T)] = readout.labels
    mirrored = readout.places.copy()
    along = mirrored[:, axis]
    mirrored[:, axis] = np.where(along == pair[0], pair[1], np.where(along == pair[1], pair[0], along))
    opposite = at[tuple(mirrored.T)]
    return np.where(opposite < 0, readout.labels, opposite)


def _row_name(index: int) -> str:
    return chr(ord("A") + index) if index < 26 else chr(ord("A") + index // 26 - 1) + chr(ord("A") + index % 26)

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

from assaykit.cytometry.estimated import listed
from assaykit.plate.model import Plate, Well
from assaykit.study.model import Assay
from assaykit.tables import Finding

NOT_A_CONDITION = frozenset({"replicate", "repeat", "insert", "tube", "well", "control"})
STATISTICS = ("median", "percent_positive", "percent_of_parent", "count")
FEWEST_WELLS = 8


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """One readout over the wells of a plate, on a log2 scale where all values are positive."""

    name: str
    wells: tuple[Well, ...]
    places: NDArray[np.intp]  # wells x (row, column), from 0
    values: NDArray[np.float64]


def check_plate(assay: Assay, plate: Plate, readouts: pd.DataFrame) -> list[Finding]:
    """Return what the plate's readouts say of the plate: bright controls, an edge pattern, lines that look swapped."""
    measured = [p for name in _names(assay, readouts) if (p := _placed(plate, readouts, name)) is not None]
    findings = _bright_controls(assay, plate, readouts)
    for readout in measured:
        findings += _edge(plate, readout)
    findings += _swapped(plate, measured)
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


def _placed(plate: Plate, readouts: pd.DataFrame, name: str) -> Placed | None:
    values = _by_well(readouts, name)
    roles = {"sample", "fmo"}
    wells = [w for w in plate.wells if w.role in roles and position(w) and np.isfinite(values.get(w.name, np.nan))]
    if len(wells) < FEWEST_WELLS:
        return None
    raw = np.array([values[w.name] for w in wells])
    scaled = np.log2(raw) if raw.min() > 0 else raw
    return Placed(name, tuple(wells), np.array([position(w) for w in wells]), scaled)


def _residuals(values: NDArray[np.float64], groups: Sequence[object]) -> NDArray[np.float64]:
    """Return values less their group's mean; nan for a group of one."""
    frame = pd.Series(values).groupby(pd.Series(list(groups)))
    centred = pd.Series(values) - frame.transform("mean")
    return np.asarray(centred.where(frame.transform("size") > 1), dtype=np.float64)


def _spread(residuals: NDArray[np.float64]) -> float:
    known = residuals[np.isfinite(residuals)]
    return 1.4826 * float(np.median(np.abs(known))) * np.sqrt(2.0) if known.size else 0.0  # pairs halve the variance


def _edge(plate: Plate, readout: Placed) -> list[Finding]:
    """Name an edge that differs from the inside by more than 3 standard errors and half a spread (our convention)."""
    left = _residuals(readout.values, [condition(well) for well in readout.wells])
    known = np.isfinite(left) & np.array([well.role == "sample" for well in readout.wells])
    rows, columns = readout.places.T
    edge = np.isin(rows, (0, plate.rows - 1)) | np.isin(columns, (0, plate.columns - 1))
    outer, inner = left[known & edge], left[known & ~edge]
    spread = _spread(left[known])
    if min(outer.size, inner.size) < 4 or spread <= 0:
        return []
    shift = float(np.median(outer) - np.median(inner))
    error = 1.2533 * spread * float(np.sqrt(1 / outer.size + 1 / inner.size))
    if abs(shift) < max(3 * error, 0.5 * spread):
        return []
    message = (
        f"{readout.name}: wells at the edge lie {shift:+.3g} from the wells inside of the same conditions "
        f"(spread between replicates {spread:.2g}); evaporation or temperature at the edge may be the cause"
    )
    return [Finding("warn", "plate_edge", message, plate.name)]


def _bright_controls(assay: Assay, plate: Plate, readouts: pd.DataFrame) -> list[Finding]:
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
                f"{channel}: {len(dimmer)} stained wells ({listed(dimmer)}) are no brighter than the FMO wells that "
                f"serve them ({', '.join(bright)}); check whether columns or rows were swapped"
            )
            findings.append(Finding("warn", "control_bright", message, plate.name))
    return findings


def _swapped(plate: Plate, measured: Sequence[Placed]) -> list[Finding]:
    """Name two rows or columns that agree with their replicates elsewhere only when their labels change places."""
    findings = []
    for axis, words, named in ((0, "rows", _row_name), (1, "columns", _column_name)):
        best = max((_gain(readout, axis, pair) for readout in measured for pair in _pairs(readout, axis)), default=None)
        if best is not None and best[0] > 1:
            _, (first, second), name = best
            message = (
                f"{words} {named(first)} and {named(second)} look swapped: {name} agrees with the replicates elsewhere "
                "only when their labels change places; check the layout and the pipetting"
            )
            findings.append(Finding("warn", "swapped", message, plate.name))
    return findings


def _pairs(readout: Placed, axis: int) -> list[tuple[int, int]]:
    return list(combinations(np.unique(readout.places[:, axis]).tolist(), 2))


def _gain(readout: Placed, axis: int, pair: tuple[int, int]) -> tuple[float, tuple[int, int], str]:
    """Return how far a swap of labels passes the bar (above 1): wells must come to agree with replicates elsewhere.

    The bar is a sum of squares a quarter of what it was, and a gain of 9 spreads squared per well (our convention).
    """
    nothing = (0.0, pair, readout.name)
    along = readout.places[:, axis]
    labels = {tuple(place): condition(well) for place, well in zip(readout.places.tolist(), readout.wells, strict=True)}
    involved = np.isin(along, pair)
    given = [labels[tuple(place)] for place in readout.places.tolist()]
    other = {pair[0]: pair[1], pair[1]: pair[0]}
    changed = []
    for place, label in zip(readout.places.tolist(), given, strict=True):
        mirrored = list(place)
        mirrored[axis] = other.get(place[axis], place[axis])
        changed.append(labels.get(tuple(mirrored), label))
    elsewhere = {label for label, inside in zip(given, involved, strict=True) if not inside}
    judged = involved & np.array(
        [a != b and a in elsewhere and b in elsewhere for a, b in zip(given, changed, strict=True)]
    )
    if judged.sum() < 4:
        return nothing
    before, after = (_distance(readout.values, labels, judged, ~involved) for labels in (given, changed))
    spread = _spread(_residuals(readout.values[~involved], [g for g, i in zip(given, involved, strict=True) if not i]))
    floor = max(spread, 1e-9) ** 2
    ratio = before / max(4 * after, 1e-12)
    gain = (before - after) / (9 * floor * int(judged.sum()))
    return (min(ratio, gain), pair, readout.name)


def _distance(
    values: NDArray[np.float64], labels: Sequence[object], judged: NDArray[np.bool_], rest: NDArray[np.bool_]
) -> float:
    """Return the sum of squares of the judged wells about the means that the rest gives their labels."""
    inside, outside = np.flatnonzero(judged).tolist(), np.flatnonzero(rest).tolist()
    means = {
        label: float(np.mean([values[i] for i in outside if labels[i] == label]))
        for label in dict.fromkeys(labels[i] for i in inside)
    }
    return float(sum((values[i] - means[labels[i]]) ** 2 for i in inside))


def _row_name(index: int) -> str:
    return chr(ord("A") + index) if index < 26 else chr(ord("A") + index // 26 - 1) + chr(ord("A") + index % 26)


def _column_name(index: int) -> str:
    return str(index + 1)

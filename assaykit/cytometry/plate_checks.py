"""Checks of a plate as a whole: `check_plate(assay, plate, readouts) -> findings`.

Each readout of interest is centred within its own condition (role, treatment, context and further factors), so that
what is left should not know where on the plate it was measured.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assaykit.plate.model import Plate, Well
from assaykit.study.model import Assay
from assaykit.tables import Finding

NOT_A_CONDITION = frozenset({"replicate", "repeat", "insert", "tube", "well"})
FEWEST_WELLS = 12


@dataclass(frozen=True, slots=True, eq=False)
class Residuals:
    """A readout centred within conditions, well by well; `spread` is its robust SD over wells."""

    name: str
    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    values: NDArray[np.float64]
    spread: float


def check_plate(assay: Assay, plate: Plate, readouts: pd.DataFrame) -> list[Finding]:
    """Return what the plate's readouts say of the plate: an edge pattern, rows or columns that look swapped."""
    findings = []
    for name in _intensities(assay, readouts):
        residuals = _residuals(plate, readouts, name)
        if residuals is not None:
            findings += _edge(plate, residuals)
    return findings


def _intensities(assay: Assay, readouts: pd.DataFrame) -> list[str]:
    wanted = {r.name or f"{r.channel or r.population}_{r.statistic}" for r in assay.protocol.readouts}
    kinds = ("_median", "_percent_positive")
    return [n for n in dict.fromkeys(readouts["readout"]) if n in wanted and n.endswith(kinds) and "_control_" not in n]


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


def _residuals(plate: Plate, readouts: pd.DataFrame, name: str) -> Residuals | None:
    values = dict(zip(*(readouts.loc[readouts["readout"] == name, c] for c in ("well", "value")), strict=True))
    wells = [w for w in plate.wells if w.role == "sample" and position(w) and np.isfinite(values.get(w.name, np.nan))]
    if len(wells) < FEWEST_WELLS:
        return None
    raw = np.array([values[w.name] for w in wells])
    scaled = np.log2(raw) if raw.min() > 0 else raw
    groups = pd.Series([condition(w) for w in wells])
    frame = pd.Series(scaled).groupby(groups)
    centred = (pd.Series(scaled) - frame.transform("median")).to_numpy()[(frame.transform("size") > 1).to_numpy()]
    kept = [w for w, alone in zip(wells, frame.transform("size") > 1, strict=True) if alone]
    if len(kept) < FEWEST_WELLS:
        return None
    places = np.array([position(w) for w in kept])
    spread = 1.4826 * float(np.median(np.abs(centred - np.median(centred))))
    return Residuals(name, places[:, 0], places[:, 1], centred, spread)


def _edge(plate: Plate, residuals: Residuals) -> list[Finding]:
    """Name an edge that differs from the inside by more than 3 standard errors and half a spread (our convention)."""
    last_row, last_column = plate.rows - 1, plate.columns - 1
    outer = np.isin(residuals.rows, (0, last_row)) | np.isin(residuals.columns, (0, last_column))
    if min(outer.sum(), (~outer).sum()) < 4 or residuals.spread <= 0:
        return []
    shift = float(np.median(residuals.values[outer]) - np.median(residuals.values[~outer]))
    error = 1.2533 * residuals.spread * float(np.sqrt(1 / outer.sum() + 1 / (~outer).sum()))
    if abs(shift) < max(3 * error, 0.5 * residuals.spread):
        return []
    message = (
        f"{residuals.name}: wells at the edge lie {shift:+.3g} from the wells inside, of the same conditions "
        f"(spread between replicates {residuals.spread:.2g}); evaporation or temperature at the edge may be the cause"
    )
    return [Finding("warn", "plate_edge", message, plate.name)]

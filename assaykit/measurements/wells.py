"""From plates, counts and READOUTS to `WellReadings`: sample wells in order, with what endpoints need beside them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from statistics import fmean

import pandas as pd

from assaykit.endpoints import BLANK, SCORED, WellReadings, text
from assaykit.plate import Factor, Plate, Well
from assaykit.study import Assay, Reference

FEWEST_SCORED = 3  # rows of one and the same sum of cells that are no coincidence

Values = dict[tuple[str, str], dict[str, float]]
Cells = dict[tuple[str, str], dict[str, int]]


def readings_of_wells(
    assay: Assay, readouts: pd.DataFrame, *, unit: str, reference: Reference
) -> tuple[WellReadings, ...]:
    """Return the sample wells of the assay's plates and counts, each with its readouts and counts by name."""
    values, cells = readouts_by_well(readouts)
    blanks = _blank_signals(assay)
    scored = _scored(assay)
    return tuple(
        _readings(
            plate,
            well,
            unit=unit,
            reference=reference,
            values={**values[plate.name, well.name], **blanks[plate.name], **scored.get((plate.name, well.name), {})},
            cells=cells[plate.name, well.name],
        )
        for plate, well in wells_of(assay)
        if well.role == "sample"
    )


def _scored(assay: Assay) -> dict[tuple[str, str], dict[str, float]]:
    """Return the mark of rows whose cells were scored: kinds of dying cells beside living ones, or one sum in all rows.

    Nobody tells early from late apoptosis over a whole well, and no two wells hold the same number of cells. Cells
    counted in a chamber are those of the well.
    """
    found: dict[tuple[str, str], dict[str, float]] = {}
    for plate in assay.counts:
        rows = [well for well in plate.wells if "viable" in well.counts and "viable_in_squares" not in well.counts]
        sums = {
            sum(well.counts.get(name, 0.0) for name in ("viable", "dead")) for well in rows if "dead" in well.counts
        }
        alike = len(sums) == 1 and len(rows) >= FEWEST_SCORED
        kinds = {"early", "late", "apoptotic", "necrotic"}
        for well in rows:
            if alike or kinds & well.counts.keys():
                found[plate.name, well.name] = {SCORED: 1.0}
    return found


def _blank_signals(assay: Assay) -> dict[str, dict[str, float]]:
    """Return the mean signal of each plate's blank wells, as a readout of its samples."""
    found: dict[str, list[float]] = defaultdict(list)
    for plate, well in wells_of(assay):
        value = _number({**well.factors, **well.counts}.get("signal", "")) if well.role == "blank" else None
        if value is not None:
            found[plate.name].append(value)
    return defaultdict(dict, {plate: {BLANK: fmean(signals)} for plate, signals in found.items()})


def wells_of(assay: Assay) -> Iterator[tuple[Plate, Well]]:
    """Yield every well of the assay's plates, then every row of its counts."""
    for plate in (*assay.plates, *assay.counts):
        for well in plate.wells:
            yield plate, well


def readouts_by_well(readouts: pd.DataFrame) -> tuple[Values, Cells]:
    """Return each well's readouts by name, and the cells behind them."""
    values: Values = defaultdict(dict)
    cells: Cells = defaultdict(dict)
    columns = ["plate", "well", "readout", "value", "cells"]
    for plate, well, name, value, count in readouts[columns].itertuples(index=False, name=None):
        if pd.notna(value):
            values[plate, well][name] = float(value)
        if pd.notna(count):
            cells[plate, well][name] = int(count)
    return values, cells


def _readings(
    plate: Plate, well: Well, *, unit: str, reference: Reference, values: Mapping[str, float], cells: Mapping[str, int]
) -> WellReadings:
    factors = well.factors
    others = {name: value for name, value in factors.items() if name not in {"treatment", "context", unit}}
    numbers = {name: _number(value) for name, value in others.items()}
    return WellReadings(
        plate=plate.name,
        well=well.name,
        unit_id=text(factors.get(unit, "")),
        treatment=text(factors.get("treatment", reference.treatment)),
        context=text(factors.get("context", reference.context)),
        factors=others,
        readouts={**{name: value for name, value in numbers.items() if value is not None}, **values, **well.counts},
        cells=cells,
    )


def _number(value: Factor) -> float | None:
    """Return a factor as a number, or None where it is none.

    >>> _number("8000"), _number("day 1")
    (8000.0, None)
    """
    try:
        return float(value)
    except ValueError:
        return None

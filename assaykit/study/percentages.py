"""Percentages given as counts: told from the numbers and asked about, or read as shares where the study says so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from assaykit.errors import CountsError
from assaykit.plate import Plate
from assaykit.tables import Finding
from assaykit.vocabulary import FATES

_WHOLES = {"percent": 100.0, "a share": 1.0}


def percentages_as_counts(plate: Plate) -> Iterator[CountsError]:
    """Yield a fault where the kinds of cells of a table are shares: never whole numbers alone, adding up to 100 or 1.

    Sums may fall short by what was not counted, and exceed the whole by rounding. Whole numbers that add up to 100
    are taken as they stand, since 100 cells are often scored. Cells counted in a chamber are no shares.
    """
    rows = [
        (well, [well.counts[name] for name in FATES if name in well.counts])
        for well in plate.wells
        if not any(name.endswith("_in_squares") for name in well.counts)
    ]
    rows = [(well, parts) for well, parts in rows if len(parts) > 1]
    if not rows or all(value == int(value) for _, parts in rows for value in parts):
        return
    for words, whole in _WHOLES.items():
        if all(0.5 * whole <= sum(parts) <= 1.01 * whole for _, parts in rows):
            well, parts = rows[0]
            found = f"{' + '.join(f'{value:g}' for value in parts)} = {sum(parts):g}, which looks like {words}"
            remedy = (
                f"write the cells counted: {words} times the cells scored, over {whole:g}; where they are not known, "
            )
            remedy += f'write values = "{"percent" if whole > 1 else "fraction"}" below [[assay]] in the study'
            yield CountsError("counts must be cells", found, well.where, remedy)
            return


def with_shares(plate: Plate, *, whole: float) -> tuple[Plate, tuple[CountsError, ...]]:
    """Return the plate whose kinds of cells are percentages of all leukaemia cells, not counts, and what is no share.

    `whole` is what all cells are in the table: 100 or 1. A column `total` says no more than that.
    """
    faults = []
    wells = []
    for well in plate.wells:
        kinds = {name: value for name, value in well.counts.items() if name in FATES}
        faults += [
            CountsError(f"a share must lie between 0 and {whole:g}", f"{value:g}", well.place(name), "mend the cell")
            for name, value in kinds.items()
            if not 0 <= value <= whole
        ]
        others = [name for name in well.counts if name not in (*FATES, "total")]
        if others or not kinds:
            faults.append(
                CountsError(
                    f"shares must be of the kinds of cells: {', '.join(FATES)}",
                    f"'{others[0]}'" if others else "none of them",
                    well.place(others[0]) if others else well.where,
                    "give counts of cells a table and an [[assay]] of their own",
                )
            )
        readouts = {f"{name}_percent_of_parent": 100 * value / whole for name, value in kinds.items()}
        wells.append(replace(well, counts={}, readouts=readouts))
    told = tuple({str(fault): fault for fault in faults}.values())
    return replace(plate, wells=tuple(wells)), told


def cells_not_known(assay: str) -> Finding:
    """Return what shares without counts leave unknown, once for an assay."""
    message = (
        f"{assay}: shares are given without the cells behind them, so a share of few cells weighs as much as one of "
        "many, and one of 0 or 100 % has no logit."
    )
    return Finding("note", "cells_not_known", message)

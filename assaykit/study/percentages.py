"""Percentages given as counts: told from the numbers, and asked about before anything is measured."""

from __future__ import annotations

from collections.abc import Iterator

from assaykit.errors import CountsError
from assaykit.plate.model import Plate
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
            yield CountsError(
                "counts must be cells",
                found,
                well.where,
                f"write the cells counted: {words} times the cells scored, over {whole:g}",
            )
            return

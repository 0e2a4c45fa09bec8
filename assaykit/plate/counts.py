"""Tables of counts: one row per well or insert; columns are factors, cells counted, and how they were counted.

    rows -> DraftWell -> Well whose `counts` are cells of the whole well

Cells counted in a chamber become cells of the well: cells = count / squares * dilution * 10^4 per mL * volume in mL,
one large square being 1 mm x 1 mm x 0.1 mm (Neubauer chamber; Freshney, Culture of Animal Cells, 6th ed., 2010,
section 20.1).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from assaykit.errors import CountsError, InputError
from assaykit.numerals import both_ways, readings
from assaykit.plate.draft import Entry
from assaykit.plate.model import Well
from assaykit.plate.tally import Tally, tally_from_entry
from assaykit.vocabulary import SIGNAL

SQUARES_PER_ML = 1e4
LARGEST_VOLUME = 50.0  # mL; more than any culture vessel of a plate, so it was written in uL


def one_number(column: str, entry: Entry, *, decimal: str = "") -> float | None:
    """Return the number an entry is, None where it is none; CountsError where it could be two."""
    if isinstance(entry.value, (int, float)) and not isinstance(entry.value, bool):
        return float(entry.value) if abs(entry.value) < float("inf") else None
    values = readings(entry.value, decimal=decimal) if isinstance(entry.value, str) else ()
    if len(values) > 1 and (column != SIGNAL or "," in str(entry.value)):
        found = f"'{entry.value}', which is {both_ways(values)}"
        remedy = f"write {values[1]:f}, or {values[0]:f}0 if it is a decimal"
        raise CountsError(f"'{column}' must be a number read one way", found, entry.where, remedy)
    return float(values[0]) if values else None


def tally_of_column(column: str, entry: Entry, *, decimal: str = "") -> Tally:
    """Return a number of a column of counts or amounts as written; a dilution may be 2 or 1:2, and is 1 or more."""
    if column != "dilution":
        return tally_from_entry(column, entry, decimal=decimal)
    match = re.fullmatch(r"1\s*[:/]\s*(\S.*)", str(entry.value).strip())
    tally = tally_from_entry(column, replace(entry, value=match[1]) if match else entry, decimal=decimal)
    if tally.value is not None and tally.value < 1:
        found, reason, remedy = f"{tally.value:g}", "which is below 1", "write 2 for 1:2"
        return replace(tally, text=found, kind="unreadable", value=None, reason=reason, remedy=remedy)
    return tally


def in_whole_well(well: Well, chamber: Mapping[str, Tally]) -> tuple[Well, list[InputError]]:
    """Return the well with chamber counts turned into cells of the whole well, and the faults of its columns.

    Where one of the chamber's numbers is not there, the well has no counts: cells of some squares are none of a well.
    """
    if "squares" not in chamber:
        if "volume" not in chamber:
            return well, []
        remedy = "name the squares counted, or delete the column"
        where = chamber["volume"].where
        return well, [CountsError("'volume' must stand with 'squares'", "no column 'squares'", where, remedy)]
    if "volume" not in chamber:
        remedy = "add a column 'volume': the mL the cells were in when they were counted"
        return well, [CountsError("chamber counts must have a volume", "none", chamber["squares"].where, remedy)]
    values = {name: tally.value for name, tally in chamber.items()}
    squares, volume, dilution = values["squares"], values["volume"], values.get("dilution", 1.0)
    if squares is None or volume is None or dilution is None:
        return replace(well, counts={}), []
    if squares == 0:
        where, remedy = chamber["squares"].where, "write the large squares counted"
        return well, [CountsError("'squares' must be more than zero", "0", where, remedy)]
    if volume > LARGEST_VOLUME:
        where, remedy = chamber["volume"].where, f"write {volume / 1000:g} if that was uL"
        return well, [CountsError("'volume' must be in mL", f"{volume:g}", where, remedy)]
    factor = dilution / squares * SQUARES_PER_ML * volume
    counts = {name: count * factor for name, count in well.counts.items()}
    raw = {f"{name}_in_squares": count for name, count in well.counts.items()}
    return replace(well, counts={**counts, **raw}), []

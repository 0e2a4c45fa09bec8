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
from functools import partial

from assaykit.errors import CountsError, InputError
from assaykit.numerals import both_ways, readings
from assaykit.plate.draft import Entry, written
from assaykit.plate.model import Well
from assaykit.vocabulary import SIGNAL

SQUARES_PER_ML = 1e4
LARGEST_VOLUME = 50.0  # mL; more than any culture vessel of a plate, so it was written in uL


def number_from_entry(column: str, entry: Entry, *, decimal: str = "") -> float:
    """Return a number of zero or more (a signal may be less), with a decimal point or comma.

    `decimal` is the decimal sign other numbers of the table show. A plate reader writes a signal, and with a point.
    Raises CountsError where it is none, or could be two.
    """
    value = one_number(column, entry, decimal="." if column == SIGNAL else decimal)
    if value is None:
        remedy = "leave the cell empty where nothing was counted"
        raise CountsError(f"'{column}' must be a number", written(entry.value), entry.where, remedy)
    if value < 0 and column != SIGNAL:
        raise CountsError(f"'{column}' must be zero or more", f"{value:g}", entry.where, "delete the minus sign")
    return value


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


def dilution_from_entry(entry: Entry, *, decimal: str = "") -> float:
    """Return how many times a sample was diluted: 2 for `2` and for `1:2`; CountsError below 1."""
    match = re.fullmatch(r"1\s*[:/]\s*(\S.*)", str(entry.value).strip())
    value = number_from_entry("dilution", replace(entry, value=match[1]) if match else entry, decimal=decimal)
    if value < 1:
        raise CountsError(
            "'dilution' must be how many times the sample was diluted", f"{value:g}", entry.where, "write 2 for 1:2"
        )
    return value


def in_whole_well(well: Well, chamber: Mapping[str, Entry], *, decimal: str = "") -> tuple[Well, list[InputError]]:
    """Return the well with chamber counts turned into cells of the whole well, and the faults of its columns."""
    if "squares" not in chamber:
        stray = [name for name in ("volume",) if name in chamber]
        where = chamber[stray[0]].where if stray else ""
        remedy = "name the squares counted, or delete the column"
        return well, [
            CountsError("'volume' must stand with 'squares'", "no column 'squares'", where, remedy)
        ] if stray else []
    faults: list[InputError] = []
    values: dict[str, float] = {"dilution": 1.0}
    for name, entry in chamber.items():
        try:
            number = dilution_from_entry if name == "dilution" else partial(number_from_entry, name)
            values[name] = number(entry, decimal=decimal)
        except CountsError as error:
            faults.append(error)
    faults += _chamber_faults(values, chamber) if not faults else []
    if faults:
        return well, faults
    factor = values["dilution"] / values["squares"] * SQUARES_PER_ML * values["volume"]
    counts = {name: count * factor for name, count in well.counts.items()}
    raw = {f"{name}_in_squares": count for name, count in well.counts.items()}
    return replace(well, counts={**counts, **raw}), []


def _chamber_faults(values: Mapping[str, float], chamber: Mapping[str, Entry]) -> list[InputError]:
    if "volume" not in values:
        remedy = "add a column 'volume': the mL the cells were in when they were counted"
        return [CountsError("chamber counts must have a volume", "none", chamber["squares"].where, remedy)]
    if values["squares"] == 0:
        return [
            CountsError(
                "'squares' must be more than zero", "0", chamber["squares"].where, "write the large squares counted"
            )
        ]
    if values["volume"] > LARGEST_VOLUME:
        found = f"{values['volume']:g}"
        return [
            CountsError(
                "'volume' must be in mL",
                found,
                chamber["volume"].where,
                f"write {values['volume'] / 1000:g} if that was uL",
            )
        ]
    return []

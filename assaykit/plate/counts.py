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
from assaykit.plate.draft import Entry, Value, written
from assaykit.plate.model import Well

COUNTED = (
    "count", "migrated", "input", "adherent", "floating", "recovered", "viable", "dead", "early", "late", "necrotic",
    "apoptotic", "total",
)  # fmt: skip
CHAMBER = ("squares", "dilution", "volume")
MEASURED = (
    "beads_added", "sample_volume", "volume_ul", "input_cells", "input_viability", "seeded", "viability",
    "cells_concentration", "cxcl12_top", "cxcl12_bottom", "dilution",
)  # fmt: skip
SIGNAL = "signal"  # of a plate reader; below zero where the blank was taken off already
SQUARES_PER_ML = 1e4
LARGEST_VOLUME = 50.0  # mL; more than any culture vessel of a plate, so it was written in uL
_PLAIN = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_COMMA = re.compile(r"[+-]?\d+,\d+")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+")


def is_count(name: str) -> bool:
    """Whether a column holds what was read from a well: cells counted, or a plate reader's signal.

    >>> is_count("migrated"), is_count("cml_count"), is_count("time")
    (True, True, False)
    """
    return name in (*COUNTED, SIGNAL) or name.endswith("_count")


def number_from_entry(column: str, entry: Entry) -> float:
    """Return a number of zero or more (a signal may be less), with a decimal point or comma.

    Raises CountsError where it is none, or could be two.
    """
    value = _number(entry.value)
    if value is None:
        text = str(entry.value)
        if _THOUSANDS.fullmatch(text):
            both = f"{text.replace(',', '')} and {text.replace(',', '.')}"
            remedy = "write the number without a comma"
            raise CountsError(
                f"'{column}' must be a number read one way", f"'{text}', which is {both}", entry.where, remedy
            )
        remedy = "leave the cell empty where nothing was counted"
        raise CountsError(f"'{column}' must be a number", written(entry.value), entry.where, remedy)
    if value < 0 and column != SIGNAL:
        raise CountsError(f"'{column}' must be zero or more", f"{value:g}", entry.where, "delete the minus sign")
    return value


def _number(value: Value) -> float | None:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value) if abs(value) < float("inf") else None
    text = value if isinstance(value, str) else ""
    if _PLAIN.fullmatch(text):
        return float(text)
    if _COMMA.fullmatch(text) and not _THOUSANDS.fullmatch(text):
        return float(text.replace(",", "."))
    return None


def dilution_from_entry(entry: Entry) -> float:
    """Return how many times a sample was diluted: 2 for `2` and for `1:2`; CountsError below 1."""
    match = re.fullmatch(r"1\s*[:/]\s*(\d+(?:[.,]\d+)?)", str(entry.value).strip())
    value = float(match[1].replace(",", ".")) if match else number_from_entry("dilution", entry)
    if value < 1:
        raise CountsError(
            "'dilution' must be how many times the sample was diluted", f"{value:g}", entry.where, "write 2 for 1:2"
        )
    return value


def in_whole_well(well: Well, chamber: Mapping[str, Entry]) -> tuple[Well, list[InputError]]:
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
            values[name] = dilution_from_entry(entry) if name == "dilution" else number_from_entry(name, entry)
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

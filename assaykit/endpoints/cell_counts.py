"""Cells in a well or an insert: as counted by hand, or from events by beads or by the volume run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from assaykit.endpoints.model import Readouts
from assaykit.vocabulary import QUADRANTS

Options = Mapping[str, str | float | bool]


@dataclass(frozen=True, slots=True)
class CellCount:
    """Cells of a whole well; missing with the reason where they cannot be known. `events` is what was seen of them."""

    cells: float
    method: str = ""
    reason: str = ""
    events: int | None = None
    check: str = "not_read"  # what a missing count is named among the findings


def cell_count(readouts: Readouts, plain: Sequence[str], options: Options) -> CellCount:
    """Return the cells of a well: the first of the columns `plain` it has, else events by beads, else by volume.

    `options = { counting = "beads" | "volume" | "plain" }` settles which, where a well has more than one.
    """
    wanted = options.get("counting", "")
    column = next((name for name in plain if name in readouts), "")
    if column and wanted in {"", "plain"}:
        seen = readouts.get(f"{column}_in_squares", readouts[column])
        return CellCount(readouts[column], "as counted", events=round(seen))
    if "cells_count" not in readouts:
        return CellCount(math.nan, reason=f"there is no count of {plain[0]} cells")
    added = readouts.get("beads_added", options.get("beads_added"))
    volume = readouts.get("sample_volume", options.get("sample_volume"))
    if "beads_count" in readouts and added and wanted in {"", "beads"}:
        return _by_beads(readouts, float(added))
    if volume and wanted in {"", "volume"} and ("cells_concentration" in readouts or "volume_ul" in readouts):
        return _by_volume(readouts, float(volume))
    return CellCount(
        math.nan,
        reason="events are not cells of the well: give beads_added with a bead gate, or sample_volume in uL "
        "with a cytometer that writes the volume it ran ($VOL)",
        events=round(readouts["cells_count"]),
    )


def _by_beads(readouts: Readouts, added: float) -> CellCount:
    """Return cells = cell events / bead events * beads added, times the dilution of the sample.

    No more beads can be seen than were added: the number added, or the gate on beads, must then be wrong.
    """
    cells, beads = readouts["cells_count"], readouts["beads_count"]
    if beads > added:
        reason = f"{beads:g} beads were counted of {added:g} added: mend beads_added, or the gate on beads"
        return CellCount(math.nan, reason=reason, events=round(cells), check="more_beads_than_added")
    if beads <= 0:
        return CellCount(math.nan, reason="no bead was seen, so cells cannot be counted", events=round(cells))
    return CellCount(cells / beads * added * _dilution(readouts), "beads", events=round(cells))


def _by_volume(readouts: Readouts, sample_volume: float) -> CellCount:
    """Return cells = cell events / volume run * volume of the sample, times its dilution; volumes in uL."""
    cells = readouts["cells_count"]
    if "cells_concentration" in readouts:
        per_ul = readouts["cells_concentration"]
    elif readouts["volume_ul"] > 0:
        per_ul = cells / readouts["volume_ul"]
    else:
        return CellCount(math.nan, reason="the file says that no volume was run", events=round(cells))
    return CellCount(per_ul * sample_volume * _dilution(readouts), "volume", events=round(cells))


def _dilution(readouts: Readouts) -> float:
    """Return how many times an acquired sample was diluted; hand counts come with theirs already multiplied in."""
    return readouts.get("dilution", 1.0) or 1.0


def fraction(value: float) -> float:
    """Return a viability written as a fraction or as a percentage, as a fraction.

    >>> fraction(0.9), fraction(90.0), fraction(1.0)
    (0.9, 0.9, 1.0)
    """
    return value / 100 if value > 1 else value


def cells_by_fate(readouts: Readouts, options: Options) -> dict[str, float]:
    """Return `apoptotic`, `early`, `late`, `viable` and `total` cells of a well, as far as they are known.

    A count by hand goes before the population of the same role. `total` is the sum of its parts where they are known
    and it is not given, viable + dead (by trypan blue) at the least. `apoptotic` is early, or early + late, as
    `options = { apoptotic = ... }` declares.
    """
    parts = {
        name: readouts.get(name, readouts.get(f"{name}_count", math.nan)) for name in (*QUADRANTS, "total", "apoptotic")
    }
    if math.isnan(parts["total"]):
        parts["total"] = sum(parts[name] for name in QUADRANTS)
    if math.isnan(parts["total"]) and "necrotic" not in readouts and "necrotic_count" not in readouts:
        dying = parts["apoptotic"] if math.isnan(parts["early"] + parts["late"]) else parts["early"] + parts["late"]
        parts["total"] = dying + parts["viable"]
    if math.isnan(parts["total"]) and "dead" in readouts:
        parts["total"] = parts["viable"] + readouts["dead"]
    if math.isnan(parts["apoptotic"]) or not math.isnan(parts["early"]):
        early_only = options.get("apoptotic", "early+late") == "early"
        parts["apoptotic"] = parts["early"] if early_only else parts["early"] + parts["late"]
    return {name: value for name, value in parts.items() if not math.isnan(value)}


def shares_by_fate(readouts: Readouts, options: Options) -> dict[str, float]:
    """Return the parts of `cells_by_fate` in % of all leukaemia cells, `total` being 100, where no cells are known.

    They come of tables that give shares alone.

    >>> shares_by_fate({"early_percent_of_parent": 3.0, "late_percent_of_parent": 2.0}, {})["apoptotic"]
    5.0
    """
    end = "_percent_of_parent"
    shares = {name.removesuffix(end): value for name, value in readouts.items() if name.endswith(end)}
    known: dict[str, float] = {name: shares[name] for name in (*QUADRANTS, "apoptotic") if name in shares}
    return cells_by_fate({**known, "total": 100.0}, options) if known else {}

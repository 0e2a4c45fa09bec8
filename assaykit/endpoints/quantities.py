"""What a well brings to an endpoint, under the names its formula uses; or why it brings nothing."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from assaykit.endpoints.counting import counted_cells, dead_or_alive, dead_or_alive_in_percent
from assaykit.endpoints.death import apoptosis
from assaykit.endpoints.intensity import dmfi
from assaykit.endpoints.model import Doubt, MeasuredWell, Readouts
from assaykit.endpoints.wells import SCORED, cells_of, own_readouts
from assaykit.protocol.model import EndpointSpec

NOTHING: Readouts = {}


@dataclass(frozen=True, slots=True)
class Brought:
    """The values of one well for one endpoint, the cells behind them, and the doubt where they are missing."""

    values: Readouts = field(default_factory=dict)
    cells: int | None = None
    count: float = math.nan
    total: float = math.nan
    doubt: Doubt | None = None


Bringer = Callable[[EndpointSpec, MeasuredWell], Brought]


def missing(reason: str, check: str = "not_read") -> Doubt:
    """Return the doubt of a value that is not there."""
    return Doubt("fail", check, reason)


def intensities(*names: str) -> Bringer:
    """Return what brings the named statistics of a channel."""

    def bring(spec: EndpointSpec, well: MeasuredWell) -> Brought:
        own = own_readouts(spec, well)
        lacking = [name for name in names if name not in own]
        if not well.readouts:
            return Brought(doubt=missing("nothing was read from this well", "no_readouts"))
        if "control_median" in lacking:
            return Brought(doubt=missing(f"no FMO well to take the background of {spec.channel} from", "no_control"))
        if lacking:
            return Brought(doubt=missing(f"no {' or '.join(lacking)} of {spec.channel} was read"))
        return Brought({name: own[name] for name in names}, cells_of(spec, well))

    return bring


def positive_cells(spec: EndpointSpec, well: MeasuredWell) -> Brought:
    """Bring the percentage of positive cells, with the cells behind it as a proportion."""
    brought = intensities("percent_positive")(spec, well)
    if brought.doubt or brought.cells is None:
        return brought
    positive = round(brought.values["percent_positive"] * brought.cells / 100)
    return Brought(brought.values, brought.cells, float(positive), float(brought.cells))


def share_of(whole: str) -> Bringer:
    """Return what brings the cells as a percentage of their parent, grandparent or all, with both counts if read."""

    def bring(spec: EndpointSpec, well: MeasuredWell) -> Brought:
        own = own_readouts(spec, well)
        if not well.readouts:
            return Brought(doubt=missing("nothing was read from this well", "no_readouts"))
        if f"cells_percent_of_{whole}" not in own:
            name = spec.populations.get("cells", "the cells")
            return Brought(doubt=missing(f"{name} was not gated, or nothing was left of its {whole}"))
        count, total = own.get("cells_count", math.nan), own.get(f"{whole}_count", math.nan)
        cells = None if math.isnan(total) else round(total)
        return Brought({f"percent_of_{whole}": own[f"cells_percent_of_{whole}"]}, cells, count, total)

    return bring


def background_free(spec: EndpointSpec, well: MeasuredWell) -> Brought:
    """Bring dMFI."""
    brought = intensities("median", "control_median")(spec, well)
    if brought.doubt:
        return brought
    return Brought({"dmfi": dmfi(brought.values, NOTHING)}, brought.cells)


def cells_counted(*plain: str) -> Bringer:
    """Return what brings the cells of a well under the first of the names, which are columns of counts by hand."""

    def bring(spec: EndpointSpec, well: MeasuredWell) -> Brought:
        if not well.readouts:
            return Brought(doubt=missing("nothing was read from this well", "no_readouts"))
        counted = counted_cells(own_readouts(spec, well), plain, spec.options)
        if math.isnan(counted.cells):
            return Brought(cells=counted.events, doubt=missing(counted.reason, counted.check))
        return Brought({plain[0]: counted.cells}, counted.events, count=counted.cells)

    return bring


def deaths(part: str) -> Bringer:
    """Return what brings one part of the cells (apoptotic, early, late, viable) and their total."""

    def bring(spec: EndpointSpec, well: MeasuredWell) -> Brought:
        if not well.readouts:
            return Brought(doubt=missing("nothing was read from this well", "no_readouts"))
        cells = dead_or_alive(own_readouts(spec, well), spec.options)
        lacking = [name for name in (part, "total") if name not in cells]
        shares = dead_or_alive_in_percent(own_readouts(spec, well), spec.options) if lacking else {}
        if part in shares and shares[part] <= shares["total"]:
            return _shared(part, shares, own_readouts(spec, well).get("total_count"))
        if lacking:
            return Brought(doubt=missing(f"there is no count of {' and '.join(lacking)} cells"))
        if cells["total"] <= 0:
            return Brought(cells=0, doubt=missing("no leukaemia cell was seen", "no_cells"))
        if cells[part] > cells["total"]:
            found = f"{cells[part]:g} {part} cells of {cells['total']:g} in total"
            return Brought(doubt=missing(f"a part cannot exceed the whole: {found}", "part_exceeds_whole"))
        values = {part: cells[part], "total": cells["total"]}
        return Brought(values, round(cells["total"]), cells[part], cells["total"])

    return bring


def _shared(part: str, shares: Readouts, cells: float | None) -> Brought:
    """Return a part in % of all leukaemia cells, with the cells behind it where all of them are counted."""
    values = {part: shares[part], "total": shares["total"]}
    if cells is None:
        return Brought(values)
    return Brought(values, round(cells), float(round(shares[part] * cells / 100)), cells)


def apoptotic_percent(spec: EndpointSpec, well: MeasuredWell) -> Brought:
    """Bring the percentage of apoptotic cells."""
    brought = deaths("apoptotic")(spec, well)
    if brought.doubt:
        return brought
    value = apoptosis(brought.values, NOTHING)
    return Brought({"apoptosis": value}, brought.cells, brought.count, brought.total)


def living_cells(spec: EndpointSpec, well: MeasuredWell) -> Brought:
    """Bring the viable cells of the well; a count by hand may stand as total cells times viability.

    Cells that were scored, living beside dying, are a sample of the well's, however many of them live.
    """
    own = own_readouts(spec, well)
    if SCORED in own and spec.options.get("counting") != "plain":
        reason = (
            "cells scored as living or dying are not the cells of the well: count them in a chamber (columns squares "
            'and volume) or with beads, or declare options = { counting = "plain" } where all of the well were counted'
        )
        return Brought(doubt=missing(reason, "scored_cells"))
    if "viable" not in own and "cells_count" not in own and {"total", "viability"} <= own.keys():
        viability = own["viability"]
        share = viability / 100 if viability > 1 else viability
        return Brought({"viable": own["total"] * share}, round(own["total"]), count=own["total"] * share)
    return cells_counted("viable")(spec, well)


def adherent_cells(spec: EndpointSpec, well: MeasuredWell) -> Brought:
    """Bring the cells that hold on."""
    return cells_counted("adherent", "count")(spec, well)


def signal(spec: EndpointSpec, well: MeasuredWell) -> Brought:
    """Bring a plate reader's signal with the plate's blank wells taken off."""
    own = own_readouts(spec, well)
    if "signal" not in own:
        return Brought(doubt=missing("there is no signal"))
    return Brought({"signal": own["signal"] - own.get("blank_signal", 0.0)})


def signal_or_cells(spec: EndpointSpec, well: MeasuredWell) -> Brought:
    """Bring the signal, or the viable cells where there is none."""
    if "signal" in well.readouts:
        return signal(spec, well)
    living = living_cells(spec, well)
    return Brought({"signal": living.values["viable"]}, living.cells) if not living.doubt else living


BRINGERS: dict[str, Bringer] = {
    "median": intensities("median"),
    "geometric_mean": intensities("geometric_mean"),
    "dmfi": intensities("median", "control_median"),
    "total_dmfi": intensities("median", "control_median"),
    "rmfi": intensities("median", "control_median"),
    "log2fc": background_free,
    "percent_positive": positive_cells,
    "overton": intensities("overton"),
    "sed": intensities("sed"),
    "stain_index": intensities("stain_index"),
    "positive_median": intensities("positive_median"),
    "imfi": intensities("imfi"),
    "percent_of_parent": share_of("parent"),
    "percent_of_grandparent": share_of("grandparent"),
    "percent_of_total": share_of("total"),
    "receptors": intensities("receptors"),
    "surface_total": background_free,
    "internalisation": background_free,
    "migration_random": cells_counted("migrated", "count"),
    "migration_cxcl12": cells_counted("migrated", "count"),
    "migration_msc": cells_counted("migrated", "count"),
    "migration_chemokinesis": cells_counted("migrated", "count"),
    "migration_net": cells_counted("migrated", "count"),
    "migration_index": cells_counted("migrated", "count"),
    "migration_msc_net": cells_counted("migrated", "count"),
    "migration_msc_index": cells_counted("migrated", "count"),
    "migration_directed": cells_counted("migrated", "count"),
    "checkerboard": cells_counted("migrated", "count"),
    "apoptosis": deaths("apoptotic"),
    "apoptosis_early": deaths("early"),
    "apoptosis_late": deaths("late"),
    "viability": deaths("viable"),
    "specific_apoptosis": apoptotic_percent,
    "spi": apoptotic_percent,
    "spi_points": apoptotic_percent,
    "reversal": apoptotic_percent,
    "bliss_excess": apoptotic_percent,
    "hsa_excess": apoptotic_percent,
    "viable_count": living_cells,
    "adhesion": adherent_cells,
    "proliferation": living_cells,
    "signal": signal,
    "relative_viability": signal_or_cells,
}

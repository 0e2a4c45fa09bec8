"""What endpoints of several families take from a well: cells counted; and how a quantity says that it is missing."""

from __future__ import annotations

import math
from collections.abc import Callable

from assaykit.endpoints.cell_counts import cell_count, fraction
from assaykit.endpoints.model import Doubt, Quantity, WellReadings
from assaykit.endpoints.wells import own_readouts
from assaykit.protocol import EndpointSpec

QuantityOfWell = Callable[[EndpointSpec, WellReadings], Quantity]
SCORED = "cells_scored"
"""The readout that marks a row of cells scored as living or dying."""
BLANK = "blank_signal"
"""The readout that holds the mean signal of the plate's blank wells."""


def missing(reason: str, check: str = "not_read") -> Doubt:
    """Return the doubt of a value that is not there."""
    return Doubt("fail", check, reason)


def of_read_wells(quantity: QuantityOfWell) -> QuantityOfWell:
    """Return a quantity that is missing, and says so, where nothing at all was read from the well."""

    def read(spec: EndpointSpec, well: WellReadings) -> Quantity:
        if not well.readouts:
            return Quantity(doubt=missing("nothing was read from this well", "no_readouts"))
        return quantity(spec, well)

    return read


def cells_counted(*columns: str) -> QuantityOfWell:
    """Return the cells of a well, under the first of the names, which are columns of counts by hand."""

    @of_read_wells
    def counted(spec: EndpointSpec, well: WellReadings) -> Quantity:
        found = cell_count(own_readouts(spec, well), columns, spec.options)
        if math.isnan(found.cells):
            return Quantity(cells=found.events, doubt=missing(found.reason, found.check))
        return Quantity({columns[0]: found.cells}, found.events, count=found.cells)

    return counted


def living_cells(spec: EndpointSpec, well: WellReadings) -> Quantity:
    """Return the viable cells of a well; a count by hand may stand as total cells times viability.

    Cells that were scored, living beside dying, are a sample of the well's, however many of them live.
    """
    own = own_readouts(spec, well)
    if SCORED in own and spec.options.get("counting") != "plain":
        reason = (
            "cells scored as living or dying are not the cells of the well: count them in a chamber (columns squares "
            'and volume) or with beads, or declare options = { counting = "plain" } where all of the well were counted'
        )
        return Quantity(doubt=missing(reason, "scored_cells"))
    if "viable" not in own and "cells_count" not in own and {"total", "viability"} <= own.keys():
        living = own["total"] * fraction(own["viability"])
        return Quantity({"viable": living}, round(own["total"]), count=living)
    return cells_counted("viable")(spec, well)

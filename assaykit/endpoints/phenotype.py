"""Endpoints of a panel: the share of a population among its parent, its parent's parent, or all events."""

from __future__ import annotations

import math

from assaykit.endpoints.formation import OWN
from assaykit.endpoints.intensity import SURFACE
from assaykit.endpoints.model import Endpoint, Quantity, WellReadings, as_read
from assaykit.endpoints.quantities import QuantityOfWell, missing, of_read_wells
from assaykit.endpoints.wells import own_readouts
from assaykit.protocol import EndpointSpec


def share_of(whole: str) -> QuantityOfWell:
    """Return the cells as a percentage of their parent, grandparent or total, with both counts if they were read."""

    @of_read_wells
    def read(spec: EndpointSpec, well: WellReadings) -> Quantity:
        own = own_readouts(spec, well)
        if f"cells_percent_of_{whole}" not in own:
            name = spec.populations.get("cells", "the cells")
            return Quantity(doubt=missing(f"{name} was not gated, or nothing was left of its {whole}"))
        count, total = own.get("cells_count", math.nan), own.get(f"{whole}_count", math.nan)
        cells = None if math.isnan(total) else round(total)
        return Quantity({f"percent_of_{whole}": own[f"cells_percent_of_{whole}"]}, cells, count, total)

    return read


def _share(whole: str, noun: str) -> Endpoint:
    return Endpoint(
        name=f"percent_of_{whole}",
        function=as_read(f"percent_of_{whole}"),
        quantity=share_of(whole),
        formation=OWN,
        meaning=f"share of a population among {noun}",
        words=f"{{marker}} (share of {whole})",
        unit="%",
        axis_unit=f"% of {whole}",
        family="Populations",
        scale="logit",
        formula=f"100 * cells / {noun}",
        needs=(f"cells_percent_of_{whole}",),
        only=SURFACE,
        bound=5.0,
        bound_source="our convention, as for every percentage of cells",
    )


PHENOTYPE = (
    _share("parent", "cells of its parent"),
    _share("grandparent", "cells of its parent's parent"),
    _share("total", "all events"),
)

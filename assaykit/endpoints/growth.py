"""Endpoints of living cells: how many there are, hold on, or grew, and what a plate reader makes of them.

`value = endpoint(quantity, reference)`, the reference being the cells put in or the vehicle's signal.
"""

from __future__ import annotations

import math

from assaykit.endpoints.death import FAMILY as DEATH_FAMILY
from assaykit.endpoints.formation import FROM_INPUT, FROM_REFERENCE, OWN
from assaykit.endpoints.model import Endpoint, Quantity, Readouts, WellReadings, as_read, percent
from assaykit.endpoints.quantities import BLANK, cells_counted, living_cells, missing
from assaykit.endpoints.wells import own_readouts
from assaykit.protocol import EndpointSpec
from assaykit.vocabulary import SIGNAL

FAMILY = "Adhesion and growth"


def signal_above_blank(spec: EndpointSpec, well: WellReadings) -> Quantity:
    """Return a plate reader's signal with the plate's blank wells taken off; may be negative."""
    own = own_readouts(spec, well)
    if SIGNAL not in own:
        return Quantity(doubt=missing("there is no signal"))
    return Quantity({"signal": own[SIGNAL] - own.get(BLANK, 0.0)})


def signal_or_cells(spec: EndpointSpec, well: WellReadings) -> Quantity:
    """Return the signal, or the viable cells where there is none."""
    if SIGNAL in well.readouts:
        return signal_above_blank(spec, well)
    living = living_cells(spec, well)
    return living if living.doubt else Quantity({"signal": living.values["viable"]}, living.cells)


VIABLE_COUNT = Endpoint(
    name="viable_count",
    function=as_read("viable"),
    quantity=living_cells,
    formation=OWN,
    meaning="viable cells of the well: from beads, from the volume run, or as counted",
    words="viable cells",
    unit="cells",
    family=DEATH_FAMILY,
    scale="log",
    formula="cell events / bead events * beads added",
    needs=("viable, or cells with beads or a volume",),
    counted="viable",
    count_columns=("viable", "dead"),
)


def adhesion(quantity: Readouts, reference: Readouts) -> float:
    """Return 100 * adherent / cells put in, in %.

    >>> adhesion({"adherent": 30.0}, {"input": 120.0})
    25.0
    """
    return percent(quantity["adherent"], reference["input"])


ADHESION = Endpoint(
    name="adhesion",
    function=adhesion,
    quantity=cells_counted("adherent", "count"),
    formation=FROM_INPUT,
    meaning="cells that hold on to stroma or matrix",
    words="adhesion",
    unit="%",
    axis_unit="% of input",
    family=FAMILY,
    scale="logit",
    formula="100 * adherent / cells put in",
    needs=("adherent", "input or floating"),
    counted="adherent",
    count_columns=("adherent", "input"),
    bound=5.0,
    bound_source="our convention, as for every percentage of cells",
)


def fold_expansion(quantity: Readouts, reference: Readouts) -> float:
    """Return viable cells / cells seeded; missing where none were seeded.

    >>> fold_expansion({"viable": 400000.0}, {"input": 100000.0})
    4.0
    """
    seeded = reference["input"]
    return quantity["viable"] / seeded if seeded > 0 else math.nan


PROLIFERATION = Endpoint(
    name="proliferation",
    function=fold_expansion,
    quantity=living_cells,
    formation=FROM_INPUT,
    meaning="growth since seeding",
    words="proliferation",
    unit="ratio",
    family=FAMILY,
    scale="log",
    formula="viable cells / cells seeded",
    needs=("viable", "input"),
    counted="viable",
    count_columns=("viable", "dead", "input"),
)

SIGNAL_ABOVE_BLANK = Endpoint(
    name="signal",
    function=as_read("signal"),
    quantity=signal_above_blank,
    formation=OWN,
    meaning="a plate reader's signal, background taken off",
    words="signal",
    unit="signal",
    family=FAMILY,
    scale="log",
    formula="signal - mean of the plate's blank wells",
    needs=("signal",),
    count_columns=("signal",),
)


def relative_viability(quantity: Readouts, reference: Readouts) -> float:
    """Return 100 * (signal - blank) / (vehicle - blank), in %; both come with the blank already taken off.

    >>> relative_viability({"signal": 0.3}, {"signal": 1.2})
    25.0
    """
    return percent(quantity["signal"], reference["signal"])


RELATIVE_VIABILITY = Endpoint(
    name="relative_viability",
    function=relative_viability,
    quantity=signal_or_cells,
    formation=FROM_REFERENCE,
    meaning="viability relative to the vehicle of the same unit and context",
    words="relative viability",
    unit="%",
    family=FAMILY,
    scale="identity",
    formula="100 * (signal - blank) / (vehicle - blank)",
    needs=("signal or viable",),
    count_columns=("signal",),
    bound=10.0,
    bound_source="our convention: a tenth of the vehicle's, for two signals make one value",
)

GROWTH = (VIABLE_COUNT, ADHESION, PROLIFERATION, SIGNAL_ABOVE_BLANK, RELATIVE_VIABILITY)

"""Endpoints of the transwell: `value = endpoint(quantity, reference)`, held against cells put in or another target."""

from __future__ import annotations

import math

from assaykit.endpoints.arms import BETWEEN_TARGETS
from assaykit.endpoints.formation import FROM_GRADIENT, FROM_INPUT
from assaykit.endpoints.model import Endpoint, Readouts, percent
from assaykit.endpoints.quantities import cells_counted

FAMILY = "Migration"
_NEEDS = ("migrated, or cells with beads or a volume",)
_COLUMNS = ("migrated", "input")
_ONE_POINT = "our convention: a hundredth of the cells put in"

migrated_cells = cells_counted("migrated", "count")


def percent_of_input(quantity: Readouts, reference: Readouts) -> float:
    """Return 100 * migrated / viable cells put in, in %; missing where nothing was put in.

    Source: our stated convention, the usual one.

    >>> percent_of_input({"migrated": 3000.0}, {"input": 100000.0})
    3.0
    """
    return percent(quantity["migrated"], reference["input"])


def _to_target(name: str, target: str, *, words: str, meaning: str) -> Endpoint:
    return Endpoint(
        name=name,
        function=percent_of_input,
        quantity=migrated_cells,
        formation=FROM_INPUT,
        meaning=meaning,
        words=words,
        unit="%",
        axis_unit="% of input",
        family=FAMILY,
        scale="log",
        formula="100 * migrated / viable input",
        needs=_NEEDS,
        counted="migrated",
        count_columns=_COLUMNS,
        target=target,
        bound=1.0,
        bound_source=_ONE_POINT,
    )


RANDOM = _to_target(
    "migration_random", "medium", words="random migration", meaning="random motility: migration to medium"
)
TO_CXCL12 = _to_target(
    "migration_cxcl12", "cxcl12", words="migration to CXCL12", meaning="migration to CXCL12 below"
)  # fmt: skip
TO_MSC = _to_target("migration_msc", "msc", words="migration to MSC", meaning="migration to MSC below")
CHEMOKINESIS = _to_target(
    "migration_chemokinesis",
    "cxcl12_both",
    words="migration with CXCL12 on both sides",
    meaning="migration with CXCL12 on both sides",
)


def net_migration(quantity: Readouts, reference: Readouts) -> float:
    """Return % to the attractant - % to medium (or to the attractant on both sides), in percentage points.

    >>> net_migration({"percent": 8.0}, {"percent": 1.5})
    6.5
    """
    return quantity["percent"] - reference["percent"]


def _net(name: str, target: str, other: str, *, words: str, meaning: str, formula: str) -> Endpoint:
    return Endpoint(
        name=name,
        function=net_migration,
        quantity=migrated_cells,
        formation=BETWEEN_TARGETS,
        meaning=meaning,
        words=words,
        unit="percentage points",
        axis_unit="% of input",
        family=FAMILY,
        scale="identity",
        formula=formula,
        needs=_NEEDS,
        counted="migrated",
        count_columns=_COLUMNS,
        target=target,
        other_target=other,
        bound=1.0,
        bound_source=_ONE_POINT,
    )


NET = _net(
    "migration_net",
    "cxcl12",
    "medium",
    words="net migration to CXCL12",
    meaning="migration beyond random motility",
    formula="% to CXCL12 - % to medium",
)
MSC_NET = _net(
    "migration_msc_net",
    "msc",
    "medium",
    words="net migration to MSC",
    meaning="migration to MSC beyond random motility",
    formula="% to MSC - % to medium",
)
DIRECTED = _net(
    "migration_directed",
    "cxcl12",
    "cxcl12_both",
    words="directed migration to CXCL12",
    meaning="chemotaxis beyond chemokinesis",
    formula="% to CXCL12 below - % with CXCL12 on both sides",
)


def migration_index(quantity: Readouts, reference: Readouts) -> float:
    """Return % to the attractant / % to medium; missing where nothing went to medium. Explodes near zero background.

    >>> migration_index({"percent": 9.0}, {"percent": 1.5})
    6.0
    """
    background = reference["percent"]
    return quantity["percent"] / background if background > 0 else math.nan


def _index(name: str, target: str, *, words: str, meaning: str, formula: str) -> Endpoint:
    return Endpoint(
        name=name,
        function=migration_index,
        quantity=migrated_cells,
        formation=BETWEEN_TARGETS,
        meaning=meaning,
        words=words,
        unit="ratio",
        family=FAMILY,
        scale="log",
        formula=formula,
        needs=_NEEDS,
        counted="migrated",
        count_columns=_COLUMNS,
        target=target,
        other_target="medium",
    )


INDEX = _index(
    "migration_index",
    "cxcl12",
    words="migration index",
    meaning="migration relative to random motility; explodes near zero background",
    formula="% to CXCL12 / % to medium",
)
MSC_INDEX = _index(
    "migration_msc_index",
    "msc",
    words="migration index to MSC",
    meaning="migration to MSC relative to random motility",
    formula="% to MSC / % to medium",
)


def gradient_ratio(quantity: Readouts, reference: Readouts) -> float:
    """Return observed % over the % expected from chemokinesis alone: 1 without chemotaxis.

    Expected is the mean of the inserts with the upper and with the lower concentration on both sides, a two-point
    reading of the checkerboard of Zigmond & Hirsch 1973 (10.1084/jem.137.2.387).

    >>> gradient_ratio({"percent": 8.0}, {"upper": 1.0, "lower": 3.0})
    4.0
    """
    expected = (reference["upper"] + reference["lower"]) / 2
    return quantity["percent"] / expected if expected > 0 else math.nan


CHECKERBOARD = Endpoint(
    name="checkerboard",
    function=gradient_ratio,
    quantity=migrated_cells,
    formation=FROM_GRADIENT,
    meaning="chemotaxis separated from chemokinesis",
    words="migration over that without a gradient",
    unit="ratio",
    family=FAMILY,
    scale="log",
    formula="observed % / mean % without a gradient at the two concentrations",
    source="Zigmond & Hirsch 1973, 10.1084/jem.137.2.387",
    needs=_NEEDS,
    counted="migrated",
    count_columns=_COLUMNS,
    target="cxcl12",
)

MOTILITY = (
    RANDOM, TO_CXCL12, TO_MSC, CHEMOKINESIS, NET, INDEX, MSC_NET, MSC_INDEX, DIRECTED, CHECKERBOARD,
)  # fmt: skip

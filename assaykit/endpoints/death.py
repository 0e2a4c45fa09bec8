"""Endpoints of cell death: `value = endpoint(quantity, reference)`, nothing clipped."""

from __future__ import annotations

import math

from assaykit.endpoints.arms import COMBINATION, REVERSAL, WITH_AND_WITHOUT_STROMA
from assaykit.endpoints.cell_counts import cells_by_fate, shares_by_fate
from assaykit.endpoints.formation import FROM_REFERENCE, OWN
from assaykit.endpoints.model import Endpoint, Quantity, Readouts, WellReadings, percent
from assaykit.endpoints.quantities import QuantityOfWell, missing, of_read_wells
from assaykit.endpoints.wells import own_readouts
from assaykit.protocol import EndpointSpec
from assaykit.treatment import independent_effect

FAMILY = "Apoptosis and protection by stroma"
_DEATH = ("apoptotic or early and late", "total")
_COLUMNS = ("total", "early", "late", "viable")
_FIVE_POINTS = "our convention, as for every percentage of cells"


def part_of_cells(part: str) -> QuantityOfWell:
    """Return one part of the cells (apoptotic, early, late, viable) and their total."""

    @of_read_wells
    def counted(spec: EndpointSpec, well: WellReadings) -> Quantity:
        cells = cells_by_fate(own_readouts(spec, well), spec.options)
        lacking = [name for name in (part, "total") if name not in cells]
        shares = shares_by_fate(own_readouts(spec, well), spec.options) if lacking else {}
        if shares.get(part, math.inf) <= 100:
            return _share_of_cells(part, shares[part], own_readouts(spec, well).get("total_count"))
        if lacking:
            return Quantity(doubt=missing(f"there is no count of {' and '.join(lacking)} cells"))
        if cells["total"] <= 0:
            return Quantity(cells=0, doubt=missing("no leukaemia cell was seen", "no_cells"))
        if cells[part] > cells["total"]:
            found = f"{cells[part]:g} {part} cells of {cells['total']:g} in total"
            return Quantity(doubt=missing(f"a part cannot exceed the whole: {found}", "part_exceeds_whole"))
        values = {part: cells[part], "total": cells["total"]}
        return Quantity(values, round(cells["total"]), cells[part], cells["total"])

    return counted


def _share_of_cells(part: str, share: float, total: float | None) -> Quantity:
    """Return a part in % of all leukaemia cells, with the cells behind it where all of them are counted."""
    values = {part: share, "total": 100.0}
    if total is None:
        return Quantity(values)
    return Quantity(values, round(total), float(round(share * total / 100)), total)


def apoptosis(quantity: Readouts, _reference: Readouts) -> float:
    """Return 100 * apoptotic / all leukaemia cells, in %; "apoptotic" is early, or early + late, as declared.

    >>> apoptosis({"apoptotic": 40.0, "total": 200.0}, {})
    20.0
    """
    return percent(quantity["apoptotic"], quantity["total"])


APOPTOSIS = Endpoint(
    name="apoptosis",
    function=apoptosis,
    quantity=part_of_cells("apoptotic"),
    formation=OWN,
    meaning="dying cells; early, or early + late, as declared",
    words="apoptosis",
    unit="%",
    family=FAMILY,
    scale="logit",
    formula="100 * apoptotic / all leukaemia cells",
    needs=_DEATH,
    count_columns=_COLUMNS,
    bound=5.0,
    bound_source=_FIVE_POINTS,
)


def apoptosis_early(quantity: Readouts, _reference: Readouts) -> float:
    """Return 100 * annexin V+ PI- / all leukaemia cells, in %.

    >>> apoptosis_early({"early": 30.0, "total": 200.0}, {})
    15.0
    """
    return percent(quantity["early"], quantity["total"])


APOPTOSIS_EARLY = Endpoint(
    name="apoptosis_early",
    function=apoptosis_early,
    quantity=part_of_cells("early"),
    formation=OWN,
    meaning="early apoptosis",
    words="early apoptosis",
    unit="%",
    family=FAMILY,
    scale="logit",
    formula="100 * annexin V+ PI- / all",
    needs=("early", "total"),
    count_columns=_COLUMNS,
    bound=5.0,
    bound_source=_FIVE_POINTS,
)


def apoptosis_late(quantity: Readouts, _reference: Readouts) -> float:
    """Return 100 * annexin V+ PI+ / all leukaemia cells, in %.

    >>> apoptosis_late({"late": 10.0, "total": 200.0}, {})
    5.0
    """
    return percent(quantity["late"], quantity["total"])


APOPTOSIS_LATE = Endpoint(
    name="apoptosis_late",
    function=apoptosis_late,
    quantity=part_of_cells("late"),
    formation=OWN,
    meaning="late apoptosis",
    words="late apoptosis",
    unit="%",
    family=FAMILY,
    scale="logit",
    formula="100 * annexin V+ PI+ / all",
    needs=("late", "total"),
    count_columns=_COLUMNS,
    bound=5.0,
    bound_source=_FIVE_POINTS,
)


def viability(quantity: Readouts, _reference: Readouts) -> float:
    """Return 100 * viable / all leukaemia cells, in %.

    >>> viability({"viable": 150.0, "total": 200.0}, {})
    75.0
    """
    return percent(quantity["viable"], quantity["total"])


VIABILITY = Endpoint(
    name="viability",
    function=viability,
    quantity=part_of_cells("viable"),
    formation=OWN,
    meaning="living cells",
    words="viability",
    unit="%",
    family=FAMILY,
    scale="logit",
    formula="100 * viable / all leukaemia cells",
    needs=("viable", "total"),
    count_columns=_COLUMNS,
    bound=5.0,
    bound_source=_FIVE_POINTS,
)


def percent_apoptotic(spec: EndpointSpec, well: WellReadings) -> Quantity:
    """Return the percentage of apoptotic cells, with the counts behind it."""
    found = APOPTOSIS.quantity(spec, well)
    if found.doubt:
        return found
    return Quantity({"apoptosis": apoptosis(found.values, {})}, found.cells, found.count, found.total)


def specific_apoptosis(quantity: Readouts, reference: Readouts) -> float:
    """Return 100 * (A - V) / (100 - V), in %, V being the vehicle's % of the SAME unit and context; never clipped.

    Source: Abbott 1925, 10.1093/jee/18.2.265a.

    >>> specific_apoptosis({"apoptosis": 43.0}, {"apoptosis": 5.0})
    40.0
    """
    spared = 100 - reference["apoptosis"]
    return 100 * (quantity["apoptosis"] - reference["apoptosis"]) / spared if spared > 0 else math.nan


SPECIFIC_APOPTOSIS = Endpoint(
    name="specific_apoptosis",
    function=specific_apoptosis,
    quantity=percent_apoptotic,
    formation=FROM_REFERENCE,
    meaning="death beyond the vehicle of the same unit and context; never clipped",
    words="specific apoptosis",
    unit="%",
    family=FAMILY,
    scale="identity",
    formula="100 * (A - V) / (100 - V)",
    source="Abbott 1925, 10.1093/jee/18.2.265a",
    needs=_DEATH,
    count_columns=_COLUMNS,
    bound=5.0,
    bound_source=_FIVE_POINTS,
)


def stromal_protection_index(quantity: Readouts, reference: Readouts) -> float:
    """Return SPI = 1 - SA with stroma / SA without; may exceed 1 or be negative. Missing where the drug kills none.

    SA is specific apoptosis, each with the vehicle of its own context. Source: our stated convention.

    >>> stromal_protection_index({"specific_apoptosis": 10.0}, {"specific_apoptosis": 40.0})
    0.75
    """
    alone = reference["specific_apoptosis"]
    return 1 - quantity["specific_apoptosis"] / alone if alone > 0 else math.nan


SPI = Endpoint(
    name="spi",
    function=stromal_protection_index,
    quantity=percent_apoptotic,
    formation=WITH_AND_WITHOUT_STROMA,
    component=SPECIFIC_APOPTOSIS,
    meaning="stromal protection index; unstable where the drug kills few",
    words="stromal protection index",
    unit="ratio",
    family=FAMILY,
    scale="identity",
    formula="1 - SA with stroma / SA without",
    needs=_DEATH,
    count_columns=_COLUMNS,
    bound=0.1,
    bound_source="our convention: a tenth of full protection",
)


def protection_points(quantity: Readouts, reference: Readouts) -> float:
    """Return SA without stroma - SA with stroma, in percentage points; stable where the index is not.

    >>> protection_points({"specific_apoptosis": 10.0}, {"specific_apoptosis": 40.0})
    30.0
    """
    return reference["specific_apoptosis"] - quantity["specific_apoptosis"]


SPI_POINTS = Endpoint(
    name="spi_points",
    function=protection_points,
    quantity=percent_apoptotic,
    formation=WITH_AND_WITHOUT_STROMA,
    component=SPECIFIC_APOPTOSIS,
    meaning="stromal protection in points",
    words="stromal protection",
    unit="percentage points",
    family=FAMILY,
    scale="identity",
    formula="SA without stroma - SA with",
    needs=_DEATH,
    count_columns=_COLUMNS,
    bound=5.0,
    bound_source=_FIVE_POINTS,
)


def reversal(quantity: Readouts, reference: Readouts) -> float:
    """Return 100 * (A[stroma, TKI + P] - A[stroma, TKI]) / (A[alone, TKI] - A[stroma, TKI]), in %.

    Means something only where the TKI kills alone, stroma protects, and the arms with P alone and with TKI + P
    without stroma exist; who forms it sees to that. Source: our stated convention.

    >>> reversal({"apoptosis": 32.0}, {"stroma": 20.0, "alone": 40.0})
    60.0
    """
    protected = reference["alone"] - reference["stroma"]
    return 100 * (quantity["apoptosis"] - reference["stroma"]) / protected if protected > 0 else math.nan


REVERSAL_PERCENT = Endpoint(
    name="reversal",
    function=reversal,
    quantity=percent_apoptotic,
    formation=REVERSAL,
    component=APOPTOSIS,
    meaning="how much of stromal protection a CXCR4 antagonist takes away",
    words="reversal of protection",
    unit="%",
    family=FAMILY,
    scale="identity",
    formula="100 * (A[stroma, TKI+P] - A[stroma, TKI]) / (A[alone, TKI] - A[stroma, TKI])",
    needs=_DEATH,
    count_columns=_COLUMNS,
    bound=10.0,
    bound_source="our convention: a tenth of protection, as for the index",
)


def excess_over_bliss(quantity: Readouts, reference: Readouts) -> float:
    """Return the specific apoptosis of two drugs beyond independent action, in percentage points.

    Expected is a + b - a b of the two alone, as fractions. Source: Bliss 1939, 10.1111/j.1744-7348.1939.tb06990.x.

    >>> excess_over_bliss({"specific_apoptosis": 70.0}, {"first": 40.0, "second": 20.0})
    18.0
    """
    return quantity["specific_apoptosis"] - independent_effect(reference["first"], reference["second"], whole=100.0)


BLISS_EXCESS = Endpoint(
    name="bliss_excess",
    function=excess_over_bliss,
    quantity=percent_apoptotic,
    formation=COMBINATION,
    component=SPECIFIC_APOPTOSIS,
    meaning="death beyond two independent drugs",
    words="Bliss excess",
    unit="percentage points",
    family=FAMILY,
    scale="identity",
    formula="SA(a+b) - (SA(a) + SA(b) - SA(a) SA(b) / 100)",
    source="Bliss 1939, 10.1111/j.1744-7348.1939.tb06990.x",
    needs=_DEATH,
    count_columns=_COLUMNS,
    bound=5.0,
    bound_source=_FIVE_POINTS,
)


def excess_over_stronger(quantity: Readouts, reference: Readouts) -> float:
    """Return the specific apoptosis of two drugs beyond the stronger alone, in percentage points.

    Source: the highest single agent rule, Berenbaum 1989 (Pharmacol Rev 41:93).

    >>> excess_over_stronger({"specific_apoptosis": 70.0}, {"first": 40.0, "second": 20.0})
    30.0
    """
    return quantity["specific_apoptosis"] - max(reference["first"], reference["second"])


HSA_EXCESS = Endpoint(
    name="hsa_excess",
    function=excess_over_stronger,
    quantity=percent_apoptotic,
    formation=COMBINATION,
    component=SPECIFIC_APOPTOSIS,
    meaning="death beyond the stronger drug alone",
    words="excess over the stronger drug",
    unit="percentage points",
    family=FAMILY,
    scale="identity",
    formula="SA(a+b) - max(SA(a), SA(b))",
    source="Berenbaum 1989, Pharmacol Rev 41:93",
    needs=_DEATH,
    count_columns=_COLUMNS,
    bound=5.0,
    bound_source=_FIVE_POINTS,
)

DEATH = (
    APOPTOSIS, APOPTOSIS_EARLY, APOPTOSIS_LATE, VIABILITY, SPECIFIC_APOPTOSIS, SPI, SPI_POINTS, REVERSAL_PERCENT,
    BLISS_EXCESS, HSA_EXCESS,
)  # fmt: skip

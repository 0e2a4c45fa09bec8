"""Endpoints of cell death and growth: `value = endpoint(readouts, reference)`, nothing clipped."""

from __future__ import annotations

import math

from assaykit.endpoints.model import Readouts


def apoptosis(readouts: Readouts, _reference: Readouts) -> float:
    """Return 100 * apoptotic / all leukaemia cells, in %; "apoptotic" is early, or early + late, as declared.

    >>> apoptosis({"apoptotic": 40.0, "total": 200.0}, {})
    20.0
    """
    return _percent(readouts["apoptotic"], readouts["total"])


def apoptosis_early(readouts: Readouts, _reference: Readouts) -> float:
    """Return 100 * annexin V+ PI- / all leukaemia cells, in %."""
    return _percent(readouts["early"], readouts["total"])


def apoptosis_late(readouts: Readouts, _reference: Readouts) -> float:
    """Return 100 * annexin V+ PI+ / all leukaemia cells, in %."""
    return _percent(readouts["late"], readouts["total"])


def viability(readouts: Readouts, _reference: Readouts) -> float:
    """Return 100 * viable / all leukaemia cells, in %."""
    return _percent(readouts["viable"], readouts["total"])


def specific_apoptosis(readouts: Readouts, reference: Readouts) -> float:
    """Return 100 * (A - V) / (100 - V), in %, V being the vehicle's % of the SAME unit and context; never clipped.

    Source: Abbott 1925, 10.1093/jee/18.2.265a.

    >>> specific_apoptosis({"apoptosis": 43.0}, {"apoptosis": 5.0})
    40.0
    """
    spared = 100 - reference["apoptosis"]
    return 100 * (readouts["apoptosis"] - reference["apoptosis"]) / spared if spared > 0 else math.nan


def viable_count(readouts: Readouts, _reference: Readouts) -> float:
    """Return the viable leukaemia cells of the well: from beads, from the volume run, or as counted."""
    return readouts["viable"]


def adhesion(readouts: Readouts, reference: Readouts) -> float:
    """Return 100 * adherent / cells put in, in %.

    >>> adhesion({"adherent": 30.0}, {"input": 120.0})
    25.0
    """
    return _percent(readouts["adherent"], reference["input"])


def fold_expansion(readouts: Readouts, reference: Readouts) -> float:
    """Return viable cells / cells seeded.

    >>> fold_expansion({"viable": 400000.0}, {"input": 100000.0})
    4.0
    """
    seeded = reference["input"]
    return readouts["viable"] / seeded if seeded > 0 else math.nan


def signal(readouts: Readouts, _reference: Readouts) -> float:
    """Return the signal of a plate reader with the mean of the plate's blank wells taken off; may be negative.

    >>> signal({"signal": 1.25}, {})
    1.25
    """
    return readouts["signal"]


def relative_viability(readouts: Readouts, reference: Readouts) -> float:
    """Return 100 * (signal - blank) / (vehicle - blank), in %; both come with the blank already taken off.

    >>> relative_viability({"signal": 0.3}, {"signal": 1.2})
    25.0
    """
    return _percent(readouts["signal"], reference["signal"])


def stromal_protection_index(readouts: Readouts, reference: Readouts) -> float:
    """Return SPI = 1 - SA with stroma / SA without; may exceed 1 or be negative. Missing where the drug kills none.

    SA is specific apoptosis, each with the vehicle of its own context. Source: our stated convention.

    >>> stromal_protection_index({"specific_apoptosis": 10.0}, {"specific_apoptosis": 40.0})
    0.75
    """
    alone = reference["specific_apoptosis"]
    return 1 - readouts["specific_apoptosis"] / alone if alone > 0 else math.nan


def protection_points(readouts: Readouts, reference: Readouts) -> float:
    """Return SA without stroma - SA with stroma, in percentage points; stable where the index is not.

    >>> protection_points({"specific_apoptosis": 10.0}, {"specific_apoptosis": 40.0})
    30.0
    """
    return reference["specific_apoptosis"] - readouts["specific_apoptosis"]


def reversal(readouts: Readouts, reference: Readouts) -> float:
    """Return 100 * (A[stroma, TKI + P] - A[stroma, TKI]) / (A[alone, TKI] - A[stroma, TKI]), in %.

    Means something only where the TKI kills alone, stroma protects, and the arms with P alone and with TKI + P
    without stroma exist; who forms it sees to that. Source: our stated convention.

    >>> reversal({"apoptosis": 32.0}, {"stroma": 20.0, "alone": 40.0})
    60.0
    """
    protected = reference["alone"] - reference["stroma"]
    return 100 * (readouts["apoptosis"] - reference["stroma"]) / protected if protected > 0 else math.nan


def bliss_excess(readouts: Readouts, reference: Readouts) -> float:
    """Return the specific apoptosis of two drugs beyond independent action, in percentage points.

    Expected is a + b - a b of the two alone, as fractions. Source: Bliss 1939, 10.1111/j.1744-7348.1939.tb06990.x.

    >>> bliss_excess({"specific_apoptosis": 70.0}, {"first": 40.0, "second": 20.0})
    18.0
    """
    first, second = reference["first"], reference["second"]
    return readouts["specific_apoptosis"] - (first + second - first * second / 100)


def hsa_excess(readouts: Readouts, reference: Readouts) -> float:
    """Return the specific apoptosis of two drugs beyond the stronger alone, in percentage points.

    Source: the highest single agent rule, Berenbaum 1989 (Pharmacol Rev 41:93).

    >>> hsa_excess({"specific_apoptosis": 70.0}, {"first": 40.0, "second": 20.0})
    30.0
    """
    return readouts["specific_apoptosis"] - max(reference["first"], reference["second"])


def _percent(part: float, whole: float) -> float:
    return 100 * part / whole if whole > 0 else math.nan

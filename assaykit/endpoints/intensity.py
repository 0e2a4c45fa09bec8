"""Endpoints of fluorescence intensity: `value = endpoint(readouts, reference)`, MFI being the median of the channel."""

from __future__ import annotations

import math

from assaykit.endpoints.model import Readouts

NOT_A_NUMBER = math.nan


def median(readouts: Readouts, _reference: Readouts) -> float:
    """Return the median intensity as read, in MFI units, background included.

    >>> median({"median": 420.0}, {})
    420.0
    """
    return readouts["median"]


def geometric_mean(readouts: Readouts, _reference: Readouts) -> float:
    """Return the geometric mean over positive values only, in MFI units; read it beside the fraction left out."""
    return readouts["geometric_mean"]


def dmfi(readouts: Readouts, _reference: Readouts) -> float:
    """Return dMFI = median(stain) - median(FMO), in MFI units.

    The FMO is of the same treatment where there is one, because drugs change autofluorescence. May be zero or less.
    Source: our stated convention; the FMO as background control is from Roederer 2001 (Cytometry 45:194).

    >>> dmfi({"median": 420.0, "control_median": 110.0}, {})
    310.0
    """
    return readouts["median"] - readouts["control_median"]


def rmfi(readouts: Readouts, _reference: Readouts) -> float:
    """Return rMFI = median(stain) / median(FMO); missing where the FMO's median is not above zero.

    >>> rmfi({"median": 420.0, "control_median": 105.0}, {})
    4.0
    """
    control = readouts["control_median"]
    return readouts["median"] / control if control > 0 else NOT_A_NUMBER


def log2_fold_change(readouts: Readouts, reference: Readouts) -> float:
    """Return log2(dMFI / dMFI of the reference, same unit and context); missing unless both are above zero.

    Source: our stated convention; the reference is the geometric mean of its wells, so that the mean of log2 fold
    changes is the difference of mean logs.

    >>> log2_fold_change({"dmfi": 620.0}, {"dmfi": 310.0})
    1.0
    """
    treated, untreated = readouts["dmfi"], reference["dmfi"]
    return math.log2(treated / untreated) if treated > 0 and untreated > 0 else NOT_A_NUMBER


def percent_positive(readouts: Readouts, _reference: Readouts) -> float:
    """Return the cells above the FMO's percentile, in %; unstable where the stain is dim."""
    return readouts["percent_positive"]


def overton(readouts: Readouts, _reference: Readouts) -> float:
    """Return the positive cells by cumulative subtraction of the control's histogram, in %.

    Source: Overton 1988, 10.1002/cyto.990090617.
    """
    return readouts["overton"]


def sed(readouts: Readouts, _reference: Readouts) -> float:
    """Return the positive cells by subtraction of the control scaled to the sample's negatives, in %."""
    return readouts["sed"]


def stain_index(readouts: Readouts, _reference: Readouts) -> float:
    """Return (median(stain) - median(control)) / (2 * robust SD of the control); no unit.

    Source: Maecker 2004, 10.1002/cyto.a.20092.
    """
    return readouts["stain_index"]


def positive_median(readouts: Readouts, _reference: Readouts) -> float:
    """Return the median intensity of the cells at or above the positivity threshold, in MFI units."""
    return readouts["positive_median"]


def imfi(readouts: Readouts, _reference: Readouts) -> float:
    """Return the integrated MFI: % positive * median of the positive cells, in % x MFI.

    Source: Darrah 2007, 10.1038/nm1592.
    """
    return readouts["imfi"]


def percent_of_parent(readouts: Readouts, _reference: Readouts) -> float:
    """Return 100 * cells / cells of the parent population."""
    return readouts["percent_of_parent"]


def percent_of_grandparent(readouts: Readouts, _reference: Readouts) -> float:
    """Return 100 * cells / cells of the parent's parent."""
    return readouts["percent_of_grandparent"]


def percent_of_total(readouts: Readouts, _reference: Readouts) -> float:
    """Return 100 * cells / every event of the file, less those the protocol excludes."""
    return readouts["percent_of_total"]


def receptors(readouts: Readouts, _reference: Readouts) -> float:
    """Return molecules per cell, from beads of known molecules: log10(molecules) = m log10(MFI) + c."""
    return readouts["receptors"]


def surface_total(readouts: Readouts, reference: Readouts) -> float:
    """Return dMFI of intact cells / dMFI of permeabilised cells: the share of the receptor that is at the surface.

    May exceed 1 by noise; missing where permeabilised cells show no signal. Source: our stated convention.

    >>> surface_total({"dmfi": 100.0}, {"dmfi": 400.0})
    0.25
    """
    total = reference["dmfi"]
    return readouts["dmfi"] / total if total > 0 else NOT_A_NUMBER


def internalisation(readouts: Readouts, reference: Readouts) -> float:
    """Return 100 * (1 - dMFI with ligand / dMFI without), in %; negative where the surface signal rose.

    Source: our stated convention, the usual loss-of-surface-signal measure.

    >>> internalisation({"dmfi": 100.0}, {"dmfi": 400.0})
    75.0
    """
    resting = reference["dmfi"]
    return 100 * (1 - readouts["dmfi"] / resting) if resting > 0 else NOT_A_NUMBER

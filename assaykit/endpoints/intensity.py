"""Endpoints of fluorescence intensity: `value = endpoint(quantity, reference)`, MFI being the median of the channel."""

from __future__ import annotations

import math

from assaykit.endpoints.formation import FROM_PARTNER, FROM_REFERENCE, OWN
from assaykit.endpoints.model import Endpoint, Quantity, Readouts, WellReadings, as_read
from assaykit.endpoints.quantities import QuantityOfWell, missing, of_read_wells
from assaykit.endpoints.wells import cells_of, own_readouts
from assaykit.protocol import EndpointSpec

SURFACE = {"permeabilised": False, "ligand": False}  # intact cells, no ligand given: what "surface" means
FAMILY, TOTAL_FAMILY = "Surface {marker}", "Total {marker}"
_BOTH = ("median", "control_median")
_FIVE_POINTS = "our convention, as for every percentage of cells"


def channel_statistics(*names: str) -> QuantityOfWell:
    """Return the named statistics of a channel, with the cells behind them."""

    @of_read_wells
    def read(spec: EndpointSpec, well: WellReadings) -> Quantity:
        own = own_readouts(spec, well)
        lacking = [name for name in names if name not in own]
        if "control_median" in lacking:
            return Quantity(doubt=missing(f"no FMO well to take the background of {spec.channel} from", "no_control"))
        if lacking:
            return Quantity(doubt=missing(f"no {' or '.join(lacking)} of {spec.channel} was read"))
        return Quantity({name: own[name] for name in names}, cells_of(spec, well))

    return read


def positive_cells(spec: EndpointSpec, well: WellReadings) -> Quantity:
    """Return the percentage of positive cells, with the cells behind it as a proportion."""
    found = channel_statistics("percent_positive")(spec, well)
    if found.doubt or found.cells is None:
        return found
    positive = round(found.values["percent_positive"] * found.cells / 100)
    return Quantity(found.values, found.cells, float(positive), float(found.cells))


def dmfi(quantity: Readouts, _reference: Readouts) -> float:
    """Return dMFI = median(stain) - median(FMO), in MFI units.

    The FMO is of the same treatment where there is one, because drugs change autofluorescence. May be zero or less.
    Source: our stated convention; the FMO as background control is from Roederer 2001 (Cytometry 45:194).

    >>> dmfi({"median": 420.0, "control_median": 110.0}, {})
    310.0
    """
    return quantity["median"] - quantity["control_median"]


def above_background(spec: EndpointSpec, well: WellReadings) -> Quantity:
    """Return the dMFI of a well, with the cells behind it."""
    found = channel_statistics(*_BOTH)(spec, well)
    return found if found.doubt else Quantity({"dmfi": dmfi(found.values, {})}, found.cells)


MEDIAN = Endpoint(
    name="median",
    function=as_read("median"),
    quantity=channel_statistics("median"),
    formation=OWN,
    meaning="intensity as read, background included",
    words="{marker} (median)",
    unit="MFI",
    family=FAMILY,
    scale="log2",
    formula="median(channel)",
    needs=("median",),
    only=SURFACE,
)

GEOMETRIC_MEAN = Endpoint(
    name="geometric_mean",
    function=as_read("geometric_mean"),
    quantity=channel_statistics("geometric_mean"),
    formation=OWN,
    meaning="geometric mean over the positive values only: read it beside the fraction left out",
    words="{marker} (geometric mean)",
    unit="MFI",
    family=FAMILY,
    scale="log2",
    formula="exp(mean(log(positive values)))",
    needs=("geometric_mean",),
    only=SURFACE,
)

DMFI = Endpoint(
    name="dmfi",
    function=dmfi,
    quantity=channel_statistics(*_BOTH),
    formation=OWN,
    meaning="intensity above its own background",
    words="surface {marker} (ΔMFI)",
    unit="MFI",
    family=FAMILY,
    scale="log2",
    formula="median(stain) - median(FMO)",
    needs=_BOTH,
    control=True,
    only=SURFACE,
)

TOTAL_DMFI = Endpoint(
    name="total_dmfi",
    function=dmfi,
    quantity=channel_statistics(*_BOTH),
    formation=OWN,
    meaning="surface and inner receptor together",
    words="total {marker} (ΔMFI)",
    unit="MFI",
    family=TOTAL_FAMILY,
    scale="log2",
    formula="median(stain) - median(FMO), permeabilised cells",
    needs=_BOTH,
    control=True,
    only={"permeabilised": True, "ligand": False},
)


def rmfi(quantity: Readouts, _reference: Readouts) -> float:
    """Return rMFI = median(stain) / median(FMO); missing where the FMO's median is not above zero.

    >>> rmfi({"median": 420.0, "control_median": 105.0}, {})
    4.0
    """
    control = quantity["control_median"]
    return quantity["median"] / control if control > 0 else math.nan


RMFI = Endpoint(
    name="rmfi",
    function=rmfi,
    quantity=channel_statistics(*_BOTH),
    formation=OWN,
    undefined="the FMO's median is not above zero",
    meaning="intensity relative to its own background",
    words="surface {marker} (relative MFI)",
    unit="ratio",
    family=FAMILY,
    scale="log2",
    formula="median(stain) / median(FMO)",
    needs=_BOTH,
    control=True,
    only=SURFACE,
)

PERCENT_POSITIVE = Endpoint(
    name="percent_positive",
    function=as_read("percent_positive"),
    quantity=positive_cells,
    formation=OWN,
    meaning="share of cells above background; unstable for dim stains",
    words="{marker}-positive cells",
    unit="%",
    family=FAMILY,
    scale="logit",
    formula="100 * cells above the FMO's percentile / cells",
    needs=("percent_positive",),
    control=True,
    only=SURFACE,
    bound=5.0,
    bound_source=_FIVE_POINTS,
)

OVERTON = Endpoint(
    name="overton",
    function=as_read("overton"),
    quantity=channel_statistics("overton"),
    formation=OWN,
    meaning="share of positive cells where the shift is dim",
    words="{marker}-positive cells (Overton)",
    unit="%",
    family=FAMILY,
    scale="identity",
    formula="cumulative histogram subtraction of the control",
    source="Overton 1988, 10.1002/cyto.990090617",
    needs=("overton",),
    control=True,
    only=SURFACE,
    bound=5.0,
    bound_source=_FIVE_POINTS,
)

SED = Endpoint(
    name="sed",
    function=as_read("sed"),
    quantity=channel_statistics("sed"),
    formation=OWN,
    meaning="share of positive cells, the control scaled to the sample's negatives before it is subtracted",
    words="{marker}-positive cells (SED)",
    unit="%",
    family=FAMILY,
    scale="identity",
    formula="100 * D / C where the cumulative shares of control (C) and sample differ most (D)",
    source="Bagwell 1996, Clin Immunol Newsl 16:33, as enhanced normalised subtraction",
    needs=("sed",),
    control=True,
    only=SURFACE,
    bound=5.0,
    bound_source=_FIVE_POINTS,
)

STAIN_INDEX = Endpoint(
    name="stain_index",
    function=as_read("stain_index"),
    quantity=channel_statistics("stain_index"),
    formation=OWN,
    meaning="how far the stain stands from its background, in spreads of it",
    words="{marker} stain index",
    unit="ratio",
    family=FAMILY,
    scale="identity",
    formula="(median(stain) - median(control)) / (2 * robust SD(control))",
    source="Maecker 2004, 10.1002/cyto.a.20092",
    needs=("stain_index",),
    control=True,
    only=SURFACE,
    bound=0.5,
    bound_source="our convention: one spread of the control, for the index counts in two",
)

POSITIVE_MEDIAN = Endpoint(
    name="positive_median",
    function=as_read("positive_median"),
    quantity=channel_statistics("positive_median"),
    formation=OWN,
    undefined="no cell is positive",
    meaning="intensity of the positive cells",
    words="{marker} of positive cells (median)",
    unit="MFI",
    family=FAMILY,
    scale="log2",
    formula="median(channel) of the cells at or above the threshold",
    needs=("positive_median",),
    control=True,
    only=SURFACE,
)

IMFI = Endpoint(
    name="imfi",
    function=as_read("imfi"),
    quantity=channel_statistics("imfi"),
    formation=OWN,
    meaning="integrated MFI: how many cells are positive, and how strongly",
    words="{marker} (integrated MFI)",
    unit="% x MFI",
    family=FAMILY,
    scale="log2",
    formula="% positive * median of the positive cells",
    source="Darrah 2007, 10.1038/nm1592",
    needs=("imfi",),
    control=True,
    only=SURFACE,
)

RECEPTORS = Endpoint(
    name="receptors",
    function=as_read("receptors"),
    quantity=channel_statistics("receptors"),
    formation=OWN,
    meaning="receptors per cell, from calibration beads",
    words="{marker} per cell",
    unit="molecules/cell",
    family=FAMILY,
    scale="log",
    formula="10 ** (m * log10(MFI) + c)",
    needs=("receptors",),
    control=True,
    only=SURFACE,
)


def log2_fold_change(quantity: Readouts, reference: Readouts) -> float:
    """Return log2(dMFI / dMFI of the reference, same unit and context); missing unless both are above zero.

    Source: our stated convention; the reference is the geometric mean of its wells, so that the mean of log2 fold
    changes is the difference of mean logs.

    >>> log2_fold_change({"dmfi": 620.0}, {"dmfi": 310.0})
    1.0
    """
    treated, untreated = quantity["dmfi"], reference["dmfi"]
    return math.log2(treated / untreated) if treated > 0 and untreated > 0 else math.nan


LOG2FC = Endpoint(
    name="log2fc",
    function=log2_fold_change,
    quantity=above_background,
    formation=FROM_REFERENCE,
    mean="geometric",
    undefined="dMFI is not above zero",
    meaning="fold change from the reference treatment of the same unit and context",
    words="{marker} (log2 fold change)",
    unit="log2",
    family=FAMILY,
    scale="identity",
    formula="log2(dMFI / dMFI of the reference)",
    needs=_BOTH,
    control=True,
    only=SURFACE,
    bound=0.3,
    bound_source="our convention, that of every intensity on a log2 scale",
)


def surface_total(quantity: Readouts, reference: Readouts) -> float:
    """Return dMFI of intact cells / dMFI of permeabilised cells: the share of the receptor that is at the surface.

    May exceed 1 by noise; missing where permeabilised cells show no signal. Source: our stated convention.

    >>> surface_total({"dmfi": 100.0}, {"dmfi": 400.0})
    0.25
    """
    total = reference["dmfi"]
    return quantity["dmfi"] / total if total > 0 else math.nan


SURFACE_TOTAL = Endpoint(
    name="surface_total",
    function=surface_total,
    quantity=above_background,
    formation=FROM_PARTNER,
    mean="geometric",
    meaning="share of the receptor that is at the surface",
    words="{marker} surface to total",
    unit="ratio",
    family=FAMILY,
    scale="log",
    formula="dMFI(intact) / dMFI(permeabilised)",
    needs=_BOTH,
    control=True,
    only=SURFACE,
    partner="permeabilised",
)


def internalisation(quantity: Readouts, reference: Readouts) -> float:
    """Return 100 * (1 - dMFI with ligand / dMFI without), in %; negative where the surface signal rose.

    Source: our stated convention, the usual loss-of-surface-signal measure.

    >>> internalisation({"dmfi": 100.0}, {"dmfi": 400.0})
    75.0
    """
    resting = reference["dmfi"]
    return 100 * (1 - quantity["dmfi"] / resting) if resting > 0 else math.nan


INTERNALISATION = Endpoint(
    name="internalisation",
    function=internalisation,
    quantity=above_background,
    formation=FROM_PARTNER,
    mean="geometric",
    meaning="surface receptor lost to the ligand",
    words="{marker} internalisation",
    unit="%",
    family=FAMILY,
    scale="identity",
    formula="100 * (1 - dMFI(+ ligand) / dMFI(- ligand))",
    needs=_BOTH,
    control=True,
    only={"permeabilised": False, "ligand": True},
    partner="ligand",
    bound=10.0,
    bound_source="our convention: a tenth of the receptor, for two stains make one value",
)

INTENSITY = (
    MEDIAN, GEOMETRIC_MEAN, DMFI, TOTAL_DMFI, RMFI, PERCENT_POSITIVE, OVERTON, SED, STAIN_INDEX, POSITIVE_MEDIAN, IMFI,
    RECEPTORS, LOG2FC, SURFACE_TOTAL, INTERNALISATION,
)  # fmt: skip

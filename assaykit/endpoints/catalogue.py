"""`ENDPOINTS`: every endpoint assaykit knows, by key, with its function, unit, natural scale and source."""

from __future__ import annotations

from dataclasses import replace

from assaykit.endpoints import death, intensity, motility
from assaykit.endpoints.model import Endpoint, Formula
from assaykit.protocol.model import Scale

CONVENTION = "assaykit's stated convention"
_SURFACE = {"permeabilised": False, "ligand": False}  # intact cells, no ligand given: what "surface" means
_MFI = "MFI"

_BOTH = ("median", "control_median")


def _stain(function: Formula, unit: str, scale: Scale, *, needs: tuple[str, ...], says: tuple[str, str]) -> Endpoint:
    """Return an endpoint of one channel of a well; `says` is its formula and meaning."""
    return Endpoint(function, "own", unit, scale, needs, *says, CONVENTION, only=_SURFACE)


INTENSITY: dict[str, Endpoint] = {
    "median": _stain(
        intensity.median,
        _MFI,
        "log2",
        needs=("median",),
        says=("median(channel)", "intensity as read, background included"),
    ),
    "geometric_mean": _stain(
        intensity.geometric_mean,
        _MFI,
        "log2",
        needs=("geometric_mean",),
        says=("exp(mean(log(positive values)))", "geometric mean over the positive values only"),
    ),
    "dmfi": _stain(
        intensity.dmfi,
        _MFI,
        "log2",
        needs=_BOTH,
        says=("median(stain) - median(FMO)", "intensity above its own background"),
    ),
    "total_dmfi": Endpoint(
        intensity.dmfi,
        "own",
        _MFI,
        "log2",
        _BOTH,
        "median(stain) - median(FMO), permeabilised cells",
        "surface and inner receptor together",
        CONVENTION,
        only={"permeabilised": True, "ligand": False},
    ),
    "rmfi": replace(
        _stain(
            intensity.rmfi,
            "ratio",
            "log2",
            needs=_BOTH,
            says=("median(stain) / median(FMO)", "intensity relative to its own background"),
        ),
        undefined="the FMO's median is not above zero",
    ),
    "percent_positive": _stain(
        intensity.percent_positive,
        "%",
        "logit",
        needs=("percent_positive",),
        says=(
            "100 * cells above the FMO's percentile / cells",
            "share of cells above background; unstable for dim stains",
        ),
    ),
    "overton": replace(
        _stain(
            intensity.overton,
            "%",
            "identity",
            needs=("overton",),
            says=("cumulative histogram subtraction of the control", "share of positive cells where the shift is dim"),
        ),
        source="Overton 1988, 10.1002/cyto.990090617",
    ),
    "receptors": _stain(
        intensity.receptors,
        "molecules/cell",
        "log",
        needs=("receptors",),
        says=("10 ** (m * log10(MFI) + c)", "receptors per cell, from calibration beads"),
    ),
    "log2fc": Endpoint(
        intensity.log2_fold_change,
        "reference",
        "log2",
        "identity",
        _BOTH,
        "log2(dMFI / dMFI of the reference)",
        "fold change from the reference treatment of the same unit and context",
        CONVENTION,
        quantity="dmfi",
        only=_SURFACE,
        undefined="dMFI is not above zero",
    ),
    "surface_total": Endpoint(
        intensity.surface_total,
        "partner",
        "ratio",
        "log",
        _BOTH,
        "dMFI(intact) / dMFI(permeabilised)",
        "share of the receptor that is at the surface",
        CONVENTION,
        quantity="dmfi",
        against="permeabilised",
        only=_SURFACE,
    ),
    "internalisation": Endpoint(
        intensity.internalisation,
        "partner",
        "%",
        "identity",
        _BOTH,
        "100 * (1 - dMFI(+ ligand) / dMFI(- ligand))",
        "surface receptor lost to the ligand",
        CONVENTION,
        quantity="dmfi",
        against="ligand",
        only={"permeabilised": False, "ligand": True},
    ),
}

_COUNTED = ("migrated, or cells with beads or a volume",)
_ARMS = "100 * migrated / viable input"


def _migration(target: str, meaning: str) -> Endpoint:
    return Endpoint(motility.percent_of_input, "input", "%", "log", _COUNTED, _ARMS, meaning, CONVENTION, target=target)


MOTILITY: dict[str, Endpoint] = {
    "migration_random": _migration("medium", "random motility: migration to medium"),
    "migration_cxcl12": _migration("cxcl12", "migration to CXCL12 below"),
    "migration_msc": _migration("msc", "migration to MSC below"),
    "migration_chemokinesis": _migration("cxcl12_both", "migration with CXCL12 on both sides"),
    "migration_net": Endpoint(
        motility.net_migration,
        "targets",
        "percentage points",
        "identity",
        _COUNTED,
        "% to CXCL12 - % to medium",
        "migration beyond random motility",
        CONVENTION,
        level="unit",
        target="cxcl12",
        against="medium",
    ),
    "migration_index": Endpoint(
        motility.migration_index,
        "targets",
        "ratio",
        "log",
        _COUNTED,
        "% to CXCL12 / % to medium",
        "migration relative to random motility; explodes near zero background",
        CONVENTION,
        level="unit",
        target="cxcl12",
        against="medium",
    ),
    "migration_msc_net": Endpoint(
        motility.net_migration,
        "targets",
        "percentage points",
        "identity",
        _COUNTED,
        "% to MSC - % to medium",
        "migration to MSC beyond random motility",
        CONVENTION,
        level="unit",
        target="msc",
        against="medium",
    ),
    "migration_msc_index": Endpoint(
        motility.migration_index,
        "targets",
        "ratio",
        "log",
        _COUNTED,
        "% to MSC / % to medium",
        "migration to MSC relative to random motility",
        CONVENTION,
        level="unit",
        target="msc",
        against="medium",
    ),
    "migration_directed": Endpoint(
        motility.net_migration,
        "targets",
        "percentage points",
        "identity",
        _COUNTED,
        "% to CXCL12 below - % with CXCL12 on both sides",
        "chemotaxis beyond chemokinesis",
        CONVENTION,
        level="unit",
        target="cxcl12",
        against="cxcl12_both",
    ),
    "checkerboard": Endpoint(
        motility.gradient_ratio,
        "gradient",
        "ratio",
        "log",
        _COUNTED,
        "observed % / mean % without a gradient at the two concentrations",
        "chemotaxis separated from chemokinesis",
        "Zigmond & Hirsch 1973, 10.1084/jem.137.2.387",
    ),
}

_DEATH = ("apoptotic or early and late", "total")

DEATH: dict[str, Endpoint] = {
    "apoptosis": Endpoint(
        death.apoptosis,
        "own",
        "%",
        "logit",
        _DEATH,
        "100 * apoptotic / all leukaemia cells",
        "dying cells; early, or early + late, as declared",
        CONVENTION,
    ),
    "apoptosis_early": Endpoint(
        death.apoptosis_early,
        "own",
        "%",
        "logit",
        ("early", "total"),
        "100 * annexin V+ PI- / all",
        "early apoptosis",
        CONVENTION,
    ),
    "apoptosis_late": Endpoint(
        death.apoptosis_late,
        "own",
        "%",
        "logit",
        ("late", "total"),
        "100 * annexin V+ PI+ / all",
        "late apoptosis",
        CONVENTION,
    ),
    "viability": Endpoint(
        death.viability,
        "own",
        "%",
        "logit",
        ("viable", "total"),
        "100 * viable / all leukaemia cells",
        "living cells",
        CONVENTION,
    ),
    "specific_apoptosis": Endpoint(
        death.specific_apoptosis,
        "reference",
        "%",
        "identity",
        _DEATH,
        "100 * (A - V) / (100 - V)",
        "death beyond the vehicle of the same unit and context; never clipped",
        "Abbott 1925, 10.1093/jee/18.2.265a",
        quantity="apoptosis",
    ),
    "spi": Endpoint(
        death.stromal_protection_index,
        "contexts",
        "ratio",
        "identity",
        _DEATH,
        "1 - SA with stroma / SA without",
        "stromal protection index; unstable where the drug kills few",
        CONVENTION,
        level="unit",
        quantity="specific_apoptosis",
    ),
    "spi_points": Endpoint(
        death.protection_points,
        "contexts",
        "percentage points",
        "identity",
        _DEATH,
        "SA without stroma - SA with",
        "stromal protection in points",
        CONVENTION,
        level="unit",
        quantity="specific_apoptosis",
    ),
    "reversal": Endpoint(
        death.reversal,
        "reversal",
        "%",
        "identity",
        _DEATH,
        "100 * (A[stroma, TKI+P] - A[stroma, TKI]) / (A[alone, TKI] - A[stroma, TKI])",
        "how much of stromal protection a CXCR4 antagonist takes away",
        CONVENTION,
        level="unit",
        quantity="apoptosis",
    ),
    "bliss_excess": Endpoint(
        death.bliss_excess,
        "combination",
        "percentage points",
        "identity",
        _DEATH,
        "SA(a+b) - (SA(a) + SA(b) - SA(a) SA(b) / 100)",
        "death beyond two independent drugs",
        "Bliss 1939, 10.1111/j.1744-7348.1939.tb06990.x",
        level="unit",
        quantity="specific_apoptosis",
    ),
    "hsa_excess": Endpoint(
        death.hsa_excess,
        "combination",
        "percentage points",
        "identity",
        _DEATH,
        "SA(a+b) - max(SA(a), SA(b))",
        "death beyond the stronger drug alone",
        "Berenbaum 1989, Pharmacol Rev 41:93",
        level="unit",
        quantity="specific_apoptosis",
    ),
}

GROWTH: dict[str, Endpoint] = {
    "viable_count": Endpoint(
        death.viable_count,
        "own",
        "cells",
        "log",
        ("viable, or cells with beads or a volume",),
        "cell events / bead events * beads added",
        "viable cells of the well",
        CONVENTION,
    ),
    "adhesion": Endpoint(
        death.adhesion,
        "input",
        "%",
        "logit",
        ("adherent", "input or floating"),
        "100 * adherent / cells put in",
        "cells that hold on to stroma or matrix",
        CONVENTION,
    ),
    "proliferation": Endpoint(
        death.fold_expansion,
        "input",
        "ratio",
        "log",
        ("viable", "input"),
        "viable cells / cells seeded",
        "growth since seeding",
        CONVENTION,
    ),
    "signal": Endpoint(
        death.signal,
        "own",
        "signal",
        "log",
        ("signal",),
        "signal - mean of the plate's blank wells",
        "a plate reader's signal, background taken off",
        CONVENTION,
    ),
    "relative_viability": Endpoint(
        death.relative_viability,
        "reference",
        "%",
        "identity",
        ("signal or viable",),
        "100 * (signal - blank) / (vehicle - blank)",
        "viability relative to the vehicle of the same unit and context",
        CONVENTION,
        quantity="signal",
    ),
}

ENDPOINTS: dict[str, Endpoint] = {**INTENSITY, **MOTILITY, **DEATH, **GROWTH}

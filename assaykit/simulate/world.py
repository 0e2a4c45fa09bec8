"""`World`: what is true in a simulated study; design, effects and noise, with the answer an analysis should find.

Effects follow the directions of the two reviews; their sizes are our assumptions, chosen plausible for a dim
BCR-ABL+ line such as K562. A world differs from the default only where its name says so; the default's cells look as
hard as real ones (`HONEST`), and "textbook" is the one with none of that, from which each hard thing alone departs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from assaykit.errors import StudyError
from assaykit.simulate.appearance import APPEARANCES, HONEST

VEHICLE = "vehicle"
IMATINIB = "imatinib 1 uM"
DASATINIB = "dasatinib 10 nM"
PLERIXAFOR = "plerixafor 10 uM"
SIMVASTATIN = "simvastatin 5 uM"
IMATINIB_PLERIXAFOR = f"{IMATINIB} + {PLERIXAFOR}"
IMATINIB_SIMVASTATIN = f"{IMATINIB} + {SIMVASTATIN}"
TREATMENTS = (
    VEHICLE,
    IMATINIB,
    DASATINIB,
    PLERIXAFOR,
    IMATINIB_PLERIXAFOR,
    SIMVASTATIN,
    IMATINIB_SIMVASTATIN,
)
CONTEXTS = ("mono", "msc_contact")
TARGETS = ("medium", "cxcl12", "msc")


@dataclass(frozen=True, slots=True)
class Noise:
    """Standard deviations: log2 for intensity and migration, logit for apoptosis; `rho` is the beta-binomial's."""

    experiment: float = 0.25
    treatment: float = 0.2  # treatment x experiment
    context: float = 0.1  # context x experiment: the MSC lot of the day
    both: float = 0.1  # treatment x context x experiment
    well: float = 0.12
    rho: float = 0.001
    brightness: float = 0.0  # between plates, of all fluorescence: laser, detectors, staining


@dataclass(frozen=True, slots=True)
class World:
    """The truth of a study: each effect by treatment, in the order of CONTEXTS or TARGETS."""

    name: str
    meaning: str
    cxcr4: Mapping[str, float]  # log2 change of surface CXCR4, the same in both contexts
    msc_cxcr4: float  # log2 change by contact with MSC
    clone_artefact: float  # apparent log2 change of a 12G5 stain under plerixafor
    migration: Mapping[str, tuple[float, float, float]]  # % of input to medium, CXCL12, MSC
    apoptosis: Mapping[str, tuple[float, float]]  # % apoptotic alone, with MSC
    noise: Noise = Noise(brightness=0.3)
    appearance: tuple[str, ...] = HONEST  # how the cells look: names in APPEARANCES
    experiments: tuple[str, ...] = ("2025-03-04", "2025-03-18", "2025-04-01", "2025-04-15", "2025-05-06")


REVIEWS = World(
    name="reviews",
    meaning="imatinib raises CXCR4 and migration, MSC protect, plerixafor reverses, a statin dampens migration",
    cxcr4={
        VEHICLE: 0.0,
        IMATINIB: 0.8,
        DASATINIB: 0.6,
        PLERIXAFOR: 0.0,
        IMATINIB_PLERIXAFOR: 0.8,
        SIMVASTATIN: 0.0,
        IMATINIB_SIMVASTATIN: 0.8,
    },
    msc_cxcr4=-0.4,
    clone_artefact=-1.5,
    migration={
        VEHICLE: (1.5, 3.0, 4.5),
        IMATINIB: (1.5, 8.0, 12.0),
        DASATINIB: (1.3, 4.5, 6.75),
        PLERIXAFOR: (1.5, 1.5, 2.25),
        IMATINIB_PLERIXAFOR: (1.5, 1.8, 2.7),
        SIMVASTATIN: (1.5, 3.0, 4.5),
        IMATINIB_SIMVASTATIN: (1.5, 5.0, 7.5),
    },
    apoptosis={
        VEHICLE: (5.0, 5.0),
        IMATINIB: (40.0, 20.0),
        DASATINIB: (42.0, 22.0),
        PLERIXAFOR: (5.0, 5.0),
        IMATINIB_PLERIXAFOR: (41.0, 32.0),
        SIMVASTATIN: (15.0, 15.0),
        IMATINIB_SIMVASTATIN: (60.0, 40.0),
    },
)

TEXTBOOK = replace(
    REVIEWS,
    name="textbook",
    meaning="as the reviews say, with cells as in a textbook: one size, apart from the debris, all plates alike",
    noise=Noise(),
    appearance=(),
)
_FLAT = dict.fromkeys(TREATMENTS, 0.0)
WORLDS: dict[str, World] = {
    "reviews": REVIEWS,
    "textbook": TEXTBOOK,
    "null": replace(
        REVIEWS,
        name="null",
        meaning="no drug and no stroma changes anything",
        cxcr4=_FLAT,
        msc_cxcr4=0.0,
        clone_artefact=0.0,
        migration=dict.fromkeys(TREATMENTS, (1.5, 3.0, 4.5)),
        apoptosis=dict.fromkeys(TREATMENTS, (5.0, 5.0)),
    ),
    "no_statin_effect": replace(
        REVIEWS,
        name="no_statin_effect",
        meaning="as the reviews say, but the statin leaves imatinib's migration as it is",
        migration={**REVIEWS.migration, IMATINIB_SIMVASTATIN: (1.5, 7.9, 11.85)},
    ),
    "cxcr4_independent": replace(
        REVIEWS,
        name="cxcr4_independent",
        meaning="MSC protect by a route plerixafor does not touch",
        apoptosis={**REVIEWS.apoptosis, IMATINIB_PLERIXAFOR: (41.0, 20.5)},
    ),
    "resistant": replace(
        REVIEWS,
        name="resistant",
        meaning="a line with a TKI-resistant kinase: no TKI changes CXCR4, migration or death",
        cxcr4=_FLAT,
        migration={t: ((1.5, 1.5, 2.25) if PLERIXAFOR in t else (1.5, 3.0, 4.5)) for t in TREATMENTS},
        apoptosis={t: ((15.0, 15.0) if SIMVASTATIN in t else (5.0, 5.0)) for t in TREATMENTS},
    ),
    **{
        name: replace(
            TEXTBOOK, name=name, meaning=f"the textbook's cells, but {APPEARANCES[looks[0]].meaning}", appearance=looks
        )
        for name, looks in {
            "sizes": ("sizes",),
            "shrunken": ("shrunken",),
            "swollen": ("swollen",),
            "touching_debris": ("touching_debris",),
            "no_debris": ("no_debris",),
            "saturated": ("saturated",),
            "dim": ("dim", "autofluorescent"),
        }.items()
    },
    "differing_plates": replace(
        TEXTBOOK,
        name="differing_plates",
        meaning="the textbook's cells, but plates differ twofold in brightness",
        noise=Noise(brightness=1.0),
    ),
    "dead_plates": replace(
        TEXTBOOK,
        name="dead_plates",
        meaning="the textbook's cells, but 98 % of every plate are dead whatever the treatment",
        apoptosis=dict.fromkeys(TREATMENTS, (98.0, 98.0)),
        appearance=("dead",),
    ),
}


def new_study(folder: Path, world: str) -> World:
    """Return the world of a study to be written; raises StudyError where it is unknown, or the folder is taken."""
    if world not in WORLDS:
        raise StudyError("the world must be a known one", repr(world), "", f"use one of {', '.join(WORLDS)}")
    if (folder / "study.toml").exists():
        raise StudyError(
            "a simulated study must go to a new folder", "a study.toml", str(folder), "name another folder"
        )
    return WORLDS[world]


def truth_rows(world: World) -> list[dict[str, str | float]]:
    """Return the true level of each endpoint in each arm, as rows of `truth.toml`.

    `cxcr4_dmfi` is the true log2 change from vehicle alone and `apparent` what a 12G5 stain shows; migration and
    apoptosis are percentages.
    """
    rows: list[dict[str, str | float]] = []
    for treatment in TREATMENTS:
        for context, shift in zip(CONTEXTS, (0.0, world.msc_cxcr4), strict=True):
            level = round(world.cxcr4[treatment] + shift, 6)
            apparent = round(level + (world.clone_artefact if PLERIXAFOR in treatment else 0.0), 6)
            arm = {"treatment": treatment, "context": context}
            rows.append({"endpoint": "cxcr4_dmfi", **arm, "value": level, "apparent": apparent})
        for target, percent in zip(("random", "cxcl12", "msc"), world.migration[treatment], strict=True):
            rows.append(
                {"endpoint": f"migration_{target}", "treatment": treatment, "context": "mono", "value": percent}
            )
        for context, percent in zip(CONTEXTS, world.apoptosis[treatment], strict=True):
            rows.append({"endpoint": "apoptosis", "treatment": treatment, "context": context, "value": percent})
    return rows

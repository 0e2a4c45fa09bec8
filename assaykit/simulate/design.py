"""How much of a simulated study is written: every well, or one well per arm for a folder that is small."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from assaykit.simulate.wells import SimulatedPlate, SimulatedWell
from assaykit.simulate.world import DASATINIB, IMATINIB, PLERIXAFOR, VEHICLE

FIRST_COLUMNS = {
    "cxcr4_surface": {"1", "3", "4", "6"},
    "annexin_apoptosis": {"1", "4"},
    "transwell_migration": {"1", "3", "5"},
}
"""One column per arm: the plates hold each in two, and an FMO beside."""


@dataclass(frozen=True, slots=True)
class SimulatedDesign:
    """What it is, how many experiments at most, and whether a well is kept."""

    meaning: str
    experiments: int
    keeps: Callable[[SimulatedPlate, SimulatedWell], bool]


def _once(plate: SimulatedPlate, well: SimulatedWell) -> bool:
    """Keep one well per arm; of the surface stains single drugs only; of the controls those no file carries already."""
    if well.name.startswith("H"):
        return well.role in {"unstained", "isotype"} or well.name == "H1"
    surface = plate.assay == "cxcr4_surface"
    known = not surface or well.treatment in {VEHICLE, IMATINIB, DASATINIB, PLERIXAFOR}
    return known and well.name[1:] in FIRST_COLUMNS[plate.assay]


DESIGNS: dict[str, SimulatedDesign] = {
    "whole": SimulatedDesign(
        "every arm in duplicate, with its controls, in five experiments", 5, lambda _plate, _well: True
    ),
    "small": SimulatedDesign("one well per arm in four experiments: fewer wells, not fewer cells", 4, _once),
}

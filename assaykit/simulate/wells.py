"""`SimulatedWell` and `SimulatedPlate`: what will be written, before it is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from assaykit.simulate.cells import IDEAL, Optics, SimulatedCells, SimulatedPanel

Damage = Literal["", "truncated", "missing", "clog", "voltage", "signal_drop"]


@dataclass(frozen=True, slots=True)
class SimulatedWell:
    """One well to be written: its name, layout factors, cells and panel; `damage` is done to its file."""

    name: str
    factors: Mapping[str, str | float]
    populations: tuple[SimulatedCells, ...]
    panel: SimulatedPanel
    role: str = "sample"
    full: bool = True  # with FSC-H and Time; a counting tube has neither
    damage: Damage = ""
    optics: Optics = IDEAL
    start_time: str = ""  # hh:mm:ss, when its acquisition began; empty where the file does not say
    carry_over: tuple[SimulatedCells, ...] = ()  # what comes first: cells of the well before, left in the tubing

    @property
    def treatment(self) -> str:
        """The well's treatment."""
        return str(self.factors["treatment"])


@dataclass(frozen=True, slots=True)
class SimulatedPlate:
    """One plate to be written."""

    name: str
    assay: str
    experiment: str
    wells: tuple[SimulatedWell, ...]

    def with_wells(self, change: Callable[[SimulatedWell], SimulatedWell | None]) -> SimulatedPlate:
        """Return the plate with each well changed; those for which `change` returns None are left out."""
        changed = (change(well) for well in self.wells)
        return replace(self, wells=tuple(well for well in changed if well is not None))


Change = Callable[[SimulatedPlate], SimulatedPlate]
"""Something done to a plate, by a world everywhere or by a fault to one plate."""

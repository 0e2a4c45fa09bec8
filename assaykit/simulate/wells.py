"""`SimulatedWell` and `SimulatedPlate`: what will be written, before it is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from assaykit.simulate.cells import Panel, Population

Damage = Literal["", "truncated", "missing", "clog", "voltage"]


@dataclass(frozen=True, slots=True)
class SimulatedWell:
    """One well to be written: its name, layout factors, cells and panel; `damage` is done to its file."""

    name: str
    factors: Mapping[str, str | float]
    populations: tuple[Population, ...]
    panel: Panel
    role: str = "sample"
    full: bool = True  # with FSC-H and Time; a counting tube has neither
    damage: Damage = ""


@dataclass(frozen=True, slots=True)
class SimulatedPlate:
    """One plate to be written."""

    name: str
    assay: str
    experiment: str
    wells: tuple[SimulatedWell, ...]

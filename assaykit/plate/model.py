"""`Well` and `Plate`: where cells were, what was done to them, and which file or counts came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

Role = Literal["sample", "fmo", "isotype", "unstained", "single_stain", "dead", "beads", "blank"]
ROLES: tuple[Role, ...] = get_args(Role)
Factor = str | float


@dataclass(frozen=True, slots=True)
class Well:
    """One well, tube or insert. Factors are what the experimenter varied; counts stand where there is no file."""

    name: str  # canonical: A1 .. H12, AF48; "row 7" for a row of a counts table without wells
    role: Role = "sample"
    factors: Mapping[str, Factor] = field(default_factory=dict)
    file: Path | None = None
    counts: Mapping[str, float] = field(default_factory=dict)
    where: str = ""  # file and cell or row this well was read from, for messages


@dataclass(frozen=True, slots=True)
class Plate:
    """One plate, or one table of counts (then `wells` are its rows)."""

    name: str
    rows: int
    columns: int
    wells: tuple[Well, ...]
    source: Path | None = None

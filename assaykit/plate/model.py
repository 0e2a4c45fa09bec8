"""`Well` and `Plate`: where cells were, what was done to them, and which file or counts came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from assaykit.vocabulary import Role

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
    places: Mapping[str, str] = field(default_factory=dict, compare=False)  # column -> file and cell it was read from
    readouts: Mapping[str, float] = field(default_factory=dict)  # numbers gated elsewhere, by the readout's name

    def __post_init__(self) -> None:
        for name in ("factors", "counts", "places", "readouts"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    def __reduce__(self) -> tuple[Any, ...]:
        """Return the parts a worker rebuilds the well from; a read-only view of a mapping does not pickle itself."""
        mappings = dict(self.factors), self.file, dict(self.counts), self.where, dict(self.places), dict(self.readouts)
        return Well, (self.name, self.role, *mappings)

    def place(self, column: str) -> str:
        """Return where the value of a column was written, for messages."""
        return self.places.get(column, self.where)


@dataclass(frozen=True, slots=True)
class Plate:
    """One plate, or one table of counts (then `wells` are its rows)."""

    name: str
    rows: int
    columns: int
    wells: tuple[Well, ...]
    source: Path | None = None

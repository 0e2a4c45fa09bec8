"""`Bench`: the wells a plate's gates are estimated from, each read once, thinned to a bounded number of cells."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from assaykit.cytometry.channels import SIDE_SCATTER
from assaykit.cytometry.columns import WellColumns
from assaykit.cytometry.hierarchy import ALL, kept_by
from assaykit.cytometry.quality import exclusions
from assaykit.cytometry.wells import DATA_ERRORS, read_well_columns
from assaykit.errors import InputError
from assaykit.plate import Plate, Well
from assaykit.protocol import FixedGate
from assaykit.study import Assay, ResolvedPlate

MOST_VALUES = 20_000_000
"""Values held at once by all wells of a bench: 80 MB of float32."""


@dataclass(frozen=True, slots=True, eq=False)
class BenchWell:
    """One well on the bench and the populations gated so far."""

    well: Well
    columns: WellColumns
    masks: dict[str, NDArray[np.bool_]]


@dataclass(frozen=True, slots=True, eq=False)
class Bench:
    """Wells read so far; a well that cannot be read is None here, and `measure_well` says why."""

    assay: Assay
    plate: Plate
    resolved: ResolvedPlate
    gates: list[tuple[FixedGate, dict[str, FixedGate]]] = field(default_factory=list)  # gate, and its form per well
    cache: dict[str, BenchWell | None] = field(default_factory=dict)

    def add(self, gate: FixedGate, own: dict[str, FixedGate]) -> None:
        """Take a fixed gate (and the form it has in some wells) and gate every well held with it."""
        self.gates.append((gate, own))
        for held in self.cache.values():
            if held is not None:
                self._gate(held, gate, own)

    def well(self, well: Well) -> BenchWell | None:
        """Return a well, read and gated, or None where it cannot be read."""
        if well.name not in self.cache:
            self.cache[well.name] = self._read(well)
        return self.cache[well.name]

    def values(self, wells: Iterable[Well], population: str, channel: str) -> NDArray[np.floating]:
        """Return the pooled values of a channel in a population over wells, in the wells' order; may be empty."""
        parts = [
            held.columns.column(channel)[held.masks[population]]
            for held in (self.well(well) for well in wells)
            if held is not None and population in held.masks and channel in held.columns.names
        ]
        return np.concatenate(parts) if parts else np.empty(0, dtype=np.float32)

    def saturation(self, channel: str) -> float:
        """Return the value at which a channel's detector saturates, the largest over the wells read; inf if unknown."""
        tops = [
            held.columns.saturation(channel) for held in self.cache.values() if held and channel in held.columns.names
        ]
        return max(tops, default=np.inf)

    def lineage(self, population: str) -> tuple[str, ...]:
        """Return a population and those above it, nearest first; "all" only where it is asked for itself."""
        parents = {gate.name: gate.parent for gate, _ in self.gates}
        line = [population]
        while (parent := parents.get(line[-1], ALL)) != ALL:
            line.append(parent)
        return tuple(line)

    def _read(self, well: Well) -> BenchWell | None:
        try:
            columns = read_well_columns(self.assay, well, self.resolved, beside=(SIDE_SCATTER,))
        except (InputError, *DATA_ERRORS):
            return None
        shared = MOST_VALUES // (max(1, len(self.plate.wells)) * max(1, columns.events.values.shape[1]))
        thin = _thin(columns, max(2_000, shared))
        whole = np.isfinite(thin.events.values).all(axis=1)  # as measuring the well will say
        held = BenchWell(well, thin, {ALL: exclusions(self.assay.protocol, thin).kept & whole})
        for gate, own in self.gates:
            self._gate(held, gate, own)
        return held

    @staticmethod
    def _gate(held: BenchWell, gate: FixedGate, own: dict[str, FixedGate]) -> None:
        held.masks[gate.name] = kept_by(own.get(held.well.name, gate), held.columns, held.masks)


def _thin(columns: WellColumns, most: int) -> WellColumns:
    """Return every k-th event, so that a long run and a short one weigh the bench alike and time is covered evenly."""
    step = -(-len(columns) // most)
    if step <= 1:
        return columns
    events = replace(columns.events, values=np.ascontiguousarray(columns.events.values[::step]))
    return WellColumns(events, columns.names, columns.matrices)


def with_files(wells: Sequence[Well], *roles: str) -> tuple[Well, ...]:
    """Return the wells of these roles that name a file."""
    return tuple(well for well in wells if well.role in roles and well.file is not None)

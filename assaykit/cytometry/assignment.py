"""Which control wells serve each well of a plate in a channel, and from which population their cells are taken.

The layout's own word comes first (its column `control`); then controls are matched by their factors. A control that
lacks the gating dyes has no cell in the population: those of its nearest ancestor with cells serve.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from assaykit.cytometry.bench import Bench
from assaykit.cytometry.matching import ControlMatch, controls_of, match_control
from assaykit.cytometry.valleys import FEWEST
from assaykit.plate import Well, controls_named, reserved_controls
from assaykit.vocabulary import Role


@dataclass(frozen=True, slots=True)
class ControlGroup:
    """The controls of the best role that hold cells; `population` is the one these cells are of, `sparse` hold too few.

    `role` is None where no control holds enough.
    """

    role: Role | None
    wells: tuple[Well, ...]
    sparse: tuple[Well, ...]
    population: str


@dataclass(frozen=True, slots=True)
class Assignment:
    """The control of each well in one channel: `default` serves those that name none, `matches` tells well by well.

    `short_of_cells` are wells whose named controls concern the channel without holding enough cells.
    """

    default: ControlGroup
    matches: dict[str, ControlMatch]
    by_name: tuple[ControlGroup, ...]
    short_of_cells: tuple[Well, ...]


def usable_controls(
    bench: Bench, channel: str, population: str, *, among: Iterable[Well] | None = None
) -> ControlGroup:
    """Return the controls of a channel that hold 100 cells of a population or more: FMO, else isotype, else unstained.

    Where none does, whatever its role, those with cells in the nearest population above it serve.
    """
    kept = None if among is None else {well.name for well in among}
    candidates = {
        role: [well for well in wells if kept is None or well.name in kept]
        for role, wells in controls_of(bench.assay, bench.plate, channel).items()
    }
    for served in bench.lineage(population):
        sparse: list[Well] = []
        for role, wells in candidates.items():
            sizes = [bench.values([well], served, channel).size for well in wells]
            good = [well for well, size in zip(wells, sizes, strict=True) if size >= FEWEST]
            sparse += [well for well, size in zip(wells, sizes, strict=True) if size < FEWEST]
            if good:
                return ControlGroup(role, tuple(good), tuple(sparse), served)
    return ControlGroup(None, (), tuple(well for wells in candidates.values() for well in wells), population)


def assignment(bench: Bench, channel: str, population: str) -> Assignment:
    """Return which controls serve each well of the plate with a file in a channel, none where the plate has none."""
    plate = bench.plate
    reserved = reserved_controls(plate)
    names = {well.name for well in reserved}
    usable = usable_controls(bench, channel, population, among=[w for w in plate.wells if w.name not in names])
    if usable.role is None and reserved:
        usable = usable_controls(bench, channel, population)
    by_name: dict[str, ControlGroup] = {}
    matches: dict[str, ControlMatch] = {}
    short_of_cells = []
    for well in wells_of_cells(bench):
        named = controls_named(plate, well) or ((well,) if well.name in names else ())
        key = ", ".join(control.name for control in named)
        if key and key not in by_name:
            by_name[key] = usable_controls(bench, channel, population, among=named)
        own = by_name.get(key)
        if own is not None and own.role is not None:
            matches[well.name] = ControlMatch(own.wells, "named")
            continue
        if own is not None and own.sparse:
            short_of_cells.append(well)
        if usable.role is not None:
            matches[well.name] = match_control(well, usable.wells)
    serving = tuple(group for group in by_name.values() if group.role is not None)
    return Assignment(usable, matches, serving, tuple(short_of_cells))


def wells_of_cells(bench: Bench) -> Sequence[Well]:
    """Return the wells of cells that have a file."""
    return [well for well in bench.plate.wells if well.file is not None and well.role not in {"beads", "blank"}]


def control_population(bench: Bench, wells: Sequence[Well], population: str, channel: str) -> str:
    """Return the population whose cells serve for one: itself, or the nearest above it with enough in these wells."""
    line = bench.lineage(population)
    return next((name for name in line if bench.values(wells, name, channel).size >= FEWEST), population)

"""How cells look beyond the textbook: each is a function from a plate to a plate, and leaves its truth as it is.

A world names those that hold on all its plates. Sizes follow two wells of mouse splenocytes on an LSRII
(CytoExploreRData, Activation): 0.3 to 0.6 % of events at the end of FSC-A, debris with its median at a quarter of the
cells' forward scatter and touching them, the threshold at a tenth. Dying cells shrink to half the scatter.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, replace

from assaykit.simulate.cells import SimulatedCells
from assaykit.simulate.wells import Change, SimulatedPlate, SimulatedWell

LIVING_FORWARD, LIVING_SIDE = 62_000, 30_000
TOP = 262_143.0
CELLS = frozenset({"living", "dying", "late", "dead", "control"})
DEATH = frozenset({"dying", "late", "dead"})
GLOW = {"imatinib": 1.2, "dasatinib": 1.3, "simvastatin": 1.6}
"""Multiple of the autofluorescence under each drug."""
BETWEEN_WELLS = dt.timedelta(seconds=45)


@dataclass(frozen=True, slots=True)
class Appearance:
    """One way in which cells look: what it is, and the change it makes of a plate."""

    meaning: str
    change: Change


def _populations(change: Callable[[SimulatedCells, SimulatedWell], tuple[SimulatedCells, ...]]) -> Change:
    """Return the change that puts, for each population, those that `change` makes of it."""

    def each(well: SimulatedWell) -> SimulatedWell:
        return replace(well, populations=tuple(new for old in well.populations for new in change(old, well)))

    return lambda plate: plate.with_wells(each)


def _sizes(cells: SimulatedCells, _: SimulatedWell) -> tuple[SimulatedCells, ...]:
    """Two thirds of the cells as they are; the rest, before division, 1.4 times as large."""
    return (replace(cells, sizes=((0.67, 1.0), (0.33, 1.4))) if cells.kind in {"living", "control"} else cells,)


def _shrunken(cells: SimulatedCells, _: SimulatedWell) -> tuple[SimulatedCells, ...]:
    shrunk = replace(cells, forward=0.5 * LIVING_FORWARD, side=1.2 * LIVING_SIDE, scatter_sd=(0.2, 0.28))
    return (shrunk if cells.kind in DEATH else cells,)


def _swollen(cells: SimulatedCells, _: SimulatedWell) -> tuple[SimulatedCells, ...]:
    """A quarter of the late and of the dead cells 1.4 times as large as living ones, and clear: the nucleus is lost."""
    if cells.kind not in {"late", "dead"}:
        return (cells,)
    large = round(cells.cells / 4)
    swollen = replace(cells, cells=large, forward=1.4 * LIVING_FORWARD, side=0.7 * LIVING_SIDE)
    return replace(cells, cells=cells.cells - large), swollen


def debris(share: float) -> Change:
    """Return the change that gives every well pieces of cells, `share` of its cells' number, that touch the cells."""

    def litter(well: SimulatedWell) -> SimulatedWell:
        whole = [p for p in well.populations if p.kind != "debris"]
        pieces = round(share * sum(p.cells for p in whole if p.kind in CELLS))
        broad = SimulatedCells(pieces, 17_000, 12_000, 40, kind="debris", scatter_sd=(0.5, 0.5))
        return replace(well, populations=(*whole, broad), optics=replace(well.optics, threshold=5_000.0, top=TOP))

    return lambda plate: plate.with_wells(litter)


def without_debris(plate: SimulatedPlate) -> SimulatedPlate:
    """Return the plate with no piece of a cell in it."""
    return plate.with_wells(
        lambda well: replace(well, populations=tuple(p for p in well.populations if p.kind != "debris"))
    )


def saturated(share: float) -> Change:
    """Return the change that puts a share of all events at the end of the range of forward scatter."""
    return lambda plate: plate.with_wells(
        lambda well: replace(well, optics=replace(well.optics, saturated=share, top=TOP))
    )


def brighter(multiple: float) -> Change:
    """Return the change that multiplies all fluorescence of a plate."""
    return lambda plate: plate.with_wells(
        lambda well: replace(well, optics=replace(well.optics, brightness=multiple * well.optics.brightness))
    )


def marker(multiple: float) -> Change:
    """Return the change that multiplies the CXCR4 of every cell."""

    def dim(cells: SimulatedCells, _: SimulatedWell) -> tuple[SimulatedCells, ...]:
        stained = cells.dyes.get("CXCR4", 0.0)
        return (replace(cells, dyes={**cells.dyes, "CXCR4": multiple * stained}) if stained else cells,)

    return _populations(dim)


def glowing(multiple: float = 1.0) -> Change:
    """Return the change that gives cells the autofluorescence of their drugs, and `multiple` of it under any drug."""

    def glow(cells: SimulatedCells, well: SimulatedWell) -> tuple[SimulatedCells, ...]:
        light = 1.0
        for drug, factor in GLOW.items():
            light *= factor * multiple if drug in well.treatment else 1.0
        seen = replace(cells, autofluorescence=cells.autofluorescence * light)
        return (seen if cells.kind in CELLS else cells,)

    return _populations(glow)


def dead(share: float) -> Change:
    """Return the change that kills a share of the living and dying cells, whatever their treatment."""

    def kill(cells: SimulatedCells, well: SimulatedWell) -> tuple[SimulatedCells, ...]:
        if cells.kind not in {"living", "dying"} or well.role not in {"sample", "fmo", "isotype"}:
            return (cells,)
        killed = round(share * cells.cells)
        stains = {"Annexin V": 11_000.0, "PI": 15_000.0, "Viability": 16_000.0}
        corpse = replace(
            cells,
            cells=killed,
            forward=50_000,
            side=36_000,
            dyes={**cells.dyes, **{dye: amount for dye, amount in stains.items() if dye in well.panel.stains}},
            kind="late" if "Annexin V" in well.panel.stains else "dead",
            sizes=(),
            doublets=0.0,
        )
        return replace(cells, cells=cells.cells - killed), corpse

    return _populations(kill)


def _dead_surface(plate: SimulatedPlate) -> SimulatedPlate:
    """Kill nearly all cells of a surface stain; on an annexin plate the world's own truth says how many are dead."""
    return dead(0.98)(plate) if plate.assay == "cxcr4_surface" else plate


def run_order(plate: SimulatedPlate) -> SimulatedPlate:
    """Let each file say when its acquisition began: well after well from nine o'clock on, in the plate's order."""
    nine = dt.datetime(2025, 1, 1, 9, tzinfo=dt.UTC)
    begun = {well.name: f"{nine + BETWEEN_WELLS * i:%H:%M:%S}" for i, well in enumerate(plate.wells)}
    return plate.with_wells(lambda well: replace(well, start_time=begun[well.name]))


APPEARANCES: dict[str, Appearance] = {
    "sizes": Appearance("a third of the cells are 1.4 times as large", _populations(_sizes)),
    "shrunken": Appearance("dying and dead cells have half the forward scatter", _populations(_shrunken)),
    "swollen": Appearance("a quarter of the dead cells are larger than the living", _populations(_swollen)),
    "touching_debris": Appearance("a fifth as many pieces as cells, and they touch the cells", debris(0.2)),
    "no_debris": Appearance("no debris at all", without_debris),
    "saturated": Appearance("1 % of events at the end of the range of forward scatter", saturated(0.01)),
    "autofluorescent": Appearance("drugs change the autofluorescence of the cells", glowing()),
    "dim": Appearance("the marker is as dim as the cells' own light", marker(0.25)),
    "dead": Appearance("98 % of the cells of a surface stain are dead", _dead_surface),
    "run_order": Appearance("each file says when it was begun", run_order),
}
HONEST = ("sizes", "shrunken", "swollen", "touching_debris", "saturated", "autofluorescent", "run_order")
"""What real wells have all at once: how the standard world looks."""

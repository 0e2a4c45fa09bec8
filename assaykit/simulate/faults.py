"""Faults of a real lab, planted in a simulated study on purpose: each is a function from a plate to a plate.

A fault strikes the plates of one assay and one experiment, named beside it, so that a test knows where to look.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from assaykit.simulate.appearance import brighter, dead, debris, glowing, marker, saturated, without_debris
from assaykit.simulate.wells import Change, Damage, SimulatedPlate, SimulatedWell


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: what it is, the assay and the experiment (its number, from 1) it strikes, and the change."""

    meaning: str
    assay: str
    experiment: int
    change: Change


def plant(names: Sequence[str], plates: Sequence[SimulatedPlate]) -> list[SimulatedPlate]:
    """Return the plates with the faults named planted, in the order named."""
    changed = list(plates)
    for name in names:
        fault = FAULTS[name]
        days = sorted({plate.experiment for plate in plates})
        day = days[min(fault.experiment, len(days)) - 1]
        changed = [
            fault.change(plate) if (plate.assay, plate.experiment) == (fault.assay, day) else plate for plate in changed
        ]
    return changed


def _damage(name: str, damage: Damage) -> Change:
    return lambda plate: plate.with_wells(lambda well: replace(well, damage=damage) if well.name == name else well)


def _factors(well: SimulatedWell, **factors: str | float) -> SimulatedWell:
    return replace(well, factors={**well.factors, **factors})


def _unit_slip(plate: SimulatedPlate) -> SimulatedPlate:
    return plate.with_wells(lambda well: _factors(well, treatment=well.treatment.replace("10 nM", "10 mM")))


def _swapped_rows(plate: SimulatedPlate) -> SimulatedPlate:
    """Swap the names of rows A and B: the cells stay where they were pipetted, the layout says otherwise."""
    other = {"A": "B", "B": "A"}
    named: Mapping[str, SimulatedWell] = {well.name: well for well in plate.wells}

    def swap(well: SimulatedWell) -> SimulatedWell:
        source = named.get(other.get(well.name[0], well.name[0]) + well.name[1:], well)
        return replace(well, populations=source.populations)

    return plate.with_wells(swap)


def _vehicle_death(plate: SimulatedPlate) -> SimulatedPlate:
    """Turn a quarter of the living cells of vehicle wells into dying ones."""

    def kill(well: SimulatedWell) -> SimulatedWell:
        if well.factors["treatment"] != "vehicle" or well.role != "sample":
            return well
        living, early, *rest = well.populations
        moved = living.cells // 4
        return replace(
            well,
            populations=(
                replace(living, cells=living.cells - moved),
                replace(early, cells=early.cells + moved),
                *rest,
            ),
        )

    return plate.with_wells(kill)


def _low_index(plate: SimulatedPlate) -> SimulatedPlate:
    """Give CXCL12 wells the cells of medium wells: nothing moves toward the chemokine that day."""
    named = {(well.factors["treatment"], well.factors["target"]): well for well in plate.wells}

    def flatten(well: SimulatedWell) -> SimulatedWell:
        source = named.get((well.factors["treatment"], "medium"), well)
        return replace(well, populations=source.populations) if well.factors["target"] == "cxcl12" else well

    return plate.with_wells(flatten)


def _contaminate(plate: SimulatedPlate) -> SimulatedPlate:
    """Let the tracker of the leukaemia cells leak into the MSC, so that they fall into the CML gate."""

    def leak(well: SimulatedWell) -> SimulatedWell:
        stained = tuple(
            replace(p, dyes={**p.dyes, "CD45": 6_000.0}) if "CD90" in p.dyes else p for p in well.populations
        )
        return replace(well, populations=stained) if well.factors["context"] == "msc_contact" else well

    return plate.with_wells(leak)


def _edge(plate: SimulatedPlate) -> SimulatedPlate:
    """Dim the marker in row A and column 1 by 40 %, as evaporation and cold edges do."""

    def dim(well: SimulatedWell) -> SimulatedWell:
        if well.name[0] != "A" and well.name[1:] != "1":
            return well
        dimmed = tuple(
            replace(p, dyes={**p.dyes, "CXCR4": 0.6 * p.dyes["CXCR4"]}) if "CXCR4" in p.dyes else p
            for p in well.populations
        )
        return replace(well, populations=dimmed)

    return plate.with_wells(dim)


def _carry_over(plate: SimulatedPlate) -> SimulatedPlate:
    """Let cells of the stained well B2, a fifth of its number, come first in the FMO well B3, run after it."""
    source = next(well for well in plate.wells if well.name == "B2")
    left = tuple(replace(p, cells=round(p.cells / 5)) for p in source.populations)
    return plate.with_wells(lambda well: replace(well, carry_over=left) if well.name == "B3" else well)


def _without_vehicle(plate: SimulatedPlate) -> SimulatedPlate:
    def keep(well: SimulatedWell) -> SimulatedWell | None:
        arm = (well.role, well.factors["treatment"], well.factors["context"])
        return None if arm == ("sample", "vehicle", "msc_contact") else well

    return plate.with_wells(keep)


def _outlier_day(plate: SimulatedPlate) -> SimulatedPlate:
    """Multiply the marker of one day's treated wells by five: one experiment dominates the mean."""

    def raise_marker(well: SimulatedWell) -> SimulatedWell:
        if well.factors["treatment"] == "vehicle":
            return well
        bright = tuple(
            replace(p, dyes={**p.dyes, "CXCR4": 5 * p.dyes["CXCR4"]}) if p.dyes.get("CXCR4") else p
            for p in well.populations
        )
        return replace(well, populations=bright)

    return plate.with_wells(raise_marker)


FAULTS: dict[str, Fault] = {
    "truncated_file": Fault("the file of one well ends early", "cxcr4_surface", 2, _damage("B1", "truncated")),
    "missing_file": Fault("the file of one well is missing", "cxcr4_surface", 3, _damage("C1", "missing")),
    "clog": Fault("the flow stops and drifts in one well", "cxcr4_surface", 1, _damage("B2", "clog")),
    "voltage": Fault("one well was run at another detector voltage", "cxcr4_surface", 4, _damage("B1", "voltage")),
    "unit_slip": Fault("a dose says mM where nM was meant", "cxcr4_surface", 5, _unit_slip),
    "swapped_rows": Fault("rows A and B were swapped at the bench", "annexin_apoptosis", 2, _swapped_rows),
    "vehicle_death": Fault("a quarter of the vehicle cells die", "annexin_apoptosis", 3, _vehicle_death),
    "low_index": Fault("nothing moves toward CXCL12 that day", "transwell_migration", 4, _low_index),
    "msc_contamination": Fault("MSC fall into the leukaemia gate", "cxcr4_surface", 2, _contaminate),
    "edge_effect": Fault("the marker is dim in edge wells", "cxcr4_surface", 1, _edge),
    "missing_vehicle": Fault("one plate lacks vehicle with MSC", "cxcr4_surface", 5, _without_vehicle),
    "dead_plate": Fault("every cell of a plate is dead", "annexin_apoptosis", 2, dead(1.0)),
    "bright_plate": Fault("a plate is three times as bright", "cxcr4_surface", 3, brighter(3.0)),
    "dim_stain": Fault("the marker of one plate is hardly stained", "cxcr4_surface", 4, marker(0.1)),
    "autofluorescent_drug": Fault("treated cells glow thrice as much", "cxcr4_surface", 2, glowing(3.0)),
    "saturated_scatter": Fault("8 % of events are beyond forward scatter", "annexin_apoptosis", 4, saturated(0.08)),
    "much_debris": Fault("as many pieces as cells, and they touch them", "annexin_apoptosis", 5, debris(1.0)),
    "no_debris": Fault("one plate holds no debris", "annexin_apoptosis", 1, without_debris),
    "signal_drop": Fault("the marker drops for a tenth of one run", "cxcr4_surface", 1, _damage("B1", "signal_drop")),
    "carry_over": Fault("stained cells of the well before come first in an FMO", "cxcr4_surface", 3, _carry_over),
    "dominating_experiment": Fault("one experiment dominates the mean", "cxcr4_surface", 5, _outlier_day),
}

"""Write a simulated study with a known answer: FCS files, layouts, counts, study.toml and truth.toml.

Every value drawn comes from one seeded generator per assay and experiment, so that the same seed gives the same
bytes and one assay's size changes no other assay.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assaykit.errors import StudyError
from assaykit.fcs import events_from_array, write_fcs
from assaykit.simulate.appearance import APPEARANCES, brighter
from assaykit.simulate.cells import (
    ANNEXIN_PANEL,
    COUNT_PANEL,
    CXCR4_PANEL,
    DrawnEvents,
    SimulatedCells,
    background,
    draw_events,
)
from assaykit.simulate.design import DESIGNS
from assaykit.simulate.faults import FAULTS, plant
from assaykit.simulate.layout import layout_toml
from assaykit.simulate.noise import generator, noisy_percent, random_day
from assaykit.simulate.wells import SimulatedPlate, SimulatedWell
from assaykit.simulate.world import (
    CONTEXTS,
    PLERIXAFOR,
    TARGETS,
    TREATMENTS,
    VEHICLE,
    World,
    new_study,
    truth_rows,
)

MSC_FRACTION = 0.15
ACQUIRED = 0.13  # fraction of a transwell's lower chamber that is run
BEADS_ADDED = 8_300
INPUT_CELLS = 110_000
INPUT_DILUTION = 20


def simulate_study(
    folder: Path,
    *,
    seed: int,
    world: str = "reviews",
    design: str = "whole",
    cells: int = 2_000,
    faults: Sequence[str] = (),
    memberships: bool = False,
) -> Path:
    """Write a study into `folder` and return the path of its study.toml.

    `cells` is the number of leukaemia cells stained per well; `faults` names faults of `FAULTS` to plant.
    With `memberships`, what each event is stands beside its file (`A1.manual.csv.gz`: a row an event, a column of 0
    and 1 a gate), in the form in which gates drawn by hand are held against estimated ones.
    Raises StudyError where the world, the design or a fault is unknown, or the folder holds a study already.
    """
    truth = new_study(folder, world)
    if unknown := [name for name in faults if name not in FAULTS]:
        raise StudyError("a fault must be a known one", ", ".join(unknown), "", f"use one of {', '.join(FAULTS)}")
    if design not in DESIGNS:
        raise StudyError("the design must be a known one", repr(design), "", f"use one of {', '.join(DESIGNS)}")
    chosen = DESIGNS[design]
    plates = plant(faults, [_with_appearance(plate, truth, seed) for plate in _plates(truth, seed, cells)])
    days = truth.experiments[: chosen.experiments]
    for plate in plates:
        if plate.experiment in days:
            kept = replace(plate, wells=tuple(well for well in plate.wells if chosen.keeps(plate, well)))
            _write_plate(folder, kept, generator(seed, "events", plate.name), memberships=memberships)
    _write_text(folder / "study.toml", _study_toml(truth, seed))
    _write_text(folder / "truth.toml", _truth_toml(truth, seed, faults))
    return folder / "study.toml"


def _with_appearance(plate: SimulatedPlate, world: World, seed: int) -> SimulatedPlate:
    """Return the plate as the world's cells and the instrument of that day look."""
    for name in world.appearance:
        plate = APPEARANCES[name].change(plate)
    day = generator(seed, "brightness", plate.name).normal(0, 1)
    return brighter(2 ** (world.noise.brightness * day))(plate)


def _plates(world: World, seed: int, cells: int) -> Iterator[SimulatedPlate]:
    for number, experiment in enumerate(world.experiments, 1):
        yield _cxcr4_plate(world, f"cxcr4_E{number}", experiment, rng=generator(seed, "cxcr4", experiment), cells=cells)
        yield _annexin_plate(
            world, f"annexin_E{number}", experiment, rng=generator(seed, "annexin", experiment), cells=cells
        )
        yield _migration_plate(world, f"migration_E{number}", experiment, rng=generator(seed, "migration", experiment))


def _layout(columns: Mapping[str, Sequence[int]]) -> Iterator[tuple[str, str, str]]:
    """Yield (well, treatment, column group): one row per treatment, a few columns per group."""
    for row, treatment in zip("ABCDEFG", TREATMENTS, strict=True):
        for group, numbers in columns.items():
            for number in numbers:
                yield f"{row}{number}", treatment, group


def _cml(cells: int, **dyes: float) -> SimulatedCells:
    return SimulatedCells(cells, 62_000, 30_000, 110, {"CD45": 9_000, **dyes}, {"CXCR4": 0.5}, doublets=0.06)


def _dead(cells: int, **dyes: float) -> SimulatedCells:
    return SimulatedCells(
        cells, 45_000, 40_000, 220, {"CD45": 6_000, "Viability": 16_000, **dyes}, {"CXCR4": 0.5}, kind="dead"
    )


def _msc(cells: int, **dyes: float) -> SimulatedCells:
    return SimulatedCells(cells, 118_000, 85_000, 420, {"CD90": 22_000, **dyes}, {"CXCR4": 0.5}, kind="msc")


def _cxcr4_cells(rng: np.random.Generator, cells: int, context: str, cxcr4: float) -> tuple[SimulatedCells, ...]:
    dead = int(rng.binomial(cells, 0.07))
    msc = int(rng.poisson(MSC_FRACTION * cells)) if context == "msc_contact" else 0
    return (
        _cml(cells - dead, CXCR4=cxcr4, Viability=60),
        _dead(dead, CXCR4=cxcr4),
        _msc(msc, CXCR4=0.3 * cxcr4, Viability=60),
        *background(rng, cells),
    )


def _cxcr4_plate(world: World, name: str, experiment: str, *, rng: np.random.Generator, cells: int) -> SimulatedPlate:
    day = random_day(world, rng, CONTEXTS)
    wells = []
    for context, stained, fmo in (("mono", (1, 2), 3), ("msc_contact", (4, 5), 6)):
        for well, treatment, group in _layout({"sample": stained, "fmo": (fmo,)}):
            level = world.cxcr4[treatment] + (world.msc_cxcr4 if context != "mono" else 0.0)
            level += world.clone_artefact if PLERIXAFOR in treatment else 0.0
            median = 420 * 2 ** (level + day.shift(treatment, context, rng)) if group == "sample" else 0.0
            factors = {"treatment": treatment, "context": context}
            if group == "fmo":
                factors["marker"] = "cxcr4"
            populations = _cxcr4_cells(rng, cells, context, median)
            wells.append(SimulatedWell(well, factors, populations, CXCR4_PANEL, role=group))
    wells += _cxcr4_controls(cells)
    return SimulatedPlate(name, "cxcr4_surface", experiment, tuple(wells))


def _cxcr4_controls(cells: int) -> list[SimulatedWell]:
    bare = {"treatment": VEHICLE, "context": "mono"}
    unstained = SimulatedCells(cells, 62_000, 30_000, 110, kind="control")
    wells = [
        SimulatedWell("H1", bare, (unstained,), CXCR4_PANEL, role="unstained"),
        SimulatedWell("H2", bare | {"marker": "cxcr4"}, (_cml(cells, CXCR4=25),), CXCR4_PANEL, role="isotype"),
    ]
    roles = {"CXCR4": "cxcr4", "Viability": "viability", "CD45": "cd45", "CD90": "cd90"}
    for column, (stain, role) in enumerate(roles.items(), 3):
        stained = SimulatedCells(cells // 2, 62_000, 30_000, 110, {stain: 12_000}, kind="control")
        negative = SimulatedCells(cells - cells // 2, 62_000, 30_000, 110, kind="control")
        factors = bare | {"marker": role}
        wells.append(SimulatedWell(f"H{column}", factors, (stained, negative), CXCR4_PANEL, role="single_stain"))
    return wells


def _annexin_cells(rng: np.random.Generator, cells: int, context: str, percent: float) -> tuple[SimulatedCells, ...]:
    dying = int(rng.binomial(cells, percent / 100))
    late = int(rng.binomial(dying, 0.4))
    msc = int(rng.poisson(MSC_FRACTION * cells)) if context == "msc_contact" else 0
    dead = partial(
        SimulatedCells, forward=50_000, side=36_000, autofluorescence=160, spread={"Annexin V": 0.45, "PI": 0.4}
    )
    return (
        SimulatedCells(cells - dying, 62_000, 30_000, 110, {"CD45": 9_000, "Annexin V": 130, "PI": 60}, doublets=0.05),
        dead(dying - late, dyes={"CD45": 8_000, "Annexin V": 7_000, "PI": 120}, kind="dying"),
        dead(late, dyes={"CD45": 6_000, "Annexin V": 11_000, "PI": 15_000}, kind="late"),
        SimulatedCells(msc, 118_000, 85_000, 420, {"Annexin V": 350, "PI": 80}, kind="msc"),
        *background(rng, cells),
    )


def _annexin_plate(world: World, name: str, experiment: str, *, rng: np.random.Generator, cells: int) -> SimulatedPlate:
    day = random_day(world, rng, CONTEXTS)
    wells = []
    for index, (context, columns) in enumerate(zip(CONTEXTS, ((1, 2), (4, 5)), strict=True)):
        for well, treatment, _ in _layout({"sample": columns}):
            percent = noisy_percent(
                rng, world.apoptosis[treatment][index], day.shift(treatment, context, rng), world.noise.rho
            )
            factors = {"treatment": treatment, "context": context}
            wells.append(SimulatedWell(well, factors, _annexin_cells(rng, cells, context, percent), ANNEXIN_PANEL))
    wells += _annexin_controls(cells)
    return SimulatedPlate(name, "annexin_apoptosis", experiment, tuple(wells))


def _annexin_controls(cells: int) -> list[SimulatedWell]:
    bare = {"treatment": VEHICLE, "context": "mono"}
    half = cells // 2
    negative = SimulatedCells(cells - half, 62_000, 30_000, 110, kind="control")
    annexin = SimulatedCells(half, 62_000, 30_000, 110, {"Annexin V": 9_000}, kind="control")
    iodide = SimulatedCells(half, 62_000, 30_000, 110, {"PI": 12_000}, kind="control")
    cd45 = SimulatedCells(half, 62_000, 30_000, 110, {"CD45": 9_000}, kind="control")
    stains = {"annexin": annexin, "pi": iodide, "cd45": cd45}
    unstained = SimulatedCells(cells, 62_000, 30_000, 110, kind="control")
    wells = [SimulatedWell("H1", bare, (unstained,), ANNEXIN_PANEL, role="unstained")]
    for column, (role, stained) in enumerate(stains.items(), 2):
        factors = bare | {"marker": role}
        wells.append(SimulatedWell(f"H{column}", factors, (stained, negative), ANNEXIN_PANEL, role="single_stain"))
    return wells


def _count_cells(rng: np.random.Generator, expected: float, msc: float) -> tuple[SimulatedCells, ...]:
    cells = int(rng.poisson(expected * rng.gamma(400, 1 / 400)))  # 5 % variation of handling
    beads = int(rng.poisson(BEADS_ADDED * ACQUIRED))
    return (
        SimulatedCells(cells, 62_000, 30_000, 110, {"CD45": 9_000}, doublets=0.0),
        SimulatedCells(int(rng.poisson(msc)), 118_000, 85_000, 420, kind="msc"),
        SimulatedCells(beads, 21_000, 120_000, 60, {"Beads": 60_000}, {"Beads": 0.08}, kind="beads"),
        SimulatedCells(int(rng.poisson(40)), 11_000, 6_000, 40, kind="debris"),
    )


def _migration_plate(world: World, name: str, experiment: str, *, rng: np.random.Generator) -> SimulatedPlate:
    day = random_day(world, rng, TARGETS)
    wells = []
    columns = {"medium": (1, 2), "cxcl12": (3, 4), "msc": (5, 6)}
    for well, treatment, target in _layout(columns):
        percent = world.migration[treatment][TARGETS.index(target)] * 2 ** day.shift(treatment, target, rng)
        expected = INPUT_CELLS * percent / 100 * ACQUIRED
        populations = _count_cells(rng, expected, 60 if target == "msc" else 0)
        factors: dict[str, str | float] = {"treatment": treatment, "context": "mono", "target": target}
        factors["beads_added"] = BEADS_ADDED
        wells.append(SimulatedWell(well, factors, populations, COUNT_PANEL, full=False))
    for well in ("H1", "H2"):
        populations = _count_cells(rng, INPUT_CELLS * ACQUIRED / INPUT_DILUTION, 0)
        factors = {"treatment": VEHICLE, "context": "mono", "target": "input"}
        factors |= {"beads_added": BEADS_ADDED, "dilution": INPUT_DILUTION}
        wells.append(SimulatedWell(well, factors, populations, COUNT_PANEL, full=False))
    return SimulatedPlate(name, "transwell_migration", experiment, tuple(wells))


def memberships_of(drawn: DrawnEvents) -> dict[str, NDArray[np.bool_]]:
    """Return gate -> which events a perfect gate would hold, under the names of the shipped protocols' gates."""
    beads, debris = drawn.kinds == "beads", drawn.kinds == "debris"
    cells = ~beads & ~debris
    single = cells & ~drawn.doublets
    live = single & (drawn.kinds != "dead")
    leukaemia = {"living", "dying", "late", "dead"}
    cml = np.isin(drawn.kinds, list(leukaemia))
    annexin, iodide = np.isin(drawn.kinds, ["dying", "late"]), drawn.kinds == "late"
    return {
        "beads": beads,
        "cells": cells,
        "singlets": single,
        "live": live,
        "cd45_positive": live & cml,
        "cml": (live if "dead" in drawn.kinds else single) & cml,
        "annexin_negative": single & cml & ~annexin,
        "pi_negative": single & cml & ~iodide,
    }


def _write_plate(folder: Path, plate: SimulatedPlate, rng: np.random.Generator, *, memberships: bool) -> None:
    _write_text(folder / "plates" / f"{plate.name}.toml", layout_toml(plate))
    (folder / "fcs" / plate.name).mkdir(parents=True, exist_ok=True)
    for well in plate.wells:
        drawn = draw_events(rng, well.panel, well.populations, full=well.full, optics=well.optics)
        values, names = drawn.values, drawn.channels
        if well.carry_over:
            time = names.index("Time")
            first = draw_events(rng, well.panel, well.carry_over, full=well.full, optics=well.optics).values
            values[:, time] += first[-1, time]
            values = np.concatenate([first, values])
        path = folder / "fcs" / plate.name / f"{well.name}.fcs"
        if well.damage != "missing":
            _write_well(path, plate, well, values=values, names=names)
        if memberships and not well.carry_over and not well.damage:
            frame = pd.DataFrame(memberships_of(drawn)).astype(int)
            frame.to_csv(path.with_name(f"{well.name}.manual.csv.gz"), index=False)


def _write_well(
    path: Path, plate: SimulatedPlate, well: SimulatedWell, *, values: NDArray[np.float64], names: tuple[str, ...]
) -> None:
    """Write one well's events, damaged as its fault says."""
    stains = dict(zip(well.panel.channels, well.panel.stains, strict=True))
    volts = dict.fromkeys((name for name in names if name != "Time"), 450.0)
    match well.damage:
        case "clog":
            late = np.arange(len(values)) > len(values) // 2
            values = np.where(late[:, None], values * np.where(np.array(names) == "PE-A", 0.5, 1.0), values)
            values[late, names.index("Time")] += 60
        case "voltage":
            values = values * np.where(np.array(names) == "PE-A", 2.5, 1.0)
            volts["PE-A"] = 620.0
        case "signal_drop":
            run = np.arange(len(values)) / len(values)
            fallen = (run >= 0.6) & (run < 0.7)
            values = values * np.where(fallen[:, None] & (np.array(names) == "PE-A"), 0.4, 1.0)
    events = events_from_array(
        values.astype(np.float32),
        names,
        stains=tuple(stains.get(name, "") for name in names),
        keywords=_keywords(plate, well),
    )
    channels = tuple(replace(channel, voltage=volts.get(channel.name)) for channel in events.channels)
    write_fcs(replace(events, channels=channels), path)
    if well.damage == "truncated":
        path.write_bytes(path.read_bytes()[: -len(values) * len(names)])  # a quarter of the data is lost


def _keywords(plate: SimulatedPlate, well: SimulatedWell) -> dict[str, str]:
    panel = well.panel
    numbers = ",".join(f"{value:g}" for row in panel.spillover for value in row)
    day = dt.date.fromisoformat(plate.experiment)
    months = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
    date = f"{day.day:02d}-{months[day.month - 1]}-{day.year}"  # as FCS 3.1 asks, whatever the locale
    return {
        "$SPILLOVER": f"{len(panel.channels)},{','.join(panel.channels)},{numbers}",
        "$CYT": "simulated",
        "$DATE": date,
        "$WELLID": well.name,
        "$PLATEID": plate.name,
        "$COM": "simulated by assaykit",
        **({"$BTIM": well.start_time} if well.start_time else {}),
    }


def _study_toml(world: World, seed: int) -> str:
    return f"""\
# SIMULATED DATA: written by `assaykit simulate --seed {seed}`; world "{world.name}": {world.meaning}.
# truth.toml holds the answer.
assaykit = 1
title = "Simulated: imatinib, MSC and CXCR4 in a K562-like line"
unit = "experiment"
reference = {{ treatment = "vehicle", context = "mono" }}
seed = {seed}
primary = ["EN-10", "EN-11", "EN-08", "EN-17"]

[[assay]]
protocol = "cxcr4_surface"
plates = ["plates/cxcr4_*.toml"]
fcs = "fcs/{{plate}}"
channels = {{ cxcr4 = "PE-A", viability = "BV421-A", cd45 = "APC-A", cd90 = "BV786-A" }}

[[assay]]
protocol = "transwell_migration"
plates = ["plates/migration_*.toml"]
fcs = "fcs/{{plate}}"
channels = {{ beads = "FITC-A", cd45 = "APC-A" }}

[[assay]]
protocol = "annexin_apoptosis"
plates = ["plates/annexin_*.toml"]
fcs = "fcs/{{plate}}"
channels = {{ annexin = "FITC-A", pi = "PI-A", cd45 = "APC-A" }}
"""


def _truth_toml(world: World, seed: int, faults: Sequence[str]) -> str:
    lines = [
        "# The truth behind this simulated study.",
        f'world = "{world.name}"',
        f'meaning = "{world.meaning}"',
        f"seed = {seed}",
        f"faults = {json.dumps(list(faults))}",
        "",
        "[noise]  # SD: log2 for CXCR4 and migration, logit for apoptosis",
        *(f"{name} = {getattr(world.noise, name)}" for name in world.noise.__dataclass_fields__),
    ]
    for row in truth_rows(world):
        lines += ["", "[[truth]]"]
        lines += [f'{key} = "{v}"' if isinstance(v, str) else f"{key} = {v:g}" for key, v in row.items()]
    return "\n".join(lines) + "\n"


def _write_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")

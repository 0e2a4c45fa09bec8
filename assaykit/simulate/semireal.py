"""A study half real: scatter, autofluorescence and noise of real wells, with a planted answer in two of their channels.

    FCS files -> backgrounds: cells, their compensated light, the two channels with fewest bright cells
    backgrounds -> wells of disjoint events -> annexin-positive cells at a known share, a marker at a known fold
                -> study.toml, truth.toml, planted.csv

Which events are cells is what the manual gates beside a file say (`NAME.manual.csv`, perhaps gzipped: one row per
event, 0 or 1 per gate; the first gate counts); every event where there are none. Nothing but cells is stained. Before,
a cell that is bright in one of the two channels gets the light of another, not bright cell of its file: what is
positive is then known cell by cell. What is written holds other people's events: it is to be kept, not passed on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assaykit.cytometry import compensate, is_fluorescence, spill, spillover_from_keywords
from assaykit.errors import FcsError, StudyError
from assaykit.fcs import Events, events_from_array, read_fcs, write_fcs
from assaykit.simulate.cells import SimulatedPanel
from assaykit.simulate.layout import layout_toml
from assaykit.simulate.noise import generator, noisy_percent, random_day
from assaykit.simulate.wells import SimulatedPlate, SimulatedWell
from assaykit.simulate.world import DASATINIB, IMATINIB, SIMVASTATIN, VEHICLE, World, new_study, truth_rows
from assaykit.study import Spillover

Array = NDArray[np.float64]
Row = dict[str, str | float]
NO_PANEL = SimulatedPanel((), (), ())
ANNEXIN = (VEHICLE, IMATINIB, DASATINIB, SIMVASTATIN)
MARKER = (VEHICLE, IMATINIB, DASATINIB)
EXPERIMENTS = 3
WELLS = 2 * len(ANNEXIN) + 3 * len(MARKER)
FEWEST = 200
BRIGHT = 5.0
"""A cell is bright beyond this many lower robust SDs (median - 15.87th percentile) above the median."""


@dataclass(frozen=True, slots=True, eq=False)
class Background:
    """One real file: its events, which of them are cells, and the amounts of dye behind its fluorescence."""

    events: Events
    cells: NDArray[np.bool_]
    dyes: tuple[str, ...]
    spillover: Spillover | None
    amounts: Array  # events x dyes, compensated

    def cell_amounts(self, name: str) -> Array:
        """Return the amounts of one dye in the cells."""
        cells: Array = self.amounts[self.cells, self.dyes.index(name)]
        return cells


@dataclass(frozen=True, slots=True, eq=False)
class Canvas:
    """A background whose cells are all dim in the two channels to be stained.

    `reach` is the 99th percentile of the dim cells less their median: what a dye must exceed to be seen.
    """

    background: Background
    stained: tuple[str, str]
    amounts: Array
    reach: tuple[float, float]

    def events(self, draw: NDArray[np.int64], dyes: Array) -> NDArray[np.float32]:
        """Return the drawn events (events x channels) with `dyes` (events x 2) added to the two stained channels."""
        background = self.background
        amounts = self.amounts[draw]
        amounts[:, [background.dyes.index(name) for name in self.stained]] += dyes
        values = np.array(background.events.values[draw], dtype=np.float32)
        light = amounts if background.spillover is None else spill(amounts, background.spillover)
        values[:, [background.events.names.index(name) for name in background.dyes]] = light
        return values


def _canvas(background: Background, stained: tuple[str, str], rng: np.random.Generator) -> Canvas:
    amounts, reach = background.amounts.copy(), []
    for name in stained:
        cells = background.cell_amounts(name)
        dim = cells[~_bright(cells)]
        column = background.dyes.index(name)
        amounts[background.cells, column] = np.where(_bright(cells), rng.choice(dim, len(cells)), cells)
        reach.append(float(np.percentile(dim, 99) - np.median(dim)))
    return Canvas(background, stained, amounts, (reach[0], reach[1]))


def semi_real_study(folder: Path, source: Path, *, seed: int, world: str = "reviews", cells: int = 2_000) -> Path:
    """Write a study on the real wells of `source` into `folder`; return the path of its study.toml.

    Three experiments: annexin V under four treatments in duplicate, and a surface marker under three with an FMO
    each, alone. A well holds `cells` events, or as many as the files give; no event is used twice.
    Raises StudyError where the folder is taken, or the files give fewer than 200 events a well.
    """
    truth = new_study(folder, world)
    backgrounds = read_backgrounds(source)
    stained = quiet_channels(backgrounds)
    pools = _pools(backgrounds, cells, generator(seed, "pools"))
    planted: list[Row] = []
    for number, day in enumerate(truth.experiments[:EXPERIMENTS]):
        annexin, marker = _plates(number + 1, day)
        rng = generator(seed, "semireal", day)
        canvas = _canvas(backgrounds[number % len(backgrounds)], stained, rng)
        planted += _annexin_wells(
            folder, annexin, canvas, draws=pools[number][: len(annexin.wells)], world=truth, rng=rng
        )
        planted += _marker_wells(
            folder, marker, canvas, draws=pools[number][len(annexin.wells) :], world=truth, rng=rng
        )
    pd.DataFrame(planted).astype({"positive": "Int64"}).to_csv(folder / "planted.csv", index=False, lineterminator="\n")
    for name, text in {
        "study.toml": _study_toml(backgrounds[0], stained, seed, source),
        "truth.toml": _truth_toml(truth, seed, backgrounds),
    }.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    return folder / "study.toml"


def read_backgrounds(source: Path) -> tuple[Background, ...]:
    """Return the readable FCS files of a folder that share the first one's channels, in the order of their names."""
    paths = sorted(path for path in source.glob("*") if path.suffix.casefold() == ".fcs")
    backgrounds: list[Background] = []
    for path in paths:
        try:
            events = read_fcs(path)
        except FcsError:
            continue
        if len(events) and (not backgrounds or events.names == backgrounds[0].events.names):
            backgrounds.append(_background(path, events))
    if not backgrounds:
        raise StudyError("the folder of real wells must hold readable FCS files", f"{len(paths)} of them", str(source))
    return tuple(backgrounds)


def _background(path: Path, events: Events) -> Background:
    spillover = spillover_from_keywords(events.keywords, events.channels)
    dyes = tuple(c.name for c in events.channels if is_fluorescence(c) and not c.name.endswith(("-H", "Height")))
    dyes = dyes or tuple(c.name for c in events.channels if is_fluorescence(c))
    if spillover is not None:
        dyes = spillover.detectors
    light = np.asarray(events.values[:, [events.names.index(name) for name in dyes]], dtype=np.float64)
    amounts = light if spillover is None else compensate(light, spillover)
    return Background(events, _cells(path, len(events)), dyes, spillover, np.asarray(amounts, dtype=np.float64))


def _cells(path: Path, events: int) -> NDArray[np.bool_]:
    """Return which events the first manual gate beside the file keeps; all of them where there is none."""
    beside = [path.with_suffix(".manual.csv.gz"), path.with_suffix(".manual.csv")]
    table = next((file for file in beside if file.is_file()), None)
    if table is None:
        return np.ones(events, dtype=bool)
    kept = pd.read_csv(table).iloc[:, 0].to_numpy() == 1
    if len(kept) != events:
        raise StudyError("manual gates must have one row per event", f"{len(kept)} rows, {events} events", str(table))
    return np.asarray(kept)


def quiet_channels(backgrounds: Sequence[Background]) -> tuple[str, str]:
    """Return the two channels with the smallest share of bright cells over all files, the quieter first."""
    shares = {
        name: float(np.mean([_bright(background.cell_amounts(name)).mean() for background in backgrounds]))
        for name in backgrounds[0].dyes
    }
    if len(shares) < 2:
        raise StudyError("real wells must have two fluorescence channels", ", ".join(shares) or "none", "")
    first, second = sorted(shares, key=lambda name: shares[name])[:2]
    return first, second


def _bright(amounts: Array) -> NDArray[np.bool_]:
    middle, low = np.percentile(amounts, [50, 15.87])
    return np.asarray(amounts > middle + BRIGHT * max(middle - low, 1e-9))


def _pools(backgrounds: Sequence[Background], cells: int, rng: np.random.Generator) -> list[list[NDArray[np.int64]]]:
    """Return, per experiment and well, which events of its file it holds: disjoint, in the order of acquisition."""
    turns = [number % len(backgrounds) for number in range(EXPERIMENTS)]
    share = {turn: min(cells, len(backgrounds[turn].events) // (turns.count(turn) * WELLS)) for turn in set(turns)}
    if (least := min(share.values())) < FEWEST:
        raise StudyError(
            f"real wells must give {FEWEST} events to each of {EXPERIMENTS * WELLS} wells", f"{least}", "", "add files"
        )
    mixed = {turn: iter(rng.permutation(len(backgrounds[turn].events))) for turn in sorted(share)}
    return [
        [np.sort(np.fromiter(mixed[turn], dtype=np.int64, count=share[turn])) for _ in range(WELLS)] for turn in turns
    ]


def _plates(number: int, day: str) -> tuple[SimulatedPlate, SimulatedPlate]:
    """Return the layouts: treatments in rows; annexin in duplicate, the marker in duplicate and an FMO."""

    def well(name: str, treatment: str, role: str) -> SimulatedWell:
        factors: dict[str, str | float] = {"treatment": treatment, "context": "mono"}
        return SimulatedWell(name, factors | ({"marker": "cxcr4"} if role == "fmo" else {}), (), NO_PANEL, role=role)

    annexin = [well(f"{row}{i}", t, "sample") for row, t in zip("ABCD", ANNEXIN, strict=True) for i in (1, 2)]
    marker = [
        well(f"{row}{i}", t, "fmo" if i == 3 else "sample")
        for row, t in zip("ABC", MARKER, strict=True)
        for i in (1, 2, 3)
    ]
    return (
        SimulatedPlate(f"annexin_E{number}", "annexin_apoptosis", day, tuple(annexin)),
        SimulatedPlate(f"cxcr4_E{number}", "cxcr4_surface", day, tuple(marker)),
    )


def _annexin_wells(
    folder: Path,
    plate: SimulatedPlate,
    canvas: Canvas,
    *,
    draws: Sequence[NDArray[np.int64]],
    world: World,
    rng: np.random.Generator,
) -> list[Row]:
    """Write an annexin plate; return per well how many cells were made positive, two in five of them with PI too."""
    day, rows = random_day(world, rng, ("mono",)), []
    for well, draw in zip(plate.wells, draws, strict=True):
        shift = day.shift(well.treatment, "mono", rng)
        percent = noisy_percent(rng, world.apoptosis[well.treatment][0], shift, world.noise.rho)
        cells = canvas.background.cells[draw]
        positive = cells & (rng.random(len(draw)) < percent / 100)
        late = positive & (rng.random(len(draw)) < 0.4)
        bright = np.array(canvas.reach) * 8 * np.exp(rng.normal(0, (0.45, 0.4), (len(draw), 2)))
        _write_well(folder, plate, well.name, canvas, canvas.events(draw, bright * np.column_stack([positive, late])))
        rows.append(_row(plate, well, int(cells.sum()), positive=int(positive.sum())))
    _write_layout(folder, plate)
    return rows


def _marker_wells(
    folder: Path,
    plate: SimulatedPlate,
    canvas: Canvas,
    *,
    draws: Sequence[NDArray[np.int64]],
    world: World,
    rng: np.random.Generator,
) -> list[Row]:
    """Write a surface plate; return per well the multiple of the vehicle's dye that its cells were given (FMO: 0)."""
    day, rows = random_day(world, rng, ("mono",)), []
    for well, draw in zip(plate.wells, draws, strict=True):
        fold = 2.0 ** (world.cxcr4[well.treatment] + day.shift(well.treatment, "mono", rng))
        fold = fold if well.role == "sample" else 0.0
        cells = canvas.background.cells[draw]
        dye = 4 * canvas.reach[0] * fold * np.exp(rng.normal(0, 0.5, len(draw))) * cells
        _write_well(folder, plate, well.name, canvas, canvas.events(draw, np.column_stack([dye, np.zeros(len(draw))])))
        rows.append(_row(plate, well, int(cells.sum()), fold=round(fold, 6)))
    _write_layout(folder, plate)
    return rows


def _row(plate: SimulatedPlate, well: SimulatedWell, cells: int, **planted: float) -> Row:
    return {"plate": plate.name, "well": well.name, "treatment": well.treatment, "cells": cells, **planted}


def _write_layout(folder: Path, plate: SimulatedPlate) -> None:
    (folder / "plates").mkdir(parents=True, exist_ok=True)
    (folder / "plates" / f"{plate.name}.toml").write_text(layout_toml(plate), encoding="utf-8", newline="\n")


def _write_well(folder: Path, plate: SimulatedPlate, name: str, canvas: Canvas, values: NDArray[np.float32]) -> None:
    """Write a well's events with the real channels, detector voltages and spillover."""
    source = canvas.background.events
    words = {"$WELLID": name, "$PLATEID": plate.name, "$COM": "half real: dyes planted by assaykit"}
    if canvas.background.spillover is not None:
        names = canvas.background.spillover.detectors
        numbers = ",".join(f"{value:g}" for row in canvas.background.spillover.matrix for value in row)
        words["$SPILLOVER"] = f"{len(names)},{','.join(names)},{numbers}"
    events = events_from_array(values, source.names, stains=[c.stain for c in source.channels], keywords=words)
    path = folder / "fcs" / plate.name / f"{name}.fcs"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_fcs(events, path)


def _study_toml(background: Background, stained: tuple[str, str], seed: int, source: Path) -> str:
    names = background.events.names
    scatter = [name for name in names if name.upper().startswith(("FSC", "FS "))]
    area = next((name for name in scatter if name.upper().endswith(("-A", "AREA"))), scatter[0] if scatter else "")
    height = next((name for name in scatter if name.upper().endswith(("-H", "HEIGHT")) and name != area), "")
    found = {"fsc_a": area, "fsc_h": height}
    roles = ", ".join(f'{role} = "{name}"' for role, name in found.items() if name)
    return f"""\
# HALF REAL: scatter, autofluorescence and noise of the wells in {source.name}, dyes planted by
# `assaykit simulate --from --seed {seed}`. truth.toml holds the answer, planted.csv what each well was given.
assaykit = 1
title = "Half real: planted apoptosis and a planted marker on real wells"
unit = "experiment"
reference = {{ treatment = "vehicle", context = "mono" }}
seed = {seed}

[[assay]]
protocol = "annexin_apoptosis"
plates = ["plates/annexin_*.toml"]
fcs = "fcs/{{plate}}"
channels = {{ {roles}, annexin = "{stained[0]}", pi = "{stained[1]}" }}

[[assay]]
protocol = "cxcr4_surface"
plates = ["plates/cxcr4_*.toml"]
fcs = "fcs/{{plate}}"
channels = {{ {roles}, cxcr4 = "{stained[0]}" }}
clones = {{ cxcr4 = "1D9" }}
"""


def _truth_toml(world: World, seed: int, backgrounds: Sequence[Background]) -> str:
    files = ", ".join(f'"{b.events.source.name if b.events.source else ""}"' for b in backgrounds)
    lines = ["# The truth planted on real wells.", f'world = "{world.name}"', f"seed = {seed}", f"files = [{files}]"]
    arms = {"apoptosis": ANNEXIN, "cxcr4_dmfi": MARKER}
    for row in truth_rows(world):
        if row["context"] == "mono" and row["treatment"] in arms.get(str(row["endpoint"]), ()):
            lines += ["", "[[truth]]"]
            lines += [f'{key} = "{v}"' if isinstance(v, str) else f"{key} = {v:g}" for key, v in row.items()]
    return "\n".join(lines) + "\n"

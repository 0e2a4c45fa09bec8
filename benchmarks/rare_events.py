"""How often counts of rare events find what is not there: type I error of `assaykit fit --family` at 3 to 6 units.

    python benchmarks/rare_events.py [--studies 10000] [--models 300] [--seed 1]

A study has a vehicle and a drug without effect, in n experiments, one well of each. Experiments differ by 0.5 on the
log or logit scale and the drug by experiment by 0.2; wells differ in size by 10 %. Worlds go from one expected event
in ten wells to twenty a well, for counts out of trials (binomial, 20 cells a well and 60) and rates (Poisson).

`unit t` is the default: counts pooled per unit, t on one log odds or rate a unit, with an error at least that of
counting where an arm is empty. `empty arm` is its share among studies with an arm of only zeros, `plain t` the same
without that floor. `Wald z` is the mixed model's own, penalised where an arm is empty; studies without any event have
nothing to test and count as no finding.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.special import expit, logit

from assaykit.stats.fit.cells import CellIndex, count_cells
from assaykit.stats.glmm import fit_glmm, wald_contrasts
from assaykit.stats.units.cell_table import contrast_of_cells

UNITS = (3, 4, 5, 6)
WELL = {"binomial": 60, "poisson": 200}
EVENTS = (0.1, 0.3, 1.0, 3.0, 20.0)
DESIGN, ROW = np.array([[1.0, 0.0], [1.0, 1.0]]), np.array([0.0, 1.0])


@dataclass(frozen=True)
class World:
    """One kind of study: family, number of experiments, and the events expected in a well."""

    family: str
    units: int
    events: float


def studies(world: World, number: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return events and wholes, both studies x experiments x (vehicle, drug), without an effect of the drug."""
    shape = (number, world.units, 2)
    wholes = np.maximum(np.round(WELL[world.family] * np.exp(rng.normal(0, 0.1, shape))), 1.0)
    apart = rng.normal(0, 0.5, (*shape[:2], 1)) + rng.normal(0, 0.2, shape) * [0.0, 1.0]
    share = world.events / WELL[world.family]
    if world.family == "binomial":
        return rng.binomial(wholes.astype(int), expit(logit(share) + apart)).astype(float), wholes
    return rng.poisson(wholes * share * np.exp(apart)).astype(float), wholes


def unit_findings(counts: np.ndarray, wholes: np.ndarray, family: str) -> tuple[bool, bool, bool]:
    """Return whether the default finds an effect, whether t without the floor does, and whether an arm is empty."""
    units = tuple(map(str, range(len(counts))))
    unit, cell = (codes.ravel() for codes in np.indices(counts.shape))
    index = CellIndex(units, ({}, {}), unit, cell, DESIGN)
    table, _ = count_cells(index, counts.ravel(), wholes.ravel(), logit=family == "binomial")
    plain = replace(table, empty=np.zeros(2, bool))
    found = (contrast_of_cells(ROW, each).p_value < 0.05 for each in (table, plain))
    return (*found, bool(table.empty.any()))


def wald_finding(counts: np.ndarray, wholes: np.ndarray, family: str) -> bool:
    """Return whether the mixed model's Wald z finds an effect."""
    if counts.sum() == 0:
        return False
    groups = {"unit": np.indices(counts.shape)[0].ravel().astype(str)}
    X = np.tile(DESIGN, (len(counts), 1))
    more = {"trials": wholes.ravel()} if family == "binomial" else {"offset": np.log(wholes.ravel())}
    fit = fit_glmm(counts.ravel(), X, groups, family=family, **more)
    return wald_contrasts(fit, ROW)[0].p_value < 0.05


def line_of(world: World, *, number: int, models: int, seed: int) -> str:
    """Return a row of the table: type I errors in %, bold where above 5 by more than their Monte-Carlo error."""
    rng = np.random.default_rng([seed, world.units, int(world.events * 10), len(world.family)])
    counts, wholes = studies(world, number, rng)
    found = np.array([unit_findings(*study, world.family) for study in zip(counts, wholes, strict=True)])
    empty = found[:, 2].astype(bool)
    some = min(models, number)
    wald = [wald_finding(*study, world.family) for study in zip(counts[:some], wholes[:some], strict=True)]
    shares = [found[:, 0], found[empty, 0], found[empty, 1], np.array(wald)]
    cells = [f"{100 * empty.mean():.0f}", *(percent(share) for share in shares)]
    return f"| {world.family} | {world.events:g} | {world.units} | " + " | ".join(cells) + " |"


def percent(found: np.ndarray) -> str:
    """Return a share of findings in %; a dash where fewer than 30 studies hold it."""
    if found.size < 30:
        return "-"
    share = float(found.mean())
    text = f"{100 * share:.1f}"
    return f"**{text}**" if share > 0.05 + 1.96 * np.sqrt(0.05 * 0.95 / found.size) else text


def main() -> None:
    """Print the table and write it to results/rare_events.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=10_000)
    parser.add_argument("--models", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    lines = [
        "# Type I error of rare events, %",
        "",
        f"`python benchmarks/rare_events.py --studies {given.studies} --models {given.models} --seed {given.seed}`:",
        f"the default on {given.studies:,} studies a row, Wald z on {given.models}; the worlds are in its head.",
        "**Bold** lies above 5 by more than its Monte-Carlo error; `empty` is the share of studies, in %, in which an",
        "arm holds no event at all.",
        "",
        "| family | events a well | n | empty | unit t | unit t, empty arm | plain t, empty arm | Wald z |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for family in WELL:
        for events in EVENTS:
            for units in UNITS:
                world = World(family, units, events)
                lines.append(line_of(world, number=given.studies, models=given.models, seed=given.seed))
                print(lines[-1], flush=True)
    (Path(__file__).parent / "results" / "rare_events.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()

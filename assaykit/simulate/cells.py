"""Cells as a cytometer would see them: scatter, dyes, spillover, autofluorescence and detector noise.

A well passes through ever more physical forms: populations with sizes -> dye amounts per cell -> detector signals
(amounts x spillover + autofluorescence + noise). Signals may be negative, as digital cytometers report them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Kind = Literal["living", "dying", "late", "dead", "msc", "debris", "beads", "control"]
"""What a population is: living leukaemia cells; those with annexin alone; with annexin and PI; with the viability dye;
stroma; pieces of cells; counting beads; the cells of a control well."""


@dataclass(frozen=True, slots=True)
class SimulatedPanel:
    """The detectors of one staining: channels, what stains them, and spillover (row dye, column detector)."""

    channels: tuple[str, ...]
    stains: tuple[str, ...]
    spillover: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class SimulatedCells:
    """Cells of one kind: how many, their scatter medians, autofluorescence, and median dye amount per channel."""

    cells: int
    forward: float
    side: float
    autofluorescence: float
    dyes: Mapping[str, float] = field(default_factory=dict)
    spread: Mapping[str, float] = field(default_factory=dict)  # log SD per dye; 0.35 where not named
    doublets: float = 0.0  # fraction of events that are two cells
    kind: Kind = "living"
    scatter_sd: tuple[float, float] = (0.16, 0.24)  # log SD of forward and side scatter
    sizes: tuple[
        tuple[float, float], ...
    ] = ()  # (share of the cells, multiple of the scatter medians); one size if empty


@dataclass(frozen=True, slots=True, eq=False)
class DrawnEvents:
    """The events of a well in random order, and what each of them is."""

    values: Array  # events x channels
    channels: tuple[str, ...]
    kinds: NDArray[np.str_]  # one Kind an event
    doublets: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Optics:
    """The instrument of one well: what it does not record, and what it cannot tell apart."""

    threshold: float = 0.0  # events below it in FSC-A are not recorded
    top: float = np.inf  # the end of every detector's range
    saturated: float = 0.0  # fraction of events beyond the range of forward scatter
    brightness: float = 1.0  # multiple of all fluorescence: laser, detector and staining of the day


IDEAL = Optics()

CXCR4_PANEL = SimulatedPanel(
    ("PE-A", "BV421-A", "APC-A", "BV786-A"),
    ("CXCR4", "Viability", "CD45", "CD90"),
    ((1.0, 0.002, 0.012, 0.004), (0.001, 1.0, 0.001, 0.055), (0.004, 0.001, 1.0, 0.05), (0.012, 0.04, 0.03, 1.0)),
)
ANNEXIN_PANEL = SimulatedPanel(
    ("FITC-A", "PI-A", "APC-A"),
    ("Annexin V", "PI", "CD45"),
    ((1.0, 0.04, 0.001), (0.015, 1.0, 0.03), (0.001, 0.01, 1.0)),
)
COUNT_PANEL = SimulatedPanel(("FITC-A", "APC-A"), ("Beads", "CD45"), ((1.0, 0.002), (0.002, 1.0)))

_ELECTRONIC_SD = 18.0
_PHOTON = 2.5  # variance per unit of signal


def channel_names(panel: SimulatedPanel, *, full: bool = True) -> tuple[str, ...]:
    """Return a panel's channels in file order; without FSC-H and Time where it is not `full`."""
    return ("FSC-A", "FSC-H", "SSC-A", *panel.channels, "Time") if full else ("FSC-A", "SSC-A", *panel.channels)


def draw_events(
    rng: np.random.Generator,
    panel: SimulatedPanel,
    populations: Sequence[SimulatedCells],
    *,
    full: bool = True,
    optics: Optics = IDEAL,
) -> DrawnEvents:
    """Return the events of a well in random order."""
    drawn = [_scatter(rng, population) for population in populations]
    scatter, doublets = np.concatenate([each for each, _ in drawn]), np.concatenate([each for _, each in drawn])
    kinds = np.repeat([population.kind for population in populations], [population.cells for population in populations])
    signals = np.concatenate([_signals(rng, panel, population, optics.brightness) for population in populations])
    if optics.saturated:
        # A share of events, of every kind alike, beyond the range in area, half in side too: on the LSRII splenocytes
        # we looked at, 0.3 to 0.6 % of events stand there, clumps and cells of a gain set too high.
        beyond = rng.random(len(scatter)) < optics.saturated
        high = rng.uniform([1.0, 0.5, 0.3], [2.0, 0.98, 1.7], scatter.shape) * optics.top
        scatter = np.where(beyond[:, None], high, scatter)
    order = rng.permutation(len(scatter))
    order = order[scatter[order, 0] >= optics.threshold]
    seconds = np.sort(rng.uniform(0, len(order) / 250, len(order)))
    forward, height, side = np.minimum(scatter[order], optics.top).T
    light = np.minimum(signals[order], optics.top).T
    columns = [forward, height, side, *light, seconds] if full else [forward, side, *light]
    return DrawnEvents(np.column_stack(columns), channel_names(panel, full=full), kinds[order], doublets[order])


def _scatter(rng: np.random.Generator, population: SimulatedCells) -> tuple[Array, NDArray[np.bool_]]:
    """Return FSC-A, FSC-H and SSC-A, and which events are doublets.

    A doublet adds the areas of two cells and keeps little more than one height.
    """
    n = population.cells
    size: Array | float = 1.0
    if population.sizes:
        shares, multiples = np.transpose(population.sizes)
        size = rng.choice(multiples, n, p=shares / shares.sum())
    forward_sd, side_sd = population.scatter_sd
    forward = population.forward * size * np.exp(rng.normal(0, forward_sd, n))
    side = population.side * size * np.exp(rng.normal(0, side_sd, n))
    height = 0.82 * forward * rng.normal(1, 0.025, n)
    double = rng.random(n) < population.doublets
    partner = population.forward * np.exp(rng.normal(0, forward_sd, n))
    forward = np.where(double, forward + partner, forward)
    height = np.where(double, height * rng.uniform(1.0, 1.12, n), height)
    side = np.where(double, side * rng.uniform(1.6, 2.0, n), side)
    return np.column_stack([forward, height, side]), double


def _signals(rng: np.random.Generator, panel: SimulatedPanel, population: SimulatedCells, brightness: float) -> Array:
    """Return detector signals: dye amounts through the spillover matrix, plus autofluorescence and noise."""
    n = population.cells
    amounts = np.zeros((n, len(panel.channels)))
    for column, stain in enumerate(panel.stains):
        median = population.dyes.get(stain, 0.0)
        if median > 0:
            amounts[:, column] = median * np.exp(rng.normal(0, population.spread.get(stain, 0.35), n))
    glow = population.autofluorescence * np.exp(rng.normal(0, 0.25, (n, 1)))
    light = (amounts @ np.asarray(panel.spillover) + glow) * brightness
    noise = rng.normal(0, 1, light.shape) * np.sqrt(_ELECTRONIC_SD**2 + _PHOTON * light)
    result: Array = light + noise
    return result


def background(rng: np.random.Generator, cells: int) -> list[SimulatedCells]:
    """Return the debris that comes with `cells` cells: about one tenth, small and dim."""
    return [SimulatedCells(int(rng.poisson(0.1 * cells)), 11_000, 6_000, 40, kind="debris")]

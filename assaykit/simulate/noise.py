"""What moves a well away from the truth: random effects of the day, and how each assay draws a value."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from assaykit.simulate.world import TREATMENTS, VEHICLE, World


def generator(seed: int, *names: str) -> np.random.Generator:
    """Return a generator of its own for each purpose, so that one assay's size changes no other assay."""
    return np.random.default_rng([seed, *(zlib.crc32(name.encode()) for name in names)])


@dataclass(frozen=True, slots=True)
class Day:
    """The random effects of one experiment in one assay, on the assay's scale."""

    experiment: float
    treatment: Mapping[str, float]
    context: Mapping[str, float]
    both: Mapping[tuple[str, str], float]
    well_sd: float

    def shift(self, treatment: str, context: str, rng: np.random.Generator) -> float:
        """Return everything that moves one well away from the truth."""
        shared = self.experiment + self.treatment[treatment] + self.context[context]
        return shared + self.both[treatment, context] + rng.normal(0, self.well_sd)


def random_day(world: World, rng: np.random.Generator, contexts: Sequence[str]) -> Day:
    """Return the random effects of one day in contexts (or targets) of which the first is the reference."""
    noise = world.noise
    return Day(
        rng.normal(0, noise.experiment),
        {t: 0.0 if t == VEHICLE else rng.normal(0, noise.treatment) for t in TREATMENTS},
        {c: 0.0 if c == contexts[0] else rng.normal(0, noise.context) for c in contexts},
        {(t, c): rng.normal(0, noise.both) for t in TREATMENTS for c in contexts},
        noise.well,
    )


def noisy_percent(rng: np.random.Generator, percent: float, shift: float, rho: float) -> float:
    """Return a percentage moved by `shift` on the logit scale and spread as a beta of intra-class correlation rho."""
    logit = np.log(percent / (100 - percent)) + shift
    p = 1 / (1 + np.exp(-logit))
    return float(100 * rng.beta(p * (1 - rho) / rho, (1 - p) * (1 - rho) / rho))

"""Simulated experiments with a known answer: wells within units, units that differ, effects that differ by unit.

    log or logit mean = base + treatment + context + interaction + unit + unit x arm;   wells scatter around it

Every function returns a tidy frame with unit_id, treatment, context, well and, by kind, value or count and total.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

Arm = tuple[str, str]


@dataclass(frozen=True, slots=True)
class World:
    """The truth: units, arms, wells, effects per arm on the link scale, and the spread at each level.

    `arm_sd` is how much the effect of one arm differs between units; it is what the contrast's error must contain.
    `shape` is theta of the negative binomial, or phi of the beta-binomial; infinite gives Poisson and binomial.
    """

    units: int = 4
    treatments: tuple[str, ...] = ("vehicle", "imatinib")
    contexts: tuple[str, ...] = ("mono", "msc_contact")
    wells: int = 3
    base: float = 0.0
    effects: Mapping[Arm, float] = field(default_factory=dict)
    unit_sd: float = 0.4
    arm_sd: float = 0.2
    well_sd: float = 0.15
    shape: float = 20.0
    total: int = 500


def simulate_values(world: World, rng: np.random.Generator) -> pd.DataFrame:
    """Return wells with a normal value, e.g. a log2 intensity."""
    frame, mean = _linear(world, rng)
    return frame.assign(value=mean + rng.normal(0, world.well_sd, len(frame)))


def simulate_counts(world: World, rng: np.random.Generator) -> pd.DataFrame:
    """Return wells with a negative binomial (nbinom2) count of `total` input cells; base is the log of the rate."""
    frame, mean = _linear(world, rng)
    mu = world.total * np.exp(mean)
    if np.isfinite(world.shape):
        mu = rng.gamma(world.shape, mu / world.shape)
    return frame.assign(count=rng.poisson(mu).astype(float), total=float(world.total))


def simulate_proportions(world: World, rng: np.random.Generator) -> pd.DataFrame:
    """Return wells with a beta-binomial count out of `total` cells; base is the logit of the probability."""
    frame, mean = _linear(world, rng)
    p = 1 / (1 + np.exp(-mean))
    if np.isfinite(world.shape):
        p = rng.beta(world.shape * p, world.shape * (1 - p))
    return frame.assign(count=rng.binomial(world.total, p).astype(float), total=float(world.total))


def _linear(world: World, rng: np.random.Generator) -> tuple[pd.DataFrame, np.ndarray]:
    arms = [(treatment, context) for context in world.contexts for treatment in world.treatments]
    unit, arm, well = (
        index.ravel()
        for index in np.meshgrid(np.arange(world.units), np.arange(len(arms)), np.arange(world.wells), indexing="ij")
    )
    effects = np.array([world.effects.get(each, 0.0) for each in arms])
    units = rng.normal(0, world.unit_sd, world.units)
    each_arm = rng.normal(0, world.arm_sd, (world.units, len(arms)))
    mean = world.base + effects[arm] + units[unit] + each_arm[unit, arm]
    frame = pd.DataFrame(
        {
            "unit_id": [f"E{index + 1}" for index in unit],
            "treatment": [arms[index][0] for index in arm],
            "context": [arms[index][1] for index in arm],
            "well": [f"W{index + 1}" for index in well],
        }
    )
    return frame, mean

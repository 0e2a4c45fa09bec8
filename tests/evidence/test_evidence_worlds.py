"""Worlds: each verdict is said where the truth deserves it, and "consistent" is rare where there is no effect.

A short seeded run; benchmarks/verdicts.py records 200 seeds per world.
"""

from __future__ import annotations

from collections import Counter

import pytest
from evidence.evidence_worlds import (
    ADDITIVE,
    STATIN_LOWERS,
    STATIN_SPARES,
    WORLDS,
    World,
    cxcr4,
    migration,
    reversal,
    verdicts,
)

SEEDS = 8
STRONG = [world for world in WORLDS if world.verdict not in {"no effect", "inconclusive"}]


def said(world: World, verdict: str, seeds: int) -> Counter[str]:
    """Return how often each claim got the verdict."""
    return Counter(name for seed in range(seeds) for name, word in verdicts(world, seed).items() if word == verdict)


@pytest.mark.parametrize("world", STRONG, ids=lambda world: world.name)
def test_a_strong_truth_gets_its_verdict_in_every_seed(world):
    """Right in at least 95 % of 200 recorded seeds; 8 seeds without a miss here, where a miss is below 1 %."""
    for seed in range(SEEDS):
        found = verdicts(world, seed)
        assert set(found.values()) == {world.verdict}, (seed, found)


@pytest.mark.parametrize("world", [w for w in WORLDS if w.verdict == "no effect"], ids=lambda world: world.name)
def test_shown_absence_is_called_no_effect(world):
    """At most one miss per claim in 8 seeds: false directions come at 5 %."""
    counts = Counter(
        name for seed in range(SEEDS) for name, said in verdicts(world, seed).items() if said == "no effect"
    )
    assert min(counts.values()) >= SEEDS - 1
    assert set(counts) == set(world.claims)


NULLS = (
    World("CXCR4", cxcr4(0.0, 0.0), ("EN-10", "ES-32", "EN-31"), ""),
    World("migration", migration(3.0, 3.0, 3.0, 3.0), ("EN-07", "EN-28", "ES-35", "EN-36"), ""),
    World("reversal", reversal(12.0), ("EN-17",), ""),
)


@pytest.mark.parametrize("world", NULLS, ids=lambda world: world.name)
def test_no_effect_is_rarely_called_consistent(world):
    """2.5 % by construction: of 40 seeds more than 5 would be a chance below 0.1 % per claim."""
    counts = said(world, "consistent", 40)
    assert all(count <= 5 for count in counts.values()), counts


def test_killing_by_the_antagonist_itself_is_never_called_a_reversal():
    found = [verdicts(ADDITIVE, seed) for seed in range(20)]
    assert {verdict for one in found for verdict in one.values()} <= {"contradicts", "inconclusive"}


def test_the_two_statin_worlds_are_told_apart():
    lowered = [verdicts(STATIN_LOWERS, seed)["EN-36"] for seed in range(20)]
    spared = [verdicts(STATIN_SPARES, seed)["EN-36"] for seed in range(20)]
    assert lowered.count("consistent") >= 19
    assert spared.count("consistent") <= 3

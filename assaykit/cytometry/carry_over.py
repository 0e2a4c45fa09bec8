"""Carry-over: whether the first events of a well are in part cells of the well run before it.

    well -> RunStart: when it was begun, its first events, and a sample of the rest
    RunStarts of a plate, in the order of $BTIM -> findings

The order is known only where files hold $BTIM and a Time channel; wells begun in the same second have none. In each
fluorescence channel a cut parts the well before from this one (the largest difference of their distributions, taken
from half of the sample); the first events beyond it are held against the other half of the sample by Fisher's exact
test, one-sided. In a well whose first events are like its others it speaks with a chance below 1 in 1,000, all
channels together; where both wells look alike (difference below 0.3) nothing can be told, and nothing is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from assaykit.cytometry.acquisition import BY_CHANCE, seconds
from assaykit.cytometry.columns import WellColumns
from assaykit.cytometry.drift import fluorescence_roles
from assaykit.tables import Finding

Array = NDArray[np.float64]
FEWEST_EVENTS = 500
FIRST_SHARE, FEWEST_FIRST, MOST_FIRST = 0.05, 50, 200
SAMPLE = 1_000
APART = 0.3
"""Two wells whose distributions differ nowhere by more than this cannot be told from one another cell by cell."""
LEAST_CARRIED = 0.1
"""Of the first events (our convention)."""


@dataclass(frozen=True, slots=True, eq=False)
class RunStart:
    """How a well's run began: `first` events and an even sample of the `rest`, by channel role."""

    well: str
    date: str
    begin: float  # seconds after midnight
    first_events: Mapping[str, Array]
    later_events: Mapping[str, Array]


def run_start(well: str, columns: WellColumns) -> RunStart | None:
    """Return how a run began; None where it is not known when, or it holds fewer than 500 events."""
    begun = _seconds_of_day(columns.events.keywords.get("$BTIM", ""))
    if begun is None or len(columns) < FEWEST_EVENTS or seconds(columns) is None:
        return None
    early = int(np.clip(FIRST_SHARE * len(columns), FEWEST_FIRST, MOST_FIRST))
    values = {role: columns.column(role) for role in fluorescence_roles(columns)}
    first = {role: np.asarray(column[:early], dtype=np.float64) for role, column in values.items()}
    places = np.linspace(early, len(columns) - 1, min(SAMPLE, len(columns) - early)).astype(np.int64)
    rest = {role: np.asarray(column[places], dtype=np.float64) for role, column in values.items()}
    return RunStart(well, columns.events.keywords.get("$DATE", ""), begun, first, rest)


def _seconds_of_day(text: str) -> float | None:
    """Return hh:mm:ss, with 1/60 s as hh:mm:ss:tt (FCS 3.0) or hundredths as hh:mm:ss.cc (FCS 3.1), in seconds."""
    match = re.fullmatch(r"\s*(\d{1,2}):(\d{2}):(\d{2})(?:([:.])(\d{1,3}))?\s*", text)
    if match is None:
        return None
    hours, minutes, whole, mark, part = match.groups()
    fraction = 0.0 if part is None else int(part) / 60 if mark == ":" else int(part) / 10 ** len(part)
    return 3600 * int(hours) + 60 * int(minutes) + int(whole) + fraction


def carry_over_findings(starts: Sequence[RunStart]) -> list[Finding]:
    """Return a finding per well and channel whose first events hold cells of the well run just before."""
    findings = []
    for before, after in pairwise(sorted(starts, key=lambda start: (start.date, start.begin))):
        if before.date != after.date or before.begin == after.begin:
            continue
        roles = [role for role in after.first_events if role in before.later_events]
        for role in roles:
            share = carry_over_share(
                before.later_events[role],
                after.first_events[role],
                after.later_events[role],
                chance=BY_CHANCE / len(roles),
            )
            if share >= LEAST_CARRIED:
                early = len(after.first_events[role])
                message = (
                    f"about {share:.0%} of the first {early} events look in {role} like those of {before.well}, which "
                    "was run before: carry-over"
                )
                findings.append(Finding("warn", "carry_over", message, well=after.well, channel=role))
    return findings


def carry_over_share(before: Array, first: Array, rest: Array, *, chance: float) -> float:
    """Return the share of the `first` events that is of the well `before`; 0 where that may be chance."""
    from scipy.stats import hypergeom

    # 1. The cut that parts the wells best, from half of the rest.
    chosen, held = np.sort(rest[::2]), rest[1::2]
    other = np.sort(before)
    grid = np.concatenate([chosen, other])
    below = np.searchsorted(other, grid, side="right") / other.size
    apart = below - np.searchsorted(chosen, grid, side="right") / chosen.size
    best = int(np.abs(apart).argmax())
    if abs(apart[best]) < APART:
        return 0.0
    cut, brighter = grid[best], apart[best] < 0
    # 2. Fisher's exact test of the first events against the other half of the rest.
    early, late = (int(np.count_nonzero((part > cut) == brighter)) for part in (first, held))
    p = hypergeom.sf(early - 1, first.size + held.size, early + late, first.size)
    if not p < chance:
        return 0.0
    # 3. The share s of carried cells: early / first = s * those of the well before + (1 - s) * those of the rest.
    own = late / held.size
    whole = float(np.mean((other > cut) == brighter))
    return float(np.clip((early / first.size - own) / (whole - own), 0.0, 1.0)) if whole > own else 0.0

"""`GateEstimate`: a gate fixed from controls, the form it takes in some wells, and what a reader must know of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from zlib import crc32

from assaykit.cytometry.bench import Bench
from assaykit.cytometry.valleys import Cut, Side
from assaykit.plate import Well
from assaykit.protocol import FixedGate, GateModel, ThresholdGate
from assaykit.tables import Finding, Level


@dataclass(frozen=True, slots=True)
class GateEstimate:
    """A fixed gate; `own` gives its form in the wells whose own control says otherwise."""

    gate: FixedGate
    by_well: dict[str, FixedGate] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


def threshold_gate(gate: GateModel, channel: str, cut: Cut, *, side: Side) -> ThresholdGate:
    """Return the cut as a threshold gate with its interval."""
    return ThresholdGate(
        name=gate.name, parent=gate.parent, channel=channel, value=cut.value, side=side, low=cut.low, high=cut.high
    )


def gate_seed(bench: Bench, *parts: str) -> int:
    """Return a seed that depends on the plate and the gate alone, so that no well and no order changes a redraw."""
    return crc32("/".join((bench.plate.name, *parts)).encode())


def bench_finding(
    bench: Bench, level: Level, check: str, message: str, *, channel: str = "", population: str = ""
) -> Finding:
    """Return a finding about the bench's plate, or about one channel or population of it."""
    return Finding(level, check, message, bench.plate.name, channel=channel, population=population)


def well_names(wells: Sequence[Well], most: int = 6) -> str:
    """Return wells in words: `A1, A2, A3 and 9 more`."""
    names = [well.name for well in wells]
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest

"""The tree of populations: every gate on its parent, as boolean masks that never drop a row."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from assaykit.cytometry.columns import WellColumns
from assaykit.cytometry.geometry import inside
from assaykit.errors import GateError
from assaykit.protocol import BooleanGate, FixedGate, Gate, GateModel

Mask = NDArray[np.bool_]
ALL = "all"
COMPLEMENT = "not "
G = TypeVar("G", bound=GateModel)


def populations(gates: Sequence[FixedGate], columns: WellColumns, *, kept: Mask | None = None) -> dict[str, Mask]:
    """Return population -> mask (events,), "all" first, in an order in which parents precede children.

    "all" is every event, or every event `kept` where a protocol excludes some.
    """
    masks: dict[str, Mask] = {ALL: np.ones(len(columns), dtype=bool) if kept is None else kept}
    for gate in in_order(gates):
        masks[gate.name] = kept_by(gate, columns, masks)
    return masks


def kept_by(gate: FixedGate, columns: WellColumns, masks: Mapping[str, Mask]) -> Mask:
    """Return the cells of the gate's parent that it keeps; `masks` must hold what it is drawn on."""
    own = _combined(gate, masks) if isinstance(gate, BooleanGate) else inside(gate, columns)
    return own & masks[gate.parent]


def _combined(gate: BooleanGate, masks: Mapping[str, Mask]) -> Mask:
    parts = [~masks[name.removeprefix(COMPLEMENT)] if name.startswith(COMPLEMENT) else masks[name] for name in gate.of]
    match gate.operation:
        case "and":
            return np.asarray(np.logical_and.reduce(parts))
        case "or":
            return np.asarray(np.logical_or.reduce(parts))
        case "not":
            return np.asarray(~np.logical_or.reduce(parts))


def drawn_on(gate: GateModel) -> tuple[str, ...]:
    """Return the populations a gate needs before it: its parent and, for a boolean gate, its operands."""
    of = gate.of if isinstance(gate, BooleanGate) else ()
    return tuple(name for name in (gate.parent, *(part.removeprefix(COMPLEMENT) for part in of)) if name != ALL)


def in_order(gates: Sequence[G]) -> list[G]:
    """Return the gates, each after all it is drawn on; raises GateError for an unknown or a circular parent."""
    waiting, ordered = list(gates), []
    done: set[str] = set()
    while waiting:
        ready = [gate for gate in waiting if done.issuperset(drawn_on(gate))]
        if not ready:
            missing = sorted({name for gate in waiting for name in drawn_on(gate)} - done)
            raise GateError(
                "every gate must be drawn on a population of the same protocol",
                f"{', '.join(missing)} for {', '.join(gate.name for gate in waiting)}",
                "",
                "name a gate above it, or all, as its parent",
            )
        ordered += ready
        done |= {gate.name for gate in ready}
        waiting = [gate for gate in waiting if gate.name not in done]
    return ordered


def without_operands(gate: Gate, absent: Collection[str]) -> Gate:
    """Return a boolean gate without the operands in `absent`; with none left it keeps its whole parent."""
    if not isinstance(gate, BooleanGate):
        return gate
    of = tuple(name for name in gate.of if name.removeprefix(COMPLEMENT) not in absent)
    if of:
        return gate.model_copy(update={"of": of})
    return gate.model_copy(update={"operation": "and", "of": (gate.parent,)})

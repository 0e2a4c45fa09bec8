"""Which channel of a file plays which role: the study's own words first, then the protocol's usual names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches

from assaykit.errors import GateError
from assaykit.fcs.events import Channel
from assaykit.protocol.gates import (
    BooleanGate,
    EllipsoidGate,
    Gate,
    PolygonGate,
    QuadrantGate,
    RectangleGate,
    SingletGate,
)
from assaykit.protocol.model import Protocol
from assaykit.study.model import Assay

STROMA = "cd90"
"""The role of the marker that stromal cells carry and leukaemia cells do not."""


def find_channel(channels: Sequence[Channel], wanted: str) -> str | None:
    """Return the $PnN of the channel called `wanted`, by $PnN, then $PnS, then either without regard to case."""
    for field in ("name", "stain"):
        for fold in (str, str.casefold):
            for channel in channels:
                if wanted and fold(getattr(channel, field).strip()) == fold(wanted.strip()):
                    return channel.name
    return None


def role_columns(assay: Assay, channels: Sequence[Channel], roles: Iterable[str]) -> dict[str, str]:
    """Return role -> $PnN for the roles this file has; `missing_roles` says which it lacks."""
    found = {role: column_of_role(assay, channels, role) for role in roles}
    return {role: name for role, name in found.items() if name is not None}


def column_of_role(assay: Assay, channels: Sequence[Channel], role: str) -> str | None:
    """Return the $PnN that plays `role`: as the study says; else as the protocol's names, marker or role say."""
    if role in assay.channels:
        return find_channel(channels, assay.channels[role])
    recipe = assay.protocol.channels.get(role)
    names = (*recipe.names, recipe.marker) if recipe else ()
    for wanted in (*names, role, role.replace("_", "-")):
        name = find_channel(channels, wanted)
        if name is not None:
            return name
    return None


def require_roles(
    assay: Assay, channels: Sequence[Channel], columns: Mapping[str, str], *, roles: Iterable[str]
) -> None:
    """Raise GateError naming each role the file has no channel for, with the nearest names it has."""
    missing = [role for role in roles if role not in columns]
    if not missing:
        return
    known = [name for channel in channels for name in (channel.name, channel.stain) if name]
    wanted = [assay.channels.get(role) or _usual_name(assay.protocol, role) for role in missing]
    near = sorted({match for name in wanted for match in get_close_matches(name, known, n=2, cutoff=0.4)})
    raise GateError(
        "every channel the protocol uses must be in the file",
        ", ".join(f"no '{name}' for the role {role}" for role, name in zip(missing, wanted, strict=True)),
        "",
        f'set channels = {{ {missing[0]} = "..." }} in the study to one of {", ".join(near or known)}',
    )


def _usual_name(protocol: Protocol, role: str) -> str:
    recipe = protocol.channels.get(role)
    return recipe.names[0] if recipe and recipe.names else role


def gate_channels(gate: Gate) -> tuple[str, ...]:
    """Return the channel roles a gate reads, ratios taken apart."""
    match gate:
        case BooleanGate():
            return ()
        case RectangleGate():
            named = tuple(gate.bounds)
        case PolygonGate() | QuadrantGate():
            named = (gate.x, gate.y)
        case EllipsoidGate():
            named = gate.channels
        case SingletGate():
            return gate.area, gate.height
        case _:
            named = (gate.channel,)
    ratios = getattr(gate, "ratios", {})
    return tuple(
        part
        for name in named
        for part in ((ratios[name].numerator, ratios[name].denominator) if name in ratios else (name,))
    )


def optional_roles(protocol: Protocol) -> frozenset[str]:
    """Return the roles whose absence is no fault: those the protocol says so of."""
    return frozenset(role for role, recipe in protocol.channels.items() if not recipe.required)


def roles_used(protocol: Protocol) -> tuple[str, ...]:
    """Return every channel role that gates and readouts read, in the order they are met."""
    named = [role for gate in protocol.gates for role in gate_channels(gate)]
    named += [readout.channel for readout in protocol.readouts if readout.channel]
    return tuple(dict.fromkeys(named))


def roles_read(protocol: Protocol) -> tuple[str, ...]:
    """Return the roles to read: those in use, and the stromal marker where the protocol has one, to judge purity."""
    purity = (STROMA,) if STROMA in protocol.channels else ()
    return tuple(dict.fromkeys([*roles_used(protocol), *purity]))

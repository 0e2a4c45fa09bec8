"""Which channel of a file plays which role: the study's own words first, then the protocol's usual names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from assaykit.errors import GateError
from assaykit.fcs import Channel
from assaykit.protocol import DebrisGate, Protocol, gate_channels
from assaykit.study import Assay
from assaykit.vocabulary import nearest

STROMA = "cd90"
"""The role of the marker that stromal cells carry and leukaemia cells do not."""
SIDE_SCATTER = "ssc_a"
"""The role of side scatter, which no protocol needs to name: it tells debris from dying cells."""
USUAL = {
    SIDE_SCATTER: ("SSC-A", "SS-A", "SSC.Area", "SS Area", "SS INT LIN", "SSC INT", "SS Lin", "SSC-H", "SSC", "SS")
}


SCATTER = ("fsc", "ssc", "fs ", "ss ", "time")


def find_channel(channels: Sequence[Channel], wanted: str) -> str | None:
    """Return the $PnN of the channel called `wanted`, by $PnN, then $PnS, then either without regard to case."""
    return _find(_channels_by_name(channels), wanted)


def _channels_by_name(channels: Sequence[Channel]) -> tuple[dict[str, str], ...]:
    """Return name -> $PnN by $PnN, $PnS, and both folded; the first channel of a name has it."""
    names = {channel.name.strip(): channel.name for channel in reversed(channels)}
    stains = {channel.stain.strip(): channel.name for channel in reversed(channels)}
    folded = ({name.casefold(): channel for name, channel in known.items()} for known in (names, stains))
    return (names, stains, *folded)


def _find(named: tuple[dict[str, str], ...], wanted: str) -> str | None:
    plain = wanted.strip()
    if not plain:
        return None
    names, stains, folded_names, folded_stains = named
    low = plain.casefold()
    return names.get(plain) or stains.get(plain) or folded_names.get(low) or folded_stains.get(low)


def role_columns(assay: Assay, channels: Sequence[Channel], roles: Iterable[str]) -> dict[str, str]:
    """Return role -> $PnN for the roles this file has, each channel under one role alone.

    What the study says comes first. Other roles go by the protocol's usual names, the marker, or their own name, and
    never take a channel that has a role by another name; a role's first name counts before another's second. A name
    that is no role of the protocol (gates of other programs) is that channel.
    """
    named = _channels_by_name(channels)
    known = assay.protocol.channels
    found = {role: name for role, told in assay.channels.items() if (name := _find(named, told)) is not None}
    open_roles = [role for role in known if role not in assay.channels]
    ways = {role: (*known[role].names, known[role].marker, role, role.replace("_", "-")) for role in open_roles}
    taken = dict.fromkeys(found.values(), "")
    for rank in range(max(map(len, ways.values()), default=0)):
        for role in open_roles:
            way = ways[role][rank] if rank < len(ways[role]) and role not in found else ""
            name = _find(named, way)
            if name is not None and taken.setdefault(name, way) == way:
                found[role] = name
    for role in roles:
        further = () if role in known else (*USUAL.get(role, ()), role)
        name = next((name for name in (_find(named, way) for way in further) if name is not None), None)
        if name is not None:
            found.setdefault(role, name)
    return {role: found[role] for role in roles if role in found}


def shared_channels(assay: Assay, columns: Mapping[str, str]) -> dict[str, list[str]]:
    """Return $PnN -> its roles for the channels that the study gives to several."""
    roles: dict[str, list[str]] = {}
    for role in assay.channels:
        if role in columns:
            roles.setdefault(columns[role], []).append(role)
    return {name: sharing for name, sharing in roles.items() if len(sharing) > 1}


def require_roles(
    assay: Assay, channels: Sequence[Channel], columns: Mapping[str, str], *, roles: Iterable[str]
) -> None:
    """Raise GateError naming each role the file has no channel for, with the nearest names it has."""
    missing = [role for role in roles if role not in columns]
    if not missing:
        return
    holders = {name: role for role, name in role_columns(assay, channels, assay.protocol.channels).items()}
    free = [channel for channel in channels if channel.name not in holders]
    known = [name for channel in free for name in (channel.name, channel.stain) if name] or list(holders)
    recipes = assay.protocol.channels
    usual = {role: recipe.names[0] for role, recipe in recipes.items() if recipe.names}
    wanted = [assay.channels.get(role) or usual.get(role, role) for role in missing]
    near = sorted({nearest(name, known) for name in wanted} - {""})
    named = _channels_by_name(channels)
    found = []
    for role, name in zip(missing, wanted, strict=True):
        holder = holders.get(_find(named, name) or "")
        found.append(f"{name}, which has the role {holder}," if holder else f"no '{name}'")
        found[-1] += f" for the role {role}"
    raise GateError(
        "every channel the protocol uses must be in the file",
        ", ".join(found),
        "",
        f'set channels = {{ {missing[0]} = "..." }} in the study to one of {", ".join(near or known)}',
    )


def optional_roles(protocol: Protocol) -> frozenset[str]:
    """Return the roles whose absence is no fault: those the protocol says so of."""
    return frozenset(role for role, recipe in protocol.channels.items() if not recipe.required)


def roles_used(protocol: Protocol) -> tuple[str, ...]:
    """Return every channel role that gates and readouts read, in the order they are met."""
    named = [role for gate in protocol.gates for role in gate_channels(gate)]
    named += [role for gate in protocol.gates if isinstance(gate, DebrisGate) for role in gate.spares]
    named += [readout.channel for readout in protocol.readouts if readout.channel]
    return tuple(dict.fromkeys(named))


def roles_by_hand(assay: Assay) -> tuple[str, ...]:
    """Return the channels that gates set by hand read beside those of the protocol."""
    forms = [override.form for override in assay.overrides if override.form is not None]
    return tuple(dict.fromkeys(role for form in forms for role in gate_channels(form)))


def roles_read(protocol: Protocol) -> tuple[str, ...]:
    """Return the roles to read: those in use, and the stromal marker where the protocol has one, to judge purity."""
    purity = (STROMA,) if STROMA in protocol.channels else ()
    return tuple(dict.fromkeys([*roles_used(protocol), *purity]))


def is_fluorescence(channel: Channel) -> bool:
    """Whether a channel shows a dye: neither scatter nor Time nor a pulse width, by its name."""
    name = channel.name.casefold()
    return not name.startswith(SCATTER) and not name.endswith("-w") and name not in {"width", "event #", "event"}

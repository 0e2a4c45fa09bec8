"""A study's markers and populations as gates, readouts, endpoints and analyses of a protocol that has a panel.

    markers = { CD3 = "FITC-A", CD4 = "PE-A" }, populations = { t_cells = "CD3+", cd4_t = "t_cells CD4+" }
    -> channel roles -> a gate per marker and parent -> % of parent, and MFI in each population -> Protocol | faults

A marker is gated on the population it parts, since the valley between its negatives and positives moves with them.
Where the layout has FMO or isotype wells for it these set the threshold (99th percentile); else the valley does.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from assaykit.errors import InputError, StudyError
from assaykit.plate import Plate
from assaykit.protocol import (
    Analysis,
    BooleanGate,
    ChannelRole,
    EndpointSpec,
    FmoGate,
    Gate,
    Protocol,
    Readout,
    ValleyGate,
    protocol_faults,
)
from assaykit.vocabulary import Role, nearest

FAMILIES = ("treatment", "pairwise", "context", "interaction")


@dataclass(frozen=True, slots=True)
class Population:
    """A population of a study: the one it is part of, and its markers with whether each is positive."""

    name: str
    parent: str
    markers: Mapping[str, bool]


def marker_role(text: str) -> str:
    """Return the channel role of a marker.

    >>> marker_role("HLA-DR"), marker_role("CD11c")
    ('hla_dr', 'cd11c')
    """
    return re.sub(r"\W+", "_", text.strip().casefold()).strip("_")


def with_panel(
    protocol: Protocol,
    markers: Mapping[str, str],
    populations: Mapping[str, str],
    *,
    plates: Sequence[Plate],
    where: str,
) -> tuple[Protocol, dict[str, str], list[InputError]]:
    """Return the protocol with the study's markers, the channels they name, and why some cannot be had."""
    if protocol.panel is None:
        must = "markers and populations must stand with a protocol that has a panel"
        remedy = 'write protocol = "immunophenotyping"'
        faults: list[InputError] = [StudyError(must, f"protocol {protocol.name}", where, remedy)]
        return protocol, {}, faults if markers or populations else []
    if not markers:
        remedy = 'write markers = { CD4 = "PE-A" } with this cytometer\'s channels'
        return protocol, {}, [StudyError("a panel must name its markers", "none", where, remedy)]
    roles = {marker_role(marker): marker for marker in markers}
    faults = list(_name_faults(protocol, [marker_role(marker) for marker in markers], populations, where))
    found, misread = _populations(protocol, roles, populations, where)
    faults += misread
    if faults:
        return protocol, {}, faults
    made = protocol.model_copy(
        update={
            "channels": {
                **protocol.channels,
                **{role: ChannelRole(names=(marker,), marker=marker) for role, marker in roles.items()},
            }
        }
    )
    gates = tuple(_gates(found, _with_controls(plates, markers, "fmo", "isotype")))
    controlled = _with_controls(plates, markers, "fmo", "isotype", "unstained")
    made = _with_readouts(made, tuple(roles), found, gates, controlled=controlled)
    # A marker that names no channel but itself is looked for under its usual names.
    channels = {role: markers[marker] for role, marker in roles.items() if markers[marker] != marker}
    return made, channels, protocol_faults(made, where=where)


def _name_faults(
    protocol: Protocol, roles: Sequence[str], populations: Mapping[str, str], where: str
) -> Iterator[StudyError]:
    """Yield a fault per name that the protocol or another marker has already."""
    gates = {gate.name for gate in protocol.gates} | {"all"}
    for name in dict.fromkeys(roles):
        if name in protocol.channels or name in gates or roles.count(name) > 1:
            remedy = f"write channels = {{ {name} = ... }}" if name in protocol.channels else "write it once"
            yield StudyError("a marker must have a name of its own", f"'{name}'", f"{where}, markers", remedy)
    for name in populations:
        if not re.fullmatch(r"[A-Za-z]\w*", name):
            must = "a population's name must be letters, digits and underscores"
            yield StudyError(must, f"'{name}'", f"{where}, populations", f"write {marker_role(name)}")
        elif name in gates or name in roles or name in protocol.channels:
            yield StudyError(
                "a population must have a name of its own", f"'{name}'", f"{where}, populations", "rename it"
            )


def _populations(
    protocol: Protocol, roles: Mapping[str, str], written: Mapping[str, str], where: str
) -> tuple[tuple[Population, ...], list[InputError]]:
    """Return the populations as read, each after the one it is part of; each marker's positives where none is named."""
    assert protocol.panel is not None
    base = protocol.panel.parent
    if not written:
        return tuple(Population(f"{role}_positive", base, {role: True}) for role in roles), []
    parents = dict.fromkeys((base, *(gate.name for gate in protocol.gates), *written))
    faults: list[InputError] = []
    found: dict[str, Population] = {}
    for name, text in written.items():
        place = f"{where}, populations, {name}"
        words = [word for word in re.split(r"[\s,&]+", text) if word]
        signs = [(marker_role(word[:-1]), word[-1] == "+") for word in words if word[-1] in "+-"]
        above = [word for word in words if word[-1] not in "+-"]
        lost = [word for word in words if word[-1] in "+-" and marker_role(word[:-1]) not in roles]
        lost += [word for word in above if word not in parents or word == name]
        faults += [_unknown(word, place, roles, [one for one in parents if one != name]) for word in lost]
        if not lost and (len(above) > 1 or not signs or len(dict(signs)) < len(signs)):
            must = "a population must be markers with + or -, each once, after the one population it is part of"
            faults.append(StudyError(must, f"'{text}'", place, 'write for instance "t_cells CD4+ CD8-"'))
        found[name] = Population(name, above[0] if above else base, dict(signs))
    if faults:
        return (), faults
    return _in_order(found, where)


def _unknown(word: str, where: str, roles: Mapping[str, str], parents: Sequence[str]) -> StudyError:
    """Return the fault of a word that is neither a population nor a marker with its sign."""
    sign = word[-1] if word[-1] in "+-" else "+"
    signed = tuple(f"{marker}{sign}" for marker in roles.values())
    bare = roles.get(marker_role(word), "")
    near = f"{bare}{sign}" if bare else nearest(word, (*parents, *signed))
    remedy = f"write '{near}'" if near else f"use one of {', '.join((*parents, *signed))}"
    noun = "a marker" if word[-1] in "+-" else "a population, or a marker with + or -,"
    return StudyError(f"{noun} must be known", f"'{word}'", where, remedy)


def _in_order(found: Mapping[str, Population], where: str) -> tuple[tuple[Population, ...], list[InputError]]:
    """Return the populations, each after its parent; a circle is a fault."""
    ordered: dict[str, Population] = {}
    waiting = dict(found)
    while waiting:
        ready = [one for one in waiting.values() if one.parent not in waiting]
        if not ready:
            must = "a population must not be part of itself"
            return (), [StudyError(must, ", ".join(waiting), f"{where}, populations", "mend what one is part of")]
        ordered |= {one.name: one for one in ready}
        waiting = {name: one for name, one in waiting.items() if name not in ordered}
    return tuple(ordered.values()), []


def _with_controls(plates: Sequence[Plate], markers: Mapping[str, str], *kinds: Role) -> frozenset[str]:
    """Return the roles that a layout has controls for, by marker or channel, or by wells that do not say for which."""
    controls = [well for plate in plates for well in plate.wells if well.role in kinds]
    told = {marker_role(str(well.factors.get("marker", ""))).removeprefix("fmo_") for well in controls}
    return frozenset(
        role
        for marker, channel in markers.items()
        for role in (marker_role(marker),)
        if told & {"", role, marker_role(channel), marker_role(channel).removesuffix("_a")}
    )


def _with_readouts(
    protocol: Protocol,
    roles: Sequence[str],
    populations: Sequence[Population],
    gates: Sequence[Gate],
    *,
    controlled: frozenset[str],
) -> Protocol:
    """Return the protocol with the gates of every population, and what is read and analysed of each.

    `controlled` are the roles that have a control of any kind, without which there is nothing to take off.
    """
    assert protocol.panel is not None
    base = protocol.panel.parent
    within = [(base, role) for role in roles]
    within += [(one.name, role) for one in populations for role in roles if not _is_negative(one, role, populations)]
    parted = [(gate.parent, gate.channel) for gate in gates if isinstance(gate, (FmoGate, ValleyGate))]
    background = [(base, role) for role in roles if role in controlled]
    shares = [
        EndpointSpec(
            endpoint="percent_of_parent",
            name=f"{one.name}_percent_of_parent",
            populations={"cells": one.name, "parent": one.parent},
        )
        for one in populations
    ]
    intensities = [
        EndpointSpec(
            endpoint=endpoint,
            channel=role,
            name=_stem(name, role, base, endpoint),
            populations={"cells": name},
            optional=endpoint != "median",
        )
        for endpoint, pairs in (("median", within), ("dmfi", background), ("imfi", parted))
        for name, role in pairs
    ]
    read = [*(gate.name for gate in protocol.gates), *(gate.name for gate in gates)]
    shared = ("count", "percent_of_parent", "percent_of_grandparent", "percent_of_total")
    statistics = (
        (within, ("median", "robust_cv")),
        (parted, ("percent_positive", "positive_median", "imfi")),
        (background, ("control_median", "sed", "stain_index")),
    )
    readouts = [Readout(statistic=statistic, population=name) for name in read for statistic in shared]
    readouts += [
        Readout(statistic=statistic, population=name, channel=role, name=_stem(name, role, base, statistic))
        for pairs, each in statistics
        for name, role in pairs
        for statistic in each
    ]
    analyses = [_analysis(spec.measured_as, "logit", primary=True) for spec in shares]
    analyses += [_analysis(spec.measured_as, "log2") for spec in intensities]
    return protocol.model_copy(
        update={
            "gates": (*protocol.gates, *gates),
            "readouts": (*protocol.readouts, *readouts),
            "endpoints": (*protocol.endpoints, *shares, *intensities),
            "analyses": (*protocol.analyses, *analyses),
        }
    )


def _is_negative(population: Population, role: str, populations: Sequence[Population]) -> bool:
    """Whether a marker is negative in a population by definition, here or in one it is part of: it has no MFI there."""
    parents = {one.name: one for one in populations}
    one: Population | None = population
    while one is not None:
        if role in one.markers:
            return not one.markers[role]
        one = parents.get(one.parent)
    return False


def _stem(population: str, role: str, base: str, statistic: str) -> str:
    """Return a statistic's name: of the channel, within the population where that is not the panel's own."""
    return f"{role}_{statistic}" if population == base else f"{population}_{role}_{statistic}"


def _analysis(endpoint: str, scale: str, *, primary: bool = False) -> Analysis:
    settings = {"name": endpoint, "endpoint": endpoint, "scale": scale, "families": FAMILIES, "primary": primary}
    return Analysis.model_validate(settings)


def _gates(populations: Sequence[Population], by_control: Collection[str]) -> Iterator[Gate]:
    """Yield a gate per marker and the population it parts, and one per population of several markers.

    A population of one positive marker is that marker's gate itself.
    """
    made: dict[tuple[str, str], str] = {}
    own = {
        (one.parent, role): one.name
        for one in reversed(populations)
        for role in one.markers
        if one.markers == {role: True}
    }
    for one in populations:
        for role in one.markers:
            pair = (one.parent, role)
            if pair in made:
                continue
            made[pair] = own.get(pair, f"{one.parent}_{role}_positive")
            kind = FmoGate if role in by_control else ValleyGate
            yield kind(name=made[pair], parent=one.parent, channel=role)
        first = next(iter(one.markers))
        if not (one.markers == {first: True} and made[one.parent, first] == one.name):
            parts = [f"{'' if positive else 'not '}{made[one.parent, role]}" for role, positive in one.markers.items()]
            yield BooleanGate(name=one.name, parent=one.parent, operation="and", of=tuple(parts))

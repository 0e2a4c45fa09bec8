"""Whether the parts of one protocol fit together: every name that is used must be one that is made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from assaykit.errors import InputError, ProtocolError
from assaykit.protocol.gates import Gate, gate_channels
from assaykit.protocol.model import Protocol
from assaykit.vocabulary import nearest

EVERYTHING = "all"  # the population of every event


def protocol_faults(protocol: Protocol, *, where: str) -> list[InputError]:
    """Return one fault for each name used but not made, and each name made twice."""
    pairs = [
        *_gate_names(protocol),
        *_readout_names(protocol),
        *_endpoint_names(protocol),
        *_analysis_names(protocol),
        *_panel_names(protocol),
    ]
    faults: list[InputError] = []
    for place, noun, name, known in pairs:
        near = nearest(name, known)
        remedy = f"write {near!r}" if near else f"use one of {', '.join(known)}" if known else f"add the {noun}"
        must = f"{'an' if noun[0] in 'aeiou' else 'a'} {noun} must be one this protocol defines"
        faults.append(ProtocolError(must, repr(name), f"{where}, {place}", remedy))
    return [*faults, *_twice(protocol, where)]


_Use = tuple[str, str, str, Sequence[str]]


def _gate_names(protocol: Protocol) -> Iterator[_Use]:
    populations = (EVERYTHING, *(gate.name for gate in protocol.gates))
    for number, gate in enumerate(protocol.gates, 1):
        place = f"gate {number} ({gate.name})"
        yield from _missing(place, "population", (gate.parent, *combined_populations(gate)), populations)
        yield from _missing(place, "channel role", gate_channels(gate), tuple(protocol.channels))


def combined_populations(gate: Gate) -> tuple[str, ...]:
    """Return the populations a boolean gate combines, complements by their own name; none for other gates."""
    return tuple(name.removeprefix("not ") for name in gate.of) if gate.kind == "boolean" else ()


def _readout_names(protocol: Protocol) -> Iterator[_Use]:
    populations = (EVERYTHING, *(gate.name for gate in protocol.gates))
    for number, readout in enumerate(protocol.readouts, 1):
        place = f"readout {number} ({readout.read_as})"
        yield from _missing(place, "population", (readout.population,), populations)
        channels = (readout.channel,) if readout.channel else ()
        yield from _missing(place, "channel role", channels, tuple(protocol.channels))


def _endpoint_names(protocol: Protocol) -> Iterator[_Use]:
    populations = (EVERYTHING, *(gate.name for gate in protocol.gates))
    for number, spec in enumerate(protocol.endpoints, 1):
        place = f"endpoint {number} ({spec.measured_as})"
        channels = (spec.channel,) if spec.channel else ()
        yield from _missing(place, "channel role", channels, tuple(protocol.channels))
        yield from _missing(place, "population", spec.populations.values(), populations)


def _analysis_names(protocol: Protocol) -> Iterator[_Use]:
    measured = tuple(spec.measured_as for spec in protocol.endpoints)
    for number, analysis in enumerate(protocol.analyses, 1):
        yield from _missing(f"analysis {number} ({analysis.name})", "endpoint", (analysis.endpoint,), measured)
    for number, curve in enumerate(protocol.curves, 1):
        yield from _missing(f"curve {number} ({curve.name})", "endpoint", (curve.endpoint,), measured)
    for number, synergy in enumerate(protocol.synergies, 1):
        yield from _missing(f"synergy {number} ({synergy.name})", "endpoint", (synergy.endpoint,), measured)


def _panel_names(protocol: Protocol) -> Iterator[_Use]:
    if protocol.panel is not None:
        populations = (EVERYTHING, *(gate.name for gate in protocol.gates))
        yield from _missing("panel", "population", (protocol.panel.parent,), populations)


def _missing(place: str, noun: str, names: Iterable[str], known: Sequence[str]) -> Iterator[_Use]:
    yield from ((place, noun, name, known) for name in names if name not in known)


def _twice(protocol: Protocol, where: str) -> Iterator[ProtocolError]:
    named = {
        "gate": [gate.name for gate in protocol.gates],
        "readout": [readout.read_as for readout in protocol.readouts],
        "endpoint": [spec.measured_as for spec in protocol.endpoints],
        "analysis": [analysis.name for analysis in protocol.analyses],
        "curve": [curve.name for curve in protocol.curves],
        "synergy": [synergy.name for synergy in protocol.synergies],
    }
    for noun, names in named.items():
        for name, times in Counter(names).items():
            if times > 1:
                yield ProtocolError(
                    f"each {noun} must have a name of its own", f"{name!r} {times} times", where, "rename one"
                )

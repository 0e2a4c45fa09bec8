"""Gates drawn elsewhere as a protocol of ours: a document of gates -> channel roles -> the text of protocol.toml."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from assaykit.cytometry.columns import OWN, RAW, WellColumns
from assaykit.cytometry.flowjo import flowjo_samples, read_flowjo
from assaykit.cytometry.gatingml import GatingDocument, read_gatingml
from assaykit.cytometry.hierarchy import populations
from assaykit.errors import GateError
from assaykit.fcs import read_fcs
from assaykit.protocol import (
    BooleanGate,
    EllipsoidGate,
    FixedGate,
    PolygonGate,
    Protocol,
    QuadrantGate,
    RectangleGate,
    gate_axes,
    gate_channels,
)
from assaykit.sources import is_file
from assaykit.study import Spillover


@dataclass(frozen=True, slots=True)
class ImportedProtocol:
    """A protocol, as plain values ready for TOML, and the spillover matrices to be written beside it, by file name."""

    protocol: dict[str, Any]
    matrices: dict[str, Spillover]


def read_gates(path: Path, *, sample: str = "", group: str = "") -> GatingDocument:
    """Return the gates of a FlowJo workspace (.wsp) or a Gating-ML file (.xml)."""
    match path.suffix.casefold():
        case ".wsp":
            return read_flowjo(path, sample=sample, group=group)
        case ".xml" if sample or group:
            raise GateError("--sample and --group must stand with a workspace", path.name, str(path), "leave them out")
        case ".xml":
            return read_gatingml(path)
        case ".jo":
            remedy = "open it in FlowJo 10 and save it as .wsp"
            raise GateError("gates must come from a .wsp or .xml file", "a file of FlowJo 9 (.jo)", str(path), remedy)
        case other:
            raise GateError("gates must come from a .wsp or .xml file", f"'{other}'", str(path))


@dataclass(frozen=True, slots=True)
class CountCheck:
    """One population of one sample: FlowJo's cells, ours, and the events of the file."""

    sample: str
    population: str
    flowjo_cells: int
    assaykit_cells: int
    events: int

    @property
    def agrees(self) -> bool:
        """Whether both differ by at most TOLERANCE of the events."""
        return abs(self.assaykit_cells - self.flowjo_cells) <= TOLERANCE * self.events


TOLERANCE = 0.001
"""Of all events: FlowJo's biex is a table of 4,096 steps, ours is brought down to raw values through it."""


def compare_counts(
    path: Path, folder: Path, *, sample: str = "", group: str = ""
) -> tuple[list[CountCheck], list[str]]:
    """Return FlowJo's counts beside ours for every chosen sample whose file is in the folder, and the other samples.

    Each sample is gated with its own gates and matrix.
    """
    checks: list[CountCheck] = []
    absent: list[str] = []
    for chosen in flowjo_samples(path, sample=sample, group=group):
        file = folder / Path(chosen.name).name
        if not is_file(file):
            absent.append(chosen.name)
            continue
        events = read_fcs(file)
        masks = populations(chosen.document.gates, WellColumns(events, {}, chosen.document.matrices))
        checks += [
            CountCheck(chosen.name, name, count, int(np.count_nonzero(masks[name])), len(events))
            for name, count in chosen.counts.items()
        ]
    return checks, absent


def protocol_from_gates(document: GatingDocument, *, name: str) -> ImportedProtocol:
    """Return a protocol with these gates, a count and a percentage of its parent for each.

    One matrix that serves every compensated channel becomes the protocol's; where gates mix matrices each keeps its
    own. Raises GateError for a matrix that is not in the document, or not square.
    """
    shapes = [gate for gate in document.gates if not isinstance(gate, BooleanGate)]
    references = (gate.compensation.get(axis, OWN) for gate in shapes for axis in gate_axes(gate))
    used = dict.fromkeys(reference for reference in references if reference != RAW)
    files = {key: f"{name}_{_plain_name(key)}.csv" for key in used if key != OWN}
    matrices = {file: _square(document.matrices, key) for key, file in files.items()}
    shared = next(iter(files)) if len(used) == 1 and files else None
    channels = dict.fromkeys(channel for gate in shapes for channel in gate_channels(gate))
    roles = _roles(list(channels))
    dyes = {dye: d for m in matrices.values() for dye, d in zip(m.dyes or m.detectors, m.detectors, strict=True)}
    written_as = {RAW: RAW, OWN: OWN, **files} | ({shared: OWN} if shared else {})
    protocol = {
        "assaykit": 1,
        "name": name,
        "title": f"Gates imported for {name}",
        "compensation": files[shared] if shared else "file" if OWN in used else "none",
        "channels": {roles[channel]: {"names": [dyes.get(channel, channel)]} for channel in channels},
        "gate": [_plain(_with_roles(gate, roles, written_as)) for gate in document.gates],
        "readout": [
            {"statistic": statistic, "population": gate.name}
            for gate in document.gates
            for statistic in ("count", "percent_of_parent")
        ],
    }
    Protocol.model_validate(protocol)
    return ImportedProtocol(protocol, matrices)


def _square(matrices: Mapping[str, Spillover], name: str) -> Spillover:
    spillover = matrices.get(name)
    if spillover is None or len(spillover.dyes or spillover.detectors) != len(spillover.detectors):
        found = "it is not in the file" if spillover is None else "it has more detectors than dyes"
        raise GateError("the spillover matrix of imported gates must be square", found, name)
    return spillover


def _roles(channels: Sequence[str]) -> dict[str, str]:
    """Return channel -> role: the name in lower case with underscores, numbered where two would be alike."""
    roles: dict[str, str] = {}
    for channel in channels:
        plain = _plain_name(channel)
        role, number = plain, 2
        while role in roles.values():
            role, number = f"{plain}_{number}", number + 1
        roles[channel] = role
    return roles


def _plain_name(text: str) -> str:
    return re.sub(r"\W+", "_", text.casefold()).strip("_") or "channel"


def _with_roles(gate: FixedGate, roles: Mapping[str, str], references: Mapping[str, str]) -> FixedGate:
    """Return the gate reading roles instead of channels, and matrices by the files they will stand in."""
    if isinstance(gate, BooleanGate):
        return gate
    ratios = {
        key: ratio.model_copy(update={"numerator": roles[ratio.numerator], "denominator": roles[ratio.denominator]})
        for key, ratio in gate.ratios.items()
    }
    role = {**{key: key for key in ratios}, **roles}
    changed: dict[str, Any] = {
        "ratios": ratios,
        "scales": {role[channel]: scale for channel, scale in gate.scales.items()},
        "compensation": {
            role[channel]: references[used] for channel, used in gate.compensation.items() if references[used] != OWN
        },
    }
    match gate:
        case RectangleGate():
            changed["bounds"] = {role[channel]: ends for channel, ends in gate.bounds.items()}
        case PolygonGate() | QuadrantGate():
            changed |= {"x": role[gate.x], "y": role[gate.y]}
        case EllipsoidGate():
            changed["channels"] = tuple(role[channel] for channel in gate.channels)
        case _:
            changed["channel"] = role[gate.channel]
    return gate.model_copy(update=changed)


def _plain(gate: FixedGate) -> dict[str, Any]:
    values = gate.model_dump(mode="json", exclude_none=True)
    return {"kind": values.pop("kind"), **{key: value for key, value in values.items() if value not in ({}, "raw")}}


def spillover_csv(spillover: Spillover) -> str:
    """Return a spillover as CSV: a header of detectors, then one row per dye."""
    names = spillover.detectors
    lines = [",".join(["", *names])]
    matrix = np.asarray(spillover.matrix)
    lines += [",".join([name, *(repr(float(v)) for v in row)]) for name, row in zip(names, matrix, strict=True)]
    return "\n".join(lines) + "\n"

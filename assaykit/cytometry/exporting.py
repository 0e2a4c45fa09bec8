"""The gates of a measured plate as a document for other programs: roles -> $PnN, and each gate with its compensation.

Assay, plate, well -> gates in the form they take for that well -> a `GatingDocument` whose channels are those of
the files, and the spillover matrix it is drawn with
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assaykit.cytometry.columns import RAW
from assaykit.cytometry.gatingml import GatingDocument
from assaykit.cytometry.gatingml_writing import write_gatingml
from assaykit.cytometry.hierarchy import COMPLEMENT
from assaykit.cytometry.measure import gates_for
from assaykit.errors import GateError
from assaykit.plate import Well
from assaykit.protocol import BooleanGate, FixedGate, ThresholdGate, gate_axes
from assaykit.study import Assay, ResolvedPlate, Study

PLATE_MATRIX = "plate_spillover"
"""The id of the matrix that a plate's single stains, or a file beside its layout, gave."""


@dataclass(frozen=True, slots=True)
class ExportedGates:
    """The gates of one plate, the matrices they are drawn with, and which $PnN each channel role is.

    Gates in `passed` keep every cell of their parent, as the files have no channel for them: they are not drawn.
    """

    document: GatingDocument
    columns: Mapping[str, str]
    pass_through: tuple[str, ...] = ()


def write_gates(gates: ExportedGates, path: Path) -> None:
    """Write the gates to `path` as Gating-ML 2.0; raises GateError for one that Gating-ML cannot hold."""
    write_gatingml(gates.document, path, columns=gates.columns)


def gates_of_study(study: Study, *, plate: str = "", assay: str = "", well: str = "") -> ExportedGates:
    """Return the gates of a plate of a study as its controls fixed them, in the form they take for `well`.

    `plate` and `assay` may be left out where they leave no choice; without a `well` the plate's own form is given.
    Raises GateError naming the plates there are, or the wells.
    """
    found = {
        (each.name, name): (each, resolved)
        for each in study.assays
        for name, resolved in each.resolved.items()
        if resolved.gates and plate in {"", name} and assay in {"", each.name}
    }
    if len(found) != 1:
        every = [f"{name} of {each.name}" for each in study.assays for name, r in each.resolved.items() if r.gates]
        raise GateError(
            "gates must be those of one plate",
            f"{len(found) or 'none'}, of {', '.join(every) or 'none that has gates'}",
            "",
            "say which with --plate, and --assay where two share it",
        )
    (_, name), (chosen, resolved) = found.popitem()
    wells = {w.name: w for each in chosen.plates if each.name == name for w in each.wells}
    if well and well not in wells:
        raise GateError("a well must be one of the plate", well, name, f"it has {', '.join(wells)}")
    return exported_gates(chosen, resolved, wells.get(well))


def exported_gates(assay: Assay, resolved: ResolvedPlate, well: Well | None = None) -> ExportedGates:
    """Return the gates of one plate, in the form they take for a well where one is given.

    An axis that a gate names no compensation for has the assay's: the files' own matrix, or the plate's where single
    stains or a table gave one and the axis is of a dye of that matrix; else it is marked as uncompensated.
    """
    gates = resolved.gates if well is None else gates_for(resolved, well)
    if resolved.spillover is not None or assay.protocol.compensation != "file":
        gates = tuple(_with_compensation(gate, resolved) for gate in gates)
    own = {} if resolved.spillover is None else {PLATE_MATRIX: resolved.spillover}
    passed = {gate.name: gate.parent for gate in gates if isinstance(gate, BooleanGate) and gate.of == (gate.parent,)}
    drawn = tuple(_on_drawn_parents(gate, passed) for gate in gates if gate.name not in passed)
    return ExportedGates(GatingDocument(drawn, {**resolved.matrices, **own}), resolved.columns, tuple(passed))


def _on_drawn_parents(gate: FixedGate, passed: Mapping[str, str]) -> FixedGate:
    """Return the gate on the nearest populations above it that are drawn."""

    def drawn(name: str) -> str:
        complement = COMPLEMENT if name.startswith(COMPLEMENT) else ""
        name = name.removeprefix(COMPLEMENT)
        while name in passed:
            name = passed[name]
        return complement + name

    update: dict[str, Any] = {"parent": drawn(gate.parent)}
    if isinstance(gate, BooleanGate):
        update["of"] = tuple(map(drawn, gate.of))
    return gate.model_copy(update=update)


def _with_compensation(gate: FixedGate, resolved: ResolvedPlate) -> FixedGate:
    """Return the gate with the plate's matrix, or none, written on every axis that has no compensation of its own."""
    if isinstance(gate, BooleanGate):
        return gate
    spillover = resolved.spillover
    dyes = () if spillover is None else spillover.dyes or spillover.detectors
    named = {}
    for axis in (*gate_axes(gate), *(gate.spared if isinstance(gate, ThresholdGate) else ())):
        ratio = gate.ratios.get(axis)
        roles = (axis,) if ratio is None else (ratio.numerator, ratio.denominator)
        dyed = any(resolved.columns.get(role, role) in dyes for role in roles)
        named[axis] = PLATE_MATRIX if dyed else RAW
    return gate.model_copy(update={"compensation": {**named, **gate.compensation}})

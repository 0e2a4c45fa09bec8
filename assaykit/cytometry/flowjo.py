"""FlowJo 10 workspaces as gates of ours, through FlowKit (the optional extra `assaykit[flowjo]`).

FlowKit reads the workspace; here its gates become ours. Scales that Gating-ML has stay scales. FlowJo's own biex has
no formula there, so its numbers are brought down to raw values, polygon edges in many short steps: an edge is then
off by less than a hundredth of a display channel, and counts agree with FlowJo's to 0.1 % of the events.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from assaykit.cytometry.columns import OWN, RAW
from assaykit.cytometry.compensation import check_spillover
from assaykit.cytometry.flowjo_workspace import (
    as_flowkit_expects,
    counts_by_sample,
    samples_of_group,
    workspace_root,
)
from assaykit.cytometry.gatingml import GatingDocument
from assaykit.cytometry.hierarchy import ALL, COMPLEMENT
from assaykit.errors import GateError
from assaykit.protocol import (
    ArcsinhScale,
    BooleanGate,
    EllipsoidGate,
    FixedGate,
    FixedScale,
    HyperlogScale,
    LinearScale,
    LogicleScale,
    LogScale,
    PolygonGate,
    RectangleGate,
)
from assaykit.study import Spillover

STEPS = 64
"""Points an edge is cut into where its scale is FlowJo's biex."""
Array = NDArray[np.float64]

SCALES: dict[str, Callable[[Any], FixedScale]] = {
    "LinearTransform": lambda t: LinearScale(top=t.param_t, negative=t.param_a),
    "LogTransform": lambda t: LogScale(top=t.param_t, decades=t.param_m),
    "WSPLogTransform": lambda t: LogScale(top=t.offset * 10.0**t.decades, decades=t.decades),
    "AsinhTransform": lambda t: ArcsinhScale(top=t.param_t, decades=t.param_m, negative_decades=t.param_a),
    "LogicleTransform": lambda t: LogicleScale(
        top=t.param_t, width=t.param_w, decades=t.param_m, negative_decades=t.param_a
    ),
    "HyperlogTransform": lambda t: HyperlogScale(
        top=t.param_t, width=t.param_w, decades=t.param_m, negative_decades=t.param_a
    ),
}


@dataclass(frozen=True, slots=True)
class FlowJoSample:
    """One sample of a workspace: the FCS file's name, its gates, and the cells FlowJo counted, by our gates' names."""

    name: str
    document: GatingDocument
    counts: Mapping[str, int]


def read_flowjo(path: Path, *, sample: str = "", group: str = "") -> GatingDocument:
    """Return the gates that the chosen samples of a FlowJo 10 workspace share, and the matrix they were drawn with.

    `sample` is the FCS file's name, with or without its ending; `group` one of the workspace's groups; without either
    all samples are chosen. Samples without gates take no part.
    Raises GateError as `flowjo_samples` does, and where the chosen samples do not have the same gates.
    """
    first, *others = flowjo_samples(path, sample=sample, group=group)
    for other in others:
        different = _first_difference(first.document, other.document)
        if different:
            raise GateError(
                "samples that are imported together must have the same gates",
                f"{different} of {first.name} unlike that of {other.name}",
                str(path),
                "choose one: --sample NAME, or a group whose samples share them: --group NAME",
            )
    return first.document


def _first_difference(one: GatingDocument, other: GatingDocument) -> str:
    theirs = {gate.name: gate for gate in other.gates}
    names = {gate.name for gate in one.gates}
    for gate in one.gates:
        if theirs.get(gate.name) != gate:
            return f"gate '{gate.name}'"
    extra = next((name for name in theirs if name not in names), "")
    return f"the gates: no '{extra}'" if extra else "the matrix" if one.matrices != other.matrices else ""


def flowjo_samples(path: Path, *, sample: str = "", group: str = "") -> tuple[FlowJoSample, ...]:
    """Return the chosen samples of a FlowJo 10 workspace that have gates, each with its own.

    Raises GateError where FlowKit is not installed, the file is no workspace of FlowJo 10, no sample is the one that is
    asked for or has gates, or a gate is of a kind that is not expressed here.
    """
    root = workspace_root(path)
    counted = counts_by_sample(root)
    members = samples_of_group(root, group, str(path)) if group else tuple(counted)
    wanted = [name for name in members if not sample or sample in {name, Path(name).stem, Path(name).name}]
    if not wanted:
        found = f"'{sample}'" if sample else f"no sample in group '{group}'" if group else "a workspace without samples"
        remedy = f"--sample one of {', '.join(members[:12])}" if members else "add the samples in FlowJo and save it"
        raise GateError("the sample must be one of the workspace", found, str(path), remedy)
    gated = [name for name in wanted if counted[name]]
    if not gated:
        found = f"no gates of {', '.join(wanted[:4])}"
        others = [name for name, counts in counted.items() if counts]
        remedy = (
            f"choose a sample with gates: --sample one of {', '.join(others[:12])}" if others else "draw gates first"
        )
        raise GateError("a sample must have gates to import", found, str(path), remedy)
    strategies = zip(gated, _strategies(path, gated), strict=True)
    return tuple(_sample(strategy, name, counted[name]) for name, strategy in strategies)


def _sample(strategy: Any, name: str, counts: Mapping[tuple[str, ...], int]) -> FlowJoSample:
    paths = list(strategy.get_gate_ids())
    names = _unique_names(paths)
    try:
        gates = [gate for identity, parents in paths for gate in _gates(strategy, identity, parents, names)]
    except ValidationError as error:
        said = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg'].lower()}" for e in error.errors()[:3])
        raise GateError("a gate must be complete", said, f"sample {name}", _REMEDY) from error
    matrices = {str(key): _spillover(str(key), matrix) for key, matrix in strategy.comp_matrices.items()}
    told = {names[place]: count for place, count in counts.items() if place in names and count >= 0}
    return FlowJoSample(name, GatingDocument(tuple(gates), matrices), told)


def _strategies(path: Path, samples: Sequence[str]) -> list[Any]:
    """Return FlowKit's gating of these samples, of a workspace that `workspace_root` has let pass."""
    try:
        import flowkit
        from flowkit.exceptions import FlowKitException
    except ImportError as error:
        raise GateError(
            "reading a FlowJo workspace must have FlowKit",
            "it is not installed",
            str(path),
            "pip install assaykit[flowjo]",
        ) from error
    try:
        with warnings.catch_warnings(), TemporaryDirectory() as folder:
            warnings.simplefilter("ignore")  # FlowKit warns of each FCS file it was not given: none is needed
            copy = Path(folder) / "workspace.wsp"
            copy.write_bytes(as_flowkit_expects(path.read_bytes()))
            workspace = flowkit.Workspace(str(copy), load_missing_file_data=True)
            return [workspace.get_gating_strategy(name) for name in samples]
    except (FlowKitException, *WORKSPACE_ERRORS) as error:
        said = f"no {error.args[0]}" if isinstance(error, KeyError) else str(error)
        if isinstance(error, (AttributeError, TypeError)):  # of Python, about None where an element was looked for
            said = "an element without what it must hold, such as transformations, keywords or the file of a sample"
        raise GateError("a FlowJo workspace must be one that FlowKit reads", said, str(path), _REMEDY) from error


WORKSPACE_ERRORS = (
    ArithmeticError, AttributeError, LookupError, NotImplementedError, OSError, SyntaxError, TypeError, ValueError,
)  # fmt: skip
"""What FlowKit raises of a workspace that lacks what it expects; there is no common kind."""
_REMEDY = "open it in FlowJo 10 and save it again, or export the gates as Gating-ML"


def _unique_names(paths: Sequence[tuple[str, tuple[str, ...]]]) -> dict[tuple[str, ...], str]:
    """Return full path -> name; a name that stands in several places gets its parents in front."""
    plain = [identity for identity, _ in paths]
    return {
        (*parents, identity): identity if plain.count(identity) == 1 else "/".join((*parents[1:], identity))
        for identity, parents in paths
    }


def _gates(
    strategy: Any, identity: str, parents: tuple[str, ...], names: Mapping[tuple[str, ...], str]
) -> list[FixedGate]:
    """Return the gate; one that keeps what is outside its shape is the complement of a gate of that shape."""
    gate = strategy.get_gate(identity, parents)
    named = {"name": names[(*parents, identity)], "parent": names[parents] if len(parents) > 1 else ALL}
    if not getattr(gate, "use_complement", False):
        return [_gate(strategy, gate, named, names)]
    shape = {**named, "name": f"{named['name']} (within)"}
    complement = BooleanGate(**named, operation="not", of=(shape["name"],))
    return [_gate(strategy, gate, shape, names), complement]


def _gate(strategy: Any, gate: Any, named: dict[str, Any], names: Mapping[tuple[str, ...], str]) -> FixedGate:
    kind = type(gate).__name__
    if kind == "BooleanGate":
        return _boolean(gate, named, names)
    if kind not in {"RectangleGate", "PolygonGate", "EllipsoidGate"}:
        must = "a gate must be a rectangle, polygon, ellipsoid or boolean"
        raise GateError(must, kind, f"gate {named['name']}")
    axes = [
        _Axis(dimension, strategy.transformations.get(dimension.transformation_ref)) for dimension in gate.dimensions
    ]
    shared = {
        "scales": {axis.channel: axis.scale for axis in axes if axis.scale is not None},
        "compensation": {axis.channel: axis.compensation for axis in axes if axis.compensation != OWN},
    }
    match kind:
        case "RectangleGate":
            return RectangleGate(**named, **shared, bounds={axis.channel: axis.bounds for axis in axes})
        case "PolygonGate":
            return _polygon(gate, axes, named, shared)
        case _:
            return _ellipsoid(gate, axes, named, shared)


class _Axis:
    """One dimension of a FlowKit gate: its channel, compensation, and the scale ours has for its transform."""

    def __init__(self, dimension: Any, transform: Any) -> None:
        self.channel = str(dimension.id)
        reference = dimension.compensation_ref
        self.compensation = (
            RAW if reference in {None, "uncompensated"} else OWN if reference == "FCS" else str(reference)
        )
        make = SCALES.get(type(transform).__name__)
        self.scale = make(transform) if make is not None else None
        self.biex = transform if transform is not None and make is None else None
        self.bounds = (self._end(dimension.min), self._end(dimension.max))

    def _end(self, value: float | None) -> float | None:
        if value is None or self.biex is None:
            return None if value is None else float(value)
        shown = self.biex.apply(np.array([-1e12, 1e12]))  # everything beyond the display is shown at its ends
        return float(self.raw(np.array([value]))[0]) if shown[0] < value < shown[1] else None

    def raw(self, shown: Array) -> Array:
        """Return raw values of a biex axis; those of any other axis as they are, on its own scale."""
        return np.asarray(self.biex.inverse(shown), dtype=np.float64) if self.biex is not None else shown


def _polygon(gate: Any, axes: list[_Axis], named: dict[str, Any], shared: dict[str, Any]) -> PolygonGate:
    if len(axes) != 2 or any(len(vertex) != 2 for vertex in gate.vertices):
        raise GateError("a polygon must have two channels", str(len(axes)), f"gate {named['name']}", _REMEDY)
    corners = np.array([[float(x), float(y)] for x, y in gate.vertices])
    if any(axis.biex is not None for axis in axes):
        corners = _in_steps(corners)
        corners = np.column_stack([axis.raw(column) for axis, column in zip(axes, corners.T, strict=True)])
    vertices = tuple((float(x), float(y)) for x, y in corners)
    return PolygonGate(**named, **shared, x=axes[0].channel, y=axes[1].channel, vertices=vertices)


def _in_steps(corners: Array) -> Array:
    """Return the outline with every edge cut into short steps, straight on the display's scale."""
    shares = np.linspace(0.0, 1.0, STEPS, endpoint=False)[:, None]
    return np.vstack([a + shares * (b - a) for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True)])


def _ellipsoid(gate: Any, axes: list[_Axis], named: dict[str, Any], shared: dict[str, Any]) -> FixedGate:
    """Return the ellipsoid; a flat ellipse on biex axes becomes its outline in raw values."""
    mean = np.asarray(gate.coordinates, dtype=np.float64)
    covariance = np.asarray(gate.covariance_matrix, dtype=np.float64)
    if all(axis.biex is None for axis in axes):
        return EllipsoidGate(
            **named,
            **shared,
            channels=tuple(axis.channel for axis in axes),
            mean=tuple(mean.tolist()),
            covariance=tuple(tuple(row) for row in covariance.tolist()),
            distance_squared=float(gate.distance_square),
        )
    if len(axes) != 2:
        raise GateError("an ellipsoid on FlowJo's biex must have two channels", str(len(axes)), f"gate {named['name']}")
    angle = np.linspace(0, 2 * np.pi, 4 * STEPS, endpoint=False)
    circle = np.column_stack([np.cos(angle), np.sin(angle)]) * np.sqrt(float(gate.distance_square))
    outline = mean + circle @ np.linalg.cholesky(covariance).T
    raw = np.column_stack([axis.raw(column) for axis, column in zip(axes, outline.T, strict=True)])
    vertices = tuple((float(x), float(y)) for x, y in raw)
    return PolygonGate(**named, **shared, x=axes[0].channel, y=axes[1].channel, vertices=vertices)


def _boolean(gate: Any, named: dict[str, Any], names: Mapping[tuple[str, ...], str]) -> BooleanGate:
    of = tuple(
        (COMPLEMENT if reference["complement"] else "") + names[(*reference["path"], reference["ref"])]
        for reference in gate.gate_refs
        if (*reference["path"], reference["ref"]) in names
    )
    if len(of) < len(gate.gate_refs):
        raise GateError(
            "a boolean gate must combine gates of its sample", "one that is not there", f"gate {named['name']}"
        )
    return BooleanGate.model_validate({**named, "operation": gate.type, "of": of})


def _spillover(identity: str, matrix: Any) -> Spillover:
    rows = tuple(tuple(float(value) for value in row) for row in np.asarray(matrix.matrix))
    return check_spillover(Spillover(tuple(str(name) for name in matrix.detectors), rows, source=f"matrix {identity}"))

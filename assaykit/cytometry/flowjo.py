"""FlowJo 10 workspaces as gates of ours, through FlowKit (the optional extra `assaykit[flowjo]`).

FlowKit reads the workspace; here its gates become ours. Scales that Gating-ML has stay scales. FlowJo's own biex has
no formula there, so its numbers are brought down to raw values, polygon edges in many short steps: an edge is then
off by less than a hundredth of a display channel, and counts agree with FlowJo's to 0.1 % of the events.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assaykit.cytometry.columns import OWN, RAW
from assaykit.cytometry.gatingml import GatingDocument
from assaykit.cytometry.hierarchy import ALL, COMPLEMENT
from assaykit.errors import GateError
from assaykit.protocol.gates import (
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
from assaykit.study.model import Spillover

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


def read_flowjo(path: Path, *, sample: str = "") -> GatingDocument:
    """Return the gates a FlowJo 10 workspace holds for one sample, and the matrix they were drawn with.

    `sample` is the FCS file's name, with or without its ending; it may be left out where the workspace has one.
    Raises GateError where FlowKit is not installed, the file is no workspace, the sample is not in it, or a gate is
    of a kind that is not expressed here.
    """
    strategy = _strategy(path, sample)
    paths = list(strategy.get_gate_ids())
    names = _unique_names(paths)
    gates = [_gate(strategy, identity, parents, names) for identity, parents in paths]
    matrices = {str(key): _spillover(str(key), matrix) for key, matrix in strategy.comp_matrices.items()}
    return GatingDocument(tuple(gates), matrices)


def _strategy(path: Path, sample: str) -> Any:
    try:
        import flowkit
    except ImportError as error:
        raise GateError(
            "reading a FlowJo workspace must have FlowKit",
            "it is not installed",
            str(path),
            "pip install assaykit[flowjo]",
        ) from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # FlowKit warns of each FCS file it was not given: none is needed
            workspace = flowkit.Workspace(str(path), load_missing_file_data=True)
    except (OSError, ValueError, KeyError, AttributeError, TypeError, SyntaxError, NotImplementedError) as error:
        raise GateError("a FlowJo workspace must be one that FlowKit reads", str(error), str(path)) from error
    samples = [str(name) for name in workspace.get_sample_ids(loaded_only=False)]
    wanted = [name for name in samples if sample in {name, Path(name).stem, Path(name).name}] if sample else samples
    if len(wanted) != 1:
        raise GateError(
            "one sample of the workspace must be chosen",
            f"'{sample}'" if sample else f"{len(samples)} samples",
            str(path),
            f"--sample one of {', '.join(samples)}",
        )
    return workspace.get_gating_strategy(wanted[0])


def _unique_names(paths: Sequence[tuple[str, tuple[str, ...]]]) -> dict[tuple[str, ...], str]:
    """Return full path -> name; a name that stands in several places gets its parents in front."""
    plain = [identity for identity, _ in paths]
    return {
        (*parents, identity): identity if plain.count(identity) == 1 else "/".join((*parents[1:], identity))
        for identity, parents in paths
    }


def _gate(strategy: Any, identity: str, parents: tuple[str, ...], names: Mapping[tuple[str, ...], str]) -> FixedGate:
    gate = strategy.get_gate(identity, parents)
    named = {"name": names[(*parents, identity)], "parent": names[parents] if len(parents) > 1 else ALL}
    kind = type(gate).__name__
    if kind == "BooleanGate":
        return _boolean(gate, named, names)
    if kind not in {"RectangleGate", "PolygonGate", "EllipsoidGate"}:
        raise GateError("a gate must be a rectangle, polygon, ellipsoid or boolean", kind, f"gate {identity}")
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
    )
    return BooleanGate.model_validate({**named, "operation": gate.type, "of": of})


def _spillover(identity: str, matrix: Any) -> Spillover:
    rows = tuple(tuple(float(value) for value in row) for row in np.asarray(matrix.matrix))
    return Spillover(tuple(str(name) for name in matrix.detectors), rows, source=identity)

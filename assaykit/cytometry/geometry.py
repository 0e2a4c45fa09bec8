"""Which cells lie inside a fixed gate: `mask = inside(gate, columns)`, a boolean per event.

Thresholds on a scale are brought down to the raw values, since every scale rises; only polygons and ellipsoids on a
curved scale need their channels transformed, and then only the cells that can lie inside.
Intervals are closed below and open above, polygons follow the even-odd rule (Gating-ML 2.0, ISAC 2013).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from assaykit.cytometry.columns import OWN, WellColumns
from assaykit.cytometry.scales import raw_values, transformed_values
from assaykit.errors import GateError
from assaykit.protocol import (
    EllipsoidGate,
    FixedScale,
    IntervalGate,
    PolygonGate,
    QuadrantGate,
    RectangleGate,
    ThresholdGate,
)

Mask = NDArray[np.bool_]
Array = NDArray[np.floating]
Shape = ThresholdGate | IntervalGate | RectangleGate | PolygonGate | QuadrantGate | EllipsoidGate


def inside(gate: Shape, columns: WellColumns) -> Mask:
    """Return which events the gate keeps, shape (events,), whatever its parent."""
    match gate:
        case ThresholdGate(side="above"):
            kept = _between(gate, columns, gate.channel, (gate.value, None))
            for channel, value in gate.spared.items():
                kept = kept | (channel_values(gate, columns, channel) >= value)
            return kept
        case ThresholdGate():
            return _between(gate, columns, gate.channel, (None, gate.value))
        case IntervalGate():
            return _between(gate, columns, gate.channel, (gate.low, gate.high))
        case RectangleGate():
            return _all([_between(gate, columns, channel, bounds) for channel, bounds in gate.bounds.items()])
        case QuadrantGate():
            sides = [(gate.x, gate.x_value, gate.keep[0]), (gate.y, gate.y_value, gate.keep[1])]
            bounds = [(channel, (v, None) if sign == "+" else (None, v)) for channel, v, sign in sides]
            return _all([_between(gate, columns, channel, ends) for channel, ends in bounds])
        case PolygonGate():
            return _in_polygon_gate(gate, columns)
        case EllipsoidGate():
            return _in_ellipsoid(gate, columns)


def _all(masks: Sequence[Mask]) -> Mask:
    result = masks[0]
    for mask in masks[1:]:
        result = result & mask
    return result


def _between(gate: Shape, columns: WellColumns, channel: str, bounds: tuple[float | None, float | None]) -> Mask:
    """Return low <= value < high on the raw scale; ends given on another scale are brought down first."""
    values = channel_values(gate, columns, channel)
    scale = axis_scale(gate, channel)
    low, high = (_raw_end(end, scale) for end in bounds)
    if low is None:
        return values < high if high is not None else ~np.isnan(values)
    return values >= low if high is None else (values >= low) & (values < high)


def _raw_end(end: float | None, scale: FixedScale | None) -> float | None:
    if end is None or not np.isfinite(end):
        return None
    return end if scale is None else float(raw_values([end], scale)[0])


def channel_values(gate: Shape, columns: WellColumns, channel: str) -> Array:
    """Return the raw values a gate reads for a channel: compensated as the gate says, or a ratio it defines."""
    compensation = gate.compensation.get(channel, OWN)
    if channel in gate.ratios:
        return columns.ratio(gate.ratios[channel], compensation)
    return columns.column(channel, compensation)


def axis_scale(gate: Shape, channel: str) -> FixedScale | None:
    """Return the scale a gate's numbers for a channel are given on; None for raw.

    Raises GateError where a scale is still a bare name: `resolve` fills in its numbers.
    """
    scale = gate.scales.get(channel, gate.scale if isinstance(gate, PolygonGate) else "raw")
    if isinstance(scale, str):
        if scale == "raw":
            return None
        raise GateError("a scale named without its numbers must be resolved before gating", scale, f"gate {gate.name}")
    return scale


def _in_polygon_gate(gate: PolygonGate, columns: WellColumns) -> Mask:
    """Test only the cells of the polygon's bounding box, which is found on the raw scale."""
    corners = np.asarray(gate.vertices, dtype=np.float64)
    axes = [
        (channel, channel_values(gate, columns, channel), axis_scale(gate, channel)) for channel in (gate.x, gate.y)
    ]
    box = np.ones(len(columns), dtype=bool)
    for (_, values, scale), ends in zip(axes, corners.T, strict=True):
        low, high = float(ends.min()), float(ends.max())
        if scale is None:
            box &= (values >= low) & (values <= high)
        else:
            near = raw_values([low, high], scale)
            slack = 1e-6 * (abs(near).max() + 1.0)  # inverses are exact to about 1e-12; the test itself decides
            box &= (values >= near[0] - slack) & (values <= near[1] + slack)
    held = np.flatnonzero(box)
    if 2 * held.size > box.size and all(scale is None for _, _, scale in axes):
        return points_in_polygon(axes[0][1], axes[1][1], corners)  # picking most cells out costs more than testing all
    x, y = (values[held] if scale is None else transformed_values(values[held], scale) for _, values, scale in axes)
    box[held] = points_in_polygon(x, y, corners)
    return box


def points_in_polygon(x: Array, y: Array, corners: NDArray[np.float64]) -> Mask:
    """Return which points lie inside by the even-odd rule, or on an edge (Gating-ML 2.0 counts edges in).

    An outline of many edges is first laid on a coarse grid: only points in cells that an edge crosses need the edges.
    """
    if len(corners) < MANY_EDGES or len(x) < GRID**2:
        return _by_edges(x, y, corners)
    low, high = corners.min(axis=0), corners.max(axis=0)
    scale = GRID / np.maximum(high - low, 1e-300)
    table = _grid(corners, low, scale)
    column, row = (
        np.clip((values - low[axis]) * scale[axis], 0, GRID - 1).astype(np.intp) for axis, values in enumerate((x, y))
    )
    cell = table[column * GRID + row]
    mixed = np.flatnonzero(cell == MIXED)
    inside_cell = (cell == INSIDE) & (x >= low[0]) & (x <= high[0]) & (y >= low[1]) & (y <= high[1])
    inside_cell[mixed] = _by_edges(x[mixed], y[mixed], corners)
    return np.asarray(inside_cell)


MANY_EDGES = 32
GRID = 64
OUTSIDE, INSIDE, MIXED = 0, 1, 2


def _grid(corners: NDArray[np.float64], low: NDArray[np.float64], scale: NDArray[np.float64]) -> NDArray[np.int8]:
    """Return what each cell of the bounding box is; `scale` is cells per unit, axis by axis.

    Edges are walked in steps of half a cell, and each step marks its cell and the eight around it: so no cell that an
    edge touches is missed. What is left is inside or outside as its middle is.
    """
    placed = (corners - low) * scale
    walked = np.concatenate([_walk(a, b) for a, b in zip(placed, np.roll(placed, -1, axis=0), strict=True)])
    table = np.full((GRID + 2, GRID + 2), OUTSIDE, dtype=np.int8)
    column, row = np.clip(walked.astype(np.intp), 0, GRID - 1).T + 1
    for across in (-1, 0, 1):
        for up in (-1, 0, 1):
            table[column + across, row + up] = MIXED
    table = np.ascontiguousarray(table[1:-1, 1:-1])
    middles = (np.arange(GRID) + 0.5) / scale[:, None] + low[:, None]
    columns, rows = np.nonzero(table != MIXED)
    table[columns, rows] = _by_edges(middles[0][columns], middles[1][rows], corners)
    return table.ravel()


def _walk(start: NDArray[np.float64], stop: NDArray[np.float64]) -> NDArray[np.float64]:
    steps = int(np.ceil(2 * np.abs(stop - start).max())) + 1
    return np.asarray(start + np.linspace(0, 1, steps + 1)[:, None] * (stop - start))


def _by_edges(x: Array, y: Array, corners: NDArray[np.float64]) -> Mask:
    """Test every point against every edge.

    A point is inside when a ray to its right crosses an odd number of edges; edges are half open in y, so a vertex is
    crossed once. On which side of an edge a point lies is the sign of a cross product. Shape (points,).
    """
    if _convex(corners):
        return _by_sides(x, y, corners)
    odd = np.zeros(len(x), dtype=bool)
    touching = np.zeros(len(x), dtype=bool)
    for start, stop in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        (x0, y0), (x1, y1) = sorted(((float(a), float(b)) for a, b in (start, stop)), key=lambda corner: corner[1])
        side = (x - x0) * (y1 - y0) - (y - y0) * (x1 - x0)
        if y1 > y0:
            odd ^= (side < 0) & (y >= y0) & (y < y1)
        on_line = side == 0
        if on_line.any():
            within = (y >= y0) & (y <= y1) & (x >= min(x0, x1)) & (x <= max(x0, x1))
            touching |= on_line & within
    return odd | touching


def _turns(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    along = np.roll(corners, -1, axis=0) - corners
    after = np.roll(along, -1, axis=0)
    return np.asarray(along[:, 0] * after[:, 1] - along[:, 1] * after[:, 0])


def _convex(corners: NDArray[np.float64]) -> bool:
    """Whether the outline always turns the same way, and once around in all."""
    turns = _turns(corners)
    if not ((turns > 0).all() or (turns < 0).all()):
        return False
    along = np.roll(corners, -1, axis=0) - corners
    angles = np.unwrap(np.arctan2(along[:, 1], along[:, 0]))
    return bool(abs(angles[-1] - angles[0]) < 2 * np.pi)


def _by_sides(x: Array, y: Array, corners: NDArray[np.float64]) -> Mask:
    """Keep the points on the inner side of every edge of a convex outline, or on it."""
    around = corners if _turns(corners)[0] > 0 else corners[::-1]
    kept = np.ones(len(x), dtype=bool)
    across, along = (
        np.empty_like(x),
        np.empty_like(y),
    )  # reused from edge to edge: making arrays costs more than filling
    for (x0, y0), (x1, y1) in zip(around.tolist(), np.roll(around, -1, axis=0).tolist(), strict=True):
        np.subtract(x, x0, out=across)
        np.subtract(y, y0, out=along)
        across *= y1 - y0
        along *= x1 - x0
        kept &= across <= along
    return kept


def _in_ellipsoid(gate: EllipsoidGate, columns: WellColumns) -> Mask:
    """Return (x - mean)' covariance^-1 (x - mean) <= distance_squared."""
    shown = []
    for channel in gate.channels:
        values, scale = channel_values(gate, columns, channel), axis_scale(gate, channel)
        shown.append(values.astype(np.float64) if scale is None else transformed_values(values, scale))
    centred = np.column_stack(shown) - np.asarray(gate.mean)
    solved = np.linalg.solve(np.asarray(gate.covariance), centred.T)
    return np.asarray(np.einsum("ij,ji->i", centred, solved) <= gate.distance_squared)

"""A well's gates as panels: the cells of each gate's parent on two axes, the gate's outline, and the share it keeps.

well -> GatedEvents (cytometry) -> one Panel per gate, on the scales the plate's controls resolved. Thresholds on
two channels that boolean gates combine share one panel with a number per quadrant.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assaykit.cytometry import GatedEvents, gate_events, transformed_values
from assaykit.plate import Plate, Well
from assaykit.protocol import (
    BooleanGate,
    EllipsoidGate,
    FixedGate,
    IntervalGate,
    LinearScale,
    PolygonGate,
    QuadrantGate,
    RectangleGate,
    ThresholdGate,
)
from assaykit.study import Assay, ResolvedPlate

Array = NDArray[np.float64]
Outline = tuple[tuple[float, ...], tuple[float, ...]]  # x and y of one line, on the panel's scales
MOST = 2500  # cells drawn per panel; an even sample of the rest


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of a panel: its channel, limits and ticks, all on the scale shown."""

    label: str
    limits: tuple[float, float]
    ticks: tuple[tuple[float, str], ...]


@dataclass(frozen=True, slots=True, eq=False)
class GatingPanel:
    """One gate drawn on its parent. `control` holds the values of the control cells where a control set the gate."""

    title: str
    events: int
    x: Array
    y: Array | None  # None: a histogram of x
    axes: tuple[Axis, Axis | None]
    outlines: tuple[Outline, ...]
    band: tuple[float, float] | None  # the interval of an estimated threshold on x
    marks: tuple[tuple[str, float, float], ...]  # words and place, as shares of the panel
    control: Array | None = None


def gating_panels(assay: Assay, plate: Plate, well: Well) -> tuple[GatingPanel, ...]:
    """Return the panels of a well; raises InputError where it cannot be read."""
    view = _View(assay, assay.resolved.get(plate.name, ResolvedPlate()), well, gate_events(assay, plate, well))
    return tuple(view.panels())


@dataclass(frozen=True, slots=True, eq=False)
class _View:
    assay: Assay
    resolved: ResolvedPlate
    well: Well
    gated: GatedEvents

    def panels(self) -> Iterator[GatingPanel]:
        """Yield one panel per gate, or per pair of thresholds that boolean gates combine."""
        done: set[str] = set()
        for gate in self.gated.gates:
            if gate.name in done or isinstance(gate, BooleanGate):
                continue
            partner, quadrants = self._quadrants(gate)
            if partner is not None and isinstance(gate, ThresholdGate):
                done.add(partner.name)
                yield self._quadrant_panel(gate, partner, quadrants)
            else:
                yield self._panel(gate)

    def _quadrants(self, gate: FixedGate) -> tuple[ThresholdGate | None, list[BooleanGate]]:
        """Return the threshold that boolean gates combine with this one, and those gates."""
        if not isinstance(gate, ThresholdGate):
            return None, []
        others = {
            g.name: g
            for g in self.gated.gates
            if isinstance(g, ThresholdGate) and g.parent == gate.parent and g.channel != gate.channel
        }
        for name, other in others.items():
            pair = {gate.name, name}
            combined = [g for g in self.gated.gates if isinstance(g, BooleanGate)]
            found = [g for g in combined if {part.removeprefix("not ") for part in g.of} == pair]
            if found:
                return other, found
        return None, []

    def _quadrant_panel(self, gate: ThresholdGate, other: ThresholdGate, found: list[BooleanGate]) -> GatingPanel:
        x, y = self._axis(gate.channel), self._axis(other.channel)
        at = (self._shown(gate.channel, gate.value), self._shown(other.channel, other.value))
        lines: tuple[Outline, ...] = (((at[0], at[0]), y.limits), (x.limits, (at[1], at[1])))
        marks = tuple((self._share(g), *_corner(g, gate, other)) for g in found)
        return self._drawn(gate, (gate.channel, other.channel), (x, y), lines, marks=marks)

    def _panel(self, gate: FixedGate) -> GatingPanel:
        match gate:
            case ThresholdGate() if gate.channel in gate.ratios:
                ratio = gate.ratios[gate.channel]
                axes = (self._axis(ratio.numerator), self._axis(ratio.denominator))
                ends = np.asarray([0.0, self._top(ratio.numerator)])
                heights = ends / gate.value
                line = (tuple(self._all(ratio.numerator, ends)), tuple(self._all(ratio.denominator, heights)))
                return self._drawn(gate, (ratio.numerator, ratio.denominator), axes, (line,))
            case ThresholdGate():
                return self._one_channel(gate, gate.channel, (gate.value,))
            case IntervalGate():
                return self._one_channel(gate, gate.channel, tuple(v for v in (gate.low, gate.high) if v is not None))
            case RectangleGate() if len(gate.bounds) == 1:
                ((channel, bounds),) = gate.bounds.items()
                return self._one_channel(gate, channel, tuple(v for v in bounds if v is not None and np.isfinite(v)))
            case _:
                return self._two_channels(gate)

    def _one_channel(self, gate: FixedGate, channel: str, values: Sequence[float]) -> GatingPanel:
        partner = "" if self._control(gate, channel) is not None else self._partner(channel)
        x = self._axis(channel)
        y = self._axis(partner) if partner else None
        limits = y.limits if y else (0.0, 1.25)
        lines: tuple[Outline, ...] = tuple(((s, s), limits) for s in (self._shown(channel, v) for v in values))
        return self._drawn(gate, (channel, partner), (x, y), lines, control=self._control(gate, channel))

    def _two_channels(self, gate: FixedGate) -> GatingPanel:
        channels = _channels(gate)
        partner = channels[1] if len(channels) > 1 else self._partner(channels[0])
        x, y = self._axis(channels[0]), self._axis(partner)
        lines = self._outline(gate, (channels[0], partner), (x, y))
        return self._drawn(gate, (channels[0], partner), (x, y), lines)

    def _outline(self, gate: FixedGate, channels: tuple[str, str], axes: tuple[Axis, Axis]) -> tuple[Outline, ...]:
        match gate:
            case RectangleGate():
                return (self._rectangle(gate, channels, axes),)
            case QuadrantGate():
                at = (self._shown(channels[0], gate.x_value), self._shown(channels[1], gate.y_value))
                return (((at[0], at[0]), axes[1].limits), (axes[0].limits, (at[1], at[1])))
            case PolygonGate():
                corners = np.asarray([*gate.vertices, gate.vertices[0]], dtype=float)
                if gate.scale != "raw" or gate.scales:
                    return ((tuple(corners[:, 0]), tuple(corners[:, 1])),)
                return ((tuple(self._all(channels[0], corners[:, 0])), tuple(self._all(channels[1], corners[:, 1]))),)
            case EllipsoidGate() if len(gate.channels) == 2:
                edge = _ellipse(gate)
                if gate.scales:
                    return ((tuple(edge[0]), tuple(edge[1])),)
                return ((tuple(self._all(channels[0], edge[0])), tuple(self._all(channels[1], edge[1]))),)
            case _:
                return ()

    def _rectangle(self, gate: RectangleGate, channels: tuple[str, str], axes: tuple[Axis, Axis]) -> Outline:
        edges = []
        for channel, axis in zip(channels, axes, strict=True):
            low, high = gate.bounds.get(channel, (None, None))
            ends = [-np.inf if low is None else low, np.inf if high is None else high]
            shown = [self._shown(channel, v) if np.isfinite(v) else v for v in ends]
            edges.append((max(shown[0], axis.limits[0]), min(shown[1], axis.limits[1])))
        (left, right), (bottom, top) = edges
        return (left, right, right, left, left), (bottom, bottom, top, top, bottom)

    def _drawn(
        self,
        gate: FixedGate,
        channels: tuple[str, str],
        axes: tuple[Axis, Axis | None],
        outlines: tuple[Outline, ...],
        *,
        marks: tuple[tuple[str, float, float], ...] = (),
        control: Array | None = None,
    ) -> GatingPanel:
        rows = np.flatnonzero(self.gated.masks[gate.parent])
        drawn = rows[:: max(1, len(rows) // MOST)]
        y = self._all(channels[1], self._raw(channels[1])[drawn]) if axes[1] is not None else None
        band = None
        if isinstance(gate, ThresholdGate) and gate.low is not None and gate.high is not None and not gate.ratios:
            values = self._raw(gate.channel)  # an interval's open end is drawn to the last cell
            low = gate.low if np.isfinite(gate.low) else float(min(values.min(initial=gate.value), gate.value))
            high = gate.high if np.isfinite(gate.high) else float(max(values.max(initial=gate.value), gate.value))
            band = (self._shown(gate.channel, low), self._shown(gate.channel, high))
        return GatingPanel(
            title="all events" if gate.parent == "all" else gate.parent.replace("_", " "),
            events=len(rows),
            x=self._all(channels[0], self._raw(channels[0])[drawn]),
            y=y,
            axes=axes,
            outlines=outlines,
            band=band,
            marks=marks or ((self._share(gate), 0.97, 0.95),),
            control=control,
        )

    def _share(self, gate: FixedGate) -> str:
        parent = int(self.gated.masks[gate.parent].sum())
        kept = int(self.gated.masks[gate.name].sum())
        percent = f"{100 * kept / parent:.1f}%" if parent else "no cells"
        return f"{gate.name.replace('_', ' ')}\n{percent}"

    def _control(self, gate: FixedGate, channel: str) -> Array | None:
        """Return the values of the control cells that set an FMO gate, on the scale shown."""
        kinds = {g.name: g.kind for g in self.assay.protocol.gates}
        key = self.resolved.serves.get(channel, {}).get(self.well.name, "")
        if kinds.get(gate.name) != "fmo" or key not in self.resolved.controls:
            return None
        cells = self.resolved.controls[key].quantiles.get(gate.parent, ())
        return self._all(channel, np.asarray(cells)) if cells else None

    def _partner(self, channel: str) -> str:
        """Return the scatter channel to set against `channel`: the first the file has of side and forward scatter."""
        held = set(self.gated.columns.names)
        side = [name for name in self.gated.events.names if name.upper().startswith(("SSC", "SS"))]
        choices = ["ssc_a", *side, "fsc_h" if channel == "fsc_a" else "fsc_a", "fsc_a"]
        return next((c for c in choices if c != channel and (c in held or c in side)), "")

    def _raw(self, channel: str) -> Array:
        return np.asarray(self.gated.columns.column(channel), dtype=float)

    def _all(self, channel: str, values: Array) -> Array:
        scale = self.resolved.scales.get(channel)
        return (
            transformed_values(values, scale)
            if scale is not None and not isinstance(scale, LinearScale)
            else values / 1e3
        )

    def _shown(self, channel: str, value: float) -> float:
        return float(self._all(channel, np.asarray([value]))[0])

    def _top(self, channel: str) -> float:
        return float(np.quantile(self._raw(channel), 0.998)) if len(self.gated.columns) else 1.0

    def _axis(self, channel: str) -> Axis:
        name = self.gated.columns.names.get(channel, channel)
        role = self.assay.protocol.channels.get(channel)
        marker = f"{role.marker} ({name})" if role is not None and role.marker and role.marker != name else name
        if channel in self.resolved.scales and not isinstance(self.resolved.scales[channel], LinearScale):
            cells = self._all(channel, self._raw(channel))
            low = float(np.quantile(cells, 0.002)) if len(cells) else 0.0
            powers = ((0.0, "0"), (1e2, "10²"), (1e3, "10³"), (1e4, "10⁴"), (1e5, "10⁵"))
            ticks = tuple((self._shown(channel, value), text) for value, text in powers)
            clear = tuple(t for i, t in enumerate(ticks) if i == 0 or t[0] - ticks[0][0] > 0.07)
            return Axis(marker, (low - 0.05, 1.0), clear)
        top = 1.15 * self._top(channel) / 1e3
        step = 10 ** np.floor(np.log10(top)) if top > 0 else 1.0
        step = step / 2 if top / step < 2 else step * 2 if top / step > 5 else step
        ticks = tuple((float(v), f"{v:g}") for v in np.arange(0, top, step))
        return Axis(f"{marker} (×10³)", (0.0, max(top, 1e-3)), ticks)


def _corner(gate: BooleanGate, x: ThresholdGate, y: ThresholdGate) -> tuple[float, float]:
    """Return where in the panel a quadrant's words stand: in its corner."""
    high_x = (f"not {x.name}" not in gate.of) == (x.side == "above")
    high_y = (f"not {y.name}" not in gate.of) == (y.side == "above")
    return 0.97 if high_x else 0.03, 0.95 if high_y else 0.13


def _channels(gate: FixedGate) -> tuple[str, ...]:
    match gate:
        case RectangleGate():
            return tuple(gate.bounds)
        case PolygonGate() | QuadrantGate():
            return gate.x, gate.y
        case EllipsoidGate():
            return gate.channels
        case ThresholdGate() | IntervalGate():
            return (gate.channel,)
        case BooleanGate():
            return ()


def _ellipse(gate: EllipsoidGate) -> Array:
    """Return the edge of a two-channel ellipsoid gate, 2 x 100."""
    angle = np.linspace(0, 2 * np.pi, 100)
    root = np.linalg.cholesky(np.asarray(gate.covariance))
    circle = np.sqrt(gate.distance_squared) * np.vstack([np.cos(angle), np.sin(angle)])
    return np.asarray(root @ circle + np.asarray(gate.mean)[:, None])

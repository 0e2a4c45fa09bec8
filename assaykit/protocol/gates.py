"""Gates as written in a protocol: fixed shapes, and shapes estimated once from controls.

Every gate names the population it keeps (`name`), the population it is drawn on (`parent`, "all" for every event)
and the channel roles it reads. `resolve` replaces each estimated gate by a fixed one.
Geometry follows Gating-ML 2.0 (ISAC 2013): intervals are closed below and open above.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator


class ScaleModel(BaseModel):
    """What every scale has: the value `top` that it shows at 1 (the T of Gating-ML)."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    top: float = Field(default=262144.0, gt=0)


class LinearScale(ScaleModel):
    """Show (x + negative) / (top + negative): Gating-ML flin with A = `negative`."""

    kind: Literal["linear"] = "linear"
    negative: float = 0.0


class LogScale(ScaleModel):
    """Show log10(x / top) / decades + 1: Gating-ML flog with M = `decades`."""

    kind: Literal["log"] = "log"
    decades: float = Field(default=4.5, gt=0)


class ArcsinhScale(ScaleModel):
    """Gating-ML fasinh with M = `decades` and A = `negative_decades`."""

    kind: Literal["arcsinh"] = "arcsinh"
    decades: float = Field(default=4.5, gt=0)
    negative_decades: float = 0.0


class LogicleScale(ScaleModel):
    """Logicle of Moore & Parks 2012 (10.1002/cyto.a.22030) with W = `width`, M = `decades`, A = `negative_decades`."""

    kind: Literal["logicle"] = "logicle"
    width: float = Field(default=0.5, ge=0)
    decades: float = Field(default=4.5, gt=0)
    negative_decades: float = 0.0

    @model_validator(mode="after")
    def _defined(self) -> LogicleScale:
        _refuse_undefined(self)
        return self


class HyperlogScale(ScaleModel):
    """Hyperlog of Bagwell 2005 (10.1002/cyto.a.20114) as Gating-ML 2.0 writes it."""

    kind: Literal["hyperlog"] = "hyperlog"
    width: float = Field(default=0.5, gt=0)
    decades: float = Field(default=4.5, gt=0)
    negative_decades: float = 0.0

    @model_validator(mode="after")
    def _defined(self) -> HyperlogScale:
        _refuse_undefined(self)
        return self


def _refuse_undefined(scale: LogicleScale | HyperlogScale) -> None:
    """Raise where W and A leave what Gating-ML 2.0 (6.4, 6.5) defines: 2 W <= M and -W <= A <= M - 2 W."""
    spare = scale.decades - 2 * scale.width
    if spare < 0 or not -scale.width <= scale.negative_decades <= spare:
        raise ValueError("2 width must be at most decades, and negative_decades from -width to decades - 2 width")


FixedScale = Annotated[
    LinearScale | LogScale | ArcsinhScale | LogicleScale | HyperlogScale,
    Field(discriminator="kind"),
]
ScaleName = Literal["raw", "linear", "log", "arcsinh", "logicle", "hyperlog"]
"""A scale by name alone: `resolve` fills in its numbers from the plate ("raw" asks for none)."""


class Ratio(BaseModel):
    """A channel formed of two: slope * (numerator - offset) / (denominator - base), the fratio of Gating-ML."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    numerator: str
    denominator: str
    slope: float = 1.0
    offset: float = 0.0
    base: float = 0.0


class GateModel(BaseModel):
    """What every gate has."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    parent: str = "all"


class ShapeModel(GateModel):
    """What every gate with numbers of its own has: the scale they are given on, channel by channel.

    `scales` names a scale for a channel ("raw" where absent). `compensation` marks a channel "uncompensated", or
    names another matrix; absent, the protocol's compensation holds. `ratios` defines channels formed of two others.
    """

    scales: dict[str, FixedScale | ScaleName] = Field(default_factory=dict)
    compensation: dict[str, str] = Field(default_factory=dict)
    ratios: dict[str, Ratio] = Field(default_factory=dict)


class ThresholdGate(ShapeModel):
    """Keep cells at or above (or below) a value, on the compensated raw scale unless `scales` says otherwise.

    Above, cells stay as well that reach one of the values of `spared`, channel by channel, on the raw scale.
    """

    kind: Literal["threshold"] = "threshold"
    channel: str
    value: float
    side: Literal["above", "below"] = "above"
    spared: dict[str, float] = Field(default_factory=dict)
    low: float | None = None  # interval of an estimated value
    high: float | None = None


class IntervalGate(ShapeModel):
    """Keep cells with low <= value < high; either end may be open."""

    kind: Literal["interval"] = "interval"
    channel: str
    low: float | None = None
    high: float | None = None


def _open_ended(bounds: object) -> object:
    """Write an open end as an infinity, which TOML has, where None stood."""
    if isinstance(bounds, (tuple, list)) and len(bounds) == 2:
        low, high = bounds
        return (float("-inf") if low is None else low, float("inf") if high is None else high)
    return bounds


class RectangleGate(ShapeModel):
    """Keep cells inside an interval on every channel named; -inf and inf leave an end open."""

    kind: Literal["rectangle"] = "rectangle"
    bounds: dict[str, Annotated[tuple[float, float], BeforeValidator(_open_ended)]] = Field(min_length=1)


class PolygonGate(ShapeModel):
    """Keep cells inside a polygon (even-odd rule), on the scale named; `scales` says it axis by axis."""

    kind: Literal["polygon"] = "polygon"
    x: str
    y: str
    vertices: tuple[tuple[float, float], ...] = Field(min_length=3)
    scale: ScaleName = "raw"


class QuadrantGate(ShapeModel):
    """Keep one quadrant: `keep` gives the sign on x then on y."""

    kind: Literal["quadrant"] = "quadrant"
    x: str
    y: str
    x_value: float
    y_value: float
    keep: Literal["++", "+-", "-+", "--"]


class EllipsoidGate(ShapeModel):
    """Keep cells within a Mahalanobis distance of a mean, in any number of channels."""

    kind: Literal["ellipsoid"] = "ellipsoid"
    channels: tuple[str, ...] = Field(min_length=1)
    mean: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]
    distance_squared: float

    @model_validator(mode="after")
    def _square(self) -> EllipsoidGate:
        size = len(self.channels)
        if len(self.mean) != size or len(self.covariance) != size or any(len(row) != size for row in self.covariance):
            msg = f"mean and covariance must match the {size} channels"
            raise ValueError(msg)
        return self


class BooleanGate(GateModel):
    """Combine other populations; "not cd90" in `of` takes one as its complement."""

    kind: Literal["boolean"] = "boolean"
    operation: Literal["and", "or", "not"]
    of: tuple[str, ...] = Field(min_length=1)


class EstimatedModel(GateModel):
    """What every gate estimated from data has: the share of its parent that it may plausibly keep over a plate.

    Outside of it the gate cannot be trusted, and no number that rests on it is interpreted.
    """

    plausible: tuple[float, float] = (0.0, 1.0)


class DebrisGate(EstimatedModel):
    """Estimate where debris ends on forward scatter, per plate.

    `spares` names the dyes of dying cells: an event that carries one of them is no debris, whatever its size.
    """

    kind: Literal["debris"] = "debris"
    channel: str = "fsc_a"
    method: Literal["valley", "mixture"] = "valley"
    spares: tuple[str, ...] = ()
    plausible: tuple[float, float] = (0.2, 1.0)


class SingletGate(EstimatedModel):
    """Keep area/height < median + `mads` x MAD, estimated per plate."""

    kind: Literal["singlets"] = "singlets"
    area: str = "fsc_a"
    height: str = "fsc_h"
    mads: float = 4.0
    plausible: tuple[float, float] = (0.5, 1.0)


class ViabilityGate(EstimatedModel):
    """Keep cells below the valley of a dead-cell dye, or below where a dead-cell control begins."""

    kind: Literal["viability"] = "viability"
    channel: str = "viability"
    method: Literal["valley", "dead_control"] = "valley"
    plausible: tuple[float, float] = (0.02, 1.0)


class FmoGate(EstimatedModel):
    """Keep cells above a percentile of the FMO wells, per plate and, where asked, per treatment."""

    kind: Literal["fmo"] = "fmo"
    channel: str
    percentile: float = Field(default=99.0, gt=0, lt=100)
    per: Literal["plate", "treatment"] = "plate"


class ControlGate(EstimatedModel):
    """Keep cells above (below) a percentile of control wells of the roles or treatment named.

    With control "reference" (untreated wells, which hold some positives of their own) the percentile is that of the
    negative peak: its mode and the spread of its lower half. With "single_stain" the wells stained with another dye
    serve; wells stained with this one do not.
    """

    kind: Literal["control"] = "control"
    channel: str
    percentile: float = Field(default=99.0, gt=0, lt=100)
    side: Literal["above", "below"] = "above"
    control: Literal["unstained", "single_stain", "reference", "isotype"] = "unstained"


class ValleyGate(EstimatedModel):
    """Keep cells above (below) the density valley between the negative and the positive cells, per plate."""

    kind: Literal["valley"] = "valley"
    channel: str
    side: Literal["above", "below"] = "above"


Gate = Annotated[
    ThresholdGate
    | IntervalGate
    | RectangleGate
    | PolygonGate
    | QuadrantGate
    | EllipsoidGate
    | BooleanGate
    | DebrisGate
    | SingletGate
    | ViabilityGate
    | FmoGate
    | ControlGate
    | ValleyGate,
    Field(discriminator="kind"),
]
FixedGate = ThresholdGate | IntervalGate | RectangleGate | PolygonGate | QuadrantGate | EllipsoidGate | BooleanGate


def gate_axes(gate: Gate) -> tuple[str, ...]:
    """Return the axes a gate is drawn on, each a channel role or a ratio that the gate defines; none for a boolean.

    >>> gate_axes(SingletGate(name="singlets"))
    ('fsc_a', 'fsc_h')
    """
    match gate:
        case BooleanGate():
            return ()
        case RectangleGate():
            return tuple(gate.bounds)
        case PolygonGate() | QuadrantGate():
            return gate.x, gate.y
        case EllipsoidGate():
            return gate.channels
        case SingletGate():
            return gate.area, gate.height
        case _:
            return (gate.channel,)


def gate_channels(gate: Gate) -> tuple[str, ...]:
    """Return the channel roles a gate reads, in the order it names them; a ratio counts as the two it is formed of.

    >>> ratio = Ratio(numerator="fsc_a", denominator="fsc_h")
    >>> gate_channels(ThresholdGate(name="single", channel="a/h", value=1.3, ratios={"a/h": ratio}))
    ('fsc_a', 'fsc_h')
    """
    ratios: dict[str, Ratio] = getattr(gate, "ratios", {})
    pairs = (
        (ratios[axis].numerator, ratios[axis].denominator) if axis in ratios else (axis,) for axis in gate_axes(gate)
    )
    return tuple(channel for pair in pairs for channel in pair)

"""Gates as written in a protocol: fixed shapes, and shapes estimated once from controls.

Every gate names the population it keeps (`name`), the population it is drawn on (`parent`, "all" for every event)
and the channel roles it reads. `resolve` replaces each estimated gate by a fixed one.
Geometry follows Gating-ML 2.0 (ISAC 2013): intervals are closed below and open above.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class GateModel(BaseModel):
    """What every gate has."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    parent: str = "all"


class ThresholdGate(GateModel):
    """Keep cells at or above (or below) a value, on the compensated raw scale."""

    kind: Literal["threshold"] = "threshold"
    channel: str
    value: float
    side: Literal["above", "below"] = "above"
    low: float | None = None  # interval of an estimated value
    high: float | None = None


class IntervalGate(GateModel):
    """Keep cells with low <= value < high; either end may be open."""

    kind: Literal["interval"] = "interval"
    channel: str
    low: float | None = None
    high: float | None = None


class RectangleGate(GateModel):
    """Keep cells inside an interval on every channel named."""

    kind: Literal["rectangle"] = "rectangle"
    bounds: dict[str, tuple[float | None, float | None]]


class PolygonGate(GateModel):
    """Keep cells inside a polygon (even-odd rule), on the scale named."""

    kind: Literal["polygon"] = "polygon"
    x: str
    y: str
    vertices: tuple[tuple[float, float], ...] = Field(min_length=3)
    scale: Literal["raw", "logicle", "arcsinh", "log"] = "raw"


class QuadrantGate(GateModel):
    """Keep one quadrant: `keep` gives the sign on x then on y."""

    kind: Literal["quadrant"] = "quadrant"
    x: str
    y: str
    x_value: float
    y_value: float
    keep: Literal["++", "+-", "-+", "--"]


class EllipsoidGate(GateModel):
    """Keep cells within a Mahalanobis distance of a mean, in any number of channels."""

    kind: Literal["ellipsoid"] = "ellipsoid"
    channels: tuple[str, ...]
    mean: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]
    distance_squared: float


class BooleanGate(GateModel):
    """Combine other populations."""

    kind: Literal["boolean"] = "boolean"
    operation: Literal["and", "or", "not"]
    of: tuple[str, ...]


class DebrisGate(GateModel):
    """Estimate where debris ends on forward scatter, per plate."""

    kind: Literal["debris"] = "debris"
    channel: str = "fsc_a"
    method: Literal["valley", "mixture"] = "valley"


class SingletGate(GateModel):
    """Keep area/height < median + `mads` x MAD, estimated per plate."""

    kind: Literal["singlets"] = "singlets"
    area: str = "fsc_a"
    height: str = "fsc_h"
    mads: float = 4.0


class ViabilityGate(GateModel):
    """Keep cells below the valley of a dead-cell dye, or below a percentile of live control cells."""

    kind: Literal["viability"] = "viability"
    channel: str = "viability"
    method: Literal["valley", "dead_control"] = "valley"


class FmoGate(GateModel):
    """Keep cells above a percentile of the FMO wells, per plate and, where asked, per treatment."""

    kind: Literal["fmo"] = "fmo"
    channel: str
    percentile: float = 99.0
    per: Literal["plate", "treatment"] = "plate"


class ControlGate(GateModel):
    """Keep cells above (below) a percentile of control wells of the roles or treatment named."""

    kind: Literal["control"] = "control"
    channel: str
    percentile: float = 99.0
    side: Literal["above", "below"] = "above"
    control: Literal["unstained", "single_stain", "reference", "isotype"] = "unstained"


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
    | ControlGate,
    Field(discriminator="kind"),
]
FixedGate = ThresholdGate | IntervalGate | RectangleGate | PolygonGate | QuadrantGate | EllipsoidGate | BooleanGate

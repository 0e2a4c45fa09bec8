"""Gates of FlowCytometryTools as ours: `population -> its gate object` becomes our gates, each drawn on every event.

FlowCytometryTools gates what a file holds, uncompensated. A channel it does not show as it is, it shows as hlog.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from assaykit.cytometry import COMPLEMENT
from assaykit.errors import GateError
from assaykit.protocol import (
    BooleanGate,
    FixedGate,
    FixedScale,
    HyperlogScale,
    IntervalGate,
    PolygonGate,
    QuadrantGate,
    ScaleName,
    ThresholdGate,
)

TOP = 262144.0
"""The top of a channel (2^18) where nothing says it, as FlowCytometryTools has it."""
EVERY = "*"
"""Stands for all channels in a mapping from channel to scale."""
SHAPES = ("ThresholdGate", "IntervalGate", "QuadGate", "PolyGate")
_KEEPS = {"top right": "++", "top left": "-+", "bottom left": "--", "bottom right": "+-"}
_LEAST_B = math.e * math.log(10.0)


@dataclass(frozen=True, slots=True)
class Hlog:
    """FlowCytometryTools' hlog of one channel: y with sign(y) (10^(d |y| / r) - 1) + b d y / r = x.

    `top` is the channel's range, 10^d. The default is what `transform("hlog")` takes.
    """

    b: float = 500.0
    r: float = 1e4
    top: float = TOP

    @property
    def decades(self) -> float:
        """d: the decades from 1 to the top."""
        return math.log10(self.top)

    def raw(self, shown: float) -> float:
        """Return the raw value shown as `shown`.

        >>> round(Hlog().raw(1e4) / 262144 - 500 * Hlog().decades / 262144, 3)
        1.0
        """
        decades = abs(shown) * self.decades / self.r
        return math.copysign(10.0**decades - 1.0 + self.b * decades, shown)

    def scale(self) -> HyperlogScale:
        """Return Gating-ML's hyperlog of the same shape, which shows `shown` of ours at `position(shown)`.

        Gating-ML 2.0, 6.5 (Bagwell 2005, 10.1002/cyto.a.20114): with A = 0 and M = d, its hyperlog about the place x1
        of zero, u = y - x1, is a constant times sign(u) (10^(d |u|) - 1) + 10^W d u / W. This is hlog with u = y / r
        where 10^W / W = b, whose smaller root is W = -W0(-ln 10 / b) / ln 10 (Corless 1996, 10.1007/BF02124750); and
        the constant is 1 where T is the raw value at y = 1. Raises GateError for b below e ln 10, which has no root.
        """
        from scipy.special import lambertw

        if self.b < _LEAST_B:
            raise GateError(f"b of hlog must be at least {_LEAST_B:.2f}", f"{self.b:g}", "", "draw the gates again")
        width = float(-lambertw(-math.log(10.0) / self.b).real / math.log(10.0))
        zero = width / self.decades
        return HyperlogScale(top=self.raw(self.r * (1.0 - zero)), width=width, decades=self.decades)

    def position(self, shown: float) -> float:
        """Return where `scale` shows what hlog shows as `shown`."""
        return self.scale().width / self.decades + shown / self.r


def gates_from_fc_gates(gates: Mapping[str, Any], *, hlog: Mapping[str, Hlog] | None = None) -> tuple[FixedGate, ...]:
    """Return our gates of FlowCytometryTools gate objects, given by the population each keeps; parts before composites.

    `hlog` names the channels whose data the gates were drawn on as hlog shows them: thresholds come down to raw values,
    polygons keep the scale. Channels are named as in its data. A gate of region "out" becomes the complement of a
    further gate, NAME_in. Raises GateError for an object that is no gate, and for two gates of one name.
    """
    converter = _Converter(hlog or {}, {id(gate): name for name, gate in gates.items()})
    for name, gate in gates.items():
        converter.add(gate, name)
    return tuple(converter.found.values())


@dataclass(frozen=True, slots=True)
class _Converter:
    """Gates as they are found: each name once, and what a composite is made of before it."""

    hlog: Mapping[str, Hlog]
    names: dict[int, str]  # id of a gate object -> the name it was given
    found: dict[str, FixedGate] = field(default_factory=dict)

    def add(self, gate: Any, name: str = "") -> str:
        """Add a gate and return the population it keeps."""
        kind = type(gate).__name__
        if kind == "CompositeGate":
            return self._composite(gate, name or self.names.get(id(gate), ""))
        if kind not in SHAPES:
            raise GateError("a gate must be one of FlowCytometryTools", f"a {kind}", name)
        name = name or self.names.get(id(gate)) or population_name(str(gate.name))
        outside = gate.region == "out"
        self._keep(self._shape(gate, kind, f"{name}_in" if outside else name))
        if outside:
            self._keep(BooleanGate(name=name, operation="not", of=(f"{name}_in",)))
        return name

    def _shape(self, gate: Any, kind: str, name: str) -> FixedGate:
        channels = [str(channel) for channel in gate.channels]
        if kind == "PolyGate":
            x, y = channels
            shown = {channel: hlog for channel in channels if (hlog := self._hlog(channel)) is not None}
            axes = np.asarray(gate.vert, dtype=float).T
            placed = [
                [shown[channel].position(end) for end in ends] if channel in shown else ends
                for channel, ends in zip(channels, axes.tolist(), strict=True)
            ]
            scales: dict[str, FixedScale | ScaleName] = {channel: hlog.scale() for channel, hlog in shown.items()}
            return PolygonGate(name=name, x=x, y=y, vertices=tuple(zip(*placed, strict=True)), scales=scales)
        ends = [float(end) for end in np.atleast_1d(gate.vert)]
        if kind == "ThresholdGate":
            value = self._raw(channels[0], ends[0])
            return ThresholdGate(name=name, channel=channels[0], value=value, side=gate.region)
        if kind == "IntervalGate":
            low, high = (self._raw(channels[0], end) for end in ends)
            # Its intervals hold their upper end, ours do not: the next number that a file's floats can be.
            above = float(np.nextafter(np.float32(high), np.float32(np.inf)))
            return IntervalGate(name=name, channel=channels[0], low=low, high=above)
        x, y = channels
        values = {"x_value": self._raw(x, ends[0]), "y_value": self._raw(y, ends[1])}
        return QuadrantGate.model_validate({"name": name, "x": x, "y": y, "keep": _KEEPS[gate.region], **values})

    def _composite(self, gate: Any, name: str) -> str:
        """Add what `&`, `|`, `^` and `~` made of gates; a complement that has no name of its own stays an operand."""
        parts = [self.add(part) for part in gate.gates]
        if gate.how == "invert":
            if not name and not parts[0].startswith(COMPLEMENT):
                return f"{COMPLEMENT}{parts[0]}"
            name = name or f"not_{population_name(parts[0])}"
            self._keep(BooleanGate(name=name, operation="not", of=(self._population(parts[0]),)))
            return name
        name = name or population_name(f" {gate.how} ".join(parts))
        if gate.how == "xor":
            first, second = map(self._population, parts)
            alone = (f"{name}_{first}_alone", f"{name}_{second}_alone")
            for kept, one, other in zip(alone, (first, second), (second, first), strict=True):
                self._keep(BooleanGate(name=kept, operation="and", of=(one, f"{COMPLEMENT}{other}")))
            self._keep(BooleanGate(name=name, operation="or", of=alone))
        else:
            self._keep(BooleanGate(name=name, operation="and" if gate.how == "and" else "or", of=tuple(parts)))
        return name

    def _population(self, part: str) -> str:
        """Return an operand as a population: a complement is given a name."""
        if part.startswith(COMPLEMENT):
            name = population_name(part)
            self._keep(BooleanGate(name=name, operation="not", of=(part.removeprefix(COMPLEMENT),)))
            return name
        return part

    def _hlog(self, channel: str) -> Hlog | None:
        return self.hlog.get(channel, self.hlog.get(EVERY))

    def _raw(self, channel: str, shown: float) -> float:
        hlog = self._hlog(channel)
        return shown if hlog is None else hlog.raw(shown)

    def _keep(self, gate: FixedGate) -> None:
        if self.found.setdefault(gate.name, gate) != gate:
            raise GateError("two gates must have two names", f"'{gate.name}' twice", "", "rename one")


def population_name(name: str, otherwise: str = "gate") -> str:
    """Return a name as a population may have it."""
    return re.sub(r"\W+", "_", name).strip("_") or otherwise

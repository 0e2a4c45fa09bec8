"""`WellColumns`: the channels of one well by role, each compensated when first asked for.

Events (events x channels) -> one contiguous array per role. Only the detectors that a compensated channel draws on
are touched, and a channel no gate reads is never made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from assaykit.cytometry.compensation import inverse
from assaykit.errors import CompensationError, GateError
from assaykit.fcs import Channel, Events
from assaykit.protocol import Ratio
from assaykit.study import Spillover

Array = NDArray[np.floating]
BEYOND, MOST_BEYOND, LOOKED_AT = 1.01, 0.01, 5_000
"""A range that is exceeded by this factor, in more than this share of some thousand events, is not the detector's."""
OWN = ""
"""The compensation that holds where a gate names none."""
RAW = "uncompensated"


@dataclass(frozen=True, slots=True, eq=False)
class WellColumns:
    """Channels by role. `matrices` holds further spillovers that imported gates name; "" is the well's own."""

    events: Events
    names: Mapping[str, str]  # role -> $PnN; a name that is no role stands for itself
    matrices: Mapping[str, Spillover] = field(default_factory=dict)
    ratios: Mapping[str, Ratio] = field(default_factory=dict)
    _cache: dict[tuple[str, str], Array] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.events)

    def column(self, role: str, compensation: str = OWN) -> Array:
        """Return the values of a role, shape (events,); raises GateError for a role the file does not have."""
        key = (role, compensation)
        if key not in self._cache:
            self._cache[key] = self._make(role, compensation)
        return self._cache[key]

    def saturation(self, role: str) -> float:
        """Return the value from which the detector of a role is saturated, a little less as float32 rounds.

        Infinite where the file says no range, or one that many of its own events exceed: then it is not the detector's.
        """
        position = self.events.names.index(self.names.get(role, role))
        channel, values = (
            self.events.channels[position],
            self.events.values[:: max(1, len(self) // LOOKED_AT), position],
        )
        beyond = np.count_nonzero(values > BEYOND * channel.top)
        return channel.saturation * 0.9999 if channel.saturation > 0 and beyond <= MOST_BEYOND * values.size else np.inf

    def ratio(self, ratio: Ratio, compensation: str = OWN) -> Array:
        """Return slope * (numerator - offset) / (denominator - base); a zero denominator gives inf or nan."""
        top = self.column(ratio.numerator, compensation) - ratio.offset
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(ratio.slope * top / (self.column(ratio.denominator, compensation) - ratio.base))

    def _make(self, role: str, compensation: str) -> Array:
        name = self.names.get(role, role)
        spillover = self.matrices.get(compensation) if compensation != RAW else None
        if spillover is None or name not in (spillover.dyes or spillover.detectors):
            return self._raw(name)
        self._compensate(spillover, compensation, also=role)
        return self._cache[role, compensation]

    def _compensate(self, spillover: Spillover, compensation: str, *, also: str) -> None:
        """Make every role the matrix compensates in one product: the detectors are passed over once."""
        dyes = spillover.dyes or spillover.detectors
        roles = [role for role in {**self.names, also: ""} if self.names.get(role, role) in dyes]
        weights = inverse(spillover)[:, [dyes.index(self.names.get(role, role)) for role in roles]]
        used = np.flatnonzero(weights.any(axis=1))
        values = self.events.values
        full = np.zeros((values.shape[1], len(roles)), dtype=values.dtype)
        full[self._positions(spillover, used)] = weights[used]
        with np.errstate(invalid="ignore", over="ignore"):  # events without a number have none in any channel
            made = full.T @ values.T
        for role, column in zip(roles, made, strict=True):
            self._cache[role, compensation] = column

    def _raw(self, name: str) -> Array:
        try:
            position = self.events.names.index(name)
            return as_doubles(np.ascontiguousarray(self.events.values[:, position]), self.events.channels[position])
        except ValueError:
            raise GateError(
                "a gate must read channels of the file", f"'{name}'; the file has {', '.join(self.events.names)}"
            ) from None

    def _positions(self, spillover: Spillover, used: NDArray[np.intp]) -> list[int]:
        names = self.events.names
        absent = [spillover.detectors[i] for i in used if spillover.detectors[i] not in names]
        if absent:
            raise CompensationError(
                "every detector of the spillover matrix must be in the file",
                f"no {', '.join(absent)}",
                spillover.source,
            )
        return [names.index(spillover.detectors[i]) for i in used]


def as_doubles(values: Array, channel: Channel) -> Array:
    """Return integers that a gain or a log amplifier scaled as doubles, others as they are.

    A gate set between two of them may part what float32 holds equal: 257 / 3.67 is below 70.02725 by two millionths.
    """
    if values.dtype != np.float32 or (channel.gain in {0.0, 1.0} and not channel.log_decades):
        return values
    decades = channel.log_decades / channel.range
    doubles = values.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        exact = np.log10(doubles / channel.log_offset) / decades if decades else doubles * channel.gain
    stored = np.rint(exact)
    if not np.allclose(exact, stored, rtol=1e-6, atol=1e-3):
        return values  # measured as floats: nothing to restore
    return np.asarray(channel.log_offset * 10.0 ** (decades * stored) if decades else stored / channel.gain)

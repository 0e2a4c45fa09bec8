"""`Columns`: the channels of one well by role, each compensated when first asked for.

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
from assaykit.fcs.events import Events
from assaykit.protocol.gates import Ratio
from assaykit.study.model import Spillover

Array = NDArray[np.floating]
OWN = ""
"""The compensation that holds where a gate names none."""
RAW = "uncompensated"


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Channels by role. `matrices` holds further spillovers that imported gates name; "" is the well's own."""

    events: Events
    names: Mapping[str, str]  # role -> $PnN; a name that is no role stands for itself
    matrices: Mapping[str, Spillover] = field(default_factory=dict)
    ratios: Mapping[str, Ratio] = field(default_factory=dict)
    _made: dict[tuple[str, str], Array] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.events)

    def column(self, role: str, compensation: str = OWN) -> Array:
        """Return the values of a role, shape (events,); raises GateError for a role the file does not have."""
        key = (role, compensation)
        if key not in self._made:
            self._made[key] = self._make(role, compensation)
        return self._made[key]

    def ratio(self, ratio: Ratio, compensation: str = OWN) -> Array:
        """Return slope * (numerator - offset) / (denominator - base); a zero denominator gives inf or nan."""
        top = self.column(ratio.numerator, compensation) - ratio.offset
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(ratio.slope * top / (self.column(ratio.denominator, compensation) - ratio.base))

    def _make(self, role: str, compensation: str) -> Array:
        name = self.names.get(role, role)
        spillover = self.matrices.get(compensation) if compensation != RAW else None
        dyes = (spillover.dyes or spillover.detectors) if spillover else ()
        if spillover is None or name not in dyes:
            return self._raw(name)
        weights = inverse(spillover)[:, dyes.index(name)]
        used = np.flatnonzero(weights)
        return _weighted(self.events.values, self._positions(spillover, used), weights[used])

    def _raw(self, name: str) -> Array:
        try:
            return np.ascontiguousarray(self.events.values[:, self.events.names.index(name)])
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


def _weighted(values: Array, positions: list[int], weights: NDArray[np.float64]) -> Array:
    """Return the weighted sum of columns, by one product with a weight per column of the table (0 where unused)."""
    full = np.zeros(values.shape[1], dtype=values.dtype)
    full[positions] = weights
    return np.asarray(values @ full)

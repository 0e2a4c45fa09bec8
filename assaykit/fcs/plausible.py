"""Plausibility: whether bytes read as events of a layout look like measurements.

Bytes read one off, or in the wrong order, give floats of wild exponents and integers far beyond $PnR. Only arbitration
asks, so the usual file is never sampled.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from assaykit.fcs.columns import decoder
from assaykit.fcs.layouts import Field, Layout
from assaykit.fcs.source import Source

SAMPLE = 256  # events
_FAINTEST, _FURTHEST = 1e-6, 1e9


def plausibility(source: Source, layout: Layout, *, begin: int, ranges: Sequence[float]) -> float | None:
    """Return the fraction of the first values at `begin` that could be measurements, None where none could tell.

    A float is plausible if it is 0, or its size lies between 1e-6 and 1e9 or 1000 x $PnR. An integer tells only where
    $PnR leaves bits unused.
    """
    if layout.width == 0 or layout.width % 8 or any(field.bits % 8 or field.kind == "A" for field in layout.fields):
        return None
    width = layout.width // 8
    raw = source.read(begin, begin + min(SAMPLE * width, 1 << 20))
    count = len(raw) // width
    if count == 0:
        return 0.0
    block = np.frombuffer(raw + bytes(8), np.uint8)
    votes = [
        _plausible(field, decoder(field, layout.order)(block, width, count), top)
        for field, top in zip(layout.fields, ranges, strict=True)
    ]
    told = [vote for vote in votes if vote is not None]
    return float(np.mean(told)) if told else None


def _plausible(field: Field, column: np.ndarray, top: float) -> float | None:
    if field.kind == "I":
        if field.mask is None:
            return None
        return float(np.mean(column <= field.mask))
    with np.errstate(all="ignore"):
        size = np.abs(column.astype(np.float64))
        return float(np.mean((size == 0) | ((size > _FAINTEST) & (size < max(_FURTHEST, 1000 * top)))))

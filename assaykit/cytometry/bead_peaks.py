"""The populations of a bead mixture, found without knowing the lot: events are split wherever a channel parts them.

events x channels -> split at every clear valley of the calibrated channel -> within each part, at the valleys of the
other channels, where both sides differ in the calibrated one too -> medians, those at the end of the range marked

Dim beads overlap in one channel and part in another: all channels together resolve what one cannot, as FlowCal's
mixture does (Castillo-Hair 2016, 10.1021/acssynbio.5b00284).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from assaykit.errors import GateError

Array = NDArray[np.float64]
FEWEST_BEADS = 50
LEAST_SHARE = 0.02
"""Fewer of the beads than this are doublets or dirt, no population."""
BINS = 256
DEEP = 0.75
"""A valley lies at least this far below the lower of its two peaks (as a share of it) or it parts nothing."""
END_OF_RANGE = 0.015
"""Share of the scale, seen from its top, in which a peak is bent by saturation (FlowCal's selection)."""
LEAST_STEP = 0.03
"""Decades by which the medians of two populations differ at least in the calibrated channel."""


@dataclass(frozen=True, slots=True)
class BeadPeak:
    """One bead population in one channel: its median intensity, its beads, and whether the range bends it."""

    intensity: float
    beads: int
    saturated: bool


def bead_peaks(
    values: NDArray[np.floating], *, calibrated: int = 0, top: float = np.inf, decades: float = 4.5
) -> tuple[BeadPeak, ...]:
    """Return the populations of beads, dimmest first; `values` is events x channels, of one size of scatter.

    `top` is the largest value of the calibrated channel, `decades` the length of its scale. Raises GateError for fewer
    than 150 beads.
    """
    usable = values[np.isfinite(values).all(axis=1)].astype(np.float64)
    if len(usable) < 3 * FEWEST_BEADS:
        raise GateError(f"bead wells must hold at least {3 * FEWEST_BEADS} beads", f"{len(usable)}")
    shown = np.column_stack([_decades(column) for column in usable.T])
    fewest = max(FEWEST_BEADS, int(LEAST_SHARE * len(usable)))
    rows = np.arange(len(usable))
    first = _split(shown, rows, calibrated, fewest=fewest)
    parts = [part for rough in first for part in _split_further(shown, rough, calibrated, fewest=fewest)]
    limit = top * 10.0 ** (-END_OF_RANGE * decades)
    found = []
    for part in parts:
        light = usable[part, calibrated]
        found.append(BeadPeak(float(np.median(light)), len(part), bool(np.percentile(light, 84.13) >= limit)))
    return tuple(sorted(found, key=lambda peak: peak.intensity))


def _decades(values: Array) -> Array:
    """Return decades: log10 where all are positive, else arcsinh, which is linear within the noise about zero."""
    if values.size and values.min() > 0:
        return np.asarray(np.log10(values))
    noise = max(2.0 * abs(float(np.percentile(values, 1))), 1e-4 * float(np.abs(values).max()), 1e-9)
    return np.asarray(np.arcsinh(values / noise) / np.log(10.0))


def _split_further(shown: Array, rows: NDArray[np.intp], calibrated: int, *, fewest: int) -> list[NDArray[np.intp]]:
    """Return a part divided as the channel does that divides it most, while its pieces differ where it matters."""
    best: list[NDArray[np.intp]] = [rows]
    for channel in range(shown.shape[1]):
        pieces = _split(shown, rows, channel, fewest=fewest)
        if len(pieces) > len(best) and _differ(shown[:, calibrated], pieces):
            best = pieces
    if len(best) == 1:
        return best
    return [part for piece in best for part in _split_further(shown, piece, calibrated, fewest=fewest)]


def _differ(light: Array, pieces: list[NDArray[np.intp]]) -> bool:
    """Whether the pieces' medians lie apart by 3 standard errors, and by a step that counts."""
    centres = np.array([np.median(light[piece]) for piece in pieces])
    errors = np.array([1.2533 * light[piece].std() / np.sqrt(piece.size) for piece in pieces])
    order = np.argsort(centres)
    steps = np.diff(centres[order])
    return bool((steps > np.maximum(LEAST_STEP, 3.0 * np.hypot(errors[order][1:], errors[order][:-1]))).all())


def _split(shown: Array, rows: NDArray[np.intp], channel: int, *, fewest: int) -> list[NDArray[np.intp]]:
    """Return the rows divided at the clear valleys of one channel."""
    values = shown[rows, channel]
    cuts = _valleys(values, fewest=fewest)
    return [rows[np.searchsorted(cuts, values, side="right") == i] for i in range(len(cuts) + 1)]


def _valleys(values: Array, *, fewest: int) -> list[float]:
    """Return the places at which a smooth density falls to a quarter of the lower peak beside it, lowest first."""
    low, high = np.percentile(values, [0.2, 99.8])
    if values.size < 2 * fewest or high - low < LEAST_STEP:
        return []
    counts, edges = np.histogram(np.clip(values, low, high), bins=BINS, range=(low, high))
    # 1. Silverman's bandwidth for the narrowest half of the values, so that near peaks stay apart.
    ordered = np.sort(values)
    half = ordered.size // 2
    narrow = float((ordered[half:] - ordered[: ordered.size - half]).min()) / 1.349
    width = max(0.9 * narrow * values.size**-0.2 / (edges[1] - edges[0]), 1.5)
    reach = int(4 * width) + 1
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    density = np.convolve(counts, kernel / kernel.sum(), mode="same")
    # 2. The deepest place between each two peaks; the shallowest valley goes first until all that stay are deep.
    rising = np.diff(density, prepend=-1.0, append=-1.0)
    peaks = [i for i in range(BINS) if rising[i] > 0 and rising[i + 1] <= 0]
    centres = (edges[1:] + edges[:-1]) / 2
    while len(peaks) > 1:
        lows = [left + int(density[left:right].argmin()) for left, right in pairwise(peaks)]
        cuts = np.concatenate([[-np.inf], centres[lows], [np.inf]])
        sizes = np.diff(np.searchsorted(ordered, cuts))
        height = [density[at] / min(density[a], density[b]) for at, a, b in zip(lows, peaks, peaks[1:], strict=False)]
        small = int(sizes.argmin())
        if sizes[small] < fewest:
            del peaks[small]
        elif max(height) > 1.0 - DEEP:
            worst = int(np.argmax(height))
            del peaks[worst if density[peaks[worst]] < density[peaks[worst + 1]] else worst + 1]
        else:
            return [float(centres[at]) for at in lows]
    return []

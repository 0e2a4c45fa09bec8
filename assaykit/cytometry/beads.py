"""From intensity to molecules: a line through beads of known molecules, with its interval, and no further.

log10(molecules) = slope * log10(intensity) + intercept over the bead peaks (Quantibrite-type beads; lot values in a
CSV). The interval is that of the line's mean response at a new intensity (Draper & Smith 1998, ch. 1). An intensity
outside the peaks is refused: the result is missing.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from assaykit.errors import GateError
from assaykit.study.model import BeadLine

T_975 = {1: 12.7062, 2: 4.3027, 3: 3.1824, 4: 2.7764, 5: 2.5706, 6: 2.4469}
"""Student's t at 0.975 by degrees of freedom: bead kits have 3 to 8 peaks."""


def bead_line(channel: str, intensities: NDArray[np.floating], lot: NDArray[np.floating]) -> BeadLine:
    """Return the least-squares line of log10 molecules on log10 intensity; both arrays are sorted, shape (peaks,).

    Raises GateError where peaks and lot values differ in number, are fewer than 3, or an intensity is not positive.
    """
    if intensities.size != lot.size or lot.size < 3 or intensities.min() <= 0:
        raise GateError(
            "bead peaks and lot values must be the same number, at least 3, and positive",
            f"{intensities.size} peaks at {np.round(intensities, 1).tolist()} for {lot.size} lot values",
        )
    x, y = np.log10(intensities.astype(np.float64)), np.log10(lot.astype(np.float64))
    spread = float(((x - x.mean()) ** 2).sum())
    slope = float(((x - x.mean()) * (y - y.mean())).sum() / spread)
    intercept = float(y.mean() - slope * x.mean())
    residual = y - slope * x - intercept
    residual_sd = float(np.sqrt((residual**2).sum() / (x.size - 2)))
    peaks = tuple((float(a), float(b)) for a, b in zip(intensities, lot, strict=True))
    return BeadLine(channel, slope, intercept, residual_sd, float(x.mean()), spread, peaks)


def molecules(line: BeadLine, intensity: float) -> tuple[float, float, float]:
    """Return molecules at an intensity and their 95 % limits; three nan outside the beads, where none may be told."""
    if not line.peaks[0][0] <= intensity <= line.peaks[-1][0]:
        return float("nan"), float("nan"), float("nan")
    x = float(np.log10(intensity))
    n = len(line.peaks)
    error = line.residual_sd * np.sqrt(1 / n + (x - line.mean_log) ** 2 / line.spread)
    t = T_975.get(n - 2, 2.37)
    y = line.slope * x + line.intercept
    return float(10**y), float(10 ** (y - t * error)), float(10 ** (y + t * error))


def read_lot(path: Path) -> NDArray[np.float64]:
    """Return the lot's molecules per bead, ascending, from a CSV with a column `molecules`.

    Raises GateError where the file or the column is not there, or a value is not a positive number.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            rows = list(csv.DictReader(stream))
        values = np.sort([float(row["molecules"]) for row in rows])
    except (OSError, KeyError, ValueError) as error:
        raise GateError(
            "a bead lot must be a CSV with a column molecules, one row per peak", str(error), str(path)
        ) from error
    if values.size < 3 or values[0] <= 0:
        raise GateError("a bead lot must hold at least 3 positive values", str(values.tolist()), str(path))
    return values


def bead_peaks(values: NDArray[np.floating], lot: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the median intensity of each bead population, ascending.

    On log10 the peaks lie as far apart as the lot values: the pattern is slid along the events to where it catches
    most, evenly over peaks; then each event goes to its nearest peak until medians stay (1-d k-medians).
    Raises GateError for fewer than 50 beads per peak, and where a peak catches none.
    """
    logs = np.sort(np.log10(values[values > 0].astype(np.float64)))
    if logs.size < FEWEST_BEADS * lot.size:
        raise GateError(f"bead wells must hold at least {FEWEST_BEADS * lot.size} beads", f"{logs.size}")
    pattern = np.log10(lot)
    shifts = np.arange(logs[0] - pattern[-1], logs[-1] - pattern[0], 0.01)
    centres = pattern + shifts[int(np.argmax([_caught(logs, pattern + shift) for shift in shifts]))]
    for _ in range(50):
        parts = np.split(logs, np.searchsorted(logs, (centres[1:] + centres[:-1]) / 2))
        if min(part.size for part in parts) == 0:
            raise GateError("every bead of the lot must show a peak", f"{lot.size} expected, fewer seen")
        centres = np.array([np.median(part) for part in parts])
    return np.asarray(10**centres)


FEWEST_BEADS = 50


def _caught(logs: NDArray[np.float64], centres: NDArray[np.float64]) -> float:
    """Return the events within 0.08 decades of each centre, no peak counting for more than its even share."""
    edges = np.searchsorted(logs, np.concatenate([centres - 0.08, centres + 0.08]))
    counts = edges[centres.size :] - edges[: centres.size]
    return float(np.minimum(counts, logs.size / centres.size).sum() + 1e-6 * counts.sum())

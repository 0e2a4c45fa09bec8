"""From intensity to molecules: a line through beads of known molecules, with its interval, and no further.

    log10(molecules + autofluorescence) = slope * log10(intensity) + intercept

over the bead peaks (the model of FlowCal: Castillo-Hair 2016, 10.1021/acssynbio.5b00284). The beads' own light bends
the dim end; it is fitted where 5 peaks or more allow it, and 0 with the 4 of Quantibrite-type kits. Which peak is
which bead of the lot is found with it: the order is kept, saturated peaks have their place in it and do not bend the
line, and the assignment nearest to a line wins, a value without partner doubling its distance. A lot that no
assignment brings near a line is refused. The interval is that of the line's mean response at a new
intensity (Draper & Smith 1998, ch. 1). An intensity outside the peaks is refused: the result is missing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from assaykit.cytometry.bead_peaks import BeadPeak
from assaykit.errors import GateError, LayoutError
from assaykit.plate import sheets_from_file
from assaykit.study import BeadLine, plain_name

Array = NDArray[np.float64]
FEWEST_PEAKS = 3
FEWEST_FOR_OWN_LIGHT = 5
MOST_LEFT_OUT = 2
"""Peaks, or lot values, that may have no partner (one of a lot of fewer than 6); the dimmest peak may be a blank bead
of no lot value beside them."""
WORST_RESIDUAL = 0.05
"""SD of peaks about the line, in decades, above which they are not beads of this lot (12 %; our convention)."""
GOOD_RESIDUAL = 0.03
SMALL_RESIDUAL = 0.015
"""Below this, assignments do not differ by their residuals."""
STEEPEST, STEEPEST_OF_FEW = 1.35, 1.15
"""Detectors are linear, so the slope is near 1; old log amplifiers bend it (1.19 on a FACScan), which few peaks do not
tell from a wrong lot."""
LARGEST_LOT = 12


@dataclass(frozen=True, slots=True)
class _Fit:
    """One assignment of peaks to lot values, and the line through those peaks that the range does not bend."""

    pairs: tuple[tuple[int, int], ...]
    slope: float
    intercept: float
    own_light: float
    residual_sd: float
    unpaired: int  # values without partner


def bead_line(channel: str, peaks: Sequence[BeadPeak], lot: Array) -> BeadLine:
    """Return the line of molecules on intensity through the peaks that are beads of the lot.

    `peaks` ascend, as `bead_peaks` gives them; `lot` holds molecules per bead, ascending; 0 is a blank bead. Raises
    GateError where fewer than 3 peaks can be paired within the range, or where no assignment lies near a line: the lot
    is another's.
    """
    seen = ", ".join(f"{peak.intensity:.4g}{' (saturated)' if peak.saturated else ''}" for peak in peaks)
    whole = [peak for peak in peaks if not peak.saturated and peak.intensity > 0]
    if min(len(whole), lot.size) < FEWEST_PEAKS or max(len(peaks), lot.size) > LARGEST_LOT:
        raise GateError(
            f"beads and their lot must have {FEWEST_PEAKS} to {LARGEST_LOT} values that can be paired",
            f"peaks at {seen or 'none'} for {lot.size} lot values",
            channel,
            "acquire more beads, at voltages at which most of them lie within the range",
        )
    fit = _best(peaks, lot)
    if fit is None or fit.residual_sd > WORST_RESIDUAL:
        near = f"; the nearest line misses them by {fit.residual_sd:.2f} decades" if fit else ""
        raise GateError(
            "bead peaks must lie on a line with their lot's molecules",
            f"peaks at {seen} for {', '.join(f'{value:g}' for value in lot)}{near}",
            channel,
            "check that the lot file is that of these beads and of this channel",
        )
    pairs = tuple((peaks[i].intensity, float(lot[j])) for i, j in fit.pairs)
    x = np.log10([intensity for intensity, _ in pairs])
    kept = {i for i, _ in fit.pairs}
    return BeadLine(
        channel,
        fit.slope,
        fit.intercept,
        fit.residual_sd,
        float(x.mean()),
        float(((x - x.mean()) ** 2).sum()),
        pairs,
        autofluorescence=fit.own_light,
        left_out=tuple(peak.intensity for i, peak in enumerate(peaks) if i not in kept),
    )


def _best(peaks: Sequence[BeadPeak], lot: Array) -> _Fit | None:
    """Return the assignment nearest to a line, a value without partner doubling its distance; None where none fits."""
    fits = []
    straight = {i for i, peak in enumerate(peaks) if peak.intensity > 0 and not peak.saturated}
    for pairs in range(min(len(peaks), lot.size), FEWEST_PEAKS - 1, -1):
        for chosen in combinations(range(len(peaks)), pairs):
            # The dimmest peak may be a blank, of which the lot says nothing.
            alone = len(peaks) - pairs - (0 not in chosen)
            if alone > MOST_LEFT_OUT or lot.size - pairs > MOST_LEFT_OUT:
                continue
            if lot.size - pairs > 1 and lot.size <= FEWEST_FOR_OWN_LIGHT:
                continue
            for beads in combinations(range(lot.size), pairs):
                pairing = [(i, j) for i, j in zip(chosen, beads, strict=True) if i in straight]
                fit = _fit(peaks, lot, pairing, unpaired=alone + lot.size - pairs)
                fits += [fit] if fit is not None else []
    return min(fits, key=lambda fit: float(np.hypot(fit.residual_sd, SMALL_RESIDUAL)) * 2.0**fit.unpaired, default=None)


def _fit(peaks: Sequence[BeadPeak], lot: Array, pairs: Sequence[tuple[int, int]], *, unpaired: int) -> _Fit | None:
    """Return the least-squares line of one assignment; None where it rests on too few, or is no detector's."""
    if len(pairs) < FEWEST_PEAKS:
        return None
    x = np.log10([peaks[i].intensity for i, _ in pairs])
    molecules_of = lot[[j for _, j in pairs]]
    positive = molecules_of[molecules_of > 0]
    bent = len(pairs) >= FEWEST_FOR_OWN_LIGHT
    if positive.size < 2 or (positive.size < molecules_of.size and not bent):
        return None
    # 1. The beads' own light, on a grid about the dimmest bead, then on a finer one; 0 where it cannot be told.
    own = positive[0] * np.geomspace(1e-3, 30.0, 40) if bent else np.zeros(1)
    for finer in range(2 if bent else 1):
        own = np.append(own, 0.0) if positive.size == molecules_of.size and not finer else own
        slopes, intercepts, spread = _lines(x, molecules_of, own)
        best = int(spread.argmin())
        own_light = float(own[best])
        own = own_light * np.geomspace(0.75, 1.33, 40)
        if own_light == 0 or finer or not np.isfinite(spread[best]):
            break
    if not np.isfinite(spread[best]):
        return None
    return _Fit(tuple(pairs), float(slopes[best]), float(intercepts[best]), own_light, float(spread[best]), unpaired)


def _lines(x: Array, molecules_of: Array, own: Array) -> tuple[Array, Array, Array]:
    """Return slope, intercept and residual SD for each amount of own light; an infinite SD where none can be."""
    y = np.log10(molecules_of[None, :] + own[:, None])
    across = x - x.mean()
    middle = y.mean(axis=1)
    slopes = (y - middle[:, None]) @ across / (across @ across)
    left = y - middle[:, None] - slopes[:, None] * across
    freedom = x.size - 2 - (own > 0)
    spread = np.sqrt((left**2).sum(axis=1) / np.maximum(freedom, 1e-9))
    steepest = STEEPEST if x.size >= FEWEST_FOR_OWN_LIGHT else STEEPEST_OF_FEW
    spread[(slopes > steepest) | (slopes < 1 / steepest) | (freedom < 1)] = np.inf
    return slopes, middle - slopes * x.mean(), spread


def molecules(line: BeadLine, intensity: float) -> tuple[float, float, float]:
    """Return molecules at an intensity and their 95 % limits; three nan outside the beads, where none may be told."""
    if not line.peaks[0][0] <= intensity <= line.peaks[-1][0]:
        return float("nan"), float("nan"), float("nan")
    x = float(np.log10(intensity))
    n = len(line.peaks)
    error = line.residual_sd * np.sqrt(1 / n + (x - line.mean_log) ** 2 / line.spread)
    t = float(stdtrit(n - 2 - (line.autofluorescence > 0), 0.975))
    y = line.slope * x + line.intercept
    return float(10**y), float(10 ** (y - t * error)), float(10 ** (y + t * error))


def read_lot(path: Path, names: Sequence[str] = ()) -> Array:
    """Return the lot's molecules per bead, ascending, from a table: a column for the channel, else `molecules`.

    `names` are what a lot may call the channel. Empty cells are beads without a value. Raises GateError where the file
    or the column is not there, or a value is no number of 0 or more.
    """
    must = "a bead lot must be a table with a column molecules, or one named after the channel, one row per peak"
    try:
        sheets, _ = sheets_from_file(path, path.name)
    except (OSError, LayoutError) as error:
        raise GateError(must, str(error), str(path)) from error
    rows = [[str(cell.value) if cell else "" for cell in row] for row in (sheets[0].rows if sheets else ())]
    rows = [row for row in rows if any(row)]
    header = [cell.strip() for cell in rows[0]] if rows else []
    wanted = {plain_name(name) for name in names if name}
    own = [i for i, name in enumerate(header) if re.sub("^molecules", "", plain_name(name)) in wanted]
    column = next(iter(own), None)
    if column is None:
        column = next((i for i, name in enumerate(header) if plain_name(name) == "molecules"), None)
    if column is None:
        raise GateError(
            must, f"the columns {', '.join(header) or 'none'}", str(path), f"name one {next(iter(names), '')}"
        )
    try:
        cells = (row[column].strip().replace(",", ".") for row in rows[1:] if len(row) > column)
        values = np.sort(np.array([float(cell) for cell in cells if cell]))
    except ValueError as error:
        raise GateError(must, str(error), str(path)) from error
    if np.count_nonzero(values > 0) < FEWEST_PEAKS or not np.isfinite(values).all() or values[0] < 0:
        raise GateError("a bead lot must hold at least 3 positive values", str(values.tolist()), str(path))
    return values

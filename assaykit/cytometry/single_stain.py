"""Spillover estimated from single stains: how far stained cells lie from unstained ones, detector by detector.

    median of (detector - slope * own) over stained cells = the same over unstained ones

Both are cells of like scatter, so that autofluorescence, which depends on size and granularity, cancels; a line within
the cells of one tube follows autofluorescence instead. Stained cells are those beyond the 99.9th percentile of the
unstained control (without one: beyond the valley between the tube's own negative and positive cells), and of these
the brighter half, on which a difference in autofluorescence weighs least. On the three single stains of an LSRII
(CytoExploreR's Activation set) this lies .003 from the authors' matrix on average. A robust line through both
(statsmodels' RLM) lies .005 away with bisquare and .024 with Huber weights, for it trusts the dim end: hence by hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assaykit.cytometry.channels import is_fluorescence, role_columns
from assaykit.cytometry.compensation import check_spillover
from assaykit.cytometry.readouts import median_value, robust_sd
from assaykit.cytometry.stain_files import Stain, StainFiles, stain_files
from assaykit.cytometry.valleys import cut_by_valley
from assaykit.errors import CompensationError
from assaykit.fcs import Events
from assaykit.plate import Plate
from assaykit.study import Assay, Spillover
from assaykit.tables import Finding

Array = NDArray[np.float64]
FEWEST_CELLS = 200
FEWEST_STAINED = 100
BEYOND = 99.9
"""The percentile of the unstained cells beyond which a cell is stained."""
ALIKE = 1.5
"""Cells of like scatter lie within this many robust SD of the stained ones, on a log scale (our convention)."""
LEAST_RANGE, FAINT_RANGE = 3.0, 10.0
"""Stained cells nearer than this many robust SD to the unstained are refused, or warned of (our convention)."""
WORST_SLOPE_ERROR = 0.02
SATURATED = 0.98
REDRAWS = 200
STEPS = 4
"""Of a correction that leaves a tenth of what it corrects, or less."""
TRIMMED = 0.1
OWN_LIGHT = 0.5
"""Share of the spread between unstained cells by which stained cells may differ in light of their own."""
MOST_REDRAWN = 2000


@dataclass(frozen=True, slots=True, eq=False)
class Spectrum:
    """Where a dye's light goes: the slope of each detector on the dye's own (its own is 1), and its standard error.

    `reach` is how far the stained cells lie from the unstained in the own detector, in robust SD of the latter.
    """

    values: Array
    errors: Array
    cells: int
    separation: float


def single_stain_spillover(assay: Assay, plate: Plate, roles: Sequence[str]) -> tuple[Spillover, list[Finding]]:
    """Return the spillover of the single stains of the plate and of the study's folder, and how good each is.

    Every channel in use that shows a dye needs a single stain: a well of that role whose `marker` names it, or a file
    of `single_stains`; stains of other channels count as well. Raises CompensationError naming the channels without
    one, and for a stain too dim to tell.
    """
    files = stain_files(assay, plate)
    if not files.stains:
        raise CompensationError(
            "compensation by single stains must have wells of the role single_stain",
            "none that can be read",
            plate.name,
            'mark them in the layout: role = single_stain, marker = the stain; or write single_stains = "folder/*.fcs" '
            "in the study",
        )
    first = files.stains[0].events
    detectors = tuple(stain.detector for stain in files.stains)
    missing = dyes_without_stain(assay, first, roles, detectors)
    if missing:
        raise CompensationError(
            "every dye in use must have a single-stain well",
            f"none for {', '.join(missing)}",
            plate.name,
            "add the control, or give a matrix as a CSV",
        )
    spectra = {stain.detector: spectrum(stain, files, detectors) for stain in files.stains}
    findings = list(files.findings)
    # Dyes of the protocol that no gate reads may leak into those it does read all the same.
    if leaking := dyes_without_stain(assay, first, assay.protocol.channels, detectors):
        message = f"no single stain for {', '.join(leaking)}: what it leaks into other channels is not taken out"
        findings.append(Finding("warn", "single_stain_missing", message, plate.name))
    for name, found in spectra.items():
        findings += spectrum_findings(plate, name, found, detectors)
    rows = tuple(tuple(float(value) for value in found.values) for found in spectra.values())
    return check_spillover(Spillover(detectors, rows, source="single-stain wells")), findings


def dyes_without_stain(assay: Assay, events: Events, roles: Iterable[str], detectors: Sequence[str]) -> list[str]:
    """Return the dyed channels of these roles that no single stain is for."""
    dyed = {channel.name for channel in events.channels if is_fluorescence(channel)}
    return sorted(dyed.intersection(role_columns(assay, events.channels, roles).values()) - set(detectors))


def spectrum(stain: Stain, files: StainFiles, detectors: Sequence[str]) -> Spectrum:
    """Return the slopes of these detectors on the stain's own; raises CompensationError where it is too dim to tell."""
    own = list(detectors).index(stain.detector)
    cells, scatter = _usable(stain.events, detectors)
    if files.unstained is not None and set(detectors) <= set(files.unstained.names):
        dark, dark_scatter = _usable(files.unstained, detectors)
        stained = cells[:, own] > np.percentile(dark[:, own], BEYOND) if len(dark) else np.zeros(len(cells), dtype=bool)
    else:  # the tube's own negative cells, where a valley parts them clearly
        cut = cut_by_valley(cells[:, own], keep="above", seed=0)
        stained = cells[:, own] > cut.value if cut.sure else np.zeros(len(cells), dtype=bool)
        dark, dark_scatter = cells[~stained], scatter[~stained]
    # 1. Like scatter: the bulk of the stained cells, and the unstained ones that look like them.
    alike, dark_alike = _alike(scatter, scatter[stained]), _alike(dark_scatter, scatter[stained])
    bright = cells[stained & alike]
    dark = dark[dark_alike] if np.count_nonzero(dark_alike) >= FEWEST_CELLS else dark
    if len(bright) < FEWEST_STAINED or len(dark) < FEWEST_CELLS:
        raise _too_dim(stain, f"{len(bright)} stained and {len(dark)} unstained cells can be told apart")
    reach = (median_value(bright[:, own]) - median_value(dark[:, own])) / max(robust_sd(dark[:, own]), 1e-9)
    if reach < LEAST_RANGE:
        raise _too_dim(stain, f"stained cells {reach:.1f} robust SD from unstained ones")
    # 2. The brighter half of the stained cells carries the slope, the dimmer half its doubt.
    upper = bright[:, own] >= np.median(bright[:, own])
    top, rest = bright[upper], bright[~upper]
    values, far = _slopes(top, dark, own)
    return Spectrum(values, _slope_errors((top, rest, dark), own, values=values, far=far), len(bright), float(reach))


def _too_dim(stain: Stain, found: str) -> CompensationError:
    return CompensationError(
        f"a single stain must hold {FEWEST_STAINED} cells that are clearly brighter than unstained ones",
        f"{found}, for {stain.detector}",
        stain.label,
        "stain compensation beads or brighter cells, and acquire unstained cells of the same kind beside them",
    )


def _slopes(stained: Array, dark: Array, own: int) -> tuple[Array, float]:
    """Return the slopes that leave stained and unstained cells alike, and how far both lie apart in `own`.

    A median of sums is no sum of medians where autofluorescence is skewed, and noise grows with light: so the slope s
    is the one at which the trimmed means of y - s x agree, x the own detector and y another.
    """
    # 1. A first slope from the trimmed means; 2. what is left of y - s x, added until nothing is.
    x, shade = stained[:, own : own + 1], dark[:, own : own + 1]
    far = float(_centre(x)[0] - _centre(shade)[0])
    slopes = (_centre(stained) - _centre(dark)) / far
    for _ in range(STEPS):
        slopes = slopes + (_centre(stained - slopes * x) - _centre(dark - slopes * shade)) / far
    slopes[own] = 1.0
    return slopes, far


def _centre(cells: Array) -> Array:
    """Return the mean of the middle cells of each column, a tenth left out at either end."""
    cut = int(TRIMMED * len(cells))
    ordered = np.partition(cells, [cut, len(cells) - 1 - cut], axis=0) if cut else cells
    return np.asarray(ordered[cut : len(cells) - cut].mean(axis=0))


def _slope_errors(parts: tuple[Array, Array, Array], own: int, *, values: Array, far: float) -> Array:
    """Return the standard error of each slope: of sampling, by bootstrap over cells, and between populations.

    Where stained cells carry c more light of their own than the unstained, a slope over a distance x errs by c / x. The
    brighter and the dimmer half, at x and x', differ by c (1/x' - 1/x), which tells c; and as those halves are parted
    by that very light, c is taken to be half the spread between unstained cells at least (our convention; the
    test simulates it).
    """
    top, rest, dark = parts
    rng = np.random.default_rng(0)
    sampling = np.zeros(values.size)
    for cells in (top, dark):
        left = cells - values * cells[:, own : own + 1]
        some = left[:: max(1, len(left) // MOST_REDRAWN)]
        drawn = np.array([_centre(some[rng.integers(len(some), size=len(some))]) for _ in range(REDRAWS)])
        sampling += drawn.var(axis=0) / far**2 * (len(some) / len(left))
    dimmer, near = _slopes(rest, dark, own)
    between = np.abs(dimmer - values) * near / max(far - near, 0.1 * far)
    low, high = np.percentile(dark, [15.87, 84.13], axis=0)
    own_light = OWN_LIGHT * (high - low) / 2.0 / far
    errors = np.sqrt(sampling + np.maximum(between, own_light) ** 2)
    errors[own] = 0.0
    return np.asarray(errors)


def _usable(events: Events, detectors: Sequence[str]) -> tuple[Array, Array]:
    """Return the cells' detectors and log scatter, without those at the limit of any of them."""
    limits = {channel.name: SATURATED * channel.top for channel in events.channels}
    scattered = [n for n in events.names if n.casefold().startswith(("fsc", "ssc", "fs ", "ss "))]
    areas = [n for n in scattered if not n.casefold().endswith(("-w", "-h", "width", "height"))]
    forward = areas or [n for n in scattered if not n.casefold().endswith(("-w", "width"))]
    columns = {n: events.values[:, events.names.index(n)].astype(np.float64) for n in (*detectors, *forward)}
    kept = np.ones(len(events), dtype=bool)
    for name, values in columns.items():
        kept &= np.isfinite(values) & ((values < limits[name]) | (limits[name] <= 0))
        kept &= (values > 0) | (name not in forward)
    light = np.column_stack([columns[name][kept] for name in detectors])
    shape = np.column_stack([np.log(columns[name][kept]) for name in forward] or [np.zeros(int(kept.sum()))])
    return light, shape


def _alike(scatter: Array, like: Array) -> NDArray[np.bool_]:
    """Return which cells lie within the bulk of others in every scatter channel."""
    if not len(like):
        return np.zeros(len(scatter), dtype=bool)
    low, centre, high = np.percentile(like, [15.87, 50.0, 84.13], axis=0)
    return np.asarray((np.abs(scatter - centre) <= ALIKE * np.maximum((high - low) / 2.0, 1e-9)).all(axis=1))


def spectrum_findings(plate: Plate, name: str, found: Spectrum, detectors: Sequence[str]) -> list[Finding]:
    """Say what a single stain is worth: its slopes with their errors, and whether it is bright enough to tell."""
    others = [i for i, other in enumerate(detectors) if other != name]
    listed = ", ".join(f"{detectors[i]} {found.values[i]:.4f} (SE {found.errors[i]:.4f})" for i in others)
    message = f"spillover of {name} from {found.cells} stained cells: {listed}"
    findings = [Finding("note", "single_stain", message, plate.name)] if others else []
    if found.separation < FAINT_RANGE:
        message = f"the single stain of {name} is hardly brighter than unstained cells ({found.separation:.1f} spreads)"
        findings.append(Finding("warn", "single_stain_dim", message, plate.name))
    worst = max(others, key=lambda i: found.errors[i], default=None)
    if worst is not None and found.errors[worst] > WORST_SLOPE_ERROR:
        message = (
            f"the spillover of {name} into {detectors[worst]} is uncertain: {found.values[worst]:.3f}, "
            f"SE {found.errors[worst]:.3f}"
        )
        findings.append(Finding("warn", "single_stain_uncertain", message, plate.name))
    return findings

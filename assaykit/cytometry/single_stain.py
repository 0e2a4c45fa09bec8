"""Spillover estimated from single-stain wells: the slope of every detector on the stained one, robustly.

    single-stain cells -> medians of equal-count bins along the stained detector -> weighted line -> slope = spillover

A slope, not a ratio of medians alone: the intercept takes autofluorescence up, and bins whose cells lie off the line
(dead cells, another dye) weigh little (bisquare; Holland & Welsch 1977, 10.1080/03610927708827533).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assaykit.cytometry.channels import role_columns
from assaykit.cytometry.compensation import checked
from assaykit.cytometry.matching import marker_of, roles_of_marker, stain_roles, text_factor
from assaykit.cytometry.readouts import median, robust_sd
from assaykit.cytometry.wells import existing, is_fluorescence
from assaykit.errors import CompensationError, FcsError
from assaykit.fcs import read_fcs
from assaykit.fcs.events import Events
from assaykit.plate.model import Plate, Well
from assaykit.study.model import Assay, Spillover
from assaykit.study.stains import plain_name
from assaykit.tables import Finding

Array = NDArray[np.float64]
BINS = 40
"""Of at least 10 cells each."""
FEWEST_CELLS = 200
LEAST_RANGE = 5.0
"""The stained cells must span this many robust SD of the unstained ones, or a slope rests on noise (our convention)."""
WORST_SLOPE_ERROR = 0.01
FAR_OFF_LINE = 0.05


@dataclass(frozen=True, slots=True)
class Slope:
    """The spillover of a dye into one detector, its standard error, and how far bins lie off the line (share)."""

    value: float
    error: float
    residual: float


def single_stain_spillover(assay: Assay, plate: Plate, roles: Sequence[str]) -> tuple[Spillover, list[Finding]]:
    """Return the spillover of the plate's single-stain wells, and how good each is.

    Every channel in use that shows a dye needs a well of role single_stain whose `marker` names it; stains of other
    channels count as well, where the plate has them. Raises CompensationError naming the channels without one.
    """
    stains = _stains(assay, plate)
    if not stains:
        raise CompensationError(
            "compensation by single stains must have wells of the role single_stain",
            "none that can be read",
            plate.name,
            "mark them in the layout: role = single_stain, marker = the stain",
        )
    detectors = tuple(stains)
    first = next(iter(stains.values()))
    missing = _without_stain(assay, first, roles, detectors)
    if missing:
        raise CompensationError(
            "every dye in use must have a single-stain well",
            f"none for {', '.join(missing)}",
            plate.name,
            "add the control, or give a matrix as a CSV",
        )
    unstained = _unstained(plate)
    matrix, findings = np.eye(len(detectors)), _unused(assay, plate, first, detectors)
    for row, (name, events) in enumerate(stains.items()):
        slopes = {other: slope_of(events, name, other) for other in detectors if other != name}
        matrix[row] = [1.0 if other == name else slopes[other].value for other in detectors]
        findings += _judged(plate, name, events, slopes, unstained)
    rows = tuple(tuple(float(value) for value in row) for row in matrix)
    return checked(Spillover(detectors, rows, source="single-stain wells")), findings


def _without_stain(assay: Assay, events: Events, roles: Iterable[str], detectors: Sequence[str]) -> list[str]:
    """Return the dyed channels of these roles that no single stain is for."""
    dyed = {channel.name for channel in events.channels if is_fluorescence(channel)}
    return sorted(dyed.intersection(role_columns(assay, events.channels, roles).values()) - set(detectors))


def _unused(assay: Assay, plate: Plate, events: Events, detectors: Sequence[str]) -> list[Finding]:
    """Say which dyes of the protocol that no gate reads leak uncorrected into those it does read."""
    leaking = _without_stain(assay, events, assay.protocol.channels, detectors)
    message = f"no single stain for {', '.join(leaking)}: what it leaks into other channels is not taken out"
    return [Finding("warn", "single_stain_missing", message, plate.name)] if leaking else []


def _stains(assay: Assay, plate: Plate) -> dict[str, Events]:
    """Return detector -> the events stained for it, in the file's channel order."""
    found: dict[str, Events] = {}
    for well in (well for well in plate.wells if well.role == "single_stain"):
        try:
            events = read_fcs(existing(well))
        except FcsError:
            continue  # measuring the well says why
        name = _stained(assay, well, events)
        if name is not None:
            found[name] = events
    order = next(iter(found.values())).names if found else ()
    return {name: found[name] for name in order if name in found}


def _stained(assay: Assay, well: Well, events: Events) -> str | None:
    """Return the detector a single stain is for: by the role its marker names, else by $PnN or $PnS."""
    roles = roles_of_marker(text_factor(well, "marker"), stain_roles(assay, events.channels))
    columns = role_columns(assay, events.channels, roles or ())
    if columns:
        return next(iter(columns.values()))
    marker = marker_of(well)
    for channel in events.channels:
        names = (channel.name, channel.name.removesuffix("-A"), channel.stain)
        if marker and marker in {plain_name(name) for name in names}:
            return channel.name
    return None


def _unstained(plate: Plate) -> Events | None:
    for well in (well for well in plate.wells if well.role == "unstained"):
        try:
            return read_fcs(existing(well))
        except FcsError:
            continue
    return None


def slope_of(events: Events, stained: str, other: str) -> Slope:
    """Return the robust slope of one detector on the stained one; saturated cells are left out."""
    x = events.values[:, events.names.index(stained)].astype(np.float64)
    y = events.values[:, events.names.index(other)].astype(np.float64)
    limits = {channel.name: channel.range / (channel.gain or 1.0) for channel in events.channels}
    kept = np.isfinite(x) & np.isfinite(y) & (x < 0.98 * limits[stained]) & (y < 0.98 * limits[other])
    if np.count_nonzero(kept) < FEWEST_CELLS:
        raise CompensationError(
            f"a single stain must hold at least {FEWEST_CELLS} cells within the detectors' range",
            f"{np.count_nonzero(kept)} for {stained}",
            str(events.source.name if events.source else ""),
        )
    return robust_slope(x[kept], y[kept])


def robust_slope(x: Array, y: Array) -> Slope:
    """Return the line through medians of y in equal-count bins of x, by reweighted least squares (bisquare).

    >>> x = np.linspace(0, 1000, 2000)
    >>> round(robust_slope(x, 5 + 0.2 * x).value, 6)
    0.2
    """
    order = np.argsort(x, kind="stable")
    parts = np.array_split(order, max(2, min(BINS, order.size // 10)))
    xs = np.array([np.median(x[part]) for part in parts])
    ys = np.array([np.median(y[part]) for part in parts])
    # A median's error: 1.2533 sigma / sqrt(n), sigma from the bin's own MAD.
    errors = np.array(
        [1.2533 * 1.4826 * np.median(np.abs(y[p] - m)) / np.sqrt(p.size) for p, m in zip(parts, ys, strict=True)]
    )
    precision = 1.0 / np.maximum(errors, 1e-9 * (np.abs(ys).max() + 1.0)) ** 2
    robust = np.ones_like(xs)
    for _ in range(30):
        weights = precision * robust
        centre_x, centre_y = np.average(xs, weights=weights), np.average(ys, weights=weights)
        spread = (weights * (xs - centre_x) ** 2).sum()
        slope = float((weights * (xs - centre_x) * (ys - centre_y)).sum() / spread) if spread > 0 else 0.0
        residual = (ys - centre_y - slope * (xs - centre_x)) * np.sqrt(precision)
        scale = max(1.4826 * float(np.median(np.abs(residual))), 1.0)
        robust = np.where(np.abs(residual) < 4.685 * scale, (1 - (residual / (4.685 * scale)) ** 2) ** 2, 0.0)
    error = scale / np.sqrt(spread) if spread > 0 else float("inf")
    span = max(float(np.ptp(xs)), 1e-12)
    off = float(np.median(np.abs(ys - centre_y - slope * (xs - centre_x)))) / span
    return Slope(slope, float(error), off)


def _judged(
    plate: Plate, name: str, events: Events, slopes: Mapping[str, Slope], unstained: Events | None
) -> list[Finding]:
    """Say what a single stain is worth: its slopes with their errors, and whether it is bright enough to tell."""
    listed = ", ".join(f"{other} {slope.value:.4f} (SE {slope.error:.4f})" for other, slope in slopes.items())
    findings = [Finding("note", "single_stain", f"spillover of {name}: {listed}", plate.name)] if slopes else []
    values = events.values[:, events.names.index(name)]
    if unstained is not None and name in unstained.names:
        dark = unstained.values[:, unstained.names.index(name)]
        reach = (float(np.percentile(values, 95)) - median(dark)) / max(robust_sd(dark), 1e-9)
        if reach < LEAST_RANGE:
            message = f"the single stain of {name} is hardly brighter than unstained cells ({reach:.1f} spreads)"
            findings.append(Finding("warn", "single_stain_dim", message, plate.name))
    worst = max(slopes.items(), key=lambda item: item[1].error, default=None)
    if worst is not None and (worst[1].error > WORST_SLOPE_ERROR or worst[1].residual > FAR_OFF_LINE):
        message = f"the spillover of {name} into {worst[0]} is uncertain: {worst[1].value:.3f}, SE {worst[1].error:.3f}"
        findings.append(Finding("warn", "single_stain_uncertain", message, plate.name))
    return findings

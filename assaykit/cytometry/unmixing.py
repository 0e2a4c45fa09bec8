"""Full-spectrum unmixing: every detector's light as a sum of dyes, whose spectra are those of the single stains.

    signal (detectors) = sum over dyes of amount * spectrum + residual

Amounts are those of least squares: ordinary, or weighted by the inverse variance of unstained cells in each detector
(Novo 2013, 10.1002/cyto.a.22272, weighs by the noise of each detector). Autofluorescence is one more dye, of the
spectrum of the unstained cells, where it can be told from the others. What no dye explains is told as the residual.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from assaykit.cytometry.bench import Bench, with_files
from assaykit.cytometry.channels import is_fluorescence
from assaykit.cytometry.compensation import WORST_CONDITION, check_spillover, compensate
from assaykit.cytometry.readouts import robust_sd
from assaykit.cytometry.single_stain import dyes_without_stain, spectrum, spectrum_findings
from assaykit.cytometry.stain_files import StainFiles, stain_files
from assaykit.errors import CompensationError
from assaykit.fcs import Events
from assaykit.plate import Plate
from assaykit.study import Assay, Spillover
from assaykit.tables import Finding

Array = NDArray[np.float64]
AUTOFLUORESCENCE = "autofluorescence"
LARGE_RESIDUAL = 0.1
"""Share of a bright cell's light that no dye explains, above which a dye is missing or a control wrong (convention)."""


def unmixing_matrix(assay: Assay, plate: Plate, roles: Sequence[str]) -> tuple[Spillover, list[Finding]]:
    """Return the spectra of the plate's single stains, dyes x detectors, and how good each is.

    Dyes bear the name of the detector they are brightest in; detectors are all the fluorescence channels of the pulse
    that these measure. Raises CompensationError for a dye without single stain, and for fewer detectors than dyes.
    """
    files = stain_files(assay, plate)
    if not files.stains:
        raise CompensationError(
            "unmixing must have single stains",
            "none that can be read",
            plate.name,
            'mark them in the layout: role = single_stain, marker = the stain; or write single_stains = "folder/*.fcs"',
        )
    first = files.stains[0].events
    dyes = tuple(stain.detector for stain in files.stains)
    missing = dyes_without_stain(assay, first, roles, dyes)
    if missing:
        raise CompensationError(
            "every dye in use must have a single stain", f"none for {', '.join(missing)}", plate.name, "add the control"
        )
    pulse = "-A" if all(name.endswith("-A") for name in dyes) else ""
    detectors = tuple(c.name for c in first.channels if is_fluorescence(c) and c.name.endswith(pulse))
    spectra = [spectrum(stain, files, detectors) for stain in files.stains]
    findings = list(files.findings)
    for name, found in zip(dyes, spectra, strict=True):
        findings += spectrum_findings(plate, name, found, detectors)
    matrix = np.array([found.values for found in spectra])
    own = _dark_spectrum(files, detectors)
    if own is not None and len(dyes) < len(detectors):
        extended = np.vstack([matrix, own])
        if float(np.linalg.cond(extended)) < WORST_CONDITION:  # it can be told from the dyes
            matrix, dyes = extended, (*dyes, AUTOFLUORESCENCE)
    weights: tuple[float, ...] = ()
    if assay.protocol.compensation == "unmix_weighted":
        weights = _weights(files.unstained, detectors, plate)
    rows = tuple(tuple(float(value) for value in row) for row in matrix)
    spillover = check_spillover(Spillover(detectors, rows, dyes=dyes, source="single stains", weights=weights))
    words = "weighted" if weights else "ordinary"
    message = f"{len(detectors)} detectors are unmixed into {', '.join(dyes)} by {words} least squares"
    return spillover, [Finding("note", "unmixing", message, plate.name), *findings]


def _dark_spectrum(files: StainFiles, detectors: Sequence[str]) -> Array | None:
    """Return the spectrum of unstained cells, its largest detector at 1; None without such cells or light."""
    if files.unstained is None or not set(detectors) <= set(files.unstained.names):
        return None
    light = np.median(_signals(files.unstained, detectors), axis=0)
    return np.asarray(light / light.max()) if light.max() > 0 else None


def _weights(unstained: Events | None, detectors: Sequence[str], plate: Plate) -> tuple[float, ...]:
    if unstained is None or not set(detectors) <= set(unstained.names):
        raise CompensationError(
            'compensation "unmix_weighted" must have unstained cells to weigh detectors by',
            "none",
            plate.name,
            'add a well of the role unstained, or a file of that name to single_stains; or say "unmix"',
        )
    spread = np.array([robust_sd(column) for column in _signals(unstained, detectors).T])
    weights = 1.0 / np.maximum(spread, 1e-6 * max(float(spread.max()), 1e-300)) ** 2
    return tuple(float(weight) for weight in weights / weights.max())


def _signals(events: Events, detectors: Sequence[str]) -> Array:
    return events.values[:, [events.names.index(name) for name in detectors]].astype(np.float64)


def residual_findings(bench: Bench) -> list[Finding]:
    """Return how much of the light of the samples' bright cells no dye explains, and in which detector most."""
    spillover = bench.resolved.spillover
    if spillover is None or not spillover.dyes:
        return []
    shares, left = [], np.zeros(len(spillover.detectors))
    for held in (bench.well(well) for well in with_files(bench.plate.wells, "sample")):
        if held is None or not set(spillover.detectors) <= set(held.columns.events.names):
            continue
        signals = _signals(held.columns.events, spillover.detectors)
        light = np.linalg.norm(signals, axis=1)
        bright = signals[light >= np.median(light)] if light.size else signals
        if not len(bright):
            continue
        residual = bright - compensate(bright, spillover) @ np.asarray(spillover.matrix)
        shares.append(float(np.median(np.linalg.norm(residual, axis=1) / np.linalg.norm(bright, axis=1))))
        left += np.median(np.abs(residual), axis=0)
    if not shares:
        return []
    share, worst = float(np.median(shares)), spillover.detectors[int(left.argmax())]
    message = f"unmixing leaves {share:.1%} of the light of bright cells unexplained, most of it in {worst}"
    if share > LARGE_RESIDUAL:
        message += ": a dye without single stain, or a control unlike the samples"
    return [Finding("warn" if share > LARGE_RESIDUAL else "note", "unmixing", message, bench.plate.name)]

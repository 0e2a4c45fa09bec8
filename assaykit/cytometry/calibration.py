"""The bead lines of a plate: wells of role beads whose factor `lot` names a CSV of molecules per bead.

The lot stands in the layout, or once per assay in the study file (`bead_lot`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from assaykit.cytometry.bead_peaks import bead_peaks
from assaykit.cytometry.beads import GOOD_RESIDUAL, bead_line, molecules, read_lot
from assaykit.cytometry.channels import is_fluorescence, role_columns
from assaykit.cytometry.matching import concerns, text_factor
from assaykit.cytometry.readouts import median_value
from assaykit.cytometry.wells import well_file
from assaykit.errors import GateError, InputError
from assaykit.fcs import Events, read_fcs
from assaykit.plate import Plate, Well
from assaykit.sources import is_file
from assaykit.study import Assay, BeadLine, bare_names
from assaykit.tables import Finding

RECEPTORS = "receptors"


def bead_lines(assay: Assay, plate: Plate, columns: Mapping[str, str]) -> tuple[dict[str, BeadLine], list[Finding]]:
    """Return channel role -> bead line for every channel whose receptors are asked for, and how good each line is."""
    lines: dict[str, BeadLine] = {}
    findings: list[Finding] = []
    wanted = dict.fromkeys(r.channel for r in assay.protocol.readouts if r.statistic == RECEPTORS)
    for channel in wanted:
        wells = [w for w in plate.wells if w.role == "beads" and w.factors.get("lot") and concerns(assay, w, channel)]
        if not wells and _is_optional(assay, channel):
            continue
        if not wells:
            message = f"no bead well with a lot for {channel}: its receptors per cell are left out"
            findings.append(Finding("warn", "no_bead_line", message, plate.name))
            continue
        try:
            lines[channel] = _line(assay, plate, wells[0], channel=channel, column=columns.get(channel, ""))
            findings.append(_line_finding(plate, wells[0], lines[channel]))
        except InputError as error:
            findings.append(Finding("fail", "bead_line", str(error), plate.name, wells[0].name, channel=channel))
    return lines, findings


def _is_optional(assay: Assay, channel: str) -> bool:
    """Whether the protocol takes receptors of a channel only where a lab has beads for them."""
    specs = [spec for spec in assay.protocol.endpoints if (spec.endpoint, spec.channel) == (RECEPTORS, channel)]
    return bool(specs) and all(spec.optional for spec in specs)


def _line(assay: Assay, plate: Plate, well: Well, *, channel: str, column: str) -> BeadLine:
    events = read_fcs(well_file(well))
    if column not in events.names:
        raise GateError("a bead file must hold the channel it calibrates", f"no {column}", well.name)
    own = events.channels[events.names.index(column)]
    recipe = assay.protocol.channels.get(channel)
    names = (channel, *bare_names(column), own.stain, recipe.marker if recipe else "")
    lot = read_lot(_lot_path(plate, text_factor(well, "lot")), names)
    dyed = [c for c in events.channels if is_fluorescence(c) and (c.name == column or c.name[-2:] == column[-2:])]
    if own not in dyed or not column.upper().endswith(("-A", "-H")):
        dyed = [own, *(c for c in events.channels if is_fluorescence(c) and c is not own)]
    positions = [events.names.index(c.name) for c in dyed]
    values = events.values[_one_size(assay, events)][:, positions]
    peaks = bead_peaks(values, calibrated=dyed.index(own), top=own.top, decades=own.log_decades or 4.5)
    return bead_line(channel, peaks, lot)


def _lot_path(plate: Plate, named: str) -> Path:
    folder = plate.source.parent if plate.source else Path()
    return next(
        (place for place in (folder / named, folder.parent / named, Path(named)) if is_file(place)), Path(named)
    )


def _one_size(assay: Assay, events: Events) -> NDArray[np.bool_]:
    """Return the events of the beads' own size: within a quarter decade of the median forward scatter."""
    column = role_columns(assay, events.channels, ["fsc_a"]).get("fsc_a")
    if column is None:
        return np.ones(len(events), dtype=bool)
    forward = events.values[:, events.names.index(column)]
    positive = forward[forward > 0]
    if not positive.size:
        return np.ones(len(events), dtype=bool)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.abs(np.log10(forward / median_value(positive))) < 0.25)


def _line_finding(plate: Plate, well: Well, line: BeadLine) -> Finding:
    """Say the line; a slope far from 1 or peaks off the line mean a bent detector or a doubtful lot."""
    low, high = line.peaks[0][0], line.peaks[-1][0]
    own = f" + {line.autofluorescence:.4g}" if line.autofluorescence else ""
    text = f"{line.channel}: log10 (molecules{own}) = {line.slope:.3f} log10 intensity + {line.intercept:.3f}"
    pairs = ", ".join(f"{intensity:.4g} = {value:g}" for intensity, value in line.peaks)
    left = f"; left out: {', '.join(f'{value:.4g}' for value in line.left_out)}" if line.left_out else ""
    good = 0.8 <= line.slope <= 1.25 and line.residual_sd < GOOD_RESIDUAL
    doubt = "" if good else f"; slope or residual SD ({line.residual_sd:.3f}) is unusual: check the lot and the peaks"
    message = f"{text}, between {low:.4g} and {high:.4g} (peaks {pairs}{left}){doubt}"
    return Finding("note" if good else "warn", "bead_line", message, plate.name, well.name, channel=line.channel)


def beyond_beads(line: BeadLine | None, intensity: float) -> bool:
    """Whether an intensity lies outside the beads, where molecules are refused."""
    return line is not None and bool(np.isfinite(intensity)) and bool(np.isnan(molecules(line, intensity)[0]))

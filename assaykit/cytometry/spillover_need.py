"""Light of several dyes that was not parted: whether it matters, measured on the plate's own controls where it can be.

A control without a channel's stain, and with the others, shows what the other dyes spill into that channel.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from assaykit.cytometry.bench import with_files
from assaykit.cytometry.channels import is_fluorescence
from assaykit.cytometry.columns import WellColumns
from assaykit.cytometry.matching import concerns, marker_of
from assaykit.cytometry.wells import DATA_ERRORS, read_well_columns
from assaykit.errors import InputError
from assaykit.plate import Plate
from assaykit.study import Assay, ResolvedPlate
from assaykit.tables import Finding

CHECK = "uncompensated"
NEGLIGIBLE = 0.01
"""Spillover below which a dye of 10,000 adds less to a channel than a cell's own light, about 100 (our convention)."""
_BRIGHT = 1000.0  # above the dim half of the cells, for a dye to be seen at all
_FEWEST = 100  # cells that bright


def assess_uncompensated(assay: Assay, plate: Plate, resolved: ResolvedPlate, findings: list[Finding]) -> list[Finding]:
    """Return the findings, an `uncompensated` warning turned into a note where controls show that nothing spills.

    Asked is every channel whose light is read off, not only gated; each needs a control of its own (an FMO, or an
    unstained or single-stain well without its dye) on which every other dye in use was seen bright.
    """
    told = next((f for f in findings if f.check == CHECK and f.level == "warn" and not f.well), None)
    read = {readout.channel for readout in assay.protocol.readouts if readout.channel}
    if told is None or not read:
        return findings
    slopes = {channel: dict(_slopes(assay, plate, resolved, channel)) for channel in read}
    dyes = resolved.columns.keys() - {"fsc_a", "fsc_h", "ssc_a"}
    others = {channel: dyes - {channel} for channel in read}
    seen = all(others[channel] <= slopes[channel].keys() for channel in read)
    most = max((abs(slope) for found in slopes.values() for slope in found.values()), default=np.inf)
    if not seen or most > NEGLIGIBLE:
        return findings
    message = (
        f"no file holds a spillover matrix, and none is needed: on the controls the other dyes add at most {most:.2%} "
        f"of their light to {', '.join(sorted(read))}"
    )
    return [replace(told, level="note", message=message) if finding is told else finding for finding in findings]


def _slopes(assay: Assay, plate: Plate, resolved: ResolvedPlate, channel: str) -> Iterator[tuple[str, float]]:
    """Yield (dye, its spillover into the channel) for the dyes that the channel's own controls show bright."""
    wells = [well for well in with_files(plate.wells, "fmo") if marker_of(well) and concerns(assay, well, channel)]
    columns = []
    for well in wells:
        try:
            columns.append(read_well_columns(assay, well, resolved))
        except (InputError, *DATA_ERRORS):
            continue  # measuring the well says why
    for dye in dict.fromkeys(name for held in columns for name in held.names if name != channel):
        parts = [(held.column(dye), held.column(channel)) for held in columns if _both_dyes(held, dye, channel)]
        if parts:
            slope = _slope(*(np.concatenate(side) for side in zip(*parts, strict=True)))
            if slope is not None:
                yield dye, slope


def _both_dyes(held: WellColumns, *roles: str) -> bool:
    channels = {channel.name: channel for channel in held.events.channels}
    return all(role in held.names and is_fluorescence(channels[held.names[role]]) for role in roles)


def _slope(dye: NDArray[np.floating], into: NDArray[np.floating]) -> float | None:
    """Return the rise of a channel's median from the dim half of a dye's cells to its bright ones, over the dye's own.

    None where too few cells carry the dye, or all do alike: then nothing can be told of it.
    """
    dim = dye <= np.median(dye)
    base = float(np.median(dye[dim]))
    bright = dye > base + _BRIGHT
    if min(np.count_nonzero(dim & ~bright), np.count_nonzero(bright & ~dim)) < _FEWEST:
        return None
    bright &= ~dim
    return float(np.median(into[bright]) - np.median(into[dim])) / float(np.median(dye[bright]) - base)

"""From a well to its `WellColumns`: header -> roles -> the detectors needed -> events, nothing else read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from assaykit.cytometry.channels import (
    find_channel,
    optional_roles,
    require_roles,
    role_columns,
    roles_by_hand,
    roles_read,
    roles_used,
)
from assaykit.cytometry.columns import OWN, RAW, WellColumns
from assaykit.cytometry.compensation import check_spillover, inverse, read_spillover, spillover_from_keywords
from assaykit.errors import CompensationError, FcsError, InputError
from assaykit.fcs import Channel, read_fcs, read_fcs_header
from assaykit.plate import Well
from assaykit.sources import is_absent, is_file
from assaykit.study import Assay, ResolvedPlate, Spillover

WHOLE_TABLE = 0.5
"""Above this share of the channels it is quicker to read the table as it lies than to pick its columns apart."""
TIME_NAMES = ("Time", "TIME", "HDR-T")
FROM_STAINS = frozenset({"single_stain", "unmix", "unmix_weighted"})
"""What `compensation` says where the matrix is estimated from single stains."""


def read_well_columns(
    assay: Assay, well: Well, resolved: ResolvedPlate, *, roles: Sequence[str] = (), beside: Sequence[str] = ()
) -> WellColumns:
    """Return the well's channels: those `roles` (by default, all that gates, readouts and purity use) and Time.

    The roles `beside` are read as well where the file has them.

    Raises FcsError for a file that is missing or cannot be read, GateError for a channel it lacks,
    CompensationError for a matrix that does not fit.
    """
    path = well_file(well)
    wanted = (*(roles or (*roles_read(assay.protocol), *roles_by_hand(assay))), *beside)
    events = read_fcs(path) if resolved.whole_table else None
    source = events or read_fcs_header(path)
    names = role_columns(assay, source.channels, wanted)
    optional = optional_roles(assay.protocol)
    used = roles or (*roles_used(assay.protocol), *roles_by_hand(assay))
    needed = [role for role in used if role not in optional]
    require_roles(assay, source.channels, names, roles=needed)
    spillover = spillover_for(assay, resolved, source.keywords, source.channels)
    matrices = {**resolved.matrices, **({} if spillover is None else {OWN: spillover})}
    if events is None:
        events = read_fcs(path, _needed(names, matrices, source.channels))
    return WellColumns(events, names, matrices)


def wants_whole_table(assay: Assay, resolved: ResolvedPlate, well: Well) -> bool:
    """Whether measuring a well needs most of its channels; then reading them all as they lie is quicker than picking.

    False for a well that cannot be read: measuring it says why.
    """
    try:
        header = read_fcs_header(well_file(well))
        names = role_columns(assay, header.channels, (*roles_read(assay.protocol), *roles_by_hand(assay)))
        spillover = spillover_for(assay, resolved, header.keywords, header.channels)
    except (InputError, *DATA_ERRORS):
        return False
    matrices = {**resolved.matrices, **({} if spillover is None else {OWN: spillover})}
    return len(_needed(names, matrices, header.channels)) > WHOLE_TABLE * len(header.channels)


DATA_ERRORS = (ArithmeticError, MemoryError, OSError, np.linalg.LinAlgError)
"""What NumPy, its linear algebra and the system raise of the bytes or numbers of one file; each costs that well."""


def computation_error(error: Exception, well: Well) -> InputError:
    """Return one of DATA_ERRORS as an error of the well's file."""
    found = getattr(error, "strerror", None) or str(error) or type(error).__name__
    if isinstance(error, MemoryError):
        found = "more than the memory holds"
    return FcsError(
        "a well's file must hold numbers that can be computed with",
        found.lower(),
        well.file.name if well.file else well.where,
        "export the file again, or leave the well out",
    )


def well_file(well: Well) -> Path:
    """Return the well's file; raises FcsError where nothing is named or there. What is no file the reader refuses."""
    if well.file is None:
        raise FcsError(
            "a well must name an FCS file or hold counts", "neither", well.where, "add its file, or leave it out"
        )
    if is_absent(well.file):
        raise FcsError(
            "the file of a well must exist",
            f"no file {well.file.name} in {well.file.parent.name}",
            well.where,
            "copy the file there, or correct its name in the layout",
        )
    return well.file


def spillover_for(
    assay: Assay, resolved: ResolvedPlate, keywords: Mapping[str, str], channels: Sequence[Channel]
) -> Spillover | None:
    """Return the spillover that holds for a file: the plate's, or the file's own; None where there is none.

    Raises CompensationError where the protocol names a matrix and the plate has none, or it does not fit the file.
    """
    match assay.protocol.compensation:
        case "none":
            return None
        case "file":
            return spillover_from_keywords(keywords, channels)
        case named if resolved.spillover is None:
            raise CompensationError(
                "the plate must have a spillover matrix",
                f'compensation "{named}" gave none',
                "",
                "see the plate's findings",
            )
        case _:
            return check_spillover(resolved.spillover, channels)


def plate_spillover(assay: Assay, source: Path | None) -> Spillover | None:
    """Return the spillover a protocol names by path, or None where it names none."""
    named = assay.protocol.compensation
    return None if named in {"none", "file", *FROM_STAINS} else spillover_beside(named, source)


def gate_matrices(assay: Assay, source: Path | None) -> dict[str, Spillover]:
    """Return the further spillovers that single gates name by path."""
    named = {name for gate in assay.protocol.gates for name in getattr(gate, "compensation", {}).values()}
    return {name: spillover_beside(name, source) for name in sorted(named - {OWN, RAW})}


def spillover_beside(named: str, source: Path | None) -> Spillover:
    """Return the spillover of a CSV that stands where it is named, beside the plate's layout, or one folder up."""
    places = [Path(named), *((source.parent / named, source.parent.parent / named) if source else ())]
    for place in places:
        if is_file(place):
            return read_spillover(place)
    raise CompensationError(
        'compensation must be "file", "none", "single_stain", "unmix", "unmix_weighted" or a matrix that exists',
        f"'{named}'",
        "",
        "put the CSV beside the plate layouts or the study",
    )


def _needed(
    names: Mapping[str, str], matrices: Mapping[str, Spillover], channels: Sequence[Channel]
) -> tuple[str, ...]:
    """Return the $PnN to read: each role's own, the detectors its compensation draws on, and Time."""
    needed = dict.fromkeys(names.values())
    for spillover in matrices.values():
        weights = inverse(spillover)
        dyes = spillover.dyes or spillover.detectors
        used = [dyes.index(name) for name in names.values() if name in dyes]
        needed |= dict.fromkeys(spillover.detectors[i] for i in np.flatnonzero(weights[:, used].any(axis=1)))
    time = time_column(channels)
    return tuple(dict.fromkeys([*needed, *([time] if time else [])]))


def time_column(channels: Sequence[Channel]) -> str | None:
    """Return the $PnN of Time, where the file has one."""
    names = {channel.name for channel in channels}
    return next((name for name in TIME_NAMES if name in names), None) or find_channel(channels, TIME_NAMES[0])

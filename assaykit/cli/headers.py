"""What the headers of FCS files tell before any event is read: unreadable files, missing channels, other settings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from assaykit.errors import FcsError, GateError
from assaykit.sources import is_file
from assaykit.study import on_plate
from assaykit.tables import Finding

if TYPE_CHECKING:
    from pathlib import Path

    from assaykit.plate import Plate
    from assaykit.study import Assay, Study


def header_findings(study: Study) -> tuple[Finding, ...]:
    """Return what is wrong with the files that are there, plate by plate; missing ones are told elsewhere."""
    from assaykit.cytometry import copy_findings, sister_findings, survey_plate
    from assaykit.measurements import copied_counts

    findings: list[Finding] = []
    for assay in study.assays:
        for plate in assay.plates:
            findings += _plate_findings(assay, plate)
            findings += survey_plate(on_plate(assay, plate), plate)[1]
        copies = (*copy_findings(assay), *sister_findings(assay), *copied_counts(assay, study.unit))
        findings += [one.finding for one in copies]
    return tuple(findings)


def _plate_findings(assay: Assay, plate: Plate) -> Iterator[Finding]:
    """Yield a fail per file that cannot be read, and one per set of channels that files lack."""
    assay = on_plate(assay, plate)
    lacking: dict[str, list[str]] = {}
    for well in plate.wells:
        if well.file is None or not is_file(well.file):
            continue
        try:
            _require_channels(assay, well.file)
        except FcsError as error:
            yield Finding("fail", "file_unreadable", str(error), plate.name, well.name)
        except GateError as error:
            lacking.setdefault(str(error), []).append(well.name)
    for message, wells in lacking.items():
        where = f" In {len(wells)} files: {', '.join(wells[:6])}{' ...' if len(wells) > 6 else ''}."
        yield Finding("fail", "channel_missing", message + where, plate.name, wells[0] if len(wells) == 1 else "")


def _require_channels(assay: Assay, file: Path) -> None:
    from assaykit.cytometry import optional_roles, require_roles, role_columns, roles_used
    from assaykit.fcs import read_fcs_header

    header = read_fcs_header(file)
    optional = optional_roles(assay.protocol) - assay.channels.keys()
    needed = [role for role in roles_used(assay.protocol) if role not in optional]
    require_roles(assay, header.channels, role_columns(assay, header.channels, needed), roles=needed)

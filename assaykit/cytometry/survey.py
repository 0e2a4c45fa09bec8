"""A first look at every header of a plate: which channels there are, and which detectors were set otherwise.

Voltages, gains and matrices must be the same in a well and in the controls it is measured against.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from assaykit.checks import consequence
from assaykit.cytometry.channels import is_fluorescence, role_columns, roles_by_hand, roles_read, shared_channels
from assaykit.cytometry.compensation import reading_findings, spillover_from_keywords
from assaykit.cytometry.matrix_forms import KEYWORDS
from assaykit.cytometry.wells import DATA_ERRORS
from assaykit.errors import CompensationError, FcsError
from assaykit.fcs import Channel, read_fcs_header
from assaykit.plate import Plate, Well
from assaykit.protocol import SingletGate
from assaykit.sources import is_file
from assaykit.study import Assay
from assaykit.tables import Finding, Level

WELL_KEYWORDS = ("$WELLID", "WELL ID", "WELLID", "$WELL")
Header = tuple[tuple[Channel, ...], Mapping[str, str]]
Headers = Sequence[tuple[Well, Header]]


def survey_plate(assay: Assay, plate: Plate) -> tuple[dict[str, str], list[Finding]]:
    """Return role -> $PnN as most wells have it, and findings on detectors set otherwise in some wells.

    Files that are missing or cannot be read are passed over: measuring them says so, well by well.
    """
    headers = [(well, header) for well in plate.wells if (header := _header(well)) is not None]
    roles = (*roles_read(assay.protocol), *roles_by_hand(assay))
    each = [role_columns(assay, channels, roles) for _, (channels, _) in headers]
    common = Counter(tuple(sorted(columns.items())) for columns in each).most_common(1)
    columns = dict(common[0][0]) if common else {}
    findings = [
        *_settings(assay, plate, headers, columns=columns, what="voltage"),
        *_settings(assay, plate, headers, columns=columns, what="gain"),
        *_matrices(assay, plate, headers, columns),
        *_misplaced(plate, headers),
        *_shared_channels(assay, plate, columns),
    ]
    return columns, findings


def _shared_channels(assay: Assay, plate: Plate, columns: Mapping[str, str]) -> list[Finding]:
    """Say which channels the study gives to several roles, and where singlets cannot be told for it."""
    singlets = [{gate.area, gate.height} for gate in assay.protocol.gates if isinstance(gate, SingletGate)]
    findings = []
    for name, roles in shared_channels(assay, columns).items():
        if set(roles) in singlets:
            message = f"{name} is both the area and the height ({', '.join(roles)}), so singlets cannot be told"
            findings.append(Finding("note", "gate_passed_over", message, plate.name))
            continue
        message = f"{name} has several roles ({', '.join(roles)}); give each role its own channel in the study"
        findings.append(Finding("fail", "channel_shared", message, plate.name))
    for gate in assay.protocol.gates:
        if isinstance(gate, SingletGate) and gate.height not in columns and gate.area in assay.channels:
            usual = assay.protocol.channels.get(gate.height)
            if usual and columns.get(gate.area) in usual.names:
                message = (
                    f"{columns[gate.area]} is the area ({gate.area}) by the study, so no channel is left for "
                    f"{gate.height}: singlets cannot be told"
                )
                findings.append(Finding("note", "gate_passed_over", message, plate.name))
    return findings


def without_odd_wells(plate: Plate, findings: Iterable[Finding], *, samples: bool = True) -> Plate:
    """Return the plate without the wells that findings exclude, as gates and controls must be estimated without them.

    A well stays where no other of its role and marker could take its place; so do the sample wells where `samples` is
    false.
    """
    odd = {finding.well for finding in findings if finding.well and consequence(finding) == "excluded"}

    def kind(well: Well) -> tuple[str, str]:
        return well.role, str(well.factors.get("marker", ""))

    filled = {kind(well) for well in plate.wells if well.name not in odd}

    def stays(well: Well) -> bool:
        return well.name not in odd or kind(well) not in filled or (well.role == "sample" and not samples)

    return replace(plate, wells=tuple(well for well in plate.wells if stays(well)))


def calibrated_roles(assay: Assay) -> frozenset[str]:
    """Return the channel roles whose intensities beads turn into molecules."""
    return frozenset(readout.channel for readout in assay.protocol.readouts if readout.statistic == "receptors")


def _misplaced(plate: Plate, headers: Headers) -> list[Finding]:
    """Say where a file names another well than the layout does, if most files of the plate name the layout's."""
    said = [(well, name) for well, (_, keywords) in headers if (name := well_from_keywords(keywords))]
    other = [(well, name) for well, name in said if name != well.name]
    if not other or len(other) > len(said) / 2:
        return []
    return [
        Finding(
            "warn",
            "well_mismatch",
            f"the file of {well.name} says it is of well {name}: check for a swapped row or column",
            plate.name,
            well.name,
        )
        for well, name in other
    ]


def well_from_keywords(keywords: Mapping[str, str]) -> str:
    """Return the well a file says it is, written as A1; "" where it does not say."""
    text = next((keywords[key].strip() for key in WELL_KEYWORDS if keywords.get(key, "").strip()), "")
    match = re.fullmatch(r"([A-Za-z]{1,2})0*(\d{1,2})", text)
    return f"{match[1].upper()}{match[2]}" if match else ""


def _header(well: Well) -> Header | None:
    if well.file is None or not is_file(well.file):
        return None
    try:
        header = read_fcs_header(well.file)
    except (FcsError, *DATA_ERRORS):
        return None
    return tuple(header.channels), header.keywords


def _settings(assay: Assay, plate: Plate, headers: Headers, *, columns: Mapping[str, str], what: str) -> list[Finding]:
    """Say, well by well, which detectors in use were not set as in most wells."""
    read: Callable[[Channel], float | None] = (lambda c: c.voltage) if what == "voltage" else (lambda c: c.gain)
    values = [(well, {c.name: read(c) for c in channels}) for well, (channels, _) in headers]
    findings = []
    for role, name in columns.items():
        seen = [(well, value) for well, found in values if (value := found.get(name)) is not None]
        usual = Counter(value for _, value in seen).most_common(1)
        for well, value in seen:
            if value == usual[0][0]:
                continue
            if well.role in {"beads", "blank"} and role not in calibrated_roles(assay):
                continue  # beads are acquired at settings of their own, but for what they calibrate
            kind = "control" if well.role != "sample" else "well"
            message = (
                f"the {what} of {name} ({role}) was {value:g} in this {kind}, {usual[0][0]:g} in most wells: its "
                "intensities cannot be compared with theirs. Leave the well out, or acquire it again"
            )
            findings.append(Finding("fail", f"detector_{what}", message, plate.name, well.name, channel=role))
    return findings


def _matrices(assay: Assay, plate: Plate, headers: Headers, columns: Mapping[str, str]) -> list[Finding]:
    """Say where the files' matrices differ, or where there is none and the protocol did not say so."""
    if assay.protocol.compensation != "file":
        return []
    headers = [(well, header) for well, header in headers if well.role not in {"beads", "blank"}]  # no cells in these
    if not headers:
        return []
    matrices = [(well, _matrix_text(header)) for well, header in headers]
    without = [well for well, text in matrices if not text]
    findings = _uncompensated_findings(plate, headers, columns, without)
    usual = Counter(text for _, text in matrices).most_common(1)[0][0]
    findings += [
        Finding(
            "warn",
            "spillover_differs",
            f"the file of {well.name} holds another spillover matrix than most; it serves this file alone",
            plate.name,
            well.name,
        )
        for well, text in matrices
        if text and usual and text != usual
    ]
    return [*findings, *dict.fromkeys(finding for _, header in headers for finding in _reading_findings(plate, header))]


def _reading_findings(plate: Plate, header: Header) -> list[Finding]:
    """Say how a file's matrix was read; one that cannot be used is told when its well is measured."""
    channels, keywords = header
    try:
        return reading_findings(spillover_from_keywords(keywords, channels), plate.name)
    except CompensationError:
        return []


def _uncompensated_findings(
    plate: Plate, headers: Headers, columns: Mapping[str, str], without: Sequence[Well]
) -> list[Finding]:
    """Say that the plate holds no matrix, or which of its files lack the one that most have."""
    dyed = {c.name for _, (channels, _) in headers for c in channels if is_fluorescence(c)} & set(columns.values())
    level: Level = "warn" if len(dyed) > 1 else "note"
    if not dyed or not without:
        return []
    if 2 * len(without) < len(headers):
        message = f"holds no spillover matrix, unlike most, so {', '.join(sorted(dyed))} were used uncompensated"
        return [
            Finding(level, "uncompensated", f"the file of {well.name} {message}", plate.name, well.name)
            for well in without
        ]
    message = (
        f"{len(without)} files hold no spillover matrix, so {', '.join(sorted(dyed))} were used uncompensated. If no "
        'dye shines into another\'s detector write compensation = "none" below the [[assay]] of the study; else give '
        'single-stain wells and compensation = "single_stain", or the path of a matrix'
    )
    return [Finding(level, "uncompensated", message, plate.name)]


def _matrix_text(header: Header) -> str:
    """Return what tells a file's matrix from another's; "" where the file has none, or that of no channel."""
    channels, keywords = header
    try:
        spillover = spillover_from_keywords(keywords, channels)
    except CompensationError:
        return next((keywords[key].strip() for key in KEYWORDS if keywords.get(key, "").strip()), "unreadable")
    return "" if spillover is None else repr((spillover.detectors, spillover.matrix))

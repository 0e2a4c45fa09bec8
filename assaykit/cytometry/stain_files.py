"""Single stains and the unstained control, from the wells of a plate and from a folder of their own.

A well says by its `marker` which stain it is. A file of the study's `single_stains` says it by its name, by the name
of its tube (`TUBE NAME`, $FIL) or not at all; then the detector that shines most beyond the unstained cells is taken.
That detector confirms a name, and a finding says what was taken and whether it agrees.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from assaykit.cytometry.channels import is_fluorescence, role_columns
from assaykit.cytometry.matching import marker_of, roles_of_marker, stain_roles, text_factor
from assaykit.cytometry.wells import well_file
from assaykit.errors import FcsError
from assaykit.fcs import Channel, Events, read_fcs
from assaykit.plate import Plate, Well
from assaykit.study import Assay, bare_names, plain_name
from assaykit.tables import Finding

UNSTAINED = frozenset({"unstained", "nil", "blank", "negative", "neg", "none", "nostain", "us"})
TUBE_KEYWORDS = ("TUBE NAME", "$FIL", "SAMPLE ID", "$SMNO")
VOLTAGE_TOLERANCE = 0.5
CLEARLY = 2.0
"""How many times the next detector a stain's own must shine to tell the dye of a file without a name (convention)."""


@dataclass(frozen=True, slots=True, eq=False)
class Stain:
    """The cells stained with one dye: the dye's own detector, the events, and where they are from."""

    detector: str
    events: Events
    label: str


@dataclass(frozen=True, slots=True, eq=False)
class StainFiles:
    """The single stains in the file's channel order, the unstained cells, and what was taken for what."""

    stains: tuple[Stain, ...]
    unstained: Events | None
    findings: tuple[Finding, ...] = ()


def stain_files(assay: Assay, plate: Plate) -> StainFiles:
    """Return the single stains of a plate's wells and of the study's folder; files of one dye are taken together."""
    found: dict[str, list[Stain]] = {}
    findings: list[Finding] = []
    dark = [events for well in plate.wells if well.role == "unstained" if (events := _readable(well)) is not None]
    wells = [(path, Well(path.stem, "single_stain", file=path, where=path.name)) for path in assay.single_stains]
    apart = [(path, events) for path, well in wells if (events := _readable(well)) is not None]
    dark += [events for path, events in apart if _is_unstained(path, events)]
    unstained = _pool(dark) if dark else None
    for well in (well for well in plate.wells if well.role == "single_stain"):
        events = _readable(well)
        detector = _detector_by_marker(assay, well, events) if events is not None else None
        if events is not None and detector is not None:
            found.setdefault(detector, []).append(Stain(detector, events, well.name))
    for path, events in apart:
        if not _is_unstained(path, events):
            detector, finding = _detector_by_file(assay, path, events, unstained=unstained)
            findings += [replace(finding, plate=plate.name)] if finding else []
            if detector:
                found.setdefault(detector, []).append(Stain(detector, events, path.name))
    findings += _voltages(plate, [stain for stains in found.values() for stain in stains])
    order = next(iter(found.values()))[0].events.names if found else ()
    stains = [found[name] for name in order if name in found]
    return StainFiles(
        tuple(Stain(each[0].detector, _pool([s.events for s in each]), each[0].label) for each in stains),
        unstained,
        tuple(findings),
    )


def _readable(well: Well) -> Events | None:
    try:
        return read_fcs(well_file(well))
    except FcsError:
        return None  # measuring the well says why


def _pool(several: Sequence[Events]) -> Events:
    """Return the events of files with the same channels as one; those of the first where they differ."""
    alike = [events.values for events in several if events.names == several[0].names]
    return several[0] if len(alike) == 1 else replace(several[0], values=np.concatenate(alike))


def _detector_by_marker(assay: Assay, well: Well, events: Events) -> str | None:
    """Return the detector a single stain is for: by the role its marker names, else by $PnN or $PnS."""
    roles = roles_of_marker(text_factor(well, "marker"), stain_roles(assay, events.channels))
    columns = role_columns(assay, events.channels, roles or ())
    marker = marker_of(well)
    return next(iter(columns.values()), None) or next(
        (c.name for c in events.channels if marker and marker in {plain_name(n) for n in _names(c)}), None
    )


def _names(channel: Channel) -> tuple[str, ...]:
    return (*bare_names(channel.name), channel.stain)


def _tokens(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", re.sub(r"\.fcs$", "", text.casefold()))


def _file_names(path: Path, events: Events) -> list[str]:
    return [path.stem, *(events.keywords.get(key, "") for key in TUBE_KEYWORDS)]


def _is_unstained(path: Path, events: Events) -> bool:
    return any(UNSTAINED.intersection(_tokens(text)) for text in _file_names(path, events)[:2])


def _detector_by_file(
    assay: Assay, path: Path, events: Events, *, unstained: Events | None
) -> tuple[str, Finding | None]:
    """Return the detector of a file, by a name or by its light, and a finding that says which; "" where none tells."""
    dyed = [channel for channel in events.channels if is_fluorescence(channel)]
    known = {plain_name(name): channel.name for channel in reversed(dyed) for name in reversed(_names(channel))}
    columns = role_columns(assay, events.channels, assay.protocol.channels)
    for name, roles in stain_roles(assay, events.channels).items():
        if name not in known and roles & columns.keys():
            known[name] = next(columns[role] for role in columns if role in roles)
    named = next((channel for text in _file_names(path, events) if (channel := _longest(text, known))), "")
    bright, times = _brightest(events, [channel.name for channel in dyed], unstained)
    if not named and not bright:
        message = f"{path.name}: neither its name nor its tube's tells a channel, and nothing shines: it is not used"
        return "", Finding("warn", "single_stain_named", message)
    if not named:
        message = (
            f"{path.name} is taken as the single stain of {bright}, which shines {times:.1f} times as bright as the "
            "next detector; its name tells no channel"
        )
        return bright, Finding("note" if times >= CLEARLY else "warn", "single_stain_named", message)
    if bright and bright != named:
        message = f"{path.name} is the single stain of {named} by its name, but {bright} shines most: check the tube"
        return named, Finding("warn", "single_stain_named", message)
    return named, Finding("note", "single_stain_named", f"{path.name} is the single stain of {named}")


def _longest(text: str, known: dict[str, str]) -> str:
    """Return the channel whose name is the longest run of a text's words; "" where none is."""
    words = _tokens(text)
    runs = sorted(
        ("".join(words[i:j]) for i in range(len(words)) for j in range(i + 1, len(words) + 1)), key=len, reverse=True
    )
    return next((known[run] for run in runs if run in known), "")


def _brightest(events: Events, names: Sequence[str], unstained: Events | None) -> tuple[str, float]:
    """Return the detector whose bright cells (98th percentile) lie farthest beyond dark ones, and how often the next.

    ("", 0) where no detector shines.
    """
    shifts = {}
    for name in names:
        values = events.values[:, events.names.index(name)]
        dark = unstained.values[:, unstained.names.index(name)] if unstained and name in unstained.names else values
        if values.size and dark.size:
            shifts[name] = float(np.percentile(values, 98)) - float(np.percentile(dark, 98 if unstained else 50))
    ordered = sorted(shifts, key=lambda name: shifts[name], reverse=True)
    if not ordered or shifts[ordered[0]] <= 0:
        return "", 0.0
    second = shifts[ordered[1]] if len(ordered) > 1 else 0.0
    return ordered[0], shifts[ordered[0]] / second if second > 0 else float("inf")


def _voltages(plate: Plate, stains: Sequence[Stain]) -> list[Finding]:
    """Say which detectors of the single stains were set otherwise than in the plate's first readable sample."""
    first = next((e for w in plate.wells if w.role == "sample" if (e := _header(w)) is not None), ())
    usual = {channel.name: channel.voltage for channel in first}
    other: dict[str, list[str]] = {}
    for stain in stains:
        for channel in stain.events.channels:
            set_to = usual.get(channel.name)
            if set_to is None or channel.voltage is None or not is_fluorescence(channel):
                continue
            if abs(channel.voltage - set_to) > VOLTAGE_TOLERANCE:
                other.setdefault(stain.label, []).append(f"{channel.name} {channel.voltage:g} for {set_to:g}")
    return [
        Finding(
            "warn",
            "single_stain_voltage",
            f"the single stain {label} was acquired at other voltages than the samples ({', '.join(told)}): its slopes "
            "do not hold for them",
            plate.name,
        )
        for label, told in other.items()
    ]


def _header(well: Well) -> tuple[Channel, ...] | None:
    from assaykit.fcs import read_fcs_header

    try:
        return tuple(read_fcs_header(well_file(well)).channels)
    except FcsError:
        return None

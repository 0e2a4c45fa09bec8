"""Wells whose numbers were gated elsewhere: which control serves each, and their rows of READOUTS.

plate  -> ResolvedPlate: channel -> well -> control, the control's median
well   -> its readouts, and its control's median beside each median, as if they had been measured here
"""

from __future__ import annotations

from statistics import median
from typing import Any

from assaykit.cytometry.controls import control_key
from assaykit.cytometry.matching import ControlMatch, controls_of, match_control
from assaykit.cytometry.overrides import without_excluded
from assaykit.cytometry.readouts import READOUTS
from assaykit.plate import Plate, Well, controls_named, reserved_controls
from assaykit.protocol import Protocol
from assaykit.study import Assay, ControlCells, ResolvedPlate
from assaykit.tables import Finding

_WIDER = {
    "context": "no control of their own treatment: one of the same context serves",
    "plate": "no control of their own context: the plate's controls serve",
}


def is_gated_elsewhere(plate: Plate) -> bool:
    """Whether the numbers of a plate's wells come from a table and not from FCS files."""
    return any(well.readouts for well in plate.wells)


def resolve_statistics(assay: Assay, plate: Plate) -> tuple[ResolvedPlate, list[Finding]]:
    """Return which control wells serve the plate's samples in each channel, and what a reader must know about them.

    They are found as those with FCS files are: the wells a layout names, else FMO before isotype before unstained, of
    the same treatment and context where there are any. Of several the median of their medians serves.
    """
    serves: dict[str, dict[str, str]] = {}
    controls: dict[str, ControlCells] = {}
    findings: list[Finding] = []
    trusted = without_excluded(assay, plate)
    samples = [well for well in plate.wells if well.role == "sample" and well.readouts]
    held = dict.fromkeys(name for well in plate.wells for name in well.readouts)
    medians = [name for name in held if _statistic_of(name) == "median"]
    for channel in assay.protocol.channels:
        names = [name for name in medians if _channel_of(name, assay.protocol) == channel]
        if not names:
            continue
        matches, substitutes = _matches(assay, trusted, channel, samples)
        if not matches:
            findings.append(_no_control(assay, plate, channel))
            continue
        serves[channel] = {well: control_key(channel, match.wells) for well, match in matches.items()}
        for match in {match.key: match for match in matches.values()}.values():
            controls[control_key(channel, match.wells)] = _control(channel, match, names)
        if substitutes:
            message = f"no FMO well for {channel}: the {substitutes} wells serve as its control"
            findings.append(Finding("warn", "control_substituted", message, plate.name, channel=channel))
        for closeness, words in _WIDER.items():
            wells = [well for well, match in matches.items() if match.closeness == closeness]
            if wells:
                message = f"{channel}: {len(wells)} wells ({', '.join(wells)}) have {words}"
                findings.append(
                    Finding(
                        "note" if closeness == "context" else "warn",
                        "control_not_matched",
                        f"{message}; drugs and MSC change autofluorescence",
                        plate.name,
                        channel=channel,
                    )
                )
    return ResolvedPlate(serves=serves, controls=controls), findings


def statistics_rows(assay: Assay, plate: Plate, well: Well) -> list[dict[str, Any]]:
    """Return the READOUTS of a well: its own numbers, and beside each median its control's, where one serves."""
    place = {"assay": assay.name, "plate": plate.name, "well": well.name}
    rows = [
        {**place, "readout": name, "value": value, "unit": _unit(name), "cells": _cells(assay.protocol, well, name)}
        for name, value in well.readouts.items()
    ]
    resolved = assay.resolved.get(plate.name)
    if resolved is None or well.role != "sample":
        return rows
    for name in well.readouts:
        channel = _channel_of(name, assay.protocol)
        control = resolved.controls.get(resolved.serves.get(channel, {}).get(well.name, ""))
        beside = f"{name.removesuffix('median')}control_median"
        if control is not None and name in control.medians and beside not in well.readouts:
            value = control.medians[name]
            rows.append({**place, "readout": beside, "value": value, "unit": _unit(beside), "cells": None})
    return rows


def _matches(assay: Assay, plate: Plate, channel: str, samples: list[Well]) -> tuple[dict[str, ControlMatch], str]:
    """Return the control of each sample in a channel, and the role of controls that stand in for an FMO, or ""."""
    reserved = {well.name for well in reserved_controls(plate)}
    of_role = {
        role: [well for well in wells if well.readouts and well.name not in reserved]
        for role, wells in controls_of(assay, plate, channel).items()
    }
    role, usable = next(((role, wells) for role, wells in of_role.items() if wells), ("fmo", []))
    matches: dict[str, ControlMatch] = {}
    for well in samples:
        named = tuple(control for control in controls_named(plate, well) if control.readouts)
        if named:
            matches[well.name] = ControlMatch(named, "named")
        elif usable:
            matches[well.name] = match_control(well, usable)
    return matches, role if usable and role != "fmo" else ""


def _control(channel: str, match: ControlMatch, names: list[str]) -> ControlCells:
    """Return a control whose `medians` are by the readout they are taken off, for its populations are not known."""
    held = {name: [well.readouts[name] for well in match.wells if name in well.readouts] for name in names}
    return ControlCells(
        channel=channel,
        wells=tuple(well.name for well in match.wells),
        treatment=", ".join(dict.fromkeys(str(well.factors.get("treatment", "")) for well in match.wells)),
        context=", ".join(dict.fromkeys(str(well.factors.get("context", "")) for well in match.wells)),
        cells={},
        medians={name: median(values) for name, values in held.items() if values},
        robust_sds={},
        quantiles={},
    )


def _no_control(assay: Assay, plate: Plate, channel: str) -> Finding:
    needed = any(not spec.optional and spec.channel == channel for spec in assay.protocol.endpoints)
    message = (
        f"no FMO, isotype or unstained well for {channel} has a number: export the controls too, and mark their wells "
        f"in the layout: role = fmo, marker = {channel}"
    )
    return Finding("fail" if needed else "note", "no_control", message, plate.name, channel=channel)


def _statistic_of(name: str) -> str:
    """Return the statistic of a readout's name, the longest that it ends with.

    >>> _statistic_of("cxcr4_control_median"), _statistic_of("cml_cxcr4_median")
    ('control_median', 'median')
    """
    ends = [statistic for statistic in READOUTS if name.endswith(f"_{statistic}")]
    return max(ends, key=len, default="")


def _channel_of(name: str, protocol: Protocol) -> str:
    """Return the channel role of a readout's name, alone or after a population; "" for one of a population."""
    stem = name.removesuffix(f"_{_statistic_of(name)}")
    roles = [role for role in protocol.channels if stem == role or stem.endswith(f"_{role}")]
    return max(roles, key=len, default="") if READOUTS[_statistic_of(name)].channel else ""


def _unit(name: str) -> str:
    return READOUTS[_statistic_of(name)].unit


def _cells(protocol: Protocol, well: Well, name: str) -> int | None:
    """Return the cells a number rests on, where the table counts the population it is read from."""
    read = {readout.read_as: readout.population for readout in protocol.readouts}
    statistic, channel = _statistic_of(name), _channel_of(name, protocol)
    stem = name.removesuffix(f"_{statistic}").removesuffix(channel).removesuffix("_")
    count = well.readouts.get(f"{stem or read.get(name, '')}_count")
    return None if count is None else round(count)

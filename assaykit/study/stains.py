"""What a layout calls a stain: names compared by letters and digits alone, and markers that name none."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from assaykit.errors import FcsError
from assaykit.plate import Plate, Well
from assaykit.protocol import Protocol
from assaykit.sources import is_file
from assaykit.tables import Finding
from assaykit.vocabulary import nearest


def plain_name(name: str) -> str:
    """Return letters and digits alone, and no "FMO": a layout may say `FMO-CXCR4` or `cxcr4 fmo`.

    >>> plain_name("FMO CXCR-4")
    'cxcr4'
    """
    return "".join(part for part in re.findall(r"[a-z0-9]+", name.casefold()) if part != "fmo")


def bare_names(channel: str) -> tuple[str, ...]:
    """Return a channel's name, and without its -A or -H.

    >>> bare_names("PE-A"), bare_names("CXCR4")
    (('PE-A', 'PE'), ('CXCR4',))
    """
    return (channel, channel[:-2]) if channel[-2:].casefold() in {"-a", "-h"} else (channel,)


def marker_parts(text: str) -> list[str]:
    """Return the stains of a marker that names several, with commas, semicolons, slashes or plus signs between."""
    return [part for part in re.split(r"[,;/+&]", text) if part.strip()]


def unknown_markers(plates: Sequence[Plate], protocol: Protocol, channels: Mapping[str, str]) -> list[Finding]:
    """Return a finding per marker that is neither a stain of the protocol nor a channel of the control's own file."""
    usual = {
        name: role
        for role, recipe in protocol.channels.items()
        for name in (role, recipe.marker, *recipe.names)
        if name
    }
    told = {name: role for role, name in channels.items()}  # the study's word counts before usual names
    strange: dict[tuple[str, str], list[str]] = {}
    for plate in plates:
        for well in plate.wells:
            marker = str(well.factors.get("marker", ""))
            if well.role != "sample" and marker and not _is_known(marker, well, (*usual, *told)):
                strange.setdefault((plate.name, marker), []).append(well.name)
    read = dict.fromkeys(readout.channel for readout in protocol.readouts if readout.channel) or protocol.channels
    roles = {name: role for name, role in {**usual, **told}.items() if role in read}
    return [_strange(plate, marker, wells, roles=roles) for (plate, marker), wells in strange.items()]


def _is_known(marker: str, well: Well, names: Sequence[str]) -> bool:
    def known(stains: Sequence[str]) -> bool:
        plain = {plain_name(bare) for name in stains for bare in bare_names(name)}
        return plain_name(marker) in plain or all(plain_name(part) in plain for part in marker_parts(marker))

    return known(names) or known((*names, *_stains(well)))


def _stains(well: Well) -> list[str]:
    """Return what the file of a well calls its channels; nothing where it cannot be read, which measuring it says."""
    from assaykit.fcs import read_fcs_header

    if well.file is None or not is_file(well.file):
        return []
    try:
        return [name for channel in read_fcs_header(well.file).channels for name in (channel.name, channel.stain)]
    except FcsError:
        return []


def _strange(plate: str, marker: str, wells: list[str], *, roles: Mapping[str, str]) -> Finding:
    folded = {bare.casefold(): role for name, role in roles.items() for bare in bare_names(name)}
    near = nearest(marker.casefold(), tuple(sorted(folded)))
    advice = f"write '{folded[near]}'" if near else f"write one of {', '.join(dict.fromkeys(roles.values()))}"
    message = (
        f"marker '{marker}' of {', '.join(wells)} is neither a stain of the protocol nor a channel of its file, so it "
        f"serves none; {advice}."
    )
    return Finding("warn", "marker_unknown", message, plate, wells[0])

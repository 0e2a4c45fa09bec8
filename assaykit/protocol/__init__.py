"""The recipe of one assay: `Protocol` beside its reader."""

from __future__ import annotations

from assaykit.protocol.files import (
    protocol_folder,
    protocol_from_table,
    protocol_method,
    protocol_names,
    protocol_path,
    protocol_schema,
    read_protocol,
)
from assaykit.protocol.model import (
    Analysis,
    ChannelRole,
    ContrastSpec,
    Criterion,
    EndpointSpec,
    Protocol,
    Quality,
    Readout,
)

__all__ = [
    "Analysis",
    "ChannelRole",
    "ContrastSpec",
    "Criterion",
    "EndpointSpec",
    "Protocol",
    "Quality",
    "Readout",
    "protocol_folder",
    "protocol_from_table",
    "protocol_method",
    "protocol_names",
    "protocol_path",
    "protocol_schema",
    "read_protocol",
]

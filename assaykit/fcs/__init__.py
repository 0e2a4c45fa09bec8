"""FCS files, read whatever wrote them, written so that every reader opens them: `read_fcs` and its value `Events`."""

from assaykit.fcs.digest import sha256_of
from assaykit.fcs.events import Channel, Events, Repair
from assaykit.fcs.keywords import Keywords
from assaykit.fcs.reading import Header, datasets, read_fcs, read_fcs_header
from assaykit.fcs.repairs import REPAIRS
from assaykit.fcs.writing import events_from_array, write_fcs

__all__ = [
    "REPAIRS",
    "Channel",
    "Events",
    "Header",
    "Keywords",
    "Repair",
    "datasets",
    "events_from_array",
    "read_fcs",
    "read_fcs_header",
    "sha256_of",
    "write_fcs",
]

"""What a protocol asks of endpoints and criteria that do not exist: all of it, before anything is measured."""

from __future__ import annotations

from assaykit.endpoints import endpoint_faults, unknown_names
from assaykit.errors import InputError
from assaykit.measurements.criteria import CRITERIA
from assaykit.protocol import Protocol


def unknown_name_faults(protocol: Protocol) -> list[InputError]:
    """Return one fault per endpoint, option and criterion of the protocol that there is not."""
    faults = endpoint_faults(protocol)
    for number, criterion in enumerate(protocol.acceptance, 1):
        where = f"protocol {protocol.name}, acceptance {number}"
        faults += unknown_names("criterion", [criterion.check], CRITERIA, where)
    return faults

"""What a protocol asks of endpoints that do not exist: all of it, before anything is measured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from assaykit.endpoints.catalogue import ENDPOINTS
from assaykit.endpoints.model import Endpoint
from assaykit.errors import EndpointError, InputError
from assaykit.protocol import Protocol
from assaykit.vocabulary import nearest

OPTIONS: dict[str, str] = {
    "apoptotic": '"early+late" or "early": which cells count as apoptotic',
    "counting": '"beads", "volume" or "plain": how cells are counted, where a well allows more than one',
    "beads_added": "counting beads added to each well, where the layout does not say",
    "sample_volume": "uL of the sample the volume run was taken from, where the layout does not say",
    "input_cells": "cells put in, where nothing measured says",
    "least_kill": "points of apoptosis below which a drug is said not to kill",
    "match": "factors a well shares with its reference, with commas between",
}
_CHOICES = {"apoptotic": ("early+late", "early"), "counting": ("beads", "volume", "plain")}


def endpoint_by_name(name: str) -> Endpoint:
    """Return the endpoint with this name. Raises EndpointError naming the nearest one."""
    for fault in unknown_names("endpoint", [name], ENDPOINTS, ""):
        raise fault
    return ENDPOINTS[name]


def endpoint_faults(protocol: Protocol) -> list[InputError]:
    """Return one fault per endpoint and option of the protocol that there is not."""
    faults: list[InputError] = []
    for number, spec in enumerate(protocol.endpoints, 1):
        where = f"protocol {protocol.name}, endpoint {number}"
        faults += unknown_names("endpoint", [spec.endpoint], ENDPOINTS, where)
        faults += unknown_names("option", spec.options, OPTIONS, where)
        for option, choices in _CHOICES.items():
            if option in spec.options and spec.options[option] not in choices:
                found = repr(spec.options[option])
                faults.append(EndpointError(f"the option {option} must be {' or '.join(choices)}", found, where))
    return faults


def unknown_names(noun: str, names: Iterable[str], known: Iterable[str], where: str) -> Iterator[EndpointError]:
    """Yield a fault for each name that is none of the known ones, with the nearest of them."""
    known = tuple(known)
    article = "an" if noun[0] in "aeiou" else "a"
    for name in names:
        if name not in known:
            near = nearest(name, known)
            remedy = f"write {near!r}" if near else f"use one of {', '.join(known)}"
            yield EndpointError(f"{article} {noun} must be a known one", repr(name), where, remedy)

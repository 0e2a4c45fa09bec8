"""What a protocol asks of endpoints and criteria that do not exist: all of it, before anything is measured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pandas as pd

from assaykit.endpoints.catalogue import ENDPOINTS
from assaykit.endpoints.criteria import CRITERIA
from assaykit.endpoints.model import Endpoint
from assaykit.errors import EndpointError, InputError
from assaykit.protocol.model import Analysis, EndpointSpec, Protocol
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
    """Return the endpoint with this key. Raises EndpointError naming the nearest one."""
    for fault in _unknown("endpoint", [name], ENDPOINTS, ""):
        raise fault
    return ENDPOINTS[name]


def endpoint_faults(protocol: Protocol) -> list[InputError]:
    """Return one fault per endpoint, option and criterion of the protocol that there is not."""
    faults: list[InputError] = []
    for number, spec in enumerate(protocol.endpoints, 1):
        where = f"protocol {protocol.name}, endpoint {number}"
        faults += _unknown("endpoint", [spec.endpoint], ENDPOINTS, where)
        faults += _unknown("option", spec.options, OPTIONS, where)
        faults += _choices(spec, where)
    for number, criterion in enumerate(protocol.acceptance, 1):
        where = f"protocol {protocol.name}, acceptance {number}"
        faults += _unknown("criterion", [criterion.check], CRITERIA, where)
    return faults


def asked_analyses(protocol: Protocol, measurements: pd.DataFrame) -> tuple[Analysis, ...]:
    """Return the protocol's analyses, less those of optional endpoints this lab measured nothing for."""
    measured = set(measurements["endpoint"])
    optional = {spec.measured_as for spec in protocol.endpoints if spec.optional}
    return tuple(one for one in protocol.analyses if one.endpoint in measured or one.endpoint not in optional)


def _unknown(noun: str, names: Iterable[str], known: Iterable[str], where: str) -> Iterator[EndpointError]:
    known = tuple(known)
    for name in names:
        if name not in known:
            near = nearest(name, known)
            remedy = f"write {near!r}" if near else f"use one of {', '.join(known)}"
            yield EndpointError(f"{_article(noun)} {noun} must be a known one", repr(name), where, remedy)


def _choices(spec: EndpointSpec, where: str) -> Iterator[EndpointError]:
    for name, choices in _CHOICES.items():
        if name in spec.options and spec.options[name] not in choices:
            yield EndpointError(f"the option {name} must be {' or '.join(choices)}", repr(spec.options[name]), where)


def _article(noun: str) -> str:
    return "an" if noun[0] in "aeiou" else "a"

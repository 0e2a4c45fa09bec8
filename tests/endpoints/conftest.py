"""A bench in memory: wells with readouts and counts in, measurements and findings out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pandas as pd
import pytest

from assaykit.measurements import accept, measure_endpoints
from assaykit.plate.model import Plate, Well
from assaykit.protocol import Protocol, read_protocol
from assaykit.study.model import Assay, Reference
from assaykit.tables import READOUTS, frame_from_rows

REFERENCE = Reference("vehicle", "mono")


def well(
    name: str,
    treatment: str = "vehicle",
    context: str = "mono",
    *,
    unit: str = "day 1",
    role: str = "sample",
    counts: Mapping[str, float] | None = None,
    **factors: str | float,
) -> Well:
    """Return one well of one experiment."""
    known = {"treatment": treatment, "context": context, "experiment": unit, **factors}
    return Well(name, role, known, counts=counts or {})


class Bench:
    """What a test sees of one assay."""

    def __init__(self, protocol: Protocol, wells: Sequence[Well], readouts: Mapping[str, Mapping[str, float]]) -> None:
        self.assay = Assay(protocol.name, protocol, (Plate("P", 8, 12, tuple(wells)),))
        rows = [
            {"assay": protocol.name, "plate": "P", "well": name, "readout": key, "value": value, "cells": 500}
            for name, values in readouts.items()
            for key, value in values.items()
        ]
        self.readouts = frame_from_rows(rows, READOUTS)
        self.table, self.findings = measure_endpoints(self.assay, self.readouts, unit="experiment", reference=REFERENCE)

    def accept(self):
        """Return the marked measurements, the acceptance table and its findings."""
        return accept(self.assay, self.table, self.readouts, reference=REFERENCE)

    def of(self, endpoint: str) -> pd.DataFrame:
        """Return the rows of one endpoint."""
        return self.table[self.table["endpoint"] == endpoint].reset_index(drop=True)

    def value(self, endpoint: str, well: str = "") -> float:
        """Return the one value of an endpoint, in a well or of a unit."""
        rows = self.of(endpoint)
        (value,) = rows[rows["well"] == well]["value"]
        return float(value)

    def checks(self) -> list[str]:
        """Return the checks of the findings."""
        return [finding.check for finding in self.findings]


@pytest.fixture(scope="session")
def bench() -> Callable[..., Bench]:
    """Return what measures wells by a shipped protocol, or by one with some parts replaced."""

    def measure(
        protocol: str,
        wells: Sequence[Well],
        readouts: Mapping[str, Mapping[str, float]] | None = None,
        **replaced: object,
    ) -> Bench:
        recipe = read_protocol(protocol).model_copy(update=replaced)
        return Bench(recipe, wells, readouts or {})

    return measure

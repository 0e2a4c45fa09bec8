"""A small wet lab: wells of known cells, written as FCS files, gathered into a plate with a protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from assaykit.cytometry import measure_well, resolve_plate
from assaykit.fcs import events_from_array, write_fcs
from assaykit.plate.model import Plate, Well
from assaykit.protocol.model import Protocol
from assaykit.study.model import Assay

DYES = ("PE-A", "BV421-A", "APC-A", "BV786-A")  # CXCR4, viability, CD45, CD90
NAMES = ("FSC-A", "FSC-H", "SSC-A", *DYES, "Time")
SPILL = np.array(
    [[1.0, 0.002, 0.012, 0.004], [0.001, 1.0, 0.001, 0.055], [0.004, 0.001, 1.0, 0.05], [0.012, 0.04, 0.03, 1.0]]
)
PROTOCOL = {
    "name": "surface",
    "title": "Surface CXCR4",
    "channels": {
        "fsc_a": {"names": ["FSC-A"]},
        "fsc_h": {"names": ["FSC-H"], "required": False},
        "cxcr4": {"names": ["PE-A"], "marker": "CXCR4"},
        "viability": {"names": ["BV421-A"], "required": False},
        "cd45": {"names": ["APC-A"], "marker": "CD45", "required": False},
        "cd90": {"names": ["BV786-A"], "marker": "CD90", "required": False},
    },
    "gate": [
        {"kind": "debris", "name": "cells"},
        {"kind": "singlets", "name": "singlets", "parent": "cells"},
        {"kind": "viability", "name": "live", "parent": "singlets"},
        {"kind": "valley", "name": "cml", "parent": "live", "channel": "cd45"},
        {"kind": "fmo", "name": "positive", "parent": "cml", "channel": "cxcr4", "per": "treatment"},
    ],
    "readout": [
        {"statistic": "count", "population": "cml"},
        *(
            {"statistic": statistic, "population": "cml", "channel": "cxcr4"}
            for statistic in ("median", "control_median", "percent_positive", "overton", "robust_cv", "stain_index")
        ),
    ],
}


@dataclass(frozen=True)
class Cells:
    """What is in a well: leukaemia cells with CXCR4 of a log-normal, and what comes with them."""

    events: int = 5000
    cxcr4: float = 800.0
    spread: float = 0.5
    positive: float = 1.0  # share of leukaemia cells that carry CXCR4 at all
    dead: float = 0.08
    msc: float = 0.0
    doublets: float = 0.05
    debris: float = 0.1
    glow: float = 110.0


def draw(cells: Cells, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return events x channels, and which of them are live single leukaemia cells."""
    rng = np.random.default_rng(seed)
    n = cells.events
    kind = rng.choice(4, n, p=_shares(cells))  # 0 leukaemia, 1 dead leukaemia, 2 MSC, 3 debris
    forward = np.array([62e3, 45e3, 118e3, 11e3])[kind] * np.exp(rng.normal(0, 0.15, n))
    double = (rng.random(n) < cells.doublets) & (kind != 3)
    height = 0.8 * forward * rng.normal(1, 0.02, n)
    forward = np.where(double, forward * 2.0, forward)
    glow = np.array([cells.glow, 2 * cells.glow, 420, 40])[kind] * np.exp(rng.normal(0, 0.25, n))
    carry = (rng.random(n) < cells.positive) & (kind < 2) & (cells.cxcr4 > 0)
    amounts = np.column_stack(
        [
            np.where(carry, max(cells.cxcr4, 1e-9) * np.exp(rng.normal(0, cells.spread, n)), 0.0),
            np.where(kind == 1, 16e3, 60) * np.exp(rng.normal(0, 0.35, n)),
            np.where(kind < 2, 9e3, 0) * np.exp(rng.normal(0, 0.35, n)),
            np.where(kind == 2, 22e3, 0) * np.exp(rng.normal(0, 0.35, n)),
        ]
    )
    light = amounts @ SPILL + glow[:, None]
    signal = light + rng.normal(0, 1, light.shape) * np.sqrt(18.0**2 + 2.5 * light)
    time = np.sort(rng.uniform(0, n / 250, n))
    values = np.column_stack([forward, height, 0.5 * forward, signal, time])
    return values, (kind == 0) & ~double


def _shares(cells: Cells) -> list[float]:
    alive = 1 - cells.debris - cells.msc
    return [alive * (1 - cells.dead), alive * cells.dead, cells.msc, cells.debris]


@dataclass(frozen=True)
class Lab:
    """Writes wells and runs plates."""

    folder: Path

    def write(
        self, name: str, values: np.ndarray, *, names=NAMES, keywords: Mapping[str, str] | None = None, volts=450.0
    ):
        text = ",".join([str(len(DYES)), *DYES, *(f"{value:g}" for value in SPILL.ravel())])
        words = {"$SPILLOVER": text, "$WELLID": name} if keywords is None else keywords
        events = events_from_array(values.astype(np.float32), names, keywords=words)
        channels = tuple(replace(c, voltage=None if c.name == "Time" else volts) for c in events.channels)
        path = self.folder / f"{name}.fcs"
        write_fcs(replace(events, channels=channels), path)
        return path

    def well(self, name: str, cells: Cells = Cells(), *, role="sample", seed: int | None = None, **factors) -> Well:
        values, _ = draw(cells, seed if seed is not None else sum(map(ord, name)) * 7)
        defaults = {"treatment": "vehicle", "context": "mono", **({"marker": "cxcr4"} if role == "fmo" else {})}
        return Well(name, role, {**defaults, **factors}, self.write(name, values))

    def fmo(self, name: str, cells: Cells = Cells(), **factors) -> Well:
        return self.well(name, replace(cells, cxcr4=0.0), role="fmo", **factors)

    def assay(self, wells, protocol: Mapping = PROTOCOL, **changes) -> tuple[Assay, Plate]:
        plate = Plate("plate 1", 8, 12, tuple(wells), self.folder / "plate.toml")
        return Assay("surface", Protocol.model_validate({**protocol, **changes}), (plate,)), plate

    def run(self, wells, protocol: Mapping = PROTOCOL, **changes) -> Ran:
        return self.run_assay(*self.assay(wells, protocol, **changes))

    def run_assay(self, assay: Assay, plate: Plate) -> Ran:
        resolved, findings = resolve_plate(assay, plate)
        assay = replace(assay, resolved={plate.name: resolved})
        return Ran(assay, plate, findings, [measure_well(assay, plate, well) for well in plate.wells])


@dataclass(frozen=True)
class Ran:
    assay: Assay
    plate: Plate
    plate_findings: list
    measured: list

    def value(self, well: str, readout: str) -> float:
        return next(row["value"] for row in self.rows("readouts") if (row["well"], row["readout"]) == (well, readout))

    def rows(self, what: str) -> list:
        return [row for one in self.measured for row in getattr(one, what)]

    @property
    def findings(self) -> list:
        return [*self.plate_findings, *(f for one in self.measured for f in one.findings)]

    def checks(self, *levels: str) -> set:
        return {(f.check, f.well) for f in self.findings if not levels or f.level in levels}


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


@pytest.fixture
def cells() -> type[Cells]:
    return Cells


@pytest.fixture
def draw_cells():
    return draw


@pytest.fixture
def surface() -> Mapping:
    return PROTOCOL


@pytest.fixture
def spill_matrix() -> np.ndarray:
    return SPILL

"""How often the plate-wide checks cry wolf on clean plates, and how often they see a swap or an edge.

    python benchmarks/plate_checks.py [plates]

Plates are drawn from layouts labs use, with counts of cells (Poisson, over-dispersed from well to well) and medians
(log-normal). A clean plate may have at most 1 finding of each check in 200. Printed: findings per 100 plates.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from assaykit.cytometry import check_plate
from assaykit.plate.model import Plate, Well
from assaykit.protocol.model import Protocol
from assaykit.study.model import Assay

PARTS = ("cml", "viable", "early", "late", "necrotic")
PROTOCOL = Protocol.model_validate(
    {
        "name": "bench",
        "title": "bench",
        "channels": {"cxcr4": {"names": ["PE-A"]}},
        "gate": [{"kind": "threshold", "name": name, "channel": "cxcr4", "value": 0.0} for name in PARTS],
        "readout": [
            *({"statistic": "count", "population": name} for name in PARTS),
            {"statistic": "median", "population": "cml", "channel": "cxcr4"},
        ],
    }
)


@dataclass(frozen=True)
class Layout:
    """Wells with their condition, in a plate of rows x columns."""

    name: str
    rows: int
    columns: int
    conditions: tuple[tuple[int, int, int], ...]  # row, column, condition


def in_order(name: str, wells: int, conditions: int, replicates: int) -> Layout:
    """Return replicates side by side, filled row by row over 12 columns."""
    placed = tuple((i // 12, i % 12, (i // replicates) % conditions) for i in range(wells))
    return Layout(name, 8, 12, placed)


LAYOUTS = (
    in_order("24 wells, 12 conditions in duplicate, row by row", 24, 12, 2),
    in_order("48 wells, 16 conditions in triplicate, row by row", 48, 16, 3),
    Layout("96 wells, 4 conditions by column", 8, 12, tuple((r, c, c % 4) for r in range(8) for c in range(12))),
    Layout("96 wells, 8 conditions by row", 8, 12, tuple((r, c, r) for r in range(8) for c in range(12))),
    Layout("60 wells inside, 6 conditions by row", 8, 12, tuple((r, c, r) for r in range(1, 7) for c in range(1, 11))),
    Layout("24-well plate, 6 conditions by column", 4, 6, tuple((r, c, c) for r in range(4) for c in range(6))),
    Layout("24-well plate, 3 conditions in blocks", 4, 6, tuple((r, c, c // 2) for r in range(4) for c in range(6))),
)


def drawn(layout: Layout, seed: int, *, swap: tuple[int, int] | None = None, edge: float = 1.0) -> list[str]:
    """Return the checks found on one plate; `swap` exchanges two columns' cells, `edge` dims the outer wells."""
    rng = np.random.default_rng(seed)
    kinds = max(c for *_, c in layout.conditions) + 1
    dying = rng.uniform(0.04, 0.5, kinds)
    shift = rng.normal(0, 0.6, kinds)
    at = {(row, column): kind for row, column, kind in layout.conditions}
    wells, rows = [], []
    for row, column, kind in layout.conditions:
        other = {swap[0]: swap[1], swap[1]: swap[0]}.get(column, column) if swap else column
        held = at.get((row, other), kind)
        name = f"{'ABCDEFGH'[row]}{column + 1}"
        wells.append(Well(name, "sample", {"treatment": f"drug {kind}", "context": "mono"}))
        cells = rng.poisson(400 * np.exp(rng.normal(0, 0.15)))
        p = 1 / (1 + np.exp(-(np.log(dying[held] / (1 - dying[held])) + rng.normal(0, 0.12))))
        shares = np.array([1 - p, 0.55 * p, 0.35 * p, 0.1 * p])
        parts = rng.multinomial(cells, shares)
        border = row in (0, layout.rows - 1) or column in (0, layout.columns - 1)
        median = 500 * 2 ** (shift[held] + rng.normal(0, 0.12)) * (edge if border else 1.0)
        values = dict(zip((f"{part}_count" for part in PARTS), (cells, *parts), strict=True)) | {"cxcr4_median": median}
        rows += [{"plate": "p", "well": name, "readout": key, "value": float(v)} for key, v in values.items()]
    plate = Plate("p", layout.rows, layout.columns, tuple(wells))
    return [finding.check for finding in check_plate(Assay("bench", PROTOCOL, (plate,)), plate, pd.DataFrame(rows))]


def rates(layout: Layout, plates: int, **planted) -> tuple[float, float]:
    """Return the share of plates with a finding `swapped`, and with one `plate_edge`."""
    found = [set(drawn(layout, seed, **planted)) for seed in range(plates)]
    return tuple(float(np.mean([check in one for one in found])) for check in ("swapped", "plate_edge"))


def table(plates: int) -> Iterator[str]:
    yield "| layout | swapped, clean | edge, clean | swapped, columns 2 and 3 swapped | edge, 25 % dimmer |"
    yield "| --- | --- | --- | --- | --- |"
    for layout in LAYOUTS:
        clean = rates(layout, plates)
        power = rates(layout, max(50, plates // 10), swap=(1, 2))[0], rates(layout, max(50, plates // 10), edge=0.75)[1]
        yield f"| {layout.name} | " + " | ".join(f"{100 * rate:.2f}" for rate in (*clean, *power)) + " |"


if __name__ == "__main__":
    for line in table(int(sys.argv[1]) if len(sys.argv) > 1 else 2000):
        print(line)

"""Time a plate: 96 wells x 50,000 events x 13 channels, compensated, gated four levels deep, summarised per well.

    python benchmarks/plate.py [--wells 96] [--events 50000] [--write]

Beside assaykit stand a FlowKit session and FlowCal doing the same work (FlowCal has no compensation and no gating
tree: NumPy does that part), and the floor: bare NumPy that knows the file's layout, reads the columns it needs,
compensates what it needs, compares, and takes medians. Figures are processor time in one thread, the best of the
repeats, on warm files: so a busy machine does not move them.
"""

from __future__ import annotations

import os

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")  # before NumPy

import argparse
import platform
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from assaykit.cytometry import gate_events, measure_well, resolve_plate, worker_assay, worker_plate
from assaykit.cytometry.readouts import median_value
from assaykit.fcs import events_from_array, read_fcs_header, write_fcs
from assaykit.plate.model import Plate, Well
from assaykit.protocol.model import Protocol
from assaykit.study.model import Assay

SCATTER = ("FSC-A", "FSC-H", "SSC-A")
DYES = ("FITC-A", "PE-A", "PerCP-A", "PE-Cy7-A", "APC-A", "APC-Cy7-A", "BV421-A", "BV510-A", "BV785-A")
POLYGON = ((20e3, 5e3), (90e3, 5e3), (160e3, 60e3), (200e3, 160e3), (90e3, 200e3), (30e3, 80e3))
VIABILITY, CD45, CD90, POSITIVE = 3000.0, 800.0, 4000.0, 600.0

PROTOCOL = {
    "name": "benchmark",
    "title": "Four levels with a polygon",
    "compensation": "file",
    "channels": {
        "fsc_a": {"names": ["FSC-A"]},
        "ssc_a": {"names": ["SSC-A"]},
        "viability": {"names": ["BV421-A"]},
        "cd45": {"names": ["APC-A"]},
        "cd90": {"names": ["BV785-A"]},
        "cxcr4": {"names": ["PE-A"]},
    },
    "gate": [
        {"kind": "polygon", "name": "cells", "x": "fsc_a", "y": "ssc_a", "vertices": POLYGON},
        {
            "kind": "threshold",
            "name": "live",
            "parent": "cells",
            "channel": "viability",
            "value": VIABILITY,
            "side": "below",
        },
        {"kind": "rectangle", "name": "cml", "parent": "live", "bounds": {"cd45": [CD45, None], "cd90": [None, CD90]}},
        {"kind": "threshold", "name": "cxcr4_positive", "parent": "cml", "channel": "cxcr4", "value": POSITIVE},
    ],
    "readout": [
        {"statistic": "median", "population": "cml", "channel": "cxcr4"},
        {"statistic": "percent_of_parent", "population": "cxcr4_positive"},
    ],
}


def spillover() -> np.ndarray:
    """Return a plausible 9-colour matrix: neighbours leak up to 15 %, others 1 %."""
    distance = np.abs(np.subtract.outer(np.arange(len(DYES)), np.arange(len(DYES))))
    return np.where(distance == 0, 1.0, np.where(distance == 1, 0.15, 0.01))


def write_plate(folder: Path, wells: int, events: int, channels: int = 13) -> list[Path]:
    """Write one FCS 3.1 file per well: half the events CML, some MSC, dead cells and debris."""
    rng = np.random.default_rng(7)
    dyes = (*DYES, *(f"X{n}-A" for n in range(channels - len(SCATTER) - len(DYES) - 1)))
    levels = np.full(len(dyes), 150.0)
    texts = ",".join([str(len(DYES)), *DYES, *(f"{v:g}" for v in spillover().ravel())])
    paths = []
    for well in range(wells):
        size = rng.choice([65e3, 120e3, 12e3], events, p=[0.7, 0.2, 0.1])
        scatter = np.column_stack([size * np.exp(rng.normal(0, 0.15, events)) for _ in range(3)])
        scatter[:, 2] *= 0.6
        amounts = levels * np.exp(rng.normal(0, 0.4, (events, len(dyes))))
        amounts[:, 4] *= np.where(size == 65e3, 40, 1)  # CD45
        amounts[:, 8] *= np.where(size == 120e3, 60, 1)  # CD90
        amounts[:, 1] *= 4 + well % 5  # CXCR4
        amounts[:, 6] *= np.where(rng.random(events) < 0.08, 80, 1)  # dead
        signal = amounts.copy()
        signal[:, : len(DYES)] = amounts[:, : len(DYES)] @ spillover() + rng.normal(0, 20, (events, len(DYES)))
        seconds = np.sort(rng.uniform(0, events / 500, events))
        values = np.hstack([scatter, signal, seconds[:, None]]).astype(np.float32)
        path = folder / f"{'ABCDEFGH'[well // 12 % 8]}{well % 12 + 1:02d}_{well}.fcs"
        write_fcs(events_from_array(values, (*SCATTER, *dyes, "Time"), keywords={"$SPILLOVER": texts}), path)
        paths.append(path)
    return paths


def plate_of(paths: list[Path]) -> tuple[Assay, Plate]:
    """Return the resolved assay and the plate of these files."""
    wells = tuple(Well(f"{'ABCDEFGH'[n // 12 % 8]}{n % 12 + 1}", file=path) for n, path in enumerate(paths))
    plate = Plate("benchmark", 8, 12, wells)
    assay = Assay("benchmark", Protocol.model_validate(PROTOCOL), (plate,))
    resolved, _ = resolve_plate(assay, plate)
    return replace(assay, resolved={plate.name: resolved}), plate


def with_assaykit(paths: list[Path]) -> list[tuple[float, float]]:
    """Return (median, % positive) per well through measure_well, quality checks and all."""
    assay, plate = plate_of(paths)
    light = worker_assay(assay, plate), worker_plate(plate)
    measured = [measure_well(*light, well) for well in plate.wells]
    return [tuple(row["value"] for row in m.readouts) for m in measured]


def with_same_work(paths: list[Path]) -> list[tuple[float, float]]:
    """Return the same without the survey of headers and the quality checks, which no peer has."""
    assay, plate = RESOLVED.get(len(paths)) or RESOLVED.setdefault(len(paths), plate_of(paths))
    answers = []
    for path in paths:
        gated = gate_events(assay, plate, Well("A1", file=path))
        inside = gated.columns.column("cxcr4")[gated.masks["cml"]]
        positive = np.count_nonzero(gated.masks["cxcr4_positive"]) / np.count_nonzero(gated.masks["cml"])
        answers.append((median_value(inside), 100.0 * positive))
    return answers


RESOLVED: dict[int, tuple[Assay, Plate]] = {}


def with_floor(paths: list[Path]) -> list[tuple[float, float]]:
    """Return the same through bare NumPy, given where DATA begins and what is in it."""
    begin, names = (header := read_fcs_header(paths[0])).data_begin, header.names
    dyed = [names.index(name) for name in DYES]
    needed = [names.index(name) for name in ("FSC-A", "SSC-A")]
    inverse = np.linalg.inv(spillover()).astype(np.float32)
    wanted = inverse[:, [DYES.index(name) for name in ("BV421-A", "APC-A", "BV785-A", "PE-A")]]
    answers = []
    for path in paths:
        table = np.fromfile(path, dtype="<f4", offset=begin)  # as write_fcs writes float32 events
        table = table[: header.events * len(names)].reshape(header.events, len(names))
        fsc, ssc = (table[:, column] for column in needed)
        live, cd45, cd90, marker = (table[:, dyed] @ wanted).T
        kept = in_polygon(fsc, ssc) & (live < VIABILITY) & (cd45 >= CD45) & (cd90 < CD90)
        inside = marker[kept]
        answers.append((float(np.median(inside)), 100.0 * float((inside >= POSITIVE).mean())))
    return answers


def in_polygon(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the even-odd rule over the six edges."""
    odd = np.zeros(len(x), dtype=bool)
    corners = [*POLYGON, POLYGON[0]]
    for (x0, y0), (x1, y1) in pairwise(corners):
        if y0 != y1:
            odd ^= ((y >= min(y0, y1)) & (y < max(y0, y1))) & (x < (x1 - x0) / (y1 - y0) * (y - y0) + x0)
    return odd


def with_flowkit(paths: list[Path]) -> list[tuple[float, float]]:
    """Return the same through a FlowKit session."""
    import flowkit as fk

    strategy = fk.GatingStrategy()
    strategy.add_comp_matrix("spill", fk.Matrix(spillover(), list(DYES)))

    def axis(name: str, low: float | None = None, high: float | None = None) -> object:
        compensation = "uncompensated" if name in SCATTER else "spill"
        return fk.Dimension(name, compensation_ref=compensation, range_min=low, range_max=high)

    path = ("root",)
    for gate in (
        fk.gates.PolygonGate("cells", [axis("FSC-A"), axis("SSC-A")], [list(v) for v in POLYGON]),
        fk.gates.RectangleGate("live", [axis("BV421-A", None, VIABILITY)]),
        fk.gates.RectangleGate("cml", [axis("APC-A", CD45), axis("BV785-A", None, CD90)]),
        fk.gates.RectangleGate("cxcr4_positive", [axis("PE-A", POSITIVE)]),
    ):
        strategy.add_gate(gate, path)
        path = (*path, gate.gate_name)
    session = fk.Session(gating_strategy=strategy, fcs_samples=[fk.Sample(str(p), sample_id=str(p)) for p in paths])
    session.analyze_samples(use_mp=False)
    answers = []
    for sample in map(str, paths):
        events = session.get_gate_events(sample, "cml", matrix=strategy.get_comp_matrix("spill"))
        column = next(c for c in events.columns if "PE-A" in (c if isinstance(c, tuple) else (c,)))
        report = session.get_gating_results(sample)
        positive = 100.0 * report.get_gate_count("cxcr4_positive") / report.get_gate_count("cml")
        answers.append((float(np.median(events[column])), positive))
    return answers


def with_flowcal(paths: list[Path]) -> list[tuple[float, float]]:
    """Return the same with FlowCal reading and NumPy doing what FlowCal has not: compensation, polygon, tree."""
    import FlowCal

    inverse = np.linalg.inv(spillover())
    answers = []
    for path in paths:
        data = FlowCal.io.FCSData(str(path))
        amounts = np.asarray(data[:, list(DYES)], dtype=np.float64) @ inverse
        kept = in_polygon(np.asarray(data[:, "FSC-A"]), np.asarray(data[:, "SSC-A"]))
        kept &= (amounts[:, 6] < VIABILITY) & (amounts[:, 4] >= CD45) & (amounts[:, 8] < CD90)
        inside = amounts[kept, 1]
        answers.append((float(np.median(inside)), 100.0 * float((inside >= POSITIVE).mean())))
    return answers


def best(function: Callable[[list[Path]], object], paths: list[Path], repeats: int) -> float:
    """Return the shortest processor time in seconds; with one thread that is the wall time of an idle machine."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        function(paths)
        times.append(time.process_time() - start)
    return min(times)


def peak_memory(folder: Path, wells: int) -> float:
    """Return the peak memory in MB of a process of its own that measures `wells` wells (files taken in turn)."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path; import plate;"
        "paths = sorted(Path(sys.argv[2]).glob('*.fcs')); n = int(sys.argv[3]);"
        "plate.with_assaykit([paths[i % len(paths)] for i in range(n)]);"
        "print(next(int(l.split()[1]) for l in open('/proc/self/status') if l.startswith('VmHWM')) / 1024)"
    )
    here = str(Path(__file__).parent)
    done = subprocess.run([sys.executable, "-c", code, here, str(folder), str(wells)], capture_output=True, check=True)
    return float(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wells", type=int, default=96)
    parser.add_argument("--events", type=int, default=50_000)
    parser.add_argument("--peers", type=int, default=12, help="wells given to FlowKit and FlowCal, told per well")
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/plate.md")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as name:
        text = report(Path(name), asked.wells, asked.events, asked.peers)
    print(text)
    if asked.write:
        (Path(__file__).parent / "results" / "plate.md").write_text(text)


def report(folder: Path, wells: int, events: int, peers: int) -> str:
    """Return the whole benchmark as Markdown."""
    paths = write_plate(folder, wells, events)
    ways = (with_assaykit, with_same_work, with_floor, with_flowkit, with_flowcal)
    agree = [np.array(way(paths[:4])) for way in ways]
    worst = max(float(np.abs(answer / agree[0] - 1).max()) for answer in agree[1:])
    few = paths[: min(peers, wells)]
    rows = {
        "floor (bare NumPy)": best(with_floor, paths, 7) / wells,
        "assaykit: resolve, measure, judge quality": best(with_assaykit, paths, 7) / wells,
        "assaykit: the peers' work alone": best(with_same_work, paths, 7) / wells,
        "FlowCal + NumPy": best(with_flowcal, few, 3) / len(few),
        "FlowKit session": best(with_flowkit, few, 3) / len(few),
    }
    floor, ours, same, *_ = rows.values()
    command = f"python benchmarks/plate.py --wells {wells} --events {events} --write"
    machine = (
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, NumPy {np.__version__}"
    )
    lines = [
        "# A plate in the time of reading it",
        "",
        f"`{command}` on {machine}; one process, one thread, processor time, best of 7 (peers: best of 3).",
        f"{wells} wells x {events:,} events x 13 channels (FCS 3.1, float32); peers on {len(few)} of them.",
        f"All agree within {worst:.1e} of each other. Load average while measuring: {os.getloadavg()[0]:.1f}.",
        "",
        "| | ms per well | s per plate | of the floor | times assaykit, same work | times assaykit, all |",
        "| --- | --- | --- | --- | --- | --- |",
        *(
            f"| {label} | {1e3 * t:.2f} | {t * wells:.2f} | {t / floor:.2f} | {t / same:.1f} | {t / ours:.1f} |"
            for label, t in rows.items()
        ),
        "",
        f"assaykit: {ours / events * 1e9:.0f} ms per million events in all.",
        "",
        "| peak memory of a process that measures | MB |",
        "| --- | --- |",
        *(f"| {n} wells | {peak_memory(folder, n):.0f} |" for n in (wells, 10 * wells)),
        "",
        "| growth (all of assaykit's work) | ms per well |",
        "| --- | --- |",
        *growth(folder),
        "",
    ]
    return "\n".join(lines)


def growth(folder: Path) -> list[str]:
    """Return how the time per well grows with wells, events and channels."""
    lines = []
    for label, wells, events, channels in (
        ("12 wells x 50,000 x 13", 12, 50_000, 13),
        ("48 wells x 50,000 x 13", 48, 50_000, 13),
        ("12 wells x 12,500 x 13", 12, 12_500, 13),
        ("12 wells x 200,000 x 13", 12, 200_000, 13),
        ("12 wells x 50,000 x 26", 12, 50_000, 26),
        ("12 wells x 50,000 x 39", 12, 50_000, 39),
    ):
        part = folder / label.replace(" ", "_").replace(",", "")
        part.mkdir()
        paths = write_plate(part, wells, events, channels)
        lines.append(f"| {label} | {1e3 * best(with_assaykit, paths, 3) / wells:.2f} |")
    return lines


if __name__ == "__main__":
    main()

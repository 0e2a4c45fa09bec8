"""Hold the gates that assaykit estimates against gates people drew, event by event.

    python benchmarks/gating.py FOLDER --protocol benchmarks/gating_protocols/activation.toml [--write NAME]

FOLDER holds FCS files and what is known of each event: `<file>.manual.csv[.gz]` (a row an event, a column of 0 and 1 a
gate), or a FlowJo 10 workspace (`--workspace`). A gate of the protocol is compared with the manual gate of its
name, in whatever way that is written ("live_cells" is "Live Cells"). Two questions are asked of every gate and well:
F1 within the manual parent (is this gate right?) and F1 of the whole road to it (is the population right?); and one
of every plate: was each gate with an F1 below 0.8 flagged by a warning or failure that names it or one above it?
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from assaykit.cytometry import gate_events, resolve_plate
from assaykit.cytometry.hierarchy import kept_by
from assaykit.plate.model import Plate, Well
from assaykit.protocol import read_protocol
from assaykit.study.model import Assay

WRONG = 0.8
Masks = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Compared:
    """One gate in one well, beside the manual one."""

    well: str
    gate: str
    f1_given_parent: float
    f1: float
    percent: float  # of parent, assaykit
    percent_manual: float
    flagged: str


def f1_of(first: np.ndarray, second: np.ndarray) -> float:
    """Return 2 |A and B| / (|A| + |B|); 1 for two empty sets."""
    total = int(first.sum() + second.sum())
    return 2 * int((first & second).sum()) / total if total else 1.0


def plain(name: str) -> str:
    """Return a gate's name without case, spaces and signs other than + and -."""
    return re.sub(r"[^a-z0-9+]", "", name.casefold())


def manual_gates(path: Path) -> dict[str, np.ndarray]:
    """Return gate -> mask (events,) from the CSV beside an FCS file."""
    beside = next(
        p
        for p in (path.with_name(f"{path.stem}.manual.csv.gz"), path.with_name(f"{path.stem}.manual.csv"))
        if p.is_file()
    )
    frame = pd.read_csv(beside)
    return {plain(name): frame[name].to_numpy(bool) for name in frame}


def workspace_gates(workspace: Path, folder: Path) -> dict[str, dict[str, np.ndarray]]:
    """Return file name -> gate -> mask (events,) as FlowJo gated it, read by FlowKit."""
    import flowkit as fk

    book = fk.Workspace(workspace, fcs_samples=str(folder), ignore_missing_files=True)
    found: dict[str, dict[str, np.ndarray]] = {}
    for sample in book.get_sample_ids(loaded_only=True):
        book.analyze_samples(sample_id=sample, use_mp=False)
        found[sample] = {
            plain(name): np.asarray(book.get_gate_membership(sample, name, gate_path=path), bool)
            for name, path in book.get_gate_ids(sample)
        }
    return found


def parents(manual: Masks) -> dict[str, np.ndarray]:
    """Return gate -> mask of its manual parent: the smallest other gate that holds all its events, else every event."""
    found = {}
    for name, mask in manual.items():
        holding = [m for other, m in manual.items() if other != name and m.sum() > mask.sum() and not (mask & ~m).any()]
        found[name] = min(holding, key=np.sum) if holding else np.ones(mask.size, dtype=bool)
    return found


def compared(assay: Assay, plate: Plate, manual: Mapping[str, Masks]) -> Iterator[Compared]:
    """Yield every gate of every well of a plate that has a manual namesake."""
    resolved, findings = resolve_plate(assay, plate)
    assay = replace(assay, resolved={plate.name: resolved})
    doubted = {f.population: f"{f.level} {f.check}" for f in findings if f.level != "note" and f.population}
    above = {gate.name: gate.parent for gate in resolved.gates}
    for well in plate.wells:
        gated = gate_events(assay, plate, well)
        known = manual[well.name]
        whole = parents(known)
        for gate in gated.gates:
            name = plain(gate.name)
            if name not in known:
                continue
            given = kept_by(gate, gated.columns, {**gated.masks, gate.parent: whole[name]})
            line = [gate.name]
            while line[-1] in above:
                line.append(above[line[-1]])
            yield Compared(
                well.name,
                gate.name,
                f1_of(given, known[name]),
                f1_of(gated.masks[gate.name], known[name]),
                100 * given.sum() / whole[name].sum(),
                100 * known[name].sum() / whole[name].sum(),
                next((doubted[g] for g in line if g in doubted), ""),
            )


def main() -> None:
    """Compare, print, and write the page where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--protocol", type=Path, required=True)
    parser.add_argument("--workspace", type=Path, help="a FlowJo 10 workspace with the manual gates")
    parser.add_argument("--matrix", type=Path, help="the spillover CSV that the protocol's compensation names")
    parser.add_argument("--write", metavar="NAME", help="write benchmarks/results/gating_NAME.md")
    asked = parser.parse_args()
    protocol = read_protocol(asked.protocol)
    if asked.matrix:
        protocol = protocol.model_copy(update={"compensation": str(asked.matrix)})
    files = sorted(path for path in asked.folder.iterdir() if path.suffix.casefold() == ".fcs")
    known = (
        workspace_gates(asked.workspace, asked.folder) if asked.workspace else {f.name: manual_gates(f) for f in files}
    )
    files = [file for file in files if file.name in known]
    wells = tuple(Well(f"A{i}", "sample", {"treatment": "vehicle"}, file) for i, file in enumerate(files, 1))
    manual = {well.name: known[file.name] for well, file in zip(wells, files, strict=True)}
    plate = Plate(name=asked.folder.name, rows=8, columns=max(12, len(wells)), wells=wells)
    table = pd.DataFrame(compared(Assay("benchmark", protocol), plate, manual)).round(3)
    summary = table.groupby("gate", sort=False).agg(
        wells=("well", "size"),
        f1_given_parent=("f1_given_parent", "median"),
        worst=("f1_given_parent", "min"),
        f1=("f1", "median"),
    )
    wrong = table[table[["f1_given_parent"]].min(axis=1) < WRONG]
    silent = wrong[wrong["flagged"] == ""]
    verdict = f"gates below {WRONG}: {len(wrong)}, unflagged: {len(silent)}"
    page = f"{table.to_string(index=False)}\n\n{summary.round(3).to_string()}\n\n{verdict}\n"
    print(page)
    if asked.write:
        target = Path(__file__).parent / "results" / f"gating_{asked.write}.md"
        target.write_text(f"# Estimated gates beside manual ones: {asked.write}\n\n```\n{page}```\n", encoding="utf-8")


if __name__ == "__main__":
    main()

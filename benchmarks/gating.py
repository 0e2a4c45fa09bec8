"""Hold the gates that assaykit estimates against gates people drew, event by event.

    python benchmarks/gating.py FOLDER --protocol benchmarks/gating_protocols/activation.toml [--write NAME]
    python benchmarks/gating.py --worlds [--cells 2000] [--write NAME]

FOLDER holds FCS files and what is known of each event: `<file>.manual.csv[.gz]` (a row an event, a column of 0 and 1 a
gate), or a FlowJo 10 workspace (`--workspace`). `--worlds` simulates a study of every world of `assaykit simulate`,
hard ones included, and the plate of every fault that changes how cells look; there each event is known. A gate of
the protocol is compared with the manual gate of its name, in whatever way that is written ("live_cells" is "Live
Cells"). Two questions are asked of every gate and well: F1 within the manual parent (is this gate right?) and F1 of the
whole road to it (is the population right?); and one of every plate: was each gate with an F1 below 0.8 flagged by a
warning or failure that names it or one above it?
"""

from __future__ import annotations

import argparse
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from assaykit.cytometry import gate_events, resolve_plate
from assaykit.cytometry.hierarchy import ALL, kept_by
from assaykit.pipeline.measure import measure, resolve
from assaykit.plate.model import Plate, Well
from assaykit.protocol import Protocol, read_protocol
from assaykit.simulate import FAULTS, WORLDS, simulate_study
from assaykit.study import read_study
from assaykit.study.model import Assay
from assaykit.tables import Finding

WRONG = 0.8
LOOKS = ("msc_contamination", "dead_plate", "bright_plate", "dim_stain", "autofluorescent_drug", "saturated_scatter")
LOOKS += ("much_debris", "no_debris")
"""Planted faults that change how cells look, and may so mislead a gate."""
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


def compared(
    assay: Assay, plate: Plate, manual: Mapping[str, Masks], findings: Iterable[Finding]
) -> Iterator[Compared]:
    """Yield every gate of every well of a resolved plate that has a manual namesake."""
    told = [f for f in findings if f.level != "note" and f.population and f.plate in ("", plate.name)]
    above = {gate.name: gate.parent for gate in assay.resolved[plate.name].gates}
    for well in plate.wells:
        if well.name not in manual:
            continue
        doubted = {f.population: f"{f.level} {f.check}" for f in told if f.well in ("", well.name)}
        gated = gate_events(assay, plate, well)
        known = manual[well.name]
        truth = {ALL: gated.masks[ALL]}  # manual where there is a namesake, else the estimated gate drawn on that
        for gate in gated.gates:
            given = kept_by(gate, gated.columns, truth)
            truth[gate.name] = known.get(plain(gate.name), given)
            if plain(gate.name) not in known:
                continue
            line = [gate.name]
            while line[-1] in above:
                line.append(above[line[-1]])
            whole = truth[gate.parent].sum()
            yield Compared(
                well.name,
                gate.name,
                f1_of(given, truth[gate.name]),
                f1_of(gated.masks[gate.name], truth[gate.name]),
                100 * given.sum() / whole,
                100 * truth[gate.name].sum() / whole,
                next((doubted[g] for g in line if g in doubted), ""),
            )


def folder_compared(folder: Path, protocol: Protocol, workspace: Path | None) -> pd.DataFrame:
    """Return every gate of every well of a folder beside the manual one."""
    files = sorted(path for path in folder.iterdir() if path.suffix.casefold() == ".fcs")
    known = workspace_gates(workspace, folder) if workspace else {f.name: manual_gates(f) for f in files}
    files = [file for file in files if file.name in known]
    wells = tuple(Well(f"A{i}", "sample", {"treatment": "vehicle"}, file) for i, file in enumerate(files, 1))
    manual = {well.name: known[file.name] for well, file in zip(wells, files, strict=True)}
    plate = Plate(name=folder.name, rows=8, columns=max(12, len(wells)), wells=wells)
    assay = Assay("benchmark", protocol)
    resolved, findings = resolve_plate(assay, plate)
    return pd.DataFrame(compared(replace(assay, resolved={plate.name: resolved}), plate, manual, findings))


def study_compared(path: Path, name: str, *, of: str = "", experiment: str = "") -> pd.DataFrame:
    """Return every gate of every sample of a simulated study beside what each event is; of one plate where named."""
    resolved, controls = resolve(read_study(path))
    rows: list[Compared] = []
    for assay in (one for one in resolved.assays if of in ("", one.name)):
        findings = [*controls[assay.name], *measure(assay).findings]
        for plate in (one for one in assay.plates if one.name.endswith(experiment)):
            samples = [well for well in plate.wells if well.role == "sample" and well.file is not None]
            rows += compared(assay, plate, {well.name: manual_gates(well.file) for well in samples}, findings)
    return pd.DataFrame(rows).assign(well=name)


def worlds_compared(cells: int) -> Iterator[pd.DataFrame]:
    """Yield every world of the simulator, and the plate of every fault that changes how cells look."""
    for world in WORLDS:
        with tempfile.TemporaryDirectory() as folder:
            path = simulate_study(
                Path(folder) / "study", seed=1, world=world, design="small", cells=cells, memberships=True
            )
            yield study_compared(path, world)
    for fault in LOOKS:
        with tempfile.TemporaryDirectory() as folder:
            path = simulate_study(Path(folder) / "study", seed=1, cells=cells, faults=[fault], memberships=True)
            planted = FAULTS[fault]
            yield study_compared(path, f"fault {fault}", of=planted.assay, experiment=f"E{planted.experiment}")


def main() -> None:
    """Compare, print, and write the page where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--protocol", type=Path)
    parser.add_argument("--workspace", type=Path, help="a FlowJo 10 workspace with the manual gates")
    parser.add_argument("--matrix", type=Path, help="the spillover CSV that the protocol's compensation names")
    parser.add_argument("--worlds", action="store_true", help="simulated studies, where each event is known")
    parser.add_argument("--cells", type=int, default=2_000, help="cells a well of a simulated study")
    parser.add_argument("--write", metavar="NAME", help="write benchmarks/results/gating_NAME.md")
    asked = parser.parse_args()
    if asked.worlds:
        table = pd.concat(worlds_compared(asked.cells)).round(3)
        by = ["well", "gate"]
    else:
        if asked.folder is None or asked.protocol is None:
            parser.error("name a FOLDER and its --protocol, or --worlds")
        protocol = read_protocol(asked.protocol)
        if asked.matrix:
            protocol = protocol.model_copy(update={"compensation": str(asked.matrix)})
        table = folder_compared(asked.folder, protocol, asked.workspace).round(3)
        by = ["gate"]
    summary = table.groupby(by, sort=False).agg(
        wells=("well", "size"),
        f1_given_parent=("f1_given_parent", "median"),
        worst=("f1_given_parent", "min"),
        f1=("f1", "median"),
        flagged=("flagged", lambda column: (column != "").mean()),
    )
    wrong = table[table["f1_given_parent"] < WRONG]
    silent = wrong[wrong["flagged"] == ""]
    sure = table[table["flagged"] == ""]
    verdict = (
        f"gates below {WRONG}: {len(wrong)} of {len(table)}, unflagged: {len(silent)}\n"
        f"of {len(sure)} gates nothing is said of, {(sure['f1_given_parent'] >= WRONG).mean():.2%} are right"
    )
    rows = f"{table.to_string(index=False)}\n\n" if len(by) == 1 else ""
    page = f"{rows}{summary.round(3).to_string()}\n\n{verdict}\n"
    print(page)
    if asked.write:
        target = Path(__file__).parent / "results" / f"gating_{asked.write}.md"
        target.write_text(f"# Estimated gates beside manual ones: {asked.write}\n\n```\n{page}```\n", encoding="utf-8")


if __name__ == "__main__":
    main()

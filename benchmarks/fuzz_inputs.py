"""Fuzz what people write: studies with their tables, Gating-ML and FlowJo workspaces, for so many minutes each.

    python benchmarks/fuzz_inputs.py studies --minutes 10 --seed 1

Every case is a seed of tests/inputs/seeds.py (or, with ASSAYKIT_CORPUS set, a real Gating-ML file or workspace) with
one to three changes that know its structure. It must end in values or in a sentence of ours, in SECONDS of processor.
"""

from __future__ import annotations

import argparse
import collections
import importlib.util
import os
import random
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from cytometry.test_cytometry_gatingml import every_kind_of_gate
from inputs.checked import gates_outcome, study_outcome, unclear
from inputs.mutations import mutated_text, mutated_xml, mutated_zip
from inputs.seeds import workspace, write_study

from assaykit.cytometry.gatingml_writing import write_gatingml

SECONDS = 2.0
if importlib.util.find_spec("flowkit"):
    importlib.import_module("flowkit")  # once, so that no case pays for it


def corpus(pattern: str, most: int = 60_000) -> list[str]:
    """Return the texts of other people's files that are small enough to be changed often."""
    folder = os.environ.get("ASSAYKIT_CORPUS")
    paths = sorted(Path(folder).glob(pattern)) if folder else []
    return [path.read_text(encoding="utf-8") for path in paths if path.stat().st_size <= most]


def studies(folder: Path, dice: random.Random):
    """Yield outcomes of a study of which one file is changed; every tenth is rehearsed as `check` does."""
    files = write_study(folder)
    originals = {path: path.read_bytes() for path in files}
    for case in range(1 << 40):
        path = dice.choice(files)
        data = originals[path]
        path.write_bytes(mutated_zip(data, dice) if path.suffix == ".xlsx" else mutated_text(data.decode(), dice))
        yield path, lambda case=case: study_outcome(folder / "study.toml", design=case % 10 == 0)
        path.write_bytes(data)


def gatingml(folder: Path, dice: random.Random):
    """Yield outcomes of changed Gating-ML files."""
    write_gatingml(every_kind_of_gate(), folder / "seed.xml")
    texts = [(folder / "seed.xml").read_text(encoding="utf-8"), *corpus("gatingml/gml/*.xml")]
    while True:
        path = folder / "case.xml"
        path.write_bytes(mutated_xml(dice.choice(texts), dice))
        yield path, lambda path=path: gates_outcome(path, dice)


def workspaces(folder: Path, dice: random.Random):
    """Yield outcomes of changed FlowJo workspaces."""
    texts = [workspace(100, 100), workspace(100, 200, within=0, spectral=""), *corpus("flowjo/*/*.wsp")]
    while True:
        path = folder / "case.wsp"
        path.write_bytes(mutated_xml(dice.choice(texts), dice))
        yield path, lambda path=path: gates_outcome(path, dice)


KINDS = {"studies": studies, "gatingml": gatingml, "workspaces": workspaces}


def main() -> int:
    """Run the cases and print what came of them; return 1 where one broke a promise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, default=None, help="a folder for the files that broke a promise")
    options = parser.parse_args()
    warnings.simplefilter("error")
    dice, ends = random.Random(options.seed), time.monotonic() + 60 * options.minutes
    counts: collections.Counter[str] = collections.Counter()
    broken: collections.Counter[str] = collections.Counter()
    slowest = 0.0
    with tempfile.TemporaryDirectory() as name:
        for path, run in KINDS[options.kind](Path(name), dice):
            begin = time.process_time()
            try:
                outcome = run()
                fault = f"unclear: {outcome[:200]}" if unclear(outcome) else ""
            except Exception as error:  # noqa: BLE001 - whatever it is breaks the promise, and is told
                last = traceback.extract_tb(error.__traceback__)[-1]
                outcome, fault = (
                    "",
                    f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}: {error}"[:200],
                )
            took = time.process_time() - begin
            slowest = max(slowest, took)
            fault = fault or (f"slow: {took:.1f} s" if took > SECONDS else "")
            counts["values" if outcome == "values" else "refused" if outcome else "traceback"] += 1
            if fault and not broken[fault] and options.keep:
                options.keep.mkdir(parents=True, exist_ok=True)
                (options.keep / f"{options.kind}_{len(broken)}{path.suffix}").write_bytes(path.read_bytes())
            broken[fault] += bool(fault)
            if time.monotonic() > ends:
                break
    cases, dim = sum(counts.values()), sum(n for fault, n in broken.items() if fault.startswith("unclear"))
    print(
        f"| {options.kind} | {cases:,} | {options.seed} | {counts['values']:,} | {counts['refused']:,} "
        f"| {counts['traceback']:,} | {dim} | {slowest:.2f} s |"
    )
    for fault, count in broken.most_common():
        if fault:
            print(f"  {count} x {fault}")
    return int(any(broken.values()))


if __name__ == "__main__":
    sys.exit(main())

"""Fuzz the FCS reader: seeded mutations of files, which must give Events or FcsError, quickly, in little memory.

    python benchmarks/fuzz_fcs.py --cases 200000 --seed 1
    python benchmarks/fuzz_fcs.py --minutes 10 --seed 1
    python benchmarks/fuzz_fcs.py --damages 1000

Seeds are the eleven files inside FlowCytometryTools, the files of ASSAYKIT_CORPUS where it is set (cut to 40 kB, and
whole where small), and files of the tests' own encoder. Every case is timed, in seconds of processor; one in 32 is
traced for memory. `--damages N` instead damages N files of each kind of tests/fcs/damages.py, whose right values are
known, and prints a table: reading must give the right values, or warn, or refuse in one sentence.
"""

from __future__ import annotations

import argparse
import collections
import importlib.util
import itertools
import os
import random
import sys
import tempfile
import time
import traceback
import tracemalloc
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from fcs.damages import DAMAGES
from fcs.encoder import odd_files
from fcs.mutations import mutated
from fcs.outcomes import outcome_of

from assaykit.errors import FcsError
from assaykit.fcs import datasets, read_fcs

SECONDS_PER_MB, SECONDS = 1.0, 0.25  # allowed: so much per MB, and a constant
TIMES_FILE, BYTES = 4, 16 << 20  # allowed: so many times the file, and a constant


def seeds() -> list[bytes]:
    """Return the files that are mutated."""
    found = importlib.util.find_spec("FlowCytometryTools")
    folders = [Path(found.origin).parent] if found and found.origin else []
    if os.environ.get("ASSAYKIT_CORPUS"):
        folders.append(Path(os.environ["ASSAYKIT_CORPUS"]) / "fcs")
    real = [path.read_bytes() for folder in folders for path in sorted(folder.rglob("*")) if _is_fcs(path)]
    cut = [raw[:40_000] for raw in real]
    whole = [raw for raw in real if len(raw) < 60_000]
    return cut + whole + odd_files()


def _is_fcs(path: Path) -> bool:
    return path.is_file() and path.read_bytes()[:3] == b"FCS"


def main() -> int:
    """Run the cases and print what came of them; return 1 where one broke a promise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=0.0, help="instead of --cases: for so long")
    parser.add_argument("--damages", type=int, default=0, help="instead: so many damaged files of each kind")
    options = parser.parse_args()
    warnings.simplefilter("error")
    if options.damages:
        return damages(options.damages)
    dice, pool = random.Random(options.seed), seeds()
    seen: collections.Counter[str] = collections.Counter()
    worst, broken, begun = 0.0, 0, time.perf_counter()
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        path = Path(folder) / "case.fcs"
        for case in itertools.count():
            spent = time.perf_counter() - begun
            if spent > 60 * options.minutes if options.minutes else case == options.cases:
                break
            raw = mutated(pool, dice)
            path.write_bytes(raw)
            outcome, seconds, peak = attempt(path, traced=case % 32 == 0)
            megabytes = len(raw) / 1e6
            worst = max(worst, seconds / (SECONDS + SECONDS_PER_MB * megabytes))
            late = seconds > SECONDS + SECONDS_PER_MB * megabytes
            large = peak > BYTES + TIMES_FILE * len(raw)
            seen[outcome.splitlines()[0]] += 1
            if late or large or outcome.startswith("broken"):
                broken += 1
                kept = Path(tempfile.gettempdir()) / f"fuzz_{options.seed}_{case}.fcs"
                kept.write_bytes(raw)
                print(
                    f"case {case}: {outcome} {seconds:.3f} s, {peak / 1e6:.1f} MB for {megabytes:.3f} MB;"
                    f" kept as {kept.name}"
                )
    print(
        f"{case:,} cases, seed {options.seed}, {len(pool)} seed files, {time.perf_counter() - begun:.0f} s: "
        f"{broken} broken promises; slowest case took {100 * worst:.0f} % of its time"
    )
    for outcome, count in seen.most_common():
        print(f"  {count:8d} {outcome}")
    return int(broken > 0)


def damages(each: int) -> int:
    """Print what came of each kind of damage; return 1 where a number was silently wrong or anything was lost."""
    print("| damage | tried | right | warned | refused | wrong | lost | unclear |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    bad = 0
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        path = Path(folder) / "case.fcs"
        for name, damage in DAMAGES.items():
            seen: collections.Counter[str] = collections.Counter()
            for case in range(each):
                raw, rows = damage(random.Random(f"{name} {case}"))
                path.write_bytes(raw)
                seen[outcome_of(path, rows)[0]] += 1
            kinds = ("right", "warned", "refused", "wrong", "lost", "unclear")
            print(f"| {name} | {each} | " + " | ".join(str(seen[kind]) for kind in kinds) + " |", flush=True)
            bad += seen["wrong"] + seen["lost"] + seen["unclear"]
    return int(bad > 0)


def attempt(path: Path, *, traced: bool) -> tuple[str, float, int]:
    """Return what came of reading a file, the seconds and, where traced, the peak of memory in bytes."""
    if traced:
        tracemalloc.start()
    begun = time.process_time()
    try:
        events = read_fcs(path)
        outcome = "Events, with repairs" if events.repairs else "Events"
        datasets(path)
    except FcsError as error:
        outcome = "FcsError"
        str(error)
    except BaseException as error:  # noqa: BLE001 - the very thing a fuzz run looks for
        outcome = f"broken: {type(error).__name__}: {error}\n{traceback.format_exc(limit=-3)}"
    seconds = time.process_time() - begun
    peak = tracemalloc.get_traced_memory()[1] if traced else 0
    if traced:
        tracemalloc.stop()
        seconds = 0.0
    return outcome, seconds, peak


if __name__ == "__main__":
    sys.exit(main())

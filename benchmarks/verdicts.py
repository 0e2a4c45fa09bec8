"""How often each verdict is right, over 200 seeds per simulated world; and how often "consistent" is said of nothing.

Run: python benchmarks/verdicts.py [SEEDS]; writes benchmarks/results/verdicts.csv and verdicts.md.
"""

import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from evidence.evidence_worlds import STATIN_LOWERS, STATIN_SPARES, WORLDS, World, cxcr4, migration, reversal, verdicts

RESULTS = Path(__file__).parent / "results"
NO_EFFECT = tuple(
    replace(world, name=f"{world.name}, {n} units", units=n)
    for n in (3, 4, 6)
    for world in (
        World("no effect on CXCR4", cxcr4(0.0, 0.0), ("EN-10", "ES-32", "EN-31"), "not consistent"),
        World("no effect on migration", migration(3, 3, 3, 3), ("EN-07", "EN-28", "ES-35", "EN-36"), "not consistent"),
        World("no reversal by plerixafor", reversal(12.0), ("EN-17",), "not consistent"),
    )
)
STATINS = (STATIN_LOWERS, replace(STATIN_SPARES, verdict="not consistent"))


NOTE = """\
Where the truth is no effect, a two-sided 95 % interval excludes it in 5 % of experiments whatever the number of
units, so "no effect" and "inconclusive" cannot be right more often than 95 %; "consistent" is then said in 2.5 %.
The world "statin leaves migration" holds a true difference of 1 % (7.9 against 8), and is asked only not to be called
consistent. One seed is one whole experiment: simulated wells, `assaykit.stats.estimate`, `assaykit.evidence.compare`.
"""


def seen(task: tuple[World, int]) -> list[dict[str, object]]:
    """Return one row per claim: how often each verdict was said over the seeds."""
    world, seeds = task
    counts: dict[str, Counter[str]] = {name: Counter() for name in world.claims}
    for seed in range(seeds):
        for name, verdict in verdicts(world, seed).items():
            counts[name][verdict] += 1
    return [_row(world, name, count, seeds) for name, count in counts.items()]


def _row(world: World, claim: str, count: Counter[str], seeds: int) -> dict[str, object]:
    wrong = count["consistent"] if world.verdict == "not consistent" else seeds - count[world.verdict]
    said = ", ".join(f"{n} {verdict}" for verdict, n in count.most_common())
    return {
        "world": world.name, "deserved": world.verdict, "units": world.units, "claim": claim,
        "right": 1 - wrong / seeds, "consistent": count["consistent"] / seeds, "seeds": seeds, "said": said,
    }  # fmt: skip


def markdown(table: pd.DataFrame, seconds: float) -> str:
    """Return the table as Markdown, with what it took."""
    lines = ["# Verdicts over simulated worlds", "", NOTE, "", f"{seconds:.0f} s in two processes.", ""]
    lines += ["| world | deserved | units | claim | right | consistent | seeds | said |", "|" + " --- |" * 8]
    for row in table.itertuples():
        lines.append(
            f"| {row.world} | {row.deserved} | {row.units} | {row.claim} | {row.right:.3f} | {row.consistent:.3f} | "
            f"{row.seeds} | {row.said} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    started = time.perf_counter()
    tasks = [(world, seeds) for world in (*WORLDS, *STATINS)] + [(world, seeds * 5) for world in NO_EFFECT]
    with ProcessPoolExecutor(2) as pool:
        rows = [row for part in pool.map(seen, tasks) for row in part]
    table = pd.DataFrame(rows)
    RESULTS.mkdir(exist_ok=True)
    table.to_csv(RESULTS / "verdicts.csv", index=False, lineterminator="\n")
    text = markdown(table, time.perf_counter() - started)
    (RESULTS / "verdicts.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()

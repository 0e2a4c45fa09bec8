"""How often the quality checks speak of wells in which nothing is wrong, and how often they see what is.

Clean wells are real ones whose events are put in random order, acquired at a steady rate by the clock of their file
(its ticks are kept), and simulated bimodal markers. Real wells as they were acquired stand beside: some of them do
have clogs. Faults are planted on bimodal and unimodal markers.

Run: python benchmarks/quality.py FOLDER... [--wells 200] [--old OLD_QUALITY.py]; each FOLDER holds FCS files.
Writes benchmarks/results/quality.md; --old adds the rates of another version of assaykit/cytometry/quality.py.
"""

import argparse
import importlib.util
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

from assaykit.cytometry import is_fluorescence
from assaykit.cytometry import quality as current
from assaykit.cytometry.acquisition import BY_CHANCE
from assaykit.cytometry.carry_over import FEWEST_FIRST, FIRST_SHARE, LEAST_CARRIED, MOST_FIRST, SAMPLE, carry_over_share
from assaykit.cytometry.columns import WellColumns
from assaykit.cytometry.drift import signal_shifts
from assaykit.cytometry.wells import time_column
from assaykit.errors import FcsError
from assaykit.fcs import events_from_array, read_fcs
from assaykit.protocol.model import Protocol

RESULTS = Path(__file__).parent / "results"
SIZES = (500, 1_000, 2_000, 5_000, 10_000, 50_000)
CHANNELS = 4  # fluorescence channels read per well
SHARES = (0.02, 0.1, 0.3, 0.5, 0.7, 0.9)  # positive cells of a bimodal marker
LIMITS = "at both limits"  # as many saturated events and doublets as the protocol allows, and no more
DROPS = ((0.1, 0.4), (0.1, 0.6), (0.1, 0.75), (0.03, 0.4))  # share of the run, multiple of the signal


def real_wells(folder):
    """Return (name, values, names) of each readable file with a Time channel and two dyes."""
    found = []
    for path in sorted(p for p in folder.rglob("*") if p.suffix.casefold() == ".fcs"):
        try:
            events = read_fcs(path)
        except FcsError:
            continue
        clock = time_column(events.channels)
        every = [c.name for c in events.channels if is_fluorescence(c) and not c.name.endswith("-H")]
        dyes = [name for name in dict.fromkeys(every) if name != clock]
        if clock is not None and len(dyes) > 1 and len(events) >= SIZES[0]:
            names = [*dyes, clock]
            columns = [events.names.index(name) for name in names]
            found.append((path.name, np.asarray(events.values[:, columns], dtype=np.float64), names))
    return found


def bimodal_well(rng, size, share):
    """Return a well of four markers, each of two populations: dim ones about zero, bright ones log-normal."""
    bright = rng.random((size, CHANNELS)) < share
    light = np.where(bright, 8_000 * np.exp(rng.normal(0, 0.5, bright.shape)), 0)
    values = light + rng.normal(0, 1, light.shape) * np.sqrt(40**2 + 2.5 * light) + 60
    return np.column_stack([values, np.sort(rng.uniform(0, size / 250, size))]), [*"ABCD", "Time"]


def columns_of(values, names):
    """Return the well as `WellColumns`, each channel a role of its own name."""
    stated = {
        f"$P{i}R": str(2 ** np.ceil(np.log2(max(values[:, i - 1].max() + 1, 262_144))))
        for i in range(1, len(names) + 1)
    }
    return WellColumns(events_from_array(values.astype(np.float32), names, keywords=stated), {n: n for n in names[:-1]})


def protocol_of(names):
    """Return a protocol that reads the median of every dye in all events."""
    readouts = [{"statistic": "median", "population": "all", "channel": name} for name in names[:-1]]
    roles = {name: {"names": [name]} for name in names[:-1]}
    gates = [{"kind": "singlets", "name": "singlets"}]
    return Protocol.model_validate(
        {"name": "clean", "title": "clean", "channels": roles, "readout": readouts, "gate": gates}
    )


def checks(module, values, names, **masks):
    """Return the names of the checks that speak of a well."""
    held = columns_of(values, names)
    found = module.well_quality(protocol_of(names), held, {"all": np.ones(len(held), dtype=bool), **masks})
    return {finding.check for finding in found}


def drawn(rng, wells, size, *, shuffled=True):
    """Return a clean run of `size` events and up to four dyes of a real well; None where it has fewer events."""
    _, values, names = wells[rng.integers(len(wells))]
    if len(values) < size:
        return None
    begin = rng.integers(len(values) - size + 1)  # one stretch of the run: its flow is as it was
    dyes = sorted(rng.choice(len(names) - 1, min(CHANNELS, len(names) - 1), replace=False))
    part = values[begin : begin + size]
    cells = values[rng.choice(len(values), size, replace=False)] if shuffled else part
    clock = part[:, -1]
    if shuffled:  # a steady flow, told by the file's own clock
        tick = np.diff(np.unique(values[:, -1])).min()
        last = max(clock[-1], clock[0] + tick)
        clock = tick * np.floor(np.sort(rng.uniform(clock[0], last, size)) / tick)
    return np.column_stack([cells[:, dyes], clock]), [*(names[i] for i in dyes), names[-1]]


def clean_runs(rng, wells, size, count):
    """Yield (kind, values, names): real wells in random order, as acquired, and bimodal markers."""
    for number in range(count):
        for shuffled in (True, False):
            run = drawn(rng, wells, size, shuffled=shuffled)
            if run is not None:
                yield ("real, random order" if shuffled else "real, as acquired"), *run
        yield "bimodal", *bimodal_well(rng, size, SHARES[number % len(SHARES)])
        values, names = bimodal_well(rng, size, 0.5)
        values[rng.random(size) < protocol_of(names).quality.max_margin_fraction, 0] = 262_143
        yield LIMITS, values, names


def false_alarms(modules, wells, count):
    """Return one row per kind, size, version and check: the share of clean wells it speaks of."""
    rows = []
    for size in SIZES:
        rng = np.random.default_rng(size)
        for kind, values, names in clean_runs(rng, wells, size, count):
            single = rng.random(size) >= (protocol_of(names).quality.max_doublet_fraction if kind == LIMITS else 0.05)
            for version, module in modules.items():
                said = checks(module, values, names, singlets=single)
                rows.append(
                    {"kind": kind, "events": size, "version": version, "any": bool(said)} | dict.fromkeys(said, True)
                )
    table = pd.DataFrame(rows)
    named = [c for c in table.columns if c not in {"kind", "events", "version"}]
    table[named] = table[named].notna() & (table[named] == True)  # noqa: E712 - missing is not named
    grouped = table.groupby(["kind", "events", "version"])
    return grouped[named].mean().assign(wells=grouped.size()).reset_index()


def carry_over(wells, count):
    """Return one row per size: how often a well is said to begin with another's cells, as it is and where half are."""
    panels = {}
    for _, values, names in wells:
        panels.setdefault(tuple(names), []).append(values)
    sisters = [held for held in panels.values() if len(held) > 1]
    rows = []
    for size in SIZES[:-1]:
        rng = np.random.default_rng(size + 2)
        clean, mixed = [], []
        for _ in range(count):
            held = sisters[rng.integers(len(sisters))]
            pair = [held[i] for i in rng.choice(len(held), 2, replace=False)]
            if min(map(len, pair)) < size:
                continue
            dyes = rng.choice(pair[0].shape[1] - 1, min(CHANNELS, pair[0].shape[1] - 1), replace=False)
            before, after = (v[rng.choice(len(v), size, replace=False)][:, dyes] for v in pair)
            first = int(np.clip(FIRST_SHARE * size, FEWEST_FIRST, MOST_FIRST))
            clean.append(_carried(before, after, first))
            after[: first // 2] = before[: first // 2]
            mixed.append(_carried(before, after, first))
        rows.append({"events": size, "pairs": len(clean), "clean": np.mean(clean), "half carried": np.mean(mixed)})
    return pd.DataFrame(rows)


def _carried(before, after, first):
    chance = BY_CHANCE / before.shape[1]
    return any(
        carry_over_share(before[:SAMPLE, i], after[:first, i], after[first:][:SAMPLE, i], chance=chance)
        >= LEAST_CARRIED
        for i in range(before.shape[1])
    )


def power(modules, count):
    """Return how often a planted move is named, and how well the events of a drop are told from the others."""
    rows = []
    for size in SIZES:
        rng = np.random.default_rng(size + 1)
        for _ in range(count):
            for share in (0.1, 0.5, 1.0):
                values, names = bimodal_well(rng, size, share)
                for fall in (0.5, 0.7):  # the signal at the end, falling evenly
                    moved = values.copy()
                    moved[:, 0] *= np.linspace(1, fall, size)
                    rows += [_seen(f"falls to {fall:.0%}", share, size, v, m, moved, names) for v, m in modules.items()]
                for length, left in DROPS:
                    begin = rng.integers(int(size * (1 - length)))
                    inside = np.zeros(size, dtype=bool)
                    inside[begin : begin + int(size * length)] = True
                    moved = values.copy()
                    moved[inside, 0] *= left
                    kind = f"{length:.0%} of the run at {left:.0%}"
                    rows += [_seen(kind, share, size, v, m, moved, names) for v, m in modules.items()]
                    odd = signal_shifts(columns_of(moved, names), 0.2)
                    out = np.logical_or.reduce([np.zeros(size, dtype=bool), *odd.values()])
                    rows[-1] |= {"caught": out[inside].mean(), "lost": out[~inside].mean()}
    table = pd.DataFrame(rows)
    keys = ["fault", "positive", "events", "version"]
    return table.groupby(keys, sort=False)[["named", *({"caught", "lost"} & set(table))]].mean().reset_index()


def _seen(kind, share, size, version, module, values, names):
    named = "drift" in checks(module, values, names)
    return {"fault": kind, "positive": share, "events": size, "version": version, "named": named}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--wells", type=int, default=200)
    parser.add_argument("--old", type=Path)
    asked = parser.parse_args()
    modules = {"now": current}
    if asked.old:
        spec = importlib.util.spec_from_file_location("old_quality", asked.old)
        modules = {"before": importlib.util.module_from_spec(spec), **modules}
        sys.modules["old_quality"] = modules["before"]
        spec.loader.exec_module(modules["before"])
    begun, wells = time.time(), [well for folder in asked.folders for well in real_wells(folder)]
    alarms, seen = false_alarms(modules, wells, asked.wells), power(modules, max(10, asked.wells // 10))
    page = [
        "# Quality checks: false alarms and power",
        "",
        (__doc__ or "").split("\n\n")[1],
        "",
        f"{len(wells)} real files; {time.time() - begun:.0f} s. `any`: the share of wells of which any check speaks.",
        "",
        "```",
        alarms.round(4).to_string(index=False),
        "```",
        "",
        "Drift named; `caught`: the events of a drop that `exclude = ['signal']` leaves out; `lost`: of the others.",
        "",
        "```",
        seen.round(3).to_string(index=False),
        "```",
        "",
        "Carry-over named, on pairs of real wells of one panel: as they are, and with half of the first events from",
        "the well before. Many pairs look alike in the channels drawn, and cannot be told apart.",
        "",
        "```",
        carry_over(wells, asked.wells).round(4).to_string(index=False),
        "```",
    ]
    (RESULTS / "quality.md").write_text("\n".join(page) + "\n", encoding="utf-8")
    print("\n".join(page))


if __name__ == "__main__":
    main()

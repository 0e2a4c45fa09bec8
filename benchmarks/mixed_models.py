"""Time mixed models beside statsmodels MixedLM in the same run, on one thread, and write the table.

    python benchmarks/mixed_models.py        # prints, and writes benchmarks/results/mixed_models.md

"fit" starts from the model's arrays on both sides, "formula" from the data frame. statsmodels only fits: it has no
degrees of freedom, so ours includes what its answer lacks, Satterthwaite's for every coefficient. Times are CPU
seconds, the least of several rounds in turns.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import platform
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import statsmodels
import statsmodels.formula.api as smf

from assaykit.protocol.model import Analysis
from assaykit.stats import fit_lmm, robustness
from assaykit.stats.lmm.ddf import inference, t_tests
from assaykit.stats.lmm.design import ModelDesign, design_from_frame
from assaykit.stats.lmm.model import Lmm, fit_design
from assaykit.study.model import Reference
from assaykit.tables import MEASUREMENTS, frame_from_rows

RESULTS = Path(__file__).parent / "results" / "mixed_models.md"


def least_times(ours: Callable[[], object], theirs: Callable[[], object], rounds: tuple[int, int]) -> list[float]:
    """Return the least CPU seconds of both, taken in turns: other work on the machine then slows neither."""
    least = [np.inf, np.inf]
    for _ in range(rounds[1]):
        for side, task in enumerate((ours, theirs)):
            for _turn in range(rounds[0] if side == 0 else 1):
                start = time.process_time()
                task()
                least[side] = min(least[side], time.process_time() - start)
    return least


def with_satterthwaite(design: ModelDesign) -> Lmm:
    fit = fit_design(design)
    t_tests(np.eye(len(fit.beta)), inference(fit))
    return fit


def plate_study() -> pd.DataFrame:
    """Return 5 experiments x 8 treatments x 2 contexts x 3 wells on a log2 scale."""
    rng = np.random.default_rng(3)
    rows = []
    for experiment in range(5):
        day = rng.normal(0, 0.25)
        for treatment in range(8):
            for context in ("mono", "msc_contact"):
                cell = rng.normal(0, 0.2)
                rows += [
                    {
                        "experiment": f"E{experiment}",
                        "treatment": f"t{treatment}",
                        "context": context,
                        "cell": f"{experiment} {treatment} {context}",
                        "y": 7 + day + cell + 0.1 * treatment + rng.normal(0, 0.12),
                    }
                    for _ in range(3)
                ]
    return pd.DataFrame(rows)


def large_table() -> pd.DataFrame:
    """Return 30,000 rows in 10,000 plates in 1,000 donors."""
    rng = np.random.default_rng(3)
    donor, plate = np.repeat(np.arange(1000), 30), np.repeat(np.arange(10_000), 3)
    drug = rng.integers(0, 3, 30_000)
    y = (
        rng.normal(size=1000)[donor]
        + 0.5 * rng.normal(size=10_000)[plate]
        + rng.normal(size=30_000)
        + 0.3 * (drug == 1)
    )
    return pd.DataFrame({"y": y, "drug": np.array(["a", "b", "c"])[drug], "donor": donor, "plate": plate})


def compared(name: str, frame: pd.DataFrame, ours: str, theirs: tuple[str, dict], rounds: tuple[int, int]) -> list[str]:
    """Return the table rows of one model, from arrays and from the formula."""
    formula, options = theirs
    design = design_from_frame(frame, ours)
    model = smf.mixedlm(formula, frame, **options)
    fit, reference = with_satterthwaite(design), model.fit()
    mine, his = least_times(lambda: with_satterthwaite(design), model.fit, rounds)
    mine_all, his_all = least_times(
        lambda: with_satterthwaite(design_from_frame(frame, ours)),
        lambda: smf.mixedlm(formula, frame, **options).fit(),
        rounds,
    )
    gap = fit.log_likelihood - reference.llf
    return [
        f"| {name}, fit | {1e3 * mine:.2f} | {1e3 * his:.1f} | {his / mine:.0f} | {gap:+.1e} |",
        f"| {name}, formula | {1e3 * mine_all:.2f} | {1e3 * his_all:.1f} | {his_all / mine_all:.0f} | {gap:+.1e} |",
    ]


def robustness_rows() -> list[str]:
    """Return the time of 1,000 leave-one-out refits, and of a robustness table of the plate study."""
    frame = plate_study()
    rng = np.random.default_rng(1)
    kept = [rng.choice(len(frame), 200, replace=False) for _ in range(20)]
    formula = "y ~ treatment * context + (1 | experiment / cell)"
    designs = [design_from_frame(frame.iloc[np.sort(rows)], formula) for rows in kept]
    start = time.process_time()
    for i in range(1000):
        fit = fit_design(designs[i % len(designs)])
        t_tests(np.eye(len(fit.beta)), inference(fit, "kenward_roger"))
    refits = time.process_time() - start
    rows = [
        {"assay": "a", "plate": r.experiment, "well": str(r.Index), "unit_id": r.experiment, "treatment": r.treatment}
        | {"context": r.context, "endpoint": "cxcr4_dmfi", "value": 2**r.y, "unit": "MFI", "cells": 500, "qc": "pass"}
        for r in frame.itertuples()
    ]
    measurements = frame_from_rows(rows, MEASUREMENTS)
    analysis = Analysis(name="cxcr4", endpoint="cxcr4_dmfi", scale="log2", families=("treatment", "interaction"))
    start = time.process_time()
    table = robustness(measurements, "a", analysis, reference=Reference(treatment="t0"))
    whole = time.process_time() - start
    return [
        f"1,000 refits (unbalanced, nested, Kenward-Roger): {refits:.1f} s.",
        f"`robustness` of the plate study: {len(table)} contrasts and variations in {whole:.2f} s.",
    ]


def main() -> None:
    warnings.simplefilter("ignore")  # statsmodels warns of its own convergence
    plate, large = plate_study(), large_table()
    nested = {"groups": "experiment", "re_formula": "1", "vc_formula": {"cell": "0 + C(cell)"}}
    lines = [
        "| model | assaykit, fit + Satterthwaite, ms | statsmodels, fit alone, ms | times faster | log-likelihood gap |"
    ]
    lines.append("| --- | --- | --- | --- | --- |")
    lines += compared(
        "5 x 8 x 2 x 3, wells in conditions in experiments",
        plate,
        "y ~ treatment * context + (1 | experiment / cell)",
        ("y ~ treatment * context", nested),
        (10, 15),
    )
    lines += compared(
        "5 x 8 x 2 x 3, experiments only",
        plate,
        "y ~ treatment * context + (1 | experiment)",
        ("y ~ treatment * context", {"groups": "experiment"}),
        (10, 15),
    )
    lines += compared(
        "30,000 rows in 1,000 donors", large, "y ~ drug + (1 | donor)", ("y ~ drug", {"groups": "donor"}), (3, 2)
    )
    start = time.process_time()
    deep = fit_lmm(large, "y ~ drug + (1 | donor / plate)")
    t_tests(np.eye(len(deep.beta)), inference(deep))
    own = time.process_time() - start
    start = time.process_time()
    options = {"groups": "donor", "re_formula": "1", "vc_formula": {"plate": "0 + C(plate)"}}
    theirs = smf.mixedlm("y ~ drug", large, **options).fit()
    his = time.process_time() - start
    gap = deep.log_likelihood - theirs.llf
    name = "30,000 rows in 10,000 plates in 1,000 donors, formula"
    lines.append(f"| {name} | {1e3 * own:.0f} | {1e3 * his:.0f} | {his / own:.0f} | {gap:+.1e} |")
    versions = f"statsmodels {statsmodels.__version__}, NumPy {np.__version__}, Python {platform.python_version()}"
    text = "\n".join(
        [
            "# Mixed models beside statsmodels",
            "",
            f"`python benchmarks/mixed_models.py`; {versions}; CPU time on one thread.",
            "",
            "",
        ]
    )
    text += "\n".join([*lines, "", *robustness_rows(), ""])
    print(text)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(text)


if __name__ == "__main__":
    main()

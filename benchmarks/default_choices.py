"""Why the default test is what it is: type I error of the alternatives it was chosen over.

    python benchmarks/default_choices.py [--simulations 2000]

1. Own error or pooled error: vehicle and three drugs about which experiments disagree by 0, 0.2, 0.1 and 0.4; each
   drug against vehicle by the paired t of its own two arms, and by one mixed model of all unit means, Kenward-Roger.
2. Complete units or all units: some units lack an arm; the paired t of the complete ones, and the mixed model
   `mean ~ arm + (1 | unit)` of all, Kenward-Roger, with arms alike and unlike in spread.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from pathlib import Path

import numpy as np

from assaykit.stats.cell_models import pooled_lmm
from assaykit.stats.units import Contrast
from assaykit.stats.units.unit_level import UnitMeans, contrast_of_units

DRUGS = {"vehicle": 0.0, "drug (0.2)": 0.2, "second drug (0.1)": 0.1, "third drug (0.4)": 0.4}
SPREADS = {"alike": (0.25, 0.14, 0.14), "unlike": (0.25, 0.3, 0.05), "unlike, units alike": (0.05, 0.3, 0.05)}
LACKING = {"1 of 4 lacks the drug": (4, 1), "1 of 5 lacks the drug": (5, 1), "2 of 6 lack the drug": (6, 2)}


def means_of(arms: dict[str, np.ndarray]) -> UnitMeans:
    units = len(next(iter(arms.values())))
    cells = {(name, "mono"): values for name, values in arms.items()}
    wells = {cell: np.full(units, 3) for cell in cells}
    return UnitMeans(tuple(map(str, range(units))), cells, wells, dict.fromkeys(cells, ""))


def compared(arms: dict[str, np.ndarray], contrasts: list[Contrast]) -> np.ndarray:
    """Return, per contrast, whether the default and the pooled model find it."""
    means = means_of(arms)
    own = [contrast_of_units(contrast, means) for contrast in contrasts]
    pairs = zip(own, pooled_lmm(means, contrasts).results, strict=True)
    return np.array([[result.p_value < 0.05 for result in pair] for pair in pairs])


def own_or_pooled(simulations: int, rng: np.random.Generator) -> list[str]:
    contrasts = [Contrast.between(name, "vehicle", "mono", kind="treatment") for name in list(DRUGS)[1:]]
    lines = ["| n | contrast | own error (default) | pooled error |", "| --- | --- | --- | --- |"]
    for units in (3, 5, 10):
        counts = np.zeros((len(contrasts), 2))
        for _ in range(simulations):
            day = rng.normal(0, 0.25, units)
            counts += compared(
                {name: day + rng.normal(0, np.hypot(sd, 0.12), units) for name, sd in DRUGS.items()}, contrasts
            )
        for one, (own, pooled) in zip(contrasts, 100 * counts / simulations, strict=True):
            lines.append(f"| {units} | {one.treatment} | {own:.1f} | {pooled:.1f} |")
    return lines


def complete_or_all(simulations: int, rng: np.random.Generator) -> list[str]:
    contrasts = [Contrast.between("drug", "vehicle", "mono", kind="treatment")]
    lines = ["| design | spread of arms | complete units (default) | all units |", "| --- | --- | --- | --- |"]
    for design, (units, lacking) in LACKING.items():
        for spread, (unit_sd, drug_sd, vehicle_sd) in SPREADS.items():
            counts = np.zeros((1, 2))
            for _ in range(simulations):
                day = rng.normal(0, unit_sd, units)
                drug = day + rng.normal(0, drug_sd, units)
                drug[:lacking] = np.nan
                counts += compared({"vehicle": day + rng.normal(0, vehicle_sd, units), "drug": drug}, contrasts)
            own, everything = 100 * counts[0] / simulations
            lines.append(f"| {design} | {spread} | {own:.1f} | {everything:.1f} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--simulations", type=int, default=2000)
    given = parser.parse_args()
    rng, error = np.random.default_rng(1), 196 * np.sqrt(0.05 * 0.95 / given.simulations)
    text = [
        "# Choices of the default",
        "",
        f"`python benchmarks/default_choices.py --simulations {given.simulations}`: type I error, %, at a nominal 5 %",
        f"(95 % Monte-Carlo error +/-{error:.1f} points). The cases are in the script's head.",
        "",
        "## Each contrast its own error, or one pooled over drugs",
        "",
        *own_or_pooled(given.simulations, rng),
        "",
        "## Complete units, or all of them in a mixed model",
        "",
        *complete_or_all(given.simulations, rng),
        "",
    ]
    print("\n".join(text))
    (Path(__file__).parent / "results" / "default_choices.md").write_text("\n".join(text))


if __name__ == "__main__":
    main()

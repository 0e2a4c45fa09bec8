"""How often the default finds what is not there, and covers what is: type I error and 95 % coverage at lab n.

    python benchmarks/operating_characteristics.py [--simulations 2000] [--seed 1] [--out benchmarks/results]

Each simulated study has 4 treatments x 2 contexts x 3 wells in n experiments, with the noise of shared/evidence
(log scale): experiments differ by 0.25, drugs by experiment 0, 0.2, 0.1 and 0.4 (vehicle and three drugs: experiments
do not disagree equally about every drug), conditions by experiment 0.1, wells 0.12. Counts are negative binomial
(theta 50, input 20,000) or beta-binomial (rho 0.01, 2,000 cells). Two contrasts are tested: the first drug against
vehicle, and its interaction with stroma. In one half of the studies both effects are 0, in the other 0.7 and 0.4.

Methods. `default`: what `estimate` does, t on unit means. `pooled`: one mixed model of all unit means, Kenward-Roger.
`nested`: one mixed model of all wells with random experiment and condition within experiment, Kenward-Roger;
`Wald z`: the same model (or the count model of its family) with z; `wells as n`: every well, set against its own
day, counted as an experiment.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from scipy.special import expit, logit, stdtrit

from assaykit.stats.cell_models import blocked_wells, pooled_lmm
from assaykit.stats.ddf import inference, t_tests
from assaykit.stats.design import Random
from assaykit.stats.families import Asked
from assaykit.stats.glmm import fit_glmm
from assaykit.stats.lmm import fit_arrays
from assaykit.stats.unit_level import UnitContrast, UnitMeans, contrast_of_units

UNITS = (3, 4, 5, 6, 10)
TREATMENTS, CONTEXTS, WELLS = ("vehicle", "drug", "second drug", "third drug"), ("mono", "msc_contact"), 3
DRUG_SD = np.array([0.0, 0.2, 0.1, 0.4])
CONTRASTS = {
    "main effect": Asked("treatment", "drug", "vehicle", "mono"),
    "interaction": Asked("interaction", "drug", "vehicle", "msc_contact", "mono"),
}
EFFECTS = {"main effect": 0.7, "interaction": 0.4}
FAMILIES = ("Gaussian", "negative binomial", "beta-binomial")
BASE = {"Gaussian": 7.0, "negative binomial": float(np.log(0.03)), "beta-binomial": float(logit(0.2))}
INPUT, CELLS, THETA, RHO = 20_000, 2_000, 50.0, 0.01
COUNT_STUDIES = 400  # a count model takes a tenth of a second: enough to see that Wald z is far off

Interval = tuple[float, float]


@dataclass(frozen=True)
class Simulated:
    """One study: `y` on the analysis scale and counts, experiments x treatments x contexts x wells."""

    family: str
    y: np.ndarray
    count: np.ndarray


def simulated(family: str, units: int, *, effects: dict[str, float], rng: np.random.Generator) -> Simulated:
    """Return one study with the effects given."""
    shape = (units, len(TREATMENTS), len(CONTEXTS))
    eta = BASE[family] + rng.normal(0, 0.25, (units, 1, 1)) + rng.normal(0, 0.1, shape)
    eta = eta + rng.normal(0, 1, (*shape[:2], 1)) * DRUG_SD[None, :, None]
    eta = eta - 0.4 * np.array([0.0, 1.0])
    eta[:, 1, :] += effects["main effect"]
    eta[:, 1, 1] += effects["interaction"]
    eta = eta[..., None] + np.zeros(WELLS)
    if family == "Gaussian":
        y = eta + rng.normal(0, 0.12, eta.shape)
        return Simulated(family, y, y)
    if family == "negative binomial":
        count = rng.poisson(INPUT * np.exp(eta) * rng.gamma(THETA, 1 / THETA, eta.shape)).astype(float)
        return Simulated(family, np.log(np.where(count > 0, count, 0.5) / INPUT), count)
    p, precision = expit(eta), 1 / RHO - 1
    count = rng.binomial(CELLS, rng.beta(p * precision, (1 - p) * precision)).astype(float)
    return Simulated(family, logit(np.clip(count, 0.5, CELLS - 0.5) / CELLS), count)


def unit_means_of(study: Simulated) -> UnitMeans:
    """Return the unit means `estimate` would form of the study's wells."""
    means, units = study.y.mean(axis=-1), len(study.y)
    cells = {(t, c): means[:, i, j] for i, t in enumerate(TREATMENTS) for j, c in enumerate(CONTEXTS)}
    wells = {cell: np.full(units, WELLS) for cell in cells}
    return UnitMeans(tuple(f"E{u}" for u in range(units)), cells, wells, dict.fromkeys(cells, ""))


def interval_of(found: UnitContrast | str) -> Interval:
    assert not isinstance(found, str)
    half = float(stdtrit(found.df, 0.975)) * found.std_error
    return found.estimate - half, found.estimate + half


def default(study: Simulated) -> list[Interval]:
    means = unit_means_of(study)
    return [interval_of(contrast_of_units(asked, means)) for asked in CONTRASTS.values()]


def pooled(study: Simulated) -> list[Interval]:
    return [interval_of(found) for found in pooled_lmm(unit_means_of(study), tuple(CONTRASTS.values())).contrasts]


def _weights(cells: Sequence[tuple[str, str]]) -> np.ndarray:
    rows = np.zeros((2, len(cells)))
    for row, asked in zip(rows, CONTRASTS.values(), strict=True):
        for arm, sign in zip(asked.arms, (1, -1), strict=True):
            for cell, inner in zip(arm, (1, -1), strict=False):
                row[cells.index(cell)] += sign * inner
    return rows


def _codes(study: Simulated, treatments: int) -> tuple[np.ndarray, np.ndarray, list[tuple[str, str]]]:
    units = len(study.y)
    unit, treatment, context, _ = (a.ravel() for a in np.indices((units, treatments, len(CONTEXTS), WELLS)))
    cells = [(t, c) for t in TREATMENTS[:treatments] for c in CONTEXTS]
    return unit, treatment * len(CONTEXTS) + context, cells


def nested(study: Simulated) -> dict[str, list[Interval]]:
    """Return the nested model's intervals by Kenward-Roger and, for Gaussian data, by Wald z."""
    unit, column, cells = _codes(study, len(TREATMENTS))
    within, ones = unit * len(cells) + column, np.ones((len(unit), 1))
    terms = [
        Random("unit", ("1",), unit, tuple(map(str, range(unit.max() + 1))), ones),
        Random("unit:cell", ("1",), within, tuple(map(str, range(within.max() + 1))), ones),
    ]
    fit = fit_arrays(study.y.ravel(), np.eye(len(cells))[column], terms)
    rows = _weights(cells)
    model = inference(fit, "kenward_roger")
    tests = t_tests(rows, model)
    errors = np.sqrt(((rows @ fit.vcov) * rows).sum(axis=1))
    wald = [(t.estimate - 1.959964 * e, t.estimate + 1.959964 * e) for t, e in zip(tests, errors, strict=True)]
    found = {"nested": [(t.conf_low, t.conf_high) for t in tests]}
    return found | ({"Wald z": wald} if study.family == "Gaussian" else {})


def count_wald(study: Simulated) -> list[Interval]:
    """Return Wald z intervals of the nested count model of the study's own family, on the cells of the contrasts."""
    unit, column, cells = _codes(study, 2)
    groups = {"unit": unit.astype(str), "unit:cell": (unit * len(cells) + column).astype(str)}
    count, X = study.count[:, :2].ravel(), np.eye(len(cells))[column]
    if study.family == "negative binomial":
        fit = fit_glmm(count, X, groups, family="nbinom2", offset=np.full(len(count), np.log(INPUT)))
    else:
        fit = fit_glmm(count, X, groups, family="betabinomial", trials=np.full(len(count), float(CELLS)))
    rows = _weights(cells)
    estimates, errors = rows @ fit.coefficients, np.sqrt(((rows @ fit.covariance) * rows).sum(axis=1))
    return [(e - 1.959964 * s, e + 1.959964 * s) for e, s in zip(estimates, errors, strict=True)]


def wells_as_n(study: Simulated) -> list[Interval]:
    unit, column, cells = _codes(study, len(TREATMENTS))
    found = []
    for weights in _weights(cells):
        estimate, error, df = blocked_wells(study.y.ravel(), unit, column, weights=weights)
        found.append((estimate - stdtrit(df, 0.975) * error, estimate + stdtrit(df, 0.975) * error))
    return found


METHODS: dict[str, Callable[[Simulated], dict[str, list[Interval]]]] = {
    "default": lambda study: {"default": default(study)},
    "wells as n": lambda study: {"wells as n": wells_as_n(study)},
    "pooled": lambda study: {"pooled": pooled(study)},
    "nested": nested,
    "Wald z": lambda study: {"Wald z": count_wald(study)},
}
COLUMNS = ("default", "pooled", "nested", "Wald z", "wells as n")


def simulations_of(method: str, family: str, given: int) -> int:
    """Return how many studies a method is tried on: five times as many for the default, fewer for slow count models."""
    if method == "default":
        return 5 * given
    return min(given, COUNT_STUDIES) if method == "Wald z" and family != "Gaussian" else given


Share = tuple[float, int]
Key = tuple[str, str, str]


def shares(family: str, units: int, *, simulations: int, seed: int, methods: Sequence[str]) -> dict[Key, Share]:
    """Return (method, contrast, 'type I' or 'coverage') -> (share, studies it rests on).

    'type I' is the share of studies without effects whose interval leaves 0 out, 'coverage' of those with effects
    whose interval holds the truth. Study i of a cell is the same study for every method.
    """
    found: dict[Key, Share] = {}
    for world, truth in (("type I", dict.fromkeys(EFFECTS, 0.0)), ("coverage", EFFECTS)):
        most = max(simulations_of(method, family, simulations) for method in methods)
        missed: dict[tuple[str, str], list[bool]] = {}
        for i in range(most):
            rng = np.random.default_rng([seed, FAMILIES.index(family), units, world == "coverage", i])
            study = simulated(family, units, effects=truth, rng=rng)
            for method in (m for m in methods if i < simulations_of(m, family, simulations)):
                if method == "Wald z" and world == "coverage":
                    continue
                for label, intervals in METHODS[method](study).items():
                    for name, (low, high) in zip(CONTRASTS, intervals, strict=True):
                        missed.setdefault((label, name), []).append(not low <= truth[name] <= high)
        for (label, name), misses in missed.items():
            share = float(np.mean(misses))
            found[label, name, world] = (share if world == "type I" else 1 - share, len(misses))
    return found


def methods_of(family: str) -> tuple[str, ...]:
    """Return the methods tried on a family; the Gaussian Wald z comes with `nested`."""
    return tuple(name for name in METHODS if name != "Wald z" or family != "Gaussian")


def cell_text(share: Share | None, nominal: float) -> str:
    """Return a percentage, bold where it lies outside its Monte-Carlo error."""
    if share is None:
        return "-"
    value, studies = share
    text = f"{100 * value:.1f}"
    return f"**{text}**" if abs(value - nominal) > 1.96 * np.sqrt(0.05 * 0.95 / studies) else text


def table_of(results: dict[tuple[str, int], dict[Key, Share]], given: int) -> str:
    """Return the results page."""
    errors = {n: 196 * np.sqrt(0.05 * 0.95 / n) for n in (5 * given, given, min(given, COUNT_STUDIES))}
    listed = "; ".join(f"{n:,} studies: +/-{error:.1f} points" for n, error in errors.items())
    lines = [
        "# Operating characteristics at lab n",
        "",
        f"`python benchmarks/operating_characteristics.py --simulations {given}`. A cell rests on {given:,} simulated",
        f"studies; the default on {5 * given:,}, the count models' Wald z on {min(given, COUNT_STUDIES):,}.",
        f"95 % Monte-Carlo error around 5 % and 95 %: {listed}. **Bold** lies outside its own.",
        "",
        "Type I error is the share of studies without an effect whose interval leaves 0 out; coverage the share of",
        "studies with effects whose interval holds the true one. The world and the methods are in the script's head.",
        "",
    ]
    for world, nominal in (("type I", 0.05), ("coverage", 0.95)):
        lines += [f"## {'Type I error' if world == 'type I' else 'Coverage'}, %", ""]
        lines += [
            "| data | contrast | n | " + " | ".join(COLUMNS) + " |",
            "| --- | --- | --- |" + " --- |" * len(COLUMNS),
        ]
        for family in FAMILIES:
            for name in CONTRASTS:
                for units in UNITS:
                    found = results[family, units]
                    cells = [cell_text(found.get((method, name, world)), nominal) for method in COLUMNS]
                    lines.append(f"| {family} | {name} | {units} | " + " | ".join(cells) + " |")
        lines.append("")
    return "\n".join(lines)


def figure_of(results: dict[tuple[str, int], dict[Key, Share]], given: int, path: Path) -> None:
    """Write the type I errors as a figure; the band is the Monte-Carlo error of the methods compared."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    colours = dict(zip(COLUMNS, ("#0072B2", "#56B4E9", "#009E73", "#E69F00", "#D55E00"), strict=True))
    figure = Figure(figsize=(7.2, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, 3, sharex=True, sharey=True)
    error = 196 * np.sqrt(0.05 * 0.95 / given)
    for row, name in zip(axes, CONTRASTS, strict=True):
        for ax, family in zip(row, FAMILIES, strict=True):
            ax.axhspan(5 - error, 5 + error, color="0.85", lw=0)
            ax.axhline(5, color="0.5", lw=0.6)
            for method in COLUMNS:
                points = [results[family, n].get((method, name, "type I"), (np.nan, 0))[0] for n in UNITS]
                ax.plot(UNITS, 100 * np.array(points), "o-", ms=3, lw=1, color=colours[method], label=method)
            ax.set_title(f"{family}, {name}", fontsize=7)
            ax.tick_params(labelsize=6)
    for ax in axes[:, 0]:
        ax.set_ylabel("type I error, %", fontsize=7)
    for ax in axes[1]:
        ax.set_xlabel("independent experiments", fontsize=7)
    axes[0, 0].legend(fontsize=6, frameon=False)
    figure.savefig(path, dpi=200)


def _cell(cell: tuple[str, int], *, simulations: int, seed: int) -> dict[Key, Share]:
    return shares(*cell, simulations=simulations, seed=seed, methods=methods_of(cell[0]))


def main() -> None:
    """Run every cell, then write table and figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--simulations", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    given = parser.parse_args()
    cells = [(family, units) for family in reversed(FAMILIES) for units in reversed(UNITS)]  # the slowest first
    results = {}
    with ProcessPoolExecutor(given.workers) as executor:
        tasks = executor.map(partial(_cell, simulations=given.simulations, seed=given.seed), cells)
        for cell, found in zip(cells, tasks, strict=True):
            results[cell] = found
            print(f"{cell[0]}, {cell[1]} experiments: done", flush=True)
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "operating_characteristics.md").write_text(table_of(results, given.simulations))
    figure_of(results, given.simulations, given.out / "operating_characteristics.png")


if __name__ == "__main__":
    main()

"""How often the default finds what is not there, and covers what is: type I error and 95 % coverage at lab n.

    python benchmarks/operating_characteristics.py [--simulations 10000] [--models 2000] [--counts 200] [--seed 1]

Each simulated study has 4 treatments x 2 contexts x 3 wells in n experiments, with noise on the log scale:
experiments differ by 0.25, drugs by experiment 0, 0.2, 0.1 and 0.4 (vehicle and three drugs: experiments do not
disagree equally about every drug), conditions by experiment 0.1, wells 0.12. Counts are negative binomial (theta 50,
input 20,000) or beta-binomial (rho 0.01, 2,000 cells). Two contrasts are tested: the first drug against vehicle, and
its interaction with stroma. In one world both effects are 0, in the other 0.7 and 0.4.

Methods. `default`: what `estimate` does, t on unit means. `wells as n`: every well, set against its own day, counted
as an experiment. `nested`: one mixed model of all wells with random experiment and condition within experiment,
Kenward-Roger; its error is shared by all drugs. `Wald z`: the same model, or the count model of its family, with z.
The first two are tried on `--simulations` studies a cell in both worlds, the models on `--models` studies without
effects, the slow count models on `--counts`. The page is written after each stage.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from scipy.special import expit, logit, stdtrit

from assaykit.stats.glmm.model import fit_glmm
from assaykit.stats.lmm.ddf import inference, t_tests
from assaykit.stats.lmm.design import RandomEffects
from assaykit.stats.lmm.model import fit_arrays
from assaykit.stats.units import Contrast

UNITS = (3, 4, 5, 6, 10)
TREATMENTS, CONTEXTS, WELLS = ("vehicle", "drug", "second drug", "third drug"), ("mono", "msc_contact"), 3
DRUG_SD = np.array([0.0, 0.2, 0.1, 0.4])
CONTRASTS = {
    "main effect": Contrast.between("drug", "vehicle", "mono", kind="treatment"),
    "interaction": Contrast.between("drug", "vehicle", "msc_contact", "mono", kind="interaction"),
}
EFFECTS = {"main effect": 0.7, "interaction": 0.4}
FAMILIES = ("Gaussian", "negative binomial", "beta-binomial")
BASE = {"Gaussian": 7.0, "negative binomial": float(np.log(0.03)), "beta-binomial": float(logit(0.2))}
INPUT, CELLS, THETA, RHO = 20_000, 2_000, 50.0, 0.01

Interval = tuple[np.ndarray, np.ndarray]
Intervals = dict[str, list[Interval]]


@dataclass(frozen=True)
class Simulated:
    """Studies: `y` on the analysis scale and counts, studies x experiments x treatments x contexts x wells."""

    family: str
    y: np.ndarray
    count: np.ndarray


def simulated(family: str, shape: tuple[int, int], *, effects: dict[str, float], rng: np.random.Generator) -> Simulated:
    """Return studies x experiments with the effects given."""
    cells = (*shape, len(TREATMENTS), len(CONTEXTS))
    eta = BASE[family] + rng.normal(0, 0.25, (*shape, 1, 1)) + rng.normal(0, 0.1, cells)
    eta = eta + rng.normal(0, 1, (*cells[:3], 1)) * DRUG_SD[:, None]
    eta = eta - 0.4 * np.array([0.0, 1.0])
    eta[..., 1, :] += effects["main effect"]
    eta[..., 1, 1] += effects["interaction"]
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


def default(studies: Simulated) -> Intervals:
    """Return the unit-level t intervals of all studies: the paired t of unit means, as `estimate` takes it."""
    means = studies.y.mean(axis=-1)
    first = means[:, :, 1, 0] - means[:, :, 0, 0]
    units, found = first.shape[1], []
    for values in (first, means[:, :, 1, 1] - means[:, :, 0, 1] - first):
        half = stdtrit(units - 1, 0.975) * values.std(axis=1, ddof=1) / np.sqrt(units)
        found.append((values.mean(axis=1) - half, values.mean(axis=1) + half))
    return {"default": found}


def wells_as_n(studies: Simulated) -> Intervals:
    """Return least squares `y ~ experiment + cell` over the wells of each contrast's cells, all studies at once."""
    found = []
    for contexts, weights in (([0], [[-1.0], [1.0]]), ([0, 1], [[1.0, -1.0], [-1.0, 1.0]])):
        y = studies.y[:, :, :2][:, :, :, contexts]
        units, cells = y.shape[1], 2 * len(contexts)
        center = y.mean(axis=(1, 4), keepdims=True)
        rest = y - center - y.mean(axis=(2, 3, 4), keepdims=True) + y.mean(axis=(1, 2, 3, 4), keepdims=True)
        df = units * cells * WELLS - units - cells + 1
        error = np.sqrt((rest**2).sum(axis=(1, 2, 3, 4)) / df * cells / (units * WELLS))
        estimate = (center[:, 0, :, :, 0] * np.array(weights)).sum(axis=(1, 2))
        found.append((estimate - stdtrit(df, 0.975) * error, estimate + stdtrit(df, 0.975) * error))
    return {"wells as n": found}


def _weights(cells: Sequence[tuple[str, str]]) -> np.ndarray:
    rows = np.zeros((2, len(cells)))
    for row, contrast in zip(rows, CONTRASTS.values(), strict=True):
        for cell, weight in contrast.weights:
            row[cells.index(cell)] = weight
    return rows


def _codes(units: int, treatments: int) -> tuple[np.ndarray, np.ndarray, list[tuple[str, str]]]:
    shape = (units, treatments, len(CONTEXTS), WELLS)
    unit, treatment, context, _ = (a.ravel() for a in np.indices(shape))
    return unit, treatment * len(CONTEXTS) + context, [(t, c) for t in TREATMENTS[:treatments] for c in CONTEXTS]


def nested(studies: Simulated) -> Intervals:
    """Return the nested model's intervals by Kenward-Roger and, for Gaussian data, by Wald z."""
    unit, column, cells = _codes(studies.y.shape[1], len(TREATMENTS))
    within, ones = unit * len(cells) + column, np.ones((len(unit), 1))
    terms = [
        RandomEffects("unit", ("1",), unit, tuple(map(str, range(unit.max() + 1))), ones),
        RandomEffects("unit:cell", ("1",), within, tuple(map(str, range(within.max() + 1))), ones),
    ]
    X, rows = np.eye(len(cells))[column], _weights(cells)
    by_t, by_z = [], []
    for y in studies.y:
        fit = fit_arrays(y.ravel(), X, terms)
        tests = t_tests(rows, inference(fit, "kenward_roger"))
        by_t.append([(t.conf_low, t.conf_high) for t in tests])
        by_z.append(_wald(rows @ fit.beta, rows, fit.vcov))
    return {"nested": _stacked(by_t)} | ({"Wald z": _stacked(by_z)} if studies.family == "Gaussian" else {})


def count_wald(studies: Simulated) -> Intervals:
    """Return Wald z intervals of the nested count model of the studies' own family, on the cells of the contrasts."""
    unit, column, cells = _codes(studies.y.shape[1], 2)
    groups = {"unit": unit.astype(str), "unit:cell": (unit * len(cells) + column).astype(str)}
    X, rows, found = np.eye(len(cells))[column], _weights(cells), []
    for counts in studies.count[:, :, :2]:
        count = counts.ravel()
        if studies.family == "negative binomial":
            fit = fit_glmm(count, X, groups, family="nbinom2", offset=np.full(len(count), np.log(INPUT)))
        else:
            fit = fit_glmm(count, X, groups, family="betabinomial", trials=np.full(len(count), float(CELLS)))
        found.append(_wald(rows @ fit.coefficients, rows, fit.covariance))
    return {"Wald z": _stacked(found)}


def _wald(estimates: np.ndarray, rows: np.ndarray, covariance: np.ndarray) -> list[tuple[float, float]]:
    half = 1.959964 * np.sqrt(((rows @ covariance) * rows).sum(axis=1))
    return list(zip(estimates - half, estimates + half, strict=True))


def _stacked(intervals: list[list[tuple[float, float]]]) -> list[Interval]:
    array = np.array(intervals)
    return [(array[:, i, 0], array[:, i, 1]) for i in range(array.shape[1])]


Share = tuple[float, int]
Key = tuple[str, str, str]
Results = dict[tuple[str, int], dict[Key, Share]]
COLUMNS = ("default", "nested", "Wald z", "wells as n")


def shares(
    family: str, units: int, *, method: Callable[[Simulated], Intervals], simulations: int, seed: int, world: str
) -> dict[Key, Share]:
    """Return (method, contrast, world) -> (share, studies it rests on).

    In the world 'type I' the share of studies without effects whose interval leaves 0 out, in 'coverage' of those with
    effects whose interval holds the truth.
    """
    truth = EFFECTS if world == "coverage" else dict.fromkeys(EFFECTS, 0.0)
    rng = np.random.default_rng([seed, FAMILIES.index(family), units, world == "coverage"])
    studies = simulated(family, (simulations, units), effects=truth, rng=rng)
    found: dict[Key, Share] = {}
    for label, intervals in method(studies).items():
        for (name, value), (low, high) in zip(truth.items(), intervals, strict=True):
            held = float(np.mean((low <= value) & (value <= high)))
            found[label, name, world] = (held if world == "coverage" else 1 - held, simulations)
    return found


def cell_text(share: Share | None, nominal: float) -> str:
    """Return a percentage, bold where it lies outside its Monte-Carlo error."""
    if share is None:
        return "-"
    value, studies = share
    text = f"{100 * value:.1f}"
    return f"**{text}**" if abs(value - nominal) > 1.96 * np.sqrt(0.05 * 0.95 / studies) else text


def _studies(results: Results, method: str) -> list[int]:
    return sorted({n for found in results.values() for key, (_, n) in found.items() if key[0] == method}, reverse=True)


def table_of(results: Results, command: str) -> str:
    """Return the results page."""
    sizes = sorted({studies for found in results.values() for _, studies in found.values()}, reverse=True)
    listed = "; ".join(f"{n:,} studies: +/-{196 * np.sqrt(0.05 * 0.95 / n):.1f} points" for n in sizes)
    lines = [
        "# Operating characteristics at lab n",
        "",
        f"`{command}`. 95 % Monte-Carlo error around 5 % and 95 %: {listed}. **Bold** lies outside its own.",
        "",
        "Type I error is the share of studies without an effect whose interval leaves 0 out; coverage the share of",
        "studies with effects whose interval holds the true one. The world and the methods are in the script's head.",
        "",
        *(f"- {method}: {', '.join(f'{n:,}' for n in _studies(results, method))} studies a cell" for method in COLUMNS),
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


def figure_of(results: Results, path: Path) -> None:
    """Write the type I errors as a figure; the band is the Monte-Carlo error of 2,000 studies."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    colours = dict(zip(COLUMNS, ("#0072B2", "#009E73", "#E69F00", "#D55E00"), strict=True))
    figure = Figure(figsize=(7.2, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, 3, sharex=True, sharey=True)
    error = 196 * np.sqrt(0.05 * 0.95 / 2000)
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


def stages(
    given: argparse.Namespace,
) -> list[tuple[Callable[[Simulated], Intervals], int, tuple[str, ...], tuple[str, ...]]]:
    """Return what is run in turn: method, studies a cell, worlds, families."""
    worlds = ("type I", "coverage")
    return [
        (default, given.simulations, worlds, FAMILIES),
        (wells_as_n, given.simulations, worlds, FAMILIES),
        (nested, given.models, ("type I",), FAMILIES),
        (count_wald, given.counts, ("type I",), FAMILIES[1:]),
    ]


def main() -> None:
    """Run stage after stage; write table and figure after each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--simulations", type=int, default=10_000)
    parser.add_argument("--models", type=int, default=2_000)
    parser.add_argument("--counts", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    numbers = f"--simulations {given.simulations} --models {given.models} --counts {given.counts} --seed {given.seed}"
    results: Results = {(family, units): {} for family in FAMILIES for units in UNITS}
    for method, studies, worlds, families in stages(given):
        for family, units, world in product(families, UNITS, worlds):
            found = shares(family, units, method=method, simulations=studies, seed=given.seed, world=world)
            results[family, units] |= found
            print(method.__name__, family, units, world, flush=True)
        text = table_of(results, f"python benchmarks/operating_characteristics.py {numbers}")
        (given.out / "operating_characteristics.md").write_text(text)
        figure_of(results, given.out / "operating_characteristics.png")


if __name__ == "__main__":
    main()

"""Estimated marginal means and contrasts of a fitted mixed model, after emmeans.

    model -> reference grid (every combination of levels, covariates at their mean) -> rows -> tests

Means over a factor weigh its levels equally. A combination the data do not hold is not estimable, and is a row of
missing numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations, product
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assaykit.errors import DesignError
from assaykit.stats.lmm.ddf import Inference, Method, f_test, inference, t_tests
from assaykit.stats.lmm.design import FixedDesign
from assaykit.stats.lmm.model import Lmm
from assaykit.stats.units.multiplicity import benjamini_hochberg, bonferroni, holm
from assaykit.stats.units.simultaneous import max_abs_t_quantile, single_step, tukey

Floats = NDArray[np.float64]
Kind = Literal["treatment", "pairwise"]
Adjust = Literal["none", "holm", "bh", "bonferroni", "tukey", "dunnett"]

_TEST = ("estimate", "std_error", "df", "statistic", "p_value", "conf_low", "conf_high")
_STEPWISE: dict[str, Callable[[Floats], Floats]] = {"holm": holm, "bh": benjamini_hochberg, "bonferroni": bonferroni}


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Linear combinations of the full model columns, with what each is called; `family` is adjusted together."""

    labels: tuple[Mapping[str, str], ...]
    rows: Floats
    family: tuple[str, ...]
    means: int = 0  # means compared within a family, for Tukey


def marginal_means(
    fit: Lmm, factors: Sequence[str] | str, *, method: Method = "satterthwaite", level: float = 0.95
) -> pd.DataFrame:
    """Return the mean of every combination of the factors' levels, with its t interval: one row each."""
    names = (factors,) if isinstance(factors, str) else tuple(factors)
    cells = cell_rows(_fixed(fit), names)
    return with_tests(Rows(*cells, ("",) * len(cells[0])), fit, inference(fit, method), level=level)


def factor_contrasts(
    fit: Lmm,
    factor: str,
    *,
    kind: Kind = "treatment",
    within: str | None = None,
    adjust: Adjust = "holm",
    method: Method = "satterthwaite",
) -> pd.DataFrame:
    """Return each level against the first (`treatment`), or against each other (`pairwise`), one row each.

    `within` repeats them inside each level of another factor; p values are adjusted within it. `dunnett` and `tukey`
    give simultaneous limits beside the unadjusted ones.
    """
    fixed = _fixed(fit)
    places = _levels(fixed, within) if within else ("",)
    labels, cells = cell_rows(fixed, (factor, within) if within else (factor,))
    row = {(label[factor], label.get(within or "", "")): cells[i] for i, label in enumerate(labels)}
    pairs = _pairs(_levels(fixed, factor), kind)
    named = tuple(
        {"contrast": f"{a} - {b}"} | ({within: place} if within else {}) for place in places for a, b in pairs
    )
    rows = np.array([row[a, place] - row[b, place] for place in places for a, b in pairs])
    family = tuple(place for place in places for _ in pairs)
    asked = Rows(named, rows, family, len(_levels(fixed, factor)))
    return with_tests(asked, fit, inference(fit, method), adjust=adjust)


def interaction_contrasts(
    fit: Lmm,
    factor: str,
    across: str,
    *,
    kind: Kind = "treatment",
    adjust: Adjust = "holm",
    method: Method = "satterthwaite",
) -> pd.DataFrame:
    """Return differences of differences: (level - other) in each level of `across` minus the same in its first."""
    fixed = _fixed(fit)
    base, *others = _levels(fixed, across)
    labels, cells = cell_rows(fixed, (factor, across))
    row = {(label[factor], label[across]): cells[i] for i, label in enumerate(labels)}
    pairs = _pairs(_levels(fixed, factor), kind)
    named = tuple({"contrast": f"{a} - {b}", across: f"{place} - {base}"} for place in others for a, b in pairs)
    rows = np.array([row[a, p] - row[b, p] - row[a, base] + row[b, base] for p in others for a, b in pairs])
    return with_tests(Rows(named, rows, ("",) * len(rows)), fit, inference(fit, method), adjust=adjust)


def custom_contrasts(
    fit: Lmm,
    weights: Mapping[str, Mapping[tuple[str, ...], float]],
    factors: Sequence[str],
    *,
    adjust: Adjust = "none",
    method: Method = "satterthwaite",
) -> pd.DataFrame:
    """Return contrasts by name: `weights[name]` gives the weight of each cell, a tuple of levels of `factors`."""
    labels, cells = cell_rows(_fixed(fit), factors)
    row = {tuple(label[f] for f in factors): cells[i] for i, label in enumerate(labels)}
    unknown = sorted({str(cell) for cell_weights in weights.values() for cell in cell_weights if cell not in row})
    if unknown:
        raise DesignError("a contrast must weigh cells of the design", ", ".join(unknown), remedy=f"cells: {list(row)}")
    rows = np.array([sum(w * row[cell] for cell, w in by_cell.items()) for by_cell in weights.values()])
    named = tuple({"contrast": name} for name in weights)
    return with_tests(Rows(named, rows, ("",) * len(rows)), fit, inference(fit, method), adjust=adjust)


def coefficients(fit: Lmm, *, method: Method = "satterthwaite", level: float = 0.95) -> pd.DataFrame:
    """Return one row per fixed column: `term`, estimate, standard error, df, t, p and its interval."""
    model = inference(fit, method)
    tests = t_tests(np.eye(len(fit.beta)), model, level)
    return pd.DataFrame([{"term": name} | asdict(test) for name, test in zip(fit.names, tests, strict=True)])


def anova(fit: Lmm, *, kind: Literal[1, 3] = 3, method: Method = "satterthwaite") -> pd.DataFrame:
    """Return an F test per fixed term: `term`, `num_df`, `den_df`, `statistic`, `p_value`.

    Type 3 tests each term at the mean of the other factors' levels; type 1 each term after those before it.
    """
    fixed, model = _fixed(fit), inference(fit, method)
    hypotheses = _sequential(fit) if kind == 1 else _type_three(fixed)
    names = [":".join(term) for term in fixed.formula.fixed]
    records = []
    for position, name in enumerate(names):
        rows = hypotheses[[i for i in range(len(fixed.owner)) if fixed.owner[i] == position and name]]
        rows = _estimable_part(rows, fixed)[:, fixed.kept]
        if np.abs(rows).sum() > 0:
            records.append({"term": name} | asdict(f_test(rows, model)))
    return pd.DataFrame(records, columns=["term", "num_df", "den_df", "statistic", "p_value"])


def cell_rows(fixed: FixedDesign, factors: Sequence[str]) -> tuple[tuple[dict[str, str], ...], Floats]:
    """Return the cells of the factors, the first varying fastest, and their rows over the full columns."""
    others = [name for name in fixed.levels if name not in factors]
    levels = [_levels(fixed, name) for name in reversed(factors)]
    labels = tuple(dict(zip(factors, cell[::-1], strict=True)) for cell in product(*levels))
    rest = [dict(zip(others, cell, strict=True)) for cell in product(*(fixed.levels[name] for name in others))]
    grid = pd.DataFrame([{**fixed.means, **label, **other} for label in labels for other in rest])
    rows = fixed.rows(grid).reshape(len(labels), len(rest), -1)
    return labels, np.asarray(rows.mean(axis=1))


def with_tests(
    asked: Rows, fit: Lmm, model: Inference, *, adjust: Adjust = "none", level: float = 0.95
) -> pd.DataFrame:
    """Return the labelled rows with their tests; `p_adjusted` and simultaneous limits by family."""
    fixed = _fixed(fit)
    estimable, kept = _estimable(asked.rows, fixed), asked.rows[:, fixed.kept]
    tests = iter(t_tests(kept[estimable], model, level))
    records: list[dict[str, Any]] = [
        dict(label) | (asdict(next(tests)) if good else dict.fromkeys(_TEST, np.nan))
        for label, good in zip(asked.labels, estimable, strict=True)
    ]
    frame = pd.DataFrame(records)
    if adjust == "none":
        return frame
    for name in dict.fromkeys(asked.family):
        members = [i for i, family in enumerate(asked.family) if family == name]
        part = frame.iloc[members]
        adjusted = _adjusted(part, kept[members] @ model.vcov @ kept[members].T, adjust, asked.means)
        for column, values in adjusted.items():
            frame.loc[frame.index[members], column] = values
    return frame


def _adjusted(part: pd.DataFrame, V: Floats, adjust: Adjust, means: int) -> dict[str, Floats]:
    if adjust in _STEPWISE:
        return {"p_adjusted": _STEPWISE[adjust](part["p_value"].to_numpy(np.float64))}
    t, df = part["statistic"].to_numpy(np.float64), part["df"].to_numpy(np.float64)
    if adjust == "tukey":
        return {"p_adjusted": tukey(t, df, means)}
    sd = np.sqrt(np.diag(V))
    with np.errstate(invalid="ignore", divide="ignore"):
        R = np.where(np.eye(len(V)) > 0, 1.0, V / np.outer(sd, sd))
    good = np.isfinite(t)
    quantiles = {nu: max_abs_t_quantile(nu, R[np.ix_(good, good)]) for nu in dict.fromkeys(df[good].round(9))}
    half = np.array([quantiles.get(nu, np.nan) for nu in df.round(9)]) * part["std_error"].to_numpy(np.float64)
    estimate = part["estimate"].to_numpy(np.float64)
    return {
        "p_adjusted": single_step(t, df, R),
        "simultaneous_low": estimate - half,
        "simultaneous_high": estimate + half,
    }


def _fixed(fit: Lmm) -> FixedDesign:
    if fit.fixed is None:
        raise DesignError("contrasts must rest on a model fitted from a formula", "a model of bare arrays")
    return fit.fixed


def _levels(fixed: FixedDesign, factor: str) -> tuple[str, ...]:
    if factor not in fixed.levels:
        raise DesignError("a contrast must be of a factor of the model", repr(factor), fixed.formula.text)
    return fixed.levels[factor]


def _pairs(levels: Sequence[str], kind: Kind) -> list[tuple[str, str]]:
    if kind == "treatment":
        return [(level, levels[0]) for level in levels[1:]]
    return list(combinations(levels, 2))


def _estimable(rows: Floats, fixed: FixedDesign) -> NDArray[np.bool_]:
    """Return which rows do not reach into what the data cannot tell apart."""
    return np.asarray((np.abs(rows @ fixed.null) < 1e-8).all(axis=1))


def _estimable_part(rows: Floats, fixed: FixedDesign) -> Floats:
    """Return the combinations of the rows that the data can tell apart; where cells are empty they are fewer."""
    if not fixed.null.size or not rows.size:
        return rows
    reach = rows @ fixed.null
    values, vectors = np.linalg.eigh(reach @ reach.T)
    return np.asarray(vectors[:, values < 1e-10 * max(1.0, values.max())].T @ rows)


def _type_three(fixed: FixedDesign) -> Floats:
    """Return rows over the treatment-coded columns that give the sum-to-zero coded coefficients."""
    levels = list(product(*fixed.levels.values()))
    draws = np.linspace(-1.0, 1.0, 7)[:, None] ** np.arange(1, len(fixed.means) + 1)  # covariates that do not align
    grid = pd.DataFrame(
        [
            dict(zip(fixed.levels, cell, strict=True)) | dict(zip(fixed.means, x, strict=True))
            for cell in levels
            for x in draws
        ]
    )
    summed = fixed.rows(grid, sum_to_zero=True)
    return np.asarray(np.linalg.lstsq(summed, fixed.rows(grid), rcond=None)[0])


def _sequential(fit: Lmm) -> Floats:
    """Return the rows of R in X = QR: each column's part that earlier ones do not explain."""
    fixed = _fixed(fit)
    rows = np.zeros((len(fixed.names), len(fixed.names)))
    rows[np.ix_(fixed.kept, fixed.kept)] = fit.optimum.R
    return rows

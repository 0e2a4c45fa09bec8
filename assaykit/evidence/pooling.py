"""Pooling over runs: one summary per claim, the cumulative course of it, and the runs that disagree.

`pool` is handed in (assaykit.stats.meta.pooling.pool: REML with the Knapp-Hartung and a prediction interval), so
that evidence stays beside statistics and not above it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd
from scipy.special import stdtr, stdtrit

from assaykit.evidence.multiplicity import holm
from assaykit.evidence.numbers import Numbers
from assaykit.evidence.verdicts import LEVEL, judge

_READ = ("consistent", "contradicts", "no effect", "inconclusive")


class Summary(Protocol):
    """What pooling returns: the summary of several runs on the analysis scale."""

    @property
    def estimate(self) -> float: ...  # noqa: D102 - named as in the docs of the pooling function
    @property
    def std_error(self) -> float: ...  # noqa: D102
    @property
    def conf_low(self) -> float: ...  # noqa: D102
    @property
    def conf_high(self) -> float: ...  # noqa: D102
    @property
    def df(self) -> float: ...  # noqa: D102
    @property
    def p_value(self) -> float: ...  # noqa: D102
    @property
    def tau2(self) -> float: ...  # noqa: D102
    @property
    def i2(self) -> float: ...  # noqa: D102
    @property
    def pred_low(self) -> float: ...  # noqa: D102
    @property
    def pred_high(self) -> float: ...  # noqa: D102


class Pool(Protocol):
    """A pooling function."""

    def __call__(self, estimates: Sequence[float], std_errors: Sequence[float], /) -> Summary:
        """Return the summary of the runs' estimates."""


@dataclass(frozen=True, slots=True)
class Pooled:
    """One claim over runs; limits on the analysis scale, effects back-transformed."""

    claim: str
    endpoint: str
    scale: str
    effect_name: str
    expected_sign: int | None
    runs: int
    units: int
    estimate: float
    conf_low: float
    conf_high: float
    pred_low: float
    pred_high: float
    tau2: float
    i2: float
    p_value: float
    effect: float
    effect_low: float
    effect_high: float
    effect_pred_low: float
    effect_pred_high: float
    verdict: str
    disagree: str  # titles of the runs that disagree with the others
    apart: str  # runs on another endpoint or scale, which are not in the summary


def pool_ledger(verdicts: pd.DataFrame, pool: Pool) -> pd.DataFrame:
    """Return one row per claim that any run could read, in the columns of `Pooled`.

    Runs are pooled where they share the claim's most frequent endpoint and scale; the others are named in `apart`.
    One run stands for itself, with no prediction interval.
    """
    rows = [_pooled(str(claim), group, pool) for claim, group in readable(verdicts).groupby("claim", sort=True)]
    return pd.DataFrame([_fields(row) for row in rows], columns=list(Pooled.__slots__))


def cumulative(verdicts: pd.DataFrame, claim: str, pool: Pool) -> pd.DataFrame:
    """Return the course of one claim: after each run in the order added, that run and the summary so far.

    Columns: position, title, verdict, effect, effect_low, effect_high of the run alone; pooled_effect, pooled_low,
    pooled_high, pooled_verdict of all runs up to it; effect_name, expected_sign, n_units, disagrees.
    """
    runs = readable(verdicts)
    runs, _ = _alike(runs[runs["claim"] == claim].sort_values("position"))
    disagreeing = disagreements(runs, pool)
    rows = [
        _step(runs.iloc[:place], pool) | {"disagrees": runs.iloc[place - 1]["title"] in disagreeing}
        for place in range(1, len(runs) + 1)
    ]
    return pd.DataFrame(rows)


def readable(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with an estimate that may be read."""
    return verdicts[verdicts["verdict"].isin(_READ) & (verdicts["std_error"] > 0)]


def disagreements(runs: pd.DataFrame, pool: Pool) -> dict[str, str]:
    """Return title -> why, of the runs of one claim that disagree with the others.

    Either a run says the opposite of the majority (consistent against contradicts), or its estimate lies too far from
    the summary of the others: an externally studentised residual with the variance of a new run (tau2 of the others,
    their standard error, its own), t on k - 2 df, Holm over runs at 5 % (after Viechtbauer & Cheung 2010,
    10.1002/jrsm.11). With two runs the two are compared with each other, df by Welch and Satterthwaite.
    """
    found = dict.fromkeys(_opposed(runs), "says the opposite of the others")
    p_values = _residual_p(runs, pool)
    for title, p in holm(p_values).items():
        if p < LEVEL and title not in found:
            found[title] = f"lies too far from the others (p = {p:.2g})"
    return found


def matrix(verdicts: pd.DataFrame, *, tested: bool = False) -> pd.DataFrame:
    """Return the evidence matrix: a row per claim, a column per run in the order added, the verdict in each cell.

    With `tested`, claims that no run could test are left out.
    """
    titles = verdicts.drop_duplicates("position").sort_values("position")
    table = verdicts.pivot(index="claim", columns="position", values="verdict").reindex(columns=titles["position"])
    table = table.fillna("").set_axis(list(titles["title"]), axis="columns")
    return table[~table.isin(["", "not testable"]).all(axis="columns")] if tested else table


def _pooled(claim: str, group: pd.DataFrame, pool: Pool) -> Pooled:
    runs, apart = _alike(group.sort_values("position"))
    last = runs.iloc[-1]
    summary = _summary(runs, pool)
    numbers = _numbers(last, summary, runs)
    sign = None if pd.isna(last["expected_sign"]) else int(last["expected_sign"])
    prediction = _effects([summary["pred_low"], summary["pred_high"]], last["scale"])
    return Pooled(
        claim=claim,
        endpoint=last["endpoint"],
        scale=last["scale"],
        effect_name=last["effect_name"],
        expected_sign=sign,
        runs=len(runs),
        units=int(runs["n_units"].sum()),
        estimate=summary["estimate"],
        conf_low=summary["conf_low"],
        conf_high=summary["conf_high"],
        pred_low=summary["pred_low"],
        pred_high=summary["pred_high"],
        tau2=summary["tau2"],
        i2=summary["i2"],
        p_value=summary["p_value"],
        effect=numbers.effect,
        effect_low=numbers.effect_low,
        effect_high=numbers.effect_high,
        effect_pred_low=prediction[0],
        effect_pred_high=prediction[1],
        verdict="" if sign is None else judge(numbers, sign),
        disagree="; ".join(f"{title}: {why}" for title, why in disagreements(runs, pool).items()),
        apart="; ".join(f"{row.title} ({row.endpoint}, {row.scale})" for row in apart.itertuples()),
    )


def _alike(runs: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the runs on the most frequent endpoint and scale (the first of equals), and the others."""
    keys = list(zip(runs["endpoint"], runs["scale"], runs["expected_sign"], strict=True))
    if not keys:
        return runs, runs
    most = Counter(keys).most_common(1)[0][0]
    chosen = np.array([key == most for key in keys])
    return runs[chosen], runs[~chosen]


def _summary(runs: pd.DataFrame, pool: Pool) -> dict[str, float]:
    """Return the pooled numbers; those of the run itself where there is one only."""
    estimates, errors = runs["estimate"].to_numpy(float), runs["std_error"].to_numpy(float)
    if len(runs) == 1:
        half = float(stdtrit(runs["df"].iloc[0], 0.975) * errors[0])
        low, high = float(estimates[0]) - half, float(estimates[0]) + half
        own = {"estimate": float(estimates[0]), "std_error": float(errors[0]), "df": float(runs["df"].iloc[0])}
        missing = dict.fromkeys(("pred_low", "pred_high", "tau2", "i2"), math.nan)
        return own | missing | {"conf_low": low, "conf_high": high, "p_value": float(runs["p_value"].iloc[0])}
    pooled = pool(estimates.tolist(), errors.tolist())
    names = ("estimate", "std_error", "df", "conf_low", "conf_high", "pred_low", "pred_high", "tau2", "i2", "p_value")
    values = (
        pooled.estimate, pooled.std_error, pooled.df, pooled.conf_low, pooled.conf_high, pooled.pred_low,
        pooled.pred_high, pooled.tau2, pooled.i2, pooled.p_value,
    )  # fmt: skip
    return {name: float(value) for name, value in zip(names, values, strict=True)}


def _numbers(last: pd.Series, summary: Mapping[str, float], runs: pd.DataFrame) -> Numbers:
    effect, low, high = _effects([summary["estimate"], summary["conf_low"], summary["conf_high"]], last["scale"])
    return Numbers(
        endpoint=last["endpoint"],
        contrast=last["contrast"],
        context=last["context"],
        scale=last["scale"],
        estimate=summary["estimate"],
        std_error=summary["std_error"],
        df=summary["df"],
        low=summary["conf_low"],
        high=summary["conf_high"],
        p_value=summary["p_value"],
        effect=effect,
        effect_low=low,
        effect_high=high,
        effect_name=last["effect_name"],
        n_units=int(runs["n_units"].sum()),
        contrast_sd=math.nan,
        p_equivalence=math.nan,
        reason="",
    )


def _effects(values: Sequence[float], scale: str) -> list[float]:
    """Return values back-transformed: 2**x for log2, exp for log and logit, themselves otherwise."""
    match scale:
        case "log2":
            return [float(2.0**value) for value in values]
        case "log" | "logit":
            return [math.exp(value) for value in values]
        case _:
            return list(values)


def _step(runs: pd.DataFrame, pool: Pool) -> dict[str, Any]:
    last = runs.iloc[-1]
    alone = _numbers(last, _summary(runs.iloc[-1:], pool), runs.iloc[-1:])
    so_far = _numbers(last, _summary(runs, pool), runs)
    sign = None if pd.isna(last["expected_sign"]) else int(last["expected_sign"])
    return {
        "position": int(last["position"]),
        "title": last["title"],
        "verdict": last["verdict"],
        "effect": alone.effect,
        "effect_low": alone.effect_low,
        "effect_high": alone.effect_high,
        "pooled_effect": so_far.effect,
        "pooled_low": so_far.effect_low,
        "pooled_high": so_far.effect_high,
        "pooled_verdict": "" if sign is None else judge(so_far, sign),
        "effect_name": last["effect_name"],
        "expected_sign": sign,
        "n_units": alone.n_units,
    }


def _opposed(runs: pd.DataFrame) -> list[str]:
    for_claim = list(runs.loc[runs["verdict"] == "consistent", "title"])
    against = list(runs.loc[runs["verdict"] == "contradicts", "title"])
    if not (for_claim and against):
        return []
    if len(for_claim) == len(against):
        return for_claim + against
    return min(for_claim, against, key=len)


def _residual_p(runs: pd.DataFrame, pool: Pool) -> dict[str, float]:
    y, se = runs["estimate"].to_numpy(float), runs["std_error"].to_numpy(float)
    titles = list(runs["title"])
    if len(runs) < 2:
        return {}
    if len(runs) == 2:
        variances = se**2
        df = variances.sum() ** 2 / (variances**2 / runs["df"].to_numpy(float)).sum()
        p = 2.0 * float(stdtr(df, -abs(y[0] - y[1]) / math.sqrt(variances.sum())))
        return dict.fromkeys(titles, p / 2)  # one comparison told of both runs; Holm over two doubles it again
    p_values = {}
    for i, title in enumerate(titles):
        others = pool(np.delete(y, i).tolist(), np.delete(se, i).tolist())
        spread = math.sqrt(max(others.tau2, 0.0) + others.std_error**2 + se[i] ** 2)
        p_values[title] = 2.0 * float(stdtr(len(runs) - 2, -abs(y[i] - others.estimate) / spread))
    return p_values


def _fields(row: Pooled) -> dict[str, Any]:
    return {name: getattr(row, name) for name in Pooled.__slots__}

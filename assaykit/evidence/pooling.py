"""Pooling over runs: one summary per claim, the cumulative course of it, and the runs that disagree.

Random effects by REML with Knapp-Hartung limits and a prediction interval (assaykit.stats.meta).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import stdtr

from assaykit.evidence.estimates import Estimate
from assaykit.evidence.verdicts import LEVEL, judge
from assaykit.stats.meta import pool
from assaykit.stats.units import ContrastResult, adjusted_p_values, effect_from_contrast

_READ = ("consistent", "contradicts", "no effect", "inconclusive")


@dataclass(frozen=True, slots=True)
class PooledClaim:
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


def pool_ledger(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Return one row per claim that any run could read, in the columns of `PooledClaim`.

    Runs are pooled where they share the claim's most frequent endpoint and scale; the others are named in `apart`.
    One run stands for itself, with no prediction interval.
    """
    rows = [asdict(_pooled(str(claim), group)) for claim, group in readable(verdicts).groupby("claim", sort=True)]
    return pd.DataFrame(rows, columns=[field.name for field in fields(PooledClaim)])


def cumulative(verdicts: pd.DataFrame, claim: str) -> pd.DataFrame:
    """Return the course of one claim: after each run in the order added, that run and the summary so far.

    Columns: position, title, verdict, effect, effect_low, effect_high of the run alone; pooled_effect, pooled_low,
    pooled_high, pooled_verdict of all runs up to it; effect_name, expected_sign, n_units, disagrees.
    """
    runs = readable(verdicts)
    runs, _ = _alike(runs[runs["claim"] == claim].sort_values("position"))
    disagreeing = disagreements(runs)
    rows = [
        _step(runs.iloc[:place]) | {"disagrees": runs.iloc[place - 1]["title"] in disagreeing}
        for place in range(1, len(runs) + 1)
    ]
    return pd.DataFrame(rows)


def readable(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with an estimate that may be read."""
    return verdicts[verdicts["verdict"].isin(_READ) & (verdicts["std_error"] > 0)]


def disagreements(runs: pd.DataFrame) -> dict[str, str]:
    """Return title -> why, of the runs of one claim that disagree with the others.

    Either a run says the opposite of the majority (consistent against contradicts), or its estimate lies too far from
    the summary of the others: an externally studentised residual with the variance of a new run (tau2 of the others,
    their standard error, its own), t on k - 2 df, Holm over runs at 5 % (after Viechtbauer & Cheung 2010,
    10.1002/jrsm.11). With two runs the two are compared with each other, df by Welch and Satterthwaite.
    """
    reasons = dict.fromkeys(_opposed(runs), "says the opposite of the others")
    p_values = _residual_p(runs)
    for title, p in zip(p_values, adjusted_p_values(list(p_values.values()), "holm").tolist(), strict=True):
        if p < LEVEL and title not in reasons:
            reasons[title] = f"lies too far from the others (p = {p:.2g})"
    return reasons


def matrix(verdicts: pd.DataFrame, *, tested: bool = False) -> pd.DataFrame:
    """Return the evidence matrix: a row per claim, a column per run in the order added, the verdict in each cell.

    With `tested`, claims that no run could test are left out.
    """
    titles = verdicts.drop_duplicates("position").sort_values("position")
    table = verdicts.pivot(index="claim", columns="position", values="verdict").reindex(columns=titles["position"])
    table = table.fillna("").set_axis(list(titles["title"]), axis="columns")
    return table[~table.isin(["", "not testable"]).all(axis="columns")] if tested else table


def _pooled(claim: str, group: pd.DataFrame) -> PooledClaim:
    runs, apart = _alike(group.sort_values("position"))
    last, summary = runs.iloc[-1], _summary(runs)
    estimate = _summary_estimate(last, summary, runs)
    sign = None if pd.isna(last["expected_sign"]) else int(last["expected_sign"])
    low, high = effect_from_contrast([summary["pred_low"], summary["pred_high"]], last["scale"]).tolist()
    return PooledClaim(
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
        effect=estimate.effect,
        effect_low=estimate.effect_low,
        effect_high=estimate.effect_high,
        effect_pred_low=low,
        effect_pred_high=high,
        verdict="" if sign is None else judge(estimate, sign),
        disagree="; ".join(f"{title}: {why}" for title, why in disagreements(runs).items()),
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


def _summary(runs: pd.DataFrame) -> dict[str, float]:
    """Return the pooled numbers; those of the run itself where there is one only."""
    estimates, errors = runs["estimate"].tolist(), runs["std_error"].tolist()
    if len(runs) == 1:
        run = runs.iloc[0]
        own = ContrastResult.by_t(estimates[0], errors[0], float(run["df"]), n_units=int(run["n_units"]), method="t")
        missing = dict.fromkeys(("pred_low", "pred_high", "tau2", "i2"), math.nan)
        return {
            "estimate": own.estimate,
            "std_error": own.std_error,
            "df": own.df,
            "conf_low": own.conf_low,
            "conf_high": own.conf_high,
            "p_value": float(run["p_value"]),
        } | missing
    pooled = pool(estimates, errors)
    return {
        "estimate": float(pooled.estimate),
        "std_error": float(pooled.std_error),
        "df": float(pooled.df),
        "conf_low": float(pooled.conf_low),
        "conf_high": float(pooled.conf_high),
        "pred_low": float(pooled.pred_low),
        "pred_high": float(pooled.pred_high),
        "tau2": float(pooled.tau2),
        "i2": float(pooled.i2),
        "p_value": float(pooled.p_value),
    }


def _summary_estimate(last: pd.Series, summary: Mapping[str, float], runs: pd.DataFrame) -> Estimate:
    """Return the summary as an estimate that can be judged, labelled as the last run is."""
    limits = [summary["estimate"], summary["conf_low"], summary["conf_high"]]
    effect, low, high = effect_from_contrast(limits, last["scale"]).tolist()
    result = ContrastResult(
        name=last["contrast"],
        estimate=summary["estimate"],
        std_error=summary["std_error"],
        df=summary["df"],
        statistic=summary["estimate"] / summary["std_error"] if summary["std_error"] else math.nan,
        p_value=summary["p_value"],
        conf_low=summary["conf_low"],
        conf_high=summary["conf_high"],
        n_units=int(runs["n_units"].sum()),
        method="random effects, REML, Knapp-Hartung",
    )
    return Estimate(
        last["endpoint"], last["contrast"], last["context"], last["scale"],
        result, effect, low, high, last["effect_name"],
    )  # fmt: skip


def _step(runs: pd.DataFrame) -> dict[str, Any]:
    last = runs.iloc[-1]
    alone = _summary_estimate(last, _summary(runs.iloc[-1:]), runs.iloc[-1:])
    so_far = _summary_estimate(last, _summary(runs), runs)
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
        "n_units": alone.result.n_units,
    }


def _opposed(runs: pd.DataFrame) -> list[str]:
    for_claim = list(runs.loc[runs["verdict"] == "consistent", "title"])
    against = list(runs.loc[runs["verdict"] == "contradicts", "title"])
    if not (for_claim and against):
        return []
    if len(for_claim) == len(against):
        return for_claim + against
    return min(for_claim, against, key=len)


def _residual_p(runs: pd.DataFrame) -> dict[str, float]:
    """Return title -> p of a run's distance from the others, before adjustment for the number of runs."""
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

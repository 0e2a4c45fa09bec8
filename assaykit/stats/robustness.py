"""How robust an analysis is: every contrast again with each unit left out, with other models, with other inputs.

    variation(rows) -> the same contrasts -> does the 95 % interval still say the same?

One row per contrast and variation. The variations ask one question each: does the answer hang on one experiment, on
the model, or on a threshold? The pseudoreplicated answer stands beside them only when asked for, labelled wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from assaykit.errors import DesignError
from assaykit.protocol import Analysis
from assaykit.stats.cell_models import ModelResults, count_glmm, nested_lmm, pooled_lmm, wells_as_n
from assaykit.stats.estimate import scaled_rows
from assaykit.stats.units.contrast import Contrast, ContrastResult
from assaykit.stats.units.families import contrasts_of
from assaykit.stats.units.unit_level import UnitMeans, contrast_of_units, unit_means
from assaykit.study import Reference
from assaykit.tables import ROBUSTNESS, ROBUSTNESS_SUMMARY, frame_from_rows


@dataclass(frozen=True, slots=True, eq=False)
class Variation:
    """One way to answer the same contrasts: its name, the group it belongs to, and a result per contrast."""

    name: str
    group: Literal["as planned", "leave one out", "model", "input", "wrong"]
    results: Sequence[ContrastResult]


def robustness(
    measurements: pd.DataFrame,
    assay: str,
    analysis: Analysis,
    *,
    unit: str = "unit_id",
    reference: Reference,
    inputs: Mapping[str, pd.DataFrame] | None = None,
    show_pseudoreplication: bool = False,
) -> pd.DataFrame:
    """Return one row per contrast and variation, as ROBUSTNESS.

    `inputs` names further MEASUREMENTS of the same wells, such as those with a gate's threshold at either end of its
    interval. Everything here is computed from the same contrasts as `estimate`; count models meet t with units - 1 df.
    """
    rows = scaled_rows(measurements, assay, analysis)
    if rows["y"].isna().all():
        return frame_from_rows([], ROBUSTNESS)
    means = unit_means(rows, unit)
    contrasts = contrasts_of(means.mean, analysis, reference)

    def of_units(means: UnitMeans) -> list[ContrastResult]:
        return [contrast_of_units(contrast, means) for contrast in contrasts]

    planned = of_units(means)
    variations = [Variation("as planned", "as planned", planned)]
    if len(means.units) > 2:
        variations += [
            Variation(f"without {name}", "leave one out", of_units(means.without(name))) for name in means.units
        ]
    variations += _models(rows, means, contrasts, analysis=analysis, unit=unit)
    for name, other in (inputs or {}).items():
        other_means = unit_means(scaled_rows(other, assay, analysis), unit)
        variations.append(Variation(name, "input", of_units(other_means)))
    if show_pseudoreplication:
        wrong = wells_as_n(rows, means, contrasts, unit=unit).results
        variations.append(Variation("WRONG: wells counted as n", "wrong", wrong))
    records = [
        {
            "assay": assay,
            "analysis": analysis.name,
            "contrast": contrast.name,
            "treatment": contrast.treatment,
            "comparator": contrast.comparator,
            "context": contrast.context,
            "comparator_context": contrast.comparator_context,
            "kind": contrast.kind,
            "variation": variation.name,
            "group": variation.group,
            **_compared(variation.results[i], planned[i], group=variation.group),
        }
        for i, contrast in enumerate(contrasts)
        for variation in variations
    ]
    return frame_from_rows(records, ROBUSTNESS)


def robustness_summary(table: pd.DataFrame) -> pd.DataFrame:
    """Return ROBUSTNESS_SUMMARY: what each contrast says as planned, and which variations do not leave that standing.

    `robust` is yes where no variation weakens or changes the answer, fragile where one does.
    """
    keys = ["assay", "analysis", "contrast", "treatment", "comparator", "context", "comparator_context", "kind"]
    records = []
    for labels, rows in table[table["group"] != "wrong"].groupby(keys, sort=False):
        planned, varied = rows[rows["group"] == "as planned"].iloc[0], rows[rows["group"] != "as planned"]
        counts = varied["stands"].value_counts()
        doubts = varied[varied["stands"].isin(["weaker", "changed"])]
        estimable = bool(counts.drop("not estimable", errors="ignore").sum()) and planned["says"] != ""
        verdict = ("fragile" if len(doubts) else "yes") if estimable else ""
        records.append(
            dict(zip(keys, labels, strict=True))
            | {"says": planned["says"], "variations": len(varied), "standing": int(counts.get("yes", 0))}
            | {"weaker": int(counts.get("weaker", 0)), "changed": int(counts.get("changed", 0)), "robust": verdict}
            | {"doubts": "; ".join(doubts["variation"])}
        )
    return frame_from_rows(records, ROBUSTNESS_SUMMARY)


def _models(
    rows: pd.DataFrame, means: UnitMeans, contrasts: Sequence[Contrast], *, analysis: Analysis, unit: str
) -> Iterator[Variation]:
    """Yield the results of other models; one that cannot be fitted answers no contrast, and says why."""
    models: dict[str, Callable[[], ModelResults]] = {
        "pooled mixed model on unit means": lambda: pooled_lmm(means, contrasts),
        "nested mixed model on wells": lambda: nested_lmm(rows, means, contrasts, unit=unit),
    }
    counts: dict[str, str] = {"log": "nbinom2", "logit": "betabinomial"}
    if analysis.scale in counts and rows["count"].notna().any():
        family = counts[analysis.scale]
        models[f"{family} mixed model on counts"] = lambda: count_glmm(rows, means, contrasts, unit=unit, family=family)
    for name, fitted in models.items():
        try:
            yield Variation(name, "model", fitted().results)
        except DesignError as error:
            missing = ContrastResult.missing(f"not estimable: {error}")
            yield Variation(name, "model", [missing] * len(contrasts))


def _compared(result: ContrastResult, planned: ContrastResult, *, group: str) -> dict[str, Any]:
    """Return what a result says, in numbers and in words, and whether what was planned still stands beside it."""
    if not result.estimated:
        return {"says": "", "stands": "not estimable"}
    now, before = _says(result), _says(planned)
    if group in {"as planned", "wrong"} or not planned.estimated:
        stands = "not compared"
    elif not now or not before:
        stands = "not estimable"
    elif now == before:
        stands = "yes"
    else:
        same_side = np.sign(result.estimate) == np.sign(planned.estimate)
        stands = "weaker" if now == "unclear" and same_side else "changed"
    return {
        "estimate": result.estimate,
        "conf_low": result.conf_low,
        "conf_high": result.conf_high,
        "p_value": result.p_value,
        "n_units": result.n_units,
        "says": now,
        "stands": stands,
    }


def _says(result: ContrastResult) -> str:
    if not np.isfinite(result.conf_low):
        return ""
    return "above zero" if result.conf_low > 0 else "below zero" if result.conf_high < 0 else "unclear"

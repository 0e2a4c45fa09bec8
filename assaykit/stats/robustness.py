"""How robust an analysis is: every contrast again with each unit left out, with other models, with other inputs.

    variation(rows) -> the same contrasts -> does the 95 % interval still say the same?

One row per contrast and variation. The variations ask one question each: does the answer hang on one experiment, on
the model, or on a threshold? The pseudoreplicated answer stands beside them only when asked for, labelled wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from assaykit.errors import DesignError
from assaykit.protocol.model import Analysis
from assaykit.stats.cell_models import count_glmm, nested_lmm, pooled_lmm, wells_as_n
from assaykit.stats.estimate import numbers, scaled_rows
from assaykit.stats.units.families import Asked, asked_contrasts
from assaykit.stats.units.unit_level import UnitContrast, UnitMeans, contrast_of_units, unit_means
from assaykit.study.model import Reference
from assaykit.tables import ROBUSTNESS, ROBUSTNESS_SUMMARY, frame_from_rows


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """What every variation starts from."""

    rows: pd.DataFrame
    means: UnitMeans
    asked: tuple[Asked, ...]
    analysis: Analysis
    unit: str


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
    asked = asked_contrasts(means.mean, analysis, reference)
    material = Material(rows, means, asked, analysis, unit)
    planned = _unit_level(means, asked)
    varied = [("as planned", "as planned", planned), *_left_out(material), *_models(material)]
    for name, other in (inputs or {}).items():
        other_means = unit_means(scaled_rows(other, assay, analysis), unit)
        varied.append((name, "input", _unit_level(other_means, asked)))
    if show_pseudoreplication:
        varied.append(("WRONG: wells counted as n", "wrong", wells_as_n(rows, means, asked, unit=unit).contrasts))
    records = [
        _record(asked[i], name, group, answers[i], planned=planned[i], analysis=analysis) | {"assay": assay}
        for i in range(len(asked))
        for name, group, answers in varied
    ]
    return frame_from_rows(records, ROBUSTNESS)


def robustness_summary(table: pd.DataFrame) -> pd.DataFrame:
    """Return ROBUSTNESS_SUMMARY: what each contrast says as planned, and which variations do not leave that standing.

    `robust` is yes where no variation weakens or changes the answer, fragile where one does.
    """
    keys = ["assay", "analysis", "contrast", "context", "kind"]
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


Varied = tuple[str, str, Sequence[UnitContrast | str]]


def _unit_level(means: UnitMeans, asked: Sequence[Asked]) -> list[UnitContrast | str]:
    return [contrast_of_units(one, means) for one in asked]


def _left_out(material: Material) -> Iterator[Varied]:
    if len(material.means.units) < 3:
        return
    for unit in material.means.units:
        yield f"without {unit}", "leave one out", _unit_level(material.means.without(unit), material.asked)


def _models(material: Material) -> Iterator[Varied]:
    m = material
    counts: dict[str, str] = {"log": "nbinom2", "logit": "betabinomial"}
    models: dict[str, Callable[[], Sequence[UnitContrast | str]]] = {
        "pooled mixed model on unit means": lambda: pooled_lmm(m.means, m.asked).contrasts,
        "nested mixed model on wells": lambda: nested_lmm(m.rows, m.means, m.asked, unit=m.unit).contrasts,
    }
    if m.analysis.scale in counts and m.rows["count"].notna().any():
        family = counts[m.analysis.scale]
        models[f"{family} mixed model on counts"] = lambda: (
            count_glmm(m.rows, m.means, m.asked, unit=m.unit, family=family).contrasts
        )
    for name, answers in models.items():
        try:
            yield name, "model", answers()
        except DesignError as error:
            yield name, "model", [f"not estimable: {error}"] * len(m.asked)


def _record(
    asked: Asked,
    variation: str,
    group: str,
    found: UnitContrast | str,
    *,
    planned: UnitContrast | str,
    analysis: Analysis,
) -> dict[str, Any]:
    record: dict[str, Any] = {
        "analysis": analysis.name,
        "contrast": asked.text,
        "context": asked.context_text,
        "kind": asked.kind,
        "variation": variation,
        "group": group,
        "says": "",
        "stands": "not estimable",
    }
    if isinstance(found, str):
        return record
    row = numbers(found, analysis, planning=False)
    record |= {name: row[name] for name in ("estimate", "conf_low", "conf_high", "p_value", "n_units")}
    record["says"] = _says(row)
    if isinstance(planned, str) or group in {"as planned", "wrong"}:
        return record | {"stands": "not compared"}
    return record | {"stands": _stands(record["says"], _says(numbers(planned, analysis, planning=False)), row, planned)}


def _says(row: Mapping[str, Any]) -> str:
    if not np.isfinite(row["conf_low"]):
        return ""
    return "above zero" if row["conf_low"] > 0 else "below zero" if row["conf_high"] < 0 else "unclear"


def _stands(now: str, before: str, row: Mapping[str, Any], planned: UnitContrast) -> str:
    if not now or not before:
        return "not estimable"
    if now == before:
        return "yes"
    same_side = np.sign(row["estimate"]) == np.sign(planned.estimate)
    return "weaker" if now == "unclear" and same_side else "changed"

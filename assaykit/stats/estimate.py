"""`estimate`: MEASUREMENTS of one analysis -> ESTIMATES, every contrast with the independent unit as its n.

    wells -> analysis scale -> mean per unit and cell (treatment, context) -> contrasts -> adjusted, back-transformed

The default takes each contrast from unit means alone (units/unit_level.py). A protocol may ask for a model of all cells
(cell_models.py); Dunnett's and Tukey's adjustments do so too, since they presume one error for all treatments.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import nctdtr, stdtr, stdtrit

from assaykit.errors import DesignError
from assaykit.protocol.model import Analysis
from assaykit.stats.cell_models import Answers, count_glmm, nested_lmm, pooled_lmm
from assaykit.stats.lmm.diagnostics import unusual_units
from assaykit.stats.units.confounding import Batches, Confounding, confounding, confounding_findings
from assaykit.stats.units.doubts import doubts_in_words
from assaykit.stats.units.families import Asked, asked_contrasts
from assaykit.stats.units.findings import findings_of, nothing_measured
from assaykit.stats.units.levels import level_contrasts, placed
from assaykit.stats.units.multiplicity import benjamini_hochberg, bonferroni, holm
from assaykit.stats.units.scales import analysis_scale, effect_from_contrast, effect_name
from assaykit.stats.units.simultaneous import single_step, tukey
from assaykit.stats.units.unit_level import UnitContrast, UnitMeans, contrast_of_units, unit_means
from assaykit.study.model import Reference
from assaykit.tables import ESTIMATES, Finding, frame_from_rows

Floats = NDArray[np.float64]

_SMALLEST_EFFECT = 0.02  # in SD of the contrast: below it 80 % power takes more than 19,000 units, and no lab
_MOST_EXACT = 40  # contrasts whose joint distribution is integrated; beyond it Bonferroni's bound serves
_DRAWS = 499  # of a count model's bootstrap: p in steps of 0.002
_EQUIVALENCE = {True: "shown", False: "not shown"}
_STEPWISE: dict[str, Callable[[ArrayLike], Floats]] = {
    "holm": holm,
    "bh": benjamini_hochberg,
    "none": lambda p: np.asarray(p, np.float64),
}


def estimate(
    measurements: pd.DataFrame,
    assay: str,
    analysis: Analysis,
    *,
    unit: str = "unit_id",
    reference: Reference,
    seed: int = 1,
) -> tuple[pd.DataFrame, list[Finding]]:
    """Return the ESTIMATES of one analysis of one assay, and what a reader must know about them.

    `measurements` is a MEASUREMENTS frame (other assays and endpoints in it are passed over); `unit` the column whose
    levels are independent. A contrast that cannot be estimated is a row with missing numbers and a reason; one that
    rests on not interpretable measurements keeps its numbers and says so. Intervals are unadjusted 95 % intervals.
    `seed` is for the count models, whose p values are simulated; nothing else draws.
    """
    rows = scaled_rows(measurements, assay, analysis)
    if rows.empty:
        return frame_from_rows([], ESTIMATES), [nothing_measured(assay, analysis)]
    means = unit_means(rows, unit)
    asked = asked_contrasts(means.mean, analysis, reference)
    answers, doubts = answered(rows, means, asked, analysis=analysis, unit=unit, seed=seed)
    batches = Batches(rows, unit)
    mixed = [confounding(one, means, batches) for one in asked]
    measured_in = str(rows["unit"].iloc[0])
    records = [
        {"assay": assay} | _mixed_up(record_of(one, found, means, analysis=analysis, unit=measured_in), told)
        for one, found, told in zip(asked, answers.contrasts, mixed, strict=True)
    ]
    _adjust(records, asked, answers, analysis=analysis, reference=reference)
    findings = [
        *findings_of(rows, means, asked, analysis=analysis, unit=unit),
        *confounding_findings(asked, mixed, analysis.name),
        *unusual_units(means, asked, unit=unit),
        *doubts,
        *answers.findings,
    ]
    levels = [{"assay": assay} | record for record in _level_records(rows, analysis, unit)]
    return frame_from_rows([*records, *levels], ESTIMATES), findings


def scaled_rows(measurements: pd.DataFrame, assay: str, analysis: Analysis) -> pd.DataFrame:
    """Return the measurements of one analysis, with `y` on its scale."""
    chosen = (measurements["assay"] == assay) & (measurements["endpoint"] == analysis.endpoint)
    rows = measurements[chosen].reset_index(drop=True)
    return rows.assign(y=analysis_scale(rows, analysis.scale))


def answered(
    rows: pd.DataFrame, means: UnitMeans, asked: Sequence[Asked], *, analysis: Analysis, unit: str, seed: int
) -> tuple[Answers, list[Finding]]:
    """Return the answers of the analysis' model; where it cannot be fitted, the default's, with a finding."""
    default = Answers(tuple(contrast_of_units(one, means) for one in asked), np.full((len(asked),) * 2, np.nan))
    shared = analysis.adjust in {"dunnett", "tukey"}
    try:
        match analysis.model:
            case "nested_lmm":
                return nested_lmm(rows, means, asked, unit=unit), []
            case "nb_glmm" | "betabinomial_glmm" as model:
                family = {"nb_glmm": "nbinom2", "betabinomial_glmm": "betabinomial"}[model]
                return count_glmm(rows, means, asked, unit=unit, family=family, seed=seed, draws=_DRAWS), []
            case _:
                return (pooled_lmm(means, asked) if shared else default), []
    except DesignError as error:
        message = f"analysis {analysis.name}: {analysis.model} could not be fitted ({error}); unit means are used"
        return default, [Finding("warn", "model_not_fitted", message)]


def record_of(
    asked: Asked, found: UnitContrast | str, means: UnitMeans, *, analysis: Analysis, unit: str
) -> dict[str, Any]:
    """Return a row of ESTIMATES, unadjusted; `unit` is the endpoint's."""
    doubts = dict.fromkeys(means.reasons.get(cell, "") for cell in asked.cells)
    record: dict[str, Any] = {
        "analysis": analysis.name,
        "endpoint": analysis.endpoint,
        "contrast": asked.text,
        "context": asked.context_text,
        "kind": asked.kind,
        "treatment": asked.treatment,
        "comparator": asked.comparator,
        "comparator_context": asked.comparator_context,
        "scale": analysis.scale,
        "effect_name": effect_name(analysis.scale, unit),
        "adjust": analysis.adjust,
        "reason": "; ".join(f"not interpretable: {doubt}" for doubt in doubts if doubt),
    }
    if isinstance(found, str):
        return record | {"reason": "; ".join(filter(None, (found, record["reason"])))}
    if not found.std_error > 0:
        record["reason"] = "; ".join(filter(None, ("no test: the units do not differ at all", record["reason"])))
    wells = sum(int(means.wells[cell][found.used].sum()) for cell in dict.fromkeys(asked.cells))
    used = {name for name, informs in zip(means.units, found.used, strict=True) if informs}
    behind = (each for cell in dict.fromkeys(asked.cells) for each in means.doubts.get(cell, ()) if each.unit in used)
    return record | {"n_wells": wells, "doubts": doubts_in_words(behind)} | numbers(found, analysis)


def _mixed_up(record: dict[str, Any], mixed: Sequence[Confounding]) -> dict[str, Any]:
    """Return a row of ESTIMATES with what its arms are mixed up with, as a reason or as a doubt."""
    if "estimate" not in record:
        return record
    reasons = [record["reason"], *(f"not interpretable: {one.why}" for one in mixed if not one.doubt)]
    doubts = [record["doubts"], *(one.doubt for one in mixed)]
    told = {"reason": reasons, "doubts": doubts}
    return record | {name: "; ".join(dict.fromkeys(filter(None, texts))) for name, texts in told.items()}


def numbers(found: UnitContrast, analysis: Analysis, *, planning: bool = True) -> dict[str, Any]:
    """Return the columns of ESTIMATES that follow from a contrast; without `planning` not its units_needed."""
    n = int(found.used.sum())
    tested = found.std_error > 0
    t = found.estimate / found.std_error if tested else np.nan
    half = stdtrit(found.df, 0.975) * found.std_error if tested else np.nan
    p, low, high = found.simulated or (2.0 * stdtr(found.df, -abs(t)), found.estimate - half, found.estimate + half)
    spread = found.std_error * np.sqrt(n) if tested else np.nan
    effect = effect_from_contrast([found.estimate, low, high], analysis.scale)
    p_equivalence = equivalence_p(found.estimate, found.std_error, found.df, bound=analysis.equivalence)
    return {
        "estimate": found.estimate,
        "std_error": found.std_error if tested else np.nan,
        "df": found.df,
        "statistic": t,
        "p_value": p,
        "conf_low": low,
        "conf_high": high,
        "effect": effect[0],
        "effect_low": effect[1],
        "effect_high": effect[2],
        "n_units": n,
        "method": found.method,
        "residual_sd": found.residual_sd,
        "unit_sd": found.unit_sd,
        "contrast_sd": spread,
        "p_equivalence": p_equivalence,
        "equivalence": _EQUIVALENCE[bool(p_equivalence < 0.05)] if np.isfinite(p_equivalence) else "",
        "units_needed": _units_needed(found.estimate, spread, analysis) if planning else None,
    }


def equivalence_p(estimate: float, std_error: float, df: float, *, bound: float | None) -> float:
    """Return the p value of two one-sided tests against -bound and bound; NaN where no bound is declared.

    Schuirmann 1987, 10.1007/BF01068419: the larger of the two p values.
    """
    if bound is None or not std_error > 0:
        return float("nan")
    return float(max(stdtr(df, (estimate - bound) / std_error), stdtr(df, -(estimate + bound) / std_error)))


def _units_needed(estimate: float, contrast_sd: float, analysis: Analysis) -> int | None:
    """Return units for 80 % power at the effect seen, or at the equivalence bound where that is larger."""
    effect = max(abs(estimate), analysis.equivalence or 0.0)
    if not (contrast_sd > 0 and effect / contrast_sd > _SMALLEST_EFFECT):
        return None
    normal = int((2.8016 * contrast_sd / effect) ** 2)  # units by the normal approximation; t takes 2 to 5 more
    units = np.arange(max(2, normal - 2), normal + 12)
    ncp, critical = effect / contrast_sd * np.sqrt(units), stdtrit(units - 1, 0.975)
    missed = np.nan_to_num(nctdtr(units - 1, ncp, critical), nan=0.0)  # scipy gives NaN where power is 1
    return int(units[np.argmax(missed <= 0.2)])


def _level_records(rows: pd.DataFrame, analysis: Analysis, unit: str) -> list[dict[str, Any]]:
    """Return the rows of contrasts between levels of a factor, adjusted among themselves."""
    measured_in = str(rows["unit"].iloc[0])
    records = [
        placed(record_of(asked, found, means, analysis=analysis, unit=measured_in), contrast)
        for contrast, asked, means, found in level_contrasts(rows, analysis, unit=unit)
    ]
    p = np.array([record.get("p_value", np.nan) for record in records], np.float64)
    adjusted = _STEPWISE.get(analysis.adjust, bonferroni)(p)
    return [record | {"p_adjusted": value} for record, value in zip(records, adjusted, strict=True)]


def _adjust(
    records: list[dict[str, Any]],
    asked: Sequence[Asked],
    answers: Answers,
    *,
    analysis: Analysis,
    reference: Reference,
) -> None:
    """Fill p_adjusted family by family: the kind, with interactions between two drugs apart from those with vehicle."""
    families: dict[tuple[str, bool], list[int]] = {}
    for i, one in enumerate(asked):
        between_drugs = one.kind == "interaction" and one.comparator != reference.treatment
        families.setdefault((one.kind, between_drugs), []).append(i)
    for (kind, _), members in families.items():
        chosen = [records[i] for i in members]
        V = answers.covariance[np.ix_(members, members)]
        for record, p_adjusted in zip(chosen, _adjusted(chosen, V, analysis.adjust, kind), strict=True):
            record["p_adjusted"] = p_adjusted


def _adjusted(records: Sequence[dict[str, Any]], V: Floats, adjust: str, kind: str) -> Floats:
    p, t, df = (np.array([r.get(name, np.nan) for r in records]) for name in ("p_value", "statistic", "df"))
    if adjust in _STEPWISE:
        return _STEPWISE[adjust](p)
    if adjust == "tukey" and kind == "pairwise":
        return _tukey_by_context(records, t, df)
    kept = np.isfinite(t) & np.isfinite(df) & np.isfinite(np.diag(V))
    if kept.sum() > _MOST_EXACT or not kept.any():
        return bonferroni(p)
    sd = np.sqrt(np.diag(V)[kept])
    adjusted = np.full(len(records), np.nan)
    adjusted[kept] = single_step(t[kept], df[kept], V[np.ix_(kept, kept)] / np.outer(sd, sd))
    return adjusted


def _tukey_by_context(records: Sequence[dict[str, Any]], t: Floats, df: Floats) -> Floats:
    adjusted = np.full(len(records), np.nan)
    contexts = np.array([record["context"] for record in records])
    for context in dict.fromkeys(contexts):
        members = np.flatnonzero(contexts == context)
        named = {records[int(i)][side] for i in members for side in ("treatment", "comparator")}
        adjusted[members] = tukey(t[members], df[members], len(named))
    return adjusted

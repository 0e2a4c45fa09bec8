"""`estimate`: MEASUREMENTS of one analysis -> ESTIMATES, every contrast with the independent unit as its n.

    wells -> analysis scale -> mean per unit and cell (treatment, context) -> contrasts -> adjusted, back-transformed

The default takes each contrast from unit means alone (units/unit_level.py). A protocol may ask for a model of all cells
(cell_models.py); Dunnett's and Tukey's adjustments do so too, since they presume one error for all treatments.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assaykit.errors import DesignError
from assaykit.protocol import Analysis
from assaykit.stats.cell_models import ModelResults, count_glmm, nested_lmm, pooled_lmm
from assaykit.stats.units.confounding import Confounding, batch_levels, confounding, confounding_findings
from assaykit.stats.units.contrast import Contrast, ContrastResult
from assaykit.stats.units.doubts import doubts_in_words
from assaykit.stats.units.equivalence import equivalence_p
from assaykit.stats.units.families import contrasts_of
from assaykit.stats.units.findings import findings_of, nothing_measured, unusual_units
from assaykit.stats.units.levels import level_contrasts
from assaykit.stats.units.multiplicity import Adjustment, adjusted_p_values
from assaykit.stats.units.power import units_needed
from assaykit.stats.units.scales import analysis_scale, effect_from_contrast, effect_name
from assaykit.stats.units.simultaneous import single_step, tukey
from assaykit.stats.units.unit_level import UnitMeans, contrast_of_units, unit_means
from assaykit.study import Reference
from assaykit.tables import ESTIMATES, Finding, frame_from_rows

Floats = NDArray[np.float64]

_MOST_EXACT = 40  # contrasts whose joint distribution is integrated; beyond it Bonferroni's bound serves
_DRAWS = 499  # of a count model's bootstrap: p in steps of 0.002
_STEPWISE: dict[str, Adjustment] = {"holm": "holm", "bh": "bh", "none": "none"}  # they need the p values alone


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
    contrasts = contrasts_of(means.mean, analysis, reference)
    model, not_fitted = _model_results(rows, means, contrasts, analysis=analysis, unit=unit, seed=seed)
    batches = batch_levels(rows, unit)
    mixed = [confounding(contrast, means, batches) for contrast in contrasts]
    shared = {"assay": assay, "effect_name": effect_name(analysis.scale, str(rows["unit"].iloc[0]))}
    records = [
        shared | _record(contrast, result, means, analysis=analysis, mixed=several)
        for contrast, result, several in zip(contrasts, model.results, mixed, strict=True)
    ]
    p_adjusted = list(_adjusted_by_family(contrasts, model, adjust=analysis.adjust, reference=reference))
    levels = list(level_contrasts(rows, analysis, unit=unit))
    records += [shared | _record(contrast, result, behind, analysis=analysis) for contrast, result, behind in levels]
    # Contrasts between levels of a factor are a family of their own, and have no error or control in common.
    by_level = [result.p_value for _, result, _ in levels]
    p_adjusted += list(adjusted_p_values(by_level, _STEPWISE.get(analysis.adjust, "bonferroni")))
    findings = [
        *findings_of(rows, means, contrasts, analysis=analysis, unit=unit),
        *confounding_findings(contrasts, mixed, analysis.name),
        *unusual_units(means, contrasts, unit=unit),
        *not_fitted,
        *model.findings,
    ]
    table = [record | {"p_adjusted": p} for record, p in zip(records, p_adjusted, strict=True)]
    return frame_from_rows(table, ESTIMATES), findings


def scaled_rows(measurements: pd.DataFrame, assay: str, analysis: Analysis) -> pd.DataFrame:
    """Return the measurements of one analysis, with `y` on its scale."""
    chosen = (measurements["assay"] == assay) & (measurements["endpoint"] == analysis.endpoint)
    rows = measurements[chosen].reset_index(drop=True)
    return rows.assign(y=analysis_scale(rows, analysis.scale))


def _model_results(
    rows: pd.DataFrame, means: UnitMeans, contrasts: Sequence[Contrast], *, analysis: Analysis, unit: str, seed: int
) -> tuple[ModelResults, list[Finding]]:
    """Return the results of the analysis' model; where it cannot be fitted, the default's, with a finding."""
    default = ModelResults(
        tuple(contrast_of_units(contrast, means) for contrast in contrasts), np.full((len(contrasts),) * 2, np.nan)
    )
    try:
        match analysis.model:
            case "nested_lmm":
                return nested_lmm(rows, means, contrasts, unit=unit), []
            case "nb_glmm" | "betabinomial_glmm" as model:
                family = {"nb_glmm": "nbinom2", "betabinomial_glmm": "betabinomial"}[model]
                return count_glmm(rows, means, contrasts, unit=unit, family=family, seed=seed, draws=_DRAWS), []
            case _:
                one_error = analysis.adjust in {"dunnett", "tukey"}
                return (pooled_lmm(means, contrasts) if one_error else default), []
    except DesignError as error:
        message = f"analysis {analysis.name}: {analysis.model} could not be fitted ({error}); unit means are used"
        return default, [Finding("warn", "model_not_fitted", message)]


def _record(
    contrast: Contrast,
    result: ContrastResult,
    means: UnitMeans,
    *,
    analysis: Analysis,
    mixed: Sequence[Confounding] = (),
) -> dict[str, Any]:
    """Return a row of ESTIMATES, but for its adjusted p; without numbers, and why, where there is no estimate."""
    cells = dict.fromkeys(contrast.cells)
    unreadable = dict.fromkeys(means.reasons.get(cell, "") for cell in cells)
    reasons = [result.reason, *(f"not interpretable: {reason}" for reason in unreadable if reason)]
    record: dict[str, Any] = {
        "analysis": analysis.name,
        "endpoint": analysis.endpoint,
        "contrast": contrast.name,
        "context": contrast.context,
        "scale": analysis.scale,
        "kind": contrast.kind,
        "treatment": contrast.treatment,
        "comparator": contrast.comparator,
        "comparator_context": contrast.comparator_context,
        "adjust": analysis.adjust,
    }
    if not result.estimated:
        return record | {"reason": "; ".join(filter(None, reasons))}
    reasons += [f"not interpretable: {each.why}" for each in mixed if not each.doubt]
    used = np.isin(means.units, result.units)
    behind = (value for cell in cells for value in means.doubts.get(cell, ()) if value.unit in result.units)
    doubts = [doubts_in_words(behind), *(each.doubt for each in mixed)]
    limits = [result.estimate, result.conf_low, result.conf_high]
    effect, effect_low, effect_high = effect_from_contrast(limits, analysis.scale)
    p_equivalence = equivalence_p(result, analysis.equivalence)
    return record | {
        "estimate": result.estimate,
        "std_error": result.std_error,
        "df": result.df,
        "statistic": result.statistic,
        "p_value": result.p_value,
        "conf_low": result.conf_low,
        "conf_high": result.conf_high,
        "effect": effect,
        "effect_low": effect_low,
        "effect_high": effect_high,
        "n_units": result.n_units,
        "n_wells": sum(int(means.wells[cell][used].sum()) for cell in cells),
        "method": result.method,
        "residual_sd": result.residual_sd,
        "unit_sd": result.unit_sd,
        "contrast_sd": result.contrast_sd,
        "p_equivalence": p_equivalence,
        "equivalence": "" if np.isnan(p_equivalence) else "shown" if p_equivalence < 0.05 else "not shown",
        "units_needed": units_needed(result.estimate, result.contrast_sd, bound=analysis.equivalence),
        "reason": "; ".join(dict.fromkeys(filter(None, reasons))),
        "doubts": "; ".join(dict.fromkeys(filter(None, doubts))),
    }


def _adjusted_by_family(
    contrasts: Sequence[Contrast], model: ModelResults, *, adjust: str, reference: Reference
) -> Floats:
    """Return p adjusted within each kind of contrast, interactions between two drugs apart from those with vehicle."""
    families: dict[tuple[str, bool], list[int]] = {}
    for i, contrast in enumerate(contrasts):
        between_drugs = contrast.kind == "interaction" and contrast.comparator != reference.treatment
        families.setdefault((contrast.kind, between_drugs), []).append(i)
    adjusted = np.full(len(contrasts), np.nan)
    for members in families.values():
        adjusted[members] = _adjusted(
            [contrasts[i] for i in members],
            [model.results[i] for i in members],
            model.covariance[np.ix_(members, members)],
            adjust=adjust,
        )
    return adjusted


def _adjusted(
    contrasts: Sequence[Contrast], results: Sequence[ContrastResult], covariance: Floats, *, adjust: str
) -> Floats:
    """Return p adjusted within one family; single-step where the model gives the contrasts' covariance."""
    p = np.array([result.p_value for result in results])
    if adjust in _STEPWISE:
        return adjusted_p_values(p, _STEPWISE[adjust])
    t, df = np.array([(result.statistic, result.df) for result in results]).T
    if adjust == "tukey" and contrasts[0].kind == "pairwise":
        return _tukey_by_context(contrasts, t, df)
    known = np.isfinite(t) & np.isfinite(df) & np.isfinite(np.diag(covariance))
    if known.sum() > _MOST_EXACT or not known.any():
        return adjusted_p_values(p, "bonferroni")
    sd = np.sqrt(np.diag(covariance)[known])
    adjusted = np.full(len(results), np.nan)
    adjusted[known] = single_step(t[known], df[known], covariance[np.ix_(known, known)] / np.outer(sd, sd))
    return adjusted


def _tukey_by_context(contrasts: Sequence[Contrast], t: Floats, df: Floats) -> Floats:
    adjusted = np.full(len(contrasts), np.nan)
    contexts = np.array([contrast.context for contrast in contrasts])
    for context in dict.fromkeys(contexts):
        members = np.flatnonzero(contexts == context)
        arms = {arm for one in contrasts if one.context == context for arm in (one.treatment, one.comparator)}
        adjusted[members] = tukey(t[members], df[members], len(arms))
    return adjusted

"""`estimate`: MEASUREMENTS of one analysis -> ESTIMATES, every contrast with the independent unit as its n.

wells -> analysis scale -> mean per unit and cell (treatment, context) -> contrasts -> adjusted, back-transformed
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import nctdtr, stdtr, stdtrit

from assaykit.protocol.model import Analysis
from assaykit.stats.families import Arm, Asked, Cell, asked_contrasts
from assaykit.stats.multiplicity import benjamini_hochberg, bonferroni, holm
from assaykit.stats.scales import analysis_scale, effect_from_contrast, effect_name
from assaykit.stats.unit_level import UnitContrast, against_zero, paired, unpaired
from assaykit.study.model import Reference
from assaykit.tables import ESTIMATES, Finding, frame_from_rows

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class UnitMeans:
    """Mean per unit and cell on the analysis scale, with the wells behind it; NaN where a unit lacks the cell."""

    units: tuple[str, ...]
    mean: Mapping[Cell, Floats]
    wells: Mapping[Cell, NDArray[np.int64]]
    reasons: Mapping[Cell, str]  # why a cell is not interpretable


def estimate(
    measurements: pd.DataFrame,
    assay: str,
    analysis: Analysis,
    *,
    unit: str = "unit_id",
    reference: Reference,
    seed: int = 1,  # noqa: ARG001 - the contract of every model; the unit-level tests draw nothing
) -> tuple[pd.DataFrame, list[Finding]]:
    """Return the ESTIMATES of one analysis of one assay, and what a reader must know about them.

    `measurements` is a MEASUREMENTS frame (other assays and endpoints in it are passed over); `unit` the column whose
    levels are independent. A contrast that cannot be estimated is a row with missing numbers and a reason; one that
    rests on not interpretable measurements keeps its numbers and says so. Intervals are unadjusted 95 % t intervals.
    `seed` is for models that simulate; the default does not.
    """
    chosen = (measurements["assay"] == assay) & (measurements["endpoint"] == analysis.endpoint)
    rows = measurements[chosen].assign(y=lambda frame: analysis_scale(frame, analysis.scale))
    if rows.empty:
        return frame_from_rows([], ESTIMATES), [_nothing_measured(assay, analysis)]
    means = unit_means(rows, unit)
    asked = asked_contrasts(means.mean, analysis, reference)
    records = [_record(one, means, analysis, str(rows["unit"].iloc[0])) for one in asked]
    _adjust(records, asked, analysis, reference)
    table = frame_from_rows([{"assay": assay} | record for record in records], ESTIMATES)
    return table, _findings(rows, means, asked, analysis=analysis, unit=unit)


def unit_means(rows: pd.DataFrame, unit: str) -> UnitMeans:
    """Return the mean of `y` per unit and cell; rows without a value on the scale are left out."""
    units = tuple(sorted(rows[unit].astype(str).unique()))
    position = rows[unit].astype(str).map({name: i for i, name in enumerate(units)}).to_numpy()
    y, valid = rows["y"].to_numpy(np.float64), rows["y"].notna().to_numpy()
    bad = (rows["qc"] == "not_interpretable").to_numpy()
    mean, wells, reasons = {}, {}, {}
    for cell, index in rows.groupby(["treatment", "context"], sort=True).indices.items():
        kept = index[valid[index]]
        n = np.bincount(position[kept], minlength=len(units))
        with np.errstate(invalid="ignore"):
            mean[cell] = np.bincount(position[kept], weights=y[kept], minlength=len(units)) / n
        wells[cell] = n
        doubted = rows["reason"].to_numpy()[index[bad[index]]]
        reasons[cell] = "; ".join(dict.fromkeys(str(reason) for reason in doubted)) if len(doubted) else ""
    return UnitMeans(units, mean, wells, reasons)


def contrast_values(arm: Arm, means: UnitMeans) -> Floats:
    """Return one value per unit for a side of a contrast: a cell's mean, or a difference of two."""
    nothing = np.full(len(means.units), np.nan)
    first, *rest = (means.mean.get(cell, nothing) for cell in arm)
    return first - rest[0] if rest else first


def contrast_of_units(asked: Asked, means: UnitMeans) -> UnitContrast | str:
    """Return the contrast from the unit means, or why it cannot be estimated."""
    missing = [cell for cell in asked.cells if cell not in means.mean or not np.isfinite(means.mean[cell]).any()]
    if missing:
        return "not estimable: no values for " + " or ".join(f"{t} in {c}" for t, c in dict.fromkeys(missing))
    sides = [contrast_values(arm, means) for arm in asked.arms]
    have = [np.isfinite(side) for side in sides]
    if len(sides) == 1:
        return against_zero(sides[0]) if have[0].sum() >= 2 else _too_few(int(have[0].sum()))
    both = int((have[0] & have[1]).sum())
    if both >= 2:
        return paired(sides[0], sides[1])
    if both == 0 and min(have[0].sum(), have[1].sum()) >= 2:
        return unpaired(sides[0], sides[1])
    return _too_few(both)


def _too_few(units: int) -> str:
    return f"not estimable: {units} unit{'s' * (units != 1)} with every arm; an interval needs at least 2"


def _record(asked: Asked, means: UnitMeans, analysis: Analysis, unit: str) -> dict[str, Any]:
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
    found = contrast_of_units(asked, means)
    if isinstance(found, str):
        return record | {"reason": "; ".join(filter(None, (found, record["reason"])))}
    if not found.std_error > 0:
        record["reason"] = "; ".join(filter(None, ("no test: the units do not differ at all", record["reason"])))
    wells = sum(int(means.wells[cell][found.used].sum()) for cell in dict.fromkeys(asked.cells))
    return record | {"n_wells": wells} | numbers(found, analysis)


def numbers(found: UnitContrast, analysis: Analysis) -> dict[str, Any]:
    """Return the columns of ESTIMATES that follow from estimate, standard error and df."""
    n = int(found.used.sum())
    tested = found.std_error > 0
    t = found.estimate / found.std_error if tested else np.nan
    half = stdtrit(found.df, 0.975) * found.std_error if tested else np.nan
    low, high = found.estimate - half, found.estimate + half
    spread = found.std_error * np.sqrt(n) if tested else np.nan
    effect = effect_from_contrast([found.estimate, low, high], analysis.scale)
    p_equivalence = equivalence_p(found.estimate, found.std_error, found.df, bound=analysis.equivalence)
    return {
        "estimate": found.estimate,
        "std_error": found.std_error if tested else np.nan,
        "df": found.df,
        "statistic": t,
        "p_value": 2.0 * stdtr(found.df, -abs(t)),
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
        "units_needed": _units_needed(found.estimate, spread, analysis),
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


_SMALLEST_EFFECT = 0.02  # in SD of the contrast: below it 80 % power takes more than 19,000 units, and no lab
_EQUIVALENCE = {True: "shown", False: "not shown"}
_ADJUST: dict[str, Callable[[ArrayLike], Floats]] = {
    "holm": holm,
    "bh": benjamini_hochberg,
    "none": lambda p: np.asarray(p, np.float64),
    "tukey": bonferroni,
    "dunnett": bonferroni,
}


def _adjust(records: list[dict[str, Any]], asked: Sequence[Asked], analysis: Analysis, reference: Reference) -> None:
    """Fill p_adjusted, family by family: the kind, interactions with the reference apart from those between drugs."""
    families: dict[tuple[str, bool], list[dict[str, Any]]] = {}
    for one, record in zip(asked, records, strict=True):
        between_drugs = one.kind == "interaction" and one.comparator != reference.treatment
        families.setdefault((one.kind, between_drugs), []).append(record)
    for members in families.values():
        p = [record.get("p_value", np.nan) for record in members]
        for record, p_adjusted in zip(members, _ADJUST[analysis.adjust](p), strict=True):
            record["p_adjusted"] = p_adjusted


def _findings(
    rows: pd.DataFrame, means: UnitMeans, asked: Sequence[Asked], *, analysis: Analysis, unit: str
) -> list[Finding]:
    found = [_off_scale(rows, analysis), _failed(rows, analysis), _few_units(means, analysis, unit)]
    found.append(_incomplete(means, asked, analysis, unit))
    return [finding for finding in found if finding is not None]


def _off_scale(rows: pd.DataFrame, analysis: Analysis) -> Finding | None:
    lost = rows[rows["y"].isna()]
    if lost.empty:
        return None
    where = ", ".join(dict.fromkeys(f"{r.plate} {r.well}".strip() for r in lost.itertuples()))
    message = (
        f"analysis {analysis.name}: {len(lost)} of {len(rows)} values of {analysis.endpoint} have no {analysis.scale} "
        f"value and are left out: {where}"
    )
    return Finding("warn", "values_off_scale", message)


def _failed(rows: pd.DataFrame, analysis: Analysis) -> Finding | None:
    failed = rows[rows["qc"] == "fail"]
    if failed.empty:
        return None
    where = ", ".join(dict.fromkeys(f"{r.plate} {r.well}".strip() for r in failed.itertuples()))
    message = (
        f"analysis {analysis.name}: {len(failed)} values that failed a quality check are in the estimates ({where}); "
        "let the protocol's acceptance criterion drop them, or leave them out of the layout, to see what they change"
    )
    return Finding("warn", "failed_values_kept", message)


def _few_units(means: UnitMeans, analysis: Analysis, unit: str) -> Finding | None:
    n = len(means.units)
    if n >= 3:
        return None
    message = f"analysis {analysis.name}: only {n} level{'s' * (n != 1)} of {unit}; 3 or more make an interval usable"
    return Finding("warn", "few_units", message)


def _incomplete(means: UnitMeans, asked: Sequence[Asked], analysis: Analysis, unit: str) -> Finding | None:
    lacking: dict[str, list[str]] = {}
    for cell in dict.fromkeys(cell for one in asked for cell in one.cells if cell in means.mean):
        names = [name for name, y in zip(means.units, means.mean[cell], strict=True) if not np.isfinite(y)]
        lacking |= {f"{cell[0]} in {cell[1]}": names} if names else {}
    if not lacking:
        return None
    where = "; ".join(f"{cell}: {', '.join(names)}" for cell, names in lacking.items())
    message = f"analysis {analysis.name}: levels of {unit} without some cells do not inform their contrasts ({where})"
    return Finding("note", "units_incomplete", message)


def _nothing_measured(assay: str, analysis: Analysis) -> Finding:
    message = f"analysis {analysis.name} of {assay}: no measurement of {analysis.endpoint}, so nothing is estimated"
    return Finding("warn", "nothing_to_estimate", message)

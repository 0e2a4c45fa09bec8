"""Dose-response curves of a run: MEASUREMENTS -> one curve per drug, context and unit, one over units -> DOSE_RESPONSE.

Units keep their own top and bottom in the curve over them and share steepness and IC50; its limits take wells as
independent. What is claimed rests on units: `units_ic50` is the mean of their own ln IC50s, `shift` a paired t of
them. An IC50 the doses do not reach is a finding and no number.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from assaykit.errors import DesignError
from assaykit.protocol import CurveAnalysis
from assaykit.stats.dose.response import PLATEAU, SHAPES, Curves, Ic50, fit_curve, fit_curves, ic50, predicted
from assaykit.stats.dose.series import DoseSeries, dosed_treatments, series_of
from assaykit.stats.dose.shift import extra_sum_of_squares
from assaykit.stats.units import doubtful_values, doubts_in_words, one_sample_t
from assaykit.study import Assay, Reference
from assaykit.tables import DOSE_RESPONSE, Finding, frame_from_rows
from assaykit.treatment import Catalogue

LEAST_DOSES = 4  # above zero, for a drug the protocol does not name
_UNKNOWN = 5.0  # SE of ln IC50


@dataclass(frozen=True, slots=True, eq=False)
class _Arm:
    """The wells of one drug in one context: columns unit_id, dose, value, qc; dose 0 is the reference treatment."""

    series: DoseSeries
    context: str
    wells: pd.DataFrame


Row = dict[str, Any]


def dose_response_table(
    measurements: pd.DataFrame, assay: Assay, *, reference: Reference
) -> tuple[pd.DataFrame, list[Finding]]:
    """Return DOSE_RESPONSE of every curve the assay's protocol asks for, and what it found."""
    rows: list[Row] = []
    findings: list[Finding] = []
    for curve in assay.protocol.curves:
        wells = measurements[(measurements["assay"] == assay.name) & (measurements["endpoint"] == curve.endpoint)]
        wells = wells[wells["value"].notna()]
        series, unknown = _chosen_series(wells, curve, assay.catalogue)
        findings += unknown
        for one in series:
            found, notes = _drug_rows(wells, one, curve, reference=reference)
            rows += [{"assay": assay.name, "curve": curve.name, "endpoint": curve.endpoint} | row for row in found]
            findings += notes
    return frame_from_rows(rows, DOSE_RESPONSE), findings


def _chosen_series(
    wells: pd.DataFrame, curve: CurveAnalysis, catalogue: Catalogue
) -> tuple[tuple[DoseSeries, ...], list[Finding]]:
    """Return the drugs the curve names, else every drug given at four doses or more, and a finding per absent one."""
    series = series_of(dosed_treatments(wells, catalogue))
    if not curve.drugs:
        many = tuple(one for one in series if len(one.doses) >= LEAST_DOSES)
        message = f"curve {curve.name}: no drug was given alone at {LEAST_DOSES} doses or more, so there is no curve"
        return many, [Finding("note", "curve_without_doses", message)] if len(wells) and not many else []
    asked = {name: drug.name if (drug := catalogue.find(name)) else name for name in curve.drugs}
    given = {one.drug for one in series}
    absent = [name for name, drug in asked.items() if drug not in given] if len(wells) else []
    message = f"curve {curve.name}: no well was given {{}} alone; mend the name in the protocol, or the layout"
    findings = [Finding("warn", "curve_without_doses", message.format(name)) for name in absent]
    return tuple(one for one in series if one.drug in asked.values()), findings


def _drug_rows(
    wells: pd.DataFrame, series: DoseSeries, curve: CurveAnalysis, *, reference: Reference
) -> tuple[list[Row], list[Finding]]:
    """Return the rows of one drug: context by context every unit and the curve over them, shifts filled in."""
    doses = {**series.doses, reference.treatment: 0.0}
    part = wells[wells["treatment"].isin(doses)]
    part = part.assign(dose=part["treatment"].map(doses))
    given = part.loc[part["dose"] > 0, "context"]
    arms = [_Arm(series, str(name), part[part["context"] == name]) for name in dict.fromkeys(given)]
    against = curve.against or reference.context
    arms.sort(key=lambda arm: arm.context != against)
    rows: list[Row] = []
    findings: list[Finding] = []
    compared: tuple[_Arm, list[Row]] | None = None
    for arm in arms:
        units = [_unit_row(arm, str(unit), curve) for unit in dict.fromkeys(arm.wells["unit_id"])]
        found = [*units, _joint_row(arm, units, curve)]
        if compared is not None:
            _add_shift(found, compared[1], against=against)
            _add_f_tests(found, compared[1], pd.concat([arm.wells, compared[0].wells]), curve=curve)
        compared = (arm, found) if arm.context == against else compared
        rows += found
        findings += _missing_findings(found, arm, curve)
    return rows, findings


def _unit_row(arm: _Arm, unit: str, curve: CurveAnalysis) -> Row:
    wells = arm.wells[arm.wells["unit_id"] == unit]
    row = _described(arm, wells, curve) | {"unit_id": unit, "n_units": 1}
    try:
        if not np.ptp(wells["value"].to_numpy(float)) > 0:
            raise DesignError("the wells of a curve must differ", f"{wells['value'].iloc[0]:g} in every well")
        curves = fit_curve(wells["dose"], wells["value"], shape=curve.shape)
    except DesignError as error:
        return row | {"reason": _joined(f"no curve: {error}", row["reason"])}
    return _filled(row, curves, _ic50(curves))


def _joint_row(arm: _Arm, unit_rows: Sequence[Row], curve: CurveAnalysis) -> Row:
    """Return the curve over the units that have one of their own, and the mean of the units' ln IC50s."""
    units = [row["unit_id"] for row in unit_rows if row.get("plateau")]
    wells = arm.wells[arm.wells["unit_id"].isin(units)]
    row = _described(arm, wells, curve) | {"unit_id": "", "n_units": len(units)} | _units_mean(unit_rows)
    if not units:
        return row | {"reason": "no curve: no unit has one"}
    shared = [name for name in ("log_ic50", "hill", "log_asymmetry") if name not in SHAPES[curve.shape]]
    try:
        curves = fit_curves(wells["dose"], wells["value"], wells["unit_id"], shape=curve.shape, shared=shared)
    except DesignError as error:
        return row | {"reason": _joined(f"no curve: {error}", row["reason"])}
    farthest = str(wells.loc[wells["dose"].idxmax(), "unit_id"])
    one = replace(curves, arms={("" if name == farthest else name): p for name, p in curves.arms.items()})
    filled = _filled(row, one, _ic50(one))
    means = {name: float(np.mean([p[name] for p in curves.arms.values()])) for name in ("top", "bottom")}
    return filled | means


def _described(arm: _Arm, wells: pd.DataFrame, curve: CurveAnalysis) -> Row:
    doubts = dict.fromkeys(wells.loc[wells["qc"] == "not_interpretable", "reason"])
    reasons = [f"not interpretable: {doubt}" for doubt in doubts if doubt]
    if not (wells["dose"] == 0).any():
        reasons.append("no well of the reference treatment: the top is the curve's guess")
    return {
        "drug": arm.series.drug,
        "context": arm.context,
        "shape": curve.shape,
        "dose_unit": arm.series.unit,
        "highest_dose": float(wells["dose"].max()) if len(wells) else np.nan,
        "n_wells": len(wells),
        "reason": "; ".join(reasons),
        "doubts": doubts_in_words(doubtful_values(wells)),
    }


def _filled(row: Row, curves: Curves, found: Ic50) -> Row:
    """Return the row with the numbers of a fitted curve, whose arm is ""."""
    parameters = curves.arms[""]
    reason = "; ".join(finding.message for finding in found.findings)
    return row | {
        "ic50": found.estimate,
        "wald_low": found.wald_low,
        "wald_high": found.wald_high,
        "profile_low": found.profile_low,
        "profile_high": found.profile_high,
        "hill": parameters["hill"],
        "top": parameters["top"],
        "bottom": parameters["bottom"],
        "residual_sd": curves.sigma,
        "reached": found.reached,
        "plateau": "not reached" if found.findings else "reached",
        "reason": _joined(reason, row["reason"]),
    }


def _ic50(curves: Curves) -> Ic50:
    """Return the IC50 of the arm "", whose costly profile is followed only where the doses reach an IC50 at all.

    Limits without end stand for it where the curve ends before its plateau, or where ln IC50 has a standard error
    above 5: a factor of 150 either way.
    """
    most = curves.wells.dose.max()
    p = curves.arms[""]
    reached = (p["top"] - predicted(curves, [most])[0]) / (p["top"] - p["bottom"]) if p["top"] != p["bottom"] else 0.0
    error = curves.std_errors[[name.partition("[")[0] for name in curves.names].index("log_ic50")]
    endless = replace(curves, covariance=np.full_like(curves.covariance, np.inf))
    if reached < PLATEAU or not error < _UNKNOWN:
        return ic50(endless)
    try:
        return ic50(curves)
    except (ValueError, OverflowError):  # held fits end in different minima: no limit of the profile can be found
        return ic50(endless)


def _units_mean(unit_rows: Iterable[Row]) -> Row:
    """Return the geometric mean of the units' IC50s with its t interval; no interval for one unit."""
    logs = np.log(list(_unit_ic50s(unit_rows).values()))
    if logs.size == 0:
        return {}
    row: Row = {"units_ic50": float(np.exp(logs.mean()))}
    if logs.size > 1 and np.ptp(logs) > 0:
        test = one_sample_t(logs)
        row |= {"units_low": float(np.exp(test.conf_low)), "units_high": float(np.exp(test.conf_high))}
    return row


def _unit_ic50s(rows: Iterable[Row]) -> dict[str, float]:
    """Return the IC50 of each unit that reached it."""
    return {row["unit_id"]: row["ic50"] for row in rows if row["unit_id"] and np.isfinite(row.get("ic50", np.nan))}


def _add_shift(rows: list[Row], compared: Sequence[Row], *, against: str) -> None:
    """Fill in the ratio of IC50s, unit by unit and over the units that reached both."""
    own, other = _unit_ic50s(rows), _unit_ic50s(compared)
    ratios = {unit: own[unit] / other[unit] for unit in own if unit in other}
    for row in rows:
        row["comparator_context"] = against
        if row["unit_id"] in ratios:
            row["shift"] = ratios[row["unit_id"]]
    rows[-1] |= _shift_over_units(ratios)
    if len(ratios) < 2:
        few = f"no test of a shift: {len(ratios)} units reached the IC50 in both contexts, and it takes 2"
        rows[-1]["reason"] = _joined(rows[-1]["reason"], few)


def _shift_over_units(ratios: dict[str, float]) -> Row:
    logs = np.log(list(ratios.values()))
    row: Row = {"shift_units": len(ratios)}
    if logs.size:
        row["shift"] = float(np.exp(logs.mean()))
    if logs.size > 1 and np.ptp(logs) > 0:
        test = one_sample_t(logs)
        row |= {"shift_p": test.p_value}
        row |= {"shift_low": float(np.exp(test.conf_low)), "shift_high": float(np.exp(test.conf_high))}
    return row


def _add_f_tests(rows: list[Row], compared: Sequence[Row], wells: pd.DataFrame, *, curve: CurveAnalysis) -> None:
    """Fill in the F test of one IC50 for both contexts, within each unit and over units, where both are reached.

    Over units it is made of amounts as shares of each unit's own reference, so that days may differ in signal.
    """
    reached = {row["unit_id"] for row in compared if np.isfinite(row.get("ic50", np.nan))}
    for row in rows:
        if row["unit_id"] not in reached or not np.isfinite(row.get("ic50", np.nan)):
            continue
        part = wells[wells["unit_id"] == row["unit_id"]] if row["unit_id"] else _relative(wells)
        try:
            test = extra_sum_of_squares(part["dose"], part["value"], part["context"], shape=curve.shape)
        except DesignError as error:
            row["reason"] = _joined(row["reason"], f"no F test: {error}")
            continue
        row |= {"f_statistic": test.statistic, "f_df1": test.df1, "f_df2": test.df2, "f_p": test.p_value}


def _relative(wells: pd.DataFrame) -> pd.DataFrame:
    """Return the wells with amounts as shares of their unit's reference in the same context; percents as they are."""
    if (wells["unit"] == "%").all():
        return wells
    keys = ["unit_id", "context"]
    zero = wells[wells["dose"] == 0].groupby(keys)["value"].mean().rename("zero").reset_index()
    relative = wells.merge(zero, on=keys, how="inner")
    relative = relative[relative["zero"] > 0]
    return relative.assign(value=relative["value"] / relative["zero"])


def _missing_findings(rows: Sequence[Row], arm: _Arm, curve: CurveAnalysis) -> Iterator[Finding]:
    """Yield a finding per reason an IC50 is missing, with the units it holds for."""
    reasons: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        if not np.isfinite(row.get("ic50", np.nan)):
            reasons[row["reason"]].append(row["unit_id"] or "all units together")
    where = f"{arm.series.drug} in {arm.context}"
    for reason, units in reasons.items():
        check = "plateau_not_reached" if "no IC50" in reason else "curve_not_fitted"
        yield Finding(
            "warn", check, f"curve {curve.name}, {where}, {', '.join(units)}: {reason} (doses in {arm.series.unit})"
        )


def _joined(*reasons: str) -> str:
    return "; ".join(reason for reason in reasons if reason)

"""Whether plates and units are fit to answer: each criterion of the protocol gives pass, warn or fail, in numbers.

value = check(readings); a value beyond the criterion's limit warns or fails the plate or unit it stands for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import pandas as pd

from assaykit.checks import joined
from assaykit.endpoints import GRAVITY
from assaykit.measurements.consequences import members_of_emptied_arms
from assaykit.measurements.criteria import CRITERIA, CriterionDefinition, CriterionValue, readings_of
from assaykit.protocol import Criterion
from assaykit.study import Assay, Reference
from assaykit.tables import ACCEPTANCE, Finding, frame_from_rows

Result = Literal["pass", "warn", "fail", "not measured"]
MOST_SHOWN = 5  # values named one by one in a message


@dataclass(frozen=True, slots=True)
class AcceptanceRow:
    """One row of the acceptance table, and the rows of MEASUREMENTS it speaks of."""

    assay: str
    plate: str
    unit_id: str
    context: str
    check: str
    value: float
    limit: float
    unit: str
    result: Result
    dropped: bool
    message: str


def accept(
    assay: Assay, measurements: pd.DataFrame, readouts: pd.DataFrame, *, reference: Reference
) -> tuple[pd.DataFrame, pd.DataFrame, list[Finding]]:
    """Return MEASUREMENTS marked by the protocol's criteria, the acceptance table, and a finding per warn or fail.

    A marked value carries the criterion's message in `reason`; `excluded` is true where the protocol says that what
    fails is left out (`kept_measurements` leaves it out). Where that would leave an arm without any value, its values
    stay and cannot be interpreted. What findings excluded already is not asked. Criteria that do not exist are refused
    by `unknown_name_faults`.
    """
    readings = readings_of(assay, _included(measurements), readouts, reference=reference)
    marked = measurements
    table: list[AcceptanceRow] = []
    for criterion in assay.protocol.acceptance:
        check = CRITERIA[criterion.check]
        judged = check.measure(readings)
        failing = [one for one in judged if not _passes(one.value, criterion, check)]
        hopeless = _emptied_arms(marked, failing) if criterion.level == "fail" else frozenset()
        table += _table_rows(assay.name, criterion, check, judged=judged, hopeless=hopeless)
        marked = _with_flags(marked, criterion, check, failing=failing, hopeless=hopeless)
    return marked, frame_from_rows(map(asdict, table), ACCEPTANCE), _findings(table)


def kept_measurements(measurements: pd.DataFrame) -> pd.DataFrame:
    """Return the measurements without those that a check or a failed criterion leaves out."""
    return _included(measurements).reset_index(drop=True)


def _included(measurements: pd.DataFrame) -> pd.DataFrame:
    return measurements[~measurements["excluded"].astype(bool)]


def _emptied_arms(measurements: pd.DataFrame, failing: Sequence[CriterionValue]) -> frozenset[int]:
    """Return the failing rows of arms (endpoint, treatment, context) of which no value would be left."""
    concerned = {index for one in failing for index in one.concerns}
    valued = _included(measurements[measurements["value"].notna()])
    arms = valued.groupby(["endpoint", "treatment", "context"], sort=False).groups.values()
    return members_of_emptied_arms([frozenset(arm) for arm in arms], concerned)


def _findings(table: Sequence[AcceptanceRow]) -> list[Finding]:
    """Return one finding per plate or unit and check: a warning says nothing beside a failure."""
    failed = {_place(row) for row in table if row.result == "fail"}
    return [
        Finding(row.result, row.check, row.message, row.plate)
        for row in table
        if row.result == "fail" or (row.result == "warn" and _place(row) not in failed)
    ]


def _place(row: AcceptanceRow) -> tuple[str, str, str, str]:
    return row.check, row.plate, row.unit_id, row.context


def _passes(value: float, criterion: Criterion, check: CriterionDefinition) -> bool:
    return value >= criterion.limit if check.passes == "at least" else value <= criterion.limit


def _table_rows(
    assay: str,
    criterion: Criterion,
    check: CriterionDefinition,
    *,
    judged: Sequence[CriterionValue],
    hopeless: frozenset[int],
) -> list[AcceptanceRow]:
    """Return one row per plate or unit: its worst value, and in words every value beyond the limit."""
    groups: dict[tuple[str, str, str], list[CriterionValue]] = {}
    for one in judged:
        groups.setdefault((one.plate, one.unit_id, one.context), []).append(one)
    rows = []
    for (plate, unit_id, context), members in groups.items():
        failing = [one for one in members if not _passes(one.value, criterion, check)]
        worst = (min if check.passes == "at least" else max)(one.value for one in members)
        concerned = {index for one in failing for index in one.concerns}
        leaves_out = criterion.level == "fail" and criterion.drop and bool(concerned - hopeless)
        rows.append(
            AcceptanceRow(
                assay=assay,
                plate=plate,
                unit_id=unit_id,
                context=context,
                check=criterion.check,
                value=worst,
                limit=criterion.limit,
                unit=check.unit,
                result=criterion.level if failing else "pass",
                dropped=leaves_out,
                message=_message(criterion, check, failing, left_out=leaves_out) if failing else "",
            )
        )
    return rows or [_unmeasured(assay, criterion, check)]


def _unmeasured(assay: str, criterion: Criterion, check: CriterionDefinition) -> AcceptanceRow:
    message = f"nothing in {assay} to measure it on: {check.meaning}"
    return AcceptanceRow(
        assay=assay,
        plate="",
        unit_id="",
        context="",
        check=criterion.check,
        value=float("nan"),
        limit=criterion.limit,
        unit=check.unit,
        result="not measured",
        dropped=False,
        message=message,
    )


def _message(
    criterion: Criterion, check: CriterionDefinition, failing: Sequence[CriterionValue], *, left_out: bool = False
) -> str:
    shown = [one.says for one in failing[:MOST_SHOWN]]
    if len(failing) > MOST_SHOWN:
        shown.append(f"and {len(failing) - MOST_SHOWN} more")
    limit = f"{check.passes} {criterion.limit:g} {check.unit}".removesuffix(" ratio")
    fate = "; left out of the estimates, as the protocol says" if left_out else ""
    return f"{'; '.join(shown)} (must be {limit}: {check.meaning}){fate}"


def _with_flags(
    measurements: pd.DataFrame,
    criterion: Criterion,
    check: CriterionDefinition,
    *,
    failing: Sequence[CriterionValue],
    hopeless: frozenset[int],
) -> pd.DataFrame:
    """Return the measurements with the graver of their own and the criterion's mark, and both reasons."""
    qc, reasons, checks = (measurements[name].to_dict() for name in ("qc", "reason", "checks"))
    excluded = measurements["excluded"].to_dict()
    for one in failing:
        message = _message(criterion, check, [one])
        for index in one.concerns:
            mark = "not_interpretable" if index in hopeless else criterion.level
            qc[index] = max(qc[index], mark, key=GRAVITY.index)
            reasons[index] = f"{reasons[index]}; {message}" if reasons[index] else message
            checks[index] = joined((checks[index], criterion.check))
            excluded[index] |= criterion.level == "fail" and criterion.drop and index not in hopeless
    columns = {"qc": qc, "reason": reasons, "checks": checks, "excluded": excluded}
    return measurements.assign(**{name: list(values.values()) for name, values in columns.items()})

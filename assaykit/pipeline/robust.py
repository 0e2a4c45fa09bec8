"""How robust each primary contrast is: a unit left out, the model varied, gates at either end of their intervals."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from typing import Literal

import pandas as pd

from assaykit.pipeline.measure import map_tasks
from assaykit.protocol import Analysis, FixedGate, ThresholdGate
from assaykit.stats import robustness, robustness_summary
from assaykit.study import Reference, ResolvedPlate, Study
from assaykit.tables import ROBUSTNESS, check

End = Literal["low", "high"]
Task = tuple[pd.DataFrame, str, Analysis, Reference, Mapping[str, pd.DataFrame], bool]


def robustness_tables(
    measurements: pd.DataFrame,
    study: Study,
    remeasured: Callable[[Study], pd.DataFrame],
    *,
    inputs: Mapping[str, pd.DataFrame] | None = None,
    executor: Executor | None = None,
    show_pseudoreplication: bool = False,
) -> dict[str, pd.DataFrame]:
    """Return `robustness` (a row per contrast and variation) and `robustness_summary` (a row per contrast).

    `remeasured` measures a resolved study again: here with every estimated gate at the low, then at the high end of its
    95 % interval; controls keep their medians. `inputs` names further MEASUREMENTS of the same wells.
    """
    ends: tuple[End, ...] = ("low", "high")
    inputs = dict(inputs or {}) | {
        f"estimated gates at their {end} end": remeasured(with_gates_at(study, end)) for end in ends
    }
    tasks: list[Task] = [
        (measurements, assay.name, analysis, study.reference, inputs, show_pseudoreplication)
        for assay in study.assays
        for analysis in assay.protocol.analyses
        if analysis.primary
    ]
    answers: Sequence[pd.DataFrame] = list(map_tasks(_task, tasks, executor))
    if not answers:
        return {}
    table = check(pd.concat(answers, ignore_index=True), ROBUSTNESS)
    return {"robustness": table, "robustness_summary": robustness_summary(table)}


def with_gates_at(study: Study, end: End) -> Study:
    """Return the resolved study with every gate that was estimated moved to one end of its interval."""
    assays = tuple(
        replace(assay, resolved={name: _resolved_at(resolved, end) for name, resolved in assay.resolved.items()})
        for assay in study.assays
    )
    return replace(study, assays=assays)


def _resolved_at(resolved: ResolvedPlate, end: End) -> ResolvedPlate:
    def moved(forms: Mapping[str, tuple[FixedGate, ...]]) -> dict[str, tuple[FixedGate, ...]]:
        return {key: tuple(_gate_at(gate, end) for gate in gates) for key, gates in forms.items()}

    gates = tuple(_gate_at(gate, end) for gate in resolved.gates)
    return replace(resolved, gates=gates, by_treatment=moved(resolved.by_treatment), by_well=moved(resolved.by_well))


def _gate_at(gate: FixedGate, end: End) -> FixedGate:
    if not isinstance(gate, ThresholdGate):
        return gate
    value = gate.low if end == "low" else gate.high
    # An open end is no place to put a gate; that its interval is open stands in the findings.
    return gate if value is None or not math.isfinite(value) else gate.model_copy(update={"value": value})


def _task(task: Task) -> pd.DataFrame:
    measurements, assay, analysis, reference, inputs, wrong_too = task

    def mine(frame: pd.DataFrame) -> pd.DataFrame:
        chosen = (frame["assay"] == assay) & (frame["endpoint"] == analysis.endpoint)
        return frame[chosen].reset_index(drop=True)

    return robustness(
        mine(measurements),
        assay,
        analysis,
        reference=reference,
        inputs={name: mine(frame) for name, frame in inputs.items()},
        show_pseudoreplication=wrong_too,
    )

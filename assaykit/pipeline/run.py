"""The road of one run: Study -> resolve -> measure -> endpoints -> estimate -> compare -> Results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from functools import partial

import pandas as pd

from assaykit.checks import Located
from assaykit.cytometry import control_points, copy_findings, levey_jennings_findings, sister_findings
from assaykit.errors import raise_all
from assaykit.evidence import Claim, compare, compare_size, read_catalogues
from assaykit.measurements import (
    Flags,
    accept,
    alike_experiments,
    analyses_with_values,
    copied_counts,
    flags_from_findings,
    kept_measurements,
    measure_endpoints,
    unknown_name_faults,
    without_exclusions,
)
from assaykit.pipeline.by_hand import AS_ESTIMATED, has_overrides, overrides_table, verdicts_by_hand
from assaykit.pipeline.condensing import condense
from assaykit.pipeline.dose_tables import dose_tables
from assaykit.pipeline.measure import MeasuredAssay, Progress, map_tasks, measure, measure_wells, resolve
from assaykit.pipeline.provenance import changed_since, provenance, stamps
from assaykit.pipeline.robust import robustness_tables
from assaykit.protocol import Analysis
from assaykit.results import Results
from assaykit.stats import estimate
from assaykit.study import Assay, Reference, Study, of_primary_strata, without_overrides
from assaykit.tables import ESTIMATES, MEASUREMENTS, POPULATIONS, READOUTS, Finding, Table, check, findings_frame


def run(
    study: Study,
    *,
    executor: Executor | None = None,
    progress: Progress | None = None,
    robust: bool = True,
    show_pseudoreplication: bool = False,
) -> Results:
    """Return the results of a study: every table, the study as resolved, and its provenance.

    `robust` adds the tables of `robustness_tables`, for which each well is measured twice more; and once more, with
    gates as estimated, where anything was set by hand.
    `show_pseudoreplication` puts the wrong answer, wells counted as n, beside the right one there.

    `executor` is any concurrent.futures.Executor; the tables are the same to the byte whatever its number of workers.
    A well that cannot be read is a finding, and the others go on.
    """
    raise_all([fault for assay in study.assays for fault in unknown_name_faults(assay.protocol)])
    claims = read_catalogues(study.claims)  # a slip in the lab's own is told before the first well is measured
    begun = stamps(study)
    resolved, controls = resolve(study, executor)
    assays = [
        _judge(
            assay,
            measure(assay, executor, progress, stamps=begun),
            before=(*study.findings, *controls[assay.name]),
            study=resolved,
        )
        for assay in resolved.assays
    ]
    measurements, acceptance, judged = _endpoints(assays, resolved)
    kept = kept_measurements(measurements)
    estimates, doubts = _estimates(kept, resolved, executor)
    doses, curve_findings = dose_tables(kept, resolved)
    met = [finding for assay in assays for finding in assay.findings]
    findings = [*study.findings, *met, *judged, *doubts, *curve_findings]
    tables: dict[str, pd.DataFrame] = {
        "populations": _stack([assay.measured.populations for assay in assays], POPULATIONS),
        "readouts": _stack([assay.measured.readouts for assay in assays], READOUTS),
        "measurements": measurements,
        "acceptance": acceptance,
        "estimates": estimates,
        **_compare(estimates, measurements, resolved, claims),
        **doses,
    }
    if len(kept) < len(measurements):  # what checks and the protocol leave out is shown with, too
        whole, _, _ = _endpoints([replace(one, flags=without_exclusions(one.flags)) for one in assays], resolved)
        tables["estimates_with_excluded"], _ = _estimates(whole, resolved, executor)
    inputs: dict[str, pd.DataFrame] = {}
    if has_overrides(resolved):
        tables["overrides"] = overrides_table(resolved)
        if robust:
            inputs[AS_ESTIMATED], tables["verdicts_by_hand"] = _without_hand(
                study, claims, tables["comparisons"], assays=assays, executor=executor
            )
    if robust:
        again = partial(_remeasure, flags={one.assay.name: one.flags for one in assays}, executor=executor)
        tables |= robustness_tables(
            kept, resolved, again, inputs=inputs, executor=executor, show_pseudoreplication=show_pseudoreplication
        )
    files = [file for assay in assays for file in assay.measured.files]
    tables["findings"] = findings_frame(condense([*findings, *changed_since(study, files)]))
    return Results(replace(resolved, findings=()), tables, provenance(study, files))


@dataclass(frozen=True, slots=True, eq=False)
class _Assay:
    """One assay measured, what was found on the way, and what that makes of its values."""

    assay: Assay
    measured: MeasuredAssay
    findings: tuple[Finding, ...] = ()
    located: tuple[Located, ...] = ()
    flags: Flags = field(default_factory=dict)


def _judge(assay: Assay, measured: MeasuredAssay, *, before: Iterable[Finding], study: Study) -> _Assay:
    """Return the assay with what its findings, and copies of data among its wells, make of its values."""
    copies = [*copy_findings(assay), *copied_counts(assay, study.unit)]
    known = [place for one in copies for place in one.places]
    alike = alike_experiments(assay, measured.readouts, unit=study.unit, leaving=known)
    located = (*copies, *sister_findings(assay), *alike)
    charted = levey_jennings_findings(control_points(assay, measured.readouts, study.reference))
    findings = (*before, *measured.findings, *charted)
    told = (*findings, *(one.finding for one in located))
    return _Assay(assay, measured, told, located, flags_from_findings(assay, findings, located))


def _endpoints(assays: Sequence[_Assay], study: Study) -> tuple[pd.DataFrame, pd.DataFrame, list[Finding]]:
    """Return MEASUREMENTS, the acceptance table and the findings of both, over all assays."""
    frames, acceptances, findings = [], [], []
    for one in assays:
        frame, found = measure_endpoints(
            one.assay, one.measured.readouts, unit=study.unit, reference=study.reference, flags=one.flags
        )
        frame, acceptance, judged = accept(one.assay, frame, one.measured.readouts, reference=study.reference)
        frames.append(frame)
        acceptances.append(acceptance)
        findings += [*found, *judged]
    return _stack(frames, MEASUREMENTS), pd.concat(acceptances, ignore_index=True), findings


def _compare(
    estimates: pd.DataFrame, measurements: pd.DataFrame, study: Study, claims: Sequence[Claim]
) -> dict[str, pd.DataFrame]:
    """Return COMPARISONS of every claim, and the lab's numbers beside a source's where a source gives any."""
    told, behind = (of_primary_strata(table, study) for table in (estimates, measurements))
    comparisons = compare(told, claims, measurements=behind, study=study, primary=study.primary_claims)
    sizes = compare_size(told)
    return {"comparisons": comparisons} | ({"sizes": sizes} if len(sizes) else {})


def _remeasure(study: Study, *, flags: Mapping[str, Flags], executor: Executor | None) -> pd.DataFrame:
    """Return MEASUREMENTS of a resolved study, without what checks and its criteria leave out."""
    assays = [_Assay(one, measure_wells(one, executor), flags=flags[one.name]) for one in study.assays]
    measurements, _, _ = _endpoints(assays, study)
    return kept_measurements(measurements)


def _without_hand(
    study: Study,
    claims: Sequence[Claim],
    comparisons: pd.DataFrame,
    *,
    assays: Sequence[_Assay],
    executor: Executor | None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the kept MEASUREMENTS of the study without anything set by hand, and the verdicts both ways."""
    resolved, controls = resolve(without_overrides(study), executor)
    copies = {one.assay.name: one.located for one in assays}
    again = []
    for assay in resolved.assays:
        measured = measure_wells(assay, executor)
        findings = (*study.findings, *controls[assay.name], *measured.findings)
        again.append(_Assay(assay, measured, flags=flags_from_findings(assay, findings, copies[assay.name])))
    kept = kept_measurements(_endpoints(again, resolved)[0])
    estimates, _ = _estimates(kept, resolved, executor)
    return kept, verdicts_by_hand(comparisons, _compare(estimates, kept, resolved, claims)["comparisons"])


def _estimates(
    measurements: pd.DataFrame, study: Study, executor: Executor | None
) -> tuple[pd.DataFrame, list[Finding]]:
    """Return ESTIMATES of every analysis of every assay, and their findings."""
    tasks = [
        (measurements, assay.name, analysis, study.reference, study.seed)
        for assay in study.assays
        for analysis in analyses_with_values(assay.protocol, measurements[measurements["assay"] == assay.name])
    ]
    answers = list(map_tasks(_estimate_task, tasks, executor))
    table = _stack([frame for frame, _ in answers], ESTIMATES)
    table["stratum"] = table["assay"].map({assay.name: assay.stratum for assay in study.assays})
    return check(table, ESTIMATES), [f for _, found in answers for f in found]


def _estimate_task(
    task: tuple[pd.DataFrame, str, Analysis, Reference, int],
) -> tuple[pd.DataFrame, list[Finding]]:
    measurements, assay, analysis, reference, seed = task
    mine = measurements[(measurements["assay"] == assay) & (measurements["endpoint"] == analysis.endpoint)]
    return estimate(mine.reset_index(drop=True), assay, analysis, reference=reference, seed=seed)


def _stack(frames: Sequence[pd.DataFrame], table: Table) -> pd.DataFrame:
    """Return the frames under one another; no frames give an empty one."""
    return check(pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(table.names)), table)

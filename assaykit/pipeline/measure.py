"""Wells to readouts: resolve each plate from its controls, then measure each well on its own, in any executor."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import pandas as pd

from assaykit.cytometry import (
    RunStart,
    WellMeasurement,
    carry_over_findings,
    check_plate,
    check_shares,
    check_sister_plates,
    check_sister_shares,
    exclusion_findings,
    measure_well,
    resolve_plate,
    worker_assay,
    worker_plate,
)
from assaykit.plate import Plate, Well
from assaykit.study import Assay, InputFile, Reference, ResolvedPlate, Study, input_file, input_stamp
from assaykit.tables import POPULATIONS, READOUTS, Finding, frame_from_rows

Progress = Callable[[str, int, int], None]  # stage, done, total
Task = TypeVar("Task")
Answer = TypeVar("Answer")
Stamps = Mapping[Path | None, str]
_Task = tuple[Assay, Plate, Well]
_CHUNK = 8  # wells sent to a worker at a time: cheap to send, and progress still moves


@dataclass(frozen=True, slots=True)
class MeasuredAssay:
    """What measuring one assay gave."""

    populations: pd.DataFrame
    readouts: pd.DataFrame
    findings: tuple[Finding, ...]
    files: tuple[InputFile, ...] = ()  # those of the wells, as they were measured


def resolve(study: Study, executor: Executor | None = None) -> tuple[Study, dict[str, list[Finding]]]:
    """Return the study with every plate's controls filled in, and what estimating them found, by assay."""
    findings: dict[str, list[Finding]] = {}
    assays = []
    for assay in study.assays:
        slim = replace(assay, plates=(), counts=())
        plates = (*assay.plates, *(assay.counts if assay.statistics else ()))  # a table may be a plate itself
        answers = list(map_tasks(_resolve_task, [(slim, plate, study.reference) for plate in plates], executor))
        resolved = {plate.name: answer for plate, (answer, _) in zip(plates, answers, strict=True)}
        met = [finding for _, found in answers for finding in found]
        findings[assay.name] = [*met, *exclusion_findings(assay), *check_sister_plates(assay, resolved)]
        assays.append(replace(assay, resolved=resolved))
    return replace(study, assays=tuple(assays)), findings


def measure(
    assay: Assay, executor: Executor | None = None, progress: Progress | None = None, *, stamps: Stamps | None = None
) -> MeasuredAssay:
    """Return the populations and readouts of every well of a resolved assay, in the study's order, and its findings.

    Each file is hashed as it is measured. One whose stamp is another than in `stamps`, taken when the run began, or
    another after it was measured, is a `fail`: its numbers, or the gates drawn on it, rest on bytes no one can name.
    """
    stamps = stamps or {}
    tasks = [(task, stamps.get(task[2].file)) for task in _tasks(assay)]
    answers = _each(_hashed_task, tasks, assay, executor=executor, progress=progress)
    measured = _stacked([well for well, _ in answers])
    starts: dict[str, list[RunStart]] = {}
    for ((_, plate, _), _), (well, _) in zip(tasks, answers, strict=True):
        if well.start is not None:
            starts.setdefault(plate.name, []).append(well.start)
    findings = list(measured.findings)
    for plate in assay.plates:
        findings += check_plate(assay, plate, measured.readouts[measured.readouts["plate"] == plate.name])
        findings += check_shares(assay, plate, measured.populations[measured.populations["plate"] == plate.name])
        findings += [replace(found, plate=plate.name) for found in carry_over_findings(starts.get(plate.name, []))]
    findings += check_sister_shares(assay, measured.populations)
    files = tuple(file for _, file in answers if file is not None)
    return replace(measured, findings=tuple(findings), files=files)


def measure_wells(assay: Assay, executor: Executor | None = None) -> MeasuredAssay:
    """Return the populations and readouts of every well, with the wells' own findings and no look at plates."""
    return _stacked(_each(_measure_task, _tasks(assay), assay, executor=executor))


def _tasks(assay: Assay) -> list[_Task]:
    return [
        (worker_assay(assay, plate), worker_plate(plate), well)
        for plate in (*assay.plates, *assay.counts)
        for well in plate.wells
    ]


def _each(
    function: Callable[[Task], Answer],
    tasks: Sequence[Task],
    assay: Assay,
    *,
    executor: Executor | None,
    progress: Progress | None = None,
) -> list[Answer]:
    """Return the answers in order, telling progress of each."""
    answers: list[Answer] = []
    for answer in map_tasks(function, tasks, executor):
        answers.append(answer)
        if progress is not None:
            progress(assay.name, len(answers), len(tasks))
    return answers


def _stacked(wells: Sequence[WellMeasurement]) -> MeasuredAssay:
    populations = frame_from_rows((row for well in wells for row in well.populations), POPULATIONS)
    readouts = frame_from_rows((row for well in wells for row in well.readouts), READOUTS)
    return MeasuredAssay(populations, readouts, tuple(finding for well in wells for finding in well.findings))


def map_tasks(
    function: Callable[[Task], Answer], tasks: Sequence[Task], executor: Executor | None
) -> Iterable[Answer] | Iterator[Answer]:
    """Return the answers in the tasks' order, from the executor where there is one."""
    if executor is None:
        return map(function, tasks)
    return executor.map(function, tasks, chunksize=_CHUNK if len(tasks) > 4 * _CHUNK else 1)


def _resolve_task(task: tuple[Assay, Plate, Reference]) -> tuple[ResolvedPlate, list[Finding]]:
    assay, plate, reference = task
    return resolve_plate(assay, plate, reference=reference)


def _measure_task(task: _Task) -> WellMeasurement:
    return measure_well(*task)


def _hashed_task(task: tuple[_Task, str | None]) -> tuple[WellMeasurement, InputFile | None]:
    """Measure a well, with its file as it was then."""
    (assay, plate, well), begun = task
    if well.file is None:
        return measure_well(assay, plate, well), None
    file = input_file(well.file)
    measured = measure_well(assay, plate, well)
    if {file.stamp, input_stamp(well.file)} == {file.stamp if begun is None else begun}:
        return measured, file
    message = f"{well.file.name} was written to while the run was reading; run again once it is whole"
    finding = Finding("fail", "file_changed", message, plate.name, well.name)
    return replace(measured, findings=[*measured.findings, finding]), file

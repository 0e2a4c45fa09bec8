"""Wells to readouts: resolve each plate from its controls, then measure each well on its own, in any executor."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import TypeVar

import pandas as pd

from assaykit.cytometry import (
    WellMeasurement,
    check_plate,
    light_assay,
    light_plate,
    measure_well,
    resolve_plate,
)
from assaykit.plate import Plate, Well
from assaykit.study import Assay, Reference, Resolved, Study
from assaykit.tables import POPULATIONS, READOUTS, Finding, frame_from_rows

Progress = Callable[[str, int, int], None]  # stage, done, total
Task = TypeVar("Task")
Answer = TypeVar("Answer")
_CHUNK = 8  # wells sent to a worker at a time: cheap to send, and progress still moves


@dataclass(frozen=True, slots=True)
class Measured:
    """What measuring one assay gave."""

    populations: pd.DataFrame
    readouts: pd.DataFrame
    findings: tuple[Finding, ...]


def resolve(study: Study, executor: Executor | None = None) -> tuple[Study, dict[str, list[Finding]]]:
    """Return the study with every plate's controls filled in, and what estimating them found, by assay."""
    findings: dict[str, list[Finding]] = {assay.name: [] for assay in study.assays}
    assays = []
    for assay in study.assays:
        slim = replace(assay, plates=(), counts=())
        answers = list(spread(_resolve_task, [(slim, plate, study.reference) for plate in assay.plates], executor))
        for _, found in answers:
            findings[assay.name] += found
        resolved = {plate.name: answer for plate, (answer, _) in zip(assay.plates, answers, strict=True)}
        assays.append(replace(assay, resolved=resolved))
    return replace(study, assays=tuple(assays)), findings


def measure(assay: Assay, executor: Executor | None = None, progress: Progress | None = None) -> Measured:
    """Return the populations and readouts of every well of a resolved assay, in the study's order, and its findings."""
    measured = measure_wells(assay, executor, progress)
    findings = list(measured.findings)
    for plate in assay.plates:
        findings += check_plate(assay, plate, measured.readouts[measured.readouts["plate"] == plate.name])
    return replace(measured, findings=tuple(findings))


def measure_wells(assay: Assay, executor: Executor | None = None, progress: Progress | None = None) -> Measured:
    """Return the populations and readouts of every well, with the wells' own findings and no look at plates."""
    tasks = [
        (light_assay(assay, plate), light_plate(plate), well)
        for plate in (*assay.plates, *assay.counts)
        for well in plate.wells
    ]
    wells: list[WellMeasurement] = []
    for well in spread(_measure_task, tasks, executor):
        wells.append(well)
        if progress is not None:
            progress(assay.name, len(wells), len(tasks))
    populations = frame_from_rows((row for well in wells for row in well.populations), POPULATIONS)
    readouts = frame_from_rows((row for well in wells for row in well.readouts), READOUTS)
    return Measured(populations, readouts, tuple(finding for well in wells for finding in well.findings))


def spread(
    function: Callable[[Task], Answer], tasks: Sequence[Task], executor: Executor | None
) -> Iterable[Answer] | Iterator[Answer]:
    """Return the answers in the tasks' order, from the executor where there is one."""
    if executor is None:
        return map(function, tasks)
    return executor.map(function, tasks, chunksize=_CHUNK if len(tasks) > 4 * _CHUNK else 1)


def _resolve_task(task: tuple[Assay, Plate, Reference]) -> tuple[Resolved, list[Finding]]:
    assay, plate, reference = task
    return resolve_plate(assay, plate, reference=reference)


def _measure_task(task: tuple[Assay, Plate, Well]) -> WellMeasurement:
    return measure_well(*task)

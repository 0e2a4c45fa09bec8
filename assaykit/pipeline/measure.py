"""Wells to readouts: resolve each plate from its controls, then measure each well on its own, in any executor."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from typing import TypeVar

import pandas as pd

from assaykit.cytometry import (
    RunStart,
    WellMeasurement,
    carried_over,
    check_plate,
    check_shares,
    check_sister_plates,
    check_sister_shares,
    exclusion_findings,
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
    starts: Mapping[str, tuple[RunStart, ...]] = field(default_factory=dict)  # by plate: how its runs began


def resolve(study: Study, executor: Executor | None = None) -> tuple[Study, list[Finding]]:
    """Return the study with every plate's controls filled in, and what estimating them found."""
    findings: list[Finding] = []
    assays = []
    for assay in study.assays:
        slim = replace(assay, plates=(), counts=())
        answers = list(spread(_resolve_task, [(slim, plate, study.reference) for plate in assay.plates], executor))
        for _, found in answers:
            findings += found
        findings += exclusion_findings(assay)
        resolved = {plate.name: answer for plate, (answer, _) in zip(assay.plates, answers, strict=True)}
        findings += check_sister_plates(assay, resolved)
        assays.append(replace(assay, resolved=resolved))
    return replace(study, assays=tuple(assays)), findings


def measure(assay: Assay, executor: Executor | None = None, progress: Progress | None = None) -> Measured:
    """Return the populations and readouts of every well of a resolved assay, in the study's order, and its findings."""
    measured = measure_wells(assay, executor, progress)
    findings = list(measured.findings)
    for plate in assay.plates:
        findings += check_plate(assay, plate, measured.readouts[measured.readouts["plate"] == plate.name])
        findings += check_shares(assay, plate, measured.populations[measured.populations["plate"] == plate.name])
        findings += [replace(found, plate=plate.name) for found in carried_over(measured.starts.get(plate.name, ()))]
    findings += check_sister_shares(assay, measured.populations)
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
    starts: dict[str, tuple[RunStart, ...]] = {}
    for (_, plate, _), well in zip(tasks, wells, strict=True):
        if well.start is not None:
            starts[plate.name] = (*starts.get(plate.name, ()), well.start)
    return Measured(populations, readouts, tuple(finding for well in wells for finding in well.findings), starts)


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

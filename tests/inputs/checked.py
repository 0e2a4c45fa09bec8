"""What is done with a mutated input: everything short of measuring, which must end in values or in an error of ours."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np

from assaykit.cli.rehearsal import rehearse
from assaykit.cytometry.columns import WellColumns
from assaykit.cytometry.hierarchy import populations
from assaykit.cytometry.importing import protocol_from_gates, read_gates
from assaykit.errors import AssaykitError
from assaykit.fcs import events_from_array
from assaykit.study import missing_files, read_study

CHANNELS = (
    "FSC", "FL1", "FL2", "FSC-H", "SSC-H", "FL1-H", "FL2-H", "FL3-H", "FL4-H", "FL1-A", "FL2-A", "FL4-A", "FL2-W",
    "Time", "channel_A", "channel_B",
)  # fmt: skip
EVENTS = events_from_array(np.random.default_rng(1).lognormal(5, 2, (300, len(CHANNELS))), CHANNELS)
LONGEST = 2_000  # characters of a sentence


def study_outcome(path: Path, *, design: bool) -> str:
    """Return "values", or the sentence of a refusal."""
    try:
        study = read_study(path)
        missing_files(study)
        if design:
            rehearse(study)
    except AssaykitError as error:
        return str(error)
    return "values"


def gates_outcome(path: Path, dice: random.Random) -> str:
    """Return "values", or the sentence of a refusal; gates that are read are applied to events, too."""
    options = {"sample": dice.choice(["", "s1.fcs", "s2"]), "group": dice.choice(["", "", "day 1"])}
    try:
        document = read_gates(path, **(options if path.suffix == ".wsp" else {}))
        protocol_from_gates(document, name="fuzzed")
        with np.errstate(all="ignore"):
            populations(document.gates, WellColumns(EVENTS, {}, document.matrices))
    except AssaykitError as error:
        return str(error)
    return "values"


def unclear(outcome: str) -> bool:
    """Whether a sentence shows Python, or goes on for pages."""
    words = ("Traceback", "NoneType", "Error(", "object at 0x", "<class", "dict_", "errors.pydantic.dev")
    return any(word in outcome for word in words) or any(len(line) > LONGEST for line in outcome.splitlines())

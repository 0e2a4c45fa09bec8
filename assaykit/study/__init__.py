"""The study: what a run is given, and the file it is written in."""

from __future__ import annotations

from assaykit.study.design import sample_wells, units_by_arm
from assaykit.study.file import study_schema
from assaykit.study.inputs import InputFile, input_file, input_stamp
from assaykit.study.matching import missing_files
from assaykit.study.model import Assay, BeadLine, ControlCells, Override, Reference, ResolvedPlate, Spillover, Study
from assaykit.study.overrides import excluded_wells, fixed_by_hand, gate_overrides, on_plate, without_overrides
from assaykit.study.proposal import (
    SampleNamed,
    SampleProposal,
    positive_markers,
    proposed_columns,
    proposed_protocols,
    proposed_samples,
)
from assaykit.study.reading import read_study
from assaykit.study.stains import bare_names, marker_parts, plain_name
from assaykit.study.statistics import UNCONFIRMED
from assaykit.study.strata import of_primary_strata

__all__ = [
    "UNCONFIRMED",
    "Assay",
    "BeadLine",
    "ControlCells",
    "InputFile",
    "Override",
    "Reference",
    "ResolvedPlate",
    "SampleNamed",
    "SampleProposal",
    "Spillover",
    "Study",
    "bare_names",
    "excluded_wells",
    "fixed_by_hand",
    "gate_overrides",
    "input_file",
    "input_stamp",
    "marker_parts",
    "missing_files",
    "of_primary_strata",
    "on_plate",
    "plain_name",
    "positive_markers",
    "proposed_columns",
    "proposed_protocols",
    "proposed_samples",
    "read_study",
    "sample_wells",
    "study_schema",
    "units_by_arm",
    "without_overrides",
]

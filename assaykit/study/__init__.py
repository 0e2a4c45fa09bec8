"""The study: what a run is given, and the file it is written in."""

from __future__ import annotations

from assaykit.study.design import sample_wells, units_by_arm
from assaykit.study.file import study_schema
from assaykit.study.inputs import InputFile, file_stamp, input_file
from assaykit.study.matching import missing_files
from assaykit.study.model import Assay, Override, Reference, ResolvedPlate, Spillover, Study
from assaykit.study.overrides import excluded_wells, on_plate, without_overrides
from assaykit.study.reading import read_study
from assaykit.study.strata import of_primary_strata

__all__ = [
    "Assay",
    "InputFile",
    "Override",
    "Reference",
    "ResolvedPlate",
    "Spillover",
    "Study",
    "excluded_wells",
    "file_stamp",
    "input_file",
    "missing_files",
    "of_primary_strata",
    "on_plate",
    "read_study",
    "sample_wells",
    "study_schema",
    "units_by_arm",
    "without_overrides",
]

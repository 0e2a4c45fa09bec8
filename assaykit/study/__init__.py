"""The study: what a run is given, and the file it is written in."""

from __future__ import annotations

from assaykit.study.file import study_schema
from assaykit.study.inputs import InputFile, input_file, stamp_of
from assaykit.study.matching import missing_files
from assaykit.study.model import Assay, Override, Reference, Resolved, Study
from assaykit.study.overrides import excluded_wells, without_overrides
from assaykit.study.reading import read_study
from assaykit.study.strata import of_primary_strata

__all__ = [
    "Assay",
    "InputFile",
    "Override",
    "Reference",
    "Resolved",
    "Study",
    "excluded_wells",
    "input_file",
    "missing_files",
    "of_primary_strata",
    "read_study",
    "stamp_of",
    "study_schema",
    "without_overrides",
]

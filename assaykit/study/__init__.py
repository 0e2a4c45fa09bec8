"""The study: what a run is given, and the file it is written in."""

from __future__ import annotations

from assaykit.study.file import study_schema
from assaykit.study.matching import missing_files
from assaykit.study.model import CONTEXTS, Assay, Reference, Resolved, Study
from assaykit.study.reading import read_study

__all__ = ["CONTEXTS", "Assay", "Reference", "Resolved", "Study", "missing_files", "read_study", "study_schema"]

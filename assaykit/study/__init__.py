"""The study: what a run is given, and the file it is written in."""

from __future__ import annotations

from assaykit.study.model import CONTEXTS, Assay, Reference, Resolved, Study
from assaykit.study.reading import read_study

__all__ = ["CONTEXTS", "Assay", "Reference", "Resolved", "Study", "read_study"]

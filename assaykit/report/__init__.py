"""The report: Results in, one self-contained HTML page, the methods and a workbook out."""

from __future__ import annotations

from assaykit.report.methods import methods_markdown
from assaykit.report.page import write_report, write_report_folder
from assaykit.report.words import Headline, families, strongest, verdict_counts
from assaykit.report.workbook import write_workbook

__all__ = [
    "Headline",
    "families",
    "methods_markdown",
    "strongest",
    "verdict_counts",
    "write_report",
    "write_report_folder",
    "write_workbook",
]

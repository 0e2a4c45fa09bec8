"""Figures for papers and for the report: functions of tables that return matplotlib figures and save nothing."""

from __future__ import annotations

from assaykit.figures.atlas import DRAWINGS, FIGURES, Drawing, drawings
from assaykit.figures.ledger_atlas import ledger_drawings
from assaykit.figures.press import Printed, Undrawn, print_all, write_figures, write_printed
from assaykit.figures.styles import STYLES, Style, figure_bytes, style_named

__all__ = [
    "DRAWINGS",
    "FIGURES",
    "STYLES",
    "Drawing",
    "Printed",
    "Style",
    "Undrawn",
    "drawings",
    "figure_bytes",
    "ledger_drawings",
    "print_all",
    "style_named",
    "write_figures",
    "write_printed",
]

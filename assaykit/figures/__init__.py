"""Figures for papers and for the report: functions of tables that return matplotlib figures and save nothing."""

from __future__ import annotations

from assaykit.figures.atlas import FIGURES, Drawing, drawings
from assaykit.figures.ledger_atlas import ledger_drawings
from assaykit.figures.rendering import FigureFailure, RenderedFigure, render_all, write_figures, write_rendered
from assaykit.figures.styles import STYLES, Style, figure_bytes, style_named

__all__ = [
    "FIGURES",
    "STYLES",
    "Drawing",
    "FigureFailure",
    "RenderedFigure",
    "Style",
    "drawings",
    "figure_bytes",
    "ledger_drawings",
    "render_all",
    "style_named",
    "write_figures",
    "write_rendered",
]

"""Figures for papers and for the report: functions of tables that return matplotlib figures and save nothing."""

from __future__ import annotations

from assaykit.figures.atlas import FIGURES, Drawing, drawings, write_figures
from assaykit.figures.styles import STYLES, Style, figure_bytes, style_named

__all__ = ["FIGURES", "STYLES", "Drawing", "Style", "drawings", "figure_bytes", "style_named", "write_figures"]

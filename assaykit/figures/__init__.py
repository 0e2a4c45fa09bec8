"""Figures for papers and for the report: functions of tables that return matplotlib figures and save nothing."""

from __future__ import annotations

from assaykit.figures.atlas import DRAWINGS, FIGURES, Drawing, drawings
from assaykit.figures.captions import reason_sentence
from assaykit.figures.conditions import context_words, endpoint_words, place_words, shown
from assaykit.figures.evidence import by_family
from assaykit.figures.forest import KIND_WORDS, contrast_words
from assaykit.figures.ledger import cumulative_forest, ledger_matrix
from assaykit.figures.ledger_atlas import ledger_drawings
from assaykit.figures.numbers import df_text, is_ratio, limits_text, number_text, p_text
from assaykit.figures.rendering import FigureFailure, RenderedFigure, render_all, write_figures, write_rendered
from assaykit.figures.styles import STYLES, Style, figure_bytes, style_named

__all__ = [
    "DRAWINGS",
    "FIGURES",
    "KIND_WORDS",
    "STYLES",
    "Drawing",
    "FigureFailure",
    "RenderedFigure",
    "Style",
    "by_family",
    "context_words",
    "contrast_words",
    "cumulative_forest",
    "df_text",
    "drawings",
    "endpoint_words",
    "figure_bytes",
    "is_ratio",
    "ledger_drawings",
    "ledger_matrix",
    "limits_text",
    "number_text",
    "p_text",
    "place_words",
    "reason_sentence",
    "render_all",
    "shown",
    "style_named",
    "write_figures",
    "write_rendered",
]

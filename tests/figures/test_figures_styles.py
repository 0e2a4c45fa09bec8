"""What journals ask is what the figures have."""

from __future__ import annotations

import matplotlib as mpl
import pytest
from matplotlib.text import Text

from assaykit.errors import InputError
from assaykit.figures import FIGURES, STYLES, figure_bytes, style_named

MM = 25.4


def test_every_drawing_names_a_function_of_the_family(listed):
    assert {drawing.figure for drawing in listed.values()} <= set(FIGURES)
    assert len(listed) >= 12


@pytest.mark.parametrize("style", STYLES.values(), ids=list(STYLES))
def test_figures_are_as_wide_as_the_journal_allows_and_no_higher(listed, style):
    for drawing in listed.values():
        width, height = (inch * MM for inch in drawing.draw(style).get_size_inches())
        assert width <= style.double + 1e-6, drawing.name
        assert height <= style.tallest + 1e-6, drawing.name


@pytest.mark.parametrize(("name", "least", "most"), [("nature", 5, 7), ("cell", 6, 8)])
def test_type_is_neither_smaller_nor_larger_than_the_journal_allows(listed, name, least, most):
    for drawing in listed.values():
        sizes = {t.get_fontsize() for t in drawing.draw(STYLES[name]).findobj(Text) if t.get_text() and t.get_visible()}
        assert least <= min(sizes), drawing.name
        assert max(sizes) <= most, drawing.name


def test_drawing_leaves_no_trace_in_matplotlib(listed):
    from matplotlib import pyplot

    before = dict(mpl.rcParams)
    for drawing in listed.values():
        figure_bytes(drawing.draw(STYLES["nature"]), STYLES["nature"], "svg")
    assert dict(mpl.rcParams) == before
    assert pyplot.get_fignums() == []


def test_there_are_no_gridlines(listed):
    for drawing in listed.values():
        for axes in drawing.draw(STYLES["nature"]).axes:
            lines = [*axes.get_xgridlines(), *axes.get_ygridlines()]
            assert not any(line.get_visible() for line in lines), drawing.name


@pytest.mark.parametrize("file_format", ["svg", "pdf", "png"])
def test_the_same_tables_give_the_same_bytes(listed, file_format):
    style = STYLES["nature"]
    drawing = listed["endpoint_cxcr4_surface_cxcr4_dmfi"]
    assert figure_bytes(drawing.draw(style), style, file_format) == figure_bytes(
        drawing.draw(style), style, file_format
    )


def test_text_stays_text_in_svg_and_fonts_are_embedded_whole_in_pdf(listed):
    style = STYLES["nature"]
    figure = listed["evidence_forest"].draw(style)
    assert b">imatinib raises surface CXCR4 on CML cells</text>" in figure_bytes(figure, style, "svg")
    pdf = figure_bytes(figure, style, "pdf")
    assert b"/CIDFontType2" in pdf or b"/TrueType" in pdf
    assert b"/Type3" not in pdf


def test_an_unknown_style_is_refused_with_the_known_ones():
    with pytest.raises(InputError, match="nature, cell, screen"):
        style_named("science")

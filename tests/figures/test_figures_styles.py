"""What journals ask is what the figures have."""

from __future__ import annotations

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
from matplotlib.text import Text

from assaykit.errors import InputError
from assaykit.figures import FIGURES, STYLES, figure_bytes, style_named

MM = 25.4


def test_every_drawing_names_a_function_of_the_family(listed):
    assert {drawing.figure for drawing in listed.values()} <= set(FIGURES)
    assert len(listed) >= 12


@pytest.fixture(scope="module")
def drawn(listed):
    return {name: {d.name: d.draw(STYLES[name]) for d in listed.values()} for name in ("nature", "cell")}


@pytest.mark.parametrize("name", ["nature", "cell"])
def test_figures_are_as_wide_as_the_journal_allows_and_no_higher(drawn, name):
    for title, figure in drawn[name].items():
        width, height = (inch * MM for inch in figure.get_size_inches())
        assert width <= STYLES[name].double + 1e-6, title
        assert height <= STYLES[name].tallest + 1e-6, title


@pytest.mark.parametrize(("name", "least", "most"), [("nature", 5, 7), ("cell", 6, 8)])
def test_type_is_neither_smaller_nor_larger_than_the_journal_allows(drawn, name, least, most):
    for title, figure in drawn[name].items():
        sizes = {t.get_fontsize() for t in figure.findobj(Text) if t.get_text() and t.get_visible()}
        assert least <= min(sizes), title
        assert max(sizes) <= most, title


def test_there_are_no_gridlines(drawn):
    for title, figure in drawn["nature"].items():
        lines = [line for axes in figure.axes for line in (*axes.get_xgridlines(), *axes.get_ygridlines())]
        assert not any(line.get_visible() for line in lines), title


def test_drawing_leaves_no_trace_in_matplotlib(listed):
    before = dict(mpl.rcParams)
    figure_bytes(listed["endpoint_annexin_apoptosis_apoptosis"].draw(STYLES["screen"]), STYLES["screen"], "svg")
    assert dict(mpl.rcParams) == before
    assert plt.get_fignums() == []


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

"""What journals ask of a figure: widths, type sizes, fonts and line weights, as frozen values.

nature   89 or 183 mm wide, at most 170 mm high, 5-7 pt sans serif (Nature's guide to preparing final artwork)
cell     85 or 174 mm wide, type of 6 pt or more (Cell Press' figure guidelines)
screen   for the report: wider, larger type

The face is our own subset of Liberation Sans, as wide as Arial letter by letter: figures are the same on every
machine, and a program without it shows Helvetica or Arial. Text stays text in every format (Type 42 in PDF, `<text>`
in SVG), there are no gridlines, and the same tables give the same bytes: no dates, identifiers salted with a constant.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, wraps
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from assaykit.errors import InputError

MM = 1 / 25.4
Format = Literal["pdf", "svg", "png"]
FORMATS: tuple[Format, ...] = ("pdf", "svg", "png")
_METADATA: dict[str, dict[str, Any]] = {
    "pdf": {"CreationDate": None, "ModDate": None, "Producer": "matplotlib", "Creator": "assaykit"},
    "svg": {"Date": None, "Creator": "assaykit"},
    "png": {"Software": "assaykit"},
}


@dataclass(frozen=True, slots=True)
class Style:
    """Sizes of one house style: widths and heights in mm, type and lines in points."""

    name: str
    single: float
    double: float
    tallest: float
    text: float
    small: float
    heading: float
    line: float = 0.5
    dpi: int = 300

    @property
    def row(self) -> float:
        """The height in mm that one row of text needs."""
        return self.text * 0.58

    @property
    def settings(self) -> Any:
        """Return matplotlib's settings for this style."""
        return {
            **dict.fromkeys(("font.size", "axes.labelsize", "legend.fontsize", "axes.titlesize"), self.text),
            **dict.fromkeys(("xtick.labelsize", "ytick.labelsize"), self.small),
            **{f"{axis}tick.{key}": value for axis in "xy" for key, value in self._ticks.items()},
            "font.family": "sans-serif",
            "font.sans-serif": ["Assaykit Sans", "Helvetica", "Arial", "Liberation Sans", "DejaVu Sans"],
            "text.parse_math": False,  # a donor called $7 is no formula, and no figure of ours has one
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.linewidth": self.line,
            "axes.labelpad": 2,
            "axes.grid": False,
            "lines.linewidth": self.line * 1.5,
            "patch.linewidth": self.line,
            "hatch.linewidth": self.line,
            "legend.frameon": False,
            "pdf.fonttype": 42,
            "svg.fonttype": "none",
            "svg.hashsalt": "assaykit",
            "path.simplify": True,
        }

    @property
    def _ticks(self) -> dict[str, float]:
        return {
            "major.width": self.line,
            "minor.width": self.line * 0.7,
            "major.size": 2,
            "minor.size": 1.2,
            "major.pad": 1.5,
        }


STYLES: dict[str, Style] = {
    "nature": Style("nature", single=89, double=183, tallest=170, text=6, small=5, heading=7),
    "cell": Style("cell", single=85, double=174, tallest=225, text=6.5, small=6, heading=7.5),
    "screen": Style("screen", single=118, double=236, tallest=300, text=8, small=7.2, heading=9, line=0.7, dpi=200),
}


def style_named(name: str) -> Style:
    """Return the style of that name.

    Raises InputError where there is none.

    >>> style_named("nature").double
    183
    """
    if name not in STYLES:
        known = ", ".join(STYLES)
        raise InputError("a figure style must be a known one", repr(name), "--style", f"choose one of: {known}")
    return STYLES[name]


def in_style(draw: Callable[..., Figure]) -> Callable[..., Figure]:
    """Return `draw` run under the settings of its `style`, which are gone again afterwards."""

    @wraps(draw)
    def drawn(*tables: Any, style: Style, **words: Any) -> Figure:
        _add_fonts()
        with mpl.rc_context(style.settings):
            return draw(*tables, style=style, **words)

    return drawn


@cache
def _add_fonts() -> None:
    """Make the package's fonts known to matplotlib, once per process."""
    for path in sorted((Path(__file__).parent / "fonts").glob("*.ttf")):
        font_manager.fontManager.addfont(path)


def canvas(width: float, height: float) -> Figure:
    """Return an empty figure of that many mm, known to no pyplot."""
    return Figure(figsize=(width * MM, height * MM))


def axes_at(figure: Figure, left: float, top: float, size: tuple[float, float], **words: Any) -> Axes:
    """Return axes whose top left corner lies `left` and `top` mm from that of the figure, `size` mm (width, height)."""
    width, height = (inch / MM for inch in figure.get_size_inches())
    bottom = 1 - (top + size[1]) / height
    axes: Axes = figure.add_axes((left / width, bottom, size[0] / width, size[1] / height), **words)
    return axes


def text_at(figure: Figure, left: float, top: float, words: str, **options: Any) -> None:
    """Write `words` with their top left corner `left` and `top` mm from that of the figure."""
    width, height = (inch / MM for inch in figure.get_size_inches())
    figure.text(left / width, 1 - top / height, words, **({"va": "top", "ha": "left"} | options))


def room(width: float, style: Style) -> int:
    """Return how many letters of the style's small type fit `width` mm; a letter is 0.48 of its size on average.

    >>> room(84, STYLES["nature"])
    99
    """
    return int(width / (style.small * 0.3528 * 0.48))


def short(text: str, most: int) -> str:
    """Return the text, cut at a word with an ellipsis where it is longer than `most` characters.

    >>> short("imatinib raises surface CXCR4", 20)
    'imatinib raises …'
    """
    return text if len(text) <= most else text[: most - 1].rsplit(" ", 1)[0] + " …"


def figure_bytes(figure: Figure, style: Style, file_format: Format) -> bytes:
    """Return the figure as the bytes of a PDF, SVG or PNG file; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    _add_fonts()
    with mpl.rc_context(style.settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)  # drawn as a box; text in the SVG
        options: dict[str, Any] = {"pil_kwargs": {"compress_level": 2}} if file_format == "png" else {}
        figure.savefig(buffer, format=file_format, dpi=style.dpi, metadata=_METADATA[file_format], **options)
    return _SEEN_BY_XML.sub(b"", buffer.getvalue()) if file_format == "svg" else buffer.getvalue()


_SEEN_BY_XML = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")  # no XML may hold these; a label written by a caller may

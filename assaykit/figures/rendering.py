"""The press: drawings in, bytes of files out, one figure per task so that a pool can share them.

A figure that cannot be drawn is told, and costs itself alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

from assaykit.errors import InputError
from assaykit.escaping import one_line
from assaykit.figures.atlas import Drawing, drawings
from assaykit.figures.styles import FORMATS, Format, figure_bytes, style_named
from assaykit.results import Results


@dataclass(frozen=True, slots=True)
class RenderedFigure:
    """One figure in one format."""

    name: str
    format: Format
    content: bytes


@dataclass(frozen=True, slots=True)
class FigureFailure:
    """One figure that could not be drawn, and why."""

    name: str
    title: str
    reason: str


DRAWING_ERRORS = (
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What matplotlib, seaborn and NumPy raise of numbers or words they cannot draw; there is no common kind of theirs."""


def render_all(
    drawings: Sequence[Drawing],
    *,
    style: str = "nature",
    formats: Sequence[Format] = FORMATS,
    executor: Executor | None = None,
) -> tuple[list[RenderedFigure], list[FigureFailure]]:
    """Return every drawing in every format, in order, and those that could not be drawn.

    The same tables give the same bytes, whoever draws.
    """
    style_named(style)
    tasks = [(drawing, style, tuple(formats)) for drawing in drawings]
    answers = list(map(_render, tasks) if executor is None else executor.map(_render, tasks))
    printed = [item for answer in answers if isinstance(answer, list) for item in answer]
    return printed, [answer for answer in answers if isinstance(answer, FigureFailure)]


def _render(task: tuple[Drawing, str, tuple[Format, ...]]) -> list[RenderedFigure] | FigureFailure:
    drawing, name, formats = task
    style = style_named(name)
    try:
        figure = drawing.draw(style)
        return [RenderedFigure(drawing.name, form, figure_bytes(figure, style, form)) for form in formats]
    except (InputError, *DRAWING_ERRORS) as error:
        return FigureFailure(drawing.name, drawing.title, one_line(f"{type(error).__name__}: {error}"))


def write_figures(
    results: Results, folder: Path, *, style: str = "nature", executor: Executor | None = None
) -> list[Path]:
    """Write every figure of a run that can be drawn to `folder` as PDF, SVG and PNG, and return the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    printed, _ = render_all(list(drawings(results)), style=style, executor=executor)
    return write_rendered(printed, folder)


def write_rendered(printed: Sequence[RenderedFigure], folder: Path) -> list[Path]:
    """Write what was printed to `folder` and return the paths."""
    paths = [folder / f"{item.name}.{item.format}" for item in printed]
    for path, item in zip(paths, printed, strict=True):
        path.write_bytes(item.content)
    return paths

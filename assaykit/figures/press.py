"""The press: drawings in, bytes of files out, one figure per task so that a pool can share them."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

from assaykit.figures.atlas import Drawing, drawings
from assaykit.figures.styles import FORMATS, Format, figure_bytes, style_named
from assaykit.results.model import Results


@dataclass(frozen=True, slots=True)
class Printed:
    """One figure in one format."""

    name: str
    format: Format
    content: bytes


def print_all(
    drawings: Sequence[Drawing],
    *,
    style: str = "nature",
    formats: Sequence[Format] = FORMATS,
    executor: Executor | None = None,
) -> list[Printed]:
    """Return every drawing in every format, in order; the same tables give the same bytes, whoever draws."""
    style_named(style)
    tasks = [(drawing, style, tuple(formats)) for drawing in drawings]
    answers = map(_print, tasks) if executor is None else executor.map(_print, tasks)
    return [printed for answer in answers for printed in answer]


def _print(task: tuple[Drawing, str, tuple[Format, ...]]) -> list[Printed]:
    drawing, name, formats = task
    style = style_named(name)
    figure = drawing.draw(style)
    return [Printed(drawing.name, form, figure_bytes(figure, style, form)) for form in formats]


def write_figures(
    results: Results, folder: Path, *, style: str = "nature", executor: Executor | None = None
) -> list[Path]:
    """Write every figure of a run to `folder` as PDF, SVG and PNG, and return the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    return write_printed(print_all(list(drawings(results)), style=style, executor=executor), folder)


def write_printed(printed: Sequence[Printed], folder: Path) -> list[Path]:
    """Write what was printed to `folder` and return the paths."""
    paths = [folder / f"{item.name}.{item.format}" for item in printed]
    for path, item in zip(paths, printed, strict=True):
        path.write_bytes(item.content)
    return paths

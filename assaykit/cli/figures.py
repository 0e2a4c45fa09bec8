"""`assaykit figures`: redraw the figures of a results folder in the style of a journal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def figures(
    results: Annotated[Path, typer.Argument(help="A results folder that `assaykit run` wrote.", show_default=False)],
    style: Annotated[str, typer.Option("--style", "-s", help="nature, cell or screen.")] = "nature",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for the figures; RESULTS/figures_STYLE unless named.")
    ] = None,
) -> None:
    """Redraw every figure of a results folder as PDF, SVG and PNG."""
    from assaykit.figures import style_named, write_figures
    from assaykit.results import read_results

    chosen = style_named(style)
    folder = out or results / f"figures_{chosen.name}"
    paths = write_figures(read_results(results), folder, style=chosen.name)
    typer.echo(f"{len({path.stem for path in paths})} figures in {len(paths)} files: {folder}")

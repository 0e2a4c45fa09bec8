"""`assaykit figures`: redraw the figures of a results folder, or of an evidence ledger, in the style of a journal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def figures(
    results: Annotated[
        Path, typer.Argument(help="A results folder of `assaykit run`, or an evidence ledger.", show_default=False)
    ],
    style: Annotated[str, typer.Option("--style", "-s", help="nature, cell or screen.")] = "nature",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for the figures; figures_STYLE beside them unless named.")
    ] = None,
) -> None:
    """Redraw every figure as PDF, SVG and PNG."""
    from assaykit.figures import drawings, ledger_drawings, render_all, style_named, write_rendered

    chosen = style_named(style)
    if results.is_file():
        from assaykit.evidence import read_ledger

        ledger = read_ledger(results)
        units = ledger.runs["unit"].unique()
        listed = list(ledger_drawings(ledger.verdicts, str(units[0]) if len(units) == 1 else "unit"))
    else:
        from assaykit.results import read_results

        listed = list(drawings(read_results(results)))
    folder = out or (results.parent if results.is_file() else results) / f"figures_{chosen.name}"
    folder.mkdir(parents=True, exist_ok=True)
    printed, undrawn = render_all(listed, style=chosen.name)
    paths = write_rendered(printed, folder)
    typer.echo(f"{len(listed) - len(undrawn)} figures in {len(paths)} files: {folder}")
    for figure in undrawn:
        typer.echo(f"not drawn: {figure.title} ({figure.reason})", err=True)
    if undrawn:
        raise typer.Exit(1)

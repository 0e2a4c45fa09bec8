"""`assaykit run` and `assaykit simulate`."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from assaykit.figures import Undrawn
    from assaykit.results import Results

StudyPath = Annotated[Path, typer.Argument(help="The study file, e.g. study.toml.", show_default=False)]


def run(
    study: StudyPath,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the results.")] = Path("results"),
    workers: Annotated[int, typer.Option("--workers", "-w", help="Processes; 0 takes every core.")] = 0,
    claims: Annotated[list[Path] | None, typer.Option("--claims", help="A further catalogue of claims.")] = None,
    robust: Annotated[bool, typer.Option(help="Vary units, models and gates: does each answer stand?")] = True,
    show_pseudoreplication: Annotated[
        bool, typer.Option(help="Show the wrong answer, wells counted as n, beside the right one.")
    ] = False,
    report: Annotated[bool, typer.Option(help="Write figures and report.html beside the tables.")] = True,
) -> None:
    """Analyse a study: from raw files to estimates, verdicts, figures and one report."""
    from assaykit.cli.console import plain_console

    console = plain_console(stderr=True)
    console.print(f"assaykit: reading {study}")

    from dataclasses import replace

    from assaykit.cli.progress import bars
    from assaykit.cli.summary import summary
    from assaykit.pipeline import run as run_study
    from assaykit.report import write_report_folder
    from assaykit.results import refuse_foreign, write_results
    from assaykit.study import read_study

    refuse_foreign(out)
    parsed = read_study(study)
    parsed = replace(parsed, claims=(*parsed.claims, *(path.resolve() for path in claims or ())))
    count = workers or os.cpu_count() or 1
    with bars(console) as progress, ProcessPoolExecutor(count) if count > 1 else nullcontext() as executor:
        results = run_study(
            parsed,
            executor=executor,
            progress=progress.advance,
            robust=robust,
            show_pseudoreplication=show_pseudoreplication,
        )
        undrawn: list[Undrawn] = []

        def extras(folder: Path) -> None:
            undrawn.extend(write_report_folder(results, folder, executor=executor).undrawn)

        progress.say("tables, figures and report")
        write_results(results, out, extras=extras if report else None)
    for line in summary(results, out):
        typer.echo(line)
    for figure in undrawn:
        typer.echo(f"not drawn: {figure.title} ({figure.reason})", err=True)
    raise typer.Exit(max(exit_code(results), int(bool(undrawn))))


def exit_code(results: Results) -> int:
    """Return 0 for a clean run, 1 for one done with failed wells or checks (or figures: see run)."""
    return int((results.tables["findings"]["level"] == "fail").any())

"""`assaykit run`: the whole road."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assaykit.cli.exits import Exit

if TYPE_CHECKING:
    from assaykit.figures import FigureFailure
    from assaykit.results import Results

StudyPath = Annotated[Path, typer.Argument(help="The study file, e.g. study.toml.", show_default=False)]


def run_command(
    study: StudyPath,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the results.")] = Path("results"),
    workers: Annotated[int, typer.Option("--workers", "-w", help="Processes; 0 takes every core.")] = 0,
    claims: Annotated[list[Path] | None, typer.Option("--claims", help="A further catalogue of claims.")] = None,
    robust: Annotated[bool, typer.Option(help="Vary units, models and gates: does each answer stand?")] = True,
    show_pseudoreplication: Annotated[
        bool, typer.Option(help="Show the wrong answer, wells counted as n, beside the right one.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Let the results of another study go.")] = False,
    report: Annotated[bool, typer.Option(help="Write figures and report.html beside the tables.")] = True,
) -> None:
    """Analyse a study: from raw files to estimates, verdicts, figures and one report."""
    from assaykit.cli.console import plain_console
    from assaykit.cli.pool import workers as worker_pool
    from assaykit.cli.progress import bars

    console = plain_console(stderr=True)
    console.print(f"assaykit: reading {study}")
    undrawn: list[FigureFailure] = []
    with bars(console) as progress, worker_pool(workers or os.cpu_count() or 1, progress.tell) as executor:
        from assaykit.cli.summary import summary
        from assaykit.pipeline import run as run_study
        from assaykit.report import write_report_folder
        from assaykit.results import results_folder
        from assaykit.study import input_file, read_study

        def extras(staged: Path) -> None:
            undrawn.extend(write_report_folder(results, staged, executor=executor).undrawn)

        parsed = read_study(study)
        further = [path.resolve() for path in claims or ()]
        parsed = replace(parsed, claims=(*parsed.claims, *further), inputs=(*parsed.inputs, *map(input_file, further)))
        with results_folder(out, parsed, overwrite=overwrite) as folder:
            results = run_study(
                parsed,
                executor=executor,
                progress=progress.advance,
                robust=robust,
                show_pseudoreplication=show_pseudoreplication,
            )
            progress.say("tables, figures and report")
            edited = folder.write(results, extras=extras if report else None)
    for line in summary(results, out, edited=edited):
        typer.echo(line)
    for figure in undrawn:
        typer.echo(f"not drawn: {figure.title} ({figure.reason})", err=True)
    raise typer.Exit(Exit.DONE_WITH_FAILURES if undrawn else exit_code(results))


def exit_code(results: Results) -> Exit:
    """Return the code of a run that is done: by one rule, whether any finding is a `fail`."""
    failed = (results.tables["findings"]["level"] == "fail").any()
    return Exit.DONE_WITH_FAILURES if failed else Exit.DONE

"""The commands of `assaykit`, put together."""

from __future__ import annotations

from typing import Annotated

import typer

from assaykit.cli import evidence, fcs, fct, gates, stats
from assaykit.cli.arms import compare_command
from assaykit.cli.exits import EPILOG
from assaykit.cli.figures import figures
from assaykit.cli.fit import fit
from assaykit.cli.protocols import endpoints, protocols
from assaykit.cli.run import run_command
from assaykit.cli.simulate import simulate_command
from assaykit.cli.study import check_study, drugs, init, schema

app = typer.Typer(
    name="assaykit",
    help="From the raw files of a leukaemia-niche experiment to estimates, verdicts, figures and one report.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def version(show: Annotated[bool, typer.Option("--version", help="Show the version and stop.")] = False) -> None:
    """Show the version where asked."""
    if show:
        from importlib.metadata import version as installed

        typer.echo(installed("assaykit"))
        raise typer.Exit


app.command("run", epilog=EPILOG)(run_command)
app.command("check")(check_study)
for command in (init, protocols, endpoints, drugs, schema, fit, figures):
    app.command()(command)
app.command("simulate")(simulate_command)
app.add_typer(fcs.app, name="fcs")
app.add_typer(gates.app, name="gates")
stats.app.command("compare")(compare_command)
app.add_typer(fct.app, name="fct")
app.add_typer(stats.app, name="stats")
app.add_typer(evidence.app, name="evidence")

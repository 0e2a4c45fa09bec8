"""`assaykit simulate`: write a study with a known answer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def simulate_command(
    folder: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="A new folder for the study.", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed writes the same bytes.")] = 1,
    world: Annotated[str, typer.Option(help="What is true; --list shows the worlds.")] = "reviews",
    design: Annotated[str, typer.Option(help="How many wells: whole or small.")] = "whole",
    cells: Annotated[int, typer.Option(min=50, help="Leukaemia cells per stained well.")] = 2_000,
    fault: Annotated[list[str] | None, typer.Option(help="A fault to plant; may be given again.")] = None,
    source: Annotated[
        Path | None,
        typer.Option(
            "--from", exists=True, file_okay=False, help="Plant the answer on the real FCS files of a folder."
        ),
    ] = None,
    memberships: Annotated[
        bool, typer.Option("--memberships", help="Write beside each FCS file what each of its events is.")
    ] = False,
    list_all: Annotated[bool, typer.Option("--list", help="List worlds and faults, and stop.")] = False,
) -> None:
    """Write a simulated study whose answer is known (truth.toml): to learn, to test, to plan."""
    from assaykit.simulate import DESIGNS, FAULTS, WORLDS, semi_real_study, simulate_study

    if list_all:
        for name, known in WORLDS.items():
            typer.echo(f"world {name}: {known.meaning}")
        for name, chosen in DESIGNS.items():
            typer.echo(f"design {name}: {chosen.meaning}")
        for name, planted in FAULTS.items():
            typer.echo(f"fault {name}: {planted.meaning} ({planted.assay}, experiment {planted.experiment})")
        return
    if folder is None:
        raise typer.BadParameter("name a new folder for the study, or --list what there is", param_hint="DIR")
    if source is not None and fault:
        raise typer.BadParameter(
            "faults are planted in simulated cells; leave out --fault or --from", param_hint="--fault"
        )
    if source is not None:
        path = semi_real_study(folder, source, seed=seed, world=world, cells=cells)
        typer.echo(f"Half real study written; it holds events of {source}. Run it: assaykit run {path} -o results")
        return
    path = simulate_study(
        folder, seed=seed, world=world, design=design, cells=cells, faults=fault or (), memberships=memberships
    )
    typer.echo(f"Simulated study written. Run it: assaykit run {path} -o results")

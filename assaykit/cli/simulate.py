"""`assaykit simulate`: write a study with a known answer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def simulate(
    folder: Annotated[Path, typer.Argument(help="A new folder for the study.", show_default=False)],
    seed: Annotated[int, typer.Option(help="The same seed writes the same bytes.")] = 1,
    world: Annotated[str, typer.Option(help="What is true; --list shows the worlds.")] = "reviews",
    cells: Annotated[int, typer.Option(min=50, help="Leukaemia cells per stained well.")] = 360,
    fault: Annotated[list[str] | None, typer.Option(help="A fault to plant; may be given again.")] = None,
    list_all: Annotated[bool, typer.Option("--list", help="List worlds and faults, and stop.")] = False,
) -> None:
    """Write a simulated study whose answer is known (truth.toml): to learn, to test, to plan."""
    from assaykit.simulate import FAULTS, WORLDS, simulate_study

    if list_all:
        for name, known in WORLDS.items():
            typer.echo(f"world {name}: {known.meaning}")
        for name, planted in FAULTS.items():
            typer.echo(f"fault {name}: {planted.meaning} ({planted.assay}, experiment {planted.experiment})")
        return
    path = simulate_study(folder, seed=seed, world=world, cells=cells, faults=fault or ())
    typer.echo(f"Simulated study written. Run it: assaykit run {path} -o results")

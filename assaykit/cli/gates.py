"""`assaykit gates`: gates drawn in other programs brought into a protocol, and gates of a run brought to them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from assaykit.cytometry import CountCheck

app = typer.Typer(
    help="Bring gates from FlowJo or Gating-ML into a protocol, and those of a run to other programs.",
    no_args_is_help=True,
)


@app.callback()
def gates() -> None:
    """Bring gates from FlowJo or Gating-ML into a protocol, and those of a run to other programs."""


@app.command("import")
def import_gates(
    file: Annotated[Path, typer.Argument(help="A FlowJo 10 workspace (.wsp) or a Gating-ML 2.0 file (.xml).")],
    to: Annotated[Path, typer.Option("--to", help="The protocol to write, e.g. my_protocol.toml.")],
    sample: Annotated[str, typer.Option(help="The sample of a workspace whose gates are meant.")] = "",
    group: Annotated[str, typer.Option(help="The group of a workspace whose samples' common gates are meant.")] = "",
    check: Annotated[
        Path | None, typer.Option("--check", help="A folder with the workspace's FCS files: compare FlowJo's counts.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a protocol that is there.")] = False,
) -> None:
    """Write the gates of FILE as a protocol: channels, gates, and a count and percentage for each."""
    import tomli_w

    from assaykit.cytometry import compare_counts, protocol_from_gates, read_gates, spillover_csv
    from assaykit.errors import GateError

    if to.exists() and not force:
        raise GateError(
            "the protocol to write must not be there yet", to.name, "", "choose another name, or add --force"
        )
    if check is not None and file.suffix.casefold() != ".wsp":
        raise GateError("--check must stand with a FlowJo workspace", file.name, "", "Gating-ML holds no counts")
    document = read_gates(file, sample=sample, group=group)
    imported = protocol_from_gates(document, name=to.stem)
    compared = compare_counts(file, check, sample=sample, group=group) if check is not None else None
    to.write_text(f"# Imported from {file.name}\n{tomli_w.dumps(imported.protocol)}", encoding="utf-8")
    typer.echo(f"{to}: {len(document.gates)} gates on {len(imported.protocol['channels'])} channels")
    for name, spillover in imported.matrices.items():
        to.with_name(name).write_text(spillover_csv(spillover), encoding="utf-8")
        typer.echo(f"{to.with_name(name)}: the spillover they were drawn with; keep it beside the plates or the study")
    if compared is not None:
        raise typer.Exit(_show_counts(*compared))


@app.command("export")
def export_gates(
    results: Annotated[Path, typer.Argument(help="A results folder that `assaykit run` wrote.")],
    to: Annotated[Path, typer.Option("--to", help="The Gating-ML 2.0 file to write, e.g. gates.xml.")],
    plate: Annotated[str, typer.Option(help="The plate whose gates are meant, where there are several.")] = "",
    assay: Annotated[str, typer.Option(help="The assay of the plate, where several share it.")] = "",
    well: Annotated[str, typer.Option(help="A well whose own form of the gates is meant, where it has one.")] = "",
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
) -> None:
    """Write the gates of a plate of RESULTS as Gating-ML 2.0, which FlowKit, Cytobank, flowCore and others draw."""
    from assaykit.cytometry import gates_of_study, write_gates
    from assaykit.errors import GateError
    from assaykit.results import read_results

    if to.suffix.casefold() != ".xml":
        raise GateError("gates must be written to a Gating-ML file", to.name, "", "name it so that it ends in .xml")
    if to.exists() and not force:
        raise GateError("the file to write must not be there yet", to.name, "", "choose another name, or add --force")
    gates = gates_of_study(read_results(results).study, plate=plate, assay=assay, well=well)
    write_gates(gates, to)
    typer.echo(f"{to}: {len(gates.document.gates)} gates, {len(gates.document.matrices)} spillover matrices")
    if gates.pass_through:
        typer.echo(f"not drawn, as they keep every cell of their parent here: {', '.join(gates.pass_through)}")


def _show_counts(checks: list[CountCheck], absent: list[str]) -> int:
    """Show FlowJo's counts beside ours; return 1 where any differs, or none could be compared."""
    from rich.table import Table

    from assaykit.cli.console import plain_console

    table = Table(box=None)
    for heading in ("sample", "population", "FlowJo", "assaykit", "difference", "of events"):
        table.add_column(heading, justify="left" if heading in ("sample", "population") else "right", overflow="fold")
    for row in checks:
        difference = row.assaykit_cells - row.flowjo_cells
        share = f"{100 * difference / max(row.events, 1):.3f} %" + ("" if row.agrees else "  differs")
        table.add_row(
            row.sample, row.population, f"{row.flowjo_cells:,}", f"{row.assaykit_cells:,}", f"{difference:+,}", share
        )
    console = plain_console()
    console.print(table)
    wrong = sum(not row.agrees for row in checks)
    console.print(f"{len(checks)} populations compared, {wrong} differ by more than 0.1 % of the events")
    for name in absent:
        console.print(f"not compared: no file {name} in the folder")
    return int(bool(wrong) or not checks)

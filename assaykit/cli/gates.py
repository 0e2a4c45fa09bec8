"""`assaykit gates`: gates drawn in other programs brought into a protocol."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Bring gates from FlowJo or Gating-ML into a protocol.", no_args_is_help=True)


@app.callback()
def gates() -> None:
    """Bring gates from FlowJo or Gating-ML into a protocol."""


@app.command("import")
def import_gates(
    file: Annotated[Path, typer.Argument(help="A FlowJo 10 workspace (.wsp) or a Gating-ML 2.0 file (.xml).")],
    to: Annotated[Path, typer.Option("--to", help="The protocol to write, e.g. my_protocol.toml.")],
    sample: Annotated[str, typer.Option(help="The sample of a workspace whose gates are meant.")] = "",
    force: Annotated[bool, typer.Option("--force", help="Write over a protocol that is there.")] = False,
) -> None:
    """Write the gates of FILE as a protocol: channels, gates, and a count and percentage for each."""
    import tomli_w

    from assaykit.cytometry.importing import protocol_from_gates, read_gates, spillover_csv
    from assaykit.errors import GateError

    if to.exists() and not force:
        raise GateError(
            "the protocol to write must not be there yet", to.name, "", "choose another name, or add --force"
        )
    document = read_gates(file, sample=sample)
    imported = protocol_from_gates(document, name=to.stem)
    to.write_text(f"# Imported from {file.name}\n{tomli_w.dumps(imported.protocol)}", encoding="utf-8")
    typer.echo(f"{to}: {len(document.gates)} gates on {len(imported.protocol['channels'])} channels")
    for name, spillover in imported.matrices.items():
        to.with_name(name).write_text(spillover_csv(spillover), encoding="utf-8")
        typer.echo(f"{to.with_name(name)}: the spillover they were drawn with; keep it beside the plates or the study")

"""`assaykit fct`: for users of FlowCytometryTools. Its plates and gates become a study; a run gives its plates back."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

Scaled = Annotated[
    list[str] | None, typer.Option("--hlog", help="A channel shown on hlog; the script's own need not be named.")
]
Linear = Annotated[float, typer.Option("--b", help="The parameter b of that hlog.")]

app = typer.Typer(help="Plates and gates of FlowCytometryTools: in, and back.", no_args_is_help=True)


@app.callback()
def fct() -> None:
    """Plates and gates of FlowCytometryTools: in, and back."""


@app.command("init")
def init_from_plates(
    folder: Annotated[Path, typer.Argument(help="A new folder for the study.", show_default=False)],
    plate: Annotated[
        list[Path], typer.Option("--plate", help="A folder of FCS files, a plate each; may be given again.")
    ],
    gates: Annotated[Path, typer.Option("--gates", help="The script that makes the gates (.py); it is never run.")],
    parser: Annotated[
        str, typer.Option("--parser", help="How a file names its well: name, number or read, as for FCPlate.from_dir.")
    ] = "name",
    pattern: Annotated[str, typer.Option("--pattern", help="Which files of the folders.")] = "*.fcs",
    wells: Annotated[int, typer.Option("--wells", help="Wells of a plate: 6, 12, 24, 48, 96, 384 or 1536.")] = 96,
    hlog: Scaled = None,
    b: Linear = 500.0,
) -> None:
    """Write a study of the plates and gates: a layout to fill in for every plate, and the gates as a protocol."""
    from assaykit.errors import LayoutError
    from assaykit.fcs import read_fcs_header
    from assaykit.interop import Hlog, plate_from_fc_plate, read_fc_gates, read_fc_plate, write_fc_study
    from assaykit.plate import SIZES

    if wells not in SIZES:
        must, sizes = "a plate must have a standard number of wells", ", ".join(map(str, SIZES))
        raise LayoutError(must, str(wells), "--wells", f"write one of {sizes}")
    plates = [read_fc_plate(one, parser=parser, pattern=pattern, shape=SIZES[wells]) for one in plate]
    first = next(well.file for well in plate_from_fc_plate(plates[0]).wells if well.file is not None)
    channels = read_fcs_header(first).channels
    tops = {name: channel.range for channel in channels for name in (channel.name, channel.stain) if channel.range > 0}
    scales = {name: Hlog(b=b, **({"top": tops[name]} if name in tops else {})) for name in hlog or ()}
    document = read_fc_gates(gates, hlog=scales, tops=tops)
    for path in write_fc_study(folder, plates, document):
        typer.echo(f"written: {path}")
    typer.echo(f"Write treatments and experiments into the layouts, then: assaykit run {folder / 'study.toml'}")


@app.command("gates")
def import_script(
    script: Annotated[Path, typer.Argument(help="The script that makes the gates (.py); it is never run.")],
    to: Annotated[Path, typer.Option("--to", help="The protocol to write, e.g. my_protocol.toml.")],
    hlog: Scaled = None,
    b: Linear = 500.0,
    force: Annotated[bool, typer.Option("--force", help="Write over a protocol that is there.")] = False,
) -> None:
    """Write the gates of SCRIPT as a protocol: channels, gates, and what is read of each population."""
    from assaykit.errors import GateError
    from assaykit.interop import Hlog, protocol_text_from_fc_gates, read_fc_gates

    if to.exists() and not force:
        remedy = "choose another name, or add --force"
        raise GateError("the protocol to write must not be there yet", to.name, "", remedy)
    document = read_fc_gates(script, hlog={name: Hlog(b=b) for name in hlog or ()})
    to.write_text(protocol_text_from_fc_gates(document, name=to.stem), encoding="utf-8")
    typer.echo(f"{to}: {len(document.gates)} gates")


@app.command("plate")
def show_plate(
    results: Annotated[Path, typer.Argument(help="A results folder of `assaykit run`.", show_default=False)],
    plate: Annotated[str, typer.Argument(help="The plate, by its name.", show_default=False)],
    population: Annotated[str, typer.Option("--population", help="The cells shown: a gate's name, or all.")] = "all",
    assay: Annotated[str, typer.Option("--assay", help="The assay, where several have the plate.")] = "",
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Draw FCPlate.plot to this file: .pdf, .svg or .png.")
    ] = None,
    channels: Annotated[
        list[str] | None, typer.Option("--channel", help="A channel to draw, by its name in the files; one or two.")
    ] = None,
    hlog: Scaled = None,
    b: Linear = 500.0,
) -> None:
    """Show a plate of a run as the FCPlate it gives back: the cells of a population, well by well."""
    from assaykit.errors import GateError
    from assaykit.interop import fc_plate_from_results
    from assaykit.results import read_results

    back = fc_plate_from_results(read_results(results), plate, population=population, assay=assay)
    _show_counts(back, population)
    if plot is None:
        return
    known = next(iter(back.values())).channel_names
    if not 1 <= len(channels or ()) <= 2 or not {*(channels or ()), *(hlog or ())} <= set(known):
        found, remedy = ", ".join((*(channels or ()), *(hlog or ()))), f"name one or two of {', '.join(known)}"
        raise GateError("a plate must be drawn by channels it has, one or two", found, plate, remedy)
    if not sum(back.counts(output_format="dict").values()):
        raise GateError("a population must have cells to be drawn", "none in any well", population)
    _plot(back, channels or [], plot, hlog=hlog or [], b=b)
    typer.echo(f"written: {plot}")


def _show_counts(plate: Any, population: str) -> None:
    """Print how many cells FlowCytometryTools counts in each well, rows and columns as on the plate."""
    from rich.table import Table

    from assaykit.cli.console import plain_console

    counts = {plate.get_positions()[key]: n for key, n in plate.counts(output_format="dict").items()}
    rows = [row for row in plate.row_labels if any(place[0] == row for place in counts)]
    columns = [column for column in plate.col_labels if any(place[1] == column for place in counts)]
    table = Table(box=None)
    for heading in ("", *map(str, columns)):
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(str(row), *(f"{counts[row, column]:,}" if (row, column) in counts else "" for column in columns))
    console = plain_console()
    console.print(f"{plate.ID}: cells in {population}")
    console.print(table)


def _plot(plate: Any, channels: Sequence[str], path: Path, *, hlog: Sequence[str], b: float) -> None:
    """Draw the plate as FlowCytometryTools does."""
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt

    for well in [well for well, one in plate.items() if not len(one.data)]:
        del plate[well]  # it draws no well without cells, and stops at one
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of FlowCytometryTools' own calls, which are of another day
        if hlog:  # well by well: for a whole plate its spline meets numbers it does not know
            plate.update({well: one.transform("hlog", channels=list(hlog), b=b) for well, one in plate.items()})
        plate.plot(list(channels))
    plt.gcf().savefig(path, bbox_inches="tight")

"""`assaykit fcs`: what FCS files hold, whether they can be read, what was mended; the same as CSV, Parquet or FCS."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from assaykit.fcs import Events, Header, Repair

app = typer.Typer(help="Look into, check and convert FCS files.", no_args_is_help=True)

Files = Annotated[list[Path], typer.Argument(help="FCS files.", metavar="FILE...")]
_SUFFIXES = {".fcs", ".lmd", ".facs"}
_SPILLOVER = ("$SPILLOVER", "SPILL", "SPILLOVER", "$COMP", "COMP")


class Format(StrEnum):
    """What a file can be converted to."""

    CSV = "csv"
    PARQUET = "parquet"
    FCS = "fcs"


@app.command()
def info(files: Files) -> None:
    """Show what each file holds: version, cytometer, date, events, channels, spillover, and what had to be mended."""
    from assaykit.fcs import datasets

    console = _console()
    for path in files:
        headers = datasets(path)
        for header in headers:
            console.rule(f"{path.name}" + (f", data set {header.dataset}" if len(headers) > 1 else ""), align="left")
            for part in _description(header):
                console.print(part)


@app.command()
def check(
    folder: Annotated[Path, typer.Argument(help="A folder, searched with its folders, or one file.", metavar="DIR")],
) -> None:
    """Read every FCS file below DIR: one line each, and exit code 1 where one cannot be read."""
    console, failed, count = _console(), 0, 0
    for path in _fcs_files(folder):
        count += 1
        shown = path.relative_to(folder) if path != folder else path
        mark, line = _verdict(path)
        failed += mark == "FAIL"
        console.print(f"{mark:<8} {shown}: {line}", markup=False, highlight=False, soft_wrap=True)
    console.print(f"{count} files, {failed} cannot be read", markup=False)
    if not count:
        raise typer.BadParameter(f"{folder} holds no FCS file", param_hint="DIR")
    if failed:
        raise typer.Exit(1)


@app.command()
def convert(
    files: Files,
    to: Annotated[Format, typer.Option("--to", help="The format to write.")],
    out: Annotated[Path, typer.Option("--out", help="The folder to write to.")] = Path(),
    stored: Annotated[
        bool, typer.Option("--stored", help="Write stored values: amplifiers and gains not undone.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Write over files of that name.")] = False,
) -> None:
    """Write the events of each file as CSV, Parquet or FCS 3.1, one file per data set."""
    from assaykit.fcs import datasets, read_fcs

    console = _console()
    for path in files:
        headers = datasets(path)
        for header in headers:
            number = f"_{header.dataset}" if len(headers) > 1 else ""
            target = _free(out / f"{path.stem}{number}.{to.value}", path, force=force)
            events = read_fcs(path, dataset=header.dataset, scale=not stored)
            _write(events, target, to)
            written = f"{target}: {len(events)} events, {len(events.channels)} channels"
            console.print(written, markup=False, soft_wrap=True)
            _print_repairs(console, events.repairs)


@app.command()
def repairs() -> None:
    """List every repair the reader can make: what was wrong in the file, and what is done about it."""
    from rich.table import Table

    from assaykit.fcs import REPAIRS

    table = Table(box=None, pad_edge=False)
    for heading in ("repair", "what was wrong", "what is done"):
        table.add_column(heading, overflow="fold", no_wrap=heading == "repair")
    for name, remedy in REPAIRS.items():
        table.add_row(name, remedy.fault, remedy.action)
    _console().print(table)


def _console() -> Console:
    from rich.console import Console

    return Console()


def _description(header: Header) -> Iterator[RenderableType]:
    """Yield the facts, the channels and the repairs of one data set."""
    from rich.table import Table

    facts = Table(box=None, show_header=False, pad_edge=False)
    for name, value in _facts(header):
        facts.add_row(name, value)
    yield facts
    table = Table(box=None, pad_edge=False)
    for heading in ("n", "$PnN", "$PnS", "$PnR", "bits", "gain", "amplifier", "voltage"):
        table.add_column(heading, justify="left" if heading in {"$PnN", "$PnS", "amplifier"} else "right")
    for channel in header.channels:
        log = f"log {channel.log_decades:g},{channel.log_offset:g}" if channel.log_decades else "linear"
        voltage = "" if channel.voltage is None else f"{channel.voltage:g}"
        cells = (channel.index, channel.name, channel.stain, f"{channel.range:.10g}", channel.bits, f"{channel.gain:g}")
        table.add_row(*map(_plain, cells), log, voltage)
    yield table
    for repair in header.repairs:
        yield _plain(_repair_line(repair))


def _facts(header: Header) -> Iterator[tuple[str, str]]:
    words = header.keywords
    kinds = "".join(sorted({field.kind for field in header.layout.fields}))
    yield "version", header.version
    yield "cytometer", _plain(words.get("$CYT", "not said"))
    yield "date", _plain(" ".join(words.get(key, "") for key in ("$DATE", "$BTIM", "$ETIM")).strip() or "not said")
    yield "events", f"{header.events:,}"
    yield "data", f"$DATATYPE {kinds}, $BYTEORD {','.join(map(str, header.layout.order))}"
    yield "spillover", _plain(_spillover(header))


def _spillover(header: Header) -> str:
    for key in _SPILLOVER:
        if key in header.keywords:
            parts = header.keywords[key].split(",")
            size = int(parts[0]) if parts[0].strip().isdigit() else 0
            return f"{key}: {size} channels, {', '.join(parts[1 : size + 1])}" if size else f"{key} is present"
    return "none"


def _plain(value: object) -> str:
    from rich.markup import escape

    return escape("".join(sign if sign.isprintable() else "?" for sign in str(value)))


def _repair_line(repair: Repair) -> str:
    return f"repair {repair.name}: {repair.found} ({repair.where}); {repair.done}"


def _print_repairs(console: Console, made: Sequence[Repair]) -> None:
    for repair in made:
        console.print(f"  {_plain(_repair_line(repair))}", highlight=False, soft_wrap=True)


def _fcs_files(folder: Path) -> Iterator[Path]:
    """Yield the files named like FCS files, and those that open like one, as old FACS files have any name."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else [folder]
    for path in paths:
        if path.suffix.lower() in _SUFFIXES or path == folder or _opens_like_fcs(path):
            yield path


def _opens_like_fcs(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            head = stream.read(6)
    except OSError:
        return False
    return head[:3] == b"FCS" and head[4:5] == b"."


def _verdict(path: Path) -> tuple[str, str]:
    """Return ok, repaired or FAIL, and the rest of the line."""
    from assaykit.errors import FcsError
    from assaykit.fcs import datasets, read_fcs

    try:
        read = [read_fcs(path, dataset=header.dataset, scale=False) for header in datasets(path)]
    except FcsError as error:
        return "FAIL", str(error)
    made = sorted({repair.name for events in read for repair in events.repairs} - {"data_sets_further"})
    sets = f", {len(read)} data sets" if len(read) > 1 else ""
    held = f"{read[0].version}, {len(read[0])} events, {len(read[0].channels)} channels{sets}"
    return ("repaired", f"{held}; {', '.join(made)}") if made else ("ok", held)


def _free(target: Path, source: Path, *, force: bool) -> Path:
    """Return the path to write, or refuse to write over a file, and ever over the one being read."""
    if target.exists() and (not force or target.samefile(source)):
        raise typer.BadParameter(f"{target} exists; choose another folder with --out, or --force", param_hint="--out")
    target.parent.mkdir(parents=True, exist_ok=True)
    return target


def _write(events: Events, target: Path, to: Format) -> None:
    from assaykit.fcs import write_fcs

    if to is Format.FCS:
        write_fcs(events, target)
        return
    import pandas as pd

    frame = pd.DataFrame(events.values, columns=_unique_names(events.names))
    if to is Format.CSV:
        frame.to_csv(target, index=False)
    else:
        frame.to_parquet(target, index=False)


def _unique_names(names: Sequence[str]) -> list[str]:
    """Return the names, a repeated one followed by its number: A, A (2).

    >>> _unique_names(["A", "B", "A"])
    ['A', 'B', 'A (2)']
    """
    seen: dict[str, int] = {}
    unique = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        unique.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return unique

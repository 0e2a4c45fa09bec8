"""`assaykit fcs`: what FCS files hold, whether they can be read, what was mended; the same as CSV, Parquet or FCS."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
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
    """Show what each file holds: version, cytometer, date, events, channels, spillover, and what had to be mended.

    A file that cannot be read is told and the others are shown: exit code 1, or 2 where none can be read.
    """
    from assaykit.errors import FcsError
    from assaykit.fcs import datasets

    console, failed = _console(), 0
    for path in files:
        try:
            headers = datasets(path)
        except FcsError as error:
            failed += 1
            _print_error(error)
            continue
        for header in headers:
            title = f"{path.name}" + (f", data set {header.dataset}" if len(headers) > 1 else "")
            console.rule(_plain(title), align="left")
            for part in _description(header):
                console.print(part)
    _exit(failed, len(files))


@app.command("check")
def check_files(
    folder: Annotated[Path, typer.Argument(help="A folder, searched with its folders, or one file.", metavar="DIR")],
) -> None:
    """Read every FCS file below DIR: one line each, and exit code 1 where one cannot be read."""
    console, failed, count = _console(), 0, 0
    for path in _fcs_files(folder):
        count += 1
        shown = path.relative_to(folder) if path != folder else path
        mark, line = _verdict(path)
        failed += mark == "FAIL"
        console.print(_printable(f"{mark:<8} {shown}: {line}"), markup=False, highlight=False, soft_wrap=True)
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
    """Write the events of each file as CSV, Parquet or FCS 3.1, one file per data set.

    A file that cannot be read or written is told and the others are converted: exit code 1, or 2 where none is. Every
    file written is complete, and none takes the place of another written by the same call.
    """
    from assaykit.errors import FcsError
    from assaykit.fcs import datasets, read_fcs

    console, failed = _console(), 0
    written: dict[str, Path] = {}  # by the name as a disk that does not tell capitals would hold it
    for path in files:
        try:
            headers = datasets(path)
            for header in headers:
                number = f"_{header.dataset}" if len(headers) > 1 else ""
                target = _free_path(out / f"{path.stem}{number}.{to.value}", path, written, force=force)
                events = read_fcs(path, dataset=header.dataset, scale=not stored)
                _write(events, target, to)
                written[_casefold_name(target)] = path
                said = f"{target}: {len(events)} events, {len(events.channels)} channels"
                console.print(_printable(said), markup=False, soft_wrap=True)
                for repair in events.repairs:
                    console.print(f"  {_plain(_repair_line(repair))}", highlight=False, soft_wrap=True)
        except FcsError as error:
            failed += 1
            _print_error(error)
    _exit(failed, len(files))


@app.command()
def repairs() -> None:
    """List every repair the reader can make: what was wrong in the file, and what is done about it.

    A note could not change a value; a warning is a guess that values rest on.
    """
    from rich.table import Table

    from assaykit.fcs import REPAIRS

    table = Table(box=None, pad_edge=False)
    for heading in ("repair", "level", "what was wrong", "what is done"):
        table.add_column(heading, overflow="fold", no_wrap=heading in {"repair", "level"})
    for name, remedy in REPAIRS.items():
        table.add_row(name, remedy.level, remedy.fault, remedy.action)
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
            size = int(parts[0]) if parts[0].strip().isascii() and parts[0].strip().isdigit() else 0
            return f"{key}: {size} channels, {', '.join(parts[1 : size + 1])}" if size else f"{key} is present"
    return "none"


def _printable(value: object) -> str:
    """Return a text without letters that steer a terminal or cannot be printed.

    >>> _printable(f"a{chr(27)}[2Jb")
    'a?[2Jb'
    """
    return "".join(sign if sign.isprintable() else "?" for sign in str(value))


def _plain(value: object) -> str:
    """Return a text as it is to be shown, whatever it means to rich."""
    from rich.markup import escape

    return escape(_printable(value))


def _print_error(error: Exception) -> None:
    typer.echo(_printable(error), err=True)


def _exit(failed: int, files: int) -> None:
    """Leave with 1 where some files failed, with 2 where all did and nothing came of it."""
    if failed:
        raise typer.Exit(2 if failed == files else 1)


def _repair_line(repair: Repair) -> str:
    word = "warning" if repair.level == "warn" else "note"
    return f"{word}: repair {repair.name}: {repair.found} ({repair.where}); {repair.action}"


def _fcs_files(folder: Path) -> Iterator[Path]:
    """Yield what is named like an FCS file but folders, and files that open like one: old FACS files have any name."""
    paths = sorted(path for path in folder.rglob("*") if not path.is_dir()) if folder.is_dir() else [folder]
    for path in paths:
        if path.suffix.lower() in _SUFFIXES or path == folder or _opens_like_fcs(path):
            yield path


def _opens_like_fcs(path: Path) -> bool:
    try:
        if not path.is_file():  # a pipe would be waited for
            return False
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


def _casefold_name(path: Path) -> str:
    return os.path.normcase(path.resolve()).casefold()


def _free_path(target: Path, source: Path, written: Mapping[str, Path], *, force: bool) -> Path:
    """Return the path to write; raises FcsError rather than write over a file, and ever over one read or just written.

    `written` are the files this call has written, by folded name, with their sources.
    """
    from assaykit.errors import FcsError

    remedy = "choose another folder with --out"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        exists = os.path.lexists(target)
        if exists and not target.is_file():
            raise FcsError(
                "a file must not take the place of a folder, link or device", str(target), str(source), remedy
            )
        if (other := written.get(_casefold_name(target))) is not None:
            raise FcsError(
                "each file must have a name of its own", f"{target}, just written from {other}", str(source), remedy
            )
        if exists and (not force or target.samefile(source)):
            raise FcsError("a file must not be written over", f"{target} exists", str(source), f"{remedy}, or --force")
    except OSError as error:
        found = f"{error.strerror or error}: {target.parent}"
        raise FcsError("the folder to write to must be one", found, str(source), remedy) from error
    return target


def _write(events: Events, target: Path, to: Format) -> None:
    """Write the events beside the target and then in its place, so that it is complete or absent."""
    from assaykit.errors import FcsError
    from assaykit.fcs import write_fcs

    if to is Format.FCS:
        write_fcs(events, target)
        return
    import pandas as pd

    frame = pd.DataFrame(events.values, columns=_unique_names(events.names))
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        if to is Format.CSV:
            frame.to_csv(partial, index=False)
        else:
            frame.to_parquet(partial, index=False)
        partial.replace(target)
    except OSError as error:
        found = error.strerror or str(error)
        raise FcsError("the folder must be writable and have room", found, str(target)) from error
    finally:
        partial.unlink(missing_ok=True)


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

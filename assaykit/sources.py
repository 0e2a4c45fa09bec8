"""The door for files that people write: path -> bytes -> text -> TOML or XML, or one sentence that says why not.

Nothing is opened that is no ordinary file (a FIFO would wait for ever, a device may never end), nothing is read that is
larger than such a file ever is, and nothing is parsed whose nesting or entities would cost more than the file holds.
Every function raises the error `kind` it is given; `noun` is what messages call the file ("a study file"), `label` how
they name it.
"""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from glob import has_magic
from itertools import islice
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET
from xml.parsers import expat

from assaykit.errors import InputError

LARGEST_TABLE = 32_000_000  # bytes of a table or a workbook; one row per well of a hundred plates has a tenth
LARGEST_TOML = 4_000_000
LARGEST_XML = 64_000_000  # a FlowJo workspace of a thousand samples
DEEPEST = 100  # tables within tables, elements within elements
MOST_KEYS = 5_000  # of one table; a plate of 1536 wells has as many groups
MOST_VISITED = 100_000  # files and folders that one pattern may look at
MOST_FOUND = 10_000  # files that one pattern may mean

_TWICE = re.compile(r"Cannot (?:declare|overwrite|mutate)")
_PLACE = re.compile(r"at (?:line (\d+), column (\d+)|(end of document))")
_KEY_OF_MANY_PARTS = re.compile(rf"^[^=\"'#\n]*(?:\.[^=\"'#\n.]*){{{DEEPEST}}}", re.MULTILINE)


def is_file(path: Path) -> bool:
    """Whether an ordinary file is there; False too where the path cannot be followed (rights, length, a loop)."""
    return os.path.isfile(path)  # noqa: PTH113 - Path.is_file raises where this says no


def is_absent(path: Path) -> bool:
    """Whether nothing is there: not so for a folder, a pipe, a loop of links, or what may not be looked at."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        return False
    return False


def bytes_from_file(path: Path, noun: str, kind: type[InputError], *, label: str = "", most: int) -> bytes:
    """Return the bytes of an ordinary file of at most `most` bytes."""
    label = label or path.name
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            remedy = "give the path of a file"
            kinds = {stat.S_ISDIR: "a folder", stat.S_ISFIFO: "a pipe (FIFO)", stat.S_ISSOCK: "a socket"}
            found = next((words for asks, words in kinds.items() if asks(status.st_mode)), "a device")
            raise kind(f"{noun} must be an ordinary file", found, label, remedy)
        if status.st_size > most:
            found = f"{status.st_size / 1e6:.0f} MB"
            raise kind(f"{noun} must be smaller than {most / 1e6:.0f} MB", found, label, "is it another kind of file?")
        with path.open("rb") as stream:
            return stream.read(most + 1)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise kind(f"{noun} must exist", "no such file", label, "mend the path") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL within a path
        raise read_error(error, noun, kind, label) from error


def read_error(error: Exception, noun: str, kind: type[InputError], label: str) -> InputError:
    """Return what the operating system says against a file, as one of ours."""
    said = (getattr(error, "strerror", "") or str(error)).lower()
    remedy = "ask for the right to read it" if isinstance(error, PermissionError) else "mend the path"
    return kind(f"{noun} must be a file that can be read", said, _short(label), remedy)


def _short(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:90]} ... {text[-90:]}"


def text_from_file(path: Path, noun: str, kind: type[InputError], *, label: str = "", most: int = LARGEST_TOML) -> str:
    """Return the text of a file in UTF-8, with or without a mark."""
    data = bytes_from_file(path, noun, kind, label=label, most=most)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = data[: error.start].count(b"\n") + 1
        found = f"other bytes in row {row}"
        raise kind(f"{noun} must be UTF-8 text", found, label or path.name, "save it as UTF-8") from error


def toml_from_file(path: Path, noun: str, kind: type[InputError], *, label: str = "") -> dict[str, Any]:
    """Return the tables of a TOML file."""
    label = label or path.name
    text = text_from_file(path, noun, kind, label=label)
    try:
        if many := _KEY_OF_MANY_PARTS.search(text):
            row = text[: many.start()].count("\n") + 1
            raise kind(_must_be_flat(noun), f"a key of more parts in row {row}", label, "is it another kind of file?")
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise kind(f"{noun} must follow TOML's grammar", slip(error), label, "mend that line") from error
    except RecursionError as error:
        raise kind(_must_be_flat(noun), "more", label, "is it another kind of file?") from error
    except ValueError as error:  # a number of more digits than Python turns into one
        raise kind(f"{noun} must hold numbers that can be read", "one of too many digits", label, "mend it") from error
    for layer, values in enumerate(_layers(document)):
        if layer > DEEPEST:
            raise kind(_must_be_flat(noun), "more", label, "is it another kind of file?")
        wide = next((value for value in values if isinstance(value, Mapping) and len(value) > MOST_KEYS), None)
        if wide is not None:
            found = f"{len(wide):,}, such as {', '.join(map(str, islice(wide, 5)))}"
            raise kind(
                f"{noun} must hold at most {MOST_KEYS:,} keys in a table", found, label, "is it another kind of file?"
            )
        if any(isinstance(value, int) and abs(value) >= 2**63 for value in values):
            raise kind(f"{noun} must hold whole numbers below 2^63", "a larger one", label, "mend it")
    return document


def _must_be_flat(noun: str) -> str:
    return f"{noun} must hold at most {DEEPEST} tables or brackets within each other"


def _layers(value: Any) -> Iterator[list[Any]]:
    """Yield what lies side by side in tables within tables, outermost first."""
    layer = [value]
    while layer:
        yield layer
        layer = [
            inner
            for held in layer
            if isinstance(held, (Mapping, list))
            for inner in (held.values() if isinstance(held, Mapping) else held)
        ]


def slip(error: tomllib.TOMLDecodeError) -> str:
    """Return what is wrong with a TOML text, and where, in plain words."""
    message = str(error)
    place = _PLACE.search(message)
    where = " at the end of the file" if place is None or place[3] else f" at line {place[1]}, column {place[2]}"
    named = re.search(r"\(('[^)]*)\)", message)
    path = ".".join(re.findall(r"'([^']*)'", named[1])) if named else ""
    if _TWICE.search(message):
        return (f"[{path}] twice" if path else "a key twice") + (where if place else "")
    kinds = {
        "Invalid value": "a value without quotes, or none,",
        "Expected '='": "a line without =",
        "Unclosed": "an open bracket,",
    }
    kinds |= {"Expected ']'": "an open bracket", "Illegal character": "an open quote, or a line break in a text,"}
    return next((words for sign, words in kinds.items() if message.startswith(sign)), "a slip") + where


def xml_from_file(path: Path, noun: str, kind: type[InputError], *, label: str = "") -> ET.Element:
    """Return the root of an XML file; refused with a document type (entities), or elements nested too deep."""
    label = label or path.name
    data = bytes_from_file(path, noun, kind, label=label, most=LARGEST_XML)
    try:
        _walk(data, noun, kind, label)
        return ET.fromstring(data)  # noqa: S314 - _walk has refused document types, and with them every entity
    except (expat.ExpatError, ET.ParseError) as error:
        raise kind(f"{noun} must be XML that can be read", str(error), label, "export it again") from error
    except (ValueError, LookupError) as error:  # an encoding that Python does not know, or that is not the text's own
        raise kind(f"{noun} must be XML that can be read", "another encoding", label, "save it as UTF-8") from error


def _walk(data: bytes, noun: str, kind: type[InputError], label: str) -> None:
    """Pass over an XML text without building anything; raise at a document type and below DEEPEST elements."""
    depth = 0

    def opened(_name: str, _attributes: Mapping[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > DEEPEST:
            must = f"{noun} must hold at most {DEEPEST} elements within each other"
            raise kind(must, "more", f"{label}, row {parser.CurrentLineNumber}", "export it again")

    def closed(_name: str) -> None:
        nonlocal depth
        depth -= 1

    def typed(*_: object) -> None:
        raise kind(
            f"{noun} must be XML without a document type", "<!DOCTYPE>", label, "delete it: nothing here needs it"
        )

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler, parser.StartDoctypeDeclHandler = opened, closed, typed
    parser.Parse(data, True)  # noqa: FBT003 - expat names no arguments


class _ExhaustedError(Exception):
    """A pattern has looked at MOST_VISITED files and folders."""


def paths_from_pattern(folder: Path, pattern: str, *, ignore_case: bool = False) -> list[Path]:
    """Return the files and folders a pattern means, relative to a folder or absolute, sorted.

    `*`, `?` and `[...]` stand for text within a name, `**` for folders within folders; links to folders are not
    followed by `**`. Raises InputError for a pattern that would look through a whole disk or home, that means more than
    MOST_FOUND files, and where a folder it names may not be read.
    """
    try:
        parts = Path(pattern).parts
        start = Path(parts[0]) if parts and Path(pattern).is_absolute() else folder
        rest = parts[1:] if start is not folder else parts
        fixed = next((i for i, part in enumerate(rest) if has_magic(part)), len(rest))
        if fixed < len(rest):
            _refuse_everything(start.joinpath(*rest[:fixed]), folder, rest, pattern)
        found = set(islice(_matching(start, rest, ignore_case, iter(range(MOST_VISITED))), MOST_FOUND + 1))
    except _ExhaustedError:
        raise _too_wide(pattern, f"more than {MOST_VISITED:,} files and folders to look at") from None
    except (OSError, ValueError) as error:
        raise read_error(error, "what a pattern means", InputError, f"'{_short(pattern)}'") from error
    if len(found) > MOST_FOUND:
        raise _too_wide(pattern, f"more than {MOST_FOUND:,} files")
    return sorted(found)


def _refuse_everything(fixed: Path, folder: Path, rest: tuple[str, ...], pattern: str) -> None:
    """Raise where a pattern searches from the root or a home; `*.csv` beside a study that lies in one is no search."""
    place = Path(os.path.realpath(fixed))
    home = Path(os.path.realpath(os.path.expanduser("~")))  # noqa: PTH111 - Path.home raises where there is none
    whole = place == Path(place.anchor) or place == home or place in home.parents
    if whole and ("**" in rest or fixed != folder):
        raise _too_wide(pattern, "a search through a whole disk or home")


def _too_wide(pattern: str, found: str) -> InputError:
    remedy = "name the folder the files are in, such as plates/*.csv"
    return InputError("a pattern must mean the files of one study", found, f"'{_short(pattern)}'", remedy)


def _matching(start: Path, parts: tuple[str, ...], ignore_case: bool, visited: Iterator[int]) -> Iterator[Path]:  # noqa: FBT001 - passed on as it came
    if not parts:
        if os.path.lexists(start):
            yield start
        return
    part, rest = parts[0], parts[1:]
    if part == "**":
        yield from _matching(start, rest, ignore_case, visited) if rest else [start]
        for entry in _entries(start, visited):
            if entry.is_dir(follow_symlinks=False) and not entry.name.startswith("."):
                yield from _matching(Path(entry.path), parts, ignore_case, visited)
    elif has_magic(part) or (ignore_case and part not in ("..", ".") and not os.path.lexists(start / part)):
        wanted = part.casefold() if ignore_case else part
        for entry in _entries(start, visited):
            if fnmatchcase(entry.name.casefold() if ignore_case else entry.name, wanted):
                yield from _matching(Path(entry.path), rest, ignore_case, visited)
    else:
        yield from _matching(start / part, rest, ignore_case, visited)


def _entries(folder: Path, visited: Iterator[int]) -> Iterator[os.DirEntry[str]]:
    """Yield what a folder holds, counting; nothing where it is none, or gone meanwhile."""
    try:
        with os.scandir(folder) as entries:
            listed = list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in listed:
        if next(visited, None) is None:
            raise _ExhaustedError
        yield entry

"""The forms in which programs write a spillover matrix: FCS keywords, tables and FlowJo's XML, each to named numbers.

bytes -> `SpilloverTable` (detectors, rows in the same order, what was mended)
      -> `with_unit_diagonal` (percents divided by 100, or a refusal)
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
from numpy.typing import NDArray

from assaykit.cytometry.channels import is_fluorescence
from assaykit.errors import CompensationError, LayoutError
from assaykit.fcs import Channel
from assaykit.plate import sheets_from_file
from assaykit.sources import bytes_from_file

Matrix = NDArray[np.float64]
KEYWORDS = ("$SPILLOVER", "SPILL", "$COMP", "SPILLOVER", "COMP", "$SPILL")
REMEDY = 'set compensation to a matrix file, to "single_stain" or to "none"'
LARGEST = 4_000_000  # bytes
NEAR_ONE = 0.01
PERCENT = 100.0
MOST_SPILLOVER = 5.0
"""Off the diagonal, more than this is percent beside a diagonal of 1: no dye shines five times brighter elsewhere."""
BELOW_ZERO = 0.02
"""A slope of a real matrix may lie this far below zero by chance; light is never negative (our convention)."""


@dataclass(frozen=True, slots=True, eq=False)
class SpilloverTable:
    """A square matrix as it is written: detectors, rows in their order, and what was mended or looks doubtful."""

    detectors: tuple[str, ...]
    numbers: Matrix
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


def table_from_keywords(keywords: Mapping[str, str], channels: Sequence[Channel]) -> tuple[SpilloverTable, str] | None:
    """Return the matrix a file's keywords hold and the keyword, or None where they hold none.

    An empty keyword, a count of 0 and names without numbers are none; so is the identity over channels that the file
    does not have. FCS 2.0 writes percents pair by pair ($DFCiTOj, of the fluorescence channels in order).
    """
    for keyword in KEYWORDS:
        text = keywords.get(keyword, "").strip()
        if text:
            found = _of_one_keyword(text, keyword, channels)
            return None if found is None else (found, keyword)
    pairs = _of_pairs(keywords, channels)
    return None if pairs is None else (pairs, "$DFCiTOj")


def _of_one_keyword(text: str, keyword: str, channels: Sequence[Channel]) -> SpilloverTable | None:
    """Read `n, name 1..n, n x n numbers`; $COMP of FCS 3.0 has no names: its rows are all channels, or those of dyes.

    Names may be $PnN, $PnS or the parameter's number.
    """
    parts = [part.strip() for part in re.split(r"[,\t\n;]", text)]
    try:
        size = int(parts[0])
        unnamed = len(parts) == 1 + size * size and size > 0
        start = 1 if unnamed else 1 + size
        if size == 0 or len([part for part in parts if part]) == 1 + size:
            return None
        numbers = np.array([float(part) for part in parts[start : start + size * size]]).reshape(size, size)
    except (ValueError, IndexError, OverflowError, MemoryError) as error:
        must = f"{keyword} must hold a count n, n channel names and n x n numbers"
        raise CompensationError(must, f"{text[:60]!r}...", keyword, REMEDY) from error
    if not unnamed:
        names = tuple(channel_name(name, channels) for name in parts[1:start])
        return _without_absent(SpilloverTable(names, numbers), channels)
    dyed = [channel.name for channel in channels if is_fluorescence(channel)]
    named = {len(channels): [channel.name for channel in channels], len(dyed): dyed}.get(size)
    if named is None:
        must = f"{keyword} without channel names must have a row for every channel, or for every fluorescence channel"
        raise CompensationError(must, f"{size} rows for {len(channels)} and {len(dyed)} channels", keyword, REMEDY)
    return SpilloverTable(
        tuple(named), numbers, (f"{keyword} names no channels: its rows are taken as {', '.join(named)}",)
    )


def _of_pairs(keywords: Mapping[str, str], channels: Sequence[Channel]) -> SpilloverTable | None:
    dyed = [channel.name for channel in channels if is_fluorescence(channel)]
    places = _numbered(dyed)
    numbers = np.eye(len(dyed))
    for key, text in keywords.items():
        match = re.fullmatch(r"\$DFC(\d{1,3})TO(\d{1,3})", key.upper())
        if match is None:
            continue
        try:
            share = float(text) / PERCENT
        except ValueError as error:
            raise CompensationError(f"{key} must be a percentage", repr(text), key, REMEDY) from error
        if share == 0 or match[1] == match[2]:
            continue
        pairs = [(at[int(match[1])], at[int(match[2])]) for at in places if {int(match[1]), int(match[2])} <= at.keys()]
        if not pairs:
            found = f"{text} % in a file with the fluorescence channels {', '.join(dyed)}"
            raise CompensationError(f"{key} must name two fluorescence channels", found, key, REMEDY)
        for row, column in pairs:
            numbers[row, column] = share
    if np.array_equal(numbers, np.eye(len(dyed))):
        return None
    doubt = (
        f"$DFCiTOj is read as percent between the fluorescence channels ({', '.join(dyed)}); the file does not say "
        'whether its values are compensated already: if they are, say compensation = "none"'
    )
    return SpilloverTable(tuple(dyed), numbers, doubts=(doubt,))


def _numbered(names: Sequence[str]) -> list[dict[int, int]]:
    """Return number -> position of the channels called FL1, FL2 ..., one mapping per amplifier; else their order.

    >>> _numbered(["FL1 Log", "FL3 Log", "FL1 Lin"]), _numbered(["FITC", "PE"])
    ([{1: 0, 3: 1}, {1: 2}], [{1: 0, 2: 1}])
    """
    found: dict[str, dict[int, int]] = {}
    for position, name in enumerate(names):
        match = re.search(r"FL(\d{1,3})", name, flags=re.IGNORECASE)
        if match is None:
            return [dict(enumerate(range(len(names)), start=1))]
        found.setdefault(name.replace(match[0], ""), {})[int(match[1])] = position
    return list(found.values())


def _without_absent(matrix: SpilloverTable, channels: Sequence[Channel]) -> SpilloverTable | None:
    """Return the matrix without channels the file lacks that leak nowhere; None where none is left."""
    known = {channel.name for channel in channels}
    rest = matrix.numbers - np.eye(len(matrix.detectors))
    kept = [i for i, name in enumerate(matrix.detectors) if name in known or rest[i].any() or rest[:, i].any()]
    if not kept:
        return None
    if len(kept) == len(matrix.detectors):
        return matrix
    return replace(
        matrix, detectors=tuple(matrix.detectors[i] for i in kept), numbers=matrix.numbers[np.ix_(kept, kept)]
    )


def channel_name(name: str, channels: Sequence[Channel]) -> str:
    """Return the $PnN of a channel that a matrix calls by $PnN, $PnS or its number; the name where none is."""
    for channel in channels:
        if name in {channel.name, channel.stain} and name:
            return channel.name
    if name.isdecimal() and 1 <= int(name[:9]) <= len(channels):
        return channels[int(name[:9]) - 1].name
    return name


def table_from_file(path: Path, channels: Sequence[Channel]) -> SpilloverTable:
    """Return the matrix of a table (CSV, tab, XLSX, decimal points or commas, FlowJo's headers) or of FlowJo's XML.

    A header of detectors, then one row per dye, with or without its name first: named rows may stand in any order,
    unnamed ones in the header's. Raises CompensationError where it is no such table, or a row's name is no column's.
    """
    data = bytes_from_file(path, "a spillover matrix", CompensationError, label=str(path), most=LARGEST)
    start = data[:512].replace(b"\x00", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \r\n\t")
    if re.match(rb"<[?!A-Za-z]", start):
        return _of_xml(data, path, channels)
    try:
        sheets, _ = sheets_from_file(path, path.name)
    except LayoutError as error:
        raise _no_table(str(error), path) from error
    rows = [[_text(cell.value) if cell else "" for cell in row] for row in sheets[0].rows] if sheets else []
    rows = [row[: max(i for i, cell in enumerate(row) if cell) + 1] for row in rows if any(row)]
    return _of_rows(rows, path, channels)


def _text(value: object) -> str:
    text = str(value).strip()
    return text.replace(",", ".") if re.fullmatch(r"[+-]?\d*,\d+([eE][+-]?\d+)?", text) else text


def _no_table(found: str, path: Path) -> CompensationError:
    return CompensationError(
        "a spillover matrix must have a header of channels and one row of numbers per channel",
        found,
        str(path),
        "export the matrix again from the cytometer's software as comma-separated text",
    )


def _of_rows(rows: list[list[str]], path: Path, channels: Sequence[Channel]) -> SpilloverTable:
    # 1. The header is the first row of names above numbers: FlowJo's older text files have a name and a sign above it.
    numeric = [sum(map(_is_number, row)) for row in rows]
    head = next((i for i in range(len(rows) - 1) if not numeric[i] and numeric[i + 1]), None)
    if head is None:
        raise _no_table("no row of numbers under a row of names" if rows else "nothing", path)
    header, body = rows[head], rows[head + 1 :]
    # 2. A row's first cell is its dye where it is no number.
    named = not _is_number(body[0][0])
    if named and len(header) == len(body[0]):
        header = header[1:]
    cells = [row[1:] if named else row for row in body]
    odd = [cell for row in cells for cell in row if not _is_number(cell)]
    if odd:
        raise _no_table(f"{odd[0]!r} where a number must stand", path)
    if len({len(row) for row in cells} | {len(header)}) > 1 or len(cells) != len(header):
        raise CompensationError(
            "a spillover matrix must be square",
            f"{len(header)} channels, rows of {', '.join(sorted({str(len(row)) for row in cells}))} numbers, "
            f"{len(cells)} rows",
            str(path),
        )
    detectors = tuple(channel_name(_bare(name, channels), channels) for name in header)
    numbers = np.array([[float(cell) for cell in row] for row in cells])
    if named:
        labels = [channel_name(_bare(row[0], channels), channels) for row in body]
        if sorted(labels) != sorted(detectors):
            differing = sorted(set(labels) ^ set(detectors)) or sorted(labels)
            raise CompensationError(
                "rows and columns of a spillover matrix must name the same channels",
                f"{', '.join(differing)} in only one of them",
                str(path),
            )
        numbers = numbers[[labels.index(name) for name in detectors]]
    return SpilloverTable(detectors, numbers)


def _bare(label: str, channels: Sequence[Channel]) -> str:
    """Return `PE-A` of FlowJo's `Comp-PE-A :: CXCR4`, unless the files themselves say Comp-."""
    name = re.split(r"\s*::\s*", label, maxsplit=1)[0].strip()
    known = {channel.name for channel in channels}
    return name if name in known else re.sub(r"^Comp-", "", name)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _of_xml(data: bytes, path: Path, channels: Sequence[Channel]) -> SpilloverTable:
    """Read FlowJo's .mtx: spillover and coefficient elements of Gating-ML, or Channel and ChannelValue of old ones.

    Old ones name a document type, which is passed over; one that declares anything (entities) is refused.
    """
    where, must = str(path), "a matrix file must be XML that can be read"
    plain = re.sub(rb"<!DOCTYPE\s+\w+\s*>", b"", data, count=1)
    if b"<!DOCTYPE" in plain.replace(b"\x00", b""):
        raise CompensationError("a matrix file must be XML without a document type", "<!DOCTYPE>", where, "delete it")
    try:
        root = ET.fromstring(plain)  # noqa: S314 - no document type is left, and with it no entity
    except (ET.ParseError, ValueError, LookupError) as error:
        raise CompensationError(must, str(error), where, "export it again") from error
    table: dict[str, dict[str, str]] = {}
    for element in root.iter():
        if re.split("[}:]", element.tag)[-1] in {"spillover", "Channel"}:  # whatever its namespace
            row = {_named(child): _attribute(child, "value") for child in element}
            table[_named(element)] = {name: value for name, value in row.items() if name}
    names = list(table)
    if not names or any(set(row) != set(names) for row in table.values()):
        found = f"rows for {', '.join(names)}" if names else "none"
        raise CompensationError("a matrix file must hold a coefficient for each pair of channels", found, str(path))
    return _of_rows(
        [["", *names], *([name, *(table[name][other] for other in names)] for name in names)], path, channels
    )


def _named(element: ET.Element) -> str:
    return _attribute(element, "parameter") or _attribute(element, "name")


def _attribute(element: ET.Element, name: str) -> str:
    return next((text.strip() for key, text in element.attrib.items() if key.rpartition("}")[2] == name), "")


def with_unit_diagonal(matrix: SpilloverTable, where: str) -> SpilloverTable:
    """Return the matrix with a diagonal of 1: percents divided by 100, which a note says.

    Raises CompensationError for numbers that are none, another diagonal, percents beside a diagonal of 1, and for what
    is the inverse of a spillover matrix. A slope below zero by more than chance is a doubt.
    """
    numbers = matrix.numbers
    if not np.isfinite(numbers).all():
        raise CompensationError("a spillover matrix must hold numbers throughout", "nan or infinite", where, REMEDY)
    diagonal = np.diag(numbers)
    if diagonal.size and np.allclose(diagonal, PERCENT, rtol=1e-3):
        note = f"the matrix of {where} is in percent (a diagonal of 100): it is divided by 100"
        return with_unit_diagonal(replace(matrix, numbers=numbers / PERCENT, notes=(*matrix.notes, note)), where)
    _refuse_inverse(matrix, where)
    off = numbers - np.diag(diagonal)
    own = np.isclose(diagonal, 1.0, atol=NEAR_ONE)
    brightest = numbers.argmax(axis=1) == np.arange(len(numbers))
    if brightest[~own].any():
        odd = ", ".join(f"{diagonal[i]:g} for {matrix.detectors[i]}" for i in np.flatnonzero(~own & brightest)[:4])
        raise CompensationError(
            "the diagonal of a spillover matrix must be 1, or 100 where it is in percent",
            odd,
            where,
            "divide each dye's row by its own detector",
        )
    if (off[own] > MOST_SPILLOVER).any():
        i, j = divmod(int(off.argmax()), len(off))
        raise CompensationError(
            "the spillover of a dye must be given as a share of its own detector, which is 1",
            f"{off[i, j]:g} from {matrix.detectors[i]} into {matrix.detectors[j]}",
            where,
            "write 0.1 for 10 percent",
        )
    low = [(i, j) for i, j in zip(*np.nonzero(off < -BELOW_ZERO), strict=True)]
    if not low:
        return matrix
    pairs = ", ".join(f"{off[i, j]:.3g} from {matrix.detectors[i]} into {matrix.detectors[j]}" for i, j in low[:4])
    doubt = f"the matrix of {where} holds spillover below zero ({pairs}): light is never negative"
    return replace(matrix, doubts=(*matrix.doubts, doubt))


def _refuse_inverse(matrix: SpilloverTable, where: str) -> None:
    """Raise where the numbers are those of a compensation matrix: the inverse has the diagonal of 1 and no negatives.

    The inverse of a spillover matrix has 1 or more on its diagonal and mostly negative numbers off it.
    """
    diagonal = np.diag(matrix.numbers)
    off = matrix.numbers - np.diag(diagonal)
    below, above = -off[off < 0].sum(), off[off > 0].sum()
    if below <= max(above, BELOW_ZERO) or not (diagonal > 0).all():
        return
    try:
        spillover = np.linalg.inv(matrix.numbers)
    except np.linalg.LinAlgError:
        return  # told as badly conditioned
    is_spillover = np.allclose(np.diag(spillover), 1.0, atol=NEAR_ONE)
    if is_spillover or (diagonal >= 1.0 - NEAR_ONE).all():
        raise CompensationError(
            "a matrix must be the spillover, whose numbers are zero or more",
            f"{below / max(np.count_nonzero(off < 0), 1):.3g} below zero on average off the diagonal: the compensation "
            "matrix, which is its inverse",
            where,
            "export the spillover matrix, or invert this one first",
        )

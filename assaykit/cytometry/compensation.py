"""Spillover: read from a file's keywords or a CSV, estimated from single-stain wells, and undone.

`signal = amounts @ matrix`, dyes x detectors; `amounts = signal @ inverse`. A channel mismatch or a matrix that is
not well conditioned is a CompensationError that names the channels.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from assaykit.errors import CompensationError
from assaykit.fcs.events import Channel
from assaykit.study.model import Spillover

KEYWORDS = ("$SPILLOVER", "SPILL", "$COMP", "SPILLOVER", "COMP", "$SPILL")
WORST_CONDITION = 1e3
"""Beyond this condition number a 0.1 % error of the matrix may double a signal (our convention)."""


def spillover_from_keywords(keywords: Mapping[str, str], channels: Sequence[Channel]) -> Spillover | None:
    """Return the spillover a file declares, or None where it declares none (or the identity of no channel).

    Raises CompensationError where the keyword's channels are not the file's or its numbers are not a matrix.
    """
    for keyword in KEYWORDS:
        text = keywords.get(keyword, "").strip()
        if text:
            return _declared(text, keyword, tuple(channels))
    return None


@lru_cache(maxsize=64)
def _declared(text: str, keyword: str, channels: tuple[Channel, ...]) -> Spillover:
    """Return the checked spillover; the files of a plate mostly hold the same text, which is then parsed once."""
    return checked(_parsed(text, keyword, channels), channels)


def _parsed(text: str, keyword: str, channels: Sequence[Channel]) -> Spillover:
    """Read `n, name 1..n, n x n numbers`; names may be $PnN, $PnS or the parameter's number."""
    parts = [part.strip() for part in text.replace("\t", ",").replace("\n", ",").split(",")]
    try:
        size = int(parts[0])
        numbers = np.array([float(part) for part in parts[1 + size : 1 + size + size * size]]).reshape(size, size)
    except (ValueError, IndexError) as error:
        raise CompensationError(
            f"{keyword} must hold a count n, n channel names and n x n numbers",
            f"{text[:60]!r}...",
            keyword,
            'set compensation to a CSV file, to "single_stain" or to "none" in the protocol',
        ) from error
    names = tuple(_channel_name(name, channels) for name in parts[1 : 1 + size])
    return Spillover(names, _rows(numbers), source=keyword)


def _channel_name(name: str, channels: Sequence[Channel]) -> str:
    for channel in channels:
        if name in {channel.name, channel.stain} and name:
            return channel.name
    if name.isdigit() and 1 <= int(name) <= len(channels):
        return channels[int(name) - 1].name
    return name


def read_spillover(path: Path, channels: Sequence[Channel] = ()) -> Spillover:
    """Return the spillover of a CSV: a header of detectors, then one row per dye, with or without its name first.

    Rows may stand in any order when named; unnamed rows must stand in the order of the header.
    Raises CompensationError where it is not a matrix, or a row's name is not one of the header's.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            rows = [[cell.strip() for cell in row] for row in csv.reader(stream) if any(cell.strip() for cell in row)]
        return checked(_from_rows(rows, path, channels), channels)
    except (OSError, ValueError, IndexError) as error:
        raise CompensationError(
            "a spillover CSV must have a header of channels and one row of numbers per channel",
            str(error),
            str(path),
            "export the matrix again from the cytometer's software as comma-separated text",
        ) from error


def _from_rows(rows: list[list[str]], path: Path, channels: Sequence[Channel]) -> Spillover:
    body = rows[1:]
    named = not _is_number(body[0][0])
    header = rows[0][1:] if named and len(rows[0]) == len(body[0]) else rows[0]
    detectors = tuple(_channel_name(_bare(name), channels) for name in header)
    numbers = np.array([[float(cell) for cell in (row[1:] if named else row)] for row in body])
    if named:
        labels = [_channel_name(_bare(row[0]), channels) for row in body]
        if sorted(labels) != sorted(detectors):
            odd = sorted(set(labels) ^ set(detectors))
            raise CompensationError(
                "rows and columns of a spillover matrix must name the same channels",
                f"{', '.join(odd)} in only one of them",
                str(path),
            )
        numbers = numbers[[labels.index(name) for name in detectors]]
    return Spillover(detectors, _rows(numbers), source=path.name)


def _bare(label: str) -> str:
    """Return `PE-A` of FlowJo's `PE-A :: CXCR4`."""
    return label.split(" :: ", maxsplit=1)[0].strip()


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def checked(spillover: Spillover, channels: Sequence[Channel] = ()) -> Spillover:
    """Return the spillover, or raise CompensationError where it cannot be undone safely on these channels."""
    names = spillover.detectors
    where = spillover.source
    rows = spillover.matrix
    if not rows or any(len(row) != len(names) for row in rows) or len(rows) != len(spillover.dyes or names):
        found = f"{len(rows)} rows of {', '.join(sorted({str(len(row)) for row in rows})) or 'no'} numbers"
        shape = "whole" if spillover.dyes else "square"
        must = f"a spillover matrix must be {shape}: a row per dye and {len(names)} numbers in each"
        raise CompensationError(must, found, where)
    matrix = np.asarray(rows, dtype=np.float64)
    if not np.isfinite(matrix).all():
        row, column = (int(place[0]) for place in np.nonzero(~np.isfinite(matrix)))
        found = f"{matrix[row, column]} for {(spillover.dyes or names)[row]} in {names[column]}"
        remedy = "use the matrix of another file of the same day: compensation = a CSV"
        raise CompensationError("a spillover matrix must hold numbers throughout", found, where, remedy)
    known = {channel.name for channel in channels}
    unknown = [name for name in names if known and name not in known]
    if unknown:
        raise CompensationError(
            "the channels of a spillover matrix must be channels of the file",
            f"{', '.join(unknown)}; the file has {', '.join(sorted(known))}",
            where,
            "use the matrix recorded with these files, or rename its channels",
        )
    if len(set(names)) < len(names):
        raise CompensationError("a spillover matrix must name each channel once", ", ".join(names), where)
    _refuse_swapped(matrix, spillover)
    condition = float(np.linalg.cond(matrix))
    if not np.isfinite(condition) or condition > WORST_CONDITION:
        raise CompensationError(
            "a spillover matrix must be well conditioned",
            f"condition number {condition:.3g}; {_most_alike(matrix, spillover.dyes or names)}",
            where,
            "check those two single stains: the same dye twice, or an empty control",
        )
    return spillover


def _refuse_swapped(matrix: NDArray[np.float64], spillover: Spillover) -> None:
    """Raise where a dye's own detector is not its 1: rows that are swapped compensate silently wrong.

    Spillover above 1 is real on some instruments, so a brighter neighbour alone is no fault.
    """
    if spillover.dyes or matrix.shape[0] != matrix.shape[1]:
        return
    brightest = matrix.argmax(axis=1)
    own = np.isclose(np.diag(matrix), 1.0, atol=1e-3)
    off = [i for i in range(len(matrix)) if not own[i] and matrix[i, i] < matrix[i, brightest[i]]]
    if off:
        pairs = ", ".join(f"{spillover.detectors[i]} is brightest in {spillover.detectors[brightest[i]]}" for i in off)
        raise CompensationError(
            "each dye of a spillover matrix must be brightest in its own detector",
            pairs,
            spillover.source,
            "the rows or the channel names are probably swapped",
        )


def _most_alike(matrix: NDArray[np.float64], names: Sequence[str]) -> str:
    unit = matrix / np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-300)
    alike = np.abs(unit @ unit.T) - np.eye(len(unit))
    i, j = divmod(int(alike.argmax()), len(unit))
    return f"{names[i]} and {names[j]} are nearly alike"


def _rows(matrix: NDArray[np.float64]) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(value) for value in row) for row in matrix)


@lru_cache(maxsize=64)
def inverse(spillover: Spillover) -> NDArray[np.float64]:
    """Return detectors x dyes: what `signal @ inverse` turns into amounts (pseudo-inverse where not square)."""
    matrix = np.asarray(spillover.matrix, dtype=np.float64)
    square = matrix.shape[0] == matrix.shape[1]
    undone = np.asarray(np.linalg.inv(matrix) if square else np.linalg.pinv(matrix), dtype=np.float64)
    undone.setflags(write=False)
    return undone


def spill(amounts: NDArray[np.floating], spillover: Spillover) -> NDArray[np.floating]:
    """Return the signals (events x detectors) that these amounts (events x dyes) give."""
    return np.asarray(amounts @ np.asarray(spillover.matrix, dtype=amounts.dtype))


def compensate(signals: NDArray[np.floating], spillover: Spillover) -> NDArray[np.floating]:
    """Return the amounts (events x dyes) behind the signals (events x detectors), the inverse of `spill`."""
    return np.asarray(signals @ inverse(spillover).astype(signals.dtype))

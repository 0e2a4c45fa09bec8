"""Spillover: read from a file's keywords or a CSV, estimated from single-stain wells, and undone.

`signal = amounts @ matrix`, dyes x detectors; `amounts = signal @ inverse`. A channel mismatch or a matrix that is
not well conditioned is a CompensationError that names the channels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from assaykit.cytometry.matrix_forms import (
    KEYWORDS,
    SpilloverTable,
    table_from_file,
    table_from_keywords,
    with_unit_diagonal,
)
from assaykit.errors import CompensationError
from assaykit.fcs import Channel, Keywords
from assaykit.study import Spillover
from assaykit.tables import Finding

WORST_CONDITION = 1e3
"""Beyond this condition number a 0.1 % error of the matrix may double a signal (our convention)."""


def spillover_from_keywords(keywords: Mapping[str, str], channels: Sequence[Channel]) -> Spillover | None:
    """Return the spillover a file declares, or None where it declares none (or the identity of no channel).

    Raises CompensationError where the keyword's channels are not the file's or its numbers are not a matrix.
    """
    relevant = tuple((key, text) for key, text in keywords.items() if key.upper() in KEYWORDS or "DFC" in key.upper())
    return _keyword_spillover(relevant, tuple(channels))


@lru_cache(maxsize=64)
def _keyword_spillover(keywords: tuple[tuple[str, str], ...], channels: tuple[Channel, ...]) -> Spillover | None:
    """Return the checked spillover; the files of a plate mostly hold the same text, which is then parsed once."""
    found = table_from_keywords(Keywords(dict(keywords)), channels)
    if found is None:
        return None
    written, keyword = found
    return check_spillover(_spillover(with_unit_diagonal(written, keyword), keyword), channels)


def read_spillover(path: Path, channels: Sequence[Channel] = ()) -> Spillover:
    """Return the spillover of a table or of FlowJo's XML (.mtx), as `matrix_forms` reads them.

    Raises CompensationError where it is not a matrix, or cannot be undone safely.
    """
    return check_spillover(
        _spillover(with_unit_diagonal(table_from_file(path, channels), path.name), path.name), channels
    )


def _spillover(table: SpilloverTable, source: str) -> Spillover:
    rows = tuple(tuple(float(value) for value in row) for row in table.numbers)
    return Spillover(table.detectors, rows, source=source, notes=table.notes, doubts=table.doubts)


def reading_findings(spillover: Spillover | None, plate: str) -> list[Finding]:
    """Return what was mended or is doubtful in a matrix as it was read."""
    if spillover is None:
        return []
    notes = [Finding("note", "spillover_read", text, plate) for text in spillover.notes]
    return [*notes, *(Finding("warn", "spillover_read", text, plate) for text in spillover.doubts)]


def check_spillover(spillover: Spillover, channels: Sequence[Channel] = ()) -> Spillover:
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
            "use the matrix recorded with these files, or rename its channels; for files that FlowJo has compensated "
            '(Comp-...) say compensation = "none"',
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


@lru_cache(maxsize=64)
def inverse(spillover: Spillover) -> NDArray[np.float64]:
    """Return detectors x dyes: what `signal @ inverse` turns into amounts.

    Where there are more detectors than dyes it is the least-squares solution, W M' (M W M')^-1 with the detectors'
    weights W (equal where none are given: the pseudo-inverse).
    """
    matrix = np.asarray(spillover.matrix, dtype=np.float64)
    if spillover.weights:
        weighted = matrix * np.asarray(spillover.weights)
        undone = np.asarray(weighted.T @ np.linalg.inv(weighted @ matrix.T))
    else:
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

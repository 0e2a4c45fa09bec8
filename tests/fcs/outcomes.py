"""What came of reading a damaged file whose right values are known: `bytes, values -> Outcome`."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Literal

import numpy as np

from assaykit.errors import FcsError
from assaykit.fcs import read_fcs

Outcome = Literal["right", "warned", "refused", "wrong", "lost", "unclear"]


def outcome_of(path: Path, rows: list[list[float]]) -> tuple[Outcome, str]:
    """Return the outcome and what there is to see of it.

    right: the values; warned: others, and a repair warns; refused: one sentence that names the file; wrong: others
    without a warning; lost: another exception; unclear: an error of several lines, or that names no file.
    """
    try:
        events = read_fcs(path, scale=False)
    except FcsError as error:
        said = str(error)
        return ("refused" if path.name in said and "\n" not in said else "unclear"), said
    except BaseException:  # noqa: BLE001 - the very thing this looks for
        return "lost", traceback.format_exc(limit=-3)
    expected = np.array(rows, dtype=np.float64)
    repairs = ", ".join(f"{repair.level} {repair.name}" for repair in events.repairs)
    same = events.values.shape == expected.shape and np.array_equal(
        events.values.astype(np.float64), expected.astype(events.values.dtype).astype(np.float64), equal_nan=True
    )
    if same and events.names == ("FSC-A", "SSC-A", "PE-A", "Time"):
        return "right", repairs
    return ("warned" if "warn " in repairs else "wrong"), repairs

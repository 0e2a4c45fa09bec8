"""Endpoints of the transwell: `value = endpoint(readouts, reference)`, held against cells put in or another target."""

from __future__ import annotations

import math

from assaykit.endpoints.model import Readouts


def percent_of_input(readouts: Readouts, reference: Readouts) -> float:
    """Return 100 * migrated / viable cells put in, in %; missing where nothing was put in.

    Source: our stated convention, the usual one.

    >>> percent_of_input({"migrated": 3000.0}, {"input": 100000.0})
    3.0
    """
    put_in = reference["input"]
    return 100 * readouts["migrated"] / put_in if put_in > 0 else math.nan


def net_migration(readouts: Readouts, reference: Readouts) -> float:
    """Return % to the attractant - % to medium (or to the attractant on both sides), in percentage points.

    >>> net_migration({"percent": 8.0}, {"percent": 1.5})
    6.5
    """
    return readouts["percent"] - reference["percent"]


def migration_index(readouts: Readouts, reference: Readouts) -> float:
    """Return % to the attractant / % to medium; missing where nothing went to medium. Explodes near zero background.

    >>> migration_index({"percent": 9.0}, {"percent": 1.5})
    6.0
    """
    background = reference["percent"]
    return readouts["percent"] / background if background > 0 else math.nan


def gradient_ratio(readouts: Readouts, reference: Readouts) -> float:
    """Return observed % over the % expected from chemokinesis alone: 1 without chemotaxis.

    Expected is the mean of the inserts with the upper and with the lower concentration on both sides, a two-point
    reading of the checkerboard of Zigmond & Hirsch 1973 (10.1084/jem.137.2.387).

    >>> gradient_ratio({"percent": 8.0}, {"upper": 1.0, "lower": 3.0})
    4.0
    """
    expected = (reference["upper"] + reference["lower"]) / 2
    return readouts["percent"] / expected if expected > 0 else math.nan

"""What two drugs should do together if neither minds the other: the expected effect, from the effects of each alone.

    Bliss   independent drugs: first + second - first * second      (Bliss 1939, 10.1111/j.1744-7348.1939.tb06990.x)
    HSA     no more than the stronger drug alone                    (Berenbaum 1989, Pharmacol Rev 41:93)

Effects run from 0, nothing, to `whole`, all: 1 for fractions, 100 for percents. Numbers and arrays alike.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Effect = TypeVar("Effect", float, NDArray[np.float64])


def independent_effect(first: Effect, second: Effect, *, whole: float = 1.0) -> Effect:
    """Return the effect of two drugs that act independently (Bliss).

    >>> independent_effect(40.0, 20.0, whole=100.0)
    52.0
    """
    return first + second - first * second / whole


def stronger_effect(first: Effect, second: Effect) -> Effect:
    """Return the effect of the stronger drug, element by element (highest single agent).

    >>> float(stronger_effect(40.0, 20.0))
    40.0
    """
    stronger: Effect = np.maximum(first, second)
    return stronger

"""Holm's adjustment over the claims of a family; claims answered by one and the same contrast count once."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)


def holm(p_values: Mapping[Key, float]) -> dict[Key, float]:
    """Return Holm's adjusted p values by hypothesis (Holm 1979, https://www.jstor.org/stable/4615733).

    Missing p values stay missing and do not count. Several claims about one contrast are one hypothesis: one key.

    >>> holm({"a": 0.01, "b": 0.04, "c": 0.03})
    {'a': 0.03, 'c': 0.06, 'b': 0.06}
    """
    present = sorted((p, str(key), key) for key, p in p_values.items() if math.isfinite(p))
    adjusted: dict[Key, float] = {}
    floor = 0.0
    for rank, (p, _, key) in enumerate(present):
        floor = min(1.0, max(floor, p * (len(present) - rank)))
        adjusted[key] = floor
    return adjusted | {key: math.nan for key, p in p_values.items() if not math.isfinite(p)}

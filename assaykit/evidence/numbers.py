"""`Numbers`: one contrast of ESTIMATES as evidence reads it, and the same contrast turned round."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd


@dataclass(frozen=True, slots=True)
class Numbers:
    """What a lab found for one contrast; numbers are NaN where the contrast could not be estimated."""

    endpoint: str
    contrast: str
    context: str
    scale: str
    estimate: float
    std_error: float
    df: float
    low: float  # 95 % limits on the analysis scale, unadjusted
    high: float
    p_value: float
    effect: float
    effect_low: float
    effect_high: float
    effect_name: str
    n_units: int
    contrast_sd: float
    p_equivalence: float
    reason: str
    doubts: str = ""  # what speaks against the values it rests on
    points: bool = False  # whether p_equivalence is of the same contrast in percentage points

    @property
    def estimated(self) -> bool:
        """Whether there is an estimate at all."""
        return math.isfinite(self.estimate)


def numbers_from_row(row: Mapping[str, Any]) -> Numbers:
    """Return the numbers of one row of ESTIMATES."""
    units = row["n_units"]
    return Numbers(
        endpoint=row["endpoint"],
        contrast=row["contrast"],
        context=row["context"],
        scale=row["scale"],
        estimate=float(row["estimate"]),
        std_error=float(row["std_error"]),
        df=float(row["df"]),
        low=float(row["conf_low"]),
        high=float(row["conf_high"]),
        p_value=float(row["p_value"]),
        effect=float(row["effect"]),
        effect_low=float(row["effect_low"]),
        effect_high=float(row["effect_high"]),
        effect_name=row["effect_name"],
        n_units=0 if pd.isna(units) else int(units),
        contrast_sd=float(row["contrast_sd"]),
        p_equivalence=float(row.get("p_equivalence", math.nan)),
        reason=row["reason"],
        doubts=row.get("doubts", ""),
    )


def reversed_numbers(numbers: Numbers, contrast: str) -> Numbers:
    """Return b - a from a - b, named `contrast`: signs change, limits change places, a ratio becomes its inverse."""
    if numbers.scale == "identity":
        effects = (-numbers.effect, -numbers.effect_high, -numbers.effect_low)
    else:
        effects = (_inverse(numbers.effect), _inverse(numbers.effect_high), _inverse(numbers.effect_low))
    return replace(
        numbers,
        contrast=contrast,
        estimate=-numbers.estimate,
        low=-numbers.high,
        high=-numbers.low,
        effect=effects[0],
        effect_low=effects[1],
        effect_high=effects[2],
    )


def _inverse(ratio: float) -> float:
    return 1.0 / ratio if ratio else math.inf

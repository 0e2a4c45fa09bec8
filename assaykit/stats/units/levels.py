"""Contrasts between two levels of a factor, such as two lines: the levels take the place contexts have elsewhere."""

from __future__ import annotations

from typing import Any

import pandas as pd

from assaykit.protocol.model import Analysis, Contrast
from assaykit.stats.units.families import Asked
from assaykit.stats.units.unit_level import UnitContrast, UnitMeans, contrast_of_units, unit_means

Answer = tuple[Contrast, Asked, UnitMeans, UnitContrast | str]


def level_contrasts(rows: pd.DataFrame, analysis: Analysis, *, unit: str) -> list[Answer]:
    """Return every contrast of the analysis that names a factor, with its unit means and its answer.

    Within the contrast's context, and where both levels were measured in the same units, the difference is taken
    within units (paired t); where no unit holds both, as with donors of two kinds, between them (Welch's t).
    """
    answers: list[Answer] = []
    for contrast in analysis.contrasts:
        if not contrast.factor:
            continue
        asked = Asked(
            "custom", contrast.treatment, contrast.comparator, contrast.level, contrast.comparator_level, contrast.name
        )
        means = unit_means(_by_level(rows, contrast), unit)
        answers.append((contrast, asked, means, _answer(rows, contrast, asked, means)))
    return answers


def placed(record: dict[str, Any], contrast: Contrast) -> dict[str, Any]:
    """Return a row of ESTIMATES with the context the contrast holds in, since its levels stood in for contexts."""
    return record | {"context": contrast.context, "comparator_context": ""}


def _by_level(rows: pd.DataFrame, contrast: Contrast) -> pd.DataFrame:
    chosen = rows[rows["context"] == contrast.context]
    levels = chosen[contrast.factor].astype(str) if contrast.factor in chosen else ""
    return chosen.assign(context=levels).reset_index(drop=True)


def _answer(rows: pd.DataFrame, contrast: Contrast, asked: Asked, means: UnitMeans) -> UnitContrast | str:
    if contrast.factor not in rows:
        return f"not estimable: no column {contrast.factor} in the layout"
    return contrast_of_units(asked, means)

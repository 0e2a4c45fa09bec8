"""Contrasts between two levels of a factor, such as two lines: the levels take the place contexts have elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pandas as pd

from assaykit.protocol import Analysis
from assaykit.stats.units.contrast import Contrast, ContrastResult
from assaykit.stats.units.unit_level import UnitMeans, contrast_of_units, unit_means


def level_contrasts(
    rows: pd.DataFrame, analysis: Analysis, *, unit: str
) -> Iterator[tuple[Contrast, ContrastResult, UnitMeans]]:
    """Yield every contrast of the analysis that names a factor, with its result and the unit means behind it.

    Within the contrast's context, and where both levels were measured in the same units, the difference is taken
    within units (paired t); where no unit holds both, as with donors of two kinds, between them (Welch's t). The
    contexts of its cells are levels of the factor; the context it holds in is `rows`' own.
    """
    for spec in analysis.contrasts:
        if not spec.factor:
            continue
        contrast = Contrast.between(
            spec.treatment, spec.comparator, spec.level, spec.comparator_level, kind="custom", name=spec.name
        )
        chosen = rows[rows["context"] == spec.context]
        levels = chosen[spec.factor].astype(str) if spec.factor in rows else ""
        means = unit_means(chosen.assign(context=levels).reset_index(drop=True), unit)
        if spec.factor in rows:
            result = contrast_of_units(contrast, means)
        else:
            result = ContrastResult.missing(f"not estimable: no column {spec.factor} in the layout", name=spec.name)
        yield replace(contrast, context=spec.context, comparator_context=""), result, means

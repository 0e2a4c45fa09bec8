"""Statistics right at 3 to 6 units: estimates, mixed models, contrasts, robustness, and what feeds them."""

from __future__ import annotations

from assaykit.stats.estimate import estimate
from assaykit.stats.lmm import (
    Lmm,
    anova,
    coefficients,
    custom_contrasts,
    factor_contrasts,
    fit_lmm,
    interaction_contrasts,
    marginal_means,
)
from assaykit.stats.robustness import robustness, robustness_summary
from assaykit.stats.units import contexts_named, place_text

__all__ = [
    "Lmm",
    "anova",
    "coefficients",
    "contexts_named",
    "custom_contrasts",
    "estimate",
    "factor_contrasts",
    "fit_lmm",
    "interaction_contrasts",
    "marginal_means",
    "place_text",
    "robustness",
    "robustness_summary",
]

"""Statistics right at 3 to 6 units: estimates, mixed models, contrasts, robustness, and what feeds them."""

from __future__ import annotations

from assaykit.stats.estimate import estimate
from assaykit.stats.lmm.contrasts import (
    anova,
    coefficients,
    custom_contrasts,
    factor_contrasts,
    interaction_contrasts,
    marginal_means,
)
from assaykit.stats.lmm.model import Lmm, fit_lmm
from assaykit.stats.robustness import robustness, robustness_summary

__all__ = [
    "Lmm",
    "anova",
    "coefficients",
    "custom_contrasts",
    "estimate",
    "factor_contrasts",
    "fit_lmm",
    "interaction_contrasts",
    "marginal_means",
    "robustness",
    "robustness_summary",
]

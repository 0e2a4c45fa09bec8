"""Linear mixed models by restricted maximum likelihood, with Satterthwaite and Kenward-Roger inference."""

from assaykit.stats.lmm.contrasts import (
    anova,
    coefficients,
    custom_contrasts,
    factor_contrasts,
    interaction_contrasts,
    marginal_means,
)
from assaykit.stats.lmm.ddf import inference, t_tests
from assaykit.stats.lmm.design import ModelDesign, RandomEffects, design_from_frame
from assaykit.stats.lmm.model import Lmm, fit_arrays, fit_design, fit_lmm

__all__ = [
    "Lmm",
    "ModelDesign",
    "RandomEffects",
    "anova",
    "coefficients",
    "custom_contrasts",
    "design_from_frame",
    "factor_contrasts",
    "fit_arrays",
    "fit_design",
    "fit_lmm",
    "inference",
    "interaction_contrasts",
    "marginal_means",
    "t_tests",
]

"""Mixed models of counts and proportions, and what small numbers of units do to them."""

from assaykit.stats.glmm.bootstrap import bootstrap_contrasts
from assaykit.stats.glmm.formula import fit_glmm_formula
from assaykit.stats.glmm.model import fit_glmm
from assaykit.stats.glmm.result import Glmm
from assaykit.stats.glmm.wald import wald_contrasts

__all__ = ["Glmm", "bootstrap_contrasts", "fit_glmm", "fit_glmm_formula", "wald_contrasts"]

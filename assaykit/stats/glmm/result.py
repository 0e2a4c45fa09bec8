"""A fitted mixed model of counts or proportions, as a value."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy

from assaykit.stats.glmm.laplace import CountModel
from assaykit.tables import Finding

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Glmm:
    """A fitted model. Arrays run over `terms` or, for `sds`, over `groups`; a zero SD is a singular fit.

    `covariance` is that of the fixed effects; `information_covariance` the same with variance parameters held at
    their estimates. `random_effects` holds the conditional modes by group and level. `dispersion` is phi or theta of
    the family, infinite or zero where the data show no overdispersion, missing where the family has none.
    """

    family: str
    terms: tuple[str, ...]
    coefficients: Array
    covariance: Array
    information_covariance: Array
    groups: tuple[str, ...]
    levels: tuple[int, ...]
    sds: tuple[float, ...]
    log_sd_errors: tuple[float, ...]
    dispersion: float
    log_dispersion_error: float
    loglik: float
    parameters: int
    observations: int
    nodes: int
    converged: bool
    fitted: Array
    random_effects: Mapping[str, Mapping[str, float]]
    findings: tuple[Finding, ...]
    model: CountModel

    @property
    def std_errors(self) -> Array:
        """Standard errors of the coefficients."""
        return np.asarray(np.sqrt(np.diag(self.covariance)))

    @property
    def aic(self) -> float:
        """Akaike's criterion, variance parameters counted."""
        return 2 * self.parameters - 2 * self.loglik

    @property
    def bic(self) -> float:
        """Schwarz' criterion, with the rows as its n, as lme4 and glmmTMB take it."""
        return math.log(self.observations) * self.parameters - 2 * self.loglik

    @property
    def singular(self) -> bool:
        """Whether a random intercept has no variance."""
        return 0.0 in self.sds

    @property
    def saturated_loglik(self) -> float:
        """The log likelihood of Poisson or binomial counts at their own values; lme4 leaves it out where it integrates.

        So lme4's `logLik` with nAGQ > 1 is `loglik - saturated_loglik`.
        """
        y, trials, constant = self.model.response
        if self.model.family.link == "log":
            return float(np.sum(xlogy(y, y) - y + constant))
        return float(np.sum(xlogy(y, y) + xlogy(trials - y, trials - y) - xlogy(trials, trials) + constant))

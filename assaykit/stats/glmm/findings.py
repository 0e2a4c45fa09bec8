"""What a reader must know about a fitted mixed model, in numbers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from assaykit.stats.glmm.result import Glmm
from assaykit.tables import Finding

_FEW_UNITS = 10


def count_model_findings(fit: Glmm) -> tuple[Finding, ...]:
    """Return the findings on a fit: zero variances, absent or unmodelled overdispersion, separation, few units."""
    return tuple(_findings(fit))


def _findings(fit: Glmm) -> Iterator[Finding]:
    if not fit.converged:
        yield Finding(
            "warn", "glmm_not_converged", "the likelihood was still rising, or flat, where the search stopped"
        )
    for group, sd in zip(fit.groups, fit.sds, strict=True):
        if sd == 0:
            message = f"variance between levels of {group} is estimated as zero: they differ no more than by chance"
            yield Finding("note", "glmm_singular", message)
    yield from _dispersion_findings(fit)
    yield from _separation_findings(fit)
    if fit.groups and min(fit.levels) < _FEW_UNITS:
        message = (
            f"the fewest levels of a grouping are {min(fit.levels)}: Wald standard errors and p values of this model "
            "are too small; use the unit-level t or the parametric bootstrap"
        )
        yield Finding("note", "glmm_few_units", message)


def _separation_findings(fit: Glmm) -> Iterator[Finding]:
    """Yield a finding where an arm has no event, or nothing but events: its effect has no finite estimate."""
    if not fit.model.penalised:
        return
    y, trials, _ = fit.model.response
    arm = np.unique(fit.model.X, axis=0, return_inverse=True)[1].ravel()
    none = np.bincount(arm, y) == 0
    full = np.bincount(arm, trials - y) == 0 if fit.model.family.link == "logit" else np.zeros_like(none)
    kinds = " or ".join(name for name, found in (("zeros", none), ("ones", full)) if found.any())
    message = (
        f"separation: {int((none | full)[arm].sum())} rows lie in arms of nothing but {kinds}, whose effects the "
        "likelihood does not bound; their estimates are penalised (Jeffreys' prior), and their limits rest on that"
    )
    yield Finding("warn", "glmm_separation", message)


def _dispersion_findings(fit: Glmm) -> Iterator[Finding]:
    if fit.model.family.dispersion and (np.isinf(fit.dispersion) or fit.dispersion == 0):
        message = f"no overdispersion beyond {fit.model.family.limit}: that model is what was fitted"
        yield Finding("note", "glmm_no_overdispersion", message)
    if not fit.model.family.dispersion:
        ratio = overdispersion(fit)
        if ratio > 1.5:
            message = (
                f"squared Pearson residuals are {ratio:.2f} times what {fit.family} counts give: "
                "fit nbinom2 or betabinomial, or add a random intercept per observation"
            )
            yield Finding("warn", "glmm_overdispersed", message)


def overdispersion(fit: Glmm) -> float:
    """Return the sum of squared Pearson residuals, given the random effects, over the residual degrees of freedom."""
    y, trials, _ = fit.model.response
    delta = float(np.log(fit.dispersion)) if fit.model.family.dispersion and 0 < fit.dispersion < np.inf else 0.0
    variance = np.maximum(fit.model.family.variance(fit.fitted, trials, delta), 1e-300)
    return float(np.sum((y - fit.fitted) ** 2 / variance) / max(1, y.size - fit.parameters))

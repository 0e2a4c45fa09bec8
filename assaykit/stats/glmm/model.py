"""Generalised linear mixed models of counts and proportions: `fit = fit_glmm(counts, X, groups, family="nbinom2")`.

Estimates are maximum likelihood by Laplace's approximation (as glmmTMB and lme4's glmer), or by adaptive
Gauss-Hermite quadrature for one random intercept. Standard errors come from the joint observed information on all
parameters. With few units they are too small, and so is every Wald p: bootstrap.py has what to report instead.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from assaykit.errors import DesignError
from assaykit.stats.glmm.family import FAMILIES, CountFamily, response
from assaykit.stats.glmm.findings import count_model_findings
from assaykit.stats.glmm.laplace import CountModel, Likelihood, edge_of, fixed_information, laplace, parameters_of
from assaykit.stats.glmm.quadrature import quadrature
from assaykit.stats.glmm.random import RandomIntercepts, effects_of, random_intercepts, without
from assaykit.stats.glmm.result import Glmm
from assaykit.stats.glmm.search import Maximum, Objective, bfgs, information_at, newton
from assaykit.stats.glmm.separation import is_separated, penalised
from assaykit.stats.glmm.start import starting_values

__all__ = ["Glmm", "fit_glmm", "fit_model", "objective"]

Array = NDArray[np.float64]
_SMALL_SD = 0.15  # a standard deviation below this is checked against zero
_NO_SD = -6.0  # log SD that stands for the edge of zero: SD 0.0025


def fit_glmm(
    counts: ArrayLike,
    X: ArrayLike,
    groups: Mapping[str, ArrayLike],
    *,
    family: str = "nbinom2",
    trials: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    terms: Sequence[str] = (),
    nodes: int = 1,
) -> Glmm:
    """Return the maximum likelihood fit of a model with random intercepts, nested or crossed.

    `counts` (n,), `X` (n, p) with its intercept column, `groups` a name -> the n labels of one random intercept (a
    nested one labels its levels uniquely, e.g. "E1:P2"); `trials` for proportions; `offset` on the link scale, e.g.
    the log of the input; `nodes` > 1 integrates a single random intercept by quadrature. Raises DesignError for data
    or columns the model cannot use; a zero variance and an absent overdispersion are answers, with a finding.
    """
    model = _model(counts, X, groups, family=family, trials=trials, offset=offset, terms=terms)
    if nodes > 1 and len(model.random.terms) != 1:
        raise DesignError(
            "quadrature must have exactly one random intercept",
            f"{len(model.random.terms)} of them and {nodes} nodes",
            remedy="use nodes=1, Laplace's approximation",
        )
    names = tuple(terms) or tuple(f"x{index}" for index in range(model.fixed))
    return fit_model(model, names, nodes=nodes)


def fit_model(model: CountModel, terms: tuple[str, ...], *, nodes: int = 1) -> Glmm:
    """Return the fit of a model already assembled."""
    chosen = replace(model, penalised=is_separated(model))
    scaled, back = _orthonormal(chosen, terms)
    best = _at_interior(_fitted(scaled, nodes), nodes)
    return _described(best, chosen, terms, back)


class ModelMaximum(NamedTuple):
    """A model at its maximum: the model left once what has no variance is dropped."""

    model: CountModel
    maximum: Maximum
    nodes: int


def _fitted(model: CountModel, nodes: int) -> ModelMaximum:
    psi, inverse = starting_values(model)
    search = objective(model, nodes)
    value = search(psi, np.zeros(model.random.size))
    if value is None:
        raise DesignError("the likelihood must exist at a first guess", f"family {model.family.name}")
    return ModelMaximum(model, bfgs(search, Maximum(psi, value, converged=False), inverse), nodes)


def objective(model: CountModel, nodes: int) -> Objective:
    """Return the log likelihood as a function of psi and a start for the modes, penalised where the model is."""
    plain = partial(quadrature, model, nodes=nodes) if nodes > 1 and model.random.terms else partial(laplace, model)
    if not model.penalised:
        return plain

    def with_prior(psi: Array, start: Array) -> Likelihood | None:
        value = plain(psi, start)
        return None if value is None else penalised(model, value, psi[: model.fixed])

    return with_prior


def _at_interior(best: ModelMaximum, nodes: int) -> ModelMaximum:
    """Return the maximum with every random intercept dropped whose variance is best at zero, and every dispersion."""
    model, maximum, _ = best
    at = parameters_of(model, maximum.psi)
    small = [term.name for term, sd in zip(model.random.terms, at.sds, strict=True) if sd < _SMALL_SD]
    for name in sorted(small, key=lambda name: at.sds[[term.name for term in model.random.terms].index(name)]):
        reduced = _fitted(replace(model, random=without(model.random, frozenset({name}))), nodes)
        if not _gains_from(name, model, reduced):
            return _at_interior(reduced, nodes)
    if model.family.limit_sign * at.delta > math.log(50.0):
        limit = _fitted(replace(model, family=FAMILIES[model.family.limit]), nodes)
        if not _gains_dispersion(model, limit):
            return _at_interior(limit, nodes)
    return best


def _gains_from(name: str, model: CountModel, reduced: ModelMaximum) -> bool:
    """Whether the likelihood rises from zero variance of one random intercept, all else at its best without it."""
    index = model.fixed + [term.name for term in model.random.terms].index(name)
    value = laplace(model, np.insert(reduced.maximum.psi, index, _NO_SD), np.zeros(model.random.size))
    return value is not None and value.gradient[index] > 0


def _gains_dispersion(model: CountModel, limit: ModelMaximum) -> bool:
    """Whether the likelihood rises from no overdispersion, all else at its best without it."""
    edge = model.family.limit_sign * (model.edge - 1e-3)
    value = laplace(model, np.append(limit.maximum.psi, edge), limit.maximum.value.mode.u)
    return value is not None and model.family.limit_sign * value.gradient[-1] < 0


def _described(best: ModelMaximum, asked: CountModel, terms: tuple[str, ...], back: Array) -> Glmm:
    model, _, nodes = best
    maximum, information = newton(objective(model, nodes), best.maximum)
    if model.penalised:
        # the prior moves the estimates; their errors are the information of the data alone (Kosmidis & Firth 2021)
        plain = objective(replace(model, penalised=False), nodes)
        value = plain(maximum.psi, maximum.value.mode.u) or maximum.value
        maximum, information = maximum._replace(value=value), information_at(plain, maximum.psi, value)
    at = parameters_of(model, maximum.psi)
    mode = maximum.value.mode
    joint, safe = _inverse(information)
    p, held = model.fixed, np.linalg.inv(fixed_information(model, at, mode))
    errors = np.sqrt(np.maximum(np.diag(joint)[p:], 0.0))
    kept = {term.name: k for k, term in enumerate(model.random.terms)}
    names = [term.name for term in asked.random.terms]
    dispersed = bool(model.family.dispersion)
    eta = asked.X @ (back @ at.beta) + asked.offset + effects_of(model.random, at.sds, mode.u)
    fit = Glmm(
        family=asked.family.name,
        terms=terms,
        coefficients=back @ at.beta,
        covariance=back @ (joint[:p, :p] if safe else held) @ back.T,
        information_covariance=back @ held @ back.T,
        groups=tuple(names),
        levels=tuple(len(term.levels) for term in asked.random.terms),
        sds=tuple(float(at.sds[kept[name]]) if name in kept else 0.0 for name in names),
        log_sd_errors=tuple(float(errors[kept[name]]) if name in kept else math.nan for name in names),
        dispersion=_dispersion(asked.family, math.exp(at.delta) if dispersed else None),
        log_dispersion_error=float(errors[-1]) if dispersed else math.nan,
        loglik=maximum.value.loglik,
        parameters=asked.parameters,
        observations=asked.response.counts.size,
        nodes=nodes,
        converged=maximum.converged and safe,
        fitted=asked.family.mean(eta, asked.response.trials),
        random_effects=_modes(asked.random, model.random, at.sds, mode.u),
        findings=(),
        model=asked,
    )
    return replace(fit, findings=count_model_findings(fit))


def _dispersion(family: CountFamily, estimate: float | None) -> float:
    if not family.dispersion:
        return math.nan
    if estimate is None:
        return math.inf if family.limit_sign > 0 else 0.0
    return estimate


def _modes(asked: RandomIntercepts, kept: RandomIntercepts, sds: Array, u: Array) -> dict[str, dict[str, float]]:
    effects = {term.name: dict.fromkeys(term.levels, 0.0) for term in asked.terms}
    for k, (term, offset) in enumerate(zip(kept.terms, kept.offsets, strict=True)):
        values = sds[k] * u[offset : offset + len(term.levels)]
        effects[term.name] = {level: float(value) for level, value in zip(term.levels, values, strict=True)}
    return effects


def _inverse(information: Array) -> tuple[Array, bool]:
    """Return the inverse of the information, and whether it was positive definite."""
    if np.isfinite(information).all() and np.linalg.eigvalsh(information).min() > 0:
        return np.asarray(np.linalg.inv(information), dtype=np.float64), True
    return np.full_like(information, np.nan), False


def _orthonormal(model: CountModel, terms: tuple[str, ...]) -> tuple[CountModel, Array]:
    """Return the model on orthogonal columns of unit mean square, and the matrix that takes its effects back."""
    n = model.X.shape[0]
    Q, R = np.linalg.qr(model.X)
    size = np.abs(np.diag(R))
    scale = np.sqrt(np.sum(model.X**2, axis=0))
    dull = [name for name, kept, whole in zip(terms, size, scale, strict=True) if kept <= 1e-9 * whole]
    if dull:
        raise DesignError(
            "every fixed effect must be told apart from the others by the data",
            f"{', '.join(dull)} adds nothing to the columns before it",
            remedy="drop the term, or add the arm it needs",
        )
    return replace(model, X=Q * math.sqrt(n)), np.linalg.inv(R) * math.sqrt(n)


def _model(
    counts: ArrayLike,
    X: ArrayLike,
    groups: Mapping[str, ArrayLike],
    *,
    family: str,
    trials: ArrayLike | None,
    offset: ArrayLike | None,
    terms: Sequence[str],
) -> CountModel:
    if family not in FAMILIES:
        raise DesignError(f"family must be one of {', '.join(FAMILIES)}", repr(family))
    chosen = FAMILIES[family]
    y, design = np.asarray(counts, dtype=float).ravel(), np.atleast_2d(np.asarray(X, dtype=float))
    whole = np.ones_like(y) if trials is None else np.asarray(trials, dtype=float).ravel()
    added = np.zeros_like(y) if offset is None else np.broadcast_to(np.asarray(offset, dtype=float), y.shape)
    if chosen.link == "logit" and trials is None:
        raise DesignError(f"family {family} must have the trials each count is out of", "none")
    if design.shape[0] != y.size or (terms and len(terms) != design.shape[1]):
        raise DesignError("the design must have a row per count and a name per column", f"{design.shape}, {y.size}")
    finite = np.isfinite(y).all() and np.isfinite(design).all() and np.isfinite(added).all()
    if not finite or (y < 0).any():
        raise DesignError("counts must be numbers from zero up, with every factor and offset known", "others")
    if chosen.link == "logit" and not ((whole > 0).all() and (y <= whole).all()):
        raise DesignError("every count must lie between zero and its trials, which must be positive", "others")
    if y.max() == 0 or (chosen.link == "logit" and (y == whole).all()):
        raise DesignError("counts must differ from zero somewhere, and from their trials", "the same in every row")
    data = response(y, whole, chosen.link)
    return CountModel(data, design, added, random_intercepts(groups, y.size), chosen, edge_of(chosen, data))

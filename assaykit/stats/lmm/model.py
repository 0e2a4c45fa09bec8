"""Linear mixed models by restricted maximum likelihood: a design -> `Lmm`.

Any mixture of nested and crossed random intercepts and random slopes, unbalanced data and weights. The deviance is
profiled over beta and sigma and minimised by Newton's method with exact derivatives, so that convergence is tight;
a variance of zero is an answer, said in a finding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assaykit.errors import DesignError
from assaykit.stats.lmm.blocks import CrossProducts, cross_products
from assaykit.stats.lmm.design import FixedDesign, Levels, ModelDesign, RandomEffects, design_from_frame
from assaykit.stats.lmm.reml import Deviance, Parameters, Solved, Sums, deviance, scored_variances
from assaykit.tables import Finding

Floats = NDArray[np.float64]

_ZERO = 1e-4  # a relative SD below this is none: lme4's isSingular takes the same
_STEPS = 200
_CLOSE = 1e-17  # a step that promises to lower the deviance by less ends the search: theta is then good to 1e-8


@dataclass(frozen=True, slots=True)
class Component:
    """One variance, or one covariance, of the random effects; `sd_or_correlation` reads as its name."""

    group: str
    effect: str
    other: str  # the second effect of a covariance
    variance: float
    sd_or_correlation: float


@dataclass(frozen=True, slots=True, eq=False)
class Optimum:
    """The minimum of the deviance on orthonormal columns and a unit-free response: what inference starts from."""

    solved: Solved
    sums: Sums
    data: CrossProducts
    parameters: Parameters
    reml: bool
    scale: float  # y = offset + scale * the response solved for
    R: Floats  # X = Q R
    gradient: float  # its largest entry, by theta
    steps: int


@dataclass(frozen=True, slots=True, eq=False)
class Lmm:
    """A fitted model. `beta` and `vcov` are over the kept columns of `fixed`, on the response's scale."""

    fixed: FixedDesign | None
    names: tuple[str, ...]
    beta: Floats
    vcov: Floats
    sigma: float
    components: tuple[Component, ...]  # without the residual
    log_likelihood: float
    n: int
    singular: bool
    converged: bool
    optimum: Optimum
    findings: tuple[Finding, ...] = ()

    @property
    def parameters(self) -> int:
        """Number of parameters: fixed, random and residual."""
        return len(self.beta) + len(self.optimum.parameters.entries) + 1

    @property
    def aic(self) -> float:
        """Akaike's criterion; compare models with one set of fixed effects only when fitted by REML."""
        return -2.0 * self.log_likelihood + 2.0 * self.parameters

    @property
    def bic(self) -> float:
        """Schwarz' criterion."""
        return -2.0 * self.log_likelihood + float(np.log(self.n)) * self.parameters


def fit_lmm(
    frame: pd.DataFrame, formula: str, *, levels: Levels | None = None, weights: str | None = None, reml: bool = True
) -> Lmm:
    """Return the model of a formula such as `log2(y) ~ drug * stroma + (1 | donor / plate)` fitted to a tidy frame.

    `levels` orders the levels of factors, the control first; `weights` names a column of precision weights.
    Raises DesignError where the formula does not fit the frame, or leaves nothing to estimate the error from.
    """
    return fit_design(design_from_frame(frame, formula, levels=levels, weights=weights), reml=reml)


def fit_design(design: ModelDesign, *, reml: bool = True) -> Lmm:
    """Return the model of a design."""
    random, fixed = design.random, design.fixed
    if not random:
        raise DesignError(
            "a mixed model must have a random term", fixed.formula.text, remedy="add e.g. '+ (1 | donor)'"
        )
    for term in random:
        if len(term.levels) < 2:
            raise DesignError("a random term must have at least 2 levels", f"{term.group} has 1", fixed.formula.text)
        if len(term.levels) * len(term.names) >= len(design.y) and design.weights is None:
            raise DesignError(
                "a random term must have fewer effects than there are rows",
                f"{len(term.levels) * len(term.names)} effects of {term.group} for {len(design.y)} rows",
                fixed.formula.text,
                "leave the term out: the residual is that variation",
            )
    return fit_arrays(design.y, design.X, random, fixed=fixed, weights=design.weights, reml=reml)


def fit_arrays(
    y: Floats,
    X: Floats,
    random: Sequence[RandomEffects],
    *,
    fixed: FixedDesign | None = None,
    weights: Floats | None = None,
    reml: bool = True,
) -> Lmm:
    """Return the model of arrays: `y` (n), `X` (n x p, of full column rank) and random terms."""
    n, p = X.shape
    if n <= p:
        raise DesignError("a model must have more rows than fixed columns", f"{n} rows, {p} columns")
    root = np.sqrt(weights) if weights is not None else None
    if root is not None:
        y, X = y * root, X * root[:, None]
        random = [RandomEffects(t.group, t.names, t.codes, t.levels, t.columns * root[:, None]) for t in random]
    Q, R = np.linalg.qr(X)
    start = Q.T @ y
    rest = y - Q @ start
    scale = float(np.linalg.norm(rest)) / np.sqrt(n - p)
    if not scale > 1e-12 * float(np.linalg.norm(y)) / np.sqrt(n):
        raise DesignError("a response must vary beyond its fixed terms", f"residual SD {scale:g}")
    data = cross_products(rest / scale, Q, random)
    try:
        optimum = _minimum(data, reml=reml, scale=scale, R=R)
    except np.linalg.LinAlgError as error:  # a random term explains every row: its variance grows without end
        raise DesignError(
            "rows must differ beyond their fixed and random terms",
            "rows of one group that are the same to the last digit",
            remedy="keep one of rows that are copies of each other",
        ) from error
    return _described(
        optimum, start, random, fixed=fixed, log_weights=float(np.log(weights).sum()) if weights is not None else 0.0
    )


def _minimum(data: CrossProducts, *, reml: bool, scale: float, R: Floats) -> Optimum:
    # 1. one step of Fisher scoring from unit variances is close, and exact on balanced data
    parameters = Parameters(data.effects)
    first = deviance(parameters.diagonal.astype(np.float64), data, parameters, reml=reml)
    start = parameters.theta(np.maximum(scored_variances(first, data, parameters), 0.0))
    # 2. Newton from there; 3. again from a scale of 0.5 where it stuck at a zero that the deviance falls from
    at, steps = _newton(start, data, parameters, reml=reml)
    for _ in start:  # a scale of zero is left only where the deviance rises from it
        wrong = parameters.diagonal & (np.abs(at.solved.theta) < _ZERO) & (at.by_psi < -1e-6)
        if not wrong.any():
            break
        at, more = _newton(np.where(wrong, 0.5, at.solved.theta), data, parameters, reml=reml)
        steps += more
    theta = _signed(at.solved.theta, parameters)
    if not np.array_equal(theta, at.solved.theta):
        at = deviance(theta, data, parameters, reml=reml)
    gradient = float(np.abs(at.gradient).max(initial=0.0))
    return Optimum(at.solved, at.sums, data, parameters, reml, scale, R, gradient, steps + 1)


def _signed(theta: Floats, parameters: Parameters) -> Floats:
    """Return theta with a positive diagonal, and exact zeros where a scale is none; V is the same."""
    signed = theta.copy()
    flip = {(t, j): theta[r] < 0 for r, (t, i, j) in enumerate(parameters.entries) if i == j}
    for r, (t, i, j) in enumerate(parameters.entries):
        signed[r] = -theta[r] if flip[t, j] else theta[r]
        if i == j and abs(signed[r]) < 1e-7:
            signed[r] = 0.0
    return signed


def _newton(theta: Floats, data: CrossProducts, parameters: Parameters, *, reml: bool) -> tuple[Deviance, int]:
    """Return the minimum of the deviance, and the steps it took.

    The Hessian's negative eigenvalues are turned about and steps are halved until the deviance falls, so that every
    step goes down; at the end the steps are Newton's own and converge quadratically.
    """
    at = deviance(theta, data, parameters, reml=reml)
    for step in range(_STEPS):
        values, vectors = np.linalg.eigh(at.hessian)
        curvature = np.maximum(np.abs(values), 1e-8 * max(1.0, float(np.abs(values).max())))
        move = -vectors @ ((vectors.T @ at.gradient) / curvature)
        move *= min(1.0, (1.0 + float(np.abs(at.solved.theta).max())) / max(float(np.abs(move).max()), 1e-300))
        promised = -float(at.gradient @ move)
        if promised < _CLOSE * max(1.0, abs(at.value)):
            return at, step
        new, size = _downhill(at, move, promised, data=data, parameters=parameters, reml=reml)
        if promised < 1e-12 and size < 1e-8:
            return at, step
        at = new
    return at, _STEPS


def _downhill(
    at: Deviance, move: Floats, promised: float, *, data: CrossProducts, parameters: Parameters, reml: bool
) -> tuple[Deviance, float]:
    size = 1.0
    while True:
        new = deviance(at.solved.theta + size * move, data, parameters, reml=reml)
        if new.value <= at.value - 1e-4 * size * promised + 1e-12 * abs(at.value) or size < 1e-8:
            return new, size
        size /= 2.0


def _described(
    optimum: Optimum, start: Floats, random: Sequence[RandomEffects], *, fixed: FixedDesign | None, log_weights: float
) -> Lmm:
    solved, data, R = optimum.solved, optimum.data, optimum.R
    p = len(solved.beta)
    freedom = data.n - p if optimum.reml else data.n
    sigma = optimum.scale * float(np.sqrt(solved.ypy / freedom))
    inverse = np.linalg.solve(R, np.eye(p))
    components = tuple(_components(optimum, random, sigma))
    log_det = solved.log_det_v + (
        solved.log_det_xvx + 2.0 * float(np.log(np.abs(np.diag(R))).sum()) if optimum.reml else 0.0
    )
    log_likelihood = -0.5 * (log_det + freedom * (1.0 + float(np.log(2.0 * np.pi * sigma**2))) - log_weights)
    singular = bool((np.abs(solved.theta[optimum.parameters.diagonal]) < _ZERO).any())
    return Lmm(
        fixed=fixed,
        names=fixed.kept_names if fixed else tuple(f"column {i}" for i in range(p)),
        beta=inverse @ (start + optimum.scale * solved.beta),
        vcov=sigma**2 * inverse @ solved.Phi @ inverse.T,
        sigma=sigma,
        components=components,
        log_likelihood=log_likelihood,
        n=data.n,
        singular=singular,
        converged=optimum.steps < _STEPS and optimum.gradient < 1e-5 * data.n,
        optimum=optimum,
        findings=_singular_finding(components) if singular else (),
    )


def _components(optimum: Optimum, random: Sequence[RandomEffects], sigma: float) -> list[Component]:
    psi = optimum.parameters.psi(optimum.solved.theta) * sigma**2
    value = dict(zip(optimum.parameters.entries, psi, strict=True))
    components = []
    for (t, i, j), variance in sorted(value.items(), key=lambda item: (item[0][0], item[0][1] != item[0][2])):
        spread = np.sqrt(value[t, i, i] * value[t, j, j])
        names = random[t].names
        read = np.sqrt(variance) if i == j else variance / spread if spread > 0 else np.nan
        other = "" if i == j else names[i]
        components.append(Component(random[t].group, names[j], other, float(variance), float(read)))
    return components


def _singular_finding(components: Sequence[Component]) -> tuple[Finding, ...]:
    listed = ", ".join(f"{c.group} {c.effect} SD {c.sd_or_correlation:.3g}" for c in components if not c.other)
    message = (
        f"the mixed model is singular: the data show no variation of its own for at least one random term ({listed}); "
        "the fit stands, and the degrees of freedom no longer count those levels as replicates"
    )
    return (Finding("note", "singular_fit", message),)

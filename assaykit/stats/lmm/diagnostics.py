"""What a fitted model does not say of itself: residuals, spread, influence, as findings.

A finding gives the number it rests on. With three to six units no test of a distribution has power, so nothing here
tests for normality: what is looked for is one row, one arm or one unit that the answer hangs on.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assaykit.stats.lmm.design import ModelDesign, RandomEffects
from assaykit.stats.lmm.model import Lmm, fit_arrays
from assaykit.tables import Finding

Floats = NDArray[np.float64]

_OUTLYING = 4.0  # residual SDs: 1 normal value in 16,000
_UNEQUAL = 3.0  # ratio of residual SDs between levels of a factor
_INFLUENTIAL = 1.0  # standard errors by which a coefficient moves when a unit is left out


def conditional_residuals(fit: Lmm, design: ModelDesign) -> Floats:
    """Return the conditional residuals y - X beta - Z b, in residual SDs (weighted where the model is)."""
    root = np.sqrt(design.weights) if design.weights is not None else np.ones(len(design.y))
    rest = design.y - design.X @ fit.beta
    for term, effects in zip(design.random, random_effects(fit, design), strict=True):
        rest = rest - (term.columns * effects[term.codes]).sum(axis=1)
    return np.asarray(rest * root / fit.sigma)


def random_effects(fit: Lmm, design: ModelDesign) -> list[Floats]:
    """Return the predicted effects of each random term, levels x effects (Henderson's BLUP; 10.2307/2529430)."""
    from scipy.sparse import block_diag, csr_array, eye_array, hstack, kron
    from scipy.sparse.linalg import spsolve

    root = np.sqrt(design.weights) if design.weights is not None else np.ones(len(design.y))
    factors = fit.optimum.parameters.factors(fit.optimum.solved.theta)
    columns, scales = [], []
    for term, T in zip(design.random, factors, strict=True):
        n, k = term.columns.shape
        at = term.codes[:, None] * k + np.arange(k)[None, :]
        rows = np.repeat(np.arange(n), k)
        values = (term.columns * root[:, None]).ravel()
        columns.append(csr_array((values, (rows, at.ravel())), shape=(n, len(term.levels) * k)))
        scales.append(kron(eye_array(len(term.levels)), csr_array(T)))
    Z, L = hstack(columns, format="csr"), block_diag(scales, format="csr")
    ZL = (Z @ L).tocsc()
    M = (ZL.T @ ZL + eye_array(ZL.shape[1])).tocsc()
    b = L @ np.atleast_1d(spsolve(M, ZL.T @ (root * (design.y - design.X @ fit.beta))))
    sizes = np.cumsum([len(term.levels) * len(term.names) for term in design.random])[:-1]
    parts = np.split(b, sizes)
    return [part.reshape(len(term.levels), -1) for part, term in zip(parts, design.random, strict=True)]


def diagnose(fit: Lmm, design: ModelDesign, frame: pd.DataFrame, *, unit: str) -> list[Finding]:
    """Return findings on residuals, on spread between levels of factors, and on units the coefficients hang on.

    `frame` holds the design's rows, with the model's factors and the unit column.
    """
    scaled = conditional_residuals(fit, design)
    found = _outliers(scaled)
    for factor, levels in design.fixed.levels.items():
        if factor in frame.columns:
            found += _unequal(scaled, frame[factor].astype(str).to_numpy(), factor, levels)
    return found + _influential(fit, design, frame[unit].astype(str).to_numpy(), unit)


def _outliers(scaled: Floats) -> list[Finding]:
    rows = np.flatnonzero(np.abs(scaled) > _OUTLYING)
    if not len(rows):
        return []
    listed = ", ".join(f"row {i + 1} ({scaled[i]:+.1f} SD)" for i in rows[:8])
    message = f"{len(rows)} of {len(scaled)} residuals lie beyond {_OUTLYING:g} residual SDs: {listed}"
    return [Finding("note", "residual_outliers", message)]


def _unequal(scaled: Floats, labels: NDArray[np.object_], factor: str, levels: Sequence[str]) -> list[Finding]:
    spread = {level: float(np.std(scaled[labels == level])) for level in levels if (labels == level).sum() >= 6}
    if len(spread) < 2 or min(spread.values()) <= 0:
        return []
    widest, narrowest = max(spread, key=lambda name: spread[name]), min(spread, key=lambda name: spread[name])
    ratio = spread[widest] / spread[narrowest]
    if ratio < _UNEQUAL:
        return []
    message = (
        f"residuals of {factor} {widest} spread {ratio:.1f} times as far as those of {narrowest}: one shared error is "
        "too small for some contrasts; compare with the contrasts' own errors, or another scale"
    )
    return [Finding("warn", "unequal_spread", message)]


def _influential(fit: Lmm, design: ModelDesign, units: NDArray[np.object_], unit: str) -> list[Finding]:
    errors, found = np.sqrt(np.diag(fit.vcov)), []
    for name in sorted(set(units)):
        kept = units != name
        X = design.X[kept]
        if len(set(units[kept])) < 2 or np.linalg.matrix_rank(X) < X.shape[1]:
            continue
        weights = design.weights[kept] if design.weights is not None else None
        again = fit_arrays(design.y[kept], X, [_kept(term, kept) for term in design.random], weights=weights)
        moved = (again.beta - fit.beta) / errors
        worst = int(np.argmax(np.abs(moved)))
        if abs(moved[worst]) > _INFLUENTIAL:
            message = f"without {unit} {name}, {fit.names[worst]} moves by {moved[worst]:+.1f} standard errors"
            found.append(Finding("note", "influential_unit", message))
    return found


def _kept(term: RandomEffects, kept: NDArray[np.bool_]) -> RandomEffects:
    levels, codes = np.unique(term.codes[kept], return_inverse=True)
    return RandomEffects(
        term.group, term.names, codes.astype(np.intp), tuple(term.levels[i] for i in levels), term.columns[kept]
    )

"""Random intercepts, nested or crossed, and the one linear system they give rise to.

    A   the loadings: observation i of term k carries sd_k at its level
    H = A' W A + I  =  [[D, C], [C', E]]

The term with the most levels comes first: its block D is diagonal and is eliminated, so only the other levels meet in
a dense Schur complement S = E - C' D^-1 C. Many plates, wells or observations then cost no more than few.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg.lapack import dpotrf, dpotri, dpotrs

from assaykit.errors import DesignError

Array = NDArray[np.float64]
Whole = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class RandomIntercept:
    """One random intercept: its name, the level of every observation and the names of the levels."""

    name: str
    level: Whole
    levels: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class RandomIntercepts:
    """The terms, the one with the most levels first; `offsets[k]` is where term k's levels begin."""

    terms: tuple[RandomIntercept, ...]
    offsets: tuple[int, ...]
    size: int

    @property
    def first(self) -> int:
        """The number of levels in the diagonal block."""
        return len(self.terms[0].levels) if self.terms else 0


class Factor(NamedTuple):
    """H factored: the diagonal D, M = D^-1 C, the Cholesky root of S, and log |H|."""

    D: Array
    M: Array
    root: Array
    log_det: float


def random_intercepts(groups: Mapping[str, ArrayLike], observations: int) -> RandomIntercepts:
    """Return the random part of `groups`: a name -> the label of every observation.

    Raises DesignError where a grouping has fewer than two levels, or not one label per observation.
    """
    terms = tuple(
        sorted(
            (_term(name, labels, observations) for name, labels in groups.items()), key=lambda term: -len(term.levels)
        )
    )
    sizes = [len(term.levels) for term in terms]
    offsets = tuple(int(start) for start in np.cumsum([0, *sizes[:-1]])) if sizes else ()
    return RandomIntercepts(terms, offsets, sum(sizes))


def without(random: RandomIntercepts, names: frozenset[str]) -> RandomIntercepts:
    """Return the random part less the terms named."""
    kept = tuple(term for term in random.terms if term.name not in names)
    sizes = [len(term.levels) for term in kept]
    return RandomIntercepts(
        kept, tuple(int(start) for start in np.cumsum([0, *sizes[:-1]])) if kept else (), sum(sizes)
    )


def effects_of(random: RandomIntercepts, sds: Array, u: Array) -> Array:
    """Return A u, the random effects' part of each linear predictor; 0 without terms."""
    parts = [
        sds[k] * u[offset : offset + len(term.levels)][term.level]
        for k, (term, offset) in enumerate(zip(random.terms, random.offsets, strict=True))
    ]
    return np.sum(parts, axis=0) if parts else np.zeros(1)


def sums_by_level(random: RandomIntercepts, sds: Array, values: Array) -> Array:
    """Return A' values, summed at each level; `values` is (n,) or (n, m)."""
    columns = values if values.ndim == 2 else values[:, None]
    parts = [
        sds[k] * np.stack([np.bincount(term.level, column, minlength=len(term.levels)) for column in columns.T], axis=1)
        for k, term in enumerate(random.terms)
    ]
    gathered = np.concatenate(parts) if parts else np.zeros((0, columns.shape[1]))
    return gathered if values.ndim == 2 else gathered[:, 0]


def factorise(random: RandomIntercepts, sds: Array, weights: Array) -> Factor | None:
    """Return H factored at these weights, or None where it is not positive definite."""
    # H = [[D, C], [C', E]] + I, the first term's block D diagonal
    q1, q2 = random.first, random.size - random.first
    if not random.terms:
        return Factor(np.zeros(0), np.zeros((0, 0)), np.zeros((0, 0)), 0.0)
    lead = random.terms[0]
    D = 1 + sds[0] ** 2 * np.bincount(lead.level, weights, minlength=q1)
    if not (D > 0).all():
        return None
    C, E = np.zeros((q1, q2)), np.eye(q2)
    for k, term in enumerate(random.terms[1:], start=1):
        columns = random.offsets[k] - q1 + term.level
        C += sds[0] * sds[k] * _cross(lead.level, columns, weights, (q1, q2))
        for m, other in enumerate(random.terms[1 : k + 1], start=1):
            rows = random.offsets[m] - q1 + other.level
            meeting = sds[k] * sds[m] * _cross(rows, columns, weights, (q2, q2))
            E += meeting if m == k else meeting + meeting.T
    # eliminate it: the other levels meet in S = E - C' D^-1 C, whose Cholesky root exists where H is positive definite
    M = C / D[:, None]
    S = E - C.T @ M
    root, failed = dpotrf(S, lower=1) if q2 else (S, 0)
    if failed:
        return None
    return Factor(D, M, root, float(np.sum(np.log(D)) + 2 * np.sum(np.log(np.diag(root)))))


def solve_factored(H: Factor, right: Array) -> Array:
    """Return H^-1 right, for (q,) or (q, m)."""
    first = right[: H.D.size]
    D = H.D if right.ndim == 1 else H.D[:, None]
    lower = right[H.D.size :] - H.M.T @ first
    if H.root.size:
        lower = dpotrs(H.root, lower, lower=1)[0]
    return np.concatenate([first / D - H.M @ lower, lower])


def leverages(random: RandomIntercepts, sds: Array, H: Factor) -> tuple[Array, Array]:
    """Return diag(A H^-1 A') over observations and diag(H^-1) over levels."""
    if not random.terms:
        return np.zeros(1), np.zeros(0)
    S_inverse = _inverse(H.root)
    across = H.M @ S_inverse
    inner = 1 / H.D + np.einsum("ij,ij->i", across, H.M)
    lead = random.terms[0].level
    diagonal = sds[0] ** 2 * inner[lead]
    places = [random.offsets[k] - random.first + term.level for k, term in enumerate(random.terms) if k]
    for k, place in enumerate(places, start=1):
        diagonal = diagonal - 2 * sds[0] * sds[k] * across[lead, place]
        for m, other in enumerate(places, start=1):
            diagonal = diagonal + sds[k] * sds[m] * S_inverse[place, other]
    return diagonal, np.concatenate([inner, np.diag(S_inverse)])


def _cross(rows: Whole, columns: Whole, weights: Array, shape: tuple[int, int]) -> Array:
    flat = np.bincount(rows * shape[1] + columns, weights, minlength=shape[0] * shape[1])
    return np.asarray(flat.reshape(shape), dtype=np.float64)


def _inverse(root: Array) -> Array:
    """Return the inverse of the matrix whose lower Cholesky root is given."""
    if root.size == 0:
        return root
    lower = np.tril(dpotri(root, lower=1)[0])
    return np.asarray(lower + np.tril(lower, -1).T)


def _term(name: str, labels: ArrayLike, observations: int) -> RandomIntercept:
    values = np.asarray(labels).ravel()
    if values.size != observations:
        raise DesignError(
            f"grouping '{name}' must have one label per observation", f"{values.size} labels, {observations} rows"
        )
    levels, level = np.unique(values.astype(str), return_inverse=True)
    if levels.size < 2:
        raise DesignError(
            f"grouping '{name}' must have at least two levels",
            f"only {levels.tolist()}",
            remedy="leave it out of the model: one level is not a sample of units",
        )
    return RandomIntercept(name, level.astype(np.int64), tuple(str(value) for value in levels))

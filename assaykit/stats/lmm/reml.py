"""The profiled deviance of a linear mixed model, with exact first and second derivatives.

V = I + Z Psi Z' is the covariance relative to the residual variance; Psi = T T' term by term, with T lower
triangular. theta holds the entries of the T's, psi those of the Psi's: psi_r = theta' C_r theta / 2.
With P = V^-1 - V^-1 X (X'V^-1 X)^-1 X' V^-1 and G_r = dV/dpsi_r (Bates et al. 2015, 10.18637/jss.v067.i01, for
the deviance; Searle, Casella & McCulloch 1992, Variance Components, chapter 6, for the derivatives):

    REML deviance    log|V| + log|X'V^-1 X| + (n - p) log(y'P y) + constant
    its gradient     tr(P G_r) - (n - p) y'P G_r P y / y'P y
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from assaykit.stats.lmm.blocks import Block, CrossProducts

Floats = NDArray[np.float64]
Index = NDArray[np.intp]


@dataclass(frozen=True)
class Parameters:
    """Which entry of which T and Psi each parameter is: (term, row, column), row >= column, term by term."""

    effects: tuple[int, ...]

    @cached_property
    def entries(self) -> tuple[tuple[int, int, int], ...]:
        """The parameters in order: the lower triangle of each term, column by column."""
        return tuple((t, i, j) for t, k in enumerate(self.effects) for j in range(k) for i in range(j, k))

    @cached_property
    def scalar(self) -> bool:
        """Whether every term has one effect, as random intercepts have."""
        return all(k == 1 for k in self.effects)

    @cached_property
    def diagonal(self) -> NDArray[np.bool_]:
        """Which parameters are scales: the diagonal of T."""
        return np.array([i == j for _, i, j in self.entries], bool)

    @cached_property
    def curvature(self) -> Floats:
        """C: psi_r = theta' C_r theta / 2 (parameters x parameters x parameters)."""
        number = {entry: r for r, entry in enumerate(self.entries)}
        C = np.zeros((len(number),) * 3)
        for (t, i, j), r in number.items():
            for column in range(min(i, j) + 1):
                a, b = number[t, i, column], number[t, j, column]
                C[r, a, b] += 1.0
                C[r, b, a] += 1.0
        return C

    def psi(self, theta: Floats) -> Floats:
        """Return the relative (co)variances."""
        if self.scalar:
            return theta**2
        return np.asarray(0.5 * np.einsum("rab,a,b->r", self.curvature, theta, theta))

    def theta(self, psi: Floats) -> Floats:
        """Return the theta of (co)variances, of a term that no T gives the nearest that one does."""
        if self.scalar:
            return np.sqrt(np.maximum(psi, 0.0))
        theta = np.empty(len(psi))
        number = {entry: r for r, entry in enumerate(self.entries)}
        for t, k in enumerate(self.effects):
            Psi = np.array([[psi[number[t, max(i, j), min(i, j)]] for j in range(k)] for i in range(k)])
            values, vectors = np.linalg.eigh(Psi)
            T = np.linalg.qr((vectors * np.sqrt(np.maximum(values, 0.0))).T)[1].T
            for i in range(k):
                for j in range(i + 1):
                    theta[number[t, i, j]] = T[i, j]
        return theta

    def jacobian(self, theta: Floats) -> Floats:
        """Return d psi / d theta."""
        return np.asarray(self.curvature @ theta)

    def factors(self, theta: Floats) -> list[Floats]:
        """Return the lower triangular T of every term."""
        if self.scalar:
            return [np.array([[value]]) for value in theta]
        factors = [np.zeros((k, k)) for k in self.effects]
        for (t, i, j), value in zip(self.entries, theta, strict=True):
            factors[t][i, j] = value
        return factors


@dataclass(frozen=True, slots=True, eq=False)
class Solved:
    """Everything at one theta: per block S = Z'V^-1 Z and W = Z'V^-1 [X y]; overall D = [X y]'V^-1 [X y]."""

    theta: Floats
    log_det_v: float
    D: Floats
    S: tuple[Floats, ...]
    W: tuple[Floats, ...]
    beta: Floats
    Phi: Floats  # (X'V^-1 X)^-1
    ypy: float  # y'P y
    log_det_xvx: float


def solve(theta: Floats, data: CrossProducts, parameters: Parameters) -> Solved:
    """Return the model solved at theta."""
    factors = parameters.factors(theta)
    D, log_det, S, W = data.XyXy.copy(), 0.0, [], []
    # 1. block by block, V^-1 = I - Z N Z' by Woodbury: what is left of every cross product, and log|V|
    for block in data.blocks:
        N, block_log_det = _woodbury(block, factors)
        AN = block.ZtZ @ N
        S.append(block.ZtZ - AN @ block.ZtZ)
        W.append(block.ZtXy - AN @ block.ZtXy)
        width = block.ZtXy.shape[2]
        D -= block.ZtXy.reshape(-1, width).T @ (N @ block.ZtXy).reshape(-1, width)
        log_det += block_log_det
    # 2. generalised least squares: beta = (X'V^-1 X)^-1 X'V^-1 y, and its penalised residual sum of squares y'P y
    p = len(D) - 1
    root = np.linalg.cholesky(D[:p, :p])
    Phi = np.asarray(np.linalg.inv(D[:p, :p]), np.float64)
    beta = Phi @ D[:p, p]
    return Solved(
        theta=theta,
        log_det_v=log_det,
        D=D,
        S=tuple(S),
        W=tuple(W),
        beta=beta,
        Phi=Phi,
        ypy=float(D[p, p] - D[:p, p] @ beta),
        log_det_xvx=2.0 * float(np.log(np.diag(root)).sum()),
    )


def _woodbury(block: Block, factors: Sequence[Floats]) -> tuple[Floats, float]:
    """Return N = L M^-1 L' and log|M|, with M = L'Z'ZL + I and L = diag(T, T, ...): V^-1 = I - Z N Z'."""
    scalar = all(len(T) == 1 for T in factors)
    if scalar:
        d = np.concatenate([np.full(room, T[0, 0]) for T, room in zip(factors, block.rooms, strict=True)])
        outer = d[:, None] * d[None, :]
        M = block.ZtZ * outer
    else:
        L = _block_diagonal(factors, block.rooms)
        M = L.T @ block.ZtZ @ L
    diagonal = np.arange(M.shape[-1])
    M[:, diagonal, diagonal] += 1.0
    log_det = float(np.log(np.linalg.cholesky(M)[:, diagonal, diagonal]).sum()) * 2.0
    inverse = np.linalg.inv(M)
    return (inverse * outer if scalar else L @ inverse @ L.T), log_det


def _block_diagonal(factors: Sequence[Floats], rooms: Sequence[int]) -> Floats:
    size = sum(len(T) * room for T, room in zip(factors, rooms, strict=True))
    L, at = np.zeros((size, size)), 0
    for T, room in zip(factors, rooms, strict=True):
        for _ in range(room):
            L[at : at + len(T), at : at + len(T)] = T
            at += len(T)
    return L


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """Sums over the blocks from which derivatives, Satterthwaite and Kenward-Roger are made; T = Z'V^-1 X, u = Z'P y.

    With m parameters and p fixed columns; J_r marks the entries of Psi that psi_r fills, so that G_r = Z J_r Z'.
    """

    trace: Floats  # m: tr(V^-1 G_r)
    traces: Floats  # m x m: tr(V^-1 G_r V^-1 G_s)
    A: Floats  # m x p x p: X'V^-1 G_r V^-1 X
    phi_traces: Floats  # m x m: tr(Phi X'V^-1 G_r V^-1 G_s V^-1 X)
    tu: Floats  # m x p: X'V^-1 G_r P y
    uu: Floats  # m: y'P G_r P y
    usu: Floats  # m x m: y'P G_r V^-1 G_s P y


def sums(solved: Solved, data: CrossProducts, parameters: Parameters) -> Sums:
    """Return the sums at one theta."""
    m, p = len(parameters.entries), len(solved.beta)
    parts = [_block_sums(*block, solved, parameters) for block in zip(data.blocks, solved.S, solved.W, strict=True)]
    if not parts:
        shapes = ((m,), (m, m), (m, p, p), (m, m), (m, p), (m,), (m, m))
        return Sums(*(np.zeros(shape) for shape in shapes))
    return Sums(*(sum(each[1:], start=each[0]) for each in zip(*parts, strict=True)))


def _block_sums(block: Block, S: Floats, W: Floats, solved: Solved, parameters: Parameters) -> tuple[Floats, ...]:
    p = len(solved.beta)
    T, u = W[:, :, :p], W[:, :, p] - W[:, :, :p] @ solved.beta
    H = T @ solved.Phi @ T.transpose(0, 2, 1)
    uu = u[:, :, None] * u[:, None, :]
    if parameters.scalar:
        return _scalar_sums(block, S=S, T=T, u=u, products=(S * S, S * H, S * uu))
    pairs = [pairs_of(block, parameters, r) for r in range(len(parameters.entries))]
    return (
        np.array([sum(float(S[:, a, b].sum()) for a, b in pair) for pair in pairs]),
        contracted(S, S, pairs),
        np.array([sum(np.tensordot(T[:, a], T[:, b], ([0, 1], [0, 1])) for a, b in pair) for pair in pairs]),
        contracted(S, H, pairs),
        np.array([sum(np.tensordot(T[:, a], u[:, b], ([0, 1], [0, 1])) for a, b in pair) for pair in pairs]),
        np.array([sum(float((u[:, a] * u[:, b]).sum()) for a, b in pair) for pair in pairs]),
        contracted(S, uu, pairs),
    )


def _scalar_sums(
    block: Block, *, S: Floats, T: Floats, u: Floats, products: tuple[Floats, Floats, Floats]
) -> tuple[Floats, ...]:
    """Return the sums where every term has one effect: then J_r only picks the columns of term r."""
    starts = np.cumsum((0, *block.rooms))[:-1]
    traces, phi_traces, usu = (
        np.add.reduceat(np.add.reduceat(product.sum(axis=0), starts, axis=0), starts, axis=1) for product in products
    )
    ends = starts + np.array(block.rooms)
    parts = [T[:, a:b].reshape(-1, T.shape[2]) for a, b in zip(starts, ends, strict=True)]
    return (
        np.add.reduceat(S.sum(axis=0).diagonal(), starts),
        traces,
        np.array([part.T @ part for part in parts]),
        phi_traces,
        np.array([u[:, a:b].ravel() @ part for a, b, part in zip(starts, ends, parts, strict=True)]),
        np.add.reduceat((u * u).sum(axis=0), starts),
        usu,
    )


def pairs_of(block: Block, parameters: Parameters, r: int) -> list[tuple[Index, Index]]:
    """Return the (rows, columns) at which J_r is 1."""
    t, i, j = parameters.entries[r]
    a, b = block.columns(t, parameters.effects, i), block.columns(t, parameters.effects, j)
    return [(a, b)] if i == j else [(a, b), (b, a)]


def contracted(M: Floats, N: Floats, pairs: Sequence[Sequence[tuple[Index, Index]]]) -> Floats:
    """Return tr(J_r M J_s N) for every r and s, summed over the stack; M and N are symmetric."""
    result = np.empty((len(pairs), len(pairs)))
    for r, left in enumerate(pairs):
        for s, right in enumerate(pairs[: r + 1]):
            result[r, s] = result[s, r] = sum(
                float((M[:, b[:, None], c] * N[:, a[:, None], d]).sum()) for a, b in left for c, d in right
            )
    return result


@dataclass(frozen=True, slots=True, eq=False)
class Deviance:
    """The profiled deviance at one theta, without constants, with its derivatives by theta."""

    solved: Solved
    sums: Sums
    value: float
    gradient: Floats
    hessian: Floats
    by_psi: Floats  # gradient by psi: below 0 at a zero variance means that it should not be zero


def deviance(theta: Floats, data: CrossProducts, parameters: Parameters, *, reml: bool) -> Deviance:
    """Return the profiled (REML) deviance at theta and its exact gradient and Hessian."""
    solved = solve(theta, data, parameters)
    p = len(solved.beta)
    # 1. the deviance with beta and sigma profiled out (Bates et al. 2015, equations 34 and 41), without constants
    freedom = data.n - p if reml else data.n
    value = solved.log_det_v + freedom * float(np.log(solved.ypy)) + (solved.log_det_xvx if reml else 0.0)
    # 2. its derivatives by psi: d log|V| = tr(V^-1 G_r), d log|X'V^-1 X| = -tr(Phi A_r), d y'P y = -y'P G_r P y
    s = sums(solved, data, parameters)
    gradient = first_traces(s, solved, reml=reml) - freedom * s.uu / solved.ypy
    PGP = quadratic(s, solved)
    hessian = -second_traces(s, solved, reml=reml) + freedom * (
        2.0 * PGP / solved.ypy - np.outer(s.uu, s.uu) / solved.ypy**2
    )
    # 3. the same by theta, psi = theta' C theta / 2
    return Deviance(solved, s, value, *by_theta(gradient, hessian, theta, parameters), gradient)


def first_traces(s: Sums, solved: Solved, *, reml: bool) -> Floats:
    """Return tr(P G_r), or tr(V^-1 G_r) for maximum likelihood."""
    return s.trace - s.A.reshape(len(s.A), -1) @ solved.Phi.ravel() if reml else s.trace


def second_traces(s: Sums, solved: Solved, *, reml: bool) -> Floats:
    """Return tr(P G_r P G_s), or tr(V^-1 G_r V^-1 G_s) for maximum likelihood."""
    if not reml:
        return s.traces
    PhiA = solved.Phi @ s.A
    products = PhiA.reshape(len(PhiA), -1) @ PhiA.transpose(0, 2, 1).reshape(len(PhiA), -1).T  # tr(Phi A_r Phi A_s)
    return np.asarray(s.traces - 2.0 * s.phi_traces + products)


def quadratic(s: Sums, solved: Solved) -> Floats:
    """Return y'P G_r P G_s P y."""
    return np.asarray(s.usu - s.tu @ solved.Phi @ s.tu.T)


def by_theta(gradient: Floats, hessian: Floats, theta: Floats, parameters: Parameters) -> tuple[Floats, Floats]:
    """Return gradient and Hessian by theta from those by psi."""
    if parameters.scalar:  # psi = theta^2
        return 2.0 * theta * gradient, 4.0 * theta[:, None] * theta * hessian + np.diag(2.0 * gradient)
    J = parameters.jacobian(theta)
    return J.T @ gradient, J.T @ hessian @ J + np.einsum("r,rab->ab", gradient, parameters.curvature)


def scored_variances(at: Deviance, data: CrossProducts, parameters: Parameters) -> Floats:
    """Return the relative (co)variances after one step of Fisher scoring by REML.

    It solves tr(P G_r P G_s) gamma_s = y'P G_r P y for the variances and the residual's, G = I: Rao's MINQUE
    (1971, 10.1016/0047-259X(71)90001-7). On balanced data that is the answer itself, wherever it starts.
    """
    s, solved = at.sums, at.solved
    psi, m = parameters.psi(solved.theta), len(parameters.entries)
    single, double = first_traces(s, solved, reml=True), second_traces(s, solved, reml=True)
    traces, squares = np.empty((m + 1, m + 1)), np.empty(m + 1)
    traces[:m, :m] = double
    traces[m, :m] = traces[:m, m] = single - psi @ double
    traces[m, m] = data.n - len(solved.beta) - psi @ single - psi @ traces[:m, m]
    squares[:m] = s.uu
    squares[m] = solved.ypy - psi @ s.uu
    gamma = np.linalg.lstsq(traces, squares, rcond=1e-12)[0]
    return np.asarray(gamma[:m] / gamma[m]) if gamma[m] > 0 else psi

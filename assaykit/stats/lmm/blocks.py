"""Cross products of a mixed model, cut into the blocks in which random effects meet.

    rows -> components (groups of rows that share no level with the others) -> blocks (components stacked, padded)

Nested designs fall into one component per top unit and crossed designs into one; the same batched linear algebra
serves both, and its cost is cubic only in the size of a component.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assaykit.stats.lmm.design import RandomEffects

Floats = NDArray[np.float64]
Index = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Components of like size, stacked: `ZtZ` (B x q x q), `ZtXy` (B x q x (p + 1)).

    Columns of a component: term after term, level after level, effect after effect. A component with fewer levels
    than the block has room for holds zeros there, which change no sum, trace or determinant.
    """

    ZtZ: Floats
    ZtXy: Floats
    rooms: tuple[int, ...]  # levels per term

    def columns(self, term: int, effects: Sequence[int], effect: int) -> Index:
        """Return the columns of one effect of one term; `effects` counts the effects of every term."""
        start = sum(room * k for room, k in zip(self.rooms[:term], effects[:term], strict=True))
        return start + np.arange(self.rooms[term]) * effects[term] + effect


@dataclass(frozen=True, slots=True, eq=False)
class CrossProducts:
    """All a likelihood needs of the data: `XyXy` is [X y]'[X y], and the blocks."""

    XyXy: Floats
    blocks: tuple[Block, ...]
    effects: tuple[int, ...]  # effects per term
    n: int


def cross_products(y: Floats, X: Floats, random: Sequence[RandomEffects]) -> CrossProducts:
    """Return the cross products of a response, fixed columns and random terms (already weighted)."""
    Xy = np.column_stack([X, y])
    effects = tuple(term.columns.shape[1] for term in random)
    if not random:
        return CrossProducts(Xy.T @ Xy, (), effects, len(y))
    component = _components(random)
    local = [_local_levels(component, term.codes) for term in random]
    counts = np.stack([_levels_per_component(component, term.codes) for term in random], axis=1)
    blocks = [
        _block(members, component=component, local=local, counts=counts, random=random, Xy=Xy)
        for members in _alike(counts @ np.array(effects))
    ]
    return CrossProducts(Xy.T @ Xy, tuple(blocks), effects, len(y))


def _components(random: Sequence[RandomEffects]) -> Index:
    """Return each row's component: rows are joined by sharing a level of any term."""
    # nested designs: every level of every term lies within one level of the coarsest, which is the component
    coarse = min(random, key=lambda term: len(term.levels)).codes
    if all(_nested(term.codes, coarse) for term in random):
        return coarse
    # crossed designs: levels are the nodes of a graph, rows its edges, and its connected parts the components
    first = random[0].codes
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    offsets = np.cumsum([0, *(len(term.levels) for term in random)])
    others = np.concatenate([term.codes + at for term, at in zip(random[1:], offsets[1:-1], strict=True)])
    ends = (np.tile(first, len(random) - 1), others)
    graph = coo_array((np.ones(len(others), np.int8), ends), shape=(offsets[-1], offsets[-1]))
    labels = connected_components(graph, directed=False)[1]
    return np.asarray(np.unique(labels[first], return_inverse=True)[1], np.intp)


def _nested(fine: Index, coarse: Index) -> bool:
    """Return whether every level of `fine` lies within one level of `coarse`."""
    owner = np.empty(fine.max() + 1, np.intp)
    owner[fine] = coarse
    return bool((owner[fine] == coarse).all())


def _local_levels(component: Index, codes: Index) -> Index:
    """Return each row's level counted within its component."""
    owner = np.full(codes.max() + 1, -1)
    owner[codes] = component
    order = np.argsort(owner, kind="stable")
    order = order[owner[order] >= 0]
    starts = np.searchsorted(owner[order], np.arange(component.max() + 1))
    position = np.empty(len(owner), np.intp)
    position[order] = np.arange(len(order)) - starts[owner[order]]
    return position[codes]


def _levels_per_component(component: Index, codes: Index) -> Index:
    owner = np.full(codes.max() + 1, -1)
    owner[codes] = component
    return np.bincount(owner[owner >= 0], minlength=component.max() + 1)


def _alike(sizes: Index) -> list[Index]:
    """Return components grouped so that padding at most doubles a component's size."""
    if sizes.min() == sizes.max():
        return [np.arange(len(sizes))]
    rank = np.ceil(np.log2(np.maximum(sizes, 1))).astype(int)
    return [np.flatnonzero(rank == r) for r in np.unique(rank)]


def _block(
    members: Index,
    *,
    component: Index,
    local: Sequence[Index],
    counts: Index,
    random: Sequence[RandomEffects],
    Xy: Floats,
) -> Block:
    # 1. the columns of a component: term after term, with room for the most levels any member has
    rooms = counts[members].max(axis=0)
    widths = [term.columns.shape[1] for term in random]
    starts = np.cumsum([0, *(room * k for room, k in zip(rooms, widths, strict=True))])
    # 2. where in the flat stack each row's column of each effect stands
    slot = np.full(component.max() + 1, -1)
    slot[members] = np.arange(len(members))
    rows = np.flatnonzero(slot[component] >= 0)
    where, size = slot[component[rows]] * int(starts[-1]), int(starts[-1])
    spots = [
        (where + starts[t] + local[t][rows] * widths[t] + k, term.columns[rows, k])
        for t, term in enumerate(random)
        for k in range(widths[t])
    ]
    ZtZ = np.zeros(len(members) * size * size)
    ZtXy = np.zeros((len(members) * size, Xy.shape[1]))
    # 3. sums over rows: of products of two effects for ZtZ, of an effect with fixed columns and response for ZtXy
    for at, z in spots:
        for other, z_other in spots:
            ZtZ += np.bincount(at * size + other - where, z * z_other, minlength=len(ZtZ))
        order = np.argsort(at, kind="stable")
        sorted_at, starts_level = at[order], np.ones(len(at), bool)
        starts_level[1:] = sorted_at[1:] != sorted_at[:-1]
        first = np.flatnonzero(starts_level)
        ZtXy[sorted_at[first]] = np.add.reduceat((z[:, None] * Xy[rows])[order], first, axis=0)
    shape = (len(members), size)
    return Block(ZtZ.reshape(*shape, size), ZtXy.reshape(*shape, -1), tuple(int(room) for room in rooms))

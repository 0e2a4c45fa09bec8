"""Plausibility: whether bytes read as events of a layout look like measurements.

Bytes read one off, or in the wrong order, give floats of wild exponents and integers far beyond $PnR. Where HEADER and
TEXT agree, a few events of floats are sampled; integers tell when they are read, by the bits beyond $PnR.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from assaykit.fcs.columns import decoder
from assaykit.fcs.layouts import EventLayout, Field, direction
from assaykit.fcs.source import Source

SAMPLE = 256  # events
_FEW = 32  # events sampled where nothing is in doubt
_ENOUGH = 10  # events
_SPOTS, _SPOT = 16, 4096  # places looked at, and bytes at each, where DATA may hold zeros alone
_FAINTEST, _FURTHEST = 1e-6, 1e9
_NEVER = 1e23  # beyond any range: 1000 times that of 64-bit integers


def plausibility(source: Source, layout: EventLayout, *, begin: int, ranges: Sequence[float]) -> float | None:
    """Return the fraction of the first values at `begin` that could be measurements, None where none could tell.

    A float is plausible if it is 0, or its size lies between 1e-6 and 1e9 or 1000 x $PnR. An integer tells only where
    $PnR leaves bits unused.
    """
    if layout.width == 0 or layout.width % 8 or any(field.bits % 8 or field.kind == "A" for field in layout.fields):
        return None
    width = layout.width // 8
    raw = source.read(begin, begin + min(SAMPLE * width, 1 << 20))
    count = len(raw) // width
    if count == 0:
        return 0.0
    block = np.frombuffer(raw + bytes(8), np.uint8)
    votes = [
        _plausible(field, decoder(field, layout.order)(block, width, count), top)
        for field, top in zip(layout.fields, ranges, strict=True)
    ]
    told = [vote for vote in votes if vote is not None]
    return float(np.mean(told)) if told else None


def _plausible(field: Field, column: np.ndarray, top: float) -> float | None:
    if field.kind == "I":
        if field.mask is None:
            return None
        return float(np.mean(column <= field.mask))
    with np.errstate(all="ignore"):
        size = np.abs(column.astype(np.float64))
        return float(np.mean((size == 0) | ((size > _FAINTEST) & (size < min(max(_FURTHEST, 1000 * top), _NEVER)))))


def plausible_share(
    source: Source, layout: EventLayout, *, begin: int, ranges: Sequence[float], reverse: bool = False
) -> NDArray[np.float64] | None:
    """Return per channel the share of the first values, but zeros, that could be measurements; NaN where all are 0.

    None where DATA is not floats of one width in a plain order of bytes, or too few to tell. `reverse` reads the bytes
    the other way round.
    """
    first = layout.fields[0]
    way = direction(layout.order, first.bits // 8)
    if len({(field.kind, field.bits) for field in layout.fields}) > 1:
        return None if reverse else _mixed_shares(source, layout, begin=begin, ranges=ranges)
    if first.kind not in "FD" or not way:
        return None
    raw = source.read(begin, begin + _FEW * layout.width // 8)
    whole = raw[: len(raw) // (layout.width // 8) * (layout.width // 8)]
    if len(whole) < _ENOUGH * layout.width // 8:
        return None
    order = {"<": ">", ">": "<"}[way] if reverse else way
    with np.errstate(all="ignore"):
        size = np.abs(np.frombuffer(whole, f"{order}f{first.bits // 8}").reshape(-1, len(layout.fields)), dtype=float)
        sane = (size > _FAINTEST) & (size < np.clip(1000 * np.asarray(ranges), _FURTHEST, _NEVER))
        filled = (size != 0).sum(axis=0)
        return np.where(filled, sane.sum(axis=0) / np.maximum(filled, 1), np.nan)


def _mixed_shares(
    source: Source, layout: EventLayout, *, begin: int, ranges: Sequence[float]
) -> NDArray[np.float64] | None:
    """Return what `plausible_share` does where kinds or widths are mixed; NaN for integers."""
    if layout.width % 8 or any(field.bits % 8 for field in layout.fields):
        return None
    width = layout.width // 8
    raw = source.read(begin, begin + _FEW * width)
    count = len(raw) // width
    if count < _ENOUGH:
        return None
    block = np.frombuffer(raw + bytes(8), np.uint8)
    shares = np.full(len(layout.fields), np.nan)
    for place, (field, top) in enumerate(zip(layout.fields, ranges, strict=True)):
        if field.kind in "FD":
            with np.errstate(all="ignore"):
                size = np.abs(decoder(field, layout.order)(block, width, count).astype(np.float64))
            filled = size != 0
            if filled.any():
                sane = (size > _FAINTEST) & (size < min(max(_FURTHEST, 1000 * top), _NEVER))
                shares[place] = np.mean(sane[filled])
    return shares


def bytes_look_swapped(source: Source, layout: EventLayout, *, begin: int) -> bool:
    """Whether most 16-bit integers that fill their range look as if their two bytes were the other way round.

    The upper byte of a measurement is small in a channel of low values and the lower byte is anything. Where the lower
    one is never above 127, nor always 0, while the upper one is, in half of the channels or more, they are turned.
    """
    way = direction(layout.order, 2)
    if any(field.kind != "I" or field.bits != 16 or field.mask is not None for field in layout.fields) or not way:
        return False
    raw = source.read(begin, begin + _FEW * layout.width // 8)
    count = len(raw) * 8 // layout.width
    if count < _ENOUGH:
        return False
    values = np.frombuffer(raw, f"{way}u2", count=count * len(layout.fields)).reshape(count, -1)
    lower, upper = (values & 0xFF).max(axis=0), (values >> 8).max(axis=0)
    turned = (lower > 0) & (lower < 128) & (upper > 127)
    straight = (upper > 0) & (upper < 128) & (lower > 127)
    return bool(turned.sum() * 2 >= len(turned) and not straight.any())


def all_plausible(source: Source, layout: EventLayout, *, begin: int) -> bool:
    """Whether the first floats are one and all of a usual size, or nothing can be told: the quick answer for most."""
    first = layout.fields[0]
    way = direction(layout.order, first.bits // 8)
    if layout.width != first.bits * len(layout.fields):
        return not any(field.kind in "FD" for field in layout.fields)
    if first.kind not in "FD" or not way:
        return not any(field.kind in "FD" for field in layout.fields[1:])
    raw = source.read(begin, begin + _FEW * layout.width // 8)
    with np.errstate(all="ignore"):
        size = np.abs(np.frombuffer(raw, f"{way}f{first.bits // 8}", count=len(raw) * 8 // first.bits))
        return bool((((size > _FAINTEST) & (size < _FURTHEST)) | (size == 0)).all())


def mostly_implausible(source: Source, layout: EventLayout, *, begin: int, ranges: Sequence[float]) -> bool:
    """Whether most floats at `begin` could not be measurements, over all channels."""
    shares = plausible_share(source, layout, begin=begin, ranges=ranges)
    if shares is None or np.isnan(shares).all():
        return False
    return bool(np.nanmean(shares) < 0.5)


def is_all_zeros(source: Source, *, begin: int, end: int) -> bool:
    """Whether DATA is nothing but zero bytes, at its beginning and at places all over it."""
    if source.read(begin, min(end, begin + 64)).strip(b"\0"):
        return False
    places = np.linspace(begin, max(begin, end - _SPOT), _SPOTS).astype(int)
    return not any(source.read(int(place), min(end, int(place) + _SPOT)).strip(b"\0") for place in places)

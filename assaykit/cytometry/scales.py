"""Scales that show intensities: linear, log, arcsinh, logicle and hyperlog, as Gating-ML 2.0 (ISAC 2013) defines them.

Every scale is a strictly increasing function, `shown = scale(raw)`, so a threshold on it is a threshold on the raw
values: `raw_values` brings the numbers of a gate down to the events, and the events need no transforming.
"""

from __future__ import annotations

import numpy as np
from flowutils import transforms
from numpy.typing import ArrayLike, NDArray

from assaykit.protocol import ArcsinhScale, FixedScale, HyperlogScale, LinearScale, LogicleScale, LogScale, ScaleName

Array = NDArray[np.float64]
LN10 = float(np.log(10.0))


def transformed_values(raw: ArrayLike, scale: FixedScale) -> Array:
    """Return raw intensities as the scale shows them (same shape, float64); log shows nothing at or below 0 as -inf.

    >>> float(transformed_values([262144.0], LogicleScale())[0])
    1.0
    """
    x = np.asarray(raw, dtype=np.float64)
    match scale:
        case LinearScale():
            return (x + scale.negative) / (scale.top + scale.negative)
        case LogScale():
            with np.errstate(divide="ignore", invalid="ignore"):
                decades = np.log10(x / scale.top) / scale.decades + 1.0
            return np.where(x > 0, decades, -np.inf)
        case ArcsinhScale():
            spread = (scale.decades + scale.negative_decades) * LN10
            shifted = np.arcsinh(x * np.sinh(scale.decades * LN10) / scale.top) + scale.negative_decades * LN10
            return np.asarray(shifted / spread)
        case LogicleScale():
            # Without a linear part flowutils' root finder is lost within 1e-14 of the top around 0, where 0 is shown.
            lost = 1e-13 * scale.top if scale.width == 0 else 0.0
            return _through(transforms.logicle, np.where(np.abs(x) < lost, 0.0, x), scale)
        case HyperlogScale():
            return _through(transforms.hyperlog, x, scale)


def raw_values(shown: ArrayLike, scale: FixedScale) -> Array:
    """Return the raw intensities that the scale shows as `shown` (same shape, float64); infinities stay."""
    y = np.asarray(shown, dtype=np.float64)
    finite = np.isfinite(y)
    result = y.copy()
    result[finite] = _raw(y[finite], scale)
    return result


def _raw(y: Array, scale: FixedScale) -> Array:
    match scale:
        case LinearScale():
            return y * (scale.top + scale.negative) - scale.negative
        case LogScale():
            return np.asarray(scale.top * 10.0 ** (scale.decades * (y - 1.0)))
        case ArcsinhScale():
            angle = y * (scale.decades + scale.negative_decades) * LN10 - scale.negative_decades * LN10
            return np.asarray(np.sinh(angle) * scale.top / np.sinh(scale.decades * LN10))
        case LogicleScale():
            return _through(transforms.logicle_inverse, y, scale)
        case HyperlogScale():
            return _through(transforms.hyperlog_inverse, y, scale)


def _through(function: object, values: Array, scale: LogicleScale | HyperlogScale) -> Array:
    assert callable(function)
    flat = np.ascontiguousarray(values, dtype=np.float64).ravel()
    shown = function(flat, None, t=scale.top, m=scale.decades, w=scale.width, a=scale.negative_decades)
    return np.asarray(shown, dtype=np.float64).reshape(values.shape)


def logicle_scale(values: NDArray[np.floating], top: float, *, decades: float = 4.5) -> LogicleScale:
    """Return the logicle scale that shows these values well: W = (M - log10(T / |r|)) / 2, r their 5 % negative.

    r is the 5th percentile of the negative values (Moore & Parks 2012, 10.1002/cyto.a.22030); W is 0 where there are
    none, and never more than M / 2, where the scale would no longer be defined.

    >>> logicle_scale(np.array([1.0, 2.0]), 262144.0).width
    0.0
    """
    # 1. r, the 5th percentile of the negative values; 2. W, so that r still lies within the linear part of the scale.
    negative = values[values < 0]
    if negative.size == 0:
        return LogicleScale(top=top, decades=decades, width=0.0)
    r = abs(float(np.percentile(negative, 5.0)))
    width = (decades - np.log10(top / r)) / 2.0
    return LogicleScale(top=top, decades=decades, width=float(np.clip(width, 0.0, decades / 2.0 - 0.05)))


def named_scale(name: ScaleName, fitted: LogicleScale) -> FixedScale | None:
    """Return the scale a gate calls by name, with the top and width fitted to the plate; None for "raw"."""
    match name:
        case "raw":
            return None
        case "linear":
            return LinearScale(top=fitted.top)
        case "log":
            return LogScale(top=fitted.top, decades=fitted.decades)
        case "arcsinh":
            return ArcsinhScale(top=fitted.top, decades=fitted.decades)
        case "logicle":
            return fitted
        case "hyperlog":
            width = max(fitted.width, 0.05)  # hyperlog needs a linear part; logicle does not
            return HyperlogScale(top=fitted.top, decades=fitted.decades, width=width)

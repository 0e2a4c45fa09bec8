"""Analysis scales: where an endpoint is analysed, and how a contrast reads when it is brought back.

`y = analysis_scale(frame, scale)` forward; `effect = effect_from_contrast(contrast, scale)` back.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from assaykit.protocol import Scale

Floats = NDArray[np.float64]

_PERCENT = {"%", "percent", "% input", "% of input"}


def is_percent(unit: str) -> bool:
    """Return whether a unit is a percentage.

    >>> is_percent("% input"), is_percent("MFI")
    (True, False)
    """
    return unit.strip().lower() in _PERCENT or unit.strip().startswith("%")


def analysis_scale(frame: pd.DataFrame, scale: Scale) -> Floats:
    """Return the rows' values on the analysis scale; NaN where the scale does not hold them.

    `frame` has `value` and `unit`, and `count` and `total` where it holds proportions. A proportion at 0 or 1 has
    no logit and a count of 0 no logarithm: there (count + 0.5) / (total + 1) is taken instead (the empirical logit,
    Cox 1970, The Analysis of Binary Data, 3.1).
    """
    value: Floats = frame["value"].to_numpy(np.float64, copy=True)
    whole = np.where([is_percent(str(unit)) for unit in frame["unit"]], 100.0, 1.0)
    if scale == "identity":
        return value
    edge = value <= 0 if scale != "logit" else (value <= 0) | (value >= whole)
    value = np.where(edge, _empirical(frame, value), value)
    with np.errstate(divide="ignore", invalid="ignore"):
        y = _FORWARD[scale](value / whole if scale == "logit" else value)
    return np.where(np.isfinite(y), y, np.nan)


def effect_from_contrast(contrast: ArrayLike, scale: Scale) -> Floats:
    """Return the contrast back-transformed: a fold change, a rate ratio, an odds ratio or the difference itself.

    >>> effect_from_contrast([1.0, -1.0], "log2").tolist()
    [2.0, 0.5]
    """
    with np.errstate(over="ignore"):
        return np.asarray(_BACK[scale](np.asarray(contrast, np.float64)), np.float64)


def effect_name(scale: Scale, unit: str) -> str:
    """Return what the back-transformed contrast is called.

    >>> effect_name("log2", "MFI"), effect_name("identity", "%")
    ('fold change', 'percentage points')
    """
    names = {"log2": "fold change", "log": "rate ratio", "logit": "odds ratio"}
    return names.get(scale, "percentage points" if is_percent(unit) else "difference")


def _numbers(frame: pd.DataFrame, column: str) -> Floats:
    if column not in frame.columns:
        return np.full(len(frame), np.nan)
    numbers: Floats = frame[column].to_numpy(np.float64, na_value=np.nan)
    return numbers


def _empirical(frame: pd.DataFrame, value: Floats) -> Floats:
    """Return whole * (count + 0.5) / (total + 1); NaN where count / total is not what `value` measures.

    `whole` is 100 for a percentage, and otherwise what turns count / total into the other rows' values.
    """
    count, total = _numbers(frame, "count"), _numbers(frame, "total")
    with np.errstate(divide="ignore", invalid="ignore"):
        wholes = value * total / count
    wholes = wholes[np.isfinite(wholes) & (count > 0)]
    constant = len(wholes) and np.ptp(wholes) <= 1e-6 * abs(float(np.median(wholes)))
    percent = all(is_percent(str(unit)) for unit in frame["unit"].unique())
    whole = 100.0 if percent else float(np.median(wholes)) if constant else np.nan
    return np.asarray((count + 0.5) / (total + 1.0) * whole)


def _identity(x: Floats) -> Floats:
    return x


def _logit(p: Floats) -> Floats:
    return np.asarray(np.log(p) - np.log1p(-p), np.float64)


_FORWARD: dict[str, Any] = {"log2": np.log2, "log": np.log, "logit": _logit, "identity": _identity}
_BACK: dict[str, Any] = {"log2": np.exp2, "log": np.exp, "logit": np.exp, "identity": _identity}

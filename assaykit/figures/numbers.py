"""Numbers and axes as print shows them: effects, limits, exact p, and ticks a reader can name."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

RATIOS = frozenset({"fold change", "rate ratio", "odds ratio", "ratio"})


def is_ratio(effect_name: str) -> bool:
    """Whether the effect is a ratio: no effect is 1, and its axis is logarithmic."""
    return effect_name in RATIOS


def number_text(value: float) -> str:
    """Return a number with three figures that matter, two below 1, never in e-notation below a million.

    >>> number_text(1.7364), number_text(0.0421), number_text(1234.6), number_text(float("nan"))
    ('1.74', '0.042', '1,235', '–')
    """
    if not math.isfinite(value):
        return "–"
    if value == 0 or abs(value) < 1e-6 or abs(value) >= 1e6:
        return f"{value:.3g}"
    digits = max(0, (2 if abs(value) >= 1 else 1) - math.floor(math.log10(abs(value))))
    return f"{value:,.{digits}f}".replace("-", "−")


def limits_text(value: float, low: float, high: float) -> str:
    """Return an effect with its limits.

    >>> limits_text(1.74, 1.5, 2.02)
    '1.74 (1.50 to 2.02)'
    """
    if not math.isfinite(value):
        return "–"
    return f"{number_text(value)} ({number_text(low)} to {number_text(high)})"


def p_text(p: float) -> str:
    """Return a p value exactly, to two figures; below one in ten thousand as such.

    >>> p_text(0.03416), p_text(0.5), p_text(3e-6), p_text(float("nan"))
    ('0.034', '0.50', '<0.0001', '–')
    """
    if not math.isfinite(p):
        return "–"
    if p < 1e-4:
        return "<0.0001"
    return f"{p:.{max(2, 1 - math.floor(math.log10(p)))}f}" if p < 1 else "1"


def df_text(df: float) -> str:
    """Return degrees of freedom, whole where they are whole.

    >>> df_text(4.0), df_text(7.268), df_text(float("inf"))
    ('4', '7.3', '∞')
    """
    if not math.isfinite(df):
        return "∞" if df > 0 else "–"
    return f"{df:.0f}" if abs(df - round(df)) < 0.05 else f"{df:.1f}"


def ratio_ticks(low: float, high: float) -> list[float]:
    """Return round ticks for a logarithmic axis: even steps on short spans, then powers of two, 1-2-5, powers of ten.

    >>> ratio_ticks(0.4, 5), ratio_ticks(0.8, 1.3)
    ([0.5, 1.0, 2.0, 4.0], [0.8, 0.9, 1.0, 1.1, 1.2, 1.3])
    """
    if high / low < 3:
        steps = MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
        return [round(float(tick), 6) for tick in steps if low <= tick <= high * (1 + 1e-9)]
    if high / low <= 24 and low <= 1 <= high:
        return [2.0**k for k in range(-8, 9) if low <= 2.0**k <= high]
    steps = (1.0, 2.0, 5.0) if high / low <= 150 else (1.0, 3.0) if high / low < 3000 else (1.0,)
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [step * 10.0**k for k in decades for step in steps if low <= step * 10.0**k <= high]
    return ticks if len(ticks) <= 8 else ticks[:: -(-len(ticks) // 8)]


def set_ratio_axis(axes: Axes, which: Literal["x", "y"], limits: tuple[float, float]) -> None:
    """Make the x or y axis logarithmic between `limits`, with ticks written as plain numbers."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    axes.set(**{f"{which}scale": "log", f"{which}lim": limits})
    axis.set_major_locator(FixedLocator(ratio_ticks(*limits)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))


def padded(values: Iterable[float], *, log: bool, share: float = 0.08) -> tuple[float, float]:
    """Return limits that hold the finite values and a margin of `share` of their span on each side."""
    array = np.asarray([v for v in values if math.isfinite(v) and (v > 0 or not log)], dtype=float)
    if not array.size:
        return (0.5, 2.0) if log else (0.0, 1.0)
    array = np.log(array) if log else array
    low, high = float(array.min()), float(array.max())
    margin = share * (high - low) or 0.1 * abs(high) or 1.0
    low, high = low - margin, high + margin
    return (math.exp(low), math.exp(high)) if log else (low, high)

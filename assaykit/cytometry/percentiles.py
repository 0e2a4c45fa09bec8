"""A percentile of control cells, with its exact interval from order statistics: open where the cells are too few."""

from __future__ import annotations

from math import ceil, isfinite, log

import numpy as np
from numpy.typing import NDArray

from assaykit.cytometry.readouts import quantile
from assaykit.cytometry.valleys import Cut
from assaykit.errors import GateError

CONFIDENCE = 0.95


def cut_at_percentile(values: NDArray[np.floating], percent: float) -> Cut:
    """Return the percentile of the cells and its exact 95 % interval from order statistics, open where n is too small.

    The cells below the true percentile p of n independent ones are binomial (n, p) whatever their distribution, so
    X(r) <= percentile < X(s) with probability P(r <= Binomial < s) (David & Nagaraja 2003, ch. 7.1). The interval is
    `sure` where both of its ends are cells. Raises GateError for fewer than 2 cells.

    >>> cut = cut_at_percentile(np.arange(1.0, 1001.0), 99.0)
    >>> cut.low, cut.high, cut_at_percentile(np.arange(1.0, 101.0), 99.0).high
    (984.0, 997.0, inf)
    """
    ordered = np.sort(values[np.isfinite(values)]).astype(np.float64)
    if ordered.size < 2:
        raise GateError("a threshold must rest on control cells", f"{ordered.size} cells")
    if percent < 50.0:  # the mirror image: the near end of the range is the one that may stay open
        mirrored = cut_at_percentile(-ordered, 100.0 - percent)
        return Cut(-mirrored.value, -mirrored.high, -mirrored.low, sure=mirrored.sure, doubt=mirrored.doubt)
    below, above = _ranks(ordered.size, percent / 100.0)
    low = ordered[below - 1] if below >= 1 else -np.inf
    high = ordered[above - 1] if above <= ordered.size else np.inf
    closed = bool(np.isfinite(low) and np.isfinite(high))
    why = "" if closed else f"{ordered.size} control cells; {fewest_cells(percent)} or more close its interval"
    return Cut(quantile(ordered, percent), float(low), float(high), sure=closed, doubt=why)


def _ranks(n: int, share: float) -> tuple[int, int]:
    """Return the ranks r and s, from 1, between which the quantile of `share` >= 1/2 lies with 95 % at least.

    r = 0 and s = n + 1 stand for an open end.
    """
    from scipy.stats import binom

    # 1. Above: the lowest rank whose cell lies below the quantile in at most 2.5 % of samples; where no cell does so,
    #    the last one, if even it does in no more than the 5 % that both ends may miss.
    missed = 1.0 - CONFIDENCE
    above = int(binom.isf(missed / 2.0, n, share)) + 1
    if above > n and share**n <= missed:
        above = n
    # 2. Below: the highest rank whose cell lies above the quantile in at most what the upper end leaves of the 5 %.
    left = missed - (float(binom.sf(above - 1, n, share)) if above <= n else 0.0)
    below = int(binom.ppf(left, n, share))
    return below - (below > 0 and float(binom.cdf(below - 1, n, share)) > left), above


def fewest_cells(percent: float) -> int:
    """Return the cells from which the interval of a percentile is closed at both ends.

    >>> fewest_cells(99.0), fewest_cells(99.5), fewest_cells(1.0)
    (299, 598, 299)
    """
    share = max(percent, 100.0 - percent) / 100.0
    return ceil(log(1.0 - CONFIDENCE) / log(share))


def cut_interval_text(cut: Cut) -> str:
    """Return a cut's interval in words, an open end named.

    >>> cut_interval_text(Cut(3.0, 2.0, float("inf"), sure=False))
    '95 % interval above 2, upper limit open'
    """
    match isfinite(cut.low), isfinite(cut.high):
        case True, False:
            return f"95 % interval above {cut.low:.4g}, upper limit open"
        case False, True:
            return f"95 % interval below {cut.high:.4g}, lower limit open"
        case False, False:
            return "95 % interval open at both ends"
    return f"95 % interval {cut.low:.4g} to {cut.high:.4g}"

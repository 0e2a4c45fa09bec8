"""One number per study, with its standard error, from what a paper prints: `effect = measure(arm, reference)`.

Ratios are on the natural log scale. Formulas: Borenstein et al. 2009, Introduction to Meta-Analysis, chapters 4 and 5.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from assaykit.errors import DesignError
from assaykit.stats.units.simple import small_sample_correction


@dataclass(frozen=True, slots=True)
class Events:
    """How many of how many."""

    events: float
    total: float


@dataclass(frozen=True, slots=True)
class Summary:
    """Mean, SD and number of independent units of an arm."""

    mean: float
    sd: float
    units: int


@dataclass(frozen=True, slots=True)
class Effect:
    """An effect and its standard error, ready to be pooled."""

    estimate: float
    std_error: float


def log_risk_ratio(arm: Events, reference: Events) -> Effect:
    """Return ln(p1 / p2); a half is added to all four cells where one is empty.

    >>> log_risk_ratio(Events(4, 123), Events(11, 139)).estimate
    -0.889311...
    """
    (a, n1), (c, n2) = _halved(arm, reference)
    return Effect(math.log(a / n1 * n2 / c), math.sqrt(1 / a - 1 / n1 + 1 / c - 1 / n2))


def log_odds_ratio(arm: Events, reference: Events) -> Effect:
    """Return ln of the odds ratio; a half is added to all four cells where one is empty."""
    (a, n1), (c, n2) = _halved(arm, reference)
    b, d = n1 - a, n2 - c
    return Effect(math.log(a * d / (b * c)), math.sqrt(1 / a + 1 / b + 1 / c + 1 / d))


def risk_difference(arm: Events, reference: Events) -> Effect:
    """Return p1 - p2; the standard error takes a half in every cell where one is empty."""
    estimate = arm.events / arm.total - reference.events / reference.total
    (a, n1), (c, n2) = _halved(arm, reference)
    p, q = a / n1, c / n2
    return Effect(estimate, math.sqrt(p * (1 - p) / n1 + q * (1 - q) / n2))


def log_ratio_of_means(arm: Summary, reference: Summary) -> Effect:
    """Return ln(mean1 / mean2) by the delta method (Hedges, Gurevitch & Curtis 1999, 10.2307/177062)."""
    if arm.mean <= 0 or reference.mean <= 0:
        raise DesignError("a ratio of means must have two positive means", f"{arm.mean:g} and {reference.mean:g}")
    variance = sum((each.sd / each.mean) ** 2 / each.units for each in (arm, reference))
    return Effect(math.log(arm.mean / reference.mean), math.sqrt(variance))


def standardised_difference(arm: Summary, reference: Summary) -> Effect:
    """Return Hedges' g with the exact correction, and its large-sample standard error."""
    df = arm.units + reference.units - 2
    pooled = math.sqrt(((arm.units - 1) * arm.sd**2 + (reference.units - 1) * reference.sd**2) / df)
    g = small_sample_correction(df) * (arm.mean - reference.mean) / pooled
    variance = 1 / arm.units + 1 / reference.units + g**2 / (2 * (arm.units + reference.units))
    return Effect(g, math.sqrt(variance))


def _halved(arm: Events, reference: Events) -> tuple[tuple[float, float], tuple[float, float]]:
    for each in (arm, reference):
        if not 0 <= each.events <= each.total or each.total <= 0:
            raise DesignError("events must lie between zero and their total", f"{each.events:g} of {each.total:g}")
    cells = [count for each in (arm, reference) for count in (each.events, each.total - each.events)]
    add = 0.5 if min(cells) == 0 else 0.0
    return (arm.events + add, arm.total + 2 * add), (reference.events + add, reference.total + 2 * add)

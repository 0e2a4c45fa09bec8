"""How many independent units a contrast needs: by the noncentral t, and by simulation beside it.

Power here is always two-sided and exact in both tails, so that at no effect it equals alpha. The SD is that of the
contrast between units (`contrast_sd` of ESTIMATES): the number that more wells per unit cannot shrink to zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special

from assaykit.errors import DesignError

MOST_UNITS = 1_000_000


@dataclass(frozen=True, slots=True)
class SimulatedPower:
    """Power seen in simulated experiments, with its Monte-Carlo standard error."""

    power: float
    std_error: float
    simulations: int


def paired_power(n: float, effect: float, sd: float, *, alpha: float = 0.05) -> float:
    """Return the power of a two-sided paired t test of `n` units for a mean difference `effect`.

    `sd` is the SD of the difference between units. Noncentral t with n - 1 df and ncp = effect * sqrt(n) / sd
    (Cohen 1988, Statistical Power Analysis, chapter 2), both tails.

    >>> round(paired_power(5, 1.2, 0.7), 4)
    0.8138
    """
    _require_spread(sd)
    return _t_power(n - 1, effect * math.sqrt(n) / sd, alpha)


def two_sample_power(n: float, effect: float, sd: float, *, alpha: float = 0.05) -> float:
    """Return the power of a two-sided t test of two groups of `n` units each, with common SD `sd`."""
    _require_spread(sd)
    return _t_power(2 * (n - 1), effect * math.sqrt(n / 2) / sd, alpha)


def anova_power(n: float, groups: int, *, between_var: float, within_var: float, alpha: float = 0.05) -> float:
    """Return the power of a one-way ANOVA of `groups` groups of `n` units, by the noncentral F."""
    from scipy import stats

    df1, df2 = groups - 1, groups * (n - 1)
    critical = stats.f.isf(alpha, df1, df2)
    return float(stats.ncf.sf(critical, df1, df2, df1 * n * between_var / within_var))


def units_needed(effect: float, sd: float, *, power: float = 0.8, alpha: float = 0.05) -> int:
    """Return the least number of units at which a paired t test has the power asked for, at least 2.

    Raises DesignError for an effect of zero, which no number of units finds.

    >>> units_needed(1.0, 0.8)
    8
    """
    if sd == 0:
        return 2
    return math.ceil(exact_units(lambda n: paired_power(n, effect, sd, alpha=alpha), effect=effect, power=power) - 1e-9)


def two_sample_units(effect: float, sd: float, *, power: float = 0.8, alpha: float = 0.05) -> float:
    """Return the units per group of a two-sample t test, as a real number; round it up.

    >>> round(two_sample_units(1.0, 0.8), 4)
    11.0942
    """
    return exact_units(lambda n: two_sample_power(n, effect, sd, alpha=alpha), effect=effect, power=power)


def exact_units(power_at: Callable[[float], float], *, effect: float, power: float = 0.8) -> float:
    """Return the real number of units, at least 2, at which `power_at(n)` reaches `power`."""
    from scipy.optimize import brentq

    if not (math.isfinite(effect) and effect != 0):
        raise DesignError("an effect to find must be a number other than zero", repr(effect))
    if power_at(2.0) >= power:
        return 2.0
    high = 4.0
    while power_at(high) < power:
        high *= 2
        if high > MOST_UNITS:
            raise DesignError(
                f"an effect must be within reach of {MOST_UNITS:,} units",
                f"effect {effect:g} has power {power_at(high):.2f} at {high:.0f} units",
                remedy="ask for a larger effect; this one is nothing beside the spread",
            )
    return float(brentq(lambda n: power_at(n) - power, max(high / 2, 2.0), high, xtol=1e-10, rtol=1e-12))


def simulated_power(
    n: int, effect: float, sd: float, *, rng: np.random.Generator, simulations: int = 2000, alpha: float = 0.05
) -> SimulatedPower:
    """Return the fraction of simulated experiments of `n` normal units whose paired t test finds `effect`."""
    differences = rng.normal(effect, sd, size=(simulations, n))
    std_errors = differences.std(axis=1, ddof=1) / math.sqrt(n)
    found = np.abs(differences.mean(axis=1) / std_errors) > special.stdtrit(n - 1, 1 - alpha / 2)
    share = float(found.mean())
    return SimulatedPower(share, math.sqrt(max(share * (1 - share), 1 / simulations) / simulations), simulations)


def contrast_sd(arm_sd: float, well_sd: float, wells: int, *, weights: Sequence[float] = (1.0, -1.0)) -> float:
    """Return the SD between units of a contrast of arm means, from the variance components of a mixed model.

    `arm_sd` is the SD of unit by arm, `well_sd` that of wells within an arm, `wells` their number per arm; `weights`
    of an interaction are (1, -1, -1, 1). The SD between units cancels, and more wells shrink their own part only.

    >>> round(contrast_sd(0.3, 0.2, 2), 4), round(contrast_sd(0.3, 0.2, 200), 4)
    (0.469, 0.4247)
    """
    if arm_sd < 0 or well_sd < 0 or wells < 1:
        raise DesignError("variance components must not be negative, nor an arm without wells", f"{wells} wells")
    return math.sqrt(sum(weight**2 for weight in weights) * (arm_sd**2 + well_sd**2 / wells))


def power_table(
    estimates: pd.DataFrame, *, smallest: Mapping[str, float], power: float = 0.8, alpha: float = 0.05
) -> pd.DataFrame:
    """Return one row per estimable contrast of ESTIMATES: the units it would take, now and for the smallest effect.

    `smallest` gives per scale (log2, log, logit, identity) the smallest effect of interest. `units_smallest` is what a
    new study should plan on; `units_observed` takes the observed estimate for the truth, which flatters small studies.
    """
    rows = [
        _power_row(row, smallest.get(str(row["scale"]), math.nan), power=power, alpha=alpha)
        for row in estimates.to_dict("records")
        if row["contrast_sd"] > 0 and row["n_units"] >= 2
    ]
    return pd.DataFrame(rows, columns=[*_KEYS, *_POWER_COLUMNS])


_KEYS = ["assay", "analysis", "endpoint", "contrast", "context"]
_POWER_COLUMNS = [
    "contrast_sd",
    "n_units",
    "smallest_effect",
    "power_smallest",
    "units_smallest",
    "estimate",
    "units_observed",
]


def _power_row(row: Mapping[str, object], smallest: float, *, power: float, alpha: float) -> dict[str, object]:
    sd, n, estimate = (float(row[name]) for name in ("contrast_sd", "n_units", "estimate"))  # type: ignore[arg-type]  # numbers by the glossary
    return {
        **{key: row.get(key, "") for key in _KEYS},
        "contrast_sd": sd,
        "n_units": int(n),
        "smallest_effect": smallest,
        "power_smallest": paired_power(n, smallest, sd, alpha=alpha) if math.isfinite(smallest) else math.nan,
        "units_smallest": _units_or_missing(smallest, sd, power=power, alpha=alpha),
        "estimate": estimate,
        "units_observed": _units_or_missing(estimate, sd, power=power, alpha=alpha),
    }


def _units_or_missing(effect: float, sd: float, *, power: float, alpha: float) -> float:
    try:
        return float(units_needed(effect, sd, power=power, alpha=alpha))
    except DesignError:
        return math.nan


def _t_power(df: float, ncp: float, alpha: float) -> float:
    critical = special.stdtrit(df, 1 - alpha / 2)
    above = 1 - special.nctdtr(df, abs(ncp), critical)
    below = special.nctdtr(df, abs(ncp), -critical)
    return float(above + (below if math.isfinite(below) else 0.0))  # far out the small tail is no number, and nothing


def _require_spread(sd: float) -> None:
    if not (math.isfinite(sd) and sd > 0):
        raise DesignError("the SD between units must be a positive number", repr(sd))

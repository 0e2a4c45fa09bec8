"""Do two drugs do more together than they should? `excess = observed effect - expected effect`, unit by unit.

An effect is a fraction, 0 for none to 1 for all (e.g. 1 - viability / viability of vehicle). What should be differs:

    Bliss   independent drugs: 1 - (1 - A)(1 - B)                          (Bliss 1939)
    HSA     the better drug alone                                           (Berenbaum 1989)
    Loewe   drugs that dilute each other: a / D_A(y) + b / D_B(y) = 1       (Loewe 1926)
    ZIP     independent drugs that leave each other's curve as it is        (Yadav 2015, 10.1016/j.csbj.2015.09.001)

Bliss and HSA need three arms; Loewe and ZIP need curves. An excess above zero is synergy under that model only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from assaykit.errors import DesignError
from assaykit.stats.dose.response import Curves, fit_curves, predicted
from assaykit.stats.units import ContrastResult, one_sample_t
from assaykit.treatment import independent_effect, stronger_effect

Array = NDArray[np.float64]
SynergyModel = Literal["bliss", "hsa", "loewe", "zip"]


@dataclass(frozen=True, slots=True)
class Synergy:
    """The excess effect over units, with its t interval, and each unit's own excess."""

    model: str
    test: ContrastResult
    by_unit: Mapping[str, float]


class Surface(NamedTuple):
    """One unit's dose pairs with their mean effects; singles are the pairs with a zero."""

    first: Array
    second: Array
    effect: Array


def bliss_excess(first: ArrayLike, second: ArrayLike, both: ArrayLike) -> Array:
    """Return observed minus Bliss-independent effect, fractions, element by element.

    Raises DesignError for effects that are no fractions.

    >>> round(float(bliss_excess(0.5, 0.4, 0.8)), 6)
    0.1
    """
    a, b, ab = _fractions(first), _fractions(second), _fractions(both)
    return np.asarray(ab - independent_effect(a, b))


def hsa_excess(first: ArrayLike, second: ArrayLike, both: ArrayLike) -> Array:
    """Return observed minus the effect of the drug that is stronger on the mean over units, fractions unit by unit.

    The larger of two noisy numbers, unit by unit, would overrate the single drugs.
    """
    a, b, ab = _fractions(first), _fractions(second), _fractions(both)
    return np.asarray(ab - (a if a.mean() >= b.mean() else b))


def surface_table(
    frame: pd.DataFrame, *, doses: tuple[str, str], effect: str, unit: str, model: SynergyModel = "bliss"
) -> pd.DataFrame:
    """Return unit, the two doses, the mean observed effect and its excess for every combined pair of doses.

    `doses` names the two dose columns. Wells of one unit and pair are averaged first. Raises DesignError where a
    combined pair lacks its single doses.
    """
    excess = EXCESS[model]
    parts = []
    for name, wells in frame.groupby(unit, sort=True):
        means = wells.groupby(list(doses), sort=True)[effect].mean().reset_index()
        surface = Surface(*(means[column].to_numpy(dtype=float) for column in (*doses, effect)))
        together = (surface.first > 0) & (surface.second > 0)
        part = means[together].rename(columns={effect: "effect"})
        parts.append(part.assign(excess=excess(surface)[together]).assign(**{unit: name}))
    return pd.concat(parts, ignore_index=True)[[unit, *doses, "effect", "excess"]]


def surface_synergy(table: pd.DataFrame, *, unit: str, model: SynergyModel) -> Synergy:
    """Return the mean excess of a `surface_table` over all pairs of doses, one number a unit, with its t interval."""
    means = table.groupby(unit, sort=True)["excess"].mean()
    return _over_units(model, {str(name): float(value) for name, value in means.items()})


def loewe_effect(dose_a: float, dose_b: float, curve_a: Mapping[str, float], curve_b: Mapping[str, float]) -> float:
    """Return the effect y at which dose_a / D_A(y) + dose_b / D_B(y) = 1, of effect curves that start at zero.

    A drug whose effect never reaches y counts for nothing there; beyond both plateaus the larger plateau is returned.
    """
    from scipy.optimize import brentq

    most = max(curve_a["bottom"], curve_b["bottom"])
    if most <= 0 or dose_a + dose_b <= 0:
        return 0.0

    def surplus(effect: float) -> float:
        return dose_a * _per_dose(effect, curve_a) + dose_b * _per_dose(effect, curve_b) - 1

    low, high = most * 1e-12, most * (1 - 1e-12)
    if surplus(high) >= 0:
        return most
    return float(brentq(surplus, low, high, xtol=1e-14)) if surplus(low) > 0 else 0.0


def _per_dose(effect: float, curve: Mapping[str, float]) -> float:
    """Return 1 / D(effect), the inverse of the dose of one drug alone that gives the effect; 0 where none does."""
    if effect >= curve["bottom"]:
        return 0.0
    odds = effect / (curve["bottom"] - effect)
    return math.exp(-curve["log_ic50"] - math.log(odds) / curve["hill"])


def _bliss_surface(surface: Surface) -> Array:
    a, b = _singles(surface)
    return bliss_excess(a, b, surface.effect)


def _hsa_surface(surface: Surface) -> Array:
    a, b = _singles(surface)
    return np.asarray(_fractions(surface.effect) - stronger_effect(a, b))


def _loewe_surface(surface: Surface) -> Array:
    curves = [_single_curve(surface, drug).arms[""] for drug in (0, 1)]
    expected = [loewe_effect(float(a), float(b), *curves) for a, b in zip(surface.first, surface.second, strict=True)]
    return np.asarray(surface.effect - np.array(expected))


def _zip_surface(surface: Surface) -> Array:
    """Return the mean of two fitted curves through each pair, less Bliss independence of the fitted single curves."""
    curves = [_single_curve(surface, drug) for drug in (0, 1)]
    singles = [predicted(curve, doses) for curve, doses in zip(curves, (surface.first, surface.second), strict=True)]
    expected = independent_effect(singles[0], singles[1])
    fitted = [_curves_beside(surface, drug, singles[1 - drug]) for drug in (0, 1)]
    return np.asarray((fitted[0] + fitted[1]) / 2 - expected)


def _curves_beside(surface: Surface, drug: int, other_alone: Array) -> Array:
    """Return the effect smoothed along one drug's doses at each dose of the other, from the other's effect alone."""
    along, beside = (surface.first, surface.second) if drug == 0 else (surface.second, surface.first)
    fitted = np.array(surface.effect)
    for dose in np.unique(beside[beside > 0]):
        here = beside == dose
        start = float(other_alone[here][0])
        curve = fit_curves(along[here], surface.effect[here], [""] * int(here.sum()), fixed={"top": start})
        fitted[here] = predicted(curve, along[here])
    return fitted


def _single_curve(surface: Surface, drug: int) -> Curves:
    """Return the effect curve of one drug alone, zero at no dose."""
    alone, doses = (surface.second, surface.first) if drug == 0 else (surface.first, surface.second)
    here = alone == 0
    return fit_curves(doses[here], surface.effect[here], [""] * int(here.sum()), fixed={"top": 0.0})


def _singles(surface: Surface) -> tuple[Array, Array]:
    """Return the observed effect of each drug alone at the doses of every pair."""
    found = []
    for doses, other in ((surface.first, surface.second), (surface.second, surface.first)):
        alone = {float(dose): float(y) for dose, y in zip(doses[other == 0], surface.effect[other == 0], strict=True)}
        alone.setdefault(0.0, 0.0)
        lacking = sorted({float(dose) for dose in doses} - set(alone))
        if lacking:
            raise DesignError(
                "every dose of a combination must also be tested alone",
                f"doses {', '.join(f'{dose:g}' for dose in lacking)} only combined",
            )
        found.append(_fractions([alone[float(dose)] for dose in doses]))
    return found[0], found[1]


EXCESS: dict[SynergyModel, Callable[[Surface], Array]] = {
    "bliss": _bliss_surface,
    "hsa": _hsa_surface,
    "loewe": _loewe_surface,
    "zip": _zip_surface,
}


def _over_units(model: str, by_unit: dict[str, float]) -> Synergy:
    if len(by_unit) < 2:
        raise DesignError("synergy must rest on at least two units with all arms", f"{len(by_unit)} units")
    return Synergy(model, one_sample_t(list(by_unit.values())), by_unit)


def _fractions(values: ArrayLike) -> Array:
    effects = np.asarray(values, dtype=float)
    if not np.isfinite(effects).all() or (effects > 1 + 1e-9).any() or (effects < -2).any():
        raise DesignError(
            "an effect must be a fraction, 0 for none to 1 for all",
            f"values from {float(np.min(effects)):g} to {float(np.max(effects)):g}",
            remedy="divide percents by 100, and refer to vehicle: 1 - viability / viability of vehicle",
        )
    return effects

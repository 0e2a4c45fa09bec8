"""The dose-response of one drug: units and wells over rising doses, one fitted curve per context, its IC50 with limits.

`dose_response(measurements, *, style)` takes the wells of one endpoint under the reference and rising doses of one
drug, and the rows of the run's table of curves that fit them: the curve and the IC50 over units come from there. Where
a run fitted none, the four-parameter logistic through the unit means is drawn (assaykit.stats). Where the doses do not
reach the plateaus there is no IC50, and none is written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator
from numpy.typing import NDArray

from assaykit.errors import DesignError
from assaykit.figures.colours import GREY, WONG, fade
from assaykit.figures.conditions import (
    axis_unit,
    context_words,
    doses_of,
    endpoint_words,
    means_of_units,
    ordered_contexts,
    shown,
)
from assaykit.figures.numbers import number_text
from assaykit.figures.styles import Style, axes_at, canvas, in_style
from assaykit.treatment import Dose

LEAST_DOSES = 4
Doses = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class DrugDoses:
    """One drug given over a range of doses, in one unit of dose."""

    drug: str
    unit: str
    treatments: tuple[str, ...]


def dose_series(measurements: pd.DataFrame) -> Iterator[DrugDoses]:
    """Yield the drugs given alone at four doses or more."""
    doses: dict[tuple[str, bool], dict[str, float]] = {}
    units: dict[tuple[str, bool], dict[str, str]] = {}
    for treatment in dict.fromkeys(measurements["treatment"]):
        (dose, *others) = doses_of(treatment)
        if dose.unit and not others:
            key = dose.drug, dose.unit.endswith("M")
            doses.setdefault(key, {})[treatment] = dose.absolute
            units.setdefault(key, {})[treatment] = dose.unit
    for key, found in doses.items():
        if len(set(found.values())) >= LEAST_DOSES:
            rising = sorted(found, key=lambda t: found[t])
            yield DrugDoses(key[0], units[key][rising[len(rising) // 2]], tuple(rising))


@in_style
def dose_response_curves(
    measurements: pd.DataFrame, series: DrugDoses, curves: pd.DataFrame, *, style: Style, reference: str = "vehicle"
) -> Figure:
    """Return the figure of one endpoint over the doses of a drug, a colour per context; `curves` may be empty."""
    wells = measurements[measurements["treatment"].isin([reference, *series.treatments])]
    wells = wells[wells["value"].notna()]
    scale = Dose(series.drug, 1.0, series.unit).absolute
    amount = {t: doses_of(t)[0].absolute / scale for t in series.treatments} | {reference: 0.0}
    lowest = min(v for v in amount.values() if v > 0)
    means = means_of_units(wells, "identity").assign(dose=lambda m: m["treatment"].map(amount))
    figure = canvas(style.single, style.text * 10.4)
    place = (style.single - style.text * 2.6, style.text * 7)
    axes = axes_at(figure, style.text * 2.1, style.text * 0.6, place)
    contexts = ordered_contexts(wells["context"])
    handles = [
        _draw_arm(
            axes,
            (wells[wells["context"] == context].assign(dose=lambda w: w["treatment"].map(amount)),
             means[means["context"] == context]),
            curves[curves["context"] == context] if len(curves) else curves,
            colour=colour, lowest=lowest, label=context_words(context) if len(contexts) > 1 else "",
            unit=shown(series.unit), style=style,
        )
        for context, colour in zip(contexts, WONG, strict=False)
    ]  # fmt: skip
    _label(axes, wells, series, lowest=lowest, doses=sorted(set(means["dose"])))
    figure.legend(handles=handles, loc="lower left", fontsize=style.small, handletextpad=0.4, borderpad=0.2)
    return figure


def _shown_dose(doses: pd.Series, lowest: float) -> Doses:
    """Return the doses with zero set a third of a step below the lowest, where a log axis can show it."""
    values = doses.to_numpy(float)
    return np.where(values > 0, values, lowest / 4)


def _draw_arm(
    axes: Axes,
    arm: tuple[pd.DataFrame, pd.DataFrame],
    curves: pd.DataFrame,
    *,
    colour: str,
    lowest: float,
    label: str,
    unit: str,
    style: Style,
) -> Line2D:
    wells, means = arm
    axes.scatter(
        _shown_dose(wells["dose"], lowest), wells["value"], s=style.text * 0.5, color=fade(colour, 0.4), linewidths=0
    )
    axes.scatter(
        _shown_dose(means["dose"], lowest), means["value"], s=style.text * 2.0, color=colour, linewidths=0, zorder=3
    )
    n = means["unit_id"].nunique()
    if not (means["dose"] > 0).any():  # nothing was given here
        words = "; ".join(part for part in (label, f"n = {n}", "without the drug only") if part)
        return Line2D([], [], color=colour, marker="o", linestyle="", markersize=style.text * 0.5, label=words)
    doses = np.geomspace(lowest / 2, float(means["dose"].max()), 200)
    values, middle, said = _from_table(curves.iloc[0], doses, unit) if len(curves) else _fit_points(means, doses, unit)
    if values is not None:
        axes.plot(doses, values, color=colour, linewidth=style.line * 2, zorder=2)
    if np.isfinite(middle):
        axes.axvline(middle, color=colour, linewidth=style.line, linestyle=":", zorder=1)
    words = "; ".join(part for part in (label, f"n = {n}", said) if part)
    return Line2D([], [], color=colour, marker="o", markersize=style.text * 0.5, label=words)


def _from_table(row: pd.Series, doses: Doses, unit: str) -> tuple[Doses | None, float, str]:
    """Return the table's curve at the doses, its IC50 and what is said of it; no curve where its shape is not 4PL."""
    values = row["bottom"] + (row["top"] - row["bottom"]) / (1 + (doses / row["ic50"]) ** row["hill"])
    known = values if row["shape"] != "5PL" and np.isfinite(values).all() else None
    over_units = ["units_ic50", "units_low", "units_high"]
    middle, low, high = row[over_units if np.isfinite(row["units_ic50"]) else ["ic50", "profile_low", "profile_high"]]
    if row["reason"] or not np.isfinite(middle):
        return known, float("nan"), "IC50 not reached by these doses"
    return known, float(middle), _ic50_words((float(middle), float(low), float(high)), unit)


def _fit_points(means: pd.DataFrame, doses: Doses, unit: str) -> tuple[Doses | None, float, str]:
    """Return the curve through the unit means at the doses, its IC50 and what is said of it."""
    from assaykit.stats.dose import fit_curve, ic50, predicted

    try:
        curve = fit_curve(means["dose"].to_numpy(float), means["value"].to_numpy(float))
    except DesignError:
        return None, float("nan"), "no curve: too few doses"
    found, values = ic50(curve), np.asarray(predicted(curve, doses))
    if not np.isfinite(found.estimate):
        return values, float("nan"), "IC50 not reached by these doses"
    if found.profile_low < doses[0] / 100 or found.profile_high > 100 * doses[-1]:
        return values, float("nan"), "IC50 not bounded by these doses"
    return values, found.estimate, _ic50_words((found.estimate, found.profile_low, found.profile_high), unit)


def _ic50_words(numbers: tuple[float, float, float], unit: str) -> str:
    middle, low, high = (number_text(v) for v in numbers)
    return f"IC50 {middle} {unit} (95% CI {low} to {high})"


def _label(axes: Axes, wells: pd.DataFrame, series: DrugDoses, *, lowest: float, doses: list[float]) -> None:
    endpoint = str(wells["endpoint"].iloc[0])
    unit = axis_unit(endpoint, str(wells["unit"].iloc[0]))
    words = endpoint_words(endpoint)
    axes.set(xscale="log", xlabel=f"{series.drug} ({shown(series.unit)})")
    axes.set_ylabel(
        f"{words[0].upper()}{words[1:]}" + (f" ({unit})" if unit not in {"", "MFI", "ratio", endpoint} else "")
    )
    places = [d or lowest / 4 for d in doses]
    axes.xaxis.set_major_locator(FixedLocator(places))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(places, [f"{d:g}" for d in doses])
    if wells["value"].min() >= 0:
        axes.set_ylim(bottom=0)
    if 0.0 in doses:
        axes.axvspan(lowest / 6, lowest / 2.8, color=fade(GREY, 0.12), linewidth=0, zorder=0)

"""An endpoint by condition: every well and unit above, the model's effect against the reference below, n and p beneath.

`endpoint_by_condition(measurements, estimates, *, style)` takes the measurements of one endpoint and the estimates of
one analysis of it. Large points are means per independent unit, small ones wells; p values come from ESTIMATES alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from assaykit.figures.captions import drawn_effects
from assaykit.figures.colours import BLACK, GREY, PALE, WONG, fade, unit_colours
from assaykit.figures.conditions import (
    axis_unit,
    context_words,
    endpoint_words,
    means_of_units,
    ordered_contexts,
    ordered_treatments,
    shown,
)
from assaykit.figures.numbers import is_ratio, p_text, padded, set_ratio_axis
from assaykit.figures.styles import MM, Style, axes_at, canvas, in_style, text_at
from assaykit.figures.treatment_grid import Row, draw_grid, grid_rows

_SPREAD = 0.72  # of a column's width is shared by the units


@dataclass(frozen=True, slots=True)
class _Design:
    """What both panels need to know."""

    wells: pd.DataFrame
    means: pd.DataFrame
    effects: pd.DataFrame
    contexts: list[str]
    treatments: dict[str, list[str]]
    units: list[str]
    reference: str
    unit: str
    log: bool


@dataclass(frozen=True, slots=True)
class _Foot:
    """The rows under a panel: one per drug, one for n, and one for p, which stands upright where columns are narrow."""

    rows: list[Row]
    upright: bool

    @property
    def height(self) -> float:
        """The height in rows."""
        return len(self.rows) + (3.3 if self.upright else 2.0)


@in_style
def endpoint_by_condition(
    measurements: pd.DataFrame, estimates: pd.DataFrame, *, style: Style, reference: str = "vehicle", unit: str = "unit"
) -> Figure:
    """Return the figure of one endpoint: wells and unit means, effects against the reference of the same context."""
    design = _design(measurements, estimates, reference, unit)
    rows = grid_rows([t for names in design.treatments.values() for t in names], reference)
    columns = sum(len(names) for names in design.treatments.values())
    width = style.single if columns <= 7 else style.double
    left, gap = style.text * 4.0, style.text * 0.6
    cell = (width - left - gap * (len(design.contexts) - 1) - 1.5) / columns
    foot = _Foot(rows, upright=cell < style.small * 1.4)
    heights = (style.text * 6.4, style.text * 4.2 if len(design.effects) else 0.0, style.row * foot.height)
    figure = canvas(width, sum(heights) + style.text * 2.3)
    x = left
    for i, context in enumerate(design.contexts):
        size = cell * len(design.treatments[context])
        _draw_context(figure, design, context, (x, size, i == 0), heights=heights, foot=foot, style=style)
        x += size + gap
    _draw_legend(figure, design, style)
    return figure


def _design(measurements: pd.DataFrame, estimates: pd.DataFrame, reference: str, unit: str) -> _Design:
    scale = str(estimates["scale"].iloc[0]) if len(estimates) else "identity"
    wells = measurements[measurements["value"].notna()]
    contexts = ordered_contexts(wells["context"])
    order = ordered_treatments(wells["treatment"], reference)
    present = {c: set(wells.loc[wells["context"] == c, "treatment"]) for c in contexts}
    return _Design(
        wells=wells,
        means=means_of_units(wells, scale),
        effects=drawn_effects(estimates),
        contexts=contexts,
        treatments={c: [t for t in order if t in present[c]] for c in contexts},
        units=sorted(dict.fromkeys(wells["unit_id"])),
        reference=reference,
        unit=unit,
        log=scale in {"log2", "log"} and bool((wells["value"] > 0).any()),
    )


def _draw_context(
    figure: Figure,
    design: _Design,
    context: str,
    place: tuple[float, float, bool],
    *,
    heights: tuple[float, float, float],
    foot: _Foot,
    style: Style,
) -> None:
    left, width, first = place
    top, names = style.text * 0.75, design.treatments[context]
    effects = design.effects[design.effects["context"] == context].drop_duplicates("treatment").set_index("treatment")
    data = axes_at(figure, left, top, (width, heights[0]))
    _draw_points(data, design, context, style)
    if len(design.contexts) > 1 or context != "mono":
        data.set_title(context_words(context), loc="left", pad=2, fontsize=style.text)
    data.set_ylabel(_value_label(design) if first else "")
    top += heights[0] + style.text * 0.25
    below = [data]
    if heights[1]:
        below.append(axes_at(figure, left, top, (width, heights[1])))
        _draw_effects(below[1], design, effects, names, style=style)
        effect = str(design.effects["effect_name"].iloc[0])
        below[1].set_ylabel(f"{effect[0].upper()}{effect[1:]}\n(95% CI)" if first else "")
        top += heights[1] + style.text * 0.2
    for axes in below:
        axes.tick_params(labelleft=first)
    grid = axes_at(figure, left, top, (width, style.row * foot.height))
    _draw_foot(grid, design, (context, effects), foot=foot, style=style, labelled=first)


def _value_label(design: _Design) -> str:
    endpoint = str(design.wells["endpoint"].iloc[0])
    words, unit = endpoint_words(endpoint), axis_unit(endpoint, str(design.wells["unit"].iloc[0]))
    name = words[0].upper() + words[1:]
    return name if unit in {"", "MFI", "ratio", endpoint} or unit.lower() in words.lower() else f"{name} ({unit})"


def _draw_points(axes: Axes, design: _Design, context: str, style: Style) -> None:
    import seaborn as sns

    order, palette = design.treatments[context], unit_colours(design.units)
    limits = padded(design.wells["value"], log=design.log)
    if design.log:
        set_ratio_axis(axes, "y", limits)
    else:
        axes.set_ylim(min(0.0, limits[0]) if design.wells["value"].min() >= 0 else limits[0], limits[1])
    shared = {"x": "treatment", "y": "value", "hue": "unit_id", "order": order, "hue_order": design.units, "ax": axes}
    wells = design.wells[(design.wells["context"] == context) & ((design.wells["value"] > 0) | (not design.log))]
    means = design.means[design.means["context"] == context]
    pale = {unit: fade(colour, 0.35) for unit, colour in palette.items()}
    step = _SPREAD / len(design.units)
    dodge = step * (len(design.units) - 1) or False
    sns.pointplot(
        means, **shared, palette=pale, dodge=dodge, errorbar=None, markers="", linewidth=style.line, legend=False
    )
    wells = wells[wells["well"] != ""]
    if len(wells):
        _strip(axes, wells, design, order=order, palette=pale, size=style.text * 0.3)
    _strip(axes, means, design, order=order, palette=palette, size=style.text * 0.62)
    for x, treatment in enumerate(order):
        values = means.loc[means["treatment"] == treatment, "value"]
        centre = float(np.exp(np.log(values).mean()) if design.log else values.mean())
        axes.plot([x - 0.4, x + 0.4], [centre, centre], color=BLACK, linewidth=style.line * 2, zorder=6)
    axes.set(xlabel="", xticks=[], xlim=(-0.6, len(order) - 0.4))


def _strip(
    axes: Axes, frame: pd.DataFrame, design: _Design, *, order: list[str], palette: dict[str, str], size: float
) -> None:
    """Draw one point per row at its unit's place within the column; hollow where it is not interpretable."""
    step = _SPREAD / len(design.units)
    place = {unit: (i - (len(design.units) - 1) / 2) * step for i, unit in enumerate(design.units)}
    x = [order.index(t) + place[u] for t, u in zip(frame["treatment"], frame["unit_id"], strict=True)]
    colours = [palette[u] for u in frame["unit_id"]]
    faces = ["white" if qc == "not_interpretable" else c for c, qc in zip(colours, frame["qc"], strict=True)]
    axes.scatter(x, frame["value"], s=size**2, c=faces, edgecolors=colours, linewidths=0.5, zorder=5, clip_on=False)


def _draw_effects(axes: Axes, design: _Design, effects: pd.DataFrame, names: list[str], *, style: Style) -> None:
    every, ratio = design.effects, is_ratio(str(design.effects["effect_name"].iloc[0]))
    null = 1.0 if ratio else 0.0
    limits = padded([*every["effect_low"], *every["effect_high"], null], log=ratio)
    if ratio:
        set_ratio_axis(axes, "y", limits)
    else:
        axes.set_ylim(limits)
    axes.axhline(null, color=PALE, linewidth=style.line, zorder=1)
    for x, name in enumerate(names):
        if name == design.reference:
            axes.plot(x, null, marker="_", color=GREY, markersize=style.text, zorder=3)
        elif name in effects.index:
            row = effects.loc[name]
            hollow = row["reason"] != ""
            axes.plot([x, x], [row["effect_low"], row["effect_high"]], color=GREY if hollow else BLACK, zorder=3)
            axes.plot(
                x, row["effect"], "o", markersize=style.text * 0.62, zorder=4,
                color=GREY if hollow else BLACK, markerfacecolor="white" if hollow else BLACK,
            )  # fmt: skip
    axes.set(xticks=[], xlim=(-0.6, len(names) - 0.4))


def _draw_foot(
    axes: Axes,
    design: _Design,
    part: tuple[str, pd.DataFrame],
    *,
    foot: _Foot,
    style: Style,
    labelled: bool,
) -> None:
    """Draw the treatment grid, and under it n and the adjusted p of every column."""
    context, effects = part
    names = design.treatments[context]
    draw_grid(axes, names, foot.rows, style=style, labelled=labelled)
    count = len(foot.rows)
    middle = count + 0.5 + (foot.height - count - 1) / 2
    axes.set_ylim(foot.height - 0.5, -0.5)
    axes.axhline(count - 0.5, color=PALE, linewidth=style.line)
    means = design.means[design.means["context"] == context]
    for x, name in enumerate(names):
        n = int(means.loc[means["treatment"] == name, "unit_id"].nunique())
        axes.text(x, count, str(n), ha="center", va="center", fontsize=style.small)
        words = ""
        if name in effects.index:
            row = effects.loc[name]
            words = "n.i." if row["reason"] else p_text(float(row["p_adjusted"]))
        axes.text(x, middle, words, ha="center", va="center", fontsize=style.small, rotation=90 * foot.upright)
    if labelled:
        adjust = str(design.effects["adjust"].iloc[0]) if len(design.effects) else "none"
        adjusted = "P" if adjust == "none" else f"P ({adjust.title() if adjust != 'bh' else 'BH'})"
        axes.set_yticks([*range(count + 1), middle])
        axes.set_yticklabels(
            [*(label.get_text() for label in axes.get_yticklabels()[:count]), f"n {design.unit}s", adjusted]
        )


def _draw_legend(figure: Figure, design: _Design, style: Style) -> None:
    palette = unit_colours(design.units) if len(design.units) <= len(WONG) else {}
    handles = [
        Line2D([], [], marker="o", linestyle="", markersize=style.text * 0.62, color=colour, label=shown(unit))
        for unit, colour in palette.items()
    ]
    height = figure.get_size_inches()[1] / MM
    figure.legend(
        handles=handles, loc="lower left", ncols=max(1, len(handles)),
        bbox_to_anchor=(0.002, style.text * 0.5 / height), handletextpad=0.1, columnspacing=0.8,
        borderpad=0.2, fontsize=style.small,
    )  # fmt: skip
    text_at(figure, 1.2, height - 0.6, _key_words(design), va="bottom", fontsize=style.small, color=GREY)


def _key_words(design: _Design) -> str:
    """Return what the points are, and what hollow ones mean where there are any."""
    if (design.wells["well"] != "").any():
        words = f"large: mean of one {design.unit}'s wells; small: wells; bar: mean of {design.unit}s"
    else:
        words = f"points: one value per {design.unit}; bar: their mean"
    doubtful = (design.wells["qc"] == "not_interpretable").any() or (design.effects["reason"] != "").any()
    return f"{words}; hollow, n.i.: not interpretable" if doubtful else words

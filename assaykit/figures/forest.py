"""The forest of contrasts: every effect with its interval, n and exact adjusted p, one panel per analysis.

`forest(estimates, *, style)` draws the rows it is given; `forest_pages` splits a long table where the page ends.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from assaykit.figures.colours import BLACK, BLUE, FAINT, GREEN, GREY, ORANGE, PALE, PURPLE, VERMILLION
from assaykit.figures.conditions import context_label, endpoint_words, shown
from assaykit.figures.numbers import is_ratio, limits_text, p_text, padded, set_ratio_axis
from assaykit.figures.styles import Style, axes_at, canvas, in_style, room, short

KIND_WORDS: dict[str, str] = {
    "treatment": "against the reference",
    "pairwise": "between treatments",
    "context": "between contexts",
    "interaction": "difference of differences",
    "sensitisation": "two drugs beyond each alone",
    "level": "against no effect",
    "custom": "named in the protocol",
}
KIND_COLOURS: dict[str, str] = {
    "treatment": BLACK,
    "pairwise": BLUE,
    "context": GREEN,
    "interaction": ORANGE,
    "sensitisation": VERMILLION,
    "level": PURPLE,
    "custom": PURPLE,
}
_HEAD = 3.1  # rows a panel needs beside those of its contrasts: heading, ticks, gap


def contrast_words(row: pd.Series) -> str:
    """Return one contrast as a line of print: who against whom, and where."""
    treatment, comparator = shown(str(row["treatment"])), shown(str(row["comparator"]))
    where, other = context_label(str(row["context"])), context_label(str(row["comparator_context"]))
    match row["kind"]:
        case "context":
            return f"{treatment}: {where} vs {other}"
        case "interaction":
            return f"{treatment} vs {comparator}: {where} vs {other}"
        case "sensitisation":
            return f"{treatment} beyond each alone: {where} vs {other}"
        case "treatment" | "pairwise":
            return f"{treatment} vs {comparator}, {where}"
        case "level":
            return f"{treatment}, {where}"
        case _:
            return shown(str(row["contrast"]))


def forest_pages(
    table: pd.DataFrame, style: Style, by: Sequence[str] = ("assay", "analysis")
) -> Iterator[pd.DataFrame]:
    """Yield parts of the table, whole panels where they fit, each fitting a page of the style."""
    room = style.tallest / style.row - 2
    page: list[pd.DataFrame] = []
    used = 0.0
    for _, rows in table.groupby(list(by), sort=False):
        most = int(room - _HEAD)
        for part in (rows.iloc[i : i + most] for i in range(0, len(rows), most)):
            if used + len(part) + _HEAD > room and page:
                yield pd.concat(page)
                page, used = [], 0.0
            page.append(part)
            used += len(part) + _HEAD
    if page:
        yield pd.concat(page)


@in_style
def forest(estimates: pd.DataFrame, *, style: Style, unit: str = "unit") -> Figure:
    """Return the forest of the contrasts given: label, interval, effect in figures, n units, adjusted p."""
    panels = [rows for _, rows in estimates.groupby(["assay", "analysis"], sort=False)]
    height = sum((len(rows) + _HEAD) * style.row for rows in panels) + style.row * 1.5
    figure = canvas(style.double, height)
    left, width = style.double * 0.43, style.double * 0.27
    top = style.row * 2.0
    for i, rows in enumerate(panels):
        size = len(rows) * style.row
        axes = axes_at(figure, left, top, (width, size))
        _draw_panel(axes, rows, style)
        if i == 0:
            _draw_columns(axes, unit, style)
        top += size + style.row * _HEAD
    _draw_key(figure, list(dict.fromkeys(estimates["kind"])), style)
    return figure


def _draw_key(figure: Figure, kinds: Sequence[str], style: Style) -> None:
    handles = [
        Line2D([], [], marker="s", linestyle="", color=KIND_COLOURS[kind], markersize=style.text * 0.5, label=words)
        for kind, words in KIND_WORDS.items()
        if kind in kinds
    ]
    figure.legend(
        handles=handles, loc="lower left", ncols=6, fontsize=style.small, handletextpad=0.1, columnspacing=1.2,
        borderpad=0.2,
    )  # fmt: skip


def _draw_panel(axes: Axes, rows: pd.DataFrame, style: Style) -> None:
    name = str(rows["effect_name"].iloc[0])
    null = 1.0 if is_ratio(name) else 0.0
    limits = padded([*rows["effect_low"], *rows["effect_high"], null], log=is_ratio(name))
    if is_ratio(name):
        set_ratio_axis(axes, "x", limits)
    else:
        axes.set_xlim(limits)
    axes.axvline(null, color=PALE, linewidth=style.line, zorder=1)
    for y, (_, row) in enumerate(rows.iterrows()):
        draw_interval(axes, y, row, colour=KIND_COLOURS.get(str(row["kind"]), BLACK), style=style)
        _write_row(axes, y, row, style)
        if y % 2 == 0:
            axes.axhspan(y - 0.5, y + 0.5, color=FAINT, linewidth=0, zorder=0)
    axes.set(ylim=(len(rows) - 0.5, -0.5), yticks=[])
    axes.spines["left"].set_visible(False)
    title = endpoint_words(str(rows["endpoint"].iloc[0]))
    axes.annotate(
        f"{title[0].upper()}{title[1:]}: {name}", (-1.55, 1), (0, 2), xycoords="axes fraction", fontweight="bold",
        textcoords="offset points", fontsize=style.text, va="bottom", annotation_clip=False,
    )  # fmt: skip


def draw_interval(axes: Axes, y: float, row: pd.Series, *, colour: str, style: Style) -> None:
    """Draw one effect with its limits at height `y`; hollow and grey where it is not interpretable."""
    hollow = str(row.get("verdict", "")) == "not interpretable" or bool(row.get("reason", "") and "verdict" not in row)
    shade = GREY if hollow else colour
    axes.plot([row["effect_low"], row["effect_high"]], [y, y], color=shade, solid_capstyle="butt", zorder=3)
    axes.plot(
        row["effect"], y, "o", markersize=style.text * 0.55, color=shade, zorder=4,
        markerfacecolor="white" if hollow else shade,
    )  # fmt: skip


def _write_row(axes: Axes, y: float, row: pd.Series, style: Style) -> None:
    place = axes.get_yaxis_transform()
    words: dict[str, Any] = {"va": "center", "fontsize": style.small, "transform": place}
    colour = KIND_COLOURS.get(str(row["kind"]), BLACK)
    axes.plot(-1.535, y, "s", color=colour, markersize=style.text * 0.5, transform=place, clip_on=False)
    axes.text(-1.5, y, short(contrast_words(row), room(style.double * 0.4, style)), **words)
    axes.text(1.06, y, limits_text(row["effect"], row["effect_low"], row["effect_high"]), **words)
    axes.text(1.68, y, "–" if pd.isna(row["n_units"]) else str(row["n_units"]), ha="right", **words)
    p = "n.i." if row["reason"] else p_text(float(row["p_adjusted"]))
    axes.text(2.03, y, p, ha="right", **words)


def _draw_columns(axes: Axes, unit: str, style: Style) -> None:
    heads: Sequence[tuple[float, str, str]] = (
        (1.06, "effect (95% CI)", "left"),
        (1.68, f"n {unit}s", "right"),
        (2.03, "P adjusted", "right"),
    )
    for x, words, side in heads:
        axes.annotate(
            words, (x, 1), (0, 2), xycoords="axes fraction", textcoords="offset points", ha=side,
            fontsize=style.small, color=GREY, va="bottom", annotation_clip=False,
        )  # fmt: skip

"""Evidence over runs: the cumulative forest of one claim, and the matrix of claims by runs.

`cumulative_forest` takes what evidence.cumulative returns, `ledger_matrix` what evidence.matrix returns.
"""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from assaykit.figures.colours import BLACK, GREY, SKY, VERDICT_MARKS, VERDICTS, VERMILLION, fade
from assaykit.figures.numbers import is_ratio, limits_text, padded, set_ratio_axis
from assaykit.figures.styles import Style, axes_at, canvas, in_style, room, short


@in_style
def cumulative_forest(course: pd.DataFrame, *, style: Style, unit: str = "unit") -> Figure:
    """Return the forest of one claim: each run in the order added, and the summary of all runs up to it.

    The shaded side is the side the claim is on; a run that disagrees with the others is named in red.
    """
    size = len(course) * style.row * 1.6
    figure = canvas(style.double, size + style.row * 4.2)
    axes = axes_at(figure, style.double * 0.27, style.row * 1.6, (style.double * 0.32, size))
    name = str(course["effect_name"].iloc[0])
    null = 1.0 if is_ratio(name) else 0.0
    columns = ("effect_low", "effect_high", "pooled_low", "pooled_high")
    limits = padded([*(v for c in columns for v in course[c]), null], log=is_ratio(name))
    if is_ratio(name):
        set_ratio_axis(axes, "x", limits)
    else:
        axes.set_xlim(limits)
    _shade_side(axes, course, (null, limits))
    for y, (_, row) in enumerate(course.iterrows()):
        _draw_run(axes, y, row, style)
    axes.set(ylim=(len(course) - 0.5, -0.6), yticks=[], xlabel=name)
    axes.spines["left"].set_visible(False)
    _draw_heads(axes, unit, style)
    return figure


def _shade_side(axes: Axes, course: pd.DataFrame, place: tuple[float, tuple[float, float]]) -> None:
    null, (low, high) = place
    axes.axvline(null, color=GREY, linewidth=0.5, zorder=1)
    sign = course["expected_sign"].iloc[-1]
    side = None if pd.isna(sign) else {1: (null, high), -1: (low, null)}.get(int(sign))
    if side:
        axes.axvspan(*side, color=fade(SKY, 0.3), linewidth=0, zorder=0)


def _draw_run(axes: Axes, y: float, row: pd.Series, style: Style) -> None:
    """Draw a run as a pale line, and the summary so far as a diamond beneath it."""
    axes.plot([row["effect_low"], row["effect_high"]], [y - 0.17] * 2, color=fade(BLACK, 0.45), zorder=3)
    axes.plot(row["effect"], y - 0.17, "s", color=fade(BLACK, 0.45), markersize=style.text * 0.45, zorder=3)
    colour = VERDICTS.get(str(row["pooled_verdict"]), GREY)
    middle, low, high = row["pooled_effect"], row["pooled_low"], row["pooled_high"]
    axes.fill([low, middle, high, middle], [y + 0.2, y + 0.06, y + 0.2, y + 0.34], color=colour, linewidth=0, zorder=4)
    place = axes.get_yaxis_transform()
    ink = VERMILLION if row["disagrees"] else BLACK
    texts = (
        (-0.84, short(str(row["title"]), room(style.double * 0.18, style)), "left", ink),
        (-0.03, "–" if pd.isna(row["n_units"]) else str(int(row["n_units"])), "right", BLACK),
        (1.04, limits_text(row["effect"], row["effect_low"], row["effect_high"]), "left", GREY),
        (1.46, limits_text(middle, low, high), "left", BLACK),
        (1.90, str(row["pooled_verdict"]), "left", colour),
    )
    for x, words, side, shade in texts:
        axes.text(x, y, words, ha=side, va="center", transform=place, fontsize=style.small, color=shade)


def _draw_heads(axes: Axes, unit: str, style: Style) -> None:
    heads = (
        (-0.84, "run (red: disagrees)", "left"),
        (-0.03, f"n {unit}s", "right"),
        (1.04, "this run (95% CI)", "left"),
        (1.46, "all runs so far (95% CI)", "left"),
        (1.90, "verdict so far", "left"),
    )
    for x, words, side in heads:
        axes.annotate(
            words, (x, 1), (0, 3), xycoords="axes fraction", textcoords="offset points", ha=side,
            fontsize=style.small, color=GREY, annotation_clip=False,
        )  # fmt: skip


@in_style
def ledger_matrix(verdicts: pd.DataFrame, *, style: Style) -> Figure:
    """Return the matrix of claims (rows) by runs (columns), each cell coloured and marked by its verdict."""
    import seaborn as sns

    names = list(VERDICTS)
    codes = verdicts.map(lambda v: names.index(v) if v in names else float("nan")).astype(float)
    cell = min(style.row * 1.3, (style.tallest - style.row * 9) / max(1, len(codes)))
    width = min(style.double, style.text * 2.2 + cell * 1.6 * codes.shape[1] + style.text * 4)
    figure = canvas(max(width, style.single), cell * len(codes) + style.row * 9)
    place = (cell * 1.6 * codes.shape[1], cell * len(codes))
    axes = axes_at(figure, style.text * 2.2, style.row * 6, place)
    sns.heatmap(
        codes, ax=axes, cmap=ListedColormap(list(VERDICTS.values())), vmin=-0.5, vmax=len(names) - 0.5, cbar=False,
        linewidths=0.6, linecolor="white", xticklabels=[short(str(c), 28) for c in codes.columns], yticklabels=True,
    )  # fmt: skip
    for y, x in zip(*codes.notna().to_numpy().nonzero(), strict=True):
        verdict = str(verdicts.iat[y, x])
        if verdict != "not testable":
            axes.plot(x + 0.5, y + 0.5, VERDICT_MARKS[verdict], color="white", markersize=style.text * 0.45)
    axes.xaxis.tick_top()
    axes.tick_params(length=0, labelsize=style.small)
    axes.set(xlabel="", ylabel="")
    axes.set_xticklabels(axes.get_xticklabels(), rotation=40, ha="left")
    axes.set_yticklabels(axes.get_yticklabels(), rotation=0)
    handles = [
        Line2D([], [], marker="s", linestyle="", color=colour, markersize=style.text * 0.8, label=name)
        for name, colour in VERDICTS.items()
    ]
    figure.legend(
        handles=handles, loc="lower left", ncols=3, fontsize=style.small, handletextpad=0.1, columnspacing=1.0
    )
    return figure

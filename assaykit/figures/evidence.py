"""The reviews' claims beside the lab's own numbers: all verdicts at a glance, and the forest of those tested.

`evidence_matrix` sets every claim in its family with the sign printed, the sign adjudicated and the verdict.
`evidence_forest` draws the effect that tests each claim, with the side the claim is on shaded.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from assaykit.endpoints import ENDPOINTS, endpoint_measured_as
from assaykit.figures.colours import BLACK, FAINT, GREY, PALE, SKY, VERDICT_MARKS, VERDICTS, fade
from assaykit.figures.conditions import endpoint_words, marker_words, shown
from assaykit.figures.forest import draw_interval
from assaykit.figures.numbers import is_ratio, limits_text, p_text, padded, set_ratio_axis
from assaykit.figures.styles import MM, Style, axes_at, canvas, in_style, room, short, text_at

SIGNS = {1: "^", -1: "v", 0: "_"}  # matplotlib markers


def family_of(endpoint: str) -> str:
    """Return the family of claims an endpoint belongs to.

    >>> family_of("cxcr4_dmfi"), family_of("cxcr4_total_dmfi"), family_of("")
    ('Surface CXCR4', 'Total CXCR4', 'Other')
    """
    found = endpoint_measured_as(endpoint)
    return found[0].family.format(marker=marker_words(found[1])) if found else "Other"


def by_family(comparisons: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Return (family, rows) of the claims that could be tested, in the order endpoints are declared in."""
    tested = comparisons[comparisons["verdict"] != "not testable"]
    declared = list(ENDPOINTS)

    def place(endpoint: str) -> int:
        found = endpoint_measured_as(endpoint)
        return declared.index(found[0].name) if found else len(declared)

    families = tested["endpoint"].map(family_of)
    order = dict.fromkeys(map(family_of, sorted(tested["endpoint"], key=place)))
    return [(name, tested[families == name]) for name in order]


def matrix_pages(comparisons: pd.DataFrame, style: Style) -> list[pd.DataFrame]:
    """Return the tested claims in parts that fit a page beneath the tiles of all claims."""
    tested = [part for _, part in by_family(comparisons)]
    most = int(style.tallest / style.row - 5 - 1.25 * _tile_rows(comparisons) - 1.4 * len(tested))
    rows = pd.concat(tested) if tested else comparisons.iloc[:0]
    return [rows.iloc[i : i + most] for i in range(0, max(len(rows), 1), most)]


@in_style
def evidence_matrix(comparisons: pd.DataFrame, tested: pd.DataFrame, *, style: Style) -> Figure:
    """Return the matrix of the `tested` claims by family against the verdicts, with all claims as tiles beneath."""
    groups = by_family(tested)
    rows = sum(len(part) + 1.4 for _, part in groups)
    tiles = _tile_rows(comparisons)
    figure = canvas(style.double, style.row * (rows + 4.6 + 1.25 * tiles))
    columns = [v for v in VERDICTS if v != "not testable"]
    left, cell = style.double * 0.60, style.double * 0.39 / len(columns)
    top = style.row * 2.2
    if groups:
        axes = axes_at(figure, left, top, (cell * len(columns), rows * style.row))
        _draw_matrix(axes, groups, columns, style)
        top += rows * style.row + style.row * 0.6
    _draw_tiles(axes_at(figure, 1, top, (style.double - 2, style.row * (1.25 * tiles + 1.6))), comparisons, style)
    return figure


def _tile_rows(comparisons: pd.DataFrame) -> int:
    return sum(-(-len(part) // _PER_ROW) for _, part in comparisons.groupby("review"))


_PER_ROW = 21


def _draw_matrix(axes: Axes, groups: list[tuple[str, pd.DataFrame]], columns: list[str], style: Style) -> None:
    words: dict[str, Any] = {"va": "center", "fontsize": style.small}
    outside: dict[str, Any] = words | {"transform": axes.get_yaxis_transform()}
    y = 0.0
    for family, part in groups:
        axes.text(-1.53, y + 0.1, family, **(outside | {"fontsize": style.text, "fontweight": "bold"}))
        y += 1.2
        for k, (_, row) in enumerate(part.iterrows()):
            if k % 2 == 0:
                # From the claim to its verdict, so that the eye keeps the line.
                row_shade = Rectangle((-1.54, y - 0.5), 2.54, 1, facecolor=FAINT, linewidth=0)
                row_shade.set(transform=axes.get_yaxis_transform(), clip_on=False)
                axes.add_patch(row_shade)
            axes.text(-1.53, y, row["claim"], **outside, color=BLACK, fontweight="bold" if row["primary"] else "normal")
            axes.text(-1.38, y, short(shown(row["statement"]), room(style.double * 0.45, style)), **outside)
            for x, name in ((-0.16, "printed_sign"), (-0.06, "expected_sign")):
                _draw_sign(axes, x, y, row[name], style=style)
            mark, colour = VERDICT_MARKS[str(row["verdict"])], VERDICTS[str(row["verdict"])]
            place = columns.index(row["verdict"])
            axes.plot(place, y, mark, color=colour, markersize=style.text * 0.8, markeredgewidth=0)
            y += 1
        y += 0.2
    axes.set(xlim=(-0.5, len(columns) - 0.5), ylim=(y - 0.5, -0.5), xticks=range(len(columns)), yticks=[])
    axes.spines[:].set_visible(False)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.set_xticklabels([name.replace(" ", "\n") for name in columns])
    for x, name in ((-0.16, "printed"), (-0.06, "source")):
        axes.text(x, 1, name, transform=axes.transAxes, ha="center", va="bottom", fontsize=style.small, rotation=35)


def _draw_sign(axes: Axes, x: float, y: float, sign: Any, *, style: Style) -> None:
    """Draw a sign as a marker, which every font has: up, down, or level."""
    if pd.notna(sign):
        place, marker = axes.get_yaxis_transform(), SIGNS[int(sign)]
        axes.plot(x, y, marker, color=BLACK, markersize=style.text * 0.6, transform=place, clip_on=False)


def _draw_tiles(axes: Axes, comparisons: pd.DataFrame, style: Style) -> None:
    y = 0.0
    for review, part in comparisons.groupby("review"):
        axes.text(-0.6, y, review, ha="right", va="center", fontsize=style.text, fontweight="bold")
        for k, (_, row) in enumerate(part.iterrows()):
            x, line = k % _PER_ROW, k // _PER_ROW
            colour = VERDICTS[str(row["verdict"])]
            axes.add_patch(Rectangle((x - 0.46, y + 1.0 * line - 0.42), 0.92, 0.84, facecolor=colour, linewidth=0))
            number = str(row["claim"]).split("-")[-1]
            ink = "white" if row["verdict"] in {"consistent", "contradicts", "inconclusive"} else BLACK
            axes.text(x, y + 1.0 * line, number, ha="center", va="center", fontsize=style.small, color=ink)
        y += -(-len(part) // _PER_ROW) + 0.25
    axes.set(xlim=(-1.6, _PER_ROW - 0.4), ylim=(y + 0.9, -0.6))
    axes.axis("off")
    counts = comparisons["verdict"].value_counts()
    handles = [
        Line2D(
            [],
            [],
            marker="s",
            linestyle="",
            color=colour,
            markersize=style.text * 0.8,
            label=f"{name} ({counts[name]})",
        )
        for name, colour in VERDICTS.items()
        if name in counts
    ]
    axes.legend(
        handles=handles, loc="lower left", ncols=6, fontsize=style.small, handletextpad=0.1, columnspacing=1.0,
        borderaxespad=0,
    )  # fmt: skip


@in_style
def evidence_forest(comparisons: pd.DataFrame, *, style: Style, unit: str = "unit") -> Figure:
    """Return the forest of tested claims; the shaded side of each row is the side the claim is on."""
    tested = comparisons[comparisons["effect"].notna() & (comparisons["verdict"] != "not testable")]
    panels = [part for _, part in tested.groupby(["endpoint", "effect_name"], sort=False)]
    figure = canvas(style.double, style.row * (sum(len(part) + 3.1 for part in panels) + 1.5))
    top = style.row * 2
    for i, part in enumerate(panels):
        axes = axes_at(figure, style.double * 0.39, top, (style.double * 0.25, len(part) * style.row))
        _draw_claims(axes, part, style)
        if i == 0:
            _draw_heads(axes, style)
        top += (len(part) + 3.1) * style.row
    words = f"n: independent {unit}s; shaded: the side the claim is on"
    text_at(
        figure, 1.0, float(figure.get_size_inches()[1]) / MM - 0.5, words, va="bottom", fontsize=style.small, color=GREY
    )
    return figure


def _draw_claims(axes: Axes, part: pd.DataFrame, style: Style) -> None:
    name = str(part["effect_name"].iloc[0])
    null = 1.0 if is_ratio(name) else 0.0
    low, high = padded([*part["effect_low"], *part["effect_high"], null], log=is_ratio(name))
    # Wide enough that both sides of no effect can be seen.
    limits = (min(low, 0.7), max(high, 1.4)) if is_ratio(name) else (min(low, -high / 4), max(high, -low / 4))
    if is_ratio(name):
        set_ratio_axis(axes, "x", limits)
    else:
        axes.set_xlim(limits)
    for y, (_, row) in enumerate(part.iterrows()):
        side = {1: (null, limits[1]), -1: (limits[0], null)}.get(int(row["expected_sign"]))
        if side:
            axes.fill_betweenx([y - 0.44, y + 0.44], *side, color=fade(SKY, 0.3), linewidth=0, zorder=0)
        draw_interval(axes, y, row, colour=VERDICTS[str(row["verdict"])], style=style)
        _write_claim(axes, y, row, style)
    axes.axvline(null, color=GREY, linewidth=style.line, zorder=1)
    axes.set(ylim=(len(part) - 0.5, -0.5), yticks=[])
    axes.spines["left"].set_visible(False)
    title = endpoint_words(str(part["endpoint"].iloc[0]))
    axes.annotate(
        f"{title[0].upper()}{title[1:]}: {name}", (-1.54, 1), (0, 2), xycoords="axes fraction",
        textcoords="offset points", fontsize=style.text, fontweight="bold", annotation_clip=False,
    )  # fmt: skip


def _write_claim(axes: Axes, y: float, row: pd.Series, style: Style) -> None:
    words: dict[str, Any] = {"va": "center", "fontsize": style.small, "transform": axes.get_yaxis_transform()}
    verdict = str(row["verdict"])
    axes.text(-1.54, y, row["claim"], **words, fontweight="bold" if row["primary"] else "normal")
    axes.text(-1.32, y, short(shown(row["statement"]), room(style.double * 0.32, style)), **words)
    axes.text(1.03, y, limits_text(row["effect"], row["effect_low"], row["effect_high"]), **words)
    axes.text(1.66, y, "–" if pd.isna(row["n_units"]) else str(row["n_units"]), ha="right", **words)
    axes.text(1.90, y, p_text(float(row["p_adjusted"])), ha="right", **words)
    axes.text(1.94, y, verdict, color=PALE if verdict == "not testable" else VERDICTS[verdict], **words)


def _draw_heads(axes: Axes, style: Style) -> None:
    heads: Iterable[tuple[float, str, str]] = (
        (1.03, "effect (95% CI)", "left"),
        (1.66, "n", "right"),
        (1.90, "P adj.", "right"),
        (1.94, "verdict", "left"),
    )
    for x, words, side in heads:
        axes.annotate(
            words, (x, 1), (0, 2), xycoords="axes fraction", textcoords="offset points", ha=side,
            fontsize=style.small, color=GREY, annotation_clip=False,
        )  # fmt: skip

"""The control chart of Levey & Jennings: beads and reference wells over the plates, with lines at 1, 2 and 3 SD."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, ScalarFormatter

from assaykit.cytometry import beyond_limits
from assaykit.figures.colours import BLACK, FAINT, GREY, VERMILLION
from assaykit.figures.styles import Style, axes_at, canvas, in_style


@in_style
def levey_jennings(points: pd.DataFrame, *, style: Style) -> Figure:
    """Return the figure: a panel per material and channel, a point per plate in the study's order, log scale.

    A plate beyond the limits of the others is a red triangle; lines are the geometric mean and 1, 2 and 3 SD of log2
    intensity over the plates that are not.
    """
    charts = list(points.groupby(["material", "channel"], sort=False))
    height, gap, left = style.text * 3.6, style.text * 2.6, style.text * 2.6
    figure = canvas(style.single, len(charts) * (height + gap) + style.text * 0.8)
    for row, ((material, channel), part) in enumerate(charts):
        bottom = style.text * 1.6 + row * (height + gap)
        axes = axes_at(figure, left, bottom, (style.single - left - style.text * 2, height))
        levels = np.log2(part["intensity"].to_numpy(dtype=np.float64))
        apart = beyond_limits(levels)
        usual = levels[~apart]
        mean, sd = usual.mean(), usual.std(ddof=1) if usual.size > 1 else 0.0
        for k in range(-3, 4):
            colour = BLACK if k == 0 else GREY if abs(k) < 3 else VERMILLION
            axes.axhline(2 ** (mean + k * sd), color=colour, linewidth=style.line, linestyle="-" if k == 0 else ":")
        for k, place in ((3, "bottom"), (-3, "top")):
            axes.text(
                1.01, 2 ** (mean + k * sd), f"{k:+d} SD", transform=axes.get_yaxis_transform(), va=place,
                fontsize=style.small,
            )  # fmt: skip
        places = np.arange(levels.size)
        axes.plot(places, part["intensity"], color=FAINT, linewidth=style.line, zorder=2)
        for chosen, colour, mark in ((~apart, BLACK, "o"), (apart, VERMILLION, "^")):
            axes.plot(
                places[chosen], part["intensity"].to_numpy()[chosen], mark, color=colour, markersize=style.text * 0.5
            )
        axes.set_yscale("log", base=2)
        axes.yaxis.set_major_formatter(ScalarFormatter())
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.set(xlim=(-0.5, levels.size - 0.5), ylabel=f"{channel}".replace("_", " "))
        axes.set_title({"beads": "Brightest bead peak", "reference": "Reference wells"}[str(material)], loc="left")
        names = list(part["plate"]) if levels.size <= 12 else [""] * levels.size
        axes.set_xticks(
            places, names, rotation=30 if levels.size > 3 else 0, ha="right" if levels.size > 3 else "center"
        )
    return figure

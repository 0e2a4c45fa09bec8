"""What every gate kept, well by well: one strip per population, so that an odd plate or well stands out."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from assaykit.figures.colours import BLACK, unit_colours
from assaykit.figures.styles import Style, axes_at, canvas, in_style


@in_style
def gate_yield(populations: pd.DataFrame, *, style: Style) -> Figure:
    """Return the figure: % of the parent kept, a point per well, a colour per plate, the median as a bar."""
    import seaborn as sns

    table = populations.assign(percent=100 * populations["fraction"]).dropna(subset=["percent"])
    names = list(dict.fromkeys(table["population"]))
    plates = list(dict.fromkeys(table["plate"]))
    label = {n: f"{n}\nof {p}".replace("_", " ") for n, p in zip(table["population"], table["parent"], strict=True)}
    width = style.single if len(names) <= 6 else style.double
    figure = canvas(width, style.text * 7.4)
    axes = axes_at(figure, style.text * 1.9, style.text * 0.6, (width - style.text * 2.2, style.text * 5.4))
    sns.stripplot(
        table, x="population", y="percent", hue="plate", order=names, hue_order=plates, dodge=True, jitter=False,
        palette=unit_colours(plates), size=style.text * 0.3, alpha=0.6, legend=False, ax=axes, linewidth=0,
    )  # fmt: skip
    medians = table.groupby("population")["percent"].median()
    for x, name in enumerate(names):
        axes.plot([x - 0.42, x + 0.42], [medians[name]] * 2, color=BLACK, linewidth=style.line * 2, zorder=6)
    axes.set(ylim=(-2, 104), xlabel="", ylabel="% of parent", xlim=(-0.6, len(names) - 0.4))
    axes.set_xticks(range(len(names)), [label[n] for n in names])
    return figure

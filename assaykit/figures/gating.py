"""The gating of a well, step by step: cells coloured by density, the gate's line, and the share of the parent it keeps.

`gating(panels, *, style)` draws the panels of gating_panels; cells are drawn as pixels, everything else as vectors.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes as Plot
from matplotlib.figure import Figure
from numpy.typing import NDArray

from assaykit.figures.colours import BLACK, GREY, PALE, VERMILLION
from assaykit.figures.gating_panels import GatingPanel
from assaykit.figures.styles import Style, axes_at, canvas, in_style

_ACROSS = 5


@in_style
def gating(panels: Sequence[GatingPanel], *, style: Style) -> Figure:
    """Return the gating figure, at most five panels beside each other."""
    across = -(-len(panels) // -(-len(panels) // _ACROSS))
    deep = -(-len(panels) // across)
    margin, gap, head = style.text * 1.5, style.text * 1.75, style.text * 1.05
    side = min((style.double - margin - 1.5 - gap * (across - 1)) / across, style.double * 0.2)
    tall = head + side + style.text * 1.5
    width = margin + across * (side + gap) - gap + 1.5
    figure = canvas(width, tall * deep)
    for i, panel in enumerate(panels):
        left = margin + (i % across) * (side + gap)
        axes = axes_at(figure, left, head + (i // across) * tall, (side, side))
        _draw_cells(axes, panel, style)
        _draw_gate(axes, panel, style)
    return figure


def _draw_cells(axes: Plot, panel: GatingPanel, style: Style) -> None:
    x_axis, y_axis = panel.axes
    x = np.clip(panel.x, *x_axis.limits)
    axes.set(xlim=x_axis.limits, xlabel=x_axis.label)
    axes.set_xticks([t for t, _ in x_axis.ticks], [text for _, text in x_axis.ticks])
    axes.set_title(f"of {panel.title}\n{panel.events:,} events", fontsize=style.small, pad=2, loc="left")
    if panel.y is None or y_axis is None:
        _draw_histogram(axes, x, panel, style)
        return
    y = np.clip(panel.y, *y_axis.limits)
    axes.set(ylim=y_axis.limits, ylabel=y_axis.label)
    axes.set_yticks([t for t, _ in y_axis.ticks], [text for _, text in y_axis.ticks])
    density = _density(x, y, (x_axis.limits, y_axis.limits))
    order = np.argsort(density, kind="stable")
    axes.scatter(
        x[order], y[order], c=density[order], cmap="viridis", s=0.9 * style.line / 0.5, linewidths=0, rasterized=True
    )


def _density(
    x: NDArray[np.float64], y: NDArray[np.float64], limits: tuple[tuple[float, float], tuple[float, float]]
) -> NDArray[np.float64]:
    """Return how crowded each cell's place is, 0 to 1 on a root scale: counts of a 48 x 48 grid smoothed once."""
    if not len(x):
        return np.zeros(0)
    counts, xs, ys = np.histogram2d(x, y, bins=48, range=limits)
    padded = np.pad(counts, 1, mode="edge")
    smooth = sum(padded[i : i + 48, j : j + 48] for i in range(3) for j in range(3))
    i = np.clip(np.searchsorted(xs, x, side="right") - 1, 0, 47)
    j = np.clip(np.searchsorted(ys, y, side="right") - 1, 0, 47)
    found = np.sqrt(np.asarray(smooth)[i, j])
    return np.asarray(found / max(float(found.max()), 1.0))


def _draw_histogram(axes: Plot, x: NDArray[np.float64], panel: GatingPanel, style: Style) -> None:
    """Draw the parent's cells filled, and the control's as a line, each scaled to its own mode."""
    edges = np.linspace(*panel.axes[0].limits, 80)
    centres = (edges[1:] + edges[:-1]) / 2
    kernel = np.exp(-0.5 * (np.arange(-6, 7) / 2.2) ** 2)  # bins; smooth, and no peak moves
    for values, filled in ((panel.control, False), (x, True)):
        if values is None or not len(values):
            continue
        counts = np.histogram(np.clip(values, edges[0], edges[-1]), bins=edges)[0]
        height = np.convolve(counts, kernel / kernel.sum(), mode="same")
        height = height / max(float(height.max()), 1e-12)
        if filled:
            axes.fill_between(centres, height, color=PALE, linewidth=0)
            axes.plot(centres, height, color=BLACK, linewidth=style.line)
        else:
            axes.plot(centres, height, color=GREY, linewidth=style.line * 1.5, linestyle="--", zorder=4)
    if panel.control is not None:
        axes.text(0.03, 0.95, "dashed:\nFMO", transform=axes.transAxes, va="top", fontsize=style.small, color=GREY)
    axes.set(ylim=(0, 1.25), ylabel="cells (of mode)", yticks=[0, 0.5, 1])


def _draw_gate(axes: Plot, panel: GatingPanel, style: Style) -> None:
    if panel.band is not None:
        axes.axvspan(*panel.band, color=VERMILLION, alpha=0.18, linewidth=0)
    for xs, ys in panel.outlines:
        axes.plot(xs, ys, color=VERMILLION, linewidth=style.line * 2)
    for words, x, y in panel.marks:
        axes.text(
            x, y, words, transform=axes.transAxes, fontsize=style.small, va="top" if y > 0.5 else "center",
            ha="right" if x > 0.5 else "left", linespacing=1.1,
            bbox={"boxstyle": "square,pad=0.15", "facecolor": "white", "alpha": 0.75, "linewidth": 0},
        )  # fmt: skip

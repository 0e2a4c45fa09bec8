"""The grid under an axis that says what each column received: a row per drug, its dose where it was given."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes

from assaykit.figures.colours import BLACK, FAINT, PALE
from assaykit.figures.conditions import doses_of, shown
from assaykit.figures.styles import Style

Row = tuple[str, str]  # drug, unit


def grid_rows(treatments: Sequence[str], reference: str) -> list[Row]:
    """Return the rows the grid needs: each drug, with its unit, in order of appearance.

    >>> grid_rows(["vehicle", "imatinib 1 uM", "imatinib 1 uM + plerixafor 10 uM"], "vehicle")
    [('imatinib', 'uM'), ('plerixafor', 'uM')]
    """
    return list(dict.fromkeys((dose.drug, dose.unit) for t in treatments if t != reference for dose in doses_of(t)))


def row_label(row: Row) -> str:
    """Return a row's label, e.g. 'imatinib (µM)'."""
    drug, unit = row
    return f"{drug} ({shown(unit)})" if unit else drug


def draw_grid(axes: Axes, treatments: Sequence[str], rows: Sequence[Row], *, style: Style, labelled: bool) -> None:
    """Draw the grid on `axes`, whose columns stand at 0, 1, 2 ... as in the panel above."""
    axes.set(xlim=(-0.6, len(treatments) - 0.4), ylim=(len(rows) - 0.5, -0.5), xticks=[], yticks=range(len(rows)))
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, labelleft=labelled)
    axes.set_yticklabels([row_label(row) for row in rows] if labelled else [])
    for y in range(0, len(rows), 2):
        axes.axhspan(y - 0.5, y + 0.5, color=FAINT, linewidth=0)
    for x, treatment in enumerate(treatments):
        given = {(dose.drug, dose.unit): dose.number or "+" for dose in doses_of(treatment)}
        for y, row in enumerate(rows):
            dose = given.get(row, "–")
            colour = BLACK if row in given else PALE
            axes.text(x, y, dose, ha="center", va="center", fontsize=style.small, color=colour)

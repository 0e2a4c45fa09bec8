"""The plate map: what each well received by colour, its context by the rim, its role by a letter, failures crossed out.

`wells_table(assay, findings)` lays a plate out as a tidy table; `plate_map(wells, *, style)` draws it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from assaykit.figures.colours import BLACK, FAINT, GREY, PALE, VERMILLION, treatment_colours
from assaykit.figures.conditions import context_words, ordered_contexts, ordered_treatments, shown
from assaykit.figures.styles import Style, axes_at, canvas, in_style
from assaykit.study import Assay

ROLE_LETTERS: dict[str, str] = {
    "fmo": "F",
    "isotype": "I",
    "unstained": "U",
    "single_stain": "S",
    "dead": "D",
    "beads": "B",
    "blank": "–",
}
_RIMS = (PALE, BLACK, "#0072B2", "#009E73", "#CC79A7", GREY)
_PLACE = re.compile(r"^([A-Z]{1,2})(\d{1,2})$")


def wells_table(assay: Assay, findings: pd.DataFrame, unit: str = "") -> pd.DataFrame:
    """Return one row per well with a place on a plate: row and column from 0, role, treatment, rim, failed.

    The rim is the context; where there is but one, the other factor that varies within plates, such as the target.
    """
    rim = _rim_factor(assay, unit)
    failed = findings[findings["level"] == "fail"]
    bad = set(zip(failed["plate"], failed["well"], strict=True))
    rows = [
        {
            "plate": plate.name,
            "well": well.name,
            "rows": plate.rows,
            "columns": plate.columns,
            **dict(zip(("row", "column"), place, strict=True)),
            "role": well.role,
            "treatment": str(well.factors.get("treatment", "")),
            "rim": str(well.factors.get(rim, "")),
            "rim_name": rim,
            "failed": (plate.name, well.name) in bad,
        }
        for plate in assay.plates
        for well in plate.wells
        if (place := place_of(well.name)) is not None
    ]
    return pd.DataFrame(rows)


def _rim_factor(assay: Assay, unit: str) -> str:
    """Return the factor to show as the rim."""
    levels: dict[str, set[str]] = {}
    for well in (well for plate in assay.plates for well in plate.wells if well.role == "sample"):
        for name, value in well.factors.items():
            levels.setdefault(name, set()).add(str(value))
    others = [n for n, v in levels.items() if n not in {"treatment", "context", unit} and 1 < len(v) <= len(_RIMS)]
    return others[0] if others and len(levels.get("context", ())) < 2 else "context"


def place_of(well: str) -> tuple[int, int] | None:
    """Return a well's row and column from 0, or None for a name that is no place on a plate.

    >>> place_of("B3"), place_of("AF48"), place_of("row 7")
    ((1, 2), (31, 47), None)
    """
    match = _PLACE.match(well)
    if match is None:
        return None
    row = 0
    for letter in match[1]:
        row = 26 * row + ord(letter) - 64
    return row - 1, int(match[2]) - 1


@in_style
def plate_map(wells: pd.DataFrame, *, style: Style, reference: str = "vehicle") -> Figure:
    """Return the map of the plates of one assay, as many beside each other as the width allows."""
    plates = list(dict.fromkeys(wells["plate"]))
    across = min(3, len(plates))
    deep = -(-len(plates) // across)
    rows, columns = int(wells["rows"].max()), int(wells["columns"].max())
    width = style.double if across > 1 else style.single
    cell = min((width - 2) / across / (columns + 1.6), style.text * 0.85)
    treatments = ordered_treatments((t for t in wells["treatment"] if t), reference)
    colours = treatment_colours(treatments, reference)
    rims = dict(zip(ordered_contexts(c for c in wells["rim"] if c), _RIMS, strict=False))
    tall = (rows + 2.4) * cell
    key = -(-len(treatments) // 3) + 2.6
    figure = canvas(width, tall * deep + style.row * key)
    for i, name in enumerate(plates):
        left = (i % across) * (columns + 1.6) * cell + 1.4 * cell
        axes = axes_at(figure, left, (i // across) * tall + 1.9 * cell, (columns * cell, rows * cell))
        _draw_plate(axes, wells[wells["plate"] == name], (colours, rims), cell=cell, style=style)
        axes.set_title(name, loc="left", fontsize=style.text, pad=style.text * 1.2)
    _draw_key(figure, colours, rims, wells=wells, style=style)
    return figure


def _draw_plate(
    axes: Axes, wells: pd.DataFrame, inks: tuple[dict[str, str], dict[str, str]], *, cell: float, style: Style
) -> None:
    colours, rims = inks
    rows, columns = int(wells["rows"].iloc[0]), int(wells["columns"].iloc[0])
    size = (cell * 0.78 * 72 / 25.4) ** 2
    places = np.indices((rows, columns)).reshape(2, -1)
    axes.scatter(places[1], places[0], s=size * 0.5, c=FAINT, linewidths=0)
    faces = [colours.get(t, "white") for t in wells["treatment"]]
    edges = [rims.get(c, PALE) for c in wells["rim"]]
    axes.scatter(wells["column"], wells["row"], s=size, c=faces, edgecolors=edges, linewidths=style.line * 2)
    for _, well in wells[wells["role"] != "sample"].iterrows():
        axes.text(
            well["column"], well["row"] + 0.03, ROLE_LETTERS.get(well["role"], "?"), ha="center", va="center",
            fontsize=min(style.small, cell * 1.6),
        )  # fmt: skip
    failed = wells[wells["failed"]]
    axes.scatter(failed["column"], failed["row"], marker="x", s=size * 0.9, c=VERMILLION, linewidths=style.line * 3)
    axes.set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5))
    axes.set(xticks=_every(columns), yticks=range(rows))
    axes.set_xticklabels([str(c + 1) for c in _every(columns)])
    axes.set_yticklabels([_row_letters(r) for r in range(rows)])
    axes.xaxis.tick_top()
    axes.tick_params(length=0, pad=1, labelsize=min(style.small, cell * 1.6))
    axes.spines[:].set_visible(False)


def _every(count: int) -> Sequence[int]:
    return range(0, count, 1 if count <= 12 else 2)


def _row_letters(row: int) -> str:
    """Return the letters of a row from 0.

    >>> _row_letters(0), _row_letters(31)
    ('A', 'AF')
    """
    return (chr(64 + row // 26) if row >= 26 else "") + chr(65 + row % 26)


def _draw_key(
    figure: Figure, colours: dict[str, str], rims: dict[str, str], *, wells: pd.DataFrame, style: Style
) -> None:
    rim_name = str(wells["rim_name"].iloc[0])

    def dot(face: str, edge: str, label: str) -> Line2D:
        return Line2D(
            [], [], marker="o", linestyle="", markersize=style.text * 0.8, markerfacecolor=face, markeredgecolor=edge,
            markeredgewidth=style.line * 2, label=label,
        )  # fmt: skip

    height = figure.get_size_inches()[1] * 25.4
    words: dict[str, Any] = {
        "loc": "lower left",
        "fontsize": style.small,
        "handletextpad": 0.2,
        "columnspacing": 1.2,
        "borderpad": 0,
    }
    names = {role: role.replace("_", " ") for role in ROLE_LETTERS} | {"fmo": "FMO"}
    letters = [f"{ROLE_LETTERS[role]} {names[role]}" for role in ROLE_LETTERS if role in set(wells["role"])]
    cross = Line2D([], [], marker="x", linestyle="", color=VERMILLION, markersize=style.text * 0.6, label="failed")
    rim = [dot("white", ink, f"{rim_name}: {context_words(name)}") for name, ink in rims.items()]
    plain = [Line2D([], [], linestyle="", label=text) for text in letters]
    figure.legend(handles=[*rim, cross, *plain], ncols=6, bbox_to_anchor=(0.006, style.row * 0.4 / height), **words)
    drugs = [dot(colour, colour, shown(name)) for name, colour in colours.items()]
    lines = -(-(len(rim) + 1 + len(plain)) // 6)
    figure.legend(handles=drugs, ncols=3, bbox_to_anchor=(0.006, style.row * (0.4 + 1.05 * lines) / height), **words)

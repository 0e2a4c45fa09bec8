"""A plate drawn in the terminal: a letter and colour per treatment, a mark per context, small letters for controls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from assaykit.plate import row_letters, well_from_position
from assaykit.sources import is_file
from assaykit.vocabulary import CONTEXTS

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from assaykit.plate import Plate, Well

# Wong 2011 (10.1038/nmeth.1618), readable by the colour-blind, then tints of it
COLOURS = ("#56B4E9", "#E69F00", "#009E73", "#F0E442", "#CC79A7", "#D55E00", "#0072B2", "#999999")
ROLE_MARKS = {
    "fmo": "f",
    "isotype": "i",
    "unstained": "u",
    "single_stain": "s",
    "dead": "d",
    "beads": "b",
    "blank": "o",
}
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_NARROW = 24  # columns from which a well has one sign only


def plate_drawing(plate: Plate, treatments: Sequence[str]) -> Text:
    """Return the plate as coloured text; `treatments` give the letters, in order. A red ! is a missing file."""
    from rich.text import Text

    wells = {well.name: well for well in plate.wells}
    narrow = plate.columns >= _NARROW
    numbers = [f"{n % 10}" if narrow else f"{n:<2}" for n in range(1, plate.columns + 1)]
    text = Text()
    text.append("   " + ("" if narrow else " ").join(numbers) + "\n", style="dim")
    for row in range(plate.rows):
        text.append(f"{row_letters(row):>2} ", style="dim")
        for column in range(plate.columns):
            sign, style = _sign(wells.get(well_from_position((row, column))), treatments)
            text.append(sign[:1] if narrow else sign, style=style)
            text.append("" if narrow else " ")
        text.append("\n")
    return text


def _sign(well: Well | None, treatments: Sequence[str]) -> tuple[str, str]:
    """Return two characters and a style."""
    if well is None:
        return "· ", "dim"
    context = CONTEXTS.get(str(well.factors.get("context", "")))
    mark = context.mark if context else " "
    missing = well.file is not None and not is_file(well.file)
    treatment = str(well.factors.get("treatment", ""))
    letter = ROLE_MARKS.get(well.role) or letter_of(treatment, treatments)
    style = f"black on {colour_of(treatment, treatments)}" if treatment in treatments else "bold"
    return (f"{letter}!", "bold white on red") if missing else (letter + mark, style)


def letter_of(treatment: str, treatments: Sequence[str]) -> str:
    """Return a treatment's letter; ? where there are more than letters.

    >>> letter_of("vehicle", ["vehicle", "imatinib 1 uM"])
    'A'
    """
    index = list(treatments).index(treatment) if treatment in treatments else len(_LETTERS)
    return _LETTERS[index] if index < len(_LETTERS) else "?"


def colour_of(treatment: str, treatments: Sequence[str]) -> str:
    """Return a treatment's colour."""
    return COLOURS[list(treatments).index(treatment) % len(COLOURS)]


def legend(treatments: Sequence[str], plates: Sequence[Plate]) -> Table:
    """Return what the letters, marks and small letters mean, as far as the plates use them."""
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    for treatment in treatments:
        sign = Text(f" {letter_of(treatment, treatments)} ", style=f"black on {colour_of(treatment, treatments)}")
        table.add_row(sign, treatment)
    roles = {well.role for plate in plates for well in plate.wells}
    for role, mark in ROLE_MARKS.items():
        if role in roles:
            table.add_row(f" {mark} ", role.replace("_", " "))
    contexts = {str(well.factors.get("context", "")) for plate in plates for well in plate.wells}
    for name, context in CONTEXTS.items():
        if name in contexts and context.mark.strip():
            table.add_row(f"  {context.mark}", f"context {name}")
    if any(well.file is not None and not is_file(well.file) for plate in plates for well in plate.wells):
        table.add_row(Text(" ! ", style="bold white on red"), "FCS file missing")
    return table

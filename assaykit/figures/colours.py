"""Colours that mean something and survive colour blindness: Wong's palette (10.1038/nmeth.1618), one per meaning."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from matplotlib.colors import to_hex, to_rgb

from assaykit.figures.conditions import doses_of

BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILLION, PURPLE = (
    "#000000",
    "#E69F00",
    "#56B4E9",
    "#009E73",
    "#F0E442",
    "#0072B2",
    "#D55E00",
    "#CC79A7",
)
GREY, PALE, FAINT = "#7F7F7F", "#C8C8C8", "#EDEDED"
WONG = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILLION, YELLOW)

VERDICTS: dict[str, str] = {
    "consistent": BLUE,
    "contradicts": VERMILLION,
    "no effect": ORANGE,
    "inconclusive": GREY,
    "not interpretable": PURPLE,
    "not testable": "#DADADA",
}
VERDICT_MARKS: dict[str, str] = {  # matplotlib markers, so that no verdict is told by colour alone
    "consistent": "o",
    "contradicts": "X",
    "no effect": "s",
    "inconclusive": "d",
    "not interpretable": "^",
    "not testable": ".",
}


def fade(colour: str, keep: float) -> str:
    """Return the colour mixed with white; `keep` is the share of the colour.

    >>> fade("#000000", 0.5)
    '#808080'
    """
    red, green, blue = to_rgb(colour)
    return str(to_hex((1 - keep * (1 - red), 1 - keep * (1 - green), 1 - keep * (1 - blue))))


def unit_colours(units: Iterable[str]) -> dict[str, str]:
    """Return one colour per independent unit; beyond the palette's seven, one grey for all (lines tell them apart)."""
    names = list(units)
    if len(names) > len(WONG):
        return dict.fromkeys(names, GREY)
    return dict(zip(names, WONG, strict=False))


def treatment_colours(treatments: Sequence[str], reference: str) -> dict[str, str]:
    """Return one colour per treatment: grey for the reference, a hue per set of drugs, paler for lower doses."""
    sets: dict[tuple[str, ...], list[str]] = {}
    for name in treatments:
        if name != reference:
            sets.setdefault(tuple(dose.drug for dose in doses_of(name)), []).append(name)
    colours = {reference: PALE}
    for i, members in enumerate(sets.values()):
        hue = WONG[i % len(WONG)] if i < len(WONG) else fade(WONG[i % len(WONG)], 0.5)
        colours |= {name: fade(hue, 0.4 + 0.6 * (k + 1) / len(members)) for k, name in enumerate(members)}
    return colours

"""Headings of tables that cytometry programs export: which population, which statistic, which channel, which unit.

    "Cells/Live | Median (Comp-PE-A :: CXCR4)" -> Heading(population, statistic, channel, stain, unit)

Each program writes the same few things in its own order: FlowJo `path | Median (PE-A)`, BD FACSDiva `Live PE-A Median`
and `Live %Parent`, NovoExpress `Live Median PE-H`, MACSQuantify `%-#`, Kaluza and Attune `%Gated` and `X Median`. The
words of the statistic are found first; what is left names the channel and the population.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from assaykit.escaping import one_line

HeadingUnit = Literal["percent", "fraction", "per mL", ""]
SHARES = ("percent_of_parent", "percent_of_grandparent", "percent_of_total", "percent", "percent_positive")
"""Statistics that are shares of cells: they may be written in percent or as fractions."""

# The likelier words come before those they contain: "Geometric Mean" before "Mean", "% of grandparent" before "%".
_STATISTICS: tuple[tuple[str, str], ...] = (
    (r"freq(?:uency)?\.?\s+of\s+grandparent|%\s*(?:of\s+)?grandparent", "percent_of_grandparent"),
    (r"freq(?:uency)?\.?\s+of\s+parent|(?:%|percent)\s*(?:of\s+)?(?:parent|gated)|%-#", "percent_of_parent"),
    (r"freq(?:uency)?\.?\s+of\s+total|(?:%|percent)\s*(?:of\s+)?(?:total|all)\b", "percent_of_total"),
    (r"freq(?:uency)?\.?\s+of\s+[^()|]+|(?:%|percent)\s+of\s+[^()|]+", "percent"),
    (r"robust\s*cv|%?\s*rcv\b", "robust_cv"),
    (r"robust\s*sd|\brsd\b", "robust_sd"),
    (r"geo(?:metric|m|\.)?\s*mean|\bgmean\b|\bgmfi\b|\b[xy]-gmean\b", "geometric_mean"),
    (r"\bmedian\b|\b[xy]-med\b|\bmfi\b", "median"),
    (r"\b[xy]?-?a?mean\b", "mean"),
    (r"(?:%\s*)?\bh?cv\b|\bst(?:d|andard)\.?\s*dev(?:iation)?\b|\bsd\b", "spread"),
    (r"\b(?:count|cells|events|concentration)\s*/\s*(?:ml|ul|\u00b5l|\u03bcl)", "concentration"),
    (r"#\s*(?:of\s+)?(?:events|cells)", "count"),
    (r"(?:\babs(?:olute|\.)?\s+)?\bcount\b|\bevents\b|\bnumber\b", "count"),
    (r"%|\bpercent(?:age)?\b|\bfraction\b", "percent"),
)
_FRACTION = re.compile(r"\bfraction\b|\(\s*0\s*-\s*1\s*\)", re.IGNORECASE)
_PERCENT = re.compile(r"%|\bpercent", re.IGNORECASE)
_CHANNEL = re.compile(
    r"(?:(?:Alexa Fluor|Pacific|Brilliant Violet|Super Bright|eFluor|Qdot)\s+)?[\w/.]+(?:-[\w/.]+)*-[AHW](?![\w])"
)
_AXES = re.compile(r"^[xy]\b[\s-]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Heading:
    """One column of numbers: `text` as written; what it says of population, statistic, channel and stain; "" if naught.

    `unit` is how a share, or a concentration, is written, as far as the heading tells.
    """

    text: str
    population: str = ""
    statistic: str = ""
    channel: str = ""
    stain: str = ""
    unit: HeadingUnit = ""


def heading_from_text(text: str, *, population: str = "") -> Heading:
    """Return what a heading says; its statistic is "" where it names none that is known.

    `population` is the one the table names in a column of its own.

    >>> heading_from_text("Cells/Live | Median (Comp-PE-A :: CXCR4)")
    Heading(text='Cells/Live | Median (Comp-PE-A :: CXCR4)', population='Cells/Live', statistic='median', \
channel='PE-A', stain='CXCR4', unit='')
    >>> diva = heading_from_text("Live Cells %Parent")
    >>> diva.population, diva.statistic, diva.unit
    ('Live Cells', 'percent_of_parent', 'percent')
    """
    plain = one_line(text)
    path, bar, rest = plain.rpartition("|")
    found = next(
        ((name, match) for words, name in _STATISTICS if (match := re.search(words, rest, re.IGNORECASE))), None
    )
    if found is None:
        return Heading(plain, population)
    statistic, words = found
    left = f"{rest[: words.start()]} {rest[words.end() :]}"
    channel, stain, left = _channel(left)
    left = re.sub(r"\(\s*(?:%|percent|fraction|0\s*-\s*1)?\s*\)", " ", left)
    named = path.strip() if bar else _AXES.sub("", one_line(left)).strip(" -_:,")
    unit: HeadingUnit = ""
    if statistic in SHARES:
        unit = "fraction" if _FRACTION.search(rest) else "percent" if _PERCENT.search(rest) else ""
    elif statistic == "concentration":
        unit = "per mL" if re.search(r"/\s*ml", words[0], re.IGNORECASE) else ""
    return Heading(plain, population or named, statistic, channel, stain, unit)


def _channel(text: str) -> tuple[str, str, str]:
    """Return the channel and the stain a text names, and the text without them.

    FlowJo writes both in brackets, `(Comp-PE-A :: CXCR4)`; others write the channel bare.
    """
    if match := re.search(r"\(([^()]*?)(?:\s*::\s*([^()]*))?\)", text):
        inner = match[1].strip()
        if match[2] or _CHANNEL.fullmatch(inner.removeprefix("Comp-")):
            left = f"{text[: match.start()]} {text[match.end() :]}"
            return inner.removeprefix("Comp-"), (match[2] or "").strip(), left
    if match := _CHANNEL.search(text):
        left = f"{text[: match.start()]} {text[match.end() :]}"
        return match[0].removeprefix("Comp-"), "", left
    return "", "", text

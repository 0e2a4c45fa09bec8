"""Whether the two sides of a contrast differ in more than it says: in the unit, the plate, the operator, the batch.

    both sides in one unit?           in none             -> confounded: not interpretable
    both on one plate, of one batch?  in no unit          -> arms_apart: not interpretable (contexts: doubtful)
                                      in some units only  -> arms_partly_apart: doubtful

What differs between plates, people and days then differs between the arms as well, and no number of units tells the
two apart (Lazic 2016, Experimental Design for Laboratory Biologists, chapter 2). Contexts are often plates of their
own by need, as stroma is seeded first: there it is a doubt. An interaction asks of each of its differences.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from assaykit.checks import meaning
from assaykit.stats.units.families import Asked, Cell
from assaykit.stats.units.unit_level import UnitMeans
from assaykit.tables import Finding

BATCHES = (
    "plate", "culture_plate", "operator", "batch", "staining", "staining_batch", "stain_batch", "day", "date", "run",
    "cytometer", "instrument", "incubator", "passage",
)  # fmt: skip
"""Columns of MEASUREMENTS that say when, where or by whom wells were worked on, where a lab tells it."""


@dataclass(frozen=True, slots=True)
class Confounding:
    """What a contrast is mixed up with: the check, in words why, and in how many units of those it rests on."""

    check: str
    why: str
    doubt: str = ""  # as the estimate's doubts say it; empty where it cannot be interpreted at all


class Batches:
    """The levels of every batch column, by unit and cell."""

    def __init__(self, rows: pd.DataFrame, unit: str) -> None:
        self.levels: dict[str, dict[tuple[str, Cell], set[str]]] = {}
        valued = rows[rows["y"].notna()]
        for name in (name for name in BATCHES if name in rows and name != unit):
            found: dict[tuple[str, Cell], set[str]] = defaultdict(set)
            for where, treatment, context, level in valued[[unit, "treatment", "context", name]].itertuples(
                index=False
            ):
                found[str(where), (treatment, context)].add(str(level))
            if len(set().union(*found.values())) > 1:
                self.levels[name] = found


def confounding(asked: Asked, means: UnitMeans, batches: Batches) -> list[Confounding]:
    """Return what a contrast between treatments or contexts is mixed up with, the gravest first; nothing for a level.

    Levels of a factor, such as lines or kinds of donor, come from units of their own by nature: they are not asked.
    """
    if len(asked.arms) < 2:
        return []
    mixed = [one for pair in _pairs(asked) for one in _of_pair(pair, means, batches)]
    return sorted(dict.fromkeys(mixed), key=lambda one: bool(one.doubt))


def _pairs(asked: Asked) -> Iterator[tuple[Cell, Cell]]:
    """Yield the cells that are held against each other: the two sides, or the two of each difference."""
    first, second = asked.arms
    if len(first) == 1:
        yield first[0], second[0]
    else:
        yield first[0], first[1]
        yield second[0], second[1]


def _of_pair(pair: tuple[Cell, Cell], means: UnitMeans, batches: Batches) -> Iterator[Confounding]:
    there = [np.isfinite(means.mean[cell]) if cell in means.mean else np.zeros(len(means.units), bool) for cell in pair]
    both = [name for name, one, two in zip(means.units, *there, strict=True) if one and two]
    words = " and ".join(f"{treatment} in {context}" for treatment, context in pair)
    if not both:
        if all(side.any() for side in there):
            yield Confounding(
                "confounded", f"no unit holds both {words}, so units differ between them too (confounded)"
            )
        return
    for name, levels in batches.levels.items():
        known = [unit for unit in both if all(levels.get((unit, cell), {""}) - {""} for cell in pair)]
        apart = [unit for unit in known if not levels[unit, pair[0]] & levels[unit, pair[1]]]
        if not apart:
            continue
        noun = name.replace("_", " ")
        always, contexts = len(apart) == len(known), pair[0][1] != pair[1][1]
        extent = f"{len(apart)} of {len(both)} units"
        if always and not contexts:
            why = f"{words} were never on the same {noun} ({extent}), so whatever parts {noun}s parts them too"
            yield Confounding("arms_apart", f"{why} (arms_apart)")
        elif not contexts or always:
            yield Confounding("arms_partly_apart", words, f"{meaning('arms_partly_apart')}: {noun} ({extent})")


def confounding_findings(
    asked: Sequence[Asked], mixed: Sequence[Sequence[Confounding]], analysis: str
) -> list[Finding]:
    """Return one finding per check of an analysis, with the first contrasts it concerns."""
    findings = []
    for check, remedy in _REMEDIES.items():
        found = [(one, each) for one, told in zip(asked, mixed, strict=True) for each in told if each.check == check]
        if found:
            names = list(dict.fromkeys(f"{one.text} ({one.context_text})" for one, _ in found))
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            why = found[0][1].doubt or found[0][1].why.removesuffix(f" ({check})")
            message = f"analysis {analysis}: {', '.join(names[:3])}{more}: {why}; {remedy}"
            findings.append(Finding("warn", check, message))
    return findings


_REMEDIES = {
    "confounded": "repeat both arms in every unit",
    "arms_apart": "put the reference on every plate, and let one person and one batch work on both arms",
    "arms_partly_apart": "put the reference on every plate",
}

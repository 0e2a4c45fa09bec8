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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from assaykit.checks import meaning
from assaykit.stats.units.contrast import Cell, Contrast
from assaykit.stats.units.unit_level import UnitMeans
from assaykit.tables import Finding

BATCHES = (
    "plate", "culture_plate", "operator", "batch", "staining", "staining_batch", "stain_batch", "day", "date", "run",
    "cytometer", "instrument", "incubator", "passage",
)  # fmt: skip
"""Columns of MEASUREMENTS that say when, where or by whom wells were worked on, where a lab tells it."""


BatchLevels = Mapping[str, Mapping[tuple[str, Cell], set[str]]]
"""The levels of every batch column that has several, by unit and cell."""


@dataclass(frozen=True, slots=True)
class Confounding:
    """What a contrast is mixed up with: the check, in words why, and in how many units of those it rests on."""

    check: str
    why: str
    doubt: str = ""  # as the estimate's doubts say it; empty where it cannot be interpreted at all


def batch_levels(rows: pd.DataFrame, unit: str) -> BatchLevels:
    """Return where each unit and cell of MEASUREMENTS rows with `y` was worked on; columns of one level say nothing."""
    batches: dict[str, Mapping[tuple[str, Cell], set[str]]] = {}
    valued = rows[rows["y"].notna()]
    for name in (name for name in BATCHES if name in rows and name != unit):
        levels: dict[tuple[str, Cell], set[str]] = defaultdict(set)
        columns = valued[[unit, "treatment", "context", name]]
        for where, treatment, context, level in columns.itertuples(index=False):
            levels[str(where), (treatment, context)].add(str(level))
        if len(set().union(*levels.values())) > 1:
            batches[name] = levels
    return batches


def confounding(contrast: Contrast, means: UnitMeans, batches: BatchLevels) -> list[Confounding]:
    """Return what a contrast between treatments or contexts is mixed up with, the gravest first; nothing for a level.

    Levels of a factor, such as lines or kinds of donor, come from units of their own by nature: they are not asked.
    """
    mixed = [each for pair in _opposed_cells(contrast) for each in _of_pair(pair, means, batches)]
    return sorted(dict.fromkeys(mixed), key=lambda each: bool(each.doubt))


def _opposed_cells(contrast: Contrast) -> list[tuple[Cell, Cell]]:
    """Return the cells that are held against each other: those of opposite sign, within a context where there are."""
    pairs = [
        (one, other) for (one, weight), (other, opposite) in combinations(contrast.weights, 2) if weight * opposite < 0
    ]
    return [pair for pair in pairs if pair[0][1] == pair[1][1]] or pairs


def _of_pair(pair: tuple[Cell, Cell], means: UnitMeans, batches: BatchLevels) -> Iterator[Confounding]:
    absent = np.zeros(len(means.units), bool)
    present = [np.isfinite(means.mean[cell]) if cell in means.mean else absent for cell in pair]
    both = [name for name, one, two in zip(means.units, *present, strict=True) if one and two]
    words = " and ".join(f"{treatment} in {context}" for treatment, context in pair)
    if not both:
        if all(side.any() for side in present):
            yield Confounding(
                "confounded", f"no unit holds both {words}, so units differ between them too (confounded)"
            )
        return
    for name, levels in batches.items():
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
    contrasts: Sequence[Contrast], mixed: Sequence[Sequence[Confounding]], analysis: str
) -> list[Finding]:
    """Return one finding per check of an analysis, with the first contrasts it concerns; `mixed` is by contrast."""
    findings = []
    for check, remedy in _REMEDIES.items():
        pairs = [(contrast, each) for contrast, several in zip(contrasts, mixed, strict=True) for each in several]
        met = [(contrast, each) for contrast, each in pairs if each.check == check]
        if met:
            names = list(dict.fromkeys(f"{contrast.name} ({contrast.place})" for contrast, _ in met))
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            why = met[0][1].doubt or met[0][1].why.removesuffix(f" ({check})")
            message = f"analysis {analysis}: {', '.join(names[:3])}{more}: {why}; {remedy}"
            findings.append(Finding("warn", check, message))
    return findings


_REMEDIES = {
    "confounded": "repeat both arms in every unit",
    "arms_apart": "put the reference on every plate, and let one person and one batch work on both arms",
    "arms_partly_apart": "put the reference on every plate",
}

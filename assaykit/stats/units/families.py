"""Families of contrasts: which comparisons an analysis asks of the cells (treatment, context) that were measured.

Every contrast has the form [f(treatment, context) - f(comparator, context)] - [the same in comparator_context],
with the parts a kind does not need left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import combinations

from assaykit.protocol.model import Analysis
from assaykit.study.model import CONTEXTS, Reference

Cell = tuple[str, str]  # treatment, context
Arm = tuple[Cell, ...]  # one cell, or (cell, cell subtracted from it)

# The condition a context is compared with, where it is not the study's reference context: conditioned medium holds
# old medium, so its own control is the medium without cells.
_OWN_CONTROL = {"msc_medium": "plain_medium"}


@dataclass(frozen=True, slots=True)
class Asked:
    """One contrast asked for; `arms` are the two sides of its difference (one side for a level)."""

    kind: str
    treatment: str
    comparator: str
    context: str
    comparator_context: str = ""
    name: str = ""

    @property
    def arms(self) -> tuple[Arm, ...]:
        """The sides of the contrast: arms[0] - arms[1]."""
        here, there = self.context, self.comparator_context
        if not self.comparator:
            return (((self.treatment, here),),)
        if not there:
            return ((self.treatment, here),), ((self.comparator, here),)
        if self.treatment == self.comparator:
            return ((self.treatment, here),), ((self.treatment, there),)
        return tuple(((self.treatment, place), (self.comparator, place)) for place in (here, there))

    @property
    def cells(self) -> tuple[Cell, ...]:
        """Every cell the contrast needs."""
        return tuple(cell for arm in self.arms for cell in arm)

    @property
    def text(self) -> str:
        """The contrast in words."""
        if self.name:
            return self.name
        if not self.comparator:
            return self.treatment
        if self.treatment == self.comparator:
            return f"{self.treatment}: {self.context} - {self.comparator_context}"
        return f"{self.treatment} - {self.comparator}"

    @property
    def context_text(self) -> str:
        """The context it holds in; both where an interaction compares two."""
        between = self.comparator_context and self.treatment != self.comparator
        return f"{self.context} - {self.comparator_context}" if between else self.context


def asked_contrasts(cells: Iterable[Cell], analysis: Analysis, reference: Reference) -> tuple[Asked, ...]:
    """Return the contrasts of the analysis' families that the measured cells call for, then its custom ones.

    Contrasts between levels of a factor are not among them: see `levels.level_contrasts`.

    A treatment measured in a context is compared there even where its comparator is missing: the row then says so.
    Treatments are ordered by number of drugs, then name; of two, the later is compared with the earlier, so that a
    combination is compared with its parts.
    """
    there: dict[str, list[str]] = {}
    for treatment, context in sorted(set(cells), key=lambda cell: (cell[0].count(" + "), cell[0])):
        there.setdefault(context, []).append(treatment)
    contexts = sorted(there, key=_context_order)
    there = {context: there[context] for context in contexts}
    asked = [one for family in analysis.families for one in _FAMILIES[family](there, reference)]
    asked += [
        Asked("custom", c.treatment, c.comparator, c.context, c.comparator_context, c.name)
        for c in analysis.contrasts
        if not c.factor
    ]
    return tuple(asked)


def _context_order(context: str) -> tuple[int, str]:
    return (CONTEXTS.index(context) if context in CONTEXTS else len(CONTEXTS), context)


def _treatment(there: dict[str, list[str]], reference: Reference) -> list[Asked]:
    vehicle = reference.treatment
    return [Asked("treatment", t, vehicle, c) for c, names in there.items() for t in names if t != vehicle]


def _pairwise(there: dict[str, list[str]], reference: Reference) -> list[Asked]:
    return [
        Asked("pairwise", later, earlier, context)
        for context, names in there.items()
        for earlier, later in combinations([t for t in names if t != reference.treatment], 2)
    ]


def _context_pairs(there: dict[str, list[str]], reference: Reference) -> list[tuple[str, str]]:
    pairs = [(context, reference.context) for context in there if context != reference.context]
    own = [(context, control) for context, control in _OWN_CONTROL.items() if {context, control} <= set(there)]
    return pairs + [pair for pair in own if pair not in pairs]


def _context(there: dict[str, list[str]], reference: Reference) -> list[Asked]:
    return [Asked("context", t, t, here, base) for here, base in _context_pairs(there, reference) for t in there[here]]


def _interaction(there: dict[str, list[str]], reference: Reference) -> list[Asked]:
    asked = []
    for here, base in _context_pairs(there, reference):
        drugs = [t for t in there[here] if t != reference.treatment and t in there.get(base, ())]
        asked += [Asked("interaction", t, reference.treatment, here, base) for t in drugs]
        asked += [Asked("interaction", late, early, here, base) for early, late in combinations(drugs, 2)]
    return asked


def _level(there: dict[str, list[str]], reference: Reference) -> list[Asked]:  # noqa: ARG001 - the families' form
    return [Asked("level", treatment, "", context) for context, names in there.items() for treatment in names]


_FAMILIES: dict[str, Callable[[dict[str, list[str]], Reference], list[Asked]]] = {
    "treatment": _treatment,
    "pairwise": _pairwise,
    "context": _context,
    "interaction": _interaction,
    "level": _level,
}

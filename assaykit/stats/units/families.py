"""Families of contrasts: which comparisons an analysis asks of the cells (treatment, context) that were measured.

cells, analysis, reference -> contrasts, family by family
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from itertools import combinations

from assaykit.protocol import Analysis
from assaykit.stats.units.contrast import Cell, Contrast
from assaykit.study import Reference
from assaykit.treatment import treatment_from_canonical
from assaykit.vocabulary import CONTEXTS

Treatments = Mapping[str, list[str]]
"""The treatments measured in each context, both in the order of comparison."""


def contrasts_of(cells: Collection[Cell], analysis: Analysis, reference: Reference) -> tuple[Contrast, ...]:
    """Return the contrasts of the analysis' families that the measured cells call for, then its custom ones.

    Contrasts between levels of a factor are not among them: see `levels.level_contrasts`.

    A treatment measured in a context is compared there even where its comparator is missing: the row then says so.
    Treatments are ordered by number of drugs, then name; of two, the later is compared with the earlier, so that a
    combination is compared with its parts.
    """
    measured: dict[str, list[str]] = {}
    drugs = {treatment: max(1, len(treatment_from_canonical(treatment).doses)) for treatment, _ in cells}
    for treatment, context in sorted(set(cells), key=lambda cell: (drugs[cell[0]], cell[0])):
        measured.setdefault(context, []).append(treatment)
    order = {context: place for place, context in enumerate(CONTEXTS)}
    contexts = sorted(measured, key=lambda context: (order.get(context, len(order)), context))
    treatments = {context: measured[context] for context in contexts}
    families = [contrast for family in analysis.families for contrast in _FAMILIES[family](treatments, reference)]
    custom = [
        Contrast.weighing([((arm.treatment, arm.context), arm.weight) for arm in c.arms], kind="custom", name=c.name)
        if c.arms
        else Contrast.between(c.treatment, c.comparator, c.context, c.comparator_context, kind="custom", name=c.name)
        for c in analysis.contrasts
        if not c.factor
    ]
    return (*families, *custom)


def _against_reference(treatments: Treatments, reference: Reference) -> list[Contrast]:
    return [
        Contrast.between(treatment, reference.treatment, context, kind="treatment")
        for context, names in treatments.items()
        for treatment in names
        if treatment != reference.treatment
    ]


def _pairwise(treatments: Treatments, reference: Reference) -> list[Contrast]:
    return [
        Contrast.between(later, earlier, context, kind="pairwise")
        for context, names in treatments.items()
        for earlier, later in combinations([name for name in names if name != reference.treatment], 2)
    ]


def _between_contexts(treatments: Treatments, reference: Reference) -> list[Contrast]:
    return [
        Contrast.between(treatment, treatment, context, base, kind="context")
        for context, base in _context_pairs(treatments, reference)
        for treatment in treatments[context]
    ]


def _interactions(treatments: Treatments, reference: Reference) -> list[Contrast]:
    """Return the differences to the reference treatment, then between drugs, each in a context less its base."""
    contrasts = []
    for context, base in _context_pairs(treatments, reference):
        in_both = [name for name in treatments[context] if name in treatments.get(base, ())]
        drugs = [name for name in in_both if name != reference.treatment]
        pairs = [(drug, reference.treatment) for drug in drugs]
        pairs += [(later, earlier) for earlier, later in combinations(drugs, 2)]
        contrasts += [Contrast.between(*pair, context, base, kind="interaction") for pair in pairs]
    return contrasts


def _sensitisations(treatments: Treatments, reference: Reference) -> list[Contrast]:
    """Return what two drugs together do beyond what each does alone, in a context less its base context.

    [(both - one) - (other - reference)] in context - [the same in base]: a drug that kills by itself where the stroma
    is adds to both brackets and is no sensitisation.
    """
    given = any(dose.unit for dose in treatment_from_canonical(reference.treatment).doses)
    vehicle = "vehicle" if given else reference.treatment
    contrasts = []
    for context, base in _context_pairs(treatments, reference):
        in_both = {name for name in treatments[context] if name in treatments.get(base, ())}
        for both in sorted(in_both):
            alone = [str(dose) for dose in treatment_from_canonical(both).doses]
            if len(alone) != 2 or not in_both.issuperset([*alone, vehicle]):
                continue
            arms = [(both, 1.0), *((one, -1.0) for one in alone), (vehicle, 1.0)]
            weights = [((arm, context), weight) for arm, weight in arms]
            weights += [((arm, base), -weight) for arm, weight in arms]
            contrasts.append(
                Contrast.weighing(
                    weights,
                    kind="sensitisation",
                    name=f"{both} beyond each alone",
                    treatment=both,
                    comparator=vehicle,
                    context=context,
                    comparator_context=base,
                )
            )
    return contrasts


def _levels(treatments: Treatments, reference: Reference) -> list[Contrast]:  # noqa: ARG001 - the families' form
    return [
        Contrast.between(treatment, "", context, kind="level")
        for context, names in treatments.items()
        for treatment in names
    ]


def _context_pairs(treatments: Treatments, reference: Reference) -> list[tuple[str, str]]:
    """Return every context with the reference context, then those measured with a control of their own with that."""
    pairs = [(context, reference.context) for context in treatments if context != reference.context]
    own = [(name, context.control) for name, context in CONTEXTS.items() if {name, context.control} <= set(treatments)]
    return pairs + [pair for pair in own if pair not in pairs]


_FAMILIES: dict[str, Callable[[Treatments, Reference], list[Contrast]]] = {
    "treatment": _against_reference,
    "pairwise": _pairwise,
    "context": _between_contexts,
    "interaction": _interactions,
    "sensitisation": _sensitisations,
    "level": _levels,
}

"""Which contrast of a lab answers a claim: a test's query -> the estimates that fit -> the one that is read.

The rule was fixed before any data and looks at the design only, never at a result. Of the estimates that fit, in turn:
    1. one that could be estimated
    2. the first test of the claim, its first endpoint, its first context
    3. doses within the range of the drug catalogue
    4. where a class of drugs is meant, the claim's order of preference
    5. most units
    6. the highest doses, drug by drug in the order of the query
    7. a scale of ratios before percentage points, then the analysis listed first
The others are counted in the reason beside the verdict, by what they would have said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Any

from assaykit.evidence.claims import Claim, Test
from assaykit.evidence.estimates import Estimate, LabEstimates, turned_round
from assaykit.treatment import Catalogue, Dose, Treatment, dose_from_text

Slots = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Candidate:
    """An estimate that answers a test, turned round where the test asks it so; the smallest `rank` is read.

    `doses` are those of the treatment, then of the comparator, each once.
    """

    test: Test
    estimate: Estimate
    doses: tuple[Dose, ...]
    rank: tuple[Any, ...]


def candidates(claim: Claim, lab: LabEstimates) -> tuple[Candidate, ...]:
    """Return every estimate that answers one of the claim's tests, the one to be read first."""
    every = (each for place, test in enumerate(claim.tests) for each in candidates_of_test(test, place, lab))
    return tuple(sorted(every, key=lambda each: each.rank))


def candidates_of_test(test: Test, place: int, lab: LabEstimates) -> Iterator[Candidate]:
    """Yield every estimate that answers the test, which is the claim's number `place`."""
    for preference, endpoint in enumerate(test.endpoints):
        for estimate in lab.of(endpoint, test.kind):
            doses, answer = _answer_to(test, estimate, lab)
            if answer is not None:
                # What could be estimated goes before everything else.
                rank = (not answer.result.estimated, place, preference, *_rank(test, answer, doses, drugs=lab.drugs))
                yield Candidate(test, _with_equivalence(answer, lab), doses, rank)


def _answer_to(test: Test, estimate: Estimate, lab: LabEstimates) -> tuple[tuple[Dose, ...], Estimate | None]:
    """Return the doses of both sides and the estimate as the test asks for it, which may be turned round; else None."""
    if test.kind == "custom":
        return (), estimate if estimate.contrast == test.contrast else None
    if estimate.context not in test.contexts:
        return (), None
    if test.against and estimate.comparator_context != lab.base_of(estimate.endpoint, estimate.context, test.against):
        return (), None
    treatment, comparator = estimate.arm, estimate.comparator_arm
    if treatment is None or comparator is None:
        return (), None
    if test.kind == "context":
        comparator = Treatment()  # the same treatment in two contexts
    doses = _bound_doses(test, treatment, comparator, drugs=lab.drugs)
    if doses is not None:
        return doses, estimate
    if test.kind in ("treatment", "pairwise", "interaction"):
        doses = _bound_doses(test, comparator, treatment, drugs=lab.drugs)
    return (doses, turned_round(estimate)) if doses is not None else ((), None)


def _bound_doses(
    test: Test, treatment: Treatment, comparator: Treatment, *, drugs: Catalogue
) -> tuple[Dose, ...] | None:
    """Return the doses the query's slots stand for; a slot on both sides must be the same drug at the same dose."""
    for one in fits(test.treatment, treatment, drugs):
        for other in fits(test.comparator, comparator, drugs):
            if all(other[slot] == one[slot] for slot in other if slot in one):
                return tuple((one | other).values())
    return None


def fits(slots: Slots, treatment: Treatment, drugs: Catalogue) -> Iterator[dict[str, Dose]]:
    """Yield every way in which the slots, in order, stand for the doses of the treatment."""
    if len(slots) == len(treatment.doses):
        for doses in permutations(treatment.doses):
            if all(stands_for(slot, dose, drugs) for slot, dose in zip(slots, doses, strict=True)):
                yield dict(zip(slots, doses, strict=True))


def stands_for(slot: str, dose: Dose, drugs: Catalogue) -> bool:
    """Return whether a slot, a drug's name or "class:" and a class, means this drug."""
    if not slot.startswith("class:"):
        return slot == dose.drug
    drug = drugs.find(dose.drug)
    return drug is not None and drug.drug_class == slot.removeprefix("class:")


def _with_equivalence(estimate: Estimate, lab: LabEstimates) -> Estimate:
    """Return the estimate with the equivalence that its sibling in points shows, where there is one."""
    written = lab.estimates[estimate.row]  # not turned round
    for other in lab.of(estimate.endpoint, estimate.kind):
        if other.row != estimate.row and other.scale == "identity" and other.question == written.question:
            return replace(estimate, p_in_points=other.p_equivalence)
    return estimate


def _rank(test: Test, estimate: Estimate, doses: Sequence[Dose], *, drugs: Catalogue) -> tuple[Any, ...]:
    """Return the estimate's place in the order the module's docstring states, from the context on."""
    context = test.contexts.index(estimate.context) if estimate.context in test.contexts else len(test.contexts)
    outside = sum(not _in_range(dose, drugs) for dose in doses)
    preferred = tuple(test.prefer.index(d.drug) if d.drug in test.prefer else len(test.prefer) for d in doses)
    amounts = tuple((-dose.absolute, dose.drug) for dose in doses)
    points = estimate.scale == "identity"
    return context, outside, preferred, -estimate.result.n_units, amounts, points, estimate.row


def _in_range(dose: Dose, drugs: Catalogue) -> bool:
    drug = drugs.find(dose.drug)
    if drug is None or drug.range is None:
        return True
    low, high = (float(amount * unit.factor) for amount, unit in map(dose_from_text, drug.range))
    return low * 0.999 <= dose.absolute <= high * 1.001  # amounts are doubles: the ends belong to the range

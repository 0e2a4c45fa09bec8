"""When a contrast cannot be read: values in doubt, companion arms missing, conditions that do not hold."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from assaykit.evidence import words
from assaykit.evidence.claims import Need, Test
from assaykit.evidence.estimates import Estimate, LabEstimates
from assaykit.evidence.matching import Candidate, candidates_of_test, stands_for
from assaykit.evidence.testability import MeasuredArms
from assaykit.evidence.verdicts import Verdict, interval_in_words, within_bounds
from assaykit.treatment import Dose, Treatment
from assaykit.vocabulary import CONTEXTS

Refusal = tuple[Verdict, str]


def unreadable(estimate: Estimate, arms: MeasuredArms) -> str:
    """Return why a contrast cannot be read: the reason in ESTIMATES, or of a measurement behind it."""
    if estimate.result.reason:
        return estimate.result.reason.removeprefix("not interpretable: ")
    sides = {estimate.treatment, estimate.comparator} - {""}
    cells = sorted(product([estimate.endpoint], sides, estimate.contexts))
    return "; ".join(dict.fromkeys(arms.reasons[cell] for cell in cells if cell in arms.reasons))


def unmet_need(read: Candidate, arms: MeasuredArms, lab: LabEstimates) -> Refusal | None:
    """Return the verdict a missing arm or a condition that does not hold forces, with its sentence; else None.

    A companion arm that is missing makes the claim not testable. A condition is refused where its interval shows that
    it does not hold: on the other side of no effect, or within what counts as none. That it is not significant is told
    and refuses nothing: reading a claim only where a contrast of the same arms is significant selects for chance
    (benchmarks/verdicts.py has the rates).
    """
    for need in read.test.needs:
        for treatment in _treatments_meant(need, read, lab):
            refusal = _refusal(need, treatment, read, arms=arms, lab=lab)
            if refusal is not None:
                return refusal
    return None


def companion_notes(read: Candidate, lab: LabEstimates) -> tuple[str, ...]:
    """Return what the companions of a test show, one clause each; those the study lacks say nothing."""
    clauses = []
    for need in read.test.needs:
        for treatment in _treatments_meant(need, read, lab) if need.sign is not None else ():
            context = _context_of(need, read)
            condition = _condition(need, treatment, context, assay=read.estimate.assay, lab=lab)
            if condition is not None and not _on_side(condition, need.sign or 0):
                found = interval_in_words(condition)
                clauses.append(
                    f"it presupposes that {need.says}, which {treatment} does not clearly show here: {found}"
                )
    for need in read.test.tells:
        companion = _companion(need, read, lab)
        if companion is not None and companion.result.estimated and not companion.result.reason:
            shows = "shows" if _on_side(companion, need.sign or 0) else "does not show"
            clauses.append(f"{interval_in_words(companion)} for {companion.contrast} {shows} that {need.says}")
    return tuple(clauses)


def _companion(need: Need, read: Candidate, lab: LabEstimates) -> Estimate | None:
    """Return the companion contrast, read by the rule of matching, at the doses of the matched contrast."""
    context = _context_of(need, read)
    test = Test(
        endpoints=need.endpoints,
        kind=need.kind,
        treatment=need.treatment,
        comparator=need.comparator,
        contexts=tuple(CONTEXTS) if context == "any" else (context,),
        against=need.against,
        sign=need.sign,
    )
    given = {dose.drug: dose for dose in read.doses}
    for candidate in sorted(candidates_of_test(test, 0, lab), key=lambda each: each.rank):
        if all(given.get(dose.drug, dose) == dose for dose in candidate.doses):
            return candidate.estimate
    return None


def _treatments_meant(need: Need, read: Candidate, lab: LabEstimates) -> Iterator[Treatment]:
    """Yield every choice of the matched drugs, at their doses, for the need's slots."""
    choices = [[dose for dose in read.doses if stands_for(slot, dose, lab.drugs)] for slot in need.treatment]
    doses: tuple[Dose, ...]
    for doses in product(*choices):
        yield Treatment(tuple(sorted(set(doses))))


def _refusal(
    need: Need, treatment: Treatment, read: Candidate, *, arms: MeasuredArms, lab: LabEstimates
) -> Refusal | None:
    context = _context_of(need, read)
    place = f"{treatment} in {words.context(context)}"
    if need.sign is None:
        measured = any(context in arms.contexts(endpoint, treatment) for endpoint in need.endpoints)
        return None if measured else ("not testable", f"it needs {need.says}, and {place} is missing")
    condition = _condition(need, treatment, context, assay=read.estimate.assay, lab=lab)
    if condition is None:
        return "not testable", f"it asks that {need.says}, and there is no estimate for {place}"
    if condition.result.reason or not condition.result.estimated:
        return "not interpretable", f"it asks that {need.says}, and for {place}: {condition.result.reason}"
    if not (_on_side(condition, -need.sign) or any(within_bounds(condition).values())):
        return None
    found = interval_in_words(condition)
    return "not interpretable", f"it asks that {need.says}, and {place} shows that it does not: {found}"


def _condition(need: Need, treatment: Treatment, context: str, *, assay: str, lab: LabEstimates) -> Estimate | None:
    """Return the estimate of the condition, against vehicle; one of the same assay goes first."""
    estimates = [
        estimate
        for endpoint in need.endpoints
        for estimate in lab.of(endpoint, need.kind)
        if (estimate.context, estimate.comparator_context)
        == (context, need.against and lab.base_of(endpoint, context, need.against))
        and (estimate.arm, estimate.comparator_arm) == (treatment, Treatment())
    ]
    return min(estimates, key=lambda estimate: estimate.assay != assay, default=None)


def _context_of(need: Need, read: Candidate) -> str:
    return read.estimate.context if need.context == "same" else need.context


def _on_side(estimate: Estimate, sign: int) -> bool:
    """Return whether the whole interval lies on the side of `sign`."""
    return sign * (estimate.result.conf_low if sign > 0 else estimate.result.conf_high) > 0

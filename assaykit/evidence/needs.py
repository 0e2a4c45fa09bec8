"""When a contrast cannot be read: values in doubt, companion arms missing, conditions that do not hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

from assaykit.evidence import words
from assaykit.evidence.claims import Need, Test
from assaykit.evidence.matching import Match, Rows, matches_of_test, stands_for
from assaykit.evidence.numbers import numbers_from_row
from assaykit.evidence.testability import Arms
from assaykit.evidence.verdicts import Verdict, interval_in_words
from assaykit.treatment.model import Dose, Treatment
from assaykit.vocabulary import CONTEXTS

Refusal = tuple[Verdict, str]


def doubt(match: Match, arms: Arms, rows: Rows) -> str:
    """Return why the matched contrast cannot be read: the reason in ESTIMATES, or of a measurement behind it."""
    if match.numbers.reason:
        return match.numbers.reason.removeprefix("not interpretable: ")
    row = rows.rows[match.row]
    places = {row["context"].split(" - ")[0], row["comparator_context"]} - {""}
    sides = {row["treatment"], row["comparator"]} - {""}
    keys = sorted(product([row["endpoint"]], sides, places))
    return "; ".join(dict.fromkeys(arms.doubts[key] for key in keys if key in arms.doubts))


def unmet(match: Match, arms: Arms, rows: Rows) -> Refusal | None:
    """Return the verdict a missing arm or a condition that does not hold forces, with its sentence; else None.

    A companion arm that is missing makes the claim not testable; one that is there and does not show what it must
    makes the contrast not interpretable.
    """
    for need in match.test.needs:
        for doses in _doses_of(need, match, rows):
            refusal = _refusal(need, doses, match, arms=arms, rows=rows)
            if refusal is not None:
                return refusal
    return None


def told(match: Match, rows: Rows) -> tuple[str, ...]:
    """Return what the companions of a test show, one clause each; those the study lacks say nothing."""
    clauses = []
    for need in match.test.tells:
        found = _companion(need, match, rows)
        if found is not None and found.numbers.estimated and not found.numbers.reason:
            limit = found.numbers.low if (need.sign or 0) > 0 else found.numbers.high
            role = "shows" if (need.sign or 0) * limit > 0 else "does not show"
            clauses.append(f"{interval_in_words(found.numbers)} for {found.numbers.contrast} {role} that {need.says}")
    return tuple(clauses)


def _companion(need: Need, match: Match, rows: Rows) -> Match | None:
    """Return the companion contrast, read by the rule of matching, at the doses of the matched contrast."""
    place = match.context if need.context == "same" else need.context
    test = Test(
        endpoints=need.endpoints,
        kind=need.kind,
        treatment=need.treatment,
        comparator=need.comparator,
        contexts=tuple(CONTEXTS) if place == "any" else (place,),
        against=need.against,
        sign=need.sign,
    )
    mine = {dose.drug: dose for dose in match.doses}
    found = sorted(matches_of_test(test, 0, rows), key=lambda each: each.rank)
    return next((each for each in found if all(mine.get(d.drug, d) == d for d in each.doses)), None)


def _doses_of(need: Need, match: Match, rows: Rows) -> Iterator[tuple[Dose, ...]]:
    """Yield every choice of the matched drugs, at their doses, for the need's slots."""
    choices = [[dose for dose in match.doses if stands_for(slot, dose, rows.drugs)] for slot in need.treatment]
    yield from product(*choices)


def _refusal(need: Need, doses: tuple[Dose, ...], match: Match, *, arms: Arms, rows: Rows) -> Refusal | None:
    treatment = Treatment(tuple(sorted(set(doses))))
    context = match.context if need.context == "same" else need.context
    place = f"{treatment} in {words.context(context)}"
    if need.sign is None:
        there = any(context in arms.contexts(endpoint, treatment) for endpoint in need.endpoints)
        return None if there else ("not testable", f"it needs {need.says}, and {place} is missing")
    row = _row_of(need, treatment, match, rows)
    if row is None:
        return "not testable", f"it asks that {need.says}, and there is no estimate for {place}"
    numbers = numbers_from_row(row)
    if numbers.reason or not numbers.estimated:
        return "not interpretable", f"it asks that {need.says}, and for {place}: {numbers.reason}"
    limit = numbers.low if need.sign > 0 else numbers.high
    if need.sign * limit > 0:
        return None
    return "not interpretable", f"it asks that {need.says}, and {place} does not show it: {interval_in_words(numbers)}"


def _row_of(need: Need, treatment: Treatment, match: Match, rows: Rows) -> Mapping[str, Any] | None:
    """Return the first row of the condition, against the reference treatment; one of the same assay goes first."""
    context = match.context if need.context == "same" else need.context
    found = []
    for endpoint in need.endpoints:
        for index in rows.by_endpoint.get((endpoint, need.kind), ()):
            row = rows.rows[index]
            same_place = row["context"].split(" - ")[0] == context and row["comparator_context"] == need.against
            against = rows.treatment(row["comparator"])
            if same_place and rows.treatment(row["treatment"]) == treatment and against == Treatment():
                found.append(row)
    return min(found, key=lambda row: row["assay"] != match.assay, default=None)

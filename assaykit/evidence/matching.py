"""Which contrast of a lab answers a claim: a test's query -> the rows of ESTIMATES that fit -> the one that is read.

The rule was fixed before any data and looks at the design only, never at a result. Among the rows that fit, in turn:
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

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import permutations
from typing import Any

import pandas as pd

from assaykit.errors import TreatmentError
from assaykit.evidence.claims import Claim, Test
from assaykit.evidence.numbers import Numbers, numbers_from_row, reversed_numbers
from assaykit.treatment.catalogue import Catalogue
from assaykit.treatment.model import Dose, Treatment
from assaykit.treatment.parsing import parse_treatment
from assaykit.treatment.units import UNITS

Slots = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Match:
    """One row of ESTIMATES that answers a test; `row` is its place in the table."""

    test: Test
    row: int
    numbers: Numbers
    context: str
    doses: tuple[Dose, ...]  # of the treatment, then of the comparator, each once
    rank: tuple[Any, ...]
    assay: str = ""


@dataclass(frozen=True, slots=True)
class Rows:
    """ESTIMATES as rows, with every treatment parsed once."""

    rows: tuple[Mapping[str, Any], ...]
    reference: str
    drugs: Catalogue
    treatments: dict[str, Treatment | None] = field(default_factory=dict)
    by_endpoint: dict[tuple[str, str], list[int]] = field(default_factory=dict)

    def treatment(self, text: str) -> Treatment | None:
        """Return the treatment a text names, the reference as the empty one; None where it names none."""
        return self.treatments.get(text)


def rows_from_estimates(estimates: pd.DataFrame, *, drugs: Catalogue, reference: str = "vehicle") -> Rows:
    """Return the rows of ESTIMATES, their treatments parsed, found by endpoint and kind."""
    rows = tuple({str(key): value for key, value in record.items()} for record in estimates.to_dict("records"))
    texts = {row[side] for row in rows for side in ("treatment", "comparator")}
    by_endpoint: dict[tuple[str, str], list[int]] = {}
    for place, row in enumerate(rows):
        by_endpoint.setdefault((row["endpoint"], row["kind"]), []).append(place)
    return Rows(rows, reference, drugs, parsed_treatments(texts, drugs, reference), by_endpoint)


def parsed_treatments(texts: set[str], drugs: Catalogue, reference: str) -> dict[str, Treatment | None]:
    """Return every text's treatment; the reference is the empty one, and what is no treatment is None."""
    parsed: dict[str, Treatment | None] = {"": Treatment(), reference: Treatment()}
    for text in texts - parsed.keys():
        try:
            parsed[text] = parse_treatment(text, drugs)
        except TreatmentError:  # a custom contrast may name what no drug catalogue holds
            parsed[text] = None
    return parsed


def matches(claim: Claim, rows: Rows) -> tuple[Match, ...]:
    """Return every row that answers one of the claim's tests, the one to be read first."""
    found = (match for place, test in enumerate(claim.tests) for match in matches_of_test(test, place, rows))
    return tuple(sorted(found, key=lambda match: match.rank))


def matches_of_test(test: Test, place: int, rows: Rows) -> Iterator[Match]:
    """Yield every row that answers the test, which is the claim's number `place`."""
    for rank, endpoint in enumerate(test.endpoints):
        for index in rows.by_endpoint.get((endpoint, test.kind), ()):
            match = _match(test, index, (place, rank), rows)
            if match is not None:
                yield match


def _match(test: Test, index: int, place: tuple[int, int], rows: Rows) -> Match | None:
    row = rows.rows[index]
    context = row["context"].split(" - ")[0]
    if test.kind == "custom":
        if row["contrast"] != test.contrast:
            return None
        rank = _rank(test, row, place, (context, index))
        return Match(test, index, _numbers(row, index, rows), context, (), rank, row["assay"])
    if context not in test.contexts or (test.against and row["comparator_context"] != test.against):
        return None
    doses, turned = _sides(test, row, rows)
    if doses is None:
        return None
    numbers = _numbers(row, index, rows)
    if turned:
        numbers = reversed_numbers(numbers, f"{row['comparator']} - {row['treatment']}")
    where = (context, index)
    rank = _rank(test, row, place, where, doses=doses, rows=rows)
    return Match(test, index, numbers, context, doses, rank, row["assay"])


def _sides(test: Test, row: Mapping[str, Any], rows: Rows) -> tuple[tuple[Dose, ...] | None, bool]:
    """Return the doses of both sides, and whether the row holds them turned round."""
    here, there = rows.treatment(row["treatment"]), rows.treatment(row["comparator"])
    if here is None or there is None:
        return None, False
    if test.kind == "context":
        there = Treatment()  # the same treatment in two contexts
    straight = _bound(test, here, there, rows.drugs)
    if straight is not None or test.kind not in ("pairwise", "interaction"):
        return straight, False
    return _bound(test, there, here, rows.drugs), True


def _bound(test: Test, here: Treatment, there: Treatment, drugs: Catalogue) -> tuple[Dose, ...] | None:
    """Return the doses the query's slots stand for; a slot on both sides must be the same drug at the same dose."""
    for treatment in fits(test.treatment, here, drugs):
        for comparator in fits(test.comparator, there, drugs):
            if all(comparator[slot] == treatment[slot] for slot in comparator if slot in treatment):
                return tuple((treatment | comparator).values())
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


def _numbers(row: Mapping[str, Any], index: int, rows: Rows) -> Numbers:
    """Return the row's numbers; where it declares no bounds, the equivalence its sibling in points shows."""
    numbers = numbers_from_row(row)
    if numbers.p_equivalence == numbers.p_equivalence:
        return numbers
    keys = ("assay", "endpoint", "kind", "treatment", "comparator", "context", "comparator_context")
    for other in rows.by_endpoint[row["endpoint"], row["kind"]]:
        sibling = rows.rows[other]
        if other != index and sibling["scale"] == "identity" and all(sibling[key] == row[key] for key in keys):
            return replace(numbers, p_equivalence=float(sibling["p_equivalence"]), points=True)
    return numbers


def _rank(
    test: Test,
    row: Mapping[str, Any],
    place: tuple[int, int],
    where: tuple[str, int],
    *,
    doses: Sequence[Dose] = (),
    rows: Rows | None = None,
) -> tuple[Any, ...]:
    """Return the row's place in the order the module's docstring states."""
    context, index = where
    units = row["n_units"]
    estimated = row["estimate"] == row["estimate"]
    outside = sum(not _in_range(dose, rows.drugs) for dose in doses) if rows else 0
    preferred = tuple(test.prefer.index(d.drug) if d.drug in test.prefer else len(test.prefer) for d in doses)
    amounts = tuple((-amount_of(dose), dose.drug) for dose in doses)
    contexts = test.contexts.index(context) if context in test.contexts else len(test.contexts)
    known_units = -int(units) if pd.notna(units) else 0
    points = row["scale"] == "identity"
    return (not estimated, *place, contexts, outside, preferred, known_units, amounts, points, index)


def amount_of(dose: Dose) -> float:
    """Return the dose in the first unit of its dimension, e.g. mol/L, to order doses of one drug."""
    unit = UNITS.get(dose.unit)
    return dose.amount * float(unit.factor) if unit else dose.amount


def _in_range(dose: Dose, drugs: Catalogue) -> bool:
    drug = drugs.find(dose.drug)
    if drug is None or drug.range is None:
        return True
    low, high = (_amount_in_text(text) for text in drug.range)
    return low * 0.999 <= amount_of(dose) <= high * 1.001  # amounts are doubles: the ends belong to the range


def _amount_in_text(text: str) -> float:
    amount, unit = text.split(maxsplit=1)
    return amount_of(Dose("", float(amount), unit))

"""`compare`: ESTIMATES x claims -> COMPARISONS, one row per claim with its verdict and the reason for it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from assaykit.errors import EvidenceError
from assaykit.evidence import words
from assaykit.evidence.claims import Claim
from assaykit.evidence.matching import Match, Rows, matches, rows_from_estimates
from assaykit.evidence.multiplicity import holm
from assaykit.evidence.needs import doubt, told, unmet
from assaykit.evidence.testability import Arms, arms_from_tables, why_untested, wrong_cells
from assaykit.evidence.verdicts import Verdict, judge, sentence, units_needed
from assaykit.study.model import Study
from assaykit.tables import COMPARISONS, MEASUREMENTS, frame_from_rows
from assaykit.treatment.catalogue import Catalogue, read_drugs

_READ: tuple[Verdict, ...] = ("consistent", "contradicts", "no effect", "inconclusive")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a study says on one claim before multiplicity: the contrast read, or why none can be."""

    claim: Claim
    match: Match | None
    others: tuple[Match, ...]
    refused: tuple[Verdict, str] | None
    told: tuple[str, ...] = ()


def compare(
    estimates: pd.DataFrame,
    claims: Sequence[Claim],
    *,
    measurements: pd.DataFrame | None = None,
    study: Study | None = None,
    drugs: Catalogue | None = None,
    primary: Sequence[str] = (),
) -> pd.DataFrame:
    """Return COMPARISONS: one row per claim, in the order of the claims.

    `primary` names claims chosen before the run (the study's own where it is left out): they form one family, and
    must hold after Holm's adjustment in it. Every other claim's p value is adjusted within its own family and shown
    beside a verdict that rests on the unadjusted interval. Raises EvidenceError for a primary claim nobody knows.
    """
    named = tuple(primary) or (study.primary_claims if study else ())
    _check_primary(named, claims)
    reference = study.reference.treatment if study else "vehicle"
    catalogue = drugs or (study.catalogue if study and study.catalogue.drugs else read_drugs())
    rows = rows_from_estimates(estimates, drugs=catalogue, reference=reference)
    measured = pd.DataFrame(columns=list(MEASUREMENTS.names)) if measurements is None else measurements
    arms = arms_from_tables(measured, rows)
    answers = [answer(claim, arms, rows) for claim in claims]
    adjusted = adjusted_p_values(answers, named)
    unit = study.unit if study else "unit"
    records = [_record(each, named, adjusted.get(each.claim.id, math.nan), unit=unit) for each in answers]
    return frame_from_rows(records, COMPARISONS)


def answer(claim: Claim, arms: Arms, rows: Rows) -> Answer:
    """Return the contrast that answers a claim, or the verdict that none can, with its reason."""
    if not claim.testable:
        return Answer(claim, None, (), ("not testable", claim.untestable.rstrip(".")))
    found = matches(claim, rows)
    if not found:
        return Answer(claim, None, (), ("not testable", why_untested(claim, arms, rows)))
    match, others = found[0], tuple(each for each in found[1:] if _same_question(each, found[0]))
    cells = wrong_cells(claim, match.numbers.endpoint, arms)
    if cells:
        return Answer(claim, match, others, ("not testable", cells))
    if not match.numbers.estimated:
        return Answer(claim, match, others, ("not testable", doubt(match, arms, rows)))
    if doubt(match, arms, rows):
        return Answer(claim, match, others, ("not interpretable", doubt(match, arms, rows)))
    return Answer(claim, match, others, unmet(match, arms, rows), told(match, rows))


def _same_question(other: Match, match: Match) -> bool:
    """Whether another row answers the same test, endpoint and scale, at another dose, drug, context or assay."""
    one, two = match.numbers, other.numbers
    same = other.test is match.test and (one.endpoint, one.scale) == (two.endpoint, two.scale)
    return same and (one.contrast, one.context, match.assay) != (two.contrast, two.context, other.assay)


def adjusted_p_values(answers: Iterable[Answer], primary: Sequence[str]) -> dict[str, float]:
    """Return, by claim, Holm's p value within its family; one contrast asked by several claims counts once."""
    families: dict[str, dict[int, float]] = {}
    for each in answers:
        if each.match is not None and each.refused is None:
            family = "primary" if each.claim.id in primary else each.claim.family
            families.setdefault(family, {})[each.match.row] = each.match.numbers.p_value
    found = {family: holm(p_values) for family, p_values in families.items()}
    return {
        each.claim.id: found["primary" if each.claim.id in primary else each.claim.family][each.match.row]
        for each in answers
        if each.match is not None and each.refused is None
    }


def _check_primary(named: Sequence[str], claims: Sequence[Claim]) -> None:
    known = {claim.id for claim in claims}
    unknown = [name for name in named if name not in known]
    if unknown:
        raise EvidenceError(
            "a primary claim must be in a catalogue", words.listed(unknown, "and"), "primary_claims",
            "list them with: assaykit evidence list",
        )  # fmt: skip


def _record(each: Answer, named: Sequence[str], adjusted: float, *, unit: str) -> dict[str, Any]:
    claim, primary = each.claim, each.claim.id in named
    record: dict[str, Any] = {
        "claim": claim.id,
        "review": claim.review,
        "statement": claim.statement,
        "endpoint": claim.tests[0].endpoints[0] if claim.testable else "",
        "expected_sign": claim.expected(claim.tests[0]) if claim.testable else claim.sign,
        "printed_sign": claim.printed_for(claim.tests[0]) if claim.testable else claim.printed,
        "primary": primary,
        "source": claim.source,
        "conflict": claim.conflict,
    }
    if each.match is not None:
        record |= _read(each, each.match, adjusted)
    if each.refused is not None:
        verdict, reason = each.refused
        return record | {
            "verdict": verdict,
            "reason": f"{_capital(reason)}.",
            "printed_verdict": _refused(claim, verdict),
        }
    assert each.match is not None
    return record | _judged(each, each.match, adjusted if primary else math.nan, unit=unit)


def _refused(claim: Claim, verdict: Verdict) -> str:
    return verdict if claim.printed is not None else ""


def _read(each: Answer, match: Match, adjusted: float) -> dict[str, Any]:
    numbers = match.numbers
    return {
        "endpoint": numbers.endpoint,
        "contrast": numbers.contrast,
        "context": numbers.context,
        "expected_sign": each.claim.expected(match.test),
        "printed_sign": each.claim.printed_for(match.test),
        "effect": numbers.effect,
        "effect_low": numbers.effect_low,
        "effect_high": numbers.effect_high,
        "effect_name": numbers.effect_name,
        "p_value": numbers.p_value,
        "p_adjusted": adjusted,
        "n_units": numbers.n_units,
    }


def _judged(each: Answer, match: Match, adjusted: float, *, unit: str) -> dict[str, Any]:
    sign = each.claim.expected(match.test)
    printed = each.claim.printed_for(match.test)
    verdict = judge(match.numbers, sign, adjusted=adjusted)
    said = sentence(match.numbers, verdict, sign=sign, unit=unit, adjusted=adjusted)
    doubts = f"in doubt: {match.numbers.doubts}" if match.numbers.doubts else ""
    told = (doubts, _elsewhere(each, match), _other_rows(each, sign), *each.told)
    notes = "".join(f"; {note}" for note in told if note)
    return {
        "verdict": verdict,
        "reason": f"{_capital(said)}{notes}.",
        "units_needed": units_needed(match.numbers) if verdict == "inconclusive" else None,
        "printed_verdict": "" if printed is None else judge(match.numbers, printed, adjusted=adjusted),
    }


def _elsewhere(each: Answer, match: Match) -> str:
    """Return a note where the contrast read is not the claim's first choice of test or context."""
    first = each.claim.tests[0]
    if match.test is not first:
        return "read from another contrast than the claim's first choice, which is not in this study"
    if match.test.kind != "custom" and len(first.contexts) < 5 and match.context != first.contexts[0]:
        return f"read in {words.context(match.context)}, as there is none in {words.context(first.contexts[0])}"
    return ""


def _other_rows(each: Answer, sign: int) -> str:
    """Return what the same question at other doses, drugs, contexts or assays would have said, counted by verdict."""
    readable = [other for other in each.others if other.numbers.estimated]
    if not readable:
        return ""
    counts: Mapping[str, int] = Counter(judge(other.numbers, sign) for other in readable)
    said = words.listed([f"{count} {verdict}" for verdict, count in sorted(counts.items())], "and")
    return f"at other doses, drugs, contexts or assays: {said}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]

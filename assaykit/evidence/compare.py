"""`compare`: ESTIMATES x claims -> COMPARISONS, one row per claim with its verdict and the reason for it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from assaykit.errors import EvidenceError
from assaykit.evidence import words
from assaykit.evidence.claims import Claim
from assaykit.evidence.estimates import Estimate, LabEstimates, lab_estimates
from assaykit.evidence.matching import Candidate, candidates
from assaykit.evidence.needs import Refusal, companion_notes, unmet_need, unreadable
from assaykit.evidence.testability import MeasuredArms, measured_arms, why_untested, wrong_cells
from assaykit.evidence.verdicts import Verdict, judge, units_to_settle, verdict_sentence
from assaykit.line import read_lines
from assaykit.stats.units import adjusted_p_values
from assaykit.study import Study
from assaykit.tables import COMPARISONS, MEASUREMENTS, frame_from_rows
from assaykit.treatment import Catalogue, read_drugs


@dataclass(frozen=True, slots=True)
class ClaimReading:
    """What a study says on one claim before multiplicity: the contrast read, or why none can be.

    `others` answer the same question elsewhere; `notes` say what companion contrasts show.
    """

    claim: Claim
    read: Candidate | None
    others: tuple[Candidate, ...]
    refusal: Refusal | None
    notes: tuple[str, ...] = ()


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
    lab = lab_estimates(estimates, drugs=catalogue, reference=reference)
    measured = pd.DataFrame(columns=list(MEASUREMENTS.names)) if measurements is None else measurements
    arms = measured_arms(measured, lab, study.lines if study and study.lines.lines else read_lines())
    readings = [claim_reading(claim, arms, lab) for claim in claims]
    adjusted = adjusted_by_family(readings, named)
    unit = study.unit if study else "unit"
    records = [
        _record(
            reading, primary=reading.claim.id in named, adjusted=adjusted.get(reading.claim.id, math.nan), unit=unit
        )
        for reading in readings
    ]
    return frame_from_rows(records, COMPARISONS)


def claim_reading(claim: Claim, arms: MeasuredArms, lab: LabEstimates) -> ClaimReading:
    """Return the contrast that answers a claim, or the verdict that none can, with its reason."""
    if not claim.testable:
        return ClaimReading(claim, None, (), ("not testable", claim.untestable.rstrip(".")))
    every = candidates(claim, lab)
    if not every:
        return ClaimReading(claim, None, (), ("not testable", why_untested(claim, arms, lab)))
    read, estimate = every[0], every[0].estimate
    others = tuple(other for other in every[1:] if _same_question(other, read))
    cells, reason = wrong_cells(claim, estimate.endpoint, arms), unreadable(estimate, arms)
    if cells:
        return ClaimReading(claim, read, others, ("not testable", cells))
    if reason or not estimate.result.estimated:
        verdict: Verdict = "not interpretable" if estimate.result.estimated else "not testable"
        return ClaimReading(claim, read, others, (verdict, reason))
    return ClaimReading(claim, read, others, unmet_need(read, arms, lab), companion_notes(read, lab))


def _same_question(other: Candidate, read: Candidate) -> bool:
    """Whether another estimate answers the same test, endpoint and scale, at another dose, drug, context or assay."""

    def place(estimate: Estimate) -> tuple[str, ...]:
        return estimate.contrast, estimate.context, estimate.comparator_context, estimate.assay

    one, two = read.estimate, other.estimate
    same = other.test is read.test and (one.endpoint, one.scale) == (two.endpoint, two.scale)
    return same and place(one) != place(two)


def adjusted_by_family(readings: Sequence[ClaimReading], primary: Sequence[str]) -> dict[str, float]:
    """Return, by claim, Holm's p value within its family; one contrast asked by several claims counts once."""
    families: dict[str, dict[int, float]] = {}
    hypotheses: dict[str, tuple[str, int]] = {}  # by claim: its family, and the contrast read
    for reading in readings:
        if reading.read is not None and reading.refusal is None:
            claim, estimate = reading.claim, reading.read.estimate
            family = "primary" if claim.id in primary else claim.family
            families.setdefault(family, {})[estimate.row] = estimate.result.p_value
            hypotheses[claim.id] = family, estimate.row
    adjusted = {
        family: dict(zip(p_values, adjusted_p_values(list(p_values.values()), "holm").tolist(), strict=True))
        for family, p_values in families.items()
    }
    return {claim: adjusted[family][row] for claim, (family, row) in hypotheses.items()}


def _check_primary(named: Sequence[str], claims: Sequence[Claim]) -> None:
    known = {claim.id for claim in claims}
    unknown = [name for name in named if name not in known]
    if unknown:
        raise EvidenceError(
            "a primary claim must be in a catalogue", words.listed(unknown, "and"), "primary_claims",
            "list them with: assaykit evidence list",
        )  # fmt: skip


def _record(reading: ClaimReading, *, primary: bool, adjusted: float, unit: str) -> dict[str, Any]:
    """Return the row of COMPARISONS of one claim."""
    claim, read = reading.claim, reading.read
    test = read.test if read is not None else claim.tests[0] if claim.testable else None
    record: dict[str, Any] = {
        "claim": claim.id,
        "review": claim.review,
        "statement": claim.statement,
        "endpoint": claim.tests[0].endpoints[0] if claim.testable else "",
        "expected_sign": claim.expected(test) if test is not None else claim.sign,
        "printed_sign": claim.printed_for(test) if test is not None else claim.printed,
        "primary": primary,
        "source": claim.source,
        "conflict": claim.conflict,
    }
    if read is not None:
        estimate = read.estimate
        record |= {
            "endpoint": estimate.endpoint,
            "contrast": estimate.contrast,
            "treatment": estimate.treatment,
            "comparator": estimate.comparator,
            "context": estimate.context,
            "comparator_context": estimate.comparator_context,
            "effect": estimate.effect,
            "effect_low": estimate.effect_low,
            "effect_high": estimate.effect_high,
            "effect_name": estimate.effect_name,
            "p_value": estimate.result.p_value,
            "p_adjusted": adjusted,
            "n_units": estimate.result.n_units,
        }
    if reading.refusal is not None:
        verdict, reason = reading.refusal
        printed = verdict if claim.printed is not None else ""
        return record | {"verdict": verdict, "reason": f"{_capital(reason)}.", "printed_verdict": printed}
    assert read is not None
    return record | _judged(reading, read, adjusted if primary else math.nan, unit=unit)


def _judged(reading: ClaimReading, read: Candidate, adjusted: float, *, unit: str) -> dict[str, Any]:
    """Return verdict and reason of a contrast that can be read; `adjusted` is NaN for a claim that is not primary."""
    estimate = read.estimate
    sign, printed = reading.claim.expected(read.test), reading.claim.printed_for(read.test)
    verdict = judge(estimate, sign, adjusted=adjusted)
    sentence = verdict_sentence(estimate, verdict, sign=sign, unit=unit, adjusted=adjusted)
    doubts = f"in doubt: {estimate.doubts}" if estimate.doubts else ""
    few = f"with two {unit}s the interval rests on one degree of freedom: take it as a hint" * (
        estimate.result.n_units == 2
    )
    notes = (few, doubts, _elsewhere(reading.claim, read), _other_verdicts(reading.others, sign), *reading.notes)
    return {
        "verdict": verdict,
        "reason": f"{_capital('; '.join(filter(None, (sentence, *notes))))}.",
        "units_needed": units_to_settle(estimate) if verdict == "inconclusive" else None,
        "printed_verdict": "" if printed is None else judge(estimate, printed, adjusted=adjusted),
    }


def _elsewhere(claim: Claim, read: Candidate) -> str:
    """Return a note where the contrast read is not the claim's first choice of test or context."""
    first, context = claim.tests[0], read.estimate.context
    if read.test is not first:
        return "read from another contrast than the claim's first choice, which is not in this study"
    if read.test.kind != "custom" and len(first.contexts) < 5 and context != first.contexts[0]:
        return f"read in {words.context(context)}, as there is none in {words.context(first.contexts[0])}"
    return ""


def _other_verdicts(others: Sequence[Candidate], sign: int) -> str:
    """Return what the same question at other doses, drugs, contexts or assays would have said, counted by verdict."""
    counts = Counter(judge(other.estimate, sign) for other in others if other.estimate.result.estimated)
    if not counts:
        return ""
    listed = words.listed([f"{count} {verdict}" for verdict, count in sorted(counts.items())], "and")
    return f"at other doses, drugs, contexts or assays: {listed}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]

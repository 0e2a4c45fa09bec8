"""Estimates and verdicts in plain words: sentence = subject + direction + size (interval; n; p).

No sentence says more than its interval: "raised" and "lowered" are kept for intervals beyond no effect.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from assaykit.figures import by_family, context_words, endpoint_words, is_ratio, number_text, p_text, shown

_CONTRAST = ("assay", "analysis", "contrast", "context", "comparator_context")
VERDICT_ORDER = ("consistent", "contradicts", "no effect", "inconclusive", "not interpretable", "not testable")
VERDICT_MEANING = {
    "consistent": "the interval lies beyond no effect, on the side the claim is on",
    "contradicts": "the interval lies beyond no effect, on the other side",
    "no effect": "equivalence was shown: an effect that matters is excluded",
    "inconclusive": "the interval spans no effect and effects that matter",
    "not interpretable": "a quality problem or an interference stands in the way",
    "not testable": "this study has no arm that could test it",
}


def plural(count: int, noun: str) -> str:
    """Return a count with its noun.

    >>> plural(1, "claim"), plural(3, "claim")
    ('1 claim', '3 claims')
    """
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def direction_of(row: pd.Series) -> int:
    """Return +1 or -1 where the interval lies beyond no effect on that side, else 0."""
    null = 1.0 if is_ratio(str(row["effect_name"])) else 0.0
    if row["effect_low"] > null:
        return 1
    return -1 if row["effect_high"] < null else 0


def evidence_words(row: pd.Series, unit: str) -> str:
    """Return interval, n and p of a row of ESTIMATES or COMPARISONS, for brackets."""
    low, high = number_text(float(row["effect_low"])), number_text(float(row["effect_high"]))
    p = p_text(float(row["p_adjusted"]))
    n = f"n = {plural(int(row['n_units']), unit)}" if pd.notna(row["n_units"]) else "n unknown"
    adjusted = "" if p == "–" else f"; adjusted P {p if p.startswith('<') else '= ' + p}"
    return f"{row['effect_name']} {number_text(float(row['effect']))}, 95% CI {low} to {high}; {n}{adjusted}"


def estimate_sentence(row: pd.Series, unit: str) -> str:
    """Return one estimate as a sentence a biologist would write."""
    text = _statement(row, direction_of(row))
    return f"{text[0].upper()}{text[1:]} ({evidence_words(row, unit)})."


def _statement(row: pd.Series, direction: int) -> str:
    treatment, comparator = shown(str(row["treatment"])), shown(str(row["comparator"]))
    endpoint = endpoint_words(str(row["endpoint"]))
    thing = f"the odds of {endpoint}" if row["effect_name"] == "odds ratio" else endpoint
    context, other = str(row["context"]), str(row["comparator_context"])
    where, elsewhere = context_words(context), context_words(other) if other else ""
    match row["kind"]:
        case "treatment" | "pairwise" if direction == 0:
            return f"{treatment} did not clearly change {thing} against {comparator}, {where}"
        case "treatment" | "pairwise":
            verb = "raised" if direction > 0 else "lowered"
            return f"{treatment} {verb} {thing} {_size(row, direction)} {comparator}, {where}"
        case "context" if direction == 0:
            return f"{thing} under {treatment} did not clearly differ {where} and {elsewhere}"
        case "context":
            return f"{where}, {thing} under {treatment} was {_compared(row, direction)} {elsewhere}"
        case "interaction" | "sensitisation":
            return _difference_of_effects(row, direction, where=where, elsewhere=elsewhere)
        case "level":
            side = {1: "above", -1: "below", 0: "not clearly different from"}[direction]
            null = "1" if is_ratio(str(row["effect_name"])) else "0"
            return f"{thing} under {treatment}, {where}, was {side} {null}"
        case _:
            return f"{shown(str(row['contrast']))}, {thing}, {where}"


def _size(row: pd.Series, direction: int) -> str:
    effect, name = float(row["effect"]), str(row["effect_name"])
    if is_ratio(name):
        return f"{number_text(effect)}-fold over" if direction > 0 else f"to {number_text(effect)} times that under"
    return f"by {number_text(abs(effect))}{' points' if name == 'percentage points' else ''} against"


def _compared(row: pd.Series, direction: int) -> str:
    """Return how one context compares with the other: so many times that of, or so much higher than in."""
    effect, name = float(row["effect"]), str(row["effect_name"])
    if is_ratio(name):
        return f"{number_text(effect)} times that of"
    unit = " points" if name == "percentage points" else ""
    return f"{number_text(abs(effect))}{unit} {'higher' if direction > 0 else 'lower'} than that of"


def _difference_of_effects(row: pd.Series, direction: int, *, where: str, elsewhere: str) -> str:
    treatment, comparator = shown(str(row["treatment"])), shown(str(row["comparator"]))
    what = f"{treatment} {'beyond each alone' if row['kind'] == 'sensitisation' else f'against {comparator}'}"
    effect = f"the {row['effect_name']} of {endpoint_words(str(row['endpoint']))}, {what},"
    if direction == 0:
        return f"{effect} did not clearly differ {where} and {elsewhere}"
    return f"{where}, {effect} was {_compared(row, direction)} {elsewhere}"


@dataclass(frozen=True, slots=True)
class Headline:
    """One tested contrast, the claims it bears on and their verdict."""

    verdict: str
    claims: tuple[str, ...]
    statements: tuple[tuple[str, str], ...]  # claim, what the review says
    finding: str
    remark: str
    fragile: str  # what the answer does not stand without; empty where it is robust or not known
    conflict: str
    endpoint: str
    primary: bool
    p: float


@dataclass(frozen=True, slots=True)
class FamilySummary:
    """One family of claims: how many of each verdict, and its headlines."""

    name: str
    counts: tuple[tuple[str, int], ...]
    headlines: tuple[Headline, ...]

    @property
    def summary(self) -> str:
        """What the family's verdicts are, in one line."""
        return ", ".join(f"{count} {verdict}" for verdict, count in self.counts)


def verdict_counts(comparisons: pd.DataFrame) -> tuple[tuple[str, int], ...]:
    """Return (verdict, claims) in reading order, leaving out verdicts nobody got."""
    counts = comparisons["verdict"].value_counts()
    return tuple((verdict, int(counts[verdict])) for verdict in VERDICT_ORDER if verdict in counts)


def families(
    comparisons: pd.DataFrame, estimates: pd.DataFrame, unit: str, robustness: pd.DataFrame | None = None
) -> list[FamilySummary]:
    """Return the families of tested claims with one headline per contrast and verdict.

    `robustness` is the summary of the robustness table, where there is one: a fragile answer is called so.
    """
    doubts = _doubts(robustness)
    return [
        FamilySummary(name, verdict_counts(part), tuple(_headlines(part, estimates, unit, doubts)))
        for name, part in by_family(comparisons)
    ]


def _doubts(robustness: pd.DataFrame | None) -> dict[tuple[str, ...], str]:
    """Return (assay, analysis, contrast, both contexts) -> what the answer does not stand without."""
    if robustness is None:
        return {}
    fragile = robustness[robustness["doubts"] != ""]
    keys = fragile[list(_CONTRAST)].astype(str).itertuples(index=False, name=None)
    return dict(zip(keys, fragile["doubts"], strict=True))


def _headlines(
    part: pd.DataFrame, estimates: pd.DataFrame, unit: str, doubts: dict[tuple[str, ...], str]
) -> Iterator[Headline]:
    keys = ["endpoint", "contrast", "context", "comparator_context", "verdict", "effect"]
    for _, rows in part.groupby(keys, sort=False, dropna=False):
        first = rows.iloc[0]
        tested = _estimate_behind(first, estimates)
        yield Headline(
            verdict=str(first["verdict"]),
            claims=tuple(rows["claim"]),
            statements=tuple((str(c), shown(str(s))) for c, s in zip(rows["claim"], rows["statement"], strict=True)),
            finding=_finding(first, tested, unit),
            remark=_remark(first, unit),
            fragile=doubts.get(tuple(str(tested[name]) for name in _CONTRAST), ""),
            conflict=" ".join(dict.fromkeys(c for c in rows["conflict"] if c)),
            endpoint=str(first["endpoint"]),
            primary=bool(rows["primary"].any()),
            p=float(rows["p_adjusted"].min()),
        )


def _estimate_behind(claim: pd.Series, estimates: pd.DataFrame) -> pd.Series:
    """Return the row of ESTIMATES a claim was tested with: its endpoint, contexts and the very same numbers.

    Where a claim turned a contrast round there is no such row, and the claim's own numbers stand for it.
    """
    numbers = ["effect", "effect_low", "effect_high"]
    places = ["endpoint", "context", "comparator_context"]
    same = (estimates[places] == claim[places]).all(axis=1)
    same &= np.isclose(estimates[numbers].to_numpy(float), claim[numbers].to_numpy(float), rtol=1e-9).all(axis=1)
    return estimates[same].iloc[0].copy() if same.any() else _as_tested(claim)


def _finding(claim: pd.Series, tested: pd.Series, unit: str) -> str:
    """Return the sentence on the estimate a claim was tested with, p adjusted over the claims."""
    if pd.isna(claim["effect"]):
        return ""
    text = estimate_sentence(pd.concat([tested.drop("p_adjusted"), claim[["p_adjusted"]]]), unit)
    return (
        f"What was seen, and cannot be read as an effect: {text}" if claim["verdict"] == "not interpretable" else text
    )


def _remark(claim: pd.Series, unit: str) -> str:
    """Return what a reader must know beside the numbers, for the verdicts that are no plain yes or no."""
    match claim["verdict"]:
        case "inconclusive" if pd.notna(claim["units_needed"]):
            return f"About {int(claim['units_needed'])} {unit}s would settle it."
        case "no effect":
            return "Any effect lies within the bounds that count as none."
        case "not interpretable":
            return shown(str(claim["reason"]))
        case _:
            return ""


def _as_tested(claim: pd.Series) -> pd.Series:
    """Return a claim's own numbers as a contrast; two treatments in one context read as such."""
    kind = "pairwise" if claim["comparator"] and not claim["comparator_context"] else "custom"
    return pd.Series({**claim.to_dict(), "kind": kind, "assay": "", "analysis": ""})


def strongest(found: list[FamilySummary], count: int = 3) -> list[Headline]:
    """Return the headlines sure of their direction, one per endpoint: claims named primary first, then by p."""
    sure = [h for family in found for h in family.headlines if h.verdict in {"consistent", "contradicts"} and h.finding]
    best: dict[str, Headline] = {}
    for headline in sorted(sure, key=lambda h: (not h.primary, h.p)):
        best.setdefault(headline.endpoint, headline)
    return list(best.values())[:count]

"""Estimates and verdicts in plain words: sentence = subject + direction + size (interval; n; p).

No sentence says more than its interval: "raised" and "lowered" are kept for intervals beyond no effect.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from assaykit.figures.conditions import context_words, endpoint_words, shown
from assaykit.figures.evidence import by_family
from assaykit.figures.numbers import is_ratio, number_text, p_text

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


def size_words(row: pd.Series, direction: int) -> str:
    """Return the size of an effect that has a direction."""
    effect, name = float(row["effect"]), str(row["effect_name"])
    if is_ratio(name):
        return f"{number_text(effect)}-fold" if direction > 0 else f"to {number_text(effect)} times"
    unit = "percentage points" if name == "percentage points" else ""
    return f"by {number_text(abs(effect))} {unit}".strip()


def evidence_words(row: pd.Series, unit: str) -> str:
    """Return effect, interval, n and p of a row of ESTIMATES, for brackets."""
    low, high = number_text(float(row["effect_low"])), number_text(float(row["effect_high"]))
    p = p_text(float(row["p_adjusted"]))
    equals = p if p.startswith("<") else f"= {p}"
    n = plural(int(row["n_units"]), unit) if pd.notna(row["n_units"]) else "n unknown"
    effect = f"{row['effect_name']} {number_text(float(row['effect']))}"
    return f"{effect}, 95% CI {low} to {high}; {n}; adjusted P {equals}"


def sentence(row: pd.Series, unit: str) -> str:
    """Return one estimate as a sentence a biologist would write."""
    direction = direction_of(row)
    return f"{_statement(row, direction)} ({evidence_words(row, unit)})."


def _statement(row: pd.Series, direction: int) -> str:
    treatment, comparator = shown(str(row["treatment"])), shown(str(row["comparator"]))
    endpoint = endpoint_words(str(row["endpoint"]))
    thing = f"the odds of {endpoint}" if row["effect_name"] == "odds ratio" else endpoint
    context, other = str(row["context"]).split(" - ")[0], str(row["comparator_context"])
    where, elsewhere = context_words(context), context_words(other) if other else ""
    size = size_words(row, direction)
    effect = f"the effect of {treatment} against {comparator} on {endpoint}"
    match row["kind"], direction:
        case (("treatment" | "pairwise"), 0):
            text = f"{treatment} {where}: no clear change of {thing} against {comparator}"
        case (("treatment" | "pairwise"), _):
            verb = "raised" if direction > 0 else "lowered"
            text = f"{treatment} {where} {verb} {thing} {size} against {comparator}"
        case "context", 0:
            text = f"{thing} under {treatment} was not clearly different {where} and {elsewhere}"
        case "context", _:
            text = f"{thing} under {treatment} was {'higher' if direction > 0 else 'lower'} {where} than {elsewhere}"
        case "interaction", 0:
            text = f"{effect} was not clearly different {where} and {elsewhere}"
        case "interaction", _:
            more = "more upward" if direction > 0 else "more downward"
            text = f"{effect} was {more} {where} than {elsewhere}"
        case "level", 0:
            text = f"{endpoint} under {treatment} {where} was not clearly different from no effect"
        case "level", _:
            text = f"{endpoint} under {treatment} {where} was {'above' if direction > 0 else 'below'} no effect"
        case _:
            text = f"{shown(str(row['contrast']))}, {endpoint}, {where}"
    return text[0].upper() + text[1:]


@dataclass(frozen=True, slots=True)
class Headline:
    """One tested contrast, the claims it bears on and their verdict."""

    verdict: str
    claims: tuple[str, ...]
    statement: str
    finding: str
    reason: str
    source: str
    conflict: str
    p: float


@dataclass(frozen=True, slots=True)
class Family:
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


def families(comparisons: pd.DataFrame, estimates: pd.DataFrame, unit: str) -> list[Family]:
    """Return the families of tested claims with one headline per contrast and verdict."""
    return [
        Family(name, verdict_counts(part), tuple(_headlines(part, estimates, unit)))
        for name, part in by_family(comparisons)
    ]


def _headlines(part: pd.DataFrame, estimates: pd.DataFrame, unit: str) -> Iterator[Headline]:
    keys = ["endpoint", "contrast", "context", "verdict"]
    for (endpoint, contrast, context, verdict), rows in part.groupby(keys, sort=False):
        same = (
            estimates["endpoint"].eq(endpoint) & estimates["contrast"].eq(contrast) & estimates["context"].eq(context)
        )
        found = estimates[same & estimates["effect"].notna()]
        first = rows.iloc[0]
        yield Headline(
            verdict=str(verdict),
            claims=tuple(rows["claim"]),
            statement="; ".join(dict.fromkeys(shown(s) for s in rows["statement"])),
            finding=sentence(found.iloc[0], unit) if len(found) else "",
            reason="; ".join(dict.fromkeys(r for r in rows["reason"] if r)),
            source="; ".join(dict.fromkeys(s for s in rows["source"] if s)),
            conflict="; ".join(dict.fromkeys(c for c in rows["conflict"] if c)),
            p=float(first["p_adjusted"]),
        )


def strongest(found: list[Family], count: int = 3) -> list[Headline]:
    """Return the headlines that are sure of their direction, smallest adjusted p first."""
    sure = [h for family in found for h in family.headlines if h.verdict in {"consistent", "contradicts"} and h.finding]
    return sorted(sure, key=lambda h: h.p)[:count]

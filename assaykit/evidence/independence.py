"""Independence: claims that rest on one paper are one piece of evidence, so papers are counted, not reviews."""

from __future__ import annotations

import pandas as pd

TESTED = ("consistent", "contradicts", "no effect", "inconclusive")


def papers(comparisons: pd.DataFrame) -> pd.DataFrame:
    """Return one row per paper behind a claim that was tested: source, claims, reviews, verdict.

    The verdict of a paper is that of its claims where they agree, else "mixed". Claims without a source stand alone,
    each named by itself.
    """
    tested = comparisons[comparisons["verdict"].isin(TESTED)]
    names = tested["source"].where(tested["source"] != "", "no paper cited for " + tested["claim"])
    rows = [_paper(str(name), group) for name, group in tested.groupby(names, sort=True)]
    return pd.DataFrame(rows, columns=["source", "claims", "reviews", "verdict"])


def count_papers(comparisons: pd.DataFrame) -> dict[str, int]:
    """Return how many papers stand behind each verdict, "mixed" among them."""
    counts = papers(comparisons)["verdict"].value_counts()
    order = (*TESTED, "mixed")
    return {verdict: int(counts[verdict]) for verdict in order if verdict in counts}


def _paper(name: str, group: pd.DataFrame) -> dict[str, str]:
    verdicts = list(dict.fromkeys(group["verdict"]))
    return {
        "source": name,
        "claims": ", ".join(group["claim"]),
        "reviews": ", ".join(dict.fromkeys(group["review"])),
        "verdict": verdicts[0] if len(verdicts) == 1 else "mixed",
    }

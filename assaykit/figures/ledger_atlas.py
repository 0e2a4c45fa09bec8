"""The atlas of a ledger: the matrix of claims by runs, and a cumulative forest per claim with two runs or more."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from assaykit.evidence import cumulative, matrix, readable
from assaykit.figures.atlas import Drawing, with_file_names
from assaykit.figures.conditions import endpoint_words, shown


def ledger_drawings(verdicts: pd.DataFrame, unit: str = "unit") -> Iterator[Drawing]:
    """Yield the figures of a ledger's verdicts."""
    yield from with_file_names(_drawings(verdicts, unit))


def _drawings(verdicts: pd.DataFrame, unit: str) -> Iterator[Drawing]:
    tested = verdicts.loc[verdicts["verdict"] != "not testable", "claim"]
    table = matrix(verdicts[verdicts["claim"].isin(tested)])
    if len(table):
        yield Drawing(
            "ledger_matrix", "What every run says of every claim",
            "Rows are the claims any run could test, columns the runs in the order they were added; empty where a run "
            "did not judge the claim.", "ledger_matrix", (table,), chapter="evidence",
        )  # fmt: skip
    runs = readable(verdicts).groupby("claim", sort=True)["position"].nunique()
    for claim in runs[runs > 1].index:
        yield _course(verdicts, str(claim), unit)


def _course(verdicts: pd.DataFrame, claim: str, unit: str) -> Drawing:
    first = verdicts[verdicts["claim"] == claim].iloc[0]
    return Drawing(
        f"cumulative_{claim}", f"{claim}: {shown(str(first['statement'])).rstrip('.')}",
        f"{endpoint_words(str(first['endpoint']))}. Grey: each run alone; diamonds: the summary of all runs up to it "
        "(random effects, REML, Knapp-Hartung interval), coloured by its verdict. The shaded side is the side the "
        f"claim is on; n counts independent {unit}s.", "cumulative_forest", (cumulative(verdicts, claim),),
        {"unit": unit}, chapter="evidence",
    )  # fmt: skip

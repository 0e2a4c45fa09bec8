"""Tables as the page lists them: claims by what became of them, estimates by analysis, all cells already text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from assaykit.figures import (
    KIND_WORDS,
    by_family,
    contrast_words,
    df_text,
    endpoint_words,
    limits_text,
    number_text,
    p_text,
    place_words,
    shown,
)
from assaykit.report.words import VERDICT_ORDER

SIGN_WORDS = {1: "up", -1: "down", 0: "none"}


@dataclass(frozen=True, slots=True)
class Listing:
    """One table of the page."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


def claim_groups(comparisons: pd.DataFrame) -> tuple[list[Listing], list[Listing]]:
    """Return the tested claims by family, and those not testable by reason."""
    head = (
        "claim",
        "what the review says",
        "printed",
        "source",
        "tested with",
        "effect (95% CI)",
        "n",
        "P adj.",
        "verdict",
        "why",
    )
    tested = [
        Listing(family, head, tuple(tuple(_claim(row)) for _, row in part.iterrows()))
        for family, part in by_family(comparisons)
    ]
    rest = comparisons[comparisons["verdict"] == "not testable"]
    untested = []
    for reason, part in rest.groupby("reason", sort=False):
        rows = tuple((str(c), shown(str(s))) for c, s in zip(part["claim"], part["statement"], strict=True))
        untested.append(Listing(str(reason) or "No reason given", ("claim", "what the review says"), rows))
    return tested, sorted(untested, key=lambda listing: -len(listing.rows))


def _claim(row: pd.Series) -> Iterator[str]:
    yield str(row["claim"]) + (" ★" if row["primary"] else "")
    yield shown(str(row["statement"]))
    yield _sign(row["printed_sign"])
    yield _sign(row["expected_sign"])
    yield f"{shown(str(row['contrast']))}, {place_words(row)}" if row["contrast"] else "–"
    yield f"{row['effect_name']} {limits_text(row['effect'], row['effect_low'], row['effect_high'])}".strip()
    yield count_text(row["n_units"])
    yield p_text(float(row["p_adjusted"]))
    yield str(row["verdict"])
    needed = f" About {row['units_needed']} units would settle it." if pd.notna(row["units_needed"]) else ""
    conflict = f" Note: {row['conflict']}" if row["conflict"] else ""
    yield shown(str(row["reason"])) + needed + conflict


def _sign(sign: object) -> str:
    return "–" if pd.isna(sign) else SIGN_WORDS.get(int(str(sign)), "–")


def count_text(value: object) -> str:
    """Return a count, or a dash where it is missing."""
    return "–" if pd.isna(value) else str(value)


def estimate_groups(estimates: pd.DataFrame) -> list[tuple[Listing, Listing]]:
    """Return the estimates, per analysis: its main contrasts, and those between treatments and between differences."""
    return [_analysis(rows) for _, rows in estimates.groupby(["assay", "analysis"], sort=False)]


def _analysis(rows: pd.DataFrame) -> tuple[Listing, Listing]:
    head = ("family", "contrast", "effect (95% CI)", "t", "df", "P", "P adj.", "n", "remark")
    title = f"{endpoint_words(str(rows['endpoint'].iloc[0]))}: {rows['effect_name'].iloc[0]}"
    note = "; ".join(dict.fromkeys(str(m) for m in rows["method"] if m))
    side = rows["kind"].isin(["pairwise", "interaction", "sensitisation"])
    main, rest = (tuple(tuple(_estimate(row)) for _, row in part.iterrows()) for part in (rows[~side], rows[side]))
    if not main:
        return Listing(title, head, rest, note), Listing("", head, ())
    return Listing(title, head, main, note), Listing("Between treatments, and differences of differences", head, rest)


def _estimate(row: pd.Series) -> Iterator[str]:
    yield KIND_WORDS.get(str(row["kind"]), str(row["kind"]))
    yield contrast_words(row)
    yield limits_text(row["effect"], row["effect_low"], row["effect_high"])
    yield number_text(float(row["statistic"]))
    yield df_text(float(row["df"]))
    yield p_text(float(row["p_value"]))
    yield p_text(float(row["p_adjusted"]))
    yield count_text(row["n_units"])
    yield shown(str(row["reason"]))


def acceptance_listings(frame: pd.DataFrame) -> tuple[Listing, Listing]:
    """Return the criteria, one row per assay and check with how many passed; and in full what did not."""
    rows = [
        (
            str(assay).replace("_", " "),
            str(check).replace("_", " "),
            f"{part['limit'].iloc[0]:g} {part['unit'].iloc[0]}".strip(),
            " to ".join(dict.fromkeys(_plain(v) for v in (part["value"].min(), part["value"].max()))),
            f"{int((part['result'] == 'pass').sum())} of {len(part)}",
        )
        for (assay, check), part in frame.groupby(["assay", "check"], sort=False)
    ]
    refused = frame[frame["result"] != "pass"]
    names = ["assay", "plate", "unit_id", "check", "value", "limit", "unit", "result", "dropped", "message"]
    return Listing("", ("assay", "criterion", "limit", "values", "passed"), tuple(rows)), plain_table(refused[names])


def robustness_listing(summary: pd.DataFrame | None) -> Listing | None:
    """Return the fragile contrasts and what each does not stand without; None where nothing was varied."""
    if summary is None or summary.empty:
        return None
    fragile = summary[summary["doubts"] != ""]
    stands = (
        f"{len(summary) - len(fragile)} of {len(summary)} contrasts stand whatever was varied: each unit left out in "
        "turn, other models, other inputs. An answer that weakens or changes under one variation or more is fragile."
    )
    rows = tuple(
        (endpoint_words(str(row["analysis"])), shown(str(row["contrast"])), place_words(row),
         str(row["says"]), f"{row['standing']} of {row['variations']}", shown(str(row["doubts"])))
        for _, row in fragile.iterrows()
    )  # fmt: skip
    return Listing(
        "Fragile contrasts", ("analysis", "contrast", "context", "says", "stands in", "doubts"), rows, stands
    )


def plain_table(frame: pd.DataFrame) -> Listing:
    """Return any table as a listing."""
    rows = tuple(tuple(_plain(value) for value in row) for row in frame.itertuples(index=False, name=None))
    return Listing("", tuple(str(c).replace("_", " ") for c in frame.columns), rows)


def _plain(value: object) -> str:
    if value is None or value is pd.NA or value == "":
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return number_text(float(value)) if isinstance(value, float) else shown(str(value))


def verdict_class(text: str) -> str:
    """Return the CSS class of a verdict, or nothing.

    >>> verdict_class("no effect"), verdict_class("5")
    ('v-no-effect', '')
    """
    return "v-" + text.replace(" ", "-") if text in VERDICT_ORDER else ""

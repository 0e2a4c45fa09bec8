"""Captions that say what n is, what is drawn, which model, statistic, degrees of freedom, p and adjustment."""

from __future__ import annotations

import pandas as pd

from assaykit.figures.conditions import context_words, endpoint_words, shown
from assaykit.figures.numbers import df_text, number_text, p_text
from assaykit.plate import Well

ADJUST_WORDS: dict[str, str] = {
    "holm": "Holm-adjusted",
    "bh": "adjusted by Benjamini and Hochberg",
    "tukey": "Tukey-adjusted",
    "dunnett": "Dunnett-adjusted",
    "none": "not adjusted",
    "": "not adjusted",
}


def span(values: pd.Series) -> str:
    """Return a count, or the range of counts.

    >>> span(pd.Series([5, 5])), span(pd.Series([3, 5]))
    ('5', '3 to 5')
    """
    low, high = int(values.min()), int(values.max())
    return str(low) if low == high else f"{low} to {high}"


def endpoint_caption(measurements: pd.DataFrame, estimates: pd.DataFrame, *, unit: str) -> str:
    """Return the caption of an endpoint by condition."""
    scale = str(estimates["scale"].iloc[0])
    mean = "geometric mean" if scale in {"log2", "log"} else "mean"
    n = measurements.groupby(["treatment", "context"])["unit_id"].nunique()
    words = endpoint_words(str(estimates["endpoint"].iloc[0]))
    text = (
        f"Top, {words}: large points are the {mean} of the wells of one {unit}, joined and coloured by {unit}; small "
        f"points are single wells, shown but never counted as n; bars are the {mean} over {unit}s "
        f"(n = {span(n)} independent {unit}s per condition)."
    )
    drawn = drawn_effects(estimates)
    if drawn.empty:
        return text
    first = drawn.iloc[0]
    against = "the reference of the same context" if first["kind"] == "treatment" else "no effect"
    text += (
        f" Bottom, {first['effect_name']} against {against} with its 95% confidence interval ({first['method']}; "
        f"two-sided; {ADJUST_WORDS.get(str(first['adjust']), '')}; intervals are not adjusted)."
    )
    return text + reason_sentence(drawn)


def drawn_effects(estimates: pd.DataFrame) -> pd.DataFrame:
    """Return the contrasts with the reference; where an analysis has none, its levels against no effect."""
    known = estimates[estimates["estimate"].notna()]
    against = known[known["kind"] == "treatment"]
    return against if len(against) else known[known["kind"] == "level"]


def test_sentences(estimates: pd.DataFrame) -> tuple[str, ...]:
    """Return statistic, degrees of freedom and p of every contrast an endpoint figure draws."""
    return tuple(test_sentence(row) for _, row in drawn_effects(estimates).iterrows())


def test_sentence(row: pd.Series) -> str:
    """Return one test: contrast, context, t(df), p and adjusted p."""
    where = context_words(str(row["context"]))
    t = f"t({df_text(float(row['df']))}) = {number_text(float(row['statistic']))}"
    adjusted = "" if row["adjust"] in {"none", ""} else f", adjusted P {_equals(float(row['p_adjusted']))}"
    return f"{shown(str(row['treatment']))} {where}, {t}, P {_equals(float(row['p_value']))}{adjusted}"


def _equals(p: float) -> str:
    text = p_text(p)
    return text if text.startswith("<") else f"= {text}"


def reasons(estimates: pd.DataFrame) -> list[str]:
    """Return why contrasts are not interpretable, each reason once, the commonest first."""
    counts: dict[str, int] = {}
    for text in estimates["reason"]:
        for reason in dict.fromkeys(str(text).replace("not interpretable: ", "").split("; ")):
            counts[reason] = counts.get(reason, 0) + bool(reason)
    return sorted((r for r in counts if r), key=lambda r: -counts[r])


def reason_sentence(estimates: pd.DataFrame, most: int = 2) -> str:
    """Return the reasons as one sentence, the further ones counted."""
    found = reasons(estimates)
    if not found:
        return ""
    rest = f"; and {len(found) - most} more, in the table of estimates" if len(found) > most else ""
    return f" Not interpretable (n.i.): {shown('; '.join(found[:most]))}{rest}."


def forest_caption(estimates: pd.DataFrame, unit: str) -> str:
    """Return the caption of a forest of contrasts."""
    methods = "; ".join(dict.fromkeys(str(m) for m in estimates["method"] if m))
    adjust = ", ".join(dict.fromkeys(ADJUST_WORDS.get(str(a), str(a)) for a in estimates["adjust"]))
    return (
        f"Points are effects, lines their 95% confidence intervals; n counts independent {unit}s. Black: against the "
        "reference of the same context; blue: between treatments; green: the same treatment in two contexts; orange: "
        f"difference of differences. {methods}; two-sided, {adjust} within each family; intervals are not adjusted. "
        "Hollow: not interpretable."
    ) + reason_sentence(estimates)


def evidence_caption(comparisons: pd.DataFrame, unit: str, *, forest: bool = False) -> str:
    """Return the caption of the evidence matrix, or of the forest."""
    tested = comparisons[comparisons["verdict"] != "not testable"]
    if forest:
        return (
            "Each row is the contrast that tests a claim; the shaded side is the side the claim is on, as adjudicated "
            f"from the primary paper. Lines are 95% confidence intervals, n counts independent {unit}s, P is two-sided "
            "and Holm-adjusted within the family of claims. Bold: named primary before the run."
        )
    return (
        f"{len(tested)} of {len(comparisons)} claims could be tested here. 'Printed' is the sign the review prints, "
        "'source' the sign adjudicated from its primary paper; the verdict is on the adjudicated sign. Bold: named "
        "primary before the run. Beneath, every claim of each review as a tile coloured by its verdict."
    )


def plate_caption(wells: pd.DataFrame) -> str:
    """Return the caption of a plate map."""
    failed = int(wells["failed"].sum())
    lost = f" {failed} failed and crossed out." if failed else " None failed."
    rim = wells["rim_name"].iloc[0]
    return f"{len(wells)} wells on {wells['plate'].nunique()} plates.{lost} Fill: treatment; rim: {rim}; letter: role."


def yield_caption(populations: pd.DataFrame) -> str:
    """Return the caption of the figure of gate yields."""
    wells = populations[["plate", "well"]].drop_duplicates()
    return (
        f"Each point is one of {len(wells)} wells, coloured by plate; the bar is the median over wells. "
        "Wells are shown to find odd ones; they are not n."
    )


def chart_caption(points: pd.DataFrame) -> str:
    """Return the caption of a Levey-Jennings chart."""
    return (
        f"Levey-Jennings chart of {points['plate'].nunique()} plates in the order of the study: what should be the "
        "same on every plate. Reference: geometric mean of the medians of the reference wells. A red triangle is a "
        "plate beyond 3 SD of the others, by the t of a new value, told from five plates on; lines are the geometric "
        "mean and 1, 2 and 3 SD on the log scale over the plates that are not."
    )


def dose_caption(unit: str) -> str:
    """Return the caption of a dose-response."""
    return (
        f"Large points are the means of the wells of one {unit}, small ones wells; n counts independent {unit}s. "
        "Lines: fitted curves, one per context; dotted: IC50, the dose halfway between the plateaus, with its 95% "
        f"interval, over {unit}s where the run fitted each. Where the doses do not reach the plateaus no IC50 is given."
    )


def gating_caption(well: Well, plate: str) -> str:
    """Return the caption of the gating of a well."""
    factors = ", ".join(shown(str(value)) for key, value in well.factors.items() if key in {"treatment", "context"})
    return (
        f"Well {well.name} of plate {plate} ({factors.replace('_', ' ')}), each gate on its parent, named above the "
        "panel with its cells. Colour: local density; orange: the gate, with the 95% interval of an estimated one; "
        "per cent: cells of the parent kept. Fluorescence on a logicle scale; at most 2,500 cells are drawn per panel."
    )

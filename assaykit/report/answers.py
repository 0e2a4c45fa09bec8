"""Listings of answers beyond contrasts: IC50s, synergy, what was set by hand, what the protocol leaves out."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from assaykit.figures import context_words, contrast_words, endpoint_words, number_text, p_text, shown
from assaykit.report.listing import Listing, count_text

Tables = Mapping[str, pd.DataFrame]


def dose_listings(tables: Tables) -> list[Listing]:
    """Return what the run says of IC50s and of synergy, over units; nothing where no protocol asked."""
    listings = []
    curves = tables.get("dose_response")
    if curves is not None and len(curves):
        head = ("drug", "context", "IC50 (95% CI)", "n", "plateau", "shift of IC50 (95% CI)", "against", "P", "remark")
        rows = tuple(_curve(row) for _, row in curves[curves["unit_id"] == ""].iterrows())
        note = "IC50: geometric mean of the units' own; intervals and P by t over units."
        listings.append(Listing("Dose-response", head, rows, note))
    pairs = tables.get("synergy")
    if pairs is not None and len(pairs):
        over_all = pairs[(pairs["unit_id"] == "") & pairs["first_dose"].isna()]
        drugs = ("drugs", "context", "model", "mean excess (95% CI)", "n", "P", "remark")
        means = tuple(_pair(row) for _, row in over_all.iterrows())
        note = "Mean over pairs of doses; above zero is synergy under that model only. Every pair: tables/synergy.csv."
        listings.append(Listing("Synergy", drugs, means, note))
    return listings


def size_listing(tables: Tables) -> Listing | None:
    """Return the lab's stromal protection beside its source's, drug by drug; None where the lab has none."""
    sizes = tables.get("sizes")
    if sizes is None or sizes.empty:
        return None
    rows = tuple(
        (shown(str(row["treatment"])), _with_interval(row, ("spi", "spi_low", "spi_high")), str(row["population"]),
         number_text(row["spi_source"]), "yes" if row["covers"] else "no")
        for _, row in sizes.iterrows()
    )  # fmt: skip
    head = ("treatment", "stromal protection here (95% CI)", "cells of the source", "there", "within the interval")
    note = (
        "The one place where a source gives numbers: Blood 2007;110:3378, CD34+ cells of patients at 96 h, means of a "
        "meeting abstract without intervals. A scale to read one's own number on, not a test."
    )
    return Listing("Beside a source's numbers", head, rows, note)


def excluded_listing(tables: Tables) -> Listing | None:
    """Return the contrasts that the protocol's exclusions change, both ways; None where nothing was left out."""
    both = tables.get("estimates_with_excluded")
    if both is None:
        return None
    keys = ["assay", "analysis", "contrast", "context", "comparator_context", "kind"]
    joined = tables["estimates"].merge(both, on=keys, suffixes=("", "_with"))
    differ = joined[joined["estimate"].ne(joined["estimate_with"]) & joined["estimate_with"].notna()]
    rows = tuple(
        (endpoint_words(str(row["analysis"])), contrast_words(row),
         _with_interval(row, ("effect", "effect_low", "effect_high")), count_text(row["n_units"]),
         _with_interval(row, ("effect_with", "effect_low_with", "effect_high_with")), count_text(row["n_units_with"]))
        for _, row in differ.iterrows()
    )  # fmt: skip
    head = ("analysis", "contrast", "as the protocol says", "n", "nothing left out", "n then")
    return Listing("Both ways: with and without what failed", head, rows)


def by_hand_listings(tables: Tables) -> list[Listing]:
    """Return what was set by hand, and the verdicts with and without it; nothing where nobody set anything."""
    changes = tables.get("overrides")
    if changes is None or changes.empty:
        return []
    head = ("assay", "plate", "wells", "what", "before", "set by hand", "reason", "by", "source")
    rows = tuple(
        (
            *(
                shown(str(row[name])) or "–"
                for name in ("assay", "plate", "wells", "what", "before", "after", "reason")
            ),
            ", ".join(filter(None, (row["set_by"], row["set_on"]))) or "–",
            str(row["source"]),
        )
        for row in changes.to_dict("records")
    )
    verdicts = tables.get("verdicts_by_hand")
    if verdicts is None:
        note = "The answer without these was not worked out: the run left robustness out."
        return [Listing("Set by hand", head, rows, note)]
    depending = verdicts[verdicts["depends"]]
    note = (
        f"{len(depending)} of {len(verdicts)} tested claims have another verdict without what was set by hand. The row "
        "'as estimated, without manual changes' of tables/robustness.csv has every primary contrast without it."
    )
    claims = tuple(
        (str(row["claim"]), shown(str(row["statement"])), str(row["verdict"]),
         _with_interval(row, ("effect", "effect_low", "effect_high")), str(row["verdict_as_estimated"]),
         _with_interval(row, ("effect_as_estimated", "effect_low_as_estimated", "effect_high_as_estimated")))
        for _, row in depending.iterrows()
    )  # fmt: skip
    titles = ("claim", "what the review says", "verdict", "effect (95% CI)", "as estimated", "effect then (95% CI)")
    both = [Listing("Set by hand", head, rows, note), Listing("Verdicts that depend on the hand", titles, claims)]
    return both if claims else both[:1]


def _curve(row: pd.Series) -> tuple[str, ...]:
    middle = _with_interval(row, ("units_ic50", "units_low", "units_high"))
    return (
        shown(str(row["drug"])), context_words(str(row["context"])),
        shown(f"{middle} {row['dose_unit']}") if middle != "–" else middle, count_text(row["n_units"]),
        str(row["plateau"]), _with_interval(row, ("shift", "shift_low", "shift_high")),
        context_words(str(row["comparator_context"])) if row["comparator_context"] else "–",
        p_text(row["shift_p"]) if pd.notna(row["shift_p"]) else "–", shown(str(row["reason"])) or "–",
    )  # fmt: skip


def _pair(row: pd.Series) -> tuple[str, ...]:
    return (
        shown(f"{row['first']} + {row['second']}"), context_words(str(row["context"])), str(row["model"]),
        _with_interval(row, ("excess", "conf_low", "conf_high")), count_text(row["n_units"]),
        p_text(row["p_value"]) if pd.notna(row["p_value"]) else "–", shown(str(row["reason"])) or "–",
    )  # fmt: skip


def _with_interval(row: pd.Series, names: tuple[str, str, str]) -> str:
    middle, low, high = (row[name] for name in names)
    if pd.isna(middle):
        return "–"
    return number_text(middle) if pd.isna(low) else f"{number_text(middle)} ({number_text(low)} to {number_text(high)})"

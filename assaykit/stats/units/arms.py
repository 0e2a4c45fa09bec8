"""Arms of any tidy table compared as a bench scientist compares them, with the independent unit as the only n.

    rows -> mean per unit and arm -> each arm against the reference, and all arms together

Where units hold both arms the t test is paired, where none does it is Welch's; beside it stand the effect in SDs and
the exact signed rank test. Three arms or more that every unit holds are asked together by the repeated-measures ANOVA
and by Friedman's test.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from assaykit.errors import DesignError
from assaykit.stats.units.contrast import ContrastResult
from assaykit.stats.units.effect_size import hedges_g, hedges_g_paired
from assaykit.stats.units.equivalence import equivalence_p
from assaykit.stats.units.multiplicity import Adjustment, adjusted_p_values
from assaykit.stats.units.ranks import friedman, wilcoxon_signed_rank
from assaykit.stats.units.repeated_measures import rm_anova
from assaykit.stats.units.t_tests import paired_t, welch_t


def means_by_arm(frame: pd.DataFrame, *, value: str, arm: str, unit: str) -> pd.DataFrame:
    """Return the mean of `value`, units x arms in the order they appear; rows without a value are left out.

    A well, a dish or a technical replicate is no unit of its own: its unit's mean counts once. Raises DesignError
    where a value is no number.
    """
    if not pd.api.types.is_numeric_dtype(frame[value]):
        words = frame[value][pd.to_numeric(frame[value], errors="coerce").isna() & frame[value].notna()]
        raise DesignError("values to compare must be numbers", ", ".join(map(repr, words.head(3))), value)
    known = frame[frame[value].notna()]
    units, arms = known[unit].astype(str), known[arm].astype(str)
    means = known[value].groupby([units, arms], sort=True).mean().unstack()
    return means.reindex(columns=list(dict.fromkeys(arms)))


def compare_arms(
    means: pd.DataFrame, reference: str, *, adjust: Adjustment = "holm", bound: float | None = None
) -> pd.DataFrame:
    """Return each arm against the reference, one row each; `means` is units x arms, NaN where a unit lacks an arm.

    Columns: contrast, those of `ContrastResult.row`, p_adjusted, hedges_g with its 95 % limits, p_ranks and the
    smallest p that so few units can give by ranks; with `bound`, p_equivalence of two one-sided tests. A contrast that
    fewer than two units inform has missing numbers and a reason. Raises DesignError where the reference is no arm.

    >>> means = pd.DataFrame({"vehicle": [1.0, 1.2, 0.9], "drug": [2.1, 2.2, 2.3]}, index=["E1", "E2", "E3"])
    >>> compare_arms(means, "vehicle")[["contrast", "n_units", "df"]].to_dict("records")
    [{'contrast': 'drug - vehicle', 'n_units': 3, 'df': 2.0}]
    """
    if reference not in means.columns:
        raise DesignError("the reference must be an arm of the table", repr(reference), remedy=f"arms: {list(means)}")
    rows = [
        {"contrast": f"{arm} - {reference}"} | _against(means[arm], means[reference], bound=bound)
        for arm in means.columns
        if arm != reference
    ]
    table = pd.DataFrame(rows)
    return table.assign(p_adjusted=adjusted_p_values(table["p_value"], adjust)) if rows else table


def _against(values: pd.Series, reference: pd.Series, *, bound: float | None) -> dict[str, Any]:
    """Return one arm against the reference: paired over the units that hold both, else between units."""
    both = values.notna() & reference.notna()
    paired = bool(both.sum() >= 2)
    one, two = (values[both], reference[both]) if paired else (values.dropna(), reference.dropna())
    missing: dict[str, Any] = dict.fromkeys(("hedges_g", "g_low", "g_high", "p_ranks", "smallest_p_ranks"), np.nan)
    try:
        if not paired and both.any():
            raise DesignError("a comparison must rest on two units with both arms", f"{int(both.sum())}")
        result = paired_t(one, two) if paired else welch_t(one, two)
        size = hedges_g_paired(one, two) if paired else hedges_g(one, two)
        row = result.row() | missing | {"hedges_g": size.g, "g_low": size.conf_low, "g_high": size.conf_high}
        if paired:  # two groups of units of their own have no signed ranks
            ranks = wilcoxon_signed_rank(one, two)
            row |= {"p_ranks": ranks.p_value, "smallest_p_ranks": ranks.smallest_p}
    except DesignError as error:
        result = ContrastResult.missing(str(error), n_units=int(both.sum()))
        row = result.row() | missing
    return row | ({} if bound is None else {"p_equivalence": equivalence_p(result, bound)})


def compare_all_arms(means: pd.DataFrame) -> pd.DataFrame:
    """Return the tests of all arms together: repeated-measures ANOVA and Friedman, over the units that hold every arm.

    Columns: test, statistic, df1, df2, p_value, n_units, remark. The ANOVA's p is Greenhouse and Geisser's, which
    allows pairs of arms to differ in spread. Raises DesignError for fewer than three arms, or two complete units.

    >>> compare_all_arms(pd.DataFrame([[3, 5, 6], [2, 4, 7], [4, 4, 8], [1, 5, 5]])).round(3)["p_value"].tolist()
    [0.018, 0.019]
    """
    complete = means.dropna()
    if means.shape[1] < 3 or len(complete) < 2:
        raise DesignError(
            "a test of all arms must have three arms or more in at least two units",
            f"{means.shape[1]} arms, {len(complete)} units that hold every one",
            remedy="compare two arms at a time",
        )
    anova, ranks = rm_anova(complete), friedman(complete)
    rows = [
        {
            "test": "repeated-measures ANOVA",
            "statistic": anova.statistic,
            "df1": anova.epsilon_gg * anova.df1,
            "df2": anova.epsilon_gg * anova.df2,
            "p_value": anova.p_gg,
            "n_units": anova.units,
            "remark": f"Greenhouse-Geisser epsilon {anova.epsilon_gg:.3f}; without it P = {anova.p_value:.4g}",
        },
        {
            "test": ranks.method,
            "statistic": ranks.statistic,
            "df1": float(means.shape[1] - 1),
            "df2": np.nan,
            "p_value": ranks.p_value,
            "n_units": ranks.units,
            "remark": f"Kendall's W {ranks.estimate:.3f}; so few units can give no P below {ranks.smallest_p:.2g}",
        },
    ]
    return pd.DataFrame(rows)

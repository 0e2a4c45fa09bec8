"""`fit_count_table`: counts or proportions in a tidy table -> a mixed model, and every contrast of its factors.

Two answers stand beside each other, each under its name. `contrasts` is the default: the t of one number per unit, or
the parametric bootstrap where draws are asked for. `wald_contrasts` are the model's own z tests, as emmeans gives them
for glmer and glmmTMB; with few units their p values are too small.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from assaykit.errors import DesignError
from assaykit.stats.glmm.bootstrap import bootstrap_contrasts, wald_contrasts
from assaykit.stats.glmm.formula import (
    Asked,
    GlmmOfFormula,
    cell_means,
    factor_contrasts,
    fit_glmm_formula,
    interaction_contrasts,
)
from assaykit.stats.glmm.model import Glmm
from assaykit.stats.glmm.units import unit_contrasts
from assaykit.stats.lmm.fit import TableFit
from assaykit.stats.units.multiplicity import benjamini_hochberg, bonferroni, holm
from assaykit.stats.units.simultaneous import max_abs_t_quantile, single_step
from assaykit.tables import Finding

Array = NDArray[np.float64]
Adjust = Literal["none", "holm", "bh", "bonferroni", "dunnett"]
_STEPWISE = {"holm": holm, "bh": benjamini_hochberg, "bonferroni": bonferroni}


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """How many draws of the parametric bootstrap, and the seed they start from."""

    draws: int
    seed: int


@dataclass(frozen=True, slots=True)
class _Family:
    """Contrasts adjusted together, and what they are called in a table."""

    kind: str
    factor: str
    within: str
    asked: Asked


def fit_count_table(
    frame: pd.DataFrame,
    formula: str,
    *,
    unit: str,
    family: str,
    trials: str = "",
    levels: Mapping[str, Sequence[str]] | None = None,
    adjust: Adjust = "holm",
    bootstrap: Bootstrap | None = None,
) -> TableFit:
    """Return the mixed model of counts or proportions on a tidy table, with every contrast of its factors.

    `unit` names the column whose levels are independent. A formula without random terms gets the unit, and the unit
    by condition where a condition has several rows. Families: poisson, nbinom1, nbinom2 (rates, with
    `offset(log(input))` in the formula), binomial, betabinomial (`cbind(successes, failures)`, or `trials`).
    """
    if unit not in frame.columns:
        raise DesignError(
            "the unit must be a column of the table",
            repr(unit),
            remedy=f"name the column that tells experiments or donors apart. Columns: {list(frame.columns)}",
        )
    text, units = _with_unit(frame, formula, unit), int(frame[unit].nunique())
    fit = fit_glmm_formula(frame, text, family=family, trials=trials, levels=levels)
    families = _families(fit)
    default = _bootstrap_rows(fit, families, bootstrap) if bootstrap else _unit_rows(fit, families, unit)
    tables = {
        "coefficients": coefficients(fit.glmm),
        "components": components(fit.glmm),
        "means": means(fit),
        **_tables(default, families, adjust=adjust, model=None, prefix=""),
        **_tables(_wald_rows(fit, families), families, adjust=adjust, model=fit.glmm, prefix="wald_"),
    }
    return TableFit(text, tables, _summary(fit.glmm, frame, unit), _findings(fit, few=bool(bootstrap) and units < 5))


def coefficients(fit: Glmm) -> pd.DataFrame:
    """Return one row per fixed effect on the link scale, with its Wald z."""
    rows = wald_contrasts(fit, np.eye(len(fit.terms)), fit.terms)
    return pd.DataFrame([asdict(row) for row in rows]).rename(columns={"name": "term"})


def components(fit: Glmm) -> pd.DataFrame:
    """Return the variance and SD of each random intercept on the link scale, and the family's dispersion last."""
    rows = [(group, "(Intercept)", sd**2, sd) for group, sd in zip(fit.groups, fit.sds, strict=True)]
    table = pd.DataFrame(rows, columns=["group", "effect", "variance", "sd"])
    if fit.model.family.dispersion:
        last = {"group": fit.family, "effect": fit.model.family.dispersion, "variance": fit.dispersion, "sd": np.nan}
        table = pd.concat([table, pd.DataFrame([last])], ignore_index=True)
    return table


def means(fit: GlmmOfFormula) -> pd.DataFrame:
    """Return the mean of each cell on the link scale and as a rate or probability, with Wald limits, offset aside."""
    asked = cell_means(fit, _crossed(fit) or fit.factors[:1])
    table = pd.DataFrame([asdict(row) for row in wald_contrasts(fit.glmm, asked.rows, asked.names)])
    back = special.expit if fit.glmm.model.family.link == "logit" else np.exp
    names = {"estimate": "mean", "conf_low": "mean_low", "conf_high": "mean_high"}
    values = {new: back(table[old].to_numpy(dtype=float)) for old, new in names.items()}
    return table.rename(columns={"name": "cell"})[["cell", "estimate", "std_error"]].assign(**values)


def _families(fit: GlmmOfFormula) -> list[_Family]:
    families = []
    crossed = _crossed(fit)
    for factor in fit.factors:
        within = next((other for other in crossed if factor in crossed and other != factor), "")
        families.append(_Family("contrasts", factor, within, factor_contrasts(fit, factor, within=within)))
    if crossed:
        factor, across = crossed
        families.append(_Family("interactions", factor, across, interaction_contrasts(fit, factor, across)))
    return families


def _crossed(fit: GlmmOfFormula) -> tuple[str, ...]:
    """Return the first two factors that interact."""
    factors = fit.fixed.levels
    return next((term for term in fit.fixed.formula.fixed if len(term) == 2 and set(term) <= set(factors)), ())


def _wald_rows(fit: GlmmOfFormula, families: Sequence[_Family]) -> list[list[dict[str, Any]]]:
    return [[asdict(row) for row in wald_contrasts(fit.glmm, f.asked.rows, f.asked.names)] for f in families]


def _bootstrap_rows(
    fit: GlmmOfFormula, families: Sequence[_Family], bootstrap: Bootstrap
) -> list[list[dict[str, Any]]]:
    """Return the bootstrap's rows, all from the same draws."""
    names = tuple(name for family in families for name in family.asked.names)
    rows = np.concatenate([family.asked.rows for family in families])
    rng = np.random.default_rng(bootstrap.seed)
    found = iter(bootstrap_contrasts(fit.glmm, rows, names, rng=rng, simulations=bootstrap.draws))
    return [[asdict(next(found)) for _ in family.asked.names] for family in families]


def _unit_rows(fit: GlmmOfFormula, families: Sequence[_Family], unit: str) -> list[list[dict[str, Any]]]:
    return [[asdict(row) for row in unit_contrasts(fit, family.asked, unit=unit)] for family in families]


def _tables(
    rows: list[list[dict[str, Any]]],
    families: Sequence[_Family],
    *,
    adjust: Adjust,
    model: Glmm | None,
    prefix: str,
) -> dict[str, pd.DataFrame]:
    """Return the contrasts and interactions as tables, p values adjusted within each factor's family."""
    parts: dict[str, list[pd.DataFrame]] = {}
    for family, found in zip(families, rows, strict=True):
        table = pd.DataFrame(found).rename(columns={"name": "contrast"})
        if table.empty:
            continue
        table = _adjusted(table, family, adjust, model)
        table = table.assign(factor=family.factor, within=family.within)
        parts.setdefault(prefix + family.kind, []).append(table)
    return {name: _first(pd.concat(tables, ignore_index=True)) for name, tables in parts.items()}


def _adjusted(table: pd.DataFrame, family: _Family, adjust: Adjust, model: Glmm | None) -> pd.DataFrame:
    """Return the table with `p_adjusted` within each level of the other factor; Dunnett by the model's covariance."""
    if adjust == "none":
        return table
    places = table["contrast"].str.partition(" | ")[2]
    adjusted = table.assign(p_adjusted=np.nan)
    for place in places.unique():
        here = np.flatnonzero(places == place)
        if adjust == "dunnett" and model is not None:
            for name, values in _simultaneous(table.iloc[here], family.asked.rows[here], model).items():
                adjusted.loc[here, name] = values
        else:
            step = _STEPWISE["holm" if adjust == "dunnett" else adjust]
            adjusted.loc[here, "p_adjusted"] = step(table["p_value"].to_numpy(dtype=float)[here])
    return adjusted


def _simultaneous(part: pd.DataFrame, rows: Array, model: Glmm) -> dict[str, Array]:
    V = rows @ model.covariance @ rows.T
    sd = np.sqrt(np.diag(V))
    R = np.where(np.eye(sd.size) > 0, 1.0, V / np.outer(sd, sd))
    reach = max_abs_t_quantile(np.inf, R) * sd
    estimate = part["estimate"].to_numpy(dtype=float)
    p_values = single_step(part["statistic"].to_numpy(dtype=float), np.full(sd.size, np.inf), R)
    return {"p_adjusted": p_values, "simultaneous_low": estimate - reach, "simultaneous_high": estimate + reach}


def _first(table: pd.DataFrame) -> pd.DataFrame:
    lead = ["factor", "contrast", "within"]
    return table[[*lead, *(name for name in table.columns if name not in lead)]]


def _with_unit(frame: pd.DataFrame, formula: str, unit: str) -> str:
    """Return the formula with random intercepts: its own, or the unit's and those of its conditions."""
    if "|" in formula:
        return formula
    fixed = formula.partition("~")[2]
    names = [name for name in frame.columns if name != unit and _is_factor(frame, name) and _named(name, fixed)]
    group = ":".join([unit, *names])
    cells = len(frame[[unit, *names]].astype(str).drop_duplicates())
    nested = f" + (1 | {group})" if names and frame[unit].nunique() < cells < len(frame) else ""
    return f"{formula} + (1 | {unit}){nested}"


def _is_factor(frame: pd.DataFrame, name: str) -> bool:
    return not pd.api.types.is_numeric_dtype(frame[name].dtype)


def _named(name: str, text: str) -> bool:
    return re.search(rf"(?<![\w.]){re.escape(name)}(?![\w.])", text) is not None


def _summary(fit: Glmm, frame: pd.DataFrame, unit: str) -> dict[str, Any]:
    return {
        "units": int(frame[unit].nunique()),
        "rows": fit.observations,
        "family": fit.family,
        "log-likelihood": fit.loglik,
        "AIC": fit.aic,
        "BIC": fit.bic,
    }


def _findings(fit: GlmmOfFormula, *, few: bool) -> tuple[Finding, ...]:
    """Return the fit's findings, rows left out, and a bootstrap asked of fewer than five units."""
    found = list(fit.glmm.findings)
    if fit.dropped_rows:
        found.append(Finding("warn", "rows_left_out", f"{fit.dropped_rows} rows with missing values are left out"))
    if few:
        message = "with fewer than five units the bootstrap's p values are still too small; the unit-level t is not"
        found.append(Finding("warn", "bootstrap_few_units", message))
    return tuple(found)

"""`fit_table`: a tidy table, the column of its independent unit and a formula -> coefficients, tests and contrasts.

A formula without random terms gets those its design calls for: the unit; the unit by each factor that varies within
it, where several do; the unit by condition, where conditions have several rows. So no effect is judged against an
error that is smaller than its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from assaykit.errors import DesignError
from assaykit.stats.lmm.contrasts import (
    Adjust,
    anova,
    coefficients,
    factor_contrasts,
    interaction_contrasts,
    marginal_means,
)
from assaykit.stats.lmm.ddf import Method
from assaykit.stats.lmm.design import Design, Levels, design_from_frame
from assaykit.stats.lmm.diagnostics import diagnose
from assaykit.stats.lmm.formula import Formula, RandomTerm, evaluate, parse_formula
from assaykit.stats.lmm.model import Lmm, fit_design
from assaykit.tables import Finding


@dataclass(frozen=True, slots=True, eq=False)
class TableFit:
    """A fitted table: `formula` as fitted, tables by name (coefficients, tests, components, means, contrasts, ...)."""

    formula: str
    tables: dict[str, pd.DataFrame]
    summary: dict[str, Any] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


def fit_table(
    frame: pd.DataFrame,
    formula: str,
    *,
    unit: str,
    levels: Levels | None = None,
    weights: str | None = None,
    method: Method = "kenward_roger",
    adjust: Adjust = "holm",
    show_pseudoreplication: bool = False,
) -> TableFit:
    """Return the linear mixed model of a formula on a tidy table, with every contrast of its factors.

    `unit` names the column whose levels are independent (donor, experiment). Contrasts are each level against the
    first, within each level of a second factor it interacts with, and their interaction. With
    `show_pseudoreplication` the table `pseudoreplicated` holds the same contrasts with rows counted as independent.
    """
    parsed = with_unit(parse_formula(formula), frame, unit)
    design = design_from_frame(frame, parsed, levels=levels, weights=weights)
    fit = fit_design(design)
    tables = {
        "coefficients": coefficients(fit, method=method),
        "tests": anova(fit, method=method),
        "components": components(fit),
        **factor_tables(fit, method=method, adjust=adjust),
    }
    if show_pseudoreplication:
        tables["pseudoreplicated"] = _pseudoreplicated(design)
    return TableFit(
        parsed.text, tables, _summary(fit, design, unit, frame, method), _findings(fit, design, frame, unit)
    )


def components(fit: Lmm) -> pd.DataFrame:
    """Return the variance components: `group`, `effect`, `other`, `variance`, `sd_or_correlation`; residual last."""
    rows = [(c.group, c.effect, c.other, c.variance, c.sd_or_correlation) for c in fit.components]
    rows.append(("Residual", "", "", fit.sigma**2, fit.sigma))
    return pd.DataFrame(rows, columns=["group", "effect", "other", "variance", "sd_or_correlation"])


def factor_tables(fit: Lmm, *, method: Method, adjust: Adjust) -> dict[str, pd.DataFrame]:
    """Return `means` and `contrasts` of the model's factors and, where two interact, their `interactions`."""
    if fit.fixed is None or not fit.fixed.levels:
        return {}
    factors, terms = tuple(fit.fixed.levels), fit.fixed.formula.fixed
    crossed = [term for term in terms if len(term) == 2 and set(term) <= set(factors)]
    contrasts, interactions = [], []
    for factor in factors:
        others = [other for term in crossed if factor in term for other in term if other != factor]
        places: list[str | None] = [*others] if others else [None]
        for within in places:
            table = factor_contrasts(fit, factor, within=within, adjust=adjust, method=method)
            place = table[within] if within else ""
            contrasts.append(table.assign(factor=factor, within=within or "", level=place).drop(columns=within or []))
    for factor, across in crossed:
        table = interaction_contrasts(fit, factor, across, adjust=adjust, method=method)
        interactions.append(table.assign(factor=factor, within=across).rename(columns={across: "level"}))
    means = marginal_means(fit, crossed[0] if crossed else factors[:1], method=method)
    tables = {"means": means, "contrasts": _ordered(contrasts)}
    return tables | ({"interactions": _ordered(interactions)} if interactions else {})


def _ordered(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    frame = pd.concat(tables, ignore_index=True)
    first = ["factor", "contrast", "within", "level"]
    return frame[[*first, *(name for name in frame.columns if name not in first)]]


def with_unit(formula: Formula, frame: pd.DataFrame, unit: str) -> Formula:
    """Return the formula with the random terms its design calls for, where it has none."""
    if unit not in frame.columns:
        raise DesignError(
            "the unit must be a column of the table",
            repr(unit),
            remedy="name the column that tells independent experiments or donors apart; wells and cells are not "
            f"independent. Columns: {list(frame.columns)}",
        )
    if formula.random:
        return formula
    names = {v for term in formula.fixed for v in term}
    factors = sorted(v for v in names if not pd.api.types.is_numeric_dtype(evaluate(v, frame).dtype))
    labels = {v: evaluate(v, frame).astype(str) for v in factors}
    inside = [v for v in factors if v != unit and labels[v].groupby(frame[unit].astype(str)).nunique().max() > 1]
    groups = [(unit,), *((unit, v) for v in inside if len(inside) > 1), *([(unit, *inside)] if inside else [])]
    cells = [
        len(set(zip(*(frame[unit].astype(str) if g == unit else labels[g] for g in group), strict=True)))
        for group in groups
    ]
    kept = [group for i, group in enumerate(groups) if cells[i] < len(frame) and cells[i] not in cells[:i]]
    random = tuple(RandomTerm(((),), group) for group in kept)
    text = " + ".join([formula.text, *(f"(1 | {':'.join(group)})" for group in kept)])
    return Formula(formula.response, formula.fixed, random, text)


def _summary(fit: Lmm, design: Design, unit: str, frame: pd.DataFrame, method: Method) -> dict[str, Any]:
    return {
        "units": int(frame[unit].nunique()),
        "rows": fit.n,
        "rows left out": design.dropped_rows,
        "REML log-likelihood": fit.log_likelihood,
        "AIC": fit.aic,
        "BIC": fit.bic,
        "degrees of freedom": method.replace("_", "-"),
    }


def _findings(fit: Lmm, design: Design, frame: pd.DataFrame, unit: str) -> tuple[Finding, ...]:
    found = list(fit.findings)
    if design.dropped_rows:
        found.append(Finding("warn", "rows_left_out", f"{design.dropped_rows} rows with missing values are left out"))
    lost = len(design.fixed.names) - len(design.fixed.kept)
    if lost:
        message = f"{lost} fixed columns repeat others (empty cells): the contrasts that need them are missing"
        found.append(Finding("warn", "empty_cells", message))
    if not any(unit in part.group for part in design.fixed.formula.random):
        message = f"no random term names {unit}: its levels are the independent units, and rows within one are not"
        found.append(Finding("warn", "unit_not_in_model", message))
    if not fit.converged:
        message = f"the deviance still slopes by {fit.optimum.gradient:.2g} where the search ended"
        found.append(Finding("warn", "not_converged", message))
    if not design.dropped_rows:
        found += diagnose(fit, design, frame, unit=unit)
    return tuple(found)


def _pseudoreplicated(design: Design) -> pd.DataFrame:
    """Return least-squares coefficients with rows counted as independent: the WRONG answer."""
    from scipy.special import stdtr, stdtrit

    X, y = design.X, design.y
    inverse = np.linalg.inv(X.T @ X)
    beta, df = inverse @ X.T @ y, len(y) - X.shape[1]
    errors = np.sqrt(np.diag(inverse) * float(np.sum((y - X @ beta) ** 2)) / df)
    half = stdtrit(df, 0.975) * errors
    return pd.DataFrame(
        {
            "term": list(design.fixed.kept_names),
            "estimate": beta,
            "std_error": errors,
            "df": float(df),
            "statistic": beta / errors,
            "p_value": 2.0 * stdtr(df, -np.abs(beta / errors)),
            "conf_low": beta - half,
            "conf_high": beta + half,
            "method": "WRONG: rows counted as independent (pseudoreplication)",
        }
    )

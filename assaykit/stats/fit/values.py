"""`fit_values`: a tidy table of numbers, its independent unit and a formula -> every contrast of its factors.

    units   each contrast from one number per unit, with its own error: the default, as in `assaykit run`
    lmm     one mixed model, whose contrasts share one error: asked for by name

Sharing one error over treatments that experiments disagree about unequally is wrong in both directions: at 3 units it
gave 14.6 % false positives for the most variable of three drugs, and 0.2 % for a quiet one.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from assaykit.errors import DesignError
from assaykit.stats.fit.cells import cell_index, mean_cells
from assaykit.stats.fit.result import (
    TableFit,
    contrast_tables,
    require_factors,
    require_stepwise,
    require_unit,
    summary_of,
    table_findings,
    with_unit,
)
from assaykit.stats.lmm.contrasts import Adjust, anova, coefficients, grid_tests
from assaykit.stats.lmm.ddf import Method, inference
from assaykit.stats.lmm.design import Levels, ModelDesign, design_from_frame
from assaykit.stats.lmm.diagnostics import diagnose
from assaykit.stats.lmm.formula import parse_formula
from assaykit.stats.lmm.grid import FactorFamily, crossed_factors, estimable, factor_families, mean_rows
from assaykit.stats.lmm.model import Lmm, fit_design
from assaykit.stats.units import ContrastResult
from assaykit.stats.units.cell_table import CellTable, contrast_of_cells
from assaykit.tables import Finding

ValueAnalysis = Literal["units", "lmm"]
_UNEQUAL = 2.0  # ratio of the contrasts' SDs between units


def fit_values(
    frame: pd.DataFrame,
    formula: str,
    *,
    unit: str,
    model: ValueAnalysis = "units",
    levels: Levels | None = None,
    weights: str | None = None,
    method: Method | None = None,
    adjust: Adjust = "holm",
) -> TableFit:
    """Return every contrast of a formula's factors on a tidy table, one row per measurement.

    `unit` names the column whose levels are independent (donor, experiment); `levels` orders a factor's levels, the
    control first. Contrasts are each level against the first, within each level of a factor it interacts with, and
    the interactions. Tables: contrasts, interactions, means; of the mixed model also coefficients, tests, components
    and the unit-level contrasts beside its own. `weights` (a column) and `method` (degrees of freedom, Kenward-Roger
    where none is named) are the mixed model's; so is `dunnett`, which presumes its one error.

    Raises DesignError where the formula does not fit the table, or an option does not fit the model.
    """
    require_unit(frame, unit)
    parsed = parse_formula(formula)
    if model == "units":
        for name, value in (("weights", weights), ("method", method)):
            if value is not None:
                raise DesignError(
                    f"{name} must go with a mixed model", f"{value} and unit-level contrasts", remedy="add --model lmm"
                )
        if parsed.random:
            raise DesignError(
                "unit-level contrasts must have no random term",
                parsed.text,
                remedy="add --model lmm, or leave the term out: the unit is taken care of",
            )
        require_stepwise(adjust, "lmm")
        design = design_from_frame(frame, parsed, levels=levels)
        require_factors(design.fixed, unit, "lmm")
        fitted = _by_units(frame, design, unit, adjust)
    else:
        parsed = with_unit(parsed, frame, unit, each_factor=True)
        design = design_from_frame(frame, parsed, levels=levels, weights=weights)
        fitted = _by_mixed_model(frame, design, unit, method=method or "kenward_roger", adjust=adjust)
    findings = [*table_findings(frame, parsed.variables, design.complete, unit=unit), *fitted.findings]
    lost = len(design.fixed.names) - len(design.fixed.kept)
    if lost:
        message = f"{lost} fixed columns repeat others (empty cells): the contrasts that need them are missing"
        findings.append(Finding("warn", "empty_cells", message))
    summary = summary_of(fitted.summary, frame, design.complete, unit)
    return TableFit(parsed.text, fitted.tables, summary, tuple(findings))


def _by_units(frame: pd.DataFrame, design: ModelDesign, unit: str, adjust: Adjust) -> TableFit:
    table = mean_cells(cell_index(design.fixed, frame[design.complete], unit), design.y)
    families = [family for family in factor_families(design.fixed) if family.factor != unit]
    tables = contrast_tables(families, unit_results(families, table, design), adjust=adjust)
    summary = {"model": "unit-level: each contrast from one number per unit, with its own error"}
    return TableFit("", tables | {"means": _unit_means(table, design)}, summary)


def unit_results(families: list[FactorFamily], table: CellTable, design: ModelDesign) -> list[list[ContrastResult]]:
    """Return the unit-level result of every row of every family; what needs an empty cell is missing, with a reason."""
    return [
        [
            contrast_of_cells(row[design.fixed.kept], table)
            if good
            else ContrastResult.missing("not estimable: a cell it needs is empty")
            for row, good in zip(family.grid.rows, estimable(family.grid.rows, design.fixed), strict=True)
        ]
        for family in families
    ]


def _unit_means(table: CellTable, design: ModelDesign) -> pd.DataFrame:
    """Return the mean over units of each cell of the first two factors that interact, else of the first factor."""
    factors = (crossed_factors(design.fixed) or [tuple(design.fixed.levels)[:1]])[0]
    grid = mean_rows(design.fixed, factors)
    numbers = ("estimate", "std_error", "df", "conf_low", "conf_high", "n_units")
    tested = [contrast_of_cells(row[design.fixed.kept], table) for row in grid.rows]
    return pd.DataFrame(
        [
            {**label, **{name: getattr(one, name) for name in numbers}}
            for label, one, good in zip(grid.labels, tested, estimable(grid.rows, design.fixed), strict=True)
            if good
        ]
    )


def _by_mixed_model(frame: pd.DataFrame, design: ModelDesign, unit: str, *, method: Method, adjust: Adjust) -> TableFit:
    fit = fit_design(design)
    model = inference(fit, method)
    families = list(factor_families(design.fixed))
    tables: dict[str, pd.DataFrame] = {}
    for family in families:
        tested = grid_tests(family.grid, fit, model, adjust=adjust)
        place = pd.DataFrame([family.label(i) for i in range(len(tested))])
        table = pd.concat([place, tested.drop(columns=[*{"contrast", family.within} & set(tested)])], axis=1)
        tables[family.kind] = pd.concat([tables.get(family.kind, pd.DataFrame()), table], ignore_index=True)
    beside: dict[str, pd.DataFrame] = {}
    findings: list[Finding] = []
    if families and not design.fixed.means:
        cells = mean_cells(cell_index(design.fixed, frame[design.complete], unit), design.y)
        own = [family for family in families if family.factor != unit]
        beside = contrast_tables(own, unit_results(own, cells, design), prefix="unit_")
        findings += _unequal_spread(beside.get("unit_contrasts"))
    if families:
        factors = (crossed_factors(design.fixed) or [tuple(design.fixed.levels)[:1]])[0]
        tables["means"] = grid_tests(mean_rows(design.fixed, factors), fit, model)
    tables |= beside | {
        "coefficients": coefficients(fit, method=method),
        "tests": anova(fit, method=method),
        "components": variance_components(fit),
    }
    summary = {
        "model": "linear mixed model, one error for all contrasts",
        "REML log-likelihood": fit.log_likelihood,
        "AIC": fit.aic,
        "BIC": fit.bic,
        "degrees of freedom": method.replace("_", "-"),
    }
    return TableFit("", tables, summary, (*_model_findings(fit, design, frame, unit), *findings))


def variance_components(fit: Lmm) -> pd.DataFrame:
    """Return the variance components: `group`, `effect`, `other`, `variance`, `sd_or_correlation`; residual last."""
    rows = [(c.group, c.effect, c.other, c.variance, c.sd_or_correlation) for c in fit.components]
    rows.append(("Residual", "", "", fit.sigma**2, fit.sigma))
    return pd.DataFrame(rows, columns=["group", "effect", "other", "variance", "sd_or_correlation"])


def _model_findings(fit: Lmm, design: ModelDesign, frame: pd.DataFrame, unit: str) -> list[Finding]:
    found = list(fit.findings)
    if not any(unit in part.group for part in design.fixed.formula.random):
        message = f"no random term names {unit}: its levels are the independent units, and rows within one are not"
        found.append(Finding("warn", "unit_not_in_model", message))
    if not fit.converged:
        message = f"the deviance still slopes by {fit.optimum.gradient:.2g} where the search ended"
        found.append(Finding("warn", "not_converged", message))
    return found + diagnose(fit, design, frame[design.complete], unit=unit)


def _unequal_spread(table: pd.DataFrame | None) -> list[Finding]:
    """Return how unequally units disagree about the contrasts that the model gives one error."""
    if table is None:
        return []
    spread = (table["std_error"] * np.sqrt(table["n_units"])).to_numpy(float)
    rows = [i for i in range(len(table)) if spread[i] > 0]
    if len(rows) < 2:
        return []
    least, most = min(rows, key=lambda i: spread[i]), max(rows, key=lambda i: spread[i])
    if spread[most] < _UNEQUAL * spread[least]:
        return []
    names = [" in ".join(filter(None, (table["contrast"][i], table["level"][i]))) for i in (most, least)]
    message = (
        f"units disagree {spread[most] / spread[least]:.1f} times as much about {names[0]} (SD {spread[most]:.3g}) as "
        f"about {names[1]} (SD {spread[least]:.3g}), and the mixed model gives both one error: p of the first may be "
        "too small; compare with unit_contrasts, where each has its own"
    )
    return [Finding("warn", "unequal_spread", message)]


def rows_as_independent(frame: pd.DataFrame, formula: str, *, levels: Levels | None = None) -> pd.DataFrame:
    """Return least-squares coefficients with rows counted as independent: the WRONG answer, to be shown as such."""
    import statsmodels.api as sm

    design = design_from_frame(frame, parse_formula(formula), levels=levels)
    fit = sm.OLS(design.y, design.X).fit()
    limits = fit.conf_int()
    return pd.DataFrame(
        {
            "term": list(design.fixed.kept_names),
            "estimate": fit.params,
            "std_error": fit.bse,
            "df": float(fit.df_resid),
            "statistic": fit.tvalues,
            "p_value": fit.pvalues,
            "conf_low": limits[:, 0],
            "conf_high": limits[:, 1],
            "method": "WRONG: rows counted as independent (pseudoreplication)",
        }
    )

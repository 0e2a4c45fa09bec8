"""`fit_counts`: a tidy table of counts or proportions, its unit and a formula -> every contrast of its factors.

    units   pool each unit's counts of a cell, one log rate or logit a unit, then t: the default
    glmm    the mixed model's own tests, asked for by name: Wald's z, or the parametric bootstrap where it is given

Either stands beside the other under its own name: with 3 to 6 units Wald's p values are too small, and the unit-level
t keeps 5 % (benchmarks/results/rare_events.md). An arm of only zeros or ones is named, and bounds no model: there the
model's estimate is penalised and the unit-level error is no smaller than that of counting.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assaykit.errors import DesignError
from assaykit.stats.fit.cells import cell_index, count_cells
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
from assaykit.stats.glmm.bootstrap import bootstrap_contrasts
from assaykit.stats.glmm.family import FAMILIES
from assaykit.stats.glmm.formula import GlmmOfFormula, fit_glmm_formula, parts_of
from assaykit.stats.glmm.marginal import CellCounts, gee_contrast, quasi_contrast
from assaykit.stats.glmm.wald import model_means, random_components, wald_coefficients, wald_contrasts
from assaykit.stats.lmm.contrasts import Adjust
from assaykit.stats.lmm.ddf import TEST_COLUMNS
from assaykit.stats.lmm.design import Levels
from assaykit.stats.lmm.formula import parse_formula
from assaykit.stats.lmm.grid import FactorFamily, estimable, factor_families
from assaykit.stats.units import ContrastResult
from assaykit.stats.units.cell_table import CellTable, contrast_of_cells, weights_of_cells
from assaykit.tables import Finding

Array = NDArray[np.float64]
_FEW_FOR_BOOTSTRAP = 5  # units


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """The mixed model by parametric bootstrap: how many draws, at least 99, and the seed they start from."""

    draws: int
    seed: int = 1


CountAnalysis = Literal["units", "glmm"] | Bootstrap


def fit_counts(
    frame: pd.DataFrame,
    formula: str,
    *,
    unit: str,
    family: str,
    trials: str = "",
    model: CountAnalysis = "units",
    levels: Levels | None = None,
    adjust: Adjust = "holm",
) -> TableFit:
    """Return every contrast of a formula's factors on a tidy table of counts, on the log or logit scale.

    `unit` names the column whose levels are independent. Families: poisson, nbinom1, nbinom2 (rates, with
    `offset(log(input))` in the formula), binomial, betabinomial (`cbind(successes, failures)`, or `trials`, the column
    a count is out of). A formula without random terms gets the unit, and the unit by condition where a condition has
    several rows. `dunnett` is for the mixed model's z. Tables: contrasts, interactions (the answer, by `model`), the
    other model's contrasts (`wald_...` or `unit_...`), robustness, means, coefficients, components.

    Raises DesignError where the formula does not fit the table, or an option does not fit the model or family.
    """
    require_unit(frame, unit)
    if family not in FAMILIES:
        raise DesignError(f"family must be one of {', '.join(FAMILIES)}", repr(family))
    if trials and FAMILIES[family].link != "logit":
        raise DesignError(
            "trials must go with a family of proportions",
            f"{trials} and {family}",
            remedy=f"use betabinomial, or write + offset(log({trials})) for a rate",
        )
    if model == "units":
        require_stepwise(adjust, "glmm")
    if isinstance(model, Bootstrap) and adjust == "dunnett":
        raise DesignError("dunnett must go with z tests", "a bootstrap", remedy="use holm, or leave the bootstrap out")
    parts = parts_of(formula)
    parsed = parse_formula(parts.formula)
    text = formula + with_unit(parsed, frame, unit, each_factor=False).text.removeprefix(parsed.text)
    fit = fit_glmm_formula(frame, text, family=family, trials=trials, levels=levels)
    families = factor_families(fit.fixed)
    if model == "units":
        require_factors(fit.fixed, unit, "glmm")
    tables = _contrast_tables(fit, families, unit, model=model, adjust=adjust)
    tables |= {"means": model_means(fit)} if families else {}
    tables |= {"coefficients": wald_coefficients(fit.glmm), "components": random_components(fit.glmm)}
    expressions = [one for one in (*parsed.variables, parts.failures, parts.offset, trials) if one]
    findings = [*table_findings(frame, expressions, fit.complete, unit=unit), *fit.glmm.findings]
    if isinstance(model, Bootstrap) and min(fit.glmm.levels, default=0) < _FEW_FOR_BOOTSTRAP:
        message = "with fewer than five units the bootstrap's p values are still too small; the unit-level t is not"
        findings.append(Finding("warn", "bootstrap_few_units", message))
    summary = {
        "model": {
            "units": "unit-level: counts pooled per unit and cell, each contrast with its own error",
            "glmm": "the mixed model's own Wald z",
        }.get(str(model), "the mixed model's own parametric bootstrap"),
        "family": family,
        "log-likelihood": fit.glmm.loglik,
        "AIC": fit.glmm.aic,
        "BIC": fit.glmm.bic,
    }
    return TableFit(text, tables, summary_of(summary, frame, fit.complete, unit), tuple(findings))


def _contrast_tables(
    fit: GlmmOfFormula,
    families: Sequence[FactorFamily],
    unit: str,
    *,
    model: CountAnalysis,
    adjust: Adjust,
) -> dict[str, pd.DataFrame]:
    """Return the answer's tables, how robust the unit-level ones are, and the other model's, in the order to read."""
    if not families:
        return {}
    wald = [_by_row(family, fit, wald_contrasts(fit.glmm, _terms(family, fit))) for family in families]
    own = [] if fit.fixed.means else [family for family in families if family.factor != unit]
    by_unit: list[list[ContrastResult]] = []
    robustness: dict[str, pd.DataFrame] = {}
    if own:
        counts, trials, _ = fit.glmm.model.response
        logit = fit.glmm.model.family.link == "logit"
        wholes = trials if logit else np.exp(fit.glmm.model.offset)
        table, pooled = count_cells(cell_index(fit.fixed, fit.frame, unit), counts, wholes, logit=logit)
        by_unit = [
            _by_row(family, fit, [contrast_of_cells(row, table) for row in _terms(family, fit)]) for family in own
        ]
        robustness = {"robustness": pd.DataFrame(_robustness_rows(own, by_unit, fit, table=table, pooled=pooled))}
    if model == "units":
        answer = contrast_tables(own, by_unit, adjust=adjust)
        return answer | contrast_tables(families, wald, adjust=adjust, prefix="wald_") | robustness
    if isinstance(model, Bootstrap):
        answer = contrast_tables(families, _bootstrapped(fit, families, model), adjust=adjust)
    else:
        covariances = [
            (rows := family.grid.rows[:, fit.fixed.kept]) @ fit.glmm.covariance @ rows.T for family in families
        ]
        answer = contrast_tables(families, wald, adjust=adjust, covariances=covariances)
    beside = contrast_tables(own, by_unit, prefix="unit_") if own else {}
    return answer | beside | robustness


def _terms(family: FactorFamily, fit: GlmmOfFormula) -> Array:
    """Return the estimable rows of a family over the columns the model kept."""
    return np.asarray(family.grid.rows[estimable(family.grid.rows, fit.fixed)][:, fit.fixed.kept])


def _by_row(family: FactorFamily, fit: GlmmOfFormula, results: Sequence[ContrastResult]) -> list[ContrastResult]:
    """Return a result per row of a family, from those of its estimable rows."""
    found, empty = iter(results), ContrastResult.missing("not estimable: a cell it needs is empty")
    return [next(found) if good else empty for good in estimable(family.grid.rows, fit.fixed)]


def _bootstrapped(
    fit: GlmmOfFormula, families: Sequence[FactorFamily], bootstrap: Bootstrap
) -> list[list[ContrastResult]]:
    """Return the bootstrap's results, all families' from the same draws."""
    rows = [_terms(family, fit) for family in families]
    rng = np.random.default_rng(bootstrap.seed)
    drawn = iter(bootstrap_contrasts(fit.glmm, np.concatenate(rows), rng=rng, simulations=bootstrap.draws))
    return [_by_row(family, fit, list(islice(drawn, len(part)))) for family, part in zip(families, rows, strict=True)]


def _robustness_rows(
    families: Sequence[FactorFamily],
    planned: Sequence[Sequence[ContrastResult]],
    fit: GlmmOfFormula,
    *,
    table: CellTable,
    pooled: CellCounts,
) -> Iterator[dict[str, Any]]:
    """Yield every contrast as planned, with each unit left out, and by the models without random effects."""
    for family, results in zip(families, planned, strict=True):
        for i, (row, good) in enumerate(
            zip(family.grid.rows[:, fit.fixed.kept], estimable(family.grid.rows, fit.fixed), strict=True)
        ):
            if not good:
                continue
            weights = weights_of_cells(row, table.design)
            varied = {"as planned": results[i]}
            if len(table.units) > 2:
                varied |= {f"without {unit}": contrast_of_cells(row, table.without(unit)) for unit in table.units}
            varied |= {"quasi-likelihood": quasi_contrast(weights, pooled), "GEE": gee_contrast(weights, pooled)}
            for name, one in varied.items():
                numbers = {name: getattr(one, name) for name in (*TEST_COLUMNS, "n_units", "method", "reason")}
                yield family.label(i) | {"variation": name} | numbers

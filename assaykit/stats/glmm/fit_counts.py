"""`fit_count_table`: a tidy table of counts, its independent unit and a formula -> a count model's contrasts.

The formula is that of glmmTMB: `migrated ~ drug * stroma + offset(log(input))`, `cbind(dead, alive) ~ drug`. Without
random terms it gets those `fit_table` gives. p values and limits are bootstrapped, because Wald's z is wrong at lab n.
"""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pandas as pd

from assaykit.stats.glmm.bootstrap import bootstrap_contrasts
from assaykit.stats.glmm.formula import (
    GlmmOfFormula,
    factor_contrasts,
    fit_glmm_formula,
    interaction_contrasts,
    parts_of,
)
from assaykit.stats.lmm.design import Levels
from assaykit.stats.lmm.fit import TableFit, with_unit
from assaykit.stats.lmm.formula import parse_formula


def fit_count_table(
    frame: pd.DataFrame,
    formula: str,
    *,
    unit: str,
    family: str,
    trials: str = "",
    levels: Levels | None = None,
    draws: int = 499,
    seed: int = 1,
) -> TableFit:
    """Return the count model of a formula on a tidy table, with every contrast of its factors on the link scale.

    `family` is poisson, nbinom1, nbinom2, binomial or betabinomial; `trials` a column where the response is a count
    out of it. The same `seed` gives the same p values. Raises DesignError as the models do.
    """
    parsed = parse_formula(parts_of(formula).formula)
    added = with_unit(parsed, frame, unit).text.removeprefix(parsed.text)
    fit = fit_glmm_formula(frame, formula + added, family=family, trials=trials, levels=levels)
    names, rows = _asked(fit)
    tested = bootstrap_contrasts(fit.glmm, rows, names, rng=np.random.default_rng(seed), simulations=draws)
    table = pd.DataFrame([asdict(one) for one in tested]).drop(columns="df")
    count = len(fit.glmm.terms)
    components = pd.DataFrame({"group": fit.glmm.groups, "levels": fit.glmm.levels, "sd": fit.glmm.sds})
    tables = {
        "coefficients": table[:count].rename(columns={"name": "term"}),
        "components": components,
        "contrasts": table[count:].rename(columns={"name": "contrast"}).reset_index(drop=True),
    }
    summary = {
        "family": family,
        "units": int(frame[unit].nunique()),
        "rows": fit.glmm.observations,
        "rows left out": fit.dropped_rows,
        "dispersion": fit.glmm.dispersion,
        "log-likelihood": fit.glmm.loglik,
        "AIC": fit.glmm.aic,
    }
    return TableFit(formula + added, tables, summary, fit.glmm.findings)


def _asked(fit: GlmmOfFormula) -> tuple[tuple[str, ...], np.ndarray]:
    """Return the coefficients, then each factor's contrasts within the factors it interacts with, and interactions."""
    names, rows = list(fit.glmm.terms), list(np.eye(len(fit.glmm.terms)))
    factors = tuple(fit.fixed.levels)
    crossed = [term for term in fit.fixed.formula.fixed if len(term) == 2 and set(term) <= set(factors)]
    for factor in factors:
        partners = [other for term in crossed if factor in term for other in term if other != factor]
        for within in partners or [""]:
            asked = factor_contrasts(fit, factor, within=within)
            names += asked.names
            rows += list(asked.rows)
    for factor, across in crossed:
        asked = interaction_contrasts(fit, factor, across)
        names += asked.names
        rows += list(asked.rows)
    return tuple(names), np.array(rows)

"""Linear mixed models against lme4, lmerTest, pbkrtest and emmeans; tolerances from the references' README."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from assaykit.stats import anova, coefficients, factor_contrasts, fit_lmm, marginal_means
from assaykit.stats.units.simultaneous import max_abs_t_quantile, single_step, tukey

REFERENCE = Path(__file__).parents[1] / "reference"
METHODS = ("satterthwaite", "kenward_roger")
MACHINES = "score ~ Machine + (1|Worker) + (1|Worker:Machine)"
CASES = {
    "slope": ("01_sleepstudy", "01_sleepstudy.csv", "Reaction ~ Days + (Days | Subject)", True),
    "slope_ml": ("01_sleepstudy", "01_sleepstudy.csv", "Reaction ~ Days + (Days | Subject)", False),
    "day_factor": ("01_sleepstudy", "01_sleepstudy.csv", "Reaction ~ factor(Days) + (1 | Subject)", True),
    "balanced": ("02_machines", "02_machines.csv", MACHINES, True),
    "unbalanced": ("02_machines", "02_machines_unbalanced.csv", MACHINES, True),
}


def reference(case):
    return json.loads((REFERENCE / f"{case}.json").read_text())["models"]


def fitted(name):
    case, table, formula, reml = CASES[name]
    return fit_lmm(pd.read_csv(REFERENCE / table), formula, reml=reml), reference(case)[name]


def close(ours, theirs, rtol):
    np.testing.assert_allclose(np.asarray(ours, float), np.asarray(theirs, float), rtol=rtol)


@pytest.mark.parametrize("name", CASES)
def test_likelihood_criteria_and_variances_are_those_of_lme4(name):
    fit, expected = fitted(name)
    close([fit.log_likelihood, fit.aic, fit.bic], [expected["fit"][k] for k in ("loglik", "aic", "bic")], 1e-9)
    assert (fit.n, fit.singular, fit.converged) == (expected["fit"]["nobs"], False, True)
    for row in expected["vc"]:
        if row["group"] == "Residual":
            close(fit.sigma, row["sdcor"], 1e-5)
            continue
        mine = next(
            c
            for c in fit.components
            if c.group == row["group"] and {c.effect, c.other or None} == {row["var1"], row["var2"]}
        )
        close(mine.variance, row["vcov"], 1e-5)  # asked: 1e-4


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ["slope", "day_factor", "balanced", "unbalanced"])
def test_fixed_effects_errors_and_df_are_those_of_r(name, method):
    fit, expected = fitted(name)
    ours, theirs = coefficients(fit, method=method), pd.DataFrame(expected[f"fixed_{method}"])
    close(ours["estimate"], theirs["estimate"], 1e-8)
    close(ours["std_error"], theirs["se"], 1e-6)  # lme4 stops within 1e-6 of the optimum
    close(ours["df"], theirs["df"], 1e-5)  # lmerTest differentiates numerically
    close(ours["p_value"], theirs["p"], 1e-4)
    close(ours["conf_low"], theirs["lo"], 1e-6)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ["day_factor", "balanced", "unbalanced"])
def test_f_tests_are_those_of_lmertest_and_pbkrtest(name, method):
    fit, expected = fitted(name)
    ours, theirs = anova(fit, method=method).iloc[0], expected[f"anova_{method}"][0]
    assert ours["num_df"] == theirs["num_df"]
    close(ours[["den_df", "statistic", "p_value"]], [theirs[k] for k in ("den_df", "F", "p")], 1e-5)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ["balanced", "unbalanced"])
def test_marginal_means_and_contrasts_are_those_of_emmeans(name, method):
    fit, expected = fitted(name)
    means, theirs = marginal_means(fit, "Machine", method=method), pd.DataFrame(expected[f"emm_{method}"])
    close(means[["estimate", "std_error", "df"]], theirs[["emmean", "SE", "df"]], 1e-5)
    pairs = factor_contrasts(fit, "Machine", kind="pairwise", adjust="tukey", method=method)
    theirs = pd.DataFrame(expected[f"pairs_{method}"])
    assert pairs["contrast"].tolist() == theirs["contrast"].tolist()
    close(
        pairs[["estimate", "std_error", "p_value", "p_adjusted"]],
        theirs[["estimate", "se", "p", "p_tukey_emmeans"]],
        1e-4,
    )
    holm = factor_contrasts(fit, "Machine", kind="pairwise", adjust="holm", method=method)
    close(holm["p_adjusted"], theirs["p_holm"], 1e-4)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ["balanced", "unbalanced"])
def test_dunnett_in_a_mixed_model_takes_the_real_df(name, method):
    fit, expected = fitted(name)
    ours = factor_contrasts(fit, "Machine", adjust="dunnett", method=method)
    theirs = pd.DataFrame(expected[f"vs_A_{method}"])
    np.testing.assert_allclose(ours["p_adjusted"], theirs["p_mvt_exact"], atol=1e-7)  # asked: 1e-4
    close(ours[["simultaneous_low", "simultaneous_high"]], theirs[["lo_mvt_exact", "hi_mvt_exact"]], 1e-6)


def test_nine_dunnett_contrasts_agree_to_ten_digits():
    rows = pd.DataFrame(reference("01_sleepstudy")["day_factor"]["vs_day0_satterthwaite"])
    half = 0.5 + 0.5 * np.eye(9)
    np.testing.assert_allclose(single_step(rows["statistic"], rows["df"], half), rows["p_mvt_exact"], atol=1e-10)
    critical = max_abs_t_quantile(rows["df"][0], half)
    close(rows["estimate"] - critical * rows["se"], rows["lo_mvt_exact"], 1e-7)


def test_plant_growth_dunnett_and_tukey_are_those_of_multcomp_and_tukeyhsd():
    expected = reference("12_basic")
    dunnett = expected["dunnett_plantgrowth"]
    rows = pd.DataFrame(dunnett["fixed"])
    correlation = [[1.0, 0.5], [0.5, 1.0]]
    np.testing.assert_allclose(single_step(rows["statistic"], [27, 27], correlation), rows["p_exact"], atol=1e-9)
    close(max_abs_t_quantile(27, correlation), dunnett["critical_value"], 1e-6)
    weights = pd.read_csv(REFERENCE / "12_plantgrowth.csv").groupby("group")["weight"]
    error = np.sqrt(2 * weights.var().mean() / 10)
    differences = pd.DataFrame(expected["tukey_plantgrowth"])
    ours = tukey(differences["estimate"] / error, np.full(3, 27.0), 3)
    np.testing.assert_allclose(ours, differences["p"], atol=1e-8)  # asked: 1e-6


DYESTUFF = {
    "A": (1545, 1440, 1440, 1520, 1580),
    "B": (1540, 1555, 1490, 1560, 1495),
    "C": (1595, 1550, 1605, 1510, 1560),
    "D": (1445, 1440, 1595, 1465, 1545),
    "E": (1595, 1630, 1515, 1635, 1625),
    "F": (1520, 1455, 1450, 1480, 1445),
}


def test_dyestuff_agrees_with_the_published_fit():
    # Davies & Goldsmith 1972; Bates, lme4: Mixed-effects Modeling with R, 1.3: 42.001, 49.510, 319.6543 by REML.
    frame = pd.DataFrame([{"batch": b, "strength": y} for b, values in DYESTUFF.items() for y in values])
    fit = fit_lmm(frame, "strength ~ 1 + (1 | batch)")
    close([fit.components[0].sd_or_correlation, fit.sigma], [42.001, 49.510], 1e-4)
    close(-2 * fit.log_likelihood, 319.6543, 1e-6)
    close(coefficients(fit)["df"], [5.0], 1e-9)

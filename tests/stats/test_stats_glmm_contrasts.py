"""Formulas, contrasts and the bootstrap of count models; quasi-likelihood and GEE."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from assaykit.errors import DesignError
from assaykit.stats.glmm.bootstrap import bootstrap_contrasts, simulate, wald_contrasts
from assaykit.stats.glmm.formula import (
    cell_means,
    factor_contrasts,
    fit_glmm_formula,
    interaction_contrasts,
    parts_of,
)
from assaykit.stats.glmm.quasi import gee, quasi_likelihood

REFERENCE = Path(__file__).parents[1] / "reference"
R = json.loads((REFERENCE / "05_cbpp.json").read_text())["models"]
CBPP = pd.read_csv(REFERENCE / "05_cbpp.csv").astype({"period": str})
PERIODS = np.column_stack([np.ones(len(CBPP)), *(CBPP.period == period for period in "234")]).astype(float)
LEVELS = {"drug": ["vehicle", "imatinib"], "stroma": ["mono", "msc"]}
MIGRATION = "migrated ~ drug * stroma + offset(log(input)) + (1 | experiment / insert_pair)"


@pytest.fixture(scope="module")
def herds():
    return fit_glmm_formula(CBPP, "cbind(incidence, size - incidence) ~ period + (1 | herd)", family="binomial")


@pytest.fixture(scope="module")
def inserts():
    rng = np.random.default_rng(4)
    rows = [
        {"experiment": e, "drug": d, "stroma": s, "insert_pair": f"{d}{s}", "well": w}
        for e in "ABCDE"
        for d in LEVELS["drug"]
        for s in LEVELS["stroma"]
        for w in range(2)
    ]
    frame = pd.DataFrame(rows)
    unit = frame.experiment.map(dict(zip("ABCDE", rng.normal(0, 0.4, 5), strict=True)))
    effect = 0.8 * ((frame.drug == "imatinib") & (frame.stroma == "msc"))
    mean = 500 * np.exp(-2 + unit + effect)
    return frame.assign(input=500.0, migrated=rng.poisson(rng.gamma(20, mean / 20)).astype(float))


def test_contrasts_agree_with_emmeans_of_a_glmer(herds):
    asked = factor_contrasts(herds, "period")
    assert asked.names == ("2 - 1", "3 - 1", "4 - 1")
    for found, truth in zip(wald_contrasts(herds.glmm, *asked[1::-1]), R["glmer_laplace"]["vs_period1"], strict=True):
        assert (found.estimate, found.std_error) == pytest.approx((truth["estimate"], truth["se"]), rel=1e-5)
        assert found.p_value == pytest.approx(truth["p"], rel=1e-4)
        assert (found.conf_low, found.conf_high) == pytest.approx((truth["lo"], truth["hi"]), rel=1e-5)


def test_means_and_pairs_agree_with_emmeans_of_a_glmer(herds):
    means = cell_means(herds, ["period"])
    for found, truth in zip(wald_contrasts(herds.glmm, means.rows), R["glmer_laplace"]["emm_logit"], strict=True):
        assert (found.estimate, found.std_error) == pytest.approx((truth["emmean"], truth["SE"]), rel=1e-5)
    pairs = factor_contrasts(herds, "period", kind="pairwise")
    assert len(pairs.names) == 6


def test_trials_may_be_a_column_as_well_as_a_pair_of_counts(herds):
    other = fit_glmm_formula(CBPP, "incidence ~ period + (1 | herd)", family="binomial", trials="size")
    assert other.glmm.coefficients == pytest.approx(herds.glmm.coefficients)


def test_rows_with_a_missing_value_are_left_out_and_counted(herds):
    holed = CBPP.astype({"size": float})
    holed.loc[3, "size"] = np.nan
    fit = fit_glmm_formula(holed, "cbind(incidence, size - incidence) ~ period + (1 | herd)", family="binomial")
    assert fit.dropped_rows == 1
    assert fit.glmm.observations == len(CBPP) - 1


def test_an_interaction_is_the_difference_of_the_differences(inserts):
    fit = fit_glmm_formula(inserts, MIGRATION, family="nbinom2", levels=LEVELS)
    inside = factor_contrasts(fit, "drug", within="stroma")
    across = interaction_contrasts(fit, "drug", "stroma")
    assert inside.names == ("imatinib - vehicle | mono", "imatinib - vehicle | msc")
    assert across.names == ("(imatinib - vehicle) msc - mono",)
    assert across.rows[0] == pytest.approx(inside.rows[1] - inside.rows[0])


def test_a_nested_grouping_is_two_random_intercepts(inserts):
    fit = fit_glmm_formula(inserts, MIGRATION, family="nbinom2", levels=LEVELS).glmm
    assert set(fit.groups) == {"experiment", "experiment:insert_pair"}


def test_an_arm_that_is_missing_makes_its_contrast_missing_and_keeps_the_others(inserts):
    holed = inserts[~((inserts.drug == "imatinib") & (inserts.stroma == "msc"))]
    fit = fit_glmm_formula(holed, MIGRATION, family="nbinom2", levels=LEVELS)
    asked = factor_contrasts(fit, "drug", within="stroma")
    assert asked.names == ("imatinib - vehicle | mono",)
    assert asked.missing == ("imatinib - vehicle | msc",)


def test_the_bootstrap_repeats_with_its_seed_and_is_wider_than_wald(inserts):
    fit = fit_glmm_formula(inserts, MIGRATION, family="nbinom2", levels=LEVELS)
    asked = interaction_contrasts(fit, "drug", "stroma")
    once, again = (
        bootstrap_contrasts(fit.glmm, asked.rows, asked.names, rng=np.random.default_rng(1), simulations=99)
        for _ in range(2)
    )
    assert (once[0].p_value, once[0].conf_low) == (again[0].p_value, again[0].conf_low)
    wald = wald_contrasts(fit.glmm, asked.rows, asked.names)[0]
    assert once[0].conf_high - once[0].conf_low > wald.conf_high - wald.conf_low
    assert once[0].estimate == wald.estimate


def test_simulated_counts_have_the_mean_of_the_fit(inserts):
    fit = fit_glmm_formula(inserts, MIGRATION, family="nbinom2", levels=LEVELS).glmm
    rng = np.random.default_rng(2)
    drawn = np.mean([simulate(fit, rng) for _ in range(800)], axis=0)
    eta = fit.model.X @ fit.coefficients + fit.model.offset
    expected = np.exp(eta + sum(sd**2 for sd in fit.sds) / 2)
    assert drawn == pytest.approx(expected, rel=0.1)  # 800 draws of a count that varies by half


def test_offsets_and_pairs_of_counts_are_taken_out_of_a_formula():
    assert parts_of("y ~ offset(log(n)) + (1 | g)") == ("y ~ (1 | g)", "", "log(n)")
    assert parts_of("cbind(a, b) ~ offset(z)") == ("a ~ 1", "b", "z")


@pytest.mark.parametrize(
    "formula", ["cbind(a, b, c) ~ x + (1 | g)", "migrated ~ drug + (drug | experiment)", "migrated ~ nowhere"]
)
def test_formulas_that_counts_cannot_answer_are_refused(inserts, formula):
    with pytest.raises(DesignError, match="must"):
        fit_glmm_formula(inserts, formula, family="nbinom2")


def test_quasi_likelihood_agrees_with_r_where_statsmodels_two_columns_do_not():
    found, truth = quasi_likelihood(CBPP.incidence, PERIODS, trials=CBPP["size"]), R["quasibinomial"]
    assert found.coefficients == pytest.approx([row["estimate"] for row in truth["fixed"]], rel=1e-8)
    assert found.std_errors == pytest.approx([row["se"] for row in truth["fixed"]], rel=1e-5)  # R's glm stops at 1e-8
    assert (found.dispersion, found.deviance) == pytest.approx((truth["dispersion"], truth["deviance"]), rel=1e-5)
    assert found.p_values == pytest.approx([row["p"] for row in truth["fixed"]], rel=1e-4)


def test_gee_agrees_with_geepack_and_knows_the_trials():
    found, truth = gee(CBPP.incidence, PERIODS, CBPP.herd, trials=CBPP["size"]), R["gee_exchangeable"]
    # geepack stops at a step of 1e-4, so its numbers hold to about 1e-6
    assert found.coefficients == pytest.approx([row["estimate"] for row in truth["fixed"]], rel=1e-5)
    assert found.std_errors == pytest.approx([row["se"] for row in truth["fixed"]], rel=1e-5)
    assert (found.scale, found.correlation) == pytest.approx((truth["scale"], truth["alpha"]), rel=1e-4)


def test_gee_of_few_units_is_corrected_upwards_and_says_so():
    found = gee(CBPP.incidence, PERIODS, CBPP.herd, trials=CBPP["size"])
    assert (found.corrected_errors > found.std_errors).all()
    assert found.findings[0].check == "gee_few_units"


def test_independent_gee_has_the_coefficients_of_quasi_likelihood():
    found = gee(CBPP.incidence, PERIODS, CBPP.herd, trials=CBPP["size"], working="independence")
    quasi = quasi_likelihood(CBPP.incidence, PERIODS, trials=CBPP["size"])
    assert found.coefficients == pytest.approx(quasi.coefficients, rel=1e-8)

"""Formulas, contrasts and the bootstrap of count models; separation; quasi-likelihood and GEE."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from assaykit.errors import DesignError
from assaykit.stats.glmm import bootstrap_contrasts, fit_glmm, fit_glmm_formula, wald_contrasts
from assaykit.stats.glmm.bootstrap import draw_counts
from assaykit.stats.glmm.formula import parts_of
from assaykit.stats.glmm.laplace import Likelihood
from assaykit.stats.glmm.marginal import CellCounts, gee_contrast, quasi_contrast
from assaykit.stats.glmm.separation import penalised, unbounded_contrasts
from assaykit.stats.lmm.grid import contrast_rows, estimable, interaction_rows, mean_rows

REFERENCE = Path(__file__).parents[1] / "reference"
R = json.loads((REFERENCE / "05_cbpp.json").read_text())["models"]
CBPP = pd.read_csv(REFERENCE / "05_cbpp.csv").astype({"period": str})
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


def wald_of(fit, grid):
    return wald_contrasts(fit.glmm, grid.rows[:, fit.fixed.kept])


def test_contrasts_agree_with_emmeans_of_a_glmer(herds):
    grid = contrast_rows(herds.fixed, "period")
    assert [label["contrast"] for label in grid.labels] == ["2 - 1", "3 - 1", "4 - 1"]
    for found, truth in zip(wald_of(herds, grid), R["glmer_laplace"]["vs_period1"], strict=True):
        assert (found.estimate, found.std_error) == pytest.approx((truth["estimate"], truth["se"]), rel=1e-5)
        assert found.p_value == pytest.approx(truth["p"], rel=1e-4)
        assert (found.conf_low, found.conf_high) == pytest.approx((truth["lo"], truth["hi"]), rel=1e-5)


def test_means_and_pairs_agree_with_emmeans_of_a_glmer(herds):
    for found, truth in zip(
        wald_of(herds, mean_rows(herds.fixed, ["period"])), R["glmer_laplace"]["emm_logit"], strict=True
    ):
        assert (found.estimate, found.std_error) == pytest.approx((truth["emmean"], truth["SE"]), rel=1e-5)
    assert len(contrast_rows(herds.fixed, "period", kind="pairwise").labels) == 6


def test_trials_may_be_a_column_as_well_as_a_pair_of_counts(herds):
    other = fit_glmm_formula(CBPP, "incidence ~ period + (1 | herd)", family="binomial", trials="size")
    assert other.glmm.coefficients == pytest.approx(herds.glmm.coefficients)


def test_rows_with_a_missing_value_are_left_out_and_counted(herds):
    holed = CBPP.astype({"size": float})
    holed.loc[3, "size"] = np.nan
    fit = fit_glmm_formula(holed, "cbind(incidence, size - incidence) ~ period + (1 | herd)", family="binomial")
    assert (~fit.complete).sum() == 1
    assert fit.glmm.observations == len(CBPP) - 1


def test_an_interaction_is_the_difference_of_the_differences(inserts):
    fixed = fit_glmm_formula(inserts, MIGRATION, family="nbinom2", levels=LEVELS).fixed
    inside = contrast_rows(fixed, "drug", within="stroma")
    across = interaction_rows(fixed, "drug", "stroma")
    assert [(label["contrast"], label["stroma"]) for label in inside.labels] == [
        ("imatinib - vehicle", "mono"),
        ("imatinib - vehicle", "msc"),
    ]
    assert across.labels == ({"contrast": "imatinib - vehicle", "stroma": "msc - mono"},)
    assert across.rows[0] == pytest.approx(inside.rows[1] - inside.rows[0])


def test_a_nested_grouping_is_two_random_intercepts(inserts):
    fit = fit_glmm_formula(inserts, MIGRATION, family="nbinom2", levels=LEVELS).glmm
    assert set(fit.groups) == {"experiment", "experiment:insert_pair"}


def test_an_arm_that_is_missing_makes_its_contrast_missing_and_keeps_the_others(inserts):
    holed = inserts[~((inserts.drug == "imatinib") & (inserts.stroma == "msc"))]
    fixed = fit_glmm_formula(holed, MIGRATION, family="nbinom2", levels=LEVELS).fixed
    grid = contrast_rows(fixed, "drug", within="stroma")
    assert estimable(grid.rows, fixed).tolist() == [True, False]
    assert [label["stroma"] for label in grid.labels] == ["mono", "msc"]


def test_the_bootstrap_repeats_with_its_seed_and_is_wider_than_wald(inserts):
    fit = fit_glmm_formula(inserts, MIGRATION, family="nbinom2", levels=LEVELS)
    rows = interaction_rows(fit.fixed, "drug", "stroma").rows
    once, again = (bootstrap_contrasts(fit.glmm, rows, rng=np.random.default_rng(1), simulations=99) for _ in range(2))
    assert (once[0].p_value, once[0].conf_low) == (again[0].p_value, again[0].conf_low)
    wald = wald_contrasts(fit.glmm, rows)[0]
    assert once[0].conf_high - once[0].conf_low > wald.conf_high - wald.conf_low
    assert once[0].estimate == wald.estimate


ARMS = np.repeat(np.eye(2), 3, axis=0)
UNITS = {"unit": np.array(["A", "B", "C"] * 2)}
DRUG = np.array([[-1.0, 1.0]])


@pytest.mark.parametrize(
    ("counts", "expected"),
    [([1, 0, 1, 0, 0, 0], (2, 0)), ([20, 19, 20, 20, 20, 20], (59, 60)), ([0, 0, 0, 20, 20, 20], (0, 60))],
)
def test_where_arms_are_all_there_is_the_penalised_estimate_adds_a_half_to_each_side(counts, expected):
    fit = fit_glmm(counts, ARMS, UNITS, family="binomial", trials=np.full(6, 20.0))
    # Firth 1993: Jeffreys' prior of a saturated logistic model is half an event and half a non-event per arm
    logits = [np.log((events + 0.5) / (60 - events + 0.5)) for events in expected]
    assert fit.coefficients == pytest.approx(logits, abs=1e-6)
    assert "glmm_separation" in {finding.check for finding in fit.findings}


def test_the_penalised_rate_of_an_arm_without_events_is_half_an_event():
    fit = fit_glmm([2, 1, 3, 0, 0, 0], ARMS, UNITS, family="poisson", offset=np.log(np.full(6, 50.0)))
    assert np.exp(fit.coefficients) == pytest.approx([6.5 / 150, 0.5 / 150], rel=1e-6)
    found = wald_contrasts(fit, DRUG)[0]
    assert found.method == "Wald z of the mixed model, penalised"
    assert 0.05 < found.p_value < 0.5


def test_an_arm_of_zeros_has_no_bootstrap_and_other_contrasts_keep_theirs():
    counts = [5, 8, 6, 9, 12, 10, 0, 0, 0]
    X, units = np.repeat(np.eye(3), 3, axis=0), {"unit": np.array(["A", "B", "C"] * 3)}
    fit = fit_glmm(counts, X, units, family="binomial", trials=np.full(9, 40.0))
    rows = np.array([[-1.0, 1.0, 0.0], [-1.0, 0.0, 1.0]])
    assert unbounded_contrasts(fit.model, rows).tolist() == [False, True]
    kept, edge = bootstrap_contrasts(fit, rows, rng=np.random.default_rng(1), simulations=99)
    assert 0 < kept.p_value < 1
    assert np.isnan([edge.p_value, edge.conf_low, edge.conf_high]).all()
    assert "only zeros" in edge.reason


def test_draws_that_empty_an_arm_count_as_beyond_any_t():
    # one event in the second arm: a third of the draws have none, so that no limit of 95 % exists
    fit = fit_glmm([4, 3, 5, 1, 0, 0], ARMS, UNITS, family="binomial", trials=np.full(6, 20.0))
    found = bootstrap_contrasts(fit, DRUG, rng=np.random.default_rng(3), simulations=99)[0]
    assert found.p_value > 0.2
    assert (found.conf_low, found.conf_high) == (-np.inf, np.inf)


def test_separation_along_a_covariate_is_found_where_no_arm_is_empty_by_itself():
    dose = np.arange(6.0)
    X, units = np.column_stack([np.ones(6), dose]), {"unit": np.array(["A", "B"] * 3)}
    fit = fit_glmm([0, 0, 0, 9, 9, 9], X, units, family="binomial", trials=np.full(6, 9.0))
    assert np.abs(fit.coefficients).max() < 20
    assert unbounded_contrasts(fit.model, np.eye(2)).tolist() == [True, True]
    overlapping = fit_glmm([0, 0, 2, 7, 9, 9], X, units, family="binomial", trials=np.full(6, 9.0))
    assert not unbounded_contrasts(overlapping.model, np.eye(2)).any()


@pytest.mark.parametrize(("family", "trials"), [("binomial", np.full(6, 20.0)), ("nbinom2", None)])
def test_the_penalty_s_gradient_is_that_of_its_value(family, trials):
    model = fit_glmm([3, 5, 2, 1, 4, 2], ARMS, UNITS, family=family, trials=trials).model
    beta, step = np.array([-1.2, 0.4]), 1e-6
    plain = Likelihood(0.0, np.zeros(4), None)
    slopes = [
        (penalised(model, plain, beta + s).loglik - penalised(model, plain, beta - s).loglik) / (2 * step)
        for s in step * np.eye(2)
    ]
    assert penalised(model, plain, beta).gradient[:2] == pytest.approx(slopes, rel=1e-6)  # of a central difference


def test_simulated_counts_have_the_mean_of_the_fit(inserts):
    fit = fit_glmm_formula(inserts, MIGRATION, family="nbinom2", levels=LEVELS).glmm
    rng = np.random.default_rng(2)
    drawn = np.mean([draw_counts(fit, rng) for _ in range(800)], axis=0)
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


HERDS = CBPP.pivot_table(index="herd", columns="period", values=["incidence", "size"], aggfunc="sum")
SECOND_AGAINST_FIRST = np.array([-1.0, 1.0, 0.0, 0.0])


def test_quasi_likelihood_agrees_with_r():
    # R's model has no blocks and all four periods: one row per "unit" and the four cells in the contrast's selection
    rows = CBPP.reset_index()
    cells = [
        np.where(rows.period == period, rows[name].astype(float), np.nan)
        for name in ("incidence", "size")
        for period in "1234"
    ]
    pooled = CellCounts(np.column_stack(cells[:4]), np.column_stack(cells[4:]), logit=True)
    tiny = 1e-8  # keeps the other periods in the selection, whose dispersion R shares
    found, truth = quasi_contrast(SECOND_AGAINST_FIRST + tiny * np.array([0, 0, 1, 1]), pooled), R["quasibinomial"]
    second = truth["fixed"][1]
    assert (found.estimate, found.std_error) == pytest.approx((second["estimate"], second["se"]), rel=1e-5)  # glm: 1e-8
    assert found.p_value == pytest.approx(second["p"], rel=1e-4)


def test_estimating_equations_have_the_coefficients_of_the_independent_model_and_its_sandwich():
    pooled = CellCounts(*(HERDS[name].to_numpy(float) for name in ("incidence", "size")), logit=True)
    found = gee_contrast(SECOND_AGAINST_FIRST, pooled)
    counts, sizes = (pooled.counts[:, :2], pooled.wholes[:, :2])
    share = np.nansum(counts, axis=0) / np.nansum(sizes, axis=0)
    assert found.estimate == pytest.approx(np.subtract(*np.log(share / (1 - share))[::-1]))
    # by hand: score of each herd and period over the information, summed over herds in squares (Liang & Zeger 1986)
    scores = np.nan_to_num((counts - sizes * share) / (np.nansum(sizes, axis=0) * share * (1 - share)))
    assert found.std_error == pytest.approx(np.sqrt(np.sum((scores[:, 1] - scores[:, 0]) ** 2)))
    assert found.df == 14  # 15 herds


@pytest.mark.parametrize("model", [quasi_contrast, gee_contrast])
def test_no_model_without_random_effects_bounds_an_arm_of_zeros(model):
    pooled = CellCounts(np.array([[3.0, 0.0], [2.0, 0.0], [4.0, 0.0]]), np.full((3, 2), 20.0), logit=True)
    found = model(np.array([-1.0, 1.0]), pooled)
    assert np.isnan(found.p_value)
    assert "only zeros" in found.reason

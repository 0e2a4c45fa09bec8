"""Laws of linear mixed models: derivatives, dense algebra, balance, scale, order, zero variances."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from assaykit.errors import DesignError
from assaykit.stats import coefficients, factor_contrasts, fit_lmm
from assaykit.stats.lmm.blocks import cross_products
from assaykit.stats.lmm.ddf import inference
from assaykit.stats.lmm.design import design_from_frame
from assaykit.stats.lmm.diagnostics import conditional_residuals, random_effects
from assaykit.stats.lmm.model import fit_design
from assaykit.stats.lmm.reml import Parameters, deviance

SEEDS = st.integers(0, 10_000)


def crossed(seed, rows=60):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "donor": rng.choice(list("ABCDE"), rows),
            "plate": rng.choice(list("pqrs"), rows),
            "drug": rng.choice(["vehicle", "imatinib", "dasatinib"], rows),
            "dose": rng.normal(size=rows),
            "w": rng.uniform(0.5, 2.0, rows),
        }
    )
    donor = dict(zip("ABCDE", rng.normal(size=5), strict=True))
    plate = dict(zip("pqrs", rng.normal(size=4), strict=True))
    frame["y"] = 3 + frame["donor"].map(donor) + 0.7 * frame["plate"].map(plate) + 0.5 * rng.normal(size=rows)
    return frame


FORMULAS = {
    "one intercept": "y ~ drug + (1 | donor)",
    "nested": "y ~ drug + (1 | donor / plate)",
    "crossed": "y ~ drug + dose + (1 | donor) + (1 | plate)",
    "slope": "y ~ drug + dose + (dose | donor)",
    "uncorrelated slope": "y ~ drug + dose + (dose || donor)",
    "slope and crossed": "y ~ drug + (1 + dose | donor) + (1 | plate)",
}


def dense(design, theta, sigma, *, reml=True):
    """Return V, and minus twice the log-likelihood, written out."""
    n = len(design.y)
    parameters = Parameters(tuple(term.columns.shape[1] for term in design.random))
    V = np.diag(1.0 / (design.weights if design.weights is not None else np.ones(n)))
    for term, T in zip(design.random, parameters.factors(theta), strict=True):
        same = term.codes[:, None] == term.codes[None, :]
        V = V + same * (term.columns @ T @ T.T @ term.columns.T)
    V = sigma**2 * V
    inverse = np.linalg.inv(V)
    X, y = design.X, design.y
    information = X.T @ inverse @ X
    beta = np.linalg.solve(information, X.T @ inverse @ y)
    rest = y - X @ beta
    value = np.linalg.slogdet(V)[1] + rest @ inverse @ rest
    value += np.linalg.slogdet(information)[1] + (n - X.shape[1]) * np.log(2 * np.pi) if reml else n * np.log(2 * np.pi)
    return V, value


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("formula", FORMULAS.values(), ids=FORMULAS)
def test_derivatives_are_those_of_the_deviance(formula, reml):
    design = design_from_frame(crossed(3), formula)
    data = cross_products(design.y, np.linalg.qr(design.X)[0], design.random)
    parameters = Parameters(data.effects)
    theta = np.linspace(0.4, 0.9, len(parameters.entries))
    at = deviance(theta, data, parameters, reml=reml)
    step = 1e-5
    for i, direction in enumerate(np.eye(len(theta)) * step):
        up = deviance(theta + direction, data, parameters, reml=reml)
        down = deviance(theta - direction, data, parameters, reml=reml)
        assert (up.value - down.value) / (2 * step) == pytest.approx(at.gradient[i], rel=1e-6, abs=1e-6)
        np.testing.assert_allclose((up.gradient - down.gradient) / (2 * step), at.hessian[i], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("weights", [None, "w"])
@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("formula", FORMULAS.values(), ids=FORMULAS)
def test_the_likelihood_is_that_of_the_dense_covariance_and_no_other_theta_is_better(formula, reml, weights):
    design = design_from_frame(crossed(4), formula, weights=weights)
    fit = fit_design(design, reml=reml)
    theta = fit.optimum.solved.theta
    _, best = dense(design, theta, fit.sigma, reml=reml)
    assert -2 * fit.log_likelihood == pytest.approx(best, rel=1e-10)
    rng = np.random.default_rng(1)
    for size in (1e-3, 0.1, 1.0):
        for _ in range(5):
            moved = theta + size * rng.normal(size=len(theta))
            assert dense(design, moved, fit.sigma * np.exp(0.1 * size * rng.normal()), reml=reml)[1] >= best - 1e-8


@pytest.mark.parametrize("formula", FORMULAS.values(), ids=FORMULAS)
def test_kenward_roger_is_that_of_the_dense_matrices(formula):
    design = design_from_frame(crossed(5), formula)
    fit = fit_design(design)
    V, _ = dense(design, fit.optimum.solved.theta, fit.sigma)
    P, X = np.linalg.inv(V), design.X
    G = [np.eye(len(X))]
    for t, i, j in fit.optimum.parameters.entries:
        term = design.random[t]
        same = term.codes[:, None] == term.codes[None, :]
        outer = np.outer(term.columns[:, i], term.columns[:, j])
        G.append(same * (outer if i == j else outer + outer.T))
    Phi = np.linalg.inv(X.T @ P @ X)
    A = [X.T @ P @ g @ P @ X for g in G]
    Q = [[X.T @ P @ g @ P @ h @ P @ X for h in G] for g in G]
    information = np.array(
        [
            [
                np.trace(P @ G[r] @ P @ G[s]) - 2 * np.trace(Phi @ Q[r][s]) + np.trace(Phi @ A[r] @ Phi @ A[s])
                for s in range(len(G))
            ]
            for r in range(len(G))
        ]
    )
    W = 2 * np.linalg.inv(information)
    U = sum(W[r, s] * (Q[r][s] - A[r] @ Phi @ A[s]) for r in range(len(G)) for s in range(len(G)))
    np.testing.assert_allclose(inference(fit, "kenward_roger").vcov, Phi + 2 * Phi @ U @ Phi, rtol=1e-6, atol=1e-12)


@given(SEEDS)
@settings(max_examples=30, deadline=None)
def test_the_mixed_model_of_two_balanced_arms_is_the_paired_t(seed):
    rng = np.random.default_rng(seed)
    n = rng.integers(3, 8)
    vehicle = rng.normal(7, 1, n)  # units differ more than arms within them: the correlation is positive
    drug = vehicle + rng.normal(0.5, 0.3, n)
    frame = pd.DataFrame({"y": [*vehicle, *drug], "arm": ["a"] * n + ["b"] * n, "unit": [*range(n)] * 2})
    expected = stats.ttest_rel(drug, vehicle)
    fit = fit_lmm(frame, "y ~ arm + (1 | unit)")
    assume(not fit.singular)
    for method in ("satterthwaite", "kenward_roger"):
        ours = coefficients(fit, method=method).iloc[1]
        assert ours["statistic"] == pytest.approx(expected.statistic, rel=1e-8)
        assert ours["df"] == pytest.approx(n - 1, rel=1e-8)
        assert ours["p_value"] == pytest.approx(expected.pvalue, rel=1e-7)


@given(SEEDS, st.floats(1e-3, 1e3), st.floats(-1e3, 1e3))
@settings(max_examples=20, deadline=None)
def test_units_of_measurement_do_not_matter(seed, scale, shift):
    frame = crossed(seed)
    plain = coefficients(fit_lmm(frame, "y ~ drug + (1 | donor) + (1 | plate)"), method="kenward_roger")
    moved = coefficients(
        fit_lmm(frame.assign(y=frame["y"] * scale + shift), "y ~ drug + (1 | donor) + (1 | plate)"),
        method="kenward_roger",
    )
    # Shifting by 1,000 costs three digits of the response; the estimate keeps the rest.
    tolerance = 1e-6 * (1 + abs(shift) / scale)
    np.testing.assert_allclose(moved["estimate"][1:] / scale, plain["estimate"][1:], rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(moved["df"][1:], plain["df"][1:], rtol=1e-4)


@given(SEEDS)
@settings(max_examples=15, deadline=None)
def test_the_order_of_rows_and_the_names_of_units_do_not_matter(seed):
    frame = crossed(seed)
    shuffled = frame.sample(frac=1.0, random_state=seed % 97)
    renamed = shuffled.assign(donor=shuffled["donor"].map(dict(zip("ABCDE", "zyxwv", strict=True))))
    for other in (shuffled, renamed):
        a, b = (coefficients(fit_lmm(f, "y ~ drug + (1 | donor / plate)")) for f in (frame, other))
        np.testing.assert_allclose(a[["estimate", "std_error"]], b[["estimate", "std_error"]], rtol=1e-6)


@given(SEEDS)
@settings(max_examples=15, deadline=None)
def test_turning_a_contrast_about_turns_its_sign_and_nothing_else(seed):
    frame = crossed(seed)
    orders = ({"drug": ["vehicle", "imatinib", "dasatinib"]}, {"drug": ["imatinib", "vehicle", "dasatinib"]})
    a, b = (factor_contrasts(fit_lmm(frame, "y ~ drug + (1 | donor)", levels=order), "drug") for order in orders)
    there, back = a.set_index("contrast").loc["imatinib - vehicle"], b.set_index("contrast").loc["vehicle - imatinib"]
    assert there["estimate"] == pytest.approx(-back["estimate"], rel=1e-7)
    assert there["conf_low"] == pytest.approx(-back["conf_high"], rel=1e-7)
    assert there["p_value"] == pytest.approx(back["p_value"], rel=1e-6)


def test_a_variance_of_zero_is_an_answer_with_a_finding():
    rng = np.random.default_rng(2)
    y = rng.normal(size=(6, 5))
    y -= y.mean(axis=1, keepdims=True)  # no unit differs from another
    frame = pd.DataFrame({"y": y.ravel(), "unit": np.repeat(list("abcdef"), 5)})
    fit = fit_lmm(frame, "y ~ 1 + (1 | unit)")
    assert fit.singular
    assert fit.components[0].variance == 0.0
    assert [finding.check for finding in fit.findings] == ["singular_fit"]
    assert coefficients(fit)["df"][0] == pytest.approx(29)
    assert fit.sigma == pytest.approx(np.std(frame["y"], ddof=1))


def test_statsmodels_agrees_where_it_converges():
    import statsmodels.formula.api as smf

    frame = crossed(11)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of its own convergence
        theirs = smf.mixedlm("y ~ drug", frame, groups="donor").fit(reml=True)
    ours = fit_lmm(frame, "y ~ drug + (1 | donor)")
    assert ours.log_likelihood >= theirs.llf - 1e-6
    np.testing.assert_allclose(ours.beta, theirs.fe_params, rtol=1e-4)  # it stops at 5e-5


def test_predicted_effects_and_residuals_add_up_to_the_response():
    design = design_from_frame(crossed(6), "y ~ drug + (1 + dose | donor) + (1 | plate)")
    fit = fit_design(design)
    V, _ = dense(design, fit.optimum.solved.theta, 1.0)
    rest = design.y - design.X @ fit.beta
    np.testing.assert_allclose(conditional_residuals(fit, design) * fit.sigma, np.linalg.solve(V, rest), atol=1e-8)
    assert [effects.shape for effects in random_effects(fit, design)] == [(5, 2), (4, 1)]


@pytest.mark.parametrize(
    ("formula", "says"),
    [
        ("y ~ drug", "random term"),
        ("y ~ drug + (1 | row)", "fewer effects than there are rows"),
        ("y ~ drug + (1 | nobody)", "column"),
        ("y ~ ", "response ~ terms"),
        ("drug ~ 1 + (1 | donor)", "numbers"),
        ("y ~ drug + (1 | one)", "at least 2 levels"),
    ],
)
def test_a_model_the_table_cannot_answer_is_refused_in_words(formula, says):
    frame = crossed(1).assign(row=lambda f: range(len(f)), one="x")
    with pytest.raises(DesignError, match=says):
        fit_lmm(frame, formula)

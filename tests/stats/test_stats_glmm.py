"""Count and proportion mixed models against lme4 and glmmTMB (05_cbpp), statsmodels, and brute force."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaykit.errors import DesignError
from assaykit.stats.glmm.family import FAMILIES, response
from assaykit.stats.glmm.laplace import CountModel, laplace, parameters_of
from assaykit.stats.glmm.model import fit_glmm
from assaykit.stats.glmm.quadrature import quadrature
from assaykit.stats.glmm.random import random_intercepts

REFERENCE = Path(__file__).parents[1] / "reference"
R = json.loads((REFERENCE / "05_cbpp.json").read_text())["models"]
CBPP = pd.read_csv(REFERENCE / "05_cbpp.csv")
PERIODS = np.column_stack([np.ones(len(CBPP)), *(CBPP.period == period for period in (2, 3, 4))]).astype(float)
HERD = {"herd": CBPP.herd}
OLRE = {"herd": CBPP.herd, "obs": np.arange(len(CBPP))}
CASES = [
    ("glmer_laplace", "binomial", HERD, 1),
    ("glmer_agq25", "binomial", HERD, 25),
    ("glmer_olre", "binomial", OLRE, 1),
    ("glmmTMB_binomial", "binomial", HERD, 1),
    ("glmmTMB_betabinomial", "betabinomial", HERD, 1),
    ("betabinomial_no_re", "betabinomial", {}, 1),
]


def cbpp(family="binomial", groups=HERD, **options):
    return fit_glmm(CBPP.incidence, PERIODS, groups, family=family, trials=CBPP["size"], **options)


@pytest.fixture(scope="module")
def migration():
    """4 experiments x 2 plates x 2 arms x 2 inserts, of 400 cells."""
    rng = np.random.default_rng(7)
    experiment = np.repeat(np.arange(4), 8)
    plate = np.repeat(np.arange(8), 4)
    arm = np.tile([0.0, 0.0, 1.0, 1.0], 8)
    mean = 400 * np.exp(-2 + 0.7 * arm + rng.normal(0, 0.4, 4)[experiment] + rng.normal(0, 0.2, 8)[plate])
    counts = rng.poisson(rng.gamma(15, mean / 15)).astype(float)
    return counts, np.column_stack([np.ones(32), arm]), {"experiment": experiment, "plate": plate}


@pytest.mark.parametrize(("name", "family", "groups", "nodes"), CASES)
def test_fits_agree_with_lme4_and_glmmtmb(name, family, groups, nodes):
    fit, truth = cbpp(family, groups, nodes=nodes), R[name]
    assert fit.converged
    assert fit.coefficients == pytest.approx([row["estimate"] for row in truth["fixed"]], rel=1e-5)
    assert fit.std_errors == pytest.approx([row["se"] for row in truth["fixed"]], rel=1e-5)
    if "phi" in truth:
        assert fit.dispersion == pytest.approx(truth["phi"], rel=1e-5)
    if nodes == 1:
        assert (fit.loglik, fit.aic, fit.bic) == pytest.approx([truth["fit"][k] for k in ("loglik", "aic", "bic")])
    else:  # lme4 leaves the saturated model out of the log likelihood where it integrates
        assert fit.loglik - fit.saturated_loglik == pytest.approx(truth["fit"]["loglik"], rel=1e-8)


@pytest.mark.parametrize("name", ["glmer_laplace", "glmer_agq25", "glmer_olre"])
def test_variances_agree_with_lme4(name):
    groups, nodes = next((groups, nodes) for case, _, groups, nodes in CASES if case == name)
    fit = cbpp("binomial", groups, nodes=nodes)
    truth = {row["group"]: row["sdcor"] for row in R[name]["vc"]}
    assert dict(zip(fit.groups, fit.sds, strict=True)) == pytest.approx(truth, rel=1e-4)


def test_a_variance_of_zero_is_an_answer_with_a_finding():
    fit = cbpp("betabinomial")
    assert fit.singular
    assert fit.converged
    assert fit.sds == (0.0,)
    assert "glmm_singular" in {finding.check for finding in fit.findings}


def test_few_units_are_a_finding_on_every_wald_answer(migration):
    counts, X, groups = migration
    fit = fit_glmm(counts, X, groups, family="nbinom2", offset=np.log(400))
    assert "glmm_few_units" in {finding.check for finding in fit.findings}


@pytest.mark.parametrize(("family", "nb"), [("nbinom1", "nb1"), ("nbinom2", "nb2")])
def test_without_random_effects_negative_binomials_agree_with_statsmodels(migration, family, nb):
    import statsmodels.api as sm

    counts, X, _ = migration
    truth = sm.NegativeBinomial(counts, X, loglike_method=nb, offset=np.full(32, np.log(400.0)))
    truth = truth.fit(disp=0, method="newton", maxiter=200, tol=1e-12)
    fit = fit_glmm(counts, X, {}, family=family, offset=np.log(400.0))
    alpha = fit.dispersion if family == "nbinom1" else 1 / fit.dispersion
    assert fit.loglik == pytest.approx(truth.llf, rel=1e-9)
    assert [*fit.coefficients, alpha] == pytest.approx(truth.params, rel=1e-5)
    assert fit.std_errors == pytest.approx(truth.bse[:2], rel=1e-4)


def test_without_random_effects_poisson_and_binomial_agree_with_statsmodels(migration):
    import statsmodels.api as sm

    counts, X, _ = migration
    poisson = sm.GLM(counts, X, family=sm.families.Poisson()).fit(tol=1e-14)
    fit = fit_glmm(counts, X, {}, family="poisson")
    assert fit.coefficients == pytest.approx(poisson.params, rel=1e-8)
    assert fit.std_errors == pytest.approx(poisson.bse, rel=1e-8)
    pair = np.column_stack([CBPP.incidence, CBPP["size"] - CBPP.incidence])
    binomial = sm.GLM(pair, PERIODS, family=sm.families.Binomial()).fit(tol=1e-14)
    assert cbpp("binomial", {}).std_errors == pytest.approx(binomial.bse, rel=1e-7)


def _model(family, groups, rng):
    n = 24
    trials = np.full(n, 20.0) if FAMILIES[family].link == "logit" else np.ones(n)
    counts = rng.integers(0, 15, n).astype(float)
    X = np.column_stack([np.ones(n), rng.normal(size=n)])
    data = response(counts, trials, FAMILIES[family].link)
    return CountModel(data, X, np.full(n, 0.2), random_intercepts(groups, n), FAMILIES[family])


def _slope(function, psi):
    """Return the numerical gradient, four points, error of order 1e-12."""
    h, slopes = 1e-3, []
    for index in range(psi.size):
        shift = np.zeros_like(psi)
        shift[index] = h
        low, high = function(psi - shift), function(psi + shift)
        slopes.append((8 * (high - low) - (function(psi + 2 * shift) - function(psi - 2 * shift))) / (12 * h))
    return np.array(slopes)


NESTED = {"experiment": np.repeat(np.arange(3), 8), "plate": np.repeat(np.arange(6), 4)}
CROSSED = {"experiment": np.repeat(np.arange(3), 8), "day": np.tile(np.arange(4), 6)}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("groups", [{}, NESTED, CROSSED], ids=["none", "nested", "crossed"])
def test_the_gradient_of_laplaces_approximation_is_exact(family, groups):
    rng = np.random.default_rng(11)
    model = _model(family, groups, rng)
    psi = rng.normal(0, 0.4, model.parameters)
    start = np.zeros(model.random.size)
    slope = _slope(lambda at: laplace(model, at, start).loglik, psi)
    assert laplace(model, psi, start).gradient == pytest.approx(slope, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_gradient_of_quadrature_is_exact_and_one_node_is_laplace(family):
    rng = np.random.default_rng(12)
    model = _model(family, {"experiment": NESTED["experiment"]}, rng)
    psi, start = rng.normal(0, 0.4, model.parameters), np.zeros(3)
    slope = _slope(lambda at: quadrature(model, at, start, nodes=5).loglik, psi)
    assert quadrature(model, psi, start, nodes=5).gradient == pytest.approx(slope, rel=1e-6, abs=1e-6)
    assert quadrature(model, psi, start, nodes=1).loglik == pytest.approx(laplace(model, psi, start).loglik)


@pytest.mark.parametrize("family", FAMILIES)
def test_quadrature_is_the_integral(family):
    model = _model(family, {"experiment": NESTED["experiment"]}, np.random.default_rng(13))
    psi = np.array([0.3, 0.2, -0.3, 0.5])[: model.parameters]
    at = parameters_of(model, psi)
    grid, step = np.linspace(-9, 9, 4001, retstep=True)
    total = 0.0
    for level in range(3):
        here = model.random.terms[0].level == level
        data = type(model.response)(*(values[here] for values in model.response))
        base = model.X[here] @ at.beta + model.offset[here]
        heights = [family_value(model, base + at.sds[0] * u, data, at.delta) - u**2 / 2 for u in grid]
        total += np.log(np.sum(np.exp(heights)) * step / np.sqrt(2 * np.pi))
    assert quadrature(model, psi, np.zeros(3), nodes=41).loglik == pytest.approx(total, rel=1e-9)


def family_value(model, eta, data, delta):
    return float(model.family.curve(eta, data, delta).value.sum())


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_a_distribution_with_its_mean_and_variance(family):
    chosen = FAMILIES[family]
    trials = 30.0 if chosen.link == "logit" else 1.0
    counts = np.arange(31.0 if chosen.link == "logit" else 3000.0)
    eta, delta = 0.4 if chosen.link == "logit" else 2.0, 0.8
    data = response(counts, np.full(counts.size, trials), chosen.link)
    density = np.exp(chosen.curve(np.full(counts.size, eta), data, delta).value)
    mean = float(chosen.mean(np.array([eta]), np.array([trials]))[0])
    variance = float(np.sum(density * (counts - mean) ** 2))
    assert (density.sum(), float(density @ counts)) == pytest.approx((1.0, mean), rel=1e-9)
    assert variance == pytest.approx(float(chosen.variance(np.array([mean]), np.array([trials]), delta)[0]), rel=1e-7)


def test_counts_without_overdispersion_are_fitted_as_poisson_and_say_so():
    counts = np.tile([9.0, 10.0, 11.0, 10.0], 6)
    X = np.ones((24, 1))
    poisson = fit_glmm(counts, X, {}, family="poisson")
    for family, limit in (("nbinom2", np.inf), ("nbinom1", 0.0)):
        fit = fit_glmm(counts, X, {}, family=family)
        assert fit.dispersion == limit
        assert fit.loglik == pytest.approx(poisson.loglik)
        assert fit.std_errors == pytest.approx(poisson.std_errors)
        assert "glmm_no_overdispersion" in {finding.check for finding in fit.findings}


def test_overdispersed_counts_fitted_as_poisson_say_so():
    counts = np.array([2.0, 40.0, 5.0, 90.0, 1.0, 60.0, 8.0, 120.0])
    fit = fit_glmm(counts, np.ones((8, 1)), {}, family="poisson")
    assert "glmm_overdispersed" in {finding.check for finding in fit.findings}


def test_an_arm_without_a_single_event_is_a_finding_not_a_crash():
    X = np.column_stack([np.ones(8), np.repeat([0.0, 1.0], 4)])
    fit = fit_glmm([3, 5, 4, 6, 0, 0, 0, 0], X, {}, family="binomial", trials=[20] * 8)
    assert "glmm_separation" in {finding.check for finding in fit.findings}
    fit = fit_glmm([3, 5, 4, 6, 0, 0, 0, 0], X, {}, family="poisson")
    assert "glmm_separation" in {finding.check for finding in fit.findings}


def test_thousands_of_levels_are_no_more_than_a_diagonal():
    rng = np.random.default_rng(5)
    plate = np.repeat(np.arange(3000), 3)
    counts = rng.poisson(np.exp(1 + rng.normal(0, 0.5, 3000)[plate])).astype(float)
    fit = fit_glmm(counts, np.ones((9000, 1)), {"plate": plate, "experiment": plate // 500}, family="poisson")
    assert fit.sds[fit.groups.index("plate")] == pytest.approx(0.5, abs=0.05)  # 3000 levels: its error is 0.01


@given(st.integers(0, 10_000), st.floats(-3, 3))
@settings(deadline=None, max_examples=10)
def test_rows_may_come_in_any_order_and_an_offset_moves_the_intercept_alone(migration, seed, shift):
    counts, X, groups = migration
    order = np.random.default_rng(seed).permutation(counts.size)
    plain = fit_glmm(counts, X, groups, family="nbinom2")
    moved = fit_glmm(
        counts[order], X[order], {k: g[order] for k, g in groups.items()}, family="nbinom2", offset=np.full(32, shift)
    )
    assert moved.loglik == pytest.approx(plain.loglik, rel=1e-9)
    assert moved.coefficients == pytest.approx(plain.coefficients - [shift, 0], rel=1e-5, abs=1e-6)
    assert moved.std_errors == pytest.approx(plain.std_errors, rel=1e-4)
    assert moved.sds == pytest.approx(plain.sds, rel=1e-4)


def test_recoding_the_reference_turns_the_effect_around(migration):
    counts, X, groups = migration
    there = fit_glmm(counts, X, groups, family="nbinom1")
    back = fit_glmm(counts, np.column_stack([X[:, 0], 1 - X[:, 1]]), groups, family="nbinom1")
    assert back.coefficients[1] == pytest.approx(-there.coefficients[1], rel=1e-6)
    assert back.std_errors[1] == pytest.approx(there.std_errors[1], rel=1e-5)


def test_success_and_failure_are_symmetric():
    there = cbpp("betabinomial")
    back = fit_glmm(CBPP["size"] - CBPP.incidence, PERIODS, HERD, family="betabinomial", trials=CBPP["size"])
    assert back.coefficients == pytest.approx(-there.coefficients, rel=1e-6)
    assert back.dispersion == pytest.approx(there.dispersion, rel=1e-6)


@pytest.mark.parametrize(
    "call",
    [
        lambda: fit_glmm([1, 2, 3], np.ones((3, 1)), {}, family="gaussian"),
        lambda: fit_glmm([1, 2, -3], np.ones((3, 1)), {}, family="poisson"),
        lambda: fit_glmm([1, 2, 3], np.ones((3, 1)), {}, family="binomial"),
        lambda: fit_glmm([1, 2, 3], np.ones((3, 1)), {}, family="binomial", trials=[2, 2, 2]),
        lambda: fit_glmm([1, 2, 3], np.ones((3, 1)), {"unit": ["a", "a", "a"]}, family="poisson"),
        lambda: fit_glmm([1, 2, 3], np.ones((3, 1)), {"unit": ["a", "b"]}, family="poisson"),
        lambda: fit_glmm([1, 2, 3], np.ones((3, 2)), {}, family="poisson"),
        lambda: fit_glmm([1, 2, 3], np.ones((2, 1)), {}, family="poisson"),
        lambda: fit_glmm([0, 0, 0], np.ones((3, 1)), {}, family="poisson"),
        lambda: fit_glmm([2, 3], np.ones((2, 1)), {}, family="binomial", trials=[2, 3]),
        lambda: cbpp("binomial", OLRE, nodes=5),
    ],
)
def test_what_cannot_be_fitted_is_refused_with_a_sentence(call):
    with pytest.raises(DesignError, match="must"):
        call()

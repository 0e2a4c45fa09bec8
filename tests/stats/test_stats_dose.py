"""Dose-response curves against R's nls (11_sim_doseresponse), and what they refuse to extrapolate."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaykit.errors import DesignError
from assaykit.stats.dose.logistic import share_left
from assaykit.stats.dose.response import fit_curve, fit_curves, ic50, predicted, profile_interval
from assaykit.stats.dose.shift import curve_table, extra_sum_of_squares, unit_shift

REFERENCE = Path(__file__).parents[1] / "reference"
R = json.loads((REFERENCE / "11_sim_doseresponse.json").read_text())["models"]
WELLS = pd.read_csv(REFERENCE / "11_sim_doseresponse.csv")
ALL = (WELLS.dose_uM, WELLS.viability, WELLS.stroma)
DOSES = np.repeat([0.0, 0.03, 0.1, 0.3, 1, 3, 10, 30], 2)


def arm(name):
    here = WELLS[WELLS.stroma == name]
    return fit_curve(here.dose_uM, here.viability)


def four(dose, top=100.0, bottom=10.0, middle=0.5, hill=1.2):
    return bottom + (top - bottom) / (1 + (np.asarray(dose) / middle) ** hill)


@pytest.mark.parametrize("name", ["alone", "MSC"])
def test_a_curve_agrees_with_nls(name):
    found, truth = arm(name), R[name]
    assert found.converged
    assert found.estimates == pytest.approx([row["estimate"] for row in truth["fixed"]], rel=1e-6)
    assert found.std_errors == pytest.approx([row["se"] for row in truth["fixed"]], rel=1e-5)
    numbers = (found.rss, found.df, found.sigma, found.loglik, found.aic)
    assert numbers == pytest.approx([truth[k] for k in ("rss", "df_residual", "sigma", "loglik", "aic")], rel=1e-8)


@pytest.mark.parametrize("name", ["alone", "MSC"])
def test_ic50_limits_agree_with_nls_and_its_profile(name):
    found, truth = ic50(arm(name)), R[name]["ic50"]
    wald = (found.estimate, found.wald_low, found.wald_high)
    assert wald == pytest.approx([truth[k] for k in ("estimate", "wald_lo", "wald_hi")], rel=1e-6)
    # MASS interpolates its profile
    profile = (found.profile_low, found.profile_high)
    assert profile == pytest.approx((truth["profile_lo"], truth["profile_hi"]), rel=1e-3)


@pytest.mark.parametrize("name", ["alone", "MSC"])
def test_every_parameter_has_a_profile_interval(name):
    curves = arm(name)
    for parameter, truth in zip(curves.names, R[name]["profile_ci"], strict=True):
        assert profile_interval(curves, parameter) == pytest.approx((truth["lo"], truth["hi"]), rel=1e-3)


def test_the_shift_of_a_joint_fit_agrees_with_nls():
    curves, truth = fit_curves(*ALL), R["pooled_shift"]
    shift = np.array([(name == "log_ic50[MSC]") - (name == "log_ic50[alone]") for name in curves.names], float)
    assert shift @ curves.estimates == pytest.approx(truth["estimate"], rel=1e-5)
    assert np.sqrt(shift @ curves.covariance @ shift) == pytest.approx(truth["se"], rel=1e-5)
    assert curves.df == truth["df"]


@pytest.mark.parametrize(
    ("shared", "name"),
    [(["log_ic50"], "extra_ss_F_shift"), (["bottom", "top", "log_ic50", "hill"], "extra_ss_F_curves_equal")],
)
def test_f_tests_of_curves_agree_with_nls(shared, name):
    found, truth = extra_sum_of_squares(*ALL, shared=shared), R[name]
    assert (found.statistic, found.df1, found.df2) == pytest.approx([truth[k] for k in ("F", "df1", "df2")], rel=1e-7)
    assert found.p_value == pytest.approx(truth["p"], rel=1e-5)


def test_the_shift_by_experiment_is_a_paired_t_of_log_ic50():
    table = curve_table(WELLS, dose="dose_uM", response="viability", unit="experiment", arm="stroma")
    for row in R["per_experiment"]:
        mine = table[(table.experiment == row["experiment"]) & (table.stroma == row["stroma"])].iloc[0]
        assert mine.log_ic50 == pytest.approx(row["log_ic50"], rel=1e-6)
        assert mine.log_ic50_se == pytest.approx(row["se"], rel=1e-5)
    found, truth = unit_shift(table, "MSC", "alone", unit="experiment", by="stroma"), R["per_experiment_paired_t"]
    numbers = (found.test.estimate, found.test.statistic, found.test.p_value, found.test.conf_low, found.test.conf_high)
    assert numbers == pytest.approx([truth[k] for k in ("mean_log_ratio", "t", "p", "lo", "hi")], rel=1e-6)


def test_an_ic50_beyond_the_highest_dose_is_a_finding_and_not_a_number():
    response = four(DOSES, middle=80.0) + np.tile([0.5, -0.5], 8)
    found = ic50(fit_curve(DOSES, response))
    assert math.isnan(found.estimate)
    assert math.isnan(found.profile_high)
    assert found.findings[0].check == "plateau_not_reached"


def test_a_flat_response_has_no_ic50():
    found = ic50(fit_curve(DOSES, 100 + np.tile([1.0, -1.0, -1.0, 1.0], 4)))
    assert math.isnan(found.estimate)
    assert found.findings


def test_units_without_an_ic50_are_left_out_by_name():
    rng = np.random.default_rng(3)
    rows = [
        pd.DataFrame(
            {
                "dose": DOSES,
                "y": four(DOSES, middle=middle) + rng.normal(0, 1, DOSES.size),
                "experiment": experiment,
                "stroma": stroma,
            }
        )
        for experiment, middles in {"E1": (0.5, 1.5), "E2": (0.4, 1.4), "E3": (0.5, 90.0)}.items()
        for stroma, middle in zip(("alone", "MSC"), middles, strict=True)
    ]
    table = curve_table(pd.concat(rows), dose="dose", response="y", unit="experiment", arm="stroma")
    found = unit_shift(table, "MSC", "alone", unit="experiment", by="stroma")
    assert found.left_out == ("E3",)
    assert found.test.n_units == 2
    assert "highest dose" in table[(table.experiment == "E3") & (table.stroma == "MSC")].reason.iloc[0]


def test_a_rising_curve_is_a_curve_too():
    found = ic50(fit_curve(DOSES, four(DOSES, top=5.0, bottom=60.0) + np.tile([0.3, -0.3], 8)))
    assert found.estimate == pytest.approx(0.5, rel=0.05)


def test_three_and_five_parameters_hold_four_as_a_special_case():
    noise = np.tile([0.4, -0.4], 8)
    three = fit_curve(DOSES, four(DOSES, bottom=0.0) + noise, shape="3PL")
    assert three.arms[""]["bottom"] == 0.0
    assert ic50(three).estimate == pytest.approx(0.5, rel=0.05)
    five = fit_curve(DOSES, four(DOSES) + noise, shape="5PL")
    assert five.arms[""]["log_asymmetry"] == pytest.approx(0.0, abs=0.5)
    assert five.rss <= fit_curve(DOSES, four(DOSES) + noise).rss * (1 + 1e-9)  # rounding


@pytest.mark.parametrize("log_s", [-1.0, 0.0, 1.0])
def test_log_ic50_is_the_dose_halfway_between_the_plateaus_whatever_the_asymmetry(log_s):
    p = np.array([0.0, 1.0, math.log(2.0), 1.3, log_s])
    assert share_left(np.array([2.0]), p)[0][0] == pytest.approx(0.5)


@pytest.mark.parametrize("log_s", [-0.7, 0.0, 0.9])
def test_the_slopes_of_the_curve_are_exact(log_s):
    p, h = np.array([0.0, 1.0, 0.3, 1.3, log_s]), 1e-6
    dose = np.array([0.0, 0.01, 0.3, 1.0, 10.0, 1000.0])
    for parameter, slope in zip((2, 3, 4), share_left(dose, p)[1], strict=True):
        shift = h * (np.arange(5) == parameter)
        numeric = (share_left(dose, p + shift)[0] - share_left(dose, p - shift)[0]) / (2 * h)
        assert slope == pytest.approx(numeric, abs=1e-8)


@given(st.floats(0.05, 8.0), st.floats(0.7, 2.5), st.floats(-20, 40), st.floats(0.1, 50))
@settings(deadline=None, max_examples=25)
def test_a_curve_without_noise_is_found_in_any_unit_of_dose(middle, hill, bottom, factor):
    response = four(DOSES, bottom=bottom, middle=middle, hill=hill)
    found = fit_curve(factor * DOSES, response)
    p = found.arms[""]
    assert p["log_ic50"] == pytest.approx(math.log(factor * middle), abs=1e-4)
    assert (p["hill"], p["bottom"], p["top"]) == pytest.approx((hill, bottom, 100.0), rel=1e-3, abs=1e-2)
    assert predicted(found, factor * DOSES) == pytest.approx(response, abs=1e-3)


@pytest.mark.parametrize(
    "call",
    [
        lambda: fit_curve([0.0, 1.0], [1.0, 0.0]),
        lambda: fit_curve([-1.0, 0.0, 1.0, 2.0, 3.0], [1.0] * 5),
        lambda: fit_curve([0.0, 1.0, 2.0, 3.0], [1.0, 0.8, 0.4, 0.2]),
        lambda: fit_curves(*ALL, shared=["ec50"]),
        lambda: extra_sum_of_squares(*ALL, shared=["log_asymmetry"]),
    ],
)
def test_what_is_no_curve_is_refused_with_a_sentence(call):
    with pytest.raises(DesignError, match="must"):
        call()


@pytest.mark.parametrize("shape", ["3PL", "4PL", "5PL"])
@pytest.mark.parametrize("highest", [0.3, 3.0, 100.0])
def test_any_noisy_curve_has_an_ic50_with_limits_or_a_finding(shape, highest):
    """Doses that end early, wells that scatter: refits end in different minima, and limits run out of every float."""
    doses = np.repeat([0.0, *np.geomspace(highest / 200, highest, 6)], 2)
    for seed in range(5):
        rng = np.random.default_rng(seed)
        response = 100 / (1 + (doses / 1.0) ** rng.uniform(0.3, 4)) + rng.normal(0, rng.choice([0.5, 8.0]), doses.size)
        found = ic50(fit_curve(doses, response, shape=shape))
        if found.findings:
            assert math.isnan(found.estimate)
        else:
            assert found.profile_low <= found.estimate <= found.profile_high

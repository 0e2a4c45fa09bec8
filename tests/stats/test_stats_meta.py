"""Pooling over studies against metafor (07_bcg) and its own laws."""

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
from assaykit.stats.meta import influence, pool

REFERENCE = Path(__file__).parents[1] / "reference"
R = json.loads((REFERENCE / "07_bcg.json").read_text())["models"]
ABLAT = pd.read_csv(REFERENCE / "07_bcg.csv")["ablat"].to_numpy(dtype=float)
MEASURES = ("RR", "OR", "RD")
FITS = [key for key in R["RR"] if key not in {"measure", "effects"}]
# metafor finds Paule-Mandel's tau2 and the Q-profile with R's uniroot, which stops within 1.2e-4 of tau2 itself
ROOT = 1.3e-4


def effects(measure):
    rows = R[measure]["effects"]
    return np.array([row["yi"] for row in rows]), np.sqrt([row["vi"] for row in rows])


def fitted(measure, key):
    truth = R[measure][key]
    moderators = ABLAT if key.endswith("ablat") else None
    return pool(*effects(measure), moderators, method=truth["method"], test=truth["test"]), truth


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("key", [key for key in FITS if not key.startswith("PM")])
def test_pooling_agrees_with_metafor(measure, key):
    found, truth = fitted(measure, key)
    for index, row in enumerate(truth["coef"]):
        ours = [series[index] for series in (found.estimates, found.std_errors, found.lows, found.highs)]
        assert ours == pytest.approx([row[name] for name in ("estimate", "se", "lo", "hi")], rel=1e-8)
        assert found.p_values[index] == pytest.approx(row["p"], rel=1e-7)  # the tail magnifies the statistic's digits
    assert found.tau2 == pytest.approx(truth["tau2"], rel=1e-6)
    assert (found.i2, found.h2, found.q) == pytest.approx((truth["I2"], truth["H2"], truth["Q"]), rel=1e-6)
    assert found.loglik == pytest.approx(truth["loglik"], rel=1e-8)
    if truth["se_tau2"] is not None:
        assert found.tau2_std_error == pytest.approx(truth["se_tau2"], rel=1e-6)
    if isinstance(truth["pred"], dict) and isinstance(truth["pred"].get("lo"), float):
        assert (found.pred_low, found.pred_high) == pytest.approx((truth["pred"]["lo"], truth["pred"]["hi"]), rel=1e-8)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("key", ["PM_z", "PM_knha"])
def test_paule_mandel_agrees_with_metafor_as_far_as_its_root_goes(measure, key):
    found, truth = fitted(measure, key)
    assert found.tau2 == pytest.approx(truth["tau2"], abs=ROOT)
    if measure != "RD":  # where tau2 is itself near the root's tolerance
        assert found.estimate == pytest.approx(truth["coef"][0]["estimate"], rel=1e-4)


@pytest.mark.parametrize("measure", MEASURES)
def test_paule_mandel_is_the_tau2_at_which_q_is_its_expectation(measure):
    y, se = effects(measure)
    weights = 1 / (se**2 + pool(y, se, method="PM").tau2)
    mean = np.sum(weights * y) / weights.sum()
    assert np.sum(weights * (y - mean) ** 2) == pytest.approx(y.size - 1, rel=1e-10)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("key", ["REML_knha", "REML_knha_ablat"])
def test_the_q_profile_agrees_with_metafor_as_far_as_its_root_goes(measure, key):
    found, truth = fitted(measure, key)
    limits = truth["tau2_ci_qprofile"]
    assert (found.tau2_low, found.tau2_high) == pytest.approx((limits["lo"], limits["hi"]), abs=ROOT)


def test_leaving_one_study_out_agrees_with_metafor():
    found = influence(*effects("RR"), test="z")
    for row, truth in zip(found, R["leave1out_RR"], strict=True):
        ours, theirs = (row.estimate, row.std_error, row.tau2), (truth["estimate"], truth["se"], truth["tau2"])
        assert ours == pytest.approx(theirs, rel=3e-6)  # made at metafor's default threshold of 1e-5
    assert sum(row.leverage for row in found) == pytest.approx(1.0)


def test_equal_studies_have_no_heterogeneity_and_the_plain_mean():
    found = pool([1.0, 1.2, 1.1], [0.5, 0.5, 0.5], test="z")
    assert found.tau2 == found.tau2_low == 0.0
    assert found.estimate == pytest.approx(1.1)
    assert found.std_error == pytest.approx(0.5 / math.sqrt(3))


def test_few_studies_get_a_wider_interval_by_knapp_and_hartung():
    y, se = [0.2, 0.9, 0.5], [0.1, 0.2, 0.15]
    assert pool(y, se).conf_high > pool(y, se, test="z").conf_high


studies = st.lists(st.tuples(st.floats(-3, 3), st.floats(0.05, 1.0)), min_size=3, max_size=10)


@given(studies, st.floats(-5, 5), st.floats(0.2, 5))
@settings(deadline=None, max_examples=40)
def test_shifting_studies_shifts_the_summary_and_scaling_scales_it(rows, shift, factor):
    y, se = np.array(rows).T
    plain, moved = pool(y, se), pool(factor * y + shift, factor * se)
    assert moved.tau2 == pytest.approx(factor**2 * plain.tau2, rel=1e-5, abs=1e-9)
    assert moved.estimate == pytest.approx(factor * plain.estimate + shift, rel=1e-5, abs=1e-6)


@given(studies, st.randoms())
@settings(deadline=None, max_examples=40)
def test_the_order_of_studies_does_not_matter(rows, random):
    shuffled = random.sample(rows, len(rows))
    plain, other = (pool(*np.array(each).T) for each in (rows, shuffled))
    assert other.estimate == pytest.approx(plain.estimate, rel=1e-6, abs=1e-8)
    assert other.tau2 == pytest.approx(plain.tau2, rel=1e-5, abs=1e-9)


@pytest.mark.parametrize(
    ("y", "se"), [([1.0], [0.1]), ([1.0, 2.0], [0.1, 0.0]), ([1.0, float("nan")], [0.1, 0.1]), ([1.0, 2.0], [0.1])]
)
def test_what_cannot_be_pooled_is_refused_with_a_sentence(y, se):
    with pytest.raises(DesignError, match="must"):
        pool(y, se)


def test_a_moderator_that_does_not_vary_is_refused():
    with pytest.raises(DesignError, match="moderators"):
        pool([1.0, 2.0, 3.0, 4.0], [0.1] * 4, [5.0] * 4)


@pytest.mark.parametrize("method", ["REML", "ML"])
@pytest.mark.parametrize(
    "rows",
    [
        [(0.0, 1.0), (0.0, 1.0), (0.0, 1.0), (1.0, 0.25)],
        [(0.0, 1.0), (0.0, 0.71875), (0.6875, 0.125)],
    ],
)
def test_a_study_far_more_precise_than_the_rest_settles_where_scoring_cycles(rows, method):
    effects, errors = map(np.array, zip(*rows, strict=True))
    found = pool(effects, errors, method=method)
    around = found.tau2 + np.linspace(-0.5, 0.5, 2001) * max(found.tau2, 0.05)

    def loglik(tau2):
        w = 1 / (errors**2 + tau2)
        mean = (w @ effects) / w.sum()
        plain = 0.5 * np.log(w).sum() - 0.5 * w @ (effects - mean) ** 2
        return plain - 0.5 * np.log(w.sum()) if method == "REML" else plain

    best = max(loglik(tau2) for tau2 in around if tau2 >= 0)
    assert loglik(found.tau2) == pytest.approx(best, abs=1e-9)

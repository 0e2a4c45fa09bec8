"""`fit_values` and `fit_counts`: the unit as the only n, the model beside it, and options that must apply."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from assaykit.errors import DesignError
from assaykit.stats.fit import Bootstrap, fit_counts, fit_values
from assaykit.stats.units.cell_table import CellTable, contrast_of_cells

SEPARATED = pd.DataFrame(  # one event in two of three experiments, none under the drug
    {"exp": ["E0", "E0", "E1", "E1", "E2", "E2"], "drug": ["vehicle", "drug"] * 3}
    | {"dead": [1, 0, 0, 0, 1, 0], "n": [20] * 6}
)
LEVELS = {"drug": ["vehicle", "drug"]}
DRUG = np.array([0.0, 1.0])
TWO_ARMS = np.array([[1.0, 0.0], [1.0, 1.0]])


@pytest.fixture(scope="module")
def benchmark():
    path = Path(__file__).parents[2] / "benchmarks" / "rare_events.py"
    spec = importlib.util.spec_from_file_location("rare_events", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["rare_events"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules["rare_events"]


@pytest.mark.parametrize("family", ["binomial", "poisson"])
@pytest.mark.parametrize("units", [3, 5])
@pytest.mark.parametrize("events", [0.3, 1.0])
def test_rare_events_without_an_effect_are_found_in_at_most_5_percent(benchmark, family, units, events):
    world = benchmark.World(family, units, events)
    counts, wholes = benchmark.studies(world, 600, np.random.default_rng(11))
    found = np.array([benchmark.unit_findings(*study, family) for study in zip(counts, wholes, strict=True)])
    # 3 Monte-Carlo errors: one false alarm in 700 for each of 8 seeded numbers
    assert found[:, 0].mean() < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 600)
    assert not (found[:, 0] & found[:, 2]).any(), "an arm without any event at 3 to 5 units is no finding"


def rows(frame, **wanted):
    return frame[np.all([frame[name] == value for name, value in wanted.items()], axis=0)].iloc[0]


def test_an_arm_of_only_zeros_has_no_small_p_by_any_road():
    fit = fit_counts(SEPARATED, "dead ~ drug", unit="exp", family="binomial", trials="n", levels=LEVELS)
    answer, wald = fit.tables["contrasts"].iloc[0], fit.tables["wald_contrasts"].iloc[0]
    assert answer["p_value"] > 0.18  # t of the three log odds ratios, whose spread is all the vehicle's
    assert "error at least that of counting" in answer["method"]
    # half an event added to each side: log(.5/60.5) - log(2.5/58.5)
    assert wald["estimate"] == pytest.approx(np.log(0.5 / 60.5) - np.log(2.5 / 58.5), abs=1e-6)
    assert wald["p_value"] > 0.2
    assert "glmm_separation" in {finding.check for finding in fit.findings}
    drawn = fit_counts(
        SEPARATED, "dead ~ drug", unit="exp", family="binomial", trials="n", levels=LEVELS, model=Bootstrap(99)
    )
    assert np.isnan(drawn.tables["contrasts"]["p_value"].iloc[0])


@pytest.mark.parametrize("dead", [[1, 0, 1, 0, 1, 0], [19, 20, 20, 21, 19, 20]])
def test_units_that_agree_on_a_separated_arm_are_not_evidence_by_their_agreement(dead):
    # 1 of 20, 1 of 21, 1 of 20 against none: log odds ratios agree to 2 %, and t without a floor finds p = .0002
    frame = SEPARATED.assign(n=[20, 20, 21, 21, 20, 20], dead=dead)
    fit = fit_counts(frame, "dead ~ drug", unit="exp", family="binomial", trials="n", levels=LEVELS)
    assert fit.tables["contrasts"]["p_value"].iloc[0] > 0.1


def test_a_drug_that_kills_all_is_found_although_its_arm_is_separated():
    frame = SEPARATED.assign(dead=[3, 500, 5, 500, 4, 500], n=500)
    fit = fit_counts(frame, "dead ~ drug", unit="exp", family="binomial", trials="n", levels=LEVELS)
    assert fit.tables["contrasts"]["p_value"].iloc[0] < 0.05


def test_the_floor_is_the_counting_error_over_units():
    variances = np.array([[0.5, 2.0], [0.7, 2.0], [0.6, 2.0]])
    values = np.array([[1.0, 0.0], [1.1, 0.0], [0.9, 0.0]])
    floored = contrast_of_cells(DRUG, CellTable(("A", "B", "C"), values, TWO_ARMS, variances, np.array([False, True])))
    assert floored.std_error == pytest.approx(np.sqrt(variances.sum()) / 3)
    free = contrast_of_cells(DRUG, CellTable(("A", "B", "C"), values, TWO_ARMS, variances, np.array([False, False])))
    assert free.std_error == pytest.approx(0.1 / np.sqrt(3))


def test_a_contrast_between_units_is_welch_s_t():
    values = np.array([[1.0, np.nan], [2.0, np.nan], [4.0, np.nan], [np.nan, 5.0], [np.nan, 9.0]])
    found = contrast_of_cells(DRUG, CellTable(tuple("ABCDE"), values, TWO_ARMS))
    truth = stats.ttest_ind([5.0, 9.0], [1.0, 2.0, 4.0], equal_var=False)
    assert (found.statistic, found.p_value) == pytest.approx((truth.statistic, truth.pvalue))
    assert (found.df, found.n_units) == (pytest.approx(truth.df), 5)


@pytest.fixture(scope="module")
def unequal():
    """5 days x 3 drugs x 2 wells; days disagree about one drug ten times as much as about the other."""
    rng = np.random.default_rng(5)
    sd = {"vehicle": 0.0, "quiet": 0.1, "loud": 1.0}
    return pd.DataFrame(
        [
            {"day": f"D{day}", "drug": drug, "y": day + effect + rng.normal(0, 0.02)}
            for day in range(5)
            for drug, spread in sd.items()
            for effect in [rng.normal(0, spread)]
            for _ in range(2)
        ]
    )


ORDER = {"drug": ["vehicle", "quiet", "loud"]}


def test_the_default_of_numbers_is_the_paired_t_of_unit_means(unequal):
    fit = fit_values(unequal, "y ~ drug", unit="day", levels=ORDER)
    means = unequal.groupby(["day", "drug"])["y"].mean().unstack()
    for drug in ("quiet", "loud"):
        truth = stats.ttest_rel(means[drug], means["vehicle"])
        found = rows(fit.tables["contrasts"], contrast=f"{drug} - vehicle")
        assert (found["p_value"], found["df"]) == (pytest.approx(truth.pvalue), 4)
        assert found["estimate"] == pytest.approx((means[drug] - means["vehicle"]).mean())
    assert list(fit.tables) == ["contrasts", "means"]


def test_the_pooled_model_is_asked_for_by_name_and_says_that_arms_differ_in_spread(unequal):
    pooled = fit_values(unequal, "y ~ drug", unit="day", model="lmm", levels=ORDER)
    errors = pooled.tables["contrasts"]["std_error"]
    assert errors[0] == pytest.approx(errors[1])
    own = pooled.tables["unit_contrasts"]["std_error"]
    assert own[1] > 5 * own[0]
    said = [finding.message for finding in pooled.findings if finding.check == "unequal_spread"]
    assert any("loud - vehicle" in message for message in said)


def test_an_interaction_by_units_is_the_difference_of_the_differences_of_unit_means():
    rng = np.random.default_rng(2)
    frame = pd.DataFrame(
        [(d, a, s, rng.normal()) for d in "ABCD" for a in ("vehicle", "drug") for s in ("mono", "msc")],
        columns=["day", "drug", "stroma", "y"],
    )
    fit = fit_values(frame, "y ~ drug * stroma", unit="day", levels=LEVELS | {"stroma": ["mono", "msc"]})
    wide = frame.pivot_table(index="day", columns=["drug", "stroma"], values="y")
    inside = {stroma: wide["drug", stroma] - wide["vehicle", stroma] for stroma in ("mono", "msc")}
    truth = stats.ttest_1samp(inside["msc"] - inside["mono"], 0.0)
    found = rows(fit.tables["interactions"], factor="drug")
    assert (found["statistic"], found["p_value"]) == pytest.approx((truth.statistic, truth.pvalue))
    assert found["level"] == "msc - mono"


def test_a_logarithm_of_zero_is_named_and_not_called_missing():
    frame = pd.DataFrame({"exp": list("AABBCC"), "drug": ["vehicle", "drug"] * 3, "y": [4.0, 0.0, 6.0, 2.0, 7.0, 4.0]})
    fit = fit_values(frame, "log2(y) ~ drug", unit="exp", levels=LEVELS)
    message = next(finding.message for finding in fit.findings if finding.check == "rows_left_out")
    assert message == "1 row left out; in 1 of them log2(y) is no number, as the logarithm of zero is none (row 2)"


def test_rows_that_are_copies_leave_no_test_and_no_crash():
    frame = pd.DataFrame(
        [(e, d, k + (d == "drug")) for k, e in enumerate("ABCD") for d in ("vehicle", "drug") for _ in range(2)],
        columns=["exp", "drug", "y"],
    )
    found = fit_values(frame, "y ~ drug", unit="exp", levels=LEVELS).tables["contrasts"].iloc[0]
    assert found["estimate"] == pytest.approx(1.0)
    assert np.isnan(found["p_value"])
    assert found["reason"] == "no test: the units do not differ at all"
    with pytest.raises(DesignError, match="same to the last digit"):
        fit_values(frame, "y ~ drug", unit="exp", model="lmm", levels=LEVELS)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights": "n"}, "weights must go with a mixed model"),
        ({"method": "satterthwaite"}, "method must go with a mixed model"),
        ({"adjust": "dunnett"}, "must be holm, bh, bonferroni or none"),
        ({"formula": "y ~ drug + (1 | exp)"}, "must have no random term"),
        ({"formula": "y ~ n"}, "must rest on factors alone"),
        ({"formula": "y ~ 1"}, "must have a factor"),
        ({"unit": "donor"}, "unit must be a column"),
    ],
)
def test_what_does_not_fit_unit_level_values_is_refused_with_what_to_do(options, message):
    frame = SEPARATED.assign(y=np.arange(6.0) ** 2)
    given = {"formula": "y ~ drug", "unit": "exp"} | options
    with pytest.raises(DesignError, match=message) as refused:
        fit_values(frame, given.pop("formula"), **given)
    assert refused.value.remedy


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"adjust": "dunnett"}, "must be holm, bh, bonferroni or none"),
        ({"adjust": "dunnett", "model": Bootstrap(99)}, "dunnett must go with z tests"),
        ({"family": "poisson", "trials": "n"}, "trials must go with a family of proportions"),
        ({"family": "gamma"}, "family must be one of"),
        ({"formula": "dead ~ n"}, "must rest on factors alone"),
        ({"unit": "donor"}, "unit must be a column"),
    ],
)
def test_what_does_not_fit_counts_is_refused(options, message):
    given = {"formula": "dead ~ drug", "unit": "exp", "family": "binomial", "trials": "n"} | options
    with pytest.raises(DesignError, match=message):
        fit_counts(SEPARATED, given.pop("formula"), **given)


def test_robustness_holds_every_contrast_with_each_unit_left_out_and_by_models_without_random_effects():
    frame = pd.DataFrame(
        [
            (e, d, 5 + 2 * k + 6 * (d == "drug") + w)
            for k, e in enumerate("ABCD")
            for d in LEVELS["drug"]
            for w in (0, 1)
        ],
        columns=["exp", "drug", "dead"],
    ).assign(n=60)
    fit = fit_counts(frame, "dead ~ drug", unit="exp", family="binomial", trials="n", levels=LEVELS)
    table = fit.tables["robustness"].set_index("variation")
    assert table.index.tolist() == ["as planned", *(f"without {u}" for u in "ABCD"), "quasi-likelihood", "GEE"]
    assert table["estimate"].between(0.3, 1.2).all()
    assert table.loc["without A", "n_units"] == 3

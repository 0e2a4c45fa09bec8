"""Contrasts of mixed models, families, simultaneous p values, empty cells, formulas and the `fit` command."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import dunnett, studentized_range
from typer.testing import CliRunner

from assaykit.errors import DesignError
from assaykit.stats import (
    anova,
    custom_contrasts,
    factor_contrasts,
    fit_lmm,
    interaction_contrasts,
    marginal_means,
)
from assaykit.stats.fit import fit_values
from assaykit.stats.lmm.formula import parse_formula
from assaykit.stats.units import adjusted_p_values
from assaykit.stats.units.simultaneous import max_abs_t_probability, max_abs_t_quantile, single_step, tukey_probability


def study(*, drop=0, seed=3):
    rng = np.random.default_rng(seed)
    rows = [
        {"day": f"E{e}", "plate": f"P{p}", "drug": d, "stroma": s, "y": e + p + rng.normal() + (d == "imatinib")}
        for e in range(5)
        for p in range(2)
        for d in ("vehicle", "imatinib", "dasatinib")
        for s in ("mono", "msc")
        for _ in range(2)
    ]
    return pd.DataFrame(rows).sample(len(rows) - drop, random_state=1)


LEVELS = {"drug": ["vehicle", "imatinib", "dasatinib"], "stroma": ["mono", "msc"]}


def fitted(frame):
    return fit_lmm(frame, "y ~ drug * stroma + (1 | day / plate)", levels=LEVELS)


def test_contrasts_are_differences_of_marginal_means():
    fit = fitted(study(drop=20))
    means = marginal_means(fit, ["drug", "stroma"]).set_index(["drug", "stroma"])["estimate"]
    for found in factor_contrasts(fit, "drug", within="stroma").itertuples():
        drug = found.contrast.split(" - ")[0]
        assert found.estimate == pytest.approx(means[drug, found.stroma] - means["vehicle", found.stroma])
    for found in interaction_contrasts(fit, "drug", "stroma").itertuples():
        drug = found.contrast.split(" - ")[0]
        inside = [means[drug, s] - means["vehicle", s] for s in ("msc", "mono")]
        assert found.estimate == pytest.approx(inside[0] - inside[1])
    same = {"did": {("imatinib", "msc"): 1, ("vehicle", "msc"): -1, ("imatinib", "mono"): -1, ("vehicle", "mono"): 1}}
    named = custom_contrasts(fit, same, ["drug", "stroma"]).iloc[0]
    assert named["estimate"] == pytest.approx(interaction_contrasts(fit, "drug", "stroma")["estimate"][0])


def test_the_interaction_f_of_two_levels_is_the_square_of_its_t():
    frame = study(drop=15)
    frame = frame[frame["drug"] != "dasatinib"]
    fit = fitted(frame)
    for method in ("satterthwaite", "kenward_roger"):
        f = anova(fit, method=method).set_index("term").loc["drug:stroma"]
        t = interaction_contrasts(fit, "drug", "stroma", method=method).iloc[0]
        assert f["statistic"] == pytest.approx(t["statistic"] ** 2, rel=1e-6)
        assert f["den_df"] == pytest.approx(t["df"], rel=1e-6)
        assert f["p_value"] == pytest.approx(t["p_value"], rel=1e-6)


def test_types_of_tests_agree_on_balanced_data_and_part_on_unbalanced():
    balanced, unbalanced = fitted(study()), fitted(study(drop=30))
    columns = ["num_df", "den_df", "statistic", "p_value"]
    np.testing.assert_allclose(anova(balanced, kind=1)[columns], anova(balanced, kind=3)[columns], rtol=1e-6)
    first, third = anova(unbalanced, kind=1), anova(unbalanced, kind=3)
    assert abs(first["statistic"][0] / third["statistic"][0] - 1) > 1e-4
    np.testing.assert_allclose(first[columns].iloc[-1], third[columns].iloc[-1], rtol=1e-6)


def test_an_empty_cell_leaves_only_its_own_contrasts_missing():
    frame = study()
    frame = frame[~((frame["drug"] == "dasatinib") & (frame["stroma"] == "msc"))]
    fit = fitted(frame)
    found = factor_contrasts(fit, "drug", within="stroma", adjust="dunnett").set_index(["contrast", "stroma"])
    missing = found["estimate"].isna()
    assert missing[missing].index.tolist() == [("dasatinib - vehicle", "msc")]
    assert found["p_adjusted"].isna().sum() == 1
    assert anova(fit).set_index("term")["num_df"]["drug:stroma"] == 1


def test_factors_may_be_numbers_ordered_categories_or_expressions():
    frame = study().assign(hours=lambda f: np.where(f["stroma"] == "msc", 48, 6))
    fit = fit_lmm(frame.assign(y=frame["y"] + 20), "log2(y) ~ factor(hours) + I(hours**2 / 100) + (1 | day)")
    assert fit.names == ("(Intercept)", "factor(hours)48")  # the square repeats the factor
    ordered = frame.assign(drug=pd.Categorical(frame["drug"], ["dasatinib", "vehicle", "imatinib"]))
    assert fit_lmm(ordered, "y ~ drug + (1 | day)").names[1:] == ("drugvehicle", "drugimatinib")


@pytest.mark.parametrize(
    ("text", "fixed"),
    [
        ("y ~ a * b", ((), ("a",), ("b",), ("a", "b"))),
        ("y ~ 0 + a:b", (("a", "b"),)),
        ("y ~ a * b - a:b", ((), ("a",), ("b",))),
        ("y ~ a / b", ((), ("a",), ("a", "b"))),
        ("y ~ (a + b):`dose uM`", ((), ("a", "`dose uM`"), ("b", "`dose uM`"))),
        ("y ~ I(x**2) + log2(x)", ((), ("I(x**2)",), ("log2(x)",))),
    ],
)
def test_formulas_read_as_in_r(text, fixed):
    assert parse_formula(text).fixed == fixed


def test_random_terms_read_as_in_lme4():
    nested = parse_formula("y ~ 1 + (1 | donor / plate)").random
    assert [part.group for part in nested] == [("donor",), ("donor", "plate")]
    apart = parse_formula("y ~ x + (x || donor)").random
    assert [part.effects for part in apart] == [((),), (("x",),)]
    assert parse_formula("y ~ x + (0 + x | donor)").random[0].effects == (("x",),)


@pytest.mark.parametrize("text", ["y", "~ a", "y ~ a + ", "y ~ (a", "y ~ a ++ b", "y ~ (1 | 1)", "y ~ a + (0 | g)"])
def test_a_formula_that_cannot_be_read_is_refused(text):
    with pytest.raises(DesignError):
        parse_formula(text)


def test_code_in_a_formula_is_not_run():
    with pytest.raises(DesignError, match="arithmetic of columns"):
        fit_lmm(study(), "y ~ __import__('os').getcwd() + (1 | day)")


P = st.lists(st.floats(0, 1), min_size=1, max_size=12)


@given(P)
def test_adjusted_p_values_keep_order_and_are_never_smaller(p):
    raw = np.array(p)
    for method in ("holm", "bh", "bonferroni"):
        adjusted = adjusted_p_values(raw, method)
        assert (adjusted >= raw - 1e-15).all()
        assert (adjusted <= 1).all()
        assert (np.diff(adjusted[np.argsort(raw, kind="stable")]) >= -1e-15).all()
    assert (adjusted_p_values(raw, "holm") <= adjusted_p_values(raw, "bonferroni") + 1e-15).all()


def test_missing_p_values_stay_missing_and_do_not_count():
    np.testing.assert_allclose(adjusted_p_values([0.01, np.nan, 0.04]), [0.02, np.nan, 0.04])
    np.testing.assert_allclose(adjusted_p_values([np.nan, np.nan]), [np.nan, np.nan])


def test_holm_and_benjamini_hochberg_are_those_of_r():
    from pathlib import Path

    expected = json.loads((Path(__file__).parents[1] / "reference" / "12_basic.json").read_text())["models"]["p_adjust"]
    for method, name in (("holm", "holm"), ("bh", "BH"), ("bonferroni", "bonferroni")):
        np.testing.assert_allclose(adjusted_p_values(expected["raw"], method), expected[name], rtol=1e-11)


@pytest.mark.parametrize(("q", "df", "means"), [(3.0, 2.5, 3), (4.2, 8.0, 6), (5.0, 120.0, 10)])
def test_the_studentized_range_is_that_of_scipy(q, df, means):
    assert tukey_probability(q, df, means) == pytest.approx(studentized_range.cdf(q, means, df), abs=1e-9)


def test_any_correlation_is_integrated_and_known_ones_agree():
    rng = np.random.default_rng(1)
    A = rng.normal(size=(4, 6))
    R = A @ A.T / np.sqrt(np.outer((A**2).sum(1), (A**2).sum(1)))
    draws = (
        rng.standard_normal((400_000, 4)) @ np.linalg.cholesky(R).T / np.sqrt(rng.chisquare(6.5, (400_000, 1)) / 6.5)
    )
    simulated = (np.abs(draws).max(axis=1) <= 2.3).mean()
    assert max_abs_t_probability(2.3, 6.5, R) == pytest.approx(simulated, abs=4 * np.sqrt(0.15 / 400_000))
    independent = np.eye(3)
    nearly = independent + 1e-7 * (1 - independent)
    assert max_abs_t_probability(2.3, 6.5, nearly) == pytest.approx(
        max_abs_t_probability(2.3, 6.5, independent), abs=1e-6
    )
    differences = np.array([[1, -1, 0], [1, 0, -1], [0, 1, -1]]) / np.sqrt(2)
    ranged = tukey_probability(2.5 * np.sqrt(2), 9.3, 3)
    assert max_abs_t_probability(2.5, 9.3, differences @ differences.T) == pytest.approx(ranged, abs=2e-4)


def test_the_critical_value_has_the_level_it_is_for_and_no_seed_moves_it():
    R = np.array([[1, 0.3, 0.6], [0.3, 1, 0.2], [0.6, 0.2, 1]])
    first, again = (max_abs_t_quantile(4.7, R) for _ in range(2))
    assert first == again
    assert max_abs_t_probability(first, 4.7, R) == pytest.approx(0.95, abs=1e-8)


def test_dunnett_agrees_with_scipy_within_its_simulation():
    rng = np.random.default_rng(5)
    arms = [rng.normal(0.5, 1, 6) for _ in range(3)]
    control = rng.normal(0, 1, 6)
    theirs = dunnett(*arms, control=control, rng=np.random.default_rng(1))
    half = 0.5 + 0.5 * np.eye(3)
    np.testing.assert_allclose(single_step(theirs.statistic, np.full(3, 20.0), half), theirs.pvalue, atol=2e-3)


def test_a_plain_formula_gets_the_random_terms_its_design_calls_for():
    replicated = fit_values(study(), "y ~ drug * stroma", unit="day", model="lmm")
    assert [part for part in ("day:drug", "day:stroma", "day:drug:stroma") if f"(1 | {part})" in replicated.formula]
    means = study().groupby(["day", "drug", "stroma"], as_index=False)["y"].mean()
    assert fit_values(means, "y ~ drug * stroma", unit="day", model="lmm").formula.count("|") == 3
    tests = fit_values(means, "y ~ drug * stroma", unit="day", model="lmm").tables["tests"].set_index("term")
    assert tests["den_df"]["drug:stroma"] <= 8 + 1e-6  # (5 - 1)(3 - 1)(2 - 1)
    own = fit_values(study(), "y ~ drug + (1 | plate)", unit="day", model="lmm")
    assert "unit_not_in_model" in {finding.check for finding in own.findings}


def test_a_table_is_fitted_from_the_command_line(tmp_path):
    import typer

    from assaykit.cli.fit import fit

    app = typer.Typer()
    app.command()(fit)
    study().to_csv(tmp_path / "table.csv", index=False)
    options = ["--unit", "day", "--formula", "y ~ drug * stroma", "--levels", "drug=vehicle,imatinib,dasatinib"]
    out = ["--out", str(tmp_path / "fitted"), "--show-pseudoreplication"]
    result = CliRunner().invoke(app, [str(tmp_path / "table.csv"), *options, *out])
    assert result.exit_code == 0, result.output
    assert "imatinib - vehicle" in result.output
    assert "WRONG" in result.output
    contrasts = pd.read_csv(tmp_path / "fitted" / "contrasts.csv")
    assert set(contrasts["factor"]) == {"drug", "stroma"}
    missing = CliRunner().invoke(app, [str(tmp_path / "table.csv"), "--unit", "well", "--formula", "y ~ drug"])
    assert isinstance(missing.exception, DesignError)
    assert "independent" in str(missing.exception)

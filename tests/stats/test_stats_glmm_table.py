"""Counts and proportions in any tidy table: the unit-level answer beside the model's own."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from assaykit.errors import DesignError
from assaykit.stats.fit import Bootstrap, fit_counts

REFERENCE = Path(__file__).parents[1] / "reference"
R = json.loads((REFERENCE / "05_cbpp.json").read_text())["models"]
CBPP = pd.read_csv(REFERENCE / "05_cbpp.csv").astype({"period": str})
PAIR = "cbind(incidence, size - incidence) ~ period"
LEVELS = {"drug": ["vehicle", "imatinib"], "stroma": ["mono", "msc"]}


@pytest.fixture(scope="module")
def inserts():
    """5 experiments x 2 drugs x 2 stromas x 3 inserts, with a threefold rate under imatinib with MSC."""
    rng = np.random.default_rng(8)
    rows = [
        (e, d, s, 400.0 * np.exp(-2 + u + 1.1 * (d == "imatinib" and s == "msc") + rng.normal(0, 0.1)))
        for e, u in zip("ABCDE", rng.normal(0, 0.4, 5), strict=True)
        for d in LEVELS["drug"]
        for s in LEVELS["stroma"]
        for _ in range(3)
    ]
    frame = pd.DataFrame(rows, columns=["experiment", "drug", "stroma", "mean"])
    return frame.assign(input=400.0, migrated=rng.poisson(rng.gamma(25, frame["mean"] / 25)).astype(float))


def counted(frame, formula="migrated ~ drug * stroma + offset(log(input))", **options):
    return fit_counts(frame, formula, unit="experiment", family="nbinom2", levels=LEVELS, **options)


def test_the_models_own_contrasts_are_those_of_emmeans_with_exact_dunnett():
    fit = fit_counts(CBPP, PAIR, unit="herd", family="binomial", model="glmm", adjust="dunnett")
    table, truth = fit.tables["contrasts"], pd.DataFrame(R["glmer_laplace"]["vs_period1"])
    assert table["estimate"].to_numpy() == pytest.approx(truth["estimate"].to_numpy(), rel=1e-5)
    assert table["p_adjusted"].to_numpy() == pytest.approx(truth["p_mvt_exact"].to_numpy(), abs=1e-6)
    limits = table[["simultaneous_low", "simultaneous_high"]].to_numpy()
    assert limits == pytest.approx(truth[["lo_mvt_exact", "hi_mvt_exact"]].to_numpy(), rel=1e-5)
    holm = fit_counts(CBPP, PAIR, unit="herd", family="binomial").tables["wald_contrasts"]
    assert holm["p_adjusted"].to_numpy() == pytest.approx(truth["p_holm"].to_numpy(), rel=1e-4)


def test_the_default_contrasts_are_the_t_of_one_number_per_unit(inserts):
    fit = counted(inserts)
    sums = inserts.groupby(["experiment", "drug", "stroma"])[["migrated", "input"]].sum()
    rate = np.log((sums["migrated"] + 0.5) / sums["input"]).unstack(["drug", "stroma"])
    inside = rate["imatinib", "msc"] - rate["vehicle", "msc"]
    across = inside - (rate["imatinib", "mono"] - rate["vehicle", "mono"])
    row = fit.tables["contrasts"].query("level == 'msc' and factor == 'drug'").iloc[0]
    assert row["estimate"] == pytest.approx(inside.mean())
    assert (row["df"], row["n_units"]) == (4, 5)
    interaction = fit.tables["interactions"].iloc[0]
    assert interaction["estimate"] == pytest.approx(across.mean())
    assert interaction["std_error"] == pytest.approx(across.std() / np.sqrt(5))


def test_the_wald_answer_stands_beside_it_under_its_own_name(inserts):
    tables = counted(inserts).tables
    assert tables["wald_contrasts"]["method"].str.startswith("Wald").all()
    assert (tables["contrasts"]["method"] == "unit-level t").all()


def test_a_formula_without_random_terms_gets_the_unit_and_its_conditions(inserts):
    assert counted(inserts).formula.endswith("+ (1 | experiment) + (1 | experiment:drug:stroma)")
    one_each = inserts.groupby(["experiment", "drug", "stroma"], as_index=False).first()
    assert counted(one_each).formula.endswith("+ (1 | experiment)")


def test_a_bootstrap_is_asked_for_with_its_draws_and_seed(inserts):
    fit = counted(inserts, model=Bootstrap(draws=99, seed=3))
    assert fit.tables["contrasts"]["method"].str.contains("99 draws").all()
    assert (fit.tables["interactions"]["p_value"] >= 0.01).all()


def test_a_factor_between_units_is_tested_between_units(inserts):
    sex = {"A": "f", "B": "f", "C": "m", "D": "m", "E": "m"}
    fit = counted(
        inserts.assign(sex=inserts.experiment.map(sex)),
        "migrated ~ drug * stroma + sex + offset(log(input)) + (1 | experiment)",
    )
    table = fit.tables["contrasts"].set_index(["contrast", "level"])
    assert table.loc[("m - f", ""), "method"] == "unit-level Welch t, between units"
    assert table.loc[("imatinib - vehicle", "msc"), "n_units"] == 5


def test_a_contrast_that_one_unit_alone_informs_is_missing_with_a_reason(inserts):
    holed = inserts[(inserts.drug == "vehicle") | (inserts.experiment == "A")]
    table = counted(holed).tables["contrasts"].set_index(["contrast", "level"])
    assert np.isnan(table.loc[("imatinib - vehicle", "msc"), "p_value"])
    assert "1 units have every arm" in table.loc[("imatinib - vehicle", "msc"), "reason"]


def test_components_name_the_dispersion(inserts):
    table = counted(inserts).tables["components"]
    assert table["effect"].tolist() == ["(Intercept)", "(Intercept)", "theta"]


def test_means_are_rates_per_unit_of_the_offset(inserts):
    table = counted(inserts).tables["means"].set_index("cell")
    assert table.loc["vehicle, mono", "mean"] == pytest.approx(np.exp(-2), rel=0.5)  # units differ by half
    assert (table["mean_low"] < table["mean"]).all()


def test_a_unit_that_is_no_column_is_refused(inserts):
    with pytest.raises(DesignError, match="unit must be a column"):
        fit_counts(inserts, "migrated ~ drug", unit="donor", family="nbinom2")

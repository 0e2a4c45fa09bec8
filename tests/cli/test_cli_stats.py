"""`assaykit stats`: the statistics of any tidy table from the command line."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from assaykit.cli.stats import app
from assaykit.errors import DesignError

REFERENCE = Path(__file__).parents[1] / "reference"


def run(*arguments):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def test_counts_give_the_unit_level_answer_and_the_model_s_own(tmp_path):
    cbpp = pd.read_csv(REFERENCE / "05_cbpp.csv").assign(period=lambda d: "p" + d.period.astype(str))
    cbpp.to_csv(tmp_path / "cbpp.csv", index=False)
    output = run(
        *("counts", tmp_path / "cbpp.csv", "--unit", "herd", "--family", "binomial", "--trials", "size"),
        *("--formula", "incidence ~ period + (1 | herd)", "--out", tmp_path / "out"),
    )
    assert "unit-level t" in output
    wald = pd.read_csv(tmp_path / "out" / "wald_contrasts.csv")
    assert wald["estimate"].iloc[0] == pytest.approx(-0.992332797155, rel=1e-6)  # lme4, 05_cbpp.json
    assert (tmp_path / "out" / "contrasts.csv").is_file()


def test_dose_gives_a_curve_per_unit_and_the_shift_over_units(tmp_path):
    run(
        *("dose", REFERENCE / "11_sim_doseresponse.csv", "--unit", "experiment", "--dose", "dose_uM"),
        *("--response", "viability", "--arm", "stroma", "--reference", "alone", "--out", tmp_path),
    )
    shift = pd.read_csv(tmp_path / "ic50_shift.csv").iloc[0]
    assert shift["estimate"] == pytest.approx(1.41112150736, rel=1e-6)  # nls, 11_sim_doseresponse.json
    assert shift["F_wells"] == pytest.approx(157.059046955, rel=1e-6)


def test_synergy_of_a_table_is_tested_over_units(tmp_path):
    rows = [
        (u, a, b, 0.4 * a + 0.3 * b - 0.12 * a * b + 0.1 * a * b * k)
        for k, u in enumerate("ABC")
        for a in (0, 1)
        for b in (0, 1)
    ]
    pd.DataFrame(rows, columns=["donor", "imatinib", "plerixafor", "effect"]).to_csv(tmp_path / "e.csv", index=False)
    run(
        *("synergy", tmp_path / "e.csv", "--unit", "donor", "--doses", "imatinib,plerixafor"),
        *("--effect", "effect", "--out", tmp_path),
    )
    assert pd.read_csv(tmp_path / "synergy.csv")["estimate"].iloc[0] == pytest.approx(0.1)


def test_pooling_prints_the_summary_and_each_run_left_out(tmp_path):
    frame = pd.DataFrame({"estimate": [0.5, 0.9, 0.7, 0.2], "std_error": [0.2, 0.3, 0.2, 0.25], "year": [1, 2, 3, 4]})
    frame.to_csv(tmp_path / "runs.csv", index=False)
    assert "leave one out" in run("pool", tmp_path / "runs.csv")
    assert "year" in run("pool", tmp_path / "runs.csv", "--moderators", "year")


def test_power_says_how_many_units():
    assert run("power", "--effect", "1", "--sd", "0.8").startswith("8 independent units")


def test_a_column_that_is_not_there_is_refused_by_name(tmp_path):
    pd.DataFrame({"estimate": [1.0, 2.0]}).to_csv(tmp_path / "runs.csv", index=False)
    with pytest.raises(DesignError, match="std_error"):
        run("pool", tmp_path / "runs.csv")


def test_arms_that_do_not_reach_their_plateau_keep_their_curves_and_say_why_there_is_no_shift(tmp_path):
    doses = [0.0, 0.01, 0.03, 0.1, 0.3, 1.0]
    rows = [
        (u, arm, d, 100 / (1 + d / middle) + (-1) ** i)
        for u in "AB"
        for arm, middle in (("alone", 0.9), ("msc", 3.0))
        for i, d in enumerate(doses * 2)
    ]
    pd.DataFrame(rows, columns=["exp", "arm", "dose", "viab"]).to_csv(tmp_path / "d.csv", index=False)
    options = ("--unit", "exp", "--dose", "dose", "--response", "viab", "--arm", "arm", "--reference", "alone")
    run("dose", tmp_path / "d.csv", *options, "--out", tmp_path)
    assert len(pd.read_csv(tmp_path / "curves.csv")) == 4
    shift = pd.read_csv(tmp_path / "ic50_shift.csv").iloc[0]
    assert pd.isna(shift["estimate"])
    assert "reach the IC50 in both arms" in shift["reason"]


def test_runs_that_agree_better_than_their_errors_allow_are_said_to(tmp_path):
    frame = pd.DataFrame({"estimate": [0.50, 0.52, 0.49], "std_error": [0.2, 0.25, 0.3]})
    frame.to_csv(tmp_path / "runs.csv", index=False)
    assert "agree better than their standard errors allow" in run("pool", tmp_path / "runs.csv")
    frame.assign(estimate=[0.1, 0.9, 0.5]).to_csv(tmp_path / "apart.csv", index=False)
    assert "agree better" not in run("pool", tmp_path / "apart.csv")

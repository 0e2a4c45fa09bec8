"""`assaykit stats compare`: a bench table's tests with the unit as n, against scipy and by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from typer.testing import CliRunner

from assaykit.cli.app import app
from assaykit.errors import DesignError
from assaykit.stats.units import compare_all_arms, compare_arms, means_by_arm

VALUES = {
    "vehicle": (90.0, 84.0, 88.0, 79.0),
    "imatinib": (60.0, 49.0, 66.0, 50.0),
    "both": (41.0, 35.0, 52.0, 22.0),
}


def wells(replicates=3):
    """Return a tidy table: every mean of VALUES as wells one point apart."""
    return pd.DataFrame(
        [
            {"experiment": f"E{i + 1}", "drug": arm, "viability": mean + step}
            for arm, means in VALUES.items()
            for i, mean in enumerate(means)
            for step in np.arange(replicates) - (replicates - 1) / 2
        ]
    )


def means(**changes):
    return means_by_arm(wells(**changes), value="viability", arm="drug", unit="experiment")


def test_wells_are_averaged_so_that_more_of_them_are_no_more_n():
    pd.testing.assert_frame_equal(means(replicates=9), means(replicates=3))
    assert compare_arms(means(replicates=9), "vehicle")["n_units"].tolist() == [4, 4]


def test_arms_that_units_share_are_compared_by_paired_t_and_signed_ranks():
    row = compare_arms(means(), "vehicle").set_index("contrast").loc["imatinib - vehicle"]
    t = stats.ttest_rel(VALUES["imatinib"], VALUES["vehicle"])
    ranks = stats.wilcoxon(VALUES["imatinib"], VALUES["vehicle"], method="exact")
    assert (row["statistic"], row["p_value"]) == pytest.approx((t.statistic, t.pvalue))
    assert row["p_ranks"] == pytest.approx(ranks.pvalue)
    assert row["smallest_p_ranks"] == 0.125  # 2 of 16 sign patterns: four units cannot reach 0.05 by ranks


def test_p_is_adjusted_over_the_contrasts():
    table = compare_arms(means(), "vehicle", adjust="bonferroni")
    assert table["p_adjusted"].tolist() == pytest.approx((2 * table["p_value"]).tolist())


def test_donors_of_two_kinds_are_compared_by_welch():
    frame = pd.DataFrame({"healthy": [1.0, 2.0, 4.0, np.nan, np.nan], "patient": [np.nan, np.nan, np.nan, 6.0, 9.0]})
    row = compare_arms(frame, "healthy").iloc[0]
    t = stats.ttest_ind([6.0, 9.0], [1.0, 2.0, 4.0], equal_var=False)
    assert (row["p_value"], row["method"], row["n_units"]) == (pytest.approx(t.pvalue), "Welch t", 5)
    assert np.isnan(row["p_ranks"])


def test_one_unit_with_both_arms_is_no_comparison_and_the_row_says_so():
    frame = pd.DataFrame({"a": [1.0, 2.0, np.nan], "b": [2.0, np.nan, 4.0]})
    row = compare_arms(frame, "a").iloc[0]
    assert np.isnan(row["p_value"])
    assert "two units with both arms" in row["reason"]


def test_two_units_with_both_arms_are_enough_and_one_more_is_as_well():
    pair = pd.DataFrame({"a": [1.0, 2.0, np.nan], "b": [3.0, 5.0, 9.0]})
    row = compare_arms(pair, "a").iloc[0]
    assert (row["estimate"], row["n_units"], row["method"]) == (2.5, 2, "paired t")  # differences 2 and 3
    assert np.isnan(row["hedges_g"])  # its correction is none at one df


def test_equivalence_is_that_of_statsmodels():
    from statsmodels.stats.weightstats import ttost_paired

    row = compare_arms(means(), "imatinib", bound=30.0).set_index("contrast").loc["both - imatinib"]
    p, _, _ = ttost_paired(np.array(VALUES["both"]), np.array(VALUES["imatinib"]), -30.0, 30.0)
    assert row["p_equivalence"] == pytest.approx(p)


def test_all_arms_together_are_the_anova_of_statsmodels_and_friedman():
    from statsmodels.stats.anova import AnovaRM

    found = compare_all_arms(means()).set_index("test")
    tidy = wells().groupby(["experiment", "drug"], as_index=False)["viability"].mean()
    truth = AnovaRM(tidy, "viability", "experiment", within=["drug"]).fit().anova_table.iloc[0]
    assert found.loc["repeated-measures ANOVA", "statistic"] == pytest.approx(truth["F Value"])
    assert found.loc["repeated-measures ANOVA", ["df1", "df2", "p_value"]].tolist() == pytest.approx(
        by_greenhouse_geisser(), rel=1e-9
    )
    # every unit ranks the arms alike: of 6^4 arrangements 6 are as far apart
    assert found.loc["Friedman, exact", "p_value"] == pytest.approx(6 / 6**4)


def by_greenhouse_geisser():
    """Return df and p of the F test by the eigenvalues of the arms' covariance, as in Greenhouse & Geisser 1959."""
    table = np.array(list(VALUES.values())).T
    contrasts = np.array([[1, -1, 0], [1, 1, -2]]) / np.sqrt([[2], [6]])  # two orthonormal ones
    roots = np.linalg.eigvalsh(contrasts @ np.cov(table, rowvar=False) @ contrasts.T)
    epsilon = roots.sum() ** 2 / (2 * (roots**2).sum())
    rest = table - table.mean(axis=0) - table.mean(axis=1, keepdims=True) + table.mean()
    F = (4 * ((table.mean(axis=0) - table.mean()) ** 2).sum() / 2) / ((rest**2).sum() / 6)
    return [2 * epsilon, 6 * epsilon, stats.f.sf(F, 2 * epsilon, 6 * epsilon)]


@pytest.mark.parametrize(
    "call",
    [
        lambda: compare_arms(means(), "solvent"),
        lambda: compare_all_arms(means()[["vehicle", "both"]]),
        lambda: means_by_arm(wells().assign(viability="many"), value="viability", arm="drug", unit="experiment"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_a_sentence(call):
    with pytest.raises(DesignError, match="must"):
        call()


def test_the_command_prints_and_writes_both_tables(tmp_path):
    wells().to_csv(tmp_path / "wells.csv", index=False)
    words = ["stats", "compare", str(tmp_path / "wells.csv"), "--unit", "experiment", "--value", "viability"]
    done = CliRunner().invoke(app, [*words, "--by", "drug", "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert "imatinib - vehicle" in done.output
    assert "repeated-measures ANOVA" in done.output
    written = pd.read_csv(tmp_path / "out" / "comparisons.csv")
    assert written["contrast"].tolist() == ["imatinib - vehicle", "both - vehicle"]
    log2 = CliRunner().invoke(app, [*words, "--by", "drug", "--reference", "both", "--log2"])
    assert log2.exit_code == 0
    assert "vehicle - both" in log2.output

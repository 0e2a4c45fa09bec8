"""Synergy in a run: drugs made independent give zero, and a missing single dose is said, not guessed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from assaykit.pipeline import run
from assaykit.results import Results
from assaykit.study import read_study

IMATINIB, PLERIXAFOR = (0, 0.3, 1, 3, 10), (0, 1, 3, 10, 30)
DAYS = ("day 1", "day 2", "day 3")


def alone(dose: float, middle: float, most: float) -> float:
    return most * dose / (middle + dose)


def table(*, extra: float = 0.0, skip: str = "", noise: float = 0.0) -> str:
    """Return counts of 10,000 cells per well where the two drugs kill independently, plus `extra` where together."""
    rng = np.random.default_rng(5)
    lines = ["experiment,treatment,total,early,late"]
    for day, scale in zip(DAYS, (1.0, 1.1, 0.9), strict=True):
        for a in IMATINIB:
            for b in PLERIXAFOR:
                one, two = alone(a, 1.0 * scale, 0.8), alone(b, 5.0, 0.6)
                killed = one + two - one * two + extra * (a > 0 and b > 0) + noise * rng.standard_normal()
                dead = round(10000 * (0.05 + 0.95 * killed))
                parts = [f"imatinib {a:g} uM"] * (a > 0) + [f"plerixafor {b:g} uM"] * (b > 0)
                name = " + ".join(parts) or "vehicle"
                if name != skip:
                    lines.append(f"{day},{name},10000,{dead // 2},{dead - dead // 2}")
    return "\n".join(lines)


def results(folder: Path, text: str) -> Results:
    (folder / "counts.csv").write_text(text, encoding="utf-8")
    (folder / "study.toml").write_text(
        'assaykit = 1\ntitle = "A test"\nunit = "experiment"\n\n'
        '[[assay]]\nprotocol = "combination"\ncounts = ["counts.csv"]\n',
        encoding="utf-8",
    )
    return run(read_study(folder / "study.toml"), robust=False)


def mean_excess(found: Results, model: str):
    rows = found.tables["synergy"].query("model == @model and unit_id == '' and synergy == 'apoptosis'")
    ((_, row),) = rows[rows["first_dose"].isna()].iterrows()
    return row


def test_independent_drugs_have_no_excess_under_bliss_and_zip(tmp_path):
    found = results(tmp_path, table())
    for model, tolerance in (("bliss", 1e-4), ("zip", 2e-3)):  # whole cells; curves fitted to them
        row = mean_excess(found, model)
        assert row["excess"] == pytest.approx(0.0, abs=tolerance)
        assert row["n_units"] == 3
    assert mean_excess(found, "hsa")["excess"] > 0.1  # more than the better drug alone is not yet synergy
    assert np.isfinite(mean_excess(found, "loewe")["excess"])


def test_an_excess_comes_back_pair_by_pair_with_its_interval(tmp_path):
    found = results(tmp_path, table(extra=0.05, noise=0.01))
    row = mean_excess(found, "bliss")
    assert row["conf_low"] < 0.05 < row["conf_high"]
    pairs = found.tables["synergy"].query("model == 'bliss' and unit_id == '' and first_dose > 0")
    assert len(pairs) == 16
    assert (pairs["p_adjusted"] >= pairs["p_value"]).all()
    own = found.tables["synergy"].query("model == 'bliss' and first_dose == 1 and second_dose == 3 and unit_id != ''")
    assert own["unit_id"].tolist() == list(DAYS)


def test_a_dose_that_was_not_given_alone_is_a_finding_and_its_pairs_have_no_excess(tmp_path):
    found = results(tmp_path, table(skip="imatinib 1 uM"))
    said = found.tables["findings"].query("check == 'synergy_reference_missing'")["message"]
    assert said.str.contains("imatinib 1 uM alone is missing in day 1, day 2, day 3").any()
    bliss = found.tables["synergy"].query("model == 'bliss'")
    assert 1.0 not in set(bliss["first_dose"])


def test_one_dose_of_each_gives_bliss_and_hsa_and_says_why_there_is_no_loewe(tmp_path):
    kept = ("vehicle", "imatinib 1 uM", "plerixafor 3 uM", "imatinib 1 uM + plerixafor 3 uM")
    lines = table(noise=0.01).splitlines()
    text = "\n".join([lines[0], *(line for line in lines[1:] if line.split(",")[1] in kept)])
    found = results(tmp_path, text)
    rows = found.tables["synergy"]
    assert np.isfinite(rows.query("model == 'bliss' and unit_id == ''")["conf_low"]).all()
    loewe = rows.query("model == 'loewe'")
    assert loewe["excess"].isna().all()
    assert loewe["reason"].str.contains("at least three doses").all()
    assert "synergy_not_estimated" in set(found.tables["findings"]["check"])

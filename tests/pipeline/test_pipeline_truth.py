"""The sample study from raw files: the truth behind it is found, and found again to the byte."""

from __future__ import annotations

import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from assaykit.pipeline import run
from assaykit.results import write_results
from assaykit.study import read_study

SAMPLE = Path(__file__).parents[2] / "sample_data" / "cml_niche"


@pytest.fixture(scope="module")
def results():
    return run(read_study(SAMPLE / "study.toml"))


@pytest.fixture(scope="module")
def truth():
    rows = tomllib.loads((SAMPLE / "truth.toml").read_text())["truth"]
    return {(row["endpoint"], row["treatment"], row["context"]): row for row in rows}


def true_contrast(row, truth):
    """Return a contrast of ESTIMATES as the truth has it, on the analysis scale; None where the truth is silent."""
    context = row["context"]

    def level(treatment, where):
        arm = truth.get((row["endpoint"], treatment, where))
        if arm is None:
            return None
        value = arm.get("apparent", arm["value"])
        match row["scale"]:
            case "log":
                return np.log(value)
            case "logit":
                return np.log(value / (100 - value))
            case _:
                return value

    other = context if row["kind"] in {"treatment", "pairwise"} else row["comparator_context"]
    match row["kind"]:
        case "treatment" | "pairwise":
            arms = [level(row["treatment"], context), level(row["comparator"], context)]
        case "context":
            arms = [level(row["treatment"], context), level(row["treatment"], other)]
        case "interaction":
            arms = [
                level(row["treatment"], context),
                level(row["comparator"], context),
                level(row["comparator"], other),
                level(row["treatment"], other),
            ]
        case _:
            return None
    if any(arm is None for arm in arms):
        return None
    return arms[0] - arms[1] + (arms[2] - arms[3] if len(arms) == 4 else 0.0)


def test_intervals_hold_the_truth_as_often_as_they_claim(results, truth):
    """95 % intervals of contrasts that share arms: of about 200, 90 % or more must hold the truth.

    The contrasts of one study are correlated, so the bound is below 95 %; wells-as-n intervals would hold half.
    """
    estimates = results.tables["estimates"]
    held = []
    for row in estimates[estimates["endpoint"].isin({key[0] for key in truth})].to_dict("records"):
        expected = true_contrast(row, truth)
        if expected is not None and np.isfinite(row["conf_low"]):
            held.append(row["conf_low"] <= expected <= row["conf_high"])
    assert len(held) > 100
    assert np.mean(held) >= 0.9


def test_strong_effects_are_found_with_their_size(results):
    estimates = results.tables["estimates"].set_index(["endpoint", "kind", "contrast", "context"])
    imatinib = "imatinib 1 uM - vehicle"
    for endpoint, context, low, high in [
        ("cxcr4_dmfi", "mono", 1.3, 2.4),  # 2 ** 0.8 = 1.74
        ("migration_cxcl12", "mono", 1.8, 3.9),  # 8 / 3 = 2.67
        ("apoptosis", "mono", 7.0, 20.0),  # odds ratio of 40 against 5 % = 12.7
    ]:
        effect = estimates.loc[(endpoint, "treatment", imatinib, context), "effect"]
        assert low < float(np.ravel(effect)[0]) < high, endpoint


def test_verdicts_are_those_the_world_deserves(results):
    verdict = results.tables["comparisons"].set_index("claim")["verdict"]
    for claim in ("EN-04", "EN-08", "EN-10", "EN-11", "EN-17", "EN-28", "EN-31", "ES-32", "ES-34", "ES-35"):
        assert verdict[claim] == "consistent", claim
    assert verdict["EN-29"] == "not testable"
    assert verdict["EN-27"] in {"inconclusive", "no effect", "contradicts"}, "dasatinib protects as imatinib does here"
    printed = results.tables["comparisons"].set_index("claim").loc["ES-35", "printed_verdict"]
    assert printed == "contradicts", "in vitro plerixafor lowers migration, against the review's wording"


def test_plerixafor_with_clone_12g5_cannot_be_interpreted(results):
    estimates = results.tables["estimates"]
    hidden = estimates[(estimates["endpoint"] == "cxcr4_dmfi") & estimates["treatment"].str.contains("plerixafor")]
    assert len(hidden)
    assert hidden["reason"].str.contains("12G5").all()


def test_every_claim_has_a_verdict_and_a_reason(results):
    comparisons = results.tables["comparisons"]
    assert comparisons["claim"].nunique() == 81
    assert (comparisons["verdict"] != "").all()
    assert (comparisons["reason"] != "").all()


def test_no_well_fails_and_none_is_lost(results):
    findings = results.tables["findings"]
    assert not (findings["level"] == "fail").any(), findings[findings["level"] == "fail"].to_string()
    wells = sum(len(plate.wells) for assay in results.study.assays for plate in assay.plates)
    assert wells == len(results.tables["readouts"][["plate", "well"]].drop_duplicates()) == 220


def test_tables_are_the_same_to_the_byte_whatever_the_workers(results, tmp_path):
    study = replace(read_study(SAMPLE / "study.toml"))
    with ThreadPoolExecutor(3) as executor:
        again = run(study, executor=executor)
    first = write_results(results, tmp_path / "first") / "tables"
    second = write_results(again, tmp_path / "second") / "tables"
    names = sorted(path.name for path in first.iterdir())
    assert names == sorted(path.name for path in second.iterdir())
    for name in names:
        assert (first / name).read_bytes() == (second / name).read_bytes(), name

"""Sentences say what the interval says, and no more."""

from __future__ import annotations

import pandas as pd
import pytest
from figures.figures_study import synthetic_results

from assaykit.report import families, strongest
from assaykit.report.words import estimate_sentence

ROW = {
    "endpoint": "cxcr4_dmfi", "treatment": "imatinib 1 uM", "comparator": "vehicle", "context": "mono",
    "comparator_context": "", "kind": "treatment", "effect_name": "fold change", "effect": 1.74, "effect_low": 1.5,
    "effect_high": 2.02, "n_units": 5, "p_adjusted": 0.0021, "contrast": "imatinib 1 uM - vehicle",
}  # fmt: skip


def said(**changes):
    return estimate_sentence(pd.Series(ROW | changes), "experiment")


def test_a_rise_is_said_with_size_interval_n_and_p():
    assert said() == (
        "Imatinib 1 µM raised surface CXCR4 (ΔMFI) 1.74-fold over vehicle, cells alone "
        "(fold change 1.74, 95% CI 1.50 to 2.02; n = 5 experiments; adjusted P = 0.0021)."
    )


def test_an_interval_that_spans_no_effect_is_no_change_in_either_direction():
    text = said(effect=1.2, effect_low=0.9, effect_high=1.6)
    assert "did not clearly change" in text
    assert "raised" not in text


def test_a_fall_of_a_ratio_and_of_points_are_worded_apart():
    assert "lowered migration to CXCL12 to 0.42 times that under vehicle" in said(
        endpoint="migration_cxcl12", effect_name="rate ratio", effect=0.42, effect_low=0.3, effect_high=0.6
    )
    assert "lowered apoptosis by 12.0 points against vehicle" in said(
        endpoint="apoptosis", effect_name="percentage points", effect=-12.0, effect_low=-20.0, effect_high=-4.0
    )


def test_an_interaction_is_compared_with_the_other_context():
    text = said(
        endpoint="apoptosis", kind="interaction", context="msc_contact", comparator_context="mono",
        effect_name="odds ratio", effect=0.31, effect_low=0.18, effect_high=0.52,
    )  # fmt: skip
    assert text.startswith(
        "With MSC in contact, the odds ratio of apoptosis, imatinib 1 µM against vehicle, was 0.31 times that of "
        "cells alone"
    )


@pytest.mark.parametrize("kind", ["treatment", "pairwise", "context", "interaction", "level", "custom"])
@pytest.mark.parametrize(("low", "high"), [(1.1, 2.0), (0.3, 0.8), (0.8, 1.3)])
@pytest.mark.parametrize("name", ["fold change", "rate ratio", "odds ratio", "difference", "percentage points"])
def test_every_kind_of_contrast_has_a_sentence(kind, low, high, name):
    text = said(kind=kind, effect=(low * high) ** 0.5, effect_low=low, effect_high=high, effect_name=name)
    assert text.endswith("adjusted P = 0.0021).")


def found(results=None):
    tables = (results or synthetic_results()).tables
    return families(tables["comparisons"], tables["estimates"], "experiment")


def test_claims_tested_by_one_contrast_share_one_headline():
    cxcr4 = found()[0]
    assert cxcr4.name == "Surface CXCR4"
    assert cxcr4.headlines[0].claims == ("EN-10", "ES-32")


def test_each_claim_appears_in_one_headline_and_none_is_lost():
    claims = [claim for family in found() for headline in family.headlines for claim in headline.claims]
    assert sorted(claims) == sorted(
        ["EN-10", "ES-32", "EN-31", "EN-50", "EN-11", "ES-33", "ES-35", "EN-28", "EN-30", "EN-08", "ES-34", "EN-04"]
    )


def test_a_headline_speaks_of_the_estimate_with_the_claims_own_numbers():
    """Contrasts between contexts share their words: only the numbers tell vehicle from dasatinib."""
    results = synthetic_results()
    estimates = results.tables["estimates"].copy()
    contexts = estimates[(estimates["kind"] == "context") & (estimates["endpoint"] == "apoptosis")]
    vehicle = contexts[contexts["treatment"] == "vehicle"].iloc[0]
    estimates.loc[contexts.index, "contrast"] = "msc_contact - mono"
    claim = results.tables["comparisons"].iloc[[0]].copy()
    for name in (
        "endpoint",
        "treatment",
        "comparator",
        "context",
        "comparator_context",
        "effect",
        "effect_low",
        "effect_high",
        "effect_name",
    ):
        claim[name] = vehicle[name]
    claim["contrast"] = "msc_contact - mono"
    (family,) = families(claim, estimates, "experiment")
    assert "under vehicle" in family.headlines[0].finding


def test_a_contrast_turned_round_for_a_claim_is_named_as_it_was_tested():
    results = synthetic_results()
    claim = (
        results.tables["comparisons"]
        .iloc[[0]]
        .assign(
            contrast="vehicle - imatinib 1 uM",
            treatment="vehicle",
            comparator="imatinib 1 uM",
            effect=1 / 1.7,
            effect_low=1 / 1.9,
            effect_high=1 / 1.5,
        )
    )
    (family,) = families(claim, results.tables["estimates"], "experiment")
    assert family.headlines[0].finding.startswith("Vehicle lowered surface CXCR4 (ΔMFI) to 0.59 times that under imat")


def test_a_claim_that_is_not_interpretable_is_not_told_as_an_effect():
    doubtful = [h for family in found() for h in family.headlines if h.verdict == "not interpretable"]
    assert doubtful[0].finding.startswith("What was seen, and cannot be read as an effect:")


def test_the_strongest_findings_are_sure_of_their_direction_one_per_endpoint():
    best = strongest(found())
    assert len(best) == 3
    assert {h.verdict for h in best} <= {"consistent", "contradicts"}
    assert len({h.endpoint for h in best}) == 3
    assert best[0].primary

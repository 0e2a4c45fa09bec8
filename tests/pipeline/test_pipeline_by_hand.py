"""A run with gates, channels and wells set by hand: the answer with them, and the answer without them beside it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from assaykit.pipeline import run
from assaykit.pipeline.by_hand import AS_ESTIMATED, verdicts_by_hand
from assaykit.report import write_report
from assaykit.report.methods import methods_markdown
from assaykit.results import read_results, write_results
from assaykit.study import read_study

SAMPLE = Path(__file__).parents[2] / "sample_data" / "cml_niche"
STUDY = """
assaykit = 1
title = "by hand"
unit = "experiment"
[[assay]]
protocol = "cxcr4_surface"
plates = ["plates/cxcr4_E1.toml", "plates/cxcr4_E2.toml", "plates/cxcr4_E3.toml"]
fcs = "fcs/{plate}"
channels = { cxcr4 = "PE-A", viability = "BV421-A", cd45 = "APC-A", cd90 = "BV786-A" }
"""
BY_HAND = """
[[override]]
gate = "cells"
value = 65000
reason = "debris reached up to there"
by = "AB"
on = 2026-01-31
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    for name in ("plates", "fcs"):
        shutil.copytree(SAMPLE / name, folder / name, ignore=shutil.ignore_patterns("migration_*", "annexin_*"))
    return folder


def study(folder: Path, name: str, lines: str):
    path = folder / f"{name}.toml"
    path.write_text(STUDY + lines, encoding="utf-8")
    return read_study(path)


@pytest.fixture(scope="module")
def as_estimated(folder):
    return run(study(folder, "bare", ""))


@pytest.fixture(scope="module")
def by_hand(folder):
    return run(study(folder, "hand", BY_HAND))


def test_every_primary_contrast_has_the_answer_without_the_hand(as_estimated, by_hand):
    keys = ["analysis", "contrast", "context", "kind"]
    table = by_hand.tables["robustness"]
    without = table[table["variation"] == AS_ESTIMATED].set_index(keys)
    planned = as_estimated.tables["robustness"].query("variation == 'as planned'").set_index(keys)
    assert len(without) == len(planned) > 20
    assert without["estimate"].tolist() == pytest.approx(planned["estimate"].tolist(), rel=1e-12, nan_ok=True)
    changed = table[table["variation"] == "as planned"].set_index(keys)["estimate"] - planned["estimate"]
    assert changed.abs().max() > 0.01  # half of the cells are gone


def test_a_run_without_overrides_has_no_such_row_or_table(as_estimated):
    assert not (as_estimated.tables["robustness"]["variation"] == AS_ESTIMATED).any()
    assert not {"overrides", "verdicts_by_hand"} & set(as_estimated.tables)


def test_the_changes_are_listed_plate_by_plate_with_who_when_why_before_and_after(by_hand):
    table = by_hand.tables["overrides"]
    assert table["plate"].tolist() == ["cxcr4_E1", "cxcr4_E2", "cxcr4_E3"]
    row = table.iloc[0].to_dict()
    assert row["before"].startswith("fsc_a above ")
    assert {key: row[key] for key in ("what", "after", "reason", "set_by", "set_on", "source")} == {
        "what": "gate cells",
        "after": "fsc_a above 65000",
        "reason": "debris reached up to there",
        "set_by": "AB",
        "set_on": "2026-01-31",
        "source": "hand.toml, [[override]] 1",
    }
    notes = by_hand.tables["findings"].query("check == 'set_by_hand'")
    assert (set(notes["level"]), set(notes["population"]), len(notes)) == ({"note"}, {"cells"}, 3)


def test_each_tested_claim_has_its_verdict_both_ways(as_estimated, by_hand):
    table = by_hand.tables["verdicts_by_hand"].set_index("claim")
    bare, hand = (one.tables["comparisons"].set_index("claim") for one in (as_estimated, by_hand))
    assert len(table) > 2
    assert table["verdict"].tolist() == hand.loc[table.index, "verdict"].tolist()
    assert table["verdict_as_estimated"].tolist() == bare.loc[table.index, "verdict"].tolist()
    assert table["depends"].tolist() == (table["verdict"] != table["verdict_as_estimated"]).tolist()


def test_a_verdict_that_differs_depends_on_the_hand(by_hand):
    told = by_hand.tables["comparisons"]
    tested = told[told["verdict"] != "not testable"]
    other = told.assign(verdict=["contradicts" if i == tested.index[0] else v for i, v in told["verdict"].items()])
    table = verdicts_by_hand(told, other)
    assert table.loc[table["depends"], "claim"].tolist() == [tested["claim"].iloc[0]]
    assert len(table) == len(tested)


def test_the_report_the_methods_and_the_resolved_study_tell_it(by_hand, tmp_path):
    page = write_report(by_hand, tmp_path / "report.html", figures={}).read_text(encoding="utf-8")
    section = page[page.index('id="by-hand"') :]
    assert "debris reached up to there" in section
    assert "hand.toml, [[override]] 1" in section
    assert "Set by hand on some plates or wells: the gate cells." in methods_markdown(by_hand)
    again = read_results(write_results(by_hand, tmp_path / "results"))
    assert again.study == by_hand.study
    assert again.study.assays[0].overrides[0].signed == "debris reached up to there (AB, 2026-01-31)"


def test_the_review_is_among_the_inputs(folder):
    (folder / "review.toml").write_text('study = "reviewed.toml"\n' + BY_HAND, encoding="utf-8")
    results = run(study(folder, "reviewed", ""), robust=False)
    (folder / "review.toml").unlink()
    assert results.tables["overrides"]["source"].unique().tolist() == ["review.toml, [[override]] 1"]
    assert "verdicts_by_hand" not in results.tables
    assert {"review.toml", "reviewed.toml"} <= {entry["path"] for entry in results.provenance["inputs"]}


def test_what_only_the_hand_made_readable_has_no_answer_without_it(folder):
    """The study names a channel no file has; set by hand on every plate, it is read, and only so."""
    channels = '[[override]]\nchannels = { cxcr4 = "PE-A" }\nreason = "the study names last year\'s dye"\n'
    path = folder / "channels.toml"
    path.write_text(STUDY.replace('cxcr4 = "PE-A"', 'cxcr4 = "BB515-A"') + channels, encoding="utf-8")
    results = run(read_study(path))
    table = results.tables["robustness"]
    assert table.query("variation == 'as planned'")["estimate"].notna().all()
    assert set(table.query("variation == @AS_ESTIMATED")["stands"]) == {"not estimable"}
    verdicts = results.tables["verdicts_by_hand"]
    assert verdicts["depends"].all()
    assert set(verdicts["verdict_as_estimated"]) <= {"not testable", "not interpretable"}
    assert results.tables["overrides"]["before"].unique().tolist() == ["BB515-A"]


def test_a_well_left_out_is_excluded_and_shown_with(folder):
    left_out = '[[override]]\nwell = "B1"\nplate = "cxcr4_E1"\nexclude = true\nreason = "bubble"\n'
    results = run(study(folder, "left_out", left_out), robust=False)
    table = results.tables["measurements"]
    assert set(map(tuple, table.loc[table["excluded"], ["plate", "well"]].to_numpy())) == {("cxcr4_E1", "B1")}
    assert table.loc[table["excluded"], "value"].notna().any()
    keys = ["analysis", "contrast", "context", "kind"]
    kept, both = (results.tables[name].set_index(keys) for name in ("estimates", "estimates_with_excluded"))
    imatinib = [key for key in kept.index if key[1] == "imatinib 1 uM - vehicle" and key[2] == "mono"]
    assert (kept.loc[imatinib, "n_wells"] < both.loc[imatinib, "n_wells"]).all()

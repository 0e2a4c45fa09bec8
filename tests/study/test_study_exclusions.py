"""Wells left out in the layout itself, each with its reason, and what a layout remarks on the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from assaykit.pipeline import run
from assaykit.study import Study, read_study

STUDY = """
assaykit = 1
title = "Exclusions"
unit = "experiment"

[[assay]]
protocol = "annexin_apoptosis"
counts = ["counts.csv"]
"""


COUNTS = """experiment,treatment,viable,early,late,exclude,note
E1,vehicle,913,20,31,{remark}
E1,vehicle,871,27,22,,
E1,imatinib 1 uM,702,131,88,,
E2,vehicle,958,41,36,,
E2,imatinib 1 uM,640,155,120,,
E3,vehicle,801,15,12,,
E3,imatinib 1 uM,733,98,61,,
"""


def study(folder: Path, remark: str) -> Study:
    """Return a study whose first row carries a remark: the cells of exclude and note."""
    (folder / "counts.csv").write_text(COUNTS.format(remark=remark))
    (folder / "study.toml").write_text(STUDY)
    return read_study(folder / "study.toml")


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ("bubble in the tube,", "bubble in the tube"),
        ("yes,bubble in the tube", "bubble in the tube"),
        ("X,", "excluded in the layout"),
    ],
)
def test_a_well_is_left_out_with_the_reason_the_layout_gives(tmp_path, cells, reason):
    (override,) = study(tmp_path, cells).assays[0].overrides
    assert (override.exclude, override.reason, dict(override.plates)) == (True, reason, {"counts": ("row 2",)})
    assert override.source == "counts.csv:F2"


@pytest.mark.parametrize("cells", [",", "no,", "0,"])
def test_a_well_that_is_not_left_out_stays(tmp_path, cells):
    assert study(tmp_path, cells).assays[0].overrides == ()


def test_a_remark_alone_is_told_and_changes_nothing(tmp_path):
    read = study(tmp_path, ",pale pellet")
    assert read.assays[0].overrides == ()
    told = [(f.level, f.well, f.message) for f in read.findings if f.check == "layout_note"]
    assert told == [("note", "row 2", "the layout notes: pale pellet")]


def test_what_a_layout_leaves_out_is_in_the_tables_and_the_answer_with_it_stands_beside(tmp_path):
    results = run(study(tmp_path, "bubble in the tube,"))
    values = results.tables["measurements"].query("endpoint == 'apoptosis' and well == 'row 2'")
    assert (values["qc"].tolist(), values["excluded"].tolist()) == (["fail"], [True])
    found = results.tables["findings"].query("check == 'excluded_by_hand'")
    assert found["message"].tolist() == ["left out by hand: bubble in the tube"]
    assert len(results.tables["estimates_with_excluded"]) > 0

"""One thing spelt twice: levels that look alike are asked about before anything is counted."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from openpyxl import Workbook

from assaykit.errors import StudyError
from assaykit.study import read_study
from assaykit.study.levels import alike

STUDY = """
assaykit = 1
title = "Levels"
unit = "experiment"
factors = ["serum"]

[[assay]]
protocol = "annexin_apoptosis"
counts = ["counts.xlsx"]
"""


def study(folder: Path, *rows: list[object], header: tuple[str, ...] = ("experiment", "treatment", "viable", "early")):
    book = Workbook()
    book.active.append(list(header))
    for row in rows:
        book.active.append(row)
    book.save(folder / "counts.xlsx")
    (folder / "study.toml").write_text(STUDY)
    return read_study(folder / "study.toml")


def test_one_day_written_four_ways_is_asked_about(tmp_path):
    days = (20240301, dt.date(2024, 3, 1), dt.datetime.fromisoformat("2024-03-01T09:30"), "1.3.24")
    with pytest.raises(StudyError) as refused:
        study(tmp_path, *([day, drug, 900, 100] for day in days for drug in ("vehicle", "imatinib 1 uM")))
    message = str(refused.value)
    assert message.startswith("study.toml, [[assay]] 1 (annexin_apoptosis): levels of 'experiment' must look different")
    assert "'20240301' (counts.xlsx!Sheet:A2) and '2024-03-01' (counts.xlsx!Sheet:A4) and" in message
    assert (
        "'2024-03-01T09:30:00' (counts.xlsx!Sheet:A6) and '1.3.24' (counts.xlsx!Sheet:A8), which look like one"
        in message
    )


def test_other_days_are_other_experiments(tmp_path):
    days = (20240301, dt.date(2024, 3, 2), "3.3.24")
    found = study(tmp_path, *([day, drug, 900, 100] for day in days for drug in ("vehicle", "imatinib 1 uM")))
    assert len({well.factors["experiment"] for well in found.assays[0].counts[0].wells}) == 3


def test_a_percentage_written_with_a_blank_is_the_same_level(tmp_path):
    header = ("experiment", "treatment", "serum", "viable", "early")
    rows = ([day, "vehicle", serum, 900, 100] for day in ("E1", "E2", "E3") for serum in ("10 %", "10%"))
    with pytest.raises(
        StudyError, match=r"levels of 'serum' .* '10 %' \(.*D2\)|'10 %' \(counts.xlsx!Sheet:C2\) and '10%'"
    ):
        study(tmp_path, *rows, header=header)


@pytest.mark.parametrize(
    ("levels", "groups"),
    [
        (("1E4", "10000", "1e5"), [("1E4", "10000")]),
        (("0,5", "0.5"), [("0,5", "0.5")]),
        (("10 %", "0.1", "10"), [("10 %", "0.1")]),
        (("E1", "E01", "E10"), [("E1", "E01")]),
        (("Day 1", "day 1", "day1", "day2"), [("Day 1", "day 1", "day1")]),
        (("45352", "2024-03-01"), [("45352", "2024-03-01")]),  # a date cell that lost its format
        (("240301", "2024-03-01"), [("240301", "2024-03-01")]),
        (("2024-03-01 09:30", "2024-03-01"), [("2024-03-01 09:30", "2024-03-01")]),
        (("2024-03-01 09:30", "2024-03-01 14:00"), []),  # two sittings of one day
        (("1.3.24", "3.1.24"), []),  # one manner of writing, two days
        (("240301", "010324"), []),
        (("D1.1", "D11", "D1-1"), [("D1.1", "D1-1")]),
        (("CD34+", "CD34-", "CD34"), []),
        (("K562", "K-562", "KG1"), [("K562", "K-562")]),
    ],
)
def test_levels_look_alike_by_what_they_mean(levels, groups):
    assert alike(levels) == groups

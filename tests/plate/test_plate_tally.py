"""Counts as people write them: each is read with its meaning, or refused by itself."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assaykit.errors import CountsError, Faults
from assaykit.plate import Columns, Plate, read_counts
from assaykit.plate.draft import Entry
from assaykit.plate.reading import Reading, reading_from_counts
from assaykit.plate.tally import tally_from_entry


def tally(value, column="migrated", **options):
    return tally_from_entry(column, Entry(value, "c.csv:D4"), **options)


@pytest.mark.parametrize(
    ("written", "kind", "value"),
    [
        ("600", "exact", 600),
        (600, "exact", 600),
        ("1 200", "exact", 1200),
        ("1'200", "exact", 1200),
        ("12,5", "exact", 12.5),
        ("~600", "approximate", 600),
        ("≈ 600", "approximate", 600),
        ("ca. 600", "approximate", 600),
        ("600*", "approximate", 600),
        ("600 **", "approximate", 600),
        ("600 (?)", "approximate", 600),
        (">5000", "at_least", 5000),
        (">= 5 000", "at_least", 5000),
        ("≥5000", "at_least", 5000),
        ("5000+", "at_least", 5000),
        ("more than 5000", "at_least", 5000),
        ("<5", "at_most", 5),
        ("≤ 5", "at_most", 5),
    ],
)
def test_a_number_is_read_with_what_its_marks_mean(written, kind, value):
    read = tally(written)
    assert (read.kind, read.value) == (kind, value)


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("TNTC", "too many to count"),
        ("too many to count", "too many to count"),
        ("-", "nothing was counted"),
        ("–", "nothing was counted"),
        ("n.d.", "not determined"),
        ("n/d", "not determined"),
        ("ND", "not determined"),
        ("lost", "lost"),
        ("Well lost", "lost"),
        ("verloren", "lost"),
        ("#DIV/0!", "an error of the spreadsheet"),
        ("#REF!", "an error of the spreadsheet"),
    ],
)
def test_a_word_for_nothing_is_nothing_and_says_why(written, reason):
    read = tally(written)
    assert (read.kind, read.value, read.reason) == ("missing", None, reason)
    assert read.message == f"migrated is '{written}' (c.csv:D4): {reason}, so the well has no such count."


@pytest.mark.parametrize(
    "written", ["many", "three", "~", ">", "1/2", "3.1 %", dt.date(2024, 3, 1), True, float("inf")]
)
def test_what_is_no_number_is_refused(written):
    assert (tally(written).kind, tally(written).value) == ("unreadable", None)


def test_a_number_that_can_be_read_two_ways_is_refused_with_both():
    assert tally("8.300").message == (
        "migrated is '8.300' (c.csv:D4), which is 8300 or 8.3: this count alone is left out; "
        "write 8300, or 8.3000 if it is a decimal."
    )
    assert tally(">1,200").kind == "unreadable"
    assert tally("3.125", decimal=".").value == 3.125


def test_only_a_signal_may_be_below_zero_and_has_a_point():
    assert tally(-3).kind == "unreadable"
    assert tally("-0.012", "signal").value == -0.012
    assert tally("1.250", "signal").value == 1.25


@given(st.integers(0, 10**7), st.sampled_from(["", "~", "ca. ", ">", "<", ">= "]), st.sampled_from(["", "*", " ?"]))
def test_marks_never_change_the_number(number, before, after):
    assert tally(f"{before}{number}{after}").value == number


def counts(folder: Path, text: str) -> Reading:
    (folder / "c.csv").write_text(text, encoding="utf-8")
    return reading_from_counts(folder / "c.csv", Columns())


def values(plate: Plate, name: str) -> list[float | None]:
    return [well.counts.get(name) for well in plate.wells]


def test_one_odd_cell_costs_its_own_count_alone(tmp_path):
    reading = counts(
        tmp_path,
        'experiment;migrated;input\n1;600;1000\n2;~600;1000\n3;>5000;1000\n4;TNTC;1000\n5;8.300;1000\n6;"#DIV/0!";\n7;many;-\n',
    )
    (plate,) = reading.plates
    assert reading.faults == ()
    assert values(plate, "migrated") == [600, 600, 5000, None, None, None, None]
    assert values(plate, "input") == [1000, 1000, 1000, 1000, 1000, None, None]
    assert [(finding.level, finding.check, finding.well) for finding in reading.findings] == [
        ("warn", "count_approximate", "row 3"),
        ("warn", "count_bound", "row 4"),
        ("warn", "count_missing", "row 5"),
        ("fail", "count_unreadable", "row 6"),
        ("warn", "count_missing", "row 7"),
        ("fail", "count_unreadable", "row 8"),
        ("warn", "count_missing", "row 8"),
    ]
    assert plate.wells[2].notes["migrated"] == (
        "migrated is '>5000' (c.csv:B4): at least 5000; the bound stands for the count, and is not interpreted."
    )


def test_a_column_of_which_no_cell_can_be_read_is_a_fault(tmp_path):
    (tmp_path / "c.csv").write_text("experiment,migrated\n1,many\n2,few\n")
    with pytest.raises(Faults) as refused:
        read_counts(tmp_path / "c.csv")
    assert [str(error) for error in refused.value.errors] == [
        "c.csv:B2: 'migrated' must be a number; found 'many'. Try: leave the cell empty where nothing was counted.",
        "c.csv:B3: 'migrated' must be a number; found 'few'. Try: leave the cell empty where nothing was counted.",
    ]


def test_a_bound_of_the_input_is_no_number_to_take_shares_of(tmp_path):
    reading = counts(tmp_path, "experiment,target,migrated\n1,medium,>50\n1,input,>5000\n")
    assert values(reading.plates[0], "migrated") == [50.0, None]
    assert "a bound, of which no share can be taken" in reading.findings[1].message


def test_cells_of_some_squares_are_no_cells_of_the_well_where_the_squares_are_not_known(tmp_path):
    reading = counts(tmp_path, "experiment,viable,squares,volume\n1,50,4,0.5\n2,60,-,0.5\n3,70,4,?\n")
    # 50 cells / 4 squares x 10^4 per mL x 0.5 mL
    assert values(reading.plates[0], "viable") == [62_500.0, None, None]
    assert [finding.check for finding in reading.findings] == ["count_missing", "count_unreadable"]


def test_trypan_blue_counts_of_living_and_dead_become_cells_of_the_well(tmp_path):
    reading = counts(tmp_path, "experiment,viable,dead,squares,dilution,volume\n1,90,10,4,1:2,0.5\n")
    # 10 cells / 4 squares x 2 x 10^4 per mL x 0.5 mL
    assert (values(reading.plates[0], "viable"), values(reading.plates[0], "dead")) == ([225_000.0], [25_000.0])


def test_a_dilution_below_one_is_refused_by_itself(tmp_path):
    with pytest.raises(CountsError, match=r"'dilution' must be how many times the sample was diluted; found 0\.5"):
        read_counts_of(tmp_path, "experiment,total,dilution\n1,10,0.5\n")


def read_counts_of(folder: Path, text: str) -> Plate:
    (folder / "c.csv").write_text(text)
    return read_counts(folder / "c.csv")

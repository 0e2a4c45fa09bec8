"""Findings are told once a plate; what failed is told well by well, and nothing is lost."""

from __future__ import annotations

from dataclasses import replace

from assaykit.pipeline.condensing import condense
from assaykit.tables import Finding

DRIFT = Finding("warn", "drift", "the signal moved by 31%", "plate 1", "", "cxcr4", "cml")


def on(wells, finding=DRIFT):
    return [replace(finding, well=well) for well in wells]


def test_the_wells_of_a_plate_that_share_a_check_and_a_channel_are_one_row():
    (told,) = condense(on(["A1", "A2", "A3", "A4", "B1", "B2", "C7"]))
    assert told == replace(DRIFT, message="7 wells (A1-A4, B1, B2, C7): the signal moved by 31%")


def test_messages_that_differ_are_told_by_the_first():
    (told,) = condense(replace(f, message=f"moved by {i}%") for i, f in enumerate(on(["A1", "B1", "C1", "D1"]), 20))
    assert told.message == "4 wells (A1, B1, C1, D1): the first, A1: moved by 20%"


def test_plates_checks_levels_channels_and_populations_are_kept_apart():
    others = {"plate": "plate 2", "check": "clog", "level": "note", "channel": "cd45", "population": "live"}
    wells = ["A1", "A2", "A3", "A4"]
    found = on(wells) + [f for key, value in others.items() for f in on(wells, replace(DRIFT, **{key: value}))]
    assert len(condense(found)) == 6


def test_three_wells_are_told_one_by_one_and_failures_always():
    few = on(["A1", "A2", "A3"])
    failed = on([f"B{i}" for i in range(1, 11)], replace(DRIFT, level="fail"))
    assert condense([*few, *failed]) == [*few, *failed]


def test_what_was_left_out_of_a_run_is_told_well_by_well():
    out = on(["A1", "A2", "A3", "A4", "A5"], replace(DRIFT, level="note", check="excluded_signal"))
    assert condense(out) == out


def test_the_same_finding_twice_is_told_once_and_a_finding_of_a_plate_stands_by_itself():
    plate = replace(DRIFT, well="")
    assert condense([plate, plate, *on(["A1"]), *on(["A1"])]) == [plate, *on(["A1"])]


def test_wells_without_a_number_are_named_as_they_are():
    (told,) = condense(on(["tube", "donor 1", "x", "y"]))
    assert "(tube, donor 1, x, y)" in told.message


def test_wells_of_several_messages_each_are_counted_once():
    (told,) = condense([*on(["A1", "A2", "A3", "A4"]), replace(DRIFT, well="A1", message="again")])
    assert told.message.startswith("4 wells (A1-A4)")

"""Cells left from the well before are found at the start of a run; steady wells are not suspected."""

from dataclasses import replace

import numpy as np
import pytest

from assaykit.cytometry.carry_over import RunStart, carry_over_findings, carry_over_share, run_start
from assaykit.cytometry.columns import WellColumns
from assaykit.fcs import events_from_array
from assaykit.pipeline import run
from assaykit.simulate import simulate_study
from assaykit.study import read_study


def bright(rng, events):
    return rng.normal(5_000, 900, events)


def dim(rng, events):
    return rng.normal(100, 60, events)


def start(well, begun, first, rest, date="04-MAR-2025"):
    return RunStart(well, date, begun, {"cxcr4": first}, {"cxcr4": rest})


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_the_share_carried_is_found_from_either_side(share):
    rng = np.random.default_rng(1)
    taken = rng.random(200) < share
    into_dim = np.where(taken, bright(rng, 200), dim(rng, 200))
    into_bright = np.where(taken, dim(rng, 200), bright(rng, 200))
    assert carry_over_share(bright(rng, 1_000), into_dim, dim(rng, 1_000), chance=1e-3) == pytest.approx(
        taken.mean(), abs=0.02
    )
    assert carry_over_share(dim(rng, 1_000), into_bright, bright(rng, 1_000), chance=1e-3) == pytest.approx(
        taken.mean(), abs=0.02
    )


def test_fewer_than_one_steady_well_in_a_hundred_is_suspected():
    rng = np.random.default_rng(2)
    named = 0
    for _ in range(400):
        mixed = np.where(rng.random(1_200) < rng.uniform(0.05, 0.5), bright(rng, 1_200), dim(rng, 1_200))
        named += carry_over_share(bright(rng, 1_000), mixed[:200], mixed[200:], chance=1e-3) >= 0.1
    assert named <= 2


def test_wells_that_look_alike_cannot_be_told_apart():
    rng = np.random.default_rng(3)
    assert carry_over_share(dim(rng, 1_000), dim(rng, 200), dim(rng, 1_000), chance=1.0) == 0.0


def test_only_the_well_run_just_before_on_that_day_is_asked():
    rng = np.random.default_rng(4)
    a = start("A1", 10.0, bright(rng, 100), bright(rng, 1_000))
    b = start("B1", 50.0, np.r_[bright(rng, 60), dim(rng, 40)], dim(rng, 1_000))
    found = carry_over_findings([b, a])
    assert [(f.check, f.well, f.channel, f.level) for f in found] == [("carry_over", "B1", "cxcr4", "warn")]
    assert "A1" in found[0].message
    assert carry_over_findings([a, replace(b, date="05-MAR-2025")]) == []
    assert carry_over_findings([a, replace(b, begin=10.0)]) == []
    between = start("C1", 30.0, dim(rng, 100), dim(rng, 1_000))
    assert carry_over_findings([a, between, b]) == []


@pytest.mark.parametrize(
    ("btim", "begun"), [("09:00:30", 32430.0), ("09:00:30:30", 32430.5), ("09:00:30.25", 32430.25), ("nine", None)]
)
def test_when_a_run_began_is_read_in_every_form_of_the_standard(btim, begun):
    rng = np.random.default_rng(5)
    values = np.column_stack([dim(rng, 600), np.linspace(0, 9, 600)])
    events = events_from_array(values, ["PE-A", "Time"], keywords={"$BTIM": btim})
    found = run_start("A1", WellColumns(events, {"cxcr4": "PE-A"}))
    assert (found and found.begin) == begun
    assert found is None or found.first_events["cxcr4"].size == 50


def test_carry_over_planted_in_a_study_is_named_in_its_well_and_no_other(tmp_path):
    path = simulate_study(tmp_path, seed=2, cells=800, faults=("carry_over",))
    study = read_study(path)
    surface = next(assay for assay in study.assays if assay.name == "cxcr4_surface")
    found = run(replace(study, assays=(surface,)), robust=False).tables["findings"]
    carried_rows = found[found["check"] == "carry_over"]
    assert set(zip(carried_rows["plate"], carried_rows["well"], strict=True)) == {("cxcr4_E3", "B3")}
    assert carried_rows["message"].str.contains("B2, which was run before").all()

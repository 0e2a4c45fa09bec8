"""A simulated study: same seed, same bytes; cells that look like cells; faults where they were planted."""

from __future__ import annotations

import filecmp
import tomllib
from pathlib import Path

import numpy as np
import pytest

from assaykit.errors import StudyError
from assaykit.fcs import read_fcs
from assaykit.simulate import FAULTS, WORLDS, simulate_study, truth_rows


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("simulated")
    return simulate_study(folder, seed=3, world="textbook", cells=300).parent


def files(folder):
    return sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())


def test_the_same_seed_writes_the_same_bytes(study, tmp_path):
    again = simulate_study(tmp_path / "again", seed=3, world="textbook", cells=300).parent
    names = files(study)
    assert names == files(again)
    _, different, missing = filecmp.cmpfiles(study, again, [str(name) for name in names], shallow=False)
    assert (different, missing) == ([], [])


def test_another_seed_writes_other_cells(study, tmp_path):
    other = simulate_study(tmp_path / "other", seed=4, world="textbook", cells=300).parent
    well = "fcs/cxcr4_E1/A1.fcs"
    assert (study / well).read_bytes() != (other / well).read_bytes()


def test_truth_toml_holds_every_arm_of_the_world(study):
    truth = tomllib.loads((study / "truth.toml").read_text())
    assert truth["truth"] == truth_rows(WORLDS["textbook"])
    assert truth["seed"] == 3


def test_wells_hold_debris_doublets_dead_cells_and_negative_values(study):
    events = read_fcs(study / "fcs" / "cxcr4_E1" / "A1.fcs")
    column = {name: events.values[:, i] for i, name in enumerate(events.names)}
    whole = column["FSC-A"] > 30_000
    ratio = column["FSC-A"] / column["FSC-H"]
    assert 0.03 < np.mean(~whole) < 0.2, "debris is about a tenth"
    assert 0.02 < np.mean(ratio[whole] > 1.6) < 0.12, "doublets have twice the area of their height"
    assert 0.03 < np.mean(column["BV421-A"][whole] > 5_000) < 0.12, "dead cells take up the dye"
    assert (column["BV786-A"] < 0).any(), "noise reaches below zero"


def test_msc_stand_in_co_culture_wells_only(study):
    def msc(well):
        events = read_fcs(study / "fcs" / "cxcr4_E1" / well, ["BV786-A"])
        return np.mean(events.values[:, 0] > 8_000)

    assert msc("A1.fcs") == 0
    assert 0.06 < msc("A4.fcs") < 0.2


def test_every_spillover_matrix_sends_one_dye_to_its_own_detector(study):
    for path in sorted((study / "fcs").glob("*_E1/A1.fcs")):
        fields = read_fcs(path).keywords["$SPILLOVER"].split(",")
        n = int(fields[0])
        matrix = np.array(fields[1 + n :], dtype=float).reshape(n, n)
        assert np.diag(matrix).tolist() == [1.0] * n


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_changes_its_own_plate_and_no_other(fault, tmp_path, study):
    planted = FAULTS[fault]
    broken = simulate_study(tmp_path / fault, seed=3, world="textbook", cells=300, faults=(fault,)).parent
    names = sorted({*files(study), *files(broken)})
    _, different, missing = filecmp.cmpfiles(study, broken, [str(name) for name in names], shallow=False)
    short = {"cxcr4_surface": "cxcr4", "annexin_apoptosis": "annexin", "transwell_migration": "migration"}
    plate = f"{short[planted.assay]}_E{planted.experiment}"
    changed = {name for name in (*different, *missing) if name != "truth.toml"}
    assert changed
    assert all(plate in name for name in changed)


def test_an_unknown_fault_names_those_there_are(tmp_path):
    with pytest.raises(StudyError, match=r"use one of truncated_file, missing_file"):
        simulate_study(tmp_path, seed=1, faults=("earthquake",))


def test_a_folder_with_a_study_is_left_alone(study):
    before = (study / "study.toml").read_bytes()
    with pytest.raises(StudyError, match="name another folder"):
        simulate_study(study, seed=9)
    assert (study / "study.toml").read_bytes() == before


def test_the_sample_study_is_what_simulate_writes(tmp_path):
    sample = Path(__file__).parents[2] / "sample_data" / "cml_niche"
    again = simulate_study(tmp_path / "again", seed=1, design="small", cells=1750).parent
    names = files(sample)
    assert names == files(again)
    _, different, missing = filecmp.cmpfiles(sample, again, [str(name) for name in names], shallow=False)
    assert (different, missing) == ([], [])


def test_the_sample_study_is_small_and_says_it_is_simulated():
    sample = Path(__file__).parents[2] / "sample_data"
    assert sum(path.stat().st_size for path in sample.rglob("*") if path.is_file()) <= 12_000_000
    assert "SIMULATED" in (sample / "README.md").read_text()
    assert "SIMULATED" in (sample / "cml_niche" / "study.toml").read_text()

"""FCS files and wells find each other: by map, by name, by pattern, by keyword; none is lost silently."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from assaykit.errors import Faults, StudyError
from assaykit.fcs import events_from_array, write_fcs
from assaykit.plate import Plate, Well
from assaykit.study import missing_files, read_study
from assaykit.study.matching import match_files, well_in_name


def plate(*names: str, name: str = "day1", **factors: str) -> Plate:
    return Plate(name, 8, 12, tuple(Well(well, factors=factors) for well in names))


def touched(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    return folder


def files(matched: Plate, folder: Path) -> dict[str, str]:
    return {well.name: well.file.relative_to(folder).as_posix() if well.file else "" for well in matched.wells}


@pytest.mark.parametrize(
    ("name", "well"),
    [
        ("A1.fcs", "A1"),
        ("K562_P5_A01.fcs", "A1"),  # P5 is a passage: the last token that is a well
        ("RFP_Well_A3.fcs", "A3"),
        ("Sample_Well_B04_H9.fcs", "B4"),  # after the word well, whatever follows
        ("HTS_BD_LSR_II_Mixed_Specimen_001_D6_D06.fcs", "D6"),
        ("2024-03-01 h12.FCS", "H12"),
        ("0877408774.B08", "B8"),
        ("K562_CD34_tube1.fcs", ""),
        ("day1_Q3.fcs", ""),  # no row Q on this plate
    ],
)
def test_a_file_name_tells_its_well(name, well):
    assert well_in_name(name, plate("A1")) == well


def test_wells_find_their_files_by_name_in_a_folder_per_plate(tmp_path):
    touched(tmp_path, "fcs/day1/K562_A01.fcs", "fcs/day1/K562_A02.FCS", "fcs/day2/K562_A01.fcs")
    matched = match_files(plate("A1", "A2"), ["fcs/{plate}"], tmp_path, where="study.toml")
    assert files(matched.plate, tmp_path) == {"A1": "fcs/day1/K562_A01.fcs", "A2": "fcs/day1/K562_A02.FCS"}
    assert (matched.findings, matched.faults) == ((), ())


def test_one_folder_may_hold_several_plates_if_names_tell_which(tmp_path):
    touched(tmp_path, "fcs/day1_A1.fcs", "fcs/day2_A1.fcs")
    matched = match_files(plate("A1", name="day2"), ["fcs"], tmp_path, where="study.toml")
    assert files(matched.plate, tmp_path) == {"A1": "fcs/day2_A1.fcs"}


def test_wells_find_their_files_by_a_pattern_with_factors(tmp_path):
    touched(tmp_path, "raw/2024-03-01/donor7 - A01.fcs", "raw/2024-03-01/donor7 - B3.fcs")
    wells = plate("A1", "B3", donor="7", experiment="2024-03-01")
    matched = match_files(wells, ["raw/{experiment}/donor{donor} - {well}.fcs"], tmp_path, where="study.toml")
    assert files(matched.plate, tmp_path) == {
        "A1": "raw/2024-03-01/donor7 - A01.fcs",
        "B3": "raw/2024-03-01/donor7 - B3.fcs",
    }


def test_wells_find_their_files_by_keyword_where_names_tell_nothing(tmp_path):
    for number, well in enumerate(("A1", "B12"), 1):
        events = events_from_array(np.ones((3, 1), dtype=np.float32), ("FSC-A",), keywords={"$WELLID": well})
        path = tmp_path / "fcs" / f"tube_{number:03d}x.fcs"
        path.parent.mkdir(exist_ok=True)
        write_fcs(events, path)
    matched = match_files(plate("A1", "B12"), ["fcs"], tmp_path, where="study.toml")
    assert files(matched.plate, tmp_path) == {"A1": "fcs/tube_001x.fcs", "B12": "fcs/tube_002x.fcs"}


def test_a_well_without_a_file_keeps_the_name_it_would_have(tmp_path):
    touched(tmp_path, "fcs/K562_A01.fcs")
    matched = match_files(plate("A1", "A2"), ["fcs"], tmp_path, where="study.toml")
    assert files(matched.plate, tmp_path) == {"A1": "fcs/K562_A01.fcs", "A2": "fcs/K562_A02.fcs"}
    assert matched.faults == ()


def test_a_file_without_a_well_is_named(tmp_path):
    touched(tmp_path, "fcs/A1.fcs", "fcs/H12.fcs", "fcs/compensation.fcs")
    matched = match_files(plate("A1"), ["fcs"], tmp_path, where="study.toml")
    assert [(finding.level, finding.check, finding.well) for finding in matched.findings] == [
        ("warn", "file_without_well", "H12"),
        ("warn", "file_without_well", ""),
    ]
    assert matched.findings[1].message.startswith("compensation.fcs is not used: neither its name nor its keywords")


def test_blank_wells_and_wells_counted_by_hand_need_no_file(tmp_path):
    wells = (Well("A1", counts={"migrated": 3.0}), Well("A2", role="blank"))
    matched = match_files(Plate("day1", 8, 12, wells), [], tmp_path, where="study.toml")
    assert [well.file for well in matched.plate.wells] == [None, None]
    assert matched.faults == ()


STUDY = """
assaykit = 1
title = "Files by map"
unit = "experiment"

[[assay]]
protocol = "cxcr4_surface"
plates = ["plates/day1.csv"]
fcs = "fcs"
"""


def test_the_layout_may_name_each_file_beside_itself_in_the_fcs_folder_or_beside_the_study(tmp_path):
    touched(tmp_path, "plates/one.fcs", "fcs/two.fcs", "three.fcs")
    layout = "well,experiment,treatment,file\nA1,1,vehicle,one.fcs\nA2,1,vehicle,two.fcs\nA3,1,vehicle,three.fcs\n"
    (tmp_path / "plates/day1.csv").write_text(layout)
    (tmp_path / "study.toml").write_text(STUDY)
    study = read_study(tmp_path / "study.toml")
    assert files(study.assays[0].plates[0], tmp_path) == {
        "A1": "plates/one.fcs",
        "A2": "fcs/two.fcs",
        "A3": "three.fcs",
    }
    assert missing_files(study) == ()


def test_a_study_whose_file_is_missing_is_read_and_says_so(tmp_path):
    touched(tmp_path, "fcs/A1.fcs", "fcs/A3.fcs")
    (tmp_path / "plates").mkdir()
    (tmp_path / "plates/day1.csv").write_text(
        "treatment,1,2,3\nA,vehicle,imatinib 1 uM,vehicle\n\nexperiment,1,2,3\nA,1,1,2\n"
    )
    (tmp_path / "study.toml").write_text(STUDY)
    (missing,) = missing_files(read_study(tmp_path / "study.toml"))
    assert (missing.level, missing.plate, missing.well) == ("fail", "day1", "A2")
    assert missing.message == "there is no FCS file fcs/A2.fcs."


def test_the_unit_may_be_the_plate_and_factors_may_stand_in_the_file_name(tmp_path):
    for day in (1, 2, 3):
        touched(tmp_path, f"fcs/cxcr4_day{day}/A1.fcs")
        (tmp_path / f"cxcr4_day{day}.csv").write_text("well,treatment\nA1,vehicle\n")
    text = STUDY.replace('plates = ["plates/day1.csv"]', 'plates = "cxcr4_*.csv"\nfile_name = "cxcr4_{experiment}"')
    (tmp_path / "study.toml").write_text(text.replace('fcs = "fcs"', 'fcs = "fcs/{plate}"'))
    plates = read_study(tmp_path / "study.toml").assays[0].plates
    assert [plate.wells[0].factors["experiment"] for plate in plates] == ["day1", "day2", "day3"]
    (tmp_path / "study.toml").write_text((tmp_path / "study.toml").read_text().replace('"experiment"', '"plate"'))
    plates = read_study(tmp_path / "study.toml").assays[0].plates
    assert [plate.wells[0].factors["plate"] for plate in plates] == ["cxcr4_day1", "cxcr4_day2", "cxcr4_day3"]


def test_a_declared_clone_stands_in_the_protocol(tmp_path):
    touched(tmp_path, "fcs/A1.fcs", "plates/x")
    (tmp_path / "plates/day1.csv").write_text("well,experiment,treatment\nA1,1,vehicle\n")
    (tmp_path / "study.toml").write_text(STUDY + 'clones = { cxcr4 = "1D9" }\n')
    study = read_study(tmp_path / "study.toml")
    assert study.assays[0].protocol.channels["cxcr4"].clone == "1D9"


def test_every_fault_of_a_study_is_raised_together(tmp_path):
    (tmp_path / "plates").mkdir()
    (tmp_path / "plates/day1.csv").write_text(
        "well,experiment,treatment,role\nA1,1,imatinb 1 uM,smple\nA1,1,imatinib 1,\n"
    )
    (tmp_path / "study.toml").write_text(STUDY.replace("title", "titel"))
    with pytest.raises(Faults) as raised:
        read_study(tmp_path / "study.toml")
    assert len(raised.value.errors) >= 4
    assert any(isinstance(error, StudyError) for error in raised.value.errors)

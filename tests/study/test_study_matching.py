"""FCS files and wells find each other: by map, by name, by pattern, by keyword; none is lost silently."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from assaykit.cli.app import app
from assaykit.errors import Faults, LayoutError, StudyError
from assaykit.fcs import events_from_array, write_fcs
from assaykit.plate import Plate, Well
from assaykit.study import missing_files, read_study
from assaykit.study.matching import match_files, well_in_keywords, well_in_name


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


def flat_study(folder: Path, *plates: str, wells: tuple[str, ...] = ("A1", "B2"), fcs: str = "fcs") -> Path:
    (folder / "plates").mkdir(parents=True)
    for name in plates:
        rows = "".join(
            f"{well},{name},{drug}\n" for well, drug in zip(wells, ("vehicle", "imatinib 1 uM"), strict=False)
        )
        (folder / "plates" / f"{name}.csv").write_text(f"well,experiment,treatment\n{rows}")
    text = STUDY.replace('"plates/day1.csv"', '"plates/*.csv"').replace('fcs = "fcs"', f'fcs = "{fcs}"')
    (folder / "study.toml").write_text(text)
    return folder / "study.toml"


def test_one_folder_of_ten_plates_gives_each_its_own_files(tmp_path):
    plates = [f"P{n}" for n in range(1, 11)]
    touched(tmp_path, *(f"fcs/{name}_{well}.fcs" for name in plates for well in ("A1", "B2")))
    study = read_study(flat_study(tmp_path, *plates))
    found = {plate.name: sorted(well.file.name for well in plate.wells) for plate in study.assays[0].plates}
    assert found == {name: [f"{name}_A1.fcs", f"{name}_B2.fcs"] for name in plates}


def test_a_plate_without_files_takes_none_of_its_neighbours(tmp_path):
    touched(tmp_path, "fcs/P10_A1.fcs", "fcs/P10_B2.fcs")
    with pytest.raises(StudyError, match=r"which name other plates, and none for plate P1\. Try: name the layout like"):
        read_study(flat_study(tmp_path, "P1", "P10"))


@pytest.mark.parametrize(
    ("names", "plate_name"),
    [
        (("day1_A1.fcs", "day1b_A1.fcs"), "day1"),
        (("K562_A1.fcs", "K562_day2_A1.fcs"), "K562"),  # the longest name that fits is the file's
        (("p1A1.fcs", "p10A1.fcs"), "P1"),
        (("x_P1_A1.fcs", "xP1_A1.fcs"), "P1"),
        (("day_1_A1.fcs", "day_10_A1.fcs"), "day 1"),
    ],
)
def test_a_file_is_of_the_plate_it_names_as_a_whole_word(tmp_path, names, plate_name):
    touched(tmp_path, *(f"fcs/{name}" for name in names))
    others = ("day1b", "K562_day2", "P10")
    matched = match_files(plate("A1", name=plate_name), ["fcs"], tmp_path, where="", plates=(plate_name, *others))
    assert (files(matched.plate, tmp_path), matched.faults) == ({"A1": f"fcs/{names[0]}"}, ())


@pytest.mark.parametrize("fcs", ["fcs/all/{plate}_{well}.fcs", "FCS/all/{plate}_{well}.FCS", "fcs/*/{plate}_{well}.*"])
def test_a_pattern_finds_files_in_either_case(tmp_path, fcs):
    touched(tmp_path, "fcs/all/day1_a1.fcs", "fcs/all/day1_b2.fcs", "fcs/all/Day2_A01.fcs", "fcs/all/Day2_B02.fcs")
    study = read_study(flat_study(tmp_path, "day1", "day2", fcs=fcs))
    names = [well.file.name for each in study.assays[0].plates for well in each.wells]
    assert names == ["day1_a1.fcs", "day1_b2.fcs", "Day2_A01.fcs", "Day2_B02.fcs"]
    assert missing_files(study) == ()


def test_a_pattern_that_finds_nothing_is_told_once_with_the_near_name(tmp_path):
    touched(tmp_path, "fcs/all/day1-A1.fcs", "fcs/all/day1-B2.fcs", "fcs/all/day2-A1.fcs")
    with pytest.raises(StudyError) as refused:
        read_study(flat_study(tmp_path, "day1", "day2", fcs="fcs/all/{plate}_{well}.fcs"))
    assert "no fcs/all/day1_A1.fcs, but day1-A1.fcs is there and so for 1 more" in str(refused.value)


def test_a_pattern_that_means_two_files_is_refused_and_stars_take_no_other_well(tmp_path):
    touched(tmp_path, "fcs/x_A1_y.fcs", "fcs/x_A10_y.fcs")
    matched = match_files(plate("A1", "A10"), ["fcs/*{well}*"], tmp_path, where="study.toml")
    assert files(matched.plate, tmp_path) == {"A1": "fcs/x_A1_y.fcs", "A10": "fcs/x_A10_y.fcs"}
    touched(tmp_path, "fcs/z_A1.fcs")
    matched = match_files(plate("A1"), ["fcs/*_{well}*"], tmp_path, where="study.toml")
    assert "x_A1_y.fcs, z_A1.fcs for well A1" in str(matched.faults[0])


def test_of_names_that_hold_two_wells_the_one_that_tells_them_apart_is_read_and_told(tmp_path):
    touched(tmp_path, "fcs/A1_D4.fcs", "fcs/A2_D4.fcs", "fcs/A3_D4.fcs")
    matched = match_files(plate("A1", "A2", "A3"), ["fcs"], tmp_path, where="study.toml")
    assert files(matched.plate, tmp_path) == {name: f"fcs/{name}_D4.fcs" for name in ("A1", "A2", "A3")}
    (finding,) = matched.findings
    assert (finding.level, finding.check) == ("note", "well_in_name")
    assert "A1_D4.fcs names A1 and D4, of which A1 was read as its well (so in 2 more)" in finding.message


def test_a_missing_file_is_told_with_the_one_that_no_well_has(tmp_path):
    touched(tmp_path, "fcs/day1_A1.fcs", "fcs/day1_A1.fcs", "fcs/day1_well_B2_.fcs")
    study = read_study(flat_study(tmp_path, "day1", fcs="fcs/{plate}_{well}.fcs"))
    (missing,) = missing_files(study)
    assert missing.message == "there is no FCS file fcs/day1_B2.fcs; is it day1_well_B2_.fcs, which no well has?"


def test_many_missing_files_of_a_plate_are_three_lines_and_a_count(tmp_path):
    wells = tuple(f"A{n}" for n in range(1, 12))
    touched(tmp_path, "fcs/day1_A1.fcs")
    path = flat_study(tmp_path, "day1", wells=wells, fcs="fcs/{plate}_{well}.fcs")
    rows = "".join(f"{well},1,{'vehicle' if n % 2 else 'imatinib 1 uM'}\n" for n, well in enumerate(wells))
    (tmp_path / "plates/day1.csv").write_text(f"well,experiment,treatment\n{rows}")
    done = CliRunner().invoke(app, ["check", str(path), "--no-design"])
    assert done.exit_code == 1
    assert done.output.count("there is no FCS file") == 3
    assert "and 7 more such of day1: A5, A6, A7, A8, A9, A10, A11" in done.output


def test_implied_wells_are_used_where_they_have_a_file_and_named_where_they_have_none(tmp_path):
    touched(tmp_path, "fcs/A1.fcs", "fcs/A2.fcs", "fcs/C1.fcs", "plates/x")
    (tmp_path / "plates/day1.toml").write_text(
        "[expt]\nexperiment = 1\n[row.'A,C']\ntreatment = 'vehicle'\n[col]\n1.context = 'mono'\n3.context = 'mono'\n"
    )
    touched(tmp_path, "fcs/A3.fcs", "fcs/C3.fcs")
    (tmp_path / "study.toml").write_text(STUDY.replace("day1.csv", "day1.toml"))
    study = read_study(tmp_path / "study.toml")
    # A2 lies between columns 1 and 3 and has a file; C2 has none; B1 and B3 say no treatment.
    assert [well.name for well in study.assays[0].plates[0].wells] == ["A1", "A2", "A3", "C1", "C3"]
    told = [finding.message.split(": ")[0] for finding in study.findings if finding.check == "wells_implied"]
    assert told == [
        "rows and columns of the layout imply B1, B3, which lack what a sample well must say",
        "rows and columns of the layout imply C2, which have no FCS file",
    ]
    assert missing_files(study) == ()


def test_a_well_that_a_row_and_a_column_share_is_missed_where_it_has_no_file(tmp_path):
    touched(tmp_path, "fcs/A1.fcs", "plates/x")
    layout = "[expt]\nexperiment = 1\n[row.'A,C']\ntreatment = 'vehicle'\n[col.1]\ncontext = 'mono'\n"
    (tmp_path / "plates/day1.toml").write_text(layout)
    (tmp_path / "study.toml").write_text(STUDY.replace("day1.csv", "day1.toml"))
    assert [finding.well for finding in missing_files(read_study(tmp_path / "study.toml"))] == ["C1"]


@pytest.mark.parametrize(
    ("keywords", "well"),
    [
        ({"$WELLID": "A1", "TUBE NAME": "B12"}, "A1"),
        ({"TUBE NAME": "Specimen_001_B12"}, "B12"),
        ({"TUBE NAME": "vehicle", "$SMNO": "B12"}, "B12"),
    ],
)
def test_keywords_tell_a_well_in_a_stated_order(tmp_path, keywords, well):
    events = events_from_array(np.ones((3, 1), dtype=np.float32), ("FSC-A",), keywords=keywords)
    write_fcs(events, tmp_path / "tube_x.fcs")
    assert well_in_keywords(tmp_path / "tube_x.fcs", plate("A1", "B12")) == well


def test_a_folder_per_well_tells_the_well_where_nothing_else_does(tmp_path):
    touched(tmp_path, "fcs/A1/tube.fcs", "fcs/B12/tube.fcs")
    matched = match_files(plate("A1", "B12"), ["fcs/*"], tmp_path, where="study.toml")
    assert files(matched.plate, tmp_path) == {"A1": "fcs/A1/tube.fcs", "B12": "fcs/B12/tube.fcs"}


def test_a_sample_sheet_of_tubes_needs_no_plate(tmp_path):
    touched(tmp_path, "fcs/K562 vehicle.fcs", "fcs/K562 imatinib.fcs", "plates/x")
    sheet = "file,experiment,treatment\nK562 vehicle.fcs,1,vehicle\nK562 imatinib.fcs,1,imatinib 1 uM\n"
    (tmp_path / "plates/day1.csv").write_text(sheet)
    (tmp_path / "study.toml").write_text(STUDY)
    study = read_study(tmp_path / "study.toml")
    assert files(study.assays[0].plates[0], tmp_path) == {"A1": "fcs/K562 vehicle.fcs", "A2": "fcs/K562 imatinib.fcs"}
    (told,) = [finding.message for finding in study.findings if finding.check == "tubes_numbered"]
    assert told == "the rows of plates/day1.csv are tubes, and are called A1 to A2 in their order."


def test_a_tube_without_a_file_is_named(tmp_path):
    touched(tmp_path, "plates/x")
    (tmp_path / "plates/day1.csv").write_text("file,experiment,treatment\na.fcs,1,vehicle\n,1,imatinib 1 uM\n")
    (tmp_path / "study.toml").write_text(STUDY)
    with pytest.raises(LayoutError, match=r"day1\.csv, row 3: a row must name its file; found an empty cell"):
        read_study(tmp_path / "study.toml")

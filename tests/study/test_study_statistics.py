"""Numbers gated elsewhere enter a study: samples find their wells, columns their readouts, doubts their words."""

from __future__ import annotations

from pathlib import Path

import pytest

from assaykit.cytometry import READOUTS
from assaykit.errors import Faults, InputError
from assaykit.protocol import read_protocol
from assaykit.study import read_study
from assaykit.study.statistics import OF_CHANNEL, OF_POPULATION, readout_column

STUDY = """\
assaykit = 1
title = "CXCR4 gated in FlowJo"
unit = "experiment"

[[assay]]
protocol = "cxcr4_surface"
{assay}
"""
LAYOUT = """\
plate,well,file,role,marker,treatment,experiment
day1,A1,,,,vehicle,E1
day1,A2,,,,imatinib 1 uM,E1
day1,H1,,fmo,cxcr4,vehicle,E1
"""
TABLE = """\
,Live | Count,Live | Median (PE-A),Live/CXCR4+ | Freq. of Parent
day1_A1.fcs,8000,5000,60.5 %
day1_A2.fcs,7000,9000,80.1 %
day1_H1.fcs,9000,300,1.0 %
"""
COLUMNS = """\
plates = ["layout.csv"]
measured = ["table.csv"]
[assay.columns]
"Live | Count" = "cml count"
"Live | Median (PE-A)" = "cxcr4 median"
"Live/CXCR4+ | Freq. of Parent" = "cxcr4 percent_positive"
"""


def study(folder: Path, *, assay: str = COLUMNS, table: str = TABLE, layout: str = LAYOUT):
    (folder / "study.toml").write_text(STUDY.format(assay=assay))
    (folder / "table.csv").write_text(table)
    (folder / "layout.csv").write_text(layout)
    return read_study(folder)


def wells(read, plate: int = 0):
    return {well.name: dict(well.readouts) for well in read.assays[0].plates[plate].wells}


def said(read, check: str) -> list[str]:
    return [f"{finding.well} {finding.message}".strip() for finding in read.findings if finding.check == check]


def refused(folder: Path, **changed: str) -> str:
    with pytest.raises((InputError, Faults)) as error:
        study(folder, **changed)
    return str(error.value)


def test_samples_find_their_wells_by_name_and_bring_their_readouts(tmp_path):
    assert wells(study(tmp_path)) == {
        "A1": {"cml_count": 8000.0, "cxcr4_median": 5000.0, "cxcr4_percent_positive": 60.5},
        "A2": {"cml_count": 7000.0, "cxcr4_median": 9000.0, "cxcr4_percent_positive": 80.1},
        "H1": {"cml_count": 9000.0, "cxcr4_median": 300.0, "cxcr4_percent_positive": 1.0},
    }


def test_what_cannot_be_known_is_said_once_for_an_assay(tmp_path):
    (message,) = said(study(tmp_path), "gated_elsewhere")
    assert "the gates, how sure their thresholds are" in message
    assert "how many cells" not in message  # the table counts them
    uncounted = study(tmp_path, assay=COLUMNS.replace('"cml count"', '"unused"'))
    assert "nor how many cells stand behind each value" in said(uncounted, "gated_elsewhere")[0]


def test_the_layout_s_file_names_a_sample_before_its_name_is_read(tmp_path):
    layout = LAYOUT.replace("A1,,", "A1,day1_A2.fcs,").replace("A2,,", "A2,day1_A1,")
    found = wells(study(tmp_path, layout=layout))
    assert (found["A1"]["cxcr4_median"], found["A2"]["cxcr4_median"]) == (9000.0, 5000.0)


def test_the_table_s_own_wells_and_plates_find_theirs_though_every_sample_has_one_name(tmp_path):
    table = (
        "Plate Name,Specimen Name,Well Name,Live #Events,Live PE-A Median\n"
        "day2,Specimen_001,A01,7000,6000\nday1,Specimen_001,A01,8000,5000\n"
        "day1,Specimen_001,A02,7500,9000\nday1,Specimen_001,H01,9000,300\n"
    )
    columns = (
        'plates = ["layout.csv"]\nmeasured = ["table.csv"]\n[assay.columns]\n"Live PE-A Median" = "cxcr4 median"\n'
    )
    layout = LAYOUT + "day2,A1,,,,vehicle,E2\n"
    read = study(tmp_path, assay=columns + '"Live #Events" = "unused"\n', table=table, layout=layout)
    assert wells(read, 0)["A1"] == {"cxcr4_median": 5000.0}
    assert wells(read, 1)["A1"] == {"cxcr4_median": 6000.0}


def test_tables_are_told_apart_by_the_plate_that_their_own_name_tells(tmp_path):
    rows = ",Live | Median (PE-A)\nA1.fcs,{},\n"
    (tmp_path / "day1.csv").write_text(rows.format(5000))
    (tmp_path / "day2.csv").write_text(rows.format(6000))
    assay = (
        'plates = ["layout.csv"]\nmeasured = ["day*.csv"]\n[assay.columns]\n"Live | Median (PE-A)" = "cxcr4 median"\n'
    )
    layout = "plate,well,treatment,experiment\nday1,A1,vehicle,E1\nday2,A1,vehicle,E2\n"
    read = study(tmp_path, assay=assay, layout=layout)
    assert [wells(read, plate)["A1"]["cxcr4_median"] for plate in (0, 1)] == [5000.0, 6000.0]


def test_a_cell_that_is_no_number_is_that_well_s_finding_and_stops_nothing(tmp_path):
    read = study(tmp_path, table=TABLE.replace("5000", "n.d."))
    assert "cxcr4_median" not in wells(read)["A1"]
    assert wells(read)["A1"]["cml_count"] == 8000.0
    assert said(read, "cell_not_read") == [
        "A1 table.csv:C2, Live | Median (PE-A): 'n.d.' is no number, so cxcr4_median of the well is not known."
    ]


def test_a_well_without_a_sample_and_a_sample_without_a_well_are_findings(tmp_path):
    read = study(tmp_path, table=TABLE.replace("day1_A2.fcs", "day1_B7.fcs"))
    assert said(read, "sample_missing") == [
        "A2 no sample whose name or well tells it is in the tables, so the well has no numbers."
    ]
    assert "B7 table.csv, row 3: day1_B7.fcs is not used: well B7 is not in the layout" in said(
        read, "sample_without_well"
    )[0]  # fmt: skip


def test_two_samples_of_one_well_are_a_fault_that_names_both(tmp_path):
    text = refused(tmp_path, table=TABLE + "day1_A1_again.fcs,1,2,3 %\n")
    assert "a well must have one sample of the tables" in text
    assert "day1_A1.fcs (table.csv, row 2) and day1_A1_again.fcs (table.csv, row 5)" in text


def test_columns_that_no_line_names_are_told_and_not_used(tmp_path):
    assay = COLUMNS.replace('"Live | Count" = "cml count"\n', "")
    assert said(study(tmp_path, assay=assay), "columns_unused") == [
        "columns of table.csv are not used, for no line of [assay.columns] names them: Live | Count."
    ]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"cml count"', '"?"', "a column must be confirmed; found '?'. Try: write the readout it is, such as"),
        ('"cml count"', '"cml cuont"', "must end with a statistic; found 'cml cuont'. Try: write 'count'"),
        ('"cml count"', '"clm count"', "a population or channel role of protocol cxcr4_surface; found 'clm'"),
        ('"cml count"', '"cxcr4 count"', "'count' must stand with one population"),
        ('"cxcr4 median"', '"cml median"', "'median' must stand with one channel role"),
        ('"Live | Count" =', '"Live | Cuont" =', "a column must be one of the tables in 'measured'"),
        ('"cml count"', '"cxcr4 median"', "'Live | Count' and 'Live | Median (PE-A)' are both cxcr4 median"),
    ],
)
def test_a_line_that_means_no_readout_is_a_fault_with_its_remedy(tmp_path, old, new, words):
    assert words in refused(tmp_path, assay=COLUMNS.replace(old, new))


def test_columns_must_be_named_at_all(tmp_path):
    text = refused(tmp_path, assay='plates = ["layout.csv"]\nmeasured = ["table.csv"]\n')
    assert "the columns of 'measured' must be named; found no [assay.columns]" in text


def test_fcs_files_and_tables_do_not_mix_in_one_assay(tmp_path):
    assert "write an [[assay]] for each" in refused(tmp_path, assay='fcs = "fcs"\n' + COLUMNS)


def test_a_channel_may_stand_in_a_population_of_its_own():
    column = readout_column("h", "cml cxcr4 median", read_protocol("cxcr4_surface"), where="study.toml")
    assert (column.readout, column.channel) == ("cml_cxcr4_median", "cxcr4")


# Percent or fraction


def shares(folder: Path, heading: str, cells: str, readout: str = "cxcr4 percent_positive"):
    values = cells.split()
    table = f"Sample,{heading}\n" + "".join(
        f"{well},{value}\n" for well, value in zip(("A1", "A2", "H1"), values, strict=True)
    )
    assay = f'plates = ["layout.csv"]\nmeasured = ["table.csv"]\n[assay.columns]\n"{heading}" = "{readout}"\n'
    return study(folder, assay=assay, table=table)


@pytest.mark.parametrize(
    ("heading", "cells", "readout"),
    [
        ("CXCR4+ | Freq. of Parent (%)", "0.5 0.25 0.1", "cxcr4 percent_positive"),  # a rare population, in percent
        ("CXCR4+ | Freq. of Parent", "0.5% 0.25% 0.1%", "cxcr4 percent_positive"),
        ("fraction CXCR4+", "0.005 0.0025 0.001", "cxcr4 percent_positive"),
        ("CXCR4+ | Freq. of Parent", "0.5 0.25 0.1", "cxcr4 percent_positive in percent"),
        ("CXCR4+ | Freq. of Parent", "0.005 0.0025 0.001", "cxcr4 percent_positive in fractions"),
    ],
)
def test_a_share_s_unit_is_told_by_study_heading_or_cell(tmp_path, heading, cells, readout):
    found = wells(shares(tmp_path, heading, cells, readout))
    values = [found[well]["cxcr4_percent_positive"] for well in ("A1", "A2", "H1")]
    assert values == pytest.approx([0.5, 0.25, 0.1])  # approx: fractions times 100


def test_a_share_above_one_is_no_fraction(tmp_path):
    assert wells(shares(tmp_path, "CXCR4+ | Freq. of Parent", "60 0.9 1"))["A2"] == {"cxcr4_percent_positive": 0.9}


def test_shares_that_may_be_either_are_asked_about(tmp_path):
    with pytest.raises(InputError, match="must say whether it is in percent or a fraction") as error:
        shares(tmp_path, "CXCR4+ | Freq. of Parent", "0.605 0.801 0.01")
    assert 'write "cxcr4 percent_positive in percent", or "cxcr4 percent_positive in fractions"' in str(error.value)


def test_a_share_beyond_the_whole_is_that_well_s_finding(tmp_path):
    read = shares(tmp_path, "CXCR4+ | Freq. of Parent (%)", "160 80 1")
    assert wells(read)["A1"] == {}
    assert "160 is no share of cells in percent" in said(read, "cell_not_read")[0]


def test_a_concentration_per_ml_becomes_one_per_ul(tmp_path):
    table = "WID,Full path,Count/mL\nA1,Live,8E5\nA2,Live,7E5\nH1,Live,9E5\n"
    assay = (
        'plates = ["layout.csv"]\nmeasured = ["table.csv"]\n[assay.columns]\n"Live | Count/mL" = "cml concentration"\n'
    )
    assert wells(study(tmp_path, assay=assay, table=table))["A1"] == {"cml_concentration": 800.0}


# A table whose rows tell their treatment


def test_a_plain_table_is_a_plate_of_its_own_rows_factors_and_controls(tmp_path):
    table = (
        "experiment;treatment;role;marker;CXCR4 MFI\nE1;vehicle;;;5000,5\nE1;imatinib 1 uM;;;9000,5\n"
        "E1;vehicle;fmo;cxcr4;300,5\n"
    )
    read = study(
        tmp_path, assay='measured = ["table.csv"]\n[assay.columns]\n"CXCR4 MFI" = "cxcr4 median"\n', table=table
    )
    (plate,) = read.assays[0].counts
    assert [
        (well.name, well.role, well.factors["treatment"], well.readouts["cxcr4_median"]) for well in plate.wells
    ] == [
        ("row 2", "sample", "vehicle", 5000.5),
        ("row 3", "sample", "imatinib 1 uM", 9000.5),
        ("row 4", "fmo", "vehicle", 300.5),
    ]


# Percentages in a table of counts

COUNTS = "experiment,treatment,early,late,viable\nE1,vehicle,3.1,2.2,94.7\nE1,imatinib 1 uM,22.5,11,66.5\n"


def counts(folder: Path, text: str = COUNTS, values: str = ""):
    (folder / "study.toml").write_text(
        STUDY.format(assay=f'counts = ["counts.csv"]\n{values}').replace("cxcr4_surface", "annexin_apoptosis")
    )
    (folder / "counts.csv").write_text(text)
    return read_study(folder)


def test_percentages_given_as_counts_are_asked_about_with_a_road(tmp_path):
    with pytest.raises(InputError, match="which looks like percent") as error:
        counts(tmp_path)
    assert 'write values = "percent" below [[assay]] in the study' in str(error.value)


@pytest.mark.parametrize(("whole", "values"), [(1, 'values = "percent"'), (100, 'values = "fraction"')])
def test_percentages_declared_as_such_are_shares_without_counts(tmp_path, whole, values):
    lines = COUNTS.splitlines()
    rows = [line.split(",") for line in lines[1:]]
    text = "\n".join([lines[0], *(",".join([*row[:2], *(repr(float(v) / whole) for v in row[2:])]) for row in rows)])
    read = counts(tmp_path, text, values)
    well = read.assays[0].counts[0].wells[0]
    assert dict(well.counts) == {}
    assert well.readouts == pytest.approx(  # approx: fractions times 100
        {"early_percent_of_parent": 3.1, "late_percent_of_parent": 2.2, "viable_percent_of_parent": 94.7}
    )
    assert "a share of few cells weighs as much as one of many" in said(read, "cells_not_known")[0]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("94.7", "194.7", "a share must lie between 0 and 100; found 194.7"),
        ("early", "migrated", "shares must be of the kinds of cells: viable, early"),
    ],
)
def test_what_is_no_share_of_cells_is_a_fault_of_its_cell(tmp_path, old, new, words):
    with pytest.raises((InputError, Faults), match=words):
        counts(tmp_path, COUNTS.replace(old, new, 1), 'values = "percent"')


def test_what_a_table_may_bring_is_what_cytometry_reads():
    for name in (*OF_POPULATION, *OF_CHANNEL):
        assert READOUTS[name].channel == (name in OF_CHANNEL)

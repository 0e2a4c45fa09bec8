"""Sheets as spreadsheets write them: signs, encodings, dates, merged and empty cells."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from openpyxl import Workbook

from assaykit.errors import LayoutError
from assaykit.plate import Columns, Plate, read_counts, read_plates
from assaykit.plate.reading import reading_from_layout


def plate(folder: Path, data: bytes | str, name: str = "day1.csv") -> Plate:
    path = folder / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode("utf-8"))
    (only,) = read_plates(path)
    return only


TIDY = "well,treatment,time\nA1,imatinib 1 µM,0.5\n"


@pytest.mark.parametrize(
    "data",
    [
        TIDY.encode("utf-8"),
        TIDY.encode("utf-8-sig"),
        TIDY.encode("utf-16"),
        TIDY.encode("cp1252"),
        TIDY.replace("\n", "\r\n").encode(),
        TIDY.replace(",", "\t").encode(),
        TIDY.replace(",", ";").replace("0.5", "0,5").encode(),
        ("sep=;\n" + TIDY.replace(",", ";")).encode(),
        ("# exported on Friday\n" + TIDY).encode(),
        (TIDY + ",,\n,,\n").encode(),
        TIDY.replace("A1", " a01 ").replace("treatment", "Treatment ").encode(),
        TIDY.replace("1 µM", '1 µM"').replace("imatinib", '"imatinib').encode(),
        "well,treatment,time\nA1,imatinib\u00a01 µM,0.5\n".encode(),
    ],
    ids=[
        "utf-8", "byte order mark", "utf-16", "windows", "windows line ends", "tabs", "semicolons and decimal comma",
        "sep line", "comment", "trailing blanks", "A01 and capitals", "quotes", "hard space",
    ],
)  # fmt: skip
def test_whatever_a_spreadsheet_writes_the_well_is_the_same(tmp_path, data):
    (well,) = plate(tmp_path, data).wells
    assert (well.name, well.factors["treatment"], well.factors["time"]) == ("A1", "imatinib 1 µM", 0.5)


def test_identifiers_stay_letter_for_letter_and_numbers_become_numbers(tmp_path):
    path = tmp_path / "day1.csv"
    path.write_text("well,donor,passage,time\nA1,007,1E5,24\n")
    (only,) = read_plates(path, Columns(("donor",), ("passage",)))
    assert dict(only.wells[0].factors) == {"donor": "007", "passage": "1E5", "time": 24.0}


def test_a_row_of_a_tidy_table_that_looks_like_a_block_is_none(tmp_path):
    only = plate(tmp_path, "well,replicate,insert\nA1,1,2\nA2,1,2\n")
    assert [well.name for well in only.wells] == ["A1", "A2"]


def test_a_tidy_file_may_hold_several_plates(tmp_path):
    path = tmp_path / "all.csv"
    path.write_text("plate,well,treatment\nday1,A1,vehicle\nday2,A1,vehicle\n")
    assert [each.name for each in read_plates(path)] == ["day1", "day2"]


@pytest.mark.parametrize(("rows", "columns"), [(2, 3), (3, 4), (4, 6), (6, 8), (8, 12), (16, 24), (32, 48)])
def test_a_full_grid_shows_the_size_of_its_plate(tmp_path, rows, columns):
    letters = [chr(65 + r) if r < 26 else "A" + chr(65 + r - 26) for r in range(rows)]
    header = "treatment," + ",".join(map(str, range(1, columns + 1)))
    body = "\n".join(letter + ",vehicle" * columns for letter in letters)
    only = plate(tmp_path, f"{header}\n{body}\n")
    assert (only.rows, only.columns, len(only.wells)) == (rows, columns, rows * columns)


def test_what_is_written_beside_a_name_holds_for_the_whole_plate(tmp_path):
    only = plate(tmp_path, "experiment,2024-03-01\nline,K562\n\ntreatment,1,2\nA,vehicle,\nB,,vehicle\n")
    assert {well.name: (well.factors["experiment"], well.factors["line"]) for well in only.wells} == {
        "A1": ("2024-03-01", "K562"),
        "B2": ("2024-03-01", "K562"),
    }


def test_a_workbook_gives_a_plate_per_sheet_with_dates_and_merged_cells_read(tmp_path):
    book = Workbook()
    notes = book.active
    notes.title = "Notes"
    notes.append(["passage 12"])
    for day in (1, 2):
        sheet = book.create_sheet(f"day{day}")
        sheet.append(["experiment", dt.date(2024, 3, day)])
        sheet.append([])
        sheet.append(["treatment", 1, 2, 3])
        sheet.append(["A", "vehicle"])
        sheet.append(["B", "imatinib 1 uM", None, "vehicle"])
        sheet.merge_cells("B4:D4")
    path = tmp_path / "plates.xlsx"
    book.save(path)
    first, second = read_plates(path)
    assert (first.name, second.name) == ("day1", "day2")
    assert {well.name: well.factors["treatment"] for well in first.wells} == {
        "A1": "vehicle",
        "A2": "vehicle",
        "A3": "vehicle",
        "B1": "imatinib 1 uM",
        "B3": "vehicle",
    }
    assert {well.factors["experiment"] for well in second.wells} == {"2024-03-02"}
    assert first.wells[3].place("treatment") == "plates.xlsx!day1:B5"


def test_a_sheet_without_a_name_of_its_own_is_called_like_its_file(tmp_path):
    book = Workbook()
    book.active.append(["well", "treatment"])
    book.active.append(["A1", "vehicle"])
    book.save(tmp_path / "cxcr4_day1.xlsx")
    (only,) = read_plates(tmp_path / "cxcr4_day1.xlsx")
    assert only.name == "cxcr4_day1"


def test_a_wrong_cell_is_named_by_file_sheet_and_cell(tmp_path):
    book = Workbook()
    book.active.append(["well", "treatment", "role"])
    book.active.append(["A1", "vehicle", "smple"])
    book.save(tmp_path / "plate2.xlsx")
    with pytest.raises(LayoutError, match=r"plate2\.xlsx!Sheet:C2: a role must be one of .* Try: write sample\."):
        read_plates(tmp_path / "plate2.xlsx")


def test_a_column_that_nobody_declared_is_welcome_only_where_no_study_is_known(tmp_path):
    (tmp_path / "day1.csv").write_text("well,serum\nA1,yes\n")
    (only,) = read_plates(tmp_path / "day1.csv")
    assert only.wells[0].factors["serum"] == "yes"
    with pytest.raises(LayoutError, match="a column must be one the study knows; found 'serum'"):
        read_plates(tmp_path / "day1.csv", Columns(("experiment",), ()))


def test_a_table_may_stand_below_a_heading_and_beside_row_numbers(tmp_path):
    only = plate(tmp_path, "Plate of 1 March,,\n\n,well,treatment\n0,A1,vehicle\n1,A2,imatinib 1 uM\n")
    assert {well.name: well.factors["treatment"] for well in only.wells} == {"A1": "vehicle", "A2": "imatinib 1 uM"}


def test_a_grid_may_stand_anywhere_on_a_sheet_with_its_factor_above_it(tmp_path):
    book = Workbook()
    sheet = book.active
    sheet.title = "day1"
    sheet["C2"] = "Plate of 1 March"
    sheet.merge_cells("C2:F2")
    sheet["C4"] = "Treatment"
    for column, letter in enumerate("DEF", 1):
        sheet[f"{letter}5"] = column
    sheet["C6"], sheet["D6"], sheet["F6"] = "A", "vehicle", "imatinib 1 uM"
    book.save(tmp_path / "book.xlsx")
    (only,) = read_plates(tmp_path / "book.xlsx")
    assert {well.name: well.factors["treatment"] for well in only.wells} == {"A1": "vehicle", "A3": "imatinib 1 uM"}
    assert only.wells[1].place("treatment") == "book.xlsx!day1:F6"


def test_what_other_programs_write_for_nothing_is_nothing(tmp_path):
    only = plate(tmp_path, "well,treatment,role,marker\nA1,vehicle,NA,NaN\n")
    assert (only.wells[0].role, dict(only.wells[0].factors)) == ("sample", {"treatment": "vehicle"})


def test_counts_that_happen_to_count_up_are_no_block(tmp_path):
    (tmp_path / "counts.csv").write_text("experiment,migrated,input\n1,5,6\n2,7,8\n")
    table = read_counts(tmp_path / "counts.csv")
    assert [dict(row.counts) for row in table.wells] == [
        {"migrated": 5.0, "input": 6.0},
        {"migrated": 7.0, "input": 8.0},
    ]


def workbook(folder: Path, *rows: list[object], name: str = "day1.xlsx") -> Path:
    book = Workbook()
    for row in rows:
        book.active.append(row)
    book.save(folder / name)
    return folder / name


def test_elapsed_times_are_hours(tmp_path):
    path = workbook(
        tmp_path,
        ["well", "treatment", "time"],
        ["A1", "vehicle", dt.timedelta(hours=24)],
        ["A2", "vehicle", dt.timedelta(hours=48, minutes=30)],
        ["A3", "vehicle", dt.time(1, 30)],
    )
    (only,) = read_plates(path)
    assert [well.factors["time"] for well in only.wells] == [24.0, 48.5, 1.5]


def test_a_row_that_begins_with_a_number_sign_is_a_row(tmp_path):
    only = plate(
        tmp_path, "# exported on Friday, by me\ndonor,well,treatment\n#1,A1,vehicle\n#2,A2,vehicle\n# the end\n"
    )
    assert [well.factors["donor"] for well in only.wells] == ["#1", "#2"]
    only = plate(tmp_path, "#,well,treatment\n1,A1,vehicle\n# one more remark,,\n2,A2,vehicle\n", "numbered.csv")
    assert [well.name for well in only.wells] == ["A1", "A2"]


def test_a_well_that_was_written_out_of_the_table_is_named(tmp_path):
    with pytest.raises(LayoutError, match=r"day1\.csv:A3: a well must be a row letter .* found '#A2'"):
        plate(tmp_path, "well,treatment\nA1,vehicle\n#A2,vehicle\n")


def test_an_empty_plate_cell_is_a_fault(tmp_path):
    rows = ["Plate", "Well", "Treatment"], ["P1", "A1", "vehicle"], ["P2", "A1", "vehicle"], [None, "A2", "vehicle"]
    with pytest.raises(LayoutError, match=r"day1\.xlsx!Sheet, row 4: a row must name its plate; found an empty cell"):
        read_plates(workbook(tmp_path, *rows))


def test_a_hidden_sheet_is_left_out_and_said_and_hidden_lines_are_read_and_said(tmp_path):
    book = Workbook()
    sheet = book.active
    for row in (["well", "treatment", "time"], ["A1", "vehicle", 24], ["A2", "imatinib 1 uM", 24]):
        sheet.append(row)
    draft = book.create_sheet("old draft")
    draft.append(["well", "treatment"])
    draft.append(["A1", "dasatinib 10 nM"])
    draft.sheet_state = "hidden"
    sheet.row_dimensions[3].hidden = True
    sheet.column_dimensions["C"].hidden = True
    book.save(tmp_path / "day1.xlsx")
    reading = reading_from_layout(tmp_path / "day1.xlsx", Columns())
    (only,) = reading.plates
    assert (only.name, [well.name for well in only.wells]) == ("day1", ["A1", "A2"])
    assert only.wells[1].factors["time"] == 24.0
    assert tuple(finding.message for finding in reading.findings) == (
        "the hidden sheet 'old draft' of day1.xlsx was left out; show it if it is a plate.",
        "hidden rows of day1.xlsx!Sheet were read: 3; delete them if they are not to count.",
        "hidden columns of day1.xlsx!Sheet were read: C; delete them if they are not to count.",
    )


SIDE = (
    ["experiment", "E1"],
    [],
    ["treatment", 1, 2, 3, None, "context", 1, 2, 3],
    ["A", "vehicle", "imatinib 1 uM", None, None, "A", "mono", "mono", "mono"],
    ["B", "vehicle", "imatinib 1 uM", "vehicle", None, "B", "msc", "msc", "msc"],
)
TWO_PLATES = (
    ["Plate 1", None, None, None, "Plate 2"],
    ["treatment", 1, 2, None, "treatment", 1, 2],
    ["A", "vehicle", "imatinib 1 uM", None, "A", "dasatinib 10 nM", "vehicle"],
    ["B", "vehicle", "vehicle", None, "B", "vehicle", "vehicle"],
)


def test_blocks_may_stand_side_by_side(tmp_path):
    (only,) = read_plates(workbook(tmp_path, *SIDE))
    assert {well.name: (well.factors.get("treatment"), well.factors["context"]) for well in only.wells} == {
        "A1": ("vehicle", "mono"),
        "A2": ("imatinib 1 uM", "mono"),
        "A3": (None, "mono"),
        "B1": ("vehicle", "msc"),
        "B2": ("imatinib 1 uM", "msc"),
        "B3": ("vehicle", "msc"),
    }
    assert {well.factors["experiment"] for well in only.wells} == {"E1"}
    assert only.wells[0].place("context") == "day1.xlsx!Sheet:G4"


def test_blocks_of_one_factor_under_titles_are_plates(tmp_path):
    one, two = read_plates(workbook(tmp_path, *TWO_PLATES))
    assert (one.name, two.name) == ("Plate 1", "Plate 2")
    assert [well.factors["treatment"] for well in two.wells] == ["dasatinib 10 nM", "vehicle", "vehicle", "vehicle"]


def test_a_row_without_its_letter_is_named_by_its_own_column(tmp_path):
    rows = [*SIDE[:4], ["B", "vehicle", None, None, None, None, "msc", "msc", "msc"]]
    with pytest.raises(LayoutError, match=r"Sheet:F5: a row of a block must begin with its letter"):
        read_plates(workbook(tmp_path, *rows))


def test_one_factor_in_two_blocks_without_titles_is_refused(tmp_path):
    rows = [[None if cell in ("Plate 1", "Plate 2") else cell for cell in row] for row in TWO_PLATES]
    with pytest.raises(LayoutError, match=r"a factor must have one block; found 'treatment' again"):
        read_plates(workbook(tmp_path, *rows))


def test_a_heading_joined_over_the_column_numbers_names_the_block(tmp_path):
    book = Workbook()
    sheet = book.active
    rows = [None, "Treatment"], [None, 1, 2, 3], ["A", "vehicle", "imatinib 1 uM"], ["B", "vehicle", None, "vehicle"]
    for row in rows:
        sheet.append(row)
    sheet.merge_cells("B1:D1")
    book.save(tmp_path / "heading.xlsx")
    (only,) = read_plates(tmp_path / "heading.xlsx")
    assert {well.name: well.factors["treatment"] for well in only.wells} == {
        "A1": "vehicle",
        "A2": "imatinib 1 uM",
        "B1": "vehicle",
        "B3": "vehicle",
    }


@pytest.mark.parametrize(
    "text",
    ["well,treatment\nAa1,vehicle\nBa02,imatinib 1 uM\n", "treatment,1,2\nAa,vehicle,\nBa,,imatinib 1 uM\n"],
    ids=["tidy", "block"],
)
def test_rows_named_in_quarters_are_those_of_1536_wells(tmp_path, text):
    only = plate(tmp_path, text)
    assert (only.rows, only.columns) == (32, 48)
    assert [(well.name, well.factors["treatment"]) for well in only.wells] == [
        ("A1", "vehicle"),
        ("E2", "imatinib 1 uM"),
    ]


def test_rows_named_in_two_ways_are_refused(tmp_path):
    with pytest.raises(LayoutError, match=r"must be named in one way; found 'Aa1' and 'AF1'.*Aa, Ab, Ac, Ad, Ba"):
        plate(tmp_path, "well,treatment\nAa1,vehicle\nAF1,imatinib 1 uM\n")


def test_a_grid_of_no_plates_size_is_told(tmp_path):
    (tmp_path / "day1.csv").write_text(
        "treatment,1,2,3\n" + "".join(f"{row},vehicle,vehicle,vehicle\n" for row in "ABCDE")
    )
    reading = reading_from_layout(tmp_path / "day1.csv", Columns())
    (finding,) = reading.findings
    assert (finding.level, finding.check) == ("note", "plate_size")
    assert finding.message == (
        "the blocks reach to row E and column 3, which is no plate's size: taken as a plate of 96 wells; "
        "write wells = 24, or what it is, in the study."
    )
    assert reading_from_layout(tmp_path / "day1.csv", Columns(), size=48).findings == ()


@pytest.mark.parametrize(
    ("column", "meant"),
    [("date", "experiment"), ("sample_name", "file"), ("compound", "treatment"), ("treatmnt", "treatment")],
)
def test_the_remedy_for_an_unknown_column_names_the_one_that_means_it(tmp_path, column, meant):
    (tmp_path / "day1.csv").write_text(f"well,{column}\nA1,x\n")
    with pytest.raises(LayoutError, match=rf"found '{column}'.*write '{meant}'"):
        read_plates(tmp_path / "day1.csv", Columns(("experiment",), ()))

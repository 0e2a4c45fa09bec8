"""Tables of counts: rows become wells, chambers become cells of the well."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assaykit.errors import CountsError
from assaykit.plate import Plate, read_counts


def counts(folder: Path, text: str) -> Plate:
    (folder / "migration.csv").write_text(text, encoding="utf-8")
    return read_counts(folder / "migration.csv")


def test_a_column_is_a_factor_or_a_count(tmp_path):
    plate = counts(tmp_path, "experiment,treatment,target,migrated,input\n1,vehicle,medium,1500,100000\n")
    (row,) = plate.wells
    assert (plate.name, row.name) == ("migration", "row 2")
    assert dict(row.factors) == {"experiment": "1", "treatment": "vehicle", "target": "medium"}
    assert dict(row.counts) == {"migrated": 1500.0, "input": 100000.0}


def test_rows_that_name_wells_are_called_so(tmp_path):
    plate = counts(tmp_path, "well,migrated\nA01,3\nb2,4\n")
    assert [row.name for row in plate.wells] == ["A1", "B2"]


def test_cells_counted_in_a_chamber_become_cells_of_the_well(tmp_path):
    # 120 cells in 4 large squares, diluted 1:2, 0.5 mL: 120 / 4 * 2 * 10^4 * 0.5 = 300,000
    plate = counts(tmp_path, "treatment,migrated,squares,dilution,volume\nvehicle,120,4,1:2,0.5\n")
    assert dict(plate.wells[0].counts) == {"migrated": 300_000.0, "migrated_in_squares": 120.0}


def test_the_dilution_of_a_run_sample_is_no_chamber(tmp_path):
    plate = counts(tmp_path, "treatment,cml_count,beads_count,beads_added,dilution\nvehicle,500,1500,8000,20\n")
    assert dict(plate.wells[0].counts) == {"cml_count": 500.0, "beads_count": 1500.0}
    assert plate.wells[0].factors["dilution"] == 20.0


@pytest.mark.parametrize(
    ("written", "number"),
    [("1250", 1250), ("12,5", 12.5), ("12.5", 12.5), ("1.5e5", 150_000), ("0", 0), ("1,25", 1.25)],
)
def test_numbers_are_read_in_either_decimal_sign(tmp_path, written, number):
    plate = counts(tmp_path, f'treatment,migrated\nvehicle,"{written}"\n')
    assert plate.wells[0].counts["migrated"] == number


@given(st.integers(0, 2000), st.integers(1, 9), st.integers(1, 20), st.sampled_from([0.1, 0.5, 1.0, 2.0]))
def test_a_chamber_is_linear_in_its_count_and_dilution_and_volume(tmp_path_factory, cells, squares, dilution, volume):
    text = f"treatment,viable,squares,dilution,volume\nvehicle,{cells},{squares},{dilution},{volume}\n"
    plate = counts(tmp_path_factory.mktemp("counts"), text)
    # 1e-12: the order of multiplication differs
    assert plate.wells[0].counts["viable"] == pytest.approx(cells * dilution * volume * 1e4 / squares, rel=1e-12)


@pytest.mark.parametrize("column", ["beads_added", "migrated", "sample_volume", "dilution", "seeded"])
@pytest.mark.parametrize("number", ["8.300", "8,300"])
def test_a_number_that_may_be_a_thousandfold_is_refused_in_every_column(tmp_path, column, number):
    path = tmp_path / "counts.csv"
    path.write_text(f"experiment;total;{column}\n1;10;{number}\n")
    with pytest.raises(
        CountsError, match=rf"'{column}' must be a number read one way; found '{number}', which is 8300"
    ):
        read_counts(path)


def test_a_dose_in_a_factor_column_is_held_to_the_same(tmp_path):
    path = tmp_path / "counts.csv"
    path.write_text("experiment;total;nM\n1;10;1.000\n")
    with pytest.raises(CountsError, match=r"'nm' must be a number read one way; found '1\.000', which is 1000 or 1"):
        read_counts(path)


@pytest.mark.parametrize(
    ("number", "value"), [("8 300", 8300.0), ("8'300", 8300.0), ("8.300,5", 8300.5), ("1,234,567", 1234567.0)]
)
def test_thousands_that_are_plain_are_read(tmp_path, number, value):
    path = tmp_path / "counts.csv"
    path.write_text(f"experiment;total\n1;{number}\n")
    assert read_counts(path).wells[0].counts["total"] == value


def test_computed_numbers_show_their_decimal_sign_themselves(tmp_path):
    path = tmp_path / "counts.csv"
    path.write_text("experiment,total,viability\n1,10,93.125\n2,10,87.5\n")
    assert [row.factors["viability"] for row in read_counts(path).wells] == [93.125, 87.5]


def test_a_plate_reader_writes_a_point(tmp_path):
    path = tmp_path / "counts.csv"
    path.write_text("experiment,signal\n1,1.250\n")
    assert read_counts(path).wells[0].counts["signal"] == 1.25

"""Layouts in wellmap's format: groups, their precedence, plates, includes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assaykit.errors import LayoutError
from assaykit.plate import Plate, read_plates


def plates(folder: Path, text: str) -> dict[str, Plate]:
    path = folder / "layout.toml"
    path.write_text(text, encoding="utf-8")
    return {plate.name: plate for plate in read_plates(path)}


def factor(plate: Plate, name: str) -> dict[str, object]:
    return {well.name: well.factors.get(name) for well in plate.wells}


def test_the_more_particular_group_has_the_last_word(tmp_path):
    text = """
        [plate.X]
        [plate.Y]
        level = "plate"
        [plate.Z.row.A]
        level = "plate row"
        [well.A1]
        level = "well"
        [block.2x2.A1]
        level = "small block"
        [block.3x3.A1]
        level = "large block"
        [row.A]
        level = "row"
        [col.1]
        level = "column"
        [expt]
        level = "experiment"
        [block.5x5.A1]
    """
    x, y, z = plates(tmp_path, text).values()
    assert [factor(x, "level")[well] for well in ("A1", "A2", "C3", "A5", "E1", "E5")] == [
        "well",
        "small block",
        "large block",
        "row",
        "column",
        "experiment",
    ]
    assert factor(y, "level")["E5"] == "plate"
    assert factor(y, "level")["A5"] == "row"
    assert (factor(z, "level")["A5"], factor(z, "level")["C3"]) == ("plate row", "large block")


def test_of_two_blocks_of_one_size_the_later_holds(tmp_path):
    (plate,) = plates(tmp_path, '[block.2x1.A1]\ngroup = "first"\n[block.2x1.A2]\ngroup = "second"\n').values()
    assert factor(plate, "group") == {"A1": "first", "A2": "second", "A3": "second"}


def test_interleaved_rows_and_columns_alternate(tmp_path):
    (plate,) = plates(tmp_path, "[irow.A]\nx = 'a'\n[irow.B]\nx = 'b'\n[col.'1,2,...,4']\n").values()
    assert factor(plate, "x") == {
        "A1": "a", "A2": "b", "A3": "a", "A4": "b", "B1": "b", "B2": "a", "B3": "b", "B4": "a",
    }  # fmt: skip
    (plate,) = plates(tmp_path, "[icol.1]\nx = 'a'\n[icol.2]\nx = 'b'\n[row.'A,B']\n").values()
    assert factor(plate, "x") == {"A1": "a", "A2": "b", "B1": "b", "B2": "a"}


def test_rows_and_columns_cross_into_wells(tmp_path):
    (plate,) = plates(tmp_path, "[row.'A,B']\n[col.'1,2,...,12']\n").values()
    assert len(plate.wells) == 24
    assert (plate.rows, plate.columns) == (8, 12)


def test_a_layout_stands_on_what_it_includes(tmp_path):
    (tmp_path / "doses.toml").write_text('wells = 384\n[col]\n1.treatment = "vehicle"\n2.treatment = "imatinib 1 uM"\n')
    text = "[meta]\ninclude = 'doses.toml'\n[row.'A,P']\n[well.P2]\ntreatment = 'imatinib 3 uM'\n"
    (plate,) = plates(tmp_path, text).values()
    assert factor(plate, "treatment") == {
        "A1": "vehicle", "A2": "imatinib 1 uM", "P1": "vehicle", "P2": "imatinib 3 uM",
    }  # fmt: skip
    assert (plate.rows, plate.columns) == (16, 24)


def test_layouts_are_joined_under_names_of_their_own(tmp_path):
    for day in (1, 2):
        (tmp_path / f"day{day}.toml").write_text(f"[expt]\nexperiment = {day}\n[well.A1]\n")
    joined = plates(tmp_path, "[meta.concat]\nX = 'day1.toml'\nY = 'day2.toml'\n")
    assert {name: factor(plate, "experiment") for name, plate in joined.items()} == {
        "X": {"A1": "1"},
        "Y": {"A1": "2"},
    }


def test_dates_and_numbers_become_what_a_table_would_hold(tmp_path):
    text = "[expt]\nexperiment = 2024-03-01\n[well.A1]\ntime = 24\npassage = '007'\nwashed = true\n"
    (plate,) = plates(tmp_path, text).values()
    assert dict(plate.wells[0].factors) == {
        "experiment": "2024-03-01",
        "time": 24.0,
        "passage": "007",
        "washed": "yes",
    }


def test_a_fault_of_one_plate_names_that_plate(tmp_path):
    with pytest.raises(LayoutError, match=r"layout.toml, \[plate.P1.well.A1\]: a role must be one of"):
        plates(tmp_path, "[plate.P1.well.A1]\nrole = 'smple'\n[plate.P2.well.A1]\n")


@given(st.sets(st.tuples(st.integers(0, 7), st.integers(0, 11)), min_size=1, max_size=12))
def test_wells_named_one_by_one_are_all_there_in_plate_order(tmp_path_factory, positions):
    names = [f"{'ABCDEFGH'[row]}{column + 1}" for row, column in positions]
    text = "".join(f"[well.{name}]\ntreatment = 'vehicle'\n" for name in names)
    (plate,) = plates(tmp_path_factory.mktemp("layout"), text).values()
    assert [well.name for well in plate.wells] == [f"{'ABCDEFGH'[r]}{c + 1}" for r, c in sorted(positions)]


def test_layouts_that_join_each_other_are_refused(tmp_path):
    (tmp_path / "other.toml").write_text("[meta]\nconcat = 'layout.toml'\n")
    with pytest.raises(LayoutError, match="a layout must not join itself"):
        plates(tmp_path, "[meta]\nconcat = 'other.toml'\n")


def test_layouts_that_include_each_other_are_refused(tmp_path):
    (tmp_path / "other.toml").write_text("[meta]\ninclude = 'layout.toml'\n")
    with pytest.raises(LayoutError, match="a layout must not include itself"):
        plates(tmp_path, "[meta]\ninclude = 'other.toml'\n")

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
    text = "[meta]\ninclude = 'doses.toml'\n[row.'A,B']\n[well.B2]\ntreatment = 'imatinib 3 uM'\n"
    (plate,) = plates(tmp_path, text).values()
    assert factor(plate, "treatment") == {
        "A1": "vehicle", "A2": "imatinib 1 uM", "B1": "vehicle", "B2": "imatinib 3 uM",
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


def wells(plate: Plate) -> str:
    """Return the wells with the values of x, y and z beside them, as in A1:x1y2."""
    return " ".join(
        f"{well.name}:{''.join(f'{name}{value:g}' for name, value in sorted(well.factors.items()))}".rstrip(":")
        for well in plate.wells
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [  # what wellmap 3.5.2 gives for each, written down from its answers
        ("[row.'A,C']\nx = 1\n[col.'1,2']\ny = 1\n", "A1:x1y1 A2:x1y1 B1:y1 B2:y1 C1:x1y1 C2:x1y1"),
        (
            "[row.'A,C']\nx = 1\n[col.'2,5']\ny = 1\n",
            "A2:x1y1 A3:x1 A4:x1 A5:x1y1 B2:y1 B5:y1 C2:x1y1 C3:x1 C4:x1 C5:x1y1",
        ),
        ("[row.A]\nx = 1\n[well.C3]\ny = 1\n", "A3:x1 C3:y1"),
        ("[row.B]\nx = 1\n[well.'A2,C5']\ny = 1\n", "A2:y1 B2:x1 B3:x1 B4:x1 B5:x1 C5:y1"),
        ("[col.2]\nx = 1\n[well.'A1,D4']\ny = 1\n", "A1:y1 A2:x1 B2:x1 C2:x1 D2:x1 D4:y1"),
        ("[col.4]\nx = 1\n[block.2x2.A1]\ny = 1\n", "A1:y1 A2:y1 A4:x1 B1:y1 B2:y1 B4:x1"),
        ("[irow.A]\nx = 1\n[block.2x1.A1]\ny = 1\n", "A1:x1y1 A2:y1 B2:x1"),
        ("[irow]\nA.x = 1\nB.x = 2\n[icol]\n1.y = 1\n2.y = 2\n[well.A1]\nz = 3\n", "A1:x1y1z3 A2:x2y2 B1:x2y2 B2:x1y1"),
        ("[irow.C]\nx = 1\n[icol.5]\ny = 1\n[well.A1]\nz = 1\n", "A1:z1 A5:y1 B6:y1 C1:x1 C3:x1 C5:x1y1 D2:x1 D4:x1"),
        ("[irow.C]\nx = 1\n[icol.5]\ny = 1\n[col.2]\nz = 1\n", "D2:x1z1 D6:x1y1"),
        ("[irow.B]\nx = 1\n[col.'2,6']\ny = 1\n", "A2:x1y1 A4:x1 A6:x1y1 B2:y1 B3:x1 B5:x1 B6:y1"),
        ("[irow.D]\nx = 1\n[icol.'1,3']\ny = 1\n[row.A]\nz = 1\n", "A1:y1z1 A2:z1 A3:y1z1 C2:x1 D1:x1 D3:x1"),
    ],
)  # fmt: skip
def test_lines_span_all_the_wells_they_imply(tmp_path, text, expected):
    (plate,) = plates(tmp_path, text).values()
    assert wells(plate) == expected


def test_lines_span_each_plate_by_itself(tmp_path):
    x, y = plates(tmp_path, "[plate.X.well.A1]\nx = 1\n[plate.Y.well.B2]\nx = 2\n[row.C]\ny = 1\n").values()
    assert (wells(x), wells(y)) == ("A1:x1 C1:y1", "B2:x2 C2:y1")


@pytest.mark.parametrize(
    ("group", "count", "last"),
    [
        ("[row.A-C]\nx = 1\n[col.'1-3,7-9']", 27, "C9"),
        ("[well.'A1-B2,A5-B6']", 8, "B6"),
        ("[block.2x2.'A1-A2']", 6, "B3"),
        ("[well.A1-A1]", 1, "A1"),
    ],
)
def test_ranges_name_what_lies_between(tmp_path, group, count, last):
    (plate,) = plates(tmp_path, f"{group}\ny = 1\n").values()
    assert (len(plate.wells), plate.wells[-1].name) == (count, last)


def test_a_range_that_runs_back_is_refused(tmp_path):
    with pytest.raises(LayoutError, match=r"layout.toml, \[row.C-A\]: a range must run down .* Try: write A-C"):
        plates(tmp_path, "[row.C-A]\nx = 1\n[col.1]\n")


def test_an_included_layout_may_be_moved(tmp_path):
    (tmp_path / "doses.toml").write_text(
        "[well.A1]\nx = 1\n[block.2x1.'B1-B2']\ny = 1\n[row.C]\nz = 1\n[plate.P.col.1]\nw = 5\n"
    )
    text = "[meta.include]\npath = 'doses.toml'\nshift = 'A1 to B3'\n[well.A1]\nx = 7\n"
    (plate,) = plates(tmp_path, text).values()
    assert (plate.name, factor(plate, "w")["D3"], factor(plate, "z")["D1"]) == ("P", 5.0, 1.0)
    assert factor(plate, "x") == {**dict.fromkeys(factor(plate, "x")), "A1": 7.0, "B3": 1.0}
    assert [well.name for well in plate.wells if "y" in well.factors] == ["C3", "C4", "C5"]


@pytest.mark.parametrize(
    ("inner", "shift", "message"),
    [
        ("[well.A1]\nx = 1\n", "B2 to A1", r"a shift must keep every well on the plate; found 'A1' moved off it"),
        ("[row.B]\nx = 1\n", "C1 to A1", r"a shift must keep every well on the plate; found 'B' moved off it"),
        ("[irow.A]\nx = 1\n", "A1 to B2", r"must have no interleaved rows; found \[irow\]"),
        ("[well.A1]\nx = 1\n", "two down", r"a shift must lead from a well to a well; found 'two down'"),
    ],
)
def test_a_shift_that_cannot_be_is_refused(tmp_path, inner, shift, message):
    (tmp_path / "inner.toml").write_text(inner)
    with pytest.raises(LayoutError, match=message):
        plates(tmp_path, f"[meta]\ninclude = {{ path = 'inner.toml', shift = '{shift}' }}\n[well.C3]\n")


def test_a_misspelt_key_of_an_inclusion_is_refused(tmp_path):
    with pytest.raises(LayoutError, match=r"'include' must be a path, or a path with a shift; found the key 'shfit'"):
        plates(tmp_path, "[meta]\ninclude = { path = 'inner.toml', shfit = 'A1 to B2' }\n")

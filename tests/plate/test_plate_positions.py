"""Well names, plate sizes and patterns."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assaykit.errors import LayoutError
from assaykit.plate.positions import (
    SIZES,
    columns_in_pattern,
    is_on_plate,
    last_well,
    position_from_well,
    rows_in_pattern,
    smallest_size,
    well_from_position,
    wells_in_pattern,
)

positions = st.tuples(st.integers(0, 31), st.integers(0, 47))


@given(positions)
def test_a_well_name_and_its_position_are_each_other(position):
    assert position_from_well(well_from_position(position)) == position


@given(positions, st.integers(0, 2))
def test_zeros_and_case_do_not_change_a_well(position, zeros):
    name = well_from_position(position)
    letters = name.rstrip("0123456789")
    written = f" {letters.lower()}{'0' * zeros}{name[len(letters) :]} "
    assert position_from_well(written) == position


@pytest.mark.parametrize(
    ("size", "last"),
    [(6, "B3"), (12, "C4"), (24, "D6"), (48, "F8"), (96, "H12"), (384, "P24"), (1536, "AF48")],
)
def test_every_plate_ends_where_its_maker_says(size, last):
    assert last_well(size) == last
    rows, columns = SIZES[size]
    assert rows * columns == size
    assert smallest_size(position_from_well(last)) == size


@given(positions)
def test_the_smallest_plate_that_has_a_well_is_the_first_that_has_it(position):
    size = smallest_size(position)
    assert size is not None
    assert is_on_plate(position, size)
    assert not any(is_on_plate(position, smaller) for smaller in SIZES if smaller < size)


@pytest.mark.parametrize("text", ["", "A", "1", "A0", "1A", "A-1", "AAA1", "A1B", "Ä1", "A1-A3"])
def test_what_is_no_well_is_refused(text):
    with pytest.raises(LayoutError, match="a well must be a row letter and a column number"):
        position_from_well(text)


def test_patterns_count_in_steps():
    assert rows_in_pattern("A,B,...,H") == list(range(8))
    assert rows_in_pattern("A,C") == [0, 2]
    assert columns_in_pattern("1,3,...,11") == [0, 2, 4, 6, 8, 10]
    assert columns_in_pattern("01,02") == [0, 1]
    assert wells_in_pattern("A1,B1,...,D1") == [(0, 0), (1, 0), (2, 0), (3, 0)]
    assert wells_in_pattern("A1,C3,...,E5")[:4] == [(0, 0), (0, 2), (0, 4), (2, 0)]

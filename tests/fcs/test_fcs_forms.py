"""Every form of FCS data, written by the tests' own encoder, is read back exactly."""

from __future__ import annotations

import numpy as np
import pytest
from fcs.encoder import Recipe
from hypothesis import given, settings
from hypothesis import strategies as st

from assaykit.fcs import datasets, read_fcs, read_fcs_header

LITTLE, BIG, MIDDLE = (1, 2, 3, 4), (4, 3, 2, 1), (3, 4, 1, 2)
NAMES = st.text(st.characters(min_codepoint=33, max_codepoint=0x3FF, exclude_characters="$,"), min_size=1, max_size=12)
DELIMITERS = st.sampled_from(["/", "|", "\\", "^", "+", "*", "!", "\x0c", "\x1e", "\t", "\r", "\n", "#"])


def write(folder, recipe):
    path = folder / "odd.fcs"
    path.write_bytes(recipe.bytes())
    return path


def stored(path, **options):
    return read_fcs(path, scale=False, **options)


@st.composite
def integers(draw):
    """Integers of mixed widths of whole bytes, with ranges that keep every value."""
    count = draw(st.integers(1, 5))
    bits = draw(st.lists(st.sampled_from([8, 16, 24, 32, 40, 48, 64]), min_size=count, max_size=count))
    rows = draw(st.integers(0, 6))
    values = [[draw(st.integers(0, (1 << min(width, 53)) - 1)) for width in bits] for _ in range(rows)]
    return count, "I" * count, bits, [1 << width for width in bits], values


@st.composite
def floats(draw):
    """Floats, doubles and, under FCS 3.2, both with integers in one event."""
    count = draw(st.integers(1, 4))
    kinds = draw(st.lists(st.sampled_from("FDI"), min_size=count, max_size=count))
    bits = [{"F": 32, "D": 64, "I": draw(st.sampled_from([8, 16, 32]))}[kind] for kind in kinds]
    single = st.floats(width=32, allow_nan=False)
    sources = {"F": single, "D": st.floats(allow_nan=False), "I": st.integers(0, 255)}
    values = [[draw(sources[kind]) for kind in kinds] for _ in range(draw(st.integers(0, 5)))]
    return count, "".join(kinds), bits, [256] * count, values


@st.composite
def recipes(draw, data):
    count, kinds, bits, ranges, values = draw(data)
    delimiter = draw(DELIMITERS)  # a value may hold it, doubled, but not open with it (FCS 3.1, 3.2.7)
    names = draw(st.lists(NAMES, min_size=count, max_size=count, unique=True))
    names = [f"{n}{name}" if name.startswith(delimiter) else name for n, name in enumerate(names)]
    return Recipe(
        values,
        kinds,
        bits,
        ranges,
        names,
        version=draw(st.sampled_from(["FCS2.0", "FCS3.0", "FCS3.1", "FCS3.2"])),
        order=draw(st.sampled_from([LITTLE, BIG])),
        delimiter=delimiter,
        begin=draw(st.sampled_from([58, 64, 256])),
        offsets=draw(st.sampled_from(["both", "header", "text"])),
        last_delimiter=draw(st.booleans()),
        gap=draw(st.integers(0, 40)),
        tail=draw(st.sampled_from([b"", b"00000000"])),
    )


@settings(max_examples=150, deadline=None)
@given(recipe=recipes(st.one_of(integers(), floats())))
def test_whatever_is_written_is_read_back_exactly(tmp_path_factory, recipe):
    events = stored(write(tmp_path_factory.mktemp("forms"), recipe))
    expected = np.array(recipe.values, dtype=float).reshape(-1, len(recipe.kinds))
    assert events.names == tuple(recipe.names)
    np.testing.assert_array_equal(events.values, expected)
    assert {repair.name for repair in events.repairs} <= {"last_delimiter_missing"}


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(st.lists(st.integers(0, 65535), min_size=3, max_size=3), min_size=1, max_size=5),
    ranges=st.lists(st.integers(2, 65536), min_size=3, max_size=3),
)
def test_integers_are_masked_to_the_next_power_of_two_of_the_range(tmp_path_factory, values, ranges):
    recipe = Recipe(values, "III", [16] * 3, ranges, ["A", "B", "C"])
    events = stored(write(tmp_path_factory.mktemp("masks"), recipe))
    masks = [(1 << (top - 1).bit_length()) - 1 for top in ranges]
    expected = [[value & mask for value, mask in zip(event, masks, strict=True)] for event in values]
    np.testing.assert_array_equal(events.values, expected)
    changed = expected != values
    assert ("bits_beyond_range" in {repair.name for repair in events.repairs}) == changed


@settings(max_examples=60, deadline=None)
@given(
    bits=st.lists(st.integers(3, 20), min_size=2, max_size=4),
    order=st.sampled_from([LITTLE, BIG]),
    seed=st.integers(0, 2**32 - 1),
)
def test_integers_packed_bit_by_bit_are_read_exactly(tmp_path_factory, bits, order, seed):
    dice = np.random.default_rng(seed)
    values = [[int(dice.integers(0, 1 << width)) for width in bits] for _ in range(19)]
    names = [f"P{n}" for n in range(len(bits))]
    recipe = Recipe(values, "I" * len(bits), bits, [1 << width for width in bits], names, order=order, packed=True)
    np.testing.assert_array_equal(stored(write(tmp_path_factory.mktemp("bits"), recipe)).values, values)


@pytest.mark.parametrize("order", [LITTLE, BIG])
def test_ten_bits_in_words_of_sixteen_are_told_from_packed_ones_by_the_length_of_data(tmp_path, order):
    values = [[n, 1023 - n, 512] for n in range(40)]
    wide = Recipe(values, "III", [16] * 3, [1024] * 3, ["A", "B", "C"], order=order)
    ten = {"$P1B": "10", "$P2B": "10", "$P3B": "10"}
    events = stored(write(tmp_path, Recipe(**{**vars(wide), "declared": ten})))
    np.testing.assert_array_equal(events.values, values)
    assert "width_from_length" in {repair.name for repair in events.repairs}


@pytest.mark.parametrize(("kind", "bits"), [("I", 32), ("F", 32)])
@pytest.mark.parametrize("order", [MIDDLE, (2, 1, 4, 3)])
def test_middle_endian_values_are_put_in_order(tmp_path, kind, bits, order):
    values = [[1, 70000, 3_000_000_000], [0, 65536, 16909060]]
    if kind == "F":
        values = [[1.5, -70000.25, 3e9], [0.0, 1e-3, 0.25]]
    recipe = Recipe(values, kind * 3, [bits] * 3, [1 << 32] * 3, ["A", "B", "C"], order=order)
    expected = np.array(values, dtype=np.float32 if kind == "F" else float)
    np.testing.assert_array_equal(stored(write(tmp_path, recipe)).values, expected)


def test_ascii_numbers_of_fixed_width_and_delimited_ones_are_read(tmp_path):
    values = [[1, 20, 300], [4, 50, 600]]
    fixed = Recipe(values, "AAA", [40, 48, 56], [1024] * 3, ["A", "B", "C"])
    np.testing.assert_array_equal(stored(write(tmp_path, fixed)).values, values)
    star = dict.fromkeys(("$P1B", "$P2B", "$P3B"), "*")
    free = Recipe(values, "AAA", [40, 48, 56], [1024] * 3, ["A", "B", "C"], declared=star)
    np.testing.assert_array_equal(stored(write(tmp_path, free)).values, values)
    np.testing.assert_array_equal(stored(write(tmp_path, free), channels=["C"]).values, [[300], [600]])


def test_supplemental_text_adds_names_and_never_overrides(tmp_path):
    words = {"$P1S": "CD184", "$P1N": "other", "SORTSTATS": "x"}
    recipe = Recipe([[1.0]], "F", [32], [1024], ["PE-A"], supplement=words)
    events = stored(write(tmp_path, recipe))
    assert (events.channels[0].name, events.channels[0].stain) == ("PE-A", "CD184")
    assert events.keywords["SORTSTATS"] == "x"
    assert [repair.name for repair in events.repairs] == ["supplement_differs"]


def test_a_file_of_several_data_sets_gives_each_of_them(tmp_path):
    first = Recipe([[1.0], [2.0]], "F", [32], [1024], ["A"])
    length = len(first.bytes())
    second = Recipe([[7], [8], [9]], "I", [16], [1024], ["B"], version="FCS3.0", order=BIG)
    path = tmp_path / "two.lmd"
    for said in (length, 0):  # $NEXTDATA says where, or the next just follows
        path.write_bytes(Recipe(**{**vars(first), "next_data": said}).bytes()[:length] + second.bytes())
        if said:
            raw = Recipe(**{**vars(first), "next_data": 0}).bytes()
            grown = len(Recipe(**{**vars(first), "next_data": len(raw) + 2}).bytes())
            path.write_bytes(Recipe(**{**vars(first), "next_data": grown}).bytes() + second.bytes())
        assert [header.events for header in datasets(path)] == [2, 3]
        np.testing.assert_array_equal(stored(path, dataset=1).values, [[7], [8], [9]])
        assert "data_sets_further" in {repair.name for repair in read_fcs(path).repairs}


def test_data_sets_strung_together_with_padding_and_no_word_of_it_are_found(tmp_path):
    one = Recipe([[1.0], [2.0]], "F", [32], [1024], ["A"]).bytes()  # Guava InCyte: $NEXTDATA 0, and 94 more
    path = tmp_path / "many.fcs"
    path.write_bytes(b"".join(one + bytes(n) for n in range(5)))
    assert [header.events for header in datasets(path)] == [2] * 5
    np.testing.assert_array_equal(stored(path, dataset=4).values, [[1], [2]])


def test_a_next_data_set_that_is_not_there_is_no_fault(tmp_path):
    recipe = Recipe([[1.0]], "F", [32], [1024], ["A"], next_data=999_999)
    assert len(datasets(write(tmp_path, recipe))) == 1


def test_zero_events_are_an_answer(tmp_path):
    events = read_fcs(write(tmp_path, Recipe([], "FF", [32, 32], [1024] * 2, ["A", "B"])))
    assert events.values.shape == (0, 2)
    assert events.repairs == ()


def test_float32_unless_it_would_lose_values(tmp_path):
    def dtype(kinds, bits, ranges, channels=None):
        recipe = Recipe([[1] * len(kinds)], kinds, bits, ranges, [f"P{n}" for n in range(len(kinds))], version="FCS3.2")
        return stored(write(tmp_path, recipe), channels=channels).values.dtype

    assert dtype("FF", [32, 32], [1024] * 2) == np.float32
    assert dtype("II", [24, 32], [1 << 24] * 2) == np.float32
    assert dtype("II", [32, 32], [1024, 1 << 25]) == np.float64
    assert dtype("FD", [32, 64], [1024] * 2) == np.float64
    assert dtype("FD", [32, 64], [1024] * 2, ["P0"]) == np.float32


def test_header_says_the_same_without_reading_events(tmp_path):
    recipe = Recipe([[1.0, 2.0]] * 9, "FF", [32, 32], [1024] * 2, ["A", "Time"], extra={"$TIMESTEP": "0.01"})
    header = read_fcs_header(write(tmp_path, recipe))
    assert (header.names, header.events, header.version) == (("A", "Time"), 9, "FCS3.1")
    assert header.keywords["$timestep"] == "0.01"


@pytest.mark.parametrize("delimiter", list("/|\\^+*!#\x0c\x1e\x01\t\r\n,;-"))
@pytest.mark.parametrize("value", ["a{}b", "{}{}", "x{}", "1{}2{}3"])
def test_any_delimiter_doubled_in_a_value_is_a_letter(tmp_path, delimiter, value):
    written = value.format(delimiter, delimiter)
    if written.startswith(delimiter):
        written = f"x{written}"  # no value may begin with the delimiter (FCS 3.1, 3.2.7)
    recipe = Recipe([[1.0]], "F", [32], [1024], ["A"], delimiter=delimiter, extra={"$COM": written, "$OP": "me"})
    if delimiter == ",":  # then $BYTEORD and $PnE hold the delimiter too
        assert "," in recipe.delimiter
    events = stored(write(tmp_path, recipe))
    assert (events.keywords["$COM"], events.keywords["$OP"]) == (written, "me")
    assert events.values.tolist() == [[1.0]]

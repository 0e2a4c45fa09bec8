"""The faults of real instruments and programs: each is mended by a named repair, or refused with byte and keyword."""

from __future__ import annotations

import binascii
import pickle

import numpy as np
import pytest
from fcs.encoder import Recipe

from assaykit.errors import FcsError
from assaykit.fcs import REPAIRS, read_fcs, read_fcs_header

BIG = (4, 3, 2, 1)
NUMBERS = [[1000.5 + n, 20.25 * n, 3.0 + n] for n in range(30)]
COUNTS = [[100 + n, 5 * n, 1000 - n] for n in range(30)]


def floats(**faults):
    return Recipe(NUMBERS, "FFF", [32] * 3, [262144] * 3, ["FSC-A", "PE-A", "Time"], **faults)


def integers(**faults):
    return Recipe(COUNTS, "III", [16] * 3, [1024] * 3, ["FSC-H", "FL1-H", "FL2-H"], **faults)


def read(tmp_path, raw, **options):
    path = tmp_path / "case.fcs"
    path.write_bytes(raw)
    return read_fcs(path, scale=False, **options)


def assert_mended(events, values, *names):
    np.testing.assert_array_equal(events.values, np.array(values, dtype=np.float32))
    assert {repair.name for repair in events.repairs} == set(names)
    for repair in events.repairs:
        assert repair.name in REPAIRS
        assert repair.action
        assert repair.where


@pytest.mark.parametrize(
    ("faults", "names"),
    [
        ({"text_data": (-60, -60)}, ("offsets_differ",)),  # Accuri C6: TEXT begins DATA inside TEXT
        ({"header_data": (-100, 0)}, ("offsets_differ",)),  # CyAn, S1400EXi: HEADER begins it there
        ({"header_data": (0, 756)}, ("offsets_differ",)),  # Summit: HEADER ends it far behind
        ({"header_data": (2, 2)}, ("offsets_differ",)),  # two bytes of TEXT lost on the way, lengths agree
        ({"text_data": (-2, -2), "gap": 8}, ("offsets_differ",)),  # FACSAria: as above, in TEXT
        ({"text_data": (0, -359)}, ("offsets_differ",)),  # iQue: $ENDDATA = $BEGINDATA
        ({"header_data": (1, 1)}, ("offsets_differ",)),  # FlowJo export: 4329:4328
        ({"header_data": (0, 1), "text_data": (0, 1)}, ("data_end_off",)),  # MACSQuant: the end one too far
        ({"header_data": (0, -1), "text_data": (0, -1)}, ("data_end_off",)),
        ({"header_data": (0, 8), "text_data": (0, 8), "tail": b"00000000"}, ("data_end_off",)),  # the CRC counted in
        ({"header_data": (-1, 0), "text_data": (-1, 0)}, ("data_begin_off_by_one",)),
        ({"declared": {"$BEGINDATA": "\0absent", "$ENDDATA": "\0absent"}}, ()),  # FlowJo 10.0.7
        ({"declared": {"$BEGINDATA": "0", "$ENDDATA": "0"}, "offsets": "header"}, ()),
        ({"text_data": (-9999, 0)}, ("offset_unreadable",)),  # a negative number
        ({"declared": {"$BEGINDATA": "0x1A4", "$ENDDATA": "?"}}, ("offset_unreadable",)),
    ],
)
def test_offsets_that_disagree_are_arbitrated_and_the_reason_is_given(tmp_path, faults, names):
    for order in ((1, 2, 3, 4), BIG):
        events = read(tmp_path, floats(order=order, **faults).bytes())
        assert_mended(events, NUMBERS, *names)


def test_offsets_of_integers_are_arbitrated_too(tmp_path):
    assert_mended(read(tmp_path, integers(text_data=(-60, -60)).bytes()), COUNTS, "offsets_differ")
    assert_mended(read(tmp_path, integers(header_data=(0, 999999)).bytes()), COUNTS, "offsets_differ")


@pytest.mark.parametrize("slip", [-1, 1])
def test_an_end_off_by_one_does_not_move_integers_that_fill_their_range(tmp_path, slip):
    recipe = Recipe(COUNTS, "III", [16] * 3, [65536] * 3, ["A", "B", "C"], header_data=(0, slip), text_data=(0, slip))
    assert_mended(read(tmp_path, recipe.bytes()), COUNTS, "data_end_off")


def test_header_fields_at_their_limit_leave_the_offsets_to_text(tmp_path):
    raw = floats().bytes()
    for first, last in ((b"       0", b"       0"), (b"        ", b"        "), (b"99999999", b"99999999")):
        events = read(tmp_path, raw[:26] + first + last + raw[42:])
        np.testing.assert_array_equal(events.values, np.array(NUMBERS, dtype=np.float32))


def test_data_beyond_99_999_999_is_found_through_text(tmp_path):
    recipe = floats(offsets="text", gap=100_000_000)
    path = tmp_path / "large.fcs"
    raw = recipe.bytes()
    with path.open("wb") as stream:  # sparse: the blanks between TEXT and DATA are never written
        data = len(raw) - 360
        stream.write(raw[:4000].rstrip(b" "))
        stream.seek(data)
        stream.write(raw[data:])
    assert_mended(read_fcs(path, scale=False), NUMBERS)


def test_keywords_padded_with_blanks_are_found(tmp_path):
    padded = {"$P1N": "\0absent", " $P1N": "FSC-A", "  $P1S ": "size"}
    events = read(tmp_path, floats(declared=padded).bytes())  # Apogee, Partec
    assert (events.names[0], events.channels[0].stain) == ("FSC-A", "size")
    assert_mended(events, NUMBERS, "keyword_padded")


def test_empty_values_do_not_swallow_the_next_keyword(tmp_path):
    events = read(tmp_path, floats(declared={"$P1S": "", "$OP": "", "$P2S": "CD184"}).bytes())
    assert (events.keywords["$P1S"], events.keywords["$OP"], events.channels[1].stain) == ("", "", "CD184")
    assert_mended(events, NUMBERS, "empty_values")


def test_empty_values_of_vendor_keywords_before_standard_ones_are_kept_apart(tmp_path):
    raw = floats(extra={"TUBE": "", "$CYT": "S3", "&7Prefix": "", "&8Doc": "x", "$OP": "me"}).bytes()
    events = read(tmp_path, raw)
    assert events.keywords["$CYT"] == "S3"
    assert events.keywords["TUBE"] == ""
    assert_mended(events, NUMBERS, "empty_values")


def test_a_delimiter_not_doubled_does_not_shift_the_keywords_behind_it(tmp_path):
    raw = floats(extra={"$FIL": "C:@data", "$OP": "me"}, header_data=(0, 0)).bytes().replace(b"C:@data", b"C:/data")
    events = read(tmp_path, raw)
    assert (events.keywords["$FIL"], events.keywords["$OP"]) == ("C:/data", "me")
    assert_mended(events, NUMBERS, "delimiter_not_doubled")


def test_text_without_its_last_delimiter_keeps_the_last_value(tmp_path):
    events = read(tmp_path, floats(extra={"GROUP": "last word"}, last_delimiter=False, gap=3).bytes())
    assert events.keywords["GROUP"] == "last word"
    assert_mended(events, NUMBERS, "last_delimiter_missing")  # Cytek NL-2000


@pytest.mark.parametrize("shift", [-40, -3, -1, 1])
def test_text_that_ends_elsewhere_than_header_says_is_read_to_its_last_value(tmp_path, shift):
    raw = floats(extra={"GROUP": "the very last word of this TEXT"}).bytes()
    end = int(raw[18:26]) + shift
    events = read(tmp_path, raw[:18] + b"%8d" % end + raw[26:])
    assert events.keywords["GROUP"] == "the very last word of this TEXT"
    np.testing.assert_array_equal(events.values, np.array(NUMBERS, dtype=np.float32))


def test_text_that_runs_into_data_stops_before_it(tmp_path):
    raw = floats(extra={"GROUP": "last"}, last_delimiter=False).bytes()  # Cytosplore, Bigfoot
    for shift in (1, 200):
        events = read(tmp_path, raw[:18] + b"%8d" % (int(raw[18:26]) + shift) + raw[26:])
        assert events.keywords["GROUP"] == "last"
        assert_mended(events, NUMBERS, "text_end_wrong")


def test_text_far_longer_than_header_says_is_found(tmp_path):
    raw = floats().bytes()  # fcswrite before 0.5 with many channels
    events = read(tmp_path, raw[:18] + b"     100" + raw[26:])
    np.testing.assert_array_equal(events.values, np.array(NUMBERS, dtype=np.float32))
    assert {"text_end_wrong"} == {repair.name for repair in events.repairs}


def test_text_not_where_header_says_is_searched(tmp_path):
    raw = floats(begin=256).bytes()
    for begin in (b"      58", b"     257", b"     255", b"    9999", b"       0", b"abcdefgh"):
        events = read(tmp_path, raw[:10] + begin + raw[18:])
        np.testing.assert_array_equal(events.values, np.array(NUMBERS, dtype=np.float32))
        assert "text_searched" in {repair.name for repair in events.repairs}


def test_latin_1_and_utf_8_are_told_apart(tmp_path):
    for encoding, names in (("utf-8", ()), ("latin-1", ("text_not_utf8",))):
        events = read(tmp_path, floats(extra={"$OP": "Jürgen µ"}, encoding=encoding).bytes())
        assert events.keywords["$OP"] == "Jürgen µ"
        assert_mended(events, NUMBERS, *names)


def test_a_truncated_file_keeps_whole_events_and_says_so(tmp_path):
    events = read(tmp_path, floats().bytes()[:-30])
    assert_mended(events, NUMBERS[:27], "truncated")


def test_a_file_cut_before_its_first_event_is_refused_but_its_header_is_read(tmp_path):
    raw = floats().bytes()
    with pytest.raises(FcsError, match="at least one whole event"):
        read(tmp_path, raw[:-355])
    assert read_fcs_header(tmp_path / "case.fcs").names == ("FSC-A", "PE-A", "Time")


@pytest.mark.parametrize("total", ["", "abc", "\0absent", "1e400"])
def test_without_a_usable_count_events_are_counted_by_the_length_of_data(tmp_path, total):
    events = read(tmp_path, floats(declared={"$TOT": total}).bytes())
    np.testing.assert_array_equal(events.values, np.array(NUMBERS, dtype=np.float32))
    assert "tot_missing" in {repair.name for repair in events.repairs}


def test_a_count_that_data_contradicts_gives_way(tmp_path):
    assert_mended(read(tmp_path, floats(declared={"$TOT": "1000000000"}).bytes()), NUMBERS, "tot_too_large")
    assert_mended(read(tmp_path, floats(declared={"$TOT": "31"}).bytes()), NUMBERS, "tot_too_large")
    assert_mended(read(tmp_path, floats(declared={"$TOT": "29"}).bytes()), NUMBERS, "tot_too_small")
    assert_mended(read(tmp_path, floats(declared={"$TOT": "0"}).bytes()), NUMBERS, "tot_too_small")


def test_zeros_behind_the_last_event_are_padding(tmp_path):
    padded = integers(header_data=(0, 60), text_data=(0, 60), tail=bytes(60))
    assert_mended(read(tmp_path, padded.bytes()), COUNTS, "data_longer")


@pytest.mark.parametrize("count", ["\0absent", "4", "2000000", "x"])
def test_parameters_are_counted_where_par_is_wrong(tmp_path, count):
    assert_mended(read(tmp_path, floats(declared={"$PAR": count}).bytes()), NUMBERS, "par_wrong")


def test_missing_widths_are_taken_from_the_kind_and_the_length_of_data(tmp_path):
    absent = dict.fromkeys(("$P1B", "$P2B", "$P3B"), "\0absent")
    assert_mended(read(tmp_path, floats(declared=absent).bytes()), NUMBERS)  # HistoCAT
    events = read(tmp_path, integers(declared=absent).bytes())
    np.testing.assert_array_equal(events.values, COUNTS)
    assert {"width_missing", "width_from_length"} == {repair.name for repair in events.repairs}


def test_doubles_called_float_are_read_as_doubles(tmp_path):
    recipe = Recipe(NUMBERS, "DDD", [64] * 3, [1024] * 3, ["A", "B", "C"], declared={"$DATATYPE": "F"})
    assert_mended(read(tmp_path, recipe.bytes()), NUMBERS, "width_from_length")


def test_ranges_written_as_floats_and_gains_of_zero_are_understood(tmp_path):
    recipe = integers(declared={"$P1R": "1024.0", "$P2R": "1.024e3", "$P1G": "0", "$P2G": "x", "$P3R": "\0absent"})
    events = read(tmp_path, recipe.bytes())
    assert [channel.range for channel in events.channels] == [1024, 1024, 0]
    assert [channel.gain for channel in events.channels] == [1, 1, 1]
    assert_mended(events, COUNTS, "number_unusable", "range_missing")


def test_bits_above_the_range_in_every_event_are_a_mark_of_the_channel_and_a_note(tmp_path):
    marked = [[value + 1024 * 33 for value in event] for event in COUNTS]  # EPICS XL: a channel number above the value
    for bits in ([16] * 3, [16, 16, 32]):  # read as one table, and column by column
        recipe = Recipe(marked, "III", bits, [1024] * 3, ["FS", "SS", "FL1"])
        events = read(tmp_path, recipe.bytes())
        assert_mended(events, COUNTS, "bits_beyond_range")
        assert [repair.level for repair in events.repairs] == ["note"]


def test_bits_above_the_range_in_some_events_are_an_overflow_and_a_warning(tmp_path):
    values = [[n, 2 * n, 900 + n] for n in range(200)]  # the third passes 1023
    for bits in ([16] * 3, [16, 16, 32]):
        events = read(tmp_path, Recipe(values, "III", bits, [1024] * 3, ["FS", "SS", "FL1"]).bytes())
        assert_mended(events, [[a, b, c % 1024] for a, b, c in values], "bits_beyond_range")
        assert [repair.level for repair in events.repairs] == ["warn"]
        assert "FL1" in events.repairs[0].found
        assert "FS" not in events.repairs[0].found
    packed = Recipe(values, "III", [10, 10, 12], [1024] * 3, ["FS", "SS", "FL1"], packed=True)
    assert [repair.level for repair in read(tmp_path, packed.bytes()).repairs] == ["warn"]


PLAUSIBLE = [[20000.5 + n, 300.25 * n, 1000.0 - n] for n in range(30)]


def plausible(**faults):
    return Recipe(PLAUSIBLE, "FFF", [32] * 3, [262144] * 3, ["FSC-A", "PE-A", "APC-A"], **faults)


@pytest.mark.parametrize("pad", [b"\0", b" "])
@pytest.mark.parametrize("gap", [1, 3, 8, 12, 16, 24, 100])
@pytest.mark.parametrize("tail", [b"", b"00000000"])
@pytest.mark.parametrize("right", ["text", "header", "none"])
def test_padding_behind_text_never_loses_the_last_event(tmp_path, pad, gap, tail, right):
    early = (-gap, -gap)
    recipe = plausible(
        gap=gap,
        tail=tail,
        header_data=None if right == "header" else early,
        text_data=None if right == "text" else early,
    )
    raw = recipe.bytes()
    begin = raw.index(b" " * gap, int(raw[18:26])) if gap else 0
    raw = raw[:begin] + pad * gap + raw[begin + gap :]
    events = read(tmp_path, raw)
    np.testing.assert_array_equal(events.values, np.array(PLAUSIBLE, np.float32))
    assert {repair.level for repair in events.repairs} == {"warn"}


def test_a_first_event_of_zeros_is_no_padding(tmp_path):
    values = [[0.0, 0.0, 0.0], *PLAUSIBLE]
    for tail in (b"", b"00000000", b"\r\n", b"\0" * 12, b" " * 40):
        recipe = Recipe(values, "FFF", [32] * 3, [262144] * 3, ["FSC-A", "PE-A", "APC-A"], tail=tail)
        assert_mended(read(tmp_path, recipe.bytes()), values)


def test_floats_that_could_not_be_measurements_are_a_warning(tmp_path):
    for odd in (float("nan"), float("inf"), -float("inf"), 1e38, 1e-40):
        values = [[row[0], odd, row[2]] for row in PLAUSIBLE]
        events = read(tmp_path, Recipe(values, "FFF", [32] * 3, [262144] * 3, ["A", "B", "C"]).bytes())
        np.testing.assert_array_equal(events.values, np.array(values, np.float32))
        assert [(r.name, r.found, r.level) for r in events.repairs] == [("values_implausible", "B", "warn")]


def test_floats_in_the_other_order_of_bytes_are_read_in_it_and_this_is_a_warning(tmp_path):
    for said, order in (("4,3,2,1", (1, 2, 3, 4)), ("1,2,3,4", BIG)):
        events = read(tmp_path, plausible(order=order, declared={"$BYTEORD": said}).bytes())
        assert_mended(events, PLAUSIBLE, "byte_order_wrong")
        assert events.repairs[0].level == "warn"


def test_nothing_but_zeros_is_a_warning(tmp_path):
    zeros = [[0.0] * 3] * 30
    events = read(tmp_path, Recipe(zeros, "FFF", [32] * 3, [262144] * 3, ["A", "B", "C"]).bytes())
    assert_mended(events, zeros, "zeros_alone")


@pytest.mark.parametrize("bits", [8, 16, 32])
def test_one_for_the_order_of_bytes_is_little_endian(tmp_path, bits):
    values = [[n, 2 * n, 200 - n] for n in range(30)]
    events = read(
        tmp_path, Recipe(values, "III", [bits] * 3, [256] * 3, ["A", "B", "C"], declared={"$BYTEORD": "1"}).bytes()
    )
    assert_mended(events, values, *(["byte_order_short"] if bits > 8 else []))


def test_every_repair_says_its_level_and_vendor_words_alone_never_warn():
    assert {remedy.level for remedy in REPAIRS.values()} == {"note", "warn"}


def test_two_channels_of_one_name_are_kept_and_the_first_is_given(tmp_path):
    recipe = Recipe(NUMBERS, "FFF", [32] * 3, [1024] * 3, ["A", "A", "B"])
    events = read(tmp_path, recipe.bytes(), channels=["A", "B"])
    np.testing.assert_array_equal(events.values, np.array(NUMBERS, dtype=np.float32)[:, [0, 2]])
    assert {repair.name for repair in events.repairs} == {"names_repeated"}


def test_an_archive_in_place_of_supplemental_text_is_left_out(tmp_path):
    recipe = floats()
    raw = recipe.bytes()
    archive = b"PK\3\4" + bytes(range(256))
    words = {"$BEGINSTEXT": str(len(raw) + 8), "$ENDSTEXT": str(len(raw) + 7 + len(archive))}
    raw = floats(declared=words).bytes()
    words = {"$BEGINSTEXT": str(len(raw)), "$ENDSTEXT": str(len(raw) + len(archive) - 1)}
    events = read(tmp_path, floats(declared=words).bytes() + archive)  # Partec CyFlow
    assert_mended(events, NUMBERS, "supplement_not_text")


def test_supplemental_text_without_a_first_delimiter_is_read(tmp_path):
    raw = floats(supplement={"SORT": "AAEA", "$P1S": "size"}).bytes()
    cut = raw.index(b"/SORT/")
    recipe = floats(supplement={"SORT": "AAEA", "$P1S": "size"}, tail=b"")
    shortened = recipe.bytes()[:cut] + recipe.bytes()[cut + 1 :]  # Bio-Rad S3
    events = read(tmp_path, shortened)
    assert (events.keywords["SORT"], events.channels[0].stain) == ("AAEA", "size")
    assert_mended(events, NUMBERS, "supplement_without_delimiter")


def test_supplemental_text_with_a_delimiter_of_its_own_is_read(tmp_path):
    raw = floats(supplement={"SORT": "AAEA", "$P1S": "size"}).bytes()
    cut = raw.index(b"/SORT/")
    events = read(tmp_path, raw[:cut] + raw[cut:].replace(b"/", b"|"))
    assert (events.keywords["SORT"], events.channels[0].stain) == ("AAEA", "size")
    assert_mended(events, NUMBERS, "supplement_other_delimiter")


def test_supplemental_text_that_is_text_itself_adds_nothing(tmp_path):
    raw = floats().bytes()
    words = {"$BEGINSTEXT": "58", "$ENDSTEXT": raw[18:26].decode().strip()}
    assert_mended(read(tmp_path, floats(declared=words).bytes()), NUMBERS)


def test_a_value_that_looks_like_a_keyword_no_standard_knows_stays_a_value(tmp_path):
    events = read(tmp_path, floats(extra={"$COM": "$costs", "$OP": "me"}).bytes())
    assert (events.keywords["$COM"], events.keywords["$OP"]) == ("$costs", "me")
    assert_mended(events, NUMBERS)


def test_a_data_set_with_a_last_byte_of_minus_one_holds_no_event(tmp_path):
    raw = floats().bytes()
    head = raw[:26] + b"       0      -1" + raw[42:]
    empty = head.replace(b"$TOT/30/", b"$TOT/0/ ").replace(b"$BEGINDATA", b"$BEGINDOTA")
    assert len(read(tmp_path, empty[:400])) == 0


def test_the_crc_is_verified_when_present(tmp_path):
    raw = floats().bytes()
    right = b"%08d" % binascii.crc_hqx(raw, 0)
    assert_mended(read(tmp_path, raw + right), NUMBERS)
    assert_mended(read(tmp_path, raw + b"00000000"), NUMBERS)
    assert_mended(read(tmp_path, raw + b"00012345"), NUMBERS, "crc_differs")


REFUSALS = {
    "is not FCS": (b"oi21j08cn\n", "open with its version"),
    "is empty": (b"", "open with its version"),
    "is a spreadsheet": (b"PK\3\4" + bytes(100), "unpack"),
    "is a web page": (b"<html>404</html>", "download"),
    "is a histogram": (floats(declared={"$MODE": "U"}).bytes(), r"\$MODE"),
    "has no kind of data": (floats(declared={"$DATATYPE": "Q"}).bytes(), r"\$DATATYPE"),
    "has no order of bytes": (floats(declared={"$BYTEORD": "\0absent"}).bytes(), r"\$BYTEORD"),
    "has an order of one byte": (floats(declared={"$BYTEORD": "4"}).bytes(), r"\$BYTEORD"),
    "has shuffled bytes of another width": (
        integers(order=(1, 2), declared={"$BYTEORD": "2,1,4,3,6,5"}).bytes().replace(b"$P1B/16", b"$P1B/32"),
        r"\$BYTEORD must say the order",
    ),
    "has text without a width": (
        Recipe([[1, 2]], "AI", [40, 32], [1024] * 2, ["A", "B"], declared={"$P1B": "*"}).bytes(),
        r"\$P1B",
    ),
    "packs bits beside floats": (
        Recipe([[1, 2]], "FI", [32, 16], [1024] * 2, ["A", "B"], declared={"$P2B": "11"}).bytes() + bytes(9),
        r"\$P",
    ),
    "has integers of 65 bits": (integers(declared={"$P2B": "65"}).bytes(), r"\$P2B"),
    "is nothing but delimiters": (
        b"FCS3.0    " + b"%8d%8d%8d%8d%8d%8d" % (58, 200057, 0, 0, 0, 0) + b"/" * 200_000,
        "TEXT",
    ),
    "would swell in memory": (
        Recipe([[1, 0, 1]], "III", [1] * 3, [2] * 3, ["A", "B", "C"], declared={"$TOT": "20000000"}).bytes()
        + b"x" * 7_500_000,
        "memory",
    ),
    "has no TEXT": (b"FCS3.0    " + b"%8d%8d%8d%8d%8d%8d" % (58, 99, 100, 200, 0, 0) + bytes(200), "TEXT"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_cannot_be_understood_is_refused_in_words(tmp_path, case):
    raw, words = REFUSALS[case]
    with pytest.raises(FcsError, match=words) as caught:
        read(tmp_path, raw)
    assert "case.fcs" in str(caught.value)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_an_unknown_channel_is_refused_with_the_nearest_name(tmp_path):
    with pytest.raises(FcsError, match="the nearest name is 'PE-A'"):
        read(tmp_path, floats().bytes(), channels=["pe-a "])


def test_a_missing_file_and_a_missing_data_set_are_refused(tmp_path):
    with pytest.raises(FcsError, match="exist"):
        read_fcs(tmp_path / "nowhere.fcs")
    with pytest.raises(FcsError, match="data set 3 of 1"):
        read(tmp_path, floats().bytes(), dataset=3)

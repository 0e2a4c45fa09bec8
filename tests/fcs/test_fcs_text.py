"""TEXT out of step: whatever a vendor's words hold, the keywords of the standard come back exactly."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaykit.fcs.grammar import is_known, is_standard
from assaykit.fcs.text import keywords_from_text

NUMBER = st.integers(0, 10**6).map(str)
STANDARD = {  # what each keyword may say
    "$P1N": st.just("FSC-A"), "$P2N": st.just("CD4 PE"), "$P1B": st.sampled_from(["16", "32"]), "$P1R": NUMBER,
    "$P1E": st.sampled_from(["0,0", "4,1", "4.0,0.1"]), "$P2E": st.just("4,0"), "$P1G": st.sampled_from(["1", "0.5"]),
    "$P1V": NUMBER, "$P1S": st.text("CDab 12", min_size=1, max_size=6), "$P2S": st.just("CD184"), "$PAR": NUMBER,
    "$TOT": NUMBER, "$DATATYPE": st.sampled_from(list("IFD")), "$MODE": st.just("L"), "$TIMESTEP": st.just("0.01"),
    "$BYTEORD": st.sampled_from(["1,2,3,4", "4,3,2,1"]), "$BEGINDATA": NUMBER, "$ENDDATA": NUMBER,
    "$DATE": st.just("01-JAN-2026"), "$BTIM": st.sampled_from(["12:30:05", "12:30:05:13"]), "$CYT": st.just("LSR II"),
    "$SPILLOVER": st.just("2,FSC-A,CD4 PE,1,0.1,0.02,1"), "$OP": st.just("me"), "$FIL": st.just("a.fcs"),
}  # fmt: skip
LETTERS = st.characters(min_codepoint=32, max_codepoint=0x17F, exclude_characters="$")
MARKS = st.sampled_from(["|", "/", "\\", "^", "!", "\x0c", "\x1e"])


def vendor(word):
    return not is_known(word) and word.strip() and not word[0].isdigit()


@st.composite
def texts(draw):
    """Standard keywords in any order, with vendor words between them whose values hold bare delimiters anywhere."""
    mark = draw(MARKS)
    plain = st.text(LETTERS, min_size=1, max_size=6).filter(lambda word: mark not in word and vendor(word))
    keys = draw(st.lists(st.sampled_from(list(STANDARD)), min_size=2, unique=True))
    standard = {key: draw(STANDARD[key]) for key in keys}
    parts = []
    for key, value in standard.items():
        parts += [key, value.replace(mark, mark * 2)]
        for name in draw(st.lists(plain, max_size=3)):
            words = draw(st.lists(plain, min_size=1, max_size=4))
            parts += [name, mark.join(words)]  # undoubled
    first = draw(st.sampled_from(["$SYS", "$EXP"]))  # so that TEXT never ends in a vendor's word alone
    return mark, {**standard, first: "x"}, mark + mark.join([*parts, first, "x"]) + mark


@settings(max_examples=600, deadline=None)
@given(case=texts())
def test_a_delimiter_left_bare_in_vendor_values_never_changes_a_standard_keyword(case):
    _, standard, text = case
    found = keywords_from_text(text.encode(), begin=58, where="a.fcs")[0]
    assert {key: value for key, value in found.items() if is_standard(key)} == standard


def read(text):
    words, _, repairs = keywords_from_text(text.encode(), begin=58, where="a.fcs")
    return words, {repair.name: repair for repair in repairs}


@pytest.mark.parametrize("before", ["$P4E|4,0", "$P4R|1024", "$DATATYPE|I", "$TOT|40", "$BYTEORD|1,2,3,4", "$P4G|2.5"])
def test_a_value_that_is_whole_is_never_extended(before):
    key, value = before.split("|")
    words, repairs = read(f"|{before}|TUBE NAME|CD4|CD8|$CYT|FACSCalibur|")
    assert words == {key: value, "TUBE NAME": "CD4|CD8", "$CYT": "FACSCalibur"}
    assert repairs.keys() == {"delimiter_not_doubled"}
    assert repairs["delimiter_not_doubled"].level == "note"  # no value can rest on it
    assert "TUBE NAME" in repairs["delimiter_not_doubled"].found


def test_behind_free_text_a_bare_delimiter_is_a_warning_as_either_value_may_be_meant():
    words, repairs = read("|$P3S|CD4|FOO|a|b|$CYT|x|")
    assert (words["$P3S"], words["FOO"]) == ("CD4", "a|b")
    assert repairs["delimiter_not_doubled"].level == "warn"


def test_a_value_that_is_not_whole_takes_the_words_it_lacks():
    words, _ = read("/$DATE/01/02/2026/$BTIM/12:30:05/FOO/1/SPILL/2,PE/A,APC/A,1,0,0,1/$CYT/x/")
    assert (words["$DATE"], words["$BTIM"], words["FOO"]) == ("01/02/2026", "12:30:05", "1")
    assert words["SPILL"] == "2,PE/A,APC/A,1,0,0,1"
    words, _ = read(",$BYTEORD,4,3,2,1,$P1E,0,0,$P2E,4,1,$DATATYPE,F,")
    assert words == {"$BYTEORD": "4,3,2,1", "$P1E": "0,0", "$P2E": "4,1", "$DATATYPE": "F"}


@pytest.mark.parametrize(
    "text",
    ["|$P3S|CD4|CD8|SPILL|2,C3,C4,1,0.1,0.02,1|", "|$P3S|CD4|CD8|TUBE NAME|a|SPILL|2,C3,C4,1,0.1,0.02,1|$CYT|x|"],
)
def test_spillover_is_not_lost_behind_a_bare_delimiter(text):
    words, repairs = read(text)
    assert (words["$P3S"], words["SPILL"]) == ("CD4|CD8", "2,C3,C4,1,0.1,0.02,1")
    assert repairs["delimiter_not_doubled"].level == "warn"


@pytest.mark.parametrize("end", ["", "|", "| ", "|\0\0", "|\r\n"])
def test_an_odd_word_at_the_end_is_a_named_repair(end):
    words, repairs = read(f"|$TOT|40|$P4E|4,0|$COM{end}")
    assert words == {"$TOT": "40", "$P4E": "4,0"}
    assert "keyword_without_value" in repairs
    assert "$COM" in repairs["keyword_without_value"].found
    assert repairs["keyword_without_value"].level == "note"  # no number rests on $COM
    assert read(f"|$TOT|40|$P4G{end}")[1]["keyword_without_value"].level == "warn"


def test_values_that_open_or_end_with_a_bare_delimiter_keep_the_next_keyword():
    for value in ("|CD4", "CD4|", "a|b|c|", "||CD4", "CD4||CD8"):
        words, _ = read(f"|$P4E|4,0|FOO|{value}|$CYT|x|$TOT|40|")
        assert (words["$P4E"], words["$CYT"], words["$TOT"]) == ("4,0", "x", "40"), value


def test_values_no_grammar_knows_stay_as_written():
    words, repairs = read("/$DATE/unknown/$BTIM/noon/$P1G/x/FOO/bar/$CYT/y/")
    assert words == {"$DATE": "unknown", "$BTIM": "noon", "$P1G": "x", "FOO": "bar", "$CYT": "y"}
    assert not repairs


def test_long_text_out_of_step_is_aligned_in_time():
    vendor_words = "".join(f"|key{n}|value {n}" for n in range(20_000))
    begun = time.process_time()
    words, _ = read(f"|$P1E|4,0|FOO|a|b{vendor_words}|$CYT|x|")
    assert time.process_time() - begun < 4.0  # some 0.5 s, on a machine seven share
    assert (words["$P1E"], words["$CYT"]) == ("4,0", "x")

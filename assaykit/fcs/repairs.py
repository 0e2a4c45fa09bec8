"""Every repair the reader can make, by name: what was wrong and what is done about it. `REPAIRS` is the whole list.

`make_repair` is the only maker of a `Repair`; a name that is not documented here cannot be used. `assaykit fcs repairs`
prints the list.
"""

from __future__ import annotations

from typing import NamedTuple

from assaykit.fcs.events import Level, Repair


class Remedy(NamedTuple):
    """One kind of repair: the fault it answers, and what the reader does about it."""

    fault: str
    action: str
    level: Level = "note"  # of the finding it becomes: warn where values or their number could be in doubt


REPAIRS: dict[str, Remedy] = {
    # HEADER
    "version_unknown": Remedy(
        "the version is none of FCS2.0, 3.0, 3.1, 3.2", "read as FCS 3.2, which holds the others", "warn"
    ),
    "offset_unreadable": Remedy("an offset in HEADER or TEXT is no number", "left out; where else it is said is used"),
    "offsets_absolute": Remedy(
        "offsets of a later data set count from the start of the file", "counted from there, as TEXT is found there"
    ),
    # TEXT
    "text_searched": Remedy(
        "TEXT is not where HEADER says", "taken from the first delimiter with a keyword behind it, up to DATA", "warn"
    ),
    "text_end_wrong": Remedy(
        "HEADER ends TEXT too early or too late", "read to the delimiter that ends the last value"
    ),
    "last_delimiter_missing": Remedy("no delimiter ends the last value", "the value read to the end of TEXT"),
    "text_not_utf8": Remedy("TEXT is not UTF-8, which FCS 3.1 asks for", "letters beyond ASCII read as Latin-1"),
    "empty_values": Remedy("keywords with an empty value, which the standard forbids", "kept, with an empty value"),
    "value_opens_with_delimiter": Remedy(
        "a value opens with the delimiter, which the standard forbids", "kept as meant"
    ),
    "delimiter_not_doubled": Remedy(
        "a value holds the delimiter without doubling it", "joined, so that every other value is whole", "warn"
    ),
    "delimiter_stray": Remedy("a delimiter too many behind a value", "left out"),
    "keyword_without_value": Remedy("the last keyword has no value", "the keyword left out"),
    "value_without_keyword": Remedy("a value stands without a keyword", "the value left out"),
    "keyword_padded": Remedy("blanks around a keyword", "the blanks removed"),
    "keyword_repeated": Remedy("a keyword appears twice with different values", "the last value taken", "warn"),
    "supplement_not_text": Remedy("supplemental TEXT holds other data, such as an archive", "left out"),
    "supplement_without_delimiter": Remedy(
        "supplemental TEXT does not open with a delimiter", "read with the delimiter of TEXT"
    ),
    "supplement_other_delimiter": Remedy("supplemental TEXT has a delimiter of its own", "read with that one"),
    "supplement_differs": Remedy("supplemental TEXT repeats a keyword with another value", "the value of TEXT kept"),
    # parameters
    "par_wrong": Remedy(
        "$PAR is missing or not the number of parameters described", "counted, by the length of DATA", "warn"
    ),
    "name_missing": Remedy("a parameter has no $PnN", "named by its $PnS, else by its number"),
    "names_repeated": Remedy("two parameters have one $PnN", "kept; asking for the name gives the first", "warn"),
    "number_unusable": Remedy("$PnR, $PnG, $TIMESTEP or $TOT is not a number in its range", "read as absent", "warn"),
    "decimal_comma": Remedy("$PnG or $TIMESTEP is written with a decimal comma", "read as a decimal point", "warn"),
    "range_missing": Remedy("$PnR of an integer parameter is missing", "every bit of $PnB kept, none masked"),
    "log_without_range": Remedy(
        "a log amplifier has no $PnR, without which it cannot be undone", "values left as stored", "warn"
    ),
    "amplifier_unreadable": Remedy("$PnE is not two numbers", "read as a linear amplifier", "warn"),
    "log_offset_zero": Remedy("$PnE gives a log amplifier an offset of 0", "the offset read as 1 (FCS 3.1, 3.2.20)"),
    "log_on_float": Remedy(
        "$PnE gives floating-point data a log amplifier, which the standard forbids",
        "values taken as linear already",
        "warn",
    ),
    "byte_order_short": Remedy(
        "$BYTEORD names one byte, and values have more", "1 read as least significant byte first", "warn"
    ),
    "width_missing": Remedy("$PnB is missing", "taken from the other parameters, else from $BYTEORD", "warn"),
    "width_from_length": Remedy(
        "events as wide as $PnB says do not fill DATA", "the usual width that fills DATA exactly is taken", "warn"
    ),
    # DATA
    "offsets_differ": Remedy(
        "HEADER and TEXT place DATA differently", "the likelier one taken; the reason is given", "warn"
    ),
    "data_begin_off_by_one": Remedy(
        "DATA begins one byte beside where HEADER and TEXT say", "moved by that byte", "warn"
    ),
    "data_behind_padding": Remedy(
        "DATA would begin in padding behind TEXT and leave out the last bytes", "moved behind the padding", "warn"
    ),
    "byte_order_wrong": Remedy(
        "no float could be a measurement in the order of bytes $BYTEORD says, and all could in the other",
        "read in the other order",
        "warn",
    ),
    "byte_order_doubtful": Remedy(
        "16-bit integers look as if $BYTEORD were the other one",
        "read as $BYTEORD says: check with the cytometer",
        "warn",
    ),
    "values_implausible": Remedy(
        "most values of a channel are no measurement: not a number, infinite, or of a wild size",
        "read as they are: compare with the cytometer's own software",
        "warn",
    ),
    "zeros_alone": Remedy("DATA is nothing but zeros", "read as they are: perhaps a copy broke off", "warn"),
    "data_end_off": Remedy("the end of DATA is a byte, or the CRC, off", "$TOT events read"),
    "data_end_wrong": Remedy(
        "the end of DATA leaves no room for $TOT events, but the file does", "$TOT events read", "warn"
    ),
    "data_longer": Remedy("bytes follow the last event inside DATA", "left out", "warn"),
    "data_after_text": Remedy(
        "nobody says where DATA lies", "read right behind TEXT, where $TOT events fill the file", "warn"
    ),
    "data_outside": Remedy("DATA would begin outside the file", "no event read", "warn"),
    "tot_missing": Remedy("$TOT is missing or wrong", "events counted by the length of DATA", "warn"),
    "tot_too_small": Remedy("DATA holds more whole events than $TOT says", "all of them read", "warn"),
    "tot_too_large": Remedy(
        "DATA and the file hold fewer events than $TOT says", "the whole events there read", "warn"
    ),
    "truncated": Remedy("the file ends before DATA does", "the whole events there read", "warn"),
    "bits_beyond_range": Remedy(
        "integers hold bits above $PnR", "masked to the next power of two (FCS 3.1, 3.2.20)", "warn"
    ),
    "crc_differs": Remedy(
        "the CRC behind the data set does not agree with its bytes", "read all the same: check the file", "warn"
    ),
    "data_sets_further": Remedy(
        "the file holds further data sets", "this one read; the others are read by number: 1, 2 and so on"
    ),
}


def make_repair(name: str, found: str, *, action: str = "", where: str = "", level: Level | None = None) -> Repair:
    """Return the documented repair `name` with what was found, and where in the file.

    `action` and `level` default to those of its kind; a kind that warns may be a note where no value can rest on it.
    """
    remedy = REPAIRS[name]
    return Repair(name, found, action or remedy.action, where, level or remedy.level)

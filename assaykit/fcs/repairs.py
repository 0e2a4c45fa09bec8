"""Every repair the reader can make, by name: what was wrong and what is done about it. `REPAIRS` is the whole list.

`mended` is the only maker of a `Repair` for reading; a name that is not documented here cannot be used.
"""

from __future__ import annotations

from typing import NamedTuple

from assaykit.fcs.events import Repair


class Remedy(NamedTuple):
    """One kind of repair: the fault it answers and what the reader does about it."""

    fault: str
    action: str


REPAIRS: dict[str, Remedy] = {
    "version_unknown": Remedy(
        "the version is none of FCS2.0, 3.0, 3.1, 3.2", "read as FCS 3.2, which contains the others"
    ),
    "header_offset_unreadable": Remedy(
        "an offset field of HEADER holds no number", "the offset of TEXT is used instead"
    ),
    "text_not_utf8": Remedy("TEXT is not UTF-8, which FCS 3.1 asks for", "letters beyond ASCII read as Latin-1"),
    "empty_values": Remedy("keywords with an empty value, which the standard forbids", "kept with an empty value"),
    "delimiter_not_doubled": Remedy(
        "a value holds the delimiter without doubling it", "the value read up to the next standard keyword"
    ),
    "keyword_without_value": Remedy("the last keyword has no value", "the keyword left out"),
    "value_without_keyword": Remedy("a value stands without a keyword", "the value left out"),
    "keyword_padded": Remedy("blanks around a keyword", "blanks removed"),
    "keyword_repeated": Remedy("a keyword appears twice with different values", "the last one taken"),
    "name_missing": Remedy("a parameter has no $PnN", "named by its $PnS, else by its number"),
    "names_repeated": Remedy("two parameters have one $PnN", "names kept; asking for the name gives the first"),
    "number_unusable": Remedy("$PnR or $PnG is not a number above zero", "read as absent"),
    "amplifier_unreadable": Remedy("$PnE is not two numbers", "read as a linear amplifier"),
    "log_offset_zero": Remedy("$PnE gives a log amplifier an offset of 0", "the offset read as 1 (FCS 3.1, 3.2.7)"),
}


def mended(name: str, found: str, *, done: str = "", where: str = "") -> Repair:
    """Return the documented repair `name` with what was found, and where in the file; `done` defaults to its action."""
    return Repair(name, found, done or REPAIRS[name].action, where)

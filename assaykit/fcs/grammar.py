"""Grammar: which words are keywords, and when the value of one is whole.

Form: `keyword -> Grammar | None`; a grammar is `value -> whether it is whole`, None is free text, which may be all.
Most standard keywords say numbers, a letter, a date or a matrix (FCS 3.1, 3.2.20): where a writer left a delimiter
undoubled, this tells where such a value ends. Whether a whole value makes sense is the matter of those who use it.
"""

from __future__ import annotations

import re
from collections.abc import Callable

Grammar = Callable[[str], bool]

_STANDARD = re.compile(  # the keywords of FCS 2.0 to 3.2
    r"\s*\$(P\d+[A-Z]+|[GR]\d+[A-Z]|PKN?\d+|DFC\d+TO\d+|CSV\dFLAG|(BEGIN|END)(ANALYSIS|DATA|STEXT|DATETIME)|ABRT|BTIM|"
    r"BYTEORD|CARRIER(ID|TYPE)|CELLS|COMP?|CSMODE|CSVBITS|CSTOT|CYT|CYTSN|DATATYPE|DATE|ETIM|EXP|FIL|FLOWRATE|GATE|GATING|"
    r"INST|LAST_MODIFI(ED|ER)|LOCATIONID|LOST|MODE|NEXTDATA|OP|ORIGINALITY|PAR|PLATE(ID|NAME)|PROJ|SMNO|SPILLOVER|SRC|"
    r"SYS|TIMESTEP|TOT|TR|UNICODE|UNSTAINED(CENTERS|INFO)|VOL|WELLID)\s*",
    re.IGNORECASE,
)
# What cytometers and programs write most beside the standard, as seen in some 350 files of 60 writers.
_VENDOR = re.compile(
    r"\s*(\$?SPILL|(DET_)?SPILL(OVER)?|COMP|APPLY[ _]COMPENSATION|(TUBE|EXPERIMENT|SAMPLE|PLATE|PANEL)[ _]NAME|"
    r"(PLATE|WELL|SAMPLE|PATIENT)[ _]ID|EXPORT (USER NAME|TIME)|CREATOR|FCSVERSION|SOFTWARE|GUID|AUTOBS|THRESHOLD|"
    r"WINDOW EXTENSION|FSC ASF|SETTINGS|CST [A-Z ]+|CYTOMETER CONFIG [A-Z ]+|LASER\d+(NAME|DELAY|ASF)|"
    r"P\d+(DISPLAY|BS|MS|LO|HI|TYPE)|&\d+[A-Z][\w .#]*|@[A-Z][\w ]*|FJ_\$\w+|FLOWCORE_\$\w+|BD\$\w+|BDPM\$[\w ]+)\s*",
    re.IGNORECASE,
)
MARKERS = frozenset({  # those of them that give away a reading out of step when they stand among the values
    "SPILL", "$SPILL", "SPILLOVER", "COMP", "APPLY COMPENSATION", "TUBE NAME", "EXPERIMENT NAME", "SAMPLE ID",
    "PLATE ID", "PLATE NAME", "WELL ID", "EXPORT USER NAME", "EXPORT TIME", "CREATOR", "GUID", "AUTOBS", "THRESHOLD",
    "FSC ASF", "WINDOW EXTENSION", "P1DISPLAY", "P2DISPLAY", "P1BS", "P1MS", "LASER1NAME", "LASER1DELAY", "LASER1ASF",
})  # fmt: skip
_NUMBER = r"[-+]?(\d+([.,]\d*)?|[.,]\d+)(E[-+]?\d+)?"
_WHOLE = r"[-+]?\d+"


def is_standard(word: str) -> bool:
    """Whether a word is a keyword of the standard, in capitals or not, with blanks around it or not."""
    return "$" in word and _STANDARD.fullmatch(word) is not None


def is_known(word: str) -> bool:
    """Whether a word is a keyword many writers use beside the standard.

    >>> is_known("Tube Name"), is_known("SPILL"), is_known("CD184")
    (True, True, False)
    """
    return _VENDOR.fullmatch(word) is not None


def grammar(keyword: str) -> Grammar | None:
    """Return when the value of a keyword is whole, None where it is free text.

    >>> grammar("$P4E")("4,0"), grammar("$P4E")("4"), grammar("$CYT")
    (True, False, None)
    """
    word = keyword.strip(" \0\t\r\n").upper()
    parameter = re.fullmatch(r"\$P\d+([A-Z]+)", word)
    return _OF_PARAMETERS.get(parameter[1]) if parameter else _GRAMMARS.get(word)


def _matches(pattern: str) -> Grammar:
    compiled = re.compile(rf"[\s\0]*({pattern})[\s\0]*", re.IGNORECASE)
    return lambda value: compiled.fullmatch(value) is not None


def _byte_order(value: str) -> bool:
    """Whether a value orders two bytes or more; the lone 1 of some writers is read, but is not whole."""
    digits = re.findall(r"\d", value)
    return len(digits) > 1 and sorted(digits) == [str(n) for n in range(1, len(digits) + 1)]


def _spillover(value: str) -> bool:
    """Whether a value is `n, n names, n x n numbers`; how the numbers are written is not asked here."""
    return _holds_matrix(value.replace("\t", ",").replace("\n", ","), names=1)


def _compensation(value: str) -> bool:
    """Whether a value is `n, n x n numbers`, as FCS 3.0 wrote $COMP, or has names as later programs do."""
    return _holds_matrix(value, names=0)


def _holds_matrix(value: str, *, names: int) -> bool:
    size = value.partition(",")[0].strip()
    return size.isascii() and size.isdigit() and len(size) < 5 and value.count(",") >= int(size) * (int(size) + names)


_is_whole, _is_number = _matches(_WHOLE), _matches(_NUMBER)
_is_date = _matches(r"\w+[-/. ]+\w+[-/., ]+\w+|\d{6,8}")  # 01-JAN-2026, 2026/01/01, 20260101
_is_time = _matches(r"\d{1,2}:\d{1,2}(:\d{1,2}([:.,]\d+)?)?( ?[AP]M)?")
_OF_PARAMETERS: dict[str, Grammar] = {
    "B": _matches(rf"{_NUMBER}|\*"),
    "D": _matches(rf"(LINEAR|LOGARITHMIC),{_NUMBER},{_NUMBER}"),
    "DATATYPE": _matches("[AIFD]"),
    "E": _matches(rf"{_NUMBER}[,;][\s\0]*{_NUMBER}"),
    **dict.fromkeys(("G", "O", "P", "R", "V"), _is_number),
    "L": _matches(rf"{_NUMBER}([,; ]+{_NUMBER})*"),
}
_GRAMMARS: dict[str, Grammar] = {
    **{f"${end}{what}": _is_whole for end in ("BEGIN", "END") for what in ("ANALYSIS", "DATA", "STEXT")},
    **dict.fromkeys(("$ABRT", "$CSTOT", "$CSVBITS", "$LOST", "$NEXTDATA", "$PAR", "$TOT"), _is_whole),
    **dict.fromkeys(("$TIMESTEP", "$VOL"), _is_number),
    **dict.fromkeys(("$BTIM", "$ETIM"), _is_time),
    "$BYTEORD": _byte_order,
    "$DATATYPE": _matches("[AIFD]"),
    "$DATE": _is_date,
    "$MODE": _matches("[LCU]"),
    **dict.fromkeys(("$SPILLOVER", "$SPILL", "SPILLOVER", "SPILL"), _spillover),
    **dict.fromkeys(("$COMP", "COMP"), _compensation),
}
REVEALING = ("$BYTEORD", "$DATE", "$BTIM", "$ETIM", "$SPILLOVER", "SPILL", "$COMP")
"""Keywords whose value holds signs that some writers take as the delimiter too; a value cut there gives it away."""

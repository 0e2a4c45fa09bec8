"""Words of users made safe for where they are shown, in one place each.

    a terminal, a message, a figure, a workbook   `printable`: nothing that is not seen, nothing that steers
    a CSV file                                     `csv_safe`: no cell that a spreadsheet program takes for a formula
    a file's name                                  `file_name`: what Windows, macOS and Linux all take

HTML is escaped by jinja2 (autoescape), rich markup by a console without markup (cli/console.py), mathtext by a style
that parses none (figures/styles.py).
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

_UNSEEN = re.compile(r"[\u200b\u200e\u200f\u061c\u202a-\u202e\u2060-\u2069\ufeff\u00ad]")  # widthless, or turn the text
_STEERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")
_FORMULA = re.compile(r"\s*[=+\-@\t\r]")
_NUMBER = re.compile(r"\s*[+\-]?(?:[0-9.][0-9.,eE+\-]*|inf|nan)?\s*%?")
_RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in "123456789¹²³")}
LONGEST_NAME = 80  # characters; a path of Windows has 260


def printable(text: str) -> str:
    r"""Return the text without signs that are not seen, and with those that steer a terminal written out.

    >>> printable("don\u202eor \x1b[31m7"), printable("a\tb\nc")
    ('donor \\x1b[31m7', 'a\tb\nc')
    """
    return _STEERS.sub(lambda sign: sign[0].encode("unicode_escape").decode(), _UNSEEN.sub("", text))


def one_line(text: str) -> str:
    """Return the text as `printable` does, on one line with single blanks."""
    return " ".join(printable(text).split())


def csv_cell(text: str) -> str:
    """Return the text with an apostrophe before what a spreadsheet program would compute; numbers and signs stay.

    >>> csv_cell("=1+1"), csv_cell("-0.5"), csv_cell("-"), csv_cell("@SUM(A1)"), csv_cell("imatinib - vehicle")
    ("'=1+1", '-0.5', '-', "'@SUM(A1)", 'imatinib - vehicle')
    """
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def csv_safe(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with every text, names of columns among them, as `csv_cell` writes it; numbers are not touched.

    The Parquet file beside a CSV holds the words as they are.
    """
    texts = {
        name: column.map(lambda value: csv_cell(value) if isinstance(value, str) else value)
        for name, column in frame.items()
        if column.dtype.kind == "O" or str(column.dtype) in {"str", "string", "category"}
    }
    return frame.assign(**texts).rename(columns={name: csv_cell(str(name)) for name in frame.columns})


def file_name(text: str) -> str:
    """Return a name for a file, without its ending: readable, the same every time, and taken by every system.

    Letters of any script, digits, `-`, `+` and `.` stay; all else becomes `_`. Names that Windows reserves get a `_`;
    long ones are cut, and tell what was cut by the first signs of a sha256.

    >>> file_name("forest_CXCR4/CD184"), file_name("CON"), file_name("a: b."), file_name("Ünal 7")
    ('forest_CXCR4_CD184', 'CON_', 'a_b', 'Ünal_7')
    >>> len(file_name("x" * 999))
    80
    """
    name = re.sub(r"[^\w+.\-]+", "_", unicodedata.normalize("NFC", one_line(text))).strip("._-") or "unnamed"
    stem, point, rest = name.partition(".")
    if stem.casefold() in _RESERVED:
        name = f"{stem}_{point}{rest}"
    if len(name) > LONGEST_NAME or len(name.encode()) > 2 * LONGEST_NAME:
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        name = f"{name[: LONGEST_NAME // (1 if name.isascii() else 2) - 9]}-{digest}"
    return name


def file_names(texts: list[str]) -> list[str]:
    """Return a name for a file for each text, in order; names that differ in case alone are numbered.

    >>> file_names(["a/b", "A_b", "a:b"])
    ['a_b', 'A_b-2', 'a_b-3']
    """
    names: list[str] = []
    for text in texts:
        name, number = file_name(text), 1
        while (name if number == 1 else f"{name}-{number}").casefold() in {given.casefold() for given in names}:
            number += 1
        names.append(name if number == 1 else f"{name}-{number}")
    return names

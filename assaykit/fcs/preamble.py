"""The HEADER segment: the first 58 bytes of a data set as a version and three pairs of offsets.

Form: `58 bytes -> Preamble`. Offsets count from the first byte of the data set (FCS 3.1, 3.1); `None` is a field that
holds no number, which the standard allows for blanks and which broken writers fill with anything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from assaykit.errors import FcsError
from assaykit.fcs.events import Repair
from assaykit.fcs.repairs import make_repair

LENGTH = 58
KNOWN_VERSIONS = ("FCS2.0", "FCS3.0", "FCS3.1", "FCS3.2")
_USED = 4  # ANALYSIS is not read
_FIELDS = ("TEXT begin", "TEXT end", "DATA begin", "DATA end", "ANALYSIS begin", "ANALYSIS end")
_IMPOSTORS = {
    b"\x1f\x8b": "a gzip archive: unpack it first",
    b"PK": "a zip archive or an Excel file: unpack it first",
    b"\x89HDF": "an HDF5 file",
    b"Rar!": "a RAR archive: unpack it first",
    b"<": "an XML or HTML page: perhaps the download failed or a login was needed",
    b"version https://git-lfs": "a Git LFS pointer: fetch the file itself with git lfs pull",
}


@dataclass(frozen=True, slots=True)
class Preamble:
    """What the first 58 bytes of a data set say."""

    version: str
    text: tuple[int | None, int | None]
    data: tuple[int | None, int | None]
    repairs: tuple[Repair, ...]


def preamble_from_bytes(raw: bytes, *, base: int, where: str) -> Preamble:
    """Return the HEADER of the data set that begins at byte `base` of the file.

    Raises FcsError where the bytes do not open with a version from FCS2.0 on.
    """
    version, repairs = _version(raw, base, where)
    numbers: list[int | None] = []
    for field, label in enumerate(_FIELDS):
        written = raw[10 + 8 * field : 18 + 8 * field]
        digits = written.strip(b" \0\t\r\n")
        number = int(digits) if digits.isdigit() else None
        if number is None and field < _USED and written.strip(b" \0") not in {b"", b"-1"}:  # -1: no last byte
            place = f"HEADER bytes {base + 10 + 8 * field}-{base + 17 + 8 * field}"
            repairs.append(make_repair("offset_unreadable", f"{label} is {written!r}", where=place))
        numbers.append(number)
    return Preamble(version, (numbers[0], numbers[1]), (numbers[2], numbers[3]), tuple(repairs))


def _version(raw: bytes, base: int, where: str) -> tuple[str, list[Repair]]:
    found = raw[:6].decode("latin-1")
    if re.fullmatch(r"FCS[1-9]\.[0-9]", found):
        if found in KNOWN_VERSIONS:
            return found, []
        return found, [make_repair("version_unknown", found, where=f"bytes {base}-{base + 5}")]
    impostor = next((what for magic, what in _IMPOSTORS.items() if raw.startswith(magic)), "")
    held = repr(raw[:10]) + (f", {impostor}" if impostor else "") if raw else "an empty file"
    raise FcsError(
        "an FCS data set must open with its version, FCS2.0 to FCS3.2",
        held,
        f"{where}, byte {base}",
        "export the file again from the cytometer's software as FCS 3.0 or 3.1",
        base,
        None,
        found,
    )

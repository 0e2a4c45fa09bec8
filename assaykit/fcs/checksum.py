"""The CRC an FCS data set may end with.

FCS 3.0 reserves eight characters behind the last segment for a 16-bit CCITT CRC, or zeros. It names neither the start
value nor the base, so a CRC that agrees in any usual way is taken as verified.
"""

from __future__ import annotations

import binascii

from assaykit.fcs.events import Repair
from assaykit.fcs.repairs import make_repair
from assaykit.fcs.source import Source

_PIECE = 1 << 20
_STARTS = (0x0000, 0xFFFF)


def crc_repairs(source: Source, *, begin: int, end: int) -> tuple[Repair, ...]:
    """Return a repair where the data set [begin, end) is followed by a CRC that does not agree with its bytes."""
    written = source.read(end, end + 8)
    claimed = _written_checksums(written)
    if not claimed or claimed & {_crc(source, begin=begin, end=end, start=start) for start in _STARTS}:
        return ()
    return (make_repair("crc_differs", repr(written)[1:], where=f"bytes {end}-{end + 7}"),)


def _written_checksums(written: bytes) -> set[int]:
    """Return what eight characters may say as a number of 16 bits, none where they are no CRC or zero."""
    digits = written.strip(b" \0")
    if len(written) < 8 or not digits or not digits.isalnum():
        return set()
    values = set()
    for base in (10, 16):
        try:
            values.add(int(digits, base))
        except ValueError:
            continue
    return {value for value in values if 0 < value <= 0xFFFF}


def _crc(source: Source, *, begin: int, end: int, start: int) -> int:
    crc = start
    for first in range(begin, end, _PIECE):
        crc = binascii.crc_hqx(source.read(first, min(end, first + _PIECE)), crc)
    return crc

"""A little FCS writer that shares no line with the reader: Python integers and struct, one byte after the other.

It writes what a cytometer might: any version, delimiter, byte order, width and mix of widths, and the faults real
instruments make. `Recipe.bytes()` is a file; `Recipe.values` is what must be read from it, masked to $PnR.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Recipe:
    """One data set to write. `kinds` and `bits` are per parameter; faults are switched on by name."""

    values: Sequence[Sequence[float]]
    kinds: Sequence[str]
    bits: Sequence[int]
    ranges: Sequence[int]
    names: Sequence[str]
    version: str = "FCS3.1"
    order: tuple[int, ...] = (1, 2, 3, 4)
    delimiter: str = "/"
    begin: int = 58
    extra: Mapping[str, str] = field(default_factory=dict)
    supplement: Mapping[str, str] = field(default_factory=dict)
    offsets: str = "both"  # both, header, text
    declared: Mapping[str, str] = field(default_factory=dict)  # keywords written wrong on purpose
    header_data: tuple[int, int] | None = None  # wrong HEADER offsets, relative to the right ones
    text_data: tuple[int, int] | None = None  # wrong TEXT offsets, relative to the right ones
    last_delimiter: bool = True
    encoding: str = "utf-8"
    tail: bytes = b""
    next_data: int = 0
    gap: int = 0  # bytes of padding between TEXT and DATA
    packed: bool = False

    def bytes(self) -> bytes:
        """Return the file."""
        data = self._data()
        supplement = self._pairs(self.supplement) if self.supplement else b""
        begin = 0
        for _ in range(20):
            text = self._text(begin, len(data), len(supplement))
            if begin == self.begin + len(text) + self.gap:
                break
            begin = self.begin + len(text) + self.gap
        shift = self.header_data or (0, 0)
        first, last = begin + shift[0], begin + len(data) - 1 + shift[1]
        if self.offsets == "text" or not data:
            first = last = 0
        numbers = (self.begin, self.begin + len(text) - 1, first, last, 0, 0)
        head = self.version.encode() + b"    " + b"".join(b"%8d" % number for number in numbers)
        return head.ljust(self.begin) + text + b" " * self.gap + data + supplement + self.tail

    def _text(self, begin: int, length: int, extra: int) -> bytes:
        shift = self.text_data or (0, 0)
        end = begin + length - 1
        words = {
            "$BEGINANALYSIS": "0", "$ENDANALYSIS": "0",
            "$BEGINSTEXT": str(end + 1 if extra else 0), "$ENDSTEXT": str(end + extra if extra else 0),
            "$MODE": "L", "$DATATYPE": self.kinds[0], "$BYTEORD": ",".join(map(str, self.order)),
            "$PAR": str(len(self.kinds)), "$TOT": str(len(self.values)), "$NEXTDATA": str(self.next_data),
        }  # fmt: skip
        if self.offsets != "header":
            words |= {"$BEGINDATA": str(begin + shift[0]), "$ENDDATA": str((end if length else begin) + shift[1])}
        for n, name in enumerate(self.names, start=1):
            words |= {f"$P{n}N": name, f"$P{n}B": str(self._declared_bits(n)), f"$P{n}R": str(self.ranges[n - 1])}
            words |= {f"$P{n}E": "0,0"}
            if self.kinds[n - 1] != self.kinds[0]:
                words[f"$P{n}DATATYPE"] = self.kinds[n - 1]
        words |= dict(self.extra) | dict(self.declared)
        return self._pairs({key: value for key, value in words.items() if value != "\0absent"})

    def _declared_bits(self, n: int) -> int:
        return self.bits[n - 1] // 8 if self.kinds[n - 1] == "A" else self.bits[n - 1]

    def _pairs(self, words: Mapping[str, str]) -> bytes:
        mark = self.delimiter
        body = mark.join(part.replace(mark, mark * 2) for pair in words.items() for part in pair)
        return (mark + body + (mark if self.last_delimiter else "")).encode(self.encoding)

    def _data(self) -> bytes:
        if self.packed:
            return self._packed_data()
        return b"".join(
            self._one(value, kind, bits)
            for event in self.values
            for value, kind, bits in zip(event, self.kinds, self.bits, strict=True)
        )

    def _one(self, value: float, kind: str, bits: int) -> bytes:
        if kind == "A":
            return str(int(value)).rjust(bits // 8).encode()
        if kind in "FD":
            little = struct.pack("<f" if kind == "F" else "<d", value)
        else:
            little = int(value).to_bytes(-(-bits // 8), "little")
        ascending, descending = sorted(self.order), sorted(self.order, reverse=True)
        if list(self.order) == ascending:
            return little
        if list(self.order) == descending:
            return little[::-1]
        return bytes(little[significance - 1] for significance in self.order)

    def _packed_data(self) -> bytes:
        most_first = self.order[0] != 1
        stream = ""
        for event in self.values:
            for value, bits in zip(event, self.bits, strict=True):
                digits = format(int(value), f"0{bits}b")
                stream += digits if most_first else digits[::-1]
        stream = stream.ljust(-(-len(stream) // 8) * 8, "0")
        pieces = [stream[place : place + 8] for place in range(0, len(stream), 8)]
        return bytes(int(piece if most_first else piece[::-1], 2) for piece in pieces)


def odd_files() -> list[bytes]:
    """Return one small file of each form the encoder knows."""
    numbers = [[(7 * row + column) % 250 for column in range(3)] for row in range(20)]
    forms = [("F", 32), ("D", 64), ("I", 8), ("I", 16), ("I", 24), ("I", 32), ("I", 64), ("A", 48)]
    names = ["A", "B", "Time"]
    files = [
        Recipe(numbers, [kind] * 3, [bits] * 3, [256] * 3, names, order=order).bytes()
        for kind, bits in forms
        for order in ((1, 2, 3, 4), (4, 3, 2, 1))
    ]
    files.append(Recipe(numbers, "III", [10] * 3, [1024] * 3, names, packed=True).bytes())
    files.append(Recipe(numbers, "III", [32] * 3, [1024] * 3, names, order=(3, 4, 1, 2)).bytes())
    files.append(Recipe(numbers, "FDI", [32, 64, 16], [1024] * 3, names, version="FCS3.2").bytes())
    files.append(Recipe(numbers, "III", [16] * 3, [1024] * 3, names, supplement={"$P1S": "CD3"}).bytes())
    two = Recipe(numbers, "III", [16] * 3, [1024] * 3, names)
    files.append(two.bytes() + two.bytes())
    return files

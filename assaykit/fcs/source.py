"""`Source`: one open file as numbered bytes, read in pieces and never as a whole."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

from assaykit.errors import FcsError

_HEAD = 1 << 14  # bytes: HEADER and TEXT of most files


@dataclass(frozen=True, slots=True)
class Source:
    """An open binary stream, its size in bytes, the path it came from, and its first bytes, asked for most."""

    stream: BinaryIO
    size: int
    path: Path
    head: bytes

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stream.close()

    def read(self, begin: int, end: int) -> bytes:
        """Return the bytes [begin, end), as many of them as the file holds."""
        begin, end = max(0, begin), min(end, self.size)
        if begin >= end:
            return b""
        if end <= len(self.head):
            return self.head[begin:end]
        self.stream.seek(begin)
        return self.stream.read(end - begin)

    def fill(self, block: NDArray[np.uint8], begin: int) -> int:
        """Read bytes from `begin` into `block` and return how many came."""
        self.stream.seek(begin)
        filled, view = 0, block.data
        while filled < len(view):
            got = self.stream.readinto(view[filled:])  # type: ignore[attr-defined]  # raw files have it, BinaryIO does not
            if not got:
                break
            filled += got
        return filled


def open_source(path: Path) -> Source:
    """Return the file opened for reading, unbuffered; the caller closes it.

    Raises FcsError where there is no such file, or it may not be read.
    """
    try:
        stream = path.open("rb", buffering=0)
        return Source(stream, os.fstat(stream.fileno()).st_size, path, stream.read(_HEAD))
    except OSError as error:
        raise FcsError(
            "an FCS file must exist and be readable", error.strerror or str(error), str(path), "check the path"
        ) from error

"""`Source`: one open file as numbered bytes, read in pieces and never as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from assaykit.errors import FcsError
from assaykit.fcs.digest import Stamp, file_stamp, open_file

_HEAD = 1 << 14  # bytes: HEADER and TEXT of most files


@dataclass(frozen=True, slots=True)
class Source:
    """An open binary stream, its size in bytes, the path it came from, and its first bytes, asked for most."""

    stream: FileIO
    size: int
    path: Path
    head: bytes
    stamp: Stamp

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
        try:
            self.stream.seek(begin)
            return self.stream.read(end - begin)
        except OSError as error:
            raise _unreadable(self.path, error) from error

    def fill(self, block: NDArray[np.uint8], begin: int) -> int:
        """Read bytes from `begin` into `block` and return how many came."""
        filled, view = 0, block.data
        try:
            self.stream.seek(begin)
            while filled < len(view) and (got := self.stream.readinto(view[filled:])):
                filled += got
        except OSError as error:
            raise _unreadable(self.path, error) from error
        return filled


def open_source(path: Path) -> Source:
    """Return the file opened for reading, unbuffered; the caller closes it.

    Raises FcsError where there is no such file, it may not be read, or it is a folder, a device or a pipe, from which
    a reader would wait for ever.
    """
    stream = open_file(path)
    stamp = file_stamp(stream)  # before the first byte is read, so that a change while reading shows
    try:
        return Source(stream, stamp.size, path, stream.read(_HEAD) or b"", stamp)
    except OSError as error:
        stream.close()
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> FcsError:
    return FcsError("an FCS file must be readable to its end", error.strerror or str(error), str(path), "copy it again")

"""`InputFile`: one file a study was read from, with the SHA-256 of the bytes that were read."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file as it was read; `sha256` is "" for one that may not be read, `stamp` too for one that is not there."""

    path: Path
    size: int = 0  # bytes
    sha256: str = ""
    stamp: str = ""


def input_file(path: Path) -> InputFile:
    """Return the file as it is now, every byte of it read."""
    stamp = input_stamp(path)  # first: who writes while we read leaves another stamp
    if not stamp:  # nothing to read, or a pipe, which would keep us waiting
        return InputFile(path)
    try:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
            return InputFile(path, os.fstat(stream.fileno()).st_size, digest, stamp)
    except OSError:
        return InputFile(path, stamp=stamp)


def input_stamp(path: Path) -> str:
    """Return which file lies at a path and when it was last written; "" where no plain file can be reached there."""
    try:
        state = path.stat()
    except (OSError, ValueError):
        return ""
    known = (state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns)
    return "-".join(map(str, known)) if stat.S_ISREG(state.st_mode) else ""

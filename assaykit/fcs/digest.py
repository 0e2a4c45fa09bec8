"""A file as it lies on the disk: opened without waiting, its stamp, and its sha256, by which a run says what it read.

A `Stamp` holds what a file system says of an open file. Bytes hashed later are those read before as long as it has not
changed: it names the file itself, and the system sets its time of change whenever it is written.
"""

from __future__ import annotations

import hashlib
import os
import stat
from io import FileIO
from pathlib import Path
from typing import NamedTuple

from assaykit.errors import FcsError


class Stamp(NamedTuple):
    """Which file, and in which state: device, number, bytes, time of modification and of any change, in ns."""

    device: int
    inode: int
    size: int
    mtime: int
    ctime: int


def file_stamp(stream: FileIO) -> Stamp:
    """Return the stamp of an open file."""
    known = os.fstat(stream.fileno())
    return Stamp(known.st_dev, known.st_ino, known.st_size, known.st_mtime_ns, known.st_ctime_ns)


def open_file(path: Path) -> FileIO:
    """Return a file opened for reading, unbuffered; the caller closes it.

    Raises FcsError where there is no such file, it may not be read, or it is a folder, a device or a pipe, from which
    a reader would wait for ever.
    """
    try:
        mode = path.stat().st_mode
        if stat.S_ISREG(mode):  # opened without waiting, as it may have become a pipe since
            return FileIO(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)))
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or str(error)
        raise FcsError("an FCS file must exist and be readable", reason, str(path), "check the path") from error
    kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe (FIFO)", stat.S_IFSOCK: "a socket"}
    raise FcsError("an FCS file must be a file", kinds.get(stat.S_IFMT(mode), "a device"), str(path), "check the path")


def sha256_of(path: str | Path, *, stamp: Stamp | None = None) -> str:
    """Return the sha256 of a file as 64 hexadecimal digits.

    With a `stamp`, taken when the file was read, of the very bytes read then: raises FcsError where the file is another
    or has changed since. Raises FcsError where it cannot be read.
    """
    with open_file(Path(path)) as stream:
        try:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            raise FcsError("a file must be readable to its end", error.strerror or str(error), str(path)) from error
        now = file_stamp(stream)
    if stamp is not None and now != stamp:
        changed = "another size" if now.size != stamp.size else "another file or other bytes"
        raise FcsError(
            "a file must stay as it was while its run lasts", f"{changed} than when it was read", str(path),
            "let nothing write to the files of a study, and run again",
        )  # fmt: skip
    return digest

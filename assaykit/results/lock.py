"""One run at a time: a lock on a results folder that ends with the process that holds it, however that ends."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from assaykit.errors import ResultsError, storage_error
from assaykit.results.swap import LOCK

_UNKNOWN = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}  # disks without locks: runs go unguarded


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Hold a folder; raises ResultsError where another run holds it, StorageError where it cannot be written."""
    path = folder / LOCK
    descriptor = _locked_file(path)
    try:
        yield
    finally:
        try:
            with suppress(OSError):
                path.unlink()
        finally:
            os.close(descriptor)


def _locked_file(path: Path) -> int:
    """Return the lock file opened and locked."""
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise storage_error(error, "the results folder must be one that can be written") from error
        try:
            _lock(descriptor, path.parent)
            if path.exists() and os.path.samestat(path.stat(), os.fstat(descriptor)):
                return descriptor  # else a run ended in between, and took the file with it
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _lock(descriptor: int, folder: Path) -> None:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in _UNKNOWN:
            raise _busy_error(folder) from error


def _busy_error(folder: Path) -> ResultsError:
    return ResultsError(
        "one run at a time must write to a results folder",
        "another that is at work there",
        str(folder),
        "wait until it is done, or name another folder with -o; nothing was written",
    )

"""The sha256 of a file, by which a run says which bytes it read."""

from __future__ import annotations

import hashlib
from pathlib import Path

from assaykit.errors import FcsError


def sha256_of(path: str | Path) -> str:
    """Return the sha256 of a file as 64 hexadecimal digits, or raise FcsError where it cannot be read."""
    try:
        with Path(path).open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise FcsError("an FCS file must exist and be readable", error.strerror or str(error), str(path)) from error

"""How a command ends: one code for one kind of end, the sentence that goes with it, and signals that end it cleanly."""

from __future__ import annotations

import errno
import os
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from types import FrameType

from assaykit.errors import AssaykitError, RightsError, StorageError, WorkerError, storage_error


class Exit(IntEnum):
    """The exit codes; from 64 on those of BSD's sysexits.h, above 128 a signal's number plus 128."""

    DONE = 0
    DONE_WITH_FAILURES = 1
    UNUSABLE_INPUT = 2
    UNFORESEEN = 70
    WORKER_KILLED = 71
    STORAGE = 74
    RIGHTS = 77


MEANINGS: dict[Exit, str] = {
    Exit.DONE: "done",
    Exit.DONE_WITH_FAILURES: "done, but wells or checks failed: they are in the report",
    Exit.UNUSABLE_INPUT: "the input cannot be used; nothing was written",
    Exit.UNFORESEEN: "an error of assaykit itself, to be reported",
    Exit.WORKER_KILLED: "a worker was killed twice, or memory ran out; nothing was written",
    Exit.STORAGE: "the disk is full or failed, or another program holds a file; the old results stand",
    Exit.RIGHTS: "a file or folder may not be read or written; the old results stand",
}
EPILOG = (
    "Exit codes: "
    + "; ".join(f"{code.value} {meaning.replace(';', ',')}" for code, meaning in MEANINGS.items())
    + "; 129, 130 and 143 stopped by a signal (hang-up, Ctrl-C, SIGTERM)."
)


class StopRequest(BaseException):
    """A signal asked the command to end."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextmanager
def stop_on_signals() -> Iterator[None]:
    """While open, Ctrl-C, SIGTERM and a closed terminal raise StopRequest: workers and half-written files go."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, _frame: FrameType | None) -> None:
        raise StopRequest(number)

    names = [name for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)]
    before = {number: signal.signal(number, stop) for number in (getattr(signal, name) for name in names)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def end_of(error: BaseException) -> tuple[int, str]:
    """Return the exit code and the sentence of an error that ends a command."""
    match error:
        case StopRequest():
            return 128 + error.number, "Stopped; results that were there before are as they were."
        case KeyboardInterrupt():
            return 128 + signal.SIGINT, "Stopped; results that were there before are as they were."
        case RightsError():
            return Exit.RIGHTS, str(error)
        case StorageError():
            return Exit.STORAGE, str(error)
        case WorkerError():
            return Exit.WORKER_KILLED, str(error)
        case AssaykitError():
            return Exit.UNUSABLE_INPUT, str(error)
        case MemoryError():
            remedy = "run again with --workers 1, or on a computer with more memory"
            return Exit.WORKER_KILLED, str(WorkerError("there must be enough memory", "none left", "", remedy))
        case OSError(errno=number) if number is not None and number != errno.EINVAL:
            return end_of(storage_error(error, "a file must be one that can be read or written"))
        case _:
            return Exit.UNFORESEEN, _crash_sentence(error)


def _crash_sentence(error: BaseException) -> str:
    """Keep the traceback in a file, and return what to report."""
    text = "".join(traceback.format_exception(error))
    words = f"assaykit met an error it did not foresee: {type(error).__name__}: {error}"
    try:
        descriptor, name = tempfile.mkstemp(prefix="assaykit-error-", suffix=".txt")
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(f"{' '.join(sys.argv)}\n{text}")
    except OSError:
        return f"{text}\n{words}\nPlease report it with the lines above and, if you may share it, the study."
    return f"{words}\nPlease report it with the file {Path(name)} and, if you may share it, the study."

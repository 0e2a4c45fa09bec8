"""A lab's ledger: what every run said on every claim, in one SQLite file that a crash cannot spoil.

    runs       one row per run: the fingerprint of its data, where it was, what analysed it
    inputs     the data files it rests on, by SHA-256
    verdicts   one row per run and claim

A run is its data, not its folder. The same data analysed again take the place of the earlier analysis; a run that
shares only part of its data with another is refused, because pooling would count those experiments twice. Every run
is written in one transaction with a rollback journal synced to disk.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import pandas as pd

from assaykit.errors import AssaykitError, LedgerError, RightsError, StorageError
from assaykit.evidence.runs import Run
from assaykit.sources import is_file

FORMAT = 1
APPLICATION = 0x41534B4C  # "ASKL" in the header of the file: this is a ledger of ours
_PATIENCE = 30.0  # seconds to wait for another process that is writing

_VERDICT_COLUMNS: Mapping[str, str] = {
    "claim": "TEXT NOT NULL",
    "review": "TEXT NOT NULL",
    "statement": "TEXT NOT NULL",
    "source": "TEXT NOT NULL",
    "endpoint": "TEXT NOT NULL",
    "contrast": "TEXT NOT NULL",
    "context": "TEXT NOT NULL",
    "scale": "TEXT NOT NULL",
    "effect_name": "TEXT NOT NULL",
    "expected_sign": "INTEGER",
    "printed_sign": "INTEGER",
    "is_primary": "INTEGER NOT NULL",
    "verdict": "TEXT NOT NULL",
    "printed_verdict": "TEXT NOT NULL",
    "reason": "TEXT NOT NULL",
    "estimate": "REAL",
    "std_error": "REAL",
    "df": "REAL",
    "p_value": "REAL",
    "n_units": "INTEGER",
}
_RUN_COLUMNS = ("position", "run", "content", "title", "folder", "unit", "assaykit", "seed", "added")
_SCHEMA = f"""
CREATE TABLE runs (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    run TEXT NOT NULL UNIQUE,
    content TEXT NOT NULL,
    title TEXT NOT NULL,
    folder TEXT NOT NULL,
    unit TEXT NOT NULL,
    assaykit TEXT NOT NULL,
    seed INTEGER,
    added TEXT NOT NULL
);
CREATE TABLE inputs (
    run TEXT NOT NULL REFERENCES runs(run) ON DELETE CASCADE,
    sha256 TEXT NOT NULL,
    path TEXT NOT NULL,
    PRIMARY KEY (run, sha256, path)
);
CREATE INDEX inputs_by_content ON inputs(sha256);
CREATE TABLE verdicts (
    run TEXT NOT NULL REFERENCES runs(run) ON DELETE CASCADE,
    {", ".join(f"{name} {kind}" for name, kind in _VERDICT_COLUMNS.items())},
    PRIMARY KEY (run, claim)
);
PRAGMA application_id = {APPLICATION};
PRAGMA user_version = {FORMAT};
"""
_INSERT_VERDICT = (
    f"INSERT INTO verdicts (run, {', '.join(_VERDICT_COLUMNS)}) "  # noqa: S608 - names are the constants above
    f"VALUES (?, {', '.join('?' for _ in _VERDICT_COLUMNS)})"
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an update did with one run, and why where it did not take it."""

    folder: str
    done: Literal["added", "unchanged", "replaced", "refused"]
    reason: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Ledger:
    """A ledger's tables: `runs` in the order they were added, `verdicts` with the run's title and position."""

    runs: pd.DataFrame
    verdicts: pd.DataFrame


def update_ledger(path: str | Path, runs: Sequence[Run]) -> tuple[Outcome, ...]:
    """Write the runs to the ledger, made where it is not there yet; return what was done with each.

    Adding a run twice changes nothing. Raises LedgerError where the file is not a ledger, is of a newer version, or
    is held by another process.
    """
    with _opened(Path(path), create=True) as ledger:
        return tuple(_update(ledger, run) for run in runs)


def read_ledger(path: str | Path) -> Ledger:
    """Return the tables of a ledger. Raises LedgerError where there is none that can be read."""
    with _opened(Path(path), create=False) as ledger:
        runs = pd.read_sql_query(f"SELECT {', '.join(_RUN_COLUMNS)} FROM runs ORDER BY position", ledger)  # noqa: S608 - names are the constants above
        verdicts = pd.read_sql_query(
            f"SELECT runs.position, runs.title, run, {', '.join(_VERDICT_COLUMNS)} "  # noqa: S608 - constants above
            "FROM verdicts JOIN runs USING (run) ORDER BY verdicts.claim, runs.position",
            ledger,
        )
        names = unique_titles(runs)
        runs["title"], verdicts["title"] = runs["position"].map(names), verdicts["position"].map(names)
        whole = dict.fromkeys(("expected_sign", "printed_sign", "n_units"), "Int64")
        numbers = dict.fromkeys(("estimate", "std_error", "df", "p_value"), "float64")
        return Ledger(runs, verdicts.astype(whole | numbers).rename(columns={"is_primary": "primary"}))


def unique_titles(runs: pd.DataFrame) -> dict[int, str]:
    """Return position -> title, with the position added where runs share a title."""
    twice = runs["title"].duplicated(keep=False)
    return {
        int(position): f"{title} ({position})" if shared else str(title)
        for position, title, shared in zip(runs["position"], runs["title"], twice, strict=True)
    }


def _update(ledger: sqlite3.Connection, run: Run) -> Outcome:
    with _transaction(ledger):
        known = ledger.execute("SELECT content FROM runs WHERE run = ?", (run.fingerprint,)).fetchone()
        if known is not None and known[0] == run.content:
            return Outcome(run.folder, "unchanged")
        if known is not None:
            position = _remove(ledger, run)
            _insert(ledger, run, position)
            return Outcome(run.folder, "replaced", "the same data, analysed again")
        shared = _shared(ledger, run)
        if shared:
            return Outcome(run.folder, "refused", shared)
        _insert(ledger, run, None)
        return Outcome(run.folder, "added")


def _remove(ledger: sqlite3.Connection, run: Run) -> int:
    (position,) = ledger.execute("SELECT position FROM runs WHERE run = ?", (run.fingerprint,)).fetchone()
    for table in ("verdicts", "inputs", "runs"):
        ledger.execute(f"DELETE FROM {table} WHERE run = ?", (run.fingerprint,))  # noqa: S608 - constants above
    return int(position)


def _shared(ledger: sqlite3.Connection, run: Run) -> str:
    """Return which run of the ledger holds some of the same data; empty where none does."""
    known: dict[str, set[str]] = {}
    for digest in run.inputs:
        for (title,) in ledger.execute(
            "SELECT title FROM runs JOIN inputs USING (run) WHERE sha256 = ?", (digest,)
        ).fetchall():
            known.setdefault(title, set()).add(digest)
    if not known:
        return ""
    title, digests = max(known.items(), key=lambda item: len(item[1]))
    return f"{len(digests)} of its {len(run.inputs)} data files are those of '{title}', already in the ledger"


def _insert(ledger: sqlite3.Connection, run: Run, position: int | None) -> None:
    added = datetime.now(UTC).isoformat(timespec="seconds")
    ledger.execute(
        "INSERT INTO runs (position, run, content, title, folder, unit, assaykit, seed, added) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (position, run.fingerprint, run.content, run.title, run.folder, run.unit, run.assaykit, run.seed, added),
    )
    ledger.executemany(
        "INSERT INTO inputs (run, sha256, path) VALUES (?, ?, ?)",
        [(run.fingerprint, digest, path) for digest, path in run.inputs.items()],
    )
    ledger.executemany(
        _INSERT_VERDICT, [(run.fingerprint, *(row[name] for name in _VERDICT_COLUMNS)) for row in run.verdicts]
    )


@contextmanager
def _opened(path: Path, *, create: bool) -> Iterator[sqlite3.Connection]:
    """Yield a connection to a ledger of a format we know; sqlite's own errors become ours."""
    if os.path.lexists(path) and not is_file(path):
        raise LedgerError("an evidence ledger must be an ordinary file", "none that can be read", str(path))
    if not create and not is_file(path):
        raise LedgerError(
            "an evidence ledger must exist", "no such file", str(path),
            "make one with: assaykit evidence update LEDGER RUN",
        )  # fmt: skip
    try:
        with closing(sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None)) as ledger:
            ledger.execute("PRAGMA foreign_keys = ON")
            ledger.execute("PRAGMA synchronous = FULL")
            _check_format(ledger, path, create=create)
            yield ledger
    except sqlite3.OperationalError as error:
        raise _explained(error, path) from error
    except (sqlite3.DatabaseError, pd.errors.DatabaseError, ValueError, TypeError, KeyError) as error:
        raise _damaged(str(error), path) from error


def _check_format(ledger: sqlite3.Connection, path: Path, *, create: bool) -> None:
    (application,) = ledger.execute("PRAGMA application_id").fetchone()
    (version,) = ledger.execute("PRAGMA user_version").fetchone()
    (tables,) = ledger.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if tables == 0 and create:
        with _transaction(ledger):
            (tables,) = ledger.execute("SELECT count(*) FROM sqlite_master").fetchone()
            if tables == 0:  # nobody made it while we waited
                for statement in filter(str.strip, _SCHEMA.split(";")):
                    ledger.execute(statement)
        return
    if application != APPLICATION:
        raise LedgerError("the file must be an evidence ledger of assaykit", "another database", str(path))
    (sound,) = ledger.execute("PRAGMA quick_check(1)").fetchone()
    if sound != "ok":
        raise _damaged(str(sound), path)
    if version > FORMAT:
        raise LedgerError(
            f"the ledger must be of format {FORMAT} or older", f"format {version}, written by a newer assaykit",
            str(path), "update assaykit; the ledger was not touched",
        )  # fmt: skip


@contextmanager
def _transaction(ledger: sqlite3.Connection) -> Iterator[None]:
    ledger.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        ledger.execute("ROLLBACK")
        raise
    ledger.execute("COMMIT")


def _explained(error: sqlite3.OperationalError, path: Path) -> AssaykitError:
    text = str(error)
    if "locked" in text:
        return LedgerError("the ledger must be free to write", "another program holds it", str(path), "try again later")
    if "full" in text or "disk I/O" in text:
        remedy = "free some space, or mend the disk; what the ledger held before is safe"
        return StorageError("there must be room for the ledger", text, str(path), remedy)
    if "unable to open" in text or "readonly" in text:
        kind = RightsError if path.parent.is_dir() else LedgerError
        return kind("the ledger must be a file that can be written", text, str(path), "check folder and rights")
    return _damaged(text, path)


def _damaged(found: str, path: Path) -> LedgerError:
    remedy = "name another file, or take it back from a copy, or make it anew with `assaykit evidence update`"
    return LedgerError("the file must be an evidence ledger of assaykit, undamaged", found[:200], str(path), remedy)

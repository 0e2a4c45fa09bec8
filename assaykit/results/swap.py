"""The swap: a new set of files takes the place of the old one, and every byte of either has a name at every instant.

    NEW   the new set, whole, flushed, with its manifest
    then, file by file: what lies in place gets a second name in OLD (a person's file: beside its place),
                        and the new file takes the name of the old one
    then  the new manifest takes the name of the old one: from here on the new set holds
    then  OLD and NEW are removed

A reader asks a manifest for bytes, not for places: it finds the old set until the manifest changes and the new one
from then on, wherever each file lies. A swap that fails is taken back; one that was cut off is finished next time.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from assaykit.errors import StorageError, storage_error
from assaykit.results.manifest import NAME, FileRecord, Manifest, is_written, read_manifest

NEW, OLD, LOCK = ".assaykit-new", ".assaykit-old", ".assaykit-lock"
LEFTOVERS = frozenset({NEW, OLD, LOCK})
"""What a run that was cut off may leave in a results folder."""


@dataclass(frozen=True, slots=True)
class _Step:
    """One file: what comes to its place (None: it is removed), and where what lies there is kept (None: nothing)."""

    place: Path
    incoming: Path | None
    outgoing: Path | None


def swap(folder: Path, new: Manifest) -> tuple[Path, ...]:
    """Put the set that lies in NEW in the place of the old one; return where files a person had changed are kept.

    Raises StorageError where the system refuses: then the old set stands, and the new one is kept under a name.
    """
    steps = list(_steps(folder, read_manifest(folder) or Manifest(), new))
    try:
        for step in steps:
            _exchange(step)
        _sync({folder, *(step.place.parent for step in steps)})
        (folder / NEW / NAME).replace(folder / NAME)
    except OSError as error:
        raise _swap_error(error, folder, whole=_undo_steps(steps)) from error
    except BaseException:  # stopped by a signal: the files of one set lie together, whatever is done next
        _undo_steps(steps)
        raise
    _sync({folder})
    shutil.rmtree(folder / OLD, ignore_errors=True)
    shutil.rmtree(folder / NEW, ignore_errors=True)
    return tuple(step.outgoing for step in steps if step.outgoing and folder / OLD not in step.outgoing.parents)


def recover(folder: Path) -> None:
    """Finish the swap that an interrupted run began, or remove what it had not yet written whole."""
    staged = folder / NEW / NAME
    if staged.is_file() and (new := read_manifest(folder, staged)):
        swap(folder, new)
    shutil.rmtree(folder / NEW, ignore_errors=True)
    shutil.rmtree(folder / OLD, ignore_errors=True)


def content(folder: Path, name: str, entry: FileRecord) -> bytes | None:
    """Return the bytes a manifest names, wherever a swap has them now; None where they are nowhere."""
    for place in (folder / name, folder / NEW / name, folder / OLD / name):
        if is_written(place, entry):
            with contextlib.suppress(OSError):
                return place.read_bytes()
    return None


def _steps(folder: Path, old: Manifest, new: Manifest) -> Iterator[_Step]:
    for name in dict.fromkeys((*new.files, *old.files)):
        place, incoming = folder / name, folder / NEW / name if name in new.files else None
        if is_written(place, new.files.get(name)):
            continue
        if not os.path.lexists(place):
            if incoming is not None:
                yield _Step(place, incoming, None)
        elif is_written(place, old.files.get(name)):
            yield _Step(place, incoming, folder / OLD / name)
        elif incoming is not None:
            yield _Step(place, incoming, _name_aside(place))


def _name_aside(place: Path) -> Path:
    """Return where a file that a person changed is kept: figure.pdf as figure.edited.pdf, then figure.edited-2.pdf."""
    number = 1
    while True:
        mark = ".edited" if number == 1 else f".edited-{number}"
        aside = place.with_name(f"{place.stem}{mark}{place.suffix}")
        if not os.path.lexists(aside) or _is_same(place, aside):
            return aside
        number += 1


def _exchange(step: _Step) -> None:
    if step.outgoing is not None:
        _give_second_name(step.place, step.outgoing)
    if step.incoming is None:
        step.place.unlink()
        return
    step.place.parent.mkdir(parents=True, exist_ok=True)
    step.incoming.replace(step.place)


def _undo_steps(steps: Sequence[_Step]) -> bool:
    """Undo the steps, the last one first; return whether every one could be undone."""
    undone = True
    for step in reversed(steps):
        try:
            _undo_step(step)
        except OSError:
            undone = False
    return undone


def _undo_step(step: _Step) -> None:
    """Undo an exchange, or the part of it that was done."""
    came = step.incoming is not None and not os.path.lexists(step.incoming)
    if came and step.incoming is not None:
        _give_second_name(step.place, step.incoming)
        if step.outgoing is None or step.outgoing.is_dir():
            step.place.unlink()
    if step.outgoing is not None and (came or not os.path.lexists(step.place)):
        step.outgoing.replace(step.place)
    elif step.outgoing is not None:
        step.outgoing.unlink(missing_ok=True)


def _give_second_name(place: Path, name: Path) -> None:
    """Let what lies at `place` be found under `name`, too: a link, or a copy where the disk knows no links."""
    name.parent.mkdir(parents=True, exist_ok=True)
    if place.is_dir() and not place.is_symlink():
        place.rename(name)
        return
    if _is_same(place, name):
        return
    try:
        os.link(place, name, follow_symlinks=False)
    except (OSError, NotImplementedError):
        shutil.copy2(place, name, follow_symlinks=False)


def _is_same(place: Path, other: Path) -> bool:
    return os.path.lexists(other) and os.path.samestat(place.lstat(), other.lstat())


def _swap_error(error: OSError, folder: Path, *, whole: bool) -> StorageError:
    """Give the new set, where it is whole again, a name a person sees, and return the error that says it."""
    number = 1
    while (kept := folder / ("new-results" if number == 1 else f"new-results-{number}")).exists():
        number += 1
    try:
        if whole:
            (folder / NEW).rename(kept)
    except OSError:
        whole = False
    if not whole:  # the next run finishes the swap
        kept = folder / NEW
    remedy = f"close the file where it is open, or mend its rights, and run again; the new results are whole in {kept}"
    error.filename = error.filename2 or error.filename or str(folder)
    return storage_error(error, "new results must take the place of the old, which stand as they were", remedy)


def _sync(folders: set[Path]) -> None:
    """Flush names to the disk, where the system can."""
    for folder in folders:
        with contextlib.suppress(OSError):
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

"""`Manifest`: what assaykit wrote into a results folder, file by file, and the study it tells of.

A file whose bytes are those its manifest names is assaykit's to replace or remove; any other is a person's.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from assaykit.errors import ResultsError
from assaykit.study import Study

NAME = "manifest.json"
CRATE = "ro-crate-metadata.json"
PROVENANCE = "provenance.json"
_FORMAT = 1
_SOON = 2.0  # seconds: a folder without a manifest was written in the order that ends with its crate


@dataclass(frozen=True, slots=True)
class FileRecord:
    """The bytes of one file: how many, and their SHA-256."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """The files of a results folder by name, and their study: its title, and its file as seen from the folder."""

    title: str = ""
    study: str = ""
    files: Mapping[str, FileRecord] = field(default_factory=dict)


def manifest_of(staged: Path, study: Study, out: Path) -> Manifest:
    """Return the manifest of the files below `staged`, each flushed to the disk, that are to lie in `out`."""
    files = {path.relative_to(staged).as_posix(): _flush(path) for path in files_below(staged)}
    return Manifest(study.title, _study_path(out, study), files)


def files_below(folder: Path) -> list[Path]:
    """Return every file below a folder, sorted; raises OSError where a folder cannot be read, which rglob hides."""

    def refuse(error: OSError) -> None:
        raise error

    return sorted(Path(place) / name for place, _, names in os.walk(folder, onerror=refuse) for name in names)


def write_manifest(manifest: Manifest, path: Path) -> None:
    """Write the manifest to `path`, flushed to the disk."""
    files = [{"name": name, "bytes": entry.size, "sha256": entry.sha256} for name, entry in manifest.files.items()]
    value = {"format": _FORMAT, "title": manifest.title, "study": manifest.study, "files": files}
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n")
    _flush(path)


def read_manifest(folder: Path, path: Path | None = None) -> Manifest | None:
    """Return the manifest of a results folder, from `path` where it is not in its place; None where there is none.

    A folder written before there were manifests is known by its crate. Raises ResultsError for a damaged one.
    """
    path = path or folder / NAME
    try:
        return _manifest_from_value(json.loads(path.read_bytes()))
    except FileNotFoundError:
        return _manifest_from_crate(folder)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ResultsError(
            "the manifest of a results folder must be as assaykit wrote it",
            f"{type(error).__name__}: {error}"[:200],
            str(path),
            "name another folder, or take this file back from a copy; nothing was changed",
        ) from error


def is_written(path: Path, entry: FileRecord | None) -> bool:
    """Whether a plain file lies at `path` with the bytes of `entry`."""
    if entry is None or path.is_symlink() or not path.is_file():
        return False
    try:
        with path.open("rb") as stream:
            same_size = os.fstat(stream.fileno()).st_size == entry.size
            return same_size and hashlib.file_digest(stream, "sha256").hexdigest() == entry.sha256
    except OSError:  # gone meanwhile, or not to be read: no file we may call ours
        return False


def is_of_study(manifest: Manifest, study: Study, out: Path) -> bool:
    """Whether a manifest tells of this study: the same study file, or the same title where one has no file."""
    if manifest.study and study.source is not None:
        return os.path.realpath(out / manifest.study) == os.path.realpath(study.source)
    return manifest.title == study.title


def _study_path(out: Path, study: Study) -> str:
    if study.source is None:
        return ""
    source = os.path.realpath(study.source)
    try:
        return Path(os.path.relpath(source, os.path.realpath(out))).as_posix()
    except ValueError:  # another drive of Windows
        return Path(source).as_posix()


def _flush(path: Path) -> FileRecord:
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())
        return FileRecord(path.stat().st_size, hashlib.file_digest(stream, "sha256").hexdigest())


def _manifest_from_value(value: Any) -> Manifest:
    if value["format"] != _FORMAT:
        raise ValueError(f"format {value['format']!r}, where this assaykit knows {_FORMAT}")
    files = {one["name"]: FileRecord(int(one["bytes"]), str(one["sha256"])) for one in value["files"]}
    outside = [name for name in files if not _is_inside(name)]
    if outside:
        raise ValueError(f"{outside[0]!r} is no file of this folder")
    return Manifest(str(value["title"]), str(value["study"]), files)


def _is_inside(name: str) -> bool:
    """Whether a name is that of a file below the folder, on every system."""
    parts = PurePosixPath(name).parts
    return bool(parts) and not {"/", ".."} & {*parts} and "\\" not in name and not PureWindowsPath(name).anchor


def _manifest_from_crate(folder: Path) -> Manifest | None:
    """Return what a folder without a manifest must hold to be ours: files as its crate lists them, untouched since."""
    try:
        graph = json.loads((folder / CRATE).read_bytes())["@graph"]
        title = json.loads((folder / PROVENANCE).read_bytes())["title"]
        written = (folder / CRATE).stat().st_mtime + _SOON
        if not any(str(one.get("description", "")).startswith("Results of assaykit ") for one in graph):
            return None
        sizes = {one["@id"]: int(one["contentSize"]) for one in graph if one["@type"] == "File"}
        sizes[CRATE] = (folder / CRATE).stat().st_size
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    files = {}
    for name, size in sizes.items():
        path = folder / name
        if not _is_inside(name) or not path.is_file() or path.is_symlink():
            continue
        state, content = path.stat(), path.read_bytes()
        if state.st_size == size and state.st_mtime <= written:
            files[name] = FileRecord(size, hashlib.sha256(content).hexdigest())
    return Manifest(str(title), "", files)

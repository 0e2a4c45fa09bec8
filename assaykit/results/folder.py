"""Write `Results` to a folder and read them back equal.

A folder is known by its manifest: only files that are as assaykit wrote them are ever replaced. A reader finds the old
set or the new one at every instant (see swap.py), and what a run that was cut off left is put right by the next.
"""

from __future__ import annotations

import io
import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pandas as pd

from assaykit.errors import AssaykitError, ResultsError, storage_error
from assaykit.escaping import csv_safe
from assaykit.results.crate import write_crate
from assaykit.results.lock import folder_lock
from assaykit.results.manifest import NAME, PROVENANCE, Manifest, manifest_of, read_manifest, write_manifest
from assaykit.results.model import Results
from assaykit.results.place import refuse_unfit
from assaykit.results.resolved import control_quantiles, study_from_toml, study_to_toml
from assaykit.results.swap import NEW, OLD, content, recover, swap
from assaykit.study import Study
from assaykit.tables import CONTROLS, TABLES, check

RESOLVED = "study.resolved.toml"
CONTROL_CELLS = f"{CONTROLS.name}.parquet"
"""The quantiles of the controls' cells, which belong to the resolved study."""
Extras = Callable[[Path], object]


@dataclass(frozen=True, slots=True)
class ResultsFolder:
    """A folder held for one run: nobody else writes there meanwhile."""

    path: Path

    def write(self, results: Results, *, extras: Extras | None = None) -> tuple[Path, ...]:
        """Write tables (CSV and Parquet), resolved study, provenance and what `extras` adds, whole or not at all.

        `extras` is called with the folder in which the new set is gathered. Return the files that a person had
        changed since assaykit wrote them: each is kept beside its place, figure.pdf as figure.edited.pdf.
        Raises StorageError where the new set could not take the place of the old one, and says where it is kept.
        """
        staged = self.path / NEW
        try:
            staged.mkdir()
            (staged / "tables").mkdir()
            for name, frame in results.tables.items():
                path = staged / "tables" / name
                csv_safe(frame).to_csv(f"{path}.csv", index=False, lineterminator="\n", encoding="utf-8")
                frame.to_parquet(f"{path}.parquet", index=False)
            _write_text(staged / RESOLVED, study_to_toml(results.study))
            control_quantiles(results.study).to_parquet(staged / CONTROL_CELLS, index=False)
            provenance = json.dumps(dict(results.provenance), indent=2, sort_keys=True, ensure_ascii=False)
            _write_text(staged / PROVENANCE, f"{provenance}\n")
            if extras is not None:
                extras(staged)
            write_crate(staged, results.provenance)
            manifest = manifest_of(staged, results.study, self.path)
            write_manifest(manifest, staged / NAME)
        except BaseException:
            shutil.rmtree(staged, ignore_errors=True)
            raise
        return swap(self.path, manifest)


@contextmanager
def results_folder(out: Path, study: Study, *, overwrite: bool = False) -> Iterator[ResultsFolder]:
    """Hold the folder `out`, made where it is not there, for the results of `study`.

    Raises ResultsError where results of this study must not go there or another run is at work there, and StorageError
    where it cannot be written; then nothing of it was touched. A folder made here goes again where nothing was written.
    """
    refuse_unfit(out, study, overwrite=overwrite)
    made = [folder for folder in (out, *out.parents) if not folder.exists()]
    try:
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(error, "the results folder must be one that can be made") from error
        with folder_lock(out):
            _adopt(out)
            try:
                recover(out)
                refuse_unfit(out, study, overwrite=overwrite)
                yield ResultsFolder(out)
            finally:
                if not (read_manifest(out) or Manifest()).files:  # nothing was written
                    (out / NAME).unlink(missing_ok=True)
    finally:
        with suppress(OSError):  # not empty: there are results
            for folder in made:
                folder.rmdir()


def write_results(results: Results, out: Path, *, extras: Extras | None = None, overwrite: bool = False) -> Path:
    """Write results to the folder `out`, as `ResultsFolder.write` does, and return it.

    Raises what `results_folder` raises.
    """
    with results_folder(out, results.study, overwrite=overwrite) as folder:
        folder.write(results, extras=extras)
    return out


def read_results(folder: Path) -> Results:
    """Return the results written to `folder`, every byte checked against the manifest.

    Raises ResultsError where it holds none, or a file that is needed is missing or not as it was written.
    """
    contents = _contents(folder)
    names = [name for name in contents if PurePosixPath(name).parent == PurePosixPath("tables")]
    tables = {}
    for name in names:
        with _read_guard(folder / name):
            table, frame = PurePosixPath(name).stem, pd.read_parquet(io.BytesIO(contents[name]))
            tables[table] = check(frame, TABLES[table]) if table in TABLES else frame
    with _read_guard(folder / PROVENANCE):
        provenance = {**json.loads(contents[PROVENANCE])}
    with _read_guard(folder / CONTROL_CELLS):
        controls = check(pd.read_parquet(io.BytesIO(contents[CONTROL_CELLS])), CONTROLS)
    with _read_guard(folder / RESOLVED):
        study = study_from_toml(contents[RESOLVED].decode("utf-8"), controls)
    return Results(study, tables, provenance)


def _contents(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file that results are read from, all of one run."""
    missing = ""
    for _ in range(3):  # a run may be giving its files their names just now
        manifest = read_manifest(folder)
        if manifest is None or not {PROVENANCE, RESOLVED, CONTROL_CELLS} <= manifest.files.keys():
            raise ResultsError("a results folder must hold results", "none", str(folder), "run `assaykit run` first")
        wanted = {name: entry for name, entry in manifest.files.items() if name.endswith(".parquet")}
        wanted |= {name: manifest.files[name] for name in (PROVENANCE, RESOLVED)}
        found = {name: content(folder, name, entry) for name, entry in wanted.items()}
        missing = next((name for name, bytes_ in found.items() if bytes_ is None), "")
        if not missing:
            return {name: bytes_ for name, bytes_ in found.items() if bytes_ is not None}
        time.sleep(0.1)
    raise _damage_error(folder / missing, "other bytes" if (folder / missing).exists() else "no such file")


@contextmanager
def _read_guard(path: Path) -> Iterator[None]:
    """Turn what a reader says of a file that is not what it should be into a ResultsError."""
    from pyarrow import ArrowException

    try:
        yield
    except (AssaykitError, ArrowException, OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise _damage_error(path, f"{type(error).__name__}: {error}"[:200]) from error


def _damage_error(path: Path, found: str) -> ResultsError:
    remedy = "run `assaykit run` again; files that you changed are kept"
    return ResultsError("a file of a results folder must be as assaykit wrote it", found, str(path), remedy)


def _adopt(folder: Path) -> None:
    """Give a folder that has no manifest its own: of no files, or of those it held before there were manifests."""
    if not (folder / NAME).exists():
        (folder / OLD).mkdir(exist_ok=True)
        write_manifest(read_manifest(folder) or Manifest(), folder / OLD / NAME)
        (folder / OLD / NAME).replace(folder / NAME)


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")

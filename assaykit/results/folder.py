"""Write `Results` to a folder and read them back equal.

A folder is written under a temporary name beside its place and renamed when complete, so that a crash leaves
either the old folder or the new one, never half of either.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from assaykit.errors import ResultsError
from assaykit.escaping import csv_safe
from assaykit.results.crate import write_crate
from assaykit.results.model import Results
from assaykit.results.resolved import study_from_toml, study_to_toml
from assaykit.tables import TABLES, check

MARK = "provenance.json"  # a folder that holds it is one of ours, and may be replaced


def write_results(results: Results, out: Path, *, extras: Callable[[Path], object] | None = None) -> Path:
    """Write tables (CSV and Parquet), the resolved study and the provenance to the folder `out`; return it.

    `extras` is called with the temporary folder before it takes its name, so that the report and figures appear with
    the tables or not at all. Raises ResultsError where `out` exists and is not a results folder.
    """
    refuse_foreign(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        temporary.chmod(0o755)
        _write_tables(results.tables, temporary / "tables")
        (temporary / "study.resolved.toml").write_text(study_to_toml(results.study), encoding="utf-8", newline="\n")
        _write_json(temporary / MARK, results.provenance)
        if extras is not None:
            extras(temporary)
        write_crate(temporary, results.provenance)
        _replace(out, temporary)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return out


def read_results(folder: Path) -> Results:
    """Return the results written to `folder`. Raises ResultsError where it holds none."""
    if not (folder / MARK).is_file():
        raise ResultsError("a results folder must hold provenance.json", "", str(folder), "run `assaykit run` first")
    tables = {path.stem: pd.read_parquet(path) for path in sorted((folder / "tables").glob("*.parquet"))}
    checked = {name: check(frame, TABLES[name]) if name in TABLES else frame for name, frame in tables.items()}
    provenance = json.loads((folder / MARK).read_text(encoding="utf-8"))
    study = study_from_toml((folder / "study.resolved.toml").read_text(encoding="utf-8"))
    return Results(study, checked, provenance)


def refuse_foreign(out: Path) -> None:
    """Raise ResultsError where `out` is a file, or a folder with contents that assaykit did not write."""
    if out.is_file() or (out.is_dir() and any(out.iterdir()) and not (out / MARK).exists()):
        raise ResultsError(
            "the results folder must be new, empty, or one that assaykit wrote",
            "files of another kind",
            str(out),
            "name another folder with -o; nothing was written",
        )


def _write_tables(tables: Mapping[str, pd.DataFrame], folder: Path) -> None:
    folder.mkdir()
    for name, frame in tables.items():
        csv_safe(frame).to_csv(folder / f"{name}.csv", index=False, lineterminator="\n", encoding="utf-8")
        frame.to_parquet(folder / f"{name}.parquet", index=False)


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(dict(value), indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")


def _replace(out: Path, temporary: Path) -> None:
    """Give the finished folder its name; an older one steps aside first and goes only when the new one stands."""
    if not out.exists():
        temporary.rename(out)
        return
    aside = Path(tempfile.mkdtemp(prefix=f".{out.name}-old-", dir=out.parent))
    out.rename(aside / "old")
    temporary.rename(out)
    shutil.rmtree(aside)

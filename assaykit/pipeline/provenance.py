"""What a run rested on: versions, seed and the SHA-256 of every input, so that it can be repeated."""

from __future__ import annotations

import hashlib
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

from assaykit.study import Study

_PACKAGES = ("assaykit", "numpy", "pandas", "scipy", "statsmodels", "pydantic", "flowutils", "seaborn", "matplotlib")


def provenance(study: Study) -> dict[str, Any]:
    """Return versions, platform, seed and inputs (path relative to the study file, bytes, sha256)."""
    return {
        "assaykit": version("assaykit"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: version(name) for name in _PACKAGES},
        "seed": study.seed,
        "title": study.title,
        "inputs": [_input(path, study.source) for path in input_files(study)],
    }


def input_files(study: Study) -> list[Path]:
    """Return every file the study names and that is there, once, sorted."""
    wells = (well.file for assay in study.assays for plate in assay.plates for well in plate.wells)
    named = {path.resolve() for path in (*study.inputs, *(file for file in wells if file is not None))}
    if study.source is not None:
        named.add(study.source.resolve())
    return sorted(path for path in named if path.is_file())


def _input(path: Path, study: Path | None) -> dict[str, Any]:
    shown = path if study is None else Path(os.path.relpath(path, study.resolve().parent))
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"path": shown.as_posix(), "bytes": path.stat().st_size, "sha256": digest}

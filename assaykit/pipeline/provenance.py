"""What a run rested on: versions, seed and the SHA-256 of every input as it was read, so that it can be repeated."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from assaykit.study import InputFile, Study, input_file, input_stamp
from assaykit.tables import Finding

_PACKAGES = ("assaykit", "numpy", "pandas", "scipy", "statsmodels", "pydantic", "flowutils", "seaborn", "matplotlib")


def provenance(study: Study, files: Iterable[InputFile]) -> dict[str, Any]:
    """Return versions, platform, seed and inputs (path relative to the study file, bytes, sha256).

    `files` are those of the wells, as they were measured; a file that could not be read is no input.
    """
    read = {os.path.realpath(file.path): file for file in (*study.inputs, *files) if file.sha256}
    return {
        "assaykit": version("assaykit"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: version(name) for name in _PACKAGES},
        "seed": study.seed,
        "title": study.title,
        "inputs": [
            {"path": _shown(path, study.source), "bytes": file.size, "sha256": file.sha256}
            for path, file in sorted(read.items())
        ],
    }


def stamps(study: Study) -> dict[Path | None, str]:
    """Return the stamp of every well's file, so that one that changes during the run is seen."""
    wells = (well for assay in study.assays for plate in assay.plates for well in plate.wells)
    return {well.file: input_stamp(well.file) for well in wells if well.file is not None}


def changed_since(study: Study, files: Iterable[InputFile]) -> list[Finding]:
    """Return a finding per file that holds other bytes than were read: what it says now is not in the results."""
    return [
        Finding("fail", "input_changed", f"{_shown(file.path, study.source)} was changed after it was read; run again")
        for file in dict.fromkeys((*study.inputs, *files))
        if file.sha256 and input_stamp(file.path) != file.stamp and input_file(file.path).sha256 != file.sha256
    ]


def _shown(path: str | Path, study: Path | None) -> str:
    """Return a path as seen from the study file."""
    if study is None:
        return Path(path).as_posix()
    try:
        return Path(os.path.relpath(path, os.path.dirname(os.path.realpath(study)))).as_posix()  # noqa: PTH120
    except ValueError:  # another drive of Windows
        return Path(path).as_posix()

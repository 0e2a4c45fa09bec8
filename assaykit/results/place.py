"""Where results may go: a folder that is new, empty or holds results of this study, and nothing the study is read from.

A link is followed. What stands in the way is said before anything is measured.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from assaykit.errors import ResultsError, storage_error
from assaykit.results.manifest import is_of_study, read_manifest
from assaykit.results.swap import LEFTOVERS
from assaykit.study import Study

_UNSEEN = LEFTOVERS | {".DS_Store", "Thumbs.db", "desktop.ini"}
"""What makes no folder a folder with contents: what a file browser leaves, and what a run that was cut off does."""


def refuse_unfit(out: Path, study: Study, *, overwrite: bool = False) -> None:
    """Raise ResultsError where results of `study` must not go to `out`; `overwrite` lets another study's results go."""
    try:
        mode = out.stat().st_mode
    except FileNotFoundError:
        if out.is_symlink():
            raise _place_error("be a folder", f"a link to {out.readlink()}, which is not there", out) from None
        return
    except NotADirectoryError:
        raise _place_error("be a folder", "a file among the folders above it", out) from None
    except OSError as error:  # rights, a loop of links, a name too long
        raise storage_error(error, "the results folder must be one that can be reached") from error
    if not stat.S_ISDIR(mode):
        kinds = {stat.S_IFREG: "file", stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket"}
        raise _place_error("be a folder", f"a {kinds.get(stat.S_IFMT(mode), 'device')}", out)
    if read_from := _input_within(out, study):
        raise _place_error("hold nothing that the study is read from", read_from, out)
    try:
        contents = {path.name for path in out.iterdir()} - _UNSEEN
    except OSError as error:
        raise storage_error(error, "the results folder must be one that can be read") from error
    manifest = read_manifest(out)
    if manifest is None and contents:
        found = f"files of another kind ({', '.join(sorted(contents)[:3])})"
        raise _place_error("be new, empty, or one that assaykit wrote", found, out)
    if manifest is not None and manifest.files and not overwrite and not is_of_study(manifest, study, out):
        whose = f"'{manifest.title}'" + (f" ({manifest.study})" if manifest.study else "")
        remedy = "name another folder with -o, or add --overwrite to replace them"
        raise _place_error("hold no results of another study", f"those of {whose}", out, remedy)


def _place_error(must: str, found: str, out: Path, remedy: str = "name another folder with -o") -> ResultsError:
    return ResultsError(f"the results folder must {must}", found, str(out), f"{remedy}; nothing was written")


def _input_within(out: Path, study: Study) -> str:
    """Return what of the study lies in `out` or below it; "" where nothing does."""
    files = {} if study.source is None else {study.source: "the study itself"}
    files |= {one.path: f"the study's {one.path.name}" for one in study.inputs if one.path not in files}
    wells = [well for assay in study.assays for plate in (*assay.plates, *assay.counts) for well in plate.wells]
    files |= {well.file: f"the study's {well.file.name}" for well in wells if well.file is not None}
    itself, seen = out.stat(), set[str]()
    for file, words in files.items():
        # Where the file is named, and where it lies, are two folders when a link is on the way.
        for place in {os.path.dirname(os.path.abspath(file)), os.path.dirname(os.path.realpath(file))}:  # noqa: PTH100, PTH120 - pathlib's resolve stops at loops
            for folder in (Path(place), *Path(place).parents):
                if str(folder) in seen:
                    break
                seen.add(str(folder))
                if folder.exists() and os.path.samestat(folder.stat(), itself):
                    return words
    return ""

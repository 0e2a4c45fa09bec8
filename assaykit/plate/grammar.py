"""TOML files: text from disk to a document, includes merged, and every slip told with its line.

bytes -> text -> document -> document with what it includes below it
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from assaykit.errors import LayoutError
from assaykit.plate.positions import Position, position_from_well, shifted_pattern
from assaykit.sources import is_file, toml_from_file
from assaykit.vocabulary import nearest

_META = ("include", "concat", "alert", "options", "style", "param_styles")  # the last two are for wellmap's drawings
_SHIFT = re.compile(r"\s*(\S+)\s+to\s+(\S+)\s*", re.IGNORECASE)
_AXES: dict[str, Literal["row", "column", "well"]] = {"row": "row", "col": "column", "block": "well", "well": "well"}


def document_from_toml(
    path: Path, label: str, *, above: tuple[str, ...] = ()
) -> tuple[dict[str, Any], tuple[Path, ...]]:
    """Return the parsed layout with what it includes merged below it, and the files read. Raises LayoutError."""
    document = toml_from_file(path, "a layout", LayoutError, label=label)
    meta = _meta(document, label)
    inputs = [path]
    for name, shift in reversed(_inclusions(meta.get("include", []), label)):
        other = path.parent / name
        if os.path.realpath(other) in (*above, os.path.realpath(path)):
            raise LayoutError("a layout must not include itself", f"'{name}'", f"{label}, [meta] include", "delete it")
        if not is_file(other):
            raise LayoutError(
                "an included layout must exist", f"no file '{name}'", f"{label}, [meta] include", "mend the path"
            )
        defaults, more = document_from_toml(other, f"{label} via {name}", above=(*above, os.path.realpath(path)))
        document = _over(document, _shifted(defaults, shift, f"{label}, [meta] include") if shift else defaults)
        inputs += more
    return document, tuple(inputs)


def concatenated(document: Mapping[str, Any], path: Path, label: str) -> list[tuple[str, Path]]:
    """Return the further layouts a document names, each with the plate name it gives them, or ""."""
    concat = _meta(document, label).get("concat", [])
    if isinstance(concat, Mapping):
        return [(str(plate), path.parent / str(name)) for plate, name in concat.items()]
    return [("", path.parent / name) for name in _names(concat, "concat", label)]


def alerts_of(document: Mapping[str, Any], label: str) -> tuple[str, ...]:
    """Return what the author of a layout wants said each time it is read."""
    alert = _meta(document, label).get("alert", "")
    return (str(alert).strip(),) if alert else ()


def _meta(document: Mapping[str, Any], label: str) -> Mapping[str, Any]:
    meta = document.get("meta", {})
    if not isinstance(meta, Mapping):
        raise LayoutError("[meta] must be a table", "a value", label)
    for key in meta:
        if key in ("path", "paths"):
            remedy = "name FCS files by well: fcs in the study, or 'file' here"
            raise LayoutError("a layout must not name one data file per plate", f"'{key}'", f"{label}, [meta]", remedy)
        if key not in _META:
            near = nearest(key, _META)
            remedy = f"write '{near}'" if near else "delete it"
            raise LayoutError(
                f"a key of [meta] must be one of {', '.join(_META)}", f"'{key}'", f"{label}, [meta]", remedy
            )
    return meta


def _names(value: Any, key: str, label: str) -> list[str]:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise LayoutError(
            f"'{key}' must be a path, or several in square brackets", "something else", f"{label}, [meta]"
        )
    return names


def _inclusions(value: Any, label: str) -> list[tuple[str, Position | None]]:
    """Return each included file's name, with how far down and across its wells are moved; None where they stay."""
    where = f"{label}, [meta] include"
    inclusions: list[tuple[str, Position | None]] = []
    for entry in value if isinstance(value, list) else [value]:
        if isinstance(entry, str):
            inclusions.append((entry, None))
            continue
        path = entry.get("path") if isinstance(entry, Mapping) else None
        strange = next((key for key in entry if key not in ("path", "shift")), "") if isinstance(entry, Mapping) else ""
        if not isinstance(path, str) or strange:
            found = f"the key '{strange}'" if strange else "something else"
            remedy = "write include = 'doses.toml', or { path = 'doses.toml', shift = 'A1 to B2' }"
            raise LayoutError("'include' must be a path, or a path with a shift", found, where, remedy)
        inclusions.append((path, _shift(entry["shift"], where) if "shift" in entry else None))
    return inclusions


def _shift(text: Any, where: str) -> Position:
    """Return how far down and across `A1 to B2` moves wells."""
    match = _SHIFT.fullmatch(text) if isinstance(text, str) else None
    try:
        if match is None:
            raise LayoutError("", "")
        start, end = position_from_well(match[1]), position_from_well(match[2])
    except LayoutError:
        found = f"'{text}'" if isinstance(text, str) else "something else"
        raise LayoutError("a shift must lead from a well to a well", found, where, "write shift = 'A1 to B2'") from None
    return end[0] - start[0], end[1] - start[1]


def _shifted(document: Mapping[str, Any], shift: Position, where: str) -> dict[str, Any]:
    """Return an included document with every group of wells moved, those of single plates too."""
    moved: dict[str, Any] = {}
    for kind, groups in document.items():
        if not isinstance(groups, Mapping):
            moved[kind] = groups
        elif kind == "plate":
            moved[kind] = {
                name: _shifted(table, shift, where) if isinstance(table, Mapping) else table
                for name, table in groups.items()
            }
        elif kind in ("irow", "icol"):  # moved by one, its pairs would be other pairs
            remedy = "leave out the shift, or write rows and columns in place of irow and icol"
            raise LayoutError(
                "a layout included with a shift must have no interleaved rows", f"[{kind}]", where, remedy
            )
        elif kind == "block":
            moved[kind] = {
                size: _moved_keys(blocks, shift, "well", where) if isinstance(blocks, Mapping) else blocks
                for size, blocks in groups.items()
            }
        else:
            moved[kind] = _moved_keys(groups, shift, _AXES[kind], where) if kind in _AXES else groups
    return moved


def _moved_keys(
    groups: Mapping[str, Any], shift: Position, axis: Literal["row", "column", "well"], where: str
) -> dict[str, Any]:
    try:
        return {shifted_pattern(str(key), shift, axis=axis): values for key, values in groups.items()}
    except LayoutError as error:
        raise LayoutError(error.must, error.found, where, "mend the shift, or the name of the group") from error


def _over(document: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document with the defaults below it, table by table."""
    merged = dict(defaults)
    for key, value in document.items():
        below = merged.get(key)
        merged[key] = _over(value, below) if isinstance(value, Mapping) and isinstance(below, Mapping) else value
    return merged

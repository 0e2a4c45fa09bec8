"""TOML files: text from disk to a document, includes merged, and every slip told with its line.

bytes -> text -> document -> document with what it includes below it
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from assaykit.errors import LayoutError
from assaykit.sources import is_file, toml_from_file
from assaykit.vocabulary import nearest

_META = ("include", "concat", "alert", "options")


def document_from_toml(
    path: Path, label: str, *, above: tuple[str, ...] = ()
) -> tuple[dict[str, Any], tuple[Path, ...]]:
    """Return the parsed layout with what it includes merged below it, and the files read. Raises LayoutError."""
    document = toml_from_file(path, "a layout", LayoutError, label=label)
    meta = _meta(document, label)
    inputs = [path]
    for name in reversed(_names(meta.get("include", []), "include", label)):
        other = path.parent / name
        if os.path.realpath(other) in (*above, os.path.realpath(path)):
            raise LayoutError("a layout must not include itself", f"'{name}'", f"{label}, [meta] include", "delete it")
        if not is_file(other):
            raise LayoutError(
                "an included layout must exist", f"no file '{name}'", f"{label}, [meta] include", "mend the path"
            )
        defaults, more = document_from_toml(other, f"{label} via {name}", above=(*above, os.path.realpath(path)))
        document = _over(document, defaults)
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


def _over(document: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document with the defaults below it, table by table."""
    merged = dict(defaults)
    for key, value in document.items():
        below = merged.get(key)
        merged[key] = _over(value, below) if isinstance(value, Mapping) and isinstance(below, Mapping) else value
    return merged

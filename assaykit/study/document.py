"""A study file from disk to `StudyFile`, with every fault told in a biologist's words.

TOML text -> document -> StudyFile | faults
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from assaykit.errors import MOST_DETAILS, InputError, StudyError, looked_into
from assaykit.sources import is_file, toml_from_file
from assaykit.study.file import AssayEntry, OverrideEntry, ReferenceEntry, ReviewFile, StudyFile
from assaykit.vocabulary import nearest

WHAT_A_UNIT_IS = (
    "a study must name its experimental unit, the column whose levels are independent: an experiment repeated on"
    " another day with freshly thawed or passaged cells, or a donor. Wells of one plate share the cells, the day and"
    " the pipetting, and cells of one well share even more: they show how well one experiment was measured, not whether"
    " it happens again, so they are never counted as n"
)
NOT_A_UNIT = ("well", "wells", "cell", "cells", "event", "events", "row", "column", "file", "treatment")


def document_from_file(path: Path) -> dict[str, Any]:
    """Return the parsed TOML of a study file; StudyError where it is missing or is not TOML."""
    return toml_from_file(path, "a study file", StudyError, label=path.name if is_file(path) else str(path))


def review_from_file(path: Path) -> tuple[ReviewFile, list[InputError]]:
    """Return what stands in a review.toml, and every fault of its keys; nothing where there is no such file."""
    if not os.path.lexists(path):
        return ReviewFile(), []
    try:
        return ReviewFile.model_validate(_as_lists(toml_from_file(path, "a review", StudyError))), []
    except StudyError as error:
        return ReviewFile(), [error]
    except ValidationError as error:
        details = error.errors()
    return ReviewFile(), looked_into(
        details, lambda item: _fault(dict(item), path.name, ReviewFile), StudyError, path.name
    )


def study_from_document(document: Mapping[str, Any], label: str) -> tuple[StudyFile | None, list[InputError]]:
    """Return the study file as values, or None, and every fault of its keys."""
    version = document.get("assaykit", 1)
    if version != 1:
        found = f"assaykit = {version}"
        return None, [StudyError("a study must be of format 1", found, label, "update assaykit, or write assaykit = 1")]
    faults: list[InputError] = []
    if str(document.get("unit", "")).strip().lower() in ("", *NOT_A_UNIT):
        found = f'unit = "{document["unit"]}"' if "unit" in document else "no unit"
        remedy = 'write unit = "experiment" (or "donor") and give every layout that column'
        faults.append(StudyError(WHAT_A_UNIT_IS, found, label, remedy))
        document = {**document, "unit": "plate"}  # every layout has one, so that this fault breeds no others
    try:
        return StudyFile.model_validate(_as_lists(document)), faults
    except ValidationError as error:
        details = error.errors()
        inner = any(len(item["loc"]) > 1 and item["loc"][0] == "assay" for item in details)
        # An assay that is refused leaves too few of them: that only follows, and is not told.
        details = [item for item in details if not (inner and item["loc"] == ("assay",))]
    faults += looked_into(details, lambda item: _fault(dict(item), label), StudyError, label)
    if len(details) > MOST_DETAILS:
        return None, faults
    try:
        return StudyFile.model_validate(_without_faults(_as_lists(document), details)), faults
    except ValidationError:
        return None, faults


def _without_faults(document: Mapping[str, Any], details: Sequence[ErrorDetails]) -> dict[str, Any]:
    """Return the document as it was meant, so that reading goes on and finds the faults behind these.

    A misspelt key takes its right name, an unknown one is dropped, and a missing title or version is filled in.
    """
    mended = deepcopy(dict(document))
    for item in details:
        *above, last = item["loc"]
        table: Any = mended
        for part in above:
            table = table[part]
        if item["type"] == "extra_forbidden":
            value, near = table.pop(str(last)), nearest_key(item["loc"])
            if near and near not in table:
                table[near] = value
        elif item["type"] == "missing" and last in {"title", "assaykit"}:
            table[last] = 1 if last == "assaykit" else "untitled"
    return _as_lists(mended)


def nearest_key(location: Sequence[int | str], file: type[BaseModel] = StudyFile) -> str:
    """Return the known key most like the last one of a place in the file, or ""."""
    return nearest(str(location[-1]), _known_keys(location, file))


_TABLES: dict[int | str, type[BaseModel]] = {
    "assay": AssayEntry,
    "reference": ReferenceEntry,
    "override": OverrideEntry,
}


def _known_keys(location: Sequence[int | str], file: type[BaseModel]) -> tuple[str, ...]:
    model = _TABLES.get(location[0], file) if len(location) > 1 else file
    return tuple(field.alias or name for name, field in model.model_fields.items())


def _as_lists(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document with a single [assay], or [override], as a list of one."""
    single = {key: [document[key]] for key in ("assay", "override") if isinstance(document.get(key), Mapping)}
    return {**document, **single}


def _fault(item: Mapping[str, Any], label: str, file: type[BaseModel] = StudyFile) -> StudyError:
    *above, last = item["loc"]
    where = ", ".join((label, *_place(above)))
    match item["type"]:
        case "extra_forbidden":
            near = nearest_key(item["loc"], file)
            remedy = f"write '{near}'" if near else f"use one of {', '.join(_known_keys(item['loc'], file))}"
            return StudyError("a key must be one a study has", f"'{last}'", where, remedy)
        case "missing" | "too_short" if last == "assay":
            return StudyError("a study must have an assay", "none", where, 'write [[assay]] with protocol = "..."')
        case "missing":
            return StudyError(
                f"the key '{last}' is needed", "nothing", where, f"write {last} = {_EXAMPLES.get(str(last), '...')}"
            )
    if item["type"] == "value_error":
        must = str(item["ctx"]["error"])
    elif item["type"] in _MUSTS:
        must = _MUSTS[item["type"]]
    else:
        expected = str(item.get("ctx", {}).get("expected", "what the format says"))
        must = "one of " + re.sub(r"'| or(?= )", "", expected.replace(" or ", ", "))
    key = next(part for part in reversed(item["loc"]) if isinstance(part, str))
    return StudyError(f"'{key}' must be {must}", _quote(item["input"]), where)


_EXAMPLES = {"assaykit": "1", "title": '"..."', "protocol": '"cxcr4_surface"', "reason": '"..."'}
_MUSTS = {
    "string_type": "text in quotes",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_too_short": "a sentence",
    "greater_than_equal": "zero or more",
    "tuple_type": "text, or several in square brackets",
    "dict_type": "a table of names and values",
    "model_type": "a table of names and values",
    "model_attributes_type": "a table of names and values",
    "too_short": "at least one",
}


def _place(location: list[Any]) -> list[str]:
    words: list[str] = []
    for part in location:
        if isinstance(part, int) and words:
            words[-1] = f"[[{words[-1]}]] {part + 1}"
        else:
            words.append(str(part))
    return words


def _quote(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return f"'{value}'"
        case int() | float():
            return str(value)
        case Mapping():
            return "a table"
    return "several values in brackets" if isinstance(value, list) else f"'{value}'"

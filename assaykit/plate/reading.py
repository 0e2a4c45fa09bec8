"""Read layouts and tables of counts from disk, whichever of the formats they are in.

    file -> document or sheets -> DraftPlate -> Plate
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assaykit.errors import InputError, LayoutError, raise_all
from assaykit.plate.draft import DraftPlate
from assaykit.plate.model import Plate
from assaykit.plate.schema import Columns, plate_from_draft
from assaykit.plate.shapes import drafts_from_sheet
from assaykit.plate.sheets import sheets_from_file
from assaykit.plate.wellmap import drafts_from_toml

FORMATS = (".toml", ".csv", ".tsv", ".txt", ".xlsx", ".xlsm")


@dataclass(frozen=True, slots=True)
class Reading:
    """What one file gave: its plates, its faults, and every file it drew on."""

    plates: tuple[Plate, ...]
    faults: tuple[InputError, ...]
    inputs: tuple[Path, ...]


def read_plates(
    path: str | Path, columns: Columns | None = None, *, size: int | None = None, label: str = ""
) -> tuple[Plate, ...]:
    """Return the plates of a layout: wellmap TOML, plate-shaped or tidy CSV, or XLSX with a plate per sheet.

    `columns` are the names the layout may use, `size` the wells of the plate (96 where neither it nor the layout
    says), `label` the file's name in messages. Raises LayoutError, or Faults with all of them.
    """
    reading = reading_from_layout(Path(path), columns or Columns(), size=size, label=label)
    raise_all(reading.faults)
    return reading.plates


def reading_from_layout(path: Path, columns: Columns, *, size: int | None = None, label: str = "") -> Reading:
    """Return the plates that can be read, and every fault of the file."""
    label = label or path.name
    try:
        drafts, faults, inputs = _drafts(path, label)
    except LayoutError as error:
        return Reading((), (error,), (path,))
    plates = []
    for draft in drafts:
        plate, more = plate_from_draft(draft, columns, size=size)
        plates.append(plate)
        faults += more
    return Reading(tuple(plates), tuple(faults), inputs)


def _drafts(path: Path, label: str) -> tuple[list[DraftPlate], list[InputError], tuple[Path, ...]]:
    check_format(path, label)
    if path.suffix.lower() == ".toml":
        document, inputs = document_from_toml(path, label)
        return *drafts_from_toml(document, path, label), inputs
    sheets, faults = sheets_from_file(path, label)
    drafts: list[DraftPlate] = []
    for sheet in sheets:
        more, wrong = drafts_from_sheet(sheet, path)
        drafts += more
        faults += wrong
    if not sheets:
        faults.append(LayoutError("a workbook must have a sheet with a plate", "none that is filled", label))
    return drafts, faults, (path,)


def check_format(path: Path, label: str) -> None:
    """Raise LayoutError where the file is missing or of a format no layout has."""
    if not path.is_file():
        raise LayoutError("a layout must exist", "no such file", label, "mend the path; it is relative to the study file")
    if path.suffix.lower() not in FORMATS:
        raise LayoutError(
            f"a layout must be one of {', '.join(FORMATS)}", f"'{path.suffix}'", label, "save it as .xlsx or .csv"
        )


def document_from_toml(path: Path, label: str) -> tuple[dict[str, Any], tuple[Path, ...]]:
    """Return the parsed document with what it includes merged below it, and the files read."""
    document = _parsed(path, label)
    included = document.get("meta", {}).get("include", []) if isinstance(document.get("meta", {}), Mapping) else []
    names = [included] if isinstance(included, str) else included
    inputs = [path]
    for name in reversed(names):
        other = path.parent / name
        check_format(other, f"{label}, [meta] include '{name}'")
        defaults, more = document_from_toml(other, f"{label} via {name}")
        document = _over(document, defaults)
        inputs += more
    return document, tuple(inputs)


def _parsed(path: Path, label: str) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise LayoutError("a TOML file must be UTF-8 text", "other bytes", label, "save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise LayoutError("a TOML file must follow TOML's grammar", str(error), label) from error


def _over(document: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document with the defaults below it, table by table."""
    merged = dict(defaults)
    for key, value in document.items():
        below = merged.get(key)
        merged[key] = _over(value, below) if isinstance(value, Mapping) and isinstance(below, Mapping) else value
    return merged

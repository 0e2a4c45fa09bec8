"""The catalogue of cell lines: names, synonyms and kind, since a claim about CML cells says nothing of Jurkat.

    lines.toml -> CellLine -> LineCatalogue

A lab adds to it, or replaces an entry, with a file of the same form: lines = ["lines.toml"] in its study.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from assaykit.errors import InputError, LineError, looked_into, raise_all
from assaykit.sources import toml_from_file
from assaykit.vocabulary import nearest

Kind = Literal["cml", "resistant", "ph_all", "engineered", "bcr_abl_negative", "normal", "stroma"]
KINDS: dict[Kind, str] = {
    "cml": "CML cells",
    "resistant": "TKI-resistant cells",
    "ph_all": "BCR-ABL positive lymphoblastic leukaemia cells",
    "engineered": "cells made to express BCR-ABL",
    "bcr_abl_negative": "BCR-ABL negative cells",
    "normal": "normal CD34+ cells",
    "stroma": "stromal cells",
}


class CellLine(BaseModel):
    """One cell line, or one kind of primary cells."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str = Field(description="The canonical name, e.g. K562.")
    synonyms: tuple[str, ...] = Field(default=(), description="Other names; case, blanks and signs do not matter.")
    kind: Kind = Field(description=f"One of {', '.join(KINDS)}: which claims the cells can test.")
    about: str = Field(default="", description="What they are, in a few words.")

    @property
    def names(self) -> tuple[str, ...]:
        """Every name the line goes by."""
        return (self.name, *self.synonyms)


@dataclass(frozen=True, slots=True)
class LineCatalogue:
    """Cell lines by any of their names."""

    lines: tuple[CellLine, ...] = ()
    by_name: Mapping[str, CellLine] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_name = {plain_line(name): line for line in reversed(self.lines) for name in line.names}
        object.__setattr__(self, "by_name", by_name)

    def find(self, name: str) -> CellLine | None:
        """Return the line a name means, in any spelling; None where the catalogue lacks it."""
        return self.by_name.get(plain_line(name))

    def nearest(self, name: str) -> str:
        """Return the known name most like a misspelt one with the same numbers, or ""."""
        numbers = re.findall(r"[0-9]+", name)
        names = (each for line in self.lines for each in line.names)
        known = {plain_line(each): each for each in names if re.findall(r"[0-9]+", each) == numbers}
        return known.get(nearest(plain_line(name), known), "")


def plain_line(name: str) -> str:
    """Return a line's name without case, signs, a note in brackets and words that say nothing.

    >>> plain_line("K-562 cells (ATCC)") == plain_line("k562"), plain_line("KG-1a") == plain_line("KG-1")
    (True, False)
    """
    words = re.sub(r"\([^)]*\)|\[[^\]]*\]", " ", name.casefold())
    words = re.sub(r"\b(?:cells?|cell line|line|parental|wild ?type|wt)\b", " ", words)
    return re.sub(r"[^a-z0-9+]", "", words)


def read_lines(paths: Iterable[Path] = ()) -> LineCatalogue:
    """Return the shipped catalogue with the lines of a lab's own files over and beside it.

    Raises LineError, or Faults, where a file is missing or does not follow the form, or a name means two lines.
    """
    text = files("assaykit.line").joinpath("lines.toml").read_text(encoding="utf-8")
    lines = _lines(tomllib.loads(text), "lines.toml")
    for path in paths:
        own = _lines(toml_from_file(path, "a catalogue of cell lines", LineError, label=path.name), path.name)
        names = {line.name for line in own}
        lines = (*(line for line in lines if line.name not in names), *own)
        raise_all(_shared_names(lines, path.name))
    return LineCatalogue(lines)


def _lines(document: Mapping[str, Any], label: str) -> tuple[CellLine, ...]:
    faults: list[InputError] = [
        LineError("a catalogue of cell lines must hold [[line]] tables alone", f"'{key}'", label, "write [[line]]")
        for key in document
        if key != "line"
    ]
    entries = document.get("line", [])
    lines: list[CellLine] = []
    for number, entry in enumerate(entries if isinstance(entries, list) else [], start=1):
        try:
            lines.append(CellLine.model_validate(entry))
        except ValidationError as error:
            faults += _faults(error, f"{label}, [[line]] {number}")
    raise_all(faults)
    return tuple(lines)


def _faults(error: ValidationError, where: str) -> list[InputError]:
    must = "a line must have a name and a kind, and may have synonyms and about"

    def fault(item: Any) -> InputError:
        found = f"'{'.'.join(map(str, item['loc']))}': {item['msg']}"
        return LineError(must, found, where, f"kinds are {', '.join(KINDS)}")

    return looked_into(error.errors(), fault, LineError, where)


def _shared_names(lines: Iterable[CellLine], label: str) -> list[InputError]:
    owners: dict[str, dict[str, str]] = {}
    for line in lines:
        for name in line.names:
            owners.setdefault(plain_line(name), {})[line.name] = name
    return [
        LineError(
            "a name must mean one line",
            f"'{next(iter(named.values()))}' for {' and '.join(named)}",
            label,
            "rename one",
        )
        for named in owners.values()
        if len(named) > 1
    ]

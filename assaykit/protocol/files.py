"""Read protocol files: TOML text -> checked keys -> `Protocol` whose gates, readouts and endpoints fit together.

Shipped protocols stand in one folder, beside the package modules in an installed wheel and at the top of a checkout.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from assaykit.errors import ProtocolError, looked_into, raise_all
from assaykit.protocol.consistency import protocol_faults
from assaykit.protocol.model import Protocol
from assaykit.sources import toml_from_file
from assaykit.vocabulary import nearest

_SENTENCES = {
    "missing": "is needed",
    "string_type": "must be text in quotes",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "tuple_type": "must be a list in square brackets",
    "dict_type": "must be a table of names and values",
    "model_type": "must be a table of names and values",
    "too_short": "must have more entries",
}


def protocol_folder() -> Path:
    """Return the folder of shipped protocols: `protocols` inside the package, else at the top of the checkout."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "protocols"
    return inside if inside.is_dir() else package.parent / "protocols"


def protocol_names() -> tuple[str, ...]:
    """Return the names of the shipped protocols, sorted.

    >>> "cxcr4_surface" in protocol_names()
    True
    """
    return tuple(sorted(path.stem for path in protocol_folder().glob("*.toml")))


def protocol_path(name_or_path: str | Path) -> Path:
    """Return the file of a shipped protocol's name, or the path itself.

    Raises ProtocolError where there is no such file, naming the nearest shipped protocol.
    """
    text = str(name_or_path)
    if text in protocol_names():
        return protocol_folder() / f"{text}.toml"
    path = Path(name_or_path)
    if os.path.lexists(path):
        return path
    raise ProtocolError(
        "a protocol must be a shipped name or a file that exists", repr(text), "", _remedy(text, protocol_names())
    )


def read_protocol(name_or_path: str | Path) -> Protocol:
    """Return the protocol of a shipped name or a TOML file.

    Raises ProtocolError, or Faults with one for every key that cannot be used.

    >>> read_protocol("cxcr4_surface").channels["cxcr4"].marker
    'CXCR4'
    """
    path = protocol_path(name_or_path)
    protocol = protocol_from_table(toml_from_file(path, "a protocol", ProtocolError), where=path.name)
    raise_all(protocol_faults(protocol, where=path.name))
    return protocol


def protocol_method(name: str) -> str:
    """Return the bench method of a shipped protocol as Markdown; empty where it has none."""
    path = protocol_folder() / f"{name}.md"
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def protocol_schema() -> dict[str, Any]:
    """Return the JSON Schema of protocol files, for editors."""
    schema = Protocol.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def protocol_from_table(table: dict[str, Any], *, where: str) -> Protocol:
    """Return the protocol a TOML table holds; `where` names its file in messages.

    Raises ProtocolError, or Faults with one for every key that cannot be used.
    """
    version = table.get("assaykit", 1)
    if version != 1:
        raise ProtocolError(
            "a protocol must be of format 1", f"assaykit = {version!r}", where, "update assaykit, or write assaykit = 1"
        )
    try:
        return Protocol.model_validate(table)
    except ValidationError as error:
        raise_all(looked_into(error.errors(), lambda detail: _fault(dict(detail), where), ProtocolError, where))
        raise  # unreachable: a ValidationError holds at least one fault


def _fault(detail: dict[str, Any], where: str) -> ProtocolError:
    """Return one fault of pydantic's as a sentence with the key's place."""
    loc: tuple[str | int, ...] = detail["loc"]
    kind, found = detail["type"], detail["input"]
    place = f"{where}, {place_name(loc)}" if loc else where
    if kind == "extra_forbidden":
        known = _known_keys(loc[:-1])
        holder = place_name(loc[:-1]) or "top level"
        return ProtocolError(
            "every key must be a known one", repr(str(loc[-1])), f"{where}, {holder}", _remedy(str(loc[-1]), known)
        )
    if kind == "missing":
        holder = place_name(loc[:-1])
        return ProtocolError(f"the key {str(loc[-1])!r} is needed", "", f"{where}, {holder}" if holder else where)
    if kind == "literal_error":
        expected = str(detail["ctx"]["expected"]).replace("'", "")
        return ProtocolError(f"the value must be {expected}", repr(found), place)
    if kind in {"union_tag_invalid", "union_tag_not_found"}:
        kinds = tuple(_gate_kinds())
        given = found.get("kind", "") if isinstance(found, dict) else ""
        return ProtocolError("a gate must have a known kind", repr(given), place, _remedy(str(given), kinds))
    return ProtocolError(f"the value {_SENTENCES.get(kind, 'cannot be used')}", repr(found), place)


def place_name(loc: Sequence[str | int]) -> str:
    """Return where a key stands, counted as a reader counts.

    >>> place_name(("gate", 2, "fmo", "percentile"))
    'gate 3, percentile'
    """
    kinds = set(_gate_kinds())
    words: list[str] = []
    for index, part in enumerate(loc):
        if isinstance(part, int):
            words[-1] += f" {part + 1}"
        elif not (index >= 2 and loc[0] == "gate" and index == 2 and part in kinds):
            words.append(part)
    return ", ".join(words)


def _remedy(word: str, known: Sequence[str]) -> str:
    near = nearest(word, known)
    if near:
        return f"write {near!r}"
    return f"use one of {', '.join(known)}" if known else "remove it"


def _known_keys(loc: Sequence[str | int]) -> tuple[str, ...]:
    """Return the keys allowed at a place in the file, by walking the models along it."""
    models: tuple[type[BaseModel], ...] = (Protocol,)
    for part in loc:
        if isinstance(part, str):
            models = tuple(_step(models, part)) or models
    return tuple(sorted({field.alias or name for model in models for name, field in model.model_fields.items()}))


def _step(models: Sequence[type[BaseModel]], part: str) -> Iterator[type[BaseModel]]:
    tagged = [model for model in models if part == _kind(model)]
    if tagged:
        yield from tagged
        return
    for model in models:
        for name, field in model.model_fields.items():
            if part in (name, field.alias):
                yield from _models_in(field.annotation)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)


def _kind(model: type[BaseModel]) -> str:
    field = model.model_fields.get("kind")
    return str(field.default) if field else ""


def _gate_kinds() -> Iterator[str]:
    yield from sorted(_kind(model) for model in _models_in(Protocol.model_fields["gates"].annotation))

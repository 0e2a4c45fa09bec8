"""The JSON Schema of a catalogue of claims as its TOML is written, so that editors complete and check it."""

from __future__ import annotations

from typing import Any

from assaykit.evidence.claims import Claim, Need, Paper

_NAMES = {"type": "array", "items": {"type": "string"}}


def claims_schema() -> dict[str, Any]:
    """Return the schema: in TOML, papers and needs stand in tables of their own and claims name them by key."""
    claim = Claim.model_json_schema(by_alias=True)
    definitions = claim.pop("$defs")
    claim["properties"]["papers"] = _NAMES | {"description": "keys of [papers]"}
    for name in ("needs", "tells"):
        definitions["Test"]["properties"][name] = _NAMES | {"description": "keys of [needs]"}
    definitions["Claim"] = claim
    definitions["Need"] = _without_key(Need.model_json_schema())
    definitions["Paper"] = _without_key(Paper.model_json_schema())
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A catalogue of claims",
        "type": "object",
        "additionalProperties": False,
        "required": ["assaykit", "claim"],
        "properties": {
            "assaykit": {"const": 1},
            "title": {"type": "string"},
            "reviews": _table({"type": "object", "properties": {"title": {"type": "string"}}}),
            "papers": _table({"$ref": "#/$defs/Paper"}),
            "needs": _table({"$ref": "#/$defs/Need"}),
            "claim": {"type": "array", "items": {"$ref": "#/$defs/Claim"}},
        },
        "$defs": definitions,
    }


def _table(of: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": of}


def _without_key(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a table's entry: its key is the table's name in TOML."""
    properties = {name: value for name, value in schema["properties"].items() if name != "key"}
    return schema | {"properties": properties, "required": [name for name in schema["required"] if name != "key"]}

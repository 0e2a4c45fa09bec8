"""The JSON Schemas that are shipped are those of the models, and accept what assaykit accepts."""

from __future__ import annotations

import json
from importlib.resources import files

import pytest

from assaykit.cli.template import schema_text

SHIPPED = {
    "study": ("assaykit.study", "study.schema.json"),
    "protocol": ("assaykit.study", "protocol.schema.json"),
    "drugs": ("assaykit.treatment", "drugs.schema.json"),
}


@pytest.mark.parametrize("kind", SHIPPED)
def test_a_shipped_schema_is_current(kind):
    package, name = SHIPPED[kind]
    shipped = files(package).joinpath(name).read_text(encoding="utf-8")
    assert shipped == schema_text(kind), f"write it anew: assaykit schema {kind} -o {package.replace('.', '/')}/{name}"


def test_every_key_of_a_study_has_a_description():
    schema = json.loads(schema_text("study"))
    models = [schema, *schema["$defs"].values()]
    assert [key for model in models for key, held in model["properties"].items() if not held.get("description")] == []


def test_a_key_of_several_texts_takes_one_as_well():
    assay = json.loads(schema_text("study"))["$defs"]["AssayEntry"]["properties"]
    assert assay["plates"]["anyOf"] == [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]
    assert json.loads(schema_text("study"))["additionalProperties"] is False

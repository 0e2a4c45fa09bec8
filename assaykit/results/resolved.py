"""The resolved study as TOML: what the controls filled in stands beside what the lab wrote, and reads back equal."""

from __future__ import annotations

import tomllib
from functools import cache

import tomli_w
from pydantic import TypeAdapter

from assaykit.study import Study


@cache
def _adapter() -> TypeAdapter[Study]:
    return TypeAdapter(Study)


def study_to_toml(study: Study) -> str:
    """Return the study as TOML text."""
    return tomli_w.dumps(
        _adapter().dump_python(study, mode="json", by_alias=True, exclude_none=True, fallback=dict, warnings=False)
    )


def study_from_toml(text: str) -> Study:
    """Return the study a TOML text holds."""
    return _adapter().validate_python(tomllib.loads(text))

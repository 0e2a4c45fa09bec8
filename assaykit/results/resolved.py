"""The resolved study in two files: what was decided, as TOML, and the cells it is decided on, as a table.

Study -> study.resolved.toml, which reads like the study the lab wrote, with what the controls filled in beside it
      -> controls.parquet, the quantiles of the controls' cells: thousands of numbers that no one reads
both  -> an equal Study
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import pandas as pd
import tomli_w
from pydantic import TypeAdapter

from assaykit.study import Study
from assaykit.tables import CONTROLS, frame_from_rows

_KEY = ["assay", "plate", "control", "population"]


@cache
def _adapter() -> TypeAdapter[Study]:
    return TypeAdapter(Study)


def control_quantiles(study: Study) -> pd.DataFrame:
    """Return the quantiles of the controls' cells as a CONTROLS frame, in the study's order.

    One row per assay, plate, control, population and probability, which ascends from 0 to 1 in equal steps; values
    are raw intensities.
    """
    rows = [
        {
            "assay": assay.name,
            "plate": plate,
            "control": name,
            "channel": control.channel,
            "population": population,
            "probability": step / (len(quantiles) - 1),
            "value": value,
        }
        for assay in study.assays
        for plate, resolved in assay.resolved.items()
        for name, control in resolved.controls.items()
        for population, quantiles in control.quantiles.items()
        for step, value in enumerate(quantiles)
    ]
    return frame_from_rows(rows, CONTROLS)


def study_to_toml(study: Study) -> str:
    """Return the study as TOML text, without what is empty by default and the quantiles of `control_quantiles`.

    Numbers and choices of a protocol stand there also where they are the defaults of this version: a later one may
    have others. Wells have no more than their layout says.
    """
    whole, changed = (
        _adapter().dump_python(
            study,
            mode="json",
            by_alias=True,
            exclude_none=True,
            exclude_defaults=leave_out,
            fallback=dict,
            warnings=False,
        )
        for leave_out in (False, True)
    )
    # Wells say what their layout says of them; where each factor was written is for messages while a study is read.
    for assay, brief in zip(whole["assays"], changed["assays"], strict=True):
        for kind in ("plates", "counts"):
            for plate, layout in zip(assay[kind], brief.get(kind, ()), strict=True):
                plate["wells"] = [{k: v for k, v in well.items() if k != "places"} for well in layout["wells"]]
                layout["wells"] = plate["wells"]
    document = _without_empty(whole, changed)
    for assay in document["assays"]:
        if assay.get("catalogue") == document.get("catalogue"):  # the drugs of the study, written once
            assay.pop("catalogue", None)
    for _, _, control in _controls(document):
        del control["quantiles"]
    return tomli_w.dumps(document)


def study_from_toml(text: str, quantiles: pd.DataFrame) -> Study:
    """Return the study of a TOML text and a CONTROLS frame, equal to the one they were written from.

    Raises KeyError where a control of the text has no quantiles in the frame, ValueError where the text is no study.
    """
    document = tomllib.loads(text)
    values = {key: tuple(rows.tolist()) for key, rows in quantiles.groupby(_KEY, sort=False)["value"]}
    for assay in document.get("assays", ()):
        if "catalogue" in document:
            assay.setdefault("catalogue", document["catalogue"])
    for place, name, control in _controls(document):
        # A control that was gated elsewhere has a median and no cells, and so no quantiles
        control["quantiles"] = {population: values[*place, name, population] for population in control["cells"]}
    return _adapter().validate_python(document)


def _controls(document: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], str, dict[str, Any]]]:
    """Yield ((assay, plate), name, control) for every control of a document."""
    for assay in document.get("assays", ()):
        for plate, resolved in assay.get("resolved", {}).items():
            for name, control in resolved.get("controls", {}).items():
                yield (assay["name"], plate), name, control


def _without_empty(whole: Any, changed: Any) -> Any:
    """Return `whole` without the texts, lists and tables that are empty and not in `changed`: empty by default."""
    match whole:
        case dict():
            return {
                key: _without_empty(value, changed[key]) if key in changed else value
                for key, value in whole.items()
                if key in changed or value not in ("", [], {})
            }
        case list():
            return [_without_empty(*pair) for pair in zip(whole, changed, strict=True)]
        case _:
            return whole

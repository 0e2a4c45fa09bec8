"""What was set by hand in a run, beside what stood there before: resolved study -> OVERRIDES; two runs -> verdicts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pandas as pd

from assaykit.cytometry import gate_words, gates_for
from assaykit.plate import Well
from assaykit.study import Assay, Override, ResolvedPlate, Study
from assaykit.tables import OVERRIDES, VERDICTS_BY_HAND, frame_from_rows

AS_ESTIMATED = "as estimated, without manual changes"
"""The variation of the robustness table that leaves out everything set by hand."""


def has_overrides(study: Study) -> bool:
    """Whether anything in the study was set by hand."""
    return any(assay.overrides for assay in study.assays)


def overrides_table(study: Study) -> pd.DataFrame:
    """Return OVERRIDES of a resolved study: a row per line and plate (and channel) it holds for."""
    rows = (
        _place(assay, plate, override) | change
        for assay in study.assays
        for override in assay.overrides
        for plate in override.plates
        for change in _changes(assay, plate, override)
    )
    return frame_from_rows(rows, OVERRIDES)


def _place(assay: Assay, plate: str, override: Override) -> dict[str, Any]:
    return {
        "assay": assay.name,
        "plate": plate,
        "wells": ", ".join(override.plates[plate]),
        "reason": override.reason,
        "set_by": override.by,
        "set_on": override.on,
        "source": override.source,
    }


def _changes(assay: Assay, plate: str, override: Override) -> Iterator[dict[str, str]]:
    if override.exclude:
        yield {"what": "exclusion", "before": "in", "after": "left out"}
    for role, channel in override.channels.items():
        before = assay.channels.get(role, "by its usual names")
        yield {"what": f"channel {role}", "before": before, "after": channel}
    if override.form is not None:
        before = _before(assay.resolved.get(plate, ResolvedPlate()), override, override.plates[plate])
        yield {"what": f"gate {override.gate}", "before": before, "after": gate_words(override.form)}


def _before(resolved: ResolvedPlate, override: Override, wells: tuple[str, ...]) -> str:
    """Return the gate in words as it was estimated for the plate, or of the first of its wells; "" where none was."""
    whole = {gate.name: gate for gate in (*resolved.gates, *resolved.estimated)}
    if wells:
        whole |= {gate.name: gate for gate in gates_for(replace(resolved, by_well={}), Well(wells[0]))}
    gate = whole.get(override.gate)
    return "" if gate is None else gate_words(gate)


def verdicts_by_hand(comparisons: pd.DataFrame, as_estimated: pd.DataFrame) -> pd.DataFrame:
    """Return VERDICTS_BY_HAND: each claim tested in either run, its verdict in both, and whether they differ."""
    keys = ["review", "claim"]
    both = comparisons.merge(as_estimated, on=keys, suffixes=("", "_as_estimated"), validate="one_to_one")
    tested = both[~(both["verdict"].eq("not testable") & both["verdict_as_estimated"].eq("not testable"))]
    return frame_from_rows(
        (
            {name: row[name] for name in VERDICTS_BY_HAND.names if name != "depends"}
            | {"depends": row["verdict"] != row["verdict_as_estimated"]}
            for row in tested.to_dict("records")
        ),
        VERDICTS_BY_HAND,
    )

"""The layout's column `control`: which control wells serve a well, by their names or by a label both carry.

`control = "H3"` names a well; `control = "donor 7"` names every control well that carries the same label. Several may
stand with commas between.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from assaykit.errors import LayoutError
from assaykit.plate.model import Plate, Well
from assaykit.plate.positions import position_from_well, well_from_position
from assaykit.vocabulary import Role, nearest

CONTROLS: frozenset[Role] = frozenset({"fmo", "isotype", "unstained"})
"""Roles of wells that samples are measured against."""


def labels_of(well: Well) -> tuple[str, ...]:
    """Return the wells or labels that a well's `control` names, wells as A1 and labels folded.

    >>> labels_of(Well("B2", factors={"control": "h03; Donor 7"}))
    ('H3', 'donor 7')
    """
    parts = (part.strip() for part in re.split(r"[,;]", str(well.factors.get("control", ""))))
    return tuple(_well_name(part) or part.casefold() for part in parts if part)


def controls_named(plate: Plate, well: Well) -> tuple[Well, ...]:
    """Return the control wells that a well's `control` names, in the plate's order; none where it names none."""
    return _once(other for label in labels_of(well) for other in _meant(plate, label))


def reserved_controls(plate: Plate) -> tuple[Well, ...]:
    """Return the control wells that serve only the wells which name them or their label."""
    served = (well for well in plate.wells if well.role not in CONTROLS)
    return _once(other for well in served for other in controls_named(plate, well))


def _once(wells: Iterable[Well]) -> tuple[Well, ...]:
    return tuple({well.name: well for well in wells}.values())


def _meant(plate: Plate, label: str) -> list[Well]:
    """Return the control wells that carry a label; where none does, the control well of that name."""
    controls = [well for well in plate.wells if well.role in CONTROLS]
    return [well for well in controls if label in labels_of(well)] or [well for well in controls if well.name == label]


def control_faults(plate: Plate) -> list[LayoutError]:
    """Return a fault per `control` that names neither a control well nor a label that control wells carry."""
    lost: dict[str, list[Well]] = {}
    for well in plate.wells:
        for label in labels_of(well):
            if not _meant(plate, label):
                lost.setdefault(label, []).append(well)
    controls = [well for well in plate.wells if well.role in CONTROLS]
    carried = tuple(dict.fromkeys(label for well in controls for label in (*labels_of(well), well.name)))
    must = "a control must be a well of the role fmo, isotype or unstained, or a label that such wells carry as well"
    faults = []
    for label, wells in lost.items():
        role = next((well.role for well in plate.wells if well.name == label), "")
        found = f"{label}, a well of the role {role}" if role else f"'{label}'"
        where = wells[0].place("control") + (f" and {len(wells) - 1} more" if len(wells) > 1 else "")
        near = nearest(label, carried)
        wells_too = f"write '{label}' in the column control of the wells that serve, too"
        faults.append(LayoutError(must, found, where, f"write '{near}'" if near else wells_too))
    return faults


def _well_name(text: str) -> str:
    try:
        return well_from_position(position_from_well(text))
    except LayoutError:
        return ""

"""The layout's columns `exclude` and `note`: wells left out with a reason where they are described, and remarks.

`exclude` holds the reason, or yes with the reason in `note`. It is the same as an [[override]] with exclude = true: the
well stays in sight, goes into nothing, and the answer with it stands beside.
"""

from __future__ import annotations

from collections.abc import Iterator

from assaykit.plate import Plate, Well
from assaykit.study.model import Assay, Override
from assaykit.tables import Finding

_NO = ("no", "n", "false", "0", "nein", "non")
_YES = ("yes", "y", "true", "1", "x", "ja", "oui", "si", "exclude", "excluded")


def layout_exclusions(assay: Assay) -> tuple[Override, ...]:
    """Return an override per reason and plate for which a layout leaves wells out."""
    found: dict[tuple[str, str], list[Well]] = {}
    for plate in (*assay.plates, *assay.counts):
        for well in plate.wells:
            reason = _reason(well)
            if reason:
                found.setdefault((plate.name, reason), []).append(well)
    return tuple(
        Override(
            source=wells[0].place("exclude"),
            reason=reason,
            plates={plate: tuple(well.name for well in wells)},
            closeness=3,  # wells by name
            exclude=True,
        )
        for (plate, reason), wells in found.items()
    )


def _reason(well: Well) -> str:
    """Return why a well is left out; "" where it is not."""
    written = well.notes.get("exclude", "")
    if written.casefold() in ("", *_NO):
        return ""
    return well.notes.get("note", "excluded in the layout") if written.casefold() in _YES else written


def remarks(plate: Plate) -> Iterator[Finding]:
    """Yield what a layout notes of its wells, but for the reasons of those it leaves out."""
    for well in plate.wells:
        note = well.notes.get("note", "")
        if note and note != _reason(well):
            yield Finding("note", "layout_note", f"the layout notes: {note}", plate.name, well.name)

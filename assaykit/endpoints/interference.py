"""Which wells cannot answer because a drug disturbs the assay itself, as the drug catalogue says."""

from __future__ import annotations

import re
from collections.abc import Iterable

from assaykit.endpoints.model import Doubt, WellReadings
from assaykit.endpoints.wells import factor_holds, text
from assaykit.errors import TreatmentError
from assaykit.protocol import ChannelRole
from assaykit.treatment import Catalogue, Interference, Treatment, parse_treatment

INTERFERENCE = "interference"


def treatments_by_text(wells: Iterable[WellReadings], catalogue: Catalogue) -> dict[str, Treatment]:
    """Return every treatment of the wells by its text; those the catalogue does not know are left out."""
    found: dict[str, Treatment] = {}
    for written in dict.fromkeys(well.treatment for well in wells):
        try:
            found[written] = parse_treatment(written, catalogue)
        except TreatmentError:
            continue  # reading the study has said so
    return found


def interference_doubt(
    well: WellReadings, role: ChannelRole, *, treatment: Treatment | None, catalogue: Catalogue
) -> Doubt | None:
    """Return why a drug of the well makes this channel unreadable, or None.

    The clone is the well's factor `clone` where it has one, else the protocol's. Only a clone the catalogue names as
    free can answer: an undeclared or an unlisted one may compete too. Wells with washout = "yes" had the drug washed
    off before staining.
    """
    if treatment is None or factor_holds(well, "washout"):
        return None
    clone = text(well.factors.get("clone", "")) or role.clone
    for drug in treatment.drugs:
        for interference in catalogue[drug].interferences:
            concerned = role.marker and interference.marker.casefold() == role.marker.casefold()
            if concerned and not _among(clone, interference.free_clones):
                return Doubt("not_interpretable", INTERFERENCE, _sentence(interference, clone))
    return None


def _among(clone: str, names: Iterable[str]) -> bool:
    """Whether a clone is one of the names, as labs write them: "12G5-PE" and "clone 12G5" are 12G5."""
    words = set(re.findall(r"[a-z0-9]+", clone.casefold()))
    return any(name.casefold() in words for name in names)


def _sentence(interference: Interference, clone: str) -> str:
    if not interference.clones or _among(clone, interference.clones):
        return interference.reason
    what = f"clone {clone} is not known to stay free of it" if clone else "the clone is not declared"
    free = " or ".join(interference.free_clones)
    return f"{what}, and {interference.reason}" + (f"; {free} would do" if free else "")

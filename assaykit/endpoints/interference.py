"""Which wells cannot answer because a drug disturbs the assay itself, as the drug catalogue says."""

from __future__ import annotations

from assaykit.endpoints.model import Doubt, MeasuredWell
from assaykit.endpoints.wells import flag, text
from assaykit.errors import TreatmentError
from assaykit.protocol.model import ChannelRole
from assaykit.treatment import Catalogue, Interference, Treatment, parse_treatment

CHECK = "interference"


def treatment_of(written: str, catalogue: Catalogue) -> Treatment | None:
    """Return the treatment a canonical text names, or None where the catalogue does not know it."""
    try:
        return parse_treatment(written, catalogue)
    except TreatmentError:
        return None


def interference_doubt(well: MeasuredWell, role: ChannelRole, catalogue: Catalogue) -> Doubt | None:
    """Return why a drug of the well makes this channel unreadable, or None.

    The clone is the well's factor `clone` where it has one, else the protocol's. An undeclared clone may compete, so
    it cannot answer either. Wells with washout = "yes" had the drug washed off before staining.
    """
    treatment = treatment_of(well.treatment, catalogue)
    if treatment is None or flag(well, "washout"):
        return None
    clone = text(well.factors.get("clone", "")) or role.clone
    for drug in treatment.drugs:
        for interference in catalogue[drug].interferences:
            if _concerns(interference, role.marker, clone):
                return Doubt("not_interpretable", CHECK, _sentence(interference, clone))
    return None


def _concerns(interference: Interference, marker: str, clone: str) -> bool:
    if not marker or interference.marker.casefold() != marker.casefold():
        return False
    free = {name.casefold() for name in interference.free_clones}
    competing = {name.casefold() for name in interference.clones}
    return clone.casefold() not in free and (not clone or not competing or clone.casefold() in competing)


def _sentence(interference: Interference, clone: str) -> str:
    if clone:
        return interference.reason
    free = " or ".join(interference.free_clones)
    return f"the clone is not declared, and {interference.reason}" + (f"; {free} would do" if free else "")

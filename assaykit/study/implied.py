"""Wells that a layout's rows and columns only imply: used where they are complete, and named where they are left out.

A wellmap layout of rows A and C and columns 1 and 3 implies B1, A2 and the like, whether the lab filled them or not.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from assaykit.plate import Plate
from assaykit.sources import is_file
from assaykit.tables import Finding


def without_implied(plate: Plate, names: Iterable[str], why: str) -> tuple[Plate, tuple[Finding, ...]]:
    """Return the plate without the implied wells of these names, and a finding that names them and says why."""
    left_out = [well.name for well in plate.wells if well.implied and well.name in set(names)]
    if not left_out:
        return plate, ()
    shown = ", ".join(left_out[:12]) + (f" and {len(left_out) - 12} more" if len(left_out) > 12 else "")
    message = (
        f"rows and columns of the layout imply {shown}, which {why}: left out. If they were used, describe them by "
        "[well] or [block]; if not, name the used wells so in place of [row] or [col]."
    )
    wells = tuple(well for well in plate.wells if well.name not in left_out)
    return replace(plate, wells=wells), (Finding("warn", "wells_implied", message, plate.name),)


def without_implied_files(plate: Plate) -> tuple[Plate, tuple[Finding, ...]]:
    """Return the plate without implied wells that have neither an FCS file nor counts, and what is said of it.

    Those that remain are wells like all others.
    """
    empty = [well.name for well in plate.wells if not well.counts and not (well.file and is_file(well.file))]
    filled, findings = without_implied(plate, empty, "have no FCS file")
    return replace(filled, wells=tuple(replace(well, implied=False) for well in filled.wells)), findings

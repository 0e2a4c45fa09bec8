"""Which control serves which well: same treatment and context first, then the same context, then the plate.

A drug changes autofluorescence, so an FMO of the same treatment is the right one; where the lab made none, a wider
one serves and the finding says so. Factors on which the controls differ otherwise (line, donor) are respected first.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from assaykit.plate.model import Plate, Role, Well
from assaykit.study.model import Assay

TECHNICAL = frozenset({"treatment", "context", "marker", "replicate", "repeat", "insert", "tube", "dose", "well"})
Closeness = Literal["treatment", "context", "plate"]


@dataclass(frozen=True, slots=True)
class Match:
    """The control wells that serve a well, and how close they are to it."""

    wells: tuple[Well, ...]
    closeness: Closeness

    @property
    def key(self) -> str:
        """The control's name: its wells."""
        return ", ".join(well.name for well in self.wells)


def text_factor(well: Well, name: str) -> str:
    """Return a factor as text; "" where the well has none."""
    return str(well.factors.get(name, ""))


def aliases(assay: Assay, role: str) -> frozenset[str]:
    """Return what a layout may call the stain of a channel role: the role, its marker, channel or usual names."""
    recipe = assay.protocol.channels.get(role)
    names = [role, assay.channels.get(role, ""), *((recipe.marker, *recipe.names) if recipe else ())]
    without_area = [name[:-2] for name in names if name[-2:].casefold() in {"-a", "-h"}]
    return frozenset(plain_name(name) for name in [*names, *without_area] if plain_name(name))


def plain_name(name: str) -> str:
    """Return letters and digits alone, and no "FMO": a layout may say `FMO-CXCR4` or `cxcr4 fmo`."""
    return "".join(part for part in re.findall(r"[a-z0-9]+", name.casefold()) if part != "fmo")


def marker_of(well: Well) -> str:
    """Return the stain a control well's `marker` names, letters and digits alone; "" where it names none."""
    return plain_name(text_factor(well, "marker"))


def concerns(assay: Assay, well: Well, role: str) -> bool:
    """Whether a control well's `marker` names this channel; a control without a marker concerns every channel."""
    marker = marker_of(well)
    return not marker or marker in aliases(assay, role)


def controls_of(assay: Assay, plate: Plate, channel: str) -> dict[Role, tuple[Well, ...]]:
    """Return the wells that show a channel unstained by role, FMO before isotype before unstained; no empty role."""
    roles: tuple[Role, ...] = ("fmo", "isotype", "unstained")
    found = {
        role: tuple(
            well
            for well in plate.wells
            if well.role == role and well.file is not None and concerns(assay, well, channel)
        )
        for role in roles
    }
    return {role: wells for role, wells in found.items() if wells}


def match_control(well: Well, controls: Sequence[Well]) -> Match:
    """Return the controls that serve a well; `controls` must not be empty."""
    alike = _alike(well, controls)
    for closeness, factors in (("treatment", ("treatment", "context")), ("context", ("context",))):
        same = [control for control in alike if all(_agrees(control, well, factor) for factor in factors)]
        if same:
            return Match(tuple(same), "treatment" if closeness == "treatment" else "context")
    return Match(tuple(alike), "plate")


def _agrees(control: Well, well: Well, factor: str) -> bool:
    """Whether a control shares a factor with a well; one whose context nobody wrote down serves every context."""
    written = text_factor(control, factor)
    return written == text_factor(well, factor) or (factor == "context" and not written)


def _alike(well: Well, controls: Sequence[Well]) -> list[Well]:
    """Keep the controls that agree on the other factors they differ in (line, donor), where any does."""
    names = {name for control in controls for name in control.factors} - TECHNICAL
    varying = [name for name in sorted(names) if len({text_factor(control, name) for control in controls}) > 1]
    kept = list(controls)
    for name in varying:
        wanted = text_factor(well, name)
        kept = [c for c in kept if wanted and text_factor(c, name) == wanted] or kept
    return kept

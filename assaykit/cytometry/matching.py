"""Which control serves which well: the one the layout names, then same treatment and context, then context, then plate.

A drug changes autofluorescence, so an FMO of the same treatment is the right one; where the lab made none, a wider
one serves and the finding says so. Factors on which the controls differ otherwise (line, donor) are respected first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from assaykit.cytometry.channels import role_columns
from assaykit.errors import FcsError
from assaykit.fcs import Channel, read_fcs_header
from assaykit.plate import Plate, Well
from assaykit.sources import is_file
from assaykit.study import Assay, bare_names, marker_parts, plain_name
from assaykit.vocabulary import Role

MARKER_ROLES = "marked roles"
"""The factor that `with_marker_roles` adds: the channel roles a control's `marker` names, with commas between."""
TECHNICAL = frozenset(
    {"treatment", "context", "marker", MARKER_ROLES, "control", "replicate", "repeat", "insert", "tube", "dose", "well"}
)
Closeness = Literal["named", "treatment", "context", "plate"]


@dataclass(frozen=True, slots=True)
class ControlMatch:
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


def stain_roles(assay: Assay, channels: Sequence[Channel] = ()) -> dict[str, frozenset[str]]:
    """Return what a layout may call a stain -> the roles it then means; none for a channel that has no role.

    Names are letters and digits alone. A role's own name comes first, then the channel the study gives it, then what
    the file calls its channels, then markers and usual names: a usual name that is another role's channel is that
    role's.
    """
    recipes = assay.protocol.channels
    columns = role_columns(assay, channels, recipes)
    holders = {name: role for role, name in columns.items()}
    literal = [
        (name, holders.get(channel.name)) for channel in channels for name in (*bare_names(channel.name), channel.stain)
    ]
    tiers: tuple[Iterable[tuple[str, str | None]], ...] = (
        [(role, role) for role in recipes],
        [(name, role) for role, told in assay.channels.items() for name in bare_names(told)],
        literal,
        [(recipe.marker, role) for role, recipe in recipes.items()],
        [(name, role) for role, recipe in recipes.items() for usual in recipe.names for name in bare_names(usual)],
    )
    known: dict[str, frozenset[str]] = {}
    for tier in tiers:
        met: dict[str, frozenset[str]] = {}
        for name, role in tier:
            plain = plain_name(name)
            if plain and plain not in known:
                met[plain] = met.get(plain, frozenset()) | ({role} if role else frozenset())
        known |= met
    return known


def roles_of_marker(text: str, known: Mapping[str, frozenset[str]]) -> frozenset[str] | None:
    """Return the roles a marker names, one or several with commas, semicolons, slashes or plus signs between.

    None where any of them is no stain that is known.
    """
    whole = known.get(plain_name(text))
    if whole is not None:
        return whole
    parts = [known.get(plain_name(part)) for part in marker_parts(text)]
    named = [part for part in parts if part is not None]
    return frozenset[str]().union(*named) if len(named) == len(parts) else None


def with_marker_roles(assay: Assay, plate: Plate) -> Plate:
    """Return the plate whose controls say which roles their markers name, as their own files call the channels."""
    return replace(plate, wells=tuple(_with_roles(assay, well) for well in plate.wells))


def _with_roles(assay: Assay, well: Well) -> Well:
    if not marker_of(well):
        return well
    channels: tuple[Channel, ...] = ()
    if well.file is not None and is_file(well.file):
        try:
            channels = tuple(read_fcs_header(well.file).channels)
        except FcsError:
            channels = ()  # measuring the well says why
    roles = roles_of_marker(text_factor(well, "marker"), stain_roles(assay, channels))
    return replace(well, factors={**well.factors, MARKER_ROLES: ", ".join(sorted(roles or ()))})


def marker_of(well: Well) -> str:
    """Return the stain a control well's `marker` names, letters and digits alone; "" where it names none."""
    return plain_name(text_factor(well, "marker"))


def concerns(assay: Assay, well: Well, role: str) -> bool:
    """Whether a control well's `marker` names this channel; a control without a marker concerns every channel."""
    if not marker_of(well):
        return True
    if MARKER_ROLES in well.factors:
        return role in text_factor(well, MARKER_ROLES).split(", ")
    return role in (roles_of_marker(text_factor(well, "marker"), stain_roles(assay)) or ())


def controls_of(assay: Assay, plate: Plate, channel: str) -> dict[Role, tuple[Well, ...]]:
    """Return the wells that show a channel unstained by role, FMO before isotype before unstained; no empty role."""
    roles: tuple[Role, ...] = ("fmo", "isotype", "unstained")
    found = {
        role: tuple(
            well
            for well in plate.wells
            if well.role == role and (well.file is not None or well.readouts) and concerns(assay, well, channel)
        )
        for role in roles
    }
    return {role: wells for role, wells in found.items() if wells}


def match_control(well: Well, controls: Sequence[Well]) -> ControlMatch:
    """Return the controls that serve a well; `controls` must not be empty."""
    alike = _alike(well, controls)
    for closeness, factors in (("treatment", ("treatment", "context")), ("context", ("context",))):
        same = [control for control in alike if all(_agrees(control, well, factor) for factor in factors)]
        if same:
            return ControlMatch(tuple(same), "treatment" if closeness == "treatment" else "context")
    return ControlMatch(tuple(alike), "plate")


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

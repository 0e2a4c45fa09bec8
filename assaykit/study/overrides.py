"""What a person sets by hand: lines of the study and of review.toml, checked and laid over what is estimated.

OverrideEntry (as written) -> assay, plates and wells it holds for -> the gate in its new form -> Override | faults

Of two lines for the same wells the closer wins: wells by name, wells of a factor, a plate, the assay. Two equally
close lines that differ contradict each other, which is a fault.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from assaykit.errors import Faults, InputError, LayoutError, StudyError, TreatmentError
from assaykit.plate import Plate, Well, position_from_well, well_from_position
from assaykit.protocol import (
    BooleanGate,
    ControlGate,
    DebrisGate,
    EstimatedModel,
    FmoGate,
    Gate,
    PolygonGate,
    QuadrantGate,
    Ratio,
    SingletGate,
    ThresholdGate,
    ValleyGate,
    ViabilityGate,
    protocol_from_table,
)
from assaykit.study.file import OverrideEntry
from assaykit.study.model import Assay, Override, Study
from assaykit.vocabulary import nearest

CHANGES = ("value", "polygon", "shape", "method", "keep", "channels", "exclude")
Side = Literal["above", "below"]


@dataclass(frozen=True, slots=True)
class OverrideLine:
    """One override as written, and where."""

    entry: OverrideEntry
    where: str

    @property
    def change(self) -> str:
        """The key that says what is changed, or every such key, with commas between."""
        return ", ".join(key for key in CHANGES if getattr(self.entry, key) not in (None, "", {}, False))


@dataclass(frozen=True, slots=True)
class _AssayPlates:
    """An assay, the name it has in the study file, and the plates and wells a line may hold for there."""

    assay: Assay
    written: str
    plates: tuple[Plate, ...]


def with_overrides(
    assays: Sequence[tuple[str, Assay]], lines: Sequence[OverrideLine], *, canonical: Callable[[str], str]
) -> tuple[tuple[Assay, ...], list[InputError]]:
    """Return the assays, each with what was set by hand there, and a fault per line that fits none.

    `assays` are pairs of the name in the study file and the assay: `by` makes several of one. `canonical` makes the
    canonical text of a treatment.
    """
    faults: list[InputError] = []
    held: dict[str, list[Override]] = {assay.name: [] for _, assay in assays}
    for line in lines:
        try:
            for assay, override in _place_line(line, assays, canonical):
                held[assay.name].append(override)
        except InputError as error:
            faults.append(error)
        except Faults as several:
            faults += several.errors
    faults += {str(fault): fault for made in held.values() for fault in _contradictions(made)}.values()
    return tuple(replace(assay, overrides=tuple(held[assay.name])) for _, assay in assays), faults


def without_overrides(study: Study) -> Study:
    """Return the study as it would be had nobody set anything by hand."""
    return replace(study, assays=tuple(replace(assay, overrides=()) for assay in study.assays))


def on_plate(assay: Assay, plate: Plate) -> Assay:
    """Return the assay with what a person set by hand on this plate, its channels in place of the assay's."""
    if not assay.overrides:
        return assay
    own = tuple(sorted((o for o in assay.overrides if plate.name in o.plates), key=lambda o: o.closeness))
    channels = {role: channel for override in own for role, channel in override.channels.items()}
    return replace(assay, overrides=own, channels={**assay.channels, **channels})


def excluded_wells(assay: Assay, plate: Plate) -> dict[str, Override]:
    """Return the wells of a plate that a person left out, each with the line that says so."""
    lines = [o for o in assay.overrides if o.exclude and plate.name in o.plates]
    return {well.name: o for o in lines for well in plate.wells if well.name in (o.plates[plate.name] or (well.name,))}


def fixed_by_hand(assay: Assay, plate: str, gate: str) -> bool:
    """Whether a person drew a gate of a whole plate, rather than have it estimated otherwise."""
    drawn = [o for o in gate_overrides(assay, plate, gate) if not o.plates[plate]]
    return bool(drawn) and not isinstance(drawn[-1].form, EstimatedModel)


def gate_overrides(assay: Assay, plate: str, gate: str) -> list[Override]:
    """Return what holds for a gate on a plate, the closest last."""
    return sorted((o for o in assay.overrides if o.gate == gate and plate in o.plates), key=lambda o: o.closeness)


# Where a line holds ---------------------------------------------------------------------------------------------


def _place_line(
    line: OverrideLine, assays: Sequence[tuple[str, Assay]], canonical: Callable[[str], str]
) -> Iterator[tuple[Assay, Override]]:
    """Yield the assays a line holds for, each with the override; raises StudyError where it holds for none."""
    entry = line.entry
    if not line.change or ", " in line.change:
        must = f"an override must make one change: {', '.join(CHANGES)}"
        raise StudyError(must, line.change or "none", line.where, "write one [[override]] for each change")
    for_gate = line.change not in {"channels", "exclude"}
    if for_gate != bool(entry.gate):
        must = f"'{line.change}' must {'stand with the gate it sets' if for_gate else 'stand without a gate'}"
        found = f'gate = "{entry.gate}"' if entry.gate else "no gate"
        raise StudyError(must, found, line.where, 'write gate = "..."' if for_gate else "delete one of the two")
    if entry.channels and (entry.well or entry.where):
        raise StudyError("channels must be set for whole plates", "wells", line.where, "write plate alone")
    homes = _of_assay(line, assays)
    homes = _with_names(line, homes, "gate", entry.gate, lambda a: [gate.name for gate in a.protocol.gates])
    for role in entry.channels:
        homes = _with_names(line, homes, "channel role", role, lambda a: list(a.protocol.channels))
    homes = _on_plates(line, homes, counts=entry.exclude)
    homes = _on_wells(line, homes)
    homes = _of_levels(line, homes, canonical)
    if len({home.written for home in homes}) > 1:
        found = ", ".join(dict.fromkeys(home.written for home in homes))
        must = "an override must name its assay where several fit"
        raise StudyError(must, found, line.where, f'write assay = "{homes[0].written}"')
    if entry.sha256 and sum(len(plate.wells) for home in homes for plate in home.plates) != 1:
        raise StudyError("sha256 must stand with one well", "several", line.where, "write plate and well")
    closeness = 3 if entry.well else 2 if entry.where else 1 if entry.plate else 0
    for home in homes:
        written = next((gate for gate in home.assay.protocol.gates if gate.name == entry.gate), None)
        yield (
            home.assay,
            Override(
                source=line.where,
                reason=entry.reason,
                plates={
                    plate.name: tuple(well.name for well in plate.wells) if closeness > 1 else ()
                    for plate in home.plates
                },
                closeness=closeness,
                gate=entry.gate,
                form=None if written is None else gate_with_change(written, line),
                channels=dict(entry.channels),
                exclude=entry.exclude,
                was=entry.was,
                sha256=entry.sha256.lower(),
                by=entry.by,
                on=entry.on,
            ),
        )


def _of_assay(line: OverrideLine, assays: Sequence[tuple[str, Assay]]) -> list[_AssayPlates]:
    wanted = line.entry.assay
    homes = [
        _AssayPlates(assay, written, (*assay.plates, *assay.counts))
        for written, assay in assays
        if wanted in ("", written, assay.name)
    ]
    if not homes:
        raise _match_error(line, "an assay", "the study has", wanted, [name for name, _ in assays])
    return homes


def _with_names(
    line: OverrideLine, homes: list[_AssayPlates], noun: str, name: str, names: Callable[[Assay], list[str]]
) -> list[_AssayPlates]:
    """Return the homes whose protocol has a name (a gate, a channel role), or all where there is nothing to ask."""
    kept = [home for home in homes if not name or name in names(home.assay)]
    if not kept:
        protocols = ", ".join(dict.fromkeys(home.assay.protocol.name for home in homes))
        known = [known for home in homes for known in names(home.assay)]
        raise _match_error(line, f"a {noun}", f"protocol {protocols} has", name, known)
    return kept


def _on_plates(line: OverrideLine, homes: Sequence[_AssayPlates], *, counts: bool) -> list[_AssayPlates]:
    """Return the homes with the plates a line names, or all of them; a plate that none has is a fault."""
    offered = [replace(home, plates=home.plates if counts else home.assay.plates) for home in homes]
    known = [plate.name for home in offered for plate in home.plates]
    for name in line.entry.plate:
        if name not in known:
            raise _match_error(line, "a plate", "the assay has", name, known)
    wanted = line.entry.plate or known
    kept = [replace(home, plates=tuple(plate for plate in home.plates if plate.name in wanted)) for home in offered]
    return [home for home in kept if home.plates]


def _on_wells(line: OverrideLine, homes: Sequence[_AssayPlates]) -> list[_AssayPlates]:
    """Return the homes with the wells a line names, or all of them; a well that no plate has is a fault."""
    if not line.entry.well:
        return list(homes)
    wanted = tuple(_well_name(text) for text in line.entry.well)
    known = {well.name for home in homes for plate in home.plates for well in plate.wells}
    for name in wanted:
        if name not in known:
            plates = ", ".join(dict.fromkeys(plate.name for home in homes for plate in home.plates))
            must = "a well must be one that the layout describes"
            raise StudyError(must, f"'{name}' of {plates}", line.where, "mend the well, or the plate")
    return _narrow(homes, lambda well: well.name in wanted)


def _of_levels(
    line: OverrideLine, homes: Sequence[_AssayPlates], canonical: Callable[[str], str]
) -> list[_AssayPlates]:
    """Return the homes with the wells of the factors' levels a line names."""
    wells = [well for home in homes for plate in home.plates for well in plate.wells]
    kept = list(homes)
    for factor, written in line.entry.where.items():
        level = _canonical(written, line, canonical) if factor == "treatment" else written.strip()
        factors = dict.fromkeys(name for well in wells for name in well.factors)
        if factor not in factors:
            raise _match_error(line, "a factor", "the layouts have", factor, list(factors))
        levels = [_level(well, factor) for well in wells if _level(well, factor)]
        if level not in levels:
            raise _match_error(line, f"a level of {factor}", "the layouts have", level, levels)
        kept = _narrow(kept, lambda well, factor=factor, level=level: _level(well, factor) == level)  # type: ignore[misc]
    if not kept:
        found = ", ".join(f"{factor} {level}" for factor, level in line.entry.where.items())
        raise StudyError("an override must hold for a well", f"none with {found}", line.where, "mend 'where'")
    return kept


def _canonical(treatment: str, line: OverrideLine, canonical: Callable[[str], str]) -> str:
    try:
        return canonical(treatment)
    except TreatmentError as error:
        raise TreatmentError(error.must, error.found, f"{line.where}, where", error.remedy) from None


def _narrow(homes: Iterable[_AssayPlates], kept: Callable[[Well], bool]) -> list[_AssayPlates]:
    """Return the homes with the wells kept, without the plates and homes that lose all theirs."""
    found = []
    for home in homes:
        plates = [replace(plate, wells=tuple(filter(kept, plate.wells))) for plate in home.plates]
        found.append(replace(home, plates=tuple(plate for plate in plates if plate.wells)))
    return [home for home in found if home.plates]


def _level(well: Well, factor: str) -> str:
    value = well.factors.get(factor, "")
    return value.strip() if isinstance(value, str) else f"{value:g}"


def _well_name(text: str) -> str:
    """Return a well's canonical name; a row of a counts table keeps its own.

    >>> _well_name("b03"), _well_name("row 7")
    ('B3', 'row 7')
    """
    try:
        return well_from_position(position_from_well(text))
    except LayoutError:
        return text.strip()


def _match_error(line: OverrideLine, noun: str, whose: str, found: str, known: Iterable[str]) -> StudyError:
    names = tuple(dict.fromkeys(known))
    near = nearest(found, names)
    remedy = f"write '{near}'" if near else f"use one of {', '.join(names[:12])}" + (" ..." if len(names) > 12 else "")
    return StudyError(f"{noun} must be one that {whose}", f"'{found}'", line.where, remedy if names else "")


def _contradictions(overrides: Sequence[Override]) -> Iterator[StudyError]:
    """Yield a fault per line that sets otherwise, for the same wells, what an equally close line before it sets."""
    first: dict[tuple[int, str, str, str], Override] = {}
    for override in overrides:
        things = [f"the gate {override.gate}"] if override.gate else [f"the channel of {r}" for r in override.channels]
        for thing in things:
            places = [(plate, well) for plate, wells in override.plates.items() for well in wells or ("",)]
            others = (first.setdefault((override.closeness, thing, *place), override) for place in places)
            other = next((one for one in others if _sets(one, thing) != _sets(override, thing)), None)
            if other is not None:
                found = f"two that differ, {other.source} and {override.source}"
                where = other.source.split(",", maxsplit=1)[0]
                remedy = "delete one, or name other plates or wells"
                yield StudyError(f"one line must set {thing} for a well", found, where, remedy)


def _sets(override: Override, thing: str) -> object:
    return override.form if override.gate else override.channels[thing.removeprefix("the channel of ")]


# The gate in its new form ---------------------------------------------------------------------------------------


def gate_with_change(gate: Gate, line: OverrideLine) -> Gate:
    """Return the gate as a line sets it, under its name and on its parent; StudyError where it cannot be set so."""
    match line.change:
        case "value":
            return _at_value(gate, line)
        case "polygon":
            return _polygon(gate, line)
        case "method":
            return _by_method(gate, line)
        case "keep":
            return BooleanGate(name=gate.name, parent=gate.parent, operation="and", of=(gate.parent,))
        case _:
            return _gate_from_shape(gate, line)


def _at_value(gate: Gate, line: OverrideLine) -> ThresholdGate:
    value = line.entry.value
    assert value is not None
    match gate:
        case ThresholdGate():
            return gate.model_copy(update={"value": value, "low": None, "high": None})
        case SingletGate():
            channel, side = f"{gate.area}/{gate.height}", "below"
            ratios = {channel: Ratio(numerator=gate.area, denominator=gate.height)}
        case DebrisGate():
            channel, side, ratios = gate.channel, "above", {}
        case ViabilityGate() | FmoGate() | ControlGate() | ValleyGate():
            channel, side, ratios = gate.channel, _side(gate), {}
        case _:
            must = "'value' must be given to a gate that is one threshold"
            found = f"{gate.name}, a gate of kind {gate.kind}"
            raise StudyError(must, found, line.where, 'write polygon = ..., or shape = { kind = "..." }')
    return ThresholdGate(name=gate.name, parent=gate.parent, channel=channel, value=value, side=side, ratios=ratios)


def _side(gate: ViabilityGate | FmoGate | ControlGate | ValleyGate) -> Side:
    """Return on which side of its threshold a gate keeps its cells."""
    match gate:
        case ViabilityGate():
            return "below"
        case FmoGate():
            return "above"
        case _:
            return gate.side


def _polygon(gate: Gate, line: OverrideLine) -> PolygonGate:
    entry = line.entry
    x, y = entry.x, entry.y
    if isinstance(gate, (PolygonGate, QuadrantGate)):
        x, y = x or gate.x, y or gate.y
    if not (x and y):
        raise StudyError(
            "a polygon must name the channels of its corners", "no x, y", line.where, 'write x = "fsc_a", y = "ssc_a"'
        )
    scale = entry.scale or (gate.scale if isinstance(gate, PolygonGate) else "raw")
    kept = gate.scales if isinstance(gate, PolygonGate) and not entry.scale else {}
    vertices = entry.polygon or ()
    return PolygonGate(name=gate.name, parent=gate.parent, x=x, y=y, vertices=vertices, scale=scale, scales=kept)


def _by_method(gate: Gate, line: OverrideLine) -> Gate:
    """Return the gate estimated by another of its own methods, or as a gate of another kind on the same channel."""
    method = line.entry.method
    field = type(gate).model_fields.get("method")
    own = get_args(field.annotation) if field else ()
    if method in own:
        return gate.model_copy(update={"method": method})
    kinds: dict[str, Gate] = {}
    if isinstance(gate, (ViabilityGate, FmoGate, ControlGate, ValleyGate)):
        name, parent, channel, side = gate.name, gate.parent, gate.channel, _side(gate)
        kinds["valley"] = ValleyGate(name=name, parent=parent, channel=channel, side=side)
        kinds["control"] = ControlGate(name=name, parent=parent, channel=channel, side=side)
        if side == "above":
            kinds["fmo"] = FmoGate(name=name, parent=parent, channel=channel)
    if method not in kinds:
        known = tuple(dict.fromkeys((*own, *kinds)))
        near = nearest(method, known)
        must = f"the method of {gate.name} must be one of {', '.join(known)}" if known else f"{gate.name} has no method"
        remedy = f"write '{near}'" if near else "write value, polygon or shape"
        raise StudyError(must, f"'{method}'", line.where, remedy)
    return kinds[method]


def _gate_from_shape(gate: Gate, line: OverrideLine) -> Gate:
    shape = dict(line.entry.shape or {})
    taken = [key for key in ("name", "parent") if key in shape]
    if taken:
        raise StudyError("a shape must leave name and parent as they are", ", ".join(taken), line.where, "delete them")
    if shape.get("kind") == "boolean":
        must = "a shape must be drawn on channels"
        raise StudyError(must, 'kind = "boolean"', line.where, 'write keep = "all", or a protocol of your own')
    table = {"name": "shape", "title": "", "gate": [{**shape, "name": gate.name, "parent": gate.parent}]}
    return protocol_from_table(table, where=f"{line.where}, shape").gates[0]

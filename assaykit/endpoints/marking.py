"""Obey marks where values are formed: an excluded well is part of nothing, and a doubt goes with what rests on it.

wells, marks -> rows formed of every well, rows formed without the excluded ones -> one row per value, marked
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from assaykit.checks import Place
from assaykit.endpoints.catalogue import ENDPOINTS
from assaykit.endpoints.consequences import Marks, without_hope
from assaykit.endpoints.forming import Setting
from assaykit.endpoints.model import Mark, Measured, MeasuredWell
from assaykit.endpoints.wells import SCORED, matched_factors, target_of, text
from assaykit.protocol.model import EndpointSpec
from assaykit.tables import Finding
from assaykit.vocabulary import has_stroma

Former = Callable[[Sequence[MeasuredWell]], list[Measured]]
WellMarks = Mapping[Place, tuple[Mark, ...]]


def merged(first: Marks, second: Marks) -> Marks:
    """Return the marks of both, endpoint by endpoint and well by well."""
    return {
        name: {
            place: tuple(dict.fromkeys((*first.get(name, {}).get(place, ()), *second.get(name, {}).get(place, ()))))
            for place in dict.fromkeys((*first.get(name, ()), *second.get(name, ())))
        }
        for name in dict.fromkeys((*first, *second))
    }


def without_exclusions(marks: Marks) -> Marks:
    """Return the marks with nothing left out, for the answer with all values in."""
    return {
        name: {place: left for place, own in places.items() if (left := tuple(m for m in own if not _excludes([m])))}
        for name, places in marks.items()
    }


def reference_elsewhere(
    spec: EndpointSpec, wells: Sequence[MeasuredWell], setting: Setting
) -> tuple[dict[Place, tuple[Mark, ...]], list[Finding]]:
    """Return the wells whose reference never lies on their plate in any unit, marked, and one finding that says so.

    A value held against a reference is as doubtful as the contrast would be (see stats/confounding.py).
    """
    if ENDPOINTS[spec.endpoint].formed not in {"reference", "contexts", "combination", "reversal"}:
        return {}, []
    vehicle = setting.reference.treatment
    plates: dict[tuple[str, str], set[str]] = defaultdict(set)
    for well in wells:
        if well.treatment == vehicle:
            plates[well.unit_id, well.context].add(_plate(well))
    arms: dict[tuple[str, str], list[tuple[Place, bool]]] = defaultdict(list)
    for well in wells:
        there = plates.get((well.unit_id, well.context))
        if there and well.treatment != vehicle:
            arms[well.treatment, well.context].append(((well.plate, well.well), _plate(well) in there))
    apart = {arm: places for arm, places in arms.items() if not any(together for _, together in places)}
    if not apart:
        return {}, []
    named = ", ".join(f"{treatment} in {context}" for treatment, context in list(apart)[:3])
    more = f" and {len(apart) - 3} more" if len(apart) > 3 else ""
    message = (
        f"{spec.measured_as}: {named}{more} never had {vehicle} on the same plate; put the reference on every plate"
    )
    mark = Mark("not_interpretable", "warn", "arms_apart", f"{vehicle} was never on the same plate (arms_apart)")
    marked: dict[Place, tuple[Mark, ...]] = {place: (mark,) for places in apart.values() for place, _ in places}
    return marked, [Finding("warn", "arms_apart", message)]


def _plate(well: MeasuredWell) -> str:
    return text(well.factors.get("culture_plate", well.plate))


def settled(spec: EndpointSpec, wells: Sequence[MeasuredWell], marks: WellMarks) -> WellMarks:
    """Return the marks of one endpoint, exclusions of an arm's last values turned into refusals to interpret them."""
    excluded = {place for place, own in marks.items() if _excludes(own)}
    if not excluded:
        return marks
    arms: dict[tuple[str, ...], set[Place]] = defaultdict(set)
    flags = tuple(ENDPOINTS[spec.endpoint].only)
    for well in wells:
        if well.readouts.keys() - well.factors.keys() - {"blank_signal", SCORED}:  # something was read from it
            arm = (well.treatment, well.context, target_of(well), *(text(well.factors.get(name, "")) for name in flags))
            arms[arm].add((well.plate, well.well))
    last = without_hope(arms.values(), excluded)
    return {place: tuple(map(_unexcluded, own)) if place in last else own for place, own in marks.items()}


def _excludes(marks: Iterable[Mark]) -> bool:
    return any(mark.consequence == "excluded" for mark in marks)


def _unexcluded(mark: Mark) -> Mark:
    return replace(mark, consequence="not_interpretable") if mark.consequence == "excluded" else mark


def marked_rows(
    spec: EndpointSpec, marks: WellMarks, form: Former, *, wells: Sequence[MeasuredWell], setting: Setting
) -> list[Measured]:
    """Return the rows `form` makes of the wells, as the marks ask.

    A value of an excluded well, and one that cannot be formed without it, is that of the whole, and excluded; every
    other is formed without the excluded wells, and carries the marks of all it rests on.
    """
    if not marks:
        return form(wells)
    excluded = {place for place, own in marks.items() if _excludes(own)}
    whole = form(wells)
    kept = [well for well in wells if (well.plate, well.well) not in excluded]
    standing = {_key(spec, row): row for row in (form(kept) if excluded else whole)}
    behind = _behind(spec, wells, setting)
    rows = []
    for row in whole:
        rest = behind(row)
        found = standing.get(_key(spec, row))
        lost = found is None or (math.isnan(found.value) and not math.isnan(row.value))
        if (row.plate, row.well) in excluded or (lost and not excluded.isdisjoint(rest)):
            own = dict.fromkeys(mark for place in rest if place in excluded for mark in marks[place])
            rows.append(replace(row, marks=tuple(own), excluded=not math.isnan(row.value)))
            continue
        own = dict.fromkeys(mark for place in rest if place not in excluded for mark in marks.get(place, ()))
        rows.append(replace(found or row, marks=tuple(own)))
    return rows


def _key(spec: EndpointSpec, row: Measured) -> tuple[str, ...]:
    """Return what names a value: its well, or the unit, arm and matched factors of one without."""
    factors = () if row.well else tuple(text(row.factors.get(name, "")) for name in matched_factors(spec))
    return row.plate if row.well else "", row.well, row.unit_id, row.treatment, row.context, *factors


def _behind(
    spec: EndpointSpec, wells: Sequence[MeasuredWell], setting: Setting
) -> Callable[[Measured], tuple[Place, ...]]:
    """Return what tells the wells a value rests on: its own, and those it is held against."""
    endpoint = ENDPOINTS[spec.endpoint]
    by_unit: dict[str, list[MeasuredWell]] = defaultdict(list)
    for well in wells:
        by_unit[well.unit_id].append(well)
    doses = {name: frozenset(treatment.doses) for name, treatment in setting.treatments.items()}

    def held_against(row: Measured, well: MeasuredWell) -> bool:
        alike = (well.treatment, well.context) == (row.treatment, row.context)
        match endpoint.formed:
            case "own":
                return False
            case "input":
                return target_of(well) == "input"
            case "reference":
                return (well.treatment, well.context) == (setting.reference.treatment, row.context)
            case "partner" | "gradient" | "targets":
                return alike or target_of(well) == "input"
            case "contexts" | "combination" | "reversal":
                part = doses.get(well.treatment, frozenset()) <= doses.get(row.treatment, frozenset())
                known = well.treatment in doses or well.treatment == row.treatment
                return known and part and (well.context == row.context or not has_stroma(well.context))

    def behind(row: Measured) -> tuple[Place, ...]:
        others = (well for well in by_unit[row.unit_id] if held_against(row, well))
        own = ((row.plate, row.well),) if row.well else ()
        return tuple(dict.fromkeys((*own, *((well.plate, well.well) for well in others))))

    return behind

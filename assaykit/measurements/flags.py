"""Obey flags where values are formed: an excluded well is part of nothing, and a doubt goes with what rests on it.

wells, flags -> rows formed of every well, rows formed without the excluded ones -> one row per value, flagged
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace

from assaykit.checks import Place
from assaykit.endpoints import (
    BLANK,
    SCORED,
    EndpointTask,
    Measurement,
    QcFlag,
    WellReadings,
    Wells,
    matched_factors,
    target_of,
    text,
)
from assaykit.measurements.consequences import Flags, members_of_emptied_arms
from assaykit.protocol import EndpointSpec
from assaykit.tables import Finding

WellFlags = Mapping[Place, tuple[QcFlag, ...]]


def merge_flags(first: Flags, second: Flags) -> Flags:
    """Return the flags of both, endpoint by endpoint and well by well."""
    return {
        name: {
            place: tuple(dict.fromkeys((*first.get(name, {}).get(place, ()), *second.get(name, {}).get(place, ()))))
            for place in dict.fromkeys((*first.get(name, ()), *second.get(name, ())))
        }
        for name in dict.fromkeys((*first, *second))
    }


def without_exclusions(flags: Flags) -> Flags:
    """Return the flags with nothing left out, for the answer with all values in."""
    return {
        name: {place: left for place, own in places.items() if (left := tuple(f for f in own if not _excludes([f])))}
        for name, places in flags.items()
    }


def flags_of_lone_reference(task: EndpointTask, wells: Wells) -> tuple[WellFlags, list[Finding]]:
    """Return a flag on each well whose reference never lies on its plate in any unit, and one finding that says so.

    A value held against a reference is as doubtful as the contrast would be (see stats/units/confounding.py).
    """
    if not task.endpoint.formation.vehicle:
        return {}, []
    vehicle = task.conditions.reference_treatment
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
    name = task.spec.measured_as
    message = f"{name}: {named}{more} never had {vehicle} on the same plate; put the reference on every plate"
    flag = QcFlag("not_interpretable", "warn", "arms_apart", f"{vehicle} was never on the same plate (arms_apart)")
    flags: dict[Place, tuple[QcFlag, ...]] = {place: (flag,) for places in apart.values() for place, _ in places}
    return flags, [Finding("warn", "arms_apart", message)]


def _plate(well: WellReadings) -> str:
    return text(well.factors.get("culture_plate", well.plate))


def spare_last_values(task: EndpointTask, wells: Wells, flags: WellFlags) -> WellFlags:
    """Return the flags of one endpoint, exclusions of an arm's last values turned into refusals to interpret them."""
    excluded = {place for place, own in flags.items() if _excludes(own)}
    if not excluded:
        return flags
    arms: dict[tuple[str, ...], set[Place]] = defaultdict(set)
    factors = tuple(task.endpoint.only)
    for well in wells:
        if well.readouts.keys() - well.factors.keys() - {BLANK, SCORED}:  # something was read from it
            own_factors = (text(well.factors.get(name, "")) for name in factors)
            arms[well.treatment, well.context, target_of(well), *own_factors].add((well.plate, well.well))
    last = members_of_emptied_arms(arms.values(), excluded)
    return {
        place: tuple(replace(flag, consequence="not_interpretable") if _excludes([flag]) else flag for flag in own)
        if place in last
        else own
        for place, own in flags.items()
    }


def _excludes(flags: Iterable[QcFlag]) -> bool:
    return any(flag.consequence == "excluded" for flag in flags)


def flagged_measurements(task: EndpointTask, wells: Wells, flags: WellFlags) -> list[Measurement]:
    """Return the endpoint's values of the wells, as the flags ask.

    A value of an excluded well, and one that cannot be formed without it, is that of the whole, and excluded; every
    other is formed without the excluded wells, and carries the flags of all it rests on.
    """
    form = task.endpoint.formation.form
    whole = form(task, wells)
    if not flags:
        return whole
    excluded = {place for place, own in flags.items() if _excludes(own)}
    kept = [well for well in wells if (well.plate, well.well) not in excluded]
    standing = {_key(task.spec, row): row for row in (form(task, kept) if excluded else whole)}
    by_unit: dict[str, list[WellReadings]] = defaultdict(list)
    for well in wells:
        by_unit[well.unit_id].append(well)
    rows = []
    for row in whole:
        behind = _places_behind(task, row, by_unit[row.unit_id])
        found = standing.get(_key(task.spec, row))
        lost = found is None or (math.isnan(found.value) and not math.isnan(row.value))
        if (row.plate, row.well) in excluded or (lost and not excluded.isdisjoint(behind)):
            own = dict.fromkeys(flag for place in behind if place in excluded for flag in flags[place])
            rows.append(replace(row, flags=tuple(own), excluded=not math.isnan(row.value)))
            continue
        own = dict.fromkeys(flag for place in behind if place not in excluded for flag in flags.get(place, ()))
        rows.append(replace(found or row, flags=tuple(own)))
    return rows


def _key(spec: EndpointSpec, row: Measurement) -> tuple[str, ...]:
    """Return what names a value: its well, or the unit, arm and matched factors of one without."""
    factors = () if row.well else tuple(text(row.factors.get(name, "")) for name in matched_factors(spec))
    return row.plate if row.well else "", row.well, row.unit_id, row.treatment, row.context, *factors


def _places_behind(task: EndpointTask, row: Measurement, unit: Iterable[WellReadings]) -> tuple[Place, ...]:
    """Return the wells a value rests on: its own, and those of its unit that it is held against."""
    rests_on = task.endpoint.formation.rests_on
    own = ((row.plate, row.well),) if row.well else ()
    others = ((well.plate, well.well) for well in unit if rests_on(row, well, task.conditions))
    return tuple(dict.fromkeys((*own, *others)))

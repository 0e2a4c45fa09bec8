"""Form well-level endpoints: each well's value, and the reference it is held against, or why there is none."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, geometric_mean

from assaykit.endpoints.counting import counted_cells, fraction
from assaykit.endpoints.interference import interference_doubt
from assaykit.endpoints.model import Doubt, Endpoint, Measured, MeasuredWell, Readouts
from assaykit.endpoints.quantities import BRINGERS, Brought, missing
from assaykit.endpoints.wells import flag, matched_factors, own_readouts, peer_key, target_of, text
from assaykit.protocol.model import ChannelRole, EndpointSpec
from assaykit.study.model import Reference
from assaykit.treatment import Catalogue, Treatment
from assaykit.vocabulary import TARGETS

Wells = Sequence[MeasuredWell]


@dataclass(frozen=True, slots=True)
class Setting:
    """What every endpoint of one assay is formed in."""

    reference: Reference
    channels: dict[str, ChannelRole]
    catalogue: Catalogue
    treatments: Mapping[str, Treatment]


@dataclass(frozen=True, slots=True)
class Held:
    """What a well is held against: the reference's values, or the doubt; `total` where the value is a rate."""

    values: Readouts = field(default_factory=dict)
    doubt: Doubt | None = None
    total: float = math.nan


Against = Callable[[MeasuredWell], Held]


def wells_for(endpoint: Endpoint, wells: Wells) -> list[MeasuredWell]:
    """Return the wells an endpoint is measured on: its transwell target, and its yes/no factors."""
    return [
        well
        for well in wells
        if all(flag(well, factor) == wanted for factor, wanted in endpoint.only.items())
        and (target_of(well) == endpoint.target if endpoint.target else target_of(well) != "input")
    ]


def form_own(spec: EndpointSpec, endpoint: Endpoint, wells: Wells, *, setting: Setting) -> list[Measured]:
    """Return the endpoint of each well from its own readouts."""
    return _form(spec, endpoint, wells_for(endpoint, wells), against=lambda _well: Held(), setting=setting)


def form_from_input(spec: EndpointSpec, endpoint: Endpoint, wells: Wells, *, setting: Setting) -> list[Measured]:
    """Return the endpoint of each well against the viable cells put in."""
    own = wells_for(endpoint, wells)
    return _form(spec, endpoint, own, against=input_of(spec, wells), setting=setting)


def form_from_reference(spec: EndpointSpec, endpoint: Endpoint, wells: Wells, *, setting: Setting) -> list[Measured]:
    """Return the endpoint of each treated well against the reference treatment of its unit and context.

    Reference wells are zero by construction and have no rows.
    """
    own = wells_for(endpoint, wells)
    treated = [well for well in own if well.treatment != setting.reference.treatment]
    against = reference_of(spec, endpoint, own, reference=setting.reference.treatment)
    return _form(spec, endpoint, treated, against=against, setting=setting)


def form_from_partner(spec: EndpointSpec, endpoint: Endpoint, wells: Wells, *, setting: Setting) -> list[Measured]:
    """Return the endpoint of each well against wells of the same arm that differ in one yes/no factor."""
    wanted = {**endpoint.only, endpoint.against: not endpoint.only[endpoint.against]}
    partners = [well for well in wells if all(flag(well, factor) == held for factor, held in wanted.items())]
    against = _partner_of(spec, endpoint, partners)
    return _form(spec, endpoint, wells_for(endpoint, wells), against=against, setting=setting)


def form_gradient(spec: EndpointSpec, endpoint: Endpoint, wells: Wells, *, setting: Setting) -> list[Measured]:
    """Return, for each insert with a gradient, its migration against the inserts without one at its two ends."""
    percents = insert_percents(spec, wells)
    if spec.optional and not any(ends and ends[0] == ends[1] > 0 for ends in map(concentrations, wells)):
        return []  # nobody put CXCL12 on both sides: no checkerboard was meant
    level: dict[tuple[str, ...], list[float]] = defaultdict(list)
    for well, percent in percents:
        if (ends := concentrations(well)) and ends[0] == ends[1]:
            level[(*_arm_key(spec, well), f"{ends[0]:g}")].append(percent)
    rows = []
    for well, percent in percents:
        ends = concentrations(well)
        if not ends or ends[0] == ends[1]:
            continue
        means = [level.get((*_arm_key(spec, well), f"{end:g}")) for end in ends]
        brought = Brought({"percent": percent})
        held = (
            Held({"upper": fmean(means[0]), "lower": fmean(means[1])})
            if means[0] and means[1]
            else Held(doubt=_no_reference("inserts without a gradient at both concentrations", well))
        )
        rows.append(_measured(spec, endpoint, well, brought=brought, held=held, setting=setting))
    return rows


def concentrations(well: MeasuredWell) -> tuple[float, float] | None:
    """Return CXCL12 above and below the membrane, from factors cxcl12_top and cxcl12_bottom or from the target.

    A target alone gives 0 and 1, in units of the concentration used. None for other targets.
    """
    if "cxcl12_top" in well.readouts and "cxcl12_bottom" in well.readouts:
        return well.readouts["cxcl12_top"], well.readouts["cxcl12_bottom"]
    target = target_of(well)
    return TARGETS[target].cxcl12 if target else None


def insert_percents(spec: EndpointSpec, wells: Wells) -> list[tuple[MeasuredWell, float]]:
    """Return the inserts whose migration is known, each with its % of input."""
    against = input_of(spec, wells)
    found = []
    for well in wells:
        if target_of(well) == "input":
            continue
        brought, held = BRINGERS["migration_random"](spec, well), against(well)
        put_in = held.values.get("input", 0.0)
        if not brought.doubt and not held.doubt and put_in > 0:
            found.append((well, 100 * brought.values["migrated"] / put_in))
    return found


def input_of(spec: EndpointSpec, wells: Wells) -> Against:
    """Return what finds the viable cells put in: the well's own count, else input standards, else the cells named.

    Input standards are wells with target = "input": the same cells put straight below. They serve their own
    treatment and context where it has some, else their whole unit. `input_viability` corrects what it stands with.
    """
    exact: dict[tuple[str, ...], list[float]] = defaultdict(list)
    whole: dict[tuple[str, ...], list[float]] = defaultdict(list)
    for well in wells:
        if target_of(well) == "input" and (cells := _standard_cells(spec, well)) > 0:
            exact[_arm_key(spec, well)].append(cells)
            whole[_unit_key(spec, well)].append(cells)

    def held(well: MeasuredWell) -> Held:
        own = own_readouts(spec, well)
        if "input" in own:
            return _held_input(own["input"] * _viable_share(own))
        standards = exact.get(_arm_key(spec, well)) or whole.get(_unit_key(spec, well))
        if standards:
            return _held_input(fmean(standards))
        named = own.get("input_cells", own.get("seeded", spec.options.get("input_cells")))
        if named is not None:
            return _held_input(float(named) * _viable_share(own))
        if "floating" in own and "adherent" in own:
            return _held_input(own["floating"] + own["adherent"])
        return Held(
            doubt=missing("the cells put in are not known: no input standard, input or input_cells", "no_input")
        )

    return held


def _held_input(cells: float) -> Held:
    doubt = None if cells > 0 else missing(f"the cells put in must be more than {cells:g}", "no_input")
    return Held({"input": cells}, doubt, total=cells)


def _standard_cells(spec: EndpointSpec, well: MeasuredWell) -> float:
    own = own_readouts(spec, well)
    names = ("input", "migrated", "count", "viable", "adherent")
    cells = counted_cells(own, names, spec.options).cells * _viable_share(own)
    return 0.0 if math.isnan(cells) else cells


def _viable_share(own: Readouts) -> float:
    return fraction(own["input_viability"]) if "input_viability" in own else 1.0


def reference_of(spec: EndpointSpec, endpoint: Endpoint, wells: Wells, *, reference: str) -> Against:
    """Return what finds the mean of the reference treatment's wells of the same unit, context and matched factors."""
    matched = matched_factors(spec)
    groups: dict[tuple[str, ...], list[Brought]] = defaultdict(list)
    for well in wells:
        if well.treatment == reference:
            groups[peer_key(well, matched)].append(BRINGERS[spec.endpoint](spec, well))

    def held(well: MeasuredWell) -> Held:
        found = groups.get(peer_key(well, matched))
        if not found:
            return Held(doubt=_no_reference(f"{reference} wells", well))
        return _mean_held(endpoint.quantity, found, f"{reference} of the same unit and context")

    return held


def _partner_of(spec: EndpointSpec, endpoint: Endpoint, partners: Iterable[MeasuredWell]) -> Against:
    groups: dict[tuple[str, ...], list[Brought]] = defaultdict(list)
    for well in partners:
        groups[_arm_key(spec, well)].append(BRINGERS[spec.endpoint](spec, well))
    without = "without" if endpoint.only[endpoint.against] else "with"
    noun = {"ligand": "ligand", "permeabilised": "permeabilised cells"}[endpoint.against]

    def held(well: MeasuredWell) -> Held:
        found = groups.get(_arm_key(spec, well))
        if not found:
            return Held(doubt=_no_reference(f"wells {without} {noun}", well))
        return _mean_held(endpoint.quantity, found, f"the wells {without} {noun}")

    return held


def _mean_held(quantity: str, found: Sequence[Brought], whose: str) -> Held:
    """Return the mean of the reference wells; geometric for intensities, over the values above zero."""
    values = [brought.values[quantity] for brought in found if brought.doubt is None]
    if quantity == "dmfi":
        values = [value for value in values if value > 0]
    if not values:
        reason = next((brought.doubt.reason for brought in found if brought.doubt), f"{quantity} is not above zero")
        return Held(doubt=Doubt("not_interpretable", "no_reference", f"{whose} cannot be used: {reason}"))
    mean = geometric_mean(values) if quantity == "dmfi" else fmean(values)
    return Held({quantity: mean})


def _no_reference(what: str, well: MeasuredWell) -> Doubt:
    return Doubt("not_interpretable", "no_reference", f"no {what} for {well.context} of {well.unit_id}")


def _arm_key(spec: EndpointSpec, well: MeasuredWell) -> tuple[str, ...]:
    return (*peer_key(well, matched_factors(spec)), well.treatment)


def _unit_key(spec: EndpointSpec, well: MeasuredWell) -> tuple[str, ...]:
    factors = (name for name in matched_factors(spec) if name != "msc_donor")
    return (well.unit_id, *(text(well.factors.get(name, "")) for name in factors))


def _form(
    spec: EndpointSpec, endpoint: Endpoint, wells: Wells, *, against: Against, setting: Setting
) -> list[Measured]:
    return [
        _measured(
            spec, endpoint, well, brought=BRINGERS[spec.endpoint](spec, well), held=against(well), setting=setting
        )
        for well in wells
    ]


def _measured(
    spec: EndpointSpec, endpoint: Endpoint, well: MeasuredWell, *, brought: Brought, held: Held, setting: Setting
) -> Measured:
    """Return the value of one well, missing with its doubt where something it needs is missing."""
    doubt = brought.doubt or held.doubt
    value = math.nan if doubt else endpoint.function(brought.values, held.values)
    return Measured(
        plate=well.plate,
        well=well.well,
        unit_id=well.unit_id,
        treatment=well.treatment,
        context=well.context,
        factors=well.factors,
        endpoint=spec.measured_as,
        value=value,
        unit=endpoint.unit,
        cells=brought.cells,
        count=brought.count,
        total=brought.total if math.isnan(held.total) else held.total,
        doubt=_joined(_interference(spec, well, setting), doubt or value_doubt(spec, endpoint, value, brought)),
    )


def value_doubt(spec: EndpointSpec, endpoint: Endpoint, value: float, brought: Brought) -> Doubt | None:
    """Return the doubt of a value that is no number, or has no logarithm where its scale asks for one."""
    if math.isnan(value):
        return missing(endpoint.undefined, "undefined")
    if endpoint.formed == "input" and endpoint.unit == "%" and value > 100:
        reason = f"{spec.measured_as} is {value:.0f} %: more cells were found than put in; check how each was counted"
        return Doubt("warn", "more_than_input", reason)
    if endpoint.scale not in {"log", "log2"} or value > 0:
        return None
    if not math.isnan(brought.count):
        return Doubt("warn", "nothing_counted", f"{spec.measured_as} is zero: no cell was counted")
    parts = ", ".join(f"{name.replace('_', ' ')} {number:.4g}" for name, number in brought.values.items())
    reason = f"{spec.measured_as} is {value:.4g}, not above zero, and has no logarithm ({parts})"
    return Doubt("fail", "not_above_zero", reason)


def _interference(spec: EndpointSpec, well: MeasuredWell, setting: Setting) -> Doubt | None:
    role = setting.channels.get(spec.channel)
    return (
        interference_doubt(well, role, treatment=setting.treatments.get(well.treatment), catalogue=setting.catalogue)
        if role
        else None
    )


def _joined(interference: Doubt | None, other: Doubt | None) -> Doubt | None:
    """Return the graver doubt with both reasons: what cannot be interpreted stays so when it is missing too."""
    if interference is None or other is None:
        return interference or other
    return Doubt(interference.qc, interference.check, f"{interference.reason}; {other.reason}")

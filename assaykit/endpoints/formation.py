"""Ways of forming a well's value: from its own readings, or against cells put in, the vehicle, partners, a gradient.

A way is a value, `Formation(form=..., rests_on=...)`, that an endpoint names; `arms` has the ways of whole units.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from statistics import fmean, geometric_mean

from assaykit.endpoints.cell_counts import cell_count, fraction
from assaykit.endpoints.interference import interference_doubt
from assaykit.endpoints.model import (
    AssayConditions,
    Doubt,
    Endpoint,
    EndpointTask,
    Formation,
    Measurement,
    Quantity,
    Readouts,
    ReferenceValues,
    WellReadings,
    Wells,
)
from assaykit.endpoints.quantities import missing
from assaykit.endpoints.wells import factor_holds, matched_factors, own_readouts, peer_key, target_of, text
from assaykit.protocol import EndpointSpec
from assaykit.vocabulary import TARGETS

ReferenceOfWell = Callable[[WellReadings], ReferenceValues]
_FACTOR_NOUNS = {"permeabilised": "permeabilised cells"}  # a yes/no factor in words, where its name will not do


def wells_for(endpoint: Endpoint, wells: Wells) -> list[WellReadings]:
    """Return the wells an endpoint is measured on: its transwell target, and its yes/no factors."""
    return [
        well
        for well in wells
        if all(factor_holds(well, factor) == wanted for factor, wanted in endpoint.only.items())
        and (target_of(well) == endpoint.target if endpoint.target else target_of(well) != "input")
    ]


def form_own(task: EndpointTask, wells: Wells) -> list[Measurement]:
    """Return the endpoint of each well from its own readings."""
    return [_measurement(task, well, ReferenceValues()) for well in wells_for(task.endpoint, wells)]


def form_from_input(task: EndpointTask, wells: Wells) -> list[Measurement]:
    """Return the endpoint of each well against the viable cells put in."""
    put_in = input_of(task.spec, wells)
    return [_measurement(task, well, put_in(well)) for well in wells_for(task.endpoint, wells)]


def form_from_reference(task: EndpointTask, wells: Wells) -> list[Measurement]:
    """Return the endpoint of each treated well against the reference treatment of its unit and context.

    Reference wells are zero by construction and have no rows.
    """
    vehicle = task.conditions.reference_treatment
    own = wells_for(task.endpoint, wells)
    matched = matched_factors(task.spec)
    groups: dict[tuple[str, ...], list[Quantity]] = defaultdict(list)
    for well in own:
        if well.treatment == vehicle:
            groups[peer_key(well, matched)].append(task.endpoint.quantity(task.spec, well))

    def reference(well: WellReadings) -> ReferenceValues:
        found = groups.get(peer_key(well, matched))
        if not found:
            return ReferenceValues(doubt=_no_reference(f"{vehicle} wells", well))
        return _mean_reference(task.endpoint, found, f"{vehicle} of the same unit and context")

    return [_measurement(task, well, reference(well)) for well in own if well.treatment != vehicle]


def form_from_partner(task: EndpointTask, wells: Wells) -> list[Measurement]:
    """Return the endpoint of each well against wells of the same arm that differ in one yes/no factor."""
    factor = task.endpoint.partner
    wanted = {**task.endpoint.only, factor: not task.endpoint.only[factor]}
    groups: dict[tuple[str, ...], list[Quantity]] = defaultdict(list)
    for well in wells:
        if all(factor_holds(well, name) == yes for name, yes in wanted.items()):
            groups[_arm_key(task.spec, well)].append(task.endpoint.quantity(task.spec, well))
    partners = f"wells {'with' if wanted[factor] else 'without'} {_FACTOR_NOUNS.get(factor, factor)}"

    def reference(well: WellReadings) -> ReferenceValues:
        found = groups.get(_arm_key(task.spec, well))
        if not found:
            return ReferenceValues(doubt=_no_reference(partners, well))
        return _mean_reference(task.endpoint, found, f"the {partners}")

    return [_measurement(task, well, reference(well)) for well in wells_for(task.endpoint, wells)]


def form_from_gradient(task: EndpointTask, wells: Wells) -> list[Measurement]:
    """Return, for each insert with a gradient, its migration against the inserts without one at its two ends."""
    percents = insert_percents(task, wells)
    if task.spec.optional and not any(ends and ends[0] == ends[1] > 0 for ends in map(concentrations, wells)):
        return []  # nobody put CXCL12 on both sides: no checkerboard was meant
    level: dict[tuple[str, ...], list[float]] = defaultdict(list)
    for well, percent in percents:
        if (ends := concentrations(well)) and ends[0] == ends[1]:
            level[(*_arm_key(task.spec, well), f"{ends[0]:g}")].append(percent)
    rows = []
    for well, percent in percents:
        ends = concentrations(well)
        if not ends or ends[0] == ends[1]:
            continue
        means = [level.get((*_arm_key(task.spec, well), f"{end:g}")) for end in ends]
        reference = (
            ReferenceValues({"upper": fmean(means[0]), "lower": fmean(means[1])})
            if means[0] and means[1]
            else ReferenceValues(doubt=_no_reference("inserts without a gradient at both concentrations", well))
        )
        rows.append(_measurement(task, well, reference, quantity=Quantity({"percent": percent})))
    return rows


def concentrations(well: WellReadings) -> tuple[float, float] | None:
    """Return CXCL12 above and below the membrane, from factors cxcl12_top and cxcl12_bottom or from the target.

    A target alone gives 0 and 1, in units of the concentration used. None for other targets.
    """
    if "cxcl12_top" in well.readouts and "cxcl12_bottom" in well.readouts:
        return well.readouts["cxcl12_top"], well.readouts["cxcl12_bottom"]
    target = target_of(well)
    return TARGETS[target].cxcl12 if target else None


def insert_percents(task: EndpointTask, wells: Wells) -> list[tuple[WellReadings, float]]:
    """Return the inserts whose migration is known, each with its % of input."""
    put_in = input_of(task.spec, wells)
    found = []
    for well in wells:
        if target_of(well) == "input":
            continue
        migrated, reference = task.endpoint.quantity(task.spec, well), put_in(well)
        cells = reference.values.get("input", 0.0)
        if not migrated.doubt and not reference.doubt and cells > 0:
            found.append((well, 100 * migrated.values["migrated"] / cells))
    return found


def input_of(spec: EndpointSpec, wells: Wells) -> ReferenceOfWell:
    """Return what finds the viable cells put in: the well's own count, else input standards, else the cells named.

    Input standards are wells with target = "input": the same cells put straight below. They serve their own
    treatment and context where it has some, else their whole unit. `input_viability` corrects what it stands with.
    """
    standards_of_arm: dict[tuple[str, ...], list[float]] = defaultdict(list)
    standards_of_unit: dict[tuple[str, ...], list[float]] = defaultdict(list)
    for well in wells:
        if target_of(well) == "input":
            own = own_readouts(spec, well)
            columns = ("input", "migrated", "count", "viable", "adherent")
            cells = cell_count(own, columns, spec.options).cells * _viable_share(own)
            if cells > 0:  # a count that is missing is not
                standards_of_arm[_arm_key(spec, well)].append(cells)
                standards_of_unit[_unit_key(spec, well)].append(cells)

    def reference(well: WellReadings) -> ReferenceValues:
        own = own_readouts(spec, well)
        if "input" in own:
            return _cells_put_in(own["input"] * _viable_share(own))
        standards = standards_of_arm.get(_arm_key(spec, well)) or standards_of_unit.get(_unit_key(spec, well))
        if standards:
            return _cells_put_in(fmean(standards))
        named = own.get("input_cells", own.get("seeded", spec.options.get("input_cells")))
        if named is not None:
            return _cells_put_in(float(named) * _viable_share(own))
        if "floating" in own and "adherent" in own:
            return _cells_put_in(own["floating"] + own["adherent"])
        doubt = missing("the cells put in are not known: no input standard, input or input_cells", "no_input")
        return ReferenceValues(doubt=doubt)

    return reference


def _cells_put_in(cells: float) -> ReferenceValues:
    doubt = None if cells > 0 else missing(f"the cells put in must be more than {cells:g}", "no_input")
    return ReferenceValues({"input": cells}, doubt, total=cells)


def _viable_share(own: Readouts) -> float:
    return fraction(own["input_viability"]) if "input_viability" in own else 1.0


def _mean_reference(endpoint: Endpoint, found: Sequence[Quantity], whose: str) -> ReferenceValues:
    """Return the mean of the reference wells; geometric for intensities, over the values above zero."""
    usable = [quantity.values for quantity in found if quantity.doubt is None]
    means = {}
    for name in usable[0] if usable else ():
        values = [each[name] for each in usable if endpoint.mean == "arithmetic" or each[name] > 0]
        if values:
            means[name] = fmean(values) if endpoint.mean == "arithmetic" else geometric_mean(values)
    if not means:
        names = " and ".join(usable[0]) if usable else ""
        reason = next((quantity.doubt.reason for quantity in found if quantity.doubt), f"{names} is not above zero")
        return ReferenceValues(doubt=Doubt("not_interpretable", "no_reference", f"{whose} cannot be used: {reason}"))
    return ReferenceValues(means)


def _no_reference(what: str, well: WellReadings) -> Doubt:
    return Doubt("not_interpretable", "no_reference", f"no {what} for {well.context} of {well.unit_id}")


def _arm_key(spec: EndpointSpec, well: WellReadings) -> tuple[str, ...]:
    return (*peer_key(well, matched_factors(spec)), well.treatment)


def _unit_key(spec: EndpointSpec, well: WellReadings) -> tuple[str, ...]:
    factors = (name for name in matched_factors(spec) if name != "msc_donor")
    return (well.unit_id, *(text(well.factors.get(name, "")) for name in factors))


def _measurement(
    task: EndpointTask, well: WellReadings, reference: ReferenceValues, *, quantity: Quantity | None = None
) -> Measurement:
    """Return the value of one well, missing with its doubt where something it needs is missing."""
    spec, endpoint = task.spec, task.endpoint
    quantity = endpoint.quantity(spec, well) if quantity is None else quantity
    doubt = quantity.doubt or reference.doubt
    value = math.nan if doubt else endpoint.function(quantity.values, reference.values)
    doubt = doubt or value_doubt(task, value, quantity, reference=reference)
    role = task.conditions.channels.get(spec.channel)
    if role is not None:
        treatment = task.conditions.treatments.get(well.treatment)
        interference = interference_doubt(well, role, treatment=treatment, catalogue=task.conditions.catalogue)
        if interference is not None and doubt is not None:
            # the graver goes first, with both reasons: what cannot be interpreted stays so when it is missing too
            interference = Doubt(interference.qc, interference.check, f"{interference.reason}; {doubt.reason}")
        doubt = interference or doubt
    return Measurement(
        plate=well.plate,
        well=well.well,
        unit_id=well.unit_id,
        treatment=well.treatment,
        context=well.context,
        factors=well.factors,
        endpoint=spec.measured_as,
        value=value,
        unit=endpoint.unit,
        cells=quantity.cells,
        count=quantity.count,
        total=quantity.total if math.isnan(reference.total) else reference.total,
        doubt=doubt,
    )


def value_doubt(task: EndpointTask, value: float, quantity: Quantity, *, reference: ReferenceValues) -> Doubt | None:
    """Return the doubt of a value that is no number, is more than was put in, or lacks the logarithm its scale asks."""
    endpoint, name = task.endpoint, task.spec.measured_as
    if math.isnan(value):
        return missing(endpoint.undefined, "undefined")
    if not math.isnan(reference.total) and endpoint.unit == "%" and value > 100:
        reason = f"{name} is {value:.0f} %: more cells were found than put in; was the input diluted?"
        return Doubt("warn", "more_than_input", reason)
    if endpoint.scale not in {"log", "log2"} or value > 0:
        return None
    if not math.isnan(quantity.count):
        return Doubt("warn", "nothing_counted", f"{name} is zero: no cell was counted")
    parts = ", ".join(f"{part.replace('_', ' ')} {number:.4g}" for part, number in quantity.values.items())
    reason = f"{name} is {value:.4g}, not above zero, and has no logarithm ({parts})"
    return Doubt("fail", "not_above_zero", reason)


def same_arm(row: Measurement, well: WellReadings) -> bool:
    """Whether a well is of the treatment and context of a value."""
    return (well.treatment, well.context) == (row.treatment, row.context)


def rests_on_input(_row: Measurement, well: WellReadings, _conditions: AssayConditions) -> bool:
    """Whether a well is an input standard."""
    return target_of(well) == "input"


def rests_on_vehicle(row: Measurement, well: WellReadings, conditions: AssayConditions) -> bool:
    """Whether a well is of the reference treatment, in the context of a value."""
    return (well.treatment, well.context) == (conditions.reference_treatment, row.context)


def rests_on_arm(row: Measurement, well: WellReadings, _conditions: AssayConditions) -> bool:
    """Whether a well is of the arm of a value, or an input standard."""
    return same_arm(row, well) or target_of(well) == "input"


OWN = Formation(form=form_own, rests_on=lambda _row, _well, _conditions: False, against="nothing")
FROM_INPUT = Formation(form=form_from_input, rests_on=rests_on_input, against="the viable cells put in")
FROM_REFERENCE = Formation(
    form=form_from_reference,
    rests_on=rests_on_vehicle,
    against="the reference treatment of the same unit and context",
    vehicle=True,
)
FROM_PARTNER = Formation(
    form=form_from_partner,
    rests_on=rests_on_arm,
    against="wells of the same arm that differ in one yes/no factor",
)  # fmt: skip
FROM_GRADIENT = Formation(
    form=form_from_gradient, rests_on=rests_on_arm, against="inserts of the same arm without a gradient"
)

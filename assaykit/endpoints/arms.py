"""Ways of forming a unit's value: the arms of one unit are averaged first, then held against each other."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean

from assaykit.endpoints.formation import insert_percents, rests_on_arm
from assaykit.endpoints.model import (
    AssayConditions,
    Doubt,
    EndpointTask,
    Formation,
    Measurement,
    Readouts,
    WellReadings,
    Wells,
)
from assaykit.endpoints.quantities import missing
from assaykit.endpoints.wells import matched_factors, target_of, text
from assaykit.plate import Factor
from assaykit.protocol import EndpointSpec
from assaykit.treatment import Catalogue, Treatment
from assaykit.vocabulary import CONTEXTS, TARGETS, has_stroma

LEAST_KILL = 5.0  # points of apoptosis below which a drug is said not to kill; options = { least_kill = ... }
Arm = tuple[str, str]  # treatment, context


@dataclass(frozen=True, slots=True)
class ArmMeans:
    """The mean of each arm of one unit (and line, time ...), with where the values came from."""

    unit_id: str
    factors: Mapping[str, Factor]
    plate: str
    means: Mapping[Arm, float]


def form_between_targets(task: EndpointTask, wells: Wells) -> list[Measurement]:
    """Return one target against another, per unit, treatment and context, from the means of the unit's inserts."""
    endpoint = task.endpoint
    present = {target_of(well) for well in wells}
    if endpoint.target not in present or (task.spec.optional and endpoint.other_target not in present):
        return []
    percents = {(well.plate, well.well): percent for well, percent in insert_percents(task, wells)}
    toward, away = (
        arm_means(task.spec, [well for well in wells if target_of(well) == target], percents)
        for target in (endpoint.target, endpoint.other_target)
    )
    rows = []
    for key, unit in toward.items():
        background = away[key].means if key in away else {}
        for arm, percent in unit.means.items():
            if arm in background:
                rows.append(_measurement(task, unit, arm, {"percent": percent}, {"percent": background[arm]}))
                continue
            what = f"inserts to {TARGETS[endpoint.other_target].words} for {arm[0]} in {arm[1]} of {unit.unit_id}"
            doubt = Doubt("not_interpretable", "no_reference", f"no {what}")
            rows.append(_measurement(task, unit, arm, {"percent": percent}, {}, doubt=doubt))
    return rows


def form_with_and_without_stroma(task: EndpointTask, wells: Wells) -> list[Measurement]:
    """Return the component endpoint with stroma against that without, per unit and treatment.

    Conditioned medium is held against plain medium where that exists, else against the reference context.
    """
    rows = []
    for name, unit in _component_means(task, wells):
        for (treatment, context), value in unit.means.items():
            if not has_stroma(context):
                continue
            without = _without_stroma(unit, treatment, context, task.conditions)
            alone = unit.means.get((treatment, without))
            doubt: Doubt | None = Doubt(
                "not_interpretable", "no_reference", f"no {treatment} in {without} of {unit.unit_id}"
            )
            reference: Readouts = {}
            if alone is not None:
                doubt, reference = _index_doubt(task, treatment, alone, unit=unit.unit_id), {name: alone}
            rows.append(_measurement(task, unit, (treatment, context), {name: value}, reference, doubt=doubt))
    return rows


def form_combination(task: EndpointTask, wells: Wells) -> list[Measurement]:
    """Return two drugs together against each alone at the same dose, per unit and context."""
    rows = []
    for name, unit in _component_means(task, wells):
        for (treatment, context), value in unit.means.items():
            parts = _two_drugs(task.conditions.treatments.get(treatment))
            if parts is None:
                continue
            singles = {place: (str(part), context) for place, part in zip(("first", "second"), parts, strict=True)}
            lacking = [single for single, _ in singles.values() if (single, context) not in unit.means]
            doubt = None
            if lacking:
                reason = f"no {' and no '.join(lacking)} alone in {context} of {unit.unit_id}"
                doubt = Doubt("not_interpretable", "no_reference", reason)
            reference = {place: unit.means[arm] for place, arm in singles.items() if arm in unit.means}
            rows.append(_measurement(task, unit, (treatment, context), {name: value}, reference, doubt=doubt))
    return rows


def form_reversal(task: EndpointTask, wells: Wells) -> list[Measurement]:
    """Return how much of stromal protection a CXCR4 antagonist takes away, per unit, TKI and stromal context.

    The row stands at the treatment TKI + antagonist. It is missing with its reason unless the TKI kills alone, stroma
    protects, and the arms exist that show what the antagonist does by itself.
    """
    rows = []
    for name, unit in _component_means(task, wells):
        for (treatment, context), value in unit.means.items():
            pair = _kinase_and_antagonist(task.conditions.treatments.get(treatment), task.conditions.catalogue)
            if pair is None or not has_stroma(context):
                continue
            reference, doubt = _protection(task, unit, pair, context=context)
            rows.append(_measurement(task, unit, (treatment, context), {name: value}, reference, doubt=doubt))
    return rows


def _protection(
    task: EndpointTask, unit: ArmMeans, pair: tuple[Treatment, Treatment], *, context: str
) -> tuple[Readouts, Doubt | None]:
    """Return what the TKI does with stroma and alone, or the doubt where it says nothing about protection."""
    inhibitor, antagonist = pair
    both = str(Treatment(tuple(sorted((*inhibitor.doses, *antagonist.doses)))))
    without = _without_stroma(unit, str(inhibitor), context, task.conditions)
    vehicle = task.conditions.reference_treatment
    needed = [(str(inhibitor), context), (str(inhibitor), without), (vehicle, without)]
    needed += [(both, without), (str(antagonist), without), (str(antagonist), context)]
    lacking = [f"{treatment} in {where}" for treatment, where in needed if (treatment, where) not in unit.means]
    if lacking:
        reason = f"reversal needs the arms {', '.join(lacking)}, which {unit.unit_id} lacks"
        return {}, Doubt("not_interpretable", "no_reference", reason)
    stroma, alone, untreated = (unit.means[arm] for arm in needed[:3])
    least = float(task.spec.options.get("least_kill", LEAST_KILL))
    if alone - untreated < least:
        found = f"{alone:.1f} % against {untreated:.1f} % in {vehicle}"
        reason = f"{inhibitor} alone kills too few in {unit.unit_id}: {found}"
        return {}, Doubt("not_interpretable", "no_kill", reason)
    if alone - stroma < least:
        found = f"{stroma:.1f} % with, {alone:.1f} % without"
        reason = f"stroma does not protect from {inhibitor} in {unit.unit_id}: {found}"
        return {}, Doubt("not_interpretable", "no_protection", reason)
    return {"stroma": stroma, "alone": alone}, None


def _index_doubt(task: EndpointTask, treatment: str, alone: float, *, unit: str) -> Doubt | None:
    """Return the doubt of a ratio to what the drug does alone, where that is nothing, or little."""
    if task.endpoint.unit != "ratio":
        return None
    if alone <= 0:
        reason = f"{treatment} does not kill alone in {unit} (specific apoptosis {alone:.1f} %), so there is no index"
        return Doubt("not_interpretable", "no_kill", reason)
    if alone < float(task.spec.options.get("least_kill", LEAST_KILL)):
        reason = f"{treatment} kills few alone in {unit} (specific apoptosis {alone:.1f} %): the index is unstable"
        return Doubt("warn", "little_kill", reason)
    return None


def _without_stroma(unit: ArmMeans, treatment: str, context: str, conditions: AssayConditions) -> str:
    """Return the context without stroma: the control of its own where that was measured, else the reference's."""
    own = CONTEXTS[context].control
    if own and (treatment, own) in unit.means:
        return own
    return "mono" if has_stroma(conditions.reference_context) else conditions.reference_context


def _component_means(task: EndpointTask, wells: Wells) -> list[tuple[str, ArmMeans]]:
    """Return the name of the component endpoint with its arm means, unit by unit."""
    component = task.endpoint.component
    assert component is not None, f"{task.endpoint.name} must name the endpoint it is formed from"
    spec = task.spec.model_copy(update={"endpoint": component.name, "name": ""})
    rows = component.formation.form(EndpointTask(spec, component, task.conditions), wells)
    values = {(row.plate, row.well): row.value for row in rows if not math.isnan(row.value)}
    return [(component.name, unit) for unit in arm_means(task.spec, wells, values).values()]


def arm_means(
    spec: EndpointSpec, wells: Wells, values: Mapping[tuple[str, str], float]
) -> dict[tuple[str, ...], ArmMeans]:
    """Return the arm means of each unit, of values by plate and well; lots of stroma are averaged.

    Lots are averaged since cells alone have none to be compared with.
    """
    shared = tuple(name for name in matched_factors(spec) if name != "msc_donor")
    groups: dict[tuple[str, ...], list[WellReadings]] = defaultdict(list)
    for well in wells:
        if (well.plate, well.well) in values:
            groups[(well.unit_id, *(text(well.factors.get(name, "")) for name in shared))].append(well)
    found = {}
    for key, members in groups.items():
        cells: dict[Arm, list[float]] = defaultdict(list)
        for well in members:
            cells[well.treatment, well.context].append(values[well.plate, well.well])
        factors = {name: members[0].factors[name] for name in shared if name in members[0].factors}
        plates = {well.plate for well in members}
        plate = plates.pop() if len(plates) == 1 else ""
        means = {arm: fmean(numbers) for arm, numbers in cells.items()}
        found[key] = ArmMeans(members[0].unit_id, factors, plate, means)
    return found


def _measurement(
    task: EndpointTask,
    unit: ArmMeans,
    arm: Arm,
    quantity: Readouts,
    reference: Readouts,
    *,
    doubt: Doubt | None = None,
) -> Measurement:
    endpoint, name = task.endpoint, task.spec.measured_as
    lost = doubt is not None and doubt.qc != "warn"
    value = math.nan if lost else endpoint.function(quantity, reference)
    if doubt is None and math.isnan(value):
        reason = f"{name} of {arm[0]} in {arm[1]} of {unit.unit_id}: {endpoint.undefined}"
        doubt = missing(reason, "undefined")
    if doubt is None and endpoint.scale in {"log", "log2"} and value <= 0:
        doubt = Doubt("warn", "nothing_counted", f"{name} is zero: no cell was counted")
    return Measurement(
        plate=unit.plate,
        well="",
        unit_id=unit.unit_id,
        treatment=arm[0],
        context=arm[1],
        factors=unit.factors,
        endpoint=name,
        value=value,
        unit=endpoint.unit,
        doubt=doubt,
    )


def _two_drugs(treatment: Treatment | None) -> tuple[Treatment, Treatment] | None:
    if treatment is None or len(treatment.doses) != 2:
        return None
    first, second = treatment.doses
    return Treatment((first,)), Treatment((second,))


def _kinase_and_antagonist(treatment: Treatment | None, catalogue: Catalogue) -> tuple[Treatment, Treatment] | None:
    """Return the TKI and the CXCR4 antagonist of a treatment made of these two, else None."""
    pair = _two_drugs(treatment)
    if pair is None:
        return None
    classes = {catalogue[part.drugs[0]].drug_class: part for part in pair}
    if set(classes) != {"tki", "cxcr4_antagonist"}:
        return None
    return classes["tki"], classes["cxcr4_antagonist"]


def rests_on_parts(row: Measurement, well: WellReadings, conditions: AssayConditions) -> bool:
    """Whether a well holds some of a value's drugs or none, in its context or in one without stroma."""
    part, whole = (conditions.treatments.get(name) for name in (well.treatment, row.treatment))
    # A treatment the catalogue does not know is part of itself alone
    known = part is not None and set(part.doses) <= set(whole.doses if whole else ())
    return (known or well.treatment == row.treatment) and (well.context == row.context or not has_stroma(well.context))


BETWEEN_TARGETS = Formation(
    form=form_between_targets, rests_on=rests_on_arm, against="another target, in the same arm", per="unit"
)
WITH_AND_WITHOUT_STROMA = Formation(
    form=form_with_and_without_stroma,
    rests_on=rests_on_parts,
    against="the same treatment without stroma",
    per="unit",
    vehicle=True,
)
COMBINATION = Formation(
    form=form_combination,
    rests_on=rests_on_parts,
    against="each drug alone at the same dose",
    per="unit",
    vehicle=True,
)
REVERSAL = Formation(
    form=form_reversal,
    rests_on=rests_on_parts,
    against="the TKI with stroma and alone",
    per="unit",
    vehicle=True,
)  # fmt: skip

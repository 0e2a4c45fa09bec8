"""Form unit-level endpoints: arms of one unit are averaged first, then held against each other."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from assaykit.endpoints.catalogue import ENDPOINTS
from assaykit.endpoints.forming import Setting, form_from_reference, form_own, insert_percents, wells_for
from assaykit.endpoints.model import Doubt, Endpoint, Measured, MeasuredWell, Readouts
from assaykit.endpoints.quantities import missing
from assaykit.endpoints.wells import matched_factors, target_of, text
from assaykit.plate.model import Factor
from assaykit.protocol.model import EndpointSpec
from assaykit.treatment import Catalogue, Treatment
from assaykit.vocabulary import CONTEXTS, TARGETS, has_stroma

Wells = Sequence[MeasuredWell]
LEAST_KILL = 5.0  # points of apoptosis below which a drug is said not to kill; options = { least_kill = ... }


@dataclass(frozen=True, slots=True)
class Arms:
    """The arm means of one unit (and line, time ...): (treatment, context) -> mean; with where they came from."""

    unit_id: str
    factors: Mapping[str, Factor]
    plate: str
    means: Mapping[tuple[str, str], float]


def form_targets(spec: EndpointSpec, endpoint: Endpoint, wells: Wells) -> list[Measured]:
    """Return one target against another, per unit, treatment and context, from the means of the unit's inserts."""
    percents = {(well.plate, well.well): percent for well, percent in insert_percents(spec, wells)}
    sides = [
        _arms(spec, [well for well in wells if target_of(well) == target], percents)
        for target in (endpoint.target, endpoint.against)
    ]
    present = {target_of(well) for well in wells}
    if endpoint.target not in present or (spec.optional and endpoint.against not in present):
        return []
    rows = []
    for key, arms in sides[0].items():
        background = sides[1][key].means if key in sides[1] else {}
        for (treatment, context), percent in arms.means.items():
            held = background.get((treatment, context))
            doubt = None
            if held is None:
                what = f"no inserts to {TARGETS[endpoint.against].words} for {treatment} in {context} of {arms.unit_id}"
                doubt = Doubt("not_interpretable", "no_reference", what)
            values: Readouts = {"percent": percent}
            reference: Readouts = {} if held is None else {"percent": held}
            rows.append(
                _row(spec, endpoint, arms, arm=(treatment, context), values=values, reference=reference, doubt=doubt)
            )
    return rows


def form_contexts(spec: EndpointSpec, endpoint: Endpoint, wells: Wells, *, setting: Setting) -> list[Measured]:
    """Return the specific apoptosis with stroma against that without, per unit and treatment.

    Conditioned medium is held against plain medium where that exists, else against the reference context.
    """
    rows = []
    for arms in _arms(spec, wells, _specific(spec, wells, setting)).values():
        for (treatment, context), value in arms.means.items():
            if not has_stroma(context):
                continue
            without = _without_stroma(arms, treatment, context, setting)
            alone = arms.means.get((treatment, without))
            doubt = _protection_doubt(spec, treatment, without, alone=alone, unit=arms.unit_id)
            values: Readouts = {"specific_apoptosis": value}
            reference: Readouts = {} if alone is None else {"specific_apoptosis": alone}
            rows.append(
                _row(spec, endpoint, arms, arm=(treatment, context), values=values, reference=reference, doubt=doubt)
            )
    return rows


def form_combination(spec: EndpointSpec, endpoint: Endpoint, wells: Wells, *, setting: Setting) -> list[Measured]:
    """Return two drugs together against each alone at the same dose, per unit and context."""
    rows = []
    for arms in _arms(spec, wells, _specific(spec, wells, setting)).values():
        for (treatment, context), value in arms.means.items():
            parts = _two_drugs(setting.treatments.get(treatment))
            if parts is None:
                continue
            alone = {name: arms.means.get((str(part), context)) for name, part in zip(_PLACES, parts, strict=True)}
            lacking = [str(part) for name, part in zip(_PLACES, parts, strict=True) if alone[name] is None]
            doubt = None
            if lacking:
                reason = f"no {' and no '.join(lacking)} alone in {context} of {arms.unit_id}"
                doubt = Doubt("not_interpretable", "no_reference", reason)
            reference = {name: single for name, single in alone.items() if single is not None}
            values: Readouts = {"specific_apoptosis": value}
            rows.append(
                _row(spec, endpoint, arms, arm=(treatment, context), values=values, reference=reference, doubt=doubt)
            )
    return rows


def form_reversal(spec: EndpointSpec, endpoint: Endpoint, wells: Wells, *, setting: Setting) -> list[Measured]:
    """Return how much of stromal protection a CXCR4 antagonist takes away, per unit, TKI and stromal context.

    The row stands at the treatment TKI + antagonist. It is missing with its reason unless the TKI kills alone, stroma
    protects, and the arms exist that show what the antagonist does by itself.
    """
    rows = []
    for arms in _arms(spec, wells, _apoptosis(spec, wells, setting)).values():
        for (treatment, context), value in arms.means.items():
            pair = (
                _kinase_and_antagonist(setting.treatments.get(treatment), setting.catalogue)
                if has_stroma(context)
                else None
            )
            if pair is None:
                continue
            doubt, reference = _reversal_reference(spec, arms, pair, context=context, setting=setting)
            values: Readouts = {"apoptosis": value}
            rows.append(
                _row(spec, endpoint, arms, arm=(treatment, context), values=values, reference=reference, doubt=doubt)
            )
    return rows


_PLACES = ("first", "second")


def _reversal_reference(
    spec: EndpointSpec, arms: Arms, pair: tuple[Treatment, Treatment], *, context: str, setting: Setting
) -> tuple[Doubt | None, Readouts]:
    inhibitor, antagonist = pair
    both = str(Treatment(tuple(sorted((*inhibitor.doses, *antagonist.doses)))))
    without = _without_stroma(arms, str(inhibitor), context, setting)
    vehicle = setting.reference.treatment
    needed = [(str(inhibitor), context), (str(inhibitor), without), (vehicle, without)]
    needed += [(both, without), (str(antagonist), without), (str(antagonist), context)]
    lacking = [f"{treatment} in {where}" for treatment, where in needed if (treatment, where) not in arms.means]
    if lacking:
        reason = f"reversal needs the arms {', '.join(lacking)}, which {arms.unit_id} lacks"
        return Doubt("not_interpretable", "no_reference", reason), {}
    stroma, alone, untreated = (arms.means[arm] for arm in needed[:3])
    least = float(spec.options.get("least_kill", LEAST_KILL))
    if alone - untreated < least:
        reason = (
            f"{inhibitor} alone kills too few in {arms.unit_id}: {alone:.1f} % against {untreated:.1f} % in {vehicle}"
        )
        return Doubt("not_interpretable", "no_kill", reason), {}
    if alone - stroma < least:
        reason = (
            f"stroma does not protect from {inhibitor} in {arms.unit_id}: {stroma:.1f} % with, {alone:.1f} % without"
        )
        return Doubt("not_interpretable", "no_protection", reason), {}
    return None, {"stroma": stroma, "alone": alone}


def _protection_doubt(
    spec: EndpointSpec, treatment: str, without: str, *, alone: float | None, unit: str
) -> Doubt | None:
    if alone is None:
        return Doubt("not_interpretable", "no_reference", f"no {treatment} in {without} of {unit}")
    if spec.endpoint != "spi":
        return None
    if alone <= 0:
        reason = f"{treatment} does not kill alone in {unit} (specific apoptosis {alone:.1f} %), so there is no index"
        return Doubt("not_interpretable", "no_kill", reason)
    if alone < float(spec.options.get("least_kill", LEAST_KILL)):
        reason = f"{treatment} kills few alone in {unit} (specific apoptosis {alone:.1f} %): the index is unstable"
        return Doubt("warn", "little_kill", reason)
    return None


def _without_stroma(arms: Arms, treatment: str, context: str, setting: Setting) -> str:
    own = CONTEXTS[context].control
    if own and (treatment, own) in arms.means:
        return own
    reference = setting.reference.context
    return "mono" if has_stroma(reference) else reference


def _specific(spec: EndpointSpec, wells: Wells, setting: Setting) -> dict[tuple[str, str], float]:
    one = spec.model_copy(update={"endpoint": "specific_apoptosis", "name": ""})
    endpoint = ENDPOINTS["specific_apoptosis"]
    return _by_well(form_from_reference(one, endpoint, wells_for(endpoint, wells), setting=setting))


def _apoptosis(spec: EndpointSpec, wells: Wells, setting: Setting) -> dict[tuple[str, str], float]:
    one = spec.model_copy(update={"endpoint": "apoptosis", "name": ""})
    endpoint = ENDPOINTS["apoptosis"]
    return _by_well(form_own(one, endpoint, wells_for(endpoint, wells), setting=setting))


def _by_well(rows: Sequence[Measured]) -> dict[tuple[str, str], float]:
    return {(row.plate, row.well): row.value for row in rows if not math.isnan(row.value)}


def _arms(spec: EndpointSpec, wells: Wells, values: Mapping[tuple[str, str], float]) -> dict[tuple[str, ...], Arms]:
    """Return the arm means of each unit; lots of stroma are averaged, since cells alone have none."""
    shared = tuple(name for name in matched_factors(spec) if name != "msc_donor")
    groups: dict[tuple[str, ...], list[MeasuredWell]] = defaultdict(list)
    for well in wells:
        if (well.plate, well.well) in values:
            groups[(well.unit_id, *(text(well.factors.get(name, "")) for name in shared))].append(well)
    found = {}
    for key, members in groups.items():
        cells: dict[tuple[str, str], list[float]] = defaultdict(list)
        for well in members:
            cells[well.treatment, well.context].append(values[well.plate, well.well])
        factors = {name: members[0].factors[name] for name in shared if name in members[0].factors}
        plates = {well.plate for well in members}
        plate = plates.pop() if len(plates) == 1 else ""
        found[key] = Arms(members[0].unit_id, factors, plate, {arm: fmean(numbers) for arm, numbers in cells.items()})
    return found


def _row(
    spec: EndpointSpec,
    endpoint: Endpoint,
    arms: Arms,
    *,
    arm: tuple[str, str],
    values: Readouts,
    reference: Readouts,
    doubt: Doubt | None,
) -> Measured:
    lost = doubt is not None and doubt.qc != "warn"
    value = math.nan if lost else endpoint.function(values, reference)
    if doubt is None and math.isnan(value):
        doubt = missing(
            f"{spec.measured_as} of {arm[0]} in {arm[1]} of {arms.unit_id}: {endpoint.undefined}", "undefined"
        )
    if doubt is None and endpoint.scale in {"log", "log2"} and value <= 0:
        doubt = Doubt("warn", "nothing_counted", f"{spec.measured_as} is zero: no cell was counted")
    return Measured(
        plate=arms.plate,
        well="",
        unit_id=arms.unit_id,
        treatment=arm[0],
        context=arm[1],
        factors=arms.factors,
        endpoint=spec.measured_as,
        value=value,
        unit=endpoint.unit,
        doubt=doubt,
    )


def _two_drugs(treatment: Treatment | None) -> tuple[Treatment, Treatment] | None:
    if treatment is None or len(treatment.doses) != len(_PLACES):
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

"""`resolve_plate`: the numbers that a plate's controls fill in, before any well is measured.

Plate -> survey of headers -> columns, spillover
      -> gates in order, each fixed (from controls where estimated) and applied before the next
      -> the controls' cells that serve each well, bead lines -> Resolved + findings
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from assaykit.cytometry.absent_channels import absent_channel_finding
from assaykit.cytometry.bench import Bench, with_files
from assaykit.cytometry.calibration import bead_lines
from assaykit.cytometry.channels import is_fluorescence, optional_roles, roles_used
from assaykit.cytometry.compensation import reading_findings
from assaykit.cytometry.contamination import stroma_limits
from assaykit.cytometry.controls import serving
from assaykit.cytometry.gate_estimate import GateEstimate, bench_finding
from assaykit.cytometry.gate_estimation import estimate_gate
from assaykit.cytometry.hierarchy import ALL, drawn_on, in_order, without_operands
from assaykit.cytometry.matching import with_marker_roles
from assaykit.cytometry.overrides import (
    OverriddenGate,
    apply_overrides,
    plate_findings,
    with_excluded_samples,
    without_excluded,
)
from assaykit.cytometry.scales import logicle_scale, named_scale
from assaykit.cytometry.single_stain import single_stain_spillover
from assaykit.cytometry.spillover_need import assess_uncompensated
from assaykit.cytometry.statistics import is_gated_elsewhere, resolve_statistics
from assaykit.cytometry.survey import survey_plate, without_odd_wells
from assaykit.cytometry.unmixing import residual_findings, unmixing_matrix
from assaykit.cytometry.wells import gate_matrices, plate_spillover, wants_whole_table
from assaykit.errors import GateError, InputError
from assaykit.plate import Plate
from assaykit.protocol import (
    BooleanGate,
    ControlGate,
    DebrisGate,
    FixedGate,
    FixedScale,
    FmoGate,
    Gate,
    LogicleScale,
    PolygonGate,
    SingletGate,
    ValleyGate,
    ViabilityGate,
    gate_channels,
)
from assaykit.study import Assay, Reference, ResolvedPlate, Spillover, on_plate
from assaykit.tables import Finding

VEHICLE = Reference()
COUNTING_BEADS = "beads"
"""The role without which there are no beads: every other optional channel that is missing lets every cell pass."""


def resolve_plate(assay: Assay, plate: Plate, *, reference: Reference = VEHICLE) -> tuple[ResolvedPlate, list[Finding]]:
    """Return what the plate's controls fill in, and the findings met on the way; never raises for bad data.

    A gate that cannot be fixed is left out together with all drawn on it, and a `fail` finding says why.
    """
    if is_gated_elsewhere(plate):
        return resolve_statistics(assay, plate)
    if not any(well.file is not None for well in plate.wells):
        return ResolvedPlate(), []
    assay = on_plate(assay, plate)
    columns, findings = survey_plate(assay, plate)
    findings += plate_findings(assay, plate)
    plate = with_marker_roles(assay, plate)
    start = ResolvedPlate(columns=columns)
    trusted = without_odd_wells(without_excluded(assay, plate), findings)
    try:
        spillover, judged = _spillover(assay, trusted)
        start = replace(start, spillover=spillover, matrices=gate_matrices(assay, plate.source))
        findings += judged
    except InputError as error:
        findings.append(Finding("fail", "compensation", str(error), plate.name))
    first = next((well for well in plate.wells if well.role == "sample" and well.file is not None), None)
    if first is not None:
        start = replace(start, whole_table=wants_whole_table(assay, start, first))
    findings = assess_uncompensated(assay, plate, start, findings)
    bench = Bench(assay, trusted, start)
    by_hand, said = _fix_gates(bench, reference)
    findings += [*said, *residual_findings(bench)]
    samples = with_excluded_samples(assay, plate)
    serves, controls, more = serving(replace(bench, plate=without_odd_wells(samples, findings, samples=False)))
    lines, told = bead_lines(assay, trusted, columns)
    resolved = replace(
        start,
        gates=tuple(gate for gate, _ in bench.gates),
        by_treatment=_by_control(bench, serves, by_hand),
        by_well={
            well.name: forms
            for well in plate.wells
            if (forms := tuple(made.by_well[well.name] for made in by_hand.values() if well.name in made.by_well))
        },
        estimated=tuple(made.plate_estimate for made in by_hand.values() if made.plate_estimate is not None),
        control_readouts=stroma_limits(bench),
        scales=_scales(bench),
        serves=serves,
        controls=controls,
        bead_lines=lines,
    )
    return resolved, [*findings, *more, *told]


def _spillover(assay: Assay, plate: Plate) -> tuple[Spillover | None, list[Finding]]:
    if assay.protocol.compensation == "single_stain":
        return single_stain_spillover(assay, plate, roles_used(assay.protocol))
    if assay.protocol.compensation in {"unmix", "unmix_weighted"}:
        return unmixing_matrix(assay, plate, roles_used(assay.protocol))
    spillover = plate_spillover(assay, plate.source)
    return spillover, reading_findings(spillover, plate.name)


def _fix_gates(bench: Bench, reference: Reference) -> tuple[dict[str, OverriddenGate], list[Finding]]:
    """Fix every gate in order and put it on the bench; return those set by hand, and what a reader must know."""
    findings: list[Finding] = []
    by_hand: dict[str, OverriddenGate] = {}
    try:
        ordered = in_order(bench.assay.protocol.gates)
    except GateError as error:
        return {}, [bench_finding(bench, "fail", "gate", str(error))]
    absent: set[str] = set()  # populations of a channel that the lab does not have, and need not have
    for written in ordered:
        gate = without_operands(written, absent)
        known = {ALL, *(fixed.name for fixed, _ in bench.gates)}
        if not known.issuperset(drawn_on(gate)):
            continue  # said where its parent was left out
        lacking = _absent_roles(gate, bench)
        if lacking and COUNTING_BEADS in lacking:
            absent.add(gate.name)
            continue
        try:
            set_gate = apply_overrides(gate, bench, partial(_fixed_gate, bench=bench, reference=reference))
        except InputError as error:
            findings.append(bench_finding(bench, "fail", "gate", str(error)))
            continue
        by_hand[gate.name] = set_gate
        findings += set_gate.estimate.findings
        bench.add(set_gate.estimate.gate, set_gate.estimate.by_well)
    return by_hand, findings


def _fixed_gate(gate: Gate, bench: Bench, reference: Reference) -> GateEstimate:
    """Return the gate as it is fixed on this plate; one whose channel the plate has not keeps its whole parent."""
    if lacking := _absent_roles(gate, bench):
        everything = BooleanGate(name=gate.name, parent=gate.parent, operation="and", of=(gate.parent,))
        return GateEstimate(everything, {}, (absent_channel_finding(gate, bench, lacking),))
    match gate:
        case DebrisGate() | SingletGate() | ViabilityGate() | FmoGate() | ControlGate() | ValleyGate():
            return estimate_gate(gate, bench, reference)
        case _:
            return GateEstimate(_with_numbers(gate, bench))


def _absent_roles(gate: Gate, bench: Bench) -> list[str]:
    """Return the channels the gate reads that the protocol does not require and the plate does not have."""
    optional = optional_roles(bench.assay.protocol)
    return [role for role in gate_channels(gate) if role in optional and role not in bench.resolved.columns]


def _with_numbers(gate: FixedGate, bench: Bench) -> FixedGate:
    """Return the gate with the numbers of every scale it calls by name."""
    if isinstance(gate, BooleanGate):
        return gate
    named = dict(gate.scales)
    if isinstance(gate, PolygonGate):
        named = {gate.x: gate.scale, gate.y: gate.scale, **named}
    scales: dict[str, FixedScale] = {}
    for channel, scale in named.items():
        full = named_scale(scale, _fitted(bench, channel)) if isinstance(scale, str) and scale != "raw" else scale
        if full is not None and not isinstance(full, str):
            scales[channel] = full
    return gate.model_copy(update={"scales": scales, **({"scale": "raw"} if isinstance(gate, PolygonGate) else {})})


def _fitted(bench: Bench, channel: str) -> LogicleScale:
    """Return one logicle for the whole plate: top from $PnR, w pooled over its control wells, or all without any."""
    wells = with_files(bench.plate.wells, "fmo", "isotype", "unstained", "single_stain") or with_files(
        bench.plate.wells, "sample"
    )
    held = [h for h in (bench.well(well) for well in wells) if h is not None and channel in h.columns.names]
    tops = [c.top for h in held for c in h.columns.events.channels if c.name == h.columns.names[channel]]
    values = bench.values(wells, "all", channel)
    return logicle_scale(values, max([*tops, 1.0]) if tops else 262144.0)


def _scales(bench: Bench) -> dict[str, FixedScale]:
    """Return the logicle of every fluorescence channel in use, for gates and figures alike."""
    held = [h for h in bench.cache.values() if h is not None]
    if not held:
        return {}
    dyed = {c.name for c in held[0].columns.events.channels if is_fluorescence(c)}
    names = held[0].columns.names
    return {role: _fitted(bench, role) for role in roles_used(bench.assay.protocol) if names.get(role) in dyed}


def _by_control(
    bench: Bench, serves: dict[str, dict[str, str]], by_hand: dict[str, OverriddenGate]
) -> dict[str, tuple[FixedGate, ...]]:
    """Return control -> the gates that take another form in the wells it serves."""
    found: dict[str, dict[str, FixedGate]] = {}
    channels = {gate.name: gate.channel for gate in bench.assay.protocol.gates if isinstance(gate, FmoGate)}
    for gate, own in bench.gates:
        served = serves.get(channels.get(gate.name, ""), {})
        for well, form in own.items():
            if well in served and well not in by_hand[gate.name].by_well:
                found.setdefault(served[well], {})[form.name] = form
    return {key: tuple(gates.values()) for key, gates in found.items()}

"""Positivity thresholds from controls: a percentile with its exact interval, per plate, treatment or named control."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from assaykit.cytometry.assignment import Assignment, assignment, control_population
from assaykit.cytometry.bench import Bench, with_files
from assaykit.cytometry.gate_estimate import GateEstimate, bench_finding, gate_seed, threshold_gate, well_names
from assaykit.cytometry.matching import concerns, text_factor
from assaykit.cytometry.percentiles import cut_at_percentile, cut_interval_text
from assaykit.cytometry.readouts import median_value, robust_sd
from assaykit.cytometry.valleys import FEWEST, Cut, cut_above_mode
from assaykit.errors import GateError
from assaykit.plate import Well
from assaykit.protocol import ControlGate, FixedGate, FmoGate, ViabilityGate
from assaykit.study import Reference
from assaykit.tables import Finding


def fmo_estimate(gate: FmoGate, bench: Bench) -> GateEstimate:
    """Return the FMO threshold of the plate and, in the wells whose layout names their control, that control's own.

    Where the protocol asks for it, each treatment that has its own control has its own threshold as well.
    Raises GateError where the plate has no control that lacks the stain.
    """
    served = assignment(bench, gate.channel, gate.parent)
    controls = served.default.wells or tuple(well for group in served.by_name for well in group.wells)
    if not controls:
        few = served.default.sparse
        raise GateError(
            "an FMO gate must have wells of the role fmo for its channel",
            f"none with {FEWEST} cells of {gate.parent} for {gate.channel}"
            + (f": {well_names(few)} hold fewer, and so in every population above it" if few else ""),
            f"gate {gate.name}",
            "look at the files of these wells"
            if few
            else "mark the FMO wells in the layout: role = fmo, marker = the stain left out",
        )
    shared = _percentile_gate(gate, bench, controls)
    return GateEstimate(
        shared[0], _gates_by_well(gate, bench, served), tuple(_threshold_findings(gate, bench, controls, shared))
    )


def _percentile_gate(gate: FmoGate | ControlGate, bench: Bench, wells: Sequence[Well]) -> tuple[FixedGate, Cut]:
    population = control_population(bench, wells, gate.parent, gate.channel)
    values = bench.values(wells, population, gate.channel)
    if values.size < FEWEST:
        raise GateError(
            f"a threshold must rest on at least {FEWEST} control cells",
            f"{values.size} cells of {gate.parent} in {well_names(wells)}",
            f"gate {gate.name}",
            "check the control wells, or the gates above this one",
        )
    cut = cut_at_percentile(values, gate.percentile)
    side = gate.side if isinstance(gate, ControlGate) else "above"
    return threshold_gate(gate, gate.channel, cut, side=side), cut


def _threshold_findings(
    gate: FmoGate, bench: Bench, controls: Sequence[Well], shared: tuple[FixedGate, Cut]
) -> list[Finding]:
    """Say how sure the threshold is, and where the control wells disagree by more than their own spread."""
    cut = shared[1]
    note = f"{gate.channel} positive above {cut.value:.4g} ({cut_interval_text(cut)}), {well_names(controls)}"
    findings = [bench_finding(bench, "note", "threshold", f"{gate.name}: {note}")]
    each = {well.name: bench.values([well], gate.parent, gate.channel) for well in controls}
    medians = {name: median_value(values) for name, values in each.items() if values.size >= FEWEST}
    if len(medians) < 2:
        return findings
    pooled = bench.values(controls, gate.parent, gate.channel)
    spread, centre = robust_sd(pooled), median_value(np.array(list(medians.values())))
    odd = [name for name, value in medians.items() if abs(value - centre) > 2.0 * spread]
    if odd:
        findings.append(
            bench_finding(
                bench,
                "warn",
                "controls_disagree",
                f"{gate.channel}: the controls {', '.join(odd)} lie more than 2 spreads from the other FMO wells; "
                "check that they lack the stain and that the layout is not swapped",
            )
        )
    return findings


def _gates_by_well(gate: FmoGate, bench: Bench, served: Assignment) -> dict[str, FixedGate]:
    """Return, well by well, the threshold of the control that serves it; one per group of controls."""
    made: dict[str, FixedGate] = {}
    by_well: dict[str, FixedGate] = {}
    for well, match in served.matches.items():
        if match.closeness != "named" and gate.per != "treatment":
            continue
        if match.key not in made:
            made[match.key] = _percentile_gate(gate, bench, match.wells)[0]
        by_well[well] = made[match.key]
    return by_well


def control_estimate(gate: ControlGate, bench: Bench, reference: Reference) -> GateEstimate:
    """Return a threshold from the wells the gate names, or from the next best the plate has, which a finding says."""
    for kind in dict.fromkeys((gate.control, "single_stain", "unstained", "isotype", "fmo", "reference")):
        wells = _wells_of(kind, gate, bench, reference)
        if bench.values(wells, gate.parent, gate.channel).size < FEWEST:
            continue
        fixed, cut = (
            _reference_gate(gate, bench, wells) if kind == "reference" else _percentile_gate(gate, bench, wells)
        )
        message = (
            f"{gate.name}: {gate.channel} {gate.side} {cut.value:.4g} "
            f"({cut_interval_text(cut)}), from {kind} wells {well_names(wells)}"
        )
        found = [bench_finding(bench, "note", "threshold", message)]
        if kind != "reference" and not cut.sure:
            message = f"{gate.name}: the threshold rests on {cut.doubt}"
            found.append(Finding("warn", "control_few", message, bench.plate.name, channel=gate.channel))
        if kind != gate.control:
            message = f"{gate.name}: the plate has no usable {gate.control} wells; {kind} wells set the threshold"
            found.append(bench_finding(bench, "warn", "control_substituted", message))
        return GateEstimate(fixed, {}, tuple(found))
    raise GateError(
        "a control gate must have control wells",
        f"no {gate.control} wells with cells of {gate.parent}",
        f"gate {gate.name}",
        "mark them in the layout, or set the gate's control to one the plate has",
    )


def _wells_of(kind: str, gate: ControlGate, bench: Bench, reference: Reference) -> tuple[Well, ...]:
    wells = bench.plate.wells
    match kind:
        case "reference":
            untreated = [w for w in with_files(wells, "sample") if text_factor(w, "treatment") == reference.treatment]
            own = [w for w in untreated if text_factor(w, "context") == reference.context]
            return tuple(own or untreated)
        case "single_stain":
            stained = with_files(wells, "single_stain")
            return tuple(w for w in stained if not concerns(bench.assay, w, gate.channel))
        case "fmo":
            return tuple(w for w in with_files(wells, "fmo") if concerns(bench.assay, w, gate.channel))
        case _:
            return with_files(wells, kind)


def _reference_gate(gate: ControlGate, bench: Bench, wells: Sequence[Well]) -> tuple[FixedGate, Cut]:
    """Untreated wells hold some positives: take the percentile of the negative peak, not of all cells."""
    values = bench.values(wells, gate.parent, gate.channel)
    spreads = NormalDist().inv_cdf(gate.percentile / 100.0)
    cut = cut_above_mode(values, spreads, seed=gate_seed(bench, gate.name))
    return threshold_gate(gate, gate.channel, cut, side=gate.side), cut


def dead_control_estimate(gate: ViabilityGate, bench: Bench) -> GateEstimate:
    """Return the value that best parts the dead control from the live controls (largest distance of the two).

    Raises GateError where the plate has no well of the role dead.
    """
    dead_wells = with_files(bench.plate.wells, "dead")
    live_wells = with_files(bench.plate.wells, "fmo", "isotype", "unstained") or with_files(bench.plate.wells, "sample")
    dead = bench.values(dead_wells, gate.parent, gate.channel)
    live = bench.values(live_wells, gate.parent, gate.channel)
    if dead.size < FEWEST or live.size < FEWEST:
        raise GateError(
            'viability by "dead_control" must have dead wells and live controls',
            f"{dead.size} dead and {live.size} live cells",
            f"gate {gate.name}",
            'mark the killed wells in the layout: role = dead; or set method = "valley"',
        )
    rng = np.random.default_rng(gate_seed(bench, gate.name))
    redrawn = [_parting(rng.choice(live, live.size), rng.choice(dead, dead.size)) for _ in range(100)]
    low, high = np.percentile(redrawn, [2.5, 97.5])
    cut = Cut(_parting(live, dead), float(low), float(high), sure=True)
    interval = f"95 % interval {cut.low:.4g} to {cut.high:.4g}"
    message = f"{gate.name}: dead above {cut.value:.4g} ({interval}), {well_names(dead_wells)}"
    return GateEstimate(
        threshold_gate(gate, gate.channel, cut, side="below"), {}, (bench_finding(bench, "note", "threshold", message),)
    )


def _parting(live: NDArray[np.floating], dead: NDArray[np.floating]) -> float:
    """Return where the cumulative shares of live and dead cells differ most, Kolmogorov-Smirnov's place.

    On a grid, by hand: SciPy's `ks_2samp` names the first of several places of the same distance, at a gap's edge.
    """
    places = np.quantile(np.concatenate([live, dead]), np.linspace(0.005, 0.995, 400))
    below_live = np.searchsorted(np.sort(live), places) / live.size
    below_dead = np.searchsorted(np.sort(dead), places) / dead.size
    distance = below_live - below_dead
    best = np.flatnonzero(distance >= distance.max() - 1e-3)  # a gap is flat: take its middle
    return float(places[best].mean())

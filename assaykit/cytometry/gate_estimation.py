"""Data-driven gates, estimated once from controls: `estimate_gate(gate, bench, reference) -> Estimate`.

Controls serve where the plate has them, since adding a sample well must change no other well; samples are pooled
only where no control can show what is sought, and a finding says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from assaykit.cytometry.bench import Bench, with_files
from assaykit.cytometry.channels import SIDE_SCATTER
from assaykit.cytometry.debris import Scatter, cut_debris
from assaykit.cytometry.gate_estimate import GateEstimate, bench_finding, gate_seed, threshold_gate, well_names
from assaykit.cytometry.matching import concerns
from assaykit.cytometry.readouts import median_value
from assaykit.cytometry.thresholds import control_estimate, dead_control_estimate, fmo_estimate
from assaykit.cytometry.valleys import FEWEST, Cut, Side, cut_by_mixture, cut_by_valley
from assaykit.errors import GateError
from assaykit.plate import Well
from assaykit.protocol import (
    BooleanGate,
    ControlGate,
    DebrisGate,
    FmoGate,
    Ratio,
    SingletGate,
    ThresholdGate,
    ValleyGate,
    ViabilityGate,
)
from assaykit.study import Reference
from assaykit.tables import Finding

EstimatedGate = DebrisGate | SingletGate | ViabilityGate | FmoGate | ControlGate | ValleyGate
ValleyLike = DebrisGate | ViabilityGate | ValleyGate
ENOUGH = 1000
"""Control cells below which a median and MAD take the samples in as well (our convention)."""
LEAST_SPREAD = 1e-3
"""The least spread of area / height, as a share of it: files that round their values may show none at all."""


def estimate_gate(gate: EstimatedGate, bench: Bench, reference: Reference) -> GateEstimate:
    """Return the gate fixed from the plate's wells; raises GateError where no well can show it."""
    match gate:
        case DebrisGate():
            return _debris(gate, bench)
        case SingletGate():
            return _singlets(gate, bench)
        case ViabilityGate(method="dead_control"):
            return dead_control_estimate(gate, bench)
        case ViabilityGate() | ValleyGate():
            return _by_valley(gate, bench)
        case FmoGate():
            return fmo_estimate(gate, bench)
        case ControlGate():
            return control_estimate(gate, bench, reference)


def _stained_controls(bench: Bench, channel: str) -> tuple[Well, ...]:
    """Return the controls that do carry this channel's stain: FMOs of another one, isotypes, single and dead wells."""
    wells = bench.plate.wells
    others = [w for w in with_files(wells, "fmo", "isotype") if not concerns(bench.assay, w, channel)]
    unnamed = [w for w in with_files(wells, "fmo", "isotype") if not w.factors.get("marker")]
    return (*others, *unnamed)


def _debris(gate: DebrisGate, bench: Bench) -> GateEstimate:
    """Return where debris ends, from the controls where they show it; events that carry a dye it spares stay.

    Such dyes are in stained wells only, so with `spares` the controls alone do not serve, and debris is sought among
    the events without one.
    """
    controls = () if gate.spares else with_files(bench.plate.wells, "fmo", "isotype", "unstained")
    seed = gate_seed(bench, gate.name)
    everyone = (*controls, *with_files(bench.plate.wells, "sample"))
    spared = {
        channel: _valley_cut(bench, gate, channel, everyone, "below").value
        for channel in gate.spares
        if channel in bench.resolved.columns and bench.values(everyone, gate.parent, channel).size >= FEWEST
    }

    def cut_of(wells: Sequence[Well]) -> Cut:
        forward = bench.values(wells, gate.parent, gate.channel)
        side = bench.values(wells, gate.parent, SIDE_SCATTER)
        bare = np.ones(forward.size, dtype=bool)
        for channel, value in spared.items():
            bare &= bench.values(wells, gate.parent, channel) < value
        if gate.method == "mixture":
            return cut_by_mixture(forward[bare], keep="above", seed=seed, positive=True)
        known_side = side[bare] if side.size == forward.size else None
        return cut_debris(Scatter(forward[bare], known_side, bench.saturation(gate.channel)), seed=seed)

    wells, cut = _first_sure_cut(gate, bench, controls, cut_of)
    if cut.sure and (unlike := _doubting_wells(bench, gate, cut_of, wells)):
        cut = replace(cut, sure=False, doubt=f"alone, {well_names(unlike)} show no such edge")
    fixed = threshold_gate(gate, gate.channel, cut, side="above").model_copy(update={"spared": spared})
    return GateEstimate(fixed, {}, (_cut_finding(gate, bench, wells, cut),))


def _doubting_wells(
    bench: Bench, gate: DebrisGate, cut_of: Callable[[Sequence[Well]], Cut], used: Sequence[Well]
) -> list[Well]:
    """Return the sample wells whose own scatter is in doubt, where they are a third or more of them."""
    others = [well for well in with_files(bench.plate.wells, "sample") if well not in used]
    judged = [well for well in others if bench.values([well], gate.parent, gate.channel).size >= ENOUGH]
    doubting = [well for well in judged if not cut_of([well]).sure]
    return doubting if 3 * len(doubting) >= len(judged) else []


def _by_valley(gate: ViabilityGate | ValleyGate, bench: Bench) -> GateEstimate:
    """Return the gate between negative and positive cells, and what shows which cells are the negative ones."""
    side: Side = gate.side if isinstance(gate, ValleyGate) else "below"

    def cut_of(wells: Sequence[Well]) -> Cut:
        return _valley_cut(bench, gate, gate.channel, wells, side)

    wells, cut = _first_sure_cut(gate, bench, _stained_controls(bench, gate.channel), cut_of)
    return GateEstimate(
        threshold_gate(gate, gate.channel, cut, side=side), {}, (_cut_finding(gate, bench, wells, cut),)
    )


def _valley_cut(bench: Bench, gate: ValleyLike, channel: str, wells: Sequence[Well], side: Side) -> Cut:
    values = bench.values(wells, gate.parent, channel)
    control = _unstained_cells(bench, gate.parent, channel)
    top = bench.saturation(channel)
    return cut_by_valley(values, keep=side, seed=gate_seed(bench, gate.name), control=control, top=top)


def _unstained_cells(bench: Bench, population: str, channel: str) -> NDArray[np.floating] | None:
    """Return the cells of wells that lack a channel's stain, in the population or the nearest one above it.

    An unstained well lacks the dyes of the gates above as well, so its cells may be found further up only.
    """
    wells = bench.plate.wells
    lacking = [w for w in with_files(wells, "fmo") if w.factors.get("marker") and concerns(bench.assay, w, channel)]
    parents = {fixed.name: fixed.parent for fixed, _ in bench.gates}
    while True:
        values = bench.values((*with_files(wells, "unstained"), *lacking), population, channel)
        if values.size >= FEWEST:
            return values
        if population not in parents:
            return None
        population = parents[population]


def _first_sure_cut(
    gate: ValleyLike, bench: Bench, controls: Sequence[Well], cut_of: Callable[[Sequence[Well]], Cut]
) -> tuple[Sequence[Well], Cut]:
    """Return the cut from the controls; where they show none that is sure, from the samples as well."""
    tried: list[tuple[Sequence[Well], Cut]] = []
    for wells in (controls, (*controls, *with_files(bench.plate.wells, "sample"))):
        if bench.values(wells, gate.parent, gate.channel).size >= FEWEST:
            tried.append((wells, cut_of(wells)))
            if tried[-1][1].sure:
                return tried[-1]
    if not tried:
        raise GateError(
            f"a gate must be estimated from at least {FEWEST} cells",
            f"too few cells of {gate.parent} in every well",
            f"gate {gate.name}",
            "check the files and the gates above this one",
        )
    return tried[-1]


def _cut_finding(gate: ValleyLike, bench: Bench, wells: Sequence[Well], cut: Cut) -> Finding:
    place = f"{gate.channel} at {cut.value:.4g}"
    if cut.sure:
        message = f"{gate.name}: {place} (95 % interval {cut.low:.4g} to {cut.high:.4g}), from {well_names(wells)}"
        return bench_finding(bench, "note", "threshold", message, population=gate.name)
    remedy = "Look at the figure of its gating, and set it by hand with an [[override]] of the study if it is wrong"
    if cut.usable:
        message = f"{gate.name}: {place} is doubtful: {cut.doubt}. {remedy}"
        return bench_finding(bench, "warn", "ambiguous_valley", message, population=gate.name)
    message = f"{gate.name}: {place} cannot be trusted: {cut.doubt}. {remedy}, or exclude the plate"
    return bench_finding(bench, "fail", "ambiguous_valley", message, population=gate.name)


def _singlets(gate: SingletGate, bench: Bench) -> GateEstimate:
    """Return area / height < median + mads * MAD, the MAD scaled by 1.4826 (PeacoQC, 10.1002/cyto.a.24501)."""
    if bench.resolved.columns.get(gate.area) == bench.resolved.columns.get(gate.height):  # the survey has said so
        return GateEstimate(BooleanGate(name=gate.name, parent=gate.parent, operation="and", of=(gate.parent,)))
    wells = with_files(bench.plate.wells, "fmo", "isotype", "unstained")
    if bench.values(wells, gate.parent, gate.area).size < ENOUGH:
        wells = (*wells, *with_files(bench.plate.wells, "sample"))
    area = bench.values(wells, gate.parent, gate.area).astype(np.float64)
    height = bench.values(wells, gate.parent, gate.height).astype(np.float64)
    saturated = (area >= bench.saturation(gate.area)) | (height >= bench.saturation(gate.height))
    usable = (height > 0) & (area > 0) & ~saturated  # a saturated pulse has no true ratio
    if np.count_nonzero(usable) < FEWEST:
        raise GateError(
            f"singlets must be estimated from at least {FEWEST} cells",
            f"{np.count_nonzero(usable)} cells of {gate.parent} with area and height above 0",
            f"gate {gate.name}",
        )
    ratio = area[usable] / height[usable]
    centre = median_value(ratio)
    spread = max(1.4826 * median_value(np.abs(ratio - centre)), LEAST_SPREAD * centre)
    limit = centre + gate.mads * spread
    error = 1.2533 * spread / np.sqrt(ratio.size)  # of a median
    name = f"{gate.area}/{gate.height}"
    fixed = ThresholdGate(
        name=gate.name,
        parent=gate.parent,
        channel=name,
        value=limit,
        side="below",
        low=limit - 1.96 * error,
        high=limit + 1.96 * error,
        ratios={name: Ratio(numerator=gate.area, denominator=gate.height)},
    )
    message = (
        f"{gate.name}: {name} below {limit:.4g} (median {centre:.4g} + {gate.mads:g} MAD), from {well_names(wells)}"
    )
    return GateEstimate(fixed, {}, (bench_finding(bench, "note", "threshold", message, population=gate.name),))

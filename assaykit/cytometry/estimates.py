"""Data-driven gates, estimated once from controls: `estimate(gate, bench, reference) -> Estimate`.

Controls serve where the plate has them, since adding a sample well must change no other well; samples are pooled
only where no control can show what is sought, and a finding says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from assaykit.cytometry.bench import Bench, with_files
from assaykit.cytometry.estimated import Estimate, finding, listed, seed_of, threshold
from assaykit.cytometry.matching import concerns
from assaykit.cytometry.readouts import median
from assaykit.cytometry.thresholds import control_estimate, dead_control_estimate, fmo_estimate
from assaykit.cytometry.valleys import FEWEST, Cut, Side, cut_by_mixture, cut_by_valley
from assaykit.errors import GateError
from assaykit.plate.model import Well
from assaykit.protocol.gates import (
    ControlGate,
    DebrisGate,
    FmoGate,
    Ratio,
    SingletGate,
    ThresholdGate,
    ValleyGate,
    ViabilityGate,
)
from assaykit.study.model import Reference
from assaykit.tables import Finding

EstimatedGate = DebrisGate | SingletGate | ViabilityGate | FmoGate | ControlGate | ValleyGate
ValleyLike = DebrisGate | ViabilityGate | ValleyGate
ENOUGH = 1000
"""Control cells below which a median and MAD take the samples in as well (our convention)."""
Cutter = Callable[[NDArray[np.floating], int], Cut]


def estimate(gate: EstimatedGate, bench: Bench, reference: Reference) -> Estimate:
    """Return the gate fixed from the plate's wells; raises GateError where no well can show it."""
    match gate:
        case DebrisGate():
            by = cut_by_mixture if gate.method == "mixture" else cut_by_valley
            wells = with_files(bench.plate.wells, "fmo", "isotype", "unstained")
            return _by_valley(gate, bench, wells, lambda v, s: by(v, keep="above", seed=s, positive=True))
        case SingletGate():
            return _singlets(gate, bench)
        case ViabilityGate(method="dead_control"):
            return dead_control_estimate(gate, bench)
        case ViabilityGate():
            wells = _stained_controls(bench, gate.channel)
            return _by_valley(gate, bench, wells, lambda v, s: cut_by_valley(v, keep="below", seed=s))
        case ValleyGate():
            wells = _stained_controls(bench, gate.channel)
            return _by_valley(gate, bench, wells, lambda v, s: cut_by_valley(v, keep=gate.side, seed=s))
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


def _by_valley(gate: ValleyLike, bench: Bench, controls: Sequence[Well], cutter: Cutter) -> Estimate:
    """Estimate from the controls; where they show no clear valley, from the samples as well; say which and how sure."""
    side: Side = gate.side if isinstance(gate, ValleyGate) else "above" if isinstance(gate, DebrisGate) else "below"
    everyone = (*controls, *with_files(bench.plate.wells, "sample"))
    tried: list[tuple[Sequence[Well], Cut]] = []
    for wells in (controls, everyone):
        values = bench.values(wells, gate.parent, gate.channel)
        if values.size >= FEWEST:
            tried.append((wells, cutter(values, seed_of(bench, gate.name))))
            if tried[-1][1].sure:
                break
    if not tried:
        raise GateError(
            f"a gate must be estimated from at least {FEWEST} cells",
            f"too few cells of {gate.parent} in every well",
            f"gate {gate.name}",
            "check the files and the gates above this one",
        )
    wells, cut = next((pair for pair in tried if pair[1].sure), tried[0])
    return Estimate(threshold(gate, gate.channel, cut, side=side), {}, (_said(gate, bench, wells, cut),))


def _said(gate: ValleyLike, bench: Bench, wells: Sequence[Well], cut: Cut) -> Finding:
    place = f"{gate.channel} at {cut.value:.4g}"
    if cut.sure:
        message = f"{gate.name}: {place} (95 % interval {cut.low:.4g} to {cut.high:.4g}), from {listed(wells)}"
        return finding(bench, "note", "threshold", message)
    return finding(
        bench,
        "warn",
        "ambiguous_valley",
        f"{gate.name}: no clear valley in {gate.channel} ({cut.why}); the gate stands 3 spreads from the main peak, "
        f"{place}. Look at the gating figure, and give a fixed threshold if it is wrong",
    )


def _singlets(gate: SingletGate, bench: Bench) -> Estimate:
    """Return area / height < median + mads * MAD, the MAD scaled by 1.4826 (PeacoQC, 10.1002/cyto.a.24501)."""
    wells = with_files(bench.plate.wells, "fmo", "isotype", "unstained")
    if bench.values(wells, gate.parent, gate.area).size < ENOUGH:
        wells = (*wells, *with_files(bench.plate.wells, "sample"))
    area = bench.values(wells, gate.parent, gate.area).astype(np.float64)
    height = bench.values(wells, gate.parent, gate.height).astype(np.float64)
    usable = (height > 0) & (area > 0)
    if np.count_nonzero(usable) < FEWEST:
        raise GateError(
            f"singlets must be estimated from at least {FEWEST} cells",
            f"{np.count_nonzero(usable)} cells of {gate.parent} with area and height above 0",
            f"gate {gate.name}",
        )
    ratio = area[usable] / height[usable]
    centre = median(ratio)
    spread = 1.4826 * median(np.abs(ratio - centre))
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
    message = f"{gate.name}: {name} below {limit:.4g} (median {centre:.4g} + {gate.mads:g} MAD), from {listed(wells)}"
    return Estimate(fixed, {}, (finding(bench, "note", "threshold", message),))

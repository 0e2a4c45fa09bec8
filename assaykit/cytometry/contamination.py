"""Stromal cells among the leukaemia cells: how many, told from CD90, which MSC carry and leukaemia cells do not.

Wells with MSC are judged against what the same gates let through where there are none: the plate's mono wells.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from assaykit.cytometry.bench import Bench, with_files
from assaykit.cytometry.channels import STROMA
from assaykit.cytometry.columns import WellColumns
from assaykit.cytometry.matching import MARKER_ROLES, text_factor
from assaykit.cytometry.valleys import FEWEST
from assaykit.plate import Well
from assaykit.protocol import Protocol, ThresholdGate
from assaykit.study import ResolvedPlate
from assaykit.tables import Finding
from assaykit.vocabulary import STROMA_MEASURED

EXPECTED = 0.01
"""Share of leukaemia cells above the limit where there are no MSC: it is their 99th percentile."""


def stroma_limits(bench: Bench) -> dict[str, float]:
    """Return population -> the CD90 that 99 % of its cells stay below where there are no MSC, for what readouts use."""
    gated = any(_removes_stroma(gate) for gate, _ in bench.gates)
    together = any(text_factor(well, "context") in STROMA_MEASURED for well in bench.plate.wells)
    if STROMA not in bench.resolved.columns or gated or not together:
        return {}  # nothing to judge, or the CD90 gate itself tells how many it takes out
    wells = with_files(bench.plate.wells, "fmo", "isotype", "sample")
    alone = [well for well in wells if text_factor(well, "context") in {"", "mono"}]
    stained = [w for w in alone if w.role == "sample" or STROMA not in text_factor(w, MARKER_ROLES).split(", ")]
    controls = [well for well in stained if well.role != "sample"] or stained
    used = dict.fromkeys(readout.population for readout in bench.assay.protocol.readouts)
    limits = {}
    for population in used:
        values = bench.values(controls, population, STROMA)
        if values.size >= FEWEST:
            limits[f"{STROMA}_limit_{population}"] = float(np.percentile(values, 100 * (1 - EXPECTED)))
    return limits


def contamination(
    protocol: Protocol,
    resolved: ResolvedPlate,
    well: Well,
    columns: WellColumns,
    masks: Mapping[str, NDArray[np.bool_]],
) -> list[Finding]:
    """Return a finding for a well with MSC in whose leukaemia gate too many cells carry CD90."""
    if text_factor(well, "context") not in STROMA_MEASURED or STROMA not in columns.names:
        return []
    gate = next((g for g in resolved.gates if _removes_stroma(g)), None)
    if isinstance(gate, ThresholdGate):
        return _gate_findings(protocol, gate, masks)
    for population, mask in masks.items():
        limit = resolved.control_readouts.get(f"{STROMA}_limit_{population}")
        if limit is not None and mask.any():
            share = float((columns.column(STROMA)[mask] >= limit).mean()) - EXPECTED
            if share > protocol.quality.max_contamination:
                return [
                    _stroma_finding(f"{share:.0%} of {population} carry CD90 and look like MSC", "gate MSC out by CD90")
                ]
    return []


def _removes_stroma(gate: object) -> bool:
    return isinstance(gate, ThresholdGate) and gate.channel == STROMA and gate.side == "below"


def _gate_findings(protocol: Protocol, gate: ThresholdGate, masks: Mapping[str, NDArray[np.bool_]]) -> list[Finding]:
    parent = int(np.count_nonzero(masks[gate.parent]))
    share = 1 - int(np.count_nonzero(masks[gate.name])) / parent - EXPECTED if parent else 0.0
    if share <= protocol.quality.max_contamination:
        return []
    remedy = f"the gate {gate.name} takes out those that are CD90 bright, but dim ones may remain"
    return [_stroma_finding(f"{share:.0%} of {gate.parent} carry CD90 and look like MSC", remedy)]


def _stroma_finding(found: str, remedy: str) -> Finding:
    return Finding("warn", "msc_contamination", f"{found}; {remedy}")

"""Whether estimated gates are plausible: by the share they keep, beside sister wells and beside sister plates.

A gate drawn from data is only as good as the populations it met. What it keeps of its parent must lie within what the
gate declares (`plausible`), and where it stands must agree with where it stands on the other plates of the assay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from assaykit.plate import Plate
from assaykit.protocol import DebrisGate, EstimatedModel, SingletGate, ThresholdGate
from assaykit.study import Assay, ResolvedPlate, fixed_by_hand
from assaykit.tables import Finding, Level

FEWEST_CELLS = 200
"""Cells of the parent below which a share says little."""
APART = 0.25
"""A technical gate's share this far from that of the median well, or plate, is told (our convention)."""
FOLD_DOUBTFUL, FOLD_WRONG = 3.0, 10.0
"""Thresholds that differ by more than these folds from the other plates' are doubtful, or wrong (our convention)."""
LOOK = (
    "look at the figure of its gating, and set the gate by hand or exclude the plate with an [[override]] of the study"
)


def check_shares(assay: Assay, plate: Plate, populations: pd.DataFrame) -> list[Finding]:
    """Return a failure for every estimated gate that keeps an implausible share of its parent over the plate's samples.

    `populations` holds the plate's rows of POPULATIONS. Where the protocol itself says what is plausible, every well is
    held against it: a drug that makes cells glow may push those of its wells alone across a threshold. Wells whose
    share of a technical gate (debris, singlets) lies far from the plate's median well are warnings.
    """
    findings = []
    events = {(row.well, row.population): float(row.events) for row in populations.itertuples()}
    samples = [well.name for well in plate.wells if well.role == "sample"]
    for gate in estimated_gates(assay):
        if fixed_by_hand(assay, plate.name, gate.name):
            continue  # somebody looked
        kept = populations[(populations["population"] == gate.name) & populations["well"].isin(samples)]
        cells = kept["events"].to_numpy(float)
        parent = np.array([events.get((row.well, row.parent), 0.0) for row in kept.itertuples()])
        if parent.sum() < FEWEST_CELLS:
            continue
        share = float(cells.sum() / parent.sum())
        least, most = gate.plausible
        if not least <= share <= most:
            findings.append(_implausible(gate, plate.name, share=share))
            continue
        if "plausible" in gate.model_fields_set:
            for well, part, whole in zip(kept["well"], cells, parent, strict=True):
                if whole >= FEWEST_CELLS and not least <= part / whole <= most:
                    findings.append(_implausible(gate, plate.name, well, share=part / whole))
        if isinstance(gate, DebrisGate | SingletGate):
            findings += _well_findings(gate, plate, kept["well"].tolist(), cells, parent)
    return findings


def _implausible(gate: EstimatedModel, plate: str, well: str = "", *, share: float) -> Finding:
    least, most = gate.plausible
    message = (
        f"{gate.name} keeps {share:.1%} of {gate.parent} {f'in {well}' if well else 'over the plate'}, where "
        f"{least:.0%} to {most:.0%} is plausible: no number from it can be trusted; {LOOK}"
    )
    return Finding("fail", "gate_implausible", message, plate, well, population=gate.name)


def _well_findings(
    gate: EstimatedModel, plate: Plate, wells: Sequence[str], cells: np.ndarray, parent: np.ndarray
) -> list[Finding]:
    enough = parent >= FEWEST_CELLS
    if enough.sum() < 3:
        return []
    shares = cells / np.maximum(parent, 1.0)
    usual = float(np.median(shares[enough]))
    return [
        Finding(
            "warn",
            "share_apart",
            f"{gate.name} keeps {share:.0%} of {gate.parent} in {well}, {usual:.0%} in the median well; {LOOK}",
            plate.name,
            well,
            population=gate.name,
        )
        for well, share in zip(np.array(wells)[enough].tolist(), shares[enough].tolist(), strict=True)
        if abs(share - usual) > APART
    ]


def check_sister_plates(assay: Assay, resolved: Mapping[str, ResolvedPlate]) -> list[Finding]:
    """Return a finding for every intensity threshold that stands far from where it stands on the assay's other plates.

    With two plates nothing says which is wrong, so both are told.
    """
    findings = []
    for gate in estimated_gates(assay):
        if isinstance(gate, DebrisGate | SingletGate):
            continue
        values = {
            name: fixed.value
            for name, plate in resolved.items()
            for fixed in plate.gates
            if fixed.name == gate.name and isinstance(fixed, ThresholdGate) and np.isfinite(fixed.value)
        }
        for name, value in values.items() if len(values) > 1 else ():
            # The median plate's value; of two plates the other one's.
            usual = float(np.median([other for key, other in values.items() if len(values) > 2 or key != name]))
            fold = _fold(value, usual)
            level: Level = "fail" if fold > FOLD_WRONG else "warn"
            if fold > FOLD_DOUBTFUL and not fixed_by_hand(assay, name, gate.name):
                message = (
                    f"{gate.name} stands at {value:.4g} here and at {usual:.4g} on the other plates, {fold:.0f} times "
                    f"apart: the stain, the detector or the cells were not the same; {LOOK}"
                )
                findings.append(Finding(level, "threshold_apart", message, name, population=gate.name))
    return findings


def _fold(one: float, other: float) -> float:
    """Return how many times two thresholds differ; those near or below zero count as a thousandth of the larger."""
    larger = max(abs(one), abs(other))
    first, second = (max(value, larger / 1000) for value in (one, other))
    return max(first, second) / min(first, second) if larger else 1.0


def check_sister_shares(assay: Assay, populations: pd.DataFrame) -> list[Finding]:
    """Return a warning for every plate whose share of a technical gate lies far from the assay's other plates."""
    findings = []
    for gate in estimated_gates(assay):
        if not isinstance(gate, DebrisGate | SingletGate):
            continue
        kept = populations[populations["population"] == gate.name]
        shares = kept.groupby("plate", sort=False)["fraction"].median().dropna()
        for name in shares.index if len(shares) > 2 else []:
            usual = float(shares.median())
            if abs(shares[name] - usual) > APART:
                message = (
                    f"{gate.name} keeps {shares[name]:.0%} of {gate.parent} in the median well, {usual:.0%} on the "
                    f"other plates; {LOOK}"
                )
                findings.append(Finding("warn", "share_apart", message, str(name), population=gate.name))
    return findings


def estimated_gates(assay: Assay) -> list[EstimatedModel]:
    """Return the gates of an assay that are estimated from data."""
    return [gate for gate in assay.protocol.gates if isinstance(gate, EstimatedModel)]

"""What becomes of the numbers where the files have no channel for a gate, so that every cell passes it.

A gate makes its endpoint what it claims to be: a median of live cells, of leukaemia cells. Which check says that it
is missing, and so what its absence makes of the numbers, follows from what the gate parts.
"""

from __future__ import annotations

from collections.abc import Sequence

from assaykit.cytometry.bench import Bench
from assaykit.cytometry.channels import STROMA
from assaykit.cytometry.gate_estimate import bench_finding
from assaykit.cytometry.matching import text_factor
from assaykit.protocol import Gate, gate_channels
from assaykit.tables import Finding
from assaykit.vocabulary import STROMA_MEASURED

LEUKAEMIA = "cd45"
"""The role of the marker, or tracker, that leukaemia cells carry and stromal cells do not."""


def absent_channel_finding(gate: Gate, bench: Bench, lacking: Sequence[str]) -> Finding:
    """Return what a reader must know of a gate that keeps every cell of its parent.

    Without a viability dye dead cells stay in, and they bind antibody: no value of the gate's cells can be interpreted,
    nor of any other gate's that is not there. Without CD45 and CD90 stroma stays in, where there is any. Doublets that
    stay in are worth a note: they shift a median little, and no share.
    """
    message = f"{gate.name}: the files have no channel for {', '.join(lacking)}, so every cell of {gate.parent} passes"
    name = gate.name
    if gate.kind == "singlets":
        return bench_finding(bench, "note", "gate_passed_over", message, population=name)
    if set(gate_channels(gate)) <= {LEUKAEMIA, STROMA}:
        present = {LEUKAEMIA, STROMA} & bench.resolved.columns.keys()
        together = any(text_factor(well, "context") in STROMA_MEASURED for well in bench.plate.wells)
        if present or not together:
            return bench_finding(bench, "note", "gate_passed_over", message, population=name)
        message += "; stromal cells are among them. Stain CD45 or CD90, or label one of the two kinds"
        return bench_finding(bench, "warn", "stroma_not_gated", message, population=name)
    if gate.kind == "viability":
        message += (
            "; dead cells bind antibody and cannot be told from live ones here. Stain them, or name the dye's channel "
            "in the study"
        )
    return bench_finding(bench, "warn", "gate_passed_over", message, population=name)

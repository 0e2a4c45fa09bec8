"""What a person set by hand, laid over a plate's estimated gates: the gate as set, what it was, and whether that holds.

gate as estimated + overrides -> the plate's gate, its form in single wells -> a note each, a warning where stale
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from assaykit.cytometry.bench import Bench
from assaykit.cytometry.gate_estimate import GateEstimate, well_names
from assaykit.errors import GateError, InputError
from assaykit.plate import Plate
from assaykit.protocol import BooleanGate, FixedGate, Gate, PolygonGate, ThresholdGate, gate_channels
from assaykit.sources import is_file
from assaykit.study import Assay, Override, excluded_wells, gate_overrides
from assaykit.tables import Finding

SAME = 0.01
"""An estimate within this share of what it was when it was set by hand is the same (our convention)."""


@dataclass(frozen=True, slots=True)
class OverriddenGate:
    """A gate after every override: the plate's, its forms in single wells by hand, and what it was estimated as."""

    estimate: GateEstimate
    by_well: dict[str, FixedGate]
    plate_estimate: FixedGate | None = None  # the plate's gate as estimated, where another was set for the whole plate


def apply_overrides(gate: Gate, bench: Bench, fix: Callable[[Gate], GateEstimate]) -> OverriddenGate:
    """Return the gate as a person set it, or as `fix` estimates it where nobody did.

    A gate set for the whole plate needs no estimate: one that fails is said beside it, and what an estimate found is
    said only where it serves. Raises InputError where a gate that serves cannot be estimated.
    """
    overrides = gate_overrides(bench.assay, bench.plate.name, gate.name)
    for override in overrides:
        _require_channels(override, bench)
    whole = next((o for o in reversed(overrides) if not o.plates[bench.plate.name]), None)
    in_wells = [o for o in overrides if o.plates[bench.plate.name]]
    if whole is None:
        estimate: GateEstimate | None = fix(gate)
        serving = estimate
    else:
        estimate = None
        with suppress(InputError):  # it need not be one that can be estimated
            estimate = fix(gate)
        serving = fix(_form(whole))
    assert serving is not None
    by_well: dict[str, FixedGate] = {}
    for override in in_wells:
        form = fix(_form(override)).gate
        by_well |= dict.fromkeys(override.plates[bench.plate.name], form)
    findings = list(serving.findings)
    for override in ([] if whole is None else [whole]) + in_wells:
        findings += _override_findings(override, gate, estimate, bench)
    made = replace(serving, by_well={**serving.by_well, **by_well}, findings=tuple(findings))
    return OverriddenGate(made, by_well, estimate.gate if whole is not None and estimate is not None else None)


def _form(override: Override) -> Gate:
    assert override.form is not None
    return override.form


def _require_channels(override: Override, bench: Bench) -> None:
    """Raise GateError where a gate set by hand reads a channel that the files lack and the protocol does not know."""
    known = bench.assay.protocol.channels
    lacking = [
        role for role in gate_channels(_form(override)) if role not in bench.resolved.columns and role not in known
    ]
    if lacking:
        raise GateError(
            "a gate set by hand must read channels of the files", ", ".join(lacking), override.source, "mend its x or y"
        )


def _override_findings(
    override: Override, gate: Gate, estimate: GateEstimate | None, bench: Bench
) -> Iterator[Finding]:
    """Yield the note that a gate was set by hand, and a warning where it was set on another estimate."""
    wells = override.plates[bench.plate.name]
    place = f" in {well_names([w for w in bench.plate.wells if w.name in wells])}" if wells else ""
    well = wells[0] if len(wells) == 1 else ""
    old = None if estimate is None else estimate.by_well.get(well, estimate.gate)
    was = "no estimate could be made" if old is None else f"estimated: {gate_words(old)}"
    message = f"{gate.name}{place}: {gate_words(_form(override))}, by hand ({was}): {override.signed}"
    yield Finding("note", "set_by_hand", message, bench.plate.name, well, population=gate.name)
    if override.was is not None and not _is_unchanged(override.was, gate, old):
        message = (
            f"{gate.name}{place}: it was set by hand when it was {_value_text(override.was)}; now {was}. Look at it "
            f"again ({override.source})"
        )
        yield Finding("warn", "override_stale", message, bench.plate.name, well, population=gate.name)


def gate_words(gate: Gate) -> str:
    """Return a gate in a few words, for messages and tables.

    >>> gate_words(ThresholdGate(name="live", channel="viability", value=1234.0, side="below"))
    'viability below 1234'
    """
    match gate:
        case ThresholdGate():
            return f"{gate.channel} {gate.side} {gate.value:.5g}"
        case PolygonGate():
            corners = ", ".join(f"({x:.4g}, {y:.4g})" for x, y in gate.vertices)
            return f"polygon in {gate.x} and {gate.y}: {corners}"
        case BooleanGate(operation="and") if gate.of == (gate.parent,):
            return f"every cell of {gate.parent}"
        case BooleanGate():
            return f"{gate.operation} of {', '.join(gate.of)}"
        case _:
            rest = gate.model_dump(exclude={"name", "parent", "kind"}, exclude_defaults=True)
            return ", ".join([gate.kind, *(f"{key} {_value_text(value)}" for key, value in rest.items())])


def _value_text(value: Any) -> str:
    match value:
        case float() | int():
            return f"{value:.5g}"
        case dict():
            return ", ".join(f"{key} {_value_text(inner)}" for key, inner in value.items())
        case list() | tuple():
            return f"({', '.join(_value_text(inner) for inner in value)})"
        case _:
            return str(value)


def _is_unchanged(was: Any, written: Gate, now: FixedGate | None) -> bool:
    """Whether a gate still is what it was when it was set: its method, its value, or its corners, within 1 %."""
    if isinstance(was, str):
        return was in (written.kind, getattr(written, "method", written.kind))
    numbers = [now.value] if isinstance(now, ThresholdGate) else now.vertices if isinstance(now, PolygonGate) else []
    try:
        before, after = np.ravel(np.asarray(was, dtype=float)), np.ravel(np.asarray(numbers, dtype=float))
    except (TypeError, ValueError):
        return False
    return before.size == after.size > 0 and bool(np.allclose(before, after, rtol=SAME, atol=0.0))


def without_excluded(assay: Assay, plate: Plate) -> Plate:
    """Return the plate without the wells a person left out: nothing is estimated from them, and they serve no other."""
    left_out = excluded_wells(assay, plate)
    return replace(plate, wells=tuple(well for well in plate.wells if well.name not in left_out)) if left_out else plate


def with_excluded_samples(assay: Assay, plate: Plate) -> Plate:
    """Return the plate with the samples a person left out, which are measured all the same, and not the controls."""
    left_out = excluded_wells(assay, plate)
    return replace(
        plate, wells=tuple(well for well in plate.wells if well.role == "sample" or well.name not in left_out)
    )


def exclusion_findings(assay: Assay) -> list[Finding]:
    """Return a note per well, or whole plate, that a person left out; a control left out serves no well any more."""
    findings = []
    for plate in (*assay.plates, *assay.counts):
        controls = {well.name for well in plate.wells if well.role != "sample"}
        for override in assay.overrides:
            if not override.exclude or plate.name not in override.plates:
                continue
            for well in override.plates[plate.name] or ("",):
                message = f"left out by hand: {override.signed}"
                if well in controls:
                    findings.append(Finding("note", "control_excluded_by_hand", message, plate.name, well))
                else:
                    findings.append(Finding("note", "excluded_by_hand", message, plate.name, well))
    return findings


def plate_findings(assay: Assay, plate: Plate) -> list[Finding]:
    """Return a note per line that sets the plate's channels, and a warning where a file is not what it was."""
    findings = []
    for override in assay.overrides:
        if plate.name not in override.plates:
            continue
        if override.channels:
            roles = ", ".join(f"{role} is {channel}" for role, channel in override.channels.items())
            message = f"channels on this plate, by hand: {roles}: {override.signed}"
            findings.append(Finding("note", "set_by_hand", message, plate.name))
        if override.sha256:
            findings += _changed_file_findings(override, plate)
    return findings


def _changed_file_findings(override: Override, plate: Plate) -> Sequence[Finding]:
    name = override.plates[plate.name][0]
    file = next((well.file for well in plate.wells if well.name == name), None)
    if file is None or not is_file(file):
        return ()  # said where the well is measured
    with file.open("rb") as stream:
        if hashlib.file_digest(stream, "sha256").hexdigest() == override.sha256:
            return ()
    message = f"{file.name} is not the file that was set by hand; look at it again ({override.source})"
    return (Finding("warn", "override_stale", message, plate.name, name),)

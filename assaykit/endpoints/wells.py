"""From plates, counts and READOUTS to `MeasuredWell`s: sample wells in order, with what endpoints need beside them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from statistics import fmean
from typing import Any

import pandas as pd

from assaykit.endpoints.model import MeasuredWell
from assaykit.plate.model import Factor, Plate, Well
from assaykit.protocol.model import EndpointSpec
from assaykit.study.model import Assay, Reference
from assaykit.vocabulary import target_from_text

MATCHED = ("line", "time", "donor", "msc_donor", "clone")  # factors a well shares with the wells it is compared with
SCORED = "cells_scored"  # the readout that marks a row of scored cells
FEWEST_SCORED = 3  # rows of one and the same sum of cells that are no coincidence
_NO = {"", "no", "false", "n", "0", "-", "none", "medium", "nan"}


def measured_wells(
    assay: Assay, readouts: pd.DataFrame, *, unit: str, reference: Reference
) -> tuple[MeasuredWell, ...]:
    """Return the sample wells of the assay's plates and counts, each with its readouts and counts by name."""
    values, cells = readouts_by_well(readouts)
    blanks = _blank_signals(assay)
    scored = _scored(assay)
    return tuple(
        _measured_well(
            plate,
            well,
            unit=unit,
            reference=reference,
            values={**values[plate.name, well.name], **blanks[plate.name], **scored.get((plate.name, well.name), {})},
            cells=cells[plate.name, well.name],
        )
        for plate, well in wells_of(assay)
        if well.role == "sample"
    )


def _scored(assay: Assay) -> dict[tuple[str, str], dict[str, float]]:
    """Return the mark of rows whose cells were scored: kinds of dying cells beside living ones, or one sum in all rows.

    Nobody tells early from late apoptosis over a whole well, and no two wells hold the same number of cells. Cells
    counted in a chamber are those of the well.
    """
    found: dict[tuple[str, str], dict[str, float]] = {}
    for plate in assay.counts:
        rows = [well for well in plate.wells if "viable" in well.counts and "viable_in_squares" not in well.counts]
        sums = {
            sum(well.counts.get(name, 0.0) for name in ("viable", "dead")) for well in rows if "dead" in well.counts
        }
        alike = len(sums) == 1 and len(rows) >= FEWEST_SCORED
        kinds = {"early", "late", "apoptotic", "necrotic"}
        for well in rows:
            if alike or kinds & well.counts.keys():
                found[plate.name, well.name] = {SCORED: 1.0}
    return found


def _blank_signals(assay: Assay) -> dict[str, dict[str, float]]:
    """Return the mean signal of each plate's blank wells, as a readout of its samples."""
    found: dict[str, list[float]] = defaultdict(list)
    for plate, well in wells_of(assay):
        value = number({**well.factors, **well.counts}.get("signal", "")) if well.role == "blank" else None
        if value is not None:
            found[plate.name].append(value)
    return defaultdict(dict, {plate: {"blank_signal": fmean(signals)} for plate, signals in found.items()})


def wells_of(assay: Assay) -> Iterator[tuple[Plate, Well]]:
    """Yield every well of the assay's plates, then every row of its counts."""
    for plate in (*assay.plates, *assay.counts):
        for well in plate.wells:
            yield plate, well


Values = dict[tuple[str, str], dict[str, float]]
Cells = dict[tuple[str, str], dict[str, int]]


def readouts_by_well(readouts: pd.DataFrame) -> tuple[Values, Cells]:
    """Return each well's readouts by name, and the cells behind them."""
    values: Values = defaultdict(dict)
    cells: Cells = defaultdict(dict)
    columns = ["plate", "well", "readout", "value", "cells"]
    for plate, well, name, value, count in readouts[columns].itertuples(index=False, name=None):
        if pd.notna(value):
            values[plate, well][name] = float(value)
        if pd.notna(count):
            cells[plate, well][name] = int(count)
    return values, cells


def _measured_well(
    plate: Plate, well: Well, *, unit: str, reference: Reference, values: dict[str, float], cells: dict[str, int]
) -> MeasuredWell:
    factors = well.factors
    others = {name: value for name, value in factors.items() if name not in {"treatment", "context", unit}}
    return MeasuredWell(
        plate=plate.name,
        well=well.name,
        unit_id=text(factors.get(unit, "")),
        treatment=text(factors.get("treatment", reference.treatment)),
        context=text(factors.get("context", reference.context)),
        factors=others,
        readouts={**_numbers(others), **values, **well.counts},
        cells=cells,
    )


def _numbers(factors: Mapping[str, Factor]) -> dict[str, float]:
    found = {name: number(value) for name, value in factors.items()}
    return {name: value for name, value in found.items() if value is not None}


def text(value: Factor) -> str:
    """Return a factor as text; whole numbers without a point.

    >>> text(3.0), text("day 1")
    ('3', 'day 1')
    """
    return value if isinstance(value, str) else f"{value:g}"


def number(value: Factor) -> float | None:
    """Return a factor as a number, or None where it is none.

    >>> number("8000"), number("day 1")
    (8000.0, None)
    """
    try:
        return float(value)
    except ValueError:
        return None


def flag(well: MeasuredWell, factor: str) -> bool:
    """Whether a yes/no factor of a well holds."""
    return flag_of(well.factors.get(factor, ""))


def flag_of(value: Factor) -> bool:
    """Whether a yes/no value says yes; any text but a no says yes too (ligand = "CXCL12").

    >>> flag_of("CXCL12"), flag_of("no"), flag_of(0.0)
    (True, False, False)
    """
    return text(value).strip().lower() not in _NO


def target_of(well: MeasuredWell) -> str:
    """Return the transwell target, a word of TARGETS; "" where unknown or not given."""
    return target_from_text(text(well.factors.get("target", "")))


def own_readouts(spec: EndpointSpec, well: MeasuredWell) -> dict[str, float]:
    """Return the well's readouts under the names endpoints use.

    `cxcr4_median` becomes `median` for an endpoint of channel cxcr4; `cml_count` becomes `cells_count` where the
    protocol says populations = { cells = "cml" }, and `cml_cxcr4_median`, the channel in that population, comes before
    `cxcr4_median`. Counts and numeric factors keep their names.
    """
    values = dict(well.readouts)
    if spec.channel:
        prefix = f"{spec.channel}_"
        values |= {name.removeprefix(prefix): value for name, value in well.readouts.items() if name.startswith(prefix)}
    for role, population in spec.populations.items():
        for kind in ("count", "concentration", "percent_of_parent", "percent_of_grandparent", "percent_of_total"):
            if f"{population}_{kind}" in well.readouts:
                values[f"{role}_{kind}"] = well.readouts[f"{population}_{kind}"]
        prefix = f"{population}_{spec.channel}_"
        if spec.channel and role == "cells":
            own = {name: value for name, value in well.readouts.items() if name.startswith(prefix)}
            values |= {name.removeprefix(prefix): value for name, value in own.items()}
    return values


def cells_of(spec: EndpointSpec, well: MeasuredWell) -> int | None:
    """Return the cells a value of this endpoint rests on; None where nobody counted them."""
    own = f"{spec.populations.get('cells', '')}_{spec.channel}_median"
    for name in (own, f"{spec.channel}_median"):
        if spec.channel and name in well.cells:
            return well.cells[name]
    for role in ("total", "cells"):
        population = spec.populations.get(role, "")
        if f"{population}_count" in well.readouts:
            return round(well.readouts[f"{population}_count"])
    return None


def peers(wells: Iterable[MeasuredWell], matched: tuple[str, ...]) -> dict[Any, list[MeasuredWell]]:
    """Return the wells by what they must share to be compared: unit, context and the matched factors."""
    groups: dict[Any, list[MeasuredWell]] = defaultdict(list)
    for well in wells:
        groups[peer_key(well, matched)].append(well)
    return groups


def peer_key(well: MeasuredWell, matched: tuple[str, ...]) -> tuple[str, ...]:
    """Return unit, context and matched factors of a well, as one key."""
    return (well.unit_id, well.context, *(text(well.factors.get(name, "")) for name in matched))


def matched_factors(spec: EndpointSpec) -> tuple[str, ...]:
    """Return the factors shared with the reference; `options = { match = "line, time" }` names others."""
    named = str(spec.options.get("match", ""))
    return tuple(part.strip() for part in named.split(",") if part.strip()) or MATCHED

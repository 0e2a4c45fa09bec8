"""`CRITERIA`: what can be asked of a plate or unit before its numbers count, and how each is measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from assaykit.endpoints import ENDPOINTS, fraction, is_yes
from assaykit.measurements.wells import wells_of
from assaykit.study import Assay, Reference


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """What criteria are measured on."""

    assay: Assay
    measurements: pd.DataFrame
    readouts: pd.DataFrame
    reference: Reference
    wells: Mapping[tuple[str, str], pd.Index]  # the measurements of each well

    def of(self, *endpoints: str) -> pd.DataFrame:
        """Return the measurements of the endpoints with these keys, by whatever name the protocol gives them."""
        names = [spec.measured_as for spec in self.assay.protocol.endpoints if spec.endpoint in endpoints]
        frame = self.measurements
        return frame[frame["endpoint"].isin(names) & frame["value"].notna()]

    def untreated(self, *endpoints: str) -> pd.DataFrame:
        """Return those of the reference treatment."""
        frame = self.of(*endpoints)
        return frame[frame["treatment"] == self.reference.treatment]


def readings_of(assay: Assay, measurements: pd.DataFrame, readouts: pd.DataFrame, *, reference: Reference) -> Readings:
    """Return what criteria are measured on, the measurements of each well at hand."""
    of_wells = measurements[measurements["well"] != ""]
    wells = dict(of_wells.groupby(["plate", "well"], sort=False).groups)
    return Readings(assay, measurements, readouts, reference, wells)


@dataclass(frozen=True, slots=True, eq=False)
class CriterionValue:
    """One value to hold against a limit, in words, and the index of the measurements it speaks of."""

    value: float
    says: str
    concerns: pd.Index
    plate: str = ""
    unit_id: str = ""
    context: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CriterionDefinition:
    """One question to a plate or unit: how it is measured, and on which side of the limit it passes."""

    measure: Callable[[Readings], list[CriterionValue]]
    passes: Literal["at least", "at most"]
    unit: str
    per: Literal["plate", "unit"]
    meaning: str
    source: str


def vehicle_index(readings: Readings) -> list[CriterionValue]:
    """Return the reference's migration index, unit by unit; it speaks of everything measured towards CXCL12."""
    frame = readings.untreated("migration_index")
    toward = {name for name, endpoint in ENDPOINTS.items() if endpoint.target == "cxcl12"}
    return [
        CriterionValue(
            value,
            f"{_who(readings, unit, context)} migrates {value:.2f} times as much to CXCL12 as to medium",
            _rows(readings, unit, _across(readings, context), toward),
            unit_id=unit,
            context=context,
        )
        for unit, context, value in _unit_means(frame)
    ]


def medium_migration(readings: Readings) -> list[CriterionValue]:
    """Return the reference's migration to medium, unit by unit."""
    return [
        CriterionValue(
            value,
            f"{value:.2f} % of the input of {_who(readings, unit, context)} went to medium",
            _rows(readings, unit, _across(readings, context)),
            unit_id=unit,
            context=context,
        )
        for unit, context, value in _unit_means(readings.untreated("migration_random"))
    ]


def vehicle_death(readings: Readings) -> list[CriterionValue]:
    """Return the reference's apoptosis, per unit and context; without stroma it speaks of the whole unit."""
    return [
        CriterionValue(
            value,
            f"{value:.1f} % of the cells of {_who(readings, unit, context)} are apoptotic",
            _rows(readings, unit, _across(readings, context)),
            unit_id=unit,
            context=context,
        )
        for unit, context, value in _unit_means(readings.untreated("apoptosis"))
    ]


def input_viability(readings: Readings) -> list[CriterionValue]:
    """Return the lowest viability of the cells put in, plate by plate, in %."""
    frame = readings.measurements
    found: dict[str, list[tuple[float, str]]] = {}
    for plate, well in wells_of(readings.assay):
        given = {**well.factors, **well.counts}.get("input_viability", "")
        if not isinstance(given, str):
            found.setdefault(plate.name, []).append((100 * fraction(float(given)), well.name))
    return [
        CriterionValue(
            low, f"the cells put in were {low:.0f} % viable ({well})", frame.index[frame["plate"] == plate], plate=plate
        )
        for plate, values in found.items()
        for low, well in [min(values)]
    ]


def cell_events(readings: Readings) -> list[CriterionValue]:
    """Return the cells a well's values rest on, well by well; those of the largest population count."""
    frame = readings.measurements[readings.measurements["cells"].notna() & (readings.measurements["well"] != "")]
    wells = frame.groupby(["plate", "well"], sort=False)["cells"].max()
    return [
        CriterionValue(float(cells), f"{well} holds {int(cells)} cells", _well_rows(readings, plate, well), plate=plate)
        for (plate, well), cells in wells.items()
    ]


def bead_events(readings: Readings) -> list[CriterionValue]:
    """Return the beads seen, well by well."""
    frame = readings.readouts
    beads = frame[(frame["readout"] == "beads_count") & frame["value"].notna()]
    return [
        CriterionValue(value, f"{well} holds {value:.0f} beads", _well_rows(readings, plate, well), plate=plate)
        for plate, well, value in beads[["plate", "well", "value"]].itertuples(index=False, name=None)
    ]


def duplicate_cv(readings: Readings) -> list[CriterionValue]:
    """Return the coefficient of variation of the wells of one arm, in %, over endpoints analysed as ratios."""
    ratios = {one.endpoint for one in readings.assay.protocol.analyses if one.scale != "identity"}
    frame = readings.measurements
    frame = frame[frame["endpoint"].isin(ratios) & (frame["well"] != "") & frame["value"].notna()]
    judged = []
    for key, group in frame.groupby(["unit_id", "treatment", "context", "endpoint"], sort=False):
        unit, treatment, context, endpoint = map(str, key)
        mean = group["value"].mean()
        if len(group) >= 2 and mean > 0:
            value = float(100 * group["value"].std(ddof=1) / mean)
            says = f"{endpoint} of {treatment} in {context} varies by {value:.0f} % between its {len(group)} wells"
            judged.append(CriterionValue(value, says, group.index, unit_id=unit))
    return judged


def recovery(readings: Readings) -> list[CriterionValue]:
    """Return 100 * (left above + migrated) / input, in %, where the cells left above were counted (`recovered`)."""
    above = {
        (plate.name, well.name): float(well.counts["recovered"])
        for plate, well in wells_of(readings.assay)
        if "recovered" in well.counts
    }
    shares = [name for name, endpoint in ENDPOINTS.items() if endpoint.target and endpoint.unit == "%"]
    judged = []
    for index, row in readings.of(*shares).iterrows():
        top = above.get((row["plate"], row["well"]))
        if top is not None and row["total"] > 0:
            value = float(row["value"] + 100 * top / row["total"])
            says = f"{value:.0f} % of the cells put into {row['well']} were found again"
            judged.append(CriterionValue(value, says, pd.Index([index]), plate=row["plate"]))
    return judged


def detachment(readings: Readings) -> list[CriterionValue]:
    """Return 1 for each well whose stroma came off (factor `detachment`), 0 for the others, where it was recorded."""
    return [
        CriterionValue(
            float(is_yes(well.factors["detachment"])),
            f"the stroma of {well.name} came off",
            _well_rows(readings, plate.name, well.name),
            plate=plate.name,
        )
        for plate, well in wells_of(readings.assay)
        if well.role == "sample" and "detachment" in well.factors
    ]


CRITERIA: dict[str, CriterionDefinition] = {
    "vehicle_index": CriterionDefinition(
        measure=vehicle_index,
        passes="at least",
        unit="ratio",
        per="unit",
        meaning="the reference must chemotax",
        source="convention: 2 in a CXCR4+ line",
    ),
    "medium_migration": CriterionDefinition(
        measure=medium_migration,
        passes="at most",
        unit="%",
        per="unit",
        meaning="few cells may fall through to medium",
        source="convention: 5 %",
    ),
    "vehicle_death": CriterionDefinition(
        measure=vehicle_death,
        passes="at most",
        unit="%",
        per="unit",
        meaning="the reference must live",
        source="convention: 15 %",
    ),
    "input_viability": CriterionDefinition(
        measure=input_viability,
        passes="at least",
        unit="%",
        per="plate",
        meaning="the cells put in must live",
        source="convention: 85 %",
    ),
    "cell_events": CriterionDefinition(
        measure=cell_events,
        passes="at least",
        unit="cells",
        per="plate",
        meaning="a value must rest on enough cells",
        source="convention: 200",
    ),
    "bead_events": CriterionDefinition(
        measure=bead_events,
        passes="at least",
        unit="beads",
        per="plate",
        meaning="a count must rest on enough beads",
        source="convention: 1000",
    ),
    "duplicate_cv": CriterionDefinition(
        measure=duplicate_cv,
        passes="at most",
        unit="%",
        per="unit",
        meaning="wells of one arm must agree",
        source="convention: 25 %",
    ),
    "recovery_low": CriterionDefinition(
        measure=recovery,
        passes="at least",
        unit="%",
        per="plate",
        meaning="cells put in must be found again",
        source="convention: 70 %",
    ),
    "recovery_high": CriterionDefinition(
        measure=recovery,
        passes="at most",
        unit="%",
        per="plate",
        meaning="no more cells than were put in",
        source="convention: 110 %",
    ),
    "detachment": CriterionDefinition(
        measure=detachment,
        passes="at most",
        unit="wells",
        per="plate",
        meaning="the stroma must stay on",
        source="convention: none",
    ),
}


def _who(readings: Readings, unit: str, context: str) -> str:
    return f"{readings.reference.treatment} in {context} of {unit}"


def _unit_means(frame: pd.DataFrame) -> Iterator[tuple[str, str, float]]:
    for (unit, context), value in frame.groupby(["unit_id", "context"], sort=False)["value"].mean().items():
        yield str(unit), str(context), float(value)


def _across(readings: Readings, context: str) -> str:
    """Return the context a fault reaches: all of them ("") where it is the reference's own."""
    return "" if context == readings.reference.context else context


def _rows(readings: Readings, unit: str, context: str, keys: Sequence[str] | set[str] = ()) -> pd.Index:
    frame = readings.measurements
    names = [spec.measured_as for spec in readings.assay.protocol.endpoints if not keys or spec.endpoint in keys]
    here = (frame["unit_id"] == unit) & frame["endpoint"].isin(names)
    return frame.index[here & (frame["context"] == context)] if context else frame.index[here]


def _well_rows(readings: Readings, plate: str, well: str) -> pd.Index:
    return readings.wells.get((plate, well), pd.Index([]))

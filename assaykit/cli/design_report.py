"""What a design can and cannot answer, in sentences: arms and their units, contrasts, power, claims."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

    from assaykit.cli.rehearsal import Rehearsal
    from assaykit.study import Assay, Study


@dataclass(frozen=True, slots=True)
class PlannedEffect:
    """The effect power is told for, and the SD between units of a contrast that is assumed for it."""

    effect: float
    sd: float
    words: str


# Planning values, our own assumptions: an imatinib-like shift of CXCR4 is 0.8 log2 with SD 0.33 in our notes on
# designs; the others are of the same standing. A lab's own SD stands in ESTIMATES.contrast_sd after its first run.
PLANNED_EFFECTS = {
    "log2": PlannedEffect(0.8, 0.33, "a 1.74-fold change"),
    "log": PlannedEffect(0.4055, 0.25, "a ratio of 1.5"),
    "logit": PlannedEffect(0.8, 0.4, "an odds ratio of 2.2"),
    "identity": PlannedEffect(10.0, 6.0, "10 points"),
    "index": PlannedEffect(0.2, 0.12, "a difference of 0.2"),  # SPI runs from 0 to 1, not over points
}


_MOST_REASONS = 5  # per analysis, on the screen; a run's tables hold them all
_LONGEST = 200


def arms_table(assay: Assay, study: Study) -> Table:
    """Return the arms of an assay and the units each stands in."""
    from rich.table import Table

    from assaykit.study import units_by_arm

    arms = units_by_arm(assay, study.unit)
    every = set().union(*arms.values()) if arms else set()
    table = Table(title=f"{assay.name}: arms", title_justify="left", show_edge=False)
    table.add_column("treatment")
    table.add_column("context")
    table.add_column(f"{study.unit}s", justify="right")
    table.add_column("lacking in")
    for (treatment, context), units in sorted(arms.items()):
        table.add_row(treatment, context, str(len(units)), ", ".join(sorted(every - units)))
    return table


def control_lines(assay: Assay) -> Iterator[str]:
    """Yield, per channel that is read against controls, which wells serve and how close they are to the samples."""
    from assaykit.cytometry import concerns, controls_of, match_control
    from assaykit.plate import controls_named

    channels = dict.fromkeys(gate.channel for gate in assay.protocol.gates if gate.kind == "fmo")
    for channel in channels:
        without, close, samples = [], 0, 0
        for plate in (*assay.plates, *(assay.counts if assay.statistics else ())):
            controls = next(iter(controls_of(assay, plate, channel).values()), ())  # FMO before isotype
            wells = [well for well in plate.wells if well.role == "sample"]
            samples += len(wells)
            without += [] if controls else [plate.name]
            named = [any(concerns(assay, one, channel) for one in controls_named(plate, well)) for well in wells]
            close += sum(
                own or bool(controls and match_control(well, controls).closeness == "treatment")
                for well, own in zip(wells, named, strict=True)
            )
        if without:
            yield f"cannot answer: no FMO, isotype or unstained well for {channel} on {', '.join(without)}"
        yield f"{channel}: {close} of {samples} sample wells have a control they name, or one of their condition"


def contrast_lines(assay: Assay, rehearsal: Rehearsal) -> Iterator[str]:
    """Yield, per analysis, how many contrasts can be estimated, from how many units, and why the others cannot."""
    from assaykit.endpoints import ENDPOINTS

    rows = rehearsal.estimates[rehearsal.estimates["assay"] == assay.name]
    for analysis in assay.protocol.analyses:
        contrasts = rows[rows["analysis"] == analysis.name]
        usable = contrasts[contrasts["std_error"].notna() & (contrasts["reason"] == "")]
        kinds = ", ".join(f"{count} {kind}" for kind, count in usable["kind"].value_counts(sort=False).items())
        primary = " (primary)" if analysis.primary else ""
        units = sorted({int(n) for n in usable["n_units"]})
        n = f", n = {units[0]}" if len(units) == 1 else f", n = {units[0]} to {units[-1]}" if units else ""
        yield f"{analysis.name}{primary}: {kinds or 'no'} contrasts can be estimated{n}"
        not_formed = [
            finding.message
            for finding in rehearsal.findings
            if finding.check == "endpoint_not_formed" and finding.message.startswith(f"{analysis.endpoint} ")
        ]
        yield from (f"  cannot answer: {line}" for line in (*_reasons(contrasts), *not_formed))
        if len(usable) and analysis.scale in PLANNED_EFFECTS:
            known = ENDPOINTS.get(analysis.endpoint)
            index = analysis.scale == "identity" and known is not None and known.unit == "ratio"
            yield f"  {power_line(int(usable['n_units'].max()), 'index' if index else analysis.scale)}"


def _reasons(rows: pd.DataFrame) -> Iterator[str]:
    """Yield each reason once, with the contrasts it concerns; the most frequent first."""
    from assaykit.stats import place_text

    groups = [(str(reason), group) for reason, group in rows[rows["reason"] != ""].groupby("reason", sort=False)]
    for reason, group in sorted(groups, key=lambda pair: -len(pair[1]))[:_MOST_REASONS]:
        names = [f"{row['contrast']} ({place_text(row)})" for row in group.to_dict("records")]
        more = f" and {len(names) - 2} more" if len(names) > 2 else ""
        short = reason if len(reason) <= _LONGEST else f"{reason[:_LONGEST].rsplit(' ', 1)[0]} ..."
        yield f"{'; '.join(names[:2])}{more}: {short}"
    if len(groups) > _MOST_REASONS:
        yield f"{len(groups) - _MOST_REASONS} further reasons"


def power_line(units: int, scale: str) -> str:
    """Return the power of a paired t test for the default effect of a scale, and the units 80 % would take.

    >>> power_line(5, "log2")
    'power to find a 1.74-fold change with 5 units: 98 % (SD between units 0.33 log2 assumed; 80 % takes 4)'
    """
    from assaykit.stats.units import paired_power, units_needed

    planned = PLANNED_EFFECTS[scale]
    needed = units_needed(planned.effect, planned.sd)
    on = "" if scale in {"identity", "index"} else f" {scale}"
    assumed = f"SD between units {planned.sd:g}{on} assumed; 80 % takes {needed}"
    if units < 2:
        return f"power to find {planned.words} with 1 unit: none ({assumed})"
    power = paired_power(units, planned.effect, planned.sd)
    return f"power to find {planned.words} with {units} units: {100 * power:.0f} % ({assumed})"


def claim_lines(rehearsal: Rehearsal) -> Iterator[str]:
    """Yield the claims that can be tested, those that could be and why not, and how many nothing here can test."""
    from assaykit.evidence import read_claims

    table = rehearsal.comparisons
    untestable = {claim.id for claim in read_claims() if not claim.testable}
    reached = table[~table["verdict"].isin(["not testable", "not interpretable"])]
    yield f"claims this design can test ({len(reached)}): {', '.join(reached['claim']) or 'none'}"
    for row in table[table["verdict"] == "not interpretable"].itertuples():
        yield f"  {row.claim} would not be interpretable: {row.reason}"
    lacking = table[(table["verdict"] == "not testable") & ~table["claim"].isin(untestable)]
    for row in lacking.itertuples():
        yield f"  {row.claim} not here: {row.reason}"
    yield f"  {len(untestable & set(table['claim']))} further claims no assay of this kind can test"

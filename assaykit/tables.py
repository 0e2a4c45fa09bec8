"""Every column of every table: one glossary that checks frames, feeds the docs and the report's data dictionary.

A table is tidy: one row per observation, one column per variable. `check` is the only door: it returns a frame in
the glossary's column order and dtypes, or raises a `TableError` that names the column.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import pandas as pd

from assaykit.errors import TableError
from assaykit.escaping import one_line
from assaykit.vocabulary import CONTEXTS

Kind = Literal["text", "number", "count", "flag"]
Level = Literal["note", "warn", "fail"]
_DTYPES: dict[Kind, str] = {"text": "object", "number": "float64", "count": "Int64", "flag": "bool"}


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, kind, unit and meaning. Text columns hold "" where there is nothing to say.

    A `later` column came with a later version: a table written before it is read with an empty one.
    """

    name: str
    kind: Kind
    meaning: str
    unit: str = ""
    later: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """One table: its columns in order; `open` tables take further factor columns after them."""

    name: str
    meaning: str
    columns: tuple[Column, ...]
    open: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The column names, in order."""
        return tuple(column.name for column in self.columns)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing a reader must know about the data: a repair, a failed check, an exclusion, a doubt.

    It concerns its plate, or its well; where it names a channel role or a population, only what is read from these.
    """

    level: Level
    check: str
    message: str
    plate: str = ""
    well: str = ""
    channel: str = ""
    population: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", one_line(self.message))  # it may quote a file


_ASSAY = Column("assay", "text", "the assay within the study")
_PLATE = Column("plate", "text", "the plate, or the counts file")
_WELL = Column("well", "text", "the well; empty where a value belongs to a whole unit or plate")

POPULATIONS = Table(
    "populations",
    "the cells each gate kept, well by well",
    (
        _ASSAY,
        _PLATE,
        _WELL,
        Column("population", "text", "the cells a gate keeps"),
        Column("parent", "text", "the population the gate was drawn on; 'all' is every event"),
        Column("events", "count", "cells in the population", "cells"),
        Column("fraction", "number", "events / events of the parent; missing where the parent is empty"),
    ),
)

READOUTS = Table(
    "readouts",
    "raw numbers per well, before any reference",
    (
        _ASSAY,
        _PLATE,
        _WELL,
        Column("readout", "text", "what was read, named exactly, e.g. cxcr4_median"),
        Column("value", "number", "the raw number"),
        Column("unit", "text", "its unit"),
        Column("cells", "count", "cells it rests on", "cells"),
    ),
)

MEASUREMENTS = Table(
    "measurements",
    "referenced endpoints per well, or per unit where `well` is empty; factor columns follow",
    (
        _ASSAY,
        _PLATE,
        _WELL,
        Column("unit_id", "text", "the independent experiment or donor: the only n there is"),
        Column("treatment", "text", "canonical treatment, e.g. 'imatinib 1 uM + plerixafor 10 uM', or 'vehicle'"),
        Column("context", "text", f"one of {', '.join(CONTEXTS)}"),
        Column("endpoint", "text", "the endpoint, e.g. cxcr4_dmfi"),
        Column("value", "number", "the endpoint's value in `unit`"),
        Column("unit", "text", "its unit"),
        Column("cells", "count", "cells it rests on", "cells"),
        Column("count", "number", "numerator, where the value is a proportion or rate", "cells"),
        Column("total", "number", "denominator, where the value is a proportion or rate", "cells"),
        Column("qc", "text", "pass, warn, fail, or not_interpretable"),
        Column("reason", "text", "why qc is not pass"),
        Column("checks", "text", "the checks behind it, by name", later=True),
        Column("excluded", "flag", "whether it is left out of every mean, reference and estimate", later=True),
    ),
    open=True,
)

ESTIMATES = Table(
    "estimates",
    "one contrast per row: what was compared, how large, how sure",
    (
        Column("analysis", "text", "the analysis of the protocol"),
        Column("endpoint", "text", "the endpoint analysed"),
        Column("contrast", "text", "the contrast in words, e.g. 'imatinib 1 uM - vehicle'"),
        Column("context", "text", "the context it holds in; of two that are compared, the first"),
        Column("estimate", "number", "the contrast on the analysis scale"),
        Column("std_error", "number", "its standard error"),
        Column("df", "number", "degrees of freedom of the t reference; infinite for z"),
        Column("statistic", "number", "estimate / std_error"),
        Column("p_value", "number", "two-sided, unadjusted"),
        Column("p_adjusted", "number", "adjusted within the analysis' family"),
        Column("conf_low", "number", "lower limit on the analysis scale, unadjusted"),
        Column("conf_high", "number", "upper limit on the analysis scale, unadjusted"),
        Column("scale", "text", "log2, log, logit or identity"),
        Column("effect", "number", "the estimate back-transformed: fold change, ratio, odds ratio or difference"),
        Column("effect_low", "number", "its lower limit"),
        Column("effect_high", "number", "its upper limit"),
        Column("n_units", "count", "independent units that inform the contrast", "units"),
        Column("n_wells", "count", "wells behind them; never n", "wells"),
        Column("method", "text", "model and df"),
        Column("assay", "text", "the assay within the study"),
        Column("kind", "text", "treatment, pairwise, context, interaction, level or custom"),
        Column("treatment", "text", "the treatment compared"),
        Column("comparator", "text", "the treatment it is compared with"),
        Column("comparator_context", "text", "the context it is compared with, where two contexts are compared"),
        Column("effect_name", "text", "fold change, rate ratio, odds ratio, difference, percentage points"),
        Column("adjust", "text", "adjustment used: holm, bh, tukey, dunnett or none"),
        Column("residual_sd", "number", "residual SD of the model, on the analysis scale"),
        Column("unit_sd", "number", "SD between units, on the analysis scale"),
        Column("contrast_sd", "number", "SD of the contrast between units: std_error * sqrt(n_units)"),
        Column("reason", "text", "why the contrast is not estimable or not interpretable; empty when it is"),
        Column("doubts", "text", "what speaks against the values it rests on, and how many wells", later=True),
        Column("p_equivalence", "number", "two one-sided tests against the declared equivalence bounds; else missing"),
        Column("equivalence", "text", "shown or not shown at 5 %, where bounds are declared; else empty"),
        Column(
            "units_needed",
            "count",
            "units for 80 % power at this contrast_sd, for the effect seen or the equivalence bound, the larger",
            "units",
        ),
        Column("stratum", "text", "the level analysed by itself, e.g. 'line = K562'; empty where `by` divides nothing"),
    ),
)

ESTIMATES_WITH_EXCLUDED = Table(
    "estimates_with_excluded",
    "every contrast again, with the values that checks, criteria and the study leave out of `estimates`",
    ESTIMATES.columns,
)

_CONTRAST_KEYS = (
    _ASSAY,
    Column("analysis", "text", "the analysis of the protocol"),
    Column("contrast", "text", "the contrast in words"),
    Column("treatment", "text", "the treatment compared", later=True),
    Column("comparator", "text", "the treatment it is compared with", later=True),
    Column("context", "text", "the context it holds in; of two that are compared, the first"),
    Column(
        "comparator_context", "text", "the context it is compared with, where two contexts are compared", later=True
    ),
    Column("kind", "text", "treatment, pairwise, context, interaction, level or custom"),
)

ROBUSTNESS = Table(
    "robustness",
    "every contrast of a primary analysis again: without each unit, with other models, with gates moved",
    (
        *_CONTRAST_KEYS,
        Column("variation", "text", "what was changed: as planned, a unit left out, another model, another input"),
        Column("group", "text", "as planned, leave one out, model, input or wrong"),
        Column("estimate", "number", "the contrast on the analysis scale"),
        Column("conf_low", "number", "its lower 95 % limit"),
        Column("conf_high", "number", "its upper 95 % limit"),
        Column("p_value", "number", "two-sided, unadjusted"),
        Column("n_units", "count", "independent units that inform it", "units"),
        Column("says", "text", "above zero, below zero or unclear: where the 95 % interval lies"),
        Column(
            "stands",
            "text",
            "yes, weaker (same side, now unclear), changed (otherwise different), not estimable, not compared",
        ),
    ),
)

ROBUSTNESS_SUMMARY = Table(
    "robustness_summary",
    "one contrast per row: what it says as planned, and how many variations leave that standing",
    (
        *_CONTRAST_KEYS,
        Column("says", "text", "above zero, below zero or unclear, as planned"),
        Column("variations", "count", "variations tried, those not estimable among them", "variations"),
        Column("standing", "count", "variations that say the same", "variations"),
        Column("weaker", "count", "variations on the same side of zero, now unclear", "variations"),
        Column("changed", "count", "variations that say otherwise", "variations"),
        Column("robust", "text", "yes where none is weaker or changed, fragile where one is, else empty"),
        Column("doubts", "text", "the variations that are weaker or changed"),
    ),
)

SIZES = Table(
    "sizes",
    "the lab's stromal protection index (SPI) beside that of the source, drug by drug: a scale, never a test",
    (
        Column("treatment", "text", "the treatment of the lab's index"),
        Column("drug", "text", "the drug of the source"),
        Column("population", "text", "the cells of the source"),
        Column("context", "text", "the context of the lab's index"),
        Column("spi", "number", "1 - specific apoptosis with stroma / without: 0 is no protection, 1 complete"),
        Column("spi_low", "number", "its lower 95 % limit"),
        Column("spi_high", "number", "its upper 95 % limit"),
        Column("spi_source", "number", "the index that follows from the source's means"),
        Column("covers", "flag", "whether the lab's interval holds the source's index"),
    ),
)

COMPARISONS = Table(
    "comparisons",
    "one claim of a review beside the lab's own estimate",
    (
        Column("claim", "text", "the claim, e.g. EN-10"),
        Column("review", "text", "the review it is in"),
        Column("statement", "text", "the claim in our own words"),
        Column("endpoint", "text", "the endpoint that tests it"),
        Column("contrast", "text", "the contrast that tests it"),
        Column("treatment", "text", "the treatment compared", later=True),
        Column("comparator", "text", "the treatment it is compared with", later=True),
        Column("expected_sign", "count", "+1, -1 or 0, as adjudicated from the primary papers"),
        Column("printed_sign", "count", "+1, -1 or 0, as the review prints it"),
        Column("effect", "number", "the estimate, back-transformed"),
        Column("effect_low", "number", "its lower limit"),
        Column("effect_high", "number", "its upper limit"),
        Column(
            "verdict",
            "text",
            "consistent, contradicts, no effect, inconclusive, not interpretable, not testable",
        ),
        Column("reason", "text", "the verdict in one plain sentence"),
        Column("context", "text", "the context it holds in; of two that are compared, the first"),
        Column("comparator_context", "text", "the context it is compared with, where two are compared", later=True),
        Column("effect_name", "text", "fold change, rate ratio, odds ratio, difference, percentage points"),
        Column("p_value", "number", "two-sided, unadjusted"),
        Column("p_adjusted", "number", "Holm within the family of claims"),
        Column("n_units", "count", "independent units", "units"),
        Column("units_needed", "count", "units that would settle it, where inconclusive", "units"),
        Column("primary", "flag", "named primary before the run"),
        Column("source", "text", "the primary paper it rests on: claims sharing it are one piece of evidence"),
        Column("conflict", "text", "where reviews, or a review and its source, disagree"),
        Column("printed_verdict", "text", "the verdict on the claim with the sign the review prints"),
    ),
)

ACCEPTANCE = Table(
    "acceptance",
    "whether plates and units are fit to answer, criterion by criterion",
    (
        Column("assay", "text", "the assay within the study"),
        Column("plate", "text", "the plate judged; empty where a unit is"),
        Column("unit_id", "text", "the experiment or donor judged; empty where a plate is"),
        Column("context", "text", "the context judged, where each is by itself"),
        Column("check", "text", "the criterion, e.g. vehicle_death"),
        Column("value", "number", "the worst value found, in `unit`"),
        Column("limit", "number", "the protocol's limit"),
        Column("unit", "text", "the unit of value and limit"),
        Column("result", "text", "pass, warn, fail or not measured"),
        Column("dropped", "flag", "whether what failed is left out of the estimates"),
        Column("message", "text", "what was found, in words"),
    ),
)

DOSE_RESPONSE = Table(
    "dose_response",
    "one fitted curve per row: a drug in a context within one unit, or over units where `unit_id` is empty",
    (
        _ASSAY,
        Column("curve", "text", "the curve of the protocol"),
        Column("endpoint", "text", "the endpoint it is drawn through"),
        Column("drug", "text", "the drug whose dose varies"),
        Column("context", "text", "the context it holds in"),
        Column("unit_id", "text", "the experiment or donor; empty for the curve over all of them"),
        Column("shape", "text", "3PL, 4PL or 5PL"),
        Column("dose_unit", "text", "the unit of every dose of the row"),
        Column("ic50", "number", "the dose halfway between top and bottom; missing where the doses do not reach it"),
        Column("wald_low", "number", "lower 95 % limit from the standard error of ln IC50, wells as independent"),
        Column("wald_high", "number", "its upper limit"),
        Column("profile_low", "number", "lower 95 % limit from the rise of the residual sum of squares"),
        Column("profile_high", "number", "its upper limit"),
        Column("units_ic50", "number", "geometric mean of the units' own IC50s; on rows over units"),
        Column("units_low", "number", "its lower 95 % limit, by t over units"),
        Column("units_high", "number", "its upper limit"),
        Column("hill", "number", "steepness; positive"),
        Column("top", "number", "response without drug, in the endpoint's unit; the units' mean on rows over units"),
        Column("bottom", "number", "response at unlimited dose, likewise"),
        Column("residual_sd", "number", "residual SD of wells about the curve, in the endpoint's unit"),
        Column("highest_dose", "number", "the highest dose given"),
        Column("reached", "number", "share of the fitted effect that the highest dose reaches"),
        Column("plateau", "text", "reached, not reached, or empty where no curve was fitted"),
        Column("n_units", "count", "units the curve is drawn through", "units"),
        Column("n_wells", "count", "wells behind it; never n", "wells"),
        Column("comparator_context", "text", "the context the IC50 is compared with"),
        Column("shift", "number", "IC50 / IC50 in the comparator context; over units, of those that reached both"),
        Column("shift_low", "number", "its lower 95 % limit, by paired t over units"),
        Column("shift_high", "number", "its upper limit"),
        Column("shift_p", "number", "p of that t test: the one for claims"),
        Column("shift_units", "count", "units that reached both IC50s", "units"),
        Column("f_statistic", "number", "F test of one IC50 for both contexts, extra sum of squares, wells as n"),
        Column("f_df1", "number", "its numerator degrees of freedom"),
        Column("f_df2", "number", "its denominator degrees of freedom"),
        Column("f_p", "number", "its p; for reading the curves, as wells are not independent"),
        Column("reason", "text", "why an IC50 or a shift is missing or doubtful"),
        Column("doubts", "text", "what speaks against the values it rests on, and how many wells", later=True),
        Column("stratum", "text", "the level analysed by itself, e.g. 'line = K562'"),
    ),
)

SYNERGY = Table(
    "synergy",
    "excess of two drugs over what each alone lets expect: per pair of doses, and over pairs where doses are missing",
    (
        _ASSAY,
        Column("synergy", "text", "the synergy analysis of the protocol"),
        Column("endpoint", "text", "the endpoint the effect is formed from"),
        Column("model", "text", "bliss, hsa, loewe or zip"),
        Column("context", "text", "the context it holds in"),
        Column("first", "text", "the first drug"),
        Column("second", "text", "the second drug"),
        Column("first_dose", "number", "dose of the first drug; missing for the mean over pairs of doses"),
        Column("first_unit", "text", "its unit"),
        Column("second_dose", "number", "dose of the second drug; missing for the mean over pairs of doses"),
        Column("second_unit", "text", "its unit"),
        Column("unit_id", "text", "the experiment or donor; empty for the mean over units"),
        Column("observed", "number", "effect of the two together, 0 for none to 1 for all"),
        Column("excess", "number", "observed - expected effect; above zero is synergy under this model only"),
        Column("conf_low", "number", "lower 95 % limit, by t over units, unadjusted"),
        Column("conf_high", "number", "upper 95 % limit, by t over units, unadjusted"),
        Column("p_value", "number", "two-sided, by t over units"),
        Column("p_adjusted", "number", "Holm over the pairs of doses of one model and context"),
        Column("n_units", "count", "units with all arms", "units"),
        Column("reason", "text", "why a number is missing or doubtful"),
        Column("doubts", "text", "what speaks against the values it rests on, and how many wells", later=True),
        Column("stratum", "text", "the level analysed by itself, e.g. 'line = K562'"),
    ),
)

CONTROLS = Table(
    "controls",
    "the cells of the controls that wells are measured against, by quantiles: controls.parquet beside the tables",
    (
        _ASSAY,
        _PLATE,
        Column("control", "text", "the control: its channel role and its wells, e.g. 'cxcr4: H1, H2'"),
        Column("channel", "text", "the channel role it serves"),
        Column("population", "text", "the population whose channel is read"),
        Column("probability", "number", "the share of its cells at or below the value, from 0 to 1"),
        Column("value", "number", "the quantile", "intensity"),
    ),
)

OVERRIDES = Table(
    "overrides",
    "what a person set by hand, in the study or in review.toml: one row per line, plate and thing set",
    (
        _ASSAY,
        _PLATE,
        Column("wells", "text", "the wells it holds for; empty for the whole plate"),
        Column("what", "text", "the gate, the channel, or an exclusion"),
        Column("before", "text", "what was estimated, or what the study says otherwise"),
        Column("after", "text", "what was set instead"),
        Column("reason", "text", "why, as written"),
        Column("set_by", "text", "who set it"),
        Column("set_on", "text", "when it was set"),
        Column("source", "text", "the file and its place there"),
    ),
)

VERDICTS_BY_HAND = Table(
    "verdicts_by_hand",
    "each tested claim's verdict with what was set by hand, and as estimated without it",
    (
        Column("claim", "text", "the claim, e.g. EN-10"),
        Column("review", "text", "the review it is in"),
        Column("statement", "text", "the claim in our own words"),
        Column("contrast", "text", "the contrast that tests it"),
        Column("verdict", "text", "the verdict of this run"),
        Column("effect", "number", "its estimate, back-transformed"),
        Column("effect_low", "number", "its lower limit"),
        Column("effect_high", "number", "its upper limit"),
        Column("verdict_as_estimated", "text", "the verdict had nothing been set by hand"),
        Column("effect_as_estimated", "number", "the estimate then"),
        Column("effect_low_as_estimated", "number", "its lower limit"),
        Column("effect_high_as_estimated", "number", "its upper limit"),
        Column("depends", "flag", "whether the two verdicts differ"),
    ),
)

FINDINGS = Table(
    "findings",
    "what a reader must know about the data",
    (
        Column("level", "text", "note, warn or fail"),
        Column("check", "text", "the check, e.g. file_missing"),
        _PLATE,
        _WELL,
        Column("message", "text", "what was found, in numbers, and what to do"),
        Column("channel", "text", "the channel role it concerns; empty where it concerns every one"),
        Column("population", "text", "the population it concerns, with those below; empty for every one"),
    ),
)

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        POPULATIONS,
        READOUTS,
        MEASUREMENTS,
        ACCEPTANCE,
        ESTIMATES,
        ESTIMATES_WITH_EXCLUDED,
        COMPARISONS,
        SIZES,
        ROBUSTNESS,
        ROBUSTNESS_SUMMARY,
        DOSE_RESPONSE,
        SYNERGY,
        CONTROLS,
        OVERRIDES,
        VERDICTS_BY_HAND,
        FINDINGS,
    )
}


def check(frame: pd.DataFrame, table: Table) -> pd.DataFrame:
    """Return `frame` with the table's columns first, in order, in its dtypes.

    Raises TableError where a column is missing, unknown (in a closed table) or of another kind.
    """
    missing = [c.name for c in table.columns if c.name not in frame.columns and not c.later]
    extra = [str(name) for name in frame.columns if name not in table.names]
    if missing or (extra and not table.open):
        raise TableError(
            f"table {table.name} must have the columns of the glossary",
            f"missing {missing}, unknown {extra}",
        )
    empty = pd.Series([None] * len(frame), index=frame.index, dtype="object")
    columns = {column.name: _typed(frame.get(column.name, empty), column, table) for column in table.columns}
    columns |= {name: frame[name] for name in extra}
    return pd.DataFrame(columns).reset_index(drop=True)


def frame_from_rows(rows: Iterable[Mapping[str, Any]], table: Table) -> pd.DataFrame:
    """Return the rows as a checked frame; a column no row names is empty."""
    rows = list(rows)
    known = set(table.names)
    extra = list(dict.fromkeys(name for row in rows for name in row if name not in known))
    return check(pd.DataFrame(rows, columns=[*table.names, *extra]), table)


def findings_frame(findings: Iterable[Finding]) -> pd.DataFrame:
    """Return the findings as a checked FINDINGS frame, in the order given."""
    return frame_from_rows((asdict(finding) for finding in findings), FINDINGS)


def _typed(series: pd.Series, column: Column, table: Table) -> pd.Series:
    filled = series
    if column.kind == "text":
        filled = series.astype("object").where(series.notna(), "").map(str)
    elif column.kind == "flag":
        filled = series.astype("object").where(series.notna(), other=False)
    try:
        return filled.astype(_DTYPES[column.kind])
    except (ValueError, TypeError) as error:
        raise TableError(f"column {column.name} of table {table.name} must hold {column.kind}s", str(error)) from error

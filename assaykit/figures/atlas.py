"""The atlas of a run: which figures its tables call for, in order, each with its name, title and caption.

`drawings(results)` lists them without drawing; `Drawing.draw(style)` draws one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from assaykit.cytometry import DATA_ERRORS, control_points
from assaykit.errors import InputError
from assaykit.escaping import file_names
from assaykit.figures.captions import (
    chart_caption,
    dose_caption,
    endpoint_caption,
    evidence_caption,
    forest_caption,
    gating_caption,
    plate_caption,
    test_sentences,
    yield_caption,
)
from assaykit.figures.conditions import doses_of, endpoint_words, ordered_contexts
from assaykit.figures.dose_response import dose_response_curves, dose_series
from assaykit.figures.endpoint import endpoint_by_condition
from assaykit.figures.evidence import evidence_forest, evidence_matrix, matrix_pages
from assaykit.figures.forest import KIND_WORDS, forest, forest_pages
from assaykit.figures.gate_yield import gate_yield
from assaykit.figures.gating import gating
from assaykit.figures.gating_panels import gating_panels
from assaykit.figures.ledger import cumulative_forest, ledger_matrix
from assaykit.figures.levey_jennings import levey_jennings
from assaykit.figures.plate_map import plate_map, wells_table
from assaykit.figures.styles import STYLES, Style
from assaykit.plate import Well
from assaykit.results import Results
from assaykit.study import Assay, Reference

FIGURES: dict[str, Callable[..., Figure]] = {
    "plate_map": plate_map,
    "gating": gating,
    "gate_yield": gate_yield,
    "levey_jennings": levey_jennings,
    "endpoint_by_condition": endpoint_by_condition,
    "dose_response": dose_response_curves,
    "forest": forest,
    "evidence_matrix": evidence_matrix,
    "evidence_forest": evidence_forest,
    "cumulative_forest": cumulative_forest,
    "ledger_matrix": ledger_matrix,
}


_FEWEST_CHARTED = 3  # plates: two show no course
_MOST_COLUMNS = 24  # of conditions in one figure


@dataclass(frozen=True, slots=True)
class Drawing:
    """One figure to be drawn: a key of FIGURES, the tables it takes, and the words that go with it."""

    name: str  # of the files, and the anchor in the report
    title: str
    caption: str
    figure: str
    tables: tuple[Any, ...]
    words: Mapping[str, Any] = field(default_factory=dict)
    chapter: str = "results"
    tests: tuple[str, ...] = ()  # statistic, df and p of the contrasts drawn

    def draw(self, style: Style) -> Figure:
        """Return the figure in that style."""
        return FIGURES[self.figure](*self.tables, style=style, **self.words)


def drawings(results: Results) -> Iterator[Drawing]:
    """Yield every figure the tables of a run call for: evidence, endpoints, contrasts, then plates and gates."""
    yield from with_file_names(drawing for listed in DRAWINGS.values() for drawing in listed(results))


def with_file_names(drawings: Iterable[Drawing]) -> Iterator[Drawing]:
    """Yield the drawings under names that files, and anchors of the report, can have, no two alike."""
    listed = list(drawings)
    for drawing, name in zip(listed, file_names([drawing.name for drawing in listed]), strict=True):
        yield replace(drawing, name=name)


def _evidence(results: Results) -> Iterator[Drawing]:
    table, unit, nature = results.tables["comparisons"], results.study.unit, STYLES["nature"]
    if table.empty:
        return
    for number, part, page in _numbered(matrix_pages(table, nature)):
        yield Drawing(
            f"evidence_matrix{number}", f"The reviews' claims and what this study says of them{part}",
            evidence_caption(table, unit), "evidence_matrix", (table, page), chapter="evidence",
        )  # fmt: skip
    tested = table[table["effect"].notna() & (table["verdict"] != "not testable")]
    for number, part, page in _numbered(list(forest_pages(tested, nature, by=("endpoint", "effect_name")))):
        yield Drawing(
            f"evidence_forest{number}", f"The estimates that test the claims{part}",
            evidence_caption(table, unit, forest=True), "evidence_forest", (page,), {"unit": unit}, chapter="evidence",
        )  # fmt: skip


def _numbered(pages: Sequence[pd.DataFrame]) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Yield (suffix of the name, suffix of the title, page); a single page has no number."""
    for i, page in enumerate(pages):
        yield (f"_{i + 1}", f" ({i + 1} of {len(pages)})", page) if len(pages) > 1 else ("", "", page)


def _endpoints(results: Results) -> Iterator[Drawing]:
    """Yield one figure per endpoint, with the first analysis of it: protocols name the chosen one first."""
    estimates, measurements = results.tables["estimates"], results.tables["measurements"]
    reference, unit = results.study.reference.treatment, results.study.unit
    for (assay, endpoint), every in estimates.groupby(["assay", "endpoint"], sort=False):
        rows = every[every["analysis"] == every["analysis"].iloc[0]]
        part = measurements[(measurements["endpoint"] == endpoint) & (measurements["assay"] == assay)]
        part = part[part["value"].notna()]
        if part.empty or (part["treatment"].nunique() < 2 and part["context"].nunique() < 2):
            continue
        words = endpoint_words(str(endpoint))
        for number, title, page in _numbered(context_pages(part)):
            drawn = rows[rows["context"].isin(page["context"])]
            yield Drawing(
                f"endpoint_{assay}_{endpoint}{number}", f"{words[0].upper()}{words[1:]} by condition{title}",
                endpoint_caption(page, drawn, unit=unit), "endpoint_by_condition", (page, drawn),
                {"reference": reference, "unit": unit}, tests=test_sentences(drawn),
            )  # fmt: skip


def _doses(results: Results) -> Iterator[Drawing]:
    """Yield one figure per drug given at four doses or more and per endpoint that is analysed."""
    measurements, reference = results.tables["measurements"], results.study.reference.treatment
    analysed = results.tables["estimates"][["assay", "endpoint"]].drop_duplicates()
    fitted = results.tables.get("dose_response", pd.DataFrame())
    curves = fitted[fitted["unit_id"] == ""] if len(fitted) else fitted  # of all units together
    for assay, endpoint in analysed.itertuples(index=False, name=None):
        part = measurements[(measurements["endpoint"] == endpoint) & (measurements["assay"] == assay)]
        part = part[part["value"].notna()]
        for series in dose_series(part):
            mine = curves[(curves["endpoint"] == endpoint) & (curves["drug"] == series.drug)] if len(curves) else curves
            if len(curves) and mine.empty:
                continue  # the run fitted curves to another endpoint of this drug
            words = endpoint_words(str(endpoint))
            yield Drawing(
                f"doses_{assay}_{endpoint}_{series.drug}",
                f"{words[0].upper()}{words[1:]} over doses of {series.drug}",
                dose_caption(results.study.unit), "dose_response", (part, series, mine), {"reference": reference},
            )  # fmt: skip


def context_pages(measurements: pd.DataFrame) -> list[pd.DataFrame]:
    """Return the measurements in parts of whole contexts, each of at most 24 columns where a context has no more."""
    pages: list[list[str]] = []
    used = _MOST_COLUMNS
    for context in ordered_contexts(measurements["context"]):
        columns = measurements.loc[measurements["context"] == context, "treatment"].nunique()
        if used + columns > _MOST_COLUMNS:
            pages.append([])
            used = 0
        pages[-1].append(context)
        used += columns
    return [measurements[measurements["context"].isin(page)] for page in pages]


def _forests(results: Results) -> Iterator[Drawing]:
    estimates = worth_drawing(results.tables["estimates"], results.tables["comparisons"], results.study.reference)
    for assay, rows in estimates.groupby("assay", sort=False):
        for number, part, page in _numbered(list(forest_pages(rows, STYLES["nature"]))):
            yield Drawing(
                f"forest_{assay}{number}", f"Contrasts of {str(assay).replace('_', ' ')}{part}",
                forest_caption(page, results.study.unit), "forest", (page,), {"unit": results.study.unit},
                chapter="contrasts",
            )  # fmt: skip


def worth_drawing(estimates: pd.DataFrame, comparisons: pd.DataFrame, reference: Reference) -> pd.DataFrame:
    """Return the contrasts a forest shows: with the reference, between contexts, of a combination with its parts.

    Contrasts that test a claim are shown too; the table of estimates holds them all.
    """
    keys = ["endpoint", "contrast", "context", "comparator_context"]
    claimed = set(comparisons[keys].itertuples(index=False, name=None))
    drugs = {t: set(doses_of(t)) for t in {*estimates["treatment"], *estimates["comparator"]}}
    part = [drugs[b] < drugs[a] for a, b in zip(estimates["treatment"], estimates["comparator"], strict=True)]
    tests_claim = [key in claimed for key in estimates[keys].itertuples(index=False, name=None)]
    simple = (estimates["comparator"] == reference.treatment) | estimates["kind"].isin(["context", "level", "custom"])
    kept = estimates[estimates["estimate"].notna() & (simple | np.asarray(part) | np.asarray(tests_claim))]
    order = kept["kind"].map(list(KIND_WORDS).index)
    return kept.assign(_order=order).sort_values("_order", kind="stable").drop(columns="_order")


def _plates(results: Results) -> Iterator[Drawing]:
    findings, populations = results.tables["findings"], results.tables["populations"]
    for assay in results.study.assays:
        wells = wells_table(assay, findings, results.study.unit)
        if len(wells):
            yield from _gating(assay, wells, findings, results.study.reference)
            yield Drawing(
                f"plates_{assay.name}", f"Plates of {assay.name.replace('_', ' ')}", plate_caption(wells), "plate_map",
                (wells,), {"reference": results.study.reference.treatment}, chapter="plates",
            )  # fmt: skip
        # Control wells lack stains, and cells, on purpose.
        samples = {(plate.name, well.name) for plate in assay.plates for well in plate.wells if well.role == "sample"}
        part = populations[(populations["assay"] == assay.name) & (populations["population"] != "all")]
        sampled = (place in samples for place in zip(part["plate"], part["well"], strict=True))
        part = part[np.fromiter(sampled, dtype=bool, count=len(part))]
        if part["fraction"].notna().any():
            yield Drawing(
                f"gates_{assay.name}", f"What each gate of {assay.name.replace('_', ' ')} kept", yield_caption(part),
                "gate_yield", (part,), chapter="plates",
            )  # fmt: skip
        title = f"Beads and reference of {assay.name.replace('_', ' ')} over the plates"
        points = control_points(assay, results.tables["readouts"], results.study.reference)
        if points["plate"].nunique() >= _FEWEST_CHARTED:
            yield Drawing(
                f"levey_jennings_{assay.name}", title, chart_caption(points), "levey_jennings", (points,),
                chapter="plates",
            )  # fmt: skip


GATE_CHECKS = ("ambiguous_valley", "gate_implausible", "share_apart", "threshold_apart")
"""Findings that ask a person to look at a gate: each plate of theirs has its gates drawn."""
MOST_GATED = 12


def _gating(assay: Assay, wells: pd.DataFrame, findings: pd.DataFrame, reference: Reference) -> Iterator[Drawing]:
    """Yield the gating of a well of the first plate, and of every plate with a gate that findings ask to look at.

    The well is the one a finding names, else one of the reference treatment; at most MOST_GATED plates are drawn.
    """
    failed = {(p, w) for p, w, bad in zip(wells["plate"], wells["well"], wells["failed"], strict=True) if bad}
    doubted = findings[findings["check"].isin(GATE_CHECKS) & (findings["level"] != "note")]
    named = dict(zip(doubted["plate"][::-1], doubted["well"][::-1], strict=True))
    drawn = [(plate, f"_{plate.name}") for plate in assay.plates if plate.name in named][:MOST_GATED]
    for plate, suffix in [*((plate, "") for plate in assay.plates[:1]), *drawn]:
        found = [
            well
            for well in plate.wells
            if well.role == "sample" and well.file is not None and (plate.name, well.name) not in failed
        ]
        wanted = named.get(plate.name, "") if suffix else ""
        found = sorted(found, key=partial(_preference, wanted, reference))
        for well in found[:1]:
            try:
                panels = gating_panels(assay, plate, well)
            except (InputError, *DATA_ERRORS):  # the well's own finding says why it cannot be read
                continue
            title = f"Gating of {assay.name.replace('_', ' ')}" + (f", plate {plate.name}: look here" if suffix else "")
            caption = gating_caption(well, plate.name)
            if panels:
                yield Drawing(f"gating_{assay.name}{suffix}", title, caption, "gating", (panels,), chapter="plates")


def _preference(wanted: str, reference: Reference, well: Well) -> tuple[bool, bool, bool]:
    """Return the order in which wells are drawn: the one named, then the reference, with stroma where there is any."""
    factors = well.factors
    plain = factors.get("context", reference.context) == reference.context
    return well.name != wanted, factors.get("treatment") != reference.treatment, plain


DRAWINGS: dict[str, Callable[[Results], Iterator[Drawing]]] = {
    "evidence": _evidence,
    "endpoints": _endpoints,
    "doses": _doses,
    "forests": _forests,
    "plates": _plates,
}
"""What a run is drawn as, in the order of the report: each lists the figures its tables call for."""

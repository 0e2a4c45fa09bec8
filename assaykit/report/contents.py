"""What the report's first screens say: the answer, what it rests on, and the findings, from the tables alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from assaykit.figures import endpoint_words, reason_sentence
from assaykit.report.words import FamilySummary, Headline, families, plural, strongest, verdict_counts
from assaykit.results import Results

LEVELS: dict[str, str] = {"fail": "Failed", "warn": "Warnings", "note": "Notes"}


@dataclass(frozen=True, slots=True)
class Opening:
    """The opening of the report."""

    title: str
    simulated: bool
    lead: str
    verdicts: tuple[tuple[str, int], ...]
    claims: int
    strongest: tuple[Headline, ...]
    families: tuple[FamilySummary, ...]
    rests_on: tuple[str, ...]
    levels: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class CheckListing:
    """All findings of one check at one level."""

    level: str
    check: str
    rows: tuple[Mapping[str, str], ...]


def opening(results: Results) -> Opening:
    """Return the opening of the report."""
    comparisons, unit = results.tables["comparisons"], results.study.unit
    found = families(comparisons, results.tables["estimates"], unit, results.tables.get("robustness_summary"))
    levels = results.tables["findings"]["level"].value_counts()
    return Opening(
        title=results.study.title,
        simulated=is_simulated(results),
        lead=_lead(results),
        verdicts=verdict_counts(comparisons),
        claims=len(comparisons),
        strongest=tuple(strongest(found)),
        families=tuple(found),
        rests_on=tuple(_rests_on(results)),
        levels={level: int(levels.get(level, 0)) for level in LEVELS},
    )


def is_simulated(results: Results) -> bool:
    """Whether the study, its provenance or a finding says that its data are simulated."""
    checks = results.tables["findings"]["check"]
    return (
        "simulated" in results.study.title.lower()
        or bool(results.provenance.get("simulated"))
        or "simulated" in set(checks)
    )


def _lead(results: Results) -> str:
    comparisons, study = results.tables["comparisons"], results.study
    units = results.tables["measurements"]["unit_id"].nunique()
    tested = int((comparisons["verdict"] != "not testable").sum())
    assays = "; ".join(assay.protocol.title for assay in study.assays)
    return (
        f"{plural(units, f'independent {study.unit}')}; {plural(len(study.assays), 'assay')}: {assays}. "
        f"{tested} of the reviews' {plural(len(comparisons), 'claim')} could be tested with them."
    )


def _rests_on(results: Results) -> Iterator[str]:
    study, tables = results.study, results.tables
    reference, unit = study.reference, study.unit
    yield (
        f"n is the number of independent {unit}s. Wells and cells are never counted as n. Every treatment is compared "
        f"with {reference.treatment} of its own culture context."
    )
    tested = tables["comparisons"][tables["comparisons"]["verdict"] != "not testable"]
    sources = tested.loc[tested["source"] != "", "source"]
    shared = [(source, count) for source, count in sources.value_counts().items() if count > 1]
    if shared:
        listed = "; ".join(f"{count} on {source}" for source, count in shared)
        yield f"Claims that rest on one paper are one piece of evidence, however many there are: {listed}."
    wells = sum(len(plate.wells) for assay in study.assays for plate in (*assay.plates, *assay.counts))
    failed = tables["findings"].query("level == 'fail' and well != ''")[["plate", "well"]].drop_duplicates()
    yield f"{plural(wells, 'well')}, of which {len(failed) or 'none'} failed{' (see Quality)' if len(failed) else ''}."
    for analysis, rows in tables["estimates"].groupby("analysis", sort=False):
        doubtful = rows[(rows["reason"] != "") & rows["effect"].notna()]
        if len(doubtful):
            words = endpoint_words(str(rows["endpoint"].iloc[0]))
            count = f"{len(doubtful)} of {len(rows)} contrasts cannot be interpreted"
            yield f"{words[0].upper()}{words[1:]} ({analysis}): {count}. {reason_sentence(doubtful, 1).strip()}"


def findings_by_check(findings: pd.DataFrame) -> list[tuple[str, str, list[CheckListing]]]:
    """Return (level, heading, checks): what failed first, then warnings, then notes."""
    found = []
    for level, words in LEVELS.items():
        part = findings[findings["level"] == level]
        checks = [
            CheckListing(level, str(check).replace("_", " "), tuple(rows.to_dict("records")))
            for check, rows in part.groupby("check", sort=False)
        ]
        if checks:
            found.append((level, f"{words} ({len(part)})", checks))
    return found


def provenance_rows(provenance: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what the run rested on as (name, value), nested groups flattened, inputs left to their own table."""
    rows: list[tuple[str, str]] = []
    for key, value in provenance.items():
        if isinstance(value, Mapping):
            rows += [(f"{key}: {name}", str(item)) for name, item in value.items()]
        elif key != "inputs":
            rows.append((key, str(value)))
    return rows


def input_rows(provenance: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return (path, sha256) of every input file."""
    return [(str(item["path"]), str(item["sha256"])) for item in provenance.get("inputs", ())]

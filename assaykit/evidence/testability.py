"""Why a claim cannot be tested in this study: what was measured, in which cells, and what is missing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

import pandas as pd

from assaykit.evidence import words
from assaykit.evidence.claims import Claim, Test
from assaykit.evidence.matching import Rows, Slots, fits, parsed_treatments
from assaykit.treatment.catalogue import plain
from assaykit.treatment.model import Treatment


@dataclass(frozen=True, slots=True)
class Arms:
    """What was measured: treatments and contexts by endpoint, cell lines by endpoint, doubts by arm."""

    treatments: dict[str, frozenset[tuple[Treatment, str]]]
    lines: dict[str, frozenset[str]]
    doubts: dict[tuple[str, str, str], str]  # endpoint, treatment, context: why no value of the arm can be read
    reference: str

    def contexts(self, endpoint: str, treatment: Treatment) -> set[str]:
        """Return where a treatment was measured."""
        return {context for each, context in self.treatments.get(endpoint, ()) if each == treatment}


def arms_from_tables(measurements: pd.DataFrame, rows: Rows) -> Arms:
    """Return the arms of MEASUREMENTS; those of ESTIMATES alone where a lab gives only estimates."""
    if measurements.empty:
        return Arms(_arms_of_rows(rows), {}, {}, rows.reference)
    keys = ["endpoint", "treatment", "context"]
    distinct = measurements[keys].drop_duplicates()
    parsed = parsed_treatments(set(distinct["treatment"]), rows.drugs, rows.reference)
    arms: dict[str, set[tuple[Treatment, str]]] = {}
    for endpoint, text, context in distinct.itertuples(index=False):
        treatment = parsed[text]
        if treatment is not None:
            arms.setdefault(endpoint, set()).add((treatment, context))
    frozen = {key: frozenset(value) for key, value in arms.items()}
    return Arms(frozen, _lines(measurements), _doubts(measurements), rows.reference)


def _arms_of_rows(rows: Rows) -> dict[str, frozenset[tuple[Treatment, str]]]:
    arms: dict[str, set[tuple[Treatment, str]]] = {}
    for row in rows.rows:
        contexts = {row["context"].split(" - ")[0], row["comparator_context"]} - {""}
        for text, context in product((row["treatment"], row["comparator"]), contexts):
            treatment = rows.treatment(text)
            if treatment is not None:
                arms.setdefault(row["endpoint"], set()).add((treatment, context))
    return {key: frozenset(value) for key, value in arms.items()}


def _lines(measurements: pd.DataFrame) -> dict[str, frozenset[str]]:
    if "line" not in measurements.columns:
        return {}
    named = measurements[measurements["line"].notna() & (measurements["line"].astype(str) != "")]
    return {str(endpoint): frozenset(map(str, each.unique())) for endpoint, each in named.groupby("endpoint")["line"]}


def _doubts(measurements: pd.DataFrame) -> dict[tuple[str, str, str], str]:
    """Return, by arm, the reason of values marked as not interpretable."""
    bad = measurements[measurements["qc"] == "not_interpretable"]
    keys = ["endpoint", "treatment", "context"]
    return {
        (str(key[0]), str(key[1]), str(key[2])): "; ".join(dict.fromkeys(filter(None, reasons)))
        for key, reasons in bad.groupby(keys)["reason"]
    }


def wrong_cells(claim: Claim, endpoint: str, arms: Arms) -> str:
    """Return why the study's cells cannot test the claim; empty where they can, or no line is named.

    A claim on CML cells accepts any line not known as something else; one on other cells asks for a line known.
    """
    if claim.cells == "any":
        return ""
    lines = arms.lines.get(endpoint, frozenset())
    known = {plain(line): group for group, names in claim.lines_of.items() for line in names}
    groups = {line: known.get(plain(line), "cml" if claim.cells == "cml" else "") for line in lines}
    wrong = sorted(line for line, group in groups.items() if group != claim.cells)
    named = words.listed(wrong, "and")
    about = words.cells(claim.cells)
    if wrong and len(wrong) < len(lines):
        return f"the estimates mix {about} with {named}; one assay per line would test it"
    if wrong:
        return f"it is about {about}, and the cells here are {named}"
    if not lines and claim.cells != "cml":
        return f"it is about {about}, and the study names no line in a factor `line`"
    return ""


def why_untested(claim: Claim, arms: Arms, rows: Rows) -> str:
    """Return what is missing, by the claim's first test that comes nearest."""
    return max((_missing(claim, test, arms, rows) for test in claim.tests), key=lambda each: each[0])[1]


def _missing(claim: Claim, test: Test, arms: Arms, rows: Rows) -> tuple[int, str]:
    """Return how far the test got, and what stopped it."""
    measured = [endpoint for endpoint in test.endpoints if endpoint in arms.treatments]
    if not measured:
        return 0, f"{claim.endpoint or test.endpoints[0]} ({words.listed(test.endpoints)}) was not measured here"
    if test.kind == "custom":
        compared = f"{claim.intervention} with {claim.comparator}"
        return 1, f"it compares {compared}, and no analysis of {measured[0]} has a contrast named '{test.contrast}'"
    mine, theirs = words.arm(test.treatment, arms.reference), words.arm(test.comparator, arms.reference)
    here = {context for _, context in _arms_fitting(test.treatment, measured, arms, rows)}
    there = {context for _, context in _arms_fitting(test.comparator, measured, arms, rows)}
    if not here:
        return 1, f"there is no arm with {mine} for {measured[0]}"
    if not here & set(test.contexts):
        return 2, f"{mine} was not measured in {_where(test.contexts)}"
    if test.kind not in ("level", "context") and not here & there & set(test.contexts):
        return 3, f"there is no matching arm with {theirs} in {_where(test.contexts)}"
    if test.against and test.against not in here:
        return 4, f"{mine} was not measured in {words.context(test.against)} as well"
    return 5, f"the arms are there, but the protocol asks for no {test.kind} contrast of {measured[0]} between them"


def _arms_fitting(slots: Slots, endpoints: Iterable[str], arms: Arms, rows: Rows) -> set[tuple[Treatment, str]]:
    return {
        (treatment, context)
        for endpoint in endpoints
        for treatment, context in arms.treatments[endpoint]
        if next(fits(slots, treatment, rows.drugs), None) is not None
    }


def _where(contexts: tuple[str, ...]) -> str:
    return "any context" if len(contexts) > 3 else words.listed([words.context(name) for name in contexts])

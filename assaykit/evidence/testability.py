"""Why a claim cannot be tested in this study: what was measured, in which cells, and what is missing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

import pandas as pd

from assaykit.evidence import words
from assaykit.evidence.claims import Claim, Test
from assaykit.evidence.estimates import LabEstimates, parsed_treatments
from assaykit.evidence.matching import Slots, fits
from assaykit.line import KINDS, LineCatalogue
from assaykit.treatment import Treatment

Arm = tuple[Treatment, str]
"""A treatment in a context."""


@dataclass(frozen=True, slots=True)
class MeasuredArms:
    """What was measured: treatments in contexts and cell lines by endpoint, and which arms cannot be read."""

    arms: dict[str, frozenset[Arm]]
    lines: dict[str, frozenset[str]]  # as the study names them
    catalogue: LineCatalogue
    reasons: dict[tuple[str, str, str], str]  # endpoint, treatment, context: why no value of the arm can be read
    vehicle: str

    def contexts(self, endpoint: str, treatment: Treatment) -> set[str]:
        """Return where a treatment was measured."""
        return {context for each, context in self.arms.get(endpoint, ()) if each == treatment}


def measured_arms(measurements: pd.DataFrame, lab: LabEstimates, catalogue: LineCatalogue) -> MeasuredArms:
    """Return the arms of MEASUREMENTS; those of ESTIMATES alone where a lab gives only estimates."""
    arms: dict[str, set[Arm]] = {}
    if measurements.empty:
        for estimate in lab.estimates:
            for arm, context in product((estimate.arm, estimate.comparator_arm), estimate.contexts):
                if arm is not None:
                    arms.setdefault(estimate.endpoint, set()).add((arm, context))
        return MeasuredArms({key: frozenset(value) for key, value in arms.items()}, {}, catalogue, {}, lab.vehicle)
    distinct = measurements[["endpoint", "treatment", "context"]].drop_duplicates()
    parsed = parsed_treatments(distinct["treatment"], lab.drugs, lab.vehicle)
    for endpoint, text, context in distinct.itertuples(index=False):
        treatment = parsed[text]
        if treatment is not None:
            arms.setdefault(endpoint, set()).add((treatment, context))
    lines: dict[str, frozenset[str]] = {}
    if "line" in measurements.columns:
        named = measurements[measurements["line"].notna() & (measurements["line"].astype(str) != "")]
        lines = {str(name): frozenset(map(str, each.unique())) for name, each in named.groupby("endpoint")["line"]}
    frozen = {key: frozenset(value) for key, value in arms.items()}
    return MeasuredArms(frozen, lines, catalogue, _reasons(measurements), lab.vehicle)


def _reasons(measurements: pd.DataFrame) -> dict[tuple[str, str, str], str]:
    """Return, by arm, the reason of values marked as not interpretable."""
    bad = measurements[measurements["qc"] == "not_interpretable"]
    keys = ["endpoint", "treatment", "context"]
    return {
        (str(key[0]), str(key[1]), str(key[2])): "; ".join(dict.fromkeys(filter(None, reasons)))
        for key, reasons in bad.groupby(keys)["reason"]
    }


def wrong_cells(claim: Claim, endpoint: str, arms: MeasuredArms) -> str:
    """Return why the study's cells cannot test the claim; empty where they can.

    A claim on CML cells is read where no line is named; a line is taken for what the catalogue of lines says, and one
    it lacks for nothing.
    """
    if claim.cells == "any":
        return ""
    about = KINDS[claim.cells]
    lines = {name: arms.catalogue.find(name) for name in sorted(arms.lines.get(endpoint, ()))}
    if not lines and claim.cells != "cml":
        return f"it is about {about}, and the study names no line in a factor `line`"
    wrong = [
        f"{name} ({KINDS[line.kind] if line else 'in no catalogue of lines: say what it is in lines.toml'})"
        for name, line in lines.items()
        if line is None or line.kind != claim.cells
    ]
    named = words.listed(wrong, "and")
    if wrong and len(wrong) < len(lines):
        return f"the estimates mix {about} with {named}; one assay per line would test it"
    return f"it is about {about}, and the cells here are {named}" if wrong else ""


def why_untested(claim: Claim, arms: MeasuredArms, lab: LabEstimates) -> str:
    """Return what is missing, by the claim's first test that comes nearest."""
    return max((_missing(claim, test, arms, lab) for test in claim.tests), key=lambda each: each[0])[1]


def _missing(claim: Claim, test: Test, arms: MeasuredArms, lab: LabEstimates) -> tuple[int, str]:
    """Return how far the test got, and what stopped it."""
    measured = [endpoint for endpoint in test.endpoints if endpoint in arms.arms]
    if not measured:
        return 0, f"{claim.endpoint or test.endpoints[0]} ({words.listed(test.endpoints)}) was not measured here"
    if test.kind == "custom":
        compared = f"{claim.intervention} with {claim.comparator}"
        return 1, f"it compares {compared}, and no analysis of {measured[0]} has a contrast named '{test.contrast}'"
    treatment, comparator = (words.arm(slots, arms.vehicle) for slots in (test.treatment, test.comparator))
    treated = {context for _, context in _arms_fitting(test.treatment, measured, arms, lab)}
    compared_in = {context for _, context in _arms_fitting(test.comparator, measured, arms, lab)}
    if not treated:
        return 1, f"there is no arm with {treatment} for {measured[0]}"
    if not treated & set(test.contexts):
        return 2, f"{treatment} was not measured in {_places(test.contexts)}"
    if test.kind not in ("level", "context") and not treated & compared_in & set(test.contexts):
        return 3, f"there is no matching arm with {comparator} in {_places(test.contexts)}"
    if test.against and test.against not in treated:
        return 4, f"{treatment} was not measured in {words.context(test.against)} as well"
    if test.kind == "sensitisation":
        for need in (need for need in test.needs if need.sign is None):
            measured_in = {context for _, context in _arms_fitting(need.treatment, measured, arms, lab)}
            if not measured_in & ({need.context} if need.context != "same" else set(test.contexts)):
                return 5, f"it needs {need.says}, and that is missing"
    return 6, f"the arms are there, but the protocol asks for no {test.kind} contrast of {measured[0]} between them"


def _arms_fitting(slots: Slots, endpoints: Iterable[str], arms: MeasuredArms, lab: LabEstimates) -> set[Arm]:
    return {
        (treatment, context)
        for endpoint in endpoints
        for treatment, context in arms.arms[endpoint]
        if next(fits(slots, treatment, lab.drugs), None) is not None
    }


def _places(contexts: tuple[str, ...]) -> str:
    return "any context" if len(contexts) > 3 else words.listed([words.context(name) for name in contexts])

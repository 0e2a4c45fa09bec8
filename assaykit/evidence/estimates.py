"""`Estimate`: one contrast of ESTIMATES as evidence reads it, its treatments parsed, and the same turned round.

ESTIMATES -> LabEstimates, the door: text of treatments and missing numbers end here
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from assaykit.errors import TreatmentError
from assaykit.stats.units import ContrastResult
from assaykit.treatment import Catalogue, Treatment, parse_treatment
from assaykit.vocabulary import CONTEXTS

VEHICLE, UNTREATED = "vehicle", "untreated"


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a lab found for one contrast: its labels, its result on the analysis scale, and the effect brought back.

    `arm` and `comparator_arm` are the treatments as values, None where a text names no known treatment. `row` is its
    place in ESTIMATES. `p_equivalence` is that of the protocol's own bounds, `p_in_points` that of the same contrast in
    percentage points; NaN where none are declared.
    """

    endpoint: str
    contrast: str
    context: str
    scale: str
    result: ContrastResult
    effect: float
    effect_low: float
    effect_high: float
    effect_name: str
    assay: str = ""
    kind: str = ""
    treatment: str = ""
    comparator: str = ""
    comparator_context: str = ""
    arm: Treatment | None = None
    comparator_arm: Treatment | None = None
    p_equivalence: float = math.nan
    p_in_points: float = math.nan
    units_needed: int | None = None
    doubts: str = ""  # what speaks against the values it rests on
    row: int = -1

    @property
    def contexts(self) -> set[str]:
        """The context, and the one it is compared with where there is one."""
        return {self.context, self.comparator_context} - {""}

    @property
    def question(self) -> tuple[str, ...]:
        """What is compared, in which assay: two estimates of one question differ in endpoint or scale only."""
        return self.assay, self.kind, self.treatment, self.comparator, self.context, self.comparator_context


@dataclass(frozen=True, slots=True)
class LabEstimates:
    """Every estimate of a lab, in the order of ESTIMATES, found by endpoint and kind."""

    estimates: tuple[Estimate, ...]
    vehicle: str  # the arm claims mean by vehicle: see `vehicle_arm`
    drugs: Catalogue
    by_endpoint: Mapping[tuple[str, str], tuple[Estimate, ...]] = field(init=False, repr=False, compare=False)
    contexts: Mapping[str, frozenset[str]] = field(init=False, repr=False, compare=False)  # measured, by endpoint

    def __post_init__(self) -> None:
        grouped: dict[tuple[str, str], list[Estimate]] = {}
        for estimate in self.estimates:
            grouped.setdefault((estimate.endpoint, estimate.kind), []).append(estimate)
        object.__setattr__(self, "by_endpoint", {key: tuple(members) for key, members in grouped.items()})
        measured: dict[str, set[str]] = {}
        for estimate in self.estimates:
            measured.setdefault(estimate.endpoint, set()).update(estimate.contexts)
        object.__setattr__(self, "contexts", {name: frozenset(found) for name, found in measured.items()})

    def of(self, endpoint: str, kind: str) -> tuple[Estimate, ...]:
        """Return the estimates of an endpoint and kind of contrast.

        Two treatments of one context are compared as "treatment" where one is the study's reference, which need not be
        vehicle, and else as "pairwise": both answer what asks for either.
        """
        kinds = ("treatment", "pairwise") if kind in ("treatment", "pairwise") else (kind,)
        return tuple(each for name in kinds for each in self.by_endpoint.get((endpoint, name), ()))

    def base_of(self, endpoint: str, context: str, against: str) -> str:
        """Return the context another is compared with: its own control where the study has it, else `against`.

        Conditioned medium is old medium: where medium as old without cells was measured, only that is its control.
        """
        control = CONTEXTS[context].control if context in CONTEXTS else ""
        return control if control and control in self.contexts.get(endpoint, ()) else against


def lab_estimates(estimates: pd.DataFrame, *, drugs: Catalogue, reference: str = "vehicle") -> LabEstimates:
    """Return the rows of ESTIMATES as values, every treatment parsed once."""
    records = estimates.to_dict("records")
    texts = {row[side] for row in records for side in ("treatment", "comparator")}
    vehicle = vehicle_arm(texts, reference)
    arms = parsed_treatments(texts, drugs, vehicle)
    found = (_estimate_from_row({str(key): value for key, value in row.items()}, arms) for row in records)
    return LabEstimates(tuple(replace(each, row=i) for i, each in enumerate(found)), vehicle, drugs)


def vehicle_arm(texts: Collection[str], reference: str) -> str:
    """Return the arm that claims mean by vehicle: untreated where that is the reference of a study without vehicle.

    Claims name the arms they mean. What a study takes as its reference is its own affair, and may be a drug.

    >>> vehicle_arm({"imatinib 1 uM", "vehicle"}, "imatinib 1 uM"), vehicle_arm({"untreated"}, "untreated")
    ('vehicle', 'untreated')
    """
    return UNTREATED if reference == UNTREATED and VEHICLE not in texts else VEHICLE


def parsed_treatments(texts: Iterable[str], drugs: Catalogue, vehicle: str) -> dict[str, Treatment | None]:
    """Return every text's treatment; that of `vehicle` is the empty one, and what is no treatment is None."""
    parsed: dict[str, Treatment | None] = {"": Treatment(), vehicle: Treatment()}
    for text in set(texts) - parsed.keys():
        try:
            parsed[text] = parse_treatment(text, drugs)
        except TreatmentError:  # a custom contrast may name what no drug catalogue holds
            parsed[text] = None
    return parsed


def turned_round(estimate: Estimate) -> Estimate:
    """Return b - a from a - b: signs change, limits change places, a ratio becomes its inverse."""
    effects = (estimate.effect, estimate.effect_high, estimate.effect_low)
    if estimate.scale == "identity":
        effect, low, high = (-value for value in effects)
    else:
        effect, low, high = (1.0 / value if value else math.inf for value in effects)
    result = estimate.result
    return replace(
        estimate,
        contrast=f"{estimate.comparator} - {estimate.treatment}",
        treatment=estimate.comparator,
        comparator=estimate.treatment,
        arm=estimate.comparator_arm,
        comparator_arm=estimate.arm,
        result=replace(
            result,
            estimate=-result.estimate,
            statistic=-result.statistic,
            conf_low=-result.conf_high,
            conf_high=-result.conf_low,
        ),
        effect=effect,
        effect_low=low,
        effect_high=high,
    )


def _estimate_from_row(row: Mapping[str, Any], arms: Mapping[str, Treatment | None]) -> Estimate:
    """Return the value of one row of ESTIMATES; columns of later versions may be missing."""
    units_needed = row.get("units_needed")
    return Estimate(
        endpoint=row["endpoint"],
        contrast=row["contrast"],
        context=row["context"],
        scale=row["scale"],
        result=ContrastResult(
            name=row["contrast"],
            estimate=float(row["estimate"]),
            std_error=float(row["std_error"]),
            df=float(row["df"]),
            statistic=float(row["statistic"]),
            p_value=float(row["p_value"]),
            conf_low=float(row["conf_low"]),
            conf_high=float(row["conf_high"]),
            n_units=0 if pd.isna(row["n_units"]) else int(row["n_units"]),
            method=row["method"],
            reason=row["reason"],
        ),
        effect=float(row["effect"]),
        effect_low=float(row["effect_low"]),
        effect_high=float(row["effect_high"]),
        effect_name=row["effect_name"],
        assay=row["assay"],
        kind=row["kind"],
        treatment=row["treatment"],
        comparator=row["comparator"],
        comparator_context=row["comparator_context"],
        arm=arms[row["treatment"]],
        comparator_arm=arms[row["comparator"]],
        p_equivalence=float(row.get("p_equivalence", math.nan)),
        units_needed=None if units_needed is None or pd.isna(units_needed) else int(units_needed),
        doubts=row.get("doubts", ""),
    )

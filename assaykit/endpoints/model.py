"""What an endpoint is, what it takes from a well, and what comes of the two.

WellReadings -> Quantity, held against ReferenceValues -> value = function(quantity, reference) -> Measurement
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from assaykit.checks import Consequence
from assaykit.plate import Factor
from assaykit.protocol import ChannelRole, EndpointSpec, Scale
from assaykit.tables import Level as Severity
from assaykit.treatment import Catalogue, Treatment

Readouts = Mapping[str, float]
Formula = Callable[[Readouts, Readouts], float]
Qc = Literal["pass", "warn", "fail", "not_interpretable"]
GRAVITY: tuple[Qc, ...] = ("pass", "warn", "fail", "not_interpretable")


@dataclass(frozen=True, slots=True)
class WellReadings:
    """One sample well with everything endpoints are formed from: factors, and readouts and counts by name."""

    plate: str
    well: str
    unit_id: str
    treatment: str
    context: str
    factors: Mapping[str, Factor]
    readouts: Readouts
    cells: Mapping[str, int] = field(default_factory=dict)


Wells = Sequence[WellReadings]


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why a value is missing or must not be taken at its face; `check` names it among the findings."""

    qc: Qc
    check: str
    reason: str


@dataclass(frozen=True, slots=True)
class Quantity:
    """What one endpoint takes from one well, under the names its formula uses, or the doubt where it is missing.

    `cells` is how many cells it rests on; `count` and `total` are the numbers a proportion or a rate was formed from.
    """

    values: Readouts = field(default_factory=dict)
    cells: int | None = None
    count: float = math.nan
    total: float = math.nan
    doubt: Doubt | None = None


@dataclass(frozen=True, slots=True)
class ReferenceValues:
    """What a well is held against, or the doubt where it is missing; `total` is what a rate is a share of."""

    values: Readouts = field(default_factory=dict)
    doubt: Doubt | None = None
    total: float = math.nan


@dataclass(frozen=True, slots=True)
class QcFlag:
    """What a finding makes of the values of one well."""

    consequence: Consequence
    level: Severity
    check: str
    reason: str

    @property
    def qc(self) -> Qc:
        """What qc says of a value so flagged."""
        match self.consequence:
            case "not_interpretable":
                return "not_interpretable"
            case "excluded":
                return "fail"
            case _:
                return "fail" if self.level == "fail" else "warn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One value of one endpoint, of a well or, where `well` is empty, of a unit."""

    plate: str
    well: str
    unit_id: str
    treatment: str
    context: str
    factors: Mapping[str, Factor]
    endpoint: str
    value: float
    unit: str
    cells: int | None = None
    count: float = math.nan
    total: float = math.nan
    doubt: Doubt | None = None
    flags: tuple[QcFlag, ...] = ()
    excluded: bool = False


@dataclass(frozen=True, slots=True)
class AssayConditions:
    """What all endpoints of one assay are formed in: the study's reference, the channels' roles, drugs, treatments."""

    reference_treatment: str
    reference_context: str
    channels: Mapping[str, ChannelRole]
    catalogue: Catalogue
    treatments: Mapping[str, Treatment]  # by their text in the wells


@dataclass(frozen=True, slots=True, kw_only=True)
class Formation:
    """A way of forming values: `form` makes them of wells, `rests_on` tells which other wells of its unit one rests on.

    `against` says in words what a value is held against; `vehicle` whether wells of the reference treatment are among
    it, so that a value means something only where they are on its plate.
    """

    form: Callable[[EndpointTask, Wells], list[Measurement]]
    rests_on: Callable[[Measurement, WellReadings, AssayConditions], bool]
    against: str
    per: Literal["well", "unit"] = "well"
    vehicle: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One endpoint, with all that is known of it: `value = function(quantity, reference)`.

    What it is       name, meaning, words (short, for figures; {marker} stands for its channel), unit, axis_unit where
                     an axis has more room, family (of claims in figures), scale (its natural one), formula, source
    How it is formed quantity (what it takes from a well), formation (how, and against what), `component` (the endpoint
                     whose values a unit's are formed from), mean (of reference wells), why it may be `undefined`
    Of which wells   target (transwell target, with `other_target` where two are compared), only (yes/no factors),
                     partner (the yes/no factor that parts a well from those it is held against)
    What it needs    needs (in words), control (whether there is no value without one), counted (the column its cells
                     are counted in; empty for what is no count of cells), count_columns (of a table of counts)
    What is nothing  bound, the half-width of no effect in its own unit, with bound_source
    """

    name: str
    function: Formula
    quantity: Callable[[EndpointSpec, WellReadings], Quantity]
    formation: Formation
    component: Endpoint | None = None
    mean: Literal["arithmetic", "geometric"] = "arithmetic"
    undefined: str = "a value it needs is missing"
    meaning: str
    words: str
    unit: str
    axis_unit: str = ""
    family: str
    scale: Scale
    formula: str
    source: str = "assaykit's stated convention"
    needs: tuple[str, ...]
    control: bool = False
    counted: str = ""
    count_columns: tuple[str, ...] = ()
    target: str = ""
    other_target: str = ""
    only: Mapping[str, bool] = field(default_factory=dict)
    partner: str = ""
    bound: float | None = None
    bound_source: str = ""


@dataclass(frozen=True, slots=True)
class EndpointTask:
    """One endpoint as a protocol asks for it, in the conditions of its assay."""

    spec: EndpointSpec
    endpoint: Endpoint
    conditions: AssayConditions


# What counts as no effect on a scale of ratios, whatever the endpoint, as half-widths on that scale.
BOUNDS: Mapping[Scale, float] = {
    "log2": 0.3,  # x0.81 to x1.23, our convention
    "log": math.log(1.25),  # x0.8 to x1.25, as bioequivalence has it (Schuirmann 1987, 10.1007/BF01068419)
    "logit": math.log(0.55 / 0.45),  # 5 points around 50 %, the narrowest 5 points can be
}
ODDS_BESIDE_POINTS = math.log(1.5)
"""The bound on a change of odds where the change in points is bounded too, our convention.

5 points are this change at a base of 12 %: above it the points are the narrower bound, below it the odds.
"""


def as_read(name: str) -> Formula:
    """Return the formula of a quantity that is taken as it was read.

    >>> as_read("median")({"median": 420.0}, {})
    420.0
    """

    def value(quantity: Readouts, _reference: Readouts) -> float:
        """Return what was read from the well."""
        return quantity[name]

    return value


def percent(part: float, whole: float) -> float:
    """Return 100 * part / whole; missing where there is no whole.

    >>> percent(30.0, 120.0), percent(0.0, 0.0)
    (25.0, nan)
    """
    return 100 * part / whole if whole > 0 else math.nan

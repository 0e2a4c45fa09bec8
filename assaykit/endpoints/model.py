"""What an endpoint is, what a well brings to it, and what comes of the two: `Endpoint`, `MeasuredWell`, `Measured`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from assaykit.checks import Consequence
from assaykit.plate.model import Factor
from assaykit.protocol.model import Scale
from assaykit.tables import Level as Severity

Readouts = Mapping[str, float]
Formula = Callable[[Readouts, Readouts], float]
Level = Literal["well", "unit"]
Qc = Literal["pass", "warn", "fail", "not_interpretable"]
GRAVITY: tuple[Qc, ...] = ("pass", "warn", "fail", "not_interpretable")
Formation = Literal[
    "own",  # from the well's own readouts; no reference
    "input",  # reference: cells put in
    "reference",  # reference: the reference treatment, same unit and context
    "partner",  # reference: wells of the same arm that differ in one factor
    "gradient",  # reference: inserts without a gradient
    "targets",  # unit level: one target against another
    "contexts",  # unit level: with stroma against without
    "combination",  # unit level: two drugs together against each alone
    "reversal",  # unit level: the six arms of a reversal
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One endpoint: `value = function(readouts, reference)`, and what a reader must know about it.

    `target` is the transwell target of the inserts it is measured on; `against` the target it is compared with.
    `quantity` names what the function takes from `readouts` and `reference` where both hold the same.
    """

    function: Formula
    formed: Formation = "own"
    unit: str
    scale: Scale
    needs: tuple[str, ...]
    formula: str
    meaning: str
    source: str = "assaykit's stated convention"
    level: Level = "well"
    quantity: str = ""
    counts: bool = False  # whether it is how many cells there are, rather than something read off them
    target: str = ""
    against: str = ""
    only: Mapping[str, bool] = field(default_factory=dict)  # yes/no factors of its wells
    undefined: str = "a value it needs is missing"  # why the formula may give no number


@dataclass(frozen=True, slots=True)
class MeasuredWell:
    """One sample well with everything endpoints are formed from: factors, and readouts and counts by name."""

    plate: str
    well: str
    unit_id: str
    treatment: str
    context: str
    factors: Mapping[str, Factor]
    readouts: Readouts
    cells: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why a value is missing or must not be taken at its face; `check` names it among the findings."""

    qc: Qc
    check: str
    reason: str


@dataclass(frozen=True, slots=True)
class Mark:
    """What a finding makes of the values of one well."""

    consequence: Consequence
    level: Severity
    check: str
    reason: str

    @property
    def qc(self) -> Qc:
        """What qc says of a value so marked."""
        match self.consequence:
            case "not_interpretable":
                return "not_interpretable"
            case "excluded":
                return "fail"
            case _:
                return "fail" if self.level == "fail" else "warn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
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
    count: float = float("nan")
    total: float = float("nan")
    doubt: Doubt | None = None
    marks: tuple[Mark, ...] = ()
    excluded: bool = False

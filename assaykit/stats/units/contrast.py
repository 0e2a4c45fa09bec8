"""A contrast as what is compared, and its result as what came of it.

    weights of cells (treatment, context) -> Contrast -> a test of unit means, or a model -> ContrastResult

A contrast weighs any number of cells. The common ones are differences, and differences of differences:

    [f(treatment, context) - f(comparator, context)] - [the same in comparator_context]

with the parts a kind does not need left out. Every test of the package returns a `ContrastResult`: unit means, mixed
models, count models, their bootstrap.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from scipy.special import stdtr, stdtrit

Cell = tuple[str, str]
"""A treatment in a context."""


@dataclass(frozen=True, slots=True)
class Contrast:
    """What is compared: the sum of the cells' means, each times its weight.

    `treatment`, `comparator`, `context` and `comparator_context` say where the weights come from, in the terms of
    ESTIMATES; they are empty where a contrast has no such part. `kind` is the family it belongs to.

    >>> contrast = Contrast.between("imatinib 1 uM", "vehicle", "msc_contact", "mono", kind="interaction")
    >>> contrast.name, [weight for _, weight in contrast.weights]
    ('imatinib 1 uM - vehicle', [1.0, -1.0, -1.0, 1.0])
    """

    name: str
    kind: str
    weights: tuple[tuple[Cell, float], ...]
    treatment: str = ""
    comparator: str = ""
    context: str = ""
    comparator_context: str = ""

    @classmethod
    def between(
        cls, treatment: str, comparator: str, context: str, comparator_context: str = "", *, kind: str, name: str = ""
    ) -> Contrast:
        """Return the difference of two treatments in a context, of one treatment in two, or of such differences.

        Without a comparator it is the level of the treatment itself. `name` is made from the parts where it is empty.
        """
        here = (treatment, context)
        if not comparator:
            parts, text = [(here, 1.0)], treatment
        elif not comparator_context:
            parts, text = [(here, 1.0), ((comparator, context), -1.0)], f"{treatment} - {comparator}"
        elif treatment == comparator:
            parts = [(here, 1.0), ((treatment, comparator_context), -1.0)]
            text = f"{treatment}: {context} - {comparator_context}"
        else:
            elsewhere = [((treatment, comparator_context), -1.0), ((comparator, comparator_context), 1.0)]
            parts, text = [(here, 1.0), ((comparator, context), -1.0), *elsewhere], f"{treatment} - {comparator}"
        return cls(name or text, kind, _summed(parts), treatment, comparator, context, comparator_context)

    @classmethod
    def weighing(
        cls,
        weights: Iterable[tuple[Cell, float]],
        *,
        kind: str,
        name: str,
        treatment: str = "",
        comparator: str = "",
        context: str = "",
        comparator_context: str = "",
    ) -> Contrast:
        """Return the sum of cells times weights; a cell given twice counts with both weights."""
        return cls(name, kind, _summed(weights), treatment, comparator, context, comparator_context)

    @property
    def cells(self) -> tuple[Cell, ...]:
        """Every cell the contrast needs."""
        return tuple(cell for cell, _ in self.weights)

    @property
    def sides(self) -> tuple[tuple[tuple[Cell, float], ...], ...]:
        """The weights in the parts that may come from different units: by context, or within one by sign.

        >>> [len(side) for side in Contrast.between("a", "b", "msc_contact", "mono", kind="interaction").sides]
        [2, 2]
        """
        several = len({context for (_, context), _ in self.weights}) > 1
        sides: dict[str | bool, list[tuple[Cell, float]]] = {}
        for cell, weight in self.weights:
            sides.setdefault(cell[1] if several else weight < 0, []).append((cell, weight))
        return tuple(tuple(side) for side in sides.values())

    @property
    def place(self) -> str:
        """The context it holds in, as text; both, where differences in two contexts are compared."""
        return place_text(
            {
                "treatment": self.treatment,
                "comparator": self.comparator,
                "context": self.context,
                "comparator_context": self.comparator_context,
            }
        )


@dataclass(frozen=True, slots=True)
class ContrastResult:
    """One contrast tested against zero, with its 95 % limits (or those of the level asked for), on its own scale.

    Numbers are NaN where there is nothing to say, and `reason` says why. `df` is infinite for a z test and NaN where
    p and limits are simulated. `units` names the independent units that inform it where they are known, `n_units`
    counts them; `residual_sd` and `unit_sd` are SDs within and between them, NaN where the method has none.
    """

    name: str
    estimate: float
    std_error: float
    df: float
    statistic: float
    p_value: float
    conf_low: float
    conf_high: float
    n_units: int
    method: str
    reason: str = ""
    units: tuple[str, ...] = ()
    residual_sd: float = math.nan
    unit_sd: float = math.nan

    @classmethod
    def by_t(
        cls,
        estimate: float,
        std_error: float,
        df: float,
        *,
        n_units: int,
        method: str,
        name: str = "",
        level: float = 0.95,
    ) -> ContrastResult:
        """Return the two-sided t test of an estimate, z where `df` is infinite.

        Without a standard error above zero there is no test: the estimate stands alone, with a reason.

        >>> found = ContrastResult.by_t(2.0, 1.0, 4.0, n_units=5, method="paired t")
        >>> round(found.p_value, 4), round(found.conf_low, 3), round(found.conf_high, 3)
        (0.1161, -0.776, 4.776)
        """
        if not std_error > 0:
            untested = cls.missing("no test: the units do not differ at all", n_units=n_units, method=method, name=name)
            return replace(untested, estimate=float(estimate), df=float(df))
        statistic = float(estimate) / float(std_error)
        half = float(stdtrit(df, 0.5 + level / 2)) * float(std_error)
        return cls(
            name=name,
            estimate=float(estimate),
            std_error=float(std_error),
            df=float(df),
            statistic=statistic,
            p_value=2.0 * float(stdtr(df, -abs(statistic))),
            conf_low=float(estimate) - half,
            conf_high=float(estimate) + half,
            n_units=n_units,
            method=method,
        )

    @classmethod
    def missing(cls, reason: str, *, n_units: int = 0, method: str = "", name: str = "") -> ContrastResult:
        """Return a result without numbers, and why."""
        nan = math.nan
        return cls(name, nan, nan, nan, nan, nan, nan, nan, n_units, method, reason)

    @property
    def estimated(self) -> bool:
        """Whether there is an estimate at all."""
        return math.isfinite(self.estimate)

    @property
    def contrast_sd(self) -> float:
        """The SD of the contrast between units: standard error times sqrt(n)."""
        return self.std_error * math.sqrt(self.n_units)

    def row(self) -> dict[str, str | float]:
        """Return the numbers as a row of a table, with method and reason, without the name."""
        return {
            "estimate": self.estimate,
            "std_error": self.std_error,
            "df": self.df,
            "statistic": self.statistic,
            "p_value": self.p_value,
            "conf_low": self.conf_low,
            "conf_high": self.conf_high,
            "n_units": self.n_units,
            "method": self.method,
            "reason": self.reason,
        }


def contexts_named(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the contexts a reader must be told of beside a contrast's name, by its columns as in ESTIMATES.

    One, or both where a difference between treatments is compared in two; a contrast of one treatment in two contexts
    names them itself.

    >>> row = {"treatment": "imatinib 1 uM", "comparator": "vehicle", "context": "msc_contact"}
    >>> contexts_named(row | {"comparator_context": "mono"})
    ('msc_contact', 'mono')
    """
    context, other = str(row["context"]), str(row["comparator_context"])
    return (context, other) if other and row["treatment"] != row["comparator"] else (context,)


def place_text(row: Mapping[str, Any]) -> str:
    """Return the contexts a contrast must be told with as text, e.g. 'mono' or 'msc_contact - mono'."""
    return " - ".join(contexts_named(row))


def _summed(parts: Iterable[tuple[Cell, float]]) -> tuple[tuple[Cell, float], ...]:
    """Return the weights with every cell once: an arm compared with itself has weight 0."""
    weights: dict[Cell, float] = {}
    for cell, weight in parts:
        weights[cell] = weights.get(cell, 0.0) + weight
    return tuple(weights.items())

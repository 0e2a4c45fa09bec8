"""One well as endpoints read it: its readouts under the names of formulas, its yes/no factors, its peers."""

from __future__ import annotations

from assaykit.endpoints.model import WellReadings
from assaykit.plate import Factor
from assaykit.protocol import EndpointSpec
from assaykit.vocabulary import target_from_text

MATCHED = ("line", "time", "donor", "msc_donor", "clone")  # factors a well shares with the wells it is compared with
_NO = {"", "no", "false", "n", "0", "-", "none", "medium", "nan"}


def text(value: Factor) -> str:
    """Return a factor as text; whole numbers without a point.

    >>> text(3.0), text("day 1")
    ('3', 'day 1')
    """
    return value if isinstance(value, str) else f"{value:g}"


def is_yes(value: Factor) -> bool:
    """Whether a yes/no value says yes; any text but a no says yes too (ligand = "CXCL12").

    >>> is_yes("CXCL12"), is_yes("no"), is_yes(0.0)
    (True, False, False)
    """
    return text(value).strip().lower() not in _NO


def factor_holds(well: WellReadings, factor: str) -> bool:
    """Whether a yes/no factor of a well holds; one that is not given does not."""
    return is_yes(well.factors.get(factor, ""))


def target_of(well: WellReadings) -> str:
    """Return the transwell target, a word of TARGETS; "" where unknown or not given."""
    return target_from_text(text(well.factors.get("target", "")))


def own_readouts(spec: EndpointSpec, well: WellReadings) -> dict[str, float]:
    """Return the well's readouts under the names endpoints use.

    `cxcr4_median` becomes `median` for an endpoint of channel cxcr4; `cml_count` becomes `cells_count` where the
    protocol says populations = { cells = "cml" }, and `cml_cxcr4_median`, the channel in that population, comes before
    `cxcr4_median`. Counts and numeric factors keep their names.
    """
    values = dict(well.readouts)
    if spec.channel:
        prefix = f"{spec.channel}_"
        values |= {name.removeprefix(prefix): value for name, value in well.readouts.items() if name.startswith(prefix)}
    for role, population in spec.populations.items():
        for kind in ("count", "concentration", "percent_of_parent", "percent_of_grandparent", "percent_of_total"):
            if f"{population}_{kind}" in well.readouts:
                values[f"{role}_{kind}"] = well.readouts[f"{population}_{kind}"]
        prefix = f"{population}_{spec.channel}_"
        if spec.channel and role == "cells":
            own = {name: value for name, value in well.readouts.items() if name.startswith(prefix)}
            values |= {name.removeprefix(prefix): value for name, value in own.items()}
    return values


def cells_of(spec: EndpointSpec, well: WellReadings) -> int | None:
    """Return the cells a value of this endpoint rests on; None where nobody counted them."""
    own = f"{spec.populations.get('cells', '')}_{spec.channel}_median"
    for name in (own, f"{spec.channel}_median"):
        if spec.channel and name in well.cells:
            return well.cells[name]
    for role in ("total", "cells"):
        population = spec.populations.get(role, "")
        if f"{population}_count" in well.readouts:
            return round(well.readouts[f"{population}_count"])
    return None


def peer_key(well: WellReadings, matched: tuple[str, ...]) -> tuple[str, ...]:
    """Return unit, context and matched factors of a well, as one key: wells that share it can be compared."""
    return (well.unit_id, well.context, *(text(well.factors.get(name, "")) for name in matched))


def matched_factors(spec: EndpointSpec) -> tuple[str, ...]:
    """Return the factors shared with the reference; `options = { match = "line, time" }` names others."""
    named = str(spec.options.get("match", ""))
    return tuple(part.strip() for part in named.split(",") if part.strip()) or MATCHED

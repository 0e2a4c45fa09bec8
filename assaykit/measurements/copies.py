"""Experiments that are one and the same: counts pasted again, and counts that agree more closely than chance allows.

counts of two units, row by row -> equal beyond chance          -> the later unit is a copy, and does not count
shares or counts of two units   -> chi-square of their differences below its lower tail -> neither can be interpreted
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations

import pandas as pd
from scipy.special import chdtr

from assaykit.checks import Located, Place
from assaykit.endpoints import text
from assaykit.measurements.wells import readouts_by_well, wells_of
from assaykit.plate import Plate, Well
from assaykit.study import Assay
from assaykit.tables import Finding
from assaykit.vocabulary import QUADRANTS

BY_CHANCE = 1e-6
"""Chance of the equal counts of two rows by row independent experiments, below which one is a copy of the other."""
FALSE_ALARMS = 1e-3
"""Share of studies of honest counts, without any variance between experiments, that are called near-identical."""
_PLACES = frozenset({"replicate", "repeat", "insert", "tube", "well", "culture_plate", "plate", "row", "column"})

Row = tuple[Place, Well]
Pair = tuple[float, float]  # a part and its whole; the whole infinite for a plain count


def copied_counts(assay: Assay, unit: str) -> list[Located]:
    """Return a finding per unit whose rows of counts are those of an earlier one.

    Two counts of mean m agree with probability 1 / (2 sqrt(pi m)) (the difference of two Poisson counts; Skellam
    1946, 10.2307/2981372); equal rows are a copy where that product falls below `BY_CHANCE` and most rows agree.
    Columns that hold one value in all rows of a unit say nothing and are passed over. Numbers that were gated elsewhere
    are held to the same law in units of their last digit, 22.5 as 225: real ones part at least as often.
    """
    gated = [plate for plate in assay.plates if any(well.readouts for well in plate.wells)]
    units = _rows_by_unit(assay, unit, (*gated, *assay.counts))
    copies: dict[str, str] = {}
    for first, second in combinations(units, 2):
        if first not in copies and second not in copies and _pasted(units[first], units[second]):
            copies[second] = first
    return [_copy(name, source, units[name], unit) for name, source in copies.items()]


def _copy(name: str, source: str, rows: Sequence[Row], unit: str) -> Located:
    noun = "numbers" if any(well.readouts for _, well in rows) else "counts"
    message = (
        f"the {noun} of {unit} {name} are those of {unit} {source}, row by row: what was counted once counts once. "
        f"Put the right {noun} there, or delete the copy"
    )
    plates = {plate for (plate, _), _ in rows}
    where = plates.pop() if len(plates) == 1 else ""
    return Located(Finding("fail", "copied_data", message, where), tuple(place for place, _ in rows))


def _rows_by_unit(assay: Assay, unit: str, plates: Iterable[Plate]) -> dict[str, list[Row]]:
    chosen = {plate.name for plate in plates}
    found: dict[str, list[Row]] = defaultdict(list)
    for plate, well in wells_of(assay):
        if well.role == "sample" and plate.name in chosen:
            found[text(well.factors.get(unit, ""))].append(((plate.name, well.name), well))
    return dict(found)


def _matched(first: Sequence[Row], second: Sequence[Row]) -> Iterator[tuple[Row, Row]]:
    """Yield the rows of one condition in both, in the order they stand in."""
    sides: list[dict[tuple[str, ...], list[Row]]] = [defaultdict(list), defaultdict(list)]
    for side, rows in zip(sides, (first, second), strict=True):
        for row in rows:
            side[_condition(row[1])].append(row)
    for condition, rows in sides[0].items():
        yield from zip(rows, sides[1].get(condition, ()), strict=False)


def _condition(well: Well) -> tuple[str, ...]:
    names = ("treatment", "context", "target", "line", "time", "ligand", "permeabilised", "clone")
    return tuple(text(well.factors.get(name, "")) for name in names)


def _digits(well: Well) -> Mapping[str, float]:
    """Return a well's counts, or its numbers gated elsewhere, each in units of the last digit it is written with."""
    return well.counts or {name: float(repr(value).replace(".", "")) for name, value in well.readouts.items()}


def _pasted(first: Sequence[Row], second: Sequence[Row]) -> bool:
    pairs = [(_digits(one[1]), _digits(two[1])) for one, two in _matched(first, second)]
    columns = {name for one, _ in pairs for name in one}
    telling = {name for name in columns if len({one.get(name) for one, _ in pairs}) > 1 or len(pairs) == 1}
    equal = [one for one, two in pairs if {n: one.get(n) for n in telling} == {n: two.get(n) for n in telling}]
    chance = sum(
        -math.log(2 * math.sqrt(math.pi * max(one[name], 1))) for one in equal for name in telling if name in one
    )
    return chance < math.log(BY_CHANCE) and 2 * len(equal) > max(len(first), len(second))


def alike_experiments(
    assay: Assay, readouts: pd.DataFrame, *, unit: str, leaving: Iterable[Place] = ()
) -> list[Located]:
    """Return a finding on the units whose counts differ less than counting the same cells twice would make them.

    For two units, row by row of the same condition: X2 = sum (|d| + c)^2 / var(d), d the difference of two shares (or
    counts), var(d) its binomial (Poisson) variance and c a continuity correction, is chi-square with a degree of
    freedom per row where nothing but counting parts them, and larger where anything else does. A lower tail below
    `FALSE_ALARMS`, shared among all pairs of units and both ways of pairing (wells, and arms pooled), is no chance
    (Fisher 1936, Has Mendel's work been rediscovered?, 10.1080/00033793600200111). `leaving` are copies known already.
    """
    gone = frozenset(leaving)
    shares = _shares(assay, readouts)
    units = {
        name: [row for row in rows if row[0] in shares and row[0] not in gone]
        for name, rows in _rows_by_unit(assay, unit, (*assay.plates, *assay.counts)).items()
    }
    units = {name: rows for name, rows in units.items() if rows}
    pairs = list(combinations(units, 2))
    limit = FALSE_ALARMS / max(1, 2 * len(pairs))
    alike = [pair for pair in pairs if min(_tails(units[pair[0]], units[pair[1]], shares)) < limit]
    if not alike:
        return []
    names = [name for name in units if any(name in pair for pair in alike)]
    message = (
        f"{unit} {', '.join(names)} are near-identical: they differ less than counting one and the same sample twice "
        "would make them, so they are no independent experiments. Check whether data were copied"
    )
    return [Located(Finding("fail", "experiments_alike", message), tuple(r[0] for n in names for r in units[n]))]


def _tails(first: Sequence[Row], second: Sequence[Row], shares: Mapping[Place, Sequence[Pair]]) -> tuple[float, float]:
    """Return the lower tail of the chi-square of two units' differences, well by well and arm by arm."""
    wells = [(shares[one[0]], shares[two[0]]) for one, two in _matched(first, second)]
    pooled = [_pooled(rows, shares) for rows in (first, second)]
    arms = [(pooled[0][arm], pooled[1][arm]) for arm in pooled[0] if arm in pooled[1]]
    return _lower_tail(wells), _lower_tail(arms)


def _pooled(rows: Sequence[Row], shares: Mapping[Place, Sequence[Pair]]) -> dict[tuple[str, ...], list[Pair]]:
    arms: dict[tuple[str, ...], list[Sequence[Pair]]] = defaultdict(list)
    for place, well in rows:
        arms[_condition(well)].append(shares[place])
    return {
        arm: [(sum(k for k, _ in part), sum(n for _, n in part)) for part in zip(*members, strict=False)]
        for arm, members in arms.items()
    }


def _lower_tail(pairs: Iterable[tuple[Sequence[Pair], Sequence[Pair]]]) -> float:
    total, df = 0.0, 0
    for one, two in pairs:
        for (k1, n1), (k2, n2) in zip(one, two, strict=False):
            if k1 + k2 < 10:
                continue  # too few for a chi-square
            if math.isinf(n1) or math.isinf(n2):
                gap, correction, variance = abs(k1 - k2), 0.5, k1 + k2
            else:
                p = (k1 + k2) / (n1 + n2)
                if (n1 + n2) * (1 - p) < 10:
                    continue
                gap, correction = abs(k1 / n1 - k2 / n2), 0.25 * (1 / n1 + 1 / n2)
                variance = p * (1 - p) * (1 / n1 + 1 / n2)
            total += (gap + correction) ** 2 / variance
            df += 1
    return float(chdtr(df, total)) if df else 1.0


def _shares(assay: Assay, readouts: pd.DataFrame) -> dict[Place, tuple[Pair, ...]]:
    """Return what was counted in each well: dying cells of all, cells above background, or plain counts."""
    values, cells = readouts_by_well(readouts)
    found: dict[Place, tuple[Pair, ...]] = {}
    for plate, well in wells_of(assay):
        place = plate.name, well.name
        pairs = tuple(_counted(well.counts)) if well.counts else tuple(_gated(assay, values[place], cells[place]))
        if pairs:
            found[place] = pairs
    return found


def _gated(assay: Assay, values: Mapping[str, float], cells: Mapping[str, int]) -> Iterator[Pair]:
    """Yield the shares of cells that endpoints are formed from, as events of events; siblings once."""
    for spec in assay.protocol.endpoints:
        parts = spec.populations
        role = next((name for name in ("early", "apoptotic", "viable") if name in parts), "")
        part, whole = (f"{parts.get(name, '')}_count" for name in (role, "total"))
        if part in values and whole in values:
            yield values[part], values[whole]
            return
        positive = f"{spec.channel}_percent_positive"
        if positive in values and positive in cells:
            yield values[positive] * cells[positive] / 100, float(cells[positive])
            return


def _counted(counts: Mapping[str, float]) -> Iterator[Pair]:
    """Yield dying cells of all cells, else each whole count that stands by itself; counts in a chamber as they were."""
    raw = {name: counts.get(f"{name}_in_squares", value) for name, value in counts.items()}
    if {"early", "late"} <= raw.keys():
        whole = raw.get("total", sum(raw.get(name, 0.0) for name in QUADRANTS))
        yield raw["early"] + raw["late"], whole
    elif {"apoptotic", "total"} <= raw.keys():
        yield raw["apoptotic"], raw["total"]
    else:
        names = ("migrated", "adherent", "viable", "count")
        yield from ((raw[name], math.inf) for name in names if name in raw and raw[name] == int(raw[name]))

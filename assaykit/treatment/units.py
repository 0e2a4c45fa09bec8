"""Units of dose: amounts in any spelling become an exact number in one canonical unit.

    '1000', 'nM' -> Decimal, Unit -> 1, 'uM'

Three dimensions are kept apart: molar, mass per volume, activity per volume. Within one, the canonical unit is the
one that leaves a number from 1 to 999.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Literal

from assaykit.errors import TreatmentError
from assaykit.numerals import NUMBER, both_ways, readings

Dimension = Literal["molar", "mass", "activity", "percent"]
DIMENSIONS = "a dose's unit must be molar, mass per volume or units per volume"
_SIX_DIGITS = Context(prec=6)


@dataclass(frozen=True, slots=True)
class Unit:
    """One canonical unit: how many of its dimension's first unit it is."""

    name: str
    dimension: Dimension
    factor: Decimal


UNITS: dict[str, Unit] = {
    unit.name: unit
    for unit in (
        Unit("fM", "molar", Decimal("1e-15")),
        Unit("pM", "molar", Decimal("1e-12")),
        Unit("nM", "molar", Decimal("1e-9")),
        Unit("uM", "molar", Decimal("1e-6")),
        Unit("mM", "molar", Decimal("1e-3")),
        Unit("M", "molar", Decimal(1)),
        Unit("pg/mL", "mass", Decimal("1e-9")),
        Unit("ng/mL", "mass", Decimal("1e-6")),
        Unit("ug/mL", "mass", Decimal("1e-3")),
        Unit("mg/mL", "mass", Decimal(1)),
        Unit("g/mL", "mass", Decimal(1000)),
        Unit("U/mL", "activity", Decimal(1)),
        Unit("%", "percent", Decimal(1)),
    )
}
_LADDERS: dict[Dimension, tuple[str, ...]] = {
    dimension: tuple(unit.name for unit in UNITS.values() if unit.dimension == dimension)
    for dimension in ("molar", "mass", "activity", "percent")
}
_PREFIX = {
    "f": "1e-15",
    "p": "1e-12",
    "n": "1e-9",
    "u": "1e-6",
    "m": "1e-3",
    "c": "1e-2",
    "d": "1e-1",
    "": "1",
    "k": "1e3",
}
_MOLES = re.compile(r"([fpnum]?)mol\s*/\s*([num]?)l", re.IGNORECASE)
_MOLAR = re.compile(r"M|([fpnum])[Mm]|([FPNU])M")  # a lone m is a metre; `1 um` of a drug is no length
_MASS = re.compile(r"([pnumk]?)g\s*/\s*([numdc]?)l", re.IGNORECASE)
_ACTIVITY = re.compile(r"([mk]?)I?U\s*/\s*([numdc]?)l", re.IGNORECASE)
_MICRO = str.maketrans({"µ": "u", "μ": "u"})


def unit_from_text(text: str) -> Unit:
    """Return the unit a text names, with its factor to M, mg/mL or U/mL; TreatmentError where none is meant.

    >>> unit_from_text("µmol/L").factor == unit_from_text("uM").factor
    True
    """
    plain = text.strip().translate(_MICRO)
    if match := _MOLAR.fullmatch(plain):
        return Unit(plain, "molar", _prefix(match[1] or match[2] or ""))
    if match := _MOLES.fullmatch(plain):
        return Unit(plain, "molar", _prefix(match[1]) / _prefix(match[2]))
    if match := _MASS.fullmatch(plain):
        return Unit(plain, "mass", _prefix(match[1]) / _prefix(match[2]))
    if match := _ACTIVITY.fullmatch(plain):
        return Unit(plain, "activity", _prefix(match[1]) / _prefix(match[2]) / 1000)
    if plain.replace(" ", "") in {"%", "%v/v", "%(v/v)"}:
        return UNITS["%"]
    near = next((name for name in UNITS if name.lower() == plain.lower() and len(name) > 1), "")
    raise TreatmentError(DIMENSIONS, f"'{text}'", "", f"write {near or 'nM, uM, mM, ng/mL, ug/mL or U/mL'}")


def _prefix(letter: str) -> Decimal:
    return Decimal(_PREFIX[letter.casefold()])


def canonical_spelling(amount: Decimal, unit: Unit) -> str:
    """Return a dose with its unit as assaykit spells it; in the canonical unit where it has no spelling of its own.

    >>> canonical_spelling(Decimal("0.1"), unit_from_text("µmol/L"))
    '0.1 uM'
    """
    same = (known for known in UNITS.values() if (known.dimension, known.factor) == (unit.dimension, unit.factor))
    name = next((known.name for known in same), "")
    if not name:
        number, name = canonical(amount, unit)
        return f"{number:g} {name}"
    return f"{amount:f} {name}"


def dose_from_text(text: str) -> tuple[Decimal, Unit]:
    """Return amount and unit of a dose alone, such as `0.1 uM`; TreatmentError where it is none.

    >>> dose_from_text("0.1 uM")[0]
    Decimal('0.1')
    """
    match = re.fullmatch(rf"({NUMBER})\s*(\S.*)", text.strip())
    values = readings(match[1]) if match else ()
    if match is None or not values:
        raise TreatmentError("a dose must be an amount and a unit", f"'{text}'", "", "write it as 1 uM")
    if len(values) > 1:
        found = f"'{text}', which is {both_ways(values)}"
        raise TreatmentError("a dose must be a number read one way", found, "", "write it without separators")
    return values[0], unit_from_text(match[2])


def canonical(amount: Decimal, unit: Unit) -> tuple[float, str]:
    """Return the amount, to six significant digits, in the unit of its dimension that leaves 1 to 999.

    >>> canonical(Decimal(1000), unit_from_text("nM")), canonical(Decimal("0.5"), unit_from_text("µM"))
    ((1.0, 'uM'), (500.0, 'nM'))
    """
    absolute = _SIX_DIGITS.create_decimal(amount * unit.factor)
    ladder = _LADDERS[unit.dimension]
    name = next((name for name in reversed(ladder) if absolute >= UNITS[name].factor), ladder[0])
    return float(absolute / UNITS[name].factor), name

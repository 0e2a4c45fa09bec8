"""What people write for one thing: dashes, exponents and units in words -> the signs `parsing` reads.

`Lösungsmittel`, `DMSO (0.1 %)` and `veh. ctrl` are vehicle; `1 µmol·L⁻¹`, `10^-6 M` and `1 micromolar` are units.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

_AMOUNTS = r"\b(?:[fpnuµμm]?mol|[pnuµμmk]?g|units?|[mk]?I?U|UI|IE)"
_DASHES = dict.fromkeys(map(ord, "‐‑‒–—−"), "-")
_PREFIXES = {"femto": "f", "pico": "p", "nano": "n", "micro": "u", "milli": "m"}
_REWRITTEN: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), better)
    for pattern, better in (
        # An exponent: 1x10-6, 10^-6, 1*10**-6; a one before it need not be written.
        (r"(?<![\w.,])([0-9]+(?:[.,][0-9]+)?)\s*[x×*·]\s*10\s*(?:\^|\*\*)?\s*(-?[0-9]{1,2})(?![0-9])", r"\1e\2"),
        (r"(?<![\w.,])10\s*(?:\^|\*\*)\s*(-?[0-9]{1,2})(?![0-9])", r"1e\1"),
        # A unit in words, and one divided by a negative power.
        (r"\b(nano|micro|milli|pico|femto)-?molar\b", lambda match: f"{_PREFIXES[match[1].casefold()]}M"),
        (rf"({_AMOUNTS})\s*[·*.]?\s*([mudcnµμ]?l)\s*\^?-1(?![0-9])", r"\1/\2"),
        (r"\b(?:international\s+)?(?:units?|UI|IE|E)\s*(?=/)", "U"),
    )
)

_SOLVENTS = {"dmso", "etoh", "ethanol", "meoh", "methanol", "pbs", "h2o", "water", "saline", "agua", "wasser"}
_VEHICLE = {"vehicle", "veh", "vehikel", "vehiculo", "vehiculum", "solvent", "solvente", "disolvente", "losungsmittel"}
_BESIDE = {
    "control",
    "ctrl",
    "con",
    "only",
    "alone",
    "kontrolle",
    "de",
    "del",
    "solo",
    "nur",
    "in",
    "vol",
    "v",
    "treated",
}
_QUANTITY = re.compile(r"[0-9]+(?:[.,][0-9]+)?\s*(?:%\s*(?:\(?[vw]\s*/\s*v\)?)?|:\s*[0-9]+|(?:[uµμ]l|ml)\s*/\s*ml)")


def respell(text: str) -> str:
    """Return a treatment with one sign for each thing.

    >>> respell("Imatinib 1 µmol·L⁻¹"), respell("imatinib 10^-6 M"), respell("IFN-α 1000 units/mL")
    ('Imatinib 1 μmol/L', 'imatinib 1e-6 M', 'IFN-α 1000 U/mL')
    """
    plain = unicodedata.normalize("NFKC", text).translate(_DASHES)
    for pattern, better in _REWRITTEN:
        plain = pattern.sub(better, plain)
    return plain.strip()


def is_vehicle(text: str) -> bool:
    """Return whether a text names the solvent and nothing else: 'DMSO 0.1 %', 'veh. ctrl', 'Lösungsmittelkontrolle'.

    >>> is_vehicle("Vehicle control (0.1% DMSO)"), is_vehicle("control"), is_vehicle("DMSO imatinib")
    (True, False, False)
    """
    letters = unicodedata.normalize("NFKD", _QUANTITY.sub(" ", text.casefold()))
    words = re.findall(r"[a-z0-9]+", "".join(sign for sign in letters if not unicodedata.combining(sign)))
    whole = [word.removesuffix("kontrolle").removesuffix("control") or word for word in words]
    named = [word for word in whole if word in _SOLVENTS | _VEHICLE]
    return bool(named) and all(word in _SOLVENTS | _VEHICLE | _BESIDE for word in whole)

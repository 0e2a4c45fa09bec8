"""Conditions as a figure needs them: treatments in a readable order, contexts in words, means per independent unit."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

CONTEXT_WORDS: dict[str, str] = {
    "mono": "cells alone",
    "msc_contact": "with MSC in contact",
    "msc_transwell": "with MSC across a membrane",
    "msc_medium": "in MSC medium",
    "plain_medium": "in plain medium",
}
CONTEXT_LABELS: dict[str, str] = {  # where there is little room
    "mono": "alone",
    "msc_contact": "MSC contact",
    "msc_transwell": "MSC across membrane",
    "msc_medium": "MSC medium",
    "plain_medium": "plain medium",
}
ENDPOINT_WORDS: dict[str, str] = {
    "migration_random": "random migration",
    "migration_cxcl12": "migration to CXCL12",
    "migration_msc": "migration to MSC",
    "migration_net": "net migration to CXCL12",
    "migration_directed": "directed migration to CXCL12",
    "migration_index": "migration index",
    "apoptosis": "apoptosis",
    "apoptosis_early": "early apoptosis",
    "apoptosis_late": "late apoptosis",
    "specific_apoptosis": "specific apoptosis",
    "viable_count": "viable cells",
    "spi": "stromal protection index",
    "spi_points": "stromal protection",
    "reversal": "reversal of protection",
    "adhesion": "adhesion",
    "proliferation": "proliferation",
}
ENDPOINT_UNITS: dict[str, str] = {
    "migration_random": "% of input",
    "migration_cxcl12": "% of input",
    "migration_msc": "% of input",
    "migration_net": "% of input",
    "migration_directed": "% of input",
    "adhesion": "% of input",
}  # where the unit of the table is too terse for an axis
STATISTIC_WORDS: dict[str, str] = {
    "dmfi": "surface {marker} (ΔMFI)",
    "rmfi": "surface {marker} (relative MFI)",
    "log2fc": "{marker} (log2 fold change)",
    "percent_positive": "{marker}-positive cells",
    "overton": "{marker}-positive cells (Overton)",
    "receptors": "{marker} per cell",
    "surface_total": "{marker} surface to total",
    "internalisation": "{marker} internalisation",
    "median": "{marker} (median)",
}
_DOSE = re.compile(r"^(?P<drug>.+?) (?P<amount>[\d.][\d.eE+-]*) (?P<unit>\S+)$")
_MOLAR = {"pM": 1e-12, "nM": 1e-9, "uM": 1e-6, "mM": 1e-3, "M": 1.0}


def doses_of(treatment: str) -> tuple[tuple[str, str, str], ...]:
    """Return (drug, amount, unit) per drug of a canonical treatment; amount and unit are empty where none is written.

    >>> doses_of("imatinib 1 uM + MSC serum")
    (('imatinib', '1', 'uM'), ('MSC serum', '', ''))
    """
    parts = (part.strip() for part in treatment.split(" + "))
    found = ((part, _DOSE.match(part)) for part in parts)
    return tuple((m["drug"], m["amount"], m["unit"]) if m else (part, "", "") for part, m in found)


def drugs_of(treatment: str) -> tuple[str, ...]:
    """Return the drugs of a canonical treatment.

    >>> drugs_of("imatinib 1 uM + plerixafor 10 uM")
    ('imatinib', 'plerixafor')
    """
    return tuple(drug for drug, _, _ in doses_of(treatment))


def molar(amount: str, unit: str) -> float:
    """Return the dose in mol/L where the unit is molar, else the amount itself; 0 where no dose is written."""
    return float(amount or 0) * _MOLAR.get(unit, 1.0)


def ordered_treatments(treatments: Iterable[str], reference: str) -> list[str]:
    """Return the treatments in reading order: the reference, single drugs with rising dose, then combinations."""
    names = list(dict.fromkeys(treatments))
    rank = {drug: i for i, drug in enumerate(dict.fromkeys(d for name in names for d in drugs_of(name)))}

    def key(name: str) -> tuple[bool, int, list[int], list[float]]:
        doses = doses_of(name)
        return name != reference, len(doses), [rank[d] for d, _, _ in doses], [molar(a, u) for _, a, u in doses]

    return sorted(names, key=key)


def ordered_contexts(contexts: Iterable[str]) -> list[str]:
    """Return the contexts in the order of CONTEXT_WORDS, unknown ones last."""
    known = list(CONTEXT_WORDS)
    return sorted(dict.fromkeys(contexts), key=lambda c: known.index(c) if c in known else len(known))


def context_words(context: str) -> str:
    """Return a context, or a contrast of two, in words.

    >>> context_words("msc_contact - mono")
    'with MSC in contact vs cells alone'
    """
    return " vs ".join(CONTEXT_WORDS.get(part, part.replace("_", " ")) for part in context.split(" - "))


def context_label(context: str) -> str:
    """Return a context in the fewest words.

    >>> context_label("msc_contact")
    'MSC contact'
    """
    return CONTEXT_LABELS.get(context, context.replace("_", " "))


def endpoint_words(endpoint: str) -> str:
    """Return an endpoint in a biologist's words.

    >>> endpoint_words("cxcr4_dmfi"), endpoint_words("apoptosis")
    ('surface CXCR4 (ΔMFI)', 'apoptosis')
    """
    if endpoint in ENDPOINT_WORDS:
        return ENDPOINT_WORDS[endpoint]
    for statistic, words in STATISTIC_WORDS.items():
        if endpoint.endswith("_" + statistic):
            marker = endpoint.removesuffix("_" + statistic)
            return words.format(marker=marker.upper() if len(marker) <= 5 else marker)
    return endpoint.replace("_", " ")


def shown(text: str) -> str:
    """Return a treatment or contrast as print shows it: micro signs, true minus signs between arms.

    >>> shown("imatinib 1 uM - vehicle")
    'imatinib 1 µM − vehicle'
    """
    return re.sub(r"\bu(?=[MLg]\b)", "µ", text).replace(" - ", " − ")


def on_scale(values: pd.Series, scale: str) -> NDArray[np.float64]:
    """Return the values on the scale a unit's wells are averaged on for display: logs for log2 and log, else as is."""
    numbers = values.to_numpy(float)
    if scale not in {"log2", "log"}:
        return np.asarray(numbers)
    return np.asarray(np.log(np.where(numbers > 0, numbers, np.nan)))


def means_of_units(wells: pd.DataFrame, scale: str) -> pd.DataFrame:
    """Return one row per unit, treatment and context: the mean of its wells, geometric on log scales, and their qc."""
    keys = ["context", "treatment", "unit_id"]
    table = wells.assign(_value=on_scale(wells["value"], scale))
    means = table.groupby(keys, sort=False).agg(value=("_value", "mean"), qc=("qc", "first"), n=("_value", "size"))
    if scale in {"log2", "log"}:
        means["value"] = np.exp(means["value"])
    return means.reset_index()

"""Conditions as a figure needs them: treatments in a readable order, contexts in words, means per independent unit."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assaykit.endpoints import endpoint_measured_as
from assaykit.stats import contexts_named
from assaykit.treatment import Dose, treatment_from_canonical
from assaykit.vocabulary import CONTEXTS


def doses_of(treatment: str) -> tuple[Dose, ...]:
    """Return the doses of a treatment as tables write it; an arm without any, such as vehicle, is its name alone.

    >>> [dose.drug for dose in doses_of("imatinib 1 uM + plerixafor 10 uM")]
    ['imatinib', 'plerixafor']
    """
    return treatment_from_canonical(treatment).doses or (Dose(treatment, 0.0, ""),)


def ordered_treatments(treatments: Iterable[str], reference: str) -> list[str]:
    """Return the treatments in reading order: the reference, single drugs with rising dose, then combinations."""
    names = list(dict.fromkeys(treatments))
    rank = {drug: i for i, drug in enumerate(dict.fromkeys(d.drug for name in names for d in doses_of(name)))}

    def key(name: str) -> tuple[bool, int, list[int], list[float]]:
        doses = doses_of(name)
        return name != reference, len(doses), [rank[d.drug] for d in doses], [d.absolute for d in doses]

    return sorted(names, key=key)


def ordered_contexts(contexts: Iterable[str]) -> list[str]:
    """Return the contexts in the order of the vocabulary, unknown ones last."""
    known = list(CONTEXTS)
    return sorted(dict.fromkeys(contexts), key=lambda c: known.index(c) if c in known else len(known))


def context_words(context: str) -> str:
    """Return a context in words.

    >>> context_words("msc_contact")
    'with MSC in contact'
    """
    return CONTEXTS[context].words if context in CONTEXTS else context.replace("_", " ")


def place_words(row: pd.Series) -> str:
    """Return where a contrast of ESTIMATES, COMPARISONS or ROBUSTNESS holds, in words; both contexts where it has two.

    >>> row = {"treatment": "imatinib 1 uM", "comparator": "vehicle", "context": "msc_contact"}
    >>> place_words(pd.Series(row | {"comparator_context": "mono"}))
    'with MSC in contact vs cells alone'
    """
    return " vs ".join(map(context_words, contexts_named(row)))


def context_label(context: str) -> str:
    """Return a context in the fewest words.

    >>> context_label("msc_contact")
    'MSC contact'
    """
    return CONTEXTS[context].label if context in CONTEXTS else context.replace("_", " ")


def marker_words(channel: str) -> str:
    """Return a channel's marker as print has it.

    >>> marker_words("cxcr4"), marker_words("cd4_t_cd69")
    ('CXCR4', 'cd4 t cd69')
    """
    return channel.upper() if channel.isalnum() and len(channel) <= 5 else channel.replace("_", " ")


def endpoint_words(endpoint: str) -> str:
    """Return an endpoint of MEASUREMENTS in a biologist's words; a name of a lab's own without its underscores.

    >>> endpoint_words("cxcr4_dmfi"), endpoint_words("cxcr4_total_dmfi"), endpoint_words("apoptosis")
    ('surface CXCR4 (ΔMFI)', 'total CXCR4 (ΔMFI)', 'apoptosis')
    """
    found = endpoint_measured_as(endpoint)
    if found is None:
        return endpoint.replace("_", " ")
    declared, channel = found
    return declared.words.format(marker=marker_words(channel)).strip()


def axis_unit(endpoint: str, unit: str) -> str:
    """Return the unit of an endpoint for an axis, where that of its table is too terse.

    >>> axis_unit("migration_net", "percentage points"), axis_unit("apoptosis", "%")
    ('% of input', '%')
    """
    found = endpoint_measured_as(endpoint)
    return (found[0].axis_unit if found else "") or unit


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

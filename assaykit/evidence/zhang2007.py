"""The one primary source with numbers: apoptosis of CML CD34+ cells under TKI, without and with stroma.

Zhang et al., Blood 2007;110:3378 (meeting abstract): imatinib 5 uM, nilotinib 5 uM, dasatinib 150 nM, 96 h, n = 4,
irradiated stroma. The abstract does not say whether +/- is an SD or a standard error, so no interval is derived.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

import pandas as pd

from assaykit.tables import SIZES, frame_from_rows
from assaykit.treatment import treatment_from_canonical

CITE = "Zhang et al. 2007, Blood 110:3378"
UNITS = 4


@dataclass(frozen=True, slots=True)
class Apoptosis:
    """Mean percent apoptotic and what is printed after +/-."""

    mean: float
    plus_minus: float


# population -> drug -> (without stroma, with stroma); p values are the abstract's, of drug without against with stroma
PRINTED = MappingProxyType(
    {
        "CD34+CD38-": MappingProxyType(
            {
                "vehicle": (Apoptosis(2.7, 0.9), Apoptosis(3.1, 0.7)),
                "imatinib": (Apoptosis(20.0, 6.0), Apoptosis(3.8, 1.0)),
                "nilotinib": (Apoptosis(12.5, 1.8), Apoptosis(2.9, 0.3)),
                "dasatinib": (Apoptosis(7.1, 0.04), Apoptosis(2.7, 0.2)),
            }
        ),
        "CD34+CD38+": MappingProxyType(
            {
                "vehicle": (Apoptosis(4.7, 2.1), Apoptosis(3.7, 0.2)),
                "imatinib": (Apoptosis(12.9, 4.0), Apoptosis(7.1, 1.2)),
                "nilotinib": (Apoptosis(10.6, 3.2), Apoptosis(4.8, 1.0)),
                "dasatinib": (Apoptosis(8.4, 2.3), Apoptosis(3.7, 0.4)),
            }
        ),
    }
)
P_VALUES = MappingProxyType(
    {
        ("CD34+CD38-", "imatinib"): 0.04,
        ("CD34+CD38-", "nilotinib"): 0.033,
        ("CD34+CD38-", "dasatinib"): 0.001,
        ("CD34+CD38+", "imatinib"): 0.04,
        ("CD34+CD38+", "nilotinib"): 0.03,
        ("CD34+CD38+", "dasatinib"): 0.02,
    }
)


def specific(drug: float, vehicle: float) -> float:
    """Return specific apoptosis in %: 100 * (drug - vehicle) / (100 - vehicle), never clipped.

    >>> round(specific(20.0, 2.7), 1)
    17.8
    """
    return 100.0 * (drug - vehicle) / (100.0 - vehicle)


def worked_example() -> pd.DataFrame:
    """Return the table of the abstract and what follows from its means.

    Columns: population, drug, mono, stroma (% apoptotic), p_value (as printed); specific_mono, specific_stroma (%,
    each against vehicle of its own context); spi = 1 - specific_stroma / specific_mono; points, their difference.
    """
    rows = []
    for population, drugs in PRINTED.items():
        vehicle_mono, vehicle_stroma = drugs["vehicle"]
        for drug, (mono, stroma) in drugs.items():
            alone, shielded = specific(mono.mean, vehicle_mono.mean), specific(stroma.mean, vehicle_stroma.mean)
            rows.append(
                {
                    "population": population,
                    "drug": drug,
                    "mono": mono.mean,
                    "stroma": stroma.mean,
                    "p_value": P_VALUES.get((population, drug), float("nan")),
                    "specific_mono": alone,
                    "specific_stroma": shielded,
                    "spi": float("nan") if drug == "vehicle" else 1.0 - shielded / alone,
                    "points": alone - shielded,
                }
            )
    return pd.DataFrame(rows)


def compare_size(estimates: pd.DataFrame) -> pd.DataFrame:
    """Return SIZES: the lab's stromal protection index beside that of the source, drug by drug.

    Means of a meeting abstract on CD34+
    cells at 96 h: a scale to read one's own number on, never a test. Empty where the lab has no SPI.
    """
    source = worked_example().dropna(subset=["spi"])
    levels = estimates[
        (estimates["endpoint"] == "spi") & (estimates["kind"] == "level") & estimates["estimate"].notna()
    ]
    rows = (
        {
            "treatment": row.treatment,
            "drug": known.drug,
            "population": known.population,
            "context": row.context,
            "spi": row.estimate,
            "spi_low": row.conf_low,
            "spi_high": row.conf_high,
            "spi_source": known.spi,
            "covers": bool(row.conf_low <= known.spi <= row.conf_high),
        }
        for row in levels.itertuples()
        for known in source.itertuples()
        if treatment_from_canonical(row.treatment).drugs == (known.drug,)
    )
    return frame_from_rows(rows, SIZES)

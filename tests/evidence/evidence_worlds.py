"""Simulated worlds whose truth deserves a known verdict: MEASUREMENTS with units, drug x unit and well noise.

Noise follows the project's evidence notes (section D): between units SD 0.25, drug x unit 0.2, wells 0.12 on log2 for
intensity; the same figures in natural logs for migration and on the logit for apoptosis are wider, hence stricter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from assaykit.evidence import compare, read_claims
from assaykit.protocol import Analysis
from assaykit.stats import estimate
from assaykit.study import Reference
from assaykit.tables import ESTIMATES, check
from assaykit.treatment import read_drugs

BOTH = ("mono", "msc_contact")
FAMILIES = ("treatment", "pairwise", "context", "interaction", "sensitisation")
ANALYSES = {
    "cxcr4_dmfi": (Analysis(name="cxcr4", endpoint="cxcr4_dmfi", scale="log2", families=FAMILIES, equivalence=0.3),),
    "migration_cxcl12": (
        Analysis(name="cxcl12", endpoint="migration_cxcl12", scale="log", families=FAMILIES, equivalence=0.2231),
    ),
    "migration_msc": (
        Analysis(name="to_msc", endpoint="migration_msc", scale="log", families=FAMILIES, equivalence=0.2231),
    ),
    "migration_index": (Analysis(name="index", endpoint="migration_index", scale="log", families=("level",)),),
    "adhesion": (Analysis(name="adhesion", endpoint="adhesion", scale="log", families=FAMILIES, equivalence=0.2231),),
    "viable_count": (Analysis(name="viable", endpoint="viable_count", scale="log", families=FAMILIES),),
    "apoptosis": (
        Analysis(name="apoptosis", endpoint="apoptosis", scale="logit", families=FAMILIES),
        Analysis(name="points", endpoint="apoptosis", scale="identity", families=FAMILIES, equivalence=5.0),
    ),
    "spi": (Analysis(name="spi", endpoint="spi", scale="identity", families=("level", "pairwise")),),
}
UNIT = {"cxcr4_dmfi": "MFI", "apoptosis": "%", "migration_index": "ratio", "spi": ""}
IM, DA, NI = "imatinib 1 uM", "dasatinib 10 nM", "nilotinib 100 nM"
P, SIM = "plerixafor 10 uM", "simvastatin 5 uM"
Truth = Mapping[tuple[str, str, str], float]  # endpoint, treatment, context -> true value in its unit


@dataclass(frozen=True)
class World:
    """A truth, the claims it decides, and the verdict they deserve."""

    name: str
    truth: Truth
    claims: tuple[str, ...]
    verdict: str
    units: int = 6
    noise: float = 0.2  # SD of drug x unit
    doubts: Mapping[tuple[str, str, str], str] = field(default_factory=dict)


def at(endpoint: str, values: Mapping[str, float], context: str = "mono") -> dict[tuple[str, str, str], float]:
    """Return the truth of one endpoint in one context."""
    return {(endpoint, treatment, context): value for treatment, value in values.items()}


def measurements(world: World, seed: int, wells: int = 3) -> pd.DataFrame:
    """Return MEASUREMENTS of the world: `wells` wells per arm and unit; SPI formed from the unit's apoptosis."""
    rng = np.random.default_rng(seed)
    rows: list[dict[str, object]] = []
    day = {endpoint: rng.normal(0, 0.25, world.units) for endpoint in sorted({key[0] for key in world.truth})}
    for (endpoint, treatment, context), value in world.truth.items():
        arm = rng.normal(0, world.noise, world.units)
        for unit in range(world.units):
            y = forward(endpoint, value) + day[endpoint][unit] + arm[unit]
            for well in range(wells):
                seen = backward(endpoint, y + rng.normal(0, 0.12))
                rows.append(
                    _row(world, endpoint, treatment, context, seen) | {"unit_id": f"e{unit}", "well": f"A{well}"}
                )
    frame = pd.DataFrame(rows)
    return pd.concat([frame, _spi(frame)], ignore_index=True) if "apoptosis" in day else frame


def forward(endpoint: str, value: float) -> float:
    if endpoint == "cxcr4_dmfi":
        return float(np.log2(value))
    return float(np.log(value / (100 - value)) if endpoint == "apoptosis" else np.log(value))


def backward(endpoint: str, y: float) -> float:
    if endpoint == "cxcr4_dmfi":
        return float(2.0**y)
    return float(100 / (1 + np.exp(-y)) if endpoint == "apoptosis" else np.exp(y))


def _row(world: World, endpoint: str, treatment: str, context: str, value: float) -> dict[str, object]:
    doubt = world.doubts.get((endpoint, treatment, context), "")
    return {
        "assay": "assay", "plate": "p1", "treatment": treatment, "context": context, "endpoint": endpoint,
        "value": value, "unit": UNIT.get(endpoint, "%"), "cells": 1000, "count": np.nan, "total": np.nan,
        "qc": "not_interpretable" if doubt else "pass", "reason": doubt,
    }  # fmt: skip


def _spi(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one SPI per unit and drug: 1 - specific apoptosis with MSC / without, each against its own vehicle."""
    dead = frame[frame["endpoint"] == "apoptosis"].groupby(["treatment", "context", "unit_id"])["value"].mean()
    rows = []
    for treatment, context, unit in dead.index:
        arms = [(each, place, unit) for each in ("vehicle", treatment) for place in BOTH]
        if treatment == "vehicle" or context != "msc_contact" or any(arm not in dead for arm in arms):
            continue
        shares = {}
        for place in BOTH:
            vehicle = dead.loc["vehicle", place, unit]
            shares[place] = (dead.loc[treatment, place, unit] - vehicle) / (100 - vehicle)
        spi = 1 - shares["msc_contact"] / shares["mono"]
        rows.append(
            {
                "assay": "assay", "plate": "p1", "well": "", "unit_id": unit, "treatment": treatment,
                "context": context, "endpoint": "spi", "value": spi, "unit": "", "cells": 1000, "count": np.nan,
                "total": np.nan, "qc": "pass", "reason": "",
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def estimates(frame: pd.DataFrame) -> pd.DataFrame:
    """Return ESTIMATES of every endpoint measured, by the analyses a protocol would declare."""
    asked = [analysis for endpoint in frame["endpoint"].unique() for analysis in ANALYSES[endpoint]]
    tables = [estimate(frame, "assay", analysis, reference=Reference(), seed=1)[0] for analysis in asked]
    return check(pd.concat([table for table in tables if len(table)], ignore_index=True), ESTIMATES)


CLAIMS = {claim.id: claim for claim in read_claims()}
DRUGS = read_drugs()


def verdicts(world: World, seed: int, claims=None) -> dict[str, str]:
    """Return the verdict on every claim the world decides."""
    frame = measurements(world, seed)
    asked = [CLAIMS[name] for name in world.claims] if claims is None else claims
    table = compare(estimates(frame), asked, measurements=frame, drugs=DRUGS)
    return dict(zip(table["claim"], table["verdict"], strict=True))


# ---- truths -----------------------------------------------------------------------------------------------------

CXCR4 = ("EN-10", "ES-32", "EN-31")
KILLING = ("EN-04", "ES-10")
PROTECTION = ("EN-08", "ES-07", "ES-26", "ES-28", "ES-41")
REVERSAL = ("EN-13", "EN-17", "EN-18", "ES-34")
TO_MSC = ("EN-11", "EN-15", "ES-33")
CHEMOTAXIS = ("EN-07", "EN-28", "ES-35", "EN-36")


def cxcr4(imatinib: float, dasatinib: float) -> Truth:
    """Return CXCR4 with fold changes on the log2 scale, MSC lowering it by 0.4."""
    shifts = {"vehicle": 0.0, IM: imatinib, DA: dasatinib}
    values = {c: {t: 300 * 2 ** (s + (c == "msc_contact") * -0.4) for t, s in shifts.items()} for c in BOTH}
    return {**at("cxcr4_dmfi", values["mono"]), **at("cxcr4_dmfi", values["msc_contact"], "msc_contact")}


def apoptosis(mono: Mapping[str, float], msc: Mapping[str, float]) -> Truth:
    """Return percent apoptotic without and with MSC."""
    return {**at("apoptosis", mono), **at("apoptosis", msc, "msc_contact")}


def reversal(combination_on_msc: float, *, imatinib_mono: float = 40.0, imatinib_on_msc: float = 12.0) -> Truth:
    """Return a reversal experiment with every companion arm; plerixafor alone does nothing."""
    mono = {"vehicle": 5.0, IM: imatinib_mono, P: 5.0, f"{IM} + {P}": imatinib_mono}
    return apoptosis(mono, {"vehicle": 5.0, IM: imatinib_on_msc, P: 5.0, f"{IM} + {P}": combination_on_msc})


def additive() -> Truth:
    """Return what plerixafor alone kills where stroma is, and adds to imatinib's killing: no sensitisation."""
    mono = {"vehicle": 5.0, IM: 40.0, P: 5.0, f"{IM} + {P}": 40.0}
    return apoptosis(mono, {"vehicle": 5.0, IM: 20.0, P: 18.0, f"{IM} + {P}": 31.0})


def migration(
    imatinib: float, dasatinib: float, plerixafor: float, statin: float, endpoint="migration_cxcl12"
) -> Truth:
    """Return migration in % of input; vehicle 3."""
    return at(endpoint, {"vehicle": 3.0, IM: imatinib, DA: dasatinib, P: plerixafor, f"{IM} + {SIM}": statin})


WORLDS = (
    World("CXCR4 rises", cxcr4(1.0, 0.9), CXCR4, "consistent"),
    World("CXCR4 falls", cxcr4(-1.0, -0.9), CXCR4, "contradicts"),
    World("CXCR4 stays", cxcr4(0.0, 0.0), CXCR4, "no effect", units=12, noise=0.1),
    World("CXCR4 noise, three units", cxcr4(0.0, 0.0), CXCR4, "inconclusive", units=3, noise=0.6),
    World("migration as claimed", migration(10.0, 4.0, 1.0, 4.0), CHEMOTAXIS, "consistent"),
    World("migration the other way", migration(1.0, 3.0, 9.0, 3.0), CHEMOTAXIS, "contradicts"),
    World("no drug moves migration", migration(3.0, 3.0, 3.0, 3.0), CHEMOTAXIS, "no effect", units=12, noise=0.08),
    World("migration noise, three units", migration(3.0, 3.0, 3.0, 3.0), CHEMOTAXIS, "inconclusive", 3, 0.6),
    World("more cells reach MSC", migration(9.0, 5.0, 1.0, 4.0, "migration_msc"), TO_MSC, "consistent"),
    World("fewer cells reach MSC", migration(1.0, 5.0, 1.0, 4.0, "migration_msc"), TO_MSC, "contradicts"),
    World("CXCL12 draws cells", at("migration_index", {"vehicle": 2.5}), ("EN-01",), "consistent"),
    World("imatinib kills", apoptosis({"vehicle": 5, IM: 40}, {}), KILLING, "consistent"),
    World("imatinib spares", apoptosis({"vehicle": 20, IM: 5}, {}), KILLING, "contradicts"),
    World("imatinib does nothing", apoptosis({"vehicle": 5, IM: 5}, {}), KILLING, "no effect", units=10, noise=0.08),
    World("stroma protects", reversal(12.0), PROTECTION, "consistent"),
    World("stroma sensitises", reversal(70.0, imatinib_mono=25, imatinib_on_msc=70), PROTECTION, "contradicts"),
    World(
        "nothing to protect from",
        reversal(5, imatinib_mono=5, imatinib_on_msc=5), PROTECTION, "not interpretable", units=12, noise=0.05,
    ),
    World("no MSC", apoptosis({"vehicle": 5, IM: 40}, {}), PROTECTION, "not testable"),
    World("plerixafor restores killing", reversal(40.0), REVERSAL, "consistent"),
    World("plerixafor deepens protection", reversal(3.0), REVERSAL, "contradicts"),
    World("plerixafor changes nothing", reversal(12.0), REVERSAL, "no effect", units=12, noise=0.05),
    World(
        "stroma does not protect",
        reversal(40.0, imatinib_on_msc=40), REVERSAL, "not interpretable", units=12, noise=0.05,
    ),
    World("plerixafor frees cells", at("adhesion", {"vehicle": 20, P: 6}), ("ES-36",), "consistent"),
    World("plerixafor glues cells", at("adhesion", {"vehicle": 20, P: 60}), ("ES-36",), "contradicts"),
    World("simvastatin slows growth", at("viable_count", {"vehicle": 1e5, SIM: 4e4}), ("EN-37",), "consistent"),
    World("simvastatin speeds growth", at("viable_count", {"vehicle": 1e5, SIM: 3e5}), ("EN-37",), "contradicts"),
    World(
        "dasatinib escapes stroma",
        apoptosis({"vehicle": 5, IM: 40, DA: 42}, {"vehicle": 5, IM: 12, DA: 42}), ("EN-27",), "consistent", noise=0.1,
    ),
    World(
        "dasatinib is shielded more",
        apoptosis({"vehicle": 5, IM: 40, DA: 42}, {"vehicle": 5, IM: 35, DA: 10}), ("EN-27",), "contradicts", noise=0.1,
    ),
)  # fmt: skip

# Two points less than both alone, and odds of 0.42: never a sensitisation, by points or by odds.
ADDITIVE = World("plerixafor kills by itself on stroma", additive(), REVERSAL, "", noise=0.1)

# NOTES D: imatinib with simvastatin at 5 of 8 % of input, or at 7.9 of 8
STATIN_LOWERS = World("statin lowers migration", migration(8.0, 4.5, 1.5, 5.0), ("EN-36",), "consistent", noise=0.139)
STATIN_SPARES = World("statin leaves migration", migration(8.0, 4.5, 1.5, 7.9), ("EN-36",), "", noise=0.139)

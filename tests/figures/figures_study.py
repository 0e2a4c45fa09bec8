"""A study with made-up numbers for drawing: five experiments, seven treatments, with and without MSC; no files."""

from __future__ import annotations

import math
from types import MappingProxyType

import numpy as np
import pandas as pd
from scipy import stats

from assaykit.plate.model import Plate, Well
from assaykit.protocol.model import Protocol
from assaykit.results.model import Results
from assaykit.study.model import Assay, Reference, Study
from assaykit.tables import COMPARISONS, ESTIMATES, MEASUREMENTS, POPULATIONS, READOUTS, Finding, findings_frame
from assaykit.tables import frame_from_rows as framed

TREATMENTS = (
    "vehicle",
    "imatinib 1 uM",
    "dasatinib 10 nM",
    "plerixafor 10 uM",
    "simvastatin 5 uM",
    "imatinib 1 uM + plerixafor 10 uM",
    "imatinib 1 uM + simvastatin 5 uM",
)
CONTEXTS = ("mono", "msc_contact")
UNITS = tuple(f"exp{i}" for i in range(1, 6))
LEVELS = {  # endpoint -> (scale, unit, vehicle level, effect per treatment on the scale, shift with MSC, MSC protects)
    "cxcr4_dmfi": ("log2", "MFI", math.log2(420), (0, 0.8, 0.6, -1.5, 0.02, -0.7, 0.75), -0.4),
    "migration_random": ("log", "% of input", math.log(1.5), (0, 0.02, -0.1, 0, 0, 0.03, 0.02), 0.1),
    "migration_cxcl12": ("log", "% of input", math.log(3), (0, 0.95, 0.42, -0.7, 0, -0.5, 0.5), 0.1),
    "apoptosis": ("logit", "%", -2.9, (0, 2.5, 2.6, 0, 1.1, 2.55, 3.3), 0.0),
}
NAMES = {"log2": "fold change", "log": "rate ratio", "logit": "odds ratio", "identity": "percentage points"}
ASSAYS = {
    "cxcr4_surface": ("cxcr4_dmfi",),
    "transwell_migration": ("migration_random", "migration_cxcl12"),
    "annexin_apoptosis": ("apoptosis",),
}


def back(scale: str, value):
    match scale:
        case "log2":
            return 2**value
        case "log":
            return np.exp(value)
        case "logit":
            return 100 / (1 + np.exp(-value))
        case _:
            return value


def measurement_rows(rng, assay: str, endpoint: str):
    scale, unit, level, effects, msc = LEVELS[endpoint]
    for e, experiment in enumerate(UNITS):
        day = rng.normal(0, 0.25)
        for c, context in enumerate(CONTEXTS):
            for t, treatment in enumerate(TREATMENTS):
                effect = effects[t]
                if endpoint == "apoptosis" and context == "msc_contact" and "plerixafor" not in treatment:
                    effect *= 0.55
                mean = level + day + effect + msc * c + rng.normal(0, 0.12)
                for k in range(3):
                    value = float(back(scale, mean + rng.normal(0, 0.1)))
                    bad = endpoint == "cxcr4_dmfi" and "plerixafor" in treatment
                    yield {
                        "assay": assay,
                        "plate": f"{assay}_{experiment}",
                        "well": f"{'ABCDEFGH'[c * 3 + k]}{t + 2}",
                        "unit_id": experiment,
                        "treatment": treatment,
                        "context": context,
                        "endpoint": endpoint,
                        "value": value,
                        "unit": unit,
                        "cells": 3000 + 10 * e,
                        "count": value * 30 if unit.startswith("%") else math.nan,
                        "total": 3000.0 if unit.startswith("%") else math.nan,
                        "qc": "not_interpretable" if bad else "pass",
                        "reason": "plerixafor competes with clone 12G5 for CXCR4" if bad else "",
                    }


def forward(scale: str, value):
    match scale:
        case "log2":
            return np.log2(value)
        case "log":
            return np.log(value)
        case "logit":
            return np.log(value / (100 - value))
        case _:
            return value


def estimate_rows(frame: pd.DataFrame, assay: str, endpoint: str):
    scale = LEVELS[endpoint][0]
    part = frame[frame.endpoint == endpoint]
    means = part.assign(y=forward(scale, part.value)).groupby(["unit_id", "context", "treatment"]).y.mean().unstack()
    mono, msc = means.xs("mono", level="context"), means.xs("msc_contact", level="context")
    base = {"analysis": endpoint, "endpoint": endpoint, "assay": assay, "scale": scale, "effect_name": NAMES[scale]}

    def row(difference, kind, treatment, comparator, context, other=""):
        n = len(difference)
        mean, error = difference.mean(), difference.std(ddof=1) / math.sqrt(n)
        half = stats.t.ppf(0.975, n - 1) * error
        p = float(2 * stats.t.sf(abs(mean / error), n - 1))
        exp = (lambda v: float(2**v)) if scale == "log2" else (lambda v: float(math.exp(v)))
        bad = endpoint == "cxcr4_dmfi" and "plerixafor" in treatment + comparator
        words = {"context": f"{context} - {other}", "interaction": f"({treatment} - {comparator}), {context} - {other}"}
        return base | {
            "kind": kind,
            "contrast": words.get(kind, f"{treatment} - {comparator}"),
            "context": context,
            "comparator_context": other,
            "treatment": treatment,
            "comparator": comparator,
            "estimate": mean,
            "std_error": error,
            "df": n - 1,
            "statistic": mean / error,
            "p_value": p,
            "p_adjusted": min(1.0, p * 6),
            "conf_low": mean - half,
            "conf_high": mean + half,
            "effect": exp(mean),
            "effect_low": exp(mean - half),
            "effect_high": exp(mean + half),
            "n_units": n,
            "n_wells": 6 * n,
            "method": "linear mixed model, REML, Satterthwaite df",
            "adjust": "holm",
            "residual_sd": 0.12,
            "unit_sd": 0.25,
            "contrast_sd": error * math.sqrt(n),
            "reason": "plerixafor competes with clone 12G5 for CXCR4" if bad else "",
        }

    for treatment in TREATMENTS[1:]:
        yield row(mono[treatment] - mono["vehicle"], "treatment", treatment, "vehicle", "mono")
        yield row(msc[treatment] - msc["vehicle"], "treatment", treatment, "vehicle", "msc_contact")
        did = (msc[treatment] - msc["vehicle"]) - (mono[treatment] - mono["vehicle"])
        yield row(did, "interaction", treatment, "vehicle", "msc_contact", "mono")
    for treatment in TREATMENTS:
        yield row(msc[treatment] - mono[treatment], "context", treatment, treatment, "msc_contact", "mono")
    yield row(mono[TREATMENTS[2]] - mono[TREATMENTS[1]], "pairwise", TREATMENTS[2], TREATMENTS[1], "mono")
    yield row(mono[TREATMENTS[5]] - mono[TREATMENTS[1]], "pairwise", TREATMENTS[5], TREATMENTS[1], "mono")


CLAIMS = (  # id, statement, endpoint, treatment, context, kind, adjudicated, printed, verdict
    ("EN-10", "imatinib raises surface CXCR4 on CML cells", "cxcr4_dmfi", 1, "mono", 1, 1, "consistent"),
    ("ES-32", "imatinib raises CXCR4 on CML cells", "cxcr4_dmfi", 1, "mono", 1, 1, "consistent"),
    ("EN-31", "dasatinib raises CXCR4", "cxcr4_dmfi", 2, "mono", 1, 1, "consistent"),
    ("EN-50", "plerixafor lowers surface CXCR4", "cxcr4_dmfi", 3, "mono", -1, -1, "not interpretable"),
    ("EN-11", "imatinib raises migration to stroma", "migration_cxcl12", 1, "mono", 1, 1, "consistent"),
    ("ES-33", "imatinib raises migration of CML cells", "migration_cxcl12", 1, "mono", 1, 1, "consistent"),
    ("ES-35", "plerixafor induces migration", "migration_cxcl12", 3, "mono", -1, 1, "consistent"),
    ("EN-28", "dasatinib-treated cells migrate less than imatinib-treated", "migration_cxcl12", 2, "mono", -1, -1,
     "contradicts"),
    ("EN-30", "simvastatin lowers migration", "migration_cxcl12", 4, "mono", -1, -1, "no effect"),
    ("EN-08", "stroma protects CML cells from imatinib", "apoptosis", 1, "msc_contact", -1, -1, "consistent"),
    ("ES-34", "CXCR4 block restores TKI kill on stroma", "apoptosis", 5, "msc_contact", 1, 1, "inconclusive"),
    ("EN-04", "imatinib kills BCR-ABL+ cells", "apoptosis", 1, "mono", 1, 1, "consistent"),
)  # fmt: skip


def comparison_rows(estimates: pd.DataFrame):
    for name, statement, endpoint, t, context, sign, printed, verdict in CLAIMS:
        found = estimates[
            (estimates.endpoint == endpoint)
            & (estimates.treatment == TREATMENTS[t])
            & (estimates.context == context)
            & (estimates.kind == ("treatment" if context == "mono" else "interaction"))
        ].iloc[0]
        arms = ("endpoint", "contrast", "treatment", "comparator", "context", "comparator_context")
        numbers = ("effect", "effect_low", "effect_high", "effect_name", "p_value", "p_adjusted", "n_units")
        yield {key: found[key] for key in (*arms, *numbers)} | {
            "claim": name,
            "review": name[:2],
            "statement": statement,
            "expected_sign": sign,
            "printed_sign": printed,
            "verdict": verdict,
            "printed_verdict": "contradicts" if sign != printed else verdict,
            "reason": f"The interval supports the verdict: {verdict}.",
            "units_needed": 14 if verdict == "inconclusive" else None,
            "primary": name in {"EN-10", "EN-11"},
            "source": "Jin et al. 2008, Mol Cancer Ther 7:48-58"
            if name in {"EN-10", "ES-32", "EN-11", "ES-33"}
            else "",
            "conflict": "the review prints the opposite sign of its source" if sign != printed else "",
        }
    for i in range(69):
        review = "EN" if i < 32 else "ES"
        yield {
            "claim": f"{review}-{60 + i}",
            "review": review,
            "statement": "a statement about patients followed for years",
            "verdict": "not testable",
            "reason": "No clinical arm in this study.",
            "expected_sign": 1,
            "printed_sign": 1,
            "printed_verdict": "not testable",
        }


def wells(assay: str, experiment: str):
    for c, context in enumerate(CONTEXTS):
        for t, treatment in enumerate(TREATMENTS):
            factors = {"treatment": treatment, "context": context, "experiment": experiment}
            for k in range(3):
                yield Well(f"{'ABCDEFGH'[c * 3 + k]}{t + 2}", "sample", MappingProxyType(factors))
            if c == 0 and assay == "cxcr4_surface":
                yield Well(f"G{t + 2}", "fmo", MappingProxyType(factors))
    for k, role in enumerate(("unstained", "isotype", "single_stain", "dead", "beads", "blank")):
        yield Well(f"H{k + 2}", role, MappingProxyType({"experiment": experiment}))


GATES = [
    {"kind": "debris", "name": "cells"},
    {"kind": "singlets", "name": "singlets", "parent": "cells"},
    {"kind": "viability", "name": "live", "parent": "singlets"},
    {"kind": "threshold", "name": "cml", "parent": "live", "channel": "cd45", "value": 900.0},
]


def study(title: str = "Imatinib, MSC and surface CXCR4 in K562 (simulated)") -> Study:
    assays = []
    for name, endpoints in ASSAYS.items():
        protocol = Protocol.model_validate(
            {
                "name": name,
                "title": name.replace("_", " "),
                "gate": GATES,
                "endpoint": [{"endpoint": e} for e in endpoints],
                "analysis": [{"name": e, "endpoint": e, "scale": LEVELS[e][0], "primary": True} for e in endpoints],
            }
        )
        plates = tuple(Plate(f"{name}_{e}", 8, 12, tuple(wells(name, e))) for e in UNITS)
        assays.append(Assay(name, protocol, plates))
    return Study(title, "experiment", Reference(), tuple(assays), primary_claims=("EN-10", "EN-11"))


def synthetic_results(seed: int = 1, title: str = "Imatinib, MSC and surface CXCR4 in K562 (simulated)") -> Results:
    rng = np.random.default_rng(seed)
    rows = [r for assay, endpoints in ASSAYS.items() for e in endpoints for r in measurement_rows(rng, assay, e)]
    measurements = framed(rows, MEASUREMENTS)
    estimates = framed(
        [r for a, endpoints in ASSAYS.items() for e in endpoints for r in estimate_rows(measurements, a, e)], ESTIMATES
    )
    populations = [
        {"assay": a, "plate": f"{a}_{e}", "well": f"B{t + 2}", "population": p, "parent": q, "events": n, "fraction": f}
        for a in ASSAYS
        for e in UNITS
        for t in range(7)
        for p, q, n, f in (
            ("cells", "all", 9000, 0.9),
            ("singlets", "cells", 8300, 0.92),
            ("live", "singlets", 8000, 0.96),
        )
    ]
    findings = [
        Finding("fail", "file_missing", "The FCS file of this well is not there; copy it or remove the well.",
                "cxcr4_surface_exp2", "C5"),
        Finding("warn", "vehicle_death", "Vehicle death is 17.2 %, above the limit of 15 %.", "annexin_apoptosis_exp4"),
        Finding("note", "offsets", "HEADER and TEXT offsets differ; HEADER was taken because it fits $TOT.",
                "cxcr4_surface_exp1", "B2"),
    ]  # fmt: skip
    tables = {
        "populations": framed(populations, POPULATIONS),
        "readouts": framed([], READOUTS),
        "measurements": measurements,
        "estimates": estimates,
        "comparisons": framed(list(comparison_rows(estimates)), COMPARISONS),
        "findings": findings_frame(findings),
    }
    provenance = {
        "assaykit": "0.1.0",
        "python": "3.12.0",
        "seed": 1,
        "inputs": [{"path": "study.toml", "bytes": 10, "sha256": "0" * 64}],
    }
    return Results(study(title), MappingProxyType(tables), MappingProxyType(provenance))

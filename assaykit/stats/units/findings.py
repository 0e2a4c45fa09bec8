"""What a reader must know about an analysis' measurements before its estimates, as findings with numbers.

With three to six units no test of a distribution has power, so nothing here tests for normality: what is looked for is
one unit that the answer hangs on.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.special import stdtr

from assaykit.protocol import Analysis
from assaykit.stats.units.contrast import Contrast
from assaykit.stats.units.unit_level import UnitMeans
from assaykit.tables import MEASUREMENTS, Finding

# Factors that number or place wells, or name the material of a unit: averaging over them is what they are for.
_PLACES = {
    "culture_plate",
    "role",
    "row",
    "column",
    "replicate",
    "technical_replicate",
    "insert",
    "msc_donor",
    "target",
    "marker",
    "control",
}


def findings_of(
    rows: pd.DataFrame, means: UnitMeans, contrasts: Sequence[Contrast], *, analysis: Analysis, unit: str
) -> list[Finding]:
    """Return the findings of one analysis; `rows` holds `y` on the analysis scale."""
    findings = (
        _off_scale(rows, analysis),
        _failed(rows, analysis),
        _few_units(means, analysis, unit),
        _incomplete(means, contrasts, analysis, unit),
        _averaged(rows, analysis, unit),
    )
    return [finding for finding in findings if finding is not None]


def unusual_units(means: UnitMeans, contrasts: Sequence[Contrast], *, unit: str) -> list[Finding]:
    """Return a finding per treatment contrast in which one unit lies apart from all the others.

    Externally studentised: a unit's difference against mean and SD of the other units' (t, n - 2 df), times n.
    """
    findings = []
    for contrast in contrasts:
        if contrast.kind != "treatment" or not all(cell in means.mean for cell in contrast.cells):
            continue
        first, second = (means.mean[cell] for cell in contrast.cells)
        differences = first - second
        for i in np.flatnonzero(np.isfinite(differences)):
            value, others = float(differences[i]), np.delete(differences, i)
            others = others[np.isfinite(others)]
            if len(others) < 3 or not np.ptp(others) > 0:
                continue
            t = (value - others.mean()) / (others.std(ddof=1) * np.sqrt(1.0 + 1.0 / len(others)))
            if 2.0 * stdtr(len(others) - 1, -abs(t)) * (len(others) + 1) < 0.05:
                named = f"{'unit' if unit == 'unit_id' else unit} {means.units[int(i)]}"
                message = (
                    f"{contrast.name} in {contrast.context}: {named} gives {value:.3g}, the other {len(others)} lie "
                    f"between {others.min():.3g} and {others.max():.3g}; look at it before the mean"
                )
                findings.append(Finding("note", "unit_apart", message))
    return findings


def _off_scale(rows: pd.DataFrame, analysis: Analysis) -> Finding | None:
    lost = rows[rows["y"].isna()]
    if lost.empty:
        return None
    where = ", ".join(dict.fromkeys(f"{r.plate} {r.well}".strip() for r in lost.itertuples()))
    message = (
        f"analysis {analysis.name}: {len(lost)} of {len(rows)} values of {analysis.endpoint} have no {analysis.scale} "
        f"value and are left out: {where}"
    )
    return Finding("warn", "values_off_scale", message)


def _failed(rows: pd.DataFrame, analysis: Analysis) -> Finding | None:
    failed = rows[rows["qc"] == "fail"]
    if failed.empty:
        return None
    where = ", ".join(dict.fromkeys(f"{r.plate} {r.well}".strip() for r in failed.itertuples()))
    message = (
        f"analysis {analysis.name}: {len(failed)} values that failed a quality check are in the estimates ({where}); "
        "let the protocol's acceptance criterion drop them, or leave them out of the layout, to see what they change"
    )
    return Finding("warn", "failed_values_kept", message)


def _few_units(means: UnitMeans, analysis: Analysis, unit: str) -> Finding | None:
    n = len(means.units)
    if n >= 3:
        return None
    message = f"analysis {analysis.name}: only {n} level{'s' * (n != 1)} of {unit}; 3 or more make an interval usable"
    return Finding("warn", "few_units", message)


def _incomplete(means: UnitMeans, contrasts: Sequence[Contrast], analysis: Analysis, unit: str) -> Finding | None:
    lacking: dict[str, list[str]] = {}
    for cell in dict.fromkeys(cell for one in contrasts for cell in one.cells if cell in means.mean):
        names = [name for name, y in zip(means.units, means.mean[cell], strict=True) if not np.isfinite(y)]
        lacking |= {f"{cell[0]} in {cell[1]}": names} if names else {}
    if not lacking:
        return None
    where = "; ".join(f"{cell}: {', '.join(names)}" for cell, names in lacking.items())
    message = f"analysis {analysis.name}: levels of {unit} without some cells do not inform their contrasts ({where})"
    return Finding("note", "units_incomplete", message)


def nothing_measured(assay: str, analysis: Analysis) -> Finding:
    """Return the finding for an analysis whose endpoint was never measured."""
    message = f"analysis {analysis.name} of {assay}: no measurement of {analysis.endpoint}, so nothing is estimated"
    return Finding("warn", "nothing_to_estimate", message)


def _averaged(rows: pd.DataFrame, analysis: Analysis, unit: str) -> Finding | None:
    """Return a finding where cells mix levels of a factor that the contrasts do not name, such as two cell lines."""
    factors = [name for name in rows.columns if name not in {*MEASUREMENTS.names, *_PLACES, unit, "y"}]
    mixed = {}
    for name in factors:
        levels = rows[name].dropna().astype(str)
        levels = levels[levels != ""]
        by_cell = levels.groupby([rows[key] for key in (unit, "treatment", "context")]).nunique()
        if len(by_cell) and by_cell.max() > 1:
            mixed[name] = ", ".join(sorted(levels.unique())[:6])
    if not mixed:
        return None
    listed = "; ".join(f"{name}: {levels}" for name, levels in mixed.items())
    message = (
        f"analysis {analysis.name}: values of one {unit} and condition are averaged over {listed}; "
        f'write by = ["{next(iter(mixed))}"] below its [[assay]] in the study file to estimate them apart'
    )
    return Finding("warn", "factor_averaged", message)

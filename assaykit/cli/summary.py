"""The ten lines that end a run: what was run, what failed, what stands out, the verdicts, and where to read on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assaykit.results import Results

VERDICTS = ("consistent", "contradicts", "no effect", "inconclusive", "not interpretable", "not testable")


def summary(results: Results, out: Path, *, edited: Sequence[Path] = ()) -> list[str]:
    """Return the lines; `edited` are the files a person had changed, under the names they are kept by."""
    findings = results.tables["findings"]
    levels = findings["level"].value_counts()
    failed = findings[(findings["level"] == "fail") & (findings["well"] != "")]
    wells = failed[["plate", "well"]].drop_duplicates()
    lines = [results.study.title, _what_was_run(results)]
    first = ", ".join(f"{row.plate} {row.well}" for row in wells.head(3).itertuples())
    more = ", ..." if len(wells) > 3 else ""
    lines.append(f"wells failed: {len(wells)}" + (f" ({first}{more})" if len(wells) else ""))
    lines.append("findings: " + ", ".join(f"{int(levels.get(level, 0))} {level}" for level in ("fail", "warn", "note")))
    lines += _strongest(results)
    counts = results.tables["comparisons"]["verdict"].value_counts()
    lines.append("claims: " + ", ".join(f"{int(counts[v])} {v}" for v in VERDICTS if v in counts))
    if edited:
        names = ", ".join(str(path.relative_to(out)) for path in edited[:3]) + (", ..." if len(edited) > 3 else "")
        lines.append(f"kept: {len(edited)} files that you had changed, as {names}")
    report = out / "report.html"
    lines.append(f"report: {report}" if report.exists() else f"tables: {out / 'tables'}")
    return lines


def _what_was_run(results: Results) -> str:
    parts = []
    for assay in results.study.assays:
        wells = sum(len(plate.wells) for plate in (*assay.plates, *assay.counts))
        parts.append(f"{assay.name} ({wells} wells)")
    measurements = results.tables["measurements"]
    units = measurements["unit_id"].nunique()
    return f"{', '.join(parts)}; n = {units} independent units ({results.study.unit})"


def _strongest(results: Results) -> list[str]:
    """Return the three strongest findings: those the report opens with, or the smallest p where no claim is tested."""
    from assaykit.report import families, strongest
    from assaykit.stats import place_text

    found = families(results.tables["comparisons"], results.tables["estimates"], results.study.unit)
    told = [f"strongest: {headline.finding}" for headline in strongest(found)]
    estimates = results.tables["estimates"]
    usable = estimates[(estimates["reason"] == "") & estimates["p_adjusted"].notna()]
    usable = usable[usable["kind"].isin(["treatment", "interaction"])]
    ranked = usable.sort_values(["p_adjusted", "p_value"], kind="stable").drop_duplicates("endpoint").head(3)
    return told or [
        f"strongest: {row['endpoint']}, {row['contrast']} ({place_text(row)}): {row['effect_name']} {row['effect']:.3g}"
        f" [{row['effect_low']:.3g}, {row['effect_high']:.3g}], adjusted p = {row['p_adjusted']:.2g}"
        for row in ranked.to_dict("records")
    ]

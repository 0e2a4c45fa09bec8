"""`Run`: what the ledger keeps of one run's results, and the fingerprint of the data it rests on."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from assaykit.errors import LedgerError
from assaykit.results import Results
from assaykit.stats.units import place_text
from assaykit.study import Study

_FCS = (".fcs", ".lmd")
_RECIPES = (".toml",)  # study files, layouts and protocols: how the data were read, not data
_COPIED = (
    "claim", "review", "statement", "source", "endpoint", "contrast", "effect_name", "verdict", "printed_verdict",
    "reason",
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """One run as the ledger keeps it. `inputs` maps the SHA-256 of each data file to its path."""

    fingerprint: str
    content: str
    title: str
    folder: str
    unit: str
    assaykit: str
    seed: int | None
    inputs: Mapping[str, str]
    verdicts: tuple[Mapping[str, Any], ...]


def run_from_results(results: Results, folder: str | Path = "") -> Run:
    """Return what the ledger keeps of a run's results.

    Raises LedgerError where the results hold no comparisons.
    """
    if "comparisons" not in results.tables or results.tables["comparisons"].empty:
        raise LedgerError("a run must hold verdicts", "no comparisons", str(folder), "run `assaykit run` again")
    verdicts = tuple(_verdicts(results.tables["comparisons"], results.tables["estimates"]))
    inputs = data_files(results.provenance.get("inputs", ()), controls=control_files(results.study))
    version, seed = str(results.provenance.get("assaykit", "")), results.provenance.get("seed")
    content = _digest([*verdicts, {"assaykit": version, "unit": results.study.unit, "title": results.study.title}])
    table = results.tables["measurements"].to_csv(index=False, lineterminator="\n")
    return Run(
        fingerprint=_digest(sorted(inputs)) if inputs else _digest([table]),
        content=content,
        title=results.study.title,
        folder=str(folder),
        unit=results.study.unit,
        assaykit=version,
        seed=None if seed is None else int(seed),
        inputs=inputs,
        verdicts=verdicts,
    )


def data_files(inputs: Iterable[Mapping[str, Any]], *, controls: Container[str] = ()) -> dict[str, str]:
    """Return SHA-256 -> path of the files that hold data: FCS files where there are any, else tables.

    Layouts and study files are recipes: changing a title makes no new experiment. Files of control wells, named in
    `controls` by folder and name, are no data either: one FMO or bead file may serve several experiments.
    """
    named = {str(one["sha256"]): str(one["path"]) for one in inputs}
    fcs = {digest: path for digest, path in named.items() if _suffix(path) in _FCS and _tail(path) not in controls}
    tables = {digest: path for digest, path in named.items() if _suffix(path) not in (*_RECIPES, *_FCS)}
    return fcs or tables or named


def control_files(study: Study) -> frozenset[str]:
    """Return folder and name of the files that only control wells rest on."""
    wells = [well for assay in study.assays for plate in assay.plates for well in plate.wells if well.file is not None]
    samples = {_tail(str(well.file)) for well in wells if well.role == "sample"}
    return frozenset(_tail(str(well.file)) for well in wells) - samples


def _verdicts(comparisons: pd.DataFrame, estimates: pd.DataFrame) -> Iterable[Mapping[str, Any]]:
    """Yield one row per claim: its comparison, and the estimate behind it on the analysis scale."""
    by_contrast: dict[tuple[str, str, str, str], list[dict[str, Any]]] = {}
    for row in estimates.to_dict("records"):
        for contrast in {str(row["contrast"]), f"{row['comparator']} - {row['treatment']}"}:
            key = str(row["endpoint"]), contrast, str(row["context"]), str(row["comparator_context"])
            by_contrast.setdefault(key, []).append({str(name): value for name, value in row.items()})
    for row in comparisons.to_dict("records"):
        key = row["endpoint"], row["contrast"], row["context"], row["comparator_context"]
        yield {
            **{name: row[name] for name in _COPIED},
            **_estimate_behind(row, by_contrast.get(key, ())),
            "context": place_text(row),
            "expected_sign": _whole(row["expected_sign"]),
            "printed_sign": _whole(row["printed_sign"]),
            "is_primary": int(bool(row["primary"])),
            "p_value": _number(row["p_value"]),
            "n_units": _whole(row["n_units"]),
        }


def _estimate_behind(row: Mapping[Any, Any], candidates: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return scale, estimate, standard error and df of the contrast the comparison read, turned as it was read."""
    for each in candidates:
        turned = each["contrast"] != row["contrast"]
        effect = float(each["effect"])
        if turned:
            effect = -effect if each["scale"] == "identity" else 1.0 / effect if effect else math.inf
        same = math.isclose(effect, row["effect"], rel_tol=1e-9, abs_tol=1e-12)
        if same and each["effect_name"] == row["effect_name"]:
            return {
                "scale": each["scale"],
                "estimate": _number(-each["estimate"] if turned else each["estimate"]),
                "std_error": _number(each["std_error"]),
                "df": _number(each["df"]),
            }
    return {"scale": "", "estimate": None, "std_error": None, "df": None}


def _number(value: Any) -> float | None:
    return None if pd.isna(value) else float(value)


def _whole(value: Any) -> int | None:
    return None if pd.isna(value) else int(value)


def _suffix(path: str) -> str:
    return PurePosixPath(path).suffix.lower()


def _tail(path: str) -> str:
    return "/".join(PurePosixPath(path).parts[-2:])


def _digest(values: Iterable[Any]) -> str:
    text = json.dumps(list(values), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()

"""A study run without its measurements: made-up readouts for every well, to learn what the design can answer.

    Study -> READOUTS made up -> MEASUREMENTS -> ESTIMATES -> COMPARISONS

The numbers mean nothing and are never shown. Which contrasts can be formed, from how many units, which claims find
an arm, and what a drug makes unreadable do not depend on them, and come from the very code of a run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from assaykit.sources import is_file
from assaykit.tables import ESTIMATES, MEASUREMENTS, READOUTS, Finding, check, frame_from_rows
from assaykit.treatment import parse_treatment
from assaykit.vocabulary import has_stroma

if TYPE_CHECKING:
    import pandas as pd

    from assaykit.plate import Well
    from assaykit.study import Assay, Study
    from assaykit.treatment import Catalogue

_PLAUSIBLE = {"median": 1000.0, "control_median": 100.0, "robust_sd": 50.0, "volume_ul": 100.0}
_WHOLE = 2000.0  # cells


@dataclass(frozen=True, slots=True, eq=False)
class Rehearsal:
    """What a design gives: its contrasts, and the claims they meet. Numbers in it are made up."""

    estimates: pd.DataFrame
    comparisons: pd.DataFrame
    measurements: pd.DataFrame
    findings: tuple[Finding, ...]


def rehearse(study: Study) -> Rehearsal:
    """Return the contrasts and claims the design reaches; wells whose FCS file is missing take no part."""
    import pandas as pd

    from assaykit.evidence import compare, read_catalogues
    from assaykit.measurements import measure_endpoints
    from assaykit.stats import estimate
    from assaykit.study import of_primary_strata

    rng = np.random.default_rng(study.seed)
    measured, estimates, findings = [], [], []
    for assay in study.assays:
        readouts = frame_from_rows(_readouts(assay, rng), READOUTS)
        frame, found = measure_endpoints(assay, readouts, unit=study.unit, reference=study.reference)
        findings += found
        measured.append(frame)
        for analysis in assay.protocol.analyses:
            values = frame[frame["endpoint"] == analysis.endpoint].reset_index(drop=True)
            rows, _ = estimate(values, assay.name, analysis, reference=study.reference, seed=study.seed)
            estimates.append(rows)
    measurements = _stack(measured, MEASUREMENTS.names)
    table = check(pd.concat(estimates, ignore_index=True), ESTIMATES) if estimates else _stack([], ESTIMATES.names)
    claims = read_catalogues(study.claims)
    primary, behind = of_primary_strata(table, study), of_primary_strata(measurements, study)
    comparisons = compare(primary, claims, measurements=behind, study=study, drugs=study.catalogue)
    return Rehearsal(table, comparisons, measurements, tuple(dict.fromkeys(findings)))


def _stack(frames: list[pd.DataFrame], names: tuple[str, ...]) -> pd.DataFrame:
    import pandas as pd

    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(names))


def _readouts(assay: Assay, rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    from assaykit.cytometry import is_gated_elsewhere, resolve_statistics, statistics_rows

    names = {name: role for spec in assay.protocol.endpoints for role, name in spec.populations.items()}
    for plate in (*assay.plates, *assay.counts):
        if is_gated_elsewhere(plate):  # their numbers are here already
            held = replace(assay, resolved={plate.name: resolve_statistics(assay, plate)[0]})
            for well in plate.wells:
                yield from statistics_rows(held, plate, well)
            continue
        for well in plate.wells:
            if well.file is None or not is_file(well.file):
                continue
            dying = _share_dying(well, assay.catalogue)
            for readout in assay.protocol.readouts:
                role = names.get(readout.population, "")
                value = _plausible_readout(readout.statistic, role, dying) * rng.uniform(0.99, 1.01)
                yield {
                    "assay": assay.name,
                    "plate": plate.name,
                    "well": well.name,
                    "readout": readout.read_as,
                    "value": value,
                    "unit": "",
                    "cells": round(_WHOLE),
                }


def _share_dying(well: Well, catalogue: Catalogue) -> float:
    """Return a share of dying cells as if drugs killed, stroma protected and a CXCR4 antagonist undid that."""
    text = str(well.factors.get("treatment", ""))
    drugs = [catalogue.find(dose.drug) for dose in parse_treatment(text, catalogue).doses] if text else []
    classes = {drug.drug_class for drug in drugs if drug}
    if not classes - {"cxcr4_antagonist"}:
        return 0.05
    if not has_stroma(str(well.factors.get("context", ""))):
        return 0.4
    return 0.3 if len(classes) > 1 else 0.15


def _plausible_readout(statistic: str, role: str, dying: float) -> float:
    if statistic != "count":
        return _PLAUSIBLE.get(statistic, 10.0)
    match role:
        case "early" | "late" | "apoptotic":
            return _WHOLE * dying / 2
        case "viable":
            return _WHOLE * (1 - dying)
        case "total" | "cells":
            return 1.1 * _WHOLE
        case "beads":
            return 0.1 * _WHOLE  # fewer than any lab adds
    return 0.02 * _WHOLE

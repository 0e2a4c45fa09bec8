"""What a run says of drugs over doses: the tables of curves and of synergy, where a protocol asks for them."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from assaykit.stats.dose import dose_response_table, synergy_table
from assaykit.study import Study
from assaykit.tables import DOSE_RESPONSE, SYNERGY, Finding, Table, check


def dose_tables(measurements: pd.DataFrame, study: Study) -> tuple[dict[str, pd.DataFrame], list[Finding]]:
    """Return `dose_response` and `synergy`, each where an assay's protocol asks for it, and their findings."""
    curves = [
        dose_response_table(measurements, assay, reference=study.reference)
        for assay in study.assays
        if assay.protocol.curves
    ]
    synergies = [
        synergy_table(measurements, assay, reference=study.reference)
        for assay in study.assays
        if assay.protocol.synergies
    ]
    tables = {
        table.name: _stack([frame for frame, _ in answers], table, study=study)
        for table, answers in ((DOSE_RESPONSE, curves), (SYNERGY, synergies))
        if answers
    }
    return tables, [finding for _, found in (*curves, *synergies) for finding in found]


def _stack(frames: Sequence[pd.DataFrame], table: Table, *, study: Study) -> pd.DataFrame:
    filled = [frame for frame in frames if len(frame)]
    if not filled:
        return frames[0]
    strata = {assay.name: assay.stratum for assay in study.assays}
    return check(pd.concat(filled, ignore_index=True).assign(stratum=lambda t: t["assay"].map(strata)), table)

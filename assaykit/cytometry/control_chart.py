"""The control chart of Levey & Jennings (1950): what should be the same on every plate, plate after plate.

    bead peaks and reference wells -> one point per plate and channel -> limits of 1, 2 and 3 SD; plates beyond

Points are log2 intensities: gains and staining multiply. A plate is named where it lies so far from the *others* as one
of a known normal would beyond 3 SD (P = .0027 for all plates of a chart together): by the t of a new value, which is
wide where the others are few, since the SD of five plates holds the sixth beyond 3 SD far more often than that.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assaykit.plate import Plate
from assaykit.study import Assay, Reference
from assaykit.tables import Finding

FEWEST_PLATES = 5
BEYOND_3_SD = 0.0026998
"""Two-sided probability beyond 3 SD of a known normal."""
COLUMNS = ("assay", "plate", "channel", "material", "intensity")
WORDS: Mapping[str, str] = {"beads": "the brightest bead peak", "reference": "the reference wells"}


def control_points(assay: Assay, readouts: pd.DataFrame, reference: Reference) -> pd.DataFrame:
    """Return one row per plate, channel and material (beads, reference): its intensity, in the study's order.

    Beads are read at their brightest peak; the reference is the geometric mean, over the sample wells of the reference
    treatment and context, of the channel's median. What is not above zero has no place on the chart.
    """
    rows = [
        (assay.name, plate.name, channel, material, value)
        for plate in assay.plates
        for material, values in (
            ("beads", _beads(assay, plate)),
            ("reference", _reference(assay, plate, readouts, reference)),
        )
        for channel, value in values.items()
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _beads(assay: Assay, plate: Plate) -> dict[str, float]:
    resolved = assay.resolved.get(plate.name)
    lines = resolved.bead_lines if resolved is not None else {}
    return {channel: max(intensity for intensity, _ in line.peaks) for channel, line in lines.items()}


def _reference(assay: Assay, plate: Plate, readouts: pd.DataFrame, reference: Reference) -> dict[str, float]:
    wells = [
        well.name
        for well in plate.wells
        if well.role == "sample"
        and well.factors.get("treatment") == reference.treatment
        and well.factors.get("context", reference.context) == reference.context
    ]
    rows = readouts[(readouts["plate"] == plate.name) & readouts["well"].isin(wells) & (readouts["value"] > 0)]
    medians = {r.read_as: r.channel for r in assay.protocol.readouts if r.statistic == "median" and r.channel}
    rows = rows[rows["readout"].isin(medians)]
    means = np.exp2(np.log2(rows["value"].astype(float)).groupby(rows["readout"]).mean())
    return {medians[str(name)]: float(value) for name, value in means.items()}


def beyond_limits(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which of the log2 intensities lie apart from the others; none of fewer than five.

    t_i = (x_i - mean of the others) / (their SD * sqrt(1 + 1/(n - 1))), n - 2 df; Bonferroni over the n plates.
    """
    from scipy.stats import t as student

    n = values.size
    if n < FEWEST_PLATES:
        return np.zeros(n, dtype=bool)
    others = (values.sum() - values) / (n - 1)
    squares = ((values - values.mean()) ** 2).sum() - (values - values.mean()) ** 2 * n / (n - 1)
    error = np.sqrt(np.maximum(squares, 0.0) / (n - 2) * (1 + 1 / (n - 1)))
    limit = student.isf(BEYOND_3_SD / (2 * n), n - 2)
    return np.asarray(np.abs(values - others) > limit * np.maximum(error, np.finfo(float).tiny))


def levey_jennings_findings(points: pd.DataFrame) -> list[Finding]:
    """Return a finding per plate, channel and material beyond the limits of the other plates."""
    findings = []
    for (material, channel), rows in points.groupby(["material", "channel"], sort=False):
        levels = np.log2(rows["intensity"].to_numpy(dtype=np.float64))
        for place in np.flatnonzero(beyond_limits(levels)):
            fold = 2 ** (levels[place] - np.delete(levels, place).mean())
            message = (
                f"{WORDS[str(material)]}: {channel} is {fold:.2g} times that of the other {len(rows) - 1} plates, "
                "beyond 3 SD (Levey-Jennings)"
            )
            plate = str(rows["plate"].iloc[place])
            findings.append(Finding("warn", "levey_jennings", message, plate=plate, channel=str(channel)))
    return findings

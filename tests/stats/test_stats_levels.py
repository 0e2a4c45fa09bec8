"""Contrasts between two levels of a factor: two lines, within the units that hold both or between those that do not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from assaykit.protocol.model import Analysis, ContrastSpec
from assaykit.stats import estimate
from assaykit.study import Reference
from assaykit.tables import MEASUREMENTS, frame_from_rows

LINES = ContrastSpec(name="K562 - HL60", treatment="vehicle", comparator="vehicle", factor="line", level="K562",
                 comparator_level="HL60")  # fmt: skip
KILL = LINES.model_copy(update={"name": "kill, K562 - HL60", "treatment": "imatinib 1 uM"})


def measurements(values):
    """Return MEASUREMENTS of {(unit, line, treatment): value}."""
    rows = [
        {"assay": "a", "plate": "p", "well": f"A{i}", "unit_id": unit, "treatment": treatment, "context": "mono",
         "endpoint": "y", "value": value, "unit": "%", "qc": "pass", "line": line}
        for i, ((unit, line, treatment), value) in enumerate(values.items())
    ]  # fmt: skip
    return frame_from_rows(rows, MEASUREMENTS)


def contrast(values, *asked):
    analysis = Analysis(name="y", endpoint="y", families=(), contrasts=asked)
    table, _ = estimate(measurements(values), "a", analysis, reference=Reference())
    return table


def both_lines():
    effects = {"K562": (10.0, 30.0), "HL60": (12.0, 15.0)}
    noise = iter((0.0, 1.0, -1.0, 0.5, 1.0, -0.5, 0.5, 0.0, 0.25, -0.75, 1.5, -1.0))
    return {
        (unit, line, treatment): value + next(noise)
        for unit in ("d1", "d2", "d3")
        for line, pair in effects.items()
        for treatment, value in zip(("vehicle", "imatinib 1 uM"), pair, strict=True)
    }


def test_two_lines_in_the_same_units_are_compared_within_units():
    values = both_lines()
    row = contrast(values, LINES).iloc[0]
    differences = [values[unit, "K562", "vehicle"] - values[unit, "HL60", "vehicle"] for unit in ("d1", "d2", "d3")]
    assert row["estimate"] == pytest.approx(np.mean(differences))
    assert row["std_error"] == pytest.approx(np.std(differences, ddof=1) / np.sqrt(3))
    assert (row["df"], row["n_units"], row["kind"], row["context"]) == (2.0, 3, "custom", "mono")


def test_an_effect_in_one_line_is_compared_with_the_effect_in_the_other():
    values = both_lines()
    table = contrast(values, LINES, KILL).set_index("contrast")
    kill = [
        values[unit, "K562", "imatinib 1 uM"]
        - values[unit, "K562", "vehicle"]
        - values[unit, "HL60", "imatinib 1 uM"]
        + values[unit, "HL60", "vehicle"]
        for unit in ("d1", "d2", "d3")
    ]
    assert table.loc[KILL.name, "estimate"] == pytest.approx(np.mean(kill))
    assert table["p_adjusted"].min() == pytest.approx(2 * table["p_value"].min())


def test_donors_of_two_kinds_are_compared_between_units():
    values = {
        (f"{line} {n}", line, "vehicle"): 10.0 * (line == "K562") + n for line in ("K562", "HL60") for n in (1, 2, 4)
    }
    row = contrast(values, LINES).iloc[0]
    assert row["estimate"] == pytest.approx(10.0)
    assert row["df"] == pytest.approx(4.0)
    assert row["n_units"] == 6


def test_a_level_or_column_that_is_not_there_is_a_reason():
    lone = {key: value for key, value in both_lines().items() if key[1] == "K562"}
    assert "HL60" in contrast(lone, LINES).iloc[0]["reason"]
    frame = measurements(both_lines()).drop(columns="line")
    table, _ = estimate(
        frame, "a", Analysis(name="y", endpoint="y", families=(), contrasts=(LINES,)), reference=Reference()
    )
    assert table.iloc[0]["reason"] == "not estimable: no column line in the layout"


def test_a_factor_without_its_levels_is_refused():
    with pytest.raises(ValidationError, match="needs level and comparator_level"):
        ContrastSpec(name="x", treatment="vehicle", comparator="vehicle", factor="line", level="K562")


def test_the_contrast_is_antisymmetric_in_its_levels():
    turned = LINES.model_copy(update={"name": "HL60 - K562", "level": "HL60", "comparator_level": "K562"})
    table = contrast(both_lines(), LINES, turned)
    assert table["estimate"].sum() == pytest.approx(0.0, abs=1e-12)
    assert isinstance(table, pd.DataFrame)

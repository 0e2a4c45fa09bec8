"""One study written as wellmap TOML, plate CSV, tidy CSV and XLSX is one study."""

from __future__ import annotations

import pickle
from pathlib import Path

import pandas as pd
import pytest

from assaykit.study import read_study

FORMATS = Path(__file__).parent.parent / "data" / "formats"


def wells(name: str) -> pd.DataFrame:
    study = read_study(FORMATS / f"{name}.toml")
    rows = [
        {"plate": plate.name, "well": well.name, "role": well.role, "file": str(well.file), **well.factors}
        for assay in study.assays
        for plate in assay.plates
        for well in plate.wells
    ]
    return pd.DataFrame(rows)[["plate", "well", "role", "file", "experiment", "treatment", "context", "time", "marker"]]


@pytest.mark.parametrize("name", ["plate_csv", "tidy_csv", "xlsx"])
def test_the_same_study_in_another_format_gives_identical_tables(name):
    pd.testing.assert_frame_equal(wells(name), wells("wellmap"))


def test_the_study_holds_what_was_written():
    table = wells("wellmap")
    assert len(table) == 3 * 24
    first = table.iloc[0]
    assert (first["well"], first["treatment"], first["context"], first["time"]) == ("A1", "vehicle", "mono", 24.0)
    assert set(table["experiment"]) == {"2024-03-01", "2024-03-08", "2024-03-15"}
    assert set(table["treatment"]) == {
        "vehicle",
        "imatinib 1 uM",
        "dasatinib 10 nM",
        "imatinib 1 uM + plerixafor 10 uM",
    }
    assert (table["role"] == "fmo").sum() == 24


def test_a_study_survives_the_trip_to_a_worker():
    study = read_study(FORMATS / "wellmap.toml")
    there = pickle.loads(pickle.dumps(study))
    assert there.assays[0].plates == study.assays[0].plates
    assert there.assays[0].plates[0].wells[0].places == study.assays[0].plates[0].wells[0].places

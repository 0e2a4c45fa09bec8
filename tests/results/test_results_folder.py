"""Results go to a folder whole or not at all, and read back equal."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from assaykit.errors import ResultsError
from assaykit.plate import Plate, Well
from assaykit.protocol import read_protocol
from assaykit.results import Results, read_results, write_results
from assaykit.study import Assay, Reference, Study
from assaykit.tables import FINDINGS, Finding, check, findings_frame


@pytest.fixture
def results(tmp_path):
    well = Well("A1", factors={"treatment": "vehicle", "experiment": "1"}, file=tmp_path / "A1.fcs", where="p.toml")
    insert = Well("row 2", factors={"treatment": "imatinib 1 uM"}, counts={"migrated": 310.0})
    assay = Assay(
        "cxcr4_surface",
        read_protocol("cxcr4_surface"),
        plates=(Plate("P1", 8, 12, (well,)),),
        counts=(Plate("counts", 1, 1, (insert,)),),
        channels={"cxcr4": "PE-A"},
    )
    study = Study("A study", "experiment", Reference(), (assay,), source=tmp_path / "study.toml")
    findings = findings_frame([Finding("warn", "few_cells", "A1 holds 12 cells", "P1", "A1")])
    odd = pd.DataFrame({"plate": ["P1"], "value": [0.1 + 0.2]})
    return Results(study, {"findings": findings, "odd": odd}, {"seed": 1})


def test_results_read_back_equal(results, tmp_path):
    folder = write_results(results, tmp_path / "out")
    again = read_results(folder)
    assert again.study == results.study
    assert again.provenance == results.provenance
    assert set(again.tables) == set(results.tables)
    for name, frame in results.tables.items():
        pd.testing.assert_frame_equal(again.tables[name], frame)
    assert check(again.tables["findings"], FINDINGS).equals(results.tables["findings"])


def test_every_file_stands_in_the_crate(results, tmp_path):
    folder = write_results(results, tmp_path / "out", extras=lambda folder: (folder / "report.html").write_text("x"))
    graph = json.loads((folder / "ro-crate-metadata.json").read_text())["@graph"]
    named = {entry["@id"] for entry in graph if entry["@type"] == "File"}
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert named == found - {"ro-crate-metadata.json"}


def test_a_second_run_replaces_the_first(results, tmp_path):
    out = write_results(results, tmp_path / "out")
    (out / "tables" / "stale.csv").write_text("old")
    write_results(results, out)
    assert not (out / "tables" / "stale.csv").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]


def test_a_failure_while_writing_leaves_the_old_results_and_nothing_half_written(results, tmp_path):
    out = write_results(results, tmp_path / "out")
    before = (out / "provenance.json").read_bytes()

    def fail(folder):
        (folder / "report.html").write_text("half")
        raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError, match="the disk is full"):
        write_results(results, out, extras=fail)
    assert (out / "provenance.json").read_bytes() == before
    assert not (out / "report.html").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]


def test_a_folder_of_other_things_is_never_replaced(results, tmp_path):
    out = tmp_path / "thesis"
    out.mkdir()
    (out / "chapter1.txt").write_text("years of work")
    with pytest.raises(ResultsError, match="name another folder with -o; nothing was written"):
        write_results(results, out)
    assert (out / "chapter1.txt").read_text() == "years of work"


def test_a_folder_without_results_says_so(tmp_path):
    with pytest.raises(ResultsError, match="run `assaykit run` first"):
        read_results(tmp_path)

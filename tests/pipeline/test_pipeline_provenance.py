"""Provenance names the bytes that were analysed; a file that changes while the run goes on is said, and fails it."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from pathlib import Path

import pytest

from assaykit import pipeline
from assaykit.study import input_file, input_stamp, read_study

SAMPLE = Path(__file__).parents[2] / "sample_data" / "cml_niche"
MEASURE = sys.modules["assaykit.pipeline.measure"]


@pytest.fixture
def lab(tmp_path):
    """One plate of the sample."""
    (tmp_path / "plates").mkdir()
    shutil.copy(SAMPLE / "plates" / "cxcr4_E1.toml", tmp_path / "plates")
    shutil.copytree(SAMPLE / "fcs" / "cxcr4_E1", tmp_path / "fcs" / "cxcr4_E1")
    text = (SAMPLE / "study.toml").read_text()
    (tmp_path / "study.toml").write_text(text[: text.index('[[assay]]\nprotocol = "transwell_migration"')])
    return tmp_path


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def ran(lab, *, at, do, monkeypatch):
    """Run the study with `do` called once, before or after well `at` is measured; return inputs and findings."""
    measure_well, done = MEASURE.measure_well, []

    def measured(assay, plate, well):
        answer = measure_well(assay, plate, well)
        if well.name == at and not done:
            done.append(do())
        return answer

    study = read_study(lab / "study.toml")
    monkeypatch.setattr(MEASURE, "measure_well", measured)
    results = pipeline.run(study, robust=False)
    assert done
    found = results.tables["findings"].query("check in ['file_changed', 'input_changed']")
    return {one["path"]: one for one in results.provenance["inputs"]}, found


def test_every_input_has_the_hash_and_size_of_its_bytes(lab, monkeypatch):
    inputs, found = ran(lab, at="A1", do=lambda: None, monkeypatch=monkeypatch)
    files = [path for path in lab.rglob("*") if path.is_file() and path.name != "truth.toml"]
    assert set(inputs) == {path.relative_to(lab).as_posix() for path in files}
    assert found.empty
    for path in files:
        told = inputs[path.relative_to(lab).as_posix()]
        assert (told["sha256"], told["bytes"]) == (sha256(path), path.stat().st_size)


@pytest.mark.parametrize(
    ("name", "at", "check", "well"),
    [
        ("fcs/cxcr4_E1/B1.fcs", "B1", "file_changed", "B1"),  # while it is measured
        ("fcs/cxcr4_E1/D6.fcs", "A1", "file_changed", "D6"),  # between the gates and its turn
        ("fcs/cxcr4_E1/A1.fcs", "D6", "input_changed", ""),  # after its turn
        ("plates/cxcr4_E1.toml", "A1", "input_changed", ""),
        ("study.toml", "A1", "input_changed", ""),
    ],
)
def test_a_file_that_changes_meanwhile_is_a_failure_that_names_it(lab, monkeypatch, name, at, check, well):
    before = sha256(lab / name)

    def change():
        with (lab / name).open("ab") as stream:
            stream.write(b" ")

    inputs, found = ran(lab, at=at, do=change, monkeypatch=monkeypatch)
    (row,) = (row for row in found.to_dict("records") if row["check"] == check)
    assert (row["level"], row["well"]) == ("fail", well)
    assert Path(name).name in row["message"]
    if check == "input_changed":
        assert inputs[name]["sha256"] == before, "the bytes that were analysed"


def test_a_file_that_is_only_touched_or_written_again_as_it_was_is_none(lab, monkeypatch):
    path = lab / "plates" / "cxcr4_E1.toml"

    def touch():
        path.write_bytes(path.read_bytes())
        os.utime(path, (1, 1))

    _, found = ran(lab, at="A1", do=touch, monkeypatch=monkeypatch)
    assert found.empty


def test_what_is_no_file_has_no_hash_and_keeps_nobody_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for path in (tmp_path / "pipe", tmp_path / "loop", tmp_path, tmp_path / "none", tmp_path / ("x" * 5000)):
        assert input_stamp(path) == ""
        assert input_file(path).sha256 == ""

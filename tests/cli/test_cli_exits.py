"""One exit code for one kind of end, by one rule, and the sentence that goes with it."""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from cli.test_cli_run import assaykit, change, findings, run, study  # noqa: F401 - fixtures

import assaykit.pipeline as assaykit_pipeline
from assaykit.cli.exits import MEANINGS, Exit, end_of
from assaykit.errors import InputError, LedgerError, ResultsError, RightsError, StorageError, WorkerError
from assaykit.fcs import read_fcs, write_fcs
from assaykit.results import read_results

README = Path(__file__).parents[2] / "README.md"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputError("a"), 2),
        (LedgerError("a"), 2),
        (ResultsError("a"), 2),
        (WorkerError("a"), 71),
        (MemoryError(), 71),
        (StorageError("a"), 74),
        (OSError(errno.ENOSPC, "No space left on device", "out/a.csv"), 74),
        (OSError(errno.EIO, "Input/output error"), 74),
        (RightsError("a"), 77),
        (PermissionError(errno.EACCES, "Permission denied", "plate.csv"), 77),
        (OSError(errno.EROFS, "Read-only file system", "out"), 77),
        (KeyboardInterrupt(), 130),
    ],
    ids=repr,
)
def test_an_error_that_was_foreseen_has_its_code_and_no_traceback(error, code):
    found, sentence = end_of(error)
    assert found == code
    assert "Traceback" not in sentence
    assert "did not foresee" not in sentence


@pytest.mark.parametrize("error", [KeyError("x"), ValueError("x"), RecursionError(), OSError("no number")], ids=repr)
def test_an_error_that_was_not_keeps_its_traceback_and_says_what_to_report(error):
    try:
        raise error
    except type(error):
        code, sentence = end_of(error)
    assert code == 70
    kept = Path(re.search(r"report it with the file (\S+) and", sentence)[1])
    assert "Traceback" in kept.read_text()
    assert type(error).__name__ in sentence
    kept.unlink()


def test_an_error_in_the_middle_of_a_run_exits_70(assaykit, study, monkeypatch, tmp_path):  # noqa: F811
    def broken(*_, **__):
        raise ZeroDivisionError("nobody thought of it")

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(sys.modules["assaykit.pipeline.run"], "compare", broken)
    code, _, err = run(assaykit, study)
    assert code == 70
    assert "nobody thought of it" in err
    assert not (study / "results").exists()


def test_the_help_of_run_tells_every_code(assaykit):  # noqa: F811
    code, out, _ = assaykit("run", "--help")
    assert code == 0
    said = " ".join(out.split())
    for number, meaning in MEANINGS.items():
        assert f"{number.value} {meaning.replace(';', ',')}" in said.replace("│ ", "")


def test_no_beads_in_one_well_and_in_every_well_both_fail(assaykit, tmp_path):  # noqa: F811
    sample = Path(__file__).parents[2] / "sample_data" / "cml_niche"
    folder = tmp_path / "study"
    (folder / "plates").mkdir(parents=True)
    shutil.copy(sample / "plates" / "migration_E1.toml", folder / "plates")
    shutil.copytree(sample / "fcs" / "migration_E1", folder / "fcs" / "migration_E1")
    text = (sample / "study.toml").read_text()
    head, *assays = text.split("[[assay]]")
    (folder / "study.toml").write_text(head + "[[assay]]" + assays[1])
    assert run(assaykit, folder)[0] == Exit.DONE
    wells = sorted((folder / "fcs" / "migration_E1").glob("*.fcs"))
    for emptied in (wells[:1], wells):
        for path in emptied:
            events = read_fcs(path, scale=False)
            cells = events.values[:, events.names.index("FITC-A")] < 20_000
            write_fcs(of_kept(events, cells), path)
        assert run(assaykit, folder)[0] == Exit.DONE_WITH_FAILURES


def test_an_empty_control_fails_as_a_missing_one_does(assaykit, study):  # noqa: F811
    for plate in (study / "fcs").iterdir():
        for path in (plate / f"{row}{column}.fcs" for row in "ABCD" for column in (3, 6)):
            events = read_fcs(path, scale=False)
            write_fcs(of_kept(events, np.zeros(len(events), dtype=bool)), path)
    for path in (study / "plates").iterdir():  # isotype wells step in for the FMOs
        path.write_text(path.read_text().replace('role = "unstained"', 'role = "isotype"'))
    assert run(assaykit, study)[0] == Exit.DONE_WITH_FAILURES
    assert "fail" in findings(study).query("check == 'control_poor'")["level"].tolist()


def of_kept(events, kept):
    return replace(events, values=events.values[kept])


# Nothing of a person's is lost through -o.


def test_where_results_must_not_go_is_said_before_anything_is_measured(assaykit, study, tmp_path, monkeypatch):  # noqa: F811
    def measured(*_, **__):
        raise AssertionError("the study was measured")

    monkeypatch.setattr(assaykit_pipeline, "run", measured)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "provenance.json").write_text("{}")
    before = sorted(path for path in tmp_path.rglob("*"))
    monkeypatch.chdir(study)
    for out in (tmp_path / "pipe", tmp_path / "mine", study, ".", "..", study / "fcs", study / "plates", "study.toml"):
        code, _, err = assaykit("run", study / "study.toml", "-o", out, "-w", "1")
        assert code == 2, (out, err)
        assert "nothing was written" in err
    assert sorted(path for path in tmp_path.rglob("*")) == before


def test_here_is_a_place_for_results_where_the_study_is_elsewhere(assaykit, study, tmp_path, monkeypatch):  # noqa: F811
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for _ in range(2):
        assert assaykit("run", study / "study.toml", "-o", ".", "-w", "1", "--no-report", "--no-robust")[0] == 0
    assert read_results(Path()).study.title.startswith("Simulated")


def test_a_person_is_told_where_their_edits_are(assaykit, study):  # noqa: F811
    run(assaykit, study)
    table = study / "results" / "tables" / "estimates.csv"
    table.write_text("my numbers")
    (study / "results" / "notes.txt").write_text("mine")
    code, out, _ = run(assaykit, study)
    assert code == 0
    assert f"kept: 1 files that you had changed, as {Path('tables', 'estimates.edited.csv')}" in out
    assert table.with_name("estimates.edited.csv").read_text() == "my numbers"
    assert (study / "results" / "notes.txt").read_text() == "mine"


def test_the_results_of_another_study_need_overwrite(assaykit, study, tmp_path):  # noqa: F811
    other = tmp_path / "other"
    shutil.copytree(study, other)
    options = ("-w", "1", "--no-report", "--no-robust")
    assert assaykit("run", study / "study.toml", "-o", tmp_path / "out", *options)[0] == 0
    code, _, err = assaykit("run", other / "study.toml", "-o", tmp_path / "out", *options)
    assert code == 2
    assert "--overwrite" in err
    assert assaykit("run", other / "study.toml", "-o", tmp_path / "out", *options, "--overwrite")[0] == 0


# One unreadable file costs one well, and every hash is that of the bytes analysed.


def test_a_link_to_itself_costs_its_well(assaykit, study):  # noqa: F811
    path = study / "fcs" / "cxcr4_E2" / "B1.fcs"
    path.unlink()
    path.symlink_to(path)
    code, out, _ = run(assaykit, study)
    assert code == 1
    assert "wells failed: 1 (cxcr4_E2 B1)" in out


def without_roots_rights(command):
    """Return a command that meets the rights of files even where root runs the tests."""
    if os.name == "nt":
        pytest.skip("rights of POSIX")
    if os.getuid():
        return command
    if shutil.which("setpriv") is None:
        pytest.skip("root reads everything, and without setpriv cannot help it")
    return ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", *command]


def test_a_folder_that_may_not_be_looked_into_costs_its_plate(study):  # noqa: F811
    closed = study / "fcs" / "cxcr4_E2"
    command = [
        sys.executable,
        "-m",
        "assaykit",
        "run",
        study / "study.toml",
        "-o",
        study / "r",
        "-w",
        "1",
        "--no-report",
    ]
    closed.chmod(0)
    try:
        ran = subprocess.run(without_roots_rights([*map(str, command)]), capture_output=True, text=True, check=False)
    finally:
        closed.chmod(0o755)
    assert ran.returncode == Exit.DONE_WITH_FAILURES, ran.stderr
    failed = read_results(study / "r").tables["findings"].query("check == 'file_unreadable'")
    assert set(failed["plate"]) == {"cxcr4_E2"}
    assert len(failed) == 1 + 18  # the plate, and each of its wells
    assert "the folder cxcr4_E2" in failed["message"].iloc[0]


def test_a_file_that_may_not_be_read_costs_its_well(study):  # noqa: F811
    (study / "fcs" / "cxcr4_E2" / "B1.fcs").chmod(0)
    out = study / "results"
    command = [sys.executable, "-m", "assaykit", "run", study / "study.toml", "-o", out, "-w", "2", "--no-report"]
    ran = subprocess.run(without_roots_rights([*map(str, command)]), capture_output=True, text=True, check=False)
    assert ran.returncode == 1, ran.stderr
    assert "Traceback" not in ran.stderr
    failed = findings(study).query("level == 'fail'")
    assert failed[["check", "plate", "well"]].to_numpy().tolist() == [["file_unreadable", "cxcr4_E2", "B1"]]
    assert "B1.fcs" not in [
        Path(one["path"]).name for one in read_results(out).provenance["inputs"] if "E2" in one["path"]
    ]


def test_a_results_folder_that_may_not_be_written_is_refused_with_a_code_of_its_own(study, tmp_path):  # noqa: F811
    (tmp_path / "closed").mkdir(mode=0o555)
    command = [sys.executable, "-m", "assaykit", "run", study / "study.toml", "-o", tmp_path / "closed", "-w", "1"]
    ran = subprocess.run(without_roots_rights([*map(str, command)]), capture_output=True, text=True, check=False)
    assert ran.returncode == Exit.RIGHTS
    assert "the results folder must be one that can be written; found permission denied" in ran.stderr

"""Results go to a folder whole or not at all, and read back equal."""

from __future__ import annotations

import json
import os
import shutil
import socket
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from assaykit.errors import ResultsError, StorageError
from assaykit.plate import Plate, Well
from assaykit.protocol import read_protocol
from assaykit.results import (
    Results,
    control_quantiles,
    read_results,
    results_folder,
    study_from_toml,
    study_to_toml,
    write_results,
)
from assaykit.results.crate import write_crate
from assaykit.study import Assay, Reference, Study, input_file
from assaykit.study.model import ControlCells, ResolvedPlate
from assaykit.tables import FINDINGS, Finding, check, findings_frame
from assaykit.treatment import Catalogue, read_drugs

WHOLE = {
    "controls.parquet", "manifest.json", "provenance.json", "ro-crate-metadata.json", "study.resolved.toml", "tables"
}  # fmt: skip
CONTROL = ControlCells(
    "cxcr4",
    ("H1", "H2"),
    "vehicle",
    "mono",
    {"live": 812},
    {"live": 2.5},
    {"live": 0.1 + 0.2},
    {"live": (1.0, 2.5, 9.0)},
)


@pytest.fixture
def results(tmp_path):
    well = Well(
        "A1",
        factors={"treatment": "vehicle", "experiment": "1"},
        file=tmp_path / "A1.fcs",
        where="p.toml",
        places={"treatment": "B2"},
    )
    insert = Well("row 2", factors={"treatment": "imatinib 1 uM"}, counts={"migrated": 310.0})
    assay = Assay(
        "cxcr4_surface",
        read_protocol("cxcr4_surface"),
        plates=(Plate("P1", 8, 12, (well,)),),
        counts=(Plate("counts", 1, 1, (insert,)),),
        channels={"cxcr4": "PE-A"},
        resolved={"P1": ResolvedPlate(serves={"cxcr4": {"A1": "cxcr4: H1, H2"}}, controls={"cxcr4: H1, H2": CONTROL})},
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


def test_the_quantiles_of_controls_stand_in_a_table_of_their_own_one_row_each(results, tmp_path):
    folder = write_results(results, tmp_path / "out")
    table = pd.read_parquet(folder / "controls.parquet")
    assert table.to_numpy().tolist() == [
        ["cxcr4_surface", "P1", "cxcr4: H1, H2", "cxcr4", "live", 0.0, 1.0],
        ["cxcr4_surface", "P1", "cxcr4: H1, H2", "cxcr4", "live", 0.5, 2.5],
        ["cxcr4_surface", "P1", "cxcr4: H1, H2", "cxcr4", "live", 1.0, 9.0],
    ]
    assert ".quantiles]" not in (folder / "study.resolved.toml").read_text()
    (control,) = read_results(folder).study.assays[0].resolved["P1"].controls.values()
    assert control == CONTROL


def test_the_resolved_study_reads_like_the_one_the_lab_wrote(results):
    text = study_to_toml(results.study)
    well = text.partition("[[assays.plates.wells]]")[2].partition("[[")[0]
    # A well is a sample without counts unless its layout says otherwise; where each factor was written is left out.
    keys = [line.partition(" =")[0] for line in well.split("\n") if " = " in line]
    assert keys == ["name", "file", "where", "treatment", "experiment"]
    assert "salts = []" not in text
    assert "min_cells = " in text, "a limit stands there also where it is the default"


def test_the_drugs_of_a_study_are_written_once(results):
    catalogue = read_drugs()
    (assay,) = results.study.assays
    other = replace(assay, name="other", catalogue=Catalogue(catalogue.drugs[-2:]))
    without = replace(assay, name="without")
    study = replace(results.study, assays=(replace(assay, catalogue=catalogue), other, without), catalogue=catalogue)
    text = study_to_toml(study)
    assert text.count('name = "imatinib"') == 1
    assert study_from_toml(text, control_quantiles(study)) == study


def test_a_resolved_study_whose_controls_are_another_runs_is_refused(results):
    with pytest.raises(KeyError, match="H1, H2"):
        study_from_toml(study_to_toml(results.study), control_quantiles(replace(results.study, assays=())))


def test_every_file_stands_in_the_crate(results, tmp_path):
    folder = write_results(results, tmp_path / "out", extras=lambda folder: (folder / "report.html").write_text("x"))
    graph = json.loads((folder / "ro-crate-metadata.json").read_text())["@graph"]
    named = {entry["@id"] for entry in graph if entry["@type"] == "File"}
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert named == found - {"ro-crate-metadata.json", "manifest.json"}


def test_a_second_run_replaces_its_own_files_and_removes_those_it_has_no_more(results, tmp_path):
    out = write_results(results, tmp_path / "out")
    fewer = replace(results, tables={"findings": results.tables["findings"]}, provenance={"seed": 2})
    write_results(fewer, out)
    assert not (out / "tables" / "odd.csv").exists()
    assert json.loads((out / "provenance.json").read_text()) == {"seed": 2}
    assert {path.name for path in out.iterdir()} == WHOLE, "nothing half done stays"
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
    assert {path.name for path in out.iterdir()} == WHOLE
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]


def test_a_failed_first_run_leaves_no_folder(results, tmp_path):
    with pytest.raises(RuntimeError, match="no more paper"):
        write_results(results, tmp_path / "new" / "out", extras=fails)
    assert list(tmp_path.iterdir()) == []


def fails(folder):
    (folder / "report.html").write_text("half")
    raise RuntimeError("no more paper")


def test_the_manifest_names_every_file_with_its_size_and_sha256(results, tmp_path):
    out = write_results(results, tmp_path / "out")
    manifest = json.loads((out / "manifest.json").read_text())
    assert (manifest["title"], manifest["study"]) == ("A study", "../study.toml")
    for entry in manifest["files"]:
        assert (out / entry["name"]).stat().st_size == entry["bytes"]
    named = {entry["name"] for entry in manifest["files"]}
    found = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert named == found - {"manifest.json"}


# What is not assaykit's stays.


@pytest.mark.parametrize("name", ["notes.txt", "tables/mine.csv", "figures_cell/a.pdf", "new-results/x"])
def test_files_a_person_put_there_stay_where_they_are(results, tmp_path, name):
    out = write_results(results, tmp_path / "out")
    (out / name).parent.mkdir(exist_ok=True)
    (out / name).write_text("mine")
    write_results(results, out)
    assert (out / name).read_text() == "mine"
    assert read_results(out).provenance == results.provenance


def test_an_edited_file_is_kept_beside_the_new_one_every_time(results, tmp_path):
    out = write_results(results, tmp_path / "out", extras=draws)
    kept = []
    for edit in ("arrows added", "and a title", "and a title"):
        (out / "figures" / "a.svg").write_text(edit)
        with results_folder(out, results.study) as folder:
            kept += folder.write(results, extras=draws)
        assert (out / "figures" / "a.svg").read_text() == "<svg/>"
    assert [path.name for path in kept] == ["a.edited.svg", "a.edited-2.svg", "a.edited-3.svg"]
    assert [path.read_text() for path in kept] == ["arrows added", "and a title", "and a title"]


def draws(folder):
    (folder / "figures").mkdir()
    (folder / "figures" / "a.svg").write_text("<svg/>")


def test_an_edited_file_that_the_new_run_does_not_write_stays_where_it_is(results, tmp_path):
    out = write_results(results, tmp_path / "out", extras=draws)
    (out / "figures" / "a.svg").write_text("arrows added")
    write_results(results, out)
    assert (out / "figures" / "a.svg").read_text() == "arrows added"


def test_a_folder_or_a_link_in_the_place_of_a_file_is_kept(results, tmp_path):
    out = write_results(results, tmp_path / "out", extras=draws)
    (tmp_path / "paper.svg").write_text("in the paper")
    (out / "figures" / "a.svg").unlink()
    (out / "figures" / "a.svg").symlink_to(tmp_path / "paper.svg")
    (out / "provenance.json").unlink()
    (out / "provenance.json").mkdir()
    (out / "provenance.json" / "mine").write_text("mine")
    write_results(results, out, extras=draws)
    assert (tmp_path / "paper.svg").read_text() == "in the paper"
    assert (out / "figures" / "a.edited.svg").is_symlink()
    assert (out / "provenance.edited.json" / "mine").read_text() == "mine"
    assert read_results(out).provenance == results.provenance


def test_another_study_needs_overwrite_and_then_too_only_files_of_ours_go(results, tmp_path):
    out = write_results(results, tmp_path / "out")
    (out / "notes.txt").write_text("mine")
    other = replace(results, study=replace(results.study, title="Other", source=tmp_path / "other" / "study.toml"))
    with pytest.raises(ResultsError, match=r"no results of another study; found those of 'A study' .*--overwrite"):
        write_results(other, out)
    assert read_results(out).study.title == "A study"
    write_results(other, out, overwrite=True)
    assert read_results(out).study.title == "Other"
    assert (out / "notes.txt").read_text() == "mine"


def test_a_study_is_its_file_whatever_its_title_and_without_a_file_its_title(results, tmp_path):
    out = write_results(results, tmp_path / "out")
    write_results(replace(results, study=replace(results.study, title="A study, renamed")), out)
    free = replace(results, study=replace(results.study, source=None))
    write_results(free, tmp_path / "free")
    write_results(free, tmp_path / "free")
    with pytest.raises(ResultsError, match="another study"):
        write_results(replace(free, study=replace(free.study, title="Other")), tmp_path / "free")


# Where results may go.


def test_a_folder_of_other_things_is_never_replaced(results, tmp_path):
    out = tmp_path / "thesis"
    out.mkdir()
    (out / "chapter1.txt").write_text("years of work")
    with pytest.raises(ResultsError, match="name another folder with -o; nothing was written"):
        write_results(results, out)
    assert (out / "chapter1.txt").read_text() == "years of work"
    assert [path.name for path in out.iterdir()] == ["chapter1.txt"]


def test_a_provenance_alone_makes_no_results_folder(results, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "provenance.json").write_text("{}")
    for crate in ("", "{}", "[]", '{"@graph": [{"@type": "File", "@id": "../study.toml", "contentSize": 1}]}'):
        (out / "ro-crate-metadata.json").write_text(crate)
        with pytest.raises(ResultsError, match="must be new, empty, or one that assaykit wrote"):
            write_results(results, out)


def test_what_a_file_browser_leaves_makes_no_folder_full(results, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".DS_Store").write_text("")
    write_results(results, tmp_path / "out")


@pytest.mark.parametrize("kind", ["file", "pipe", "socket", "device"])
def test_what_is_no_folder_is_refused_and_stays(results, tmp_path, kind, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the path of a socket must be short
    out = Path("out")
    match kind:
        case "file":
            out.write_text("mine")
        case "pipe":
            os.mkfifo(out)
        case "socket":
            with socket.socket(socket.AF_UNIX) as bound:
                bound.bind("out")
        case "device":
            try:
                os.mknod(out, 0o600 | 0o020000, os.makedev(1, 3))
            except PermissionError:
                pytest.skip("only root makes device nodes")
    before = out.lstat()
    for place in (out, out / "below"):
        with pytest.raises(ResultsError, match=r"must be a folder; found a .*; nothing was written"):
            write_results(results, place)
    assert (out.lstat().st_ino, out.lstat().st_mode) == (before.st_ino, before.st_mode)


def test_a_link_is_followed_and_one_to_nowhere_is_refused(results, tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "disk")
    for _ in range(2):
        write_results(results, tmp_path / "out")
    assert (tmp_path / "out").is_symlink()
    assert {path.name for path in (tmp_path / "disk").iterdir()} == WHOLE
    (tmp_path / "lost").symlink_to(tmp_path / "not there")
    with pytest.raises(ResultsError, match="which is not there"):
        write_results(results, tmp_path / "lost")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(StorageError, match="must be one that can be reached"):
        write_results(results, tmp_path / "loop")


@pytest.mark.parametrize("place", [".", "..", "fcs", "archive", "plates", "link"])
def test_what_the_study_is_read_from_is_refused(results, tmp_path, place):
    lab = tmp_path / "lab"
    for name in ("fcs", "plates"):
        (lab / name).mkdir(parents=True)
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "A1.fcs").write_text("events")
    (lab / "fcs" / "A1.fcs").symlink_to(tmp_path / "archive" / "A1.fcs")
    (lab / "plates" / "p.csv").write_text("well")
    (lab / "link").symlink_to(lab / "fcs")
    out = tmp_path / "archive" if place == "archive" else lab / place
    plate = Plate("P1", 8, 12, (Well("A1", file=lab / "fcs" / "A1.fcs"),))
    assay = replace(results.study.assays[0], plates=(plate,))
    inputs = (input_file(lab / "plates" / "p.csv"),)
    study = replace(results.study, assays=(assay,), source=lab / "study.toml", inputs=inputs)
    with pytest.raises(ResultsError, match="must hold nothing that the study is read from"):
        write_results(replace(results, study=study), out)
    write_results(replace(results, study=study), lab / "results")  # beside them it may lie


def test_the_folder_one_is_in_may_take_results(results, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for _ in range(2):
        write_results(results, Path())
    assert {path.name for path in Path().iterdir()} == WHOLE
    assert read_results(Path()).provenance == results.provenance


def test_a_second_run_at_the_same_time_is_refused(results, tmp_path):
    with results_folder(tmp_path / "out", results.study) as folder:
        with pytest.raises(ResultsError, match="another that is at work there"):
            write_results(results, tmp_path / "out")
        folder.write(results)
    assert read_results(tmp_path / "out").provenance == results.provenance


# Results from before there were manifests.


def written_before(results, folder):
    write_results(results, folder)
    (folder / "manifest.json").unlink()
    provenance = {"title": "A study", **results.provenance}
    (folder / "provenance.json").write_text(json.dumps(provenance))
    write_crate(folder, {"assaykit": "0.1.0", **provenance})


def test_older_results_are_replaced_where_they_are_as_written_and_kept_where_not(results, tmp_path):
    out = tmp_path / "out"
    written_before(results, out)
    (out / "notes.txt").write_text("mine")
    old = (out / "tables" / "odd.csv").read_text()
    (out / "tables" / "odd.csv").write_text(old.replace("P1", "P2"))  # of the same size
    future = (out / "ro-crate-metadata.json").stat().st_mtime + 60
    os.utime(out / "tables" / "odd.csv", (future, future))
    assert read_results(out).provenance["title"] == "A study"
    write_results(results, out)
    assert read_results(out).provenance == results.provenance
    assert (out / "tables" / "odd.edited.csv").read_text() == old.replace("P1", "P2")
    assert {path.name for path in out.iterdir()} == {*WHOLE, "notes.txt"}


# Damage.


def test_a_folder_without_results_says_so(tmp_path):
    with pytest.raises(ResultsError, match="run `assaykit run` first"):
        read_results(tmp_path)
    with pytest.raises(ResultsError, match="run `assaykit run` first"):
        read_results(tmp_path / "none")


READ = ["controls.parquet", "provenance.json", "study.resolved.toml", "tables/findings.parquet", "tables/odd.parquet"]
GARBAGE = [b"", b"\x00\xff garbage", b"{", b"[1]", b"[" * 100_000, b"PAR1" + b"\0" * 40 + b"PAR1", b"a = 1"]


@pytest.mark.parametrize("bytes_", GARBAGE, ids=repr)
@pytest.mark.parametrize("name", [*READ, "manifest.json"])
@pytest.mark.parametrize("older", [False, True])
def test_garbage_in_any_file_that_is_read_is_a_sentence(results, tmp_path, name, bytes_, older):
    out = tmp_path / "out"
    write_results(results, out)
    if older:  # the garbage bears the right SHA-256: its reader must stand it
        (out / "manifest.json").unlink()
        (out / name).write_bytes(bytes_)
        write_crate(out, {"title": "A study"})
    (out / name).write_bytes(bytes_)
    with pytest.raises(ResultsError) as told:
        read_results(out)
    assert len(str(told.value)) < 500


@pytest.mark.parametrize("name", READ)
def test_a_file_that_is_missing_or_of_another_run_is_named(results, tmp_path, name):
    out = write_results(results, tmp_path / "out")
    with (out / name).open("ab") as file:
        file.write(b"\n")
    with pytest.raises(ResultsError, match=rf"{name}: .* must be as assaykit wrote it; found other bytes"):
        read_results(out)
    (out / name).unlink()
    with pytest.raises(ResultsError, match=rf"{name}: .* found no such file"):
        read_results(out)


@pytest.mark.parametrize("name", ["../study.toml", "/etc/hostname", "a/../../x", "C:x", "a\\b"])
def test_a_manifest_that_names_files_elsewhere_is_refused(results, tmp_path, name):
    out = write_results(results, tmp_path / "out")
    manifest = json.loads((out / "manifest.json").read_text())
    manifest["files"].append({"name": name, "bytes": 0, "sha256": ""})
    (out / "manifest.json").write_text(json.dumps(manifest))
    for touch in (lambda: read_results(out), lambda: write_results(results, out)):
        with pytest.raises(ResultsError, match="is no file of this folder"):
            touch()


def test_results_can_be_copied_and_read(results, tmp_path):
    write_results(results, tmp_path / "out")
    shutil.copytree(tmp_path / "out", tmp_path / "copy")
    assert read_results(tmp_path / "copy").provenance == results.provenance

"""`assaykit fcs` from the terminal."""

from __future__ import annotations

import os

import numpy as np
import pandas as pd
import pytest
from fcs.encoder import Recipe
from typer.testing import CliRunner

from assaykit.cli.fcs import app
from assaykit.fcs import REPAIRS, read_fcs

ROWS = [[n, 2 * n, 7 * n] for n in range(20)]
WORDS = {"$CYT": "LSR", "$DATE": "01-JAN-2026", "$P2S": "CD184 [PE]", "SPILL": "2,FSC,PE,1,0,0,1", "$P2E": "4,1"}


@pytest.fixture
def folder(tmp_path):
    good = Recipe(ROWS, "III", [16] * 3, [1024] * 3, ["FSC", "PE", "Time"], extra=WORDS).bytes()
    (tmp_path / "plate").mkdir()
    (tmp_path / "good.fcs").write_bytes(good)
    (tmp_path / "plate" / "cut.001").write_bytes(good[:-9])
    (tmp_path / "notes.txt").write_text("no FCS file")
    return tmp_path


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def test_info_shows_what_a_file_holds(folder):
    shown = run("info", folder / "good.fcs").output
    for word in ("FCS3.1", "LSR", "01-JAN-2026", "20", "CD184 [PE]", "1024", "log 4,1", "SPILL: 2 channels, FSC, PE"):
        assert word in shown


def test_check_says_one_line_per_file_and_its_exit_code_whether_all_are_readable(folder):
    result = run("check", folder)
    assert result.exit_code == 0
    assert [line.split()[0] for line in result.output.splitlines()] == ["ok", "repaired", "2"]
    assert "cut.001: FCS3.1, 18 events, 3 channels; truncated" in result.output
    (folder / "bad.fcs").write_bytes(b"nothing")
    result = run("check", folder)
    assert result.exit_code == 1
    assert "FAIL     bad.fcs" in result.output


def test_check_tells_a_pipe_and_a_dangling_link_named_like_fcs_files(folder):
    os.mkfifo(folder / "pipe.fcs")
    (folder / "link.fcs").symlink_to(folder / "gone")
    result = run("check", folder)
    assert result.exit_code == 1
    assert "FAIL     pipe.fcs" in result.output
    assert "FAIL     link.fcs" in result.output


def test_check_of_a_folder_without_fcs_files_is_an_error(tmp_path):
    assert run("check", tmp_path).exit_code == 2


def test_convert_writes_the_same_values_as_csv_parquet_and_fcs(folder):
    expected = read_fcs(folder / "good.fcs").values
    for to in ("csv", "parquet", "fcs"):
        result = run("convert", folder / "good.fcs", "--to", to, "--out", folder / "out")
        assert result.exit_code == 0
    csv = pd.read_csv(folder / "out" / "good.csv", dtype=np.float32)
    assert list(csv.columns) == ["FSC", "PE", "Time"]
    np.testing.assert_array_equal(csv.to_numpy(), expected)
    np.testing.assert_array_equal(pd.read_parquet(folder / "out" / "good.parquet").to_numpy(), expected)
    np.testing.assert_array_equal(read_fcs(folder / "out" / "good.fcs").values, expected)


def test_convert_never_writes_over_its_source_and_over_others_only_when_told(folder):
    source = (folder / "good.fcs").read_bytes()
    assert run("convert", folder / "good.fcs", "--to", "fcs", "--out", folder, "--force").exit_code == 2
    assert (folder / "good.fcs").read_bytes() == source
    assert run("convert", folder / "good.fcs", "--to", "csv", "--out", folder).exit_code == 0
    assert run("convert", folder / "good.fcs", "--to", "csv", "--out", folder).exit_code == 2
    assert run("convert", folder / "good.fcs", "--to", "csv", "--out", folder, "--force").exit_code == 0


def test_convert_writes_stored_values_when_asked(folder):
    run("convert", folder / "good.fcs", "--to", "csv", "--out", folder, "--stored")
    np.testing.assert_array_equal(pd.read_csv(folder / "good.csv").to_numpy(), ROWS)


def test_repairs_lists_every_repair_the_reader_can_make():
    shown = run("repairs").output
    assert all(name in shown for name in REPAIRS)


def test_a_file_that_cannot_be_read_is_a_sentence_and_exit_code_2(folder):
    result = run("info", folder / "notes.txt")
    assert result.exit_code == 2
    assert "notes.txt, byte 0: an FCS data set must open with its version" in result.stderr


def test_info_goes_on_after_a_file_that_cannot_be_read(folder):
    result = run("info", folder / "good.fcs", folder / "notes.txt", folder / "gone.fcs", folder / "plate" / "cut.001")
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 2
    assert "truncated" in result.stdout


@pytest.mark.parametrize("to", ["csv", "parquet", "fcs"])
def test_convert_goes_on_after_a_file_that_cannot_be_read_and_leaves_nothing_half_written(folder, to):
    (folder / "later.fcs").write_bytes((folder / "good.fcs").read_bytes())
    files = [folder / "good.fcs", folder / "notes.txt", folder / "plate", folder / "later.fcs"]
    result = run("convert", *files, "--to", to, "--out", folder / "out")
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 2
    assert sorted(path.name for path in (folder / "out").iterdir()) == [f"good.{to}", f"later.{to}"]


def test_convert_never_writes_over_what_it_has_just_written(folder):
    other = folder / "plate" / "good.fcs"
    other.write_bytes(Recipe([[1, 2, 3]], "III", [16] * 3, [1024] * 3, ["FSC", "PE", "Time"]).bytes())
    (folder / "plate" / "GOOD.lmd").write_bytes(other.read_bytes())
    files = [folder / "good.fcs", other, folder / "plate" / "GOOD.lmd"]
    result = run("convert", *files, "--to", "csv", "--out", folder / "out", "--force")
    assert result.exit_code == 1
    assert "a name of its own" in result.stderr
    assert [path.name for path in (folder / "out").iterdir()] == ["good.csv"]
    assert len(pd.read_csv(folder / "out" / "good.csv")) == 20


def test_convert_refuses_what_is_no_folder_and_what_is_no_file(folder):
    assert run("convert", folder / "good.fcs", "--to", "csv", "--out", folder / "notes.txt").exit_code == 2
    (folder / "good.csv").mkdir()
    assert run("convert", folder / "good.fcs", "--to", "csv", "--out", folder, "--force").exit_code == 2
    assert (folder / "good.csv").is_dir()
    assert not [path for path in folder.iterdir() if "partial" in path.name]


def test_names_that_mean_something_to_rich_or_a_terminal_are_shown_as_they_are(folder):
    odd = folder / "a[red]b\x1b[2J.fcs"
    odd.write_bytes((folder / "good.fcs").read_bytes())
    for command in (["info", odd], ["check", odd], ["convert", odd, "--to", "csv", "--out", folder / "out"]):
        result = run(*command)
        assert result.exit_code == 0, result.output
        assert "\x1b" not in result.output
    gone = run("info", folder / "gone\x1b[2J.fcs")
    assert "\x1b" not in gone.output


def test_what_is_mended_is_shown_with_its_level(folder):
    shown = run("info", folder / "plate" / "cut.001").output
    assert "warning: repair truncated" in shown
    assert "note: repair log_offset_zero" in run("info", _log_zero(folder)).output


def _log_zero(folder):
    path = folder / "log.fcs"
    recipe = Recipe(ROWS, "III", [16] * 3, [1024] * 3, ["FSC", "PE", "Time"], declared={"$P2E": "4,0"})
    path.write_bytes(recipe.bytes())
    return path


def test_a_spillover_that_counts_in_strange_digits_is_present(folder):
    path = folder / "odd.fcs"
    path.write_bytes(Recipe(ROWS, "III", [16] * 3, [1024] * 3, ["A", "B", "C"], extra={"SPILL": "\u00b2,A,B"}).bytes())
    assert "SPILL is present" in run("info", path).output

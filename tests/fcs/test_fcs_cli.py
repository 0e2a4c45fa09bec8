"""`assaykit fcs` from the terminal."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from fcs.encoder import Recipe
from typer.testing import CliRunner

from assaykit.cli.fcs import app
from assaykit.errors import FcsError
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


def test_a_file_that_cannot_be_read_is_a_known_error(folder):
    result = run("info", folder / "notes.txt")
    assert isinstance(result.exception, FcsError)

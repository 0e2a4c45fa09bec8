"""`assaykit evidence`: list, show, update, in the terminal."""

from __future__ import annotations

import pandas as pd
import pytest
from evidence.test_evidence_ledger import results
from typer.testing import CliRunner

from assaykit.cli.evidence import app
from assaykit.errors import EvidenceError, InputError, LedgerError
from assaykit.results import write_results


@pytest.fixture(autouse=True)
def wide_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "220")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    made = []
    for seed, title in ((1, "Spring"), (2, "Summer")):
        made.append(write_results(results(seed, title=title), root / title.lower()))
    return made


def said(*arguments, code: int = 0) -> str:
    outcome = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if outcome.exception is not None and not isinstance(outcome.exception, SystemExit):
        raise outcome.exception
    assert outcome.exit_code == code, outcome.output
    return outcome.output


def test_list_names_every_claim_and_how_many_can_be_tested():
    text = said("list")
    assert "81 claims, 42 of them testable" in text
    assert "ES-35" in text
    assert "down (printed: up)" in text
    assert "EN-29" not in said("list", "--testable")
    assert "EN-10" not in said("list", "--review", "ES")


def test_show_tells_lines_papers_conflict_and_contrast_of_a_claim():
    text = said("show", "en-28")
    assert "EN, lines 97-99, citing [8]" in text
    assert "10.1038/leu.2011.291" in text
    assert "The review names CXCL12 as target, the abstract of its source stroma." in text
    assert "migration_cxcl12 or migration_index: dasatinib against imatinib, down" in text


def test_show_prints_the_worked_example_beside_the_claims_it_sizes():
    text = said("show", "EN-8")
    assert "Blood 2007;110:3378" in text
    assert "0.96" in text


def test_an_unknown_claim_is_refused_with_the_nearest():
    with pytest.raises(EvidenceError, match=r"EN-\d+, the nearest known"):
        said("show", "EN-44")


def test_update_then_show_pools_the_runs(tmp_path, folders):
    ledger = tmp_path / "lab.sqlite"
    assert said("update", ledger, *folders).count(": added") == 2
    assert said("update", ledger, folders[0]).count("already there, nothing changed") == 1
    text = said("show", ledger, "--out", tmp_path / "pooled.csv")
    assert "2 runs" in text
    pooled = pd.read_csv(tmp_path / "pooled.csv").set_index("claim")
    assert pooled.loc["ES-32", "runs"] == 2
    assert pooled.loc["ES-32", "effect"] > 1
    course = said("show", "ES-32", "--ledger", ledger)
    assert "Spring" in course
    assert "Summer" in course
    assert "no run of the ledger has an estimate for EN-29" in said("show", "EN-29", "--ledger", ledger)


def test_a_refused_run_is_named_and_the_exit_code_says_so(tmp_path, folders):
    ledger = tmp_path / "lab.sqlite"
    said("update", ledger, folders[0])
    part = write_results(results(3, files=["1a.fcs", "9.fcs"], title="Part"), tmp_path / "part")
    assert "refused (1 of its 2 data files are those of 'Spring'" in said("update", ledger, part, code=1)


def test_a_ledger_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(LedgerError, match="no such file"):
        said("show", "ES-32", "--ledger", tmp_path / "none.sqlite")


@pytest.mark.parametrize("suffix", ["pdf", "svg", "png"])
def test_the_cumulative_forest_and_the_matrix_are_drawn(tmp_path, folders, suffix):
    ledger = tmp_path / "lab.sqlite"
    said("update", ledger, *folders)
    forest, grid = tmp_path / f"forest.{suffix}", tmp_path / f"matrix.{suffix}"
    said("show", "ES-32", "--ledger", ledger, "--figure", forest, "--out", tmp_path / "course.csv")
    said("show", ledger, "--figure", grid)
    start = {"pdf": b"%PDF", "svg": b"<?xml", "png": b"\x89PNG"}[suffix]
    assert forest.read_bytes().startswith(start)
    assert grid.read_bytes().startswith(start)
    assert list(pd.read_csv(tmp_path / "course.csv")["title"]) == ["Spring", "Summer"]


def test_a_figure_of_another_format_is_refused(tmp_path, folders):
    said("update", tmp_path / "lab.sqlite", *folders)
    with pytest.raises(InputError, match="PDF, SVG or PNG"):
        said("show", tmp_path / "lab.sqlite", "--figure", tmp_path / "matrix.docx")

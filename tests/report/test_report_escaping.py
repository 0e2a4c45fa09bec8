"""Whatever a lab calls its things, the words reach figures, page, tables and files as they are, and steer nothing."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from html import unescape

import pandas as pd
import pytest
from figures.figures_study import synthetic_results
from typer.testing import CliRunner

from assaykit.cli.app import app
from assaykit.errors import Faults, StudyError
from assaykit.escaping import file_names
from assaykit.figures import Drawing, render_all
from assaykit.figures import rendering as rendering_module
from assaykit.report import write_report
from assaykit.results import read_results
from assaykit.study import read_study

DONORS = ("$\\frac{ 1$", "=cmd|'/C calc'!A0", '[/] <script>alert(1)</script> & "x"')


def study(folder, *, name='a/b: [/] "CON"', title="<b>$x_$</b> [/red]"):
    rows = ["donor;treatment;context;adherent;input"]
    for donor in DONORS:
        quoted = donor.replace('"', '""')
        rows += [f'"{quoted}";{drug};mono;{count};1000' for drug, count in (("vehicle", 300), ("imatinib 1 uM", 200))]
    (folder / "counts.csv").write_text("\n".join(rows) + "\n")
    path = folder / "study.toml"
    path.write_text(
        f'assaykit = 1\ntitle = \'{title}\'\nunit = "donor"\n\n[[assay]]\nprotocol = "adhesion"\n'
        f"name = '{name}'\ncounts = [\"counts.csv\"]\n"
    )
    return path


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    path = study(folder)
    done = CliRunner().invoke(app, ["run", str(path), "-o", str(folder / "out"), "--no-robust", "-w", "1"])
    assert done.exit_code == 0, done.output
    return folder / "out", done.output


def test_every_figure_is_drawn_and_shows_the_donor_as_written(ran):
    out, _ = ran
    names = [path.name for path in (out / "figures").iterdir()]
    assert len(names) >= 6
    assert not [name for name in names if set(name) & set('<>:"/\\|?*[] ')]
    texts = [ET.parse(path).getroot() for path in (out / "figures").glob("*.svg")]  # each is well-formed XML
    assert "mathdefault" not in "".join("".join(root.itertext()) for root in texts)


def test_the_page_holds_words_and_no_markup_of_theirs(ran):
    page = (ran[0] / "report.html").read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert "<b>$x_$</b> [/red]" in unescape(page)
    assert "<h1><b>" not in page


def test_tables_keep_the_words_and_csv_holds_no_formula(ran):
    results = read_results(ran[0])
    assert set(results.tables["measurements"]["unit_id"]) == set(DONORS)
    text = (ran[0] / "tables" / "measurements.csv").read_text(encoding="utf-8")
    assert ",'=cmd|" in text
    assert ",=cmd|" not in text
    for path in (ran[0] / "tables").glob("*.csv"):
        told, kept = pd.read_csv(path), pd.read_parquet(path.with_suffix(".parquet"))
        for column in kept.select_dtypes("number"):
            assert told[column].astype(float).equals(kept[column].astype(float)), (path.name, column)


def test_the_terminal_shows_the_title_as_written(ran):
    assert "<b>$x_$</b> [/red]" in ran[1]


@pytest.mark.parametrize(
    ("first", "second"), [("a/b", "a_b"), ("Adhesion", "adhesion"), ("x.", "x"), ("CON", "con_"), ("a", "a")]
)
def test_two_assays_that_no_file_system_tells_apart_are_a_fault(tmp_path, first, second):
    path = study(tmp_path, name=first)
    more = f'\n[[assay]]\nprotocol = "adhesion"\nname = \'{second}\'\ncounts = ["counts.csv"]\n'
    path.write_text(path.read_text() + more)
    with pytest.raises((StudyError, Faults), match="assays must have different names"):
        read_study(path)


def test_signs_that_steer_a_terminal_are_written_out_at_the_door(tmp_path):
    (tmp_path / "counts.csv").write_text(
        "donor,treatment,adherent,input\nd\x1b[31m1,vehicle,3,10\n\u202ed\u200b2,vehicle,3,10\n", encoding="utf-8"
    )
    path = tmp_path / "study.toml"
    path.write_text(
        'assaykit = 1\ntitle = "t\\u001b]0;x\\u0007"\nunit = "donor"\n[[assay]]\nprotocol = "adhesion"\n'
        'counts = ["counts.csv"]\n'
    )
    read = read_study(path)
    assert read.title == "t\\x1b]0;x\\x07"
    assert [well.factors["donor"] for well in read.assays[0].counts[0].wells] == ["d\\x1b[31m1", "d2"]


def test_an_error_quotes_no_escape_sequence():
    assert str(StudyError("a key must be known", "'\x1b[2Jx\n\u202ey'")) == "a key must be known; found '\\x1b[2Jx y'."


@pytest.mark.parametrize("reserved", ["CON", "con.csv", "LPT1", "aux"])
def test_names_that_windows_reserves_get_another_end(reserved):
    (name,) = file_names([reserved])
    assert name != reserved
    assert name.lower().split(".")[0] not in ("con", "lpt1", "aux")


def test_long_names_that_differ_at_their_end_stay_apart():
    first, second = file_names(["x" * 300 + "1", "x" * 300 + "2"])
    assert first != second
    assert max(len(first), len(second)) <= 80
    assert file_names(["Ü" * 300])[0] == file_names(["Ü" * 300])[0]
    assert len(file_names(["Ü" * 300])[0].encode()) <= 160


def failing(*_, **__):
    raise ValueError("Geometric sequence cannot include zero")


def test_a_figure_that_cannot_be_drawn_costs_itself_and_is_named(tmp_path, monkeypatch):
    results = synthetic_results()
    good, bad = list(rendering_module.drawings(results))[:2]
    broken = replace(bad, figure="broken")
    monkeypatch.setitem(Drawing.draw.__globals__["FIGURES"], "broken", failing)
    printed, undrawn = render_all([good, broken], formats=("svg",))
    assert [item.name for item in printed] == [good.name]
    assert [(item.title, item.reason) for item in undrawn] == [
        (bad.title, "ValueError: Geometric sequence cannot include zero")
    ]
    monkeypatch.setattr("assaykit.report.page.drawings", lambda _: iter([good, broken]))
    page = write_report(results, tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Figures that could not be drawn (1)" in page
    assert "Geometric sequence cannot include zero" in page


def test_a_run_with_a_figure_that_cannot_be_drawn_writes_all_else_and_exits_1(tmp_path, monkeypatch):
    monkeypatch.setitem(Drawing.draw.__globals__["FIGURES"], "forest", failing)
    path = study(tmp_path)
    done = CliRunner().invoke(app, ["run", str(path), "-o", str(tmp_path / "out"), "--no-robust", "-w", "1"])
    assert done.exit_code == 1
    assert "not drawn: Contrasts of" in done.output
    assert (tmp_path / "out" / "tables" / "estimates.csv").is_file()
    assert "could not be drawn" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")

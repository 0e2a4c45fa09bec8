"""Methods and workbook: written from the run, the same for the same run."""

from __future__ import annotations

import pandas as pd
import pytest
from figures.figures_study import synthetic_results
from openpyxl import load_workbook

from assaykit.report import methods_markdown, write_workbook
from assaykit.results.model import Results
from assaykit.tables import TABLES


@pytest.fixture(scope="module")
def results():
    return synthetic_results()


def test_methods_name_the_unit_the_gates_the_models_and_the_versions(results):
    text = methods_markdown(results)
    for words in (
        "The experimental unit is the experiment; 5 independent experiments were measured.",
        "Gate live: viability on singlets",
        "linear mixed model, REML, Satterthwaite df",
        "Holm adjustment; primary analysis",
        "assaykit: 0.1.0",
        "doi:10.1002/cyto.a.22030",
    ):
        assert words in text


def test_the_workbook_has_a_sheet_per_table_and_a_dictionary(results, tmp_path):
    book = load_workbook(write_workbook(results, tmp_path / "tables.xlsx"), read_only=True)
    assert book.sheetnames == ["columns", *results.tables]
    rows = list(book["comparisons"].iter_rows(values_only=True))
    assert rows[0] == tuple(results.tables["comparisons"].columns)
    assert len(rows) == 82
    assert len(list(book["columns"].iter_rows())) == 1 + sum(len(table.columns) for table in TABLES.values())
    book.close()


def test_the_same_tables_give_the_same_workbook(results, tmp_path):
    first = write_workbook(results, tmp_path / "a.xlsx").read_bytes()
    assert write_workbook(results, tmp_path / "b.xlsx").read_bytes() == first


def test_text_that_looks_like_a_formula_stays_text_and_missing_stays_empty(results, tmp_path):
    odd = pd.DataFrame(
        {
            "text": ["=1+1", "plain"],
            "number": [float("nan"), float("inf")],
            "count": pd.array([None, 3], dtype="Int64"),
            "flag": [True, False],
        }
    )
    path = write_workbook(Results(results.study, {"odd": odd}), tmp_path / "odd.xlsx")
    book = load_workbook(path)
    assert [cell.data_type for cell in book["odd"]["A"]][1:] == ["s", "s"]
    assert [cell.value for cell in book["odd"][2]] == ["=1+1", None, None, True]
    assert [cell.value for cell in book["odd"][3]] == ["plain", "inf", 3, False]

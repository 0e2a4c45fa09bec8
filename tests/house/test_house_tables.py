"""The glossary of tables is the only door: frames leave it with the columns and dtypes it names."""

from __future__ import annotations

import pandas as pd
import pytest

from assaykit.errors import TableError
from assaykit.tables import FINDINGS, MEASUREMENTS, POPULATIONS, TABLES, Finding, check, findings_frame, frame_from_rows

ROW = {"assay": "a", "plate": "P1", "well": "A1", "population": "live", "parent": "cells", "events": 7, "fraction": 0.7}


def test_columns_come_back_in_the_glossary_s_order_and_dtypes():
    frame = check(pd.DataFrame([dict(reversed(ROW.items()))]), POPULATIONS)
    assert tuple(frame.columns) == POPULATIONS.names
    assert str(frame["events"].dtype) == "Int64"
    assert str(frame["fraction"].dtype) == "float64"


def test_missing_text_is_empty_and_missing_counts_are_missing():
    frame = frame_from_rows([{**ROW, "parent": None, "events": None}], POPULATIONS)
    assert frame.loc[0, "parent"] == ""
    assert frame.loc[0, "events"] is pd.NA


def test_an_unknown_column_is_refused_where_the_table_is_closed_and_kept_where_it_is_open():
    with pytest.raises(TableError, match=r"unknown \['colour'\]"):
        frame_from_rows([{**ROW, "colour": "red"}], POPULATIONS)
    kept = frame_from_rows([{"assay": "a", "line": "K562"}], MEASUREMENTS)
    assert kept["line"].tolist() == ["K562"]
    assert tuple(kept.columns) == (*MEASUREMENTS.names, "line")


def test_a_missing_column_is_named():
    with pytest.raises(TableError, match=r"missing \['events'\]"):
        check(pd.DataFrame([{key: value for key, value in ROW.items() if key != "events"}]), POPULATIONS)


def test_a_number_column_with_words_is_refused_by_name():
    with pytest.raises(TableError, match="column fraction of table populations must hold numbers"):
        frame_from_rows([{**ROW, "fraction": "most"}], POPULATIONS)


def test_no_rows_give_an_empty_table_with_every_column():
    for table in TABLES.values():
        frame = frame_from_rows([], table)
        assert tuple(frame.columns) == table.names
        assert frame.empty


def test_estimates_with_what_was_left_out_have_the_columns_of_estimates():
    assert TABLES["estimates_with_excluded"].names == TABLES["estimates"].names


def test_findings_keep_their_order():
    frame = findings_frame([Finding("warn", "b", "second"), Finding("fail", "a", "first")])
    assert frame["check"].tolist() == ["b", "a"]
    assert tuple(frame.columns) == FINDINGS.names


def test_every_column_of_every_table_says_what_it_means():
    for table in TABLES.values():
        assert len(set(table.names)) == len(table.names)
        for column in table.columns:
            assert len(column.meaning) > 3, (table.name, column.name)

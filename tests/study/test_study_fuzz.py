"""Whatever a study, a layout or a table holds, it is read or refused in plain words; nothing else happens."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assaykit.errors import AssaykitError
from assaykit.plate import Columns, read_counts, read_plates
from assaykit.study import read_study

PYTHON = re.compile(r"\b(NoneType|Traceback|[A-Z][a-z]+Error|dict|tuple|frozenset|Mapping|lambda|object at)\b")
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
KNOWN = Columns(("experiment",), ())


def toml(value: Any) -> str:
    """Return a value as TOML writes it inline."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {toml(held)}" for key, held in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value, ensure_ascii=True)


scalars = st.one_of(
    st.booleans(),
    st.integers(-5, 2000),
    st.sampled_from([0.5, -1.5, 1e300]),
    st.sampled_from(["", "mono", "x", "A1", "*", "../*", "{well}", "/"]),
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "treatment", "A1"]), inner, max_size=2)
    ),
    max_leaves=4,
)
STUDY_KEYS = [
    "assaykit",
    "title",
    "unit",
    "reference",
    "seed",
    "factors",
    "drugs",
    "primary",
    "claims",
    "assay",
    "unti",
]
ASSAY_KEYS = ["protocol", "name", "plates", "counts", "channels", "clones", "fcs", "wells", "file_name", "plats"]
GOOD = {
    "assaykit": 1,
    "title": "t",
    "unit": "experiment",
    "assay": [{"protocol": "transwell_migration", "counts": ["c.csv"]}],
}


def refused_plainly(read: Any, path: Path) -> None:
    said = ""
    try:
        read(path)
    except AssaykitError as error:
        said = str(error)
    assert not PYTHON.search(said), said


@QUICK
@given(
    st.dictionaries(st.sampled_from(STUDY_KEYS), values, max_size=3),
    st.dictionaries(st.sampled_from(ASSAY_KEYS), values, max_size=3),
)
def test_any_study_file_is_read_or_refused(tmp_path, changes, assay):
    document = {**GOOD, **changes}
    if "assay" not in changes:
        document["assay"] = [{**GOOD["assay"][0], **assay}]
    (tmp_path / "c.csv").write_text("experiment,treatment,target,migrated,input\n1,vehicle,medium,1,10\n")
    (tmp_path / "study.toml").write_text("".join(f"{key} = {toml(held)}\n" for key, held in document.items()))
    refused_plainly(read_study, tmp_path / "study.toml")


LAYOUT_KEYS = ["well", "row", "col", "block", "irow", "icol", "expt", "plate", "meta", "wells", "treatment", "wel"]
NAMES = ["A1", "A", "1", "2x2", "A,B,...,D", "H13", "treatment", "role", "P1", "include", "file", "experiment"]
tables = st.recursive(
    scalars, lambda inner: st.dictionaries(st.sampled_from(NAMES), inner, min_size=1, max_size=3), max_leaves=6
)


@QUICK
@given(st.dictionaries(st.sampled_from(LAYOUT_KEYS), tables, max_size=4))
def test_any_wellmap_layout_is_read_or_refused(tmp_path, document):
    path = tmp_path / "layout.toml"
    path.write_text("".join(f"{key} = {toml(held)}\n" for key, held in document.items()))
    refused_plainly(lambda path: read_plates(path, KNOWN), path)


words = st.sampled_from(
    [
        "",
        "",
        "A",
        "B",
        "1",
        "2",
        "3",
        "well",
        "treatment",
        "vehicle",
        "A1",
        "H12",
        "imatinib 1 uM",
        "role",
        "experiment",
        "migrated",
        "squares",
        "volume",
        "-1",
        "1,250",
        "µ",
        "#",
        ";",
    ]
)
grids = st.lists(st.lists(words, max_size=5), max_size=7)


@QUICK
@given(grids, st.sampled_from([",", ";", "\t"]))
def test_any_table_is_read_or_refused_as_layout_and_as_counts(tmp_path, rows, sign):
    text = io.StringIO()
    csv.writer(text, delimiter=sign).writerows(rows)
    path = tmp_path / "table.csv"
    path.write_text(text.getvalue(), encoding="utf-8")
    refused_plainly(lambda path: read_plates(path, KNOWN), path)
    refused_plainly(lambda path: read_counts(path, KNOWN), path)


@QUICK
@given(st.binary(max_size=80), st.sampled_from([".csv", ".toml", ".xlsx", ".txt"]))
def test_any_bytes_are_read_or_refused(tmp_path, data, suffix):
    path = tmp_path / f"any{suffix}"
    path.write_bytes(data)
    refused_plainly(lambda path: read_plates(path, KNOWN), path)
    refused_plainly(lambda path: read_counts(path, KNOWN), path)
    refused_plainly(read_study, path)

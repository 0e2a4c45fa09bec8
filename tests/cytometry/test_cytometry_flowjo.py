"""FlowJo workspaces beside FlowJo's own counts, and gates imported into a protocol that runs."""

import re
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from assaykit.cli.gates import app
from assaykit.cytometry import measure_well, resolve_plate
from assaykit.cytometry.columns import WellColumns
from assaykit.cytometry.flowjo import read_flowjo
from assaykit.cytometry.gatingml import read_gatingml
from assaykit.cytometry.hierarchy import populations
from assaykit.errors import GateError
from assaykit.fcs import read_fcs
from assaykit.plate.model import Plate, Well
from assaykit.protocol import read_protocol
from assaykit.study.model import Assay

TOLERANCE = 0.001
"""Of all events: FlowJo's biex is a table of 4,096 steps, ours is brought down to raw values through it."""
WORKSPACES = (
    "simple_diamond_example/simple_diamond_example_quad_gate.wsp",
    "simple_diamond_example/test_data_diamond_asinh_rect.wsp",
    "simple_diamond_example/test_data_diamond_asinh_rect2.wsp",
    "simple_diamond_example/test_data_diamond_biex_rect.wsp",
    "simple_line_example/simple_poly_and_rect_v2_poly50.wsp",
    "simple_line_example/single_ellipse_51_events.wsp",
)
SAVED_BEFORE_THE_EDIT = {"simple_poly_and_rect_v2_poly50.wsp": {"poly1": 50, "rect1": 0}}
"""This workspace was edited so that poly1 holds 50 events, as its name says; the counts in it are older."""


def flowjo_counts(path) -> dict[str, int]:
    """Return the counts FlowJo saved for the sample: they come after those of the group."""
    if path.name in SAVED_BEFORE_THE_EDIT:
        return SAVED_BEFORE_THE_EDIT[path.name]
    text = path.read_text(encoding="utf-8")
    sample = text[text.index("<SampleNode") :]
    return {name: int(count) for name, count in re.findall(r'<Population name="([^"]*)"[^>]*count="(\d+)"', sample)}


@pytest.mark.corpus
@pytest.mark.parametrize("name", WORKSPACES)
def test_counts_stand_beside_flowjos(corpus, name):
    path = corpus / "flowjo" / name
    document = read_flowjo(path)
    events = read_fcs(next(path.parent.glob("*.fcs")))
    masks = populations(document.gates, WellColumns(events, {}, document.matrices))
    told = flowjo_counts(path)
    assert told
    for population, count in told.items():
        assert int(masks[population].sum()) == pytest.approx(count, abs=TOLERANCE * len(events)), population


@pytest.mark.corpus
def test_a_sample_that_is_not_in_the_workspace_is_named_with_those_that_are(corpus):
    with pytest.raises(GateError, match=r"test_data_diamond_01\.fcs"):
        read_flowjo(corpus / "flowjo" / WORKSPACES[0], sample="another.fcs")


@pytest.mark.corpus
@pytest.mark.parametrize(
    ("gates", "data"),
    [
        ("flowjo/simple_diamond_example/test_data_diamond_biex_rect.wsp", "flowjo/simple_diamond_example"),
        ("gatingml/gml/gml_all_gates.xml", "gatingml"),
        ("gatingml/gml/gml_matrix_transform_logicle_rect1_gate.xml", "gatingml"),
    ],
)
def test_imported_gates_run_as_a_protocol_and_keep_the_same_cells(corpus, tmp_path, gates, data):
    to = tmp_path / "imported.toml"
    done = CliRunner().invoke(app, ["import", str(corpus / gates), "--to", str(to)])
    assert done.exit_code == 0, done.output
    file = next((corpus / data).glob("*.fcs"))
    plate = Plate("p", 1, 1, (Well("A1", file=file),), tmp_path / "plate.toml")
    assay = Assay("imported", read_protocol(to), (plate,))
    resolved, _ = resolve_plate(assay, plate)
    measured = measure_well(replace(assay, resolved={"p": resolved}), plate, plate.wells[0])
    document = read_flowjo(corpus / gates) if gates.endswith("wsp") else read_gatingml(corpus / gates)
    masks = populations(document.gates, WellColumns(read_fcs(file), {}, document.matrices))
    assert {row["population"]: row["events"] for row in measured.populations} == {
        name: int(np.count_nonzero(mask)) for name, mask in masks.items()
    }


@pytest.mark.corpus
def test_a_protocol_that_is_there_is_not_written_over(corpus, tmp_path):
    to = tmp_path / "mine.toml"
    to.write_text("mine")
    done = CliRunner().invoke(app, ["import", str(corpus / "gatingml/gml/gml_range_gate.xml"), "--to", str(to)])
    assert isinstance(done.exception, GateError)
    assert to.read_text() == "mine"


def test_a_file_of_another_kind_is_refused(tmp_path):
    done = CliRunner().invoke(app, ["import", str(tmp_path / "gates.jo"), "--to", str(tmp_path / "p.toml")])
    assert isinstance(done.exception, GateError)
    assert ".wsp or .xml" in str(done.exception)

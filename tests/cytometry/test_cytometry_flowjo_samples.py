"""Workspaces as FlowJo 10 writes them: each sample's own gates, groups, counts, and what is no such workspace."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from inputs.seeds import workspace
from typer.testing import CliRunner

from assaykit.cli.gates import app
from assaykit.cytometry import measure_well, resolve_plate
from assaykit.cytometry.columns import WellColumns
from assaykit.cytometry.flowjo import flowjo_samples, read_flowjo
from assaykit.cytometry.gatingml import read_gatingml
from assaykit.cytometry.hierarchy import populations
from assaykit.errors import GateError
from assaykit.fcs import events_from_array, write_fcs
from assaykit.plate.model import Plate, Well
from assaykit.protocol import read_protocol
from assaykit.study.model import Assay, ResolvedPlate

pytest.importorskip("flowkit")
CELLS = np.random.default_rng(3).lognormal(7, 1.5, (2_000, 3)).astype(np.float32)
EVENTS = events_from_array(CELLS, ("FSC", "FL1", "FL2"))


def written(folder: Path, text: str, name: str = "w.wsp") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def imported(path: Path, *options: str):
    return CliRunner().invoke(app, ["import", str(path), "--to", str(path.with_suffix(".toml")), *options])


@pytest.mark.parametrize("spectral", [' spectral="0"', ""])  # older workspaces of FlowJo 10 do not say it
def test_a_workspace_old_or_new_is_read(tmp_path, spectral):
    document = read_flowjo(written(tmp_path, workspace(100, spectral=spectral)))
    assert [gate.name for gate in document.gates] == ["cells", "bright", "dim"]
    masks = populations(document.gates, WellColumns(EVENTS, {}, document.matrices))
    cells = (CELLS[:, 0] >= 100) & (CELLS[:, 0] < 200_000)
    assert np.array_equal(masks["cells"], cells)
    assert masks["bright"].sum() + masks["dim"].sum() == cells.sum()


def test_a_gate_that_keeps_what_is_outside_keeps_it(tmp_path):
    document = read_flowjo(written(tmp_path, workspace(1_000, within=0)))
    masks = populations(document.gates, WellColumns(EVENTS, {}, document.matrices))
    assert np.array_equal(masks["cells"], ~((CELLS[:, 0] >= 1_000) & (CELLS[:, 0] < 200_000)))


def test_samples_with_the_same_gates_are_imported_together(tmp_path):
    done = imported(written(tmp_path, workspace(100, 100)))
    assert done.exit_code == 0, done.output
    assert "3 gates on 3 channels" in done.output


def test_samples_whose_gates_differ_are_told_and_one_or_a_group_is_chosen(tmp_path):
    path = written(tmp_path, workspace(100, 500))
    done = imported(path)
    assert isinstance(done.exception, GateError)
    assert "gate 'cells' of s1.fcs unlike that of s2.fcs" in str(done.exception)
    assert not path.with_suffix(".toml").exists()
    lows = {}
    for options in (("--sample", "s1.fcs"), ("--sample", "s2"), ("--group", "day 1")):
        assert imported(path, *options, "--force").exit_code == 0
        lows[options[1]] = read_protocol(path.with_suffix(".toml")).gates[0].bounds["fsc"][0]
    assert lows["s1.fcs"] == lows["day 1"] != lows["s2"]


@pytest.mark.parametrize(
    ("options", "said"),
    [(("--sample", "x"), "--sample one of s1.fcs, s2.fcs"), (("--group", "x"), "--group one of All Samples, day 1")],
)
def test_a_sample_or_group_that_is_not_there_is_told_with_those_that_are(tmp_path, options, said):
    done = imported(written(tmp_path, workspace(1, 1)), *options)
    assert said in str(done.exception)


def test_counts_stand_beside_flowjos_population_by_population(tmp_path):
    write_fcs(EVENTS, tmp_path / "s1.fcs")
    (sample,) = flowjo_samples(written(tmp_path, workspace(100)))
    masks = populations(sample.document.gates, WellColumns(EVENTS, {}, sample.document.matrices))
    cells, bright = int(masks["cells"].sum()), int(masks["bright"].sum())
    path = written(tmp_path, workspace(100, cells=cells, bright=bright))
    done = imported(path, "--check", str(tmp_path))
    assert done.exit_code == 0, done.output
    assert "2 populations compared, 0 differ" in done.output
    path = written(tmp_path, workspace(100, 100, cells=cells, bright=bright + 40))
    done = imported(path, "--check", str(tmp_path), "--force")
    assert done.exit_code == 1
    assert "2 populations compared, 1 differ" in done.output
    assert "not compared: no file s2.fcs" in done.output


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        (workspace(1).replace('"cells"', '"."'), "w.wsp", "found a gate named '.' below all cells in sample s1.fcs"),
        (workspace(1).replace("10.8.1", "9.9.6"), "w.wsp", "found one of FlowJo 9.9.6"),
        ("<bdfacs version='Version 8.0'/>", "w.wsp", "found a FACSDiva experiment"),
        ("<bdfacs version='Version 8.0'/>", "w.xml", "a FACSDiva experiment holds no gates"),
        ("bplist00", "w.jo", "found a file of FlowJo 9 (.jo)"),
        (workspace(), "w.wsp", "found a workspace without samples"),
        (workspace(1).replace("Subpopulations", "Nothing"), "w.wsp", "found no gates of s1.fcs"),
        (workspace(1).replace("logicle", "miltenyi"), "w.wsp", "must be one that FlowKit reads"),
    ],
)
def test_what_cannot_be_imported_is_one_sentence_and_no_protocol(tmp_path, text, name, said):
    path = written(tmp_path, text, name)
    done = imported(path)
    assert isinstance(done.exception, GateError)
    assert said in str(done.exception)
    assert "\n" not in str(done.exception)
    assert not path.with_suffix(".toml").exists()


@pytest.mark.corpus
@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("8_color_ICS_dot_gate_name.wsp", ("--sample", "101_DEN084Y5_15_E01_008_clean.fcs"), "a gate named '.'"),
        (
            "8_color_ICS_sample_without_gates.wsp",
            ("--sample", "101_DEN084Y5_15_E05_010_clean.fcs"),
            "found no gates of",
        ),
        ("8_color_ICS_sample_without_gates.wsp", (), "gate 'Time' of 101_DEN084Y5_15_E03_009_clean.fcs unlike"),
    ],
)
def test_real_workspaces_that_cannot_be_imported_say_why(corpus, tmp_path, name, options, said):
    to = tmp_path / "p.toml"
    done = CliRunner().invoke(app, ["import", str(corpus / "plates" / "flowjo" / name), "--to", str(to), *options])
    assert said in str(done.exception)
    assert not to.exists()


EXPORTED = """<gating:Gating-ML xmlns:gating="http://www.isac-net.org/std/Gating-ML/v2.0/gating"
 xmlns:data-type="http://www.isac-net.org/std/Gating-ML/v2.0/datatypes">
 <gating:RectangleGate gating:id="bright"><gating:dimension gating:compensation-ref="{reference}" gating:min="900">
  <data-type:fcs-dimension data-type:name="Comp-PE-A"/></gating:dimension></gating:RectangleGate>
</gating:Gating-ML>"""


@pytest.mark.parametrize("reference", ["FCS", "uncompensated"])
def test_gating_ml_that_flowjo_exported_reads_the_channel_with_the_files_matrix(tmp_path, reference):
    path = written(tmp_path, EXPORTED.format(reference=reference), "exported.xml")
    assert imported(path).exit_code == 0
    spill = np.array([[1.0, 0.3], [0.2, 1.0]])
    amounts = np.random.default_rng(1).lognormal(6.5, 1, (500, 2))
    text = "2,PE-A,APC-A," + ",".join(map(str, spill.ravel()))
    events = events_from_array((amounts @ spill).astype(np.float32), ("PE-A", "APC-A"), keywords={"$SPILLOVER": text})
    write_fcs(events, tmp_path / "A1.fcs")
    plate = Plate("p", 1, 1, (Well("A1", file=tmp_path / "A1.fcs"),), tmp_path / "plate.toml")
    assay = Assay("imported", read_protocol(path.with_suffix(".toml")), (plate,))
    resolved, _ = resolve_plate(assay, plate)
    assert isinstance(resolved, ResolvedPlate)
    measured = measure_well(
        Assay("imported", assay.protocol, (plate,), resolved={"p": resolved}), plate, plate.wells[0]
    )
    counts = {row["population"]: row["events"] for row in measured.populations}
    assert [f for f in measured.findings if f.level == "fail"] == []
    assert counts["bright"] == pytest.approx(int((amounts[:, 0] >= 900).sum()), abs=1)


@pytest.mark.corpus
def test_every_broken_gating_ml_of_the_corpus_is_one_sentence(corpus):
    paths = sorted((corpus / "cases" / "rel" / "gatingml_tracebacks").glob("*.xml"))
    assert paths
    for path in paths:
        with pytest.raises(GateError) as refused:
            read_gatingml(path)
        assert "\n" not in str(refused.value)
        assert path.name in str(refused.value)


def test_a_sample_that_flowkit_knows_under_no_such_name_is_one_sentence(tmp_path):
    stray = '<Groups><SampleNode name="lost.fcs" sampleID="9"><Subpopulations><Population name="a" count="1"/>'
    text = workspace(1).replace("<Groups>", f"{stray}</Subpopulations></SampleNode>")
    with pytest.raises(GateError, match=r"found no lost\.fcs\. Try: open it in FlowJo 10"):
        read_flowjo(written(tmp_path, text), sample="lost")

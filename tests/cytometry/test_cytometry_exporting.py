"""Gates of a run taken to other programs: FlowKit, which shares no code with ours, must keep the very same events."""

from __future__ import annotations

import sys
import warnings
from dataclasses import replace

import numpy as np
import pytest

from assaykit.cli import main
from assaykit.cytometry import exported_gates, gate_events, gates_of_study, write_gates
from assaykit.cytometry.gatingml import read_gatingml
from assaykit.errors import GateError
from assaykit.plate import Well
from assaykit.protocol.gates import BooleanGate, ThresholdGate
from assaykit.results import Results, write_results
from assaykit.study import Assay, Reference, Study

DEATH = {
    "name": "death",
    "title": "death",
    "channels": {"fsc_a": {"names": ["FSC-A"]}, "annexin": {"names": ["PE-A"]}, "beads": {"names": ["none"]}},
    "gate": [
        {"kind": "debris", "name": "cells", "spares": ["annexin"]},
        {"kind": "valley", "name": "dead", "parent": "cells", "channel": "annexin"},
        {"kind": "boolean", "name": "living", "parent": "cells", "operation": "not", "of": ["dead"]},
    ],
}


def flowkit_counts(path, file) -> dict[str, int]:
    """Return population -> cells as FlowKit gates a file by a Gating-ML document."""
    flowkit = pytest.importorskip("flowkit")
    with warnings.catch_warnings(action="ignore"):  # of what FlowKit asks of pandas
        report = flowkit.parse_gating_xml(str(path)).gate_sample(flowkit.Sample(str(file))).report
    return dict(zip(report["gate_name"], report["count"], strict=True))


def our_counts(assay, plate, well, *, without=("all",)) -> dict[str, int]:
    masks = gate_events(assay, plate, well).masks
    return {name: int(np.count_nonzero(mask)) for name, mask in masks.items() if name not in without}


@pytest.fixture
def surface_plate(lab, cells):
    """Return a plate whose two treatments have controls of their own, so that the positivity gate differs by well."""
    drug = {"treatment": "imatinib 1 uM"}
    dim, bright = cells(), cells(glow=320.0)
    wells = [lab.well("A1"), lab.fmo("A2", dim), lab.well("B1", bright, **drug), lab.fmo("B2", bright, **drug)]
    return lab.run(wells)


@pytest.mark.parametrize("place", [0, 2])
def test_flowkit_keeps_the_same_events_of_each_well_by_its_own_form_of_the_gates(surface_plate, tmp_path, place):
    ran, well = surface_plate, surface_plate.plate.wells[place]
    gates = exported_gates(ran.assay, ran.assay.resolved["plate 1"], well)
    write_gates(gates, tmp_path / "gates.xml")
    counts = our_counts(ran.assay, ran.plate, well)
    assert flowkit_counts(tmp_path / "gates.xml", well.file) == counts
    assert [*counts] == ["cells", "singlets", "live", "cml", "positive"]


def test_a_plates_own_matrix_goes_with_its_gates_and_scatter_stays_uncompensated(lab, cells, spill_matrix, tmp_path):
    names = ("PE-A", "BV421-A", "APC-A", "BV786-A")
    rows = [",".join(["", *names]), *(",".join([n, *map(str, r)]) for n, r in zip(names, spill_matrix, strict=True))]
    (tmp_path / "comp.csv").write_text("\n".join(rows))
    ran = lab.run([lab.well("A1"), lab.fmo("A2", cells())], compensation="comp.csv")
    gates = exported_gates(ran.assay, ran.assay.resolved["plate 1"])
    assert [*gates.document.matrices] == ["plate_spillover"]
    by_name = {gate.name: gate.compensation for gate in gates.document.gates}
    assert by_name["cells"] == {"fsc_a": "uncompensated"}
    assert by_name["singlets"] == {"fsc_a/fsc_h": "uncompensated"}
    assert by_name["live"] == {"viability": "plate_spillover"}
    write_gates(gates, tmp_path / "gates.xml")
    well = ran.plate.wells[0]
    assert flowkit_counts(tmp_path / "gates.xml", well.file) == our_counts(ran.assay, ran.plate, well)


def test_gates_of_an_assay_without_compensation_say_so(lab, cells):
    ran = lab.run([lab.well("A1"), lab.fmo("A2", cells())], compensation="none")
    gates = exported_gates(ran.assay, ran.assay.resolved["plate 1"]).document.gates
    assert {value for gate in gates for value in gate.compensation.values()} == {"uncompensated"}
    assert all(gate.compensation for gate in gates)


def test_a_gate_that_spares_dying_cells_becomes_the_union_of_its_parts(lab, tmp_path):
    rng = np.random.default_rng(4)
    forward = np.concatenate([rng.normal(90e3, 9e3, 6000), rng.normal(20e3, 4e3, 2000), rng.normal(12e3, 3e3, 2000)])
    values = np.zeros((forward.size, 8), dtype=np.float32)
    values[:, 0], values[:, 2] = np.abs(forward), 0.5 * np.abs(forward)
    values[:, 3] = rng.normal(60, 40, forward.size)
    values[6000:8000, 3] = 10 ** rng.normal(4, 0.2, 2000)  # dying cells of the size of debris
    values[:, 7] = np.linspace(0, 60, forward.size)
    well = Well("A1", "sample", {"treatment": "vehicle"}, lab.write("A1", values))
    ran = lab.run([well], protocol=DEATH)
    write_gates(exported_gates(ran.assay, ran.assay.resolved["plate 1"]), tmp_path / "gates.xml")
    kept = flowkit_counts(tmp_path / "gates.xml", well.file)
    assert {name: kept[name] for name in ("cells", "dead", "living")} == our_counts(ran.assay, ran.plate, well)
    assert 7900 < kept["cells"] < 8200, "6,000 living and 2,000 dying cells, and next to no debris"
    assert kept["cells_fsc_a"] < 6200
    assert [gate.name for gate in read_gatingml(tmp_path / "gates.xml").gates] == [
        "cells_fsc_a", "cells_annexin", "cells", "dead", "living"
    ]  # fmt: skip


def test_gates_that_every_cell_passes_are_left_out_and_what_stands_on_them_moves_up(surface_plate, tmp_path):
    resolved = replace(
        surface_plate.assay.resolved["plate 1"],
        gates=(
            BooleanGate(name="whole", operation="and", of=("all",)),
            BooleanGate(name="again", parent="whole", operation="and", of=("whole",)),
            ThresholdGate(name="big", parent="again", channel="fsc_a", value=9.0),
            ThresholdGate(name="small", parent="big", channel="fsc_a", value=20.0, side="below"),
            BooleanGate(name="passed", parent="big", operation="and", of=("big",)),
            BooleanGate(name="one", parent="big", operation="and", of=("small",)),
            BooleanGate(name="rest", parent="passed", operation="and", of=("not small", "passed")),
        ),
    )
    gates = exported_gates(surface_plate.assay, resolved)
    assert gates.pass_through == ("whole", "again", "passed")
    parents = {gate.name: (gate.parent, getattr(gate, "of", ())) for gate in gates.document.gates}
    assert parents == {
        "big": ("all", ()), "small": ("big", ()), "one": ("big", ("small",)), "rest": ("big", ("not small", "big"))
    }  # fmt: skip
    write_gates(gates, tmp_path / "gates.xml")
    text = (tmp_path / "gates.xml").read_text()
    assert text.partition('id="one"')[2].partition("</gating:and>")[0].count("gateReference") == 2, (
        "one alone is no and"
    )


def test_one_plate_must_be_meant_and_a_well_must_be_of_it(surface_plate):
    assay = surface_plate.assay
    study = Study("t", "experiment", Reference(), (assay, replace(assay, name="again")))
    with pytest.raises(GateError, match="found 2, of plate 1 of surface, plate 1 of again"):
        gates_of_study(study)
    with pytest.raises(GateError, match="found none, of plate 1 of surface"):
        gates_of_study(study, plate="plate 2")
    with pytest.raises(GateError, match=r"plate 1: .* found H9"):
        gates_of_study(study, assay="again", well="H9")
    assert len(gates_of_study(study, assay="again", well="A1").document.gates) == 5


def test_the_command_writes_the_gates_of_a_results_folder_and_never_over_a_file(
    surface_plate, tmp_path, monkeypatch, capsys
):
    study = Study("t", "experiment", Reference(), (surface_plate.assay, Assay("counted", surface_plate.assay.protocol)))
    write_results(Results(study, {}), tmp_path / "results")

    def export(*more: str) -> int:
        monkeypatch.setattr(sys, "argv", ["assaykit", "gates", "export", str(tmp_path / "results"), "--to", *more])
        with pytest.raises(SystemExit) as stopped:
            main()
        return int(stopped.value.code or 0)

    assert export(str(tmp_path / "gates.xml"), "--well", "B1") == 0
    assert "5 gates, 0 spillover matrices" in capsys.readouterr().out
    assert [gate.name for gate in read_gatingml(tmp_path / "gates.xml").gates][-1] == "positive"
    assert export(str(tmp_path / "gates.xml")) == 2
    assert "must not be there yet" in capsys.readouterr().err
    assert export(str(tmp_path / "gates.toml")) == 2
    assert "ends in .xml" in capsys.readouterr().err

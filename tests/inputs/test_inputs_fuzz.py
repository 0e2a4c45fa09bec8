"""Seeded structure-aware changes of studies, tables, Gating-ML and workspaces end in values or in one sentence each.

The same for ten minutes a kind: benchmarks/fuzz_inputs.py.
"""

from __future__ import annotations

import random

import pytest
from cytometry.test_cytometry_gatingml import every_kind_of_gate
from inputs.checked import gates_outcome, study_outcome, unclear
from inputs.mutations import mutated_text, mutated_xml, mutated_zip
from inputs.seeds import workspace, write_study

from assaykit.cytometry.gatingml_writing import write_gatingml


@pytest.mark.parametrize("seed", range(3))
def test_a_changed_study_is_read_or_refused(tmp_path, seed):
    dice = random.Random(seed)
    files = write_study(tmp_path)
    originals = {path: path.read_bytes() for path in files}
    assert study_outcome(tmp_path / "study.toml", design=True) == "values"
    outcomes = []
    for case in range(60):
        path = dice.choice(files)
        data = originals[path]
        path.write_bytes(mutated_zip(data, dice) if path.suffix == ".xlsx" else mutated_text(data.decode(), dice))
        outcomes.append(study_outcome(tmp_path / "study.toml", design=case % 10 == 0))
        path.write_bytes(data)
    assert [outcome for outcome in outcomes if unclear(outcome)] == []
    assert 0 < outcomes.count("values") < 60


@pytest.mark.parametrize("seed", range(2))
def test_changed_gating_ml_is_read_or_refused(tmp_path, seed):
    dice = random.Random(seed)
    write_gatingml(every_kind_of_gate(), tmp_path / "seed.xml")
    text = (tmp_path / "seed.xml").read_text(encoding="utf-8")
    outcomes = []
    for _ in range(150):
        (tmp_path / "case.xml").write_bytes(mutated_xml(text, dice))
        outcomes.append(gates_outcome(tmp_path / "case.xml", dice))
    assert [outcome for outcome in outcomes if unclear(outcome)] == []
    assert 0 < outcomes.count("values") < 150


def test_a_changed_workspace_is_read_or_refused(tmp_path):
    pytest.importorskip("flowkit")
    dice = random.Random(1)
    outcomes = []
    for _ in range(60):
        (tmp_path / "case.wsp").write_bytes(mutated_xml(workspace(100, 100), dice))
        outcomes.append(gates_outcome(tmp_path / "case.wsp", dice))
    assert [outcome for outcome in outcomes if unclear(outcome)] == []
    assert 0 < outcomes.count("values") < 60

"""The robustness of a run: what is varied, what stands, and the wrong answer only where it is asked for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from assaykit.pipeline import run
from assaykit.pipeline.measure import resolve
from assaykit.pipeline.robust import with_gates_at
from assaykit.protocol.gates import ThresholdGate
from assaykit.study import read_study
from assaykit.tables import TABLES, check

SAMPLE = Path(__file__).parents[2] / "sample_data" / "cml_niche" / "study.toml"


@pytest.fixture(scope="module")
def study():
    whole = read_study(SAMPLE)
    apoptosis = next(assay for assay in whole.assays if assay.name == "annexin_apoptosis")
    return replace(whole, assays=(replace(apoptosis, plates=apoptosis.plates[:3]),), primary_claims=())


@pytest.fixture(scope="module")
def results(study):
    return run(study, show_pseudoreplication=True)


def test_every_estimated_gate_moves_to_its_end_and_no_other_does(study):
    resolved, _ = resolve(study)
    low, high = with_gates_at(resolved, "low"), with_gates_at(resolved, "high")
    plate = study.assays[0].plates[0].name
    gates = [each.assays[0].resolved[plate].gates for each in (low, resolved, high)]
    assert len(gates[1]) > 3
    for below, middle, above in zip(*gates, strict=True):
        if isinstance(middle, ThresholdGate) and middle.low is not None:
            assert below.value == middle.low <= middle.value <= middle.high == above.value
        else:
            assert below == middle == above


def test_every_table_of_a_run_is_in_the_glossary_column_by_column(results):
    assert {"robustness", "robustness_summary", "sizes"} <= set(results.tables)
    for name, frame in results.tables.items():
        assert check(frame, TABLES[name]).dtypes.to_dict() == frame.dtypes.to_dict(), name


def test_units_models_and_gates_are_varied(results):
    table = results.tables["robustness"]
    variations = set(table["variation"])
    assert {"as planned", "estimated gates at their low end", "estimated gates at their high end"} <= variations
    assert sum(name.startswith("without ") for name in variations) == 3
    assert any("mixed model" in name for name in variations)


def test_the_planned_answer_is_the_one_in_estimates(results):
    keys = ["analysis", "contrast", "context", "kind"]
    planned = results.tables["robustness"].query("variation == 'as planned'")
    both = planned.merge(results.tables["estimates"], on=keys, suffixes=("", "_first"), validate="one_to_one")
    assert len(both) == len(planned) > 20
    assert both["estimate"].tolist() == pytest.approx(both["estimate_first"].tolist(), rel=1e-12, nan_ok=True)


@pytest.fixture
def counted(tmp_path):
    """A study of four days with three wells an arm: wells scatter little beside what the days do."""
    rng = np.random.default_rng(2)
    lines = ["experiment,treatment,context,well,early,late,viable,necrotic"]
    for day in ("E1", "E2", "E3", "E4"):
        shift = rng.normal(0, 0.5)
        for row, (treatment, logit) in enumerate({"vehicle": -2.5, "imatinib 1 uM": -0.5}.items()):
            for number in range(1, 4):
                share = 1 / (1 + np.exp(-(logit + shift * row + rng.normal(0, 0.1))))
                dead = int(2000 * share)
                lines.append(
                    f"{day},{treatment},mono,{day}{row}{number},{dead // 2},{dead - dead // 2},{2000 - dead},0"
                )
    (tmp_path / "counts.csv").write_text("\n".join(lines), encoding="utf-8")
    (tmp_path / "study.toml").write_text(
        'assaykit = 1\ntitle = "counted"\nunit = "experiment"\n\n[[assay]]\nprotocol = "annexin_apoptosis"\n'
        'counts = ["counts.csv"]\n',
        encoding="utf-8",
    )
    return read_study(tmp_path / "study.toml")


def test_the_wrong_answer_is_labelled_and_narrower(counted):
    results = run(counted, show_pseudoreplication=True)
    table = results.tables["robustness"].set_index(["contrast", "context"])
    wrong, right = table[table["group"] == "wrong"], table[table["variation"] == "as planned"]
    assert wrong["variation"].str.startswith("WRONG").all()
    width = (wrong["conf_high"] - wrong["conf_low"]) / (right["conf_high"] - right["conf_low"])
    assert width.median() < 0.9


def test_the_wrong_answer_is_not_shown_unasked(study):
    table = run(study).tables["robustness"]
    assert not (table["group"] == "wrong").any()


def test_a_run_without_robustness_has_no_such_tables(study):
    assert not {"robustness", "robustness_summary"} & set(run(study, robust=False).tables)

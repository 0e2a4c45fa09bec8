"""Dose-response, gating and ledger figures, and the command that redraws them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from figures.figures_study import synthetic_results
from matplotlib.text import Text
from typer.testing import CliRunner

from assaykit.cli.app import app
from assaykit.cytometry import measure_well, resolve_plate
from assaykit.figures import STYLES, drawings, figure_bytes, ledger_drawings
from assaykit.figures.dose_response import dose_response_curves, dose_series
from assaykit.figures.gating import gating
from assaykit.figures.gating_panels import gating_panels
from assaykit.figures.ledger import cumulative_forest, ledger_matrix
from assaykit.results import write_results
from assaykit.simulate import simulate_study
from assaykit.study import read_study

NATURE = STYLES["nature"]


def texts(figure):
    return [t.get_text() for t in figure.findobj(Text)]


def doses(amounts, *, ic50=0.3, units=4):
    rng = np.random.default_rng(1)
    rows = [
        {
            "assay": "dose_response", "plate": f"p{u}", "well": f"A{k}", "unit_id": f"e{u}", "context": "mono",
            "treatment": "vehicle" if d == 0 else f"imatinib {d:g} uM", "endpoint": "viability", "unit": "%",
            "value": 100 / (1 + (d / ic50) ** 1.3) + rng.normal(0, 3), "qc": "pass",
        }
        for u in range(units) for d in (0, *amounts) for k in range(3)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_a_drug_at_four_doses_is_a_series_and_at_three_is_not():
    assert [s.drug for s in dose_series(doses([0.1, 0.3, 1, 3]))] == ["imatinib"]
    assert list(dose_series(doses([0.1, 0.3, 1]))) == []


def test_a_series_of_doses_in_two_units_rises():
    frame = doses([0.1, 0.3, 1, 3]).replace({"treatment": {"imatinib 0.1 uM": "imatinib 100 nM"}})
    (series,) = dose_series(frame)
    assert series.treatments[0] == "imatinib 100 nM"
    assert series.unit == "uM"


def test_the_ic50_is_written_with_its_interval_and_n():
    frame = doses([0.03, 0.1, 0.3, 1, 3, 10])
    (series,) = dose_series(frame)
    said = [t for t in texts(dose_response_curves(frame, series, pd.DataFrame(), style=NATURE)) if "IC50" in t]
    assert len(said) == 1
    assert said[0].startswith("n = 4; IC50 0.")
    assert "µM (95% CI" in said[0]


def test_doses_that_do_not_reach_the_plateau_give_no_ic50():
    frame = doses([0.01, 0.03, 0.1, 0.3])
    (series,) = dose_series(frame)
    assert any("not reached" in t for t in texts(dose_response_curves(frame, series, pd.DataFrame(), style=NATURE)))


def test_an_ic50_the_run_has_in_its_table_is_the_one_written():
    frame = doses([0.03, 0.1, 0.3, 1, 3, 10])
    (series,) = dose_series(frame)
    table = pd.DataFrame([{
        "context": "mono", "shape": "4PL", "top": 100.0, "bottom": 0.0, "hill": 1.3, "ic50": 0.3, "units_ic50": 0.27,
        "units_low": 0.21, "units_high": 0.35, "profile_low": 0.2, "profile_high": 0.4, "reason": "",
    }])  # fmt: skip
    assert "n = 4; IC50 0.27 µM (95% CI 0.21 to 0.35)" in texts(
        dose_response_curves(frame, series, table, style=NATURE)
    )


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    return read_study(simulate_study(tmp_path_factory.mktemp("gating") / "study", seed=3, cells=400))


@pytest.mark.parametrize(("number", "panels"), [(0, 6), (1, 3), (2, 4)])
def test_each_gate_of_a_well_is_a_panel_and_quadrants_share_one(simulated, number, panels):
    assay = simulated.assays[number]
    plate = assay.plates[0]
    resolved, _ = resolve_plate(assay, plate)
    ready = replace(assay, resolved={plate.name: resolved})
    drawn = gating_panels(ready, plate, next(well for well in plate.wells if well.role == "sample"))
    assert len(drawn) == panels
    figure = gating(drawn, style=NATURE)
    percents = [t for t in texts(figure) if t.endswith("%")]
    assert len(percents) == sum(len(panel.marks) for panel in drawn)
    assert figure_bytes(figure, NATURE, "svg") == figure_bytes(gating(drawn, style=NATURE), NATURE, "svg")


def test_the_share_a_panel_states_is_that_of_the_population_table(simulated):
    assay = simulated.assays[2]
    plate = assay.plates[0]
    resolved, _ = resolve_plate(assay, plate)
    ready = replace(assay, resolved={plate.name: resolved})
    well = next(well for well in plate.wells if well.role == "sample")
    shares = {row["population"]: row["fraction"] for row in measure_well(ready, plate, well).populations}
    marks = [mark[0].split("\n") for panel in gating_panels(ready, plate, well) for mark in panel.marks]
    assert {"viable", "early", "late", "necrotic"} <= {name for name, _ in marks}
    assert all(percent == f"{100 * shares[name.replace(' ', '_')]:.1f}%" for name, percent in marks)


def course(runs):
    return pd.DataFrame(
        {
            "title": [f"run {i}" for i in range(runs)], "effect": 1.5, "effect_low": 1.1, "effect_high": 2.0,
            "pooled_effect": 1.4, "pooled_low": 1.05, "pooled_high": 1.8, "pooled_verdict": "consistent",
            "effect_name": "fold change", "expected_sign": 1, "n_units": 5, "disagrees": False,
        }
    )  # fmt: skip


@pytest.mark.parametrize("runs", [1, 12])
def test_a_cumulative_forest_names_every_run(runs):
    shown = texts(cumulative_forest(course(runs), style=NATURE))
    assert {f"run {i}" for i in range(runs)} <= set(shown)


def test_a_ledger_matrix_marks_verdicts_by_more_than_colour():
    table = pd.DataFrame(
        {"run 1": ["consistent", ""], "run 2": ["contradicts", "not testable"]}, index=["EN-10", "EN-11"]
    )
    figure = ledger_matrix(table, style=NATURE)
    assert {line.get_marker() for line in figure.axes[0].lines} == {"o", "X"}


def verdicts():
    base = {
        "claim": "EN-10", "statement": "Imatinib raises CXCR4.", "endpoint": "cxcr4_dmfi",
        "contrast": "imatinib - vehicle",
        "context": "mono", "scale": "log2", "effect_name": "fold change", "expected_sign": 1, "verdict": "consistent",
        "std_error": 0.1, "df": 4.0, "p_value": 0.01, "n_units": 5,
    }  # fmt: skip
    rows = [base | {"position": i, "title": f"run {i}", "estimate": 0.7 + 0.1 * i} for i in range(3)]
    return pd.DataFrame(rows)


def test_a_ledger_of_several_runs_has_a_matrix_and_a_course_per_claim():
    listed = list(ledger_drawings(verdicts(), "experiment"))
    assert [drawing.name for drawing in listed] == ["ledger_matrix", "cumulative_EN-10"]
    for drawing in listed:
        drawing.draw(NATURE)


def test_the_command_redraws_a_results_folder_in_another_style(tmp_path: Path):
    results = synthetic_results()
    empty = {"comparisons", "populations", "estimates"}
    tables = {n: f.iloc[:0] if n in empty else f for n, f in results.tables.items()}
    small = replace(results, study=replace(results.study, assays=results.study.assays[:1]), tables=tables)
    folder = write_results(replace(small, provenance=dict(results.provenance)), tmp_path / "results")
    done = CliRunner().invoke(app, ["figures", str(folder), "--style", "cell"])
    assert done.exit_code == 0, done.output
    names = {path.name for path in (folder / "figures_cell").iterdir()}
    assert "plates_cxcr4_surface.pdf" in names
    assert len(names) == 3 * len(list(drawings(small)))

"""Figures show what the tables hold, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import numpy as np
import pandas as pd
import pytest
from figures.figures_study import TREATMENTS, synthetic_results
from matplotlib.collections import PathCollection
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from assaykit.figures import STYLES, drawings, write_figures
from assaykit.figures.colours import treatment_colours, unit_colours
from assaykit.figures.conditions import ordered_treatments
from assaykit.figures.endpoint import endpoint_by_condition
from assaykit.figures.evidence import evidence_forest, evidence_matrix
from assaykit.figures.forest import KIND_COLOURS, KIND_WORDS, contrast_words, forest, forest_pages
from assaykit.figures.gate_yield import gate_yield
from assaykit.figures.plate_map import plate_map
from assaykit.protocol import Analysis
from assaykit.report.words import estimate_sentence

NATURE = STYLES["nature"]


def part(results, endpoint):
    measurements, estimates = results.tables["measurements"], results.tables["estimates"]
    return measurements[measurements.endpoint == endpoint], estimates[estimates.endpoint == endpoint]


def texts(figure):
    return [t.get_text() for t in figure.findobj(Text)]


def points(figure):
    return sum(len(c.get_offsets()) for c in figure.findobj(PathCollection))


def test_every_well_and_every_unit_mean_is_a_point(results):
    measurements, estimates = part(results, "apoptosis")
    units = measurements.groupby(["unit_id", "treatment", "context"]).ngroups
    assert points(endpoint_by_condition(measurements, estimates, style=NATURE)) == len(measurements) + units


def test_p_values_come_from_the_table_of_estimates_alone(results):
    measurements, estimates = part(results, "apoptosis")
    changed = estimates.assign(p_adjusted=0.0123)
    shown = texts(endpoint_by_condition(measurements, changed, style=NATURE))
    assert shown.count("0.012") == (changed.kind == "treatment").sum()


def test_a_contrast_that_is_not_interpretable_is_marked_and_carries_no_p(results):
    measurements, estimates = part(results, "cxcr4_dmfi")
    doubtful = estimates[(estimates.kind == "treatment") & (estimates.reason != "")]
    shown = texts(endpoint_by_condition(measurements, estimates, style=NATURE))
    assert shown.count("n.i.") == len(doubtful) == 4


def test_n_under_a_column_is_the_number_of_units_not_of_wells(results):
    measurements, estimates = part(results, "apoptosis")
    kept = measurements[measurements.unit_id != "exp5"]
    shown = texts(endpoint_by_condition(kept, estimates, style=NATURE, unit="donor"))
    assert "n donors" in shown
    assert shown.count("4") >= 14
    assert "12" not in shown


def test_a_zero_on_a_log_axis_is_left_out_and_the_rest_drawn(results):
    measurements, estimates = part(results, "migration_cxcl12")
    with_zero = measurements.assign(value=measurements.value.where(np.arange(len(measurements)) != 3, 0.0))
    assert points(endpoint_by_condition(with_zero, estimates, style=NATURE)) == len(measurements) - 1 + 70


@pytest.mark.parametrize("units", [1, 2, 9])
def test_any_number_of_units_can_be_drawn(results, units):
    measurements, estimates = part(results, "apoptosis")
    first = measurements[measurements.unit_id == "exp1"]
    many = pd.concat([first.assign(unit_id=f"donor {i}") for i in range(units)])
    figure = endpoint_by_condition(many, estimates, style=NATURE)
    conditions = first.groupby(["treatment", "context"]).ngroups
    assert points(figure) == units * (len(first) + conditions)  # every well, and the mean of every unit
    assert texts(figure).count(str(units)) >= conditions  # n beneath each column


def test_measurements_without_estimates_are_still_drawn(results):
    measurements, estimates = part(results, "apoptosis")
    means = measurements.groupby(["unit_id", "treatment", "context"]).ngroups
    figure = endpoint_by_condition(measurements, estimates.iloc[:0], style=NATURE)
    assert points(figure) == len(measurements) + means
    assert not [text for text in texts(figure) if "95% CI" in text]  # no effects are drawn below
    assert [text for text in texts(endpoint_by_condition(measurements, estimates, style=NATURE)) if "95% CI" in text]


def test_pages_of_a_forest_hold_every_contrast_once_and_fit_the_page(results):
    estimates = results.tables["estimates"]
    pages = list(forest_pages(pd.concat([estimates, estimates.assign(analysis="again")]), NATURE))
    assert sum(len(page) for page in pages) == 2 * len(estimates)
    for page in pages:
        assert forest(page, style=NATURE).get_size_inches()[1] * 25.4 <= NATURE.tallest


def test_the_evidence_forest_draws_tested_claims_only(results):
    comparisons = results.tables["comparisons"]
    shown = texts(evidence_forest(comparisons, style=NATURE))
    tested = comparisons[comparisons.verdict != "not testable"]
    assert set(tested.claim) <= set(shown)
    assert "EN-60" not in shown


def test_a_claim_that_is_not_testable_is_not_drawn_even_where_it_has_numbers(results):
    comparisons = results.tables["comparisons"]
    comparisons = comparisons.assign(verdict=comparisons.verdict.where(comparisons.claim != "EN-31", "not testable"))
    assert "EN-31" not in texts(evidence_forest(comparisons, style=NATURE))


def test_the_evidence_matrix_counts_every_claim(results):
    shown = texts(evidence_matrix(results.tables["comparisons"], results.tables["comparisons"], style=NATURE))
    assert "not testable (69)" in shown
    assert "consistent (8)" in shown


def test_a_matrix_without_any_tested_claim_is_its_tiles(results):
    comparisons = results.tables["comparisons"]
    untested = comparisons[comparisons.verdict == "not testable"]
    figure = evidence_matrix(untested, untested, style=NATURE)
    tiles = [patch for patch in figure.findobj(Rectangle) if patch.get_width() == pytest.approx(0.92)]  # as drawn
    assert len(tiles) == len(untested) == 69
    assert len(figure.axes) == 1  # no matrix of verdicts stands above them


@pytest.mark.parametrize(("rows", "columns"), [(8, 12), (16, 24), (32, 48)])
def test_plates_of_every_size_can_be_mapped(rows, columns):
    wells = pd.DataFrame(
        {
            "plate": "p",
            "well": "A1",
            "rows": rows,
            "columns": columns,
            "row": np.repeat(range(rows), columns),
            "column": np.tile(range(columns), rows),
            "role": "sample",
            "treatment": [f"drug {i % 20} uM" for i in range(rows * columns)],
            "rim": "mono",
            "rim_name": "context",
            "failed": False,
        }
    )
    assert points(plate_map(wells, style=NATURE)) == 2 * rows * columns


def test_a_failed_well_is_crossed_out(listed):
    wells = listed["plates_cxcr4_surface"].tables[0]
    assert wells[wells.failed][["plate", "well"]].values.tolist() == [["cxcr4_surface_exp2", "C5"]]


def test_gate_yield_leaves_out_empty_parents(results):
    populations = results.tables["populations"]
    empty = populations.assign(fraction=populations.fraction.where(populations.population != "live"))
    lost = populations[(populations.population == "live") & populations.fraction.notna()]
    assert len(lost) > 0
    assert points(gate_yield(populations, style=NATURE)) - points(gate_yield(empty, style=NATURE)) == len(lost)


def test_treatments_stand_reference_first_then_single_drugs_then_combinations():
    shuffled = [TREATMENTS[i] for i in (6, 3, 0, 5, 1, 4, 2)]
    assert ordered_treatments(shuffled, "vehicle")[0] == "vehicle"
    assert [len(t.split(" + ")) for t in ordered_treatments(shuffled, "vehicle")] == [1, 1, 1, 1, 1, 2, 2]


def test_doses_of_one_drug_rise_whatever_their_unit():
    doses = ["imatinib 1 uM", "imatinib 100 nM", "imatinib 10 uM", "vehicle", "imatinib 300 nM"]
    rising = ["vehicle", "imatinib 100 nM", "imatinib 300 nM", "imatinib 1 uM", "imatinib 10 uM"]
    assert ordered_treatments(doses, "vehicle") == rising


def test_treatments_have_colours_of_their_own():
    colours = treatment_colours(TREATMENTS, "vehicle")
    assert len(set(colours.values())) == len(TREATMENTS)


def test_more_units_than_the_palette_share_one_grey():
    assert set(unit_colours(f"d{i}" for i in range(9)).values()) == {"#7F7F7F"}


def test_a_run_without_claims_or_estimates_still_has_plates():
    bare = synthetic_results()
    tables = {
        name: frame.iloc[:0] if name in {"comparisons", "estimates"} else frame for name, frame in bare.tables.items()
    }
    names = [drawing.name for drawing in drawings(type(bare)(bare.study, tables))]
    assert "plates_cxcr4_surface" in names
    assert not [name for name in names if name.startswith(("evidence", "forest"))]


def test_figures_are_written_as_pdf_svg_and_png(results, tmp_path):
    few = {
        name: frame.iloc[:0] if name in {"comparisons", "estimates"} else frame
        for name, frame in results.tables.items()
    }
    one = replace(results.study, assays=results.study.assays[:1])
    paths = write_figures(type(results)(one, few), tmp_path / "figures")
    assert {path.suffix for path in paths} == {".pdf", ".svg", ".png"}
    assert all(path.stat().st_size > 500 for path in paths)


def test_every_kind_of_contrast_has_words_and_a_colour():
    """A kind without them ends the run where its figures are listed."""
    asked = get_args(get_args(Analysis.model_fields["families"].annotation)[0])
    assert {*asked, "custom"} == set(KIND_WORDS) == set(KIND_COLOURS)


def test_a_contrast_of_two_drugs_beyond_each_alone_is_told_by_its_drugs_and_both_contexts():
    row = pd.Series(
        {"kind": "sensitisation", "treatment": "imatinib 1 uM + plerixafor 10 uM", "comparator": "vehicle"}
        | {"context": "msc_contact", "comparator_context": "mono", "contrast": "", "endpoint": "apoptosis"}
        | {"effect": 2.4, "effect_low": 1.2, "effect_high": 5.0, "effect_name": "odds ratio", "p_adjusted": 0.03}
        | {"n_units": 4, "conf_low": 0.2, "conf_high": 1.6, "p_value": 0.03}
    )
    assert contrast_words(row) == "imatinib 1 µM + plerixafor 10 µM beyond each alone: MSC contact vs alone"
    told = estimate_sentence(row, "experiment")
    assert "the odds ratio of apoptosis, imatinib 1 µM + plerixafor 10 µM beyond each alone, was 2.40 times" in told
    assert told.startswith("With MSC in contact")

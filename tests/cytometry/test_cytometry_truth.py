"""Simulated plates with a known answer."""

from dataclasses import replace

import numpy as np
import pytest

from assaykit.cytometry.single_stain import single_stain_spillover
from assaykit.plate.model import Well


def true_dmfi(draw_cells, cells, matrix) -> float:
    """Median stain of live single leukaemia cells beyond those of the same cells unstained, from many cells."""
    many = replace(cells, events=400_000)
    stained, live = draw_cells(many, 99)
    bare, bare_live = draw_cells(replace(many, cxcr4=0.0), 98)
    compensated = [signal[:, 3:7] @ np.linalg.inv(matrix) for signal in (stained, bare)]
    return float(np.median(compensated[0][live, 0]) - np.median(compensated[1][bare_live, 0]))


@pytest.mark.parametrize("level", [300.0, 800.0, 3000.0])
def test_delta_mfi_is_within_two_percent_of_truth_at_5000_events(lab, cells, draw_cells, spill_matrix, level):
    kind = cells(cxcr4=level)
    wells = [lab.well(f"{row}1", kind) for row in "ABCDEFGH"] + [lab.fmo("A2", kind), lab.fmo("B2", kind)]
    ran = lab.run(wells)
    truth = true_dmfi(draw_cells, kind, spill_matrix)
    dmfi = [ran.value(w.name, "cxcr4_median") - ran.value(w.name, "cxcr4_control_median") for w in wells[:8]]
    # One well's median of ~4,000 cells of log SD 0.5 has a standard error of 1.0 %: the mean of eight shows the bias.
    assert np.mean(dmfi) == pytest.approx(truth, rel=0.02)


@pytest.mark.parametrize("share", [0.0, 0.2, 0.6, 0.95])
def test_percent_positive_is_within_one_point_of_truth_at_5000_events(lab, cells, share):
    kind = cells(cxcr4=6000.0, spread=0.3, positive=share)
    wells = [lab.well(f"{row}1", kind) for row in "ABCDEFGH"] + [lab.fmo("A2", kind), lab.fmo("B2", kind)]
    ran = lab.run(wells)
    positive = np.mean([ran.value(w.name, "cxcr4_percent_positive") for w in wells[:8]])
    # A threshold at the 99th percentile calls 1 % of the negatives positive: that is what it means.
    assert positive == pytest.approx(100 * share + 1.0 * (1 - share), abs=1.0)


def test_overton_tells_a_dim_shift_that_a_threshold_misses(lab, cells):
    ran = lab.run([lab.well("A1", cells(cxcr4=80.0, spread=0.3)), lab.fmo("A2")])
    assert ran.value("A1", "cxcr4_overton") > ran.value("A1", "cxcr4_percent_positive") + 10


def single_stains(lab, matrix, seed, events=4000):
    """Return a single-stain well per dye: half its cells stained, from light through the matrix."""
    rng = np.random.default_rng(seed)
    wells = []
    for column, stain in enumerate(("cxcr4", "viability", "cd45", "cd90")):
        amounts = np.zeros((events, 4))
        amounts[: events // 2, column] = 12e3 * np.exp(rng.normal(0, 0.35, events // 2))
        light = amounts @ matrix + 110 * np.exp(rng.normal(0, 0.25, (events, 1)))
        signal = light + rng.normal(0, 1, light.shape) * np.sqrt(18.0**2 + 2.5 * np.abs(light))
        values = np.hstack([np.tile([62e3, 50e3, 30e3], (events, 1)), signal, np.arange(events)[:, None] / 250])
        name = f"H{column + 1}"
        wells.append(Well(name, "single_stain", {"marker": stain}, lab.write(name, values)))
    return wells


def test_single_stains_give_the_spillover_the_cells_were_made_with(lab, spill_matrix):
    assay, plate = lab.assay(single_stains(lab, spill_matrix, 2, events=5000), compensation="single_stain")
    spillover, findings = single_stain_spillover(assay, plate, ["cxcr4", "viability", "cd45", "cd90"])
    # Slopes of 5,000 cells have standard errors of 0.0002 to 0.0004; the dim end bends them by less than 0.001.
    assert np.abs(np.array(spillover.matrix) - spill_matrix).max() < 0.0015
    assert {f.check for f in findings} == {"single_stain"}


def test_a_plate_compensated_by_its_single_stains_gives_the_medians_of_its_files_own_matrix(lab, spill_matrix):
    wells = [lab.well("A1"), lab.fmo("A2"), *single_stains(lab, spill_matrix, 4)]
    own, estimated = lab.run(wells), lab.run(wells, compensation="single_stain")
    for readout in ("cxcr4_median", "cxcr4_control_median"):
        # CD45 of 9,000 leaks 0.4 % into PE: an error of 0.0015 in that slope moves a median by 14.
        assert estimated.value("A1", readout) == pytest.approx(own.value("A1", readout), abs=15)


def test_a_missing_single_stain_is_an_error_that_names_the_channel(lab, spill_matrix):
    wells = [lab.well("A1"), lab.fmo("A2"), *single_stains(lab, spill_matrix, 4)[:2]]
    ran = lab.run(wells, compensation="single_stain")
    failed = [f.message for f in ran.plate_findings if f.check == "compensation"]
    assert len(failed) == 1
    assert "APC-A" in failed[0]
    assert ran.rows("readouts") == []


def test_a_dye_that_no_gate_reads_but_leaks_is_named_where_its_single_stain_is_missing(lab, spill_matrix):
    ran = lab.run(
        [lab.well("A1"), lab.fmo("A2"), *single_stains(lab, spill_matrix, 4)[:3]], compensation="single_stain"
    )
    assert "BV786-A" in next(f.message for f in ran.plate_findings if f.check == "single_stain_missing")

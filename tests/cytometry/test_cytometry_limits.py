"""Units and limits that every number rests on, each beside a literal value that a reader can check by hand."""

from __future__ import annotations

import numpy as np
import pytest

from assaykit.cytometry.acquisition import flow, flow_findings
from assaykit.cytometry.columns import WellColumns
from assaykit.cytometry.compensation import check_spillover
from assaykit.cytometry.density import Histogram, histogram_of, peaks_of, smoothed
from assaykit.cytometry.hierarchy import without_operands
from assaykit.errors import CompensationError
from assaykit.fcs import events_from_array
from assaykit.plate import Well
from assaykit.protocol.gates import BooleanGate, ThresholdGate
from assaykit.study.model import Spillover

ONE_POPULATION = {
    "name": "plain",
    "title": "plain",
    "compensation": "none",
    "channels": {
        "fsc_a": {"names": ["FSC-A"]},
        "fsc_h": {"names": ["FSC-H"]},
        "cxcr4": {"names": ["PE-A"], "marker": "CXCR4"},
    },
    "gate": [],
    "readout": [],
}


def well_of(lab, name, columns, *, role="sample", keywords=None):
    """Return a well whose file holds these channels, and 0 in the others."""
    values = np.zeros((len(next(iter(columns.values()))), 8), dtype=np.float32)
    for place, column in columns.items():
        values[:, place] = column
    factors = {"treatment": "vehicle", "context": "mono", **({"marker": "cxcr4"} if role == "fmo" else {})}
    return Well(name, role, factors, lab.write(name, values, keywords=keywords or {}))


@pytest.mark.parametrize(("volume", "per_microlitre"), [("50000", 100.0), ("2500", 2000.0), ("0", None), ("", None)])
def test_a_concentration_is_cells_per_microlitre_of_vol_which_is_in_nanolitres(lab, volume, per_microlitre):
    keywords = {"$VOL": volume} if volume else {}
    well = well_of(lab, "A1", {0: np.full(5000, 9e4)}, keywords=keywords)
    readout = [{"statistic": "concentration", "population": "all"}]
    (row,) = lab.run([well], ONE_POPULATION, readout=readout).rows("readouts")
    assert row["unit"] == "cells/uL"
    assert np.isnan(row["value"]) if per_microlitre is None else row["value"] == per_microlitre


def test_singlets_end_four_scaled_mads_above_the_median_ratio(lab):
    """Ratios from 0.96 to 1.04 have the median 1 and the MAD 0.02: 1 + 4 * 1.4826 * 0.02 = 1.1186."""
    ratio = np.linspace(0.96, 1.04, 2001)
    control = well_of(lab, "A1", {0: 50_000 * ratio, 1: np.full(2001, 50_000.0)}, role="unstained")
    gate = [{"kind": "singlets", "name": "singlets", "mads": 4.0}]
    (fixed,) = lab.run([control], ONE_POPULATION, gate=gate).assay.resolved["plate 1"].gates
    assert isinstance(fixed, ThresholdGate)
    assert fixed.value == pytest.approx(1.118608, abs=1e-5)  # float32 files hold 7 digits


@pytest.mark.parametrize(("above", "odd"), [(15.0, False), (45.0, True)])
def test_a_control_more_than_two_spreads_from_the_others_disagrees(lab, above, odd):
    """Eight FMO wells of median 100 and SD 10, one of them brighter: a spread of all is 11 to 13."""
    normal = 100 + 10 * np.sqrt(2) * np.vectorize(_inverse_erf)(np.linspace(-0.998, 0.998, 500))
    wells = [well_of(lab, f"A{i}", {3: normal + above * (i == 8)}, role="fmo") for i in range(1, 9)]
    gate = [{"kind": "fmo", "name": "positive", "channel": "cxcr4"}]
    ran = lab.run([well_of(lab, "B1", {3: normal + 900}), *wells], ONE_POPULATION, gate=gate)
    told = [f.message for f in ran.plate_findings if f.check == "controls_disagree"]
    assert [message.split(" lie ")[0] for message in told] == (["cxcr4: the controls A8"] if odd else [])


def _inverse_erf(share: float) -> float:
    from scipy.special import erfinv

    return float(erfinv(share))


def times(counts):
    """Return ascending times with these numbers of events in successive seconds, evenly set."""
    return np.concatenate([second + (np.arange(n) + 0.5) / n for second, n in enumerate(counts)])


@pytest.mark.parametrize(
    ("events", "slow", "fast"),
    [(45, True, False), (55, False, False), (200, False, False), (750, False, False), (850, False, True)],
)
def test_a_span_is_a_clog_below_a_quarter_of_the_usual_flow_and_a_surge_above_four_times(events, slow, fast):
    """Fifty seconds of 200 events each but for one: a quarter is 50 and four times are 800."""
    run = flow(times([200] * 30 + [events] + [200] * 19))
    assert run is not None
    assert run.counts[30] == pytest.approx(events, abs=1)  # spans begin with the first event, half a gap later
    assert (bool(run.slow[30]), bool(run.fast[30])) == (slow, fast)
    assert not (run.slow | run.fast)[:30].any()


@pytest.mark.parametrize(("events", "checks"), [(20, ["clog"]), (200, []), (1000, ["flow_rate"])])
def test_a_clog_and_a_surge_are_findings_by_name(events, checks):
    time = times([200] * 30 + [events] + [200] * 19)
    columns = WellColumns(events_from_array(np.column_stack([time, time]), ("FSC-A", "Time")), {"fsc_a": "FSC-A"})
    findings = flow_findings(columns)
    assert [finding.check for finding in findings] == checks
    if events == 1000:
        assert findings[0].message == "the flow surged to 5.0 times its rate (at 30 s)"


@pytest.mark.parametrize(("spill", "condition"), [(0.997, 666), (0.999, 1999)])
def test_a_spillover_matrix_is_well_conditioned_up_to_a_thousand(spill, condition):
    """Two dyes that spill s into each other have the condition number (1 + s) / (1 - s)."""
    assert (1 + spill) / (1 - spill) == pytest.approx(condition, abs=0.5)
    matrix = Spillover(("A", "B"), ((1.0, spill), (spill, 1.0)))
    if condition < 1000:
        assert check_spillover(matrix) is matrix
    else:
        with pytest.raises(CompensationError, match=r"condition number 2e\+03; A and B are nearly alike"):
            check_spillover(matrix)


@pytest.mark.parametrize("short", [0, 1])
def test_one_short_row_of_a_spillover_matrix_is_refused(short):
    rows = [(1.0, 0.1), (0.1, 1.0)]
    rows[short] = (1.0,)
    with pytest.raises(
        CompensationError, match="must be square: a row per dye and 2 numbers in each; found 2 rows of 1, 2"
    ):
        check_spillover(Spillover(("A", "B"), tuple(rows)))


def test_a_number_that_is_none_is_named_by_its_dye_and_detector():
    rows = ((1.0, 0.1, 0.0), (0.2, 1.0, 0.0), (0.0, float("nan"), 1.0))
    with pytest.raises(CompensationError, match="found nan for C in B"):
        check_spillover(Spillover(("A", "B", "C"), rows))


def test_spectra_of_as_many_dyes_as_detectors_may_stand_in_any_order():
    spectra = Spillover(("A", "B"), ((0.1, 1.0), (1.0, 0.1)), dyes=("second", "first"))
    assert check_spillover(spectra) is spectra


def test_a_boolean_gate_loses_the_populations_that_are_not_there_and_no_other():
    gate = BooleanGate(name="alone", parent="live", operation="and", of=("not beads", "cd45", "not cd90"))
    assert without_operands(gate, {"beads"}).of == ("cd45", "not cd90")
    everything = without_operands(gate, {"beads", "cd45", "cd90"})
    assert (everything.operation, everything.of) == ("and", ("live",))


# Densities: what is a population, and how wide the kernel is.


def histogram(counts) -> Histogram:
    return Histogram(np.asarray(counts, dtype=float), np.arange(256.0), 1.5)


def bump(place: float, cells: float, width: float = 4.0) -> np.ndarray:
    shape = np.exp(-0.5 * ((np.arange(256) - place) / width) ** 2)
    return cells * shape / shape.sum()


def test_smoothing_keeps_every_cell_and_spreads_them_as_a_normal():
    curve = smoothed(histogram(np.eye(256)[128] * 1000))
    assert curve.sum() == pytest.approx(1000, rel=1e-3)  # a kernel summed over bins of 1.5 per SD is 1 to a thousandth
    assert curve.max() == pytest.approx(1000 / (1.5 * np.sqrt(2 * np.pi)))


@pytest.mark.parametrize(("floor", "populations"), [(0.66, 2), (0.74, 1)])
def test_a_dent_parts_populations_below_seven_tenths_of_its_lower_peak(floor, populations):
    """Two peaks of 10,000 cells a bin, and between them a valley that falls to the given share."""
    wave = (1 + np.cos(2 * np.pi * (np.arange(256) - 64) / 128)) / 2
    assert len(peaks_of(histogram(10_000 * (floor + (1 - floor) * wave)))) == populations


@pytest.mark.parametrize(("cells", "populations"), [(200, 1), (400, 2)])
def test_a_population_holds_three_cells_of_a_thousand_at_least(cells, populations):
    assert len(peaks_of(histogram(bump(60, 100_000) + bump(200, cells)))) == populations


@pytest.mark.parametrize(("cells", "populations"), [(15, 1), (40, 2)])
def test_a_population_holds_twenty_cells_at_least(cells, populations):
    assert len(peaks_of(histogram(bump(60, 1_000) + bump(200, cells, width=0.5)))) == populations


def test_the_kernel_is_as_wide_as_seven_tenths_of_silvermans_rule_for_the_narrower_of_two_spreads():
    even = np.linspace(-1.0, 1.0, 10_001)
    found = histogram_of(even, central=(0.0, 100.0))
    bin_width = 2.0 * 1.04 / 256
    assert found.bandwidth == pytest.approx(0.7 * 0.9 * even.std() * 10_001**-0.2 / bin_width, rel=1e-6)
    mostly_zero = np.r_[np.zeros(800), np.linspace(1.0, 100.0, 200)]  # both quartiles are 0: the SD serves
    found = histogram_of(mostly_zero, central=(0.0, 100.0))
    assert found.bandwidth == pytest.approx(0.63 * mostly_zero.std() * 1000**-0.2 / (100 * 1.04 / 256), rel=1e-6)

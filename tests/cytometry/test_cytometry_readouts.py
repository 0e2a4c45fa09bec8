"""Every statistic on small arrays a reader checks by eye."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from assaykit.cytometry.readouts import READOUTS, CellSet, ControlPart, median_value, quantile
from assaykit.plate.model import Well

GRID = np.linspace(0.0, 1.0, 401)


def cell_set(values, control=None, **more) -> CellSet:
    array = np.array(values, dtype=np.float32)
    part = None
    if control is not None:
        sorted_control = np.array(control, dtype=float)
        low, high = np.percentile(sorted_control, [15.87, 84.13])
        part = ControlPart(
            float(np.median(sorted_control)), (high - low) / 2, len(sorted_control), np.quantile(sorted_control, GRID)
        )
    return CellSet(len(array), more.pop("parent_cells", len(array)), array, control=part, **more)


def value(name, *args, **more) -> float:
    return READOUTS[name].compute(cell_set(*args, **more))


def test_counts_and_shares():
    assert value("count", [1, 2, 3]) == 3
    assert value("percent_of_parent", [1, 2, 3], parent_cells=12) == 25
    assert value("concentration", [1] * 50, volume=10.0) == 5
    assert np.isnan(value("concentration", [1] * 50))


def test_the_median_and_its_control():
    assert value("median", [1, 2, 30, 400]) == 16
    assert value("control_median", [1], control=[5, 6, 7]) == 6


def test_the_geometric_mean_takes_positive_values_only_and_the_rest_is_told_beside_it():
    assert value("geometric_mean", [1, 100, -5, 0]) == pytest.approx(10)
    assert value("fraction_nonpositive", [1, 100, -5, 0]) == 0.5
    assert READOUTS["geometric_mean"].companions == ("fraction_nonpositive",)


def test_the_robust_cv_of_a_normal_is_its_cv():
    x = np.random.default_rng(1).normal(1000, 100, 200_000)
    assert value("robust_cv", x) == pytest.approx(10, rel=0.01)  # sampling error of 200,000 cells is 0.3 %
    assert np.isnan(value("robust_cv", [-3, -2, -1]))
    assert np.isnan(value("robust_cv", [-1, 0, 1])), "nothing is a share of a median of 0"
    assert value("robust_cv", [0.4, 0.5, 0.6]) == pytest.approx(13.652), "(P84.13 - P15.87) / 2 of .5 is 2 * .06826 / 2"


def test_shares_of_grandparent_and_of_all_events():
    assert value("percent_of_grandparent", [1, 2, 3], grandparent_cells=60) == 5
    assert value("percent_of_total", [1, 2, 3], total_cells=300) == 1
    assert np.isnan(value("percent_of_total", [], total_cells=0))


def test_the_integrated_mfi_is_percent_positive_times_the_median_of_the_positives():
    # 3 of 4 cells are at or above 100; their median is 300: 75 % x 300
    assert value("positive_median", [10, 100, 300, 900], threshold=100.0) == 300
    assert value("imfi", [10, 100, 300, 900], threshold=100.0) == 22_500
    assert value("imfi", [10, 20], threshold=100.0) == 0  # nothing is positive
    assert np.isnan(value("positive_median", [10, 20], threshold=100.0))
    assert np.isnan(value("imfi", [10, 20]))


def test_the_stain_index_is_the_distance_in_double_spreads_of_the_control():
    control = [90.0, 95.0, 100.0, 105.0, 110.0]
    low, high = np.percentile(control, [15.87, 84.13])
    assert value("stain_index", [300, 400, 500], control=control) == pytest.approx(300 / (high - low))


def test_sed_scales_the_control_to_the_negatives_and_overton_does_not():
    """Control 1 to 400; the sample's negatives are a quarter of its cells, spread alike, its positives lie at 300.5.

    At 300 the control has 3/4 below and the sample 3/4 of its quarter: D = 3/4 - 3/16 = 9/16. Overton says 56 %, and
    D / C = (9/16) / (3/4) = 75 %, which is the truth.
    """
    control = np.arange(1.0, 401.0)
    sample = np.concatenate([control, np.full(1200, 300.5)])
    assert value("overton", sample, control=control) == pytest.approx(56.25, abs=0.3)  # the grid's quarter of a point
    assert value("sed", sample, control=control) == pytest.approx(75, abs=0.3)
    assert value("sed", control, control=control) == pytest.approx(0, abs=0.3)
    assert value("sed", control - 1000, control=control) == 0  # darker than the control


def test_percent_positive_counts_cells_at_the_threshold():
    assert value("percent_positive", [1, 2, 3, 4], threshold=3.0) == 50


def test_overton_is_the_largest_excess_over_the_control():
    control = np.arange(100.0)
    step = 1.01  # percent: one of the 100 control cells
    assert value("overton", control, control=control) == pytest.approx(0, abs=step)
    assert value("overton", control + 1000, control=control) == pytest.approx(100, abs=step)
    assert value("overton", np.concatenate([control, control + 1000]), control=control) == pytest.approx(50, abs=step)


def test_overton_and_ks_agree_with_the_distance_of_two_normals():
    rng = np.random.default_rng(2)
    a, b = rng.normal(0, 1, 100_000), rng.normal(1, 1, 100_000)
    assert value("overton", b, control=a) == pytest.approx(38.29, abs=0.5)  # 2 Phi(1/2) - 1
    assert value("ks_distance", b, control=a) == pytest.approx(0.3829, abs=0.005)
    assert value("overton", a, control=b) < 0.5  # dimmer than the control: nothing is positive
    assert value("ks_distance", a, control=b) == pytest.approx(0.3829, abs=0.005)


def test_the_stain_index():
    control = np.random.default_rng(3).normal(100, 10, 100_000)
    assert value("stain_index", [600.0], control=control) == pytest.approx(25, rel=0.02)


@given(values=nps.arrays(np.float64, st.integers(1, 60), elements=st.floats(-1e6, 1e6)), percent=st.floats(0, 100))
def test_quantiles_are_numpys(values, percent):
    expected = pytest.approx(float(np.percentile(values, percent)), abs=1e-6)
    assert quantile(values, percent) == expected
    assert quantile(np.sort(values), percent, ordered=True) == expected


def test_no_cells_give_missing_values_and_no_warning():
    for name, statistic in READOUTS.items():
        assert (
            name == "count" or np.isnan(statistic.compute(cell_set([], control=[1, 2, 3]))) or name == "control_median"
        )
    assert np.isnan(median_value(np.array([])))


LOT = np.array([474.0, 5359.0, 23843.0, 62336.0])


def beads(slope=1.0, intercept=0.3, seed=1):
    rng = np.random.default_rng(seed)
    centres = 10 ** ((np.log10(LOT) - intercept) / slope)
    return np.concatenate([c * np.exp(rng.normal(0, 0.08, 900)) for c in centres] + [rng.lognormal(2, 1, 150)])


def test_receptors_per_cell_come_from_the_plates_own_bead_well(lab, cells, surface):
    protocol = {
        **surface,
        "readout": [*surface["readout"], {"statistic": "receptors", "population": "cml", "channel": "cxcr4"}],
    }
    (lab.folder / "lot.csv").write_text("molecules\n" + "\n".join(f"{v:g}" for v in LOT))
    values = np.zeros((3750, 8))
    values[:, 0], values[:, 1], values[:, 3] = 20e3, 16e3, beads()
    bead_well = Well("H12", "beads", {"lot": "lot.csv"}, lab.write("H12", values))
    ran = lab.run([lab.well("A1"), lab.well("B1", cells(cxcr4=60.0)), lab.fmo("A2"), bead_well], protocol)
    dmfi = ran.value("A1", "cxcr4_median") - ran.value("A1", "cxcr4_control_median")
    assert ran.value("A1", "cxcr4_receptors") == pytest.approx(dmfi * 10**0.3, rel=0.05)  # slope 1, intercept 0.3
    assert (
        ran.value("A1", "cxcr4_receptors_low")
        < ran.value("A1", "cxcr4_receptors")
        < ran.value("A1", "cxcr4_receptors_high")
    )
    assert np.isnan(ran.value("B1", "cxcr4_receptors"))
    assert ("beyond_beads", "B1") in ran.checks("warn")

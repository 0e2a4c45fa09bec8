"""Bead peaks found without their lot, matched to it, and a line that is refused where it cannot be trusted."""

import warnings

import numpy as np
import pytest

from assaykit.cytometry.bead_peaks import BeadPeak, bead_peaks
from assaykit.cytometry.beads import bead_line, molecules, read_lot
from assaykit.errors import GateError
from assaykit.fcs import read_fcs
from assaykit.plate.model import Well

QUANTIBRITE = np.array([474.0, 5359.0, 23843.0, 62336.0])
RAINBOW = np.array([646.0, 1704.0, 4827.0, 15991.0, 47609.0, 135896.0, 273006.0])


def quantibrite(slope=1.0, intercept=0.3, seed=1, centres=QUANTIBRITE):
    rng = np.random.default_rng(seed)
    light = 10 ** ((np.log10(centres) - intercept) / slope)
    return np.concatenate([c * np.exp(rng.normal(0, 0.08, 900)) for c in light] + [rng.lognormal(2, 1, 150)])[:, None]


def exact(*intensities, saturated=()):
    return [BeadPeak(float(value), 1000, value in saturated) for value in intensities]


@pytest.mark.parametrize("slope", [0.95, 1.0, 1.05])
def test_beads_give_back_the_line_they_were_made_with(slope):
    line = bead_line("cxcr4", bead_peaks(quantibrite(slope)), QUANTIBRITE)
    assert line.slope == pytest.approx(slope, abs=0.01)
    assert line.autofluorescence == 0.0  # 4 peaks do not tell of it
    value, low, high = molecules(line, 2000.0)
    assert value == pytest.approx(10 ** (slope * np.log10(2000.0) + 0.3), rel=0.02)
    assert low < value < high


def test_molecules_beyond_the_beads_are_refused():
    line = bead_line("cxcr4", bead_peaks(quantibrite()), QUANTIBRITE)
    assert np.isnan(molecules(line, 1.0)[0])
    assert np.isnan(molecules(line, 1e6)[0])


def rainbow(corpus):
    events = read_fcs(corpus / "plates" / "beads" / "rainbow_rcp30.fcs")
    forward = events.values[:, events.names.index("FSC")]
    one_size = np.abs(forward / np.median(forward) - 1) < 0.5
    return events.values[one_size][:, [events.names.index(name) for name in ("FL1", "FL2", "FL3")]]


@pytest.mark.corpus
def test_the_peaks_and_the_line_of_real_rainbow_beads_are_those_flowcal_finds(corpus):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # FlowCal's own, from NumPy and scikit-learn
        import FlowCal

        sample = FlowCal.transform.to_rfi(FlowCal.io.FCSData(str(corpus / "plates" / "beads" / "rainbow_rcp30.fcs")))
        sample = FlowCal.gate.high_low(FlowCal.gate.start_end(sample, 250, 100), channels=["FSC", "SSC"])
        sample = FlowCal.gate.density2d(sample, channels=["FSC", "SSC"], gate_fraction=0.85, sigma=5.0)
        lot = np.array([np.nan, *RAINBOW])
        theirs = FlowCal.mef.get_transform_fxn(sample, [lot], mef_channels=["FL1"], full_output=True)
    peaks = bead_peaks(rainbow(corpus), calibrated=0, top=1e4, decades=4.0)
    found = [peak.intensity for peak in peaks]
    # FlowCal gates scatter more narrowly: its medians of the dim, overlapping peaks differ by up to 4 %.
    assert found == pytest.approx([float(value) for value in theirs.statistic["values"][0]], rel=0.04)
    assert found[1:] == pytest.approx([198, 284, 538, 1165, 2763, 7105, 9222], rel=0.02)
    assert [peak.saturated for peak in peaks] == [False] * 7 + [True]
    line = bead_line("x", peaks, RAINBOW)
    assert [bead for _, bead in line.peaks] == theirs.selection["mef"][0].tolist()
    slope, intercept, own = theirs.fitting["beads_params"][0]
    assert line.slope == pytest.approx(slope, rel=0.03)
    assert line.autofluorescence == pytest.approx(own, rel=0.15)
    for light in (300.0, 1000.0, 5000.0):
        assert molecules(line, light)[0] == pytest.approx(np.exp(slope * np.log(light) + intercept), rel=0.05)
    assert line.left_out == (found[0], found[-1])


@pytest.mark.corpus
@pytest.mark.parametrize("lot", [QUANTIBRITE, np.array([100, 1e3, 2e3, 8e4, 9e4, 1e5, 1e6])], ids=["kit", "spacing"])
def test_a_lot_of_other_beads_is_refused_by_its_residuals(corpus, lot):
    with pytest.raises(GateError, match="check that the lot file is that of these beads"):
        bead_line("x", bead_peaks(rainbow(corpus), top=1e4, decades=4.0), lot)


@pytest.mark.parametrize("lot", [QUANTIBRITE[::-1] ** 0.5, np.array([300.0, 400.0, 30_000.0, 62_000.0])])
def test_a_quantibrite_lot_that_is_not_these_beads_is_refused(lot):
    with pytest.raises(GateError, match="check that the lot"):
        bead_line("x", bead_peaks(quantibrite()), np.sort(lot))


def test_dim_beads_bend_by_their_own_light_and_a_blank_bead_tells_how_much():
    lot = np.array([0.0, *RAINBOW])
    peaks = exact(*((lot + 900.0) / 20.0))
    line = bead_line("x", peaks, lot)
    assert line.slope == pytest.approx(1.0, abs=0.01)
    assert line.autofluorescence == pytest.approx(900, rel=0.1)
    assert molecules(line, 5000.0)[0] == pytest.approx(100_000, rel=0.02)


def test_a_blank_a_saturated_and_an_unresolved_peak_do_not_shift_the_others():
    light = (RAINBOW + 300.0) / 20.0
    peaks = exact(15.0, *light[:3], *light[4:6], 9_900.0, saturated=(9_900.0,))
    line = bead_line("x", peaks, RAINBOW)
    assert [bead for _, bead in line.peaks] == [646.0, 1704.0, 4827.0, 47609.0, 135896.0]
    assert line.left_out == (15.0, 9_900.0)


def test_peaks_that_overlap_in_one_channel_are_parted_by_another():
    rng = np.random.default_rng(3)
    dim, apart = (100.0, 130.0, 900.0), (10.0, 300.0, 9000.0)
    beads = np.concatenate(
        [
            np.column_stack([a * np.exp(rng.normal(0, 0.25, 2000)), b * np.exp(rng.normal(0, 0.1, 2000))])
            for a, b in zip(dim, apart, strict=True)
        ]
    )
    assert [round(peak.intensity, -1) for peak in bead_peaks(beads, calibrated=0)] == [100, 130, 900]
    assert len(bead_peaks(beads[:, :1])) == 2


def test_blank_beads_about_zero_are_a_peak_of_their_own():
    rng = np.random.default_rng(4)
    beads = np.concatenate(
        [rng.normal(0, 20, 1500), *(c * np.exp(rng.normal(0, 0.06, 1500)) for c in (500, 3000, 2e4))]
    )
    found = [peak.intensity for peak in bead_peaks(beads[:, None])]
    assert found == pytest.approx([0, 500, 3000, 20_000], rel=0.02, abs=3)


def test_one_population_is_one_peak_and_noise_in_another_channel_parts_nothing():
    rng = np.random.default_rng(5)
    other = np.where(rng.random(5000) < 0.5, 10.0, 1000.0) * np.exp(rng.normal(0, 0.1, 5000))
    beads = np.column_stack([800 * np.exp(rng.normal(0, 0.05, 5000)), other])
    assert len(bead_peaks(beads, calibrated=0)) == 1


@pytest.mark.parametrize(
    ("text", "names", "values"),
    [
        ("molecules\n474\n5359\n23843\n62336\n", ("pe",), QUANTIBRITE),
        ("bead;FITC;PE\n1;;474\n2;1;5359\n3;2;23843\n4;3;62336\n", ("cxcr4", "PE-A", "PE"), QUANTIBRITE),
        ("molecules,molecules FL1,molecules FL2\n1,474,7\n2,5359,8\n3,23843,9\n4,62336,10\n", ("FL1",), QUANTIBRITE),
        ("molecules;note\n0;blank\n474,5;a\n5359;b\n23843;c\n", ("x",), np.array([0.0, 474.5, 5359.0, 23843.0])),
    ],
)
def test_a_lot_has_a_column_per_channel_or_one_for_all(tmp_path, text, names, values):
    path = tmp_path / "lot.csv"
    path.write_text(text)
    assert read_lot(path, names) == pytest.approx(values)


@pytest.mark.parametrize(
    "text",
    ["beads\n1\n", "molecules\n1\nx\n3\n4\n", "molecules\n1\n2\n", "FITC\n1\n2\n3\n", "", "molecules\n-1\n2\n3\n4\n"],
)
def test_a_lot_that_is_none_is_refused_by_name(tmp_path, text):
    path = tmp_path / "lot.csv"
    path.write_text(text)
    with pytest.raises(GateError, match=r"bead lot must .*"):
        read_lot(path, ("pe",))


def test_too_few_beads_are_an_error():
    with pytest.raises(GateError, match="150 beads"):
        bead_peaks(quantibrite()[:100])


def test_a_wrong_lot_fails_and_forms_no_receptors(lab, surface):
    readout = {"statistic": "receptors", "population": "cml", "channel": "cxcr4"}
    protocol = {**surface, "readout": [*surface["readout"], readout]}
    (lab.folder / "lot.csv").write_text("molecules\n300\n400\n30000\n62000\n")
    values = np.zeros((3750, 8))
    values[:, 0], values[:, 1], values[:, 3] = 20e3, 16e3, quantibrite()[:, 0]
    beads = Well("H12", "beads", {"lot": "lot.csv"}, lab.write("H12", values))
    ran = lab.run([lab.well("A1"), lab.fmo("A2"), beads], protocol)
    assert ("bead_line", "H12") in ran.checks("fail")
    assert not [row for row in ran.rows("readouts") if "receptors" in row["readout"]]

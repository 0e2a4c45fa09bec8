"""What is cut as debris looks like debris: cases that real plates hold, each with its right answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from assaykit.cytometry.columns import WellColumns
from assaykit.cytometry.debris import Scatter, cut_debris
from assaykit.fcs import events_from_array, read_fcs
from assaykit.plate.model import Well

TOP = 262143.0


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def kept(forward: np.ndarray, cut) -> float:
    return float((forward >= cut.value).mean())


def test_debris_well_below_the_cells_is_cut_and_no_cell_with_it(rng):
    debris, cells = rng.normal(11e3, 2e3, 1000), rng.normal(90e3, 14e3, 9000)
    cut = cut_debris(Scatter(np.concatenate([debris, cells])), seed=1)
    assert cut.sure
    assert (debris < cut.value).mean() > 0.999
    assert (cells >= cut.value).mean() > 0.999


def test_debris_that_touches_the_cells_is_cut_at_the_valley(rng):
    debris, cells = 3e3 + np.abs(rng.normal(10e3, 10e3, 4000)), rng.normal(90e3, 16e3, 6000)
    cut = cut_debris(Scatter(np.concatenate([debris, cells])), seed=1)
    assert (cells >= cut.value).mean() > 0.98
    assert (debris < cut.value).mean() > 0.98


@pytest.mark.parametrize("share", [0.003, 0.01, 0.2])
def test_a_spike_of_saturated_events_is_no_population(rng, share):
    cells = rng.normal(90e3, 14e3, 10_000)
    forward = np.where(rng.random(10_000) < share, 262143.0, cells)
    cut = cut_debris(Scatter(forward, top=TOP * 0.9999), seed=1)
    assert cut.sure
    assert (cells >= cut.value).mean() > 0.999


def test_two_sizes_of_cells_both_stay(rng):
    forward = np.concatenate([rng.normal(6e4, 6e3, 6000), rng.normal(1.4e5, 1.5e4, 4000)])
    cut = cut_debris(Scatter(forward), seed=1)
    assert kept(forward, cut) == 1.0
    assert not cut.sure  # at 0.43 of the larger ones they may be debris of giants: a person looks


def test_lymphocytes_beside_monocytes_stay_without_a_doubt(rng):
    forward = np.concatenate([rng.normal(6e4, 6e3, 6000), rng.normal(1.05e5, 9e3, 4000)])
    cut = cut_debris(Scatter(forward), seed=1)
    assert cut.sure
    assert kept(forward, cut) == 1.0


def test_debris_is_cut_from_below_two_sizes_of_cells(rng):
    debris, cells = rng.normal(1.2e4, 3e3, 2000), np.r_[rng.normal(6e4, 6e3, 6000), rng.normal(1.05e5, 9e3, 4000)]
    cut = cut_debris(Scatter(np.concatenate([debris, cells])), seed=1)
    assert 2e4 < cut.value < 4.5e4


def test_doublets_do_not_make_single_cells_debris(rng):
    forward = np.concatenate([rng.normal(9e4, 9e3, 9200), rng.normal(1.7e5, 1.5e4, 800)])
    cut = cut_debris(Scatter(forward), seed=1)
    assert cut.sure
    assert kept(forward, cut) == 1.0


def test_small_granular_events_are_not_taken_for_debris(rng):
    forward = np.concatenate([rng.normal(25e3, 4e3, 3000), rng.normal(90e3, 9e3, 7000)])
    side = np.concatenate([rng.normal(60e3, 9e3, 3000), rng.normal(30e3, 6e3, 7000)])
    cut = cut_debris(Scatter(forward, side=side), seed=1)
    assert not cut.sure
    assert "dying" in cut.doubt
    assert kept(forward, cut) == 1.0


def test_events_at_the_acquisition_threshold_with_no_valley_are_a_doubt(rng):
    forward = 50 + rng.exponential(120, 5000)
    assert not cut_debris(Scatter(forward), seed=1).sure


@pytest.mark.corpus
@pytest.mark.parametrize("well", ["Activation_1", "Activation_16"])
def test_real_splenocytes_are_gated_as_their_authors_did(corpus, well):
    folder = corpus / "plates" / "activation"
    events = read_fcs(folder / f"{well}.fcs")
    forward, side = (events.values[:, events.names.index(name)] for name in ("FSC-A", "SSC-A"))
    manual = pd.read_csv(folder / f"{well}.manual.csv.gz")["Cells"].to_numpy(bool)
    cut = cut_debris(Scatter(forward, side=side, top=TOP * 0.9999), seed=1)
    ours = forward >= cut.value
    assert 2 * (ours & manual).sum() / (ours.sum() + manual.sum()) > 0.95


@pytest.mark.corpus
@pytest.mark.parametrize("name", ["accuri_c6", "cytek_dxp10"])
def test_vendor_samples_keep_their_main_cluster(corpus, name):
    events = read_fcs(corpus / "plates" / "instruments" / f"{name}.fcs")
    first = next(i for i, channel in enumerate(events.names) if channel.startswith("FSC"))
    forward = events.values[:, first]
    assert kept(forward, cut_debris(Scatter(forward, top=events.channels[first].range * 0.9999), seed=1)) > 0.95


DEATH = {
    "name": "death",
    "title": "Dying cells and debris of one size",
    "compensation": "none",
    "channels": {"fsc_a": {"names": ["FSC-A"]}, "annexin": {"names": ["PE-A"], "marker": "annexin V"}},
    "gate": [
        {"kind": "debris", "name": "cells", "spares": ["annexin"]},
        {"kind": "valley", "name": "alive", "parent": "cells", "channel": "annexin", "side": "below"},
    ],
    "readout": [{"statistic": "percent_of_parent", "population": "alive"}],
}


@pytest.mark.parametrize("size", [0.2, 0.5])
@pytest.mark.parametrize("pieces", [0, 2000])
def test_debris_is_cut_and_dying_cells_of_its_size_are_not(lab, size, pieces):
    """Of 6,000 living and 4,000 dying cells 60 % are alive, whatever lies beside the dying ones on forward scatter."""
    rng = np.random.default_rng(8)
    alive, dying = rng.normal(90e3, 9e3, 6000), rng.normal(90e3 * size, 5e3, 4000)
    forward = np.abs(np.concatenate([alive, dying, rng.normal(15e3, 4e3, pieces)]))
    values = np.zeros((forward.size, 8), dtype=np.float32)
    values[:, 0] = forward
    values[:, 2] = 0.5 * forward
    values[:, 3] = rng.normal(60, 40, forward.size)
    values[6000:10_000, 3] = 10 ** rng.normal(4, 0.2, 4000)
    values[:, 7] = np.linspace(0, 60, forward.size)
    ran = lab.run([Well("A1", "sample", {"treatment": "vehicle"}, lab.write("A1", values))], protocol=DEATH)
    assert ran.value("A1", "alive_percent_of_parent") == pytest.approx(60.0, abs=1.0)


def scatter_columns(forward: np.ndarray, limit: float) -> WellColumns:
    events = events_from_array(forward[:, None].astype(np.float32), ("FSC-A",))
    channels = (replace(events.channels[0], range=limit),)
    return WellColumns(replace(events, channels=channels), {"fsc_a": "FSC-A"})


def test_a_detector_saturates_a_step_below_its_range(rng):
    forward = np.where(rng.random(5000) < 0.01, 262143.0, rng.normal(9e4, 1e4, 5000))
    assert scatter_columns(forward, 262144.0).saturation("fsc_a") == pytest.approx(262143, rel=2e-4)


def test_a_range_that_the_events_exceed_is_not_the_detector_s(rng):
    assert scatter_columns(rng.normal(9e4, 1e4, 5000), 1024.0).saturation("fsc_a") == np.inf


def test_debris_that_the_controls_show_and_the_samples_do_not_is_a_doubt(lab):
    """One FMO with a clear valley must not vouch for samples whose scatter has none (FACSCalibur s10a01 to 03)."""
    rng = np.random.default_rng(6)

    def well(name: str, forward: np.ndarray, role: str) -> Well:
        values = np.zeros((forward.size, 8), dtype=np.float32)
        values[:, 0], values[:, 2] = forward, 0.5 * forward
        values[:, 7] = np.linspace(0, 60, forward.size)
        return Well(name, role, {"treatment": "vehicle", "marker": "cxcr4"}, lab.write(name, values))

    clear = np.concatenate([rng.normal(15e3, 3e3, 1500), rng.normal(90e3, 9e3, 6000)])
    blurred = 8e3 + rng.exponential(30e3, 7000)
    protocol = {**DEATH, "gate": [{"kind": "debris", "name": "cells"}], "readout": []}
    wells = [well("H1", clear, "fmo"), well("A1", blurred, "sample"), well("A2", blurred, "sample")]
    told = [f for f in lab.run(wells, protocol=protocol).findings if f.check == "ambiguous_valley"]
    assert [(f.level, f.population) for f in told] == [("warn", "cells")]
    assert "A1, A2" in told[0].message

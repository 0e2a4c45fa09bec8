"""FlowCytometryTools works beside us, on a Python it was not written for, without changing that Python."""

from __future__ import annotations

import collections
import inspect
import warnings

import numpy as np
import pandas as pd
import pytest

from assaykit.errors import GateError, LayoutError
from assaykit.fcs import read_fcs
from assaykit.interop import fc_example_folder as plate01
from assaykit.interop import fc_gate, fc_measurement, fc_plate, load
from assaykit.plate import Plate, Well
from assaykit.protocol.gates import BooleanGate, IntervalGate, PolygonGate, QuadrantGate, ThresholdGate

CHANNELS = {"x": "FSC-A", "y": "SSC-A"}


@pytest.fixture(scope="module")
def events():
    return read_fcs(plate01() / "RFP_Well_A3.fcs")


@pytest.fixture(scope="module")
def plate():
    wells = tuple(Well(path.stem.split("_")[-1], file=path) for path in sorted(plate01().glob("*.fcs")))
    return Plate("Plate01", 8, 12, wells)


def test_the_standard_library_is_left_as_it_was():
    load()
    assert not hasattr(collections, "MutableMapping")
    assert not hasattr(inspect, "getargspec")


def test_a_measurement_holds_what_our_reader_read(events):
    measurement = fc_measurement(events, "A3")
    assert tuple(measurement.channel_names) == events.names
    np.testing.assert_array_equal(measurement.data.to_numpy(), events.values)
    assert measurement.meta["$CYT"] == events.keywords["$CYT"]


def test_a_plate_has_its_wells_where_they_stood(plate):
    grid = fc_plate(plate, ["FSC-A", "Y2-A"])
    assert grid.shape == (8, 12)
    counts = grid.apply(lambda well: len(well.data), output_format="dict")
    assert set(counts) == {"A3", "A4", "A6", "A7", "B3", "B4", "C7"}
    assert set(counts.values()) == {len(read_fcs(plate.wells[0].file))}


def test_a_plate_without_files_says_so():
    with pytest.raises(LayoutError, match="must have wells with FCS files"):
        fc_plate(Plate("empty", 8, 12, (Well("A1"),)))


def test_its_gates_keep_the_cells_ours_keep(events):
    x, y = (np.asarray(events.values[:, events.names.index(name)], dtype=float) for name in CHANNELS.values())
    low, high = np.quantile(x, [0.2, 0.7])
    split = float(np.median(y)) + 0.123
    triangle = ((float(x.min()) - 1, float(y.min()) - 1), (float(x.max()), 0.0), (float(x.mean()), float(y.max())))
    frame = pd.DataFrame({"FSC-A": x, "SSC-A": y})
    inside = [
        (ThresholdGate(name="t", channel="x", value=low), x >= low),
        (ThresholdGate(name="b", channel="x", value=low, side="below"), x < low),
        (IntervalGate(name="i", channel="x", low=low + 0.01, high=high + 0.01), (x >= low + 0.01) & (x < high + 0.01)),
        (
            QuadrantGate(name="q", x="x", y="y", x_value=low + 0.01, y_value=split, keep="+-"),
            (x >= low + 0.01) & (y < split),
        ),
    ]
    for gate, mask in inside:
        assert len(fc_gate(gate, CHANNELS)(frame)) == mask.sum(), gate.kind
    kept = len(fc_gate(PolygonGate(name="p", x="x", y="y", vertices=triangle), CHANNELS)(frame))
    assert 0 < kept < len(frame)


def test_a_shape_it_does_not_have_is_refused():
    with pytest.raises(GateError, match="a boolean gate"):
        fc_gate(BooleanGate(name="b", operation="not", of=("cells",)), CHANNELS)


def test_its_own_reader_agrees_with_ours(events):
    package = load()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its reader is of another day
        theirs = package.FCMeasurement("A3", datafile=str(events.source))
        data = theirs.data
    np.testing.assert_allclose(data[list(events.names)[:5]].to_numpy(), events.values[:, :5], rtol=1e-6)

"""Laws that hold for every plate: spill undone, scales that rise, children within parents, order that is nothing."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from assaykit.cytometry import measure_well, resolve_plate
from assaykit.cytometry.columns import WellColumns
from assaykit.cytometry.compensation import compensate, spill
from assaykit.cytometry.geometry import inside, points_in_polygon
from assaykit.cytometry.hierarchy import populations
from assaykit.cytometry.scales import logicle_scale, raw_values, transformed_values
from assaykit.errors import GateError
from assaykit.fcs import events_from_array
from assaykit.protocol.gates import (
    ArcsinhScale,
    BooleanGate,
    EllipsoidGate,
    HyperlogScale,
    IntervalGate,
    LinearScale,
    LogicleScale,
    LogScale,
    PolygonGate,
    RectangleGate,
    ThresholdGate,
)
from assaykit.study.model import Spillover

SCALES = [
    LinearScale(top=1000.0, negative=10.0),
    LogScale(top=262144.0, decades=4.5),
    ArcsinhScale(top=262144.0, decades=4.0, negative_decades=0.5),
    LogicleScale(top=262144.0, width=0.7),
    LogicleScale(top=262144.0, width=0.0),
    HyperlogScale(top=262144.0, width=0.6),
]
intensities = st.floats(-5000, 250_000, width=32)
tables = nps.arrays(np.float32, st.tuples(st.integers(1, 60), st.just(2)), elements=intensities)


@given(signals=tables, leak=st.tuples(st.floats(0, 0.6), st.floats(0, 0.6)))
def test_compensating_what_was_spilled_gives_it_back(signals, leak):
    spillover = Spillover(("A", "B"), ((1.0, leak[0]), (leak[1], 1.0)))
    amounts = signals.astype(np.float64)
    assert compensate(spill(amounts, spillover), spillover) == pytest.approx(
        amounts, abs=1e-6 * (1 + np.abs(amounts).max())
    )


@pytest.mark.parametrize("scale", SCALES, ids=lambda s: s.kind)
@given(low=intensities, step=st.floats(1.0, 1e5))
def test_every_scale_rises(scale, low, step):
    low, high = transformed_values([low, low + step], scale)
    assert low <= high


@pytest.mark.parametrize("scale", SCALES, ids=lambda s: s.kind)
def test_every_scale_is_undone(scale):
    raw = np.geomspace(1.0, 200_000.0, 50)
    assert raw_values(transformed_values(raw, scale), scale) == pytest.approx(raw, rel=1e-6)


@pytest.mark.parametrize("scale", SCALES, ids=lambda s: s.kind)
@given(values=nps.arrays(np.float64, st.integers(1, 50), elements=st.floats(-5000, 250_000)), at=st.floats(0.02, 0.98))
def test_a_gate_on_the_raw_scale_is_the_gate_on_the_transformed_scale(scale, values, at):
    columns = WellColumns(events_from_array(values[:, None], ("X",)), {})
    kept = inside(ThresholdGate(name="g", channel="X", value=at, scales={"X": scale}), columns)
    shown = transformed_values(values, scale)
    clear = np.abs(shown - at) > 1e-9  # a value on the threshold itself may fall on either side by rounding
    assert np.array_equal(kept[clear], (shown >= at)[clear])


GATES = (
    RectangleGate(name="a", bounds={"X": (-100.0, 90_000.0), "Y": (None, 50_000.0)}),
    PolygonGate(name="b", parent="a", x="X", y="Y", vertices=((0, 0), (8e4, 1e3), (4e4, 6e4), (1e3, 3e4))),
    EllipsoidGate(
        name="c",
        parent="a",
        channels=("X", "Y"),
        mean=(2e4, 2e4),
        covariance=((4e8, 1e8), (1e8, 3e8)),
        distance_squared=2,
    ),
    BooleanGate(name="d", parent="b", operation="and", of=("b", "not c")),
    IntervalGate(name="e", parent="d", channel="X", low=10.0, high=3e4),
)


@given(values=tables)
def test_children_lie_within_their_parents(values):
    masks = populations(GATES, WellColumns(events_from_array(values, ("X", "Y")), {}))
    for gate in GATES:
        assert not np.any(masks[gate.name] & ~masks[gate.parent])


@given(values=tables, seed=st.integers(0, 99))
def test_the_order_of_events_is_nothing_to_a_gate(values, seed):
    order = np.random.default_rng(seed).permutation(len(values))
    masks = populations(GATES, WellColumns(events_from_array(values, ("X", "Y")), {}))
    shuffled = populations(GATES, WellColumns(events_from_array(values[order], ("X", "Y")), {}))
    assert all(np.array_equal(masks[name][order], shuffled[name]) for name in masks)


@given(
    points=nps.arrays(np.float64, st.tuples(st.integers(1, 40), st.just(2)), elements=st.integers(-3, 13).map(float))
)
def test_a_square_polygon_keeps_its_inside_and_its_edges(points):
    square = np.array([[0.0, 0.0], [10.0, 0.0], [10.0, 10.0], [0.0, 10.0]])
    wanted = ((points >= 0) & (points <= 10)).all(axis=1)
    assert np.array_equal(points_in_polygon(points[:, 0], points[:, 1], square), wanted)


def test_a_gate_of_an_unknown_parent_is_refused_by_name():
    columns = WellColumns(events_from_array([[1.0]], ("X",)), {})
    with pytest.raises(GateError, match="nowhere"):
        populations((ThresholdGate(name="g", parent="nowhere", channel="X", value=0),), columns)


@settings(max_examples=20)
@given(values=nps.arrays(np.float64, st.integers(2, 200), elements=st.floats(-2000, 250_000)))
def test_an_automatic_logicle_is_always_defined(values):
    scale = logicle_scale(values, 262144.0)
    assert np.all(np.isfinite(transformed_values(values, scale)))


def test_the_order_of_events_changes_no_number(lab, draw_cells, cells):
    values, _ = draw_cells(cells(), 3)
    well = lab.well("A1")
    shuffled = values[np.random.default_rng(1).permutation(len(values))]
    files = [lab.write(name, v) for name, v in (("straight", values), ("shuffled", shuffled))]
    both = [lab.run([replace(well, file=file), lab.fmo("A2")]) for file in files]
    assert both[0].rows("readouts") == both[1].rows("readouts")
    assert both[0].rows("populations") == both[1].rows("populations")


def test_adding_a_well_changes_no_other_well(lab, cells):
    kind = cells(msc=0.1)  # controls that show CD45- cells beside CD45+ ones
    wells = [lab.well("A1", kind), lab.well("B1", kind), lab.fmo("A2", kind), lab.fmo("B2", kind)]
    before = lab.run(wells)
    after = lab.run([*wells, lab.well("C1", cells(cxcr4=9000.0, dead=0.6, msc=0.2))])
    kept = [row for row in after.rows("readouts") if row["well"] != "C1"]
    assert kept == before.rows("readouts")


def test_a_plate_measured_twice_or_in_another_process_gives_the_same_rows(lab):
    ran = lab.run([lab.well("A1"), lab.fmo("A2")])
    assay, plate = pickle.loads(pickle.dumps((ran.assay, ran.plate)))
    assert resolve_plate(ran.assay, ran.plate)[0] == ran.assay.resolved["plate 1"]
    again = pickle.loads(pickle.dumps(measure_well(assay, plate, plate.wells[0])))
    assert again == ran.measured[0]


@pytest.mark.parametrize("edges", [3, 6, 40, 200])
@pytest.mark.parametrize("dented", [False, True])
@pytest.mark.parametrize("points", [50, 20_000])
def test_every_way_of_testing_an_outline_agrees_with_the_plain_one(edges, dented, points):
    rng = np.random.default_rng(edges)
    angle = np.linspace(0, 2 * np.pi, edges, endpoint=False)
    radius = 1000 * (1 + 0.5 * dented * rng.uniform(-1, 1, edges))
    corners = np.column_stack([3 * radius * np.cos(angle), radius * np.sin(angle)])
    x, y = rng.normal(0, 2000, points), rng.normal(0, 700, points)
    odd = np.zeros(points, dtype=bool)
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        odd ^= ((y0 > y) != (y1 > y)) & (x < (x1 - x0) * (y - y0) / (y1 - y0) + x0)
    assert np.array_equal(points_in_polygon(x, y, corners), odd)

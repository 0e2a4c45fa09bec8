"""A plate with drift, clogs, a swapped column, a changed voltage and more has each named, and a clean one nothing."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from assaykit.cytometry import check_plate
from assaykit.plate.model import Well


def spoiled(lab, draw_cells, name, change, *, cells, seed=11, volts=450.0, keywords=None, **factors):
    """Return a well whose events (events x channels; PE is 3, Time is last) were changed."""
    values, _ = draw_cells(cells, seed)
    factors = {"treatment": "vehicle", "context": "mono", **factors}
    return Well(name, "sample", factors, lab.write(name, change(values.copy()), volts=volts, keywords=keywords))


def unchanged(values):
    return values


def dimming(values):
    values[:, 3] *= np.linspace(1.0, 0.5, len(values))
    return values


def clogged(values):
    values[values[:, -1] > 8, -1] += 30
    return values


def saturated(values):
    values[: len(values) // 5, 3] = 262143
    return values


def test_a_clean_plate_has_no_warning(lab, cells):
    kind = cells(msc=0.1)
    wells = [*(lab.well(f"{row}1", kind) for row in "ABCDEF"), lab.fmo("A2", kind), lab.fmo("B2", kind)]
    ran = lab.run(wells)
    assert ran.checks("warn", "fail") == set()


def test_drift_is_named(lab, cells, draw_cells):
    ran = lab.run([spoiled(lab, draw_cells, "A1", dimming, cells=cells()), lab.well("B1"), lab.fmo("A2")])
    assert ("drift", "A1") in ran.checks("warn")
    assert ("drift", "B1") not in ran.checks()


def test_a_clog_is_named(lab, cells, draw_cells):
    ran = lab.run([spoiled(lab, draw_cells, "A1", clogged, cells=cells()), lab.fmo("A2")])
    assert ("clog", "A1") in ran.checks("warn")


def test_time_that_runs_backwards_is_named(lab, cells, draw_cells):
    joined = lambda values: np.vstack([values[2500:], values[:2500]])  # noqa: E731 - a change is a function
    ran = lab.run([spoiled(lab, draw_cells, "A1", joined, cells=cells()), lab.fmo("A2")])
    assert ("time_backwards", "A1") in ran.checks("warn")


def test_a_saturated_detector_is_named(lab, cells, draw_cells):
    ran = lab.run([spoiled(lab, draw_cells, "A1", saturated, cells=cells()), lab.fmo("A2")])
    assert ("margin", "A1") in ran.checks("warn")


def test_many_doublets_are_named(lab, cells):
    ran = lab.run([lab.well("A1", cells(doublets=0.4)), lab.well("B1"), lab.fmo("A2"), lab.fmo("B2")])
    assert ("doublets", "A1") in ran.checks("warn")
    assert ("doublets", "B1") not in ran.checks()


def test_a_changed_voltage_is_named_with_both_values(lab, cells, draw_cells):
    wells = [spoiled(lab, draw_cells, "A1", unchanged, cells=cells(), volts=500.0), lab.well("B1"), lab.fmo("A2")]
    found = [f for f in lab.run(wells).findings if f.check == "detector_voltage" and f.well == "A1"]
    assert any("500" in f.message and "450" in f.message and "PE-A" in f.message for f in found)


def test_few_cells_are_named(lab, cells):
    ran = lab.run([lab.well("A1", cells(events=150)), lab.fmo("A2")])
    assert ("few_cells", "A1") in ran.checks("warn")


def test_msc_in_the_leukaemia_gate_are_named(lab, cells, draw_cells):
    def leaking(values):
        stroma = values[:, 6] > 8000  # CD90 bright, given CD45 by a leaking tracker
        values[stroma, 5] += 9000
        return values

    mixed = spoiled(lab, draw_cells, "B1", leaking, cells=cells(msc=0.15), context="msc_contact")
    clean = lab.well("C1", cells(msc=0.15), context="msc_contact")
    ran = lab.run([lab.well("A1"), mixed, clean, lab.fmo("A2"), lab.fmo("B2", cells(msc=0.15), context="msc_contact")])
    assert ("msc_contamination", "B1") in ran.checks("warn")
    assert ("msc_contamination", "C1") not in ran.checks()


def test_files_that_name_another_well_than_the_layout_are_named(lab, cells, draw_cells):
    wells = [lab.well(f"{row}{column}") for row in "ABCD" for column in (1, 2, 3)]
    files = {well.name: well.file for well in wells}
    swap = {"1": "2", "2": "1", "3": "3"}
    swapped = [replace(well, file=files[well.name[0] + swap[well.name[1]]]) for well in wells[:6]]
    ran = lab.run([*swapped, *wells[6:], lab.fmo("H1")])
    told = {f.well: f.message for f in ran.findings if f.check == "well_mismatch"}
    assert sorted(told) == ["A1", "A2", "B1", "B2"]
    assert "says it is of well A2" in told["A1"]


def test_a_column_of_fmo_wells_swapped_with_stained_ones_is_named(lab, cells):
    stained, bare = cells(cxcr4=2000.0), cells(cxcr4=0.0)
    wells = [lab.well(f"{row}1", bare) for row in "ABCD"]  # labelled stained, hold FMO cells
    wells += [lab.well(f"{row}2", stained, role="fmo") for row in "ABCD"]
    ran = lab.run(wells)
    found = check_plate(ran.assay, ran.plate, pd.DataFrame(ran.rows("readouts")))
    assert "control_bright" in {f.check for f in found}


def plate_of_medians(lab, swap=(), edge=1.0, seed=3):
    """Return (assay, plate, readouts): four treatments in replicate columns 2-5, 6-9; medians with 6 % noise."""
    rng = np.random.default_rng(seed)
    wells, rows = [], []
    for row in "ABCDEFGH":
        for column in range(1, 13):
            treatment = f"drug {(column - 1) % 4}"
            wells.append(Well(f"{row}{column}", "sample", {"treatment": treatment, "context": "mono"}))
            held = {**dict.fromkeys(swap), **dict(zip(swap, swap[::-1], strict=True))}.get(column, column)
            value = 500.0 * 2.0 ** ((held - 1) % 4) * np.exp(rng.normal(0, 0.06))
            if row in "AH" or column in (1, 12):
                value *= edge
            rows.append({"plate": "plate 1", "well": f"{row}{column}", "readout": "cxcr4_median", "value": value})
    assay, plate = lab.assay(wells)
    return assay, plate, pd.DataFrame(rows)


def test_two_swapped_columns_are_named(lab):
    found = check_plate(*plate_of_medians(lab, swap=(6, 7)))
    assert [f.check for f in found] == ["swapped"]
    assert "columns 6 and 7" in found[0].message


def test_a_dim_edge_is_named(lab):
    found = check_plate(*plate_of_medians(lab, edge=0.75))
    assert "plate_edge" in {f.check for f in found}


@pytest.mark.parametrize("seed", range(8))
def test_a_plate_as_it_should_be_has_no_finding(lab, seed):
    assert check_plate(*plate_of_medians(lab, seed=seed)) == []


def test_events_are_left_out_only_where_the_protocol_says_so_and_are_counted(lab, cells, draw_cells):
    wells = [spoiled(lab, draw_cells, "A1", saturated, cells=cells()), lab.fmo("A2")]
    kept, cut = lab.run(wells), lab.run(wells, quality={"exclude": ["margin"]})
    events = [next(r["events"] for r in ran.rows("populations") if r["population"] == "all") for ran in (kept, cut)]
    assert events[0] == 5000
    assert events[1] == 4000
    assert "1000 of 5000" in next(f.message for f in cut.findings if (f.check, f.well) == ("excluded_margin", "A1"))


def small_plate(lab, seed, *, swap=None):
    """Return (assay, plate, readouts) of 24 wells, 12 conditions in duplicate, row by row, as in a coculture."""
    rng = np.random.default_rng(seed)
    dying = np.random.default_rng(5).uniform(0.05, 0.5, 12)
    names = [f"{row}{column}" for row in "AB" for column in range(1, 13)]
    wells = [Well(name, "sample", {"treatment": f"drug {i // 2}", "context": "mono"}) for i, name in enumerate(names)]
    rows = []
    for i, name in enumerate(names):
        cells = rng.poisson(400 * np.exp(rng.normal(0, 0.15)))
        parts = rng.multinomial(cells, [1 - dying[i // 2], 0.6 * dying[i // 2], 0.4 * dying[i // 2]])
        for key, value in zip(("cml_count", "early_count", "late_count"), (cells, *parts[1:]), strict=True):
            rows.append({"plate": "plate 1", "well": name, "readout": key, "value": float(value)})
    readouts = [{"statistic": "count", "population": name} for name in ("cml", "early", "late")]
    gates = [{"kind": "threshold", "name": n, "channel": "cd45", "value": 0.0} for n in ("cml", "early", "late")]
    assay, plate = lab.assay(wells, gate=gates, readout=readouts)
    return assay, plate, pd.DataFrame(rows)


def test_a_clean_plate_of_few_wells_is_hardly_ever_called_swapped_or_edged(lab):
    """Case protos/swapped_false_alarm: one of four clean plates. At most 1 in 200; 150 plates may have 3 (p = .007)."""
    found = [check_plate(*small_plate(lab, seed)) for seed in range(150)]
    assert sum(bool(one) for one in found) <= 3


@pytest.mark.parametrize("pair", [(1, 2), (6, 7), (3, 12)])
@pytest.mark.parametrize("seed", range(3))
def test_a_true_swap_is_seen_on_a_plate_with_replicates(lab, pair, seed):
    found = check_plate(*plate_of_medians(lab, swap=pair, seed=seed))
    assert [f.message.split(" look")[0] for f in found] == [f"columns {pair[0]} and {pair[1]}"]


def test_one_odd_well_is_no_swap(lab):
    assay, plate, readouts = plate_of_medians(lab)
    odd = readouts["well"] == "C6"
    assert check_plate(assay, plate, readouts.assign(value=readouts["value"].where(~odd, 20_000.0))) == []

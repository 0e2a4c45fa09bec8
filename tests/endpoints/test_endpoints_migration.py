"""Migration: counting, input, targets, net and index, checkerboard, and what makes a day unfit to answer."""

from __future__ import annotations

import math

import pytest
from endpoints.conftest import well

from assaykit.endpoints.cell_counts import cell_count
from assaykit.measurements import kept_measurements
from assaykit.protocol import Criterion, read_protocol


def insert(name: str, target: str, migrated: float, treatment: str = "vehicle", **more):
    counts = {"migrated": migrated, **more.pop("counts", {})}
    return well(name, treatment, target=target, counts=counts, **more)


def day(unit: str, *, medium: float, cxcl12: float, row: str = "A"):
    return [
        insert(f"{row}1", "medium", medium, unit=unit),
        insert(f"{row}2", "cxcl12", cxcl12, unit=unit),
        insert(f"{row}3", "input", 100_000.0, unit=unit),
    ]


def test_percent_of_input_net_and_index_from_plain_counts(bench):
    b = bench("transwell_migration", day("day 1", medium=1500.0, cxcl12=6000.0))
    assert b.value("migration_random", "A1") == pytest.approx(1.5)
    assert b.value("migration_cxcl12", "A2") == pytest.approx(6.0)
    assert b.value("migration_net") == pytest.approx(4.5)
    assert b.value("migration_index") == pytest.approx(4.0)
    row = b.of("migration_cxcl12").loc[0]
    assert (row["count"], row["total"], row["unit"]) == (6000.0, 100_000.0, "%")
    assert b.of("migration_index").loc[0, "well"] == ""


def test_beads_turn_events_into_cells_of_the_well(bench):
    wells = [
        well("A1", target="cxcl12", beads_added=8000.0),
        well("A2", target="input", beads_added=8000.0, dilution=20.0),
    ]
    readouts = {"A1": {"cml_count": 420, "beads_count": 1120}, "A2": {"cml_count": 700, "beads_count": 1120}}
    b = bench("transwell_migration", wells, readouts)
    # 420 / 1120 * 8000 = 3000 of 700 / 1120 * 8000 * 20 = 100,000
    assert b.value("migration_cxcl12", "A1") == pytest.approx(3.0)
    assert b.of("migration_cxcl12").loc[0, "cells"] == 420


def test_a_volume_run_counts_as_well_as_beads(bench):
    wells = [well("A1", target="cxcl12", sample_volume=300.0, input_cells=100_000.0)]
    b = bench("transwell_migration", wells, {"A1": {"cml_count": 420, "cml_concentration": 10.0}})
    assert b.value("migration_cxcl12", "A1") == pytest.approx(3.0)


def test_events_alone_are_not_cells_and_say_so(bench):
    wells = [well("A1", target="cxcl12", input_cells=1e5), well("A2", target="medium", input_cells=1e5)]
    b = bench("transwell_migration", wells, {"A1": {"cml_count": 420}, "A2": {"cml_count": 210}})
    rows = b.of("migration_cxcl12")
    assert rows["value"].isna().all()
    assert "give beads_added with a bead gate, or sample_volume" in rows.loc[0, "reason"]


def test_no_bead_seen_is_no_count(bench):
    counted = cell_count({"cells_count": 50, "beads_count": 0, "beads_added": 8000}, ("migrated",), {})
    assert math.isnan(counted.cells)
    assert counted.reason == "no bead was seen, so cells cannot be counted"


@pytest.mark.parametrize(
    ("beads", "cells", "check"),
    [(8000, 50.0, "not_read"), (4000, 100.0, "not_read"), (8001, None, "more_beads_than_added")],
)
def test_no_more_beads_can_be_seen_than_were_added(beads, cells, check):
    counted = cell_count({"cells_count": 50, "beads_count": beads, "beads_added": 8000}, ("migrated",), {})
    assert counted.check == check
    assert counted.cells == cells if cells is not None else math.isnan(counted.cells)


def test_what_is_declared_settles_how_cells_are_counted():
    both = {"cells_count": 50, "beads_count": 1000, "beads_added": 8000, "cells_concentration": 2.0, "viable": 7.0}
    both |= {"sample_volume": 300.0, "dilution": 2.0}
    ways = {way: cell_count(both, ("viable",), {"counting": way}) for way in ("plain", "beads", "volume")}
    assert {way: each.cells for way, each in ways.items()} == {"plain": 7.0, "beads": 800.0, "volume": 1200.0}
    del both["cells_concentration"]
    for volume, cells in ((25.0, 1200.0), (0.5, 60_000.0)):  # 50 / 25 * 300 * 2, and 50 / 0.5 * 300 * 2
        assert cell_count({**both, "volume_ul": volume}, ("viable",), {"counting": "volume"}).cells == cells
    assert math.isnan(cell_count({**both, "volume_ul": 0.0}, ("viable",), {"counting": "volume"}).cells)


@pytest.mark.parametrize("viability", [80.0, 0.8])
def test_input_is_corrected_for_its_viability(bench, viability):
    wells = [well("A1", target="cxcl12", counts={"migrated": 4000.0, "input": 100_000.0}, input_viability=viability)]
    b = bench("transwell_migration", wells)
    assert b.value("migration_cxcl12", "A1") == pytest.approx(5.0)


def test_an_input_standard_of_the_same_treatment_goes_before_the_units(bench):
    wells = [
        insert("A1", "cxcl12", 2000.0),
        insert("A2", "cxcl12", 2000.0, "imatinib 1 uM"),
        insert("A3", "input", 100_000.0),
        insert("A4", "input", 50_000.0, "imatinib 1 uM"),
        insert("A5", "cxcl12", 3000.0, "dasatinib 10 nM"),
    ]
    b = bench("transwell_migration", wells)
    values = b.of("migration_cxcl12").set_index("well")["value"]
    assert values.to_dict() == pytest.approx({"A1": 2.0, "A2": 4.0, "A5": 4.0})  # A5: mean of 100,000 and 50,000


def test_unknown_input_is_a_reason(bench):
    b = bench("transwell_migration", [insert("A1", "cxcl12", 2000.0)])
    assert b.of("migration_cxcl12").loc[0, "reason"].startswith("the cells put in are not known")


def test_net_and_index_without_medium_carry_their_reason(bench):
    wells = [*day("day 1", medium=1000.0, cxcl12=3000.0), insert("B1", "cxcl12", 5000.0, "imatinib 1 uM")]
    b = bench("transwell_migration", wells)
    row = b.of("migration_index").set_index("treatment").loc["imatinib 1 uM"]
    assert row["qc"] == "not_interpretable"
    assert row["reason"] == "no inserts to medium for imatinib 1 uM in mono of day 1"


def test_an_index_over_an_empty_background_is_missing_and_net_is_not(bench):
    b = bench("transwell_migration", day("day 1", medium=0.0, cxcl12=3000.0))
    assert math.isnan(b.value("migration_index"))
    assert b.value("migration_net") == pytest.approx(3.0)
    assert b.of("migration_random").loc[0, "qc"] == "warn"


def test_chemokinesis_and_the_checkerboard_come_from_inserts_without_a_gradient(bench):
    wells = [*day("day 1", medium=1000.0, cxcl12=8000.0), insert("A4", "cxcl12_both", 3000.0)]
    b = bench("transwell_migration", wells)
    assert b.value("migration_chemokinesis", "A4") == pytest.approx(3.0)
    assert b.value("migration_directed") == pytest.approx(5.0)
    assert b.value("checkerboard", "A2") == pytest.approx(4.0)  # 8 over the mean of 1 and 3


def test_a_grid_of_concentrations_is_a_checkerboard_too(bench):
    grid = [(0.0, 0.0, 1000.0), (100.0, 100.0, 2000.0), (0.0, 100.0, 6000.0), (100.0, 0.0, 1500.0)]
    wells = [
        well(f"A{i}", cxcl12_top=top, cxcl12_bottom=bottom, input_cells=1e5, counts={"migrated": migrated})
        for i, (top, bottom, migrated) in enumerate(grid, 1)
    ]
    b = bench("transwell_migration", wells)
    assert b.value("checkerboard", "A3") == pytest.approx(4.0)
    assert b.value("checkerboard", "A4") == pytest.approx(1.0)
    assert "target_unknown" not in b.checks()


def test_an_unknown_target_is_told_with_its_wells(bench):
    wells = [*day("day 1", medium=1000.0, cxcl12=3000.0), insert("B1", "plasma", 1.0)]
    b = bench("transwell_migration", wells)
    (told,) = [f for f in b.findings if f.check == "target_unknown"]
    assert "found 'plasma' in B1" in told.message


@pytest.mark.parametrize("written", ["CXCL12", "SDF-1", "sdf1a"])
def test_targets_are_read_as_labs_write_them(bench, written):
    wells = [insert("A1", written, 3000.0), insert("A2", "input", 1e5)]
    assert bench("transwell_migration", wells).value("migration_cxcl12", "A1") == pytest.approx(3.0)


def test_a_day_without_chemotaxis_is_left_out_of_what_goes_to_cxcl12_only(bench):
    wells = [
        *day("day 1", medium=1000.0, cxcl12=4000.0),
        *day("day 2", medium=3000.0, cxcl12=3300.0, row="B"),
    ]
    marked, table, findings = bench("transwell_migration", wells).accept()
    failed = table[(table["check"] == "vehicle_index") & (table["result"] == "fail")]
    assert failed["unit_id"].tolist() == ["day 2"]
    assert failed["value"].tolist() == pytest.approx([1.1])
    out = marked[marked["excluded"]]
    assert set(out["unit_id"]) == {"day 2"}
    assert set(out["endpoint"]) == {"migration_cxcl12", "migration_net", "migration_index"}
    assert len(kept_measurements(marked)) == len(marked) - len(out)
    told = [f for f in findings if f.check == "vehicle_index"]
    assert [f.level for f in told] == ["fail"]  # the warning below 2 says nothing beside it
    assert "left out of the estimates" in told[0].message


@pytest.mark.parametrize(("cxcl12", "result"), [(2000.0, "pass"), (1990.0, "warn")])
def test_a_value_on_the_limit_of_at_least_passes(bench, cxcl12, result):
    criteria = (Criterion(check="vehicle_index", limit=2),)
    wells = day("day 1", medium=1000.0, cxcl12=cxcl12)
    _, table, _ = bench("transwell_migration", wells, acceptance=criteria).accept()
    assert table["result"].tolist() == [result]  # an index of 2.00 or 1.99


def test_where_every_day_fails_nothing_is_left_out_and_nothing_can_be_interpreted(bench):
    marked, table, _ = bench("transwell_migration", day("day 1", medium=3000.0, cxcl12=3300.0)).accept()
    assert not marked["excluded"].any()
    assert not table["dropped"].any()
    assert marked.set_index("endpoint").loc["migration_cxcl12", "qc"] == "not_interpretable"
    assert marked.set_index("endpoint").loc["migration_random", "qc"] == "pass"


def test_a_criterion_with_nothing_to_measure_says_so(bench):
    _, table, _ = bench("transwell_migration", day("day 1", medium=1000.0, cxcl12=4000.0)).accept()
    row = table.set_index("check").loc["input_viability"]
    assert (row["result"], math.isnan(row["value"])) == ("not measured", True)


@pytest.mark.parametrize(
    ("check", "limit", "more", "value"),
    [
        ("input_viability", 85, {"input_viability": 70.0}, 70.0),
        ("recovery_low", 70, {"counts": {"recovered": 50_000.0}}, 54.0),
        ("medium_migration", 0.5, {}, 1.0),
    ],
)
def test_each_criterion_warns_with_its_number(bench, check, limit, more, value):
    wells = [
        insert("A1", "medium", 1000.0, input_cells=1e5),
        insert("A2", "cxcl12", 4000.0, input_cells=1e5, **more),
    ]
    criteria = (Criterion(check=check, limit=limit),)
    _, table, findings = bench("transwell_migration", wells, acceptance=criteria).accept()
    assert table["result"].tolist() == ["warn"]
    assert table["value"].tolist() == pytest.approx([value])
    assert len(findings) == 1


def test_duplicates_that_disagree_are_named(bench):
    wells = [insert("A1", "cxcl12", 2000.0), insert("A2", "cxcl12", 6000.0), insert("A3", "input", 1e5)]
    criteria = (Criterion(check="duplicate_cv", limit=25),)
    marked, table, _ = bench("transwell_migration", wells, acceptance=criteria).accept()
    assert table.loc[0, "value"] == pytest.approx(70.71, abs=0.01)  # SD 2.83 over mean 4
    assert "varies by 71 % between its 2 wells" in table.loc[0, "message"]
    assert set(marked[marked["qc"] == "warn"]["well"]) == {"A1", "A2"}


def test_few_cells_and_few_beads_are_told_once_per_plate(bench):
    wells = [well(f"A{i}", target="cxcl12", beads_added=8000.0, input_cells=1e5) for i in range(1, 9)]
    readouts = {w.name: {"cml_count": 150, "beads_count": 900} for w in wells}
    protocol = read_protocol("transwell_migration")
    kept = tuple(c for c in protocol.acceptance if c.check in {"cell_events", "bead_events"})
    _, table, findings = bench("transwell_migration", wells, readouts, acceptance=kept).accept()
    assert table["value"].tolist() == [150.0, 900.0]
    assert len(findings) == 2
    assert "and 3 more" in findings[0].message


def test_more_cells_than_were_put_in_is_told_and_kept(bench):
    wells = [insert("A1", "cxcl12", 150_000.0), insert("A2", "input", 100_000.0)]
    b = bench("transwell_migration", wells)
    assert b.value("migration_cxcl12", "A1") == pytest.approx(150.0)
    assert b.of("migration_cxcl12").loc[0, "qc"] == "warn"
    assert "more_than_input" in b.checks()

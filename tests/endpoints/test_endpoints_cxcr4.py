"""CXCR4 endpoints: background, reference, interference, internalisation."""

from __future__ import annotations

import math

import pytest
from endpoints.conftest import well
from hypothesis import given
from hypothesis import strategies as st

from assaykit.endpoints import ENDPOINTS
from assaykit.protocol import read_protocol


def stain(median: float, control: float = 100.0) -> dict[str, float]:
    positive = {"cxcr4_percent_positive": 60.0, "cxcr4_overton": 55.0}
    return {"cxcr4_median": median, "cxcr4_control_median": control, "cml_count": 500, **positive}


def test_dmfi_is_the_median_above_the_fmo(bench):
    b = bench("cxcr4_surface", [well("A1")], {"A1": stain(420.0, 110.0)})
    assert b.value("cxcr4_dmfi", "A1") == 310.0
    assert b.value("cxcr4_rmfi", "A1") == pytest.approx(420 / 110)
    assert b.of("cxcr4_dmfi")["unit"].tolist() == ["MFI"]


def test_the_fold_change_is_taken_from_the_vehicle_of_the_same_experiment_and_context(bench):
    wells = [
        well("A1"),
        well("A2", "imatinib 1 uM"),
        well("A3", context="msc_contact"),
        well("A4", "imatinib 1 uM", "msc_contact"),
        well("B1", unit="day 2"),
        well("B2", "imatinib 1 uM", unit="day 2"),
    ]
    medians = {"A1": 300.0, "A2": 500.0, "A3": 150.0, "A4": 300.0, "B1": 1100.0, "B2": 600.0}
    b = bench("cxcr4_surface", wells, {name: stain(value) for name, value in medians.items()})
    assert b.value("cxcr4_log2fc", "A2") == pytest.approx(1.0)  # (500 - 100) / (300 - 100) = 2
    assert b.value("cxcr4_log2fc", "A4") == pytest.approx(2.0)  # 200 / 50
    assert b.value("cxcr4_log2fc", "B2") == pytest.approx(-1.0)  # 500 / 1000


def test_the_reference_of_a_fold_change_is_the_geometric_mean_of_its_wells(bench):
    wells = [well("A1"), well("A2"), well("A3", "imatinib 1 uM")]
    b = bench("cxcr4_surface", wells, {"A1": stain(200.0), "A2": stain(500.0), "A3": stain(300.0)})
    assert b.value("cxcr4_log2fc", "A3") == pytest.approx(0.0)  # 200 against sqrt(100 * 400)


def test_a_dmfi_at_or_below_zero_is_kept_failed_and_told(bench):
    wells = [well("A1"), well("A2", "imatinib 1 uM")]
    b = bench("cxcr4_surface", wells, {"A1": stain(300.0), "A2": stain(88.0)})
    row = b.of("cxcr4_dmfi").set_index("well").loc["A2"]
    assert row["value"] == -12.0
    assert row["qc"] == "fail"
    told = [f for f in b.findings if f.check == "not_above_zero"]
    assert [(f.level, f.plate, f.well) for f in told] == [("fail", "P", "A2")]
    assert "cxcr4_dmfi is -12, not above zero" in told[0].message
    assert math.isnan(b.value("cxcr4_log2fc", "A2"))
    assert b.of("cxcr4_log2fc").loc[0, "reason"] == "dMFI is not above zero"


def test_a_treated_arm_without_its_vehicle_says_which_one_is_missing(bench):
    wells = [well("A1"), well("A2", "imatinib 1 uM", "msc_contact")]
    b = bench("cxcr4_surface", wells, {"A1": stain(300.0), "A2": stain(400.0)})
    row = b.of("cxcr4_log2fc").loc[0]
    assert math.isnan(row["value"])
    assert (row["qc"], row["reason"]) == ("not_interpretable", "no vehicle wells for msc_contact of day 1")
    assert "no_reference" in b.checks()


def test_a_vehicle_of_another_time_or_line_is_no_reference(bench):
    wells = [well("A1", time=24.0), well("A2", "imatinib 1 uM", time=48.0)]
    b = bench("cxcr4_surface", wells, {"A1": stain(300.0), "A2": stain(400.0)})
    assert b.of("cxcr4_log2fc").loc[0, "qc"] == "not_interpretable"
    assert "levels_mixed" in b.checks()


def test_plerixafor_makes_a_12g5_stain_uninterpretable_and_keeps_its_number(bench):
    wells = [well("A1"), well("A2", "plerixafor 10 uM"), well("A3", "imatinib 1 uM + plerixafor 10 uM")]
    b = bench("cxcr4_surface", wells, {name: stain(300.0) for name in ("A1", "A2", "A3")})
    rows = b.of("cxcr4_dmfi").set_index("well")
    assert rows["qc"].tolist() == ["pass", "not_interpretable", "not_interpretable"]
    assert "12G5 compete" in rows.loc["A2", "reason"]
    assert rows.loc["A2", "value"] == 200.0
    assert b.checks().count("interference") == 1


@pytest.mark.parametrize("clone", ["12G5-PE", "clone 12g5"])
def test_a_competing_clone_is_known_as_labs_write_it(bench, clone):
    wells = [well("A1", clone=clone), well("A2", "plerixafor 10 uM", clone=clone)]
    b = bench("cxcr4_surface", wells, {name: stain(300.0) for name in ("A1", "A2")})
    assert b.of("cxcr4_dmfi").loc[1, "reason"].startswith("plerixafor and clone 12G5 compete")


def test_a_clone_nobody_tested_cannot_answer_for_plerixafor(bench):
    wells = [well("A1", clone="44717"), well("A2", "plerixafor 10 uM", clone="44717")]
    b = bench("cxcr4_surface", wells, {name: stain(300.0) for name in ("A1", "A2")})
    assert b.of("cxcr4_dmfi")["qc"].tolist() == ["pass", "not_interpretable"]
    assert b.of("cxcr4_dmfi").loc[1, "reason"].startswith("clone 44717 is not known to stay free of it")


def test_the_order_of_wells_changes_no_value(bench):
    wells = [
        well(f"{row}{column}", treatment, context, unit=f"day {column}")
        for column in (1, 2)
        for row, (treatment, context) in zip(
            "ABCD", [(t, c) for t in ("vehicle", "imatinib 1 uM") for c in ("mono", "msc_contact")], strict=True
        )
    ]
    readouts = {w.name: stain(200.0 + 37.0 * i) for i, w in enumerate(wells)}
    keys = ["endpoint", "plate", "well"]
    forward = bench("cxcr4_surface", wells, readouts).table.sort_values(keys).reset_index(drop=True)
    backward = bench("cxcr4_surface", wells[::-1], readouts).table.sort_values(keys).reset_index(drop=True)
    assert forward.equals(backward)


@pytest.mark.parametrize("factors", [{"clone": "1D9"}, {"clone": "1d9-BV421"}, {"washout": "yes"}])
def test_a_clone_that_does_not_compete_or_a_washout_can_answer(bench, factors):
    wells = [well("A1"), well("A2", "plerixafor 10 uM", **factors)]
    b = bench("cxcr4_surface", wells, {name: stain(300.0) for name in ("A1", "A2")})
    assert b.of("cxcr4_dmfi")["qc"].tolist() == ["pass", "pass"]


def test_an_undeclared_clone_cannot_answer_for_plerixafor(bench):
    protocol = read_protocol("cxcr4_surface")
    channel = protocol.channels["cxcr4"].model_copy(update={"clone": ""})
    wells = [well("A1"), well("A2", "plerixafor 10 uM")]
    readouts = {name: stain(300.0) for name in ("A1", "A2")}
    b = bench("cxcr4_surface", wells, readouts, channels={**protocol.channels, "cxcr4": channel})
    assert b.of("cxcr4_dmfi").loc[1, "qc"] == "not_interpretable"
    assert "the clone is not declared" in b.of("cxcr4_dmfi").loc[1, "reason"]


def test_a_well_that_could_not_be_read_is_a_row_without_a_value(bench):
    b = bench("cxcr4_surface", [well("A1"), well("A2")], {"A1": stain(300.0)})
    row = b.of("cxcr4_dmfi").set_index("well").loc["A2"]
    assert math.isnan(row["value"])
    assert (row["qc"], row["reason"]) == ("fail", "nothing was read from this well")


def test_internalisation_and_surface_share_are_held_against_wells_of_the_same_arm(bench):
    wells = [
        well("A1", ligand="none", permeabilised="no"),
        well("A2", ligand="CXCL12", permeabilised="no"),
        well("A3", ligand="none", permeabilised="yes"),
    ]
    b = bench("cxcr4_internalisation", wells, {"A1": stain(500.0), "A2": stain(200.0), "A3": stain(1700.0)})
    assert b.value("cxcr4_internalisation", "A2") == pytest.approx(75.0)
    assert b.value("cxcr4_surface_total", "A1") == pytest.approx(0.25)
    assert b.of("cxcr4_dmfi")["well"].tolist() == ["A1"]
    assert b.value("cxcr4_total_dmfi", "A3") == 1600.0


def test_a_well_without_its_partner_says_which_one_is_missing(bench):
    wells = [well("A1", ligand="none", permeabilised="no"), well("A2", "imatinib 1 uM", ligand="CXCL12")]
    b = bench("cxcr4_internalisation", wells, {"A1": stain(500.0), "A2": stain(200.0)})
    for endpoint, missing in (
        ("internalisation", "wells without ligand"),
        ("surface_total", "wells with permeabilised"),
    ):
        row = b.of(f"cxcr4_{endpoint}").loc[0]
        assert math.isnan(row["value"])
        assert row["reason"].startswith(f"no {missing}")


def test_a_partner_below_zero_cannot_be_used_and_says_so(bench):
    wells = [well("A1", ligand="none"), well("A2", ligand="CXCL12")]
    b = bench("cxcr4_internalisation", wells, {"A1": stain(90.0), "A2": stain(200.0)})
    row = b.of("cxcr4_internalisation").loc[0]
    assert row["reason"] == "the wells without ligand cannot be used: dmfi is not above zero"


def test_a_marker_without_an_fmo_still_has_its_median(bench):
    b = bench("marker_intensity", [well("A1")], {"A1": {"marker_median": 42.0, "cells_count": 900}})
    assert b.value("marker_median", "A1") == 42.0
    assert b.of("marker_dmfi").empty
    assert [(f.level, f.check) for f in b.findings] == [("note", "endpoint_not_formed")]


@given(treated=st.floats(1, 1e5), untreated=st.floats(1, 1e5), scale=st.floats(0.01, 100))
def test_a_fold_change_does_not_depend_on_the_cytometers_gain(treated, untreated, scale):
    fold = ENDPOINTS["log2fc"].function
    same = fold({"dmfi": treated * scale}, {"dmfi": untreated * scale})
    assert same == pytest.approx(fold({"dmfi": treated}, {"dmfi": untreated}), abs=1e-9)  # rounding of two products


def test_a_factor_named_like_a_column_of_the_table_overwrites_nothing(bench):
    b = bench("cxcr4_surface", [well("A1", cells=7.0, passage=12.0, operator="AB")], {"A1": stain(300.0)})
    row = b.of("cxcr4_dmfi").loc[0]
    assert (row["cells"], row["passage"], row["operator"]) == (500, 12.0, "AB")

"""Apoptosis, stromal protection, reversal, combinations, growth."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from endpoints.conftest import well
from hypothesis import given
from hypothesis import strategies as st

from assaykit.endpoints import ENDPOINTS, REVERSAL, AssayConditions, Measurement, WellReadings
from assaykit.endpoints.arms import arm_means
from assaykit.endpoints.cell_counts import cells_by_fate
from assaykit.measurements import analyses_with_values, unknown_name_faults
from assaykit.protocol import Criterion, EndpointSpec, read_protocol
from assaykit.treatment import parse_treatment, read_drugs

IMATINIB, PLERIXAFOR = "imatinib 1 uM", "plerixafor 10 uM"
BOTH = f"{IMATINIB} + {PLERIXAFOR}"


def cells(apoptotic: float, total: float = 1000.0) -> dict[str, float]:
    return {"apoptotic": apoptotic, "total": total}


def arms(percent: dict[tuple[str, str], float], unit: str = "day 1", row: str = "A"):
    return [
        well(f"{row}{i}", treatment, context, unit=unit, counts=cells(10 * value))
        for i, ((treatment, context), value) in enumerate(percent.items(), 1)
    ]


FULL = {
    ("vehicle", "mono"): 5.0,
    (IMATINIB, "mono"): 43.0,
    (PLERIXAFOR, "mono"): 5.0,
    (BOTH, "mono"): 43.0,
    ("vehicle", "msc_contact"): 5.0,
    (IMATINIB, "msc_contact"): 24.0,
    (PLERIXAFOR, "msc_contact"): 5.0,
    (BOTH, "msc_contact"): 33.5,
}


def test_apoptosis_is_early_and_late_of_the_declared_cells(bench):
    readouts = {
        "A1": {"cml_count": 400, "viable_count": 300, "early_count": 60, "late_count": 20, "necrotic_count": 20}
    }
    b = bench("annexin_apoptosis", [well("A1")], readouts)
    assert b.value("apoptosis", "A1") == pytest.approx(20.0)
    assert b.value("apoptosis_early", "A1") == pytest.approx(15.0)
    assert b.value("apoptosis_late", "A1") == pytest.approx(5.0)
    row = b.of("apoptosis").loc[0]
    assert (row["count"], row["total"], row["cells"]) == (80, 400, 400)


def test_early_alone_may_be_declared(bench):
    spec = EndpointSpec(endpoint="apoptosis", options={"apoptotic": "early"})
    b = bench("annexin_apoptosis", [well("A1", counts={"early": 60, "late": 20, "viable": 320})], endpoints=(spec,))
    assert b.value("apoptosis", "A1") == pytest.approx(15.0)


def test_counts_may_give_the_parts_and_leave_the_total(bench):
    b = bench("annexin_apoptosis", [well("A1", counts={"early": 60, "late": 20, "viable": 300, "necrotic": 20})])
    assert b.value("apoptosis", "A1") == pytest.approx(20.0)


@pytest.mark.parametrize(
    ("counts", "part", "total"),
    [
        ({"viable": 80, "dead": 20}, "viable", 100),  # trypan blue
        ({"apoptotic": 30, "viable": 70}, "apoptotic", 100),
        ({"early": 10, "late": 5, "viable": 85}, "apoptotic", 100),
        ({"early": 10, "late": 5, "viable": 80, "necrotic": 5}, "apoptotic", 100),
        ({"early": 10, "late": 5, "viable": 80, "necrotic": 5, "total": 120}, "apoptotic", 120),
        ({"early_count": 10, "late_count": 5, "total_count": 50}, "apoptotic", 50),
    ],
)
def test_the_total_is_what_was_counted_or_the_sum_of_its_parts(counts, part, total):
    cells = cells_by_fate(counts, {})
    assert cells["total"] == total
    assert cells[part] == {"viable": 80, "apoptotic": counts.get("apoptotic", 15)}[part]


def test_a_value_of_a_unit_names_its_plate_where_it_has_one():
    wells = [
        WellReadings(plate, name, unit, "vehicle", "mono", {}, {}, {})
        for plate, name, unit in (("P1", "A1", "E1"), ("P1", "A2", "E1"), ("P1", "B1", "E2"), ("P2", "B2", "E2"))
    ]
    values = {("P1", "A1"): 10.0, ("P1", "A2"): 20.0, ("P1", "B1"): 1.0, ("P2", "B2"): 5.0}
    found = {unit.unit_id: unit for unit in arm_means(EndpointSpec(endpoint="spi"), wells, values).values()}
    assert {unit: each.plate for unit, each in found.items()} == {"E1": "P1", "E2": ""}
    assert {unit: dict(each.means) for unit, each in found.items()} == {
        "E1": {("vehicle", "mono"): 15.0},
        "E2": {("vehicle", "mono"): 3.0},
    }


def test_specific_apoptosis_uses_the_vehicle_of_its_own_context_and_is_never_clipped(bench):
    wells = arms({
        ("vehicle", "mono"): 5.0, (IMATINIB, "mono"): 43.0,
        ("vehicle", "msc_contact"): 20.0, (IMATINIB, "msc_contact"): 12.0,
    })  # fmt: skip
    b = bench("annexin_apoptosis", wells)
    assert b.value("specific_apoptosis", "A2") == pytest.approx(40.0)
    assert b.value("specific_apoptosis", "A4") == pytest.approx(-10.0)
    assert b.of("specific_apoptosis")["treatment"].tolist() == [IMATINIB, IMATINIB]


def test_protection_is_an_index_and_points_per_unit(bench):
    b = bench("coculture_protection", arms(FULL))
    spi = b.of("spi").set_index("treatment")
    assert spi.loc[IMATINIB, "value"] == pytest.approx(0.5)
    assert spi.loc[IMATINIB, "context"] == "msc_contact"
    assert b.of("spi_points").set_index("treatment").loc[IMATINIB, "value"] == pytest.approx(20.0)


def test_an_index_over_a_drug_that_does_not_kill_says_so(bench):
    wells = arms({**FULL, (IMATINIB, "mono"): 4.0})
    row = bench("coculture_protection", wells).of("spi").set_index("treatment").loc[IMATINIB]
    assert math.isnan(row["value"])
    assert row["qc"] == "not_interpretable"
    assert "does not kill alone in day 1" in row["reason"]


def test_reversal_is_the_share_of_protection_taken_away(bench):
    row = bench("coculture_protection", arms(FULL)).of("reversal").loc[0]
    assert (row["treatment"], row["context"], row["well"]) == (BOTH, "msc_contact", "")
    assert row["value"] == pytest.approx(50.0)  # (33.5 - 24) / (43 - 24)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({(IMATINIB, "mono"): 7.0}, "imatinib 1 uM alone kills too few in day 1: 7.0 % against 5.0 % in vehicle"),
        ({(IMATINIB, "msc_contact"): 42.0}, "stroma does not protect from imatinib 1 uM in day 1"),
    ],
)
def test_reversal_means_nothing_unless_the_drug_kills_and_stroma_protects(bench, changed, reason):
    row = bench("coculture_protection", arms(FULL | changed)).of("reversal").loc[0]
    assert math.isnan(row["value"])
    assert row["qc"] == "not_interpretable"
    assert row["reason"].startswith(reason)


@pytest.mark.parametrize(
    "changed",
    [
        {(IMATINIB, "mono"): 10.0, (IMATINIB, "msc_contact"): 2.0},  # kills 5 points of 100, and protects by 8
        {(IMATINIB, "mono"): 29.0},  # kills 24 points, and stroma protects from 5
    ],
)
def test_reversal_means_something_at_the_least_kill_and_the_least_protection(bench, changed):
    row = bench("coculture_protection", arms(FULL | changed)).of("reversal").loc[0]
    assert row["qc"] == "pass"
    assert math.isfinite(row["value"])


@pytest.mark.parametrize("lacking", [(PLERIXAFOR, "mono"), (PLERIXAFOR, "msc_contact"), (BOTH, "mono")])
def test_reversal_needs_the_antagonists_own_arms(bench, lacking):
    wells = arms({arm: value for arm, value in FULL.items() if arm != lacking})
    row = bench("coculture_protection", wells).of("reversal").loc[0]
    assert row["qc"] == "not_interpretable"
    assert row["reason"] == f"reversal needs the arms {lacking[0]} in {lacking[1]}, which day 1 lacks"


def test_conditioned_medium_is_held_against_plain_medium(bench):
    wells = arms({
        ("vehicle", "mono"): 5.0, (IMATINIB, "mono"): 43.0,
        ("vehicle", "plain_medium"): 0.0, (IMATINIB, "plain_medium"): 60.0,
        ("vehicle", "msc_medium"): 0.0, (IMATINIB, "msc_medium"): 30.0,
    })  # fmt: skip
    assert bench("coculture_protection", wells).value("spi") == pytest.approx(0.5)  # 1 - 30 / 60, not 1 - 30 / 40


def test_conditioned_medium_is_held_against_cells_alone_where_plain_medium_was_left_out(bench):
    wells = arms({
        ("vehicle", "mono"): 5.0, (IMATINIB, "mono"): 43.0,
        ("vehicle", "msc_medium"): 0.0, (IMATINIB, "msc_medium"): 30.0,
    })  # fmt: skip
    assert bench("coculture_protection", wells).value("spi") == pytest.approx(0.25)  # 1 - 30 / 40


def test_contact_with_stroma_is_held_against_cells_alone_even_beside_plain_medium(bench):
    wells = arms({
        ("vehicle", "mono"): 5.0, (IMATINIB, "mono"): 43.0,
        ("vehicle", "plain_medium"): 0.0, (IMATINIB, "plain_medium"): 60.0,
        ("vehicle", "msc_contact"): 0.0, (IMATINIB, "msc_contact"): 30.0,
    })  # fmt: skip
    assert bench("coculture_protection", wells).value("spi") == pytest.approx(0.25)  # 1 - 30 / 40


def test_lots_of_stroma_have_each_their_own_vehicle(bench):
    wells = [
        well("A1", counts=cells(50)),
        well("A2", IMATINIB, counts=cells(430)),
        well("A3", context="msc_contact", msc_donor="lot 1", counts=cells(0)),
        well("A4", IMATINIB, "msc_contact", msc_donor="lot 1", counts=cells(200)),
        well("A5", context="msc_contact", msc_donor="lot 2", counts=cells(500)),
        well("A6", IMATINIB, "msc_contact", msc_donor="lot 2", counts=cells(600)),
    ]
    b = bench("coculture_protection", wells)
    assert b.value("specific_apoptosis", "A4") == pytest.approx(20.0)
    assert b.value("specific_apoptosis", "A6") == pytest.approx(20.0)
    assert b.value("spi") == pytest.approx(0.5)


def test_bliss_and_hsa_need_each_drug_alone_at_the_same_dose(bench):
    pair, statin = "imatinib 1 uM + simvastatin 5 uM", "simvastatin 5 uM"
    percent = {("vehicle", "mono"): 0.0, (IMATINIB, "mono"): 40.0, (statin, "mono"): 20.0, (pair, "mono"): 70.0}
    b = bench("combination", arms(percent))
    assert b.value("bliss_excess") == pytest.approx(18.0)
    assert b.value("hsa_excess") == pytest.approx(30.0)
    del percent[statin, "mono"]
    row = bench("combination", arms(percent)).of("bliss_excess").loc[0]
    assert row["reason"] == "no simvastatin 5 uM alone in mono of day 1"


def test_a_vehicle_that_dies_fails_its_experiment_by_the_declared_rule(bench):
    wells = arms({("vehicle", "mono"): 25.0, (IMATINIB, "mono"): 60.0})
    other = [
        well("B1", unit="day 2", counts=cells(50)),
        well("B2", IMATINIB, unit="day 2", counts=cells(400)),
    ]
    b = bench("annexin_apoptosis", [*wells, *other])
    marked, table, _ = b.accept()
    assert set(marked[marked["excluded"]]["unit_id"]) == {"day 1"}
    assert (marked[marked["unit_id"] == "day 1"]["qc"] == "fail").all()
    kept, _, _ = bench(
        "annexin_apoptosis", [*wells, *other], acceptance=(Criterion(check="vehicle_death", limit=15, level="fail"),)
    ).accept()
    assert not kept["excluded"].any()
    assert table.set_index("check").loc["vehicle_death", "message"].tolist()[0].startswith("25.0 % of the cells of")


def test_a_vehicle_that_dies_with_stroma_leaves_cells_alone_as_they_are(bench):
    wells = arms({**FULL, ("vehicle", "msc_contact"): 30.0})
    more = arms({("vehicle", "mono"): 5.0, ("vehicle", "msc_contact"): 5.0}, unit="day 2", row="B")
    marked, _, _ = bench("coculture_protection", [*wells, *more]).accept()
    out = marked[marked["excluded"] & marked["value"].notna()]
    assert set(out["context"]) == {"msc_contact"}
    assert set(out["treatment"]) == {"vehicle"}
    kept = marked[(marked["treatment"] == IMATINIB) & (marked["context"] == "msc_contact")]
    assert set(kept["qc"]) == {"not_interpretable"}  # day 2 has no such arm: nothing would be left of it


def test_a_vehicle_that_dies_alone_reaches_every_context_of_its_experiment(bench):
    sick = arms({**FULL, ("vehicle", "mono"): 30.0})
    sound = arms(FULL, unit="day 2", row="B")
    marked, table, _ = bench("coculture_protection", [*sick, *sound]).accept()
    out = marked[marked["excluded"] & marked["value"].notna()]
    assert set(out["unit_id"]) == {"day 1"}
    assert set(out["context"]) == {"mono", "msc_contact"}
    rows = table[(table["check"] == "vehicle_death") & (table["result"] == "fail")]
    assert rows[["unit_id", "context", "value"]].to_numpy().tolist() == [["day 1", "mono", 30.0]]


@pytest.mark.parametrize(("dying", "result"), [(15.0, "pass"), (15.1, "fail")])
def test_a_value_on_the_limit_of_at_most_passes(bench, dying, result):
    criteria = (Criterion(check="vehicle_death", limit=15, level="fail"),)
    _, table, _ = bench("annexin_apoptosis", arms({("vehicle", "mono"): dying}), acceptance=criteria).accept()
    assert table["result"].tolist() == [result]


@pytest.mark.parametrize(
    ("percent", "qc", "reason"),
    [
        (10.0, "pass", ""),  # 10 / 2 = 5 % specific apoptosis, the least kill, is enough
        (9.99, "warn", "imatinib 1 uM kills few alone in day 1 (specific apoptosis 5.0 %): the index is unstable"),
    ],
)
def test_an_index_is_unstable_below_the_least_kill_and_not_at_it(bench, percent, qc, reason):
    wells = arms({**FULL, ("vehicle", "mono"): 0.0, (IMATINIB, "mono"): percent / 2})
    row = bench("coculture_protection", wells).of("spi").set_index("treatment").loc[IMATINIB]
    assert (row["qc"], row["reason"]) == (qc, reason)


def test_stroma_that_came_off_is_told(bench):
    wells = [well("A1", "vehicle", "msc_contact", detachment="yes", counts=cells(50))]
    marked, table, findings = bench("coculture_protection", wells).accept()
    assert table.set_index("check").loc["detachment", "result"] == "warn"
    assert any("the stroma of A1 came off" in f.message for f in findings)
    assert "came off" in marked.loc[0, "reason"]


def test_viable_cells_come_from_beads_or_from_counts(bench):
    b = bench(
        "annexin_apoptosis",
        [well("A1", beads_added=10_000.0)],
        {"A1": {"cml_count": 600, "viable_count": 500, "early_count": 60, "late_count": 40, "beads_count": 1000}},
    )
    assert b.value("viable_count", "A1") == pytest.approx(5000.0)
    b = bench("annexin_apoptosis", [well("A1", counts={"viable": 4.2e5, "early": 1e4, "late": 1e4})])
    assert b.value("viable_count", "A1") == pytest.approx(4.2e5)


@pytest.mark.parametrize("viability", [0.8, 80.0])
def test_viable_cells_may_be_written_as_a_total_and_a_viability(bench, viability):
    b = bench("annexin_apoptosis", [well("A1", viability=viability, counts={"total": 5000.0})])
    row = b.of("viable_count").loc[0]
    assert (row["value"], row["cells"], row["count"]) == (4000.0, 5000, 4000.0)


def test_viable_cells_that_were_counted_go_before_a_viability(bench):
    b = bench("annexin_apoptosis", [well("A1", viability=0.8, counts={"total": 5000.0, "viable": 4500.0})])
    assert b.value("viable_count", "A1") == 4500.0


def test_relative_viability_takes_off_the_plates_blank(bench):
    wells = [
        well("A1", signal=1.3),
        well("A2", IMATINIB, signal=0.4),
        well("A3", IMATINIB, signal=0.05),
        well("A4", role="blank", signal=0.1),
    ]
    b = bench("dose_response", wells)
    assert b.value("signal", "A1") == pytest.approx(1.2)
    assert b.value("relative_viability", "A2") == pytest.approx(25.0)
    assert b.value("relative_viability", "A3") == pytest.approx(-100 * 0.05 / 1.2)


def test_adhesion_and_growth_are_held_against_the_cells_put_in(bench):
    specs = (EndpointSpec(endpoint="adhesion"), EndpointSpec(endpoint="proliferation"))
    wells = [
        well("A1", counts={"adherent": 30.0, "floating": 90.0, "viable": 400.0}, seeded=100.0),
        well("A2", counts={"adherent": 30.0, "floating": 90.0}),
    ]
    b = bench("annexin_apoptosis", wells, endpoints=specs)
    assert b.of("adhesion")["value"].tolist() == pytest.approx([30.0, 25.0])
    assert b.value("proliferation", "A1") == pytest.approx(4.0)


@pytest.mark.parametrize(
    ("treatment", "context", "rests"),
    [
        ("vehicle", "msc_contact", True),
        (IMATINIB, "msc_contact", True),
        (BOTH, "mono", True),
        (PLERIXAFOR, "plain_medium", True),
        (IMATINIB, "msc_transwell", False),  # stroma of another kind
        ("dasatinib 10 nM", "msc_contact", False),
        ("a drug nobody knows", "msc_contact", False),
    ],
)
def test_a_value_of_two_drugs_rests_on_all_of_their_parts(treatment, context, rests):
    catalogue = read_drugs()
    known = {
        text: parse_treatment(text, catalogue) for text in ("vehicle", IMATINIB, PLERIXAFOR, BOTH, "dasatinib 10 nM")
    }
    conditions = AssayConditions("vehicle", "mono", {}, catalogue, known)
    of = {"plate": "P", "factors": {}, "unit_id": "E1"}
    row = Measurement(well="", treatment=BOTH, context="msc_contact", endpoint="reversal", value=50.0, unit="%", **of)
    other = WellReadings(well="A1", treatment=treatment, context=context, readouts={}, **of)
    assert REVERSAL.rests_on(row, other, conditions) is rests
    unknown = replace(row, treatment="a drug nobody knows")
    assert REVERSAL.rests_on(unknown, replace(other, treatment="a drug nobody knows", context="mono"), conditions)


def test_an_analysis_of_an_optional_endpoint_nobody_measured_is_not_asked(bench):
    b = bench("annexin_apoptosis", arms({("vehicle", "mono"): 5.0, (IMATINIB, "mono"): 43.0}))
    names = [analysis.name for analysis in analyses_with_values(b.assay.protocol, b.table)]
    assert names == ["apoptosis", "apoptosis_points", "specific_apoptosis"]


def test_a_part_larger_than_its_whole_is_refused_in_words(bench):
    b = bench("annexin_apoptosis", [well("A1", counts=cells(120, 100))])
    assert b.of("apoptosis").loc[0, "reason"] == "a part cannot exceed the whole: 120 apoptotic cells of 100 in total"


def test_unknown_endpoints_options_and_criteria_are_all_told_at_once():
    protocol = read_protocol("annexin_apoptosis").model_copy(
        update={
            "endpoints": (
                EndpointSpec(endpoint="apoptosys"),
                EndpointSpec(endpoint="apoptosis", options={"apoptotic": "late", "cuonting": "beads"}),
            ),
            "acceptance": (Criterion(check="vehicle_deth", limit=15),),
        }
    )
    told = [str(fault).removeprefix("protocol annexin_apoptosis, ") for fault in unknown_name_faults(protocol)]
    assert told == [
        "endpoint 1: an endpoint must be a known one; found 'apoptosys'. Try: write 'apoptosis'.",
        "endpoint 2: an option must be a known one; found 'cuonting'. Try: write 'counting'.",
        "endpoint 2: the option apoptotic must be early+late or early; found 'late'.",
        "acceptance 1: a criterion must be a known one; found 'vehicle_deth'. Try: write 'vehicle_death'.",
    ]


@given(treated=st.floats(0, 100), vehicle=st.floats(0, 99))
def test_specific_apoptosis_undoes_to_the_apoptosis_it_came_from(treated, vehicle):
    specific = ENDPOINTS["specific_apoptosis"].function({"apoptosis": treated}, {"apoptosis": vehicle})
    assert vehicle + specific * (100 - vehicle) / 100 == pytest.approx(treated, abs=1e-9)  # rounding of one division


@given(first=st.floats(0, 100), second=st.floats(0, 100))
def test_independent_drugs_show_no_bliss_excess(first, second):
    together = 100 * (1 - (1 - first / 100) * (1 - second / 100))
    excess = ENDPOINTS["bliss_excess"].function({"specific_apoptosis": together}, {"first": first, "second": second})
    assert excess == pytest.approx(0, abs=1e-9)  # rounding of three products

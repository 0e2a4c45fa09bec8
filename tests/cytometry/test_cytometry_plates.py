"""Whole plates: which control serves whom, bad wells beside good ones, gates that cannot be, and real data."""

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from assaykit.cytometry import check_plate, gate_events, gates_for, measure_well, resolve_plate
from assaykit.cytometry.matching import match_control
from assaykit.cytometry.valleys import cut_by_mixture, cut_by_valley
from assaykit.plate.model import Plate, Well
from assaykit.protocol import read_protocol
from assaykit.study.model import Assay
from assaykit.tables import POPULATIONS, READOUTS, frame_from_rows


def control(name, **factors) -> Well:
    return Well(name, "fmo", factors, Path(f"{name}.fcs"))


def test_a_control_of_the_same_treatment_and_context_serves_before_the_context_and_the_plate():
    drug = {"treatment": "imatinib 1 uM", "context": "mono"}
    exact, context = control("A2", **drug), control("B2", treatment="vehicle", context="mono")
    other = control("C2", treatment="vehicle", context="msc_contact")
    well = Well("A1", "sample", drug)
    assert match_control(well, [other, context, exact]).wells == (exact,)
    assert match_control(well, [other, context]).closeness == "context"
    assert match_control(well, [other]).closeness == "plate"


def test_a_control_of_another_cell_line_serves_only_where_there_is_none_of_its_own():
    same, other = (
        control(n, treatment="vehicle", context="mono", line=line) for n, line in (("A2", "K562"), ("B2", "KU812"))
    )
    well = Well("A1", "sample", {"treatment": "imatinib 1 uM", "context": "mono", "line": "K562"})
    assert match_control(well, [other, same]).wells == (same,)


def test_each_treatment_is_measured_against_its_own_fmo_and_threshold(lab, cells):
    glowing = cells(glow=260.0)  # a drug that doubles autofluorescence
    drug = {"treatment": "imatinib 1 uM"}
    wells = [lab.well("A1"), lab.fmo("A2"), lab.well("B1", glowing, **drug), lab.fmo("B2", glowing, **drug)]
    ran = lab.run(wells)
    assert ran.value("B1", "cxcr4_control_median") > 2 * ran.value("A1", "cxcr4_control_median")
    resolved = ran.assay.resolved["plate 1"]
    thresholds = [next(g.value for g in gates_for(resolved, w) if g.name == "positive") for w in wells]
    assert thresholds[0] == thresholds[1]
    assert thresholds[2] == thresholds[3] > 1.5 * thresholds[0]


def test_a_well_without_its_own_fmo_is_served_and_said_so(lab):
    ran = lab.run([lab.well("A1", treatment="imatinib 1 uM"), lab.well("B1", context="msc_contact"), lab.fmo("A2")])
    said = {f.level: f.message for f in ran.findings if f.check == "control_not_matched"}
    assert "A1" in said["note"]
    assert "B1" in said["warn"]


def test_no_fmo_at_all_fails_by_name_and_the_other_numbers_stand(lab):
    ran = lab.run([lab.well("A1")])
    failed = [f.message for f in ran.findings if f.level == "fail"]
    assert any("role fmo" in message for message in failed)
    assert ran.value("A1", "cxcr4_median") > 0


def test_an_isotype_stands_in_for_an_fmo_and_is_named(lab, cells):
    ran = lab.run([lab.well("A1"), lab.well("A2", cells(cxcr4=0.0), role="isotype")])
    assert ("control_substituted", "") in ran.checks("warn")
    assert ran.value("A1", "cxcr4_control_median") > 0


def test_one_bad_file_is_a_finding_and_the_other_wells_are_measured(lab):
    broken = lab.folder / "broken.fcs"
    broken.write_bytes(b"not an FCS file")
    gone = Well("C1", "sample", {"treatment": "vehicle", "context": "mono"}, lab.folder / "gone.fcs")
    ran = lab.run([lab.well("A1"), replace(lab.well("B1"), file=broken), gone, lab.fmo("A2")])
    assert ("file_unreadable", "B1") in ran.checks("fail")
    assert ("file_missing", "C1") in ran.checks("fail")
    assert any("gone.fcs" in f.message for f in ran.findings)
    assert any("broken.fcs" in f.message for f in ran.findings)
    assert {row["well"] for row in ran.rows("readouts")} == {"A1", "A2"}


def test_a_missing_channel_is_named_with_the_nearest(lab, cells, draw_cells):
    values, _ = draw_cells(cells(), 1)
    names = ("FSC-A", "FSC-H", "SSC-A", "PE-H", "BV421-A", "APC-A", "BV786-A", "Time")
    odd = lab.write("odd", values, names=names, keywords={})
    ran = lab.run([lab.well("A1"), replace(lab.well("B1"), file=odd), lab.fmo("A2")])
    message = next(f.message for f in ran.findings if (f.check, f.well) == ("well_unusable", "B1"))
    assert "'PE-A'" in message
    assert "PE-H" in message


def test_the_study_names_channels_by_pns_or_in_another_case(lab):
    assay, plate = lab.assay([lab.well("A1"), lab.fmo("A2")])
    named = replace(assay, channels={"cxcr4": "pe-a"})
    resolved, _ = resolve_plate(named, plate)
    assert resolved.columns["cxcr4"] == "PE-A"


def test_counts_become_readouts_as_they_are():
    well = Well("row 3", factors={"treatment": "vehicle"}, counts={"migrated": 120.0, "input": 4000.0})
    plate = Plate("counts", 1, 1, (well,))
    measured = measure_well(Assay("m", read_protocol("transwell_migration")), plate, well)
    assert [(r["readout"], r["value"]) for r in measured.readouts] == [("migrated", 120.0), ("input", 4000.0)]


def test_rows_follow_the_glossary(lab):
    ran = lab.run([lab.well("A1"), lab.fmo("A2")])
    populations = frame_from_rows(ran.rows("populations"), POPULATIONS)
    assert (populations["events"] > 0).all()
    assert len(frame_from_rows(ran.rows("readouts"), READOUTS)) > 0


def test_a_gating_figure_gets_events_columns_and_masks(lab):
    ran = lab.run([lab.well("A1"), lab.fmo("A2")])
    gated = gate_events(ran.assay, ran.plate, ran.plate.wells[0])
    assert set(gated.masks) >= {"all", "cells", "singlets", "live", "cml", "positive"}
    assert len(gated.columns.column("cxcr4")) == len(gated.events) == gated.masks["cml"].size


@pytest.mark.parametrize("cut", [cut_by_valley, cut_by_mixture])
@pytest.mark.parametrize("minor", [0.02, 0.1, 0.5])
def test_two_populations_are_cut_between_them(cut, minor):
    rng = np.random.default_rng(1)
    n = 8000
    values = np.where(rng.random(n) < minor, 8000.0, 100.0) * np.exp(rng.normal(0, 0.35, n)) + rng.normal(0, 20, n)
    found = cut(values, keep="below", seed=1)
    assert found.sure
    assert 300 < found.low <= found.value <= found.high < 6000


@pytest.mark.parametrize("keep", ["above", "below"])
def test_one_population_has_no_valley_and_keeps_its_cells(keep):
    values = np.random.default_rng(2).normal(500, 60, 8000)
    found = cut_by_valley(values, keep=keep, seed=1)
    assert not found.sure
    assert "one population" in found.doubt
    kept = values >= found.value if keep == "above" else values < found.value
    assert kept.mean() > 0.99


def test_a_shallow_dent_is_no_valley():
    rng = np.random.default_rng(3)
    values = np.concatenate([rng.normal(0, 1, 20000), rng.normal(2.6, 1, 20000)]) * 100 + 1000
    found = cut_by_valley(values, keep="below", seed=1)
    assert not found.sure
    assert "one population" in found.doubt


def test_dead_cells_of_a_killed_control_set_the_viability_gate(lab, cells):
    gates = [
        {"kind": "debris", "name": "cells"},
        {"kind": "viability", "name": "live", "parent": "cells", "method": "dead_control"},
    ]
    readouts = [{"statistic": "percent_of_parent", "population": "live"}]
    wells = [lab.well("A1", cells(dead=0.3, debris=0.0)), lab.well("H1", cells(dead=0.95, debris=0.0), role="dead")]
    ran = lab.run([*wells, lab.fmo("A2", cells(dead=0.02))], gate=gates, readout=readouts)
    assert ran.value("A1", "live_percent_of_parent") == pytest.approx(70, abs=2)  # binomial SE is 0.65


def test_gates_on_channels_a_lab_does_not_have_and_need_not_have_let_every_cell_pass(lab, cells, draw_cells):
    values, _ = draw_cells(cells(), 1)
    names = ("FSC-A", "other", "SSC-A", "PE-A", "violet", "APC-A", "far", "Time")
    bare = [lab.write(n, values, names=names, keywords={}) for n in ("one", "two")]
    wells = [replace(lab.well("A1"), file=bare[0]), replace(lab.fmo("A2"), file=bare[1])]
    ran = lab.run(wells, compensation="none")
    assert {f.message.split(":")[0] for f in ran.findings if f.check == "gate_passed_over"} == {"singlets", "live"}
    counts = {r["population"]: r["events"] for r in ran.rows("populations") if r["well"] == "A1"}
    assert counts["cells"] == counts["singlets"] == counts["live"] > 0


def run_marker(files: dict[str, Path], channel: str, treatment):
    wells = tuple(Well(n, "sample", {"treatment": treatment(n), "context": "mono"}, f) for n, f in files.items())
    plate = Plate("plate", 8, 12, wells)
    assay = Assay("marker", read_protocol("marker_intensity"), (plate,), channels={"marker": channel})
    resolved, findings = resolve_plate(assay, plate)
    assay = replace(assay, resolved={"plate": resolved})
    measured = [measure_well(assay, plate, well) for well in wells]
    readouts = frame_from_rows((row for m in measured for row in m.readouts), READOUTS)
    return readouts, [*findings, *(f for m in measured for f in m.findings), *check_plate(assay, plate, readouts)]


@pytest.mark.corpus
def test_the_attune_plate_runs_through_a_marker_intensity_protocol(corpus):
    folder = corpus / "fcs" / "mccleanlab__flow_cytometry_tools"
    files = {path.stem.rsplit("_", 1)[1]: path for path in sorted(folder.glob("*.fcs"))}
    assert len(files) == 16
    for channel in ("BL2-A", "mScarlet-A"):  # a $PnN and a $PnS
        readouts, findings = run_marker(files, channel, lambda name: f"column {name[1:]}")
        medians = readouts[readouts["readout"] == "marker_median"].set_index("well")["value"]
        assert len(medians) == 16
        assert medians.notna().all()
        assert not [f for f in findings if f.level == "fail"]


def test_the_wells_of_flowcytometrytools_run_through_a_marker_intensity_protocol():
    package = find_spec("FlowCytometryTools")  # only its data are wanted
    assert package is not None
    folder = Path(package.origin).parent / "tests" / "data" / "Plate01"
    files = {path.stem.rsplit("_", 1)[1]: path for path in sorted(folder.glob("*.fcs"))}
    readouts, findings = run_marker(files, "Y2-A", lambda _: "vehicle")
    medians = readouts[readouts["readout"] == "marker_median"].set_index("well")["value"]
    assert set(medians.index) == set(files)
    assert medians[["A3", "A6", "B3"]].min() > medians[["A4", "B4", "A7", "C7"]].max()  # RFP against CFP and YFP
    assert not [f for f in findings if f.level == "fail"]


def test_a_table_of_readouts_without_rows_has_nothing_to_check(lab):
    assay, plate = lab.assay([lab.well("A1")])
    assert check_plate(assay, plate, pd.DataFrame({"plate": [], "well": [], "readout": [], "value": []})) == []


def test_a_control_that_cannot_be_read_serves_nobody_and_the_next_best_does(lab):
    drug = {"treatment": "imatinib 1 uM"}
    lost = Well("B2", "fmo", {**drug, "context": "mono", "marker": "cxcr4"}, lab.folder / "lost.fcs")
    ran = lab.run([lab.well("A1"), lab.fmo("A2"), lab.well("B1", **drug), lost])
    assert ran.value("B1", "cxcr4_control_median") == ran.value("A1", "cxcr4_control_median")
    assert ("control_poor", "") in ran.checks("fail")
    assert ("control_not_matched", "") in ran.checks("note")
    assert ("file_missing", "B2") in ran.checks("fail")


def annexin_protocol(control: str) -> dict:
    positive = {"kind": "control", "parent": "cells", "control": control, "percentile": 99.0}
    return {
        "name": "annexin",
        "title": "Annexin",
        "channels": {"fsc_a": {"names": ["FSC-A"]}, "annexin": {"names": ["PE-A"]}, "pi": {"names": ["APC-A"]}},
        "gate": [
            {"kind": "debris", "name": "cells"},
            {**positive, "name": "annexin_positive", "channel": "annexin"},
            {**positive, "name": "pi_positive", "channel": "pi"},
            {
                "kind": "boolean",
                "name": "early",
                "parent": "cells",
                "operation": "and",
                "of": ["annexin_positive", "not pi_positive"],
            },
        ],
        "readout": [{"statistic": "percent_of_parent", "population": "early"}],
    }


@pytest.mark.parametrize("control", ["single_stain", "reference"])
def test_annexin_quadrants_come_from_single_stains_or_untreated_wells(lab, control):
    rng = np.random.default_rng(5)

    def dying(name, early, late, *, role="sample", stains=("annexin", "pi"), **factors):
        n = 6000
        kind = rng.choice(3, n, p=[1 - early - late, early, late])
        values = np.zeros((n, 8))
        values[:, :3] = 60e3 * np.exp(rng.normal(0, 0.15, (n, 3)))
        annexin = np.where(kind > 0, 6000.0, 60.0) if "annexin" in stains else 60.0
        pi = np.where(kind > 1, 9000.0, 60.0) if "pi" in stains else 60.0
        values[:, 3] = annexin * np.exp(rng.normal(0, 0.35, n)) + rng.normal(0, 15, n)
        values[:, 5] = pi * np.exp(rng.normal(0, 0.35, n)) + rng.normal(0, 15, n)
        values[:, 7] = np.arange(n) / 250
        return Well(name, role, {"context": "mono", **factors}, lab.write(name, values, keywords={}))

    wells = [
        dying("A1", 0.03, 0.02, treatment="vehicle"),
        dying("B1", 0.25, 0.15, treatment="imatinib 1 uM"),
        dying("H1", 0.1, 0.1, role="single_stain", stains=("annexin",), marker="annexin"),
        dying("H2", 0.0, 0.1, role="single_stain", stains=("pi",), marker="pi"),
    ]
    ran = lab.run(wells, annexin_protocol(control), compensation="none")
    # A threshold at the negatives' 99th percentile adds about 1 % of the 60 % negative cells; binomial SE is 0.6.
    assert ran.value("B1", "early_percent_of_parent") == pytest.approx(25 + 0.6, abs=1.8)


@pytest.mark.parametrize("marker", ["cxcr4", "CXCR4", "PE", "PE-A", "FMO-CXCR4", "cxcr4 fmo", ""])
def test_a_layout_may_call_the_stain_an_fmo_lacks_by_any_of_its_names(lab, marker):
    ran = lab.run([lab.well("A1"), lab.fmo("A2", marker=marker)])
    assert ran.value("A1", "cxcr4_control_median") > 0


def test_an_fmo_whose_context_nobody_wrote_down_serves_every_context(lab):
    ran = lab.run([lab.well("A1"), lab.well("B1", context="msc_contact"), lab.fmo("A2", context="")])
    assert ("control_not_matched", "") not in ran.checks("warn", "note")


def test_a_well_of_beads_or_of_nothing_is_counted_and_never_gated(lab, cells, draw_cells):
    odd = lab.write("odd", np.ones((700, 2)), names=("FL1-A", "FL2-A"), keywords={})
    wells = [lab.well("A1"), lab.fmo("A2"), Well("H12", "beads", {}, odd), Well("H11", "blank")]
    ran = lab.run(wells)
    assert {(r["population"], r["events"]) for r in ran.rows("populations") if r["well"] == "H12"} == {("all", 700)}
    assert not [f for f in ran.findings if f.well in {"H11", "H12"}]

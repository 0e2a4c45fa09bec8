"""Which control serves which well, under which name, and how sure its percentile is."""

from dataclasses import replace

import numpy as np
import pytest

from assaykit.cytometry import gates_for
from assaykit.cytometry.channels import role_columns
from assaykit.cytometry.matching import concerns, with_marker_roles
from assaykit.cytometry.percentiles import cut_at_percentile, fewest_cells
from assaykit.errors import Faults, LayoutError, StudyError
from assaykit.fcs import events_from_array
from assaykit.plate import control_faults, controls_named
from assaykit.plate.model import Plate, Well
from assaykit.results import control_quantiles, study_from_toml, study_to_toml
from assaykit.study import read_study
from assaykit.study.model import Reference, Study
from assaykit.study.stains import unknown_markers

P99 = 2.3263478740408408


@pytest.mark.parametrize("n", [100, 200, 500, 2000, 10_000])
def test_the_interval_of_a_99th_percentile_holds_it_in_95_of_100_samples_at_least(n):
    rng = np.random.default_rng(n)
    cuts = [cut_at_percentile(rng.normal(size=n), 99.0) for _ in range(2000)]
    covered = np.mean([cut.low <= P99 < cut.high for cut in cuts])
    # Order statistics are discrete, so 95 % at least: binomial SD of 2,000 runs is 0.5 points, three of them are told.
    assert covered >= 0.95 - 0.015
    assert covered <= 0.99


def test_too_few_cells_leave_the_upper_end_open_and_the_cut_unsure():
    values = np.random.default_rng(1).normal(size=298)
    few, enough = cut_at_percentile(values, 99.0), cut_at_percentile(np.append(values, 9.0), 99.0)
    assert (few.high, few.sure) == (np.inf, False)
    assert (enough.high, enough.sure) == (9.0, True)
    assert "298 control cells; 299 or more" in few.doubt


def test_a_low_percentile_is_the_mirror_image_of_a_high_one():
    values = np.random.default_rng(2).normal(size=400)
    low, high = cut_at_percentile(values, 1.0), cut_at_percentile(-values, 99.0)
    assert (low.low, low.value, low.high) == (-high.high, -high.value, -high.low)
    assert cut_at_percentile(values[:100], 1.0).low == -np.inf


def test_one_order_statistic_wider_would_still_hold_and_one_narrower_would_not():
    # 1,000 cells, P99: Binomial(1000, .99) is at least 997 in 1.9 % and at most 983 in 2.8 %.
    cut = cut_at_percentile(np.arange(1.0, 1001.0), 99.0)
    assert (cut.low, cut.high) == (984.0, 997.0)
    assert fewest_cells(99.0) == 299  # .99**298 = .0501, .99**299 = .0495


def test_a_threshold_with_an_open_end_is_told_is_doubtful_and_reads_back_equal(lab, cells):
    ran = lab.run([lab.well("A1"), lab.fmo("A2", cells(events=350))])
    told = next(f for f in ran.findings if f.check == "control_few")
    assert (told.level, told.channel) == ("warn", "cxcr4")
    assert "upper limit open" in next(f.message for f in ran.findings if f.message.startswith("positive:"))
    study = Study("t", "experiment", Reference(), (ran.assay,))
    again = study_from_toml(study_to_toml(study), control_quantiles(study))
    assert again.assays[0].resolved["plate 1"].gates[-1].high == np.inf


NAMES = ("FSC-A", "FSC-H", "Alexa 488-A", "PE-A", "APC-A", "Time")


def test_a_channel_the_study_gives_to_a_role_is_no_other_roles_by_its_usual_names(lab):
    assay, _ = lab.assay([])
    assay = replace(assay, channels={"cxcr4": "Alexa 488-A", "cd45": "PE-A"})
    events = events_from_array(np.ones((3, 6)), NAMES)
    assert role_columns(assay, events.channels, ["cxcr4", "cd45"]) == {"cxcr4": "Alexa 488-A", "cd45": "PE-A"}
    for marker, serves in (("Alexa 488-A", "cxcr4"), ("PE-A", "cd45"), ("PE", "cd45"), ("CXCR4", "cxcr4")):
        well = Well("H1", "fmo", {"marker": marker})
        assert [role for role in assay.protocol.channels if concerns(assay, well, role)] == [serves]


def test_a_channel_of_the_file_that_has_no_role_is_not_taken_for_a_usual_name(lab, cells, draw_cells):
    values, _ = draw_cells(cells(), 1)
    names = ("FSC-A", "FSC-H", "SSC-A", "PE-A", "BV421-A", "APC-A", "Alexa 488-A", "Time")
    file = lab.write("H1", values, names=names, keywords={})
    fmo = Well("H1", "fmo", {"marker": "PE-A", "context": "mono"}, file)
    assay, plate = lab.assay([fmo])
    assay = replace(assay, channels={"cxcr4": "Alexa 488-A"})
    (marked,) = with_marker_roles(assay, plate).wells
    assert not any(concerns(assay, marked, role) for role in assay.protocol.channels)
    assert unknown_markers([plate], assay.protocol, assay.channels) == []  # a stain of the file, though no role has it


def test_a_control_may_lack_several_stains(lab):
    assay, _ = lab.assay([])
    well = Well("H1", "fmo", {"marker": "CXCR4 + CD45"})
    assert [role for role in assay.protocol.channels if concerns(assay, well, role)] == ["cxcr4", "cd45"]


def test_a_marker_that_is_no_stain_is_told_with_the_role_that_is_meant(lab):
    assay, _ = lab.assay([])
    channels = {"cxcr4": "Alexa 488-A", "cd45": "PE-A"}
    plate = Plate("p", 8, 12, (Well("H1", "fmo", {"marker": "Alexa 488-B"}), Well("H2", "fmo", {"marker": "cxcr5"})))
    first, second = (f.message for f in unknown_markers([plate], assay.protocol, channels))
    assert "write 'cxcr4'" in first
    assert "H2" in second
    assert "write 'cxcr4'" in second


@pytest.mark.parametrize("way", ["study", "file"])
def test_area_and_height_of_one_channel_let_every_cell_pass_and_say_so(lab, way):
    channels = {"fsc_a": "FSC-H"} | ({"fsc_h": "FSC-H"} if way == "file" else {})
    assay, plate = lab.assay([lab.well("A1"), lab.fmo("A2")])
    ran = lab.run_assay(replace(assay, channels=channels), plate)
    counts = {row["population"]: row["events"] for row in ran.rows("populations") if row["well"] == "A1"}
    assert counts["singlets"] == counts["cells"] > 0
    assert any("singlets cannot be told" in f.message for f in ran.findings if f.check == "gate_passed_over")


def test_a_ratio_that_most_cells_share_keeps_them_and_drops_the_doublets(lab, cells, draw_cells):
    values, _ = draw_cells(cells(events=4000), 3)
    values[:, 1] = values[:, 0]
    values[:200, 0] *= 2.0
    well = Well("A1", "sample", {"treatment": "vehicle", "context": "mono"}, lab.write("A1", values))
    ran = lab.run([well], gate=[{"kind": "singlets", "name": "singlets"}], readout=[])
    assert {row["population"]: row["events"] for row in ran.rows("populations")} == {"all": 4000, "singlets": 3800}


def test_two_roles_of_one_channel_fail_by_name(lab):
    assay, plate = lab.assay([lab.well("A1"), lab.fmo("A2")])
    ran = lab.run_assay(replace(assay, channels={"cxcr4": "PE-A", "cd45": "pe-a"}), plate)
    told = next(f.message for f in ran.findings if f.check == "channel_shared")
    assert "PE-A" in told
    assert "cxcr4, cd45" in told


# Which control the layout names


def test_a_layout_says_by_well_or_by_label_which_control_serves():
    wells = (
        Well("A1", factors={"control": "h01"}),
        Well("A2", factors={"control": "Donor 7"}),
        Well("A3"),
        Well("H1", "isotype"),
        Well("H2", "fmo", {"control": "donor 7"}),
        Well("H3", "unstained", {"control": "donor 7; other"}),
    )
    plate = Plate("p", 8, 12, wells)
    assert [[w.name for w in controls_named(plate, well)] for well in wells[:3]] == [["H1"], ["H2", "H3"], []]
    assert control_faults(plate) == []


def test_a_control_that_is_none_is_a_fault_with_its_place_and_what_is_near():
    wells = (
        Well("A1", factors={"control": "iso 3"}, places={"control": "layout.csv:D2"}),
        Well("A2", factors={"control": "iso 3"}, places={"control": "layout.csv:D3"}),
        Well("A3", factors={"control": "A1"}, places={"control": "layout.csv:D4"}),
        Well("H1", "isotype", {"control": "iso 2"}),
    )
    first, second = control_faults(Plate("p", 8, 12, wells))
    assert isinstance(first, LayoutError)
    assert str(first).startswith("layout.csv:D2 and 1 more: ")
    assert "write 'iso 2'" in str(first)
    assert "A1, a well of the role sample" in str(second)


@pytest.mark.parametrize("per", ["plate", "treatment"])
def test_percent_positive_is_read_against_the_control_the_layout_names(lab, cells, surface, per):
    dim, bright = cells(cxcr4=0.0, glow=110.0), cells(cxcr4=0.0, glow=400.0)
    wells = [
        lab.well("A1", replace(dim, cxcr4=3000.0), control="one"),
        lab.well("A2", replace(bright, cxcr4=3000.0), control="two"),
        lab.well("A3", replace(bright, cxcr4=0.0), control="H2"),
        lab.well("H1", dim, role="isotype", control="one"),
        lab.well("H2", bright, role="isotype", control="two"),
    ]
    gates = [{**gate, "per": per} if gate["kind"] == "fmo" else gate for gate in surface["gate"]]
    ran = lab.run(wells, gate=gates)
    assert ran.value("A2", "cxcr4_control_median") > 2 * ran.value("A1", "cxcr4_control_median")
    assert ran.value("A3", "cxcr4_percent_positive") < 3  # against the control of the other label it is 90 % and more
    resolved = ran.assay.resolved["plate 1"]
    assert {name: control for name, control in resolved.serves["cxcr4"].items() if name.startswith("A")} == {
        "A1": "cxcr4: H1",
        "A2": "cxcr4: H2",
        "A3": "cxcr4: H2",
    }
    thresholds = {w.name: next(g.value for g in gates_for(resolved, w) if g.name == "positive") for w in wells}
    assert thresholds["A2"] == thresholds["A3"] > 1.5 * thresholds["A1"]


def test_controls_that_others_name_do_not_serve_the_rest_where_there_are_free_ones(lab, cells):
    wells = [
        lab.well("A1", control="H1"),
        lab.well("A2"),
        lab.fmo("H1", cells(glow=400.0)),
        lab.fmo("H2", cells(glow=110.0)),
    ]
    serves = lab.run(wells).assay.resolved["plate 1"].serves["cxcr4"]
    assert (serves["A1"], serves["A2"]) == ("cxcr4: H1", "cxcr4: H2")


def test_an_unstained_well_without_the_gating_dyes_serves_with_the_cells_above(lab, cells, draw_cells):
    values, _ = draw_cells(cells(cxcr4=0.0), 5)
    values[:, 5] = np.random.default_rng(1).normal(110.0, 30.0, len(values))  # no CD45
    bare = Well("A2", "unstained", {"treatment": "vehicle", "context": "mono"}, lab.write("A2", values))
    stained = [lab.well(n, cells(msc=0.2)) for n in ("A1", "B1")]
    ran = lab.run([*stained, bare])
    told = next(f for f in ran.findings if f.check == "control_ancestor")
    assert (told.level, told.population) == ("note", "cml")
    assert "their cells of live serve" in told.message
    assert ran.value("A1", "cxcr4_control_median") == pytest.approx(110, abs=40)
    assert ran.value("A1", "cxcr4_percent_positive") > 80


def test_marked_controls_that_hold_nothing_are_not_asked_to_be_marked(lab, cells):
    ran = lab.run([lab.well("A1"), lab.fmo("A2", cells(events=90))])
    told = next(f.message for f in ran.findings if f.check == "no_control")
    assert "A2 hold too few cells" in told
    assert "Mark the control wells" not in told


STUDY = """assaykit = 1
title = "t"
unit = "experiment"
[[assay]]
protocol = "cxcr4_surface"
plates = ["layout.csv"]
fcs = "fcs"
channels = { cxcr4 = "PE-A", cd45 = "pe-a" }
"""


def test_a_study_that_gives_a_channel_twice_or_names_no_control_is_refused(tmp_path):
    (tmp_path / "study.toml").write_text(STUDY)
    (tmp_path / "fcs").mkdir()
    (tmp_path / "fcs" / "A1.fcs").write_bytes(b"")
    (tmp_path / "layout.csv").write_text("well,experiment,treatment,control\nA1,e1,vehicle,07\n")
    with pytest.raises(Faults) as raised:
        read_study(tmp_path / "study.toml")
    told = {type(fault): str(fault) for fault in raised.value.errors}
    assert "a channel must have one role; found 'PE-A' for cxcr4 and cd45" in told[StudyError]
    assert "'07'" in told[LayoutError]

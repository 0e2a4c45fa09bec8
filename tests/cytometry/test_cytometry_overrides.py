"""Gates, channels and wells set by hand on wells of known cells: what is measured, and what a reader is told."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from assaykit.cytometry import exclusion_findings, measure_well, resolve_plate
from assaykit.study.document import study_from_document
from assaykit.study.overrides import OverrideLine, with_overrides

STUDY = {"assaykit": 1, "title": "", "unit": "experiment", "assay": [{"protocol": "x"}]}


def with_lines(assay, *lines: dict):
    file, faults = study_from_document({**STUDY, "override": [{"reason": "see figure", **one} for one in lines]}, "s")
    assert faults == []
    written = [OverrideLine(entry, f"study.toml, [[override]] {n}") for n, entry in enumerate(file.override, 1)]
    (made,), faults = with_overrides([(assay.name, assay)], written, canonical=str)
    assert faults == []
    return made


class Bench:
    """The plate resolved and measured with lines set by hand."""

    def __init__(self, lab, wells, *lines: dict, **changes):
        assay, self.plate = lab.assay(wells, **changes)
        assay = with_lines(assay, *lines)
        self.resolved, self.findings = resolve_plate(assay, self.plate)
        self.assay = replace(assay, resolved={self.plate.name: self.resolved})

    def count(self, well: str, population: str) -> int:
        made = measure_well(self.assay, self.plate, next(one for one in self.plate.wells if one.name == well))
        return next(row["events"] for row in made.populations if row["population"] == population)

    def value(self, well: str, readout: str) -> float:
        made = measure_well(self.assay, self.plate, next(one for one in self.plate.wells if one.name == well))
        return next(row["value"] for row in made.readouts if row["readout"] == readout)

    def said(self, check: str) -> list[str]:
        return [finding.message for finding in self.findings if finding.check == check]

    def gate(self, name: str):
        return next(gate for gate in self.resolved.gates if gate.name == name)


@pytest.fixture
def wells(lab):
    return [lab.well("A1"), lab.well("A2", treatment="imatinib 1 uM"), lab.fmo("A3"), lab.fmo("A4")]


def test_a_value_holds_on_the_plate_and_the_estimate_stands_beside_it(lab, wells):
    before = Bench(lab, wells)
    after = Bench(lab, wells, {"gate": "live", "value": 200.0})
    assert after.gate("live").value == 200.0
    assert (after.gate("live").low, after.gate("live").high) == (None, None)  # not estimated: no interval to vary
    assert after.resolved.estimated == (before.gate("live"),)
    assert after.count("A1", "live") < before.count("A1", "live")
    (said,) = after.said("set_by_hand")
    assert f"by hand (estimated: viability below {before.gate('live').value:.5g}): see figure" in said
    assert not [text for text in after.said("threshold") if text.startswith("live:")]


def test_a_value_for_one_well_leaves_the_others(lab, wells):
    before = Bench(lab, wells)
    after = Bench(lab, wells, {"gate": "live", "value": 200.0, "well": "A2"})
    assert after.count("A1", "live") == before.count("A1", "live")
    assert after.count("A2", "live") < before.count("A2", "live")
    assert after.resolved.estimated == ()
    assert [finding.well for finding in after.findings if finding.check == "set_by_hand"] == ["A2"]


def test_a_hand_set_well_does_not_lend_its_gate_to_those_its_control_serves(lab, wells):
    wells = [*wells, lab.well("A5")]  # the last that the control serves
    before = Bench(lab, wells)
    after = Bench(lab, wells, {"gate": "positive", "value": 1e5, "well": "A5"})
    assert after.count("A5", "positive") == 0
    for other in ("A1", "A2", "A3", "A4"):
        assert after.count(other, "positive") == before.count(other, "positive") > 0


def test_a_polygon_reads_a_channel_the_protocol_does_not_know(lab, wells):
    corners = [[40e3, 0], [200e3, 0], [200e3, 100e3], [40e3, 100e3]]
    after = Bench(lab, wells, {"gate": "cells", "polygon": corners, "x": "fsc_a", "y": "SSC-A"})
    squares = Bench(lab, wells, {"gate": "cells", "shape": {"kind": "rectangle", "bounds": {"fsc_a": [40e3, 200e3]}}})
    assert after.count("A1", "cells") == squares.count("A1", "cells") > 2000


def test_a_polygon_on_a_channel_no_file_has_is_a_failed_gate_and_no_crash(lab, wells):
    line = {"gate": "cells", "polygon": [[0, 0], [1, 0], [1, 1]], "x": "fsc_a", "y": "SSC-X"}
    (said,) = Bench(lab, wells, line).said("gate")
    assert "a gate set by hand must read channels of the files; found SSC-X" in said
    assert "study.toml, [[override]] 1" in said


def test_another_method_estimates_again_and_keeps_what_it_found(lab, wells):
    after = Bench(lab, wells, {"gate": "cells", "method": "mixture"})
    assert after.gate("cells").value != Bench(lab, wells).gate("cells").value
    assert any(text.startswith("cells:") for text in after.said("threshold") + after.said("ambiguous_valley"))


def test_a_gate_set_by_hand_needs_no_estimate(lab, cells):
    """Without any control the FMO gate fails; set by hand it serves, and the failure is said in the note only."""
    alone = [lab.well("A1")]
    assert any("gate positive" in text for text in Bench(lab, alone).said("gate"))
    after = Bench(lab, alone, {"gate": "positive", "value": 300.0})
    assert after.said("gate") == []
    assert "no estimate could be made" in after.said("set_by_hand")[0]
    assert after.value("A1", "cxcr4_percent_positive") > 80


@pytest.mark.parametrize(("share", "stale"), [(1.0, False), (1.005, False), (1.02, True)])
def test_a_line_is_stale_once_the_estimate_moved_by_more_than_one_percent(lab, wells, share, stale):
    value = Bench(lab, wells).gate("live").value
    after = Bench(lab, wells, {"gate": "live", "value": 200.0, "from": value * share})
    assert bool(after.said("override_stale")) == stale


def test_a_line_remembers_the_method_it_replaced(lab, wells):
    line = {"gate": "cells", "method": "mixture"}
    assert Bench(lab, wells, {**line, "from": "valley"}).said("override_stale") == []
    assert len(Bench(lab, wells, {**line, "from": "otsu"}).said("override_stale")) == 1


def test_another_file_than_the_one_looked_at_is_said(lab, wells):
    digest = hashlib.sha256(wells[0].file.read_bytes()).hexdigest()
    line = {"gate": "live", "value": 200.0, "plate": "plate 1", "well": "A1"}
    assert Bench(lab, wells, {**line, "sha256": digest.upper()}).said("override_stale") == []
    (said,) = Bench(lab, wells, {**line, "sha256": "00"}).said("override_stale")
    assert said.startswith("A1.fcs is not the file that was set by hand")


def test_channels_of_a_plate_are_read_by_hand(lab, wells):
    after = Bench(lab, wells, {"channels": {"cxcr4": "APC-A"}, "plate": "plate 1"})
    assert after.resolved.columns["cxcr4"] == "APC-A"
    assert after.value("A1", "cxcr4_median") > 5 * Bench(lab, wells).value("A1", "cxcr4_median")
    assert after.said("set_by_hand") == ["channels on this plate, by hand: cxcr4 is APC-A: see figure"]


def test_a_control_left_out_serves_no_well(lab, wells, cells):
    bright = [*wells[:3], lab.well("A4", cells(cxcr4=3000.0), role="fmo", marker="cxcr4")]
    with_it, without = Bench(lab, bright), Bench(lab, bright, {"well": "A4", "exclude": True})
    assert {well for control in without.resolved.controls.values() for well in control.wells} == {"A3"}
    assert without.gate("positive").value < with_it.gate("positive").value / 5
    assert [(f.check, f.well) for f in exclusion_findings(without.assay)] == [("control_excluded_by_hand", "A4")]


def test_a_sample_left_out_is_measured_and_serves_no_estimate(lab, wells, cells):
    """A plate without controls pools its samples: the odd one moves the gate unless it is left out."""
    samples = [lab.well("A1"), lab.well("A2"), lab.well("A3", cells(events=20_000, debris=0.9))]
    with_it, without = Bench(lab, samples), Bench(lab, samples, {"well": "A3", "exclude": True})
    assert without.gate("cells").value == Bench(lab, samples[:2]).gate("cells").value != with_it.gate("cells").value
    assert without.count("A3", "cells") > 0
    assert [(f.check, f.level, f.well) for f in exclusion_findings(without.assay)] == [
        ("excluded_by_hand", "note", "A3")
    ]


def test_a_plate_left_out_is_one_note(lab, wells):
    (one,) = exclusion_findings(Bench(lab, wells, {"exclude": True, "plate": "plate 1"}).assay)
    assert (one.plate, one.well) == ("plate 1", "")

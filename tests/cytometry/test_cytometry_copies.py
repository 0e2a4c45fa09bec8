"""The same events in two places: a sample counted twice is a failure, a control that serves two plates is not."""

from __future__ import annotations

import shutil

import pytest

from assaykit.cytometry import copy_findings
from assaykit.plate.model import Plate, Well
from assaykit.protocol.model import Protocol
from assaykit.study.model import Assay


@pytest.mark.parametrize(
    ("role", "level", "check"),
    [
        ("sample", "fail", "copied_data"),
        ("fmo", "warn", "control_shared"),
        ("unstained", "warn", "control_shared"),
        ("beads", "note", "control_shared"),
    ],
)
def test_a_file_that_stands_on_two_plates_is_judged_by_its_role(lab, surface, role, level, check):
    first = lab.well("A1", role=role)
    shutil.copy(first.file, lab.folder / "copy.fcs")
    again = Well("A1", role, first.factors, lab.folder / "copy.fcs")
    plates = (Plate("E1", 8, 12, (first,)), Plate("E2", 8, 12, (again,)))
    found = copy_findings(Assay("surface", Protocol.model_validate(surface), plates))
    assert [(one.finding.level, one.finding.check) for one in found] == [(level, check)]
    assert [one.places for one in found] == [(("E2", "A1"),)]

"""The Levey-Jennings chart: what is the same on every plate, and the plate on which it is not."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from assaykit.cytometry.control_chart import beyond_limits, control_points, levey_jennings_findings
from assaykit.figures.levey_jennings import levey_jennings
from assaykit.figures.styles import STYLES
from assaykit.study.model import BeadLine, Reference, ResolvedPlate

LEVELS = [510.0, 560.0, 480.0, 530.0, 620.0, 500.0, 2900.0, 540.0]


def points(levels=LEVELS, material="reference"):
    rows = [("surface", f"plate {i}", "cxcr4", material, level) for i, level in enumerate(levels, 1)]
    return pd.DataFrame(rows, columns=["assay", "plate", "channel", "material", "intensity"])


def test_a_plate_far_from_the_others_is_named_with_its_fold():
    (found,) = levey_jennings_findings(points())
    assert (found.level, found.check, found.plate, found.channel) == ("warn", "levey_jennings", "plate 7", "cxcr4")
    others = np.exp(np.mean(np.log([level for level in LEVELS if level != 2900])))
    assert f"{2900 / others:.2g} times that of the other 7 plates" in found.message
    assert levey_jennings_findings(points([level for level in LEVELS if level != 2900])) == []


def test_four_plates_cannot_say_which_is_odd():
    assert levey_jennings_findings(points([500.0, 510.0, 505.0, 50_000.0])) == []


@pytest.mark.parametrize("plates", [5, 8, 20])
def test_a_chart_of_steady_plates_names_one_as_often_as_a_normal_lies_beyond_3_sd(plates):
    rng = np.random.default_rng(plates)
    named = np.mean([beyond_limits(rng.normal(9, 0.3, plates)).any() for _ in range(20_000)])
    assert named == pytest.approx(2 * stats.norm.sf(3), abs=0.0011)  # 3 SE of .0027 in 20,000


def test_points_that_do_not_vary_are_no_plates_apart():
    assert not beyond_limits(np.full(6, 9.0)).any()


def test_points_are_the_reference_wells_and_the_brightest_bead_peak(lab):
    wells = [lab.well("A1"), lab.well("A2"), lab.well("B1", treatment="imatinib 1 uM"), lab.fmo("C1")]
    assay, plate = lab.assay(wells)
    line = BeadLine("cxcr4", 1.0, 0.0, 0.0, 3.0, 1.0, ((100.0, 1e3), (9_000.0, 9e4)))
    assay = replace(assay, resolved={plate.name: ResolvedPlate(bead_lines={"cxcr4": line})})
    values = {"A1": 200.0, "A2": 800.0, "B1": 5_000.0, "C1": 9.0}
    rows = [{"plate": plate.name, "well": w, "readout": "cxcr4_median", "value": v} for w, v in values.items()]
    rows.append({"plate": plate.name, "well": "A1", "readout": "cml_count", "value": 4_000.0})
    found = control_points(assay, pd.DataFrame(rows), Reference("vehicle", "mono"))
    told = {row["material"]: (row["channel"], row["intensity"]) for row in found.to_dict("records")}
    assert told == {"beads": ("cxcr4", 9_000.0), "reference": ("cxcr4", pytest.approx(400.0))}


def test_the_chart_marks_the_odd_plate_and_draws_its_limits_without_it():
    figure = levey_jennings(pd.concat([points(), points(LEVELS[:6], "beads")]), style=STYLES["nature"])
    first, _ = figure.axes
    marks = {line.get_marker(): line.get_ydata() for line in first.lines if line.get_marker() in "o^"}
    assert list(marks["^"]) == [2900.0]
    top = max(line.get_ydata()[0] for line in first.lines if line.get_linestyle() == ":")
    assert top < 2900
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["Reference wells", "Brightest bead peak"]

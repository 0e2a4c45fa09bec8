"""A file that holds nonsense costs its own well: a fail finding that says so, and every other well as it was."""

from __future__ import annotations

import errno

import numpy as np
import pytest

from assaykit.cytometry import measure
from assaykit.cytometry.compensation import check_spillover
from assaykit.errors import CompensationError
from assaykit.study.model import Spillover

IDENTITY = "4,PE-A,BV421-A,APC-A,BV786-A"


@pytest.mark.parametrize("number", ["nan", "inf", "-inf", "1e999"])
def test_a_spillover_that_is_no_number_fails_its_well_alone(lab, cells, draw_cells, number):
    well = lab.well("A1", cells())
    values, _ = draw_cells(cells(), 5)
    text = ",".join(["4", *_dyes(well), *(number if i == 5 else f"{v:g}" for i, v in enumerate(np.eye(4).ravel()))])
    bad = lab.write("A2", values, keywords={"$SPILLOVER": text, "$WELLID": "A2"})
    wells = [well, type(well)("A2", "sample", dict(well.factors), bad), lab.fmo("H1", cells())]
    ran = lab.run(wells)
    (finding,) = [f for f in ran.findings if f.level == "fail" and f.well == "A2"]
    assert finding.check == "well_unusable"
    assert "a spillover matrix must hold numbers throughout" in finding.message
    assert "A2.fcs" in finding.message
    assert ran.value("A1", "cxcr4_median") == lab.run([wells[0], wells[2]]).value("A1", "cxcr4_median")


def _dyes(well):
    from assaykit.fcs import read_fcs_header

    return read_fcs_header(well.file).keywords["$SPILLOVER"].split(",")[1:5]


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (OverflowError("Python integer 300 out of bounds for uint8"), "out of bounds"),
        (MemoryError(), "more than the memory holds"),
        (np.linalg.LinAlgError("SVD did not converge"), "svd did not converge"),
        (OSError(errno.EIO, "Input/output error"), "input/output error"),
        (ZeroDivisionError("division by zero"), "division by zero"),
    ],
)
def test_what_a_file_makes_the_arithmetic_raise_is_a_finding_of_its_well(lab, cells, monkeypatch, raised, said):
    assay, plate = lab.assay([lab.well("A1", cells())])

    def failing(*_):
        raise raised

    monkeypatch.setattr(measure, "gate_events", failing)
    (finding,) = measure.measure_well(assay, plate, plate.wells[0]).findings
    assert (finding.level, finding.check, finding.well) == ("fail", "file_unreadable", "A1")
    assert said in finding.message
    assert "export the file again" in finding.message


def test_an_error_of_our_own_is_not_swallowed(lab, cells, monkeypatch):
    assay, plate = lab.assay([lab.well("A1", cells())])

    def failing(*_):
        raise AttributeError("a slip in the code")

    monkeypatch.setattr(measure, "gate_events", failing)
    with pytest.raises(AttributeError):
        measure.measure_well(assay, plate, plate.wells[0])


@pytest.mark.parametrize("matrix", [(), ((1.0,), (0.0, 1.0)), ((1.0, 0.0),), ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))])
def test_a_matrix_of_uneven_rows_is_refused(matrix):
    with pytest.raises(CompensationError, match="a row per dye and 2 numbers in each"):
        check_spillover(Spillover(("a", "b"), matrix))

"""Spillover from keywords and CSV, and every matrix that must be refused with its channels named."""

from dataclasses import replace

import numpy as np
import pytest

from assaykit.cytometry.compensation import check_spillover, compensate, read_spillover, spillover_from_keywords
from assaykit.cytometry.importing import spillover_csv
from assaykit.errors import CompensationError
from assaykit.fcs import Keywords, events_from_array
from assaykit.study.model import Spillover

CHANNELS = events_from_array(np.ones((1, 3)), ("FITC-A", "PE-A", "Time"), stains=("annexin", "CXCR4", "")).channels


@pytest.mark.parametrize("keyword", ["$SPILLOVER", "SPILL", "spill", "$COMP"])
def test_a_matrix_is_read_from_every_keyword_programs_write(keyword):
    spillover = spillover_from_keywords(Keywords({keyword: "2,FITC-A,PE-A,1,0.2,0.1,1"}), CHANNELS)
    assert spillover.detectors == ("FITC-A", "PE-A")
    assert spillover.matrix == ((1.0, 0.2), (0.1, 1.0))


def test_channels_of_a_matrix_may_be_named_by_stain_or_number():
    for names in ("annexin,CXCR4", "1,2"):
        assert spillover_from_keywords({"SPILL": f"2,{names},1,0,0,1"}, CHANNELS).detectors == ("FITC-A", "PE-A")


def test_no_keyword_is_no_matrix():
    assert spillover_from_keywords({"$TOT": "1"}, CHANNELS) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2,FITC-A,PE-A,1,0.2,0.1", "n x n numbers"),
        ("2,FITC-A,APC-A,1,0.1,0,1", "APC-A"),
        ("2,PE-A,PE-A,1,0,0,1", "each channel once"),
        ("2,FITC-A,PE-A,0.1,1,1,0.2", "swapped"),
        ("2,FITC-A,PE-A,1,1,1,1.0000001", "nearly alike"),
        ("two,FITC-A,PE-A", "count n"),
    ],
)
def test_a_matrix_that_does_not_fit_is_refused_naming_the_channels(text, said):
    with pytest.raises(CompensationError, match=said):
        spillover_from_keywords({"SPILL": text}, CHANNELS)


def test_spillover_above_one_is_real_on_some_instruments():
    assert spillover_from_keywords({"SPILL": "2,FITC-A,PE-A,1,1.1,0.1,1"}, CHANNELS).matrix[0][1] == 1.1


def test_a_csv_with_named_rows_in_another_order_is_set_straight(tmp_path):
    path = tmp_path / "matrix.csv"
    path.write_text(",FITC-A :: annexin,PE-A\nPE-A,0.1,1\nFITC-A,1,0.2\n")
    assert read_spillover(path).matrix == ((1.0, 0.2), (0.1, 1.0))


def test_a_csv_without_row_names_stands_in_the_headers_order(tmp_path):
    path = tmp_path / "matrix.csv"
    path.write_text("FITC-A,PE-A\n1,0.2\n0.1,1\n")
    assert read_spillover(path, CHANNELS).matrix == ((1.0, 0.2), (0.1, 1.0))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("FITC-A,PE-A\n0.1,1\n1,0.2\n", "swapped"),
        (",FITC-A,PE-A\nFITC-A,1,0.2\nAPC-A,0.1,1\n", "APC-A"),
        ("FITC-A,PE-A\n1,a\n0.1,1\n", "one row of numbers"),
        ("", "header of channels"),
        ("FITC-A,PE-A\n1,0.2\n", "square"),
    ],
)
def test_a_csv_that_is_no_matrix_is_refused(tmp_path, text, said):
    path = tmp_path / "matrix.csv"
    path.write_text(text)
    with pytest.raises(CompensationError, match=said):
        read_spillover(path)


def test_a_missing_csv_is_an_error_that_names_it(tmp_path):
    with pytest.raises(CompensationError, match=r"nowhere\.csv"):
        read_spillover(tmp_path / "nowhere.csv")


def test_a_matrix_written_as_csv_reads_back_equal(tmp_path):
    spillover = check_spillover(Spillover(("FITC-A", "PE-A"), ((1.0, 1 / 3), (0.1, 1.0))))
    path = tmp_path / "again.csv"
    path.write_text(spillover_csv(spillover))
    assert read_spillover(path).matrix == spillover.matrix


def test_more_detectors_than_dyes_are_unmixed_by_least_squares():
    spectra = Spillover(("D1", "D2", "D3"), ((1.0, 0.5, 0.1), (0.1, 0.4, 1.0)), dyes=("A", "B"))
    amounts = np.array([[100.0, 20.0], [0.0, 50.0]])
    assert compensate(amounts @ np.array(spectra.matrix), spectra) == pytest.approx(amounts)


def test_undeclared_uncompensated_use_is_a_doubt_with_a_remedy_and_declared_use_is_none(lab, cells, draw_cells):
    values, _ = draw_cells(cells(), 1)
    bare = lab.write("bare", values, keywords={})
    wells = [replace(lab.well("A1"), file=bare), replace(lab.fmo("A2"), file=lab.write("bare2", values, keywords={}))]
    ran = lab.run(wells)
    assert ("uncompensated", "") in ran.checks("warn")
    assert 'compensation = "none" below the [[assay]]' in next(
        f.message for f in ran.findings if f.check == "uncompensated"
    )
    assert ("uncompensated", "") not in lab.run(wells, compensation="none").checks()


@pytest.mark.parametrize(("leak", "level"), [(0.0, "note"), (0.05, "warn")])
def test_where_a_control_shows_that_nothing_spills_a_missing_matrix_is_a_note(lab, leak, level):
    """Case protos/no_spillover_rc1: every well failed, though the numbers were right."""
    rng = np.random.default_rng(5)
    names = ("FSC-A", "FSC-H", "SSC-A", "PE-A", "BV421-A", "APC-A", "BV786-A", "Time")

    def written(name, cxcr4):
        dyes = rng.lognormal(4.5, 0.3, (4000, 4))  # light of their own, about 90
        for column in (1, 2, 3):
            dyes[rng.random(4000) < 0.4, column] += 8000
        dyes[:, 0] += cxcr4 + leak * dyes[:, 1:].sum(axis=1)
        scatter = rng.normal(60_000, 4_000, (4000, 1))
        values = np.hstack([scatter, 0.8 * scatter, 0.5 * scatter, dyes, np.arange(4000.0)[:, None]])
        return lab.write(name, values, names=names, keywords={})

    wells = [replace(lab.well("A1"), file=written("a", 800)), replace(lab.fmo("A2"), file=written("b", 0))]
    assert ("uncompensated", "") in lab.run(wells).checks(level)


def test_a_protocol_may_name_a_csv_beside_the_layout(lab, spill_matrix):
    wells = [lab.well("A1"), lab.fmo("A2")]
    names = ("PE-A", "BV421-A", "APC-A", "BV786-A")
    rows = tuple(tuple(row) for row in spill_matrix.tolist())
    (lab.folder / "matrix.csv").write_text(spillover_csv(Spillover(names, rows)))
    named, own = lab.run(wells, compensation="matrix.csv"), lab.run(wells)
    assert named.value("A1", "cxcr4_median") == pytest.approx(own.value("A1", "cxcr4_median"))
    missing = lab.run(wells, compensation="absent.csv")
    assert ("compensation", "") in missing.checks("fail")
    assert missing.rows("readouts") == []

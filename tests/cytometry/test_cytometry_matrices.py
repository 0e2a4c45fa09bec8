"""Every form in which a spillover matrix is written, read right or refused in true words."""

import numpy as np
import pytest

from assaykit.cytometry.compensation import (
    compensate,
    inverse,
    read_spillover,
    reading_findings,
    spillover_from_keywords,
)
from assaykit.errors import CompensationError
from assaykit.fcs import events_from_array, read_fcs_header
from assaykit.study.model import Spillover

CHANNELS = events_from_array(np.ones((1, 5)), ("FSC-A", "FITC-A", "PE-A", "APC-A", "Time")).channels
RIGHT = ((1.0, 0.1), (0.02, 1.0))
GATING_ML = """<?xml version="1.0" encoding="UTF-8"?>
<gating:gatingML xmlns:gating="g" xmlns:transforms="t" xmlns:data-type="d">
  <transforms:spilloverMatrix prefix="Comp-" name="m">
    <data-type:parameters><data-type:parameter data-type:name="PE-A"/></data-type:parameters>
    <transforms:spillover data-type:parameter="PE-A">
      <transforms:coefficient data-type:parameter="PE-A" transforms:value="1"/>
      <transforms:coefficient data-type:parameter="APC-A" transforms:value="0.1"/>
    </transforms:spillover>
    <transforms:spillover data-type:parameter="APC-A">
      <transforms:coefficient data-type:parameter="PE-A" transforms:value="0.02"/>
      <transforms:coefficient data-type:parameter="APC-A" transforms:value="1"/>
    </transforms:spillover>
  </transforms:spilloverMatrix>
</gating:gatingML>
"""
OLD_XML = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE CompensationMatrix>
<CompensationMatrix name="m.mtx" prefix="Comp-" suffix="">
<Channel name="PE-A"><ChannelValue name="PE-A" value="1.0"/><ChannelValue name="APC-A" value="0.1"/></Channel>
<Channel name="APC-A"><ChannelValue name="PE-A" value="0.02"/><ChannelValue name="APC-A" value="1.0"/></Channel>
</CompensationMatrix>
"""


@pytest.mark.parametrize(
    "text",
    [
        ",PE-A,APC-A\nPE-A,1,.1\nAPC-A,.02,1\n",
        "PE-A,APC-A\n1,.1\n.02,1\n",
        ";PE-A;APC-A\nPE-A;1;0,1\nAPC-A;0,02;1\n",
        "\tPE-A\tAPC-A\nPE-A\t1\t0.1\nAPC-A\t0.02\t1\n",
        ",Comp-PE-A :: X,Comp-APC-A :: Y\nPE-A :: X,1,.1\nAPC-A :: Y,.02,1\n",
        ",PE-A::X,APC-A::Y\nAPC-A::Y,.02,1\nPE-A::X,1,.1\n",
        "sep=;\n;PE-A;APC-A\nPE-A;1;0,1\nAPC-A;0,02;1\n",
        "my matrix\n<\t>\nPE-A\tAPC-A\n1\t0.1\n0.02\t1\n",
        ",PE-A,APC-A,\nPE-A,1,.1,\nAPC-A,.02,1,\n,,,\n",
        ",PE-A,APC-A\nPE-A,100,10\nAPC-A,2,100\n",
        GATING_ML,
        OLD_XML,
    ],
    ids=[
        "named",
        "unnamed",
        "european",
        "tab",
        "flowjo",
        "rows turned",
        "sep",
        "old mtx",
        "blanks",
        "percent",
        "mtx",
        "xml",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_matrix_is_read_from_every_form_programs_write(tmp_path, text, encoding):
    if encoding == "utf-16" and text.startswith("<?xml"):
        text = text.replace("UTF-8", "UTF-16").replace("<!DOCTYPE CompensationMatrix>\n", "")
    path = tmp_path / "matrix.mtx"
    path.write_text(text, encoding=encoding)
    spillover = read_spillover(path)
    assert spillover.detectors == ("PE-A", "APC-A")
    assert np.asarray(spillover.matrix) == pytest.approx(np.asarray(RIGHT))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("PE-A,APC-A\n1000,100\n20,1000\n", "diagonal of a spillover matrix must be 1, or 100.*1000 for PE-A"),
        ("PE-A,APC-A\n1,.1\n.02,.7\n", "0.7 for APC-A"),
        ("PE-A,APC-A\n1,10\n2,1\n", "a share of its own detector.*10 from PE-A into APC-A"),
        ("PE-A,APC-A\n1.002,-0.1002\n-0.02,1.002\n", "compensation matrix, which is its inverse"),
        ("PE-A,APC-A\n1,-0.1\n0,1\n", "compensation matrix, which is its inverse"),
        ("PE-A,APC-A\n1.00200,-0.1\n-0.02,1.002\n", "invert this one first"),
        ("PE-A,APC-A\n100.2,-10.02\n-2,100.2\n", "inverse"),
        ("PE-A,APC-A\n1,inf\n0,1\n", "numbers throughout"),
        ("PE-A,APC-A\n.1,1\n1,.1\n", "swapped"),
        ("PE-A,APC-A\n10,100\n100,2\n", "swapped"),
        ("PE-A,APC-A\n1,.1\n", "square"),
        ("PE-A,APC-A\n1,.1\n.02\n", "square"),
        ("<?xml version='1.0'?><a/>", "coefficient for each pair"),
        ("<?xml version='1.0'?><a", "XML that can be read"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><a/>", "without a document type"),
    ],
)
def test_what_is_no_spillover_matrix_is_refused_in_true_words(tmp_path, text, said):
    path = tmp_path / "matrix.csv"
    path.write_text(text)
    with pytest.raises(CompensationError, match=said):
        read_spillover(path)


def test_a_real_matrix_with_slopes_a_little_below_zero_is_taken_and_one_far_below_is_doubted(tmp_path):
    path = tmp_path / "m.csv"
    path.write_text("PE-A,APC-A\n1,.2\n-.015,1\n")
    assert read_spillover(path).doubts == ()
    path.write_text("PE-A,APC-A\n1,.2\n-.05,1\n")
    (told,) = reading_findings(read_spillover(path), "p")
    assert (told.level, told.check) == ("warn", "spillover_read")
    assert "-0.05 from APC-A into PE-A" in told.message


@pytest.mark.corpus
def test_the_published_matrix_of_the_activation_set_is_read(corpus):
    spillover = read_spillover(corpus / "plates" / "single_stains" / "published_matrix.csv")
    assert spillover.doubts == ()
    assert spillover.matrix[0][1] == 0.180901


# Keywords


def test_percents_in_a_keyword_are_divided_by_100_and_told():
    spillover = spillover_from_keywords({"SPILL": "2,FITC-A,PE-A,100,20,10,100"}, CHANNELS)
    assert spillover.matrix == ((1.0, 0.2), (0.1, 1.0))
    assert [f.level for f in reading_findings(spillover, "p")] == ["note"]


@pytest.mark.parametrize("text", ["0", "0,", "2,FITC-A,PE-A", "2,FL1-A,FL2-A,1,0,0,1"])
def test_a_keyword_without_a_matrix_and_an_identity_of_absent_channels_are_none(text):
    assert spillover_from_keywords({"$SPILLOVER": text}, CHANNELS) is None


def test_absent_channels_that_leak_nowhere_are_left_out_and_those_that_leak_are_named():
    idle = "3,FITC-A,BV421-A,PE-A,1,0,.2,0,1,0,.1,0,1"
    assert spillover_from_keywords({"SPILL": idle}, CHANNELS).detectors == ("FITC-A", "PE-A")
    with pytest.raises(CompensationError, match="BV421-A"):
        spillover_from_keywords({"SPILL": idle.replace(",.2,0,1", ",.2,.3,1")}, CHANNELS)


@pytest.mark.parametrize(
    ("rows", "numbers"), [(3, "1,.1,0,.2,1,.05,0,0,1"), (5, "1,0,0,0,0,0,1,.1,0,0,0,.2,1,.05,0,0,0,0,1,0,0,0,0,0,1")]
)
def test_comp_of_fcs_3_0_has_no_names_and_a_row_for_every_channel_or_every_dye(rows, numbers):
    spillover = spillover_from_keywords({"$COMP": f"{rows},{numbers}"}, CHANNELS)
    matrix = dict(zip(spillover.detectors, spillover.matrix, strict=True))
    assert matrix["FITC-A"][spillover.detectors.index("PE-A")] == 0.1
    assert matrix["PE-A"][spillover.detectors.index("APC-A")] == 0.05
    assert "names no channels" in spillover.notes[0]
    with pytest.raises(CompensationError, match="2 rows for 5 and 3 channels"):
        spillover_from_keywords({"$COMP": "2,1,0,0,1"}, CHANNELS)


def test_fcs_2_0_writes_percents_pair_by_pair():
    spillover = spillover_from_keywords({"$DFC1TO2": "13.4", "$DFC2TO1": "1.2", "$DFC3TO1": "0.0"}, CHANNELS)
    assert np.asarray(spillover.matrix) == pytest.approx(np.array([[1, 0.134, 0], [0.012, 1, 0], [0, 0, 1]]))
    assert "compensated already" in spillover.doubts[0]
    assert spillover_from_keywords({"$DFC1TO2": "0.00"}, CHANNELS) is None
    with pytest.raises(CompensationError, match="DFC1TO9 must name two fluorescence channels"):
        spillover_from_keywords({"$DFC1TO9": "3"}, CHANNELS)


@pytest.mark.corpus
def test_a_coulter_file_counts_its_channels_by_their_own_numbers(corpus):
    header = read_fcs_header(corpus / "fcs" / "whitews__FlowKit" / "coulter.lmd")
    spillover = spillover_from_keywords(header.keywords, header.channels)
    row = dict(zip(spillover.detectors, spillover.matrix[spillover.detectors.index("FL1 Log")], strict=True))
    assert {name: share for name, share in row.items() if share} == {"FL1 Log": 1.0, "FL3 Log": pytest.approx(0.284)}


@pytest.mark.parametrize(
    "text", ["-1,FITC-A", "99999999999,FITC-A,1", "2,FITC-A,PE-A,1,x,0,1", "2,FITC-A,PE-A,1,nan,0,1"]
)
def test_a_keyword_that_is_no_matrix_is_an_error(text):
    with pytest.raises(CompensationError):
        spillover_from_keywords({"$SPILLOVER": text}, CHANNELS)


def test_files_that_flowjo_compensated_are_told_what_to_say():
    compensated = events_from_array(np.ones((1, 2)), ("Comp-FITC-A", "Comp-PE-A")).channels
    with pytest.raises(CompensationError, match='compensation = "none"'):
        spillover_from_keywords({"SPILL": "2,FITC-A,PE-A,1,.1,.1,1"}, compensated)


# Unmixing


def test_weighted_least_squares_is_exact_on_what_was_mixed_and_kinder_to_noise_than_the_ordinary_one():
    spectra = np.array([[1.0, 0.5, 0.1, 0.4], [0.2, 1.0, 0.6, 0.4]])
    rows, names = tuple(map(tuple, spectra.tolist())), ("D1", "D2", "D3", "D4")
    noise = np.array([1.0, 1.0, 1.0, 30.0])
    ordinary = Spillover(names, rows, dyes=("D1", "D2"))
    weighted = Spillover(names, rows, dyes=("D1", "D2"), weights=tuple((1 / noise**2).tolist()))
    amounts = np.array([[100.0, 20.0], [0.0, 50.0]])
    for spillover in (ordinary, weighted):
        assert compensate(amounts @ spectra, spillover) == pytest.approx(amounts)
    signals = np.array([[100.0, 50.0]]) @ spectra + np.random.default_rng(1).normal(0, noise, (4000, 4))
    spread = [compensate(signals, spillover).std(axis=0) for spillover in (ordinary, weighted)]
    assert (spread[1] < spread[0] / 3).all()
    # Gauss-Markov: the variance of weighted least squares is the diagonal of (M W M')^-1.
    least = np.sqrt(np.diag(np.linalg.inv(spectra / noise**2 @ spectra.T)))
    assert spread[1] == pytest.approx(least, rel=0.05)  # an SD of 4,000 draws errs by 1.1 %
    assert inverse(ordinary) == pytest.approx(np.linalg.pinv(spectra))

"""What is written is read back bit for bit, by this reader and by its peers."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from fcs.encoder import Recipe
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from assaykit.errors import FcsError
from assaykit.fcs import events_from_array, read_fcs, sha256_of, write_fcs

WORDS = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF), min_size=1, max_size=20)


@settings(max_examples=80, deadline=None)
@given(
    values=hnp.arrays(st.sampled_from([np.float32, np.float64]), st.tuples(st.integers(0, 8), st.just(2))),
    notes=st.dictionaries(st.sampled_from(["NOTE", "$CYT", "$OP", "a/b", "x|y"]), WORDS),
    version=st.sampled_from(["3.1", "3.2"]),
)
def test_a_round_trip_changes_no_bit(tmp_path_factory, values, notes, version):
    path = tmp_path_factory.mktemp("write") / "a.fcs"
    events = events_from_array(values, ["PE-A", "Time"], stains=["CD184", ""], keywords=notes)
    write_fcs(events, path, version=version)
    back = read_fcs(path)
    assert back.values.dtype == values.dtype
    assert back.values.tobytes() == events.values.tobytes() or np.array_equal(back.values, values, equal_nan=True)
    assert (back.names, back.version, back.repairs) == (("PE-A", "Time"), f"FCS{version}", ())
    assert {key: back.keywords[key] for key in notes} == dict(notes)


def test_a_file_read_and_written_keeps_its_stored_and_its_scaled_values(tmp_path):
    words = {"$P1E": "4,0.1", "$P2G": "2", "$P1V": "450", "$P1S": "CD184", "$TIMESTEP": "0.01", "P2DISPLAY": "LOG"}
    rows = [[n, 2 * n, 7 * n] for n in range(100)]
    source = tmp_path / "source.fcs"
    source.write_bytes(Recipe(rows, "III", [16] * 3, [1024] * 3, ["FL1", "FSC", "Time"], extra=words).bytes())
    for scale in (True, False):
        events = read_fcs(source, scale=scale)
        write_fcs(events, tmp_path / "copy.fcs")
        back = read_fcs(tmp_path / "copy.fcs", scale=scale)
        np.testing.assert_array_equal(back.values, events.values)
        assert back.channels[0].voltage == 450
        assert back.keywords["P2DISPLAY"] == "LOG"
    np.testing.assert_array_equal(read_fcs(tmp_path / "copy.fcs").values, read_fcs(source).values)


def test_written_channels_are_renumbered_with_their_keywords(tmp_path):
    words = {"$P2V": "450", "P2DISPLAY": "LOG", "P1DISPLAY": "LIN", "$P1L": "488"}
    source = tmp_path / "source.fcs"
    source.write_bytes(Recipe([[1.0, 2.0]], "FF", [32] * 2, [1024] * 2, ["A", "B"], extra=words).bytes())
    write_fcs(read_fcs(source, ["B"]), tmp_path / "b.fcs")
    back = read_fcs(tmp_path / "b.fcs")
    assert (back.names, back.keywords["P1DISPLAY"], "$P1L" in back.keywords) == (("B",), "LOG", False)
    assert back.channels[0].voltage == 450


@pytest.mark.parametrize("version", ["3.1", "3.2"])
def test_peers_read_what_is_written(tmp_path, version):
    import fcsparser

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it registers a scale the way matplotlib used to ask
        import FlowCal
    import flowio

    values = np.random.default_rng(5).normal(1000, 300, (50, 3)).astype(np.float32)
    path = tmp_path / "peers.fcs"
    keywords = {"$CYT": "a/b|c\\d", "EMPTY": "", "$DATE": "01-JAN-2026"}
    write_fcs(events_from_array(values, ["FSC-A", "PE-A", "Time"], keywords=keywords), path, version=version)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the peers', not ours
        np.testing.assert_array_equal(flowio.FlowData(str(path)).as_array(preprocess=False), values)
        np.testing.assert_array_equal(np.asarray(FlowCal.io.FCSData(str(path))), values)
        meta, frame = fcsparser.parse(str(path))
    np.testing.assert_array_equal(frame.to_numpy(), values)
    assert list(frame.columns) == ["FSC-A", "PE-A", "Time"]
    assert meta["$CYT"] == "a/b|c\\d"


def test_data_beyond_99_999_999_leaves_the_header_empty(tmp_path, monkeypatch):
    monkeypatch.setattr("assaykit.fcs.writing.LARGEST_HEADER_OFFSET", 400)
    path = tmp_path / "large.fcs"
    values = np.arange(60, dtype=np.float32).reshape(30, 2)
    write_fcs(events_from_array(values, ["A", "B"]), path)
    assert path.read_bytes()[26:42] == b"       0       0"
    np.testing.assert_array_equal(read_fcs(path).values, values)


def test_arrays_that_are_no_events_are_refused():
    with pytest.raises(FcsError, match="one column per name"):
        events_from_array(np.zeros((3, 2)), ["A"])
    with pytest.raises(FcsError, match="unique"):
        events_from_array(np.zeros((3, 2)), ["A", "A"])


def test_nothing_is_left_behind_where_writing_fails(tmp_path):
    events = events_from_array(np.zeros((3, 1)), ["A"])
    with pytest.raises(FcsError, match="folder"):
        write_fcs(events, tmp_path / "nowhere" / "a.fcs")
    assert list(tmp_path.iterdir()) == []


def test_integers_float32_cannot_hold_become_doubles():
    assert events_from_array([[1 << 24]], ["A"]).values.dtype == np.float32
    assert events_from_array([[(1 << 24) + 1]], ["A"]).values.dtype == np.float64


def test_events_know_the_sha256_of_their_file(tmp_path):
    path = tmp_path / "a.fcs"
    events = events_from_array([[1.0]], ["A"])
    assert events.sha256 == ""
    write_fcs(events, path)
    assert read_fcs(path).sha256 == sha256_of(path)


def test_the_sha256_is_that_of_the_file(tmp_path):
    path = tmp_path / "empty"
    path.write_bytes(b"")
    assert sha256_of(path) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

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


def peers(path):
    """Return the stored values of a file as each peer reads them."""
    import fcsparser

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # FlowCal registers a scale the way matplotlib used to ask
        import FlowCal
        import flowio

        return {
            "flowio": flowio.FlowData(str(path)).as_array(preprocess=False),
            "FlowCal": np.asarray(FlowCal.io.FCSData(str(path))),
            "fcsparser": fcsparser.parse(str(path))[1].to_numpy(),
        }


def test_a_file_of_no_event_says_the_same_in_header_and_text_and_opens_everywhere(tmp_path):
    path = tmp_path / "none.fcs"
    write_fcs(events_from_array(np.zeros((0, 3), np.float32), ["FSC-A", "PE-A", "Time"]), path)
    raw = path.read_bytes()
    words = read_fcs(path).keywords
    assert (raw[26:34].strip().decode(), raw[34:42].strip().decode()) == (words["$BEGINDATA"], words["$ENDDATA"])
    assert {name: values.shape for name, values in peers(path).items()} == dict.fromkeys(peers(path), (0, 3))
    assert (read_fcs(path).values.shape, read_fcs(path).repairs) == ((0, 3), ())


def test_the_range_of_scaled_values_is_written_on_their_scale(tmp_path):
    words = {"$P1G": "2", "$P2E": "4,0", "$P3E": "4,0.1", "$TIMESTEP": "0.5"}
    rows = [[n, n, n, n] for n in range(0, 1024, 33)]
    source, copy = tmp_path / "source.fcs", tmp_path / "copy.fcs"
    source.write_bytes(Recipe(rows, "IIII", [16] * 4, [1024] * 4, ["A", "B", "C", "Time"], extra=words).bytes())
    events = read_fcs(source)
    write_fcs(events, copy)
    back = read_fcs(copy)
    assert [channel.range for channel in back.channels] == [512, 10000, 1000, 512]
    assert (back.values <= [channel.range for channel in back.channels]).all()  # flowCore clips at $PnR
    np.testing.assert_array_equal(back.values, events.values)
    write_fcs(read_fcs(source, scale=False), copy)
    assert [channel.range for channel in read_fcs(copy).channels] == [1024] * 4


def test_a_range_the_values_never_had_is_written_from_the_values(tmp_path):
    words = {"$P1E": "4,1", "$P2R": "0", "$TIMESTEP": "0.01"}
    rows = [[50000.0, 300000.0, 1e6]]  # a log amplifier on floats, no range, Time beyond it
    source, copy = tmp_path / "source.fcs", tmp_path / "copy.fcs"
    source.write_bytes(Recipe(rows, "FFF", [32] * 3, [1024] * 3, ["A", "B", "Time"], declared=words).bytes())
    write_fcs(read_fcs(source), copy)
    assert [channel.range for channel in read_fcs(copy).channels] == [65536, 524288, 16384]


def test_a_log_amplifier_without_range_gets_none_on_the_way(tmp_path):
    source, copy = tmp_path / "source.fcs", tmp_path / "copy.fcs"
    recipe = Recipe([[512]], "I", [16], [1024], ["A"], declared={"$P1E": "4,1", "$P1R": "0"})
    source.write_bytes(recipe.bytes())
    write_fcs(read_fcs(source, scale=False), copy)
    assert read_fcs(copy).values.tolist() == read_fcs(source).values.tolist() == [[512]]


@pytest.mark.corpus
def test_real_files_converted_are_read_alike_by_all_and_not_clipped_more(tmp_path, corpus):
    compared = 0
    for path in sorted((corpus / "fcs").rglob("*.fcs")):
        if path.stat().st_size > 300_000:
            continue
        try:
            events = read_fcs(path)
        except FcsError:
            continue
        if len(set(events.names)) < len(events.names):
            continue  # fcsparser wants names of their own
        copy = tmp_path / "copy.fcs"
        write_fcs(events, copy)
        for name, values in peers(copy).items():
            kind = np.float32 if name == "fcsparser" else events.values.dtype  # which turns doubles into them
            np.testing.assert_array_equal(values.astype(kind), events.values.astype(kind), err_msg=f"{name} {path}")
        tops = np.array([channel.range for channel in read_fcs(copy).channels])
        stored = read_fcs(path, scale=False)
        ranges = np.array([channel.range for channel in stored.channels])
        assert ((events.values > tops).sum(axis=0) <= (stored.values > ranges).sum(axis=0)).all(), path
        compared += 1
    assert compared >= 10


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

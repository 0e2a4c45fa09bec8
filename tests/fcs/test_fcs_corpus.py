"""Real files: the shared corpus against its manifest, and the eleven files inside FlowCytometryTools against peers."""

from __future__ import annotations

import importlib.util
import json
import warnings
from pathlib import Path

import numpy as np
import pytest

from assaykit.errors import FcsError
from assaykit.fcs import REPAIRS, datasets, read_fcs, read_fcs_header

# Truncated or not FCS at all: no reader finds an event in them, and the manifest says so.
HOLD_NO_EVENT = {
    "eyurtsev__fcsparser/corrupted.fcs": "open with its version",
    "eyurtsev__fcsparser/sample_header.fcs": "at least one whole event",
}


def bundled() -> list[Path]:
    """The real files inside FlowCytometryTools, found without importing it: it does not import on this Python."""
    found = importlib.util.find_spec("FlowCytometryTools")
    assert found is not None
    assert found.origin is not None
    return sorted((Path(found.origin).parent / "tests" / "data").rglob("*.fcs"))


@pytest.fixture(scope="module")
def manifest(corpus):
    return json.loads((corpus / "fcs" / "MANIFEST.json").read_text())


def test_every_file_of_the_corpus_gives_the_values_readers_agree_on(corpus, manifest):
    for entry in manifest:
        path = corpus / "fcs" / entry["path"]
        if entry["path"] in HOLD_NO_EVENT:
            with pytest.raises(FcsError, match=HOLD_NO_EVENT[entry["path"]]):
                read_fcs(path)
            continue
        events = read_fcs(path, scale=False)
        assert list(events.names) == entry["channels"], path
        assert (events.version, len(events)) == (entry["version"], entry["events"]), path
        assert len(datasets(path)) == entry["datasets"], path
        if "stored_sum" in entry:  # written with nine digits
            sums = events.values.astype(float).sum(axis=0)
            np.testing.assert_allclose(sums, entry["stored_sum"], rtol=1e-8, atol=1e-6, err_msg=str(path))
            medians = np.median(events.values.astype(float), axis=0)
            np.testing.assert_allclose(medians, entry["stored_median"], rtol=1e-8, err_msg=str(path))
        assert {repair.name for repair in events.repairs} <= set(REPAIRS)


def test_a_header_of_a_cut_file_is_read_without_its_events(corpus, manifest):
    cut = next(entry for entry in manifest if entry["path"].endswith("sample_header.fcs"))
    header = read_fcs_header(corpus / "fcs" / cut["path"])
    assert list(header.names) == cut["channels"]
    assert header.events == 0


def test_the_truncated_aria_file_begins_data_where_header_says(corpus):
    """No two readers agree here. HEADER and TEXT differ by two bytes and the lengths agree.

    From byte 2636 (HEADER) every value is a measurement: scatter of 3e4, Time rising from 0.2. From 2634 (TEXT) nine
    in ten are beyond any range. So HEADER is right. The file ends in the 6053rd of 10000 events.
    """
    events = read_fcs(corpus / "fcs" / "MorganConrad__fcs" / "AriaFile1.fcs", scale=False)
    assert len(events) == 6052
    np.testing.assert_allclose(events.values[0, :3], [33471.21, 33250.0, 1708.0], rtol=1e-6)
    assert (np.diff(events.values[:, -1]) >= 0).all()
    assert {repair.name for repair in events.repairs} == {"offsets_differ", "truncated"}


def test_of_three_copies_of_a_cyan_file_the_two_with_wrong_offsets_read_as_the_one_without(corpus):
    """No two readers agree on the copy whose HEADER begins DATA at 5555, inside TEXT, where TEXT says 6081.

    Two events of 54 bytes fill 6081-6188 exactly, so TEXT is right; the copy with right offsets has the same values,
    where $TOT x 54 bytes are the same.
    """
    folder = corpus / "fcs" / "whitews__FlowKit"
    start = read_fcs(folder / "data_start_offset_discrepancy_example.fcs", scale=False)
    stop = read_fcs(folder / "data_stop_offset_discrepancy_example.fcs", scale=False)
    np.testing.assert_array_equal(start.values, stop.values)
    for events in (start, stop):
        assert "offsets_differ" in {repair.name for repair in events.repairs}


def test_both_data_sets_of_a_coulter_file_show_the_same_cells(corpus):
    """The first holds 10 bits of each value, the second 20; its high bits number the channels and are masked."""
    path = corpus / "fcs" / "whitews__FlowKit" / "coulter.lmd"
    coarse, fine = (read_fcs(path, dataset=number, scale=False) for number in (0, 1))
    assert len(coarse) == len(fine) == 18110
    assert np.mean(np.abs(fine.values[:, 0] / 1024 - coarse.values[:, 0]) < 2) > 0.99
    assert "bits_beyond_range" in {repair.name for repair in fine.repairs}


def test_keywords_of_index_sorting_are_kept_as_written(corpus):
    events = read_fcs(corpus / "fcs" / "whitews__FlowKit" / "index_sorted_example.fcs", channels=[])
    places = [key for key in events.keywords if key.startswith("INDEX SORTING LOCATIONS")]
    assert places
    assert sum(events.keywords[key].count(";") for key in places) == len(events) == 384


@pytest.mark.parametrize("path", bundled(), ids=lambda path: path.name)
def test_the_bundled_files_read_as_flowio_reads_them(path):
    import flowio

    events = read_fcs(path, scale=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the peer's, about off-by-one ends
        theirs = flowio.FlowData(str(path), ignore_offset_error=True)
    np.testing.assert_array_equal(events.values, theirs.as_array(preprocess=False))
    assert list(events.names) == theirs.pnn_labels


def _flowio(path):
    import flowio

    return flowio.FlowData(str(path)).as_array(preprocess=False)


def _flowcal(path):
    import FlowCal

    return np.asarray(FlowCal.io.FCSData(str(path)))


def _fcsparser(path):
    import fcsparser

    return fcsparser.parse(str(path))[1].to_numpy()


# Where a peer reads a file, but not what it holds; the reason is ours to give.
PEERS_ASTRAY = {
    ("fcsparser", "data_start_offset_discrepancy_example.fcs"): "takes the offset of HEADER, which lies in TEXT",
    ("fcsparser", "AriaFile1.fcs"): "takes the offsets of TEXT",
    ("FlowCal", "AriaFile1.fcs"): "takes the offsets of TEXT",
}


@pytest.mark.parametrize(("name", "read"), [("flowio", _flowio), ("FlowCal", _flowcal), ("fcsparser", _fcsparser)])
def test_peers_that_read_a_file_read_the_same_values(corpus, manifest, name, read):
    compared = 0
    for entry in manifest:
        path = corpus / "fcs" / entry["path"]
        if entry["path"] in HOLD_NO_EVENT or entry["bytes"] > 300_000 or "plate_1_" in entry["path"]:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the peers', not ours
            try:
                theirs = read(path)
            except Exception:  # noqa: BLE001 - peers fail in any way, and then say nothing of the file
                continue
        if (name, path.name) in PEERS_ASTRAY:
            continue
        ours = read_fcs(path, scale=False).values
        assert ours.shape == theirs.shape, (name, path)
        np.testing.assert_array_equal(ours, theirs, err_msg=f"{name} {path}")
        compared += 1
    assert compared >= 5

"""Faults planted one at a time in one file of a study: the right values, a warning, or one sentence of refusal."""

from __future__ import annotations

import re

import numpy as np
import pytest

from assaykit.errors import FcsError
from assaykit.fcs import events_from_array, read_fcs, write_fcs

NAMES = ["FSC-A", "FSC-H", "SSC-A", "PE-A", "BV421-A", "APC-A", "BV786-A", "Time"]
DICE = np.random.default_rng(1)
VALUES = np.abs(DICE.normal([60000, 50000, 30000, 900, 300, 200, 150, 0], 100.0, (400, 8)))
VALUES[:, -1] = np.sort(DICE.uniform(0, 60, 400))
VALUES = VALUES.astype(np.float32)


def planted(tmp_path, values=VALUES, **changed):
    """Return the bytes of the file with keywords given other values, and every offset where it belongs."""
    path = tmp_path / "clean.fcs"
    ranges = {f"$P{n}R": "262144" for n in range(1, 9)}
    write_fcs(events_from_array(values, NAMES, keywords={"$CYT": "simulated", "$WELLID": "A1", **ranges}), path)
    raw = path.read_bytes()
    for key, value in changed.items():
        found = re.search(rb"/\$" + key.encode() + rb"/([^/]*)/", raw)
        assert found is not None
        old, new = found[1], value.encode()
        assert len(new) <= len(old) + 16
        raw = raw[: found.start(1)] + new + raw[found.end(1) :]
        raw = _mended_offsets(raw, len(new) - len(old))
    return raw


def _mended_offsets(raw, more):
    if not more:
        return raw
    for first in (18, 26, 34):
        raw = raw[:first] + b"%8d" % (int(raw[first : first + 8]) + more) + raw[first + 8 :]
    for key in (b"$BEGINDATA", b"$ENDDATA"):
        found = re.search(re.escape(key) + rb"/(\d+)/", raw)
        raw = raw[: found.start(1)] + (b"%d" % (int(found[1]) + more)).rjust(len(found[1]), b"0") + raw[found.end(1) :]
    return raw


def outcome(tmp_path, raw, values=VALUES):
    path = tmp_path / "B1.fcs"
    path.write_bytes(raw)
    try:
        events = read_fcs(path)
    except FcsError as error:
        return "refused" if "B1.fcs" in str(error) and "\n" not in str(error) else "unclear"
    warned = any(repair.level == "warn" for repair in events.repairs)
    same = events.values.shape == values.shape and np.array_equal(events.values, values, equal_nan=True)
    return "warned" if warned else "right" if same else "wrong"


@pytest.mark.parametrize("length", [0, 5, 30, 57, 58, 300, 600])
def test_a_file_cut_before_its_first_event_is_refused(tmp_path, length):
    assert outcome(tmp_path, planted(tmp_path)[:length]) == "refused"


@pytest.mark.parametrize("length", [2000, 7000, 12800])
def test_a_file_cut_later_is_read_with_a_warning(tmp_path, length):
    assert outcome(tmp_path, planted(tmp_path)[:length]) == "warned"


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("TOT", "500", "warned"),
        ("TOT", "300", "warned"),
        ("TOT", "1000000000000", "warned"),
        ("PAR", "1000000", "warned"),
        ("PAR", "-1", "warned"),
        ("MODE", "C", "refused"),
        ("BYTEORD", "4,3,2,1", "warned"),
        ("BYTEORD", "1", "warned"),
        ("DATATYPE", "D", "warned"),
        ("DATATYPE", "I", "warned"),
        ("P4B", "*", "right"),  # a float has 32 bits
    ],
)
def test_structure_that_contradicts_the_data_is_said(tmp_path, key, value, expected):
    assert outcome(tmp_path, planted(tmp_path, **{key: value})) == expected


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf, 1e38])
@pytest.mark.parametrize("channels", [[3], list(range(8))])
def test_channels_without_a_measurement_are_said(tmp_path, odd, channels):
    values = VALUES.copy()
    values[:, channels] = odd
    assert outcome(tmp_path, planted(tmp_path, values), values) == "warned"


def test_nothing_but_zeros_is_said_and_negative_values_are_read(tmp_path):
    zeros = np.zeros_like(VALUES)
    assert outcome(tmp_path, planted(tmp_path, zeros), zeros) == "warned"
    assert outcome(tmp_path, planted(tmp_path, -VALUES), -VALUES) == "right"


@pytest.mark.parametrize("events", [0, 1, 10])
def test_few_events_are_few_events(tmp_path, events):
    assert outcome(tmp_path, planted(tmp_path, VALUES[:events]), VALUES[:events]) == "right"


@pytest.mark.parametrize("version", [b"FCS9.9", b"XYZ3.1", b"FCS1.0"])
def test_a_version_no_standard_has_is_said_or_refused(tmp_path, version):
    assert outcome(tmp_path, version + planted(tmp_path)[6:]) in {"warned", "refused"}

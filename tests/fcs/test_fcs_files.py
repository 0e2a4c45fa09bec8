"""What lies where an FCS file should: one sentence each, quickly and in little memory; and which bytes were read."""

from __future__ import annotations

import gzip
import os
import time
import tracemalloc
from pathlib import Path

import pytest
from fcs.encoder import Recipe

from assaykit.errors import FcsError
from assaykit.fcs import read_fcs, read_fcs_header, sha256_of

GOOD = Recipe([[n, 2 * n] for n in range(50)], "FF", [32] * 2, [1024] * 2, ["FSC-A", "PE-A"]).bytes()


def _fifo(path):
    os.mkfifo(path)


def _looped(path):
    path.symlink_to(path)


def _sparse(path):
    with path.open("wb") as stream:
        stream.truncate(2 << 30)


def _sparse_events(path):
    """Write a file whose $TOT fills two gigabytes that were never written, as a copy that broke off leaves it."""
    events, begin = (2 << 30) // 8, 4096
    words = {"$TOT": str(events), "$BEGINDATA": str(begin), "$ENDDATA": str(begin + 8 * events - 1)}
    with path.open("wb") as stream:
        stream.write(Recipe([], "FF", [32] * 2, [1024] * 2, ["A", "B"], declared=words).bytes())
        stream.truncate(begin + 8 * events)


IMPOSTORS = {
    "folder": (lambda path: path.mkdir(), "a folder"),
    "pipe": (_fifo, "a pipe"),
    "device": (lambda path: path.symlink_to("/dev/null"), "a device"),
    "endless device": (lambda path: path.symlink_to("/dev/zero"), "a device"),
    "dangling link": (lambda path: path.symlink_to(path.with_name("gone.fcs")), "No such file"),
    "link to itself": (_looped, "symbolic links"),
    "nothing": (Path.exists, "No such file"),
    "empty": (lambda path: path.write_bytes(b""), "an empty file"),
    "text": (lambda path: path.write_text("Well,Events\nA1,1000\n"), "'Well,Event"),
    "page": (lambda path: path.write_text("<!DOCTYPE html><html>login</html>"), "web|HTML"),
    "archive": (lambda path: path.write_bytes(gzip.compress(GOOD)), "gzip archive: unpack"),
    "workbook": (lambda path: path.write_bytes(b"PK\3\4" + bytes(99)), "Excel"),
    "sparse": (_sparse, "must open with its version"),
    "sparse events": (_sparse_events, "zeros"),
}


@pytest.mark.parametrize("kind", IMPOSTORS)
def test_what_is_no_fcs_file_is_one_sentence_in_time_and_memory(tmp_path, kind):
    make, words = IMPOSTORS[kind]
    path = tmp_path / "B1.fcs"
    make(path)
    begun = time.monotonic()
    tracemalloc.start()
    with pytest.raises(FcsError, match=words) as caught:
        read_fcs(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert time.monotonic() - begun < 2
    assert peak < 200e6
    assert "B1.fcs" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(os.name == "nt" or not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read all")
def test_a_file_without_permission_is_one_sentence(tmp_path):
    path = tmp_path / "B1.fcs"
    path.write_bytes(GOOD)
    path.chmod(0)
    with pytest.raises(FcsError, match="Permission denied"):
        read_fcs(path)


def test_a_name_no_file_can_have_is_one_sentence():
    for name in ("a\0b.fcs", "x" * 5000 + ".fcs"):
        with pytest.raises(FcsError, match="must exist"):
            read_fcs(name)


def test_a_file_with_zeros_behind_it_to_two_gigabytes_is_read(tmp_path):
    path = tmp_path / "B1.fcs"
    path.write_bytes(GOOD)
    os.truncate(path, 2 << 30)
    begun = time.monotonic()
    assert read_fcs(path).values[:, 1].tolist() == [2 * n for n in range(50)]
    assert time.monotonic() - begun < 2


@pytest.mark.parametrize("channels", ["FSC-A", b"FSC-A", [0, 1], [b"FSC-A"], [None], 3])
def test_channels_that_are_no_list_of_names_are_a_clear_error(tmp_path, channels):
    path = tmp_path / "B1.fcs"
    path.write_bytes(GOOD)
    with pytest.raises(FcsError, match=r"must be (a list of names|asked for by its name)"):
        read_fcs(path, channels)


def test_channels_may_be_any_sequence_of_names(tmp_path):
    path = tmp_path / "B1.fcs"
    path.write_bytes(GOOD)
    for channels in (("PE-A",), ["PE-A"], iter(["PE-A"]), {"PE-A": 1}):
        assert read_fcs(path, channels).names == ("PE-A",)


def test_the_sha256_is_of_the_bytes_read_or_none_at_all(tmp_path):
    path = tmp_path / "B1.fcs"
    path.write_bytes(GOOD)
    events = read_fcs(path)
    assert events.sha256 == sha256_of(path)
    changed = bytearray(GOOD)
    changed[-1] ^= 1
    for replace in (False, True):  # written over, or another file of that name
        path.write_bytes(GOOD)
        events = read_fcs(path)
        target = tmp_path / "new.fcs" if replace else path
        time.sleep(0.02)  # clocks of file systems tick every few milliseconds
        target.write_bytes(bytes(changed))
        if replace:
            target.replace(path)
        with pytest.raises(FcsError, match="must stay as it was"):
            _ = events.sha256


def test_a_header_of_what_is_no_file_is_one_sentence_too(tmp_path):
    _fifo(tmp_path / "pipe.fcs")
    with pytest.raises(FcsError, match="a pipe"):
        read_fcs_header(tmp_path / "pipe.fcs")
    with pytest.raises(FcsError, match="a pipe"):
        sha256_of(tmp_path / "pipe.fcs")

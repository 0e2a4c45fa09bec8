"""A new set takes the place of the old one, whatever stops it and whenever: a reader finds the one or the other."""

from __future__ import annotations

import errno
import itertools
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from assaykit.errors import ResultsError, RightsError, StorageError
from assaykit.results import Results, read_results, write_results
from assaykit.study import Reference, Study

CALLS = ("replace", "rename", "link", "unlink", "remove", "mkdir", "rmdir", "fsync", "open", "scandir")
WRITTEN = {
    "controls.parquet", "manifest.json", "page.html", "provenance.json", "ro-crate-metadata.json",
    "study.resolved.toml", "tables",
}  # fmt: skip


def results(number):
    """Return results that differ in every file, and in which files there are."""
    tables = {"same": pd.DataFrame({"run": [number]}), f"only_{number}": pd.DataFrame({"run": [number]})}
    return Results(
        Study("A study", "donor", Reference(), (), seed=number), tables, {"title": "A study", "seed": number}
    )


def write(out, number):
    write_results(results(number), out, extras=lambda staged: (staged / "page.html").write_text(f"run {number}"))


def found(out):
    """Return which run's results a reader finds, after checking that they are of one run; 0 for none."""
    if not (out / "manifest.json").exists() or '"files": []' in (out / "manifest.json").read_text():
        with pytest.raises(ResultsError, match="run `assaykit run` first"):
            read_results(out)
        return 0
    read = read_results(out)
    number = read.provenance["seed"]
    assert set(read.tables) == {"same", f"only_{number}"}
    assert read.tables["same"]["run"].tolist() == [number] == [read.study.seed]
    return number


def whole(out, number):
    """Whether a person finds exactly the files of one run and what they had put there or edited."""
    names = {path.name for path in out.iterdir()}
    tables = {f"{name}.{kind}" for name in ("same", f"only_{number}") for kind in ("csv", "parquet")}
    assert (out / "mine.txt").read_text() == "mine"
    assert "edited" in [path.read_text() for path in out.glob("page.edited*.html")]
    assert {path.name for path in (out / "tables").iterdir()} == tables
    assert (out / "page.html").read_text() == f"run {number}"
    return {name for name in names if not name.startswith("page.edited")} == {*WRITTEN, "mine.txt"}


class Killed(BaseException):
    """The process is no more: every later call fails likewise."""


@pytest.fixture
def calls(monkeypatch):
    """Return a function that runs something with `before(number)` called before its every file-system call."""

    def run(action: Callable[[], object], before: Callable[[int], object]) -> int:
        counter = itertools.count(1)
        count = 0

        def hooked(function):
            def call(*arguments, **options):
                nonlocal count
                count = next(counter)
                before(count)
                return function(*arguments, **options)

            return call

        with monkeypatch.context() as patch:
            for name in CALLS:
                patch.setattr(os, name, hooked(getattr(os, name)))
            action()
        return count

    monkeypatch.setattr(os, "fsync", passing)  # what is tested is the order of calls, not the disk
    return run


def passing(_number):
    """Let a call pass."""


@pytest.fixture
def old(tmp_path):
    """A folder with the results of run 1, an edited page and a file of a person."""
    write(tmp_path / "old", 1)
    (tmp_path / "old" / "page.html").write_text("edited")
    (tmp_path / "old" / "mine.txt").write_text("mine")
    return tmp_path / "old"


def test_killed_at_any_call_the_old_results_or_the_new_stand_and_the_next_run_puts_all_right(old, tmp_path, calls):
    out = tmp_path / "out"
    shutil.copytree(old, out)
    total = calls(lambda: write(out, 2), passing)
    assert total > 60
    seen = []
    for stop in range(1, total + 1):
        shutil.rmtree(out)
        shutil.copytree(old, out)

        def kill(number, stop=stop):
            if number >= stop:
                raise Killed

        with pytest.raises(Killed):
            calls(lambda: write(out, 2), kill)
        seen.append(found(out))
        write(out, 3)
        assert found(out) == 3
        assert whole(out, 3)
    assert seen == sorted(seen), "once the new results stand, they stand"
    assert set(seen) == {1, 2}


def test_a_first_run_killed_at_any_call_is_no_hindrance_to_the_next(tmp_path, calls):
    out = tmp_path / "out"
    total = calls(lambda: write(out, 1), passing)
    for stop in range(1, total + 1):
        shutil.rmtree(out, ignore_errors=True)

        def kill(number, stop=stop):
            if number >= stop:
                raise Killed

        with pytest.raises(Killed):
            calls(lambda: write(out, 1), kill)
        assert found(out) in {0, 1}
        write(out, 2)
        assert found(out) == 2
        assert {path.name for path in out.iterdir()} == WRITTEN


def test_a_reader_at_any_instant_finds_the_old_results_or_the_new(old, calls):
    seen, reading = [], False

    def look(number):
        nonlocal reading
        if not reading:
            reading = True
            seen.append(found(old))
            reading = False

    calls(lambda: write(old, 2), look)
    assert seen == sorted(seen)
    assert set(seen) == {1, 2}
    assert whole(old, 2)


@pytest.mark.parametrize("code", [errno.EACCES, errno.ENOSPC])
def test_where_one_call_is_refused_the_old_results_stand_or_the_new_ones_do_and_none_is_lost(
    old, tmp_path, calls, code
):
    out = tmp_path / "out"
    shutil.copytree(old, out)
    total = calls(lambda: write(out, 2), passing)
    kept = 0
    for stop in range(1, total + 1):
        shutil.rmtree(out)
        shutil.copytree(old, out)

        def refuse(number, stop=stop):
            if number == stop:
                raise OSError(code, os.strerror(code), "some file")

        try:
            calls(lambda: write(out, 2), refuse)
        except (StorageError, OSError) as error:
            assert found(out) == 1
            assert (out / "page.html").read_text() == "edited"
            if "the new results are whole in" in str(error):
                assert found(out / "new-results") == 2
                shutil.rmtree(out / "new-results")
                kept += 1
        else:
            assert found(out) == 2
        write(out, 3)
        assert found(out) == 3
        assert whole(out, 3)
    assert kept > 5


def test_where_no_file_can_take_anothers_name_the_old_results_stand_and_the_new_are_kept_and_named(old, monkeypatch):
    """As on Windows while report or workbook are open in another program."""

    def in_use(source, target, **_):
        raise PermissionError(errno.EACCES, "The process cannot access the file", str(source), None, str(target))

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", in_use)
        with pytest.raises(RightsError, match=r"close the file where it is open.* whole in .*new-results"):
            write(old, 2)
    assert found(old) == 1
    assert (old / "page.html").read_text() == "edited"
    assert found(old / "new-results") == 2
    write(old, 3)
    assert found(old) == 3
    assert found(old / "new-results") == 2, "what was kept is a person's, and stays"


def test_where_only_the_workbook_is_open_every_file_is_taken_back(old, monkeypatch):
    replace_file = os.replace

    def in_use(source, target, **_):
        if str(target).endswith("study.resolved.toml"):
            raise PermissionError(errno.EACCES, "The process cannot access the file", str(source), None, str(target))
        replace_file(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", in_use)
        with pytest.raises(RightsError, match=r"study\.resolved\.toml: new results must take the place of the old"):
            write(old, 2)
    assert found(old) == 1
    assert {path.name for path in (old / "tables").iterdir()} == {
        "same.csv", "same.parquet", "only_1.csv", "only_1.parquet"}  # fmt: skip
    assert found(old / "new-results") == 2


def test_a_disk_without_links_takes_copies(old, monkeypatch):
    def unknown(*_, **__):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", unknown)
    write(old, 2)
    assert found(old) == 2
    assert whole(old, 2)


def test_a_process_killed_while_it_writes_leaves_a_readable_set(tmp_path):
    out = tmp_path / "out"
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); from pathlib import Path\n"
        "from test_results_swap import write\n"
        "for number in range(1, 100_000): write(Path(sys.argv[1]), number)"
    )
    last = 0
    for pause in (0.03, 0.11, 0.28):
        process = subprocess.Popen([sys.executable, "-c", code, str(out)])
        deadline = time.monotonic() + 60
        while (now := found(out)) in {0, last} and time.monotonic() < deadline:
            time.sleep(0.01)
        assert now not in {0, last}, "the process must have written"
        time.sleep(pause)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert found(out) > 0
        write(out, 7_000_000)
        last = found(out)
        assert last == 7_000_000
        assert {path.name for path in out.iterdir()} == WRITTEN


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 1 MB, where the system lets us make one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only root can mount a small disk here")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_on_a_full_disk_the_old_results_stand(small_disk):
    write(small_disk / "out", 1)
    with pytest.raises(OSError, match="No space left"):
        write_results(results(2), small_disk / "out", extras=lambda staged: (staged / "big").write_bytes(b"0" * 2**21))
    assert found(small_disk / "out") == 1
    write(small_disk / "out", 3)
    assert found(small_disk / "out") == 3


def test_on_a_disk_that_may_not_be_written_a_run_is_refused_before_it_begins(small_disk):
    write(small_disk / "out", 1)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    for out in (small_disk / "out", small_disk / "new"):
        with pytest.raises(RightsError, match="read-only"):
            write(out, 2)
    assert found(small_disk / "out") == 1

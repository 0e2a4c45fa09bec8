"""Workers end with the run, however it ends, and one that is killed costs nothing but time."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import psutil
import pytest

from assaykit.cli.pool import workers
from assaykit.errors import LayoutError, WorkerError

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
SAMPLE = Path(__file__).parents[2] / "sample_data" / "cml_niche"


def doubled(number):
    return 2 * number


def killed_once(mark, number):
    """Answer, but for the first process that gets here: the system kills it."""
    if number == 5:
        try:
            (mark / "killed").touch(exist_ok=False)
        except FileExistsError:
            return 2 * number
        os.kill(os.getpid(), signal.SIGKILL)
    return 2 * number


def killed_always(number):
    if number == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def refuses(number):
    raise LayoutError("a well must be on its plate", f"J{number}")


def test_answers_come_in_order_whatever_the_chunks():
    with workers(2, pytest.fail) as pool:
        assert list(pool.map(doubled, range(20), chunksize=8)) == list(range(0, 40, 2))
        assert list(pool.map(max, [1, 5], [3, 4])) == [3, 5]
        assert pool.submit(doubled, 4).result() == 8


def test_one_worker_is_this_process():
    with workers(1, pytest.fail) as pool:
        assert pool is None


def test_no_worker_is_forked_from_a_process_with_threads():
    with workers(2, pytest.fail) as pool:
        server = psutil.Process(pool.submit(os.getppid).result())
        assert server.pid != os.getpid()
        assert server.num_threads() == 1


def test_an_error_of_a_worker_is_the_errors_own():
    with workers(2, pytest.fail) as pool, pytest.raises(LayoutError, match="found J3"):
        list(pool.map(refuses, [3]))


def test_what_a_killed_worker_did_is_done_again_and_said(tmp_path):
    told = []
    with workers(2, told.append) as pool:
        assert list(pool.map(partial(killed_once, tmp_path), range(40))) == list(range(0, 80, 2))
        assert pool.submit(doubled, 4).result() == 8
    assert told == ["a worker was killed; what it did is done again, with 1 of them"]


def test_killed_twice_is_a_sentence_with_what_to_try():
    told = []
    with workers(2, told.append) as pool:
        with pytest.raises(WorkerError, match=r"memory.*--workers 1"):
            list(pool.map(killed_always, range(40)))
        with pytest.raises(WorkerError, match=r"memory.*--workers 1"):
            pool.submit(doubled, 4).result()
    assert len(told) == 1


def test_whoever_leaves_with_an_error_waits_for_no_worker():
    def left():
        with workers(2, pytest.fail) as pool:
            pool.submit(time.sleep, 600)
            pool.submit(doubled, 4).result()
            raise KeyError

    begun = time.monotonic()
    with pytest.raises(KeyError):
        left()
    assert time.monotonic() - begun < 60


@pytest.fixture(scope="module")
def long_study(tmp_path_factory):
    """The sample's CXCR4 plates, some dozen times over, so that a run takes long enough to be stopped."""
    folder = tmp_path_factory.mktemp("study")
    (folder / "plates").mkdir()
    for number in range(1, 31):
        shutil.copy(SAMPLE / "plates" / f"cxcr4_E{1 + number % 4}.toml", folder / "plates" / f"cxcr4_E{number}.toml")
        (folder / "fcs").mkdir(exist_ok=True)
        (folder / "fcs" / f"cxcr4_E{number}").symlink_to(SAMPLE / "fcs" / f"cxcr4_E{1 + number % 4}")
    text = (SAMPLE / "study.toml").read_text()
    (folder / "study.toml").write_text(text[: text.index('[[assay]]\nprotocol = "transwell_migration"')])
    return folder


@pytest.fixture
def running(long_study, tmp_path):
    """A run of two workers that are at work, its process and all below it, and its results folder."""
    out = tmp_path / "results"
    command = [sys.executable, "-m", "assaykit", "run", long_study / "study.toml", "-o", out, "-w", "2", "--no-report"]
    process = subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    run, deadline = psutil.Process(process.pid), time.monotonic() + 60
    while not (out.exists() and len(below := run.children(recursive=True)) >= 4) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(below) >= 4, "a tracker of resources, a fork server and two workers"
    yield process, below, out
    process.kill()
    process.communicate()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_a_signal_ends_a_run_with_a_sentence_and_nothing_left(running, number, code):
    process, below, out = running
    process.send_signal(number)
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == code
    assert printed.strip().endswith("Stopped; results that were there before are as they were.")
    assert "Traceback" not in printed
    assert psutil.wait_procs(below, timeout=20)[1] == []
    assert not out.exists()


def test_no_worker_outlives_a_run_that_is_killed(running):
    process, below, _ = running
    process.kill()
    process.communicate(timeout=20)  # the workers hold its output: a pipe from it would never close
    assert psutil.wait_procs(below, timeout=20)[1] == []


def test_a_worker_killed_in_a_run_costs_no_number(long_study, running, tmp_path):
    process, below, out = running
    (server,) = (one for one in below if any(child in below for child in one.children()))
    server.children()[0].kill()
    printed, _ = process.communicate(timeout=300)
    assert process.returncode in {0, 1}, printed
    assert "a worker was killed; what it did is done again, with 1 of them" in printed
    assert (out / "tables" / "estimates.csv").exists()

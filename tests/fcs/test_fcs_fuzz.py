"""A short seeded run of the fuzzer: mutated files give Events or FcsError, quickly and in little memory.

The long run is benchmarks/fuzz_fcs.py; what it found is written in benchmarks/results/fuzz_fcs.md.
"""

from __future__ import annotations

import contextlib
import importlib.util
import random
import time
import tracemalloc
from pathlib import Path

import pytest
from fcs.encoder import Recipe, odd_files
from fcs.mutations import mutated

from assaykit.errors import FcsError
from assaykit.fcs import datasets, read_fcs

CASES = 1000


@pytest.fixture(scope="module")
def seeds():
    found = importlib.util.find_spec("FlowCytometryTools")
    assert found is not None
    assert found.origin is not None
    real = sorted((Path(found.origin).parent / "tests" / "data").rglob("*.fcs"))
    return [path.read_bytes()[:40_000] for path in real] + odd_files()


def attempt(path):
    with contextlib.suppress(FcsError):
        read_fcs(path)
        datasets(path)


def test_a_mutated_file_gives_events_or_a_clear_error_and_never_takes_long(tmp_path, seeds):
    dice, path = random.Random(20261121), tmp_path / "case.fcs"
    for _ in range(CASES):
        raw = mutated(seeds, dice)
        path.write_bytes(raw)
        begun = time.process_time()
        attempt(path)
        assert time.process_time() - begun < 0.5 + len(raw) / 1e6  # half a second for a machine that pauses


def test_a_mutated_file_never_takes_more_memory_than_four_times_its_size(tmp_path, seeds):
    dice, path = random.Random(7), tmp_path / "case.fcs"
    for _ in range(CASES // 10):
        raw = mutated(seeds, dice)
        path.write_bytes(raw)
        tracemalloc.start()
        attempt(path)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 4 * len(raw) + (4 << 20)  # and a block and TEXT as Python words


def test_hundreds_of_log_channels_of_a_few_events_take_little_memory(tmp_path):
    names = [f"c{n}" for n in range(300)]
    words = {f"$P{n + 1}E": "4,1" for n in range(300)}
    recipe = Recipe([[1] * 300] * 5, "I" * 300, [16] * 300, [65536] * 300, names, declared=words)
    path = tmp_path / "wide.fcs"
    path.write_bytes(recipe.bytes())
    tracemalloc.start()
    events = read_fcs(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert events.values.shape == (5, 300)
    assert peak < 4 * path.stat().st_size + (8 << 20)

"""Fixtures every area shares."""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy: tests run side by side, on small matrices

import hypothesis
import pytest

# The same cases every time, so that a landing never depends on luck; `HYPOTHESIS_PROFILE=explore` looks for new ones.
hypothesis.settings.register_profile("steady", derandomize=True, deadline=None)
hypothesis.settings.register_profile("explore", deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))


@pytest.fixture(scope="session")
def corpus() -> Path:
    """Return the folder of other people's files, or skip saying what is missing."""
    folder = os.environ.get("ASSAYKIT_CORPUS", "")
    if not folder or not Path(folder).is_dir():
        pytest.skip("ASSAYKIT_CORPUS names no folder: the shared FCS, Gating-ML and FlowJo files are missing")
    return Path(folder)

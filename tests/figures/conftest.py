from __future__ import annotations

import pytest
from figures.figures_study import synthetic_results

from assaykit.figures import drawings


@pytest.fixture(scope="session")
def results():
    return synthetic_results()


@pytest.fixture(scope="session")
def listed(results):
    return {drawing.name: drawing for drawing in drawings(results)}

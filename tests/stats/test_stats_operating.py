"""The default's type I error and coverage at lab n, briefly; the full run is in benchmarks/results."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from assaykit.protocol.model import Analysis
from assaykit.stats import estimate, robustness
from assaykit.study.model import Reference
from assaykit.tables import MEASUREMENTS, frame_from_rows

STUDIES = 2000


@pytest.fixture(scope="module")
def benchmark():
    path = Path(__file__).parents[2] / "benchmarks" / "operating_characteristics.py"
    spec = importlib.util.spec_from_file_location("operating_characteristics", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["operating_characteristics"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules["operating_characteristics"]


@pytest.mark.parametrize("family", ["Gaussian", "negative binomial", "beta-binomial"])
@pytest.mark.parametrize("units", [3, 5])
def test_the_default_keeps_5_and_95_percent_where_wells_as_n_does_not(benchmark, family, units):
    for world, nominal in (("type I", 0.05), ("coverage", 0.95)):
        kept = {"simulations": STUDIES, "seed": 7, "world": world}
        found = benchmark.shares(family, units, method=benchmark.default, **kept)
        for share, studies in found.values():
            # 3.3 Monte-Carlo errors: one false alarm in 1,000 for each of 24 seeded numbers
            assert abs(share - nominal) < 3.3 * np.sqrt(0.05 * 0.95 / studies)
    wrong = benchmark.shares(family, units, method=benchmark.wells_as_n, simulations=STUDIES, seed=7, world="type I")
    assert wrong["wells as n", "main effect", "type I"][0] > 0.1


def test_the_simulated_default_is_what_estimate_does(benchmark):
    studies = benchmark.simulated("Gaussian", (1, 4), effects=benchmark.EFFECTS, rng=np.random.default_rng(1))
    rows = [
        {"assay": "a", "plate": f"E{u}", "well": f"{i} {j} {w}", "unit_id": f"E{u}", "treatment": t, "context": c}
        | {"endpoint": "y", "value": studies.y[0, u, i, j, w], "unit": "log2", "cells": 500, "qc": "pass"}
        for u in range(4)
        for i, t in enumerate(benchmark.TREATMENTS)
        for j, c in enumerate(benchmark.CONTEXTS)
        for w in range(3)
    ]
    analysis = Analysis(name="y", endpoint="y", families=("treatment", "interaction"))
    table, _ = estimate(frame_from_rows(rows, MEASUREMENTS), "a", analysis, reference=Reference())
    drug = table[(table["treatment"] == "drug") & (table["comparator"] == "vehicle")]
    asked = pd.concat(
        [drug[(drug["kind"] == "treatment") & (drug["context"] == "mono")], drug[drug["kind"] == "interaction"]]
    )
    expected = np.array(benchmark.default(studies)["default"])[:, :, 0]
    np.testing.assert_allclose(asked[["conf_low", "conf_high"]].astype(float), expected)
    measurements = frame_from_rows(rows, MEASUREMENTS)
    wrong = robustness(measurements, "a", analysis, reference=Reference(), show_pseudoreplication=True)
    wrong = wrong[(wrong["group"] == "wrong") & (wrong["contrast"] == "drug - vehicle")]
    wrong = wrong[(wrong["context"] == "mono") | (wrong["comparator_context"] == "mono")]
    expected = np.array(benchmark.wells_as_n(studies)["wells as n"])[:, :, 0]
    np.testing.assert_allclose(wrong[["conf_low", "conf_high"]].astype(float), expected)

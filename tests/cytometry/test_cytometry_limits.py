"""Units and limits that every number rests on, each beside a literal value that a reader can check by hand."""

from __future__ import annotations

import numpy as np
import pytest

from assaykit.cytometry.acquisition import flow, flow_findings
from assaykit.cytometry.columns import WellColumns
from assaykit.cytometry.compensation import check_spillover
from assaykit.errors import CompensationError
from assaykit.fcs import events_from_array
from assaykit.plate import Well
from assaykit.protocol.gates import ThresholdGate
from assaykit.study.model import Spillover

ONE_POPULATION = {
    "name": "plain",
    "title": "plain",
    "compensation": "none",
    "channels": {
        "fsc_a": {"names": ["FSC-A"]},
        "fsc_h": {"names": ["FSC-H"]},
        "cxcr4": {"names": ["PE-A"], "marker": "CXCR4"},
    },
    "gate": [],
    "readout": [],
}


def well_of(lab, name, columns, *, role="sample", keywords=None):
    """Return a well whose file holds these channels, and 0 in the others."""
    values = np.zeros((len(next(iter(columns.values()))), 8), dtype=np.float32)
    for place, column in columns.items():
        values[:, place] = column
    factors = {"treatment": "vehicle", "context": "mono", **({"marker": "cxcr4"} if role == "fmo" else {})}
    return Well(name, role, factors, lab.write(name, values, keywords=keywords or {}))


@pytest.mark.parametrize(("volume", "per_microlitre"), [("50000", 100.0), ("2500", 2000.0), ("0", None), ("", None)])
def test_a_concentration_is_cells_per_microlitre_of_vol_which_is_in_nanolitres(lab, volume, per_microlitre):
    keywords = {"$VOL": volume} if volume else {}
    well = well_of(lab, "A1", {0: np.full(5000, 9e4)}, keywords=keywords)
    readout = [{"statistic": "concentration", "population": "all"}]
    (row,) = lab.run([well], ONE_POPULATION, readout=readout).rows("readouts")
    assert row["unit"] == "cells/uL"
    assert np.isnan(row["value"]) if per_microlitre is None else row["value"] == per_microlitre


def test_singlets_end_four_scaled_mads_above_the_median_ratio(lab):
    """Ratios from 0.96 to 1.04 have the median 1 and the MAD 0.02: 1 + 4 * 1.4826 * 0.02 = 1.1186."""
    ratio = np.linspace(0.96, 1.04, 2001)
    control = well_of(lab, "A1", {0: 50_000 * ratio, 1: np.full(2001, 50_000.0)}, role="unstained")
    gate = [{"kind": "singlets", "name": "singlets", "mads": 4.0}]
    (fixed,) = lab.run([control], ONE_POPULATION, gate=gate).assay.resolved["plate 1"].gates
    assert isinstance(fixed, ThresholdGate)
    assert fixed.value == pytest.approx(1.118608, abs=1e-5)  # float32 files hold 7 digits


@pytest.mark.parametrize(("above", "odd"), [(15.0, False), (45.0, True)])
def test_a_control_more_than_two_spreads_from_the_others_disagrees(lab, above, odd):
    """Eight FMO wells of median 100 and SD 10, one of them brighter: a spread of all is 11 to 13."""
    normal = 100 + 10 * np.sqrt(2) * np.vectorize(_inverse_erf)(np.linspace(-0.998, 0.998, 500))
    wells = [well_of(lab, f"A{i}", {3: normal + above * (i == 8)}, role="fmo") for i in range(1, 9)]
    gate = [{"kind": "fmo", "name": "positive", "channel": "cxcr4"}]
    ran = lab.run([well_of(lab, "B1", {3: normal + 900}), *wells], ONE_POPULATION, gate=gate)
    told = [f.message for f in ran.plate_findings if f.check == "controls_disagree"]
    assert [message.split(" lie ")[0] for message in told] == (["cxcr4: the controls A8"] if odd else [])


def _inverse_erf(share: float) -> float:
    from scipy.special import erfinv

    return float(erfinv(share))


def times(counts):
    """Return ascending times with these numbers of events in successive seconds, evenly set."""
    return np.concatenate([second + (np.arange(n) + 0.5) / n for second, n in enumerate(counts)])


@pytest.mark.parametrize(
    ("events", "slow", "fast"),
    [(45, True, False), (55, False, False), (200, False, False), (750, False, False), (850, False, True)],
)
def test_a_span_is_a_clog_below_a_quarter_of_the_usual_flow_and_a_surge_above_four_times(events, slow, fast):
    """Fifty seconds of 200 events each but for one: a quarter is 50 and four times are 800."""
    run = flow(times([200] * 30 + [events] + [200] * 19))
    assert run is not None
    assert run.counts[30] == pytest.approx(events, abs=1)  # spans begin with the first event, half a gap later
    assert (bool(run.slow[30]), bool(run.fast[30])) == (slow, fast)
    assert not (run.slow | run.fast)[:30].any()


@pytest.mark.parametrize(("events", "checks"), [(20, ["clog"]), (200, []), (1000, ["flow_rate"])])
def test_a_clog_and_a_surge_are_findings_by_name(events, checks):
    time = times([200] * 30 + [events] + [200] * 19)
    columns = WellColumns(events_from_array(np.column_stack([time, time]), ("FSC-A", "Time")), {"fsc_a": "FSC-A"})
    findings = flow_findings(columns)
    assert [finding.check for finding in findings] == checks
    if events == 1000:
        assert findings[0].message == "the flow surged to 5.0 times its rate (at 30 s)"


@pytest.mark.parametrize(("spill", "condition"), [(0.997, 666), (0.999, 1999)])
def test_a_spillover_matrix_is_well_conditioned_up_to_a_thousand(spill, condition):
    """Two dyes that spill s into each other have the condition number (1 + s) / (1 - s)."""
    assert (1 + spill) / (1 - spill) == pytest.approx(condition, abs=0.5)
    matrix = Spillover(("A", "B"), ((1.0, spill), (spill, 1.0)))
    if condition < 1000:
        assert check_spillover(matrix) is matrix
    else:
        with pytest.raises(CompensationError, match=r"condition number 2e\+03; A and B are nearly alike"):
            check_spillover(matrix)

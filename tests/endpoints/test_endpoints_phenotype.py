"""Endpoints of a panel: shares with both counts, and intensities within the population they are of."""

from __future__ import annotations

import math

import pytest

from assaykit.endpoints import ENDPOINTS, WellReadings
from assaykit.protocol import EndpointSpec

READOUTS = {
    "t_cells_count": 400.0,
    "cd4_t_count": 100.0,
    "cd4_t_percent_of_parent": 25.0,
    "cd4_t_percent_of_grandparent": 10.0,
    "cd4_t_percent_of_total": 1.0,
    "cd69_median": 50.0,
    "cd4_t_cd69_median": 700.0,
    "cd4_t_cd69_imfi": 9_000.0,
}
WELL = WellReadings("P1", "A1", "D1", "vehicle", "mono", {}, READOUTS, {"cd69_median": 4000, "cd4_t_cd69_median": 100})


def formed(endpoint: str, **spec):
    quantity = ENDPOINTS[endpoint].quantity(EndpointSpec(endpoint=endpoint, **spec), WELL)
    return ENDPOINTS[endpoint].function(quantity.values, {}), quantity


def test_a_share_of_its_parent_comes_with_both_counts():
    value, quantity = formed("percent_of_parent", populations={"cells": "cd4_t", "parent": "t_cells"})
    assert (value, quantity.count, quantity.total, quantity.cells) == (25.0, 100.0, 400.0, 400)


@pytest.mark.parametrize(("endpoint", "share"), [("percent_of_grandparent", 10.0), ("percent_of_total", 1.0)])
def test_a_share_of_more_distant_cells_stands_without_counts_nobody_names(endpoint, share):
    value, quantity = formed(endpoint, populations={"cells": "cd4_t"})
    assert (value, quantity.count) == (share, 100.0)
    assert math.isnan(quantity.total)
    assert quantity.cells is None


def test_an_intensity_is_of_the_population_named_with_the_cells_behind_it():
    value, quantity = formed("median", channel="cd69", populations={"cells": "cd4_t"})
    assert (value, quantity.cells) == (700.0, 100)
    value, quantity = formed("median", channel="cd69", populations={"cells": "live"})
    assert (value, quantity.cells) == (50.0, 4000)
    assert formed("imfi", channel="cd69", populations={"cells": "cd4_t"})[0] == 9_000.0


def test_a_population_that_was_not_gated_is_said_by_name():
    spec = EndpointSpec(endpoint="percent_of_parent", populations={"cells": "cd8_t"})
    quantity = ENDPOINTS["percent_of_parent"].quantity(spec, WELL)
    assert quantity.doubt is not None
    assert quantity.doubt.reason == "cd8_t was not gated, or nothing was left of its parent"

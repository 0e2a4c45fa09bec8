"""What endpoints say of themselves: words, units of axes, bounds of no effect, and the wells they are measured on."""

from __future__ import annotations

import math

import pytest
from endpoints.conftest import well

from assaykit.endpoints import (
    ENDPOINTS,
    AssayConditions,
    Measurement,
    WellReadings,
    endpoint_measured_as,
    equivalence_bound,
)
from assaykit.figures.conditions import axis_unit, endpoint_words
from assaykit.figures.evidence import by_family, family_of
from assaykit.protocol import EndpointSpec, read_protocol
from assaykit.study.wells import with_named_counts
from assaykit.tables import COMPARISONS, frame_from_rows
from assaykit.treatment import Catalogue

# Half-widths of no effect in each endpoint's own unit; those of intensities depend on the instrument, so they have none
BOUNDS = {
    5.0: {
        "percent_positive", "overton", "sed", "percent_of_parent", "percent_of_grandparent", "percent_of_total",
        "apoptosis", "apoptosis_early", "apoptosis_late", "viability", "specific_apoptosis", "spi_points",
        "bliss_excess", "hsa_excess", "adhesion",
    },
    10.0: {"internalisation", "reversal", "relative_viability"},
    1.0: {
        "migration_random", "migration_cxcl12", "migration_msc", "migration_chemokinesis", "migration_net",
        "migration_msc_net", "migration_directed",
    },
    0.5: {"stain_index"},
    0.3: {"log2fc"},
    0.1: {"spi"},
}  # fmt: skip


def test_each_bound_of_no_effect_is_the_one_declared():
    bounds = {name: endpoint.bound for name, endpoint in ENDPOINTS.items() if endpoint.bound is not None}
    assert bounds == {name: bound for bound, names in BOUNDS.items() for name in names}


@pytest.mark.parametrize(("scale", "low", "high"), [("log2", 0.8123, 1.2311), ("log", 0.8, 1.25)])
def test_no_effect_on_a_scale_of_ratios_is_the_same_for_every_endpoint(scale, low, high):
    base = 2 if scale == "log2" else math.e
    for name in (*ENDPOINTS, "a lab's own"):
        bound = equivalence_bound(name, scale)
        assert (base**-bound, base**bound) == pytest.approx((low, high), abs=1e-4)  # the digits written above


def test_no_effect_on_odds_is_five_points_around_a_half():
    odds = math.exp(equivalence_bound("apoptosis", "logit"))
    assert 0.5 * odds / (0.5 + 0.5 * odds) == pytest.approx(0.55)
    assert equivalence_bound("a lab's own", "identity") is None


@pytest.mark.parametrize(
    ("name", "endpoint", "channel"),
    [
        ("apoptosis", "apoptosis", ""),
        ("cxcr4_dmfi", "dmfi", "cxcr4"),
        ("cxcr4_total_dmfi", "total_dmfi", "cxcr4"),
        ("cd4_t_cd69_positive_median", "positive_median", "cd4_t_cd69"),
        ("cxcr4_surface_total", "surface_total", "cxcr4"),
    ],
)
def test_a_name_of_measurements_is_an_endpoint_behind_a_channel(name, endpoint, channel):
    found = endpoint_measured_as(name)
    assert (found[0].name, found[1]) == (endpoint, channel)


@pytest.mark.parametrize("name", ["", "dmfis", "xdmfi", "our_index_2"])
def test_a_name_of_a_labs_own_is_no_endpoint(name):
    assert endpoint_measured_as(name) is None


def test_every_endpoint_has_words_and_no_two_have_the_same():
    measured_as = {name: f"cxcr4_{name}" if "{marker}" in ENDPOINTS[name].words else name for name in ENDPOINTS}
    words = {name: endpoint_words(measured_as[name]) for name in ENDPOINTS}
    assert len(set(words.values())) == len(words)
    for name, expected in {
        "dmfi": "surface CXCR4 (ΔMFI)",
        "total_dmfi": "total CXCR4 (ΔMFI)",
        "rmfi": "surface CXCR4 (relative MFI)",
        "sed": "CXCR4-positive cells (SED)",
        "migration_msc_net": "net migration to MSC",
        "bliss_excess": "Bliss excess",
    }.items():
        assert words[name] == expected


def test_an_axis_says_of_what_a_percentage_is():
    named = {name for name, endpoint in ENDPOINTS.items() if axis_unit(name, endpoint.unit) == "% of input"}
    assert named == BOUNDS[1.0] | {"adhesion"}
    assert axis_unit("cd4_t_percent_of_parent", "%") == "% of parent"
    assert axis_unit("our_index", "ratio") == "ratio"


def test_claims_stand_in_the_order_endpoints_are_declared_in():
    names = ("ours", "adhesion", "viable_count", "migration_index", "cxcr4_total_dmfi", "cxcr4_dmfi", "reversal")
    rows = [{"claim": name, "endpoint": name, "verdict": "consistent"} for name in names]
    families = by_family(frame_from_rows(rows, COMPARISONS))
    assert [(name, part["endpoint"].tolist()) for name, part in families] == [
        ("Surface CXCR4", ["cxcr4_dmfi"]),
        ("Total CXCR4", ["cxcr4_total_dmfi"]),
        ("Migration", ["migration_index"]),
        ("Apoptosis and protection by stroma", ["viable_count", "reversal"]),
        ("Adhesion and growth", ["adhesion"]),
        ("Other", ["ours"]),
    ]
    assert family_of("cd34_dmfi") == "Surface CD34"


@pytest.mark.parametrize(
    ("endpoint", "column"),
    [("migration_index", "migrated"), ("adhesion", "adherent"), ("proliferation", "viable"), ("apoptosis", "count")],
)
def test_a_column_count_is_what_the_endpoint_counts(bench, endpoint, column):
    protocol = read_protocol("adhesion").model_copy(update={"endpoints": (EndpointSpec(endpoint=endpoint),)})
    plate = bench("adhesion", [well("A1", counts={"count": 30.0, "count_in_squares": 3.0})]).assay.plates[0]
    assert with_named_counts(plate, protocol).wells[0].counts == {column: 30.0, f"{column}_in_squares": 3.0}


def test_endpoints_that_stand_on_a_control_are_those_read_against_one():
    with_control = {name for name, endpoint in ENDPOINTS.items() if endpoint.control}
    assert with_control == {
        "dmfi", "total_dmfi", "rmfi", "percent_positive", "overton", "sed", "stain_index", "positive_median", "imfi",
        "receptors", "log2fc", "surface_total", "internalisation",
    }  # fmt: skip


def test_endpoints_of_a_unit_and_those_held_against_the_vehicle_are_these():
    assert {name for name, endpoint in ENDPOINTS.items() if endpoint.formation.vehicle} == {
        "log2fc", "specific_apoptosis", "spi", "spi_points", "reversal", "bliss_excess", "hsa_excess",
        "relative_viability",
    }  # fmt: skip
    assert {name for name, endpoint in ENDPOINTS.items() if endpoint.formation.per == "unit"} == {
        "migration_net", "migration_index", "migration_msc_net", "migration_msc_index", "migration_directed", "spi",
        "spi_points", "reversal", "bliss_excess", "hsa_excess",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("endpoint", "rests"),
    [
        ("dmfi", ()),
        ("migration_cxcl12", ("standard",)),
        ("log2fc", ("vehicle",)),
        ("surface_total", ("standard", "same arm")),
        ("checkerboard", ("standard", "same arm")),
        ("migration_index", ("standard", "same arm")),
    ],
)
def test_a_value_rests_on_the_wells_it_is_held_against(endpoint, rests):
    arms = {
        "standard": ("vehicle", "msc_contact", {"target": "input"}),
        "vehicle": ("vehicle", "mono", {}),
        "same arm": ("imatinib 1 uM", "mono", {}),
        "other context": ("imatinib 1 uM", "msc_contact", {}),
        "other drug": ("dasatinib 10 nM", "mono", {}),
    }
    conditions = AssayConditions("vehicle", "mono", {}, Catalogue(), {})
    of = {"plate": "P", "unit_id": "E1"}
    row = Measurement(
        well="A1", treatment="imatinib 1 uM", context="mono", factors={}, endpoint=endpoint, value=1.0, unit="", **of
    )
    found = set()
    for name, (treatment, context, factors) in arms.items():
        other = WellReadings(well=name, treatment=treatment, context=context, factors=factors, readouts={}, **of)
        if ENDPOINTS[endpoint].formation.rests_on(row, other, conditions):
            found.add(name)
    assert found == set(rests)


def test_surface_is_of_intact_cells_without_ligand():
    intact = {"permeabilised": False, "ligand": False}
    others = {name: endpoint.only for name, endpoint in ENDPOINTS.items() if endpoint.only not in (intact, {})}
    assert others == {
        "total_dmfi": {"permeabilised": True, "ligand": False},
        "internalisation": {"permeabilised": False, "ligand": True},
    }


@pytest.mark.parametrize(
    ("name", "quantity", "reference"),
    [
        ("rmfi", {"median": 10.0, "control_median": 0.0}, {}),
        ("log2fc", {"dmfi": 10.0}, {"dmfi": 0.0}),
        ("log2fc", {"dmfi": 0.0}, {"dmfi": 10.0}),
        ("surface_total", {"dmfi": 10.0}, {"dmfi": 0.0}),
        ("internalisation", {"dmfi": 10.0}, {"dmfi": 0.0}),
        ("migration_cxcl12", {"migrated": 10.0}, {"input": 0.0}),
        ("migration_index", {"percent": 10.0}, {"percent": 0.0}),
        ("checkerboard", {"percent": 10.0}, {"upper": 0.0, "lower": 0.0}),
        ("apoptosis", {"apoptotic": 0.0, "total": 0.0}, {}),
        ("specific_apoptosis", {"apoptosis": 50.0}, {"apoptosis": 100.0}),
        ("spi", {"specific_apoptosis": 10.0}, {"specific_apoptosis": 0.0}),
        ("reversal", {"apoptosis": 10.0}, {"alone": 20.0, "stroma": 20.0}),
        ("proliferation", {"viable": 10.0}, {"input": 0.0}),
        ("relative_viability", {"signal": 1.0}, {"signal": 0.0}),
    ],
)
def test_what_is_held_against_nothing_has_no_value(name, quantity, reference):
    assert math.isnan(ENDPOINTS[name].function(quantity, reference))

"""`assaykit protocols` and `assaykit endpoints`, as typed in a terminal."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from assaykit.cli.app import app
from assaykit.endpoints import ENDPOINTS
from assaykit.errors import EndpointError, ProtocolError
from assaykit.protocol import protocol_names


def said(*words: str) -> str:
    """Return what a command prints in a wide terminal."""
    result = CliRunner().invoke(app, list(words), env={"COLUMNS": "300"}, catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_every_protocol_is_listed():
    listed = said("protocols")
    assert all(name in listed for name in protocol_names())


def test_every_endpoint_is_listed_with_its_formula():
    listed = said("endpoints")
    assert all(f" {name} " in listed for name in ENDPOINTS)
    assert "100 * (A - V) / (100 - V)" in listed


@pytest.mark.parametrize("name", protocol_names())
def test_a_protocol_shows_its_channels_endpoints_analyses_and_criteria(name):
    shown = said("protocols", name)
    assert all(word in shown for word in ("channel role", "endpoint", "analysis", "criterion"))


def test_a_protocol_shows_its_bench_method():
    assert "Fc block" in said("protocols", "cxcr4_surface", "--method")


def test_an_endpoint_shows_its_source():
    assert "Abbott 1925" in said("endpoints", "specific_apoptosis")


@pytest.mark.parametrize(
    ("words", "error", "nearest"),
    [
        (("endpoints", "specific_apoptosys"), EndpointError, "specific_apoptosis"),
        (("protocols", "cxcr4_surfase"), ProtocolError, "cxcr4_surface"),
    ],
)
def test_a_name_that_does_not_exist_is_answered_with_the_nearest(words, error, nearest):
    with pytest.raises(error, match=f"write '{nearest}'"):
        said(*words)

"""Protocol files: what ships, what is refused, and in which words."""

from __future__ import annotations

from pathlib import Path

import pytest

from assaykit.endpoints import ENDPOINTS
from assaykit.errors import Faults, ProtocolError
from assaykit.measurements import CRITERIA, unknown_name_faults
from assaykit.protocol import (
    protocol_folder,
    protocol_method,
    protocol_names,
    protocol_schema,
    read_protocol,
)

SHIPPED = (
    "adhesion",
    "annexin_apoptosis",
    "coculture_protection",
    "combination",
    "cxcr4_internalisation",
    "cxcr4_surface",
    "dose_response",
    "immunophenotyping",
    "marker_intensity",
    "transwell_migration",
)


def refusals(text: str, folder: Path) -> list[str]:
    """Return what is said of a protocol file with this text."""
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises((ProtocolError, Faults)) as refused:
        read_protocol(path)
    return str(refused.value).splitlines()


@pytest.fixture
def cxcr4() -> str:
    return (protocol_folder() / "cxcr4_surface.toml").read_text(encoding="utf-8")


def test_ten_protocols_ship():
    assert protocol_names() == SHIPPED


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_protocol_fits_together_and_has_a_bench_method(name):
    protocol = read_protocol(name)
    assert protocol.name == name
    assert unknown_name_faults(protocol) == []
    assert sum(analysis.primary for analysis in protocol.analyses) == (protocol.panel is None)  # a study names a panel
    method = protocol_method(name)
    assert method.startswith("# ")
    assert "## What is measured" in method
    assert "## Bench" in method


def test_every_endpoint_says_what_it_means_and_where_it_is_from():
    for endpoint in ENDPOINTS.values():
        assert endpoint.meaning
        assert endpoint.formula
        assert endpoint.source
        assert endpoint.needs
    assert all(check.meaning and check.source for check in CRITERIA.values())


def test_every_endpoint_is_described_in_its_docstring():
    for name, endpoint in ENDPOINTS.items():
        assert (endpoint.function.__doc__ or "").startswith("Return "), name


def test_a_protocol_is_read_by_path_too(tmp_path, cxcr4):
    (tmp_path / "mine.toml").write_text(cxcr4, encoding="utf-8")
    assert read_protocol(tmp_path / "mine.toml") == read_protocol("cxcr4_surface")


def test_a_misspelt_protocol_is_answered_with_the_nearest():
    with pytest.raises(ProtocolError) as refused:
        read_protocol("cxcr4_surfce")
    assert str(refused.value) == (
        "a protocol must be a shipped name or a file that exists; found 'cxcr4_surfce'. Try: write 'cxcr4_surface'."
    )


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "percentile = 99.0",
            "percentil = 99.0",
            ", gate 6: every key must be a known one; found 'percentil'. Try: write 'percentile'.",
        ),
        (
            'title = "Surface CXCR4',
            'titel = "x"\ntitle = "Surface CXCR4',
            ", top level: every key must be a known one; found 'titel'. Try: write 'title'.",
        ),
        (
            'marker = "CXCR4", clone',
            'marker = "CXCR4", colne = "1D9", clone',
            ", channels, cxcr4: every key must be a known one; found 'colne'. Try: write 'clone'.",
        ),
        (
            'name = "cxcr4_surface"\n',
            "",
            ": the key 'name' is needed.",
        ),
        (
            'kind = "fmo"',
            'kind = "fom"',
            ", gate 6: a gate must have a known kind; found 'fom'. Try: write 'fmo'.",
        ),
        (
            "limit = 200",
            'limit = "many"',
            ", acceptance 1, limit: the value must be a number; found 'many'.",
        ),
        (
            'scale = "log2"',
            'scale = "log10"',
            ", analysis 1, scale: the value must be log2, log, logit or identity; found 'log10'.",
        ),
        (
            "primary = true",
            'primary = "perhaps"',
            ", analysis 1, primary: the value must be true or false; found 'perhaps'.",
        ),
        (
            "assaykit = 1",
            "assaykit = 2",
            ": a protocol must be of format 1; found assaykit = 2. Try: update assaykit, or write assaykit = 1.",
        ),
        (
            'parent = "live"',
            'parent = "lvie"',
            ", gate 4 (cd45_positive): a population {one}; found 'lvie'. Try: write 'live'.",
        ),
        (
            'channel = "cd45"',
            'channel = "cd54"',
            ", gate 4 (cd45_positive): a channel role {one}; found 'cd54'. Try: write 'cd45'.",
        ),
        (
            'endpoint = "cxcr4_dmfi"',
            'endpoint = "cxcr4_dmi"',
            ", analysis 1 (cxcr4_dmfi): an endpoint {one}; found 'cxcr4_dmi'. Try: write 'cxcr4_dmfi'.",
        ),
        (
            'name = "live"',
            'name = "cells"',
            ": each gate must have a name of its own; found 'cells' 2 times. Try: rename one.",
        ),
    ],
)
def test_a_key_that_cannot_be_used_is_refused_in_words(tmp_path, cxcr4, old, new, said):
    assert old in cxcr4
    said = said.replace("{one}", "must be one this protocol defines")
    assert f"mine.toml{said}" in refusals(cxcr4.replace(old, new, 1), tmp_path)


def test_two_faults_give_two_messages(tmp_path, cxcr4):
    broken = cxcr4.replace("percentile = 99.0", "percentil = 99.0").replace("limit = 25", 'limit = "a"')
    assert len(refusals(broken, tmp_path)) == 2


def test_a_file_that_is_not_toml_names_the_line(tmp_path):
    (said,) = refusals("assaykit = 1\nname = x\n", tmp_path)
    assert said.startswith("mine.toml: a protocol must follow TOML's grammar; found ")
    assert "line 2" in said


def test_a_file_that_is_not_utf8_is_refused(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_bytes('title = "µM"'.encode("latin-1"))
    with pytest.raises(ProtocolError, match="must be UTF-8 text; found other bytes in row 1"):
        read_protocol(path)


def test_no_message_holds_a_python_word(tmp_path, cxcr4):
    broken = cxcr4.replace("limit = 200", "limit = []").replace("names = [", 'names = "x" #[')
    words = " ".join(refusals(broken, tmp_path)).lower()
    assert not any(word in words for word in ("pydantic", "none", "dict", "tuple", "str ", "float", "valueerror"))


def test_the_schema_describes_the_file():
    schema = protocol_schema()
    assert {"gate", "readout", "endpoint", "analysis", "channels", "acceptance"} <= schema["properties"].keys()
    assert schema["additionalProperties"] is False


def test_every_key_a_lab_writes_is_explained_in_the_schema():
    models = protocol_schema()["$defs"]
    for model in ("ChannelRole", "Readout", "EndpointSpec"):
        assert all("description" in key for key in models[model]["properties"].values()), model

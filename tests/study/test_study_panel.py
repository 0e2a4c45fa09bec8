"""Markers and populations of a study: the gates, readouts and endpoints they become, and the words of refusals."""

from __future__ import annotations

from pathlib import Path

import pytest

from assaykit.errors import AssaykitError
from assaykit.measurements import unknown_name_faults
from assaykit.protocol.consistency import protocol_faults
from assaykit.study import read_study

STUDY = """
assaykit = 1
title = "panel"
unit = "donor"
[[assay]]
protocol = "{protocol}"
plates = ["P1.csv"]
fcs = "fcs/{{well}}.fcs"
"""
LAYOUT = "well,treatment,role,marker,donor\nA1,vehicle,sample,,D1\nA2,imatinib 1 uM,sample,,D1\n"
MARKERS = 'markers = { CD3 = "FITC-A", CD4 = "PE-A", CD8 = "APC-A", HLA-DR = "PB-A" }\n'


@pytest.fixture
def read(tmp_path: Path):
    (tmp_path / "fcs").mkdir()
    for well in ("A1", "A2", "A3", "A4"):
        (tmp_path / "fcs" / f"{well}.fcs").touch()

    def reader(lines: str, *, controls: str = "", protocol: str = "immunophenotyping"):
        (tmp_path / "P1.csv").write_text(LAYOUT + controls, encoding="utf-8")
        (tmp_path / "study.toml").write_text(STUDY.format(protocol=protocol) + lines, encoding="utf-8")
        return read_study(tmp_path / "study.toml").assays[0]

    return reader


def gates(assay) -> dict:
    return {gate.name: gate for gate in assay.protocol.gates if gate.name not in {"cells", "singlets", "live"}}


def test_every_marker_is_gated_by_itself_where_no_population_is_named(read):
    assay = read(MARKERS)
    assert assay.channels == {"cd3": "FITC-A", "cd4": "PE-A", "cd8": "APC-A", "hla_dr": "PB-A"}
    assert {name: (gate.kind, gate.parent, gate.channel) for name, gate in gates(assay).items()} == {
        f"{role}_positive": ("valley", "live", role) for role in ("cd3", "cd4", "cd8", "hla_dr")
    }
    assert [a.endpoint for a in assay.protocol.analyses if a.primary] == [
        f"{role}_positive_percent_of_parent" for role in ("cd3", "cd4", "cd8", "hla_dr")
    ]


def test_populations_are_gated_on_what_they_are_part_of(read):
    assay = read(
        MARKERS + 'populations = { cd4_t = "t_cells, CD4+ & cd8-", t_cells = "CD3+", dn = "t_cells CD4- CD8-" }'
    )
    made = gates(assay)
    assert {name: (gate.kind, gate.parent) for name, gate in made.items()} == {
        "t_cells": ("valley", "live"),
        "t_cells_cd4_positive": ("valley", "t_cells"),
        "t_cells_cd8_positive": ("valley", "t_cells"),
        "cd4_t": ("boolean", "t_cells"),
        "dn": ("boolean", "t_cells"),
    }
    assert made["cd4_t"].of == ("t_cells_cd4_positive", "not t_cells_cd8_positive")
    assert made["dn"].of == ("not t_cells_cd4_positive", "not t_cells_cd8_positive")
    names = {spec.measured_as for spec in assay.protocol.endpoints}
    assert {"cd4_t_percent_of_parent", "cd4_t_cd4_median", "cd4_t_hla_dr_median", "t_cells_cd4_imfi"} <= names
    assert not names & {"cd4_t_cd8_median", "dn_cd4_median"}  # negative by definition: no MFI of noise
    assert protocol_faults(assay.protocol, where="") == unknown_name_faults(assay.protocol) == []


def test_a_marker_with_fmo_or_isotype_wells_is_gated_on_them(read):
    controls = "A3,vehicle,fmo,CD4,D1\nA4,vehicle,isotype,APC-A,D1\n"
    kinds = {name: gate.kind for name, gate in gates(read(MARKERS, controls=controls)).items()}
    assert kinds == {
        "cd3_positive": "valley",
        "cd4_positive": "fmo",
        "cd8_positive": "fmo",
        "hla_dr_positive": "valley",
    }
    unstained = read(MARKERS, controls="A3,vehicle,unstained,,D1\n")
    assert {gate.kind for gate in gates(unstained).values()} == {"valley"}
    assert "cd4_dmfi" in {spec.measured_as for spec in unstained.protocol.endpoints}
    assert "cd4_dmfi" not in {spec.measured_as for spec in read(MARKERS).protocol.endpoints}


def test_a_list_of_markers_is_looked_for_under_their_names_in_the_files(read):
    assay = read('markers = ["CD3", "HLA-DR"]')
    assert assay.channels == {}
    assert assay.protocol.channels["hla_dr"].names == ("HLA-DR",)


def test_a_gate_of_a_panel_is_set_by_hand_like_any_other(read):
    assay = read(MARKERS + '[[override]]\ngate = "cd4_positive"\nvalue = 700\nreason = "figure"\n')
    assert assay.overrides[0].form.value == 700


REFUSED = {
    "": "a panel must name its markers; found none",
    'markers = { CD3 = "FITC-A", cd3 = "PE-A" }': "a marker must have a name of its own; found 'cd3'",
    'markers = { viability = "PE-A" }': "Try: write channels = { viability = ... }",
    MARKERS + 'populations = { t_cells = "CD33+" }': "a marker must be known; found 'CD33+'. Try: write 'CD3+'",
    MARKERS + 'populations = { cd4_t = "t_cells CD4+" }': "or a marker with + or -, must be known; found 't_cells'",
    MARKERS + 'populations = { t_cells = "CD3" }': "found 'CD3'. Try: write 'CD3+'",
    MARKERS + 'populations = { t_cells = "" }': "a population must be markers with + or -",
    MARKERS + 'populations = { t_cells = "CD3+ CD3-" }': "each once, after the one population it is part of",
    MARKERS + 'populations = { live_cd3_positive = "CD3- CD4+" }': "each gate must have a name of its own",
    MARKERS + 'populations = { a = "b CD3+", b = "a CD4+" }': "a population must not be part of itself; found a, b",
    MARKERS + 'populations = { live = "CD3+" }': "a population must have a name of its own; found 'live'",
    MARKERS + 'populations = { "T cells" = "CD3+" }': "must be letters, digits and underscores; found 'T cells'",
}


@pytest.mark.parametrize("lines", REFUSED)
def test_a_panel_that_cannot_be_read_is_refused_with_its_place(read, lines):
    with pytest.raises(AssaykitError) as error:
        read(lines)
    assert REFUSED[lines] in str(error.value)
    assert str(error.value).startswith("study.toml, [[assay]] 1 (immunophenotyping)")


def test_markers_need_a_protocol_with_a_panel(read):
    with pytest.raises(AssaykitError, match="a protocol that has a panel; found protocol cxcr4_surface"):
        read(MARKERS, protocol="cxcr4_surface")

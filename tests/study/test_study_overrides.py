"""What a study may set by hand, where each line holds, and in which words the others are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from assaykit.errors import AssaykitError
from assaykit.protocol.gates import BooleanGate, DebrisGate, PolygonGate, RectangleGate, ThresholdGate, ValleyGate
from assaykit.study import excluded_wells, read_study, without_overrides
from assaykit.study.overrides import gate_overrides, on_plate

STUDY = """
assaykit = 1
title = "by hand"
unit = "experiment"
[[assay]]
protocol = "cxcr4_surface"
plates = ["P1.csv", "P2.csv"]
fcs = "fcs/{plate}_{well}.fcs"
channels = { cxcr4 = "PE-A" }
"""
LAYOUT = "well,treatment,role,marker,experiment\nA1,vehicle,sample,,{0}\nA2,imatinib 1 uM,sample,,{0}\n"
LAYOUT += "A3,vehicle,fmo,cxcr4,{0}\n"
APOPTOSIS = """
[[assay]]
protocol = "annexin_apoptosis"
plates = ["Q1.csv"]
fcs = "fcs/{plate}_{well}.fcs"
"""


@pytest.fixture
def read(tmp_path: Path):
    for name in ("P1", "P2", "Q1"):
        (tmp_path / f"{name}.csv").write_text(LAYOUT.format(name.replace("Q", "E")), encoding="utf-8")
        (tmp_path / "fcs").mkdir(exist_ok=True)
        for well in ("A1", "A2", "A3", "B1"):
            (tmp_path / "fcs" / f"{name}_{well}.fcs").touch()

    def reader(lines: str, *, review: str = "", more: str = ""):
        (tmp_path / "study.toml").write_text(STUDY + more + lines, encoding="utf-8")
        (tmp_path / "review.toml").unlink(missing_ok=True)
        if review:
            (tmp_path / "review.toml").write_text(review, encoding="utf-8")
        return read_study(tmp_path / "study.toml")

    return reader


@pytest.fixture
def refused(read):
    def refuse(lines: str, **more) -> str:
        with pytest.raises(AssaykitError) as error:
            read(lines, **more)
        return str(error.value)

    return refuse


def line(text: str, reason: str = "see figure") -> str:
    return f'[[override]]\nreason = "{reason}"\n{text}\n'


def test_a_line_holds_for_its_plate_and_says_who_when_and_why(read):
    study = read(line('gate = "live"\nvalue = 1234.5\nplate = "P1"\nfrom = 900.0\nby = "AB"\non = 2026-01-31'))
    (one,) = study.assays[0].overrides
    assert (dict(one.plates), one.was, one.signed) == ({"P1": ()}, 900.0, "see figure (AB, 2026-01-31)")
    assert one.form == ThresholdGate(name="live", parent="singlets", channel="viability", value=1234.5, side="below")
    assert gate_overrides(study.assays[0], "P2", "live") == []


def test_without_plate_and_well_a_line_holds_for_all(read):
    (one,) = read(line('gate = "cells"\nkeep = "all"')).assays[0].overrides
    assert dict(one.plates) == {"P1": (), "P2": ()}
    assert one.form == BooleanGate(name="cells", operation="and", of=("all",))


def test_a_gate_takes_any_shape_and_keeps_its_name_and_parent(read):
    forms = read(
        line('gate = "cells"\nplate = "P1"\npolygon = [[1, 2], [3, 4], [5, 0]]\nx = "fsc_a"\ny = "SSC-A"')
        + line('gate = "cells"\nplate = "P2"\nmethod = "mixture"')
        + line('gate = "cml"\nshape = { kind = "rectangle", bounds = { cd45 = [100, 900] } }')
        + line('gate = "cxcr4_positive"\nmethod = "valley"')
        + line('gate = "singlets"\nvalue = 1.5')
    ).assays[0].overrides  # fmt: skip
    polygon, mixture, rectangle, valley, singlets = (one.form for one in forms)
    assert polygon == PolygonGate(name="cells", x="fsc_a", y="SSC-A", vertices=((1, 2), (3, 4), (5, 0)))
    assert mixture == DebrisGate(name="cells", method="mixture")
    assert rectangle == RectangleGate(name="cml", parent="cd45_positive", bounds={"cd45": (100, 900)})
    assert valley == ValleyGate(name="cxcr4_positive", parent="cml", channel="cxcr4", side="above")
    assert (singlets.channel, singlets.side, singlets.value) == ("fsc_a/fsc_h", "below", 1.5)
    assert singlets.ratios["fsc_a/fsc_h"].denominator == "fsc_h"


def test_the_closer_line_comes_last_and_wins(read):
    assay = read(
        line('gate = "live"\nvalue = 4\nwell = "a02"\nplate = "P1"')
        + line('gate = "live"\nvalue = 3\nwhere = { treatment = "Glivec 1 uM" }')
        + line('gate = "live"\nvalue = 2\nplate = "P1"')
        + line('gate = "live"\nvalue = 1')
    ).assays[0]  # fmt: skip
    assert [one.form.value for one in gate_overrides(assay, "P1", "live")] == [1, 2, 3, 4]
    assert [one.form.value for one in gate_overrides(assay, "P2", "live")] == [1, 3]
    by_treatment, by_well = (next(one for one in assay.overrides if one.form.value == value) for value in (3, 4))
    assert dict(by_treatment.plates) == {"P1": ("A2",), "P2": ("A2",)}
    assert dict(by_well.plates) == {"P1": ("A2",)}


def test_channels_hold_for_their_plate_only(read):
    assay = read(line('plate = "P2"\nchannels = { cxcr4 = "APC-A" }')).assays[0]
    assert [on_plate(assay, plate).channels["cxcr4"] for plate in assay.plates] == ["PE-A", "APC-A"]


def test_an_exclusion_names_its_wells_or_the_whole_plate(read):
    assay = read(
        line('plate = "P1"\nwell = ["A1", "A3"]\nexclude = true') + line('plate = "P2"\nexclude = true')
    ).assays[0]
    assert [sorted(excluded_wells(assay, plate)) for plate in assay.plates] == [["A1", "A3"], ["A1", "A2", "A3"]]


def test_the_review_beside_the_study_is_applied_hashed_and_may_name_its_study(read, tmp_path):
    written = '[[override]]\ngate = "live"\nvalue = 7\nreason = "look"\n'
    study = read("", review=written)
    assert study.assays[0].overrides[0].source == "review.toml, [[override]] 1"
    assert tmp_path / "review.toml" in [file.path for file in study.inputs]
    assert read("", review=f'study = "other.toml"\n{written}').assays[0].overrides == ()
    assert without_overrides(study).assays[0].overrides == ()


def test_one_assay_of_several_is_found_by_its_gate_or_its_plate(read):
    study = read(line('gate = "annexin_negative"\nvalue = 9') + line('plate = "Q1"\nexclude = true'), more=APOPTOSIS)
    assert [len(assay.overrides) for assay in study.assays] == [0, 2]


def test_each_stratum_takes_the_lines_of_its_wells(read, tmp_path):
    rows = ["well,treatment,line,experiment", "A1,vehicle,K562,E1", "A2,imatinib 1 uM,K562,E1", "B1,vehicle,HL60,E1"]
    (tmp_path / "P1.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (tmp_path / "P2.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    lines = line('well = "B1"\nplate = "P1"\nexclude = true') + line(
        'assay = "cxcr4_surface"\ngate = "live"\nvalue = 5'
    )
    assays = read('by = ["line"]\n' + lines).assays
    assert {assay.stratum: len(assay.overrides) for assay in assays} == {"line = K562": 1, "line = HL60": 2}


REFUSED = {
    'gate = "live"\nvalue = 1\nplate = "P9"': "a plate must be one that the assay has; found 'P9'",
    'gate = "livee"\nvalue = 1': "a gate must be one that protocol cxcr4_surface has; found 'livee'. Try: write 'live'",
    'plate = "P1"\nwell = "H12"\nexclude = true': "a well must be one that the layout describes; found 'H12' of P1",
    'plate = "P1"\nchannels = { cxcr = "PE-A" }': "a channel role must be one that protocol cxcr4_surface has; found",
    'assay = "cxcr4"\nexclude = true': "an assay must be one that the study has; found 'cxcr4'",
    'where = { tretment = "vehicle" }\nexclude = true': "a factor must be one that the layouts have; found 'tretment'",
    'where = { treatment = "dasatinib 1 nM" }\nexclude = true': "a level of treatment must be one that the",
    'where = { treatment = "imatinob 1 uM" }\nexclude = true': "a drug must be in the catalogue",
    'gate = "live"': "an override must make one change: value, polygon, shape, method, keep, channels, exclude",
    'gate = "live"\nvalue = 1\nkeep = "all"': "an override must make one change",
    "value = 1": "'value' must stand with the gate it sets; found no gate",
    'gate = "live"\nexclude = true': "'exclude' must stand without a gate",
    'well = "A1"\nchannels = { cxcr4 = "PE-A" }': "channels must be set for whole plates",
    'gate = "cells"\npolygon = [[1, 2], [3, 4], [5, 6]]': "a polygon must name the channels of its corners",
    'gate = "cells"\npolygon = [[1, 2], [3, 4]]\nx = "fsc_a"\ny = "ssc_a"': "'polygon' must be three corners or more",
    'gate = "cells"\nmethod = "otsu"': "the method of cells must be one of valley, mixture; found 'otsu'",
    'gate = "cells"\nvalue = "high"': "'value' must be a number; found 'high'",
    'gate = "cells"\nvalue = nan': "'value' must be a finite number",
    'gate = "cells"\nvalu = 1': "a key must be one a study has; found 'valu'. Try: write 'value'",
    'gate = "cells"\nshape = { kind = "rectangl" }': "a gate must have a known kind; found 'rectangl'",
    'gate = "cells"\nshape = { kind = "boolean", operation = "and", of = ["live"] }': "a shape must be drawn on",
    'plate = "P1"\nexclude = true\nsha256 = "00"': "sha256 must stand with one well",
}  # fmt: skip


@pytest.mark.parametrize("text", REFUSED)
def test_a_line_that_fits_nothing_is_refused_with_its_place_and_the_nearest_name(refused, text):
    said = refused(line(text))
    assert said.startswith("study.toml, [[override]] 1")
    assert REFUSED[text] in said


def test_a_line_without_a_reason_is_refused(refused):
    assert "[[override]] 1: the key 'reason' is needed" in refused('[[override]]\ngate = "live"\nvalue = 1\n')
    assert "'reason' must be a sentence" in refused(line("exclude = true", reason=""))


def test_the_review_is_held_to_the_same_and_named(refused):
    assert refused("", review=line('gate = "livee"\nvalue = 1')).startswith("review.toml, [[override]] 1: a gate must")
    assert "review.toml, [[override]] 1: the key 'reason'" in refused("", review="[[override]]\nexclude = true\n")
    assert "review.toml: a key must be one a study has; found 'overide'. Try: write 'override'" in refused(
        "", review="[[overide]]\nexclude = true\n"
    )
    assert "grammar" in refused("", review="[[override]\n")


def test_two_lines_that_set_one_thing_otherwise_contradict_each_other(refused, read):
    both = line('gate = "live"\nvalue = 1\nplate = "P1"')
    assert "one line must set the gate live for a well" in refused(both + both.replace("value = 1", "value = 2"))
    assert "study.toml, [[override]] 1 and review.toml, [[override]] 1" in refused(
        both, review=both.replace("value = 1", "value = 2")
    )
    channels = line('plate = "P1"\nchannels = { cxcr4 = "PE-A" }')
    assert "the channel of cxcr4" in refused(channels + channels.replace("PE-A", "APC-A"))
    assert len(read(both + both.replace("P1", "P2").replace("value = 1", "value = 2")).assays[0].overrides) == 2
    assert len(read(both + both).assays[0].overrides) == 2  # the same twice is no contradiction


def test_a_line_that_fits_several_assays_must_name_one(refused, read):
    said = refused(line('gate = "cells"\nvalue = 1'), more=APOPTOSIS)
    assert "an override must name its assay where several fit; found cxcr4_surface, annexin_apoptosis" in said
    named = line('assay = "annexin_apoptosis"\ngate = "cells"\nvalue = 1')
    assert [len(assay.overrides) for assay in read(named, more=APOPTOSIS).assays] == [0, 1]

"""Cell lines: what a name means in any spelling, and what a lab may add."""

from __future__ import annotations

import pytest

from assaykit.errors import Faults, LineError
from assaykit.line import KINDS, read_lines
from assaykit.line.catalogue import plain_line

LINES = read_lines()


def test_no_name_means_two_lines():
    owners = {}
    for line in LINES.lines:
        for name in line.names:
            assert owners.setdefault(plain_line(name), line.name) == line.name, name


@pytest.mark.parametrize(
    ("written", "name", "kind"),
    [
        ("k562", "K562", "cml"),
        ("K-562 cells (ATCC CCL-243)", "K562", "cml"),
        ("LAMA-84", "LAMA84", "cml"),
        ("BV 173", "BV173", "cml"),
        ("MEG 01", "MEG-01", "cml"),
        ("CML CD34+", "primary CML", "cml"),
        ("K562/IR", "K562-R", "resistant"),
        ("SUPB15", "SUP-B15", "ph_all"),
        ("HL-60", "HL60", "bcr_abl_negative"),
        ("KG1a", "KG-1a", "bcr_abl_negative"),
        ("KG-1", "KG-1", "bcr_abl_negative"),
        ("Jurkat", "Jurkat", "bcr_abl_negative"),
        ("MV4;11", "MV4-11", "bcr_abl_negative"),
        ("BaF3 p210", "Ba/F3 BCR-ABL", "engineered"),
        ("BaF3", "Ba/F3", "bcr_abl_negative"),
        ("cord blood CD34+", "normal CD34+", "normal"),
        ("HS5", "HS-5", "stroma"),
    ],
)
def test_a_line_is_known_in_the_spellings_of_labs(written, name, kind):
    line = LINES.find(written)
    assert line is not None
    assert (line.name, line.kind) == (name, kind)


def test_a_line_that_is_not_listed_is_none_and_no_other_number_is_suggested():
    assert LINES.find("XYZ-9") is None
    assert LINES.find("K563") is None
    assert LINES.nearest("K563") == ""
    assert LINES.nearest("Jurcat") == "Jurkat"


def test_a_lab_adds_a_line_and_replaces_another(tmp_path):
    own = tmp_path / "lines.toml"
    own.write_text('[[line]]\nname = "LabLine-1"\nkind = "cml"\n[[line]]\nname = "HL60"\nkind = "normal"\n')
    lines = read_lines([own])
    assert lines.find("labline 1").kind == "cml"
    assert lines.find("HL-60").kind == "normal"
    assert lines.find("K562").kind == "cml"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[line]]\nname = "A"\nkind = "leukaemia"\n', "kinds are cml, resistant, ph_all"),
        ('[[line]]\nkind = "cml"\n', "'name': Field required"),
        ('[[line]]\nname = "A"\nkind = "cml"\nsynonyms = ["k-562"]\n', "'K562' for K562 and A"),
        ('[[lines]]\nname = "A"\n', "write [[line]]"),
    ],
)
def test_a_catalogue_that_does_not_follow_the_form_says_so(tmp_path, text, said):
    own = tmp_path / "lines.toml"
    own.write_text(text)
    with pytest.raises((LineError, Faults)) as refused:
        read_lines([own])
    assert said in str(refused.value)


def test_every_kind_has_words_and_a_line():
    assert {line.kind for line in LINES.lines} == set(KINDS)

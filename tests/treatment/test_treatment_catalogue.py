"""The drug catalogue: shipped, extended by a lab, and consistent."""

from __future__ import annotations

from collections import Counter

import pytest

from assaykit.errors import Faults, TreatmentError
from assaykit.treatment import parse_treatment, read_drugs
from assaykit.treatment.catalogue import plain


def test_no_name_means_two_drugs():
    names = Counter(plain(name) for drug in read_drugs().drugs for name in {plain(each): each for each in drug.names})
    assert [name for name, times in names.items() if times > 1] == []


def test_every_dosed_drug_has_a_class_and_a_range_with_its_source():
    assert [
        drug.name
        for drug in read_drugs().drugs
        if not drug.drug_class or (drug.dosed and not (drug.range and drug.range_source))
    ] == []


def test_plerixafor_disturbs_clone_12g5_and_not_1d9():
    (interference,) = read_drugs()["AMD3100"].interferences
    assert (interference.marker, interference.clones) == ("CXCR4", ("12G5",))
    assert "1D9" in interference.free_clones


def test_a_lab_adds_a_drug_and_replaces_another(tmp_path):
    own = tmp_path / "drugs.toml"
    own.write_text(
        '[[drug]]\nname = "flumatinib"\nsynonyms = ["HHGV678"]\nclass = "tki"\nrange = ["1 nmol/L", "1 µM"]\n'
        '[[drug]]\nname = "imatinib"\nclass = "tki"\n'
    )
    drugs = read_drugs(own)
    assert str(parse_treatment("hhgv-678 5 nM", drugs)) == "flumatinib 5 nM"
    assert drugs["flumatinib"].range == ("1 nM", "1 uM")
    assert drugs["imatinib"].range is None
    assert drugs["dasatinib"] == read_drugs()["dasatinib"]


def test_all_faults_of_a_catalogue_are_told_at_once(tmp_path):
    own = tmp_path / "drugs.toml"
    own.write_text('[[drug]]\nnam = "a"\n[[drug]]\nname = "b"\nrange = ["5 uM", "1 uM"]\n')
    with pytest.raises(Faults) as raised:
        read_drugs(own)
    assert len(raised.value.errors) == 3


def test_a_drug_that_is_not_there_is_none_and_the_nearest_is_named():
    drugs = read_drugs()
    assert drugs.find("imatinb") is None
    assert drugs.nearest("imatinb") == "imatinib"
    with pytest.raises(KeyError):
        drugs["imatinb"]


def test_a_missing_catalogue_is_refused(tmp_path):
    with pytest.raises(TreatmentError, match="a drug catalogue must exist"):
        read_drugs(tmp_path / "none.toml")

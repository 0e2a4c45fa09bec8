"""Treatments as labs really write them, one list a canonical text; and what stays refused, with the reason."""

from __future__ import annotations

import pytest

from assaykit.errors import TreatmentError
from assaykit.treatment import parse_treatment, read_drugs

DRUGS = read_drugs()
SPELLINGS = {
    "imatinib 1 uM": [
        "1uM imatinib",
        "imatinib 1µM",
        "Imatinib (1 µM)",
        "Imatinib [1 µM]",
        "imatinib_1uM",
        "imatinib-1uM",
        "imatinib1uM",
        "Imatinib @ 1uM",
        "Imatinib: 1 µM",
        "Imatinib=1uM",
        "imatinib, 1 uM",
        "IMATINIB 1 UM",
        "imatinib 1 micromolar",
        "imatinib 1 umol/l",
        "imatinib 1 µmol·L-1",
        "imatinib 1 µmol L−1",
        "imatinib 1e-6 M",
        "imatinib 10^-6 M",
        "imatinib 1x10-6 M",
        "imatinib 1×10⁻⁶ M",
        "imatinib 1000nM",
        "imatinib mesylate 1 uM",
        "imatinib mesilate 1 µM",
        "Imatinibmesylat 1 µM",
        "Gleevec 1uM",
        "STI-571 1uM",
        "STI 571 1 uM",
        "IMA 1 µM",
        "imat 1 uM",
        "imatinib 1 uM + DMSO",
    ],
    "dasatinib 10 nM": [
        "Das 10 nM",
        "dasa 10nM",
        "DASATINIB 10 nmol/L",
    ],
    "nilotinib 1 uM": [
        "nilo 1 uM",
    ],
    "imatinib 1 uM + plerixafor 10 uM": [
        "imatinib 1 uM, plerixafor 10 uM",
        "imatinib 1uM,plerixafor 10uM",
        "1 uM imatinib, 10 uM plerixafor",
        "imatinib 1 uM; plerixafor 10 uM",
        "imatinib 1 uM / plerixafor 10 uM",
        "imatinib 1uM/plerixafor 10uM",
        "imatinib 1 uM with plerixafor 10 uM",
        "imatinib 1 uM w/ plerixafor 10 uM",
        "imatinib 1 uM plus AMD3100 10 uM",
        "imatinib 1 uM & AMD3100 10 uM",
        "imatinib 1 uM und Plerixafor 10 µM",
        "imatinib 1 uM y plerixafor 10 uM",
        "imatinib 1 uM con plerixafor 10 uM",
        "imatinib 1 uM mit plerixafor 10 uM",
        "imatinib (1 uM) + plerixafor (10 uM)",
        "imatinib 1uM+plerixafor 10uM",
        "imatinib_1uM_plerixafor_10uM",
    ],
    "imatinib 1 uM then dasatinib 10 nM": [
        "imatinib 1 uM -> dasatinib 10 nM",
        "imatinib 1 uM followed by dasatinib 10 nM",
    ],
    "imatinib 1 uM then vehicle": [
        "imatinib 1 uM then washout",
        "imatinib 1 uM, washout",
    ],
    "vehicle": [
        "DMSO",
        "0.1% DMSO",
        "DMSO 0.1%",
        "DMSO 0,1 %",
        "DMSO (0.1 %)",
        "DMSO 0.1% v/v",
        "DMSO 1:1000",
        "vehicle (DMSO)",
        "Vehicle control (0.1% DMSO)",
        "DMSO control",
        "DMSO ctrl",
        "DMSO only",
        "Veh",
        "veh.",
        "vehicle ctrl",
        "solvent control",
        "vehicle only",
        "PBS",
        "water",
        "ethanol 0.1%",
        "EtOH",
        "Lösungsmittel",
        "Lösungsmittelkontrolle",
        "vehículo",
        "control de vehículo",
        "Vehikel",
        "imatinib 0 uM",
    ],
    "untreated": [
        "untreated control",
        "unbehandelt",
        "sin tratamiento",
        "no drug",
        "no treatment",
        "UT",
    ],
    "PP2 10 uM": ["PP2, 10 uM", "PP2 10uM", "PP210uM", "10 µM of PP2"],
    "simvastatin 5 uM": [
        "simvastatin 5 µM",
        "Simvastatina 5 µM",
        "Simva 5 uM",
    ],
    "lovastatin 5 uM": [
        "lovastatina 5 uM",
    ],
    "atorvastatin 5 uM": [
        "atorvastatina 5 uM",
        "atorvastatin calcium 5 uM",
    ],
    "mevalonate 100 uM": [
        "mevalonic acid 100 uM",
        "Mevalonat 100 uM",
    ],
    "CXCL12 100 ng/mL": [
        "SDF-1α 100 ng/mL",
        "SDF1a 100ng/ml",
        "SDF-1alpha 100 ng ml-1",
        "CXCL12 100 ng·mL−1",
        "rhSDF-1a 100 ng/mL",
    ],
    "interferon alfa-2b 1000 U/mL": [
        "IFN-α 1000 U/mL",
        "IFNa 1000 IU/ml",
        "interferon-alpha 1000 units/mL",
        "Interferon alfa 1000 UI/mL",
        "interferón alfa 1000 U/mL",
    ],
    "interferon gamma 10 ng/mL": [
        "IFN-gamma 10 ng/mL",
    ],
    "mavorixafor 5 uM": [
        "AMD070 5 uM",
    ],
    "motixafortide 1 uM": [
        "BL-8040 1 uM",
        "BKT140 1 uM",
    ],
    "TN14003 100 nM": [
        "TN-14003 100 nM",
    ],
    "methyl-beta-cyclodextrin 5 mM": [
        "MβCD 5 mM",
        "methyl-β-cyclodextrin 5 mM",
        "MßCD 5 mM",
    ],
    "cytarabine 1 uM": [
        "AraC 1 uM",
        "Ara-C 1 µM",
        "citarabina 1 uM",
        "Cytarabin 1 uM",
    ],
    "staurosporine 1 uM": [
        "staurosporin 1 uM",
        "estaurosporina 1 uM",
    ],
    "AMD3465 1 uM + plerixafor 10 uM": [
        "AMD3100 10 uM + AMD3465 1 uM",
    ],
    "imatinib 2.5 uM": [
        "imatinib 2.5 µM",
        "imatinib 2,5 µM",
    ],
    "imatinib 500 nM": [
        "0.5 uM IM",
    ],
    "PP2 10 uM + nilotinib 1 uM": [
        "nilotinib 1 uM + PP2 10 uM",
    ],
}


@pytest.mark.parametrize(
    ("written", "canonical"), [(text, name) for name, texts in SPELLINGS.items() for text in texts]
)
def test_what_labs_write_is_read(written, canonical):
    assert str(parse_treatment(written, DRUGS)) == canonical
    assert parse_treatment(canonical, DRUGS) == parse_treatment(written, DRUGS)


def test_a_sequence_is_an_arm_of_its_own_and_never_the_combination():
    sequence = parse_treatment("imatinib 1 uM for 24 h then plerixafor 10 uM", DRUGS)
    together = parse_treatment("imatinib 1 uM + plerixafor 10 uM", DRUGS)
    assert [dose.drug for dose in sequence.doses] == ["imatinib 1 uM for 24 h then plerixafor 10 uM"]
    assert [dose.drug for dose in together.doses] == ["imatinib", "plerixafor"]
    assert sequence.drugs == together.drugs == ("imatinib", "plerixafor")
    assert [step.hours for step in sequence.steps] == [24.0, None]
    assert sequence != parse_treatment("plerixafor 10 uM then imatinib 1 uM for 24 h", DRUGS)
    longer = parse_treatment("imatinib 1 uM for 2 days then plerixafor 10 uM for 30 min", DRUGS)
    assert [step.hours for step in longer.steps] == [48.0, 0.5]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("imatinib 1 uM 48 h", "write the time in a column of the layout"),
        ("48h imatinib 1 uM", "write the time in a column of the layout"),
        ("imatinib -1 uM", "delete the minus sign"),
        ("control", "write 'vehicle' for wells with solvent, 'untreated' for wells without"),
        ("mock", "write 'vehicle' for wells with solvent, 'untreated' for wells without"),
        ("imatinib 1", "write 'imatinib 1 uM', if that is the unit"),
        ("imatinib", "a drug must have a dose"),
        ("MSC + imatinib 1 uM", "name stroma in the column 'context'"),
        ("imatinib 1, 5 uM", "a dose must have a unit"),
        ("imatinib 1 uM + STI571 2 uM", "imatinib twice"),
        ("imatinib 1 uM + untreated", "must stand alone"),
        ("imatinib 1 uM" + " + imatinib 1 uM" * 30, "must be shorter than 300 characters"),
    ],
)
def test_what_is_no_treatment_is_refused_with_what_to_write(written, said):
    with pytest.raises(TreatmentError) as refused:
        parse_treatment(written, DRUGS)
    assert said in str(refused.value)


@pytest.mark.parametrize("code", ["AMD071", "AMD3101", "BL-8041", "SKI-607"])
def test_a_code_with_another_number_is_never_suggested(code):
    assert DRUGS.nearest(code) == ""


def test_a_misspelt_name_is_still_suggested():
    assert DRUGS.nearest("imatinb") == "imatinib"
    assert DRUGS.nearest("AMD310O") == ""  # an O for a zero: another number to us, and no guess

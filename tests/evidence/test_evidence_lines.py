"""Every claim stands on the lines it names: two words of the text that only those lines must hold."""

from __future__ import annotations

import re

import pytest

from assaykit.evidence import read_claims

FILES = {"EN": "000_9b4141e59488b9eb.txt", "ES": "001_bd5de012352aaf4b.txt"}
WORDS = {
    "EN-01": ("chemotaxis", "CXCL12"),
    "EN-02": ("self-renewal", "differentiation"),
    "EN-03": ("blocking", "circulate"),
    "EN-04": ("imatinib", "targeted"),
    "EN-05": ("p210BCR-ABL", "inhibit"),
    "EN-06": ("release", "circulation"),
    "EN-07": ("antagonist", "migrate"),
    "EN-08": ("protected", "relapse"),
    "EN-09": ("resistant", "primary"),
    "EN-10": ("CXCR4", "mesenchymal"),
    "EN-11": ("migration", "stromal"),
    "EN-12": ("adhesion", "niche"),
    "EN-13": ("resistance", "CXCL12"),
    "EN-14": ("therapy", "CXCR4"),
    "EN-15": ("rafts", "LynTyr396"),
    "EN-16": ("inhibitors", "Research"),
    "EN-17": ("Plerixafor", "sensitive"),
    "EN-18": ("destroying", "effectiveness"),
    "EN-19": ("Lyn-kinase", "migration"),
    "EN-20": ("p210", "activated"),
    "EN-21": ("rafts", "cholesterol"),
    "EN-22": ("reposition", "LynTyr396"),
    "EN-23": ("resistance", "modulation"),
    "EN-24": ("HL60", "MSC"),
    "EN-25": ("universal", "leukemia"),
    "EN-26": ("migration", "survival"),
    "EN-27": ("Srckinase", "diminish"),
    "EN-28": ("dasatinib", "imatinib"),
    "EN-29": ("cytogenetic", "28%"),
    "EN-30": ("blockade", "Lyn-dependent"),
    "EN-31": ("resistance", "expressionincreasing"),
    "EN-32": ("lymphoblastic", "p210"),
    "EN-33": ("combined", "death"),
    "EN-34": ("usefulness", "ALL"),
    "EN-35": ("cholesterol", "Chemotaxis"),
    "EN-36": ("statins", "rafts"),
    "EN-37": ("simvastatin", "lovastatin"),
    "EN-38": ("cholesterol", "statin"),
    "EN-39": ("inhibitors", "resistance"),
    "EN-40": ("dasatinib", "Lyn-kinase"),
    "ES-01": ("15-20%", "100.000"),
    "ES-02": ("crisis", "todos"),
    "ES-03": ("IRIS", "81%"),
    "ES-04": ("mayores", "jóvenes"),
    "ES-05": ("45%", "tercio"),
    "ES-06": ("intrínsecos", "mutaciones"),
    "ES-07": ("biodisponibilidad", "micromedioambiente"),
    "ES-08": ("GRB2", "SOS"),
    "ES-09": ("Raf", "crecimiento"),
    "ES-10": ("PI3K", "muerte"),
    "ES-11": ("FAK", "adhesión"),
    "ES-12": ("JAK-STAT", "BCL-2"),
    "ES-13": ("stem", "CD34"),
    "ES-14": ("OCT-1", "captación"),
    "ES-15": ("OCT-1", "molecular"),
    "ES-16": ("beta-catenina", "murinos"),
    "ES-17": ("Abe", "transcriptos"),
    "ES-18": ("sobrenadantes", "GM-CSF"),
    "ES-19": ("blástica", "GMP"),
    "ES-20": ("estroma", "citoquinas"),
    "ES-21": ("osteoblástico", "vascular"),
    "ES-22": ("VLA-4", "fibronectina"),
    "ES-23": ("N-cadherina", "maduración"),
    "ES-24": ("mantenimiento", "CXCL-12"),
    "ES-25": ("CD44", "VLA-4"),
    "ES-26": ("N-cadherinas", "ITK"),
    "ES-27": ("proliferación", "inalterada"),
    "ES-28": ("apoptosis", "quiescencia"),
    "ES-29": ("linfocitos", "inmunomoduladora"),
    "ES-30": ("adhesión", "migración"),
    "ES-31": ("CXCR4", "baja"),
    "ES-32": ("restaurar", "imatinib"),
    "ES-33": ("susceptibles", "nicho"),
    "ES-34": ("antagonistas", "integrinas"),
    "ES-35": ("plerixafor", "induce"),
    "ES-36": ("adhesión", "matriz"),
    "ES-37": ("nilotinib", "Weisberg"),
    "ES-38": ("residual", "bloquean"),
    "ES-39": ("recaídas", "MSC"),
    "ES-40": ("persistencia", "TKI"),
    "ES-41": ("Vianello", "non-selectively"),
}


def numbered(lines: str) -> list[int]:
    """Return the line numbers of e.g. '45-46; figure 1 at 56-57'."""
    found: list[int] = []
    for part in re.split(r"[;,]| and ", lines.replace("figure 1 at", "")):
        ends = [int(number) for number in re.findall(r"\d+", part)]
        found += range(ends[0], ends[-1] + 1) if ends else []
    return found


@pytest.mark.corpus
def test_the_lines_of_every_claim_hold_its_words(corpus):
    texts = {key: (corpus / "reviews" / name).read_text(encoding="utf-8").split("\n") for key, name in FILES.items()}
    assert len(WORDS) == 81
    for claim in read_claims():
        text = " ".join(texts[claim.review][number - 1] for number in numbered(claim.lines)).lower()
        assert [word for word in WORDS[claim.id] if word.lower() not in text] == [], claim.id

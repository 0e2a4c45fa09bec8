"""A panel on mouse splenocytes of an LSRII, held against its authors' manual gates; and set right by hand."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from assaykit.pipeline import run
from assaykit.study import read_study

STUDY = """
assaykit = 1
title = "Splenocytes"
unit = "mouse"
drugs = "drugs.toml"
[[assay]]
protocol = "immunophenotyping"
plates = ["plate.csv"]
channels = { viability = "Alexa Fluor 405-A" }
markers = { CD8 = "Alexa Fluor 488-A", Va2 = "PE-A", CD44 = "Alexa Fluor 647-A", CD4 = "Alexa Fluor 700-A" }
populations = { t_cells = "Va2+", cd4_t = "t_cells CD4+ CD8-", cd8_t = "t_cells CD8+ CD4-" }
"""
WELLS = {"A1": "Activation_1", "A2": "Activation_16"}
OURS = {"t_cells": "T Cells", "cd4_t": "CD4 T Cells", "cd8_t": "CD8 T Cells"}

pytestmark = pytest.mark.corpus


def panel(folder: Path, corpus: Path, lines: str = ""):
    files = corpus / "plates" / "activation"
    treatments = ("vehicle", "SIINFEKL 1 uM")
    rows = [
        f"{well},{files / name}.fcs,{drug},M1" for (well, name), drug in zip(WELLS.items(), treatments, strict=True)
    ]
    (folder / "plate.csv").write_text("\n".join(["well,file,treatment,mouse", *rows]) + "\n", encoding="utf-8")
    (folder / "drugs.toml").write_text('[[drug]]\nname = "SIINFEKL"\nclass = "other"\n', encoding="utf-8")
    (folder / "study.toml").write_text(STUDY + lines, encoding="utf-8")
    return run(read_study(folder / "study.toml"))


def manual(corpus: Path, name: str) -> pd.Series:
    return pd.read_csv(corpus / "plates" / "activation" / f"{name}.manual.csv.gz").sum()


def test_shares_of_t_cells_agree_with_the_manual_gates(tmp_path, corpus):
    """CD4 and CD8 within 4 points of the authors' shares of T cells, whose own gates were polygons drawn by eye."""
    results = panel(tmp_path, corpus)
    table = results.tables["measurements"].set_index(["well", "endpoint"])["value"]
    for well, name in WELLS.items():
        truth = manual(corpus, name)
        for ours in ("cd4_t", "cd8_t"):
            share = 100 * truth[OURS[ours]] / truth["T Cells"]
            assert table[well, f"{ours}_percent_of_parent"] == pytest.approx(share, abs=4)
    assert table["A2", "t_cells_cd44_median"] > table["A1", "t_cells_cd44_median"]  # activated cells carry more CD44


def test_one_mouse_is_described_and_not_tested(tmp_path, corpus):
    results = panel(tmp_path, corpus)
    assert results.tables["measurements"]["value"].notna().sum() > 20
    assert results.tables["estimates"]["p_value"].isna().all()
    assert results.tables["estimates"]["reason"].str.len().gt(0).all()


def test_a_gate_drawn_by_hand_gives_the_authors_share_of_live_cells(tmp_path, corpus):
    """The authors part live from dead by two Hoechst channels; here one serves, at 5,000 by hand."""
    line = '[[override]]\ngate = "live"\nvalue = 5000\nreason = "live cells with a little dye were cut"\n'
    results = panel(tmp_path, corpus, line)
    events = results.tables["populations"].set_index(["well", "population"])["events"]
    for well, name in WELLS.items():
        assert events[well, "live"] == pytest.approx(manual(corpus, name)["Live Cells"], rel=0.2)
    assert results.tables["overrides"]["before"].str.startswith("viability below").all()

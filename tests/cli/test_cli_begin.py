"""`assaykit init --from`: what a lab has becomes a study that a person completes, checks and runs."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import numpy as np
import openpyxl
import pytest
from inputs.seeds import workspace

from assaykit.cli import main
from assaykit.fcs import events_from_array, write_fcs
from assaykit.protocol import read_protocol
from assaykit.study.proposal import SampleNamed, proposed_samples
from assaykit.treatment import read_drugs

ARMS = (("vehicle", 5000, 5.0), ("imatinib 1 uM", 9000, 30.0))
SAMPLES = [
    (day, f"{letter}{number}", treatment, median * (1 + 0.05 * day) + 10 * (letter == "B"), share + 0.5 * day)
    for day in (1, 2, 3)
    for number, (treatment, median, share) in enumerate(ARMS, 1)
    for letter in "AB"
]


@pytest.fixture
def assaykit(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["assaykit", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            main()
        printed = capsys.readouterr()
        return stopped.value.code, printed.out, printed.err

    return call


def rows_of(layout: Path) -> list[dict[str, str | None]]:
    head, *rows = openpyxl.load_workbook(layout).worksheets[0].iter_rows(values_only=True)
    return [dict(zip(head, row, strict=True)) for row in rows]


def complete(layout: Path, treatments: dict[str, str], **columns: str) -> None:
    """Fill a layout in as a person would: each sample's treatment, and one value for a column."""
    book = openpyxl.load_workbook(layout)
    sheet = book.worksheets[0]
    places = {cell.value: cell.column for cell in sheet[1]}
    for row in range(2, sheet.max_row + 1):
        sheet.cell(row, places["treatment"]).value = treatments[sheet.cell(row, places["file"]).value]
        for name, value in columns.items():
            sheet.cell(row, places[name]).value = value
    book.save(layout)


def flowjo(folder: Path) -> dict[str, str]:
    """Write a FlowJo table of three days; return each sample's treatment."""
    lines = [",Live | Count,Live | Median (Comp-PE-A :: CXCR4),Live/Annexin V+ | Freq. of Parent (%),"]
    treatments = {}
    for number, (day, well, treatment, median, share) in enumerate(SAMPLES):
        name = f"day{day}_Specimen_001_{well}_{number:03d}.fcs"
        lines.append(f"{name},8000,{median},{share},")
        treatments[name] = treatment
    for day in (1, 2, 3):
        name = f"day{day}_Specimen_001_FMO-CXCR4_H1.fcs"
        lines.append(f"{name},8000,300,1.0,")
        treatments[name] = "vehicle"
    (folder / "flowjo.csv").write_text("\n".join([*lines, "Mean,1,2,3,", "SD,1,2,3,"]))
    return treatments


def test_a_flowjo_table_becomes_a_study_whose_assays_and_columns_are_proposed(assaykit, tmp_path):
    flowjo(tmp_path)
    code, out, _ = assaykit("init", "--from", "flowjo.csv")
    assert code == 0
    assert "15 samples, 3 columns; protocol annexin_apoptosis, cxcr4_surface" in out
    assert "to do: 12 of 12 samples have no treatment in plates/layout.xlsx" in out
    death, surface = tomllib.loads((tmp_path / "flowjo" / "study.toml").read_text())["assay"]
    assert death["columns"] == {
        "Live | Count": "cml count",
        "Live | Median (Comp-PE-A :: CXCR4)": "unused",
        "Live/Annexin V+ | Freq. of Parent (%)": "apoptotic percent_of_parent",
    }
    assert surface["columns"]["Live | Median (Comp-PE-A :: CXCR4)"] == "cxcr4 median"
    layout = rows_of(tmp_path / "flowjo" / "plates" / "layout.xlsx")
    assert layout[0] | {"file": ""} == {
        "plate": "day1", "well": "A1", "file": "", "role": None, "marker": None,
        "treatment": None, "context": None, "experiment": "day1",
    }  # fmt: skip
    assert [(row["plate"], row["role"], row["marker"]) for row in layout[-3:]] == [
        (f"day{day}", "fmo", "cxcr4") for day in (1, 2, 3)
    ]


def test_a_study_of_a_flowjo_table_is_checked_and_run_once_its_layout_is_complete(assaykit, tmp_path):
    treatments = flowjo(tmp_path)
    assaykit("init", "--from", "flowjo.csv")
    code, out, _ = assaykit("check", "flowjo", "--no-plates")
    assert code == 2
    assert "a sample well must name its treatment" in out
    complete(tmp_path / "flowjo" / "plates" / "layout.xlsx", treatments)
    code, out, _ = assaykit("check", "flowjo", "--no-plates")
    assert code == 0
    assert "apoptosis (primary): 1 treatment contrasts can be estimated, n = 3" in out
    assert "cxcr4_dmfi (primary): 1 treatment contrasts can be estimated, n = 3" in out
    code, out, _ = assaykit("run", "flowjo/study.toml", "-o", "results", "-w", "1", "--no-report")
    assert code == 0
    assert "n = 3 independent units (experiment)" in out
    assert "Imatinib 1 µM raised surface CXCR4" in out


@pytest.mark.parametrize(
    ("name", "text", "protocol", "columns"),
    [
        ("diva", "Specimen Name,Well Name,All Events #Events,Live #Events,Live PE-A Median\nS,A01,10000,8000,5000\n",
         "marker_intensity",
         {"Live #Events": "cells count", "Live PE-A Median": "marker median", "All Events #Events": "unused"}),
        ("cytexpert", "Tube Name: A1-vehicle,,\nPopulation,Events,Median PE-A\nAll Events,10000,50\nLive,8000,5000\n",
         "marker_intensity", {"Live | Median PE-A": "marker median", "All Events | Median PE-A": "unused"}),
        ("attune", "Sample,Well,Gate,Count,%Gated,X Parameter,X Median\nv,A1,R1,8000,80,YL1-A,5000\n",
         "marker_intensity", {"R1 | Median (YL1-A)": "marker median", "R1 | Count": "cells count"}),
        ("kaluza", "Data Set;Gate;%Gated\nA01.lmd;Live;80,1\nA01.lmd;Annexin V+;5,2\n", "annexin_apoptosis",
         {"Annexin V+ | %Gated": "apoptotic percent_of_parent", "Live | %Gated": "unused"}),
        ("macsquantify", "Full path;WID;%-#\nP1;A1;80,1\nP1/P2;A1;5,2\n", "immunophenotyping",
         {"P1 | %-#": "?", "P1/P2 | %-#": "?"}),
        ("novoexpress", "Specimen,Sample,Well ID,CD4+ % Parent,CD8+ % Parent\nx,v,A1,60%,30%\n", "immunophenotyping",
         {"CD4+ % Parent": "cd4_positive percent_of_parent", "CD8+ % Parent": "cd8_positive percent_of_parent"}),
        ("attune2", "Sample,Well,Gate,X Parameter,X Median\nv,A1,R1,YL1-A,5000\nv,A1,R2,BL1-A,300\n",
         "marker_intensity", {"R1 | Median (YL1-A)": "?", "R2 | Median (BL1-A)": "?"}),
    ],
)  # fmt: skip
def test_every_program_s_table_has_its_columns_proposed_or_asked_about(
    assaykit, tmp_path, name, text, protocol, columns
):
    (tmp_path / f"{name}.csv").write_text(text)
    code, out, _ = assaykit("init", "--from", f"{name}.csv")
    assert code == 0
    (assay,) = tomllib.loads((tmp_path / name / "study.toml").read_text())["assay"]
    assert assay["protocol"] == protocol
    assert assay["columns"].items() >= columns.items()
    asked = sum(readout == "?" for readout in assay["columns"].values())
    assert (f'{asked} columns of study.toml are "?": write what each is' in out) == bool(asked)


def test_a_column_that_nobody_confirmed_is_refused_by_name(assaykit, tmp_path):
    (tmp_path / "t.csv").write_text("experiment,treatment,P1 %\nE1,vehicle,80\nE1,imatinib 1 uM,70\n")
    assaykit("init", "--from", "t.csv", "-p", "annexin_apoptosis")
    code, out, _ = assaykit("check", "t")
    assert code == 2
    assert '[[assay]] 1 (annexin_apoptosis), columns, "P1 %": a column must be confirmed' in out


def test_a_table_whose_rows_name_their_treatment_needs_no_layout(assaykit, tmp_path):
    rows = "".join(f"E{day},{treatment},{share}\n" for day, _, treatment, _, share in SAMPLES)
    (tmp_path / "plain.csv").write_text(f"experiment,treatment,% apoptotic\n{rows}")
    assert assaykit("init", "--from", "plain.csv")[0] == 0
    assert not (tmp_path / "plain" / "plates").exists()
    code, out, _ = assaykit("check", "plain")
    assert code == 0
    assert "apoptosis (primary): 1 treatment contrasts can be estimated, n = 3" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("init",), "a new study must have a folder"),
        (("init", "--from", "there_is_none.csv"), "must exist"),
        (("init", "--from", "t.csv", "--group", "g"), "--sample and --group must stand with a workspace"),
        (("init", "--from", "w.wsp", "--from", "t.csv"), "a workspace must stand alone"),
        (("init", "old", "--from", "t.csv"), "a new study must go to a folder without one"),
    ],
)
def test_what_no_study_can_be_begun_from_is_one_sentence(assaykit, tmp_path, arguments, said):
    (tmp_path / "t.csv").write_text("Sample,Live | Median (PE-A)\nA1.fcs,5000\n")
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "study.toml").write_text("")
    code, out, err = assaykit(*arguments)
    assert code == 2
    assert said in out + err


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("E2_FMO-CXCR4_B03_012.fcs", {"well": "B3", "role": "fmo", "marker": "cxcr4", "unit": "E2"}),
        ("Specimen_001_imatinib_1_uM_+_plerixafor_10_uM_005.fcs",
         {"treatment": "imatinib 1 uM + plerixafor 10 uM", "well": "A1"}),
        ("20240301_DMSO_C4.fcs", {"treatment": "vehicle", "unit": "20240301", "well": "C4"}),
        ("Unstained.fcs", {"role": "unstained", "treatment": ""}),
        ("K562_H12.fcs", {"role": "", "treatment": "", "unit": "", "well": "H12"}),
    ],
)  # fmt: skip
def test_a_sample_s_name_tells_what_it_tells_and_no_more(name, told):
    ((row,), _) = proposed_samples([SampleNamed(name)], [read_protocol("cxcr4_surface")], read_drugs())
    assert {key: getattr(row, key) for key in told} == told


def test_samples_that_tell_no_well_or_one_twice_are_laid_out_on_free_wells_and_further_plates():
    names = ["a_A1.fcs", "b_A1.fcs", "tube one.fcs", "tube two.fcs"]
    rows, size = proposed_samples([SampleNamed(name) for name in names], [read_protocol("cxcr4_surface")], read_drugs())
    assert size == 96
    assert [(row.plate, row.well) for row in rows] == [
        ("plate_1", "A1"), ("plate_2", "A1"), ("plate_1", "A2"), ("plate_1", "A3"),
    ]  # fmt: skip


def test_a_workspace_becomes_protocol_layout_and_study_in_one_command_and_runs(assaykit, tmp_path):
    pytest.importorskip("flowkit")
    rng = np.random.default_rng(5)
    home = tmp_path / "flow"
    home.mkdir()
    (home / "day one.wsp").write_text(workspace(*[100] * 8))
    for number in range(1, 9):
        centre = 7.6 if number % 2 else 7.0
        values = rng.lognormal(centre, 1.2, (500, 3)).astype(np.float32)
        write_fcs(events_from_array(values, ("FSC", "FL1", "FL2")), home / f"s{number}.fcs")
    code, out, _ = assaykit("init", "study", "--from", home / "day one.wsp")
    assert code == 0, out
    assert "8 samples, 3 gates" in out
    layout = tmp_path / "study" / "plates" / "layout.xlsx"
    assert [row["file"] for row in rows_of(layout)] == [f"s{number}.fcs" for number in range(1, 9)]
    treatments = {f"s{n}.fcs": ("imatinib 1 uM", "vehicle")[n % 2] for n in range(1, 9)}
    book = openpyxl.load_workbook(layout)
    sheet = book.worksheets[0]
    for row in range(2, 10):
        sheet.cell(row, 8).value = f"E{row // 2}"
    book.save(layout)
    complete(layout, treatments)
    code, out, _ = assaykit("check", "study", "--no-plates")
    assert code == 0, out
    code, out, _ = assaykit("run", "study/study.toml", "-o", "results", "-w", "1", "--no-report")
    assert code == 0, out
    assert "n = 4 independent units (experiment)" in out
    assert "bright_percent_of_parent" in out

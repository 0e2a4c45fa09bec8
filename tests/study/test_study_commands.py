"""`init`, `check`, `drugs` and `schema` through the command line, and the whole way from init to run."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import numpy as np
import pytest
from openpyxl import load_workbook
from typer.testing import CliRunner, Result

from assaykit.cli import design_report
from assaykit.cli.app import app
from assaykit.errors import AssaykitError
from assaykit.fcs import events_from_array, write_fcs
from assaykit.study import read_study

FORMATS = Path(__file__).parent.parent / "data" / "formats"
BROKEN = Path(__file__).parent.parent / "data" / "broken"


def call(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def fill(path: Path, sheet: str, factor: str, rows: dict[str, list[str | None]]) -> None:
    """Write values into one block of a layout, row by row, as a person would."""
    book = load_workbook(path)
    cells = book[sheet]
    corner = next(row for row in range(1, cells.max_row + 1) if cells.cell(row, 1).value == factor)
    for offset in range(1, 40):
        letter = cells.cell(corner + offset, 1).value
        for column, value in enumerate(rows.get(letter, []), 2):
            cells.cell(corner + offset, column).value = value
        if letter is None:
            break
    book.save(path)


@pytest.mark.parametrize("size", [6, 24, 96, 384, 1536])
def test_init_writes_a_layout_of_the_size_asked_for(tmp_path, size):
    assert call("init", tmp_path / "new", "--plate", size, "--experiments", 2).exit_code == 0
    path = tmp_path / "new" / "plates" / "cxcr4_surface.xlsx"
    fill(path, "cxcr4_surface_E1", "treatment", {"A": ["vehicle", "imatinib 1 uM"], "B": [None, "vehicle"]})
    fill(path, "cxcr4_surface_E2", "treatment", {"A": ["vehicle", "imatinib 1 uM"]})
    for number in (1, 2):
        (tmp_path / "new" / "fcs" / f"cxcr4_surface_E{number}" / "A1.fcs").write_bytes(b"")
    plates = read_study(tmp_path / "new" / "study.toml").assays[0].plates
    assert [plate.rows * plate.columns for plate in plates] == [size, size]
    assert [well.name for well in plates[0].wells] == ["A1", "A2", "B2"]
    assert [plate.wells[0].factors["experiment"] for plate in plates] == ["E1", "E2"]


def test_a_study_that_nobody_filled_in_says_which_sheets_are_empty(tmp_path):
    call("init", tmp_path / "new", "--experiments", 2)
    answer = call("check", tmp_path / "new" / "study.toml")
    assert answer.exit_code == 2
    assert "2 faults" in answer.output
    assert "cxcr4_surface.xlsx!cxcr4_surface_E1: a plate must have wells; found empty blocks." in answer.output


def test_init_does_not_write_over_a_study(tmp_path):
    call("init", tmp_path / "new")
    answer = call("init", tmp_path / "new")
    assert isinstance(answer.exception, AssaykitError)
    assert "a new study must go to a folder without one" in str(answer.exception)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--protocol", "cxcr4_surfac"), "write 'cxcr4_surface'"),
        (("--plate", "95"), "write one of 6, 12, 24, 48, 96, 384, 1536"),
    ],
)
def test_init_refuses_what_it_cannot_make(tmp_path, words, said):
    answer = call("init", tmp_path / "new", *words)
    assert said in str(answer.exception)
    assert not (tmp_path / "new").exists()


def test_check_shows_every_fault_at_once_and_ends_with_two():
    answer = call("check", BROKEN / "studies" / "faults_in_two_files" / "study.toml")
    assert answer.exit_code == 2
    assert "3 faults" in answer.output
    for number, fault in enumerate(("p1.csv:C4: a drug must", "p2.csv:C4: a dose must", "study.toml, [[assay]] 1"), 1):
        assert f"{number}. {fault}" in answer.output


def test_check_ends_with_one_where_a_file_is_missing_and_names_it():
    answer = call("check", BROKEN / "studies" / "finding_file_missing" / "study.toml", "--no-design")
    assert answer.exit_code == 1
    assert "fail day2 A2: there is no FCS file fcs/day2/K562_A2.fcs." in answer.output
    assert "B!" in answer.output  # the well on the map


def with_real_files(folder: Path, channels: tuple[str, ...]) -> Path:
    """Return a study whose FCS files are files of ten cells."""
    shutil.copytree(FORMATS, folder)
    for number, path in enumerate(sorted((folder / "fcs").rglob("*.fcs"))):
        write_fcs(events_from_array(np.full((10, len(channels)), number, dtype=np.float32), channels), path)
    return folder / "wellmap.toml"


def test_check_reads_the_headers_and_says_which_file_and_which_channel_is_missing(tmp_path):
    study = with_real_files(tmp_path / "study", ("FSC-A", "FITC-A"))
    (tmp_path / "study/fcs/day2/B03.fcs").write_bytes(b"no FCS file at all")
    answer = call("check", study, "--no-design", "--no-plates")
    assert answer.exit_code == 1
    assert (
        "fail day1: every channel the protocol uses must be in the file; found no 'CXCR4' for the role cxcr4"
        in answer.output
    )
    assert "In 24 files: A1, A2" in answer.output
    assert "fail day2 B3: " in answer.output


def test_check_draws_the_plates_and_says_what_the_design_answers(tmp_path):
    answer = call("check", with_real_files(tmp_path / "study", ("FSC-A", "PE-A", "APC-A")))
    assert answer.exit_code == 0
    assert " A A  A  f  Ac Ac fc" in answer.output
    assert " C B  B  f  Bc Bc fc" in answer.output  # dasatinib comes second among the treatments
    assert "imatinib 1 uM + plerixafor 10 uM" in answer.output
    assert "cxcr4_dmfi (primary): 4 treatment" in answer.output  # without the two that hold plerixafor
    assert "n = 3" in answer.output
    assert "plerixafor and clone 12G5 compete" in answer.output
    assert "power to find a 1.74-fold change with 3 units:" in answer.output
    assert "claims this design can test" in answer.output
    assert "EN-10" in answer.output


def test_a_study_of_one_experiment_is_told_that_nothing_can_be_estimated():
    answer = call("check", BROKEN / "studies" / "finding_one_unit" / "study.toml")
    assert "no contrasts can be estimated" in answer.output
    assert "an interval needs at least 2" in answer.output


def test_power_with_one_unit_is_none():
    assert design_report.power_line(1, "log2").startswith("power to find a 1.74-fold change with 1 unit: none")


def test_drugs_lists_the_catalogue_and_tells_one_drug():
    assert "plerixafor" in call("drugs").output
    one = call("drugs", "AMD3100").output
    assert "plerixafor" in one
    assert "CXCR4 by 12G5" in one
    assert "write 'imatinib'" in str(call("drugs", "imatinb").exception)


def test_schema_writes_to_a_file_or_the_screen(tmp_path):
    call("schema", "study", "-o", tmp_path / "study.json")
    assert (tmp_path / "study.json").read_text() == call("schema").output
    assert "a schema must be one of study, protocol, drugs" in str(call("schema", "plate").exception)


def test_a_study_goes_from_init_over_filling_and_checking_to_a_run(tmp_path):
    folder = tmp_path / "migration"
    assert call("init", folder, "--protocol", "transwell_migration", "--counts", "--experiments", 3).exit_code == 0
    book = load_workbook(folder / "counts" / "transwell_migration.xlsx")
    sheet = book["counts"]
    header = [cell.value for cell in sheet[1]]
    sheet.delete_rows(2, sheet.max_row)
    migrated = {
        ("vehicle", "medium"): 12,
        ("vehicle", "cxcl12"): 30,
        ("imatinib 1 uM", "medium"): 14,
        ("imatinib 1 uM", "cxcl12"): 80,
    }
    for day in (1, 2, 3):
        for (treatment, target), cells in migrated.items():
            row = {"experiment": f"E{day}", "treatment": treatment, "context": "mono", "target": target}
            row |= {"replicate": 1, "migrated": cells + day, "squares": 4, "dilution": 2, "volume": 0.6}
            sheet.append([row.get(name) for name in header])
        sheet.append(
            [
                {
                    "experiment": f"E{day}",
                    "treatment": "vehicle",
                    "target": "input",
                    "input": 60,
                    "squares": 4,
                    "dilution": 20,
                    "volume": 0.6,
                }.get(name)
                for name in header
            ]
        )
    book.save(folder / "counts" / "transwell_migration.xlsx")
    checked = call("check", folder / "study.toml")
    assert checked.exit_code == 0, checked.output
    assert "migration_cxcl12 (primary): 1 treatment" in checked.output
    ran = call("run", folder / "study.toml", "-o", tmp_path / "results", "--workers", 1, "--no-report")
    assert ran.exit_code in (0, 1), ran.output
    estimates = (tmp_path / "results" / "tables" / "estimates.csv").read_text()
    assert "imatinib 1 uM - vehicle" in estimates


def test_init_of_a_panel_shows_where_markers_and_populations_are_named(tmp_path):
    assert call("init", tmp_path / "new", "--protocol", "immunophenotyping").exit_code == 0
    assay = tomllib.loads((tmp_path / "new" / "study.toml").read_text(encoding="utf-8"))["assay"][0]
    assert assay["markers"].keys() == {"CD3", "CD4", "CD8"}
    assert assay["populations"]["cd4_t"] == "t_cells CD4+ CD8-"

"""`assaykit run` as a user meets it: what it prints, its exit code, and what it leaves on disk."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import pandas as pd
import pytest

from assaykit.cli import main

SAMPLE = Path(__file__).parents[2] / "sample_data" / "cml_niche"
EXPERIMENTS = (1, 2, 3)


@pytest.fixture
def study(tmp_path):
    """A copy of the sample's CXCR4 assay with three experiments, free to be broken."""
    folder = tmp_path / "study"
    (folder / "plates").mkdir(parents=True)
    for number in EXPERIMENTS:
        plate = f"cxcr4_E{number}"
        shutil.copy(SAMPLE / "plates" / f"{plate}.toml", folder / "plates")
        shutil.copytree(SAMPLE / "fcs" / plate, folder / "fcs" / plate)
    text = (SAMPLE / "study.toml").read_text()
    (folder / "study.toml").write_text(text[: text.index('[[assay]]\nprotocol = "transwell_migration"')])
    return folder


@pytest.fixture
def assaykit(monkeypatch, capsys):
    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["assaykit", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            main()
        printed = capsys.readouterr()
        return stopped.value.code, printed.out, printed.err

    return call


def change(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def run(assaykit, study):
    return assaykit("run", study / "study.toml", "-o", study / "results", "-w", "1", "--no-report")


def refused(assaykit, study):
    """Run a study that must be refused; return what it says after checking that nothing was left behind."""
    before = {path.name for path in study.iterdir()}
    code, _, err = run(assaykit, study)
    assert code == 2
    assert "Traceback" not in err
    assert {path.name for path in study.iterdir()} == before, "nothing may be half written"
    return " ".join(err.split())


def findings(study):
    return pd.read_csv(study / "results" / "tables" / "findings.csv", keep_default_na=False)


def test_a_clean_study_ends_with_a_ten_line_summary_and_exit_code_0(assaykit, study):
    code, out, err = run(assaykit, study)
    lines = out.strip().splitlines()
    assert code == 0, out + err
    assert len(lines) <= 10
    assert lines[0].startswith("Simulated: imatinib")
    assert "n = 3 independent units (experiment)" in lines[1]
    assert "wells failed: 0" in lines
    assert sum(line.startswith("strongest: ") for line in lines) >= 1
    assert re.search(r"claims: .*not testable", out)
    assert lines[-1].endswith("tables")


def test_a_missing_fcs_file_fails_its_well_and_the_rest_is_reported(assaykit, study):
    (study / "fcs" / "cxcr4_E2" / "B1.fcs").unlink()
    code, out, _ = run(assaykit, study)
    assert code == 1
    assert "wells failed: 1 (cxcr4_E2 B1)" in out
    failed = findings(study).query("level == 'fail'")
    assert failed[["plate", "well"]].to_numpy().tolist() == [["cxcr4_E2", "B1"]]
    assert "B1" in failed["message"].iloc[0]
    measured = pd.read_csv(study / "results" / "tables" / "measurements.csv", keep_default_na=False)
    assert set(measured.query("plate == 'cxcr4_E2' and well == 'C1'")["endpoint"]) >= {"cxcr4_dmfi"}


def test_a_truncated_file_keeps_its_whole_events_and_says_so(assaykit, study):
    path = study / "fcs" / "cxcr4_E2" / "B1.fcs"
    path.write_bytes(path.read_bytes()[:-1500])
    code, _, _ = run(assaykit, study)
    said = findings(study).query("plate == 'cxcr4_E2' and well == 'B1'")
    assert code in {0, 1}
    assert said["message"].str.contains("whole events|truncat|ends", regex=True).any(), said.to_string()


def test_a_file_cut_inside_its_keywords_fails_its_well(assaykit, study):
    path = study / "fcs" / "cxcr4_E2" / "B1.fcs"
    path.write_bytes(path.read_bytes()[:300])
    code, out, _ = run(assaykit, study)
    assert code == 1
    assert "wells failed: 1 (cxcr4_E2 B1)" in out


def test_wells_that_do_not_exist_on_the_plate_are_refused(assaykit, study):
    change(study / "plates" / "cxcr4_E1.toml", "[well.H2]", "[well.J14]")
    said = refused(assaykit, study)
    assert "cxcr4_E1.toml" in said
    assert "J14" in said


def test_a_misspelt_drug_is_refused_with_the_nearest_known_one(assaykit, study):
    change(study / "plates" / "cxcr4_E1.toml", '"imatinib 1 uM"', '"imatinb 1 uM"')
    said = refused(assaykit, study)
    assert "cxcr4_E1.toml" in said
    assert "imatinb" in said
    assert "imatinib" in said


def test_a_dose_without_a_unit_is_refused(assaykit, study):
    change(study / "plates" / "cxcr4_E1.toml", '"dasatinib 10 nM"', '"dasatinib 10"')
    said = refused(assaykit, study)
    assert "cxcr4_E1.toml" in said
    assert "unit" in said
    assert "dasatinib 10" in said


def test_a_missing_reference_arm_is_refused(assaykit, study):
    for number in EXPERIMENTS:
        path = study / "plates" / f"cxcr4_E{number}.toml"
        path.write_text(path.read_text().replace('treatment = "vehicle"', 'treatment = "simvastatin 1 uM"'))
    said = refused(assaykit, study)
    assert "vehicle" in said
    assert "reference" in said


def test_a_unit_column_absent_from_the_layout_is_refused(assaykit, study):
    change(study / "plates" / "cxcr4_E2.toml", 'experiment = "2025-03-18"\n', "")
    said = refused(assaykit, study)
    assert "cxcr4_E2.toml" in said
    assert "experiment" in said


def test_a_well_written_twice_is_refused(assaykit, study):
    layout = study / "plates" / "cxcr4_E3.csv"
    (study / "plates" / "cxcr4_E3.toml").unlink()
    layout.write_text(
        "well,experiment,treatment,context,role,marker\n"
        "A1,2025-04-01,vehicle,mono,sample,\nA01,2025-04-01,imatinib 1 uM,mono,sample,\n"
    )
    change(study / "study.toml", '["plates/cxcr4_*.toml"]', '["plates/cxcr4_*.toml", "plates/cxcr4_E3.csv"]')
    said = refused(assaykit, study)
    assert "cxcr4_E3.csv" in said
    assert "A1" in said


def test_a_study_without_a_unit_is_refused_and_told_what_one_is(assaykit, study):
    change(study / "study.toml", 'unit = "experiment"\n', "")
    said = refused(assaykit, study)
    assert "unit" in said
    assert "independent" in said
    assert "wells" in said.lower()


def test_a_misspelt_key_is_refused_with_the_nearest_known_one(assaykit, study):
    change(study / "study.toml", "unit =", "unti =")
    said = refused(assaykit, study)
    assert "'unti'" in said
    assert "'unit'" in said


def test_two_faults_are_told_in_one_run(assaykit, study):
    change(study / "plates" / "cxcr4_E1.toml", '"imatinib 1 uM"', '"imatinb 1 uM"')
    change(study / "plates" / "cxcr4_E2.toml", '"dasatinib 10 nM"', '"dasatinib 10"')
    said = refused(assaykit, study)
    assert "imatinb" in said
    assert "dasatinib 10" in said


def test_a_study_that_is_not_there_says_so(assaykit, tmp_path):
    code, _, err = assaykit("run", tmp_path / "nothing.toml", "-o", tmp_path / "results")
    assert code == 2
    assert "nothing.toml" in err
    assert "Traceback" not in err


def test_results_never_replace_a_folder_of_other_things(assaykit, study):
    (study / "results").mkdir()
    (study / "results" / "notes.txt").write_text("mine")
    code, _, err = run(assaykit, study)
    assert code == 2
    assert "name another folder" in err
    assert [path.name for path in (study / "results").iterdir()] == ["notes.txt"]

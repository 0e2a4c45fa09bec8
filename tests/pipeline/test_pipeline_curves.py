"""Dose-response in a run: what a table of counts or signals was made with comes back, and nothing is extrapolated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from assaykit.pipeline import run
from assaykit.protocol import protocol_folder
from assaykit.results import Results, read_results, write_results
from assaykit.study import read_study

DOSES = (0.03, 0.1, 0.3, 1, 3, 10, 30)
DAYS = ("day 1", "day 2", "day 3", "day 4")
PLATES = (1.0, 1.3, 0.8, 1.1)  # the signal of vehicle differs from day to day
SHIFT = 3.0


def share(dose: float, ic50: float) -> float:
    """Return the share of cells that live: from 1 down to a tenth, steepness 1.2."""
    return 0.1 + 0.9 / (1 + (dose / ic50) ** 1.2)


def layout(column: str, *, doses: tuple[float, ...] = DOSES, noise: float = 0.03, top: float = 1.0) -> str:
    """Return a table of two wells per arm: imatinib alone and on stroma, where its IC50 is three times as high."""
    rng = np.random.default_rng(3)
    lines = [f"experiment,treatment,context,{column}"]
    for day, gain, own in zip(DAYS, PLATES, (0.9, 1.0, 1.1, 1.05), strict=True):
        for context, ic50 in (("mono", 0.5 * own), ("msc_contact", SHIFT * 0.5 * own)):
            for dose in (0.0, *doses):
                drug = f"imatinib {dose:g} uM" if dose else "vehicle"
                wells = top * gain * share(dose, ic50) + top * noise * rng.standard_normal(2)
                lines += [f"{day},{drug},{context},{max(well, 0):.4f}" for well in wells]
    return "\n".join(lines)


def results(folder: Path, table: str, protocol: str = "dose_response") -> Results:
    (folder / "table.csv").write_text(table, encoding="utf-8")
    (folder / "study.toml").write_text(
        'assaykit = 1\ntitle = "A test"\nunit = "experiment"\n\n'
        f'[[assay]]\nprotocol = "{protocol}"\ncounts = ["table.csv"]\n',
        encoding="utf-8",
    )
    return run(read_study(folder / "study.toml"), robust=False)


@pytest.fixture(scope="module")
def from_signal(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return results(tmp_path_factory.mktemp("signal"), layout("signal"))


def over_units(found: Results, context: str):
    table = found.tables["dose_response"]
    ((_, row),) = table[(table["unit_id"] == "") & (table["context"] == context)].iterrows()
    return row


def test_a_plate_reader_s_signal_gives_the_ic50_it_was_made_with(from_signal):
    row = over_units(from_signal, "mono")
    assert row["wald_low"] < 0.5 < row["wald_high"]
    assert row["ic50"] == pytest.approx(0.5, rel=0.15)  # noise of 3 % of vehicle, 56 wells
    assert row["profile_low"] < row["ic50"] < row["profile_high"]
    assert row["units_low"] < 0.5 < row["units_high"]
    assert (row["dose_unit"], row["n_units"], row["n_wells"], row["plateau"]) == ("uM", 4, 64, "reached")
    assert row["hill"] == pytest.approx(1.2, rel=0.2)
    assert row["top"] == pytest.approx(np.mean(PLATES), rel=0.05)


def test_every_unit_has_its_own_curve_and_the_last_row_is_over_them(from_signal):
    table = from_signal.tables["dose_response"]
    mono = table[table["context"] == "mono"]
    assert mono["unit_id"].tolist() == [*DAYS, ""]
    assert mono["n_units"].tolist() == [1, 1, 1, 1, 4]
    assert mono["top"].to_numpy()[:4] == pytest.approx(PLATES, rel=0.1)


def test_stroma_s_shift_of_the_ic50_is_a_ratio_with_an_interval_over_units(from_signal):
    row = over_units(from_signal, "msc_contact")
    assert row["comparator_context"] == "mono"
    assert row["shift_low"] < SHIFT < row["shift_high"]
    assert (row["shift_units"], row["shift_p"] < 0.01, row["f_p"] < 1e-6) == (4, True, True)
    assert np.isnan(over_units(from_signal, "mono")["shift"])


def test_the_table_is_written_and_read_back(from_signal, tmp_path):
    write_results(from_signal, tmp_path / "out")
    assert read_results(tmp_path / "out").tables["dose_response"].equals(from_signal.tables["dose_response"])


def test_a_plateau_that_is_not_reached_is_a_finding_and_no_ic50(tmp_path):
    found = results(tmp_path, layout("signal", doses=(0.01, 0.03, 0.06, 0.1)))
    table, findings = found.tables["dose_response"], found.tables["findings"]
    assert table[table["context"] == "msc_contact"]["ic50"].isna().all()
    assert set(table["plateau"]) == {"not reached"}
    said = findings[findings["check"] == "plateau_not_reached"]["message"]
    assert said.str.contains("curve signal, imatinib in msc_contact, .*day 1").any()
    assert "no test of a shift" in over_units(found, "msc_contact")["reason"]


def test_blank_wells_of_a_signal_table_are_taken_off(tmp_path):
    head, *rows = layout("signal").splitlines()
    rows = [f"{row.rpartition(',')[0]},{float(row.rpartition(',')[2]) + 0.4:.4f}," for row in rows]
    blanks = [f"{day},,mono,0.4,blank" for day in DAYS]
    found = results(tmp_path, "\n".join([f"{head},role", *rows, *blanks]))
    row = over_units(found, "mono")
    assert row["top"] == pytest.approx(np.mean(PLATES), rel=0.05)
    assert row["bottom"] == pytest.approx(0.1 * np.mean(PLATES), abs=0.05)


def test_a_named_drug_that_was_not_given_is_a_finding(tmp_path):
    recipe = (protocol_folder() / "dose_response.toml").read_text(encoding="utf-8")
    asked = '[[curve]]\nname = "signal"\nendpoint = "signal"'
    (tmp_path / "own.toml").write_text(recipe.replace(asked, f'{asked}\ndrugs = ["dasatinib"]'), encoding="utf-8")
    found = results(tmp_path, layout("signal", doses=(1.0,)), protocol="own.toml")
    said = found.tables["findings"].query("check == 'curve_without_doses'")["message"]
    assert said.str.contains("no well was given dasatinib alone").any()


def test_viable_cells_serve_where_there_is_no_signal(tmp_path):
    found = results(tmp_path, layout("viable", top=20000.0))
    table = found.tables["dose_response"]
    assert set(table["curve"]) == {"viable_count"}
    assert over_units(found, "mono")["ic50"] == pytest.approx(0.5, rel=0.15)


def test_a_drug_at_one_dose_asks_for_no_curve_and_says_so(tmp_path):
    found = results(tmp_path, layout("signal", doses=(1.0,)))
    assert found.tables["dose_response"].empty
    assert "curve_without_doses" in set(found.tables["findings"]["check"])

"""Numbers gated elsewhere go the road that FCS files go: the same controls, the same endpoints, the same doubts."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import pytest

from assaykit.measurements import copied_counts, measure_endpoints
from assaykit.pipeline.measure import measure, resolve
from assaykit.report.methods import methods_markdown
from assaykit.results.resolved import control_quantiles, study_from_toml, study_to_toml
from assaykit.study import read_study

SAMPLE = Path(__file__).parents[2] / "sample_data" / "cml_niche"
STUDY = """\
assaykit = 1
title = "The sample's first plate"
unit = "experiment"
[[assay]]
protocol = "cxcr4_surface"
plates = ["{plates}"]
"""
FCS = 'fcs = "{fcs}"\nchannels = {{ cxcr4 = "PE-A", viability = "BV421-A", cd45 = "APC-A", cd90 = "BV786-A" }}\n'
TABLE = """\
measured = ["table.csv"]
[assay.columns]
"CML | Count" = "cml count"
"CML | Median (PE-A)" = "cxcr4 median"
"CML/CXCR4+ | Freq. of Parent (%)" = "cxcr4 percent_positive"
"""


def measured(folder: Path, text: str):
    """Return READOUTS, MEASUREMENTS and findings of a study's one assay."""
    folder.mkdir(exist_ok=True)
    (folder / "study.toml").write_text(text)
    study, findings = resolve(read_study(folder))
    (assay,) = study.assays
    found = measure(assay)
    values, more = measure_endpoints(assay, found.readouts, unit=study.unit, reference=study.reference)
    return found.readouts, values, [*study.findings, *findings[assay.name], *found.findings, *more]


def exported(readouts, folder: Path) -> None:
    """Write what a plate's FCS files gave as FlowJo would have: a row per well."""
    names = ("cml_count", "cxcr4_median", "cxcr4_percent_positive")
    wide = readouts.pivot(index="well", columns="readout", values="value")
    with (folder / "table.csv").open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["", "CML | Count", "CML | Median (PE-A)", "CML/CXCR4+ | Freq. of Parent (%)"])
        for well, row in wide.iterrows():
            cells = ["" if math.isnan(row[name]) else repr(float(row[name])) for name in names]
            rows.writerow([f"Specimen_001_{well}.fcs", *cells])
        rows.writerow(["Mean", "", "", ""])


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """The sample's first CXCR4 plate from its FCS files, and from a table of what they gave."""
    folder = tmp_path_factory.mktemp("both")
    plates = STUDY.format(plates=SAMPLE / "plates" / "cxcr4_E1.toml")
    from_files = measured(folder / "fcs", plates + FCS.format(fcs=SAMPLE / "fcs" / "{plate}").replace("{{", "{"))
    (folder / "table").mkdir()
    exported(from_files[0], folder / "table")
    return from_files, measured(folder / "table", plates + TABLE)


@pytest.mark.parametrize("endpoint", ["cxcr4_dmfi", "cxcr4_log2fc", "cxcr4_rmfi", "cxcr4_percent_positive"])
def test_a_table_of_what_fcs_files_gave_gives_their_endpoints_again(both, endpoint):
    (_, files, _), (_, table, _) = both
    wells = [values[values["endpoint"] == endpoint].set_index("well") for values in (files, table)]
    assert len(wells[0]) >= 6
    assert list(wells[1].index) == list(wells[0].index)
    # one FMO well serves each arm on this plate, so that no pooling of cells parts the two: the same to the last digits
    assert wells[1]["value"].tolist() == pytest.approx(wells[0]["value"].tolist(), rel=1e-12, nan_ok=True)
    assert wells[1]["cells"].tolist() == wells[0]["cells"].tolist()
    assert wells[1]["total"].tolist() == pytest.approx(wells[0]["total"].tolist(), nan_ok=True)


def test_its_readouts_bear_the_units_and_cells_of_a_measurement(both):
    (files, *_), (table, *_) = both
    keys = ["well", "readout"]
    one, other = (frame.set_index(keys) for frame in (files, table))
    shared = [key for key in other.index if key in one.index]
    assert len(shared) == len(other)
    assert other.loc[shared, "unit"].tolist() == one.loc[shared, "unit"].tolist()
    medians = [key for key in shared if key[1] == "cxcr4_median"]
    assert other.loc[medians, "cells"].tolist() == one.loc[medians, "cells"].tolist()


# Small tables

LAYOUT = """\
plate,well,role,marker,treatment,context,experiment
p,A1,,,vehicle,mono,E1
p,A2,,,imatinib 1 uM,mono,E1
p,A3,,,imatinib 1 uM,msc_contact,E1
p,H1,fmo,cxcr4,vehicle,mono,E1
p,H2,fmo,cxcr4,vehicle,mono,E1
p,H3,unstained,,vehicle,mono,E1
"""
MEDIANS = {"A1": 5000, "A2": 9000, "A3": 7000, "H1": 300, "H2": 500, "H3": 100}


def small(folder: Path, *, layout: str = LAYOUT, medians=MEDIANS, further: str = ""):
    folder.mkdir(exist_ok=True)
    (folder / "layout.csv").write_text(layout)
    rows = "".join(f"{well}.fcs,{value},\n" for well, value in medians.items())
    (folder / "table.csv").write_text(f",Live | Median (PE-A),\n{rows}")
    columns = 'measured = ["table.csv"]\n[assay.columns]\n"Live | Median (PE-A)" = "cxcr4 median"\n'
    return measured(folder, STUDY.format(plates="layout.csv") + columns + further)


def dmfi(values):
    rows = values[values["endpoint"] == "cxcr4_dmfi"].set_index("well")
    return {well: row["value"] for well, row in rows.iterrows()}


def test_the_background_is_the_median_of_the_fmo_wells_medians(tmp_path):
    _, values, _ = small(tmp_path)
    assert dmfi(values) == {"A1": 5000 - 400, "A2": 9000 - 400, "A3": 7000 - 400}


def test_a_control_of_another_condition_is_told_as_for_fcs_files(tmp_path):
    _, _, findings = small(tmp_path)
    told = {(one.level, one.message.partition(";")[0]) for one in findings if one.check == "control_not_matched"}
    assert told == {
        ("note", "cxcr4: 1 wells (A2) have no control of their own treatment: one of the same context serves"),
        ("warn", "cxcr4: 1 wells (A3) have no control of their own context: the plate's controls serve"),
    }


def test_unstained_wells_stand_in_where_no_fmo_has_a_number(tmp_path):
    medians = {well: value for well, value in MEDIANS.items() if well not in ("H1", "H2")}
    _, values, findings = small(tmp_path, medians=medians)
    assert dmfi(values)["A1"] == 5000 - 100
    assert any(one.check == "control_substituted" and "unstained wells serve" in one.message for one in findings)


def test_a_layout_s_own_word_on_controls_comes_first(tmp_path):
    layout = LAYOUT.replace("experiment\n", "experiment,control\n", 1).replace("E1\n", "E1,\n")
    layout = layout.replace("p,A2,,,imatinib 1 uM,mono,E1,", "p,A2,,,imatinib 1 uM,mono,E1,H2")
    _, values, _ = small(tmp_path, layout=layout)
    assert dmfi(values) == {"A1": 5000 - 300, "A2": 9000 - 500, "A3": 7000 - 300}  # H2 serves A2 alone


def test_a_control_left_out_by_hand_serves_nobody(tmp_path):
    line = '\n[[override]]\nreason = "stained by mistake"\nwell = "H2"\nexclude = true\n'
    _, values, _ = small(tmp_path, further=line)
    assert dmfi(values)["A1"] == 5000 - 300


def test_without_controls_the_endpoint_has_no_value_and_a_fail_says_what_to_do(tmp_path):
    medians = {well: value for well, value in MEDIANS.items() if well[0] == "A"}
    _, values, findings = small(tmp_path, medians=medians)
    assert all(math.isnan(value) for value in dmfi(values).values())
    (told,) = [one for one in findings if one.check == "no_control" and one.level == "fail" and "export" in one.message]
    assert "mark their wells in the layout: role = fmo, marker = cxcr4" in told.message


def test_a_resolved_study_of_tables_reads_back_equal(tmp_path):
    small(tmp_path)
    study, _ = resolve(read_study(tmp_path))
    assert study_from_toml(study_to_toml(study), control_quantiles(study)).assays == study.assays


# Apoptosis from shares


def shares(folder: Path, columns: str, cells: str):
    folder.mkdir(exist_ok=True)
    names = [line.partition(" = ")[0].strip('"') for line in columns.splitlines()]
    (folder / "table.csv").write_text(f"experiment,treatment,{','.join(names)}\n{cells}")
    text = STUDY.replace('plates = ["{plates}"]\n', "").replace("cxcr4_surface", "annexin_apoptosis")
    return measured(folder, f'{text}measured = ["table.csv"]\n[assay.columns]\n{columns}')


def test_apoptosis_is_early_and_late_in_percent_without_a_count_where_none_is_known(tmp_path):
    columns = '"early (%)" = "early percent_of_parent"\n"late (%)" = "late percent_of_parent"\n'
    _, values, _ = shares(tmp_path, columns, "E1,vehicle,3,2\nE1,imatinib 1 uM,22,11\n")
    rows = values[values["endpoint"] == "apoptosis"]
    assert rows["value"].tolist() == [5.0, 33.0]
    assert rows[["count", "total", "cells"]].isna().all(axis=None)
    (specific,) = values.loc[values["endpoint"] == "specific_apoptosis", "value"]
    assert specific == pytest.approx(100 * (33 - 5) / 95)  # approx: a quotient of binary fractions


def test_apoptosis_has_its_counts_where_the_table_counts_all_cells(tmp_path):
    columns = '"apoptotic (%)" = "apoptotic percent_of_parent"\n"Live | Count" = "cml count"\n'
    _, values, _ = shares(tmp_path, columns, "E1,vehicle,5,8000\nE1,imatinib 1 uM,33,6000\n")
    rows = values[values["endpoint"] == "apoptosis"]
    assert rows["value"].tolist() == [5.0, 33.0]
    assert rows["count"].tolist() == [400.0, 1980.0]
    assert rows["total"].tolist() == [8000.0, 6000.0]


def test_counts_of_the_kinds_of_cells_come_before_their_shares(tmp_path):
    columns = '"early | Count" = "early count"\n"late | Count" = "late count"\n"all | Count" = "cml count"\n'
    columns += '"early (%)" = "early percent_of_parent"\n'
    _, values, _ = shares(tmp_path, columns, "E1,vehicle,30,20,1000,99\nE1,imatinib 1 uM,220,110,1000,99\n")
    rows = values[values["endpoint"] == "apoptosis"]
    assert rows["value"].tolist() == [5.0, 33.0]


def test_the_methods_say_where_the_numbers_come_from_and_what_a_share_without_cells_means(tmp_path):
    from assaykit.pipeline import run

    columns = '"early (%)" = "early percent_of_parent"\n"late (%)" = "late percent_of_parent"\n'
    rows = "".join(f"E{i},vehicle,{3 + i},2\nE{i},imatinib 1 uM,{22 + i},11\n" for i in (1, 2, 3))
    shares(tmp_path, columns, rows)
    results = run(read_study(tmp_path), robust=False)
    text = methods_markdown(results)
    assert "its statistics were read from table.csv" in text
    assert "a share on the logit scale is its own logit" in text
    assert "Gate viable" not in text  # no gate was drawn here
    primary = results.tables["estimates"].query("analysis == 'apoptosis' and kind == 'treatment'").iloc[0]
    logits = [math.log(p / (100 - p)) - math.log(q / (100 - q)) for p, q in ((34, 6), (35, 7), (36, 8))]
    assert primary["estimate"] == pytest.approx(sum(logits) / 3)  # approx: the model's arithmetic, not ours


def test_an_experiment_pasted_again_counts_once_as_counts_do(tmp_path):
    columns = '"early (%)" = "early percent_of_parent"\n"late (%)" = "late percent_of_parent"\n'
    once = "E{},vehicle,3.1,2.2\nE{},imatinib 1 uM,22.5,11.4\nE{},dasatinib 10 nM,31.7,14.9\n"
    shares(tmp_path, columns, once.format(1, 1, 1) + once.format(2, 2, 2))
    study = read_study(tmp_path)
    (found,) = copied_counts(study.assays[0], study.unit)
    assert found.finding.message.startswith("the numbers of experiment E2 are those of experiment E1, row by row")
    shares(
        tmp_path, columns, once.format(1, 1, 1) + once.replace("22.5", "24.1").replace("31.7", "29.3").format(2, 2, 2)
    )
    assert copied_counts(read_study(tmp_path).assays[0], study.unit) == []

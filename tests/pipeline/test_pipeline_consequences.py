"""What a finding makes of a number reaches the measurement, the estimate and the verdict, for every check there is."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from assaykit.checks import CHECKS, Located
from assaykit.evidence import compare, read_claims
from assaykit.fcs import events_from_array, read_fcs, write_fcs
from assaykit.measurements import (
    accept,
    flags_from_findings,
    kept_measurements,
    measure_endpoints,
    without_exclusions,
)
from assaykit.pipeline import run
from assaykit.plate.model import Plate, Well
from assaykit.protocol import read_protocol
from assaykit.simulate.study import simulate_study
from assaykit.stats import estimate
from assaykit.study import read_study
from assaykit.study.model import Assay, ControlCells, Reference, ResolvedPlate
from assaykit.tables import READOUTS, Finding, frame_from_rows

REFERENCE = Reference("vehicle", "mono")
DAYS = ("E1", "E2", "E3", "E4")
ARMS = {"A1": ("vehicle", "mono"), "A2": ("vehicle", "mono"), "B1": ("imatinib 1 uM", "mono"),
        "B2": ("imatinib 1 uM", "mono"), "C1": ("vehicle", "msc_contact"), "C2": ("vehicle", "msc_contact"),
        "D1": ("imatinib 1 uM", "msc_contact"), "D2": ("imatinib 1 uM", "msc_contact")}  # fmt: skip
CONTROL = ("F1", "F2")
OF_CONTRASTS = {"confounded", "arms_apart", "arms_partly_apart"}


def surface(rng=None) -> tuple[Assay, pd.DataFrame]:
    """Return CXCR4 plates of four days with a true doubling by imatinib, resolved with one FMO per context."""
    rng = rng or np.random.default_rng(3)
    protocol = read_protocol("cxcr4_surface").model_copy(update={"acceptance": ()})
    plates, rows, resolved = [], [], {}
    for day in DAYS:
        wells = [
            Well(name, "sample", {"treatment": treatment, "context": context, "experiment": day})
            for name, (treatment, context) in ARMS.items()
        ]
        wells += [Well(name, "fmo", {"marker": "cxcr4", "experiment": day}) for name in CONTROL]
        plates.append(Plate(f"plate {day}", 8, 12, tuple(wells)))
        lift = rng.normal(0, 0.2)
        for name, (treatment, _) in ARMS.items():
            median = 100 + 400 * 2 ** ((treatment != "vehicle") + lift + rng.normal(0, 0.1))
            values = {"cxcr4_median": median, "cxcr4_control_median": 100.0, "cml_count": 500.0}
            rows += [
                {"assay": "surface", "plate": f"plate {day}", "well": name, "readout": key, "value": v, "cells": 500}
                for key, v in values.items()
            ]
        control = ControlCells("cxcr4", CONTROL[:1], "vehicle", "mono", {}, {}, {}, {})
        serves = {"cxcr4": {name: "cxcr4: F1" for name, (_, context) in ARMS.items() if context == "mono"}}
        resolved[f"plate {day}"] = ResolvedPlate(serves=serves, controls={"cxcr4: F1": control})
    return Assay("surface", protocol, tuple(plates), resolved=resolved), frame_from_rows(rows, READOUTS)


def answered(*findings: Finding, located: tuple[Located, ...] = ()):
    """Return MEASUREMENTS of dMFI, the estimate of imatinib against vehicle in mono, and the verdict on ES-32."""
    assay, readouts = surface()
    flags = flags_from_findings(assay, findings, located)
    table, _ = measure_endpoints(assay, readouts, unit="experiment", reference=REFERENCE, flags=flags)
    table, _, _ = accept(assay, table, readouts, reference=REFERENCE)
    analysis = next(one for one in assay.protocol.analyses if one.name == "cxcr4_dmfi")
    dmfi = table[table["endpoint"] == "cxcr4_dmfi"]
    estimates, _ = estimate(kept_measurements(dmfi), "surface", analysis, reference=REFERENCE)
    claims = tuple(claim for claim in read_claims() if claim.id == "ES-32")
    verdict = compare(estimates, claims, measurements=table).iloc[0]
    chosen = estimates.query("kind == 'treatment' and context == 'mono'").iloc[0]
    return dmfi.set_index(["plate", "well"]), chosen, verdict


def test_without_a_finding_the_claim_is_plainly_consistent():
    table, contrast, verdict = answered()
    assert set(table["qc"]) == {"pass"}
    assert not table["excluded"].any()
    assert (contrast["n_wells"], contrast["doubts"], contrast["reason"]) == (16, "", "")
    assert verdict["verdict"] == "consistent"
    assert "doubt" not in verdict["reason"]


def declared():
    for check in CHECKS.values():
        for level in ("note", "warn", "fail"):
            if check.at(level) and check.name not in OF_CONTRASTS and check.about != "bead_counts":
                yield pytest.param(check, level, id=f"{check.name}-{level}")


@pytest.mark.parametrize(("check", "level"), list(declared()))
def test_every_consequence_is_seen_in_the_measurement_the_estimate_and_the_verdict(check, level):
    context = check.contexts[0] if check.contexts else "mono"
    well = "B1" if context == "mono" else "D1"
    claimed = "msc_contact" if check.contexts else "mono"
    table, contrast, verdict = answered(Finding(level, check.name, "what was found", "plate E2", well))
    row = table.loc["plate E2", well]
    clean = table.drop(index=("plate E2", well))
    assert set(clean["qc"]) == {"pass"}
    assert np.isfinite(row["value"])
    plain = answered()[1]
    match check.at(level):
        case "kept":
            assert (row["qc"], row["reason"], row["excluded"]) == ("pass", "", False)
            assert verdict["verdict"] == "consistent"
            assert "doubt" not in verdict["reason"]
        case "doubtful":
            assert row["qc"] == ("fail" if level == "fail" else "warn")
            assert row["checks"] == check.name
            assert not row["excluded"]
            assert contrast["doubts"] == f"{check.meaning} (1 well)"
            assert contrast["estimate"] == plain["estimate"]
            assert f"in doubt: {check.meaning} (1 well)" in verdict["reason"]
        case "not_interpretable":
            assert row["qc"] == "not_interpretable"
            assert not row["excluded"]
            if claimed == "mono":
                assert contrast["reason"].startswith("not interpretable: what was found")
                assert verdict["verdict"] == "not interpretable"
                assert check.name in verdict["reason"]
            else:
                assert (contrast["reason"], verdict["verdict"]) == ("", "consistent"), "mono has no stroma"
        case "excluded":
            assert (row["qc"], row["excluded"]) == ("fail", True)
            assert check.name in row["reason"]
            assert contrast["n_wells"] == plain["n_wells"] - 1
            assert contrast["estimate"] != plain["estimate"]


def test_a_whole_plate_excluded_is_one_unit_less():
    places = tuple(("plate E2", name) for name in ARMS)
    table, contrast, _ = answered(located=(Located(Finding("fail", "copied_data", "copied", "plate E2"), places),))
    assert table.loc["plate E2"]["excluded"].all()
    assert contrast["n_units"] == 3


def test_where_every_well_of_an_arm_is_excluded_its_values_stay_and_cannot_be_interpreted():
    wrong = [Finding("fail", "detector_voltage", "620", f"plate {day}", name) for day in DAYS for name in ("B1", "B2")]
    table, contrast, verdict = answered(*wrong)
    assert not table["excluded"].any()
    assert set(table.loc[table["treatment"] != "vehicle"].query("context == 'mono'")["qc"]) == {"not_interpretable"}
    assert contrast["n_units"] == 4
    assert verdict["verdict"] == "not interpretable"


def test_a_finding_about_a_control_reaches_the_wells_it_serves_and_no_other():
    table, contrast, _ = answered(Finding("fail", "detector_voltage", "620", "plate E2", "F1", channel="cxcr4"))
    assert table.loc["plate E2"].query("context == 'mono'")["excluded"].all()
    assert not table.loc["plate E2"].query("context == 'msc_contact'")["excluded"].any()
    assert contrast["n_units"] == 3
    assert not answered(Finding("fail", "detector_voltage", "620", "plate E2", "F2"))[0]["excluded"].any()


@pytest.mark.parametrize(
    ("where", "reached"),
    [
        ({"channel": "cxcr4"}, True),
        ({"channel": "viability"}, True),  # its gate is above the cells that are read
        ({"channel": "cd34"}, False),
        ({"population": "live"}, True),
        ({"population": "cml"}, True),
        ({"population": "cxcr4_positive"}, False),  # below them: of no account for a median
    ],
)
def test_a_finding_reaches_only_what_is_read_from_its_channel_or_population(where, reached):
    table, _, _ = answered(Finding("warn", "drift", "it moved", "plate E2", "B1", **where))
    assert (table.loc[("plate E2", "B1"), "qc"] == "warn") == reached


def test_an_excluded_vehicle_does_not_define_the_vehicle_mean_and_the_answer_with_it_is_kept():
    assay, readouts = surface()
    bright = (readouts["plate"] == "plate E1") & (readouts["well"] == "A2") & (readouts["readout"] == "cxcr4_median")
    readouts = readouts.assign(value=readouts["value"].where(~bright, 5000.0))
    flags = flags_from_findings(assay, [Finding("fail", "detector_voltage", "620", "plate E1", "A2", channel="cxcr4")])
    keys = ["plate", "well"]

    def folds(chosen):
        table, _ = measure_endpoints(assay, readouts, unit="experiment", reference=REFERENCE, flags=chosen)
        return table[table["endpoint"] == "cxcr4_log2fc"].set_index(keys)["value"]

    alone = readouts[~((readouts["plate"] == "plate E1") & (readouts["well"] == "A2"))]
    table, _ = measure_endpoints(assay, alone, unit="experiment", reference=REFERENCE)
    expected = table[table["endpoint"] == "cxcr4_log2fc"].set_index(keys)["value"]
    assert folds(flags).loc[("plate E1", "B1")] == pytest.approx(expected.loc[("plate E1", "B1")])
    assert folds(without_exclusions(flags)).loc[("plate E1", "B1")] < expected.loc[("plate E1", "B1")] - 1


def test_where_the_last_vehicle_of_a_day_is_excluded_what_was_held_against_it_is_left_out_too():
    assay, readouts = surface()
    wrong = [Finding("fail", "detector_voltage", "620", "plate E1", name, channel="cxcr4") for name in ("A1", "A2")]
    flags = flags_from_findings(assay, wrong)
    table, _ = measure_endpoints(assay, readouts, unit="experiment", reference=REFERENCE, flags=flags)
    row = table[table["endpoint"] == "cxcr4_log2fc"].set_index(["plate", "well"]).loc[("plate E1", "B1")]
    assert (row["qc"], row["excluded"]) == ("fail", True)
    assert np.isfinite(row["value"])
    assert "detector_voltage" in row["reason"]


# From files, through the command's own road.


@pytest.fixture(scope="module")
def lab(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("lab") / "study"
    return simulate_study(folder, seed=11, world="reviews", cells=500).parent


def changed(lab: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "study"
    shutil.copytree(lab, folder)
    return folder


def results(folder: Path):
    return run(read_study(folder / "study.toml"), robust=False)


def checks(found, *levels: str) -> set[tuple[str, str, str]]:
    table = found.tables["findings"]
    return {(r.check, r.plate, r.well) for r in table.itertuples() if not levels or r.level in levels}


def rewritten(path: Path, change) -> None:
    write_fcs(change(read_fcs(path)), path)


def louder(events):
    values = np.array(events.values)
    values[:, events.names.index("PE-A")] *= 4
    channels = tuple(replace(c, voltage=620.0) if c.name == "PE-A" else c for c in events.channels)
    return replace(events, values=values, channels=channels)


def test_a_well_of_another_voltage_is_out_of_the_estimate_and_in_the_table(lab, tmp_path):
    """Case rel/voltage_fail_stays_pass: P went from .113 to .015 with the well in."""
    folder = changed(lab, tmp_path)
    clean = results(folder)
    rewritten(folder / "fcs/cxcr4_E2/B1.fcs", louder)
    found = results(folder)
    rows = found.tables["measurements"].query("plate == 'cxcr4_E2' and well == 'B1' and endpoint == 'cxcr4_dmfi'")
    assert rows["excluded"].tolist() == [True]
    assert rows["qc"].tolist() == ["fail"]
    chosen = "endpoint == 'cxcr4_dmfi' and kind == 'treatment' and treatment == 'imatinib 1 uM' and context == 'mono'"
    out, whole, before = (
        found.tables["estimates"].query(chosen).iloc[0],
        found.tables["estimates_with_excluded"].query(chosen).iloc[0],
        clean.tables["estimates"].query(chosen).iloc[0],
    )
    assert out["n_wells"] == before["n_wells"] - 1
    assert abs(out["estimate"] - before["estimate"]) < 0.1  # one of two wells of one day of five
    assert whole["estimate"] > out["estimate"] + 0.15  # log2(4) / 2 / 5 = .2 with the well in


def test_a_well_of_a_few_cells_is_left_out_of_medians_and_not_of_counts(lab, tmp_path):
    folder = changed(lab, tmp_path)
    rewritten(folder / "fcs/cxcr4_E1/B1.fcs", lambda e: replace(e, values=e.values[:8]))
    rewritten(folder / "fcs/migration_E1/B1.fcs", lambda e: replace(e, values=e.values[::40]))
    found = results(folder)
    table = found.tables["measurements"]
    assert ("few_cells", "cxcr4_E1", "B1") in checks(found, "fail")
    median = table.query("plate == 'cxcr4_E1' and well == 'B1' and endpoint == 'cxcr4_dmfi' and value == value")
    assert median["excluded"].all()
    counted = table.query("plate == 'migration_E1' and well == 'B1' and value == value")
    assert len(counted)
    assert not counted["excluded"].any()


def test_a_plate_of_copied_files_counts_once(lab, tmp_path):
    """Case rel/whole_plate_copied: exit 0, no finding, and n was one more than there were experiments."""
    folder = changed(lab, tmp_path)
    shutil.rmtree(folder / "fcs/cxcr4_E2")
    shutil.copytree(folder / "fcs/cxcr4_E1", folder / "fcs/cxcr4_E2")
    found = results(folder)
    assert ("copied_data", "cxcr4_E2", "") in checks(found, "fail")
    table = found.tables["measurements"].query("plate == 'cxcr4_E2' and value == value")
    assert table["excluded"].all()
    units = found.tables["estimates"].query("endpoint == 'cxcr4_dmfi'")["n_units"]
    assert units.max() == 4


def test_a_plate_copied_and_edited_still_bears_the_first_one_s_name(lab, tmp_path):
    folder = changed(lab, tmp_path)
    for path in (folder / "fcs/cxcr4_E1").glob("*.fcs"):
        rewritten(path, lambda e: e)
        rewritten_copy = folder / "fcs/cxcr4_E2" / path.name
        shutil.copy(path, rewritten_copy)
        rewritten(rewritten_copy, lambda e: replace(e, values=e.values * np.float32(1.01)))
    found = results(folder)
    assert ("copied_plate", "cxcr4_E2", "") in checks(found, "fail")
    assert found.tables["estimates"].query("endpoint == 'cxcr4_dmfi'")["n_units"].max() == 4


def test_the_same_bytes_in_two_wells_of_a_plate_are_named(lab, tmp_path):
    folder = changed(lab, tmp_path)
    shutil.copy(folder / "fcs/cxcr4_E1/A1.fcs", folder / "fcs/cxcr4_E1/B1.fcs")
    found = results(folder)
    assert ("copied_data", "cxcr4_E1", "B1") in checks(found, "fail")
    rows = found.tables["measurements"].query("plate == 'cxcr4_E1' and endpoint == 'cxcr4_dmfi'").set_index("well")
    assert rows.loc["B1", "excluded"]
    assert not rows.loc["A1", "excluded"], "the file says that it is A1"


def test_without_a_viability_dye_no_claim_on_live_cells_is_read(lab, tmp_path):
    """Case evidence/dead_cell_artefact: "consistent" 2.74, and the only trace was a note."""
    folder = changed(lab, tmp_path)
    for path in (folder / "fcs").glob("cxcr4_*/*.fcs"):
        path.write_bytes(path.read_bytes().replace(b"Viability", b"Xxxxxxxxx"))
    study = folder / "study.toml"
    study.write_text(study.read_text().replace(', viability = "BV421-A"', ""))
    found = results(folder)
    assert "gate_passed_over" in {check for check, _, _ in checks(found, "warn")}
    row = found.tables["comparisons"].set_index("claim").loc["EN-10"]
    assert row["verdict"] == "not interpretable"
    assert "cannot be told from live ones" in row["reason"]


def test_headers_that_are_not_as_their_sisters_are_named_one_by_one(lab, tmp_path):
    folder = changed(lab, tmp_path)
    fcs = folder / "fcs"
    swap = {"CXCR4": "CD45", "CD45": "CXCR4"}
    rewritten(
        fcs / "cxcr4_E2/B1.fcs",
        lambda e: replace(e, channels=tuple(replace(c, stain=swap.get(c.stain, c.stain)) for c in e.channels)),
    )
    for path in (fcs / "cxcr4_E3").glob("*.fcs"):
        path.write_bytes(path.read_bytes().replace(b"-2025", b"-1999"))
    other = fcs / "cxcr4_E4/C1.fcs"
    other.write_bytes(other.read_bytes().replace(b"simulated", b"Fortessa3", 1))
    for path in (fcs / "cxcr4_E5").glob("*.fcs"):
        path.write_bytes(path.read_bytes().replace(b"BV786-A", b"XX786-A").replace(b"CD90", b"CXYZ"))

    def without_numbers(events):
        values = np.array(events.values)
        values[:30, events.names.index("PE-A")] = np.nan
        return replace(events, values=values)

    before = read_fcs(fcs / "cxcr4_E1/A1.fcs").values[30:]
    rewritten(fcs / "cxcr4_E1/A1.fcs", without_numbers)
    found = results(folder)
    assert ("stain_differs", "cxcr4_E2", "B1") in checks(found, "fail")
    assert {("date_odd", "cxcr4_E3", ""), ("cytometer_differs", "cxcr4_E4", "C1")} <= checks(found, "warn")
    assert {("stain_missing", "cxcr4_E5", ""), ("events_not_finite", "cxcr4_E1", "A1")} <= checks(found, "warn")
    message = found.tables["findings"].query("check == 'events_not_finite'")["message"].iloc[0]
    assert "30 of" in message
    assert "PE-A" in message
    events = found.tables["populations"].query("plate == 'cxcr4_E1' and well == 'A1' and population == 'all'")["events"]
    assert events.tolist() == [len(before)]


def test_a_file_as_simulated_has_none_of_these_findings(lab):
    named = {check for check, _, _ in checks(results(lab))}
    none = {
        "copied_data",
        "copied_plate",
        "plate_mismatch",
        "experiments_alike",
        "confounded",
        "arms_apart",
        "date_odd",
    }
    assert named.isdisjoint(none | {"stain_differs", "stain_missing", "cytometer_differs", "swapped", "plate_edge"})


def test_an_fmo_of_another_voltage_serves_nobody_where_another_does(lab, tmp_path):
    folder = changed(lab, tmp_path)
    study = read_study(folder / "study.toml")
    plate = next(p for p in study.assays[0].plates if p.name == "cxcr4_E1")
    fmo = next(w for w in plate.wells if w.role == "fmo" and w.factors.get("marker") == "cxcr4")
    rewritten(fmo.file, louder)
    found = results(folder)
    assert ("detector_voltage", "cxcr4_E1", fmo.name) in checks(found, "fail")
    serving = found.study.assays[0].resolved["cxcr4_E1"].controls.values()
    assert fmo.name not in {name for control in serving for name in control.wells}
    assert not found.tables["measurements"].query("plate == 'cxcr4_E1'")["excluded"].any()


def test_a_channel_of_events_that_nobody_needs_is_written_back_as_it_was(tmp_path):
    """The helper of these tests changes what it says, and nothing else."""
    events = events_from_array(np.ones((5, 1), dtype=np.float32), ("PE-A",))
    write_fcs(events, tmp_path / "a.fcs")
    rewritten(tmp_path / "a.fcs", louder)
    assert read_fcs(tmp_path / "a.fcs").values.ravel().tolist() == [4.0] * 5


def test_controls_may_serve_several_plates(lab, tmp_path):
    folder = changed(lab, tmp_path)
    assay = read_study(folder / "study.toml").assays[0]
    name = next(well.name for well in assay.plates[0].wells if well.role == "fmo")
    shutil.copy(folder / f"fcs/cxcr4_E1/{name}.fcs", folder / f"fcs/cxcr4_E2/{name}.fcs")
    found = results(folder)
    assert "copied_data" not in {check for check, _, _ in checks(found)}
